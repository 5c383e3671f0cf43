/* kill_table: which point ends which process, and how often each was hit: memory that the harness shares with the
 * processes that it ends.
 *
 * One harness at a time writes the order; whoever is the victim counts. */
#ifndef CRASH_KILL_TABLE_H
#define CRASH_KILL_TABLE_H

#include "atomics.h"

#include <stdbool.h>

#define KILL_ENTRIES 512
#define KILL_NAME 88
#define KILL_TABLE_VARIABLE "VMMC_KILL_TABLE" /* environment: the name of a file mapping with a table, under Wine */

enum kill_phase { KILL_BEFORE, KILL_AMID, KILL_AFTER, KILL_PHASES };

enum kill_way {
    KILL_BY_SYSTEM, /* TerminateProcess; natively the same as the other */
    KILL_BY_SIGNAL, /* SIGKILL, which not even Wine sees coming */
    KILL_NOT        /* natively: it only stops, as in a debugger, until its parent lets it go on */
};

typedef struct kill_entry {
    char name[KILL_NAME]; /* file:line store */
    word_t hits[KILL_PHASES]; /* of the victim */
} kill_entry_t;

typedef struct kill_table {
    word_t victim; /* its process number; 0: nobody */
    word_t entry;  /* index + 1; 0: no point ends it */
    word_t phase, hit;
    word_t way;
    word_t died; /* when: microseconds on os_now_us(), low word */
    word_t used; /* entries; filled by the harness, in an order that is the same for every process of one build */
    kill_entry_t entries[KILL_ENTRIES];
} kill_table_t;

/* Use this table in this process and the ones it forks; fills the entries in where that has not been done. */
void kill_use_table(kill_table_t *table);
/* Forget the counts, and let the victim end at the `hit`-th hit (from 1) of that point; `entry` -1: count only. */
static inline void kill_arrange(kill_table_t *table, int entry, unsigned phase, unsigned hit)
{
    store_release(&table->entry, 0);
    store_relaxed(&table->died, 0);
    for (uint32_t i = 0; i < load_relaxed(&table->used); i++) {
        for (unsigned j = 0; j < KILL_PHASES; j++)
            store_relaxed(&table->entries[i].hits[j], 0);
    }
    store_relaxed(&table->phase, phase);
    store_relaxed(&table->hit, hit);
    store_release(&table->entry, (uint32_t)(entry + 1));
}
/* This process is the victim from now on (or no longer). */
void kill_volunteer(kill_table_t *table, bool willing);

#endif
