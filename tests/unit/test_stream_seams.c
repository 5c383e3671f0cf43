/* test_stream_seams: questions about bytes that lie in several carriers at once; a program must see no seam. */
#include "unit.h"

#include <stdlib.h>

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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_received_counts_all_that_has_come),
        cmocka_unit_test(a_peek_sees_through_three_carriers),
        cmocka_unit_test(a_peek_goes_on_behind_a_mark_at_a_seam),
    };
    return unit_main(argc, argv, tests);
}
