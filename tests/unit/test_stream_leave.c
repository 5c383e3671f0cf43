/* test_stream_leave: streams that go back to the kernel for good while bytes are on their way. */
#include "unit.h"

#include "stream_private.h"
#include "vmmc_private.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- one step at a time ---- */

static void what_the_leaving_receiver_had_not_read_comes_by_the_kernel(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 6, 0, 3000, true);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    unit_watch(&watcher, &pair.end[0], NULL);
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    assert_int_equal(unit_send(&pair.end[0], 6, 3000, 1, true), STREAM_BY_KERNEL);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_BY_KERNEL);
    unit_kernel_expect(pair.fd[1], 6, 0, 3000);
    assert_int_equal(unit_receive(&pair.end[0], &byte, 1, false), STREAM_BY_KERNEL);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

static void ring_and_kernel_are_returned_in_order(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    for (uint32_t sent = 0; sent < 200000; sent += 20000)
        assert_int_equal(unit_send(&pair.end[0], 7, sent, 20000, true), 20000);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_KERNEL);
    unit_watch(&watcher, &pair.end[0], NULL);
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    unit_kernel_expect(pair.fd[1], 7, 0, 200000);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

static void all_that_a_sender_could_leave_behind_survives(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    uint32_t sent = 0;
    (void)state;
    unit_pair_open(&pair, 1 << 20, 1 << 20);
    unit_promote(&pair);
    for (;;) {
        int moved = unit_send(&pair.end[0], 7, sent, 60000, false);
        if (moved == STREAM_AGAIN)
            break;
        unit_check(moved > 0);
        sent += (uint32_t)moved;
    }
    unit_watch(&watcher, &pair.end[0], NULL);
    int result = stream_demote(&pair.end[1]);
    if (result == 0)
        unit_kernel_expect(pair.fd[1], 7, 0, sent);
    else
        unit_expect(&pair.end[1], 7, 0, sent);
    unit_unwatch(&watcher);
    assert_true(result == 0 || result == STREAM_AGAIN);
    unit_pair_close(&pair);
}

static void the_receiver_drains_the_ring_of_a_sender_that_left(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 8, 0, 3000, true);
    unit_watch(&watcher, &pair.end[1], NULL);
    assert_int_equal(stream_demote(&pair.end[0]), 0);
    assert_int_equal(unit_kernel.send((uintptr_t)pair.fd[0], "x", 1), 1);
    unit_expect(&pair.end[1], 8, 0, 3000);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_BY_KERNEL);
    assert_int_equal(unit_kernel.receive((uintptr_t)pair.fd[1], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

static void leaving_again_or_after_closing_does_nothing(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_watch(&watcher, &pair.end[0], NULL);
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    unit_unwatch(&watcher);
    stream_close(&pair.end[1], false);
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    unit_pair_close(&pair);
}

static void a_stream_that_left_before_it_had_a_ring_never_gets_one(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_send(&pair.end[0], 1, 0, 50, true); /* announced, not consented */
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_BY_KERNEL);
    unit_kernel_expect(pair.fd[1], 1, 0, 50);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(unit_send(&pair.end[0], 1, 50 + i, 1, true), 1);
        assert_int_equal(pair.end[0].tx.carrier, CARRIER_KERNEL);
        assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_BY_KERNEL);
    }
    assert_int_equal(unit_send(&pair.end[1], 1, 0, 1, true), STREAM_BY_KERNEL);
    unit_pair_close(&pair);
}

static void a_peer_that_does_not_answer_costs_a_bounded_time(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    uint64_t before = os_now_us();
    assert_int_equal(stream_demote(&pair.end[1]), STREAM_RESET);
    assert_true(os_now_us() - before < 2000000);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_RESET);
    unit_pair_close(&pair);
}

/* Its program has been told of a reset, so the other end is not to take it for a stream that has come to its end. */
static void what_one_end_has_given_up_is_reset_at_the_other(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    stream__give_up(&pair.end[1], "a test");
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_RESET);
    stream_close(&pair.end[1], false);
    assert_int_equal(unit_receive(&pair.end[0], &byte, 1, true), STREAM_RESET);
    unit_pair_close(&pair);
}

