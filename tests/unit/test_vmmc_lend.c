/* test_vmmc_lend: memory that is lent between the sides of a link within this process, honest and hostile ones. */
#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmmc_private.h"

#define LENGTH 200000u

static word_t never;

/* A connection from side 0 to side 1, as far as loans know of it. */
typedef struct connection {
    vmmc_link_t *link[2];
    uint32_t mailbox;
    bool left[2];
} connection_t;

static void open_connection(connection_t *connection)
{
    vmmc_ticket_t ticket;
    void *memory;
    memset(connection, 0, sizeof *connection);
    vmmc_forget_freed(); /* the windows that an earlier case has left */
    assert_int_equal(vmmc_link_open(vmmc_self(), &connection->link[0], &ticket), 0);
    assert_int_equal(vmmc_link_join(vmmc_self(), &ticket, &connection->link[1]), 0);
    assert_int_equal(vmmc_mailbox_take(connection->link[0], &connection->mailbox, &memory), 0);
    assert_int_equal(vmmc_mailbox_find(connection->link[1], connection->mailbox, &memory), 0);
}

static void leave(connection_t *connection, int side)
{
    vmmc_mailbox_leave(connection->link[side], connection->mailbox);
    connection->left[side] = true;
}

static void close_connection(connection_t *connection)
{
    for (int side = 0; side < 2; side++) {
        if (!connection->left[side])
            leave(connection, side);
        vmmc_link_release(connection->link[side]);
    }
}

static vmmc_lendable_t allocate(uint64_t length, bool others_write)
{
    vmmc_lendable_t lendable;
    assert_int_equal(vmmc_lendable_allocate(length, others_write, &lendable), 0);
    assert_int_equal(lendable.length, length);
    return lendable;
}

typedef struct loan {
    uint32_t loan;
    vmmc_loan_token_t token;
    vmmc_borrowed_t borrowed;
} loan_t;

static int try_lend(connection_t *connection, int side, uint32_t memory, uint64_t offset, uint64_t length, loan_t *loan)
{
    vmmc_lend_request_t request = {memory, offset, length, loan};
    return vmmc_lend(connection->link[side], connection->mailbox, &request, &loan->token, &loan->loan);
}

static void lend(connection_t *connection, uint32_t memory, uint64_t offset, uint64_t length, loan_t *loan)
{
    assert_int_equal(try_lend(connection, 0, memory, offset, length, loan), 0);
}

static int try_accept(connection_t *connection, int side, loan_t *loan)
{
    return vmmc_accept(connection->link[side], connection->mailbox, &loan->token, &loan->borrowed);
}

static void accept_loan(connection_t *connection, loan_t *loan)
{
    assert_int_equal(try_accept(connection, 1, loan), 0);
}

static void give_back(const loan_t *loan)
{
    assert_int_equal(vmmc_return(&loan->token, loan->borrowed.bytes), 0);
}

static int try_reclaim(connection_t *connection, int side, uint32_t *loan, void **context)
{
    return vmmc_reclaim(connection->link[side], connection->mailbox, loan, context);
}

static void reclaim(connection_t *connection, const loan_t *loan)
{
    uint32_t number = loan->loan;
    void *context = NULL;
    assert_int_equal(try_reclaim(connection, 0, &number, &context), 0);
    assert_int_equal(number, loan->loan);
    assert_ptr_equal(context, loan);
}

static void expect_out(connection_t *connection, const loan_t *loan)
{
    uint32_t number = loan->loan;
    void *context;
    assert_int_equal(try_reclaim(connection, 0, &number, &context), VMMC_EAGAIN);
}

static void check(const void *bytes, size_t count, uint64_t from, uint32_t seed)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++)
        unit_check(at[i] == unit_pattern(seed, from + i));
}

/* Without a signal: the kernel refuses to store into pages that cannot be written. */
static bool can_be_written(void *byte)
{
    int zero = open("/dev/zero", O_RDONLY);
    bool can = read(zero, byte, 1) == 1;
    close(zero);
    return can;
}

static unsigned windows_of(const vmmc_link_t *link)
{
    unsigned count = 0;
    for (const window_t *window = link->borrowing.windows; window; window = window->next)
        count++;
    return count;
}

