/* test_stream: both ends of a stream in one process: start-up, growth, overflow, ends, demotion, byte for byte. */
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

static void starts_on_the_kernel_and_moves_to_a_ring_after_consent(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 65536, 65536);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 100, true), 100);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_KERNEL);
    unit_expect(&pair.end[1], 1, 0, 100);
    assert_int_equal(unit_send(&pair.end[0], 1, 100, 100, true), 100);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    unit_expect(&pair.end[1], 1, 100, 100);
    assert_int_equal(pair.end[1].rx.carrier, CARRIER_RING);
    unit_pair_close(&pair);
}

static unit_pair_t *attaching;

/* The other end attaches and sends while the first one makes sure that there is nothing yet. */
static uint32_t pending_before_the_other_end(uintptr_t socket)
{
    uint32_t none = unit_kernel.pending(socket);
    unit_pair_attach(attaching, 0);
    unit_check(unit_send(&attaching->end[0], 1, 0, 10, true) == 10);
    return none;
}

static void who_attaches_first_waits_for_the_other_end(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[10];
    kernel_calls_t calls = unit_kernel;
    (void)state;
    unit_pair_prepare(&pair, 4096, 4096);
    unit_pair_attach(&pair, 1);
    assert_int_equal(unit_receive(&pair.end[1], bytes, sizeof bytes, false), STREAM_BY_KERNEL); /* it may not wait */
    attaching = &pair;
    calls.pending = pending_before_the_other_end;
    pair.end[1].kernel = &calls;
    assert_int_equal(unit_receive(&pair.end[1], bytes, sizeof bytes, true), 10);
    assert_true(pair.end[1].rx.consented);
    pair.end[1].kernel = &unit_kernel;
    unit_pair_close(&pair);
}

static void a_wait_for_the_other_end_is_short_and_the_only_one(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_prepare(&pair, 4096, 4096);
    unit_pair_attach(&pair, 1);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_BY_KERNEL);
    assert_int_equal(pair.end[1].rx.counters.waits, 1);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_BY_KERNEL);
    assert_int_equal(pair.end[1].rx.counters.waits, 1);
    unit_pair_attach(&pair, 0);
    unit_pair_close(&pair);
}

static unsigned unblocked;

static void count_unblocked(uintptr_t socket)
{
    (void)socket;
    unblocked++;
}

/* A thread that waits in the kernel's own call is not disturbed, and need not ask first. */
static void the_kernel_may_block_until_the_stream_calls_it(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    kernel_calls_t calls = unit_kernel;
    (void)state;
    calls.unblock = count_unblocked;
    unblocked = 0;
    unit_pair_prepare(&pair, 4096, 4096);
    for (int i = 0; i < 2; i++)
        pair.end[i].kernel = &calls;
    unit_pair_attach(&pair, 1);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_BY_KERNEL);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_LATER);
    unit_pair_attach(&pair, 0);
    assert_int_equal(unblocked, 0);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 1, true), 1);
    assert_int_equal(unblocked, 1);
    unit_expect(&pair.end[1], 1, 0, 1);
    assert_int_equal(unblocked, 2);
    stream_unblock_kernel(&pair.end[0]);
    assert_int_equal(unblocked, 2);
    unit_pair_close(&pair);
}

static void full_ring_continues_in_the_kernel_and_comes_back_larger(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 65536);
    unit_promote(&pair);
    for (uint32_t sent = 0; sent < 1000000; sent += 10000)
        assert_int_equal(unit_send(&pair.end[0], 2, sent, 10000, true), 10000);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_KERNEL);
    unit_expect(&pair.end[1], 2, 0, 1000000);
    assert_int_equal(unit_send(&pair.end[0], 2, 1000000, 5000, true), 5000);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    assert_true(pair.end[0].tx.ring.size > 4096);
    unit_expect(&pair.end[1], 2, 1000000, 5000);
    unit_pair_close(&pair);
}

