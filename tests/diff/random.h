/* random: small deterministic random numbers. */
#ifndef DIFF_RANDOM_H
#define DIFF_RANDOM_H

#include <stdint.h>

typedef struct random {
    uint64_t state;
} random_t;

/* Neighbouring numbers give unrelated sequences: their states must not lie on one path. */
static inline random_t random_start(uint32_t seed, uint32_t number)
{
    uint64_t z = ((uint64_t)seed << 32 | number) * 0xD6E8FEB86659FD93u;
    z = (z ^ (z >> 32)) * 0xD6E8FEB86659FD93u;
    return (random_t){z ^ (z >> 32)};
}

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