/* ---- honest programs ---- */

static void what_is_lent_is_the_memory_itself(void **state)
{
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, false);
    uint8_t *base = lendable.base;
    loan_t loan;
    (void)state;
    open_connection(&connection);
    unit_fill(base, 1, 0, LENGTH);
    lend(&connection, lendable.id, 70001, 100000, &loan);
    expect_out(&connection, &loan);
    accept_loan(&connection, &loan);
    assert_int_equal(loan.borrowed.length, 100000);
    assert_false(loan.borrowed.writable);
    assert_ptr_not_equal(loan.borrowed.bytes, base + 70001);
    check(loan.borrowed.bytes, 100000, 70001, 1);
    base[70001] = 77;
    assert_int_equal(*(volatile uint8_t *)loan.borrowed.bytes, 77);
    assert_false(can_be_written(loan.borrowed.bytes));
    expect_out(&connection, &loan);
    give_back(&loan);
    reclaim(&connection, &loan);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&connection);
}

static void what_is_lent_for_writing_can_be_filled(void **state)
{
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, true);
    loan_t loan;
    (void)state;
    open_connection(&connection);
    lend(&connection, lendable.id, 0, LENGTH, &loan);
    accept_loan(&connection, &loan);
    assert_true(loan.borrowed.writable);
    unit_fill(loan.borrowed.bytes, 2, 0, LENGTH);
    give_back(&loan);
    reclaim(&connection, &loan);
    check(lendable.base, LENGTH, 0, 2);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&connection);
}

static void shuffle(loan_t **loans, unsigned count, uint32_t seed)
{
    for (unsigned i = count; i > 1; i--) {
        unsigned other = unit_random(&seed, i);
        loan_t *loan = loans[i - 1];
        loans[i - 1] = loans[other];
        loans[other] = loan;
    }
}

/* By its number, or as any that is back. */
static void give_back_and_reclaim(connection_t *connection, loan_t *loan, bool any)
{
    uint32_t number = 0;
    void *context;
    give_back(loan);
    if (!any) {
        reclaim(connection, loan);
        return;
    }
    assert_int_equal(try_reclaim(connection, 0, &number, &context), 0);
    assert_int_equal(number, loan->loan);
    assert_ptr_equal(context, loan);
}

/* Of overlapping ranges, many with one beginning. */
static void as_many_as_fit_come_back_in_any_order(void **state)
{
    static loan_t loans[ARENA_LOANS + 1];
    static loan_t *order[ARENA_LOANS];
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, false);
    (void)state;
    open_connection(&connection);
    unit_fill(lendable.base, 3, 0, LENGTH);
    for (uint32_t round = 0; round < 3; round++) {
        for (unsigned i = 0; i < ARENA_LOANS; i++) {
            lend(&connection, lendable.id, i % 7 * 1000, 1 + i * 100, &loans[i]);
            order[i] = &loans[i];
        }
        assert_int_equal(try_lend(&connection, 0, lendable.id, 0, 1, &loans[ARENA_LOANS]), VMMC_ENOMEM);
        shuffle(order, ARENA_LOANS, round + 1);
        for (unsigned i = 0; i < ARENA_LOANS; i++) {
            accept_loan(&connection, order[i]);
            assert_int_equal(order[i]->borrowed.length, 1 + (order[i] - loans) * 100);
        }
        assert_int_equal(windows_of(connection.link[1]), 1);
        shuffle(order, ARENA_LOANS, round + 9);
        for (unsigned i = 0; i < ARENA_LOANS; i++) {
            check(order[i]->borrowed.bytes, 1, (uint64_t)((order[i] - loans) % 7 * 1000), 3);
            expect_out(&connection, order[ARENA_LOANS - 1]);
            give_back_and_reclaim(&connection, order[i], round == 1);
        }
    }
    assert_int_equal(connection.link[0]->lending.used, 0);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&connection);
}

