/* A sender that does not wait and its full ring. */
#include "unit.h"

#include <unistd.h>

#define MIB (1u << 20)
#define PIECE 65536u

typedef struct flow {
    unit_pair_t pair;
    stream_t *from, *to;
    uint32_t sent, received;
} flow_t;

static int send_piece(flow_t *flow, uint32_t count)
{
    int moved = unit_send(flow->from, 1, flow->sent, count, false);
    flow->sent += moved > 0 ? (uint32_t)moved : 0;
    return moved;
}

static void receive(flow_t *flow, uint32_t count)
{
    unit_expect(flow->to, 1, flow->received, count);
    flow->received += count;
}

/* A ring of 1 MB. */
static void begin_unread(flow_t *flow)
{
    *flow = (flow_t){.sent = 0};
    unit_pair_open(&flow->pair, MIB, MIB);
    unit_promote(&flow->pair);
    flow->from = &flow->pair.end[0];
    flow->to = &flow->pair.end[1];
}

/* The same, of which a lap has been read. */
static void begin(flow_t *flow)
{
    begin_unread(flow);
    while (flow->sent < MIB) {
        assert_int_equal(send_piece(flow, PIECE), PIECE);
        receive(flow, PIECE);
    }
}

static void fill(flow_t *flow)
{
    int moved;
    while ((moved = send_piece(flow, PIECE)) != STREAM_AGAIN)
        assert_int_equal(moved, PIECE);
}

static void end(flow_t *flow)
{
    receive(flow, flow->sent - flow->received);
    unit_pair_close(&flow->pair);
}

static int writable(const flow_t *flow)
{
    return stream_writable(flow->from, flow->from->socket);
}

static void await_writable(const flow_t *flow)
{
    for (uint64_t until = os_now_us() + UNIT_PATIENCE_US; writable(flow) != 1; usleep(1000))
        assert_true(os_now_us() < until);
}

static void a_full_ring_is_not_left_while_its_receiver_reads(void **state)
{
    flow_t flow;
    (void)state;
    begin(&flow);
    for (int lap = 0; lap < 20; lap++) {
        fill(&flow);
        assert_int_equal(flow.from->tx.carrier, CARRIER_RING);
        assert_int_equal(flow.sent - flow.received, MIB);
        assert_int_equal(writable(&flow), 0);
        receive(&flow, PIECE);
        assert_int_equal(writable(&flow), 0); /* as long as a message of some size would not pass */
        receive(&flow, 3 * PIECE);
        assert_int_equal(writable(&flow), 1);
    }
    end(&flow);
}

static void it_is_once_its_receiver_reads_nothing(void **state)
{
    flow_t flow;
    (void)state;
    begin(&flow);
    fill(&flow);
    await_writable(&flow);
    assert_int_equal(send_piece(&flow, PIECE), PIECE);
    assert_int_equal(flow.from->tx.carrier, CARRIER_KERNEL);
    end(&flow);
}

/* A select that found the socket writable is believed, whatever little the receiver reads meanwhile. */
static void what_was_said_to_be_writable_takes_a_message(void **state)
{
    flow_t flow;
    (void)state;
    begin(&flow);
    fill(&flow);
    await_writable(&flow);
    receive(&flow, 100);
    assert_int_equal(send_piece(&flow, PIECE), PIECE);
    end(&flow);
}

static void a_reader_that_trickles_does_not_keep_the_kernel_out(void **state)
{
    flow_t flow;
    (void)state;
    begin(&flow);
    fill(&flow);
    for (uint64_t until = os_now_us() + UNIT_PATIENCE_US; writable(&flow) != 1; usleep(1000)) {
        assert_true(os_now_us() < until);
        receive(&flow, 10);
    }
    assert_true(flow.sent - flow.received > MIB / 2);
    end(&flow);
}

/* More than the ring holds, and nobody reads meanwhile. */
static void send_more_than_a_ring(flow_t *flow)
{
    for (uint32_t sent = 0; sent < MIB + MIB / 4; sent += PIECE)
        assert_int_equal(send_piece(flow, PIECE), PIECE);
}

