/* inspect: the sockets of another process, by its DLL's inspection block (src/inspection.h).
 *
 * Each entry is read until two looks agree; a process that never holds still long enough, or lies, may show nonsense
 * about itself, and no more than INSPECT_SOCKETS entries of it. */
#ifndef CTL_INSPECT_H
#define CTL_INSPECT_H

#include "ctl.h"

#include <carrier.h>
#include <shm_layout.h>

#define INSPECT_SOCKETS 4096        /* of one process */
#define INSPECT_LONGEST_US 3000000u /* for one process, in which a thousand sockets are read many times over */

/* One direction, as one end sees it. */
typedef struct way {
    carrier_t carrier;
    bool never, consented, shut;
    uint32_t ring_bytes, unread, switches; /* unread: sent and not taken yet, whatever carries it */
    uint64_t bytes, messages, in_place, by_kernel, waits, sleeps, wakes, loans, lent;
} way_t;

typedef enum end_state {
    END_OPEN, /* not connected */
    END_LISTENS,
    END_YOUNG,   /* connected, but its names have not been asked for, and nothing else done, yet */
    END_MEETING, /* its other end has not turned up */
    END_USER,
    END_KERNEL
} end_state_t;

/* One end of a connection: a socket of one process. */
typedef struct end {
    uint32_t pid;
    char name[64]; /* of the process */
    unsigned bits;
    uint32_t layout; /* of shared memory, as its DLL has it */
    uint64_t handle;
    end_state_t state;
    bool broken;
    endpoint_t self, peer; /* port 0: not known */
    uint32_t peer_pid;
    uint64_t connected_us; /* on os_now_us() */
    char why[120];         /* it is the kernel's; empty: no reason of its own */
    way_t sends, receives;
} end_t;

/* A process that has the DLL. */
typedef struct host {
    uint32_t pid;
    char name[64];
    unsigned bits;
    char release[16];
    bool other_layout; /* a release whose block we do not understand */
    bool started, futex;
    char reason[120]; /* why there are no streams in it; empty: there may be */
} host_t;

typedef struct survey {
    host_t *hosts;
    unsigned host_count;
    end_t *ends;
    unsigned end_count;
    unsigned refused;  /* processes that could not be read, being another user's */
    unsigned too_wide; /* 64-bit ones, which only the 64-bit vmmcctl can read */
} survey_t;

/* Look at every process of this user. */
void inspect_all(survey_t *survey);
void inspect_free(survey_t *survey);

#endif
