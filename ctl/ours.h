/* ours: the DLLs that come with vmmcctl, and whether a file is one. */
#ifndef CTL_OURS_H
#define CTL_OURS_H

#include "ctl.h"

typedef enum dll_kind { DLL_NONE, DLL_FOREIGN, DLL_OURS } dll_kind_t;

typedef struct dll {
    dll_kind_t kind;
    char path[CTL_PATH];
    unsigned bits;
    char release[16]; /* of one of ours */
    uint32_t checksum;
} dll_t;

/* Look at a file; `dll->path` is set whatever is there. */
void ours_look(dll_t *dll, const char *path);
/* The DLL for programs of that bitness: x86\wsock32.dll or x64\wsock32.dll beside vmmcctl or above its folder, beside
 * vmmcctl itself, or in the build tree.  False: nowhere. */
bool ours_find(dll_t *dll, unsigned bits);

#endif