static void both_sides_lend_and_connections_do_not_mix(void **state)
{
    connection_t first, second;
    vmmc_lendable_t lendable = allocate(LENGTH, false);
    loan_t there, back, other;
    uint32_t any = 0;
    void *context;
    (void)state;
    open_connection(&first);
    open_connection(&second);
    assert_ptr_equal(first.link[0], second.link[0]);
    assert_int_equal(try_reclaim(&first, 0, &any, &context), VMMC_EINVAL);
    lend(&first, lendable.id, 0, 100, &there);
    assert_int_equal(try_lend(&first, 1, lendable.id, 50, 100, &back), 0);
    lend(&second, lendable.id, 0, 100, &other);
    assert_int_equal(try_accept(&first, 0, &there), VMMC_EACCES); /* the lender's own end */
    assert_int_equal(try_accept(&second, 1, &there), VMMC_EACCES);
    assert_int_equal(try_accept(&first, 1, &other), VMMC_EACCES);
    accept_loan(&first, &there);
    accept_loan(&second, &other);
    assert_int_equal(try_accept(&first, 0, &back), 0);
    give_back(&there);
    assert_int_equal(try_reclaim(&second, 0, &any, &context), VMMC_EAGAIN);
    assert_int_equal(try_reclaim(&second, 0, &there.loan, &context), VMMC_EINVAL);
    assert_int_equal(try_reclaim(&first, 1, &any, &context), VMMC_EAGAIN);
    reclaim(&first, &there);
    give_back(&other);
    reclaim(&second, &other);
    give_back(&back);
    assert_int_equal(try_reclaim(&first, 1, &any, &context), 0);
    assert_ptr_equal(context, &back);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&first);
    close_connection(&second);
}

static void a_range_of_a_large_memory_is_mapped_alone(void **state)
{
    const uint64_t length = (uint64_t)5 << 30, far = ((uint64_t)4 << 30) + 12345;
    connection_t connection;
    vmmc_lendable_t lendable = allocate(length, false);
    loan_t loan, across;
    (void)state;
    open_connection(&connection);
    unit_fill((uint8_t *)lendable.base + far, 4, 0, 1000);
    lend(&connection, lendable.id, far, 1000, &loan);
    lend(&connection, lendable.id, ((uint64_t)1 << 30) - 5000, 10000, &across); /* does not fit the grid of windows */
    accept_loan(&connection, &loan);
    accept_loan(&connection, &across);
    assert_int_equal(windows_of(connection.link[1]), 2);
    check(loan.borrowed.bytes, 1000, 0, 4);
    for (const window_t *window = connection.link[1]->borrowing.windows; window; window = window->next)
        assert_true(window->view.length <= 256u << 20);
    give_back(&loan);
    give_back(&across);
    reclaim(&connection, &loan);
    reclaim(&connection, &across);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&connection);
}

/* ---- wrong use ---- */

static void wrong_ranges_and_memories_are_refused(void **state)
{
    static const struct {
        uint64_t offset, length;
    } wrong[] = {{0, 0},          {0, LENGTH + 1},          {1, LENGTH},
                 {LENGTH, 1},     {LENGTH + 1, 1},          {UINT64_MAX, 1},
                 {1, UINT64_MAX}, {UINT64_MAX, UINT64_MAX}, {5, UINT64_MAX - 3}};
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, false), none;
    loan_t loan;
    (void)state;
    open_connection(&connection);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(try_lend(&connection, 0, lendable.id, wrong[i].offset, wrong[i].length, &loan), VMMC_EINVAL);
    for (uint32_t bit = 0; bit < 32; bit++)
        assert_int_equal(try_lend(&connection, 0, lendable.id ^ 1u << bit, 0, 1, &loan), VMMC_EINVAL);
    assert_int_equal(try_lend(&connection, 0, 0, 0, 1, &loan), VMMC_EINVAL);
    assert_int_equal(vmmc_lendable_free(lendable.id ^ 1), VMMC_EINVAL);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    assert_int_equal(vmmc_lendable_free(lendable.id), VMMC_EINVAL);
    assert_int_equal(try_lend(&connection, 0, lendable.id, 0, 1, &loan), VMMC_EINVAL);
    assert_int_equal(vmmc_lendable_allocate(0, false, &none), VMMC_EINVAL);
    assert_int_equal(vmmc_lendable_allocate(UINT64_MAX, false, &none), VMMC_ENOMEM);
    assert_int_equal(vmmc_lendable_open_file(0, &none), VMMC_EINVAL); /* not natively */
    close_connection(&connection);
}

