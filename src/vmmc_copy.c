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

/* The ends of what is not whole lines at `to` go by themselves. */
static inline __attribute__((always_inline)) bool copy_by_lines(uint8_t *to, const uint8_t *from, uint32_t count,
                                                                bool past_caches)
{
    uint32_t head = (uint32_t)(-(uintptr_t)to % LINE), at = head;
    bool good = vmmc_copy_short(to, from, head);
    for (; good && count - at >= LINE; at += LINE)
        good = past_caches ? guard_copy_line_past_caches(to + at, from + at) : guard_copy_line(to + at, from + at);
    return good && vmmc_copy_short(to + at, from + at, count - at);
}

/* Such stores are in no order with others: the fence makes the caller's release store good for them too. */
__attribute__((target("sse2"))) static bool copy_past_caches(uint8_t *to, const uint8_t *from, uint32_t count)
{
    bool good = copy_by_lines(to, from, count, true);
    _mm_sfence();
    return good;
}

bool vmmc_copy_large(copy_way_t way, uint8_t *to, const uint8_t *from, uint32_t count)
{
    if (way == COPY_STRING && has_string && count >= STRING_MIN)
        return guard_copy_string(to, from, count);
    if (way == COPY_PAST_CACHES && count >= PAST_CACHES_MIN)
        return copy_past_caches(to, from, count);
    return copy_by_lines(to, from, count, false);
}
