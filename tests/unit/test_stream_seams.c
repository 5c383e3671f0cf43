/* test_stream_seams: questions about bytes that lie in several carriers at once; a program must see no seam. */
#include "unit.h"

#include <stdlib.h>

#include "vmmc_private.h"

enum { RING = 4096, FIRST = 100, LAST = 1000, TOTAL = FIRST + RING + LAST, SEED = 4 };

/* FIRST bytes in the kernel connection, then a full ring, then LAST in the kernel again; nothing is read. */
static void fill_three_carriers(unit_pair_t *pair)
{
    stream_t *sender = &pair->end[0], *receiver = &pair->end[1];
    unit_pair_open(pair, RING, RING);
    assert_int_equal(unit_send(sender, SEED, 0, FIRST, true), FIRST);
    assert_int_equal(stream_pending(receiver, receiver->socket), FIRST); /* which consents to a ring */
    assert_int_equal(unit_send(sender, SEED, FIRST, RING + LAST, false), RING + LAST);
    assert_int_equal(receiver->rx.carrier, CARRIER_KERNEL);
    assert_int_equal(load_acquire(&receiver->rx.flow->switches), 2);
}

static uint32_t held_back; /* bytes that the kernel has and does not show yet, as Nagle's algorithm does */

static uint32_t pending_but_some(uintptr_t socket)
{
    return unit_kernel.pending(socket) - held_back;
}

static void what_can_be_received_counts_all_that_has_come(void **state)
{
    unit_pair_t pair;
    kernel_calls_t slow = unit_kernel;
    (void)state;
    fill_three_carriers(&pair);
    stream_t *receiver = &pair.end[1];
    slow.pending = pending_but_some;
    receiver->kernel = &slow;
    held_back = 0;
    assert_int_equal(stream_pending(receiver, receiver->socket), TOTAL);
    held_back = LAST - 10;
    assert_int_equal(stream_pending(receiver, receiver->socket), TOTAL - held_back);
    held_back = LAST + 10;
    assert_int_equal(stream_pending(receiver, receiver->socket), FIRST - 10);
    receiver->kernel = &unit_kernel;
    unit_expect(receiver, SEED, 0, TOTAL);
    unit_pair_close(&pair);
}

static int peek(stream_t *stream, uint8_t *bytes, uint32_t count)
{
    transfer_t transfer = {.socket = stream->socket, .bytes = bytes, .count = count, .peek = true};
    return stream_receive(stream, &transfer);
}

static void expect_pattern(const uint8_t *bytes, uint64_t offset, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(bytes[i], unit_pattern(SEED, offset + i));
}

static void a_peek_sees_through_three_carriers(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[TOTAL + 1];
    (void)state;
    fill_three_carriers(&pair);
    assert_int_equal(peek(&pair.end[1], bytes, sizeof bytes), TOTAL);
    expect_pattern(bytes, 0, TOTAL);
    assert_int_equal(peek(&pair.end[1], bytes, FIRST + RING + 1), FIRST + RING + 1);
    expect_pattern(bytes, 0, FIRST + RING + 1);
    unit_expect(&pair.end[1], SEED, 0, TOTAL);
    unit_pair_close(&pair);
}

/* The mark is the ring's last byte, and what lies behind it came by the kernel. */
static void a_peek_goes_on_behind_a_mark_at_a_seam(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[LAST], mark = '!';
    (void)state;
    unit_pair_open(&pair, RING, RING);
    unit_promote(&pair);
    stream_t *sender = &pair.end[0], *receiver = &pair.end[1];
    transfer_t urgent = {
        .socket = sender->socket, .bytes = &mark, .count = 1, .urgent = true, .deadline = STREAM_NEVER};
    assert_int_equal(unit_send(sender, SEED, 0, RING - 1, true), RING - 1);
    assert_int_equal(stream_send(sender, &urgent), 1);
    assert_int_equal(unit_send(sender, SEED, RING - 1, LAST, false), LAST);
    unit_expect(receiver, SEED, 0, RING - 1);
    assert_int_equal(peek(receiver, bytes, LAST), LAST);
    expect_pattern(bytes, RING - 1, LAST);
    unit_pair_close(&pair);
}

