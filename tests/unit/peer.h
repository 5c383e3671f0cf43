/* peer: tests with two real processes: both are forked from a test program that has neither threads nor links, and each
 * runs its role with its end of one stream. */
#ifndef VMMC_TESTS_PEER_H
#define VMMC_TESTS_PEER_H

#include "unit.h"

#include <sys/types.h>

/* Memory that both processes and their parent see. */
typedef struct peer_board {
    word_t published[2]; /* bytes each side has sent, at least */
    word_t received[2];
    word_t step;
} peer_board_t;

typedef struct peer {
    unsigned side; /* 0 claims, 1 joins */
    int fd;        /* the kernel connection */
    int channel;   /* to the other process */
    pid_t other;
    uint32_t seed;
    uint32_t ring_bytes, ring_max_bytes;
    peer_board_t *board;
    stream_t stream;
    unit_watcher_t watcher;
} peer_t;

/* Runs in its own process, with the stream attached and the watcher started; returning is success. */
typedef void (*peer_role_t)(peer_t *peer);

/* Run both roles to their end.  A process that was killed by SIGKILL counts as success. */
void peer_run(peer_role_t first, peer_role_t second, uint32_t seed, uint32_t ring_bytes, uint32_t ring_max_bytes);
/* Exchange `size` bytes with the other process. */
void peer_exchange(const peer_t *peer, const void *mine, void *theirs, size_t size);

#endif
