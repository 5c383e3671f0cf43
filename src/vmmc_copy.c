/* vmmc_copy: see vmmc_copy.h. */
#include "vmmc_copy.h"

#include <cpuid.h>
#include <emmintrin.h>

#define LINE 64u
#define STRING_MIN 1024u /* below, the start of the string instruction costs more than it gains */
#define PAST_CACHES_MIN 4096u
#define CPUID_FEATURES 7u
#define FAST_STRINGS (1u << 9) /* in EBX: "enhanced REP MOVSB" */

static bool has_string;

void vmmc_copy_start(void)
{
    unsigned a, b, c, d;
    has_string = __get_cpuid_count(CPUID_FEATURES, 0, &a, &b, &c, &d) && (b & FAST_STRINGS);
}

bool vmmc_copy_has_string(void)
{
    return has_string;
}

static void copy_as_string(uint8_t *to, const uint8_t *from, size_t count)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

__attribute__((target("sse2"))) static void store_line(uint8_t *to, const uint8_t *from)
{
    __m128i block[4];
    for (unsigned i = 0; i < 4; i++)
        block[i] = _mm_loadu_si128((const __m128i *)from + i);
    for (unsigned i = 0; i < 4; i++)
        _mm_stream_si128((__m128i *)to + i, block[i]);
}

/* Whole lines go past the caches, the ends do not.  Such stores are in no order with others: the fence makes the
 * caller's release store good for them too. */
__attribute__((target("sse2"))) static void copy_past_caches(uint8_t *to, const uint8_t *from, uint32_t count)
{
    uint32_t head = (uint32_t)(-(uintptr_t)to % LINE), at = head;
    memcpy(to, from, head);
    for (; count - at >= LINE; at += LINE)
        store_line(to + at, from + at);
    memcpy(to + at, from + at, count - at);
    _mm_sfence();
}

void vmmc_copy_large(copy_way_t way, uint8_t *to, const uint8_t *from, uint32_t count)
{
    if (way == COPY_STRING && has_string && count >= STRING_MIN)
        copy_as_string(to, from, count);
    else if (way == COPY_PAST_CACHES && count >= PAST_CACHES_MIN)
        copy_past_caches(to, from, count);
    else
        memcpy(to, from, count);
}
