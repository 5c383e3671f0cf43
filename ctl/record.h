/* record: what vmmcctl has done in a folder, in a small text file there, so that it can be undone exactly. */
#ifndef CTL_RECORD_H
#define CTL_RECORD_H

#include "holder.h"

#define RECORD_FILE "vmmcctl.txt"
#define RECORD_HOLDS 64

/* A program that has the DLL of this folder: for good ("install"), or for one run of it. */
typedef struct record_hold {
    char program[260], holder[HOLDER_NAME];
} record_hold_t;

typedef struct record {
    unsigned bits;
    bool copied;       /* the DLL was put there by us ... */
    uint32_t checksum; /* ... and was this one */
    unsigned count;
    record_hold_t holds[RECORD_HOLDS];
} record_t;

typedef enum record_state {
    RECORD_THERE,
    RECORD_NONE,
    RECORD_UNREADABLE, /* by this user, or while somebody else has it open */
    RECORD_FOREIGN     /* not as we write it, so it must be left alone */
} record_state_t;

/* Whatever it is, `record` is empty unless it is there.  Only in our turn (exclusive.h). */
record_state_t record_load(record_t *record, const char *folder);
/* An empty record is removed. */
bool record_save(const record_t *record, const char *folder);
record_hold_t *record_find(record_t *record, const char *program, const char *holder);
bool record_add(record_t *record, const char *program, const char *holder);
void record_drop(record_t *record, record_hold_t *hold);

#endif