/* Takes a byte while the sender sleeps, and leaves it asleep for longer than it has patience. */
static stream_t *late_receiver;

static bool take_a_byte_and_be_late(void)
{
    uint8_t byte;
    assert_int_equal(unit_receive(late_receiver, &byte, 1, false), 1);
    usleep(5000);
    return true;
}

static bool never_cancelled(void)
{
    return false;
}

/* Fills the ring and sends `messages` more of `size` bytes.  What carries the direction then. */
static carrier_t carrier_after(uint32_t messages, uint32_t size)
{
    static const wait_interlude_t interlude = {.run = take_a_byte_and_be_late, .cancelled = never_cancelled};
    unit_pair_t pair;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    late_receiver = &pair.end[1];
    assert_int_equal(unit_send(&pair.end[0], 6, 0, 4096, true), 4096);
    wait_set_interlude(&interlude);
    for (uint32_t i = 0; i < messages; i++)
        assert_int_equal(unit_send(&pair.end[0], 6, 4096 + i * size, size, true), size);
    wait_set_interlude(NULL);
    carrier_t carrier = pair.end[0].tx.carrier;
    unit_pair_close(&pair);
    return carrier;
}

/* It would go by the kernel for long: its receiver is slower there than it is itself. */
static void a_sender_whose_receiver_makes_room_stays_in_the_ring(void **state)
{
    (void)state;
    assert_int_equal(carrier_after(4, 1), CARRIER_RING);
}

static void little_room_is_none_for_a_larger_message(void **state)
{
    (void)state;
    assert_int_equal(carrier_after(1, 1000), CARRIER_KERNEL);
}

static void non_blocking_send_takes_what_the_kernel_would(void **state)
{
    unit_pair_t pair;
    uint32_t sent = 0;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    for (;;) {
        int moved = unit_send(&pair.end[0], 3, sent, 60000, false);
        if (moved == STREAM_AGAIN)
            break;
        assert_true(moved > 0);
        sent += (uint32_t)moved;
    }
    assert_true(sent > 100000);
    unit_expect(&pair.end[1], 3, 0, sent);
    unit_pair_close(&pair);
}

static void end_and_reset_follow_the_last_byte(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 4, 0, 500, true);
    unit_shut(&pair.end[0]);
    assert_int_equal(unit_send(&pair.end[0], 4, 0, 1, true), STREAM_SHUT);
    unit_expect(&pair.end[1], 4, 0, 500);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), 0);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), 0);
    unit_send(&pair.end[1], 5, 0, 500, true);
    unit_expect(&pair.end[0], 5, 0, 500);
    unit_send(&pair.end[1], 5, 500, 1, true);
    stream_close(&pair.end[0], false);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_RESET);
    unit_pair_close(&pair);
}

static void a_stream_that_was_closed_serves_the_next_connection(void **state)
{
    unit_pair_t pair, fresh;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    for (uint32_t round = 0; round < 50; round++) {
        unit_pair_close(&pair);
        assert_true(stream_is_gone(&pair.end[0]) && stream_is_gone(&pair.end[1]));
        unit_pair_open(&fresh, 4096, 4096);
        pair = fresh;
        unit_promote(&pair);
        assert_int_equal(unit_send(&pair.end[1], round, 0, 900, true), 900);
        unit_expect(&pair.end[0], round, 0, 900);
    }
    unit_pair_close(&pair);
}

static void both_directions_at_once(uint32_t ring_max_bytes, uint32_t most)
{
    unit_pair_t pair;
    pthread_t thread[4];
    unit_pair_open(&pair, 4096, ring_max_bytes);
    unit_program_t programs[4] = {{.stream = &pair.end[0], .seed = 11, .total = 12000000, .most = most},
                                  {.stream = &pair.end[1], .seed = 11, .total = 12000000, .most = most},
                                  {.stream = &pair.end[1], .seed = 12, .total = 12000000, .most = most},
                                  {.stream = &pair.end[0], .seed = 12, .total = 12000000, .most = most}};
    for (int i = 0; i < 4; i++)
        thread[i] = unit_thread(i % 2 ? unit_receiver : unit_sender, &programs[i]);
    for (int i = 0; i < 4; i++)
        unit_join(thread[i]);
    unit_pair_close(&pair);
}