static void a_process_has_so_many_memories(void **state)
{
    static vmmc_lendable_t all[ARENA_MEMORIES];
    vmmc_lendable_t more;
    (void)state;
    for (unsigned i = 0; i < ARENA_MEMORIES; i++)
        all[i] = allocate(1, false);
    assert_int_equal(vmmc_lendable_allocate(1, false, &more), VMMC_ENOMEM);
    for (unsigned i = 0; i < ARENA_MEMORIES; i++)
        assert_int_equal(vmmc_lendable_free(all[i].id), 0);
    more = allocate(1, false);
    assert_int_not_equal(more.id, all[0].id);
    assert_int_equal(vmmc_lendable_free(more.id), 0);
}

static void what_is_done_twice_or_wrongly_is_refused(void **state)
{
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, false);
    loan_t loan, next;
    uint32_t number;
    void *context;
    (void)state;
    open_connection(&connection);
    lend(&connection, lendable.id, 10, 100, &loan);
    assert_int_equal(vmmc_return(&loan.token, lendable.base), VMMC_EINVAL); /* not accepted yet */
    accept_loan(&connection, &loan);
    assert_int_equal(try_accept(&connection, 1, &next), VMMC_EACCES);
    next = loan;
    assert_int_equal(try_accept(&connection, 1, &next), VMMC_EACCES);
    assert_int_equal(vmmc_return(&loan.token, (uint8_t *)loan.borrowed.bytes + 1), VMMC_EACCES);
    assert_int_equal(vmmc_return(&loan.token, lendable.base), VMMC_EACCES);
    expect_out(&connection, &loan);
    give_back(&loan);
    assert_int_equal(vmmc_return(&loan.token, loan.borrowed.bytes), VMMC_EINVAL);
    assert_int_equal(try_accept(&connection, 1, &next), VMMC_EACCES);
    reclaim(&connection, &loan);
    number = loan.loan;
    assert_int_equal(try_reclaim(&connection, 0, &number, &context), VMMC_EINVAL);
    assert_int_equal(try_accept(&connection, 1, &next), VMMC_EACCES);
    lend(&connection, lendable.id, 10, 100, &next); /* the same entry again */
    assert_int_equal(try_accept(&connection, 1, &loan), VMMC_EACCES);
    accept_loan(&connection, &next);
    give_back(&next);
    reclaim(&connection, &next);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&connection);
}

/* ---- tokens that somebody has changed ---- */

static void a_token_with_one_wrong_bit_is_refused(void **state)
{
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, true);
    loan_t loan;
    (void)state;
    open_connection(&connection);
    lend(&connection, lendable.id, 4096, 100, &loan);
    for (unsigned bit = 0; bit < 8 * sizeof loan.token; bit++) {
        loan_t forged = loan;
        forged.token.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(try_accept(&connection, 1, &forged), VMMC_EACCES);
        assert_int_equal(vmmc_return(&forged.token, lendable.base), VMMC_EINVAL);
    }
    accept_loan(&connection, &loan);
    give_back(&loan);
    reclaim(&connection, &loan);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&connection);
}

static void random_tokens_are_refused(void **state)
{
    connection_t connection;
    uint32_t random = 5;
    loan_t loan;
    (void)state;
    open_connection(&connection);
    for (int i = 0; i < 10000; i++) {
        for (size_t at = 0; at < sizeof loan.token; at++)
            loan.token.bytes[at] = (uint8_t)unit_random(&random, 256);
        assert_int_equal(try_accept(&connection, 1, &loan), VMMC_EACCES);
        assert_int_equal(vmmc_return(&loan.token, &loan), VMMC_EINVAL);
    }
    close_connection(&connection);
}

