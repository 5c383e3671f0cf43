/* moderation: how long an end that has used up all there was waits before it looks again, as network drivers moderate
 * interrupts.
 *
 * A look at the offset that the other end publishes takes that line away from it, and it gets no further until it has
 * the line back: between processors that are far apart, small messages spend most of their time so, a few with each
 * look.  Left alone for a while, the other end publishes many.
 *
 * Whether it is in full flow the last look has told.  An answer takes two journeys of a line at least, to the other end
 * and back; what was there sooner than one has nothing to do with us.  How long a journey is, the load that brought the
 * news has told as well.
 *
 * A pause is in proportion to the calls since the last look.  Where the other end takes longer for a message than
 * MODERATION_EACH_TICKS, pauses find no more of them and stay short; where it is quicker, they grow.  So the last
 * message of a burst is late by no more than the burst was long, nor by more than MODERATION_MOST_TICKS.
 *
 * Owns    nothing but its own figures.
 * Threads the caller's lock. */
#ifndef VMMC_MODERATION_H
#define VMMC_MODERATION_H

#include <stdbool.h>
#include <stdint.h>

#define MODERATION_LEAST 4u          /* calls since the last look; fewer are no flow */
#define MODERATION_LARGEST 2048u     /* bytes in a call, on average: of larger ones a line more or less is no matter */
#define MODERATION_EACH_TICKS 80u    /* of the time-stamp counter, as all ticks here */
#define MODERATION_MOST_TICKS 16000u /* 4 to 8 us */

typedef struct moderation {
    uint32_t calls, bytes; /* that had succeeded, and been moved, by the last look */
    bool flows;            /* then the other end had gone on by itself */
} moderation_t;

/* Before a look: how many of `calls` calls in all, which have moved `bytes` in all, came after the last one; 0 if they
 * were too few, or of large pieces. */
static inline uint32_t moderation_begin(moderation_t *moderation, uint32_t calls, uint32_t bytes)
{
    uint32_t since = calls - moderation->calls, moved = bytes - moderation->bytes;
    moderation->calls = calls;
    moderation->bytes = bytes;
    return since >= MODERATION_LEAST && moved / MODERATION_LARGEST <= since ? since : 0;
}

/* The same for who looks only if there were too few.  False: there were not, and nothing has been noted. */
static inline bool moderation_is_exchange(moderation_t *moderation, uint32_t calls, uint32_t bytes)
{
    return calls - moderation->calls < MODERATION_LEAST && moderation_begin(moderation, calls, bytes) == 0;
}

/* Ticks to let pass first. */
static inline uint32_t moderation_pause(const moderation_t *moderation, uint32_t since)
{
    uint32_t most = MODERATION_MOST_TICKS / MODERATION_EACH_TICKS;
    return !moderation->flows ? 0 : (since < most ? since : most) * MODERATION_EACH_TICKS;
}

/* There was news after `waited` ticks of looking, by a load that took `load`. */
static inline void moderation_note_news(moderation_t *moderation, uint64_t waited, uint64_t load)
{
    moderation->flows = waited < load;
}

static inline void moderation_note_none(moderation_t *moderation)
{
    moderation->flows = false;
}

#endif
