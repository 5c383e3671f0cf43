/* lockstep: the processes of a run and whose turn it is.
 * A board of shared memory holds the turn, a line for each step of the sequence, and what one process has to tell the
 * others.  A process sleeps on its own event until the turn is its own.
 * Writers: the turn is written by whoever has it; line n by the actor of step n; ports by the owner of the socket. */
#ifndef DIFF_LOCKSTEP_H
#define DIFF_LOCKSTEP_H

#include "plan.h"

#include <stdio.h>

#include <winsock.h>

enum { LINE_BYTES = 600, STEP_SECONDS = 8, START_SECONDS = 60, EXIT_HUNG = 99, EXIT_FAILED = 98 };

typedef struct board {
    volatile LONG sequence, step, actor; /* the turn */
    volatile LONG turns;                 /* how often it has been passed */
    volatile LONG started;               /* how many processes are ready to play */
    volatile LONG over;                  /* the leader's: all is written down, and everybody may end */
    volatile LONG ports[PLAN_SOCKETS], named[PLAN_SOCKETS]; /* a socket's port, and the step it got it in */
    volatile LONG filled[PLAN_SOCKETS];
    volatile LONG lost; /* something has been awaited in vain: the rest of the sequence waits for nothing */
    char lines[PLAN_STEPS][LINE_BYTES];
} board_t;

extern board_t *board;

/* The first process starts the others: `programs` are their paths, `arguments` what they get behind the board's name. */
void lockstep_lead(char *const programs[], const char *arguments);
/* The others. */
void lockstep_follow(const char *name, unsigned actor, unsigned long leader);
/* This process is ready to play. */
void lockstep_ready(void);
/* Sleep until it is step `step` of sequence `sequence`; ends the process if nothing moves for STEP_SECONDS. */
void lockstep_await(uint32_t sequence, unsigned step);
void lockstep_pass(uint32_t sequence, unsigned step, unsigned actor);
/* Called when the run hangs or crashes, in the leader, to write down what is known. */
void lockstep_on_end(void (*write_down)(const char *why));
/* After the last sequence: the leader lets the others end, and waits until they have; they wait for that. */
void lockstep_finish(void);
void lockstep_fail(const char *format, ...) __attribute__((format(__MINGW_PRINTF_FORMAT, 1, 2), noreturn));

#endif
