/* test_carrier: walks the table of carriers and events, and sees whether a stream does what the table says. */
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "vmmc_private.h"

/* ---- a kernel connection that tells what is done with it ---- */

static word_t kernel_is_full, waits, shuts;

static int counted_send(uintptr_t socket, const void *bytes, uint32_t count)
{
    return load_relaxed(&kernel_is_full) ? STREAM_AGAIN : unit_kernel.send(socket, bytes, count);
}

static void counted_wait(uintptr_t socket, bool writable, unsigned ms)
{
    word_add(&waits, 1);
    if (load_relaxed(&kernel_is_full))
        usleep(1000);
    else
        unit_kernel.wait(socket, writable, ms);
}

static void counted_shut(uintptr_t socket)
{
    word_add(&shuts, 1);
    unit_kernel.shut(socket);
}

static kernel_calls_t counted_kernel(void)
{
    kernel_calls_t calls = unit_kernel;
    calls.send = counted_send;
    calls.wait = counted_wait;
    calls.shut = counted_shut;
    return calls;
}

/* ---- bringing a direction to a carrier: from end 0 to end 1 ---- */

static void move_one(unit_pair_t *pair, uint32_t offset)
{
    unit_check(unit_send(&pair->end[0], 1, offset, 1, true) == 1);
    unit_expect(&pair->end[1], 1, offset, 1);
}

static void bring_to(unit_pair_t *pair, carrier_t carrier, const kernel_calls_t *calls)
{
    unit_pair_open(pair, 4096, 16384);
    pair->end[0].kernel = calls;
    store_relaxed(&kernel_is_full, 0);
    if (carrier == CARRIER_RING) {
        move_one(pair, 0);
        move_one(pair, 1);
    } else if (carrier == CARRIER_FINAL) {
        unit_check(stream_demote(&pair->end[0]) == 0);
    }
    unit_check(pair->end[0].tx.carrier == carrier);
    store_relaxed(&waits, 0);
    store_relaxed(&shuts, 0);
}

/* ---- the sender ---- */

/* What can be seen of a sender from outside. */
typedef struct receiver_view {
    uint32_t switches, state;
} receiver_view_t;

static receiver_view_t look_at(const flow_shm_t *flow)
{
    return (receiver_view_t){load_relaxed(&flow->switches), load_relaxed(&flow->state)};
}

static void offer_ring(unit_pair_t *pair)
{
    vmmc_region_t region;
    unit_check(vmmc_export(pair->end[1].link, 8192, &region) == 0);
    store_release(&pair->end[0].tx.flow->offer, region.handle);
    unit_send(&pair->end[0], 1, 0, 1, false);
}

static void fill_up(unit_pair_t *pair)
{
    uint8_t bytes[4096] = {0};
    transfer_t transfer = {.socket = pair->end[0].socket, .bytes = bytes, .count = sizeof bytes, .blocking = true,
                           .deadline = os_now_us() + 50000};
    if (pair->end[0].tx.carrier == CARRIER_RING) {
        unit_send(&pair->end[0], 1, 2, 4096, false);
        transfer.deadline = STREAM_NEVER;
    } else {
        store_relaxed(&kernel_is_full, 1);
    }
    int result = stream_send(&pair->end[0], &transfer);
    if (result == STREAM_BY_KERNEL)
        word_add(&waits, 1); /* the kernel's own call does the waiting */
    store_relaxed(&kernel_is_full, 0);
}

static void happen(unit_pair_t *pair, tx_event_t event)
{
    stream_t *stream = &pair->end[0];
    word_t *consumer = &stream->tx.flow->consumer;
    if (event == TX_OFFERED)
        offer_ring(pair);
    else if (event == TX_FULL)
        fill_up(pair);
    else if (event == TX_LEAVE)
        unit_check(stream_demote(stream) == 0);
    else if (event == TX_SHUT)
        unit_shut(stream);
    else if (event == TX_CLOSE)
        stream_close(stream, false);
    else {
        store_release(consumer, load_relaxed(consumer) | FLOW_READER_LEAVES);
        stream_serve_peer(stream);
    }
}

