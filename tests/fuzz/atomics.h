/* atomics, for fuzzing: takes the place of src/atomics.h (it is included before everything else).
 *
 * Whatever lies in shared memory may change after every load, so here each load is followed by a chance for the script to
 * change something: the ambush.  A double fetch, or a check whose word is loaded again for its use, is found like any
 * other fault.  The time-stamp counter is a counter, so that a script always does the same. */
#ifndef VMMC_ATOMICS_H
#define VMMC_ATOMICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SHM_LINE 64

typedef _Atomic uint32_t word_t;

extern uint32_t ambush_in; /* loads until the next one */
void ambush_strike(void);
extern uint64_t fuzz_ticks;

static inline void ambush_pass(void)
{
    if (__builtin_expect(--ambush_in == 0, 0))
        ambush_strike();
}

static inline uint32_t load_relaxed(const word_t *word)
{
    uint32_t value = atomic_load_explicit(word, memory_order_relaxed);
    ambush_pass();
    return value;
}

static inline uint32_t load_acquire(const word_t *word)
{
    return load_relaxed(word);
}

static inline void store_relaxed(word_t *word, uint32_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline void store_release(word_t *word, uint32_t value)
{
    store_relaxed(word, value);
}

static inline uint32_t word_swap(word_t *word, uint32_t value)
{
    uint32_t was = load_relaxed(word);
    store_relaxed(word, value);
    return was;
}

static inline bool word_replace(word_t *word, uint32_t expected, uint32_t desired)
{
    if (load_relaxed(word) != expected)
        return false;
    store_relaxed(word, desired);
    return true;
}

static inline uint32_t word_add(word_t *word, uint32_t amount)
{
    uint32_t sum = load_relaxed(word) + amount;
    store_relaxed(word, sum);
    return sum;
}

#define store_plain(place, value) ((void)((place) = (value)))

static inline void full_fence(void)
{
}

static inline void cpu_pause(void)
{
}

static inline bool word_poll(const word_t *word, uint32_t value, unsigned looks)
{
    for (; looks; looks--)
        if (load_relaxed(word) != value)
            return true;
    return false;
}

static inline void cpu_await_loads(void)
{
}

static inline uint64_t cpu_ticks(void)
{
    return fuzz_ticks += 50;
}

#endif