/* The lender's process lies in the token and in its table alike.  What is given out nevertheless can be read. */
static void a_lender_that_lies_gives_nothing_but_its_own(void **state)
{
    const uint64_t wild[] = {
        0,          1,      4095,     4096,       65535,      65536,      LENGTH - 1,          LENGTH,
        LENGTH + 1, 204800, 1u << 20, UINT32_MAX, 1ull << 32, 1ull << 62, UINT64_MAX - LENGTH, UINT64_MAX};
    const size_t count = sizeof wild / sizeof *wild;
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, false);
    loan_t loan;
    (void)state;
    open_connection(&connection);
    unit_fill(lendable.base, 6, 0, LENGTH);
    for (size_t i = 0; i < count * count * count; i++) {
        lend(&connection, lendable.id, 0, 1, &loan);
        loan_token_t token;
        memcpy(&token, &loan.token, sizeof token);
        token.memory_length = wild[i % count];
        token.offset = wild[i / count % count];
        token.length = wild[i / count / count];
        memcpy(&loan.token, &token, sizeof token);
        memcpy(&connection.link[0]->arena->lending[0].lent[token.index], &token, sizeof token);
        int error = try_accept(&connection, 1, &loan);
        if (error == 0) {
            assert_true(token.offset + token.length <= LENGTH);
            check(loan.borrowed.bytes, token.length, token.offset, 6);
            give_back(&loan);
        } else {
            assert_true(error == VMMC_EACCES || error == VMMC_ENOMEM);
            store_release(&connection.link[0]->arena->lending[0].borrowed[token.index].returned, token.generation);
        }
        reclaim(&connection, &loan);
    }
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&connection);
}

typedef struct scribbler {
    lending_shm_t *shared;
    word_t stop;
} scribbler_t;

static void *scribble(void *argument)
{
    static const uint32_t wild[] = {0, 1, 2, 3, 5, 7, 1023, 1024, 65537, 1u << 31, UINT32_MAX};
    scribbler_t *scribbler = argument;
    word_t *words = (word_t *)scribbler->shared;
    uint32_t random = 8;
    while (!load_acquire(&scribbler->stop)) {
        bool near = unit_random(&random, 2); /* the entries that are in use */
        uint32_t at = unit_random(&random, near ? 4 * LOAN_WORDS : sizeof(lending_shm_t) / sizeof(word_t));
        if (near)
            at += unit_random(&random, 2) ? offsetof(lending_shm_t, lent) / 4 : offsetof(lending_shm_t, borrowed) / 4;
        store_relaxed(&words[at], wild[unit_random(&random, sizeof wild / sizeof *wild)]);
    }
    return NULL;
}

/* Anything may happen to the loans, but nothing to the two processes: what was accepted can be read. */
static void any_word_may_have_any_value(void **state)
{
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, false);
    (void)state;
    open_connection(&connection);
    unit_fill(lendable.base, 9, 0, LENGTH);
    scribbler_t scribbler = {&connection.link[0]->arena->lending[0], 0};
    pthread_t thread = unit_thread(scribble, &scribbler);
    for (uint32_t i = 0; i < 20000; i++) {
        loan_t loan;
        void *context;
        if (try_lend(&connection, 0, lendable.id, i % 1000, 100, &loan) == 0 &&
            try_accept(&connection, 1, &loan) == 0) {
            check(loan.borrowed.bytes, 100, i % 1000, 9);
            give_back(&loan);
        }
        uint32_t any = 0;
        try_reclaim(&connection, 0, &any, &context);
        vmmc_returns_t seen = vmmc_returns(connection.link[0]);
        if (i % 100 == 0)
            vmmc_await_return(connection.link[0], seen, &never, os_now_us() + 10);
    }
    store_release(&scribbler.stop, 1);
    unit_join(thread);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    vmmc_link_t *spoilt = connection.link[0];
    close_connection(&connection);
    spoilt->free_mailboxes = 0; /* other cases get another arena */
}

/* ---- freeing ---- */

static void freed_memory_cannot_be_accepted_and_is_back(void **state)
{
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, false);
    loan_t accepted, late;
    (void)state;
    open_connection(&connection);
    unit_fill(lendable.base, 7, 0, LENGTH);
    lend(&connection, lendable.id, 0, LENGTH, &accepted);
    lend(&connection, lendable.id, 0, LENGTH, &late);
    accept_loan(&connection, &accepted);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    assert_int_equal(try_accept(&connection, 1, &late), VMMC_EACCES);
    reclaim(&connection, &late);
    expect_out(&connection, &accepted);
    check(accepted.borrowed.bytes, LENGTH, 0, 7);
    give_back(&accepted);
    reclaim(&connection, &accepted);
    assert_int_equal(windows_of(connection.link[1]), 0);
    close_connection(&connection);
}