/* A program that writes and reads in turn pays once. */
static void whose_reader_has_stalled_does_not_wait_for_it_again(void **state)
{
    flow_t flow;
    (void)state;
    begin(&flow);
    fill(&flow);
    await_writable(&flow);
    for (int round = 0; round < 3; round++) {
        send_more_than_a_ring(&flow);
        receive(&flow, flow.sent - flow.received);
        assert_int_equal(send_piece(&flow, PIECE), PIECE);
        receive(&flow, PIECE);
        assert_int_equal(flow.from->tx.carrier, CARRIER_RING);
    }
    end(&flow);
}

static void as_much_is_taken_as_the_program_wants_to_send_ahead(void **state)
{
    flow_t flow;
    (void)state;
    begin(&flow);
    stream_set_send_buffer(flow.from, 4 * MIB);
    send_more_than_a_ring(&flow);
    end(&flow);
}

/* Windows takes a message or does not.  It is writable when there is room for that. */
static void a_message_that_fits_into_the_ring_is_not_torn(void **state)
{
    flow_t flow;
    (void)state;
    begin(&flow);
    fill(&flow);
    receive(&flow, 4 * PIECE);
    assert_int_equal(writable(&flow), 1);
    assert_int_equal(send_piece(&flow, 5 * PIECE), STREAM_AGAIN);
    assert_int_equal(writable(&flow), 0);
    receive(&flow, PIECE);
    assert_int_equal(writable(&flow), 1);
    assert_int_equal(send_piece(&flow, 5 * PIECE), 5 * PIECE);
    assert_int_equal(flow.from->tx.carrier, CARRIER_RING);
    end(&flow);
}

static void of_a_larger_message_a_part_is_taken(void **state)
{
    flow_t flow;
    (void)state;
    begin(&flow);
    fill(&flow);
    receive(&flow, 4 * PIECE);
    assert_int_equal(send_piece(&flow, 2 * MIB), 4 * PIECE);
    assert_int_equal(flow.from->tx.carrier, CARRIER_RING);
    assert_int_equal(writable(&flow), 0);
    receive(&flow, 4 * PIECE);
    assert_int_equal(writable(&flow), 1);
    end(&flow);
}

/* Programs write to themselves before they read: they get as far as with the kernel. */
static void a_ring_that_nobody_has_read_from_is_left(void **state)
{
    flow_t flow;
    (void)state;
    begin_unread(&flow);
    while (flow.sent <= MIB)
        assert_int_equal(send_piece(&flow, PIECE), PIECE);
    assert_int_equal(flow.from->tx.carrier, CARRIER_KERNEL);
    end(&flow);
}

/* The last bytes of a ring may be too few for a message. */
static void what_does_not_fit_waits_too(void **state)
{
    flow_t flow;
    (void)state;
    begin(&flow);
    int moved;
    while ((moved = send_piece(&flow, 60000)) != STREAM_AGAIN)
        assert_int_equal(moved, 60000);
    assert_int_equal(flow.from->tx.carrier, CARRIER_RING);
    assert_int_equal(flow.sent - flow.received, MIB / 60000 * 60000);
    end(&flow);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_ring_is_not_left_while_its_receiver_reads),
        cmocka_unit_test(it_is_once_its_receiver_reads_nothing),
        cmocka_unit_test(what_was_said_to_be_writable_takes_a_message),
        cmocka_unit_test(a_reader_that_trickles_does_not_keep_the_kernel_out),
        cmocka_unit_test(whose_reader_has_stalled_does_not_wait_for_it_again),
        cmocka_unit_test(as_much_is_taken_as_the_program_wants_to_send_ahead),
        cmocka_unit_test(a_message_that_fits_into_the_ring_is_not_torn),
        cmocka_unit_test(of_a_larger_message_a_part_is_taken),
        cmocka_unit_test(a_ring_that_nobody_has_read_from_is_left),
        cmocka_unit_test(what_does_not_fit_waits_too),
    };
    return unit_main(argc, argv, tests);
}
