/* vmmc_copy: see vmmc_copy.h. */
#include "vmmc_copy.h"

#include <cpuid.h>
#include <emmintrin.h>

#define LINE 64u
#define STRING_MIN 1024u /* without AVX; below, the start of the string instruction costs more than it gains */
#define PAST_CACHES_MIN 4096u
#define IN_STEPS_MAX 2048u
#define CPUID_FEATURES 7u
#define FAST_STRINGS (1u << 9) /* in EBX: "enhanced REP MOVSB" */

#ifdef _WIN32
#define WIDE /* what the compiler itself kept in wide registers there would lie on stacks that are not aligned for it */
#else
#define WIDE __attribute__((target("avx")))
#endif

static bool has_string, has_wide;

void vmmc_copy_start(void)
{
    unsigned a, b, c, d;
    has_string = __get_cpuid_count(CPUID_FEATURES, 0, &a, &b, &c, &d) && (b & FAST_STRINGS);
    __builtin_cpu_init();
    has_wide = __builtin_cpu_supports("avx");
}

bool vmmc_copy_has_string(void)
{
    return has_string;
}

typedef bool copy_line_t(uint8_t *to, const uint8_t *from);

/* The ends of what is not whole lines at `to` go by themselves. */
static inline __attribute__((always_inline)) bool copy_by_lines(uint8_t *to, const uint8_t *from, uint32_t count,
                                                                copy_line_t *copy_line)
{
    uint32_t head = (uint32_t)(-(uintptr_t)to % LINE);
    bool good = vmmc_copy_short(to, from, head);
    to += head;
    from += head;
    for (const uint8_t *end = from + (count - head) / LINE * LINE; good && from != end; to += LINE, from += LINE)
        good = copy_line(to, from);
    return good && vmmc_copy_short(to, from, (count - head) % LINE);
}

/* Such stores are in no order with others: the fence makes the caller's release store good for them too. */
__attribute__((target("sse2"))) static bool copy_past_caches(uint8_t *to, const uint8_t *from, uint32_t count)
{
    bool good = copy_by_lines(to, from, count, guard_copy_line_past_caches);
    _mm_sfence();
    return good;
}

/* Half the loads and stores: twice as fast where the lines lie in this processor's caches. */
WIDE static bool copy_wide(uint8_t *to, const uint8_t *from, uint32_t count)
{
    bool good = copy_by_lines(to, from, count, guard_copy_wide_line);
    guard_end_wide();
    return good;
}

/* Programs send what they have just received, or look at what they have just sent.  While the stores of one copy are on their way
 * to the cache, the loads of the next are quick only if one store has all that they ask for.  So a message goes in the same
 * steps from its first byte on, wherever that lies; for more than LINE. */
WIDE static bool copy_in_steps(uint8_t *to, const uint8_t *from, uint32_t count)
{
    bool good = true;
    for (uint32_t at = 0; good && at + LINE < count; at += LINE)
        good = guard_copy_wide_line(to + at, from + at);
    good = good && guard_copy_wide_line(to + count - LINE, from + count - LINE);
    guard_end_wide();
    return good;
}

bool vmmc_copy_large(copy_way_t way, uint8_t *to, const uint8_t *from, uint32_t count)
{
    if (has_wide && count <= IN_STEPS_MAX)
        return copy_in_steps(to, from, count);
    if (way == COPY_STRING && has_string && count >= STRING_MIN)
        return guard_copy_string(to, from, count);
    if (way == COPY_PAST_CACHES && count >= PAST_CACHES_MIN)
        return copy_past_caches(to, from, count);
    return has_wide ? copy_wide(to, from, count) : copy_by_lines(to, from, count, guard_copy_line);
}
