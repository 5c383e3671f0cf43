/* modules: the loaded modules of this process and the functions they import. */
#ifndef VMMC_MODULES_H
#define VMMC_MODULES_H

#include "nt.h"

/* One imported function of one module.  `slot` is where its address lies; `name` is NULL for an import by ordinal. */
typedef struct module_import {
    HMODULE module;
    const char *dll;
    const char *name;
    unsigned ordinal;
    void **slot;
} module_import_t;

typedef void (*import_visitor_t)(const module_import_t *import, void *context);

/* Call `visit` for each import of each loaded module that is not this DLL. */
void modules_each_import(import_visitor_t visit, void *context);
/* The same for one module. */
void module_each_import(HMODULE module, import_visitor_t visit, void *context);
/* True if the module's file lies in the system's own folders. */
bool module_is_system(HMODULE module);
/* The module's file name, for the log. */
void module_name(HMODULE module, char name[64]);
HMODULE module_self(void);

#endif
