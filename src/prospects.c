/* prospects: see prospects.h. */
#include "prospects.h"

#define PLACES 256u
#define FAILURE 2u /* against 1 for a success: at least two of three have to be */
#define TOLERATED 6u
#define MOST 26u

typedef struct place {
    word_t key;
    word_t skip; /* so many connections are not tried */
    word_t failures; /* less the successes, weighted */
} place_t;

static place_t places[PLACES];

uint32_t prospects_key(const endpoint_t *server)
{
    uint32_t hash = endpoint_hash(server);
    return hash ? hash : 1;
}

static place_t *place_of(uint32_t key)
{
    return &places[(key ^ key >> 16) % PLACES];
}

static bool is_known(const place_t *place, uint32_t key)
{
    return load_relaxed(&place->key) == key;
}

static uint32_t penalty(uint32_t failures)
{
    return failures <= TOLERATED ? 0 : 1u << (failures - TOLERATED) / FAILURE;
}

/* Who takes a place over takes its failures too: of two servers that share one none is tried for ever in vain. */
static void begin(place_t *place, uint32_t key, uint32_t skip)
{
    uint32_t least = penalty(load_relaxed(&place->failures));
    store_relaxed(&place->skip, skip > least ? skip : least);
    store_relaxed(&place->key, key);
}

bool prospects_try(uint32_t key, uint32_t unknown)
{
    place_t *place = place_of(key);
    if (!is_known(place, key)) {
        if (unknown == PROSPECTS_NEVER)
            return false;
        begin(place, key, unknown);
    }
    uint32_t skip = load_relaxed(&place->skip);
    if (skip)
        store_relaxed(&place->skip, skip - 1);
    return skip == 0;
}

void prospects_tried(uint32_t key, bool met)
{
    place_t *place = place_of(key);
    if (!is_known(place, key))
        begin(place, key, 0);
    uint32_t failures = load_relaxed(&place->failures);
    if (met)
        failures -= failures > 0;
    else if (failures < MOST)
        failures += FAILURE;
    store_relaxed(&place->failures, failures);
    store_relaxed(&place->skip, met ? 0 : penalty(failures));
}

void prospects_found(uint32_t key)
{
    place_t *place = place_of(key);
    if (!is_known(place, key))
        begin(place, key, 0);
}
