/* cores: two threads of this process, each pinned to a processor of its own: the caller's, and a second one that
 * carries out tasks; and the cache-line round trip between the two, which tells a machine's near state from its far
 * one. */
#ifndef BENCH_CORES_H
#define BENCH_CORES_H

#include <stdbool.h>

typedef void cores_task_t(void *argument);

enum { CORES_SECOND, CORES_FIRST, CORES_COUNT };

/* Pins the calling thread, and what it will start, to one of the two processors. */
void cores_pin(int processor);
/* Pins the calling thread, which makes all later calls, to CORES_FIRST and starts the second. Ends the program where
 * there is only one processor. The second sleeps while it has no task. */
void cores_start(void);
/* Has another process run on CORES_FIRST only, or on any that cores_start() found. One that has ended is no fault. */
void cores_place(int process, bool on_first);
/* Gives the second thread a task; await its end before the next. */
void cores_begin(cores_task_t *task, void *argument);
void cores_await(void);

/* Microseconds that a cache line takes from here to the second processor and back. Takes less than a millisecond. */
double cores_round_trip_us(void);

#ifdef __GNUC__
__attribute__((noreturn, format(printf, 1, 2)))
#endif
void bench_fail(const char *format, ...);

#endif
