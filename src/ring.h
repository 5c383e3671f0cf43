/* ring: copying to and from a circular buffer whose capacity is a power of two, and nothing else.
 * Positions are stream offsets modulo 2^32; the caller has checked that the bytes are there, or that there is room. */
#ifndef VMMC_RING_H
#define VMMC_RING_H

#include "vmmc.h"

static inline uint32_t ring_first_span(const vmmc_region_t *ring, uint32_t position, uint32_t count)
{
    uint32_t to_end = ring->size - (position & (ring->size - 1));
    return count < to_end ? count : to_end;
}

static inline void ring_put(const vmmc_region_t *ring, uint32_t position, const uint8_t *bytes, uint32_t count)
{
    uint32_t first = ring_first_span(ring, position, count);
    vmmc_update(ring, position & (ring->size - 1), bytes, first);
    if (__builtin_expect(first < count, 0))
        vmmc_update(ring, 0, bytes + first, count - first);
}

static inline void ring_get(const vmmc_region_t *ring, uint32_t position, uint8_t *bytes, uint32_t count)
{
    uint32_t first = ring_first_span(ring, position, count);
    vmmc_copy(bytes, ring->base + (position & (ring->size - 1)), first);
    if (__builtin_expect(first < count, 0))
        vmmc_copy(bytes + first, ring->base, count - first);
}

#endif
