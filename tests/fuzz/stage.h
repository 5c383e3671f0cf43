/* stage: the two ends of a stream in one process, over a connection that is none, ready to be lied to; and a second pair,
 * of this process with an honest third one, which has to stay exact whatever happens on the first. */
#ifndef VMMC_FUZZ_STAGE_H
#define VMMC_FUZZ_STAGE_H

#include "connection.h"
#include "script.h"

#define STAGE_RING 4096u
#define STAGE_RING_MAX 16384u

typedef struct stage {
    stream_t end[2];
    connection_end_t wire[2];
    vmmc_link_t *link[2];
    uint32_t mailbox;
    void *memory;
} stage_t;

extern stage_t stage;

/* Once. */
void stage_build(void);
/* A fresh pair of streams, attached and in rings or not. */
void stage_open(bool attached, bool promoted);
void stage_attach(unsigned end);
/* Closes both, and checks that everything they had is free again. */
void stage_close(void);
/* Bytes each way on the honest pair. */
void stage_honest_traffic(uint32_t count);

/* How long a call may take on the clock that moves by itself; begin and end of each call. */
void stage_call_begins(void);
void stage_call_ends(uint64_t most_us);

#endif
