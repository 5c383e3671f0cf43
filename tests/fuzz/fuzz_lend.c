/* fuzz_lend: loans between two sides of a link, with falsified tokens and a falsified lend table.  What is accepted is as
 * long as its token says and really there, and what was not falsified comes back. */
#include "os_fuzz.h"
#include "script.h"
#include "vmmc_private.h"

#define MEMORIES 4
#define TOKENS 4
#define WORDS_OF 3 /* entries of each side that are lied about */
#define MOST_LOANS 64

static vmmc_link_t *links[2];
static uint32_t mailbox;
static uint32_t ids[MEMORIES];
static vmmc_loan_token_t tokens[TOKENS];
static uint32_t loans[TOKENS];
static vmmc_borrowed_t borrowed[TOKENS];

/* ---- memory ---- */

static void allocate(unsigned side, script_t *script)
{
    static const uint32_t lengths[] = {0, 1, 4096, 65536, 65537, 200000};
    uint32_t how = script_byte(script);
    uint32_t *id = &ids[how % MEMORIES];
    vmmc_lendable_t made;
    (void)side;
    if (*id)
        return;
    int error = how & 128 ? vmmc_lendable_open_file(1, &made)
                          : vmmc_lendable_allocate(lengths[(how >> 2) % 6], how & 64, &made);
    fuzz_check(error == 0 || error == VMMC_EINVAL || error == VMMC_ENOMEM);
    if (!error)
        *id = made.id;
}

static void free_memory(unsigned side, script_t *script)
{
    uint32_t *id = &ids[script_byte(script) % MEMORIES];
    (void)side;
    fuzz_check(vmmc_lendable_free(*id) == (*id ? 0 : VMMC_EINVAL));
    *id = 0;
}

/* ---- loans ---- */

static void lend(unsigned side, script_t *script)
{
    uint32_t which = script_byte(script);
    vmmc_lend_request_t request = {.memory = ids[which % MEMORIES]};
    request.offset = script_word(script, 3);
    request.length = script_word(script, 3);
    int error = vmmc_lend(links[side], mailbox, &request, &tokens[which / 16 % TOKENS], &loans[which / 16 % TOKENS]);
    fuzz_check(error == 0 || error == VMMC_EINVAL || error == VMMC_ENOMEM || error == VMMC_EPEER);
}

static void spoil_token(unsigned side, script_t *script)
{
    uint8_t *bytes = tokens[script_byte(script) % TOKENS].bytes;
    (void)side;
    bytes[script_byte(script) % sizeof tokens[0].bytes] = (uint8_t)script_byte(script);
}

/* As a lender that lies in both places would. */
static void publish_token(unsigned side, script_t *script)
{
    loan_token_t token;
    uint32_t words[LOAN_WORDS];
    memcpy(&token, &tokens[script_byte(script) % TOKENS], sizeof token);
    memcpy(words, &token, sizeof words);
    lending_shm_t *shared = &links[0]->arena->lending[side];
    store_relaxed(&shared->memories[token.memory % WORDS_OF], token.memory_generation);
    for (unsigned i = 0; i < LOAN_WORDS; i++)
        store_relaxed(&shared->lent[token.index % WORDS_OF].words[i], words[i]);
}

static void accept(unsigned side, script_t *script)
{
    uint32_t which = script_byte(script) % TOKENS;
    vmmc_borrowed_t got;
    loan_token_t token;
    memcpy(&token, &tokens[which], sizeof token);
    int error = vmmc_accept(links[side], mailbox, &tokens[which], &got);
    fuzz_check(error == 0 || error == VMMC_EACCES || error == VMMC_ENOMEM);
    if (error)
        return;
    fuzz_check(got.length == token.length && got.length > 0);
    uint8_t *bytes = got.bytes;
    uint8_t sum = (uint8_t)(bytes[0] + bytes[got.length - 1]);
    if (got.writable)
        bytes[0] = bytes[got.length - 1] = sum;
    borrowed[which] = got;
}

static void give_back(unsigned side, script_t *script)
{
    uint32_t which = script_byte(script) % TOKENS;
    (void)side;
    int error = vmmc_return(&tokens[which], borrowed[which].bytes);
    fuzz_check(error == 0 || error == VMMC_EINVAL || error == VMMC_EACCES);
}