static void a_peer_that_has_closed_leaves_the_bytes_here(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 2, 0, 1000, true);
    stream_close(&pair.end[0], false);
    uint64_t before = os_now_us();
    assert_int_equal(stream_demote(&pair.end[1]), STREAM_AGAIN);
    assert_true(os_now_us() - before < 200000);
    unit_expect(&pair.end[1], 2, 0, 1000);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), 0);
    unit_pair_close(&pair);
}

static void an_end_behind_unread_bytes_comes_by_the_kernel_too(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 2, 0, 1000, true);
    unit_shut(&pair.end[0]);
    unit_watch(&watcher, &pair.end[0], NULL);
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    unit_kernel_expect(pair.fd[1], 2, 0, 1000);
    unit_kernel.wait((uintptr_t)pair.fd[1], false, 2000);
    assert_int_equal(unit_kernel.receive((uintptr_t)pair.fd[1], &byte, 1), 0);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

static void an_end_sent_by_the_kernel_does_not_keep_the_receiver_from_leaving(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    for (uint32_t sent = 0; sent < 20000; sent += 5000)
        unit_send(&pair.end[0], 2, sent, 5000, true);
    unit_expect(&pair.end[1], 2, 0, 5000);
    assert_int_equal(pair.end[1].rx.carrier, CARRIER_KERNEL);
    unit_shut(&pair.end[0]);
    unit_watch(&watcher, &pair.end[0], NULL);
    assert_int_equal(stream_demote(&pair.end[1]), 0); /* all that is unread is the kernel's already */
    unit_kernel_expect(pair.fd[1], 2, 5000, 15000);
    assert_int_equal(unit_kernel.receive((uintptr_t)pair.fd[1], &byte, 1), 0);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

/* ---- the sender acts while the receiver is leaving ---- */

typedef struct leaving {
    stream_t *stream;
    int result;
    word_t returned;
} leaving_t;

static void *leave(void *argument)
{
    leaving_t *leaving = argument;
    leaving->result = stream_demote(leaving->stream);
    store_release(&leaving->returned, 1);
    return NULL;
}

static void serve_until(stream_t *stream, bool frozen)
{
    uint64_t until = os_now_us() + 2000000;
    do {
        stream_serve_peer(stream);
        lock_take(&stream->tx.lock);
        bool reached = stream->tx.frozen == frozen;
        lock_release(&stream->tx.lock);
        if (reached)
            return;
        usleep(200);
    } while (os_now_us() < until);
    unit_check(!"the peer made its wish known");
}

static void shutting_while_frozen_sends_the_end_behind_the_returned_bytes(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 3, 0, 2000, true);
    leaving_t leaving = {&pair.end[1], 9, 0};
    pthread_t thread = unit_thread(leave, &leaving);
    serve_until(&pair.end[0], true);
    unit_shut(&pair.end[0]);
    serve_until(&pair.end[0], false);
    unit_join(thread);
    assert_int_equal(leaving.result, 0);
    unit_kernel_expect(pair.fd[1], 3, 0, 2000);
    unit_kernel.wait((uintptr_t)pair.fd[1], false, 2000);
    assert_int_equal(unit_kernel.receive((uintptr_t)pair.fd[1], &byte, 1), 0);
    unit_pair_close(&pair);
}

static void closing_while_frozen_ends_in_a_reset_within_bounds(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 3, 0, 2000, true);
    leaving_t leaving = {&pair.end[1], 9, 0};
    pthread_t thread = unit_thread(leave, &leaving);
    serve_until(&pair.end[0], true);
    uint64_t before = os_now_us();
    stream_close(&pair.end[0], false);
    unit_join(thread);
    assert_true(leaving.result == STREAM_RESET || leaving.result == STREAM_AGAIN);
    assert_true(os_now_us() - before < 2000000);
    unit_pair_close(&pair);
}

