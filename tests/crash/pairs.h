/* pairs: one run of a workload between a victim, a survivor and a successor, three real processes that share a few TCP
 * connections; the victim ends or stops where the kill table says, or does neither. */
#ifndef CRASH_PAIRS_H
#define CRASH_PAIRS_H

#include "kill_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAIRS_STREAMS 4
#define PAIRS_ROUNDS 2

enum workload_traits {
    LOAD_VIEWS = 1,          /* bytes are sent and received in place too */
    LOAD_URGENT = 2,         /* some bytes are urgent ones, delivered in line */
    LOAD_VICTIM_LEAVES = 4,  /* its streams go back to the kernel amid the traffic */
    LOAD_SURVIVOR_LEAVES = 8,
    LOAD_CLOSE_EARLY = 32,   /* the victim closes with bytes unread */
    LOAD_CANCELS = 64,       /* whoever posts first withdraws at once */
    LOAD_LATE_READER = 128,  /* nobody reads before all has been sent that can be */
    LOAD_LENDS = 256,        /* memory is lent both ways, besides */
};

typedef struct workload {
    const char *name;
    unsigned traits;
    unsigned streams, rounds;
    uint32_t total;    /* bytes that each side sends per stream and round */
    uint32_t most;     /* of one call */
    uint32_t ring_bytes, ring_max_bytes;
    bool event;        /* sleep on events instead of futexes */
} workload_t;

typedef enum part { VICTIM_POSTS, SURVIVOR_POSTS } part_t;

/* What the survivor does with its streams while the victim is stopped (KILL_NOT); the victim goes on when all that is
 * done, so a call that waits for it never ends. */
typedef enum meanwhile { MEANWHILE_LOOKS, MEANWHILE_CLOSES, MEANWHILE_LEAVES, MEANWHILES } meanwhile_t;

/* What one run has shown. */
typedef struct outcome {
    bool killed;         /* otherwise the victim came to its regular end */
    bool stopped;
    uint32_t longest_us; /* call of the survivor while the victim was stopped, ... */
    char longest[64];    /* ... and which */
    uint32_t notice_us;  /* from the death until the last stream of the survivor had ended */
    unsigned by_kernel;  /* streams whose last bytes were lost where the kernel carried them, as its resets do */
    char fault[256];     /* empty: all is as it should be */
} outcome_t;

/* `table` is shared memory (pairs_memory()). */
void pairs_run(const workload_t *load, part_t part, meanwhile_t meanwhile, uint32_t seed, kill_table_t *table,
               outcome_t *outcome);
/* After the last run. */
void pairs_end(void);
/* Zeroed memory that forked processes share. */
void *pairs_memory(size_t size);

#endif