static void reclaim(unsigned side, script_t *script)
{
    uint32_t which = script_byte(script), loan = which & 128 ? 0 : loans[which % TOKENS];
    void *context;
    int error = vmmc_reclaim(links[side], mailbox, &loan, &context);
    fuzz_check(error == 0 || error == VMMC_EAGAIN || error == VMMC_EINVAL);
}

static void await(unsigned side, script_t *script)
{
    word_t stop = 0;
    uint64_t before = os_now_us(), most = script_byte(script) * 100;
    vmmc_await_return(links[side], vmmc_returns(links[side]), &stop, before + most);
    fuzz_check(os_now_us() - before <= most + 3000);
}

static void forget(unsigned side, script_t *script)
{
    (void)script;
    vmmc_forget_freed();
    vmmc_kick_reclaimers(links[side]);
}

static void leave_loans(unsigned side, script_t *script)
{
    (void)script;
    vmmc__leave_loans(links[side], mailbox);
}

static void die(unsigned side, script_t *script)
{
    store_relaxed(&links[side]->dead, script_byte(script) & 1);
}

/* ---- lies ---- */

static void lie_now(unsigned side, script_t *script)
{
    (void)side;
    falsify_now(script);
}

static void lie_later(unsigned side, script_t *script)
{
    (void)side;
    falsify_later(script);
}

static void (*const steps[])(unsigned side, script_t *script) = {
    lie_now, lie_later, allocate, lend,    lend,        accept,   accept, give_back,
    reclaim, await,     forget,   spoil_token, publish_token, leave_loans, die,    free_memory};

static void lie_about_side(unsigned side)
{
    lending_shm_t *shared = &links[0]->arena->lending[side];
    for (unsigned i = 0; i < WORDS_OF; i++) {
        falsify_add(&shared->memories[i]);
        falsify_add(&shared->borrowed[i].accepted);
        falsify_add(&shared->borrowed[i].returned);
        for (unsigned word = 0; word < LOAN_WORDS; word++)
            falsify_add(&shared->lent[i].words[word]);
    }
    falsify_add(&shared->reclaimer);
    falsify_add(&shared->changes);
}

static void build(void)
{
    static waiter_t *watcher;
    vmmc_identity_t peer;
    vmmc_ticket_t ticket;
    void *memory;
    fuzz_check(vmmc_start(true) == 0);
    fuzz_check((watcher = wait_reserve()) != NULL);
    wait_set_spin(1);
    peer = *vmmc_self();
    peer.pid = 2;
    fuzz_check(vmmc_link_open(&peer, &links[0], &ticket) == 0);
    fuzz_check(vmmc_link_join(vmmc_self(), &ticket, &links[1]) == 0);
    fuzz_check(vmmc_mailbox_take(links[0], &mailbox, &memory) == 0);
    fuzz_check(vmmc_mailbox_find(links[1], mailbox, &memory) == 0);
    lie_about_side(0);
    lie_about_side(1);
    for (unsigned i = 0; i < TOKENS; i++)
        falsify_add_truth(&loans[i]);
}

static void forget_all(vmmc_link_t *link)
{
    vmmc__windows_close(link);
    fuzz_check(!link->lending.reclaimers);
    memset(link->lending.loans, 0, MOST_LOANS * sizeof link->lending.loans[0]);
    memset(link->borrowing.loans, 0, MOST_LOANS * sizeof link->borrowing.loans[0]);
    link->lending.used = link->lending.free_from = link->lending.next = 0;
    link->borrowing.windows = NULL;
    store_relaxed(&link->dead, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    script_t script = {bytes, bytes + count};
    if (!links[0])
        build();
    ambush_begin();
    for (unsigned step = 0; script_goes_on(&script) && step < MOST_LOANS; step++) {
        uint32_t what = script_byte(&script);
        ambush_call();
        steps[(what >> 1) % (sizeof steps / sizeof *steps)](what & 1, &script);
    }
    ambush_begin();
    for (unsigned i = 0; i < MEMORIES; i++) {
        if (ids[i])
            fuzz_check(vmmc_lendable_free(ids[i]) == 0);
        ids[i] = loans[i] = 0;
    }
    forget_all(links[0]);
    forget_all(links[1]);
    memset(tokens, 0, sizeof tokens);
    memset(borrowed, 0, sizeof borrowed);
    for (unsigned word = 0; word < falsify.word_count; word++)
        store_relaxed(falsify.words[word], 0);
    return 0;
}
