/* script: a fuzzer's bytes, read as steps; words of shared memory that they falsify, at once or in an ambush: in the
 * middle of a later call, when so many more words have been loaded. */
#ifndef VMMC_FUZZ_SCRIPT_H
#define VMMC_FUZZ_SCRIPT_H

#include "atomics.h"

#include <stddef.h>

#define fuzz_check(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

typedef struct script {
    const uint8_t *at, *end;
} script_t;

/* Its next bytes, zeroes behind its end. */
uint32_t script_byte(script_t *script);
uint32_t script_word(script_t *script, unsigned bytes);
static inline bool script_goes_on(const script_t *script)
{
    return script->at < script->end;
}

/* ---- the words that can be falsified, and private numbers that are worth putting there ---- */

#define FALSIFY_WORDS 256
#define FALSIFY_TRUTHS 32

typedef struct falsify {
    word_t *words[FALSIFY_WORDS];
    unsigned word_count;
    const uint32_t *truths[FALSIFY_TRUTHS]; /* positions, handles... of the victim's, which a liar may guess */
    unsigned truth_count;
} falsify_t;

extern falsify_t falsify;

void falsify_add(word_t *word);
void falsify_add_truth(const uint32_t *truth);
/* The script names a word and says what becomes of it. */
void falsify_now(script_t *script);
/* The same after as many loads as it says. */
void falsify_later(script_t *script);
/* For a new script: no ambush is laid. */
void ambush_begin(void);
/* A call begins: it may load FUZZ_MOST_LOADS words; one that loads more would not end. */
#define FUZZ_MOST_LOADS 300000
void ambush_call(void);

#endif
