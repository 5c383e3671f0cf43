/* test_lend_pair: loans between two real processes: contents and order, and the sudden death of either. */
#include "peer.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmmc_private.h"

#define LENGTH 300000u
#define ROUNDS 2000u

static void tell(const peer_t *peer, const vmmc_loan_token_t *token)
{
    unit_check(write(peer->channel, token, sizeof *token) == sizeof *token);
}

static void hear(const peer_t *peer, vmmc_loan_token_t *token)
{
    unit_check(read(peer->channel, token, sizeof *token) == sizeof *token);
}

static void lend(peer_t *peer, uint32_t memory, uint64_t offset, uint64_t length, uint32_t *loan)
{
    vmmc_lend_request_t request = {memory, offset, length, loan};
    vmmc_loan_token_t token;
    unit_check(vmmc_lend(peer->stream.link, peer->stream.mailbox, &request, &token, loan) == 0);
    tell(peer, &token);
}

static vmmc_borrowed_t accept_next(peer_t *peer, vmmc_loan_token_t *token)
{
    vmmc_borrowed_t borrowed;
    hear(peer, token);
    unit_check(vmmc_accept(peer->stream.link, peer->stream.mailbox, token, &borrowed) == 0);
    return borrowed;
}

/* The one that is back. */
static uint32_t *reclaim_any(peer_t *peer)
{
    static const word_t never;
    uint64_t deadline = os_now_us() + UNIT_PATIENCE_US;
    for (;;) {
        uint32_t any = 0;
        void *context;
        vmmc_returns_t seen = vmmc_returns(peer->stream.link);
        int result = vmmc_reclaim(peer->stream.link, peer->stream.mailbox, &any, &context);
        unit_check(os_now_us() < deadline && (result == 0 || result == VMMC_EAGAIN));
        if (result == 0)
            return context;
        vmmc_await_return(peer->stream.link, seen, &never, deadline);
    }
}

static void check(const void *bytes, uint64_t count, uint32_t seed)
{
    for (uint64_t i = 0; i < count; i++)
        unit_check(((const uint8_t *)bytes)[i] == unit_pattern(seed, i));
}

/* ---- contents ---- */

/* Each loan has new contents in the same places. */
static void lend_to_read(peer_t *peer)
{
    enum { PIECES = 8, PIECE = LENGTH / PIECES };
    vmmc_lendable_t lendable;
    uint32_t loans[PIECES], random = peer->seed;
    bool out[PIECES] = {false};
    unit_check(vmmc_lendable_allocate(LENGTH, false, &lendable) == 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t piece = i % PIECES, length = unit_random(&random, PIECE) + 1;
        while (out[piece])
            out[reclaim_any(peer) - loans] = false;
        unit_fill((uint8_t *)lendable.base + piece * PIECE, i, 0, length);
        lend(peer, lendable.id, piece * PIECE, length, &loans[piece]);
        out[piece] = true;
    }
    for (uint32_t piece = 0; piece < PIECES; piece++) {
        while (out[piece])
            out[reclaim_any(peer) - loans] = false;
    }
    unit_check(vmmc_lendable_free(lendable.id) == 0);
}

static void borrow_to_read(peer_t *peer)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        vmmc_loan_token_t token;
        vmmc_borrowed_t borrowed = accept_next(peer, &token);
        check(borrowed.bytes, borrowed.length, i);
        unit_check(vmmc_return(&token, borrowed.bytes) == 0);
    }
}

static void what_is_read_was_stored_before_the_loan(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 4; seed++)
        peer_run(lend_to_read, borrow_to_read, seed, 4096, 4096);
}

static void lend_to_be_filled(peer_t *peer)
{
    vmmc_lendable_t lendable;
    uint32_t loan, random = peer->seed;
    unit_check(vmmc_lendable_allocate(LENGTH, true, &lendable) == 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t length = unit_random(&random, LENGTH / 8) + 1;
        lend(peer, lendable.id, i % 1000, length, &loan);
        unit_check(reclaim_any(peer) == &loan);
        check((uint8_t *)lendable.base + i % 1000, length, i);
    }
    unit_check(vmmc_lendable_free(lendable.id) == 0);
}

