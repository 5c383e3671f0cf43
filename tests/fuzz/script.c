/* script: see script.h. */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_AMBUSHES 16

falsify_t falsify;
uint32_t ambush_in = FUZZ_MOST_LOADS;
uint64_t fuzz_ticks;

_Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
    abort();
}

uint32_t script_byte(script_t *script)
{
    return script->at < script->end ? *script->at++ : 0;
}

uint32_t script_word(script_t *script, unsigned bytes)
{
    uint32_t word = 0;
    while (bytes--)
        word = word << 8 | script_byte(script);
    return word;
}

/* ---- lies ---- */

typedef struct lie {
    word_t *word;
    uint32_t kind, argument;
    uint32_t after; /* loads, from the lie before */
} lie_t;

enum { LIE_WILD, LIE_NEAR, LIE_FAR, LIE_BIT, LIE_ANY, LIE_OTHER_WORD, LIE_TRUTH, LIE_NEAR_TRUTH, LIE_KINDS };

static struct {
    lie_t lies[MOST_AMBUSHES];
    unsigned first, count;
} ambush;

void falsify_add(word_t *word)
{
    fuzz_check(falsify.word_count < FALSIFY_WORDS);
    falsify.words[falsify.word_count++] = word;
}

void falsify_add_truth(const uint32_t *truth)
{
    fuzz_check(falsify.truth_count < FALSIFY_TRUTHS);
    falsify.truths[falsify.truth_count++] = truth;
}

static lie_t read_lie(script_t *script)
{
    lie_t lie = {.word = falsify.words[script_byte(script) % falsify.word_count]};
    lie.kind = script_byte(script) % LIE_KINDS;
    lie.argument = script_word(script, lie.kind == LIE_ANY ? 4 : lie.kind == LIE_NEAR_TRUTH ? 3 : 1);
    return lie;
}

static uint32_t truth(uint32_t number)
{
    return falsify.truth_count ? *falsify.truths[number % falsify.truth_count] : number;
}

static uint32_t value_of(const lie_t *lie)
{
    static const uint32_t wild[] = {0, 1, 2, 3, 4, 8, 16, 32, 64, 128, 255, 1000, 4095, 4096, 4097, 8192, 65536, 1u << 20,
                                    4u << 20, (4u << 20) + 1, 0x10001, 0x30001, 0x7fffffff, 0x80000000, 0x80000001,
                                    UINT32_MAX - 4096, UINT32_MAX - 1, UINT32_MAX};
    uint32_t now = atomic_load_explicit(lie->word, memory_order_relaxed);
    switch (lie->kind) {
    case LIE_WILD:
        return wild[lie->argument % (sizeof wild / sizeof *wild)];
    case LIE_NEAR:
        return now + lie->argument - 128;
    case LIE_FAR:
        return now + (lie->argument - 128) * 256;
    case LIE_BIT:
        return now ^ 1u << lie->argument % 32;
    case LIE_OTHER_WORD:
        return atomic_load_explicit(falsify.words[lie->argument % falsify.word_count], memory_order_relaxed);
    case LIE_TRUTH:
        return truth(lie->argument);
    case LIE_NEAR_TRUTH:
        return truth(lie->argument >> 16) + (lie->argument & 0xffff) - 0x8000;
    default:
        return lie->argument;
    }
}

static void tell(const lie_t *lie)
{
    store_relaxed(lie->word, value_of(lie));
}

void falsify_now(script_t *script)
{
    lie_t lie = read_lie(script);
    tell(&lie);
}

/* ---- ambushes ---- */

void falsify_later(script_t *script)
{
    lie_t lie = read_lie(script);
    lie.after = script_byte(script) + 1;
    if (ambush.count == MOST_AMBUSHES)
        return;
    ambush.lies[(ambush.first + ambush.count++) % MOST_AMBUSHES] = lie;
    if (ambush.count == 1)
        ambush_in = lie.after;
}

void ambush_strike(void)
{
    fuzz_check(ambush.count); /* or a call goes on for ever */
    tell(&ambush.lies[ambush.first]);
    ambush.first = (ambush.first + 1) % MOST_AMBUSHES;
    ambush.count--;
    ambush_in = ambush.count ? ambush.lies[ambush.first].after : FUZZ_MOST_LOADS;
}

void ambush_begin(void)
{
    ambush.count = 0;
    fuzz_ticks = 0;
    ambush_in = FUZZ_MOST_LOADS;
}

void ambush_call(void)
{
    if (ambush.count == 0)
        ambush_in = FUZZ_MOST_LOADS;
}