/* It was told to use the kernel's call before the other side asked, and comes to it only now. */
static void a_plain_kernel_send_waits_for_the_thaw_too(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 3, 0, 2000, true);
    stream_t *sender = &pair.end[0];
    leaving_t leaving = {&pair.end[1], 9, 0};
    pthread_t thread = unit_thread(leave, &leaving);
    serve_until(sender, true);
    bool early = stream_enter_kernel(sender, &sender->tx, sender->socket);
    if (early)
        stream_leave_kernel(sender, &sender->tx, 0);
    serve_until(sender, false);
    unit_join(thread);
    assert_false(early);
    assert_true(stream_enter_kernel(sender, &sender->tx, sender->socket));
    stream_leave_kernel(sender, &sender->tx, 0);
    unit_pair_close(&pair);
}

static word_t room_in_kernel;

static int send_into_room(uintptr_t socket, const void *bytes, uint32_t count)
{
    uint32_t room = load_relaxed(&room_in_kernel), part = count < room ? count : room;
    if (part == 0)
        return STREAM_AGAIN;
    store_relaxed(&room_in_kernel, room - part);
    return unit_kernel.send(socket, bytes, part);
}

static void await_return(const stream_t *sender)
{
    uint64_t until = os_now_us() + 2000000;
    while (!(load_acquire(&sender->tx.flow->consumer) & FLOW_READER_RETURNED)) {
        unit_check(os_now_us() < until);
        usleep(200);
    }
}

static void a_close_half_way_through_restoring_delivers_nothing_twice(void **state)
{
    unit_pair_t pair;
    kernel_calls_t narrow = unit_kernel;
    uint8_t byte;
    (void)state;
    narrow.send = send_into_room;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 3, 0, 2000, true);
    pair.end[0].kernel = &narrow;
    store_relaxed(&room_in_kernel, 500);
    leaving_t leaving = {&pair.end[1], 9, 0};
    pthread_t thread = unit_thread(leave, &leaving);
    serve_until(&pair.end[0], true);
    await_return(&pair.end[0]);
    assert_true(stream_serve_peer(&pair.end[0]));
    stream_close(&pair.end[0], false);
    unit_kernel.shut((uintptr_t)pair.fd[0]);
    unit_join(thread);
    assert_int_equal(leaving.result, STREAM_AGAIN);
    unit_expect(&pair.end[1], 3, 0, 2000);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_BY_KERNEL);
    assert_int_equal(unit_kernel.receive((uintptr_t)pair.fd[1], &byte, 1), 0);
    unit_pair_close(&pair);
}

static void two_threads_that_leave_both_return_when_it_is_done(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        unit_pair_t pair;
        unit_pair_open(&pair, 4096, 4096);
        unit_promote(&pair);
        unit_send(&pair.end[0], 3, 0, 2000, true);
        leaving_t leaving[2] = {{&pair.end[1], 9, 0}, {&pair.end[1], 9, 0}};
        pthread_t thread = unit_thread(leave, &leaving[0]);
        serve_until(&pair.end[0], true);
        pthread_t second = unit_thread(leave, &leaving[1]);
        usleep(20000);
        bool early = load_acquire(&leaving[1].returned);
        serve_until(&pair.end[0], false);
        unit_join(thread);
        unit_join(second);
        assert_false(early);
        unit_kernel_expect(pair.fd[1], 3, 0, 2000);
        unit_pair_close(&pair);
    }
}