static void an_unused_window_is_kept_until_its_memory_is_freed(void **state)
{
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, false), other = allocate(LENGTH, false);
    loan_t loan, of_other;
    (void)state;
    open_connection(&connection);
    lend(&connection, lendable.id, 0, 1, &loan);
    lend(&connection, other.id, 0, 1, &of_other);
    accept_loan(&connection, &loan);
    accept_loan(&connection, &of_other);
    void *bytes = loan.borrowed.bytes;
    give_back_and_reclaim(&connection, &loan, false);
    give_back_and_reclaim(&connection, &of_other, false);
    vmmc_forget_freed();
    assert_int_equal(windows_of(connection.link[1]), 2);
    lend(&connection, lendable.id, 0, 1, &loan);
    accept_loan(&connection, &loan);
    assert_ptr_equal(loan.borrowed.bytes, bytes);
    give_back_and_reclaim(&connection, &loan, false);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    vmmc_forget_freed();
    assert_int_equal(windows_of(connection.link[1]), 1);
    assert_int_equal(vmmc_lendable_free(other.id), 0);
    vmmc_forget_freed();
    assert_int_equal(windows_of(connection.link[1]), 0);
    close_connection(&connection);
}

static void few_unused_windows_are_kept(void **state)
{
    enum { COUNT = 100 };
    connection_t connection;
    vmmc_lendable_t lendables[COUNT];
    loan_t loans[COUNT];
    (void)state;
    open_connection(&connection);
    for (int i = 0; i < COUNT; i++) {
        lendables[i] = allocate(1, false);
        lend(&connection, lendables[i].id, 0, 1, &loans[i]);
        accept_loan(&connection, &loans[i]);
    }
    assert_int_equal(windows_of(connection.link[1]), COUNT);
    for (int i = 0; i < COUNT; i++)
        give_back_and_reclaim(&connection, &loans[i], false);
    assert_true(windows_of(connection.link[1]) <= 16);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(vmmc_lendable_free(lendables[i].id), 0);
    vmmc_forget_freed();
    close_connection(&connection);
}

/* ---- connections that end ---- */

static void what_nobody_accepted_is_back_when_the_borrower_leaves(void **state)
{
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, false);
    loan_t accepted, late;
    (void)state;
    open_connection(&connection);
    lend(&connection, lendable.id, 0, 1, &accepted);
    lend(&connection, lendable.id, 0, 1, &late);
    accept_loan(&connection, &accepted);
    expect_out(&connection, &late);
    leave(&connection, 1);
    reclaim(&connection, &late);
    expect_out(&connection, &accepted);
    give_back(&accepted);
    reclaim(&connection, &accepted);
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&connection);
}

static void the_loans_of_a_lender_that_left_make_room_when_they_are_back(void **state)
{
    static loan_t loans[ARENA_LOANS];
    connection_t first, second;
    vmmc_lendable_t lendable = allocate(LENGTH, false);
    loan_t loan;
    (void)state;
    open_connection(&first);
    open_connection(&second);
    for (unsigned i = 0; i < ARENA_LOANS; i++)
        lend(&first, lendable.id, 0, 1, &loans[i]);
    for (unsigned i = 0; i < 10; i++)
        accept_loan(&first, &loans[i]);
    leave(&first, 0);
    assert_int_equal(try_lend(&second, 0, lendable.id, 0, 1, &loan), VMMC_ENOMEM);
    accept_loan(&first, &loans[10]); /* the borrower has not left */
    give_back(&loans[10]);
    give_back(&loans[3]);
    for (unsigned i = 0; i < 2; i++) {
        lend(&second, lendable.id, 0, 1, &loan);
        accept_loan(&second, &loan);
        give_back(&loan);
    }
    assert_int_equal(try_lend(&second, 0, lendable.id, 0, 1, &loan), VMMC_ENOMEM);
    leave(&first, 1);
    lend(&second, lendable.id, 0, 1, &loan);
    for (unsigned i = 0; i < 10; i++) {
        if (i != 3)
            give_back(&loans[i]);
    }
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&first);
    close_connection(&second);
}

/* ---- several threads ---- */

