/* vmmc_guard: copying that ends where memory may not be touched, and not with the process.
 *
 * What a program hands over need not be there, or may be write-protected; the system's own calls fail with WSAEFAULT then.
 * Asking beforehand would cost more than a small message does.  So in Windows each of these pieces of code has an entry in
 * a table of the image: from where to where it goes, and where to go on when an instruction in between has faulted
 * (src/trap.c does that).  Where nothing faults that costs nothing.  Elsewhere they are the C library's memcpy, for the
 * sanitizers to watch.
 *
 * All give true, or false: something could not be read or written, and part of it may have been copied. */
#ifndef VMMC_GUARD_H
#define VMMC_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GUARD_INLINE static inline __attribute__((always_inline, warn_unused_result))

#ifdef _WIN32

#define GUARD_SECTION ".vmmcg" /* of guard_entry_t */
/* The assembler has no way back to the section that it came from but by name, so a function with such code in it has to lie
 * in .text (-fno-reorder-functions), as this does; of another section the differences below would be an error. */
__asm__(".text\nguard_text:\n");
#define GUARD_BEGIN "1:\n\t"
#define GUARD_END                                                                                     \
    "\n2:\n\t.section " GUARD_SECTION ",\"dr\"\n\t.rva guard_text\n\t.long 1b - guard_text\n\t" \
    ".long 2b - guard_text\n\t.long %l[fault] - guard_text\n\t.text"

/* `text`: relative to the image; the others to it. */
typedef struct guard_entry {
    uint32_t text, begin, end, fault;
} guard_entry_t;

/* The instructions in `code`, with the operands %[to] and %[from], and those named by the caller to work in. */
#define GUARDED(code, work, ...)                                                                                   \
    do {                                                                                                           \
        __asm__ volatile goto(GUARD_BEGIN code GUARD_END : work : [to] "m"(*to), [from] "m"(*from)                 \
                              : "memory" __VA_ARGS__ : fault);                                                     \
        return true;                                                                                               \
    fault:                                                                                                         \
        return false;                                                                                              \
    } while (0)

GUARD_INLINE bool guard_copy_1(uint8_t *to, const uint8_t *from)
{
    uint8_t byte;
    GUARDED("movb %[from], %[byte]\n\tmovb %[byte], %[to]", [byte] "=&q"(byte));
}

GUARD_INLINE bool guard_copy_4(uint8_t *to, const uint8_t *from)
{
    uint32_t bytes;
    GUARDED("movl %[from], %[bytes]\n\tmovl %[bytes], %[to]", [bytes] "=&r"(bytes));
}

#ifdef __x86_64__

GUARD_INLINE bool guard_copy_16(uint8_t *to, const uint8_t *from)
{
    GUARDED("movups %[from], %%xmm0\n\tmovups %%xmm0, %[to]", , , "xmm0");
}

GUARD_INLINE bool guard_copy_8(uint8_t *to, const uint8_t *from)
{
    uint64_t bytes;
    GUARDED("movq %[from], %[bytes]\n\tmovq %[bytes], %[to]", [bytes] "=&r"(bytes));
}

#else

GUARD_INLINE bool guard_copy_8(uint8_t *to, const uint8_t *from)
{
    return guard_copy_4(to, from) && guard_copy_4(to + 4, from + 4);
}

GUARD_INLINE bool guard_copy_16(uint8_t *to, const uint8_t *from)
{
    return guard_copy_8(to, from) && guard_copy_8(to + 8, from + 8);
}

#endif

GUARD_INLINE bool guard_copy_32(uint8_t *to, const uint8_t *from)
{
    return guard_copy_16(to, from) && guard_copy_16(to + 16, from + 16);
}

/* By one string instruction. */
GUARD_INLINE bool guard_copy_string(uint8_t *to, const uint8_t *from, size_t count)
{
    __asm__ volatile goto(GUARD_BEGIN "rep movsb" GUARD_END : "+D"(to), "+S"(from), "+c"(count) : : "memory" : fault);
    return true;
fault:
    return false;
}

#ifdef __SSE__
#define GUARD_XMM , "xmm0", "xmm1", "xmm2", "xmm3"
#else
#define GUARD_XMM /* the compiler does not know them */
#endif
#define GUARDED_LINE(code)                                                                                             \
    __asm__ volatile goto(GUARD_BEGIN code GUARD_END : : [to] "r"(to), [from] "r"(from) : "memory" GUARD_XMM : fault)
#define GUARD_LINE(store)                                                                                              \
    GUARDED_LINE("movups (%[from]), %%xmm0\n\tmovups 16(%[from]), %%xmm1\n\t"                                          \
                 "movups 32(%[from]), %%xmm2\n\tmovups 48(%[from]), %%xmm3\n\t" store " %%xmm0, (%[to])\n\t" store     \
                 " %%xmm1, 16(%[to])\n\t" store " %%xmm2, 32(%[to])\n\t" store " %%xmm3, 48(%[to])")

/* To 64 bytes that are a line; all are loaded before any is stored. */
GUARD_INLINE bool guard_copy_line(uint8_t *to, const uint8_t *from)
{
    GUARD_LINE("movaps");
    return true;
fault:
    return false;
}

/* The same past the caches; a fence has to follow before they are published. */
GUARD_INLINE bool guard_copy_line_past_caches(uint8_t *to, const uint8_t *from)
{
    GUARD_LINE("movntps");
    return true;
fault:
    return false;
}

/* 64 bytes anywhere, in two halves, for processors with AVX; guard_end_wide() has to follow before other code runs. */
GUARD_INLINE bool guard_copy_wide_line(uint8_t *to, const uint8_t *from)
{
    GUARDED_LINE("vmovups (%[from]), %%ymm0\n\tvmovups 32(%[from]), %%ymm1\n\t"
                 "vmovups %%ymm0, (%[to])\n\tvmovups %%ymm1, 32(%[to])");
    return true;
fault:
    return false;
}

/* Registers whose upper halves are in use would make the program's narrow instructions slow. */
static inline void guard_end_wide(void)
{
    __asm__ volatile("vzeroupper");
}

#else

#include <emmintrin.h>

#define GUARD_COPY(bytes)                                                    \
    GUARD_INLINE bool guard_copy_##bytes(uint8_t *to, const uint8_t *from)   \
    {                                                                        \
        memcpy(to, from, bytes);                                             \
        return true;                                                         \
    }
GUARD_COPY(1)
GUARD_COPY(4)
GUARD_COPY(8)
GUARD_COPY(16)
GUARD_COPY(32)

GUARD_INLINE bool guard_copy_string(uint8_t *to, const uint8_t *from, size_t count)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    return true;
}

GUARD_INLINE bool guard_copy_line(uint8_t *to, const uint8_t *from)
{
    memcpy(to, from, 64);
    return true;
}

GUARD_INLINE bool guard_copy_wide_line(uint8_t *to, const uint8_t *from)
{
    typedef uint8_t wide_t __attribute__((vector_size(32), aligned(1), may_alias));
    wide_t low = ((const wide_t *)from)[0], high = ((const wide_t *)from)[1];
    ((wide_t *)to)[0] = low;
    ((wide_t *)to)[1] = high;
    return true;
}

static inline void guard_end_wide(void)
{
}

GUARD_INLINE bool guard_copy_line_past_caches(uint8_t *to, const uint8_t *from)
{
    for (unsigned at = 0; at < 64; at += 16)
        _mm_stream_si128((__m128i *)(to + at), _mm_loadu_si128((const __m128i *)(from + at)));
    return true;
}

#endif

#endif
