/* random: small deterministic random numbers. */
#ifndef DIFF_RANDOM_H
#define DIFF_RANDOM_H

#include <stdint.h>

typedef struct random {
    uint64_t state;
} random_t;

static inline uint32_t random_next(random_t *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) >> 16);
}

/* 0 ... limit-1; limit is not 0. */
static inline uint32_t random_below(random_t *random, uint32_t limit)
{
    return random_next(random) % limit;
}

static inline int random_chance(random_t *random, uint32_t percent)
{
    return random_below(random, 100) < percent;
}

#endif