typedef struct waiting {
    connection_t *connection;
    uint32_t loan; /* 0: any */
    const word_t *stop;
    uint64_t deadline;
    int result;
} waiting_t;

static void *reclaim_and_wait(void *argument)
{
    waiting_t *waiting = argument;
    vmmc_link_t *link = waiting->connection->link[0];
    void *context;
    do {
        vmmc_returns_t seen = vmmc_returns(link);
        waiting->result = vmmc_reclaim(link, waiting->connection->mailbox, &waiting->loan, &context);
        if (waiting->result == VMMC_EAGAIN)
            vmmc_await_return(link, seen, waiting->stop, waiting->deadline);
    } while (waiting->result == VMMC_EAGAIN && !load_acquire(waiting->stop) && os_now_us() < waiting->deadline);
    return NULL;
}

static bool is_asleep(const vmmc_link_t *link, unsigned count)
{
    lock_take((vmmc_lock_t *)&link->lending.lock);
    for (const reclaimer_t *at = link->lending.reclaimers; at; at = at->next)
        count--;
    lock_release((vmmc_lock_t *)&link->lending.lock);
    return count == 0;
}

static void await_sleepers(const vmmc_link_t *link, unsigned count)
{
    while (!is_asleep(link, count))
        usleep(1000);
}

static void whoever_waits_is_woken_by_what_comes_back(void **state)
{
    enum { THREADS = 4 };
    connection_t connection;
    vmmc_lendable_t lendable = allocate(LENGTH, false);
    loan_t loans[THREADS];
    waiting_t waiting[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    open_connection(&connection);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < THREADS; i++) {
            lend(&connection, lendable.id, 0, 1, &loans[i]);
            accept_loan(&connection, &loans[i]);
            waiting[i] = (waiting_t){&connection, loans[i].loan, &never, os_now_us() + UNIT_PATIENCE_US, -1};
            threads[i] = unit_thread(reclaim_and_wait, &waiting[i]);
        }
        for (int i = 0; i < THREADS; i++) {
            if (round > 2)
                await_sleepers(connection.link[0], THREADS - (unsigned)i);
            give_back(&loans[i]);
            unit_join(threads[i]);
            assert_int_equal(waiting[i].result, 0);
        }
    }
    assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    close_connection(&connection);
}

/* What ends a wait besides a return: the memory is freed, the borrower leaves, a stop, the time. */
static void other_things_end_a_wait_too(void **state)
{
    connection_t connection;
    word_t stop = 0;
    (void)state;
    for (int way = 0; way < 4; way++) {
        vmmc_lendable_t lendable = allocate(LENGTH, false);
        loan_t loan;
        open_connection(&connection);
        lend(&connection, lendable.id, 0, 1, &loan);
        waiting_t waiting = {&connection, 0, &stop, os_now_us() + (way == 3 ? 20000 : UNIT_PATIENCE_US), -1};
        pthread_t thread = unit_thread(reclaim_and_wait, &waiting);
        if (way != 3)
            await_sleepers(connection.link[0], 1);
        if (way == 0)
            assert_int_equal(vmmc_lendable_free(lendable.id), 0);
        if (way == 1)
            leave(&connection, 1);
        if (way == 2) {
            store_release(&stop, 1);
            vmmc_kick_reclaimers(connection.link[0]);
        }
        unit_join(thread);
        assert_int_equal(waiting.result, way < 2 ? 0 : VMMC_EAGAIN);
        store_release(&stop, 0);
        if (way != 0)
            assert_int_equal(vmmc_lendable_free(lendable.id), 0);
        close_connection(&connection);
    }
}

typedef struct accepting {
    connection_t *connection;
    loan_t loan;
    word_t *gate; /* opens at 1; whoever stands there has added 2 */
    int result;
} accepting_t;

static void *accept_now(void *argument)
{
    accepting_t *accepting = argument;
    word_add(accepting->gate, 2);
    while (load_acquire(accepting->gate) % 2 == 0)
        cpu_pause();
    accepting->result = try_accept(accepting->connection, 1, &accepting->loan);
    return NULL;
}

static void open_gate(word_t *gate, uint32_t threads)
{
    while (load_acquire(gate) != 2 * threads)
        sched_yield();
    word_add(gate, 1);
}

