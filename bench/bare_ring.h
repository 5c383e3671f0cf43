/* bare_ring: the limit to compare with. Two pinned threads, a byte ring in memory for each direction, spinning ends, no
 * sockets, no sleeping. It does what any ring with sleepers must do for each message and no more: copy in, publish,
 * look whether the reader sleeps, copy out, release. */
#ifndef BENCH_BARE_RING_H
#define BENCH_BARE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

bool bare_ring_has(const char *test);
/* Runs rtt, msgs or bw between the two threads of cores.h for about that long, and writes the result to `out`, as JSON.
 */
void bare_ring_take(const char *test, size_t size, unsigned milliseconds, FILE *out);

#endif
