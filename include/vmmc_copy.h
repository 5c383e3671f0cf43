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

#define COPY_INLINE_MAX 512u

/* Ask the processor what it can do; before any other thread copies. */
void vmmc_copy_start(void);
/* True if COPY_STRING is a way of its own. */
bool vmmc_copy_has_string(void);
void vmmc_copy_large(copy_way_t way, uint8_t *to, const uint8_t *from, uint32_t count);

/* The short pieces that messages are made of need no call: blocks, and a last one that may overlap. */
static inline void vmmc_copy(copy_way_t way, uint8_t *to, const uint8_t *from, uint32_t count)
{
    if (count > COPY_INLINE_MAX) {
        vmmc_copy_large(way, to, from, count);
    } else if (count >= 16) {
        for (uint32_t at = 0; at + 16 < count; at += 16)
            memcpy(to + at, from + at, 16);
        memcpy(to + count - 16, from + count - 16, 16);
    } else if (count >= 4) {
        for (uint32_t at = 0; at + 4 < count; at += 4)
            memcpy(to + at, from + at, 4);
        memcpy(to + count - 4, from + count - 4, 4);
    } else {
        for (uint32_t at = 0; at < count; at++)
            to[at] = from[at];
    }
}

#endif