static tx_action_t seen_action(const flow_shm_t *flow, receiver_view_t before)
{
    receiver_view_t now = look_at(flow);
    bool marked = (now.state & ~before.state) & FLOW_FINAL;
    if (now.switches != before.switches) {
        unit_check(now.switches == before.switches + 1);
        if (load_relaxed(&flow->record[now.switches & 1].carrier) != FLOW_KERNEL)
            return TX_TO_RING;
        return marked ? TX_TO_FINAL : TX_TO_KERNEL;
    }
    if (load_relaxed(&shuts))
        return TX_FIN_KERNEL;
    if (load_relaxed(&waits))
        return TX_WAIT_KERNEL;
    if (marked)
        return TX_MARK_FINAL;
    if ((now.state & ~before.state) & FLOW_FIN)
        return TX_FIN_RING;
    if ((now.state & ~before.state) & FLOW_CLOSED && !(now.state & FLOW_FINAL))
        return TX_CLOSE_RING;
    return TX_NOTHING;
}

static void a_sender_does_what_its_table_says(void **state)
{
    const kernel_calls_t calls = counted_kernel();
    (void)state;
    for (carrier_t carrier = 0; carrier < CARRIER_COUNT; carrier++) {
        for (tx_event_t event = 0; event < TX_EVENT_COUNT; event++) {
            unit_pair_t pair;
            bring_to(&pair, carrier, &calls);
            receiver_view_t before = look_at(pair.end[0].tx.flow);
            happen(&pair, event);
            if (seen_action(pair.end[0].tx.flow, before) != tx_decide(carrier, event))
                fail_msg("carrier %d, event %d: saw %d, the table says %d", carrier, event,
                         seen_action(pair.end[0].tx.flow, before), tx_decide(carrier, event));
            unit_pair_close(&pair);
        }
    }
}

/* ---- the receiver: the test plays the sender ---- */

static void publish(flow_shm_t *flow, uint32_t carrier)
{
    uint32_t number = load_relaxed(&flow->switches) + 1;
    store_relaxed(&flow->record[number & 1].end, load_relaxed(&flow->tail));
    store_relaxed(&flow->record[number & 1].carrier, carrier);
    store_release(&flow->switches, number);
}

/* The ring to switch to: for a receiver in a ring, a larger one that it offers when asked. */
static uint32_t ring_to_follow(unit_pair_t *pair, carrier_t carrier)
{
    flow_shm_t *flow = pair->end[1].rx.flow;
    uint8_t byte;
    if (carrier == CARRIER_KERNEL)
        unit_receive(&pair->end[1], &byte, 1, false); /* consents */
    if (carrier == CARRIER_RING) {
        store_release(&flow->wanted, 8192);
        move_one(pair, 2);
    }
    return carrier == CARRIER_FINAL ? 0x30001 : load_relaxed(&flow->offer);
}

static void let_receiver_see(unit_pair_t *pair, rx_event_t event, uint32_t ring)
{
    flow_shm_t *flow = pair->end[1].rx.flow;
    if (event == RX_SWITCH_TO_RING)
        publish(flow, ring);
    else if (event == RX_SWITCH_TO_KERNEL)
        publish(flow, FLOW_KERNEL);
    else if (event == RX_FINAL_MARK)
        store_release(&flow->state, load_relaxed(&flow->state) | FLOW_FINAL);
    else if (event == RX_PEER_DEAD)
        store_release(&pair->end[1].link->dead, 1);
    else
        store_release(&flow->state, load_relaxed(&flow->state) | FLOW_FIN);
}

