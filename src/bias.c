/* bias: see bias.h. */
#include "bias.h"

#include "lock.h"

static const waiter_own_t *thread_of(uintptr_t name)
{
    return (const waiter_own_t *)(name - 1);
}

void bias__take_away(bias_t *bias)
{
    const waiter_own_t *owner = thread_of(atomic_load_explicit(&bias->owner, memory_order_relaxed));
    atomic_store_explicit(&bias->owner, 0, memory_order_relaxed);
    os_fence_everywhere();
    for (unsigned attempt = 1; atomic_load_explicit(&owner->inside, memory_order_acquire) == (uintptr_t)bias; attempt++)
        lock_pause(attempt);
    if (bias->losses < BIAS_MOST_LOSSES)
        bias->losses++;
    bias->due = 1u << bias->losses;
}

void bias__give(bias_t *bias)
{
    if (bias->due) {
        bias->due--;
        return;
    }
    waiter_t *waiter = os_fence_everywhere_works() ? wait_mine() : NULL;
    if (waiter && wait_own_of(waiter) == wait_own())
        atomic_store_explicit(&bias->owner, bias__name(wait_own()), memory_order_relaxed);
    else
        bias->due = 1u << BIAS_MOST_LOSSES; /* to look for what is missing takes time as well */
}
