/* checksum: the CRC that the POSIX utility `cksum` prints, so that a transfer can be checked against it. */
#ifndef BENCH_CHECKSUM_H
#define BENCH_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t checksum_of(const void *data, size_t length);

#endif