/* ---- bytes are in the kernel connection before they are announced ---- */

static unit_pair_t *interrupted;
static void (*look_meanwhile)(stream_t *receiver);

static int send_and_look(uintptr_t socket, const void *bytes, uint32_t count)
{
    int moved = unit_kernel.send(socket, bytes, count);
    look_meanwhile(&interrupted->end[1]);
    return moved;
}

/* The receiver looks when the sender's first bytes have come, but no more than `sent` are announced. */
static void look_between(unit_pair_t *pair, void (*look)(stream_t *receiver), uint32_t sent)
{
    kernel_calls_t slow = unit_kernel;
    slow.send = send_and_look;
    interrupted = pair;
    look_meanwhile = look;
    pair->end[0].kernel = &slow;
    assert_int_equal(unit_send(&pair->end[0], SEED, sent, FIRST - sent, true), FIRST - sent);
    pair->end[0].kernel = &unit_kernel;
}

static void expect_to_be_told(stream_t *receiver)
{
    unit_check(stream_pending(receiver, receiver->socket) == FIRST);
    unit_check(stream_readable(receiver, receiver->socket) == 1);
    unit_check(receiver->rx.consented);
}

static void what_the_kernel_has_shown_stays_to_be_seen(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, RING, RING);
    look_between(&pair, expect_to_be_told, 0);
    stream_t *receiver = &pair.end[1];
    assert_int_equal(stream_pending(receiver, receiver->socket), FIRST);
    assert_int_equal(unit_send(&pair.end[0], SEED, FIRST, LAST, true), LAST);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    unit_expect(receiver, SEED, 0, FIRST + LAST);
    unit_pair_close(&pair);
}

/* HALF of them are announced, and a thread receives all that it has been told of when the others are, too. */
enum { HALF = FIRST / 2 };

static void *receive_first(void *argument)
{
    stream_t *receiver = argument;
    uint8_t bytes[FIRST];
    unit_check(unit_receive(receiver, bytes, sizeof bytes, true) == FIRST);
    unit_check(unit_fits(bytes, SEED, 0, FIRST));
    return NULL;
}

static pthread_t reading;

/* Returns with the half's lock held, so that the thread's patience lasts. */
static void start_to_receive(stream_t *receiver)
{
    half_t *rx = &receiver->rx;
    unit_check(stream_pending(receiver, receiver->socket) == FIRST);
    uint8_t looks = rx->looks_left;
    reading = unit_thread(receive_first, receiver);
    for (half_take(rx); rx->looks_left == looks; half_take(rx)) {
        lock_release(&rx->lock);
        os_yield(0);
    }
}

static void what_the_kernel_has_shown_comes_whole(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, RING, RING);
    assert_int_equal(unit_send(&pair.end[0], SEED, 0, HALF, true), HALF);
    look_between(&pair, start_to_receive, HALF);
    lock_release(&pair.end[1].rx.lock);
    unit_join(reading);
    unit_pair_close(&pair);
}

static void expect_first_alone(stream_t *receiver)
{
    unit_check(stream_pending(receiver, receiver->socket) == FIRST);
}

/* No more is told of than lies before a mark, whatever is being sent behind it. */
static void a_mark_hides_what_is_not_announced(void **state)
{
    unit_pair_t pair;
    uint8_t byte, mark = '!';
    (void)state;
    unit_pair_open(&pair, RING, RING);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_AGAIN); /* which consents */
    stream_t *sender = &pair.end[0];
    transfer_t urgent = {
        .socket = sender->socket, .bytes = &mark, .count = 1, .urgent = true, .deadline = STREAM_NEVER};
    sender->tx.never = true; /* the kernel carries all of it */
    assert_int_equal(unit_send(sender, SEED, 0, FIRST, true), FIRST);
    assert_int_equal(stream_send(sender, &urgent), 1);
    look_between(&pair, expect_first_alone, 0);
    unit_pair_close(&pair);
}

