/* ring: copying to and from a circular buffer whose capacity is a power of two, and fetching lines ahead.
 * Positions are stream offsets modulo 2^32; the caller has checked that the bytes are there, or that there is room.
 * Copying gives false where the program's memory may not be touched. */
#ifndef VMMC_RING_H
#define VMMC_RING_H

#include "atomics.h"
#include "vmmc.h"

#define RING_LARGE_GET 32768u

static inline uint32_t ring_first_span(const vmmc_region_t *ring, uint32_t position, uint32_t count)
{
    uint32_t to_end = ring->size - (position & (ring->size - 1));
    return count < to_end ? count : to_end;
}

static inline bool ring_put(copy_way_t way, const vmmc_region_t *ring, uint32_t position, const uint8_t *bytes,
                            uint32_t count)
{
    uint32_t first = ring_first_span(ring, position, count);
    bool good = vmmc_update(way, ring, position & (ring->size - 1), bytes, first);
    if (__builtin_expect(first < count, 0))
        good = good && vmmc_update(way, ring, 0, bytes + first, count - first);
    return good;
}

/* What is copied out goes to this processor's caches: ordinary stores do, until the string instruction's way of fetching
 * far lines pays. */
static inline copy_way_t ring_way_out(uint32_t count)
{
    return count < RING_LARGE_GET ? COPY_PLAIN : COPY_STRING;
}

static inline bool ring_get(const vmmc_region_t *ring, uint32_t position, uint8_t *bytes, uint32_t count)
{
    uint32_t first = ring_first_span(ring, position, count);
    bool good = vmmc_copy(ring_way_out(first), bytes, ring->base + (position & (ring->size - 1)), first);
    if (__builtin_expect(first < count, 0))
        good = good && vmmc_copy(ring_way_out(count - first), bytes + first, ring->base, count - first);
    return good;
}

/* A small message leaves the processor nothing to overlap the transfer of its lines with: the next call is too far away.
 * So each fetches as many lines as it has itself from where a later message will lie, RING_AHEAD further on, unless those may
 * be the other side's now, from under whose hands they would be taken.
 *
 * A sender fetches one line once more, just before it gets there.  Its receiver's processor sees lines read in order and
 * fetches some that follow by itself: where it is close behind, those are lines that the sender had got already. */
#define RING_SMALL 2048u
#define RING_AHEAD 2048u

/* True if all that is fetched for a message of `count` bytes is among `clear` bytes from its first one on. */
static inline bool ring_may_fetch(uint32_t clear, uint32_t count)
{
    return clear >= RING_AHEAD + count;
}

/* `from`: of a message of `count` bytes. */
static inline void ring_fetch_to_read(const uint8_t *from, uint32_t count)
{
    for (uint32_t at = 0; at < count; at += SHM_LINE)
        __builtin_prefetch(from + RING_AHEAD + at);
}

/* A processor without the instruction does nothing. */
static inline void ring_fetch_line_to_write(const uint8_t *to)
{
    __asm__ volatile("prefetchw %0" : : "m"(*to));
}

static inline void ring_fetch_to_write(const uint8_t *to, uint32_t count)
{
    for (uint32_t at = 0; at < count; at += SHM_LINE)
        ring_fetch_line_to_write(to + RING_AHEAD + at);
    ring_fetch_line_to_write(to + count + SHM_LINE);
}

#endif