static void borrow_and_fill(peer_t *peer)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        vmmc_loan_token_t token;
        vmmc_borrowed_t borrowed = accept_next(peer, &token);
        unit_check(borrowed.writable);
        unit_fill(borrowed.bytes, i, 0, borrowed.length);
        unit_check(vmmc_return(&token, borrowed.bytes) == 0);
    }
}

static void what_was_stored_before_the_return_is_there(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 4; seed++)
        peer_run(borrow_and_fill, lend_to_be_filled, seed, 4096, 4096);
}

/* ---- death ---- */

static void stay_until_killed(void)
{
    for (;;)
        pause();
}

/* What a killed lender leaves behind under its name, which in Windows would go with it. */
static void remove_memory(const vmmc_loan_token_t *token)
{
    loan_token_t described;
    char name[80], path[96];
    memcpy(&described, token, sizeof described);
    vmmc__memory_name(described.key, name);
    snprintf(path, sizeof path, "/%s", name);
    shm_unlink(path);
}

static void lend_until_killed(peer_t *peer)
{
    vmmc_lendable_t lendable;
    uint32_t loans[2];
    unit_check(vmmc_lendable_allocate(LENGTH, false, &lendable) == 0);
    unit_fill(lendable.base, 1, 0, LENGTH);
    for (int i = 0; i < 2; i++)
        lend(peer, lendable.id, 0, LENGTH, &loans[i]);
    stay_until_killed();
}

static void outlive_the_lender(peer_t *peer)
{
    vmmc_loan_token_t token, late;
    vmmc_borrowed_t borrowed = accept_next(peer, &token), none;
    hear(peer, &late);
    check(borrowed.bytes, LENGTH / 2, 1);
    kill(peer->other, SIGKILL);
    while (!vmmc_link_is_dead(peer->stream.link))
        usleep(1000);
    check(borrowed.bytes, borrowed.length, 1);
    unit_check(vmmc_accept(peer->stream.link, peer->stream.mailbox, &late, &none) == VMMC_EACCES);
    unit_check(vmmc_return(&token, borrowed.bytes) == 0);
    unit_check(vmmc_return(&token, borrowed.bytes) == VMMC_EINVAL);
    unit_check(!peer->stream.link->borrowing.windows);
    remove_memory(&token);
}

static void pages_outlive_their_lender(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 4; seed++)
        peer_run(lend_until_killed, outlive_the_lender, seed, 4096, 4096);
}

static void borrow_until_killed(peer_t *peer)
{
    vmmc_loan_token_t token;
    accept_next(peer, &token);
    tell(peer, &token);
    stay_until_killed();
}

static void outlive_the_borrower(peer_t *peer)
{
    vmmc_lendable_t lendable;
    vmmc_loan_token_t answer;
    uint32_t loans[2];
    bool back[2] = {false};
    unit_check(vmmc_lendable_allocate(LENGTH, false, &lendable) == 0);
    for (int i = 0; i < 2; i++)
        lend(peer, lendable.id, 0, LENGTH, &loans[i]);
    hear(peer, &answer);
    kill(peer->other, SIGKILL);
    for (int i = 0; i < 2; i++)
        back[reclaim_any(peer) - loans] = true;
    unit_check(back[0] && back[1]);
    unit_check(vmmc_lendable_free(lendable.id) == 0);
}

static void all_is_back_when_the_borrower_has_died(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 4; seed++)
        peer_run(outlive_the_borrower, borrow_until_killed, seed, 4096, 4096);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_was_stored_before_the_loan),
        cmocka_unit_test(what_was_stored_before_the_return_is_there),
        cmocka_unit_test(pages_outlive_their_lender),
        cmocka_unit_test(all_is_back_when_the_borrower_has_died),
    };
    return unit_main_bare(argc, argv, tests);
}