/* ---- the other process is dead, and the kernel connection says nothing of it ---- */

static void with_death(unit_pair_t *pair, int survivor, void (*look)(unit_pair_t *pair))
{
    word_t *dead = &pair->end[survivor].link->dead;
    store_release(dead, 1);
    look(pair);
    store_release(dead, 0); /* the link is shared with the cases that follow */
    unit_pair_close(pair);
}

static void expect_reset(unit_pair_t *pair)
{
    uint8_t byte;
    assert_int_equal(unit_receive(&pair->end[1], &byte, 1, true), STREAM_RESET);
}

static void expect_end(unit_pair_t *pair)
{
    stream_t *receiver = &pair->end[1];
    uint8_t byte;
    assert_int_equal(stream_input(receiver, receiver->socket), INPUT_END);
    assert_int_equal(unit_receive(receiver, &byte, 1, true), 0);
}

static void expect_all_then_end(unit_pair_t *pair)
{
    unit_expect(&pair->end[1], SEED, 0, TOTAL);
    expect_end(pair);
}

static void a_dead_sender_ends_its_stream_behind_the_last_seam(void **state)
{
    unit_pair_t pair;
    (void)state;
    fill_three_carriers(&pair);
    with_death(&pair, 1, expect_all_then_end);
}

/* It had bytes from the receiver's end that it never read. */
static void a_dead_sender_resets_its_stream_behind_the_last_seam(void **state)
{
    unit_pair_t pair;
    (void)state;
    fill_three_carriers(&pair);
    unit_expect(&pair.end[1], SEED, 0, TOTAL);
    stream_t *back = &pair.end[1], *dying = &pair.end[0];
    assert_int_equal(unit_send(back, SEED, 0, FIRST, true), FIRST);
    unit_expect(dying, SEED, 0, FIRST);
    assert_int_equal(unit_send(back, SEED, FIRST, 1, true), 1);
    assert_true(back->tx.switches);
    with_death(&pair, 1, expect_reset);
}

/* Whoever has a copy of the dead process's socket may go on. */
static void expect_kernel(unit_pair_t *pair)
{
    stream_t *receiver = &pair->end[1];
    uint8_t byte;
    unit_expect(receiver, SEED, 0, TOTAL);
    unit_check(unit_kernel.send(pair->end[0].socket, "s", 1) == 1);
    assert_int_equal(unit_receive(receiver, &byte, 1, true), STREAM_BY_KERNEL);
}

static void bytes_that_a_dead_sender_has_not_announced_are_the_kernels(void **state)
{
    unit_pair_t pair;
    (void)state;
    fill_three_carriers(&pair);
    with_death(&pair, 1, expect_kernel);
}

static void expect_no_sending(unit_pair_t *pair)
{
    assert_int_equal(pair->end[0].tx.carrier, CARRIER_KERNEL);
    assert_int_equal(unit_send(&pair->end[0], SEED, TOTAL, 1, true), STREAM_RESET);
}

static void nothing_is_sent_behind_the_last_seam_to_a_dead_receiver(void **state)
{
    unit_pair_t pair;
    (void)state;
    fill_three_carriers(&pair);
    with_death(&pair, 0, expect_no_sending);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_received_counts_all_that_has_come),
        cmocka_unit_test(a_peek_sees_through_three_carriers),
        cmocka_unit_test(a_peek_goes_on_behind_a_mark_at_a_seam),
        cmocka_unit_test(what_the_kernel_has_shown_stays_to_be_seen),
        cmocka_unit_test(what_the_kernel_has_shown_comes_whole),
        cmocka_unit_test(a_mark_hides_what_is_not_announced),
        cmocka_unit_test(a_dead_sender_ends_its_stream_behind_the_last_seam),
        cmocka_unit_test(a_dead_sender_resets_its_stream_behind_the_last_seam),
        cmocka_unit_test(bytes_that_a_dead_sender_has_not_announced_are_the_kernels),
        cmocka_unit_test(nothing_is_sent_behind_the_last_seam_to_a_dead_receiver),
    };
    return unit_main(argc, argv, tests);
}
