/* copy_choice: which way of copying carries the large pieces of one direction fastest.
 *
 * Nobody can ask how far two processors are from each other, and in a virtual machine that changes.  So a sender tries:
 * what counts is the time in which bytes get through, waiting for room included, since a way may be quick for the one
 * end and slow for the other.  It is taken over *stretches* of a ring's size or more.  Most go the best way known; now
 * and then one goes another way, for less and less often if that does not pay.  A trial that is clearly behind is given
 * up before its end, so trials cost a few percent at first and less than one later.
 *
 * Owns    nothing but its own figures; `start`, which a new connection begins with, is what the last one found out.
 * Threads the caller's lock. */
#ifndef VMMC_COPY_CHOICE_H
#define VMMC_COPY_CHOICE_H

#include "atomics.h"
#include "vmmc_copy.h"

#define COPY_CHOICE_LEAST 4096u  /* smaller pieces have no choice */
#define COPY_CHOICE_GRAIN 32768u /* the clock is read once for that many bytes */

typedef struct copy_choice {
    copy_way_t way, best; /* for the next piece; they differ in a trial */
    uint32_t pending;     /* bytes since the clock was read */
    uint32_t moved;       /* bytes in the present stretch */
    bool settled;         /* false: what the ring holds may have come another way; not counted */
    bool changed;         /* the last stretch was far from what was usual */
    uint64_t began, last; /* time-stamp counter; 0: not yet */
    uint64_t cost;        /* ticks that the best way takes for a megabyte; 0: not known yet */
    struct {
        uint32_t due;   /* stretches until the next trial */
        uint32_t pause; /* and from that one to the one after */
        bool won;       /* the last trial was better */
    } other[COPY_WAYS];
} copy_choice_t;

void copy_choice_begin(copy_choice_t *choice);
/* `choice->pending` bytes have been published by `now`, into a ring of `ring` bytes. */
void copy_choice_look(copy_choice_t *choice, uint32_t ring, uint64_t now);

static inline copy_way_t copy_choice_way(const copy_choice_t *choice, uint32_t count)
{
    return count < COPY_CHOICE_LEAST ? COPY_STRING : choice->way;
}

static inline void copy_choice_note(copy_choice_t *choice, uint32_t count, uint32_t ring)
{
    if (count < COPY_CHOICE_LEAST)
        return;
    choice->pending += count;
    if (choice->pending >= COPY_CHOICE_GRAIN)
        copy_choice_look(choice, ring, cpu_ticks());
}

#endif