static void both_directions_at_once_while_rings_grow(void **state)
{
    (void)state;
    both_directions_at_once(4 << 20, 60000);
}

static void both_directions_at_once_while_small_rings_overflow(void **state)
{
    (void)state;
    both_directions_at_once(8192, 30000);
}

enum { BULK_PIECE = 16384, BULK_RING = 16 * BULK_PIECE, BULK = 80 << 20 };

/* Whatever the processors of this machine say. */
static void place_receiver(half_t *tx, bool is_far)
{
    tx->copying.is_far = is_far;
    tx->copying.farness = is_far ? COPY_FARNESS_MAX : 0;
}

/* Moves much, never more than a piece ahead of the reader.  The ring that it ends with; *early: the one half-way. */
static uint32_t move_bulk(bool is_far, uint32_t receivers_max, uint32_t *early)
{
    unit_pair_t pair;
    uint8_t byte;
    unit_pair_open(&pair, BULK_RING, 4 << 20);
    pair.end[1].ring_max_bytes = receivers_max;
    unit_promote(&pair);
    half_t *tx = &pair.end[0].tx, *rx = &pair.end[1].rx;
    for (uint32_t moved = 0; moved < BULK; moved += BULK_PIECE) {
        place_receiver(tx, is_far);
        assert_int_equal(unit_send(&pair.end[0], 6, moved, BULK_PIECE, true), BULK_PIECE);
        unit_expect(&pair.end[1], 6, moved, BULK_PIECE);
        if (moved < BULK / 2)
            *early = tx->ring.size;
    }
    uint32_t size = tx->ring.size;
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_AGAIN);
    assert_true(load_relaxed(&rx->flow->wanted) <= rx->next_wanted); /* or each receive would look into it again */
    unit_pair_close(&pair);
    return size;
}

static void bulk_to_a_far_receiver_gets_a_larger_ring_without_a_stall(void **state)
{
    uint32_t early;
    (void)state;
    assert_int_equal(move_bulk(true, 4 << 20, &early), 2 << 20);
    assert_int_equal(early, BULK_RING);
    assert_int_equal(move_bulk(false, 4 << 20, &early), BULK_RING);
}

static void a_receiver_gives_as_much_of_a_wish_as_it_may(void **state)
{
    uint32_t early;
    (void)state;
    assert_int_equal(move_bulk(true, 2 * BULK_RING, &early), 2 * BULK_RING);
    assert_int_equal(move_bulk(true, BULK_RING, &early), BULK_RING);
}

/* The ring of a direction through which each piece is received before the next one is sent. */
static uint32_t ring_after(uint32_t laps, uint32_t piece)
{
    enum { FIRST = 16384 };
    unit_pair_t pair;
    unit_pair_open(&pair, FIRST, 4 << 20);
    unit_promote(&pair);
    half_t *tx = &pair.end[0].tx;
    for (uint32_t moved = 0; moved < laps * FIRST; moved += piece) {
        place_receiver(tx, false);
        assert_int_equal(unit_send(&pair.end[0], 6, moved, piece, true), piece);
        unit_expect(&pair.end[1], 6, moved, piece);
    }
    uint32_t size = tx->ring.size;
    unit_pair_close(&pair);
    return size;
}

static void pieces_that_go_on_get_a_ring_that_holds_many_of_them(void **state)
{
    (void)state;
    assert_int_equal(ring_after(50, 4096), 16384);
    assert_int_equal(ring_after(70, 4096), 65536);
    assert_int_equal(ring_after(2000, 4096), 65536);
    assert_int_equal(ring_after(70, 64), 16384);
    assert_int_equal(ring_after(50, 8192), 32768);
    assert_int_equal(ring_after(150, 8192), 131072);
}

