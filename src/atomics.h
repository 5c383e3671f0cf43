/* atomics: the only spellings of shared-memory accesses.
 *
 * A word_t lies in memory that another thread or process may change at any time, so it is touched through these calls
 * alone; what another process wrote is loaded once into a local, checked, and only then used. */
#ifndef VMMC_ATOMICS_H
#define VMMC_ATOMICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SHM_LINE 64 /* bytes of a cache line */

typedef _Atomic uint32_t word_t;

static inline uint32_t load_relaxed(const word_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static inline uint32_t load_acquire(const word_t *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static inline void store_relaxed(word_t *word, uint32_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline void store_release(word_t *word, uint32_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

static inline uint32_t word_swap(word_t *word, uint32_t value)
{
    return atomic_exchange_explicit(word, value, memory_order_seq_cst);
}

/* True if *word was `expected` and is now `desired`. */
static inline bool word_replace(word_t *word, uint32_t expected, uint32_t desired)
{
    return atomic_compare_exchange_strong_explicit(word, &expected, desired, memory_order_seq_cst,
                                                   memory_order_seq_cst);
}

static inline uint32_t word_add(word_t *word, uint32_t amount)
{
    return atomic_fetch_add_explicit(word, amount, memory_order_seq_cst) + amount;
}

/* Plain memory that another process may map, but does not look at before a word is stored with release. */
#define store_plain(place, value) ((void)((place) = (value)))

static inline void full_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

static inline void cpu_pause(void)
{
    __builtin_ia32_pause();
}

/* Looks at *word, at most `looks` times (1 or more), until it is not `value`; true if it was something else then.  Relaxed: the
 * caller loads it again.  The loop is entered in one line of code and left in the next.  Where all of it lies in one line the
 * processor does not learn how often it goes round, and begins to load what a word announces only once it has the word: a
 * quick exchange takes 1.2 to 1.4 times as long, whatever else moves the code (docs/performance.md, The fast path). */
static inline bool word_poll(const word_t *word, uint32_t value, unsigned looks)
{
    __asm__ goto("movl %[looks], %%eax\n\t"
                 ".balign 64\n\t"
                 ".nops 61\n"
                 "1:\tcmpl %[value], (%[word])\n\t"
                 "jne %l[changed]\n\t"
                 "pause\n\t"
                 "subl $1, %%eax\n\t"
                 "jne 1b"
                 :
                 : [looks] "r"(looks), [word] "r"(word), [value] "r"(value)
                 : "eax", "memory", "cc"
                 : changed);
    return false;
changed:
    return true;
}

/* What follows is not executed before all loads so far have their values. */
static inline void cpu_await_loads(void)
{
    __asm__ volatile("lfence" ::: "memory");
}

static inline uint64_t cpu_ticks(void)
{
    return __builtin_ia32_rdtsc();
}

#endif
