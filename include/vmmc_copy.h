/* vmmc_copy: copying into and out of memory that is shared with another processor, and the ways to do that.
 *
 * Which way is fastest depends on the processor, and on how far the two processors that share the memory are from each
 * other: an ordinary store fetches the line it goes to, although all of it is about to be overwritten; the other ways
 * need not.  Whatever the way, a release store that follows publishes the copied bytes.
 *
 * All copies give true, or false where memory may not be touched (vmmc_guard.h). */
#ifndef VMMC_COPY_H
#define VMMC_COPY_H

#include "vmmc_guard.h"

typedef enum copy_way {
    COPY_STRING,      /* one string instruction, where the processor says that it is fast; otherwise as plain */
    COPY_PLAIN,       /* ordinary loads and stores */
    COPY_PAST_CACHES, /* non-temporal stores */
    COPY_WAYS
} copy_way_t;

#define COPY_SHORT_MAX 512u

/* Ask the processor what it can do; before any other thread copies. */
void vmmc_copy_start(void);
/* True if COPY_STRING is a way of its own. */
bool vmmc_copy_has_string(void);
bool vmmc_copy_large(copy_way_t way, uint8_t *to, const uint8_t *from, uint32_t count);

/* The short pieces that messages are made of need no call: up to COPY_SHORT_MAX.  But for the smallest, two blocks of half
 * the size or more, which may overlap; 32 to 64 bytes, as messages mostly are, without a jump. */
static inline bool vmmc_copy_short(uint8_t *to, const uint8_t *from, uint32_t count)
{
    if (count - 32 <= 32)
        return guard_copy_32(to, from) && guard_copy_32(to + count - 32, from + count - 32);
    if (count > 64) {
        for (uint32_t at = 0; at + 32 < count; at += 32)
            if (!guard_copy_32(to + at, from + at))
                return false;
        return guard_copy_32(to + count - 32, from + count - 32);
    }
    if (count >= 16)
        return guard_copy_16(to, from) && guard_copy_16(to + count - 16, from + count - 16);
    if (count >= 8)
        return guard_copy_8(to, from) && guard_copy_8(to + count - 8, from + count - 8);
    if (count >= 4)
        return guard_copy_4(to, from) && guard_copy_4(to + count - 4, from + count - 4);
    for (uint32_t at = 0; at < count; at++)
        if (!guard_copy_1(to + at, from + at))
            return false;
    return true;
}

static inline bool vmmc_copy(copy_way_t way, uint8_t *to, const uint8_t *from, uint32_t count)
{
    return count > COPY_SHORT_MAX ? vmmc_copy_large(way, to, from, count) : vmmc_copy_short(to, from, count);
}

#endif