static void of_threads_that_accept_one_loan_one_gets_it(void **state)
{
    connection_t connection;
    (void)state;
    open_connection(&connection);
    for (int round = 0; round < 100; round++) {
        vmmc_lendable_t lendable = allocate(LENGTH, false);
        word_t gate = 0;
        loan_t loan;
        lend(&connection, lendable.id, 0, 1, &loan);
        accepting_t accepting[2] = {{&connection, loan, &gate, 1}, {&connection, loan, &gate, 1}};
        pthread_t threads[2] = {unit_thread(accept_now, &accepting[0]), unit_thread(accept_now, &accepting[1])};
        open_gate(&gate, 2);
        unit_join(threads[0]);
        unit_join(threads[1]);
        int winner = accepting[0].result == 0 ? 0 : 1;
        assert_int_equal(accepting[winner].result, 0);
        assert_int_equal(accepting[1 - winner].result, VMMC_EACCES);
        expect_out(&connection, &loan);
        give_back(&accepting[winner].loan);
        reclaim(&connection, &loan);
        assert_int_equal(vmmc_lendable_free(lendable.id), 0);
    }
    close_connection(&connection);
}

/* Either the loan was accepted, and is out until it is returned, or it was not and is back at once. */
static void accepting_what_is_freed_in_that_moment(void **state)
{
    connection_t connection;
    unsigned accepted = 0;
    (void)state;
    open_connection(&connection);
    for (int round = 0; round < 300; round++) {
        vmmc_lendable_t lendable = allocate(LENGTH, false);
        word_t gate = 0;
        loan_t loan, warm;
        lend(&connection, lendable.id, 0, 1, &warm); /* the window exists, so that it is a matter of nanoseconds */
        accept_loan(&connection, &warm);
        lend(&connection, lendable.id, 0, 1, &loan);
        accepting_t accepting = {&connection, loan, &gate, 1};
        pthread_t thread = unit_thread(accept_now, &accepting);
        open_gate(&gate, 1);
        for (int i = 0; i < round % 30 * 20; i++)
            cpu_pause();
        assert_int_equal(vmmc_lendable_free(lendable.id), 0);
        unit_join(thread);
        if (accepting.result == 0) {
            expect_out(&connection, &loan);
            give_back(&accepting.loan);
            accepted++;
        }
        reclaim(&connection, &loan);
        give_back(&warm);
        reclaim(&connection, &warm);
    }
    print_message("%u of 300 were accepted in time\n", accepted);
    close_connection(&connection);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_lent_is_the_memory_itself),
        cmocka_unit_test(what_is_lent_for_writing_can_be_filled),
        cmocka_unit_test(as_many_as_fit_come_back_in_any_order),
        cmocka_unit_test(both_sides_lend_and_connections_do_not_mix),
        cmocka_unit_test(a_range_of_a_large_memory_is_mapped_alone),
        cmocka_unit_test(wrong_ranges_and_memories_are_refused),
        cmocka_unit_test(a_process_has_so_many_memories),
        cmocka_unit_test(what_is_done_twice_or_wrongly_is_refused),
        cmocka_unit_test(a_token_with_one_wrong_bit_is_refused),
        cmocka_unit_test(random_tokens_are_refused),
        cmocka_unit_test(a_lender_that_lies_gives_nothing_but_its_own),
        cmocka_unit_test(any_word_may_have_any_value),
        cmocka_unit_test(freed_memory_cannot_be_accepted_and_is_back),
        cmocka_unit_test(an_unused_window_is_kept_until_its_memory_is_freed),
        cmocka_unit_test(few_unused_windows_are_kept),
        cmocka_unit_test(what_nobody_accepted_is_back_when_the_borrower_leaves),
        cmocka_unit_test(the_loans_of_a_lender_that_left_make_room_when_they_are_back),
        cmocka_unit_test(whoever_waits_is_woken_by_what_comes_back),
        cmocka_unit_test(other_things_end_a_wait_too),
        cmocka_unit_test(of_threads_that_accept_one_loan_one_gets_it),
        cmocka_unit_test(accepting_what_is_freed_in_that_moment),
    };
    return unit_main(argc, argv, tests);
}
