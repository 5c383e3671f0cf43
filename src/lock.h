/* lock: a process-local lock for the few instructions around a ring.
 *
 * Taking it costs one locked instruction, releasing it a plain store.  It is never held over a sleep or a kernel call
 * that may wait, so a thread that finds it taken spins and then gives its time slice away. */
#ifndef VMMC_LOCK_H
#define VMMC_LOCK_H

#include "atomics.h"
#include "os.h"

typedef struct vmmc_lock {
    word_t taken;
} vmmc_lock_t;

static inline bool lock_try(vmmc_lock_t *lock)
{
    return load_relaxed(&lock->taken) == 0 && word_swap(&lock->taken, 1) == 0;
}

/* For a lock that is hardly ever taken by another thread: false if it is, without having looked first. */
static inline bool lock_take_free(vmmc_lock_t *lock)
{
    return __builtin_expect(word_swap(&lock->taken, 1) == 0, 1);
}

/* Between two looks at what another thread holds for a few instructions; `attempt` counts them, from 1. */
static inline void lock_pause(unsigned attempt)
{
    if (attempt % 64 == 0)
        os_yield(attempt / 64);
    else
        cpu_pause();
}

static inline void lock_take(vmmc_lock_t *lock)
{
    if (lock_take_free(lock))
        return;
    for (unsigned attempt = 1; !lock_try(lock); attempt++)
        lock_pause(attempt);
}

/* Pairs with the swap in lock_take(). */
static inline void lock_release(vmmc_lock_t *lock)
{
    store_release(&lock->taken, 0);
}

#endif