/* The peer announced bytes that it never gives to the kernel. */
static void bytes_that_never_come_do_not_hold_up_leaving(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    for (uint32_t sent = 0; sent < 20000; sent += 5000)
        unit_send(&pair.end[0], 2, sent, 5000, true);
    flow_shm_t *flow = pair.end[0].tx.flow;
    store_release(&flow->tail, load_relaxed(&flow->tail) + 1000);
    unit_watch(&watcher, &pair.end[0], NULL);
    leaving_t leaving = {&pair.end[1], 9, 0};
    pthread_t thread = unit_thread(leave, &leaving);
    for (int i = 0; i < 40 && !load_acquire(&leaving.returned); i++)
        usleep(50000);
    unit_check(load_acquire(&leaving.returned));
    unit_join(thread);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

static int receive_from_broken(uintptr_t socket, void *bytes, uint32_t count)
{
    (void)socket, (void)bytes, (void)count;
    return STREAM_RESET;
}

/* Whoever is taken for a liar gets no user-level stream any more. */
static void a_connection_that_breaks_while_an_end_leaves_is_no_lie(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    kernel_calls_t broken = unit_kernel;
    (void)state;
    broken.receive = receive_from_broken;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    for (uint32_t sent = 0; sent < 20000; sent += 5000)
        unit_send(&pair.end[0], 2, sent, 5000, true);
    pair.end[1].kernel = &broken;
    unit_watch(&watcher, &pair.end[0], NULL);
    assert_int_equal(stream_demote(&pair.end[1]), STREAM_RESET);
    assert_false(vmmc_is_distrustful());
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

/* ---- in the middle of traffic ---- */

typedef struct plan {
    int who; /* 0, 1, or 2: both */
    uint32_t seed, ring_bytes, ring_max_bytes, total;
} plan_t;

static void *leave_soon(void *argument)
{
    leaving_t *leaving = argument;
    usleep((unsigned)leaving->result);
    leaving->result = stream_demote(leaving->stream);
    store_release(&leaving->returned, 1);
    return NULL;
}

/* Both ends send and receive patterns to the end of the stream, while one or both leave. */
static void leave_in_traffic(const plan_t *plan)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    uint32_t random = plan->seed;
    pthread_t threads[4], leavers[2];
    leaving_t leaving[2];
    unit_pair_open(&pair, plan->ring_bytes, plan->ring_max_bytes);
    unit_watch(&watcher, &pair.end[0], &pair.end[1]);
    unit_program_t programs[4];
    for (unsigned i = 0; i < 4; i++) {
        programs[i] = (unit_program_t){.stream = &pair.end[i / 2 ^ i % 2], .seed = 100 + i / 2, .total = plan->total,
                                       .most = 20000};
        threads[i] = unit_thread(i % 2 ? unit_receiver : unit_sender, &programs[i]);
    }
    for (int i = 0; i < 2; i++) {
        leaving[i] = (leaving_t){&pair.end[i], (int)unit_random(&random, 4000), 0};
        if (plan->who == i || plan->who == 2)
            leavers[i] = unit_thread(leave_soon, &leaving[i]);
    }
    for (int i = 0; i < 2; i++) {
        if (plan->who == i || plan->who == 2)
            unit_join(leavers[i]);
    }
    for (int i = 0; i < 4; i++)
        unit_join(threads[i]);
    unit_unwatch(&watcher);
    for (int i = 0; i < 2; i++) {
        if (plan->who == i)
            unit_check(leaving[i].result == 0 || leaving[i].result == STREAM_AGAIN);
    }
    unit_pair_close(&pair);
}

static void leave_often(int who, uint32_t ring_bytes, uint32_t ring_max_bytes)
{
    for (uint32_t seed = 0; seed < 12; seed++) {
        plan_t plan = {who, seed * 77 + 5, ring_bytes, ring_max_bytes, 600000};
        leave_in_traffic(&plan);
    }
}

static void one_end_leaves_in_traffic_that_overflows(void **state)
{
    (void)state;
    leave_often(0, 4096, 4096);
    leave_often(1, 4096, 4096);
}

static void one_end_leaves_in_traffic_that_fits(void **state)
{
    (void)state;
    leave_often(0, 65536, 1 << 20);
    leave_often(1, 65536, 1 << 20);
}

static void both_ends_leave_in_traffic(void **state)
{
    (void)state;
    leave_often(2, 4096, 65536);
}

/* We hold still for a receiver that dies before it is done: what it has sent is ours all the same. */
static void what_a_process_sent_that_died_while_it_left_is_received(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    assert_int_equal(unit_send(&pair.end[1], 1, 0, 500, true), 500);
    stream__tell_sender(&pair.end[1], FLOW_READER_LEAVES);
    stream_serve_peer(&pair.end[0]);
    assert_true(pair.end[0].tx.frozen);
    store_release(&pair.end[0].link->dead, 1);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 1, true), STREAM_BY_KERNEL);
    unit_expect(&pair.end[0], 1, 0, 500);
    unit_pair_close(&pair);
}