static rx_action_t followed_action(stream_t *stream, carrier_t carrier)
{
    uint8_t byte;
    uint32_t switches = stream->rx.switches;
    int result = unit_receive(stream, &byte, 1, false);
    if (load_relaxed(&stream->broken))
        return RX_BROKEN;
    if (stream->rx.switches != switches) {
        unit_check(load_relaxed(&stream->rx.flow->followed) == stream->rx.switches);
        return stream->rx.carrier == CARRIER_RING ? RX_FOLLOW_RING : RX_FOLLOW_KERNEL;
    }
    if (stream->rx.carrier != carrier)
        return stream->rx.carrier == CARRIER_FINAL && result == STREAM_BY_KERNEL ? RX_TO_FINAL : RX_BROKEN;
    return result == 0 || result == STREAM_RESET ? RX_EOF : RX_NOTHING;
}

/* A receiver gets to the last carrier by following its sender there. */
static void follow_to(unit_pair_t *pair, carrier_t carrier)
{
    uint8_t byte;
    if (carrier == CARRIER_FINAL) {
        for (int i = 0; i < 2; i++)
            unit_receive(&pair->end[1], &byte, 1, false);
        pair->end[1].rx.carrier = CARRIER_FINAL; /* as after a demotion of its own */
    }
    unit_check(pair->end[1].rx.carrier == carrier);
}

static void a_receiver_does_what_its_table_says(void **state)
{
    const kernel_calls_t calls = counted_kernel();
    (void)state;
    for (carrier_t carrier = 0; carrier < CARRIER_COUNT; carrier++) {
        for (rx_event_t event = 0; event < RX_EVENT_COUNT; event++) {
            unit_pair_t pair;
            bring_to(&pair, carrier, &calls);
            follow_to(&pair, carrier);
            let_receiver_see(&pair, event, ring_to_follow(&pair, carrier));
            rx_action_t seen = followed_action(&pair.end[1], carrier);
            store_release(&pair.end[1].link->dead, 0); /* the link is shared with the cases that follow */
            if (seen != rx_decide(carrier, event))
                fail_msg("carrier %d, event %d: saw %d, the table says %d", carrier, event, seen,
                         rx_decide(carrier, event));
            unit_pair_close(&pair);
        }
    }
}

/* ---- the table by itself ---- */

static void nothing_leads_away_from_the_last_carrier(void **state)
{
    (void)state;
    for (tx_event_t event = 0; event < TX_EVENT_COUNT; event++) {
        tx_action_t action = tx_decide(CARRIER_FINAL, event);
        assert_true(action != TX_TO_RING && action != TX_TO_KERNEL && action != TX_TO_FINAL);
    }
    for (rx_event_t event = 0; event < RX_EVENT_COUNT; event++)
        assert_int_equal(rx_decide(CARRIER_FINAL, event), RX_NOTHING);
}

/* What one side publishes, the other takes for something. */
static void no_receiver_takes_an_honest_switch_for_an_error(void **state)
{
    (void)state;
    for (carrier_t carrier = 0; carrier < CARRIER_FINAL; carrier++) {
        for (tx_event_t event = 0; event < TX_EVENT_COUNT; event++) {
            tx_action_t action = tx_decide(carrier, event);
            if (action == TX_TO_RING)
                assert_int_not_equal(rx_decide(carrier, RX_SWITCH_TO_RING), RX_BROKEN);
            if (action == TX_TO_KERNEL || action == TX_TO_FINAL)
                assert_int_not_equal(rx_decide(carrier, RX_SWITCH_TO_KERNEL), RX_BROKEN);
            if (action == TX_MARK_FINAL || action == TX_FIN_KERNEL)
                assert_int_not_equal(rx_decide(carrier, RX_FINAL_MARK), RX_BROKEN);
            if (action == TX_FIN_RING || action == TX_CLOSE_RING)
                assert_int_not_equal(rx_decide(carrier, RX_END), RX_BROKEN);
        }
        assert_int_not_equal(rx_decide(carrier, RX_PEER_DEAD), RX_BROKEN);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_leads_away_from_the_last_carrier),
        cmocka_unit_test(no_receiver_takes_an_honest_switch_for_an_error),
        cmocka_unit_test(a_sender_does_what_its_table_says),
        cmocka_unit_test(a_receiver_does_what_its_table_says),
    };
    return unit_main(argc, argv, tests);
}
