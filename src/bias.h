/* bias: lets the thread that moves the bytes of a half into it without the half's lock, and so without a locked
 * instruction, which would wait for every store of the call before to reach the other processor.
 *
 * With the lock held, a half is given to a thread.  From then on that thread says in a word of its own which half it is
 * in (`inside`).  Whoever else has taken the lock takes the half away first: it clears `owner`, has every thread of the
 * process complete its stores and begin its loads anew (os_fence_everywhere()), and waits until that word names the half
 * no longer.  So either the owner's second look at `owner` finds it cleared, or its `inside` is seen.  A thread may be
 * held up between its first look and its store for as long as it takes others to come and go; hence a word for each.
 *
 * Taking away costs some microseconds and disturbs all processors that this process runs on, so a half that was taken
 * away is given later and later.
 *
 * Owns    which thread has a half, and when it is given next.
 * Threads the owner without the lock; all others with it. */
#ifndef VMMC_BIAS_H
#define VMMC_BIAS_H

#include "atomics.h"
#include "wait.h"

#define BIAS_MOST_LOSSES 14u /* the wait for a half doubles no further */

typedef struct bias {
    _Atomic(uintptr_t) owner; /* bias__name() of a thread, or 0: nobody; stored with the lock held */
    uint32_t due;             /* offers to pass over */
    uint32_t losses;
} bias_t;

/* Of a thread that has no waiter it is nobody's, and not 0. */
static inline uintptr_t bias__name(const waiter_own_t *thread)
{
    return (uintptr_t)thread + 1;
}

static inline bool bias__is_of(const bias_t *bias, const waiter_own_t *thread)
{
    return __builtin_expect(atomic_load_explicit(&bias->owner, memory_order_relaxed) == bias__name(thread), 1);
}

static inline void bias_leave(void)
{
    atomic_store_explicit(&wait_own()->inside, 0, memory_order_release); /* pairs with the acquire in bias__take_away() */
}

/* False: this thread does not have it, and is not in there; or it is in another one, whose copying has made the program
 * handle a fault of its own. */
static inline bool bias_enter(const bias_t *bias)
{
    waiter_own_t *thread = wait_own();
    if (!bias__is_of(bias, thread) || atomic_load_explicit(&thread->inside, memory_order_relaxed))
        return false;
    atomic_store_explicit(&thread->inside, (uintptr_t)bias, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst); /* pairs with the fence in bias__take_away() */
    if (bias__is_of(bias, thread))
        return true;
    bias_leave();
    return false;
}

void bias__take_away(bias_t *bias);
void bias__give(bias_t *bias);

/* The lock has just been taken: from now on, until it is released, nobody is in there without it. */
static inline void bias_end(bias_t *bias)
{
    if (!bias__is_of(bias, wait_own()) && atomic_load_explicit(&bias->owner, memory_order_relaxed))
        bias__take_away(bias);
}

/* The lock is held: what was taken away before is forgotten. */
static inline void bias_renew(bias_t *bias)
{
    bias->due = bias->losses = 0;
}

/* The lock is held, and this thread would do without. */
static inline void bias_offer(bias_t *bias)
{
    if (!bias__is_of(bias, wait_own()))
        bias__give(bias);
}

#endif
