/* vmmc_copy: copying into and out of memory that is shared with another processor, and the ways to do that.
 *
 * Which way is fastest depends on the processor, and on how far the two processors that share the memory are from each
 * other: an ordinary store fetches the line it goes to, although all of it is about to be overwritten; the other ways
 * need not.  Whatever the way, a release store that follows publishes the copied bytes. */
#ifndef VMMC_COPY_H
#define VMMC_COPY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef enum copy_way {
    COPY_STRING,      /* one string instruction, where the processor says that it is fast; otherwise as plain */
    COPY_PLAIN,       /* the C library's memcpy */
    COPY_PAST_CACHES, /* non-temporal stores */
    COPY_WAYS
} copy_way_t;

#define COPY_SHORT_MAX 512u

/* Ask the processor what it can do; before any other thread copies. */
void vmmc_copy_start(void);
/* True if COPY_STRING is a way of its own. */
bool vmmc_copy_has_string(void);
void vmmc_copy_large(copy_way_t way, uint8_t *to, const uint8_t *from, uint32_t count);

/* Two blocks that may overlap: `block` <= count <= 2 * block. */
static inline __attribute__((always_inline)) void vmmc__copy_ends(uint8_t *to, const uint8_t *from, uint32_t count,
                                                                  uint32_t block)
{
    memcpy(to, from, block);
    memcpy(to + count - block, from + count - block, block);
}

/* The short pieces that messages are made of need no call: up to COPY_SHORT_MAX. */
static inline void vmmc_copy_short(uint8_t *to, const uint8_t *from, uint32_t count)
{
    if (count > 64) {
        for (uint32_t at = 0; at + 32 < count; at += 32)
            memcpy(to + at, from + at, 32);
        memcpy(to + count - 32, from + count - 32, 32);
    } else if (count >= 32) {
        vmmc__copy_ends(to, from, count, 32);
    } else if (count >= 16) {
        vmmc__copy_ends(to, from, count, 16);
    } else if (count >= 8) {
        vmmc__copy_ends(to, from, count, 8);
    } else if (count >= 4) {
        vmmc__copy_ends(to, from, count, 4);
    } else {
        for (uint32_t at = 0; at < count; at++)
            to[at] = from[at];
    }
}

static inline void vmmc_copy(copy_way_t way, uint8_t *to, const uint8_t *from, uint32_t count)
{
    if (count > COPY_SHORT_MAX)
        vmmc_copy_large(way, to, from, count);
    else
        vmmc_copy_short(to, from, count);
}

#endif
