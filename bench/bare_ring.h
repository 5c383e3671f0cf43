/* bare_ring: the limit to compare with. Two pinned threads, a byte ring in memory for each direction, spinning ends, no
 * sockets, no sleeping. It does what any ring with sleepers must do for each message and no more: copy in, publish,
 * look whether the reader sleeps, copy out, release. */
#ifndef BENCH_BARE_RING_H
#define BENCH_BARE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* "ring"; and three more ways to copy through shared memory, the best of which is the limit for large pieces: "copy1" and
 * "copy4" have larger parts and rings of 1 and 4 MB, "copynt" stores past the caches. */
bool bare_ring_is(const char *name);
bool bare_ring_has(const char *name, const char *test);
/* So many messages of `size` bytes are sent, and then received, in a run of the test alone, by netbench too: there is room
 * for them on any connection from the beginning. */
#define ALONE_BYTES 4096u
#define ALONE_MAX 1024u
static inline unsigned bare_ring_alone_run(size_t size)
{
    return ALONE_BYTES / size < ALONE_MAX ? (unsigned)(ALONE_BYTES / size) : ALONE_MAX;
}

/* Runs rtt, msgs or bw between the two threads of cores.h, or alone in one, for about that long, and writes the result to
 * `out`, as JSON. */
void bare_ring_take(const char *name, const char *test, size_t size, unsigned milliseconds, FILE *out);

#endif
