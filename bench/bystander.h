/* bystander: a process that only computes, to see what the pairs leave it of the machine. */
#ifndef BENCH_BYSTANDER_H
#define BENCH_BYSTANDER_H

#include <stdint.h>

/* Begins to compute; then stops, and returns how many rounds it did in a second. The process is forked when it is first
 * needed, sleeps while it has nothing to do, and ends with this one. */
void bystander_begin(void);
double bystander_stop(void);

#endif
