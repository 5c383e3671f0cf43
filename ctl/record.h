/* record: what vmmcctl has done in a folder, in a small text file there, so that it can be undone exactly. */
#ifndef CTL_RECORD_H
#define CTL_RECORD_H

#include "ctl.h"

#define RECORD_FILE "vmmcctl.txt"
#define RECORD_HOLDS 64

/* A program that has the DLL of this folder: for good ("install"), or for one run of it. */
typedef struct record_hold {
    char program[260], holder[64];
} record_hold_t;

typedef struct record {
    unsigned bits;
    bool copied;       /* the DLL was put there by us ... */
    uint32_t checksum; /* ... and was this one */
    unsigned count;
    record_hold_t holds[RECORD_HOLDS];
} record_t;

/* False: there is none, or it cannot be understood (then *foreign is set and it must be left alone). */
bool record_load(record_t *record, const char *folder, bool *foreign);
/* An empty record is removed. */
bool record_save(const record_t *record, const char *folder);
record_hold_t *record_find(record_t *record, const char *program, const char *holder);
bool record_add(record_t *record, const char *program, const char *holder);
void record_drop(record_t *record, record_hold_t *hold);

#endif