/* ---- an urgent byte that waits for consent, and gets to see a receiver that leaves ---- */

static void *send_one_urgently(void *stream)
{
    uint8_t byte = unit_pattern(3, 500);
    transfer_t transfer = {.socket = ((stream_t *)stream)->socket, .bytes = &byte, .count = 1, .urgent = true,
                           .blocking = true, .deadline = os_now_us() + UNIT_PATIENCE_US};
    unit_check(unit_piece(stream, &transfer, true) == 1);
    return NULL;
}

static void *leave_fully(void *stream)
{
    unit_check(stream_demote(stream) == 0);
    return NULL;
}

/* The sender's lock is held until it has to sleep for it, so that what happens meanwhile has happened when it goes on. */
static void an_urgent_byte_that_waited_does_not_overtake_returned_ones(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        unit_pair_t pair;
        int on = 1;
        unit_pair_open(&pair, 4096, 4096);
        flow_shm_t *flow = pair.end[0].tx.flow;
        setsockopt(pair.fd[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
        assert_int_equal(unit_send(&pair.end[0], 3, 0, 500, true), 500);
        pthread_t sender = unit_thread(send_one_urgently, &pair.end[0]);
        while (!load_acquire(&flow->wanted))
            os_yield(0);
        lock_take(&pair.end[0].tx.lock);
        stream_serve_peer(&pair.end[1]);
        pthread_t leaver = unit_thread(leave_fully, &pair.end[1]);
        while (!(load_acquire(&flow->consumer) & FLOW_READER_LEAVES))
            os_yield(0);
        for (int i = 0; i < 5; i++)
            os_yield(1000);
        lock_release(&pair.end[0].tx.lock);
        while (!(load_acquire(&flow->state) & FLOW_RESTORED))
            stream_serve_peer(&pair.end[0]);
        unit_join(leaver);
        unit_join(sender);
        unit_kernel_expect(pair.fd[1], 3, 0, 501);
        unit_pair_close(&pair);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_leaving_receiver_had_not_read_comes_by_the_kernel),
        cmocka_unit_test(ring_and_kernel_are_returned_in_order),
        cmocka_unit_test(the_receiver_drains_the_ring_of_a_sender_that_left),
        cmocka_unit_test(leaving_again_or_after_closing_does_nothing),
        cmocka_unit_test(a_stream_that_left_before_it_had_a_ring_never_gets_one),
        cmocka_unit_test(a_peer_that_does_not_answer_costs_a_bounded_time),
        cmocka_unit_test(what_one_end_has_given_up_is_reset_at_the_other),
        cmocka_unit_test(a_peer_that_has_closed_leaves_the_bytes_here),
        cmocka_unit_test(an_end_behind_unread_bytes_comes_by_the_kernel_too),
        cmocka_unit_test(closing_while_frozen_ends_in_a_reset_within_bounds),
        cmocka_unit_test(one_end_leaves_in_traffic_that_fits),
        cmocka_unit_test(one_end_leaves_in_traffic_that_overflows),
        cmocka_unit_test(both_ends_leave_in_traffic),
        cmocka_unit_test(all_that_a_sender_could_leave_behind_survives),
        cmocka_unit_test(shutting_while_frozen_sends_the_end_behind_the_returned_bytes),
        cmocka_unit_test(a_plain_kernel_send_waits_for_the_thaw_too),
        cmocka_unit_test(a_close_half_way_through_restoring_delivers_nothing_twice),
        cmocka_unit_test(two_threads_that_leave_both_return_when_it_is_done),
        cmocka_unit_test(bytes_that_never_come_do_not_hold_up_leaving),
        cmocka_unit_test(a_connection_that_breaks_while_an_end_leaves_is_no_lie),
        cmocka_unit_test(an_end_sent_by_the_kernel_does_not_keep_the_receiver_from_leaving),
        cmocka_unit_test(what_a_process_sent_that_died_while_it_left_is_received),
        cmocka_unit_test(an_urgent_byte_that_waited_does_not_overtake_returned_ones),
    };
    return unit_main(argc, argv, tests);
}