/* The ring of a sender that runs out of room again and again. */
static uint32_t ring_without_room(bool is_far)
{
    enum { PIECE = 262144, ROUNDS = 200 };
    unit_pair_t pair;
    uint32_t sent = 0, received = 0;
    unit_pair_open(&pair, 16384, 4 << 20);
    unit_promote(&pair);
    half_t *tx = &pair.end[0].tx;
    for (int round = 0; round < ROUNDS; round++) {
        place_receiver(tx, is_far);
        int moved = unit_send(&pair.end[0], 7, sent, PIECE, false);
        sent += moved > 0 ? (uint32_t)moved : 0;
        if (moved < PIECE) {
            unit_expect(&pair.end[1], 7, received, sent - received);
            received = sent;
        }
    }
    unit_expect(&pair.end[1], 7, received, sent - received);
    uint32_t size = tx->ring.size;
    unit_pair_close(&pair);
    return size;
}

static void rings_stop_growing_where_near_processors_would_leave_their_cache(void **state)
{
    (void)state;
    assert_int_equal(ring_without_room(false), 1 << 20);
    assert_int_equal(ring_without_room(true), 2 << 20);
}

/* A process that dies with bytes of ours unread has its connections reset, which takes away what it has sent and is not
 * in our receive buffer yet.  The kernel tells of the reset once, perhaps to another thread, and then of an end.  Whoever
 * has announced those bytes is no liar. */
static void announced_bytes_that_the_kernel_loses_are_a_reset_and_no_lie(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[1000];
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    assert_int_equal(unit_receive(&pair.end[1], bytes, 1, false), STREAM_AGAIN);
    stream_forbid_sending(&pair.end[0]);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, sizeof bytes, true), sizeof bytes);
    unit_kernel_expect(pair.fd[1], 1, 0, sizeof bytes);
    close(pair.fd[0]);
    pair.fd[0] = -1;
    assert_int_equal(unit_receive(&pair.end[1], bytes, sizeof bytes, true), STREAM_RESET);
    assert_false(vmmc_is_distrustful());
    unit_pair_close(&pair);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_on_the_kernel_and_moves_to_a_ring_after_consent),
        cmocka_unit_test(who_attaches_first_waits_for_the_other_end),
        cmocka_unit_test(a_wait_for_the_other_end_is_short_and_the_only_one),
        cmocka_unit_test(the_kernel_may_block_until_the_stream_calls_it),
        cmocka_unit_test(full_ring_continues_in_the_kernel_and_comes_back_larger),
        cmocka_unit_test(a_sender_whose_receiver_makes_room_stays_in_the_ring),
        cmocka_unit_test(little_room_is_none_for_a_larger_message),
        cmocka_unit_test(non_blocking_send_takes_what_the_kernel_would),
        cmocka_unit_test(end_and_reset_follow_the_last_byte),
        cmocka_unit_test(a_stream_that_was_closed_serves_the_next_connection),
        cmocka_unit_test(both_directions_at_once_while_rings_grow),
        cmocka_unit_test(both_directions_at_once_while_small_rings_overflow),
        cmocka_unit_test(bulk_to_a_far_receiver_gets_a_larger_ring_without_a_stall),
        cmocka_unit_test(a_receiver_gives_as_much_of_a_wish_as_it_may),
        cmocka_unit_test(pieces_that_go_on_get_a_ring_that_holds_many_of_them),
        cmocka_unit_test(rings_stop_growing_where_near_processors_would_leave_their_cache),
        cmocka_unit_test(announced_bytes_that_the_kernel_loses_are_a_reset_and_no_lie),
    };
    return unit_main(argc, argv, tests);
}
