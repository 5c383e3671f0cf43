/* kill_points: places at which a process can be made to end at once: before, amid and after each store to memory that
 * another process sees.
 *
 * The compiler includes this file in front of every file of the core (src/CMakeLists.txt, vmmc_core_kill), so the product
 * knows nothing of it.  Every call of atomics.h that stores, store_plain() and vmmc_update() become three points.  The
 * linker gathers all of them, reached or not.  Locks are left out: they are private memory. */
#ifndef CRASH_KILL_POINTS_H
#define CRASH_KILL_POINTS_H

#include "kill_table.h"
#include "lock.h"
#include "vmmc.h"

#include <string.h>

typedef struct kill_site {
    const char *file;
    int line;
    const char *store;
    uint32_t entry; /* in the table, + 1; 0: there is none yet */
} kill_site_t;

/* Count the hit in the table (kill_table.h), if there is one, and end the process if that was its hour. */
void kill_point(const kill_site_t *site, enum kill_phase phase);
/* memcpy and memset in two halves, with a point in between. */
void kill_copy(const kill_site_t *site, void *to, const void *from, size_t count);
void *kill_set(const kill_site_t *site, void *to, int byte, size_t count);

#define KILL_SITE(store_text) \
    static kill_site_t kill_site_ = {__FILE__, __LINE__, store_text, 0}; \
    static kill_site_t *const kill_listed_ __attribute__((section("killpts"), used)) = &kill_site_; \
    (void)kill_listed_
#define KILL_AROUND_VOID(text, store) \
    ({ \
        KILL_SITE(text); \
        kill_point(&kill_site_, KILL_BEFORE); \
        store; \
        kill_point(&kill_site_, KILL_AFTER); \
    })
#define KILL_AROUND(text, store) \
    ({ \
        KILL_SITE(text); \
        kill_point(&kill_site_, KILL_BEFORE); \
        __auto_type kill_result_ = store; \
        kill_point(&kill_site_, KILL_AFTER); \
        kill_result_; \
    })

#define store_relaxed(word, value) KILL_AROUND_VOID(#word, store_relaxed(word, value))
#define store_release(word, value) KILL_AROUND_VOID(#word, store_release(word, value))
#define word_swap(word, value) KILL_AROUND(#word, word_swap(word, value))
#define word_add(word, amount) KILL_AROUND(#word, word_add(word, amount))
#define word_replace(word, expected, desired) KILL_AROUND(#word, word_replace(word, expected, desired))

#undef store_plain
#define store_plain(place, value) \
    ({ \
        KILL_SITE(#place); \
        const __typeof__(place) kill_value_ = value; \
        kill_point(&kill_site_, KILL_BEFORE); \
        kill_copy(&kill_site_, &(place), &kill_value_, sizeof kill_value_); \
        kill_point(&kill_site_, KILL_AFTER); \
    })

#define vmmc_update(way, region, offset, bytes, count) \
    ({ \
        KILL_SITE("payload"); \
        kill_point(&kill_site_, KILL_BEFORE); \
        (void)(way); \
        kill_copy(&kill_site_, (region)->base + (offset), bytes, count); \
        kill_point(&kill_site_, KILL_AFTER); \
        true; \
    })

#define memset(to, byte, count) KILL_AROUND(#to, kill_set(&kill_site_, to, byte, count))

#endif
