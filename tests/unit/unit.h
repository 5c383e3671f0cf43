/* unit: what the native tests share: cmocka in the order it wants, and the kernel connection of a test stream. */
#ifndef VMMC_TESTS_UNIT_H
#define VMMC_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "log.h"
#include "stream.h"

/* Non-blocking calls on a file descriptor. */
extern const kernel_calls_t unit_kernel;
/* A connected pair of TCP sockets on loopback, both non-blocking. */
void unit_tcp_pair(int pair[2]);
/* Byte number `offset` of the stream with this seed. */
static inline uint8_t unit_pattern(uint32_t seed, uint64_t offset)
{
    uint64_t x = (offset + 1) * 0x9e3779b97f4a7c15u + seed;
    return (uint8_t)((x ^ (x >> 29)) >> 13);
}

/* Both ends of a stream in this process: `end[0]` claims, `end[1]` joins; kernel sockets in `fd`. */
typedef struct unit_pair {
    stream_t end[2];
    int fd[2];
} unit_pair_t;
void unit_pair_open(unit_pair_t *pair, uint32_t ring_bytes, uint32_t ring_max_bytes);
void unit_pair_close(unit_pair_t *pair);

#endif
