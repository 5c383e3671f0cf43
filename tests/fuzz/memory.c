/* memory: see memory.h. */
#define FUZZ_MEMORY
#include "memory.h"

#include "os_fuzz.h"

#include <sanitizer/asan_interface.h>
#include <string.h>

#define PLACES 16
#define SMALL 65536u
#define LARGEST (32u << 20)
#define POISONED (512u << 10) /* the beginning of a piece, at most */

typedef struct place {
    uint8_t *end;  /* behind it is the guard page */
    uint8_t *used; /* NULL: the place is free */
    size_t poisoned;
} place_t;

static place_t places[PLACES];

static place_t *find(const void *used)
{
    place_t *place = places;
    while (place < places + PLACES && place->used != used)
        place++;
    return place < places + PLACES ? place : NULL;
}

static void *take(place_t *place, size_t size)
{
    if (!place->end)
        place->end = os_fuzz_guarded(LARGEST) + LARGEST;
    place->used = place->end - (size + 15) / 16 * 16;
    place->poisoned = size < POISONED ? size : POISONED;
    ASAN_UNPOISON_MEMORY_REGION(place->used, place->poisoned);
    return place->used;
}

void *fuzz_malloc(size_t size)
{
    place_t *place = size < SMALL || size > LARGEST ? NULL : find(NULL);
    return place ? take(place, size) : malloc(size);
}

void *fuzz_calloc(size_t count, size_t size)
{
    void *memory = fuzz_malloc(count * size);
    return memory ? memset(memory, 0, count * size) : NULL;
}

void fuzz_free(void *memory)
{
    place_t *place = memory ? find(memory) : NULL;
    if (!place) {
        free(memory);
        return;
    }
    ASAN_POISON_MEMORY_REGION(place->used, place->poisoned);
    place->used = NULL;
}
