/* test_stream: both ends of a stream in one process: start-up, growth, overflow, ends, demotion, byte for byte. */
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static int send_some(stream_t *stream, uint32_t seed, uint64_t offset, uint32_t count, bool blocking)
{
    uint8_t bytes[70000];
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = unit_pattern(seed, offset + i);
    transfer_t transfer = {.socket = stream->socket, .bytes = bytes, .count = count, .blocking = blocking,
                           .deadline = STREAM_NEVER};
    return stream_send(stream, &transfer);
}

static int receive_some(stream_t *stream, void *bytes, uint32_t count, bool blocking)
{
    transfer_t transfer = {.socket = stream->socket, .bytes = bytes, .count = count, .blocking = blocking,
                           .deadline = STREAM_NEVER};
    return stream_receive(stream, &transfer);
}

static void expect(stream_t *stream, uint32_t seed, uint64_t offset, uint32_t count)
{
    uint8_t bytes[70000];
    while (count) {
        int got = receive_some(stream, bytes, count < sizeof bytes ? count : sizeof bytes, true);
        assert_true(got > 0);
        for (int i = 0; i < got; i++)
            assert_int_equal(bytes[i], unit_pattern(seed, offset + (uint32_t)i));
        offset += (uint32_t)got;
        count -= (uint32_t)got;
    }
}

static void starts_on_the_kernel_and_moves_to_a_ring_after_consent(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 65536, 65536);
    assert_int_equal(send_some(&pair.end[0], 1, 0, 100, true), 100);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_KERNEL);
    expect(&pair.end[1], 1, 0, 100);
    assert_int_equal(send_some(&pair.end[0], 1, 100, 100, true), 100);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    expect(&pair.end[1], 1, 100, 100);
    assert_int_equal(pair.end[1].rx.carrier, CARRIER_RING);
    unit_pair_close(&pair);
}

static void promote(unit_pair_t *pair)
{
    for (int from = 0; from < 2; from++) {
        send_some(&pair->end[from], 9, 0, 1, true);
        expect(&pair->end[1 - from], 9, 0, 1);
        send_some(&pair->end[from], 9, 1, 1, true);
        expect(&pair->end[1 - from], 9, 1, 1);
        assert_int_equal(pair->end[from].tx.carrier, CARRIER_RING);
    }
}

static void full_ring_continues_in_the_kernel_and_comes_back_larger(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 65536);
    promote(&pair);
    for (uint32_t sent = 0; sent < 1000000; sent += 10000)
        assert_int_equal(send_some(&pair.end[0], 2, sent, 10000, true), 10000);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_KERNEL);
    expect(&pair.end[1], 2, 0, 1000000);
    assert_int_equal(send_some(&pair.end[0], 2, 1000000, 5000, true), 5000);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    assert_true(pair.end[0].tx.ring.size > 4096);
    expect(&pair.end[1], 2, 1000000, 5000);
    unit_pair_close(&pair);
}

static void non_blocking_send_takes_what_the_kernel_would(void **state)
{
    unit_pair_t pair;
    uint32_t sent = 0;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    promote(&pair);
    for (;;) {
        int moved = send_some(&pair.end[0], 3, sent, 60000, false);
        if (moved == STREAM_AGAIN)
            break;
        assert_true(moved > 0);
        sent += (uint32_t)moved;
    }
    assert_true(sent > 100000);
    expect(&pair.end[1], 3, 0, sent);
    unit_pair_close(&pair);
}

static void end_and_reset_follow_the_last_byte(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    promote(&pair);
    send_some(&pair.end[0], 4, 0, 500, true);
    stream_shut_sending(&pair.end[0]);
    assert_int_equal(send_some(&pair.end[0], 4, 0, 1, true), STREAM_SHUT);
    expect(&pair.end[1], 4, 0, 500);
    assert_int_equal(receive_some(&pair.end[1], &byte, 1, true), 0);
    assert_int_equal(receive_some(&pair.end[1], &byte, 1, true), 0);
    send_some(&pair.end[1], 5, 0, 500, true);
    expect(&pair.end[0], 5, 0, 500);
    send_some(&pair.end[1], 5, 500, 1, true);
    stream_close(&pair.end[0], false);
    assert_int_equal(receive_some(&pair.end[1], &byte, 1, true), STREAM_RESET);
    unit_pair_close(&pair);
}

typedef struct mover {
    stream_t *stream;
    uint32_t seed, total;
    bool receives;
} mover_t;

/* ---- demotion ---- */

static void *serve(void *argument)
{
    unit_pair_t *pair = argument;
    while (!load_relaxed(&pair->end[0].closing)) {
        stream_serve_peer(&pair->end[0]);
        os_yield(1);
    }
    wait_thread_ends();
    return NULL;
}

static void kernel_expect(int fd, uint32_t seed, uint64_t offset, uint32_t count)
{
    uint8_t byte;
    while (count) {
        int got = unit_kernel.receive((uintptr_t)fd, &byte, 1);
        if (got == STREAM_AGAIN) {
            unit_kernel.wait((uintptr_t)fd, false, 100);
            continue;
        }
        assert_int_equal(got, 1);
        assert_int_equal(byte, unit_pattern(seed, offset++));
        count--;
    }
}

static void sender_leaves_with_bytes_in_the_ring(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    promote(&pair);
    send_some(&pair.end[0], 6, 0, 3000, true);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    pthread_t server;
    pthread_create(&server, NULL, serve, &pair);
    assert_int_equal(stream_demote(&pair.end[1]), 0); /* both directions of end 1: end 0 must return what it sent */
    assert_int_equal(send_some(&pair.end[0], 6, 3000, 1, true), STREAM_BY_KERNEL);
    assert_int_equal(receive_some(&pair.end[1], &byte, 1, false), STREAM_BY_KERNEL);
    kernel_expect(pair.fd[1], 6, 0, 3000);
    assert_int_equal(receive_some(&pair.end[0], &byte, 1, false), STREAM_BY_KERNEL);
    unit_pair_close(&pair);
    pthread_join(server, NULL);
}

static void receiver_leaves_while_ring_and_kernel_hold_bytes(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    promote(&pair);
    for (uint32_t sent = 0; sent < 200000; sent += 20000)
        assert_int_equal(send_some(&pair.end[0], 7, sent, 20000, true), 20000);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_KERNEL);
    pthread_t server;
    pthread_create(&server, NULL, serve, &pair);
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    kernel_expect(pair.fd[1], 7, 0, 200000);
    unit_pair_close(&pair);
    pthread_join(server, NULL);
}

static void sender_leaves_and_receiver_drains_first(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    promote(&pair);
    send_some(&pair.end[0], 8, 0, 3000, true);
    pthread_t server;
    pthread_create(&server, NULL, serve, &pair);
    /* End 0 leaves; as a receiver it is served by end 1, which only its own calls do here. */
    pair.end[0].rx.consented = false;
    assert_int_equal(stream_demote(&pair.end[0]), 0);
    assert_int_equal(unit_kernel.send((uintptr_t)pair.fd[0], "x", 1), 1);
    expect(&pair.end[1], 8, 0, 3000);
    assert_int_equal(receive_some(&pair.end[1], &byte, 1, true), STREAM_BY_KERNEL);
    assert_int_equal(unit_kernel.receive((uintptr_t)pair.fd[1], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    unit_pair_close(&pair);
    pthread_join(server, NULL);
}

static void *move(void *argument)
{
    mover_t *mover = argument;
    unsigned random = mover->seed;
    for (uint32_t done = 0; done < mover->total;) {
        uint32_t part = (uint32_t)rand_r(&random) % 60000 + 1;
        if (part > mover->total - done)
            part = mover->total - done;
        if (mover->receives)
            expect(mover->stream, mover->seed, done, part);
        else
            assert_int_equal(send_some(mover->stream, mover->seed, done, part, true), (int)part);
        done += part;
    }
    wait_thread_ends();
    return NULL;
}

static void both_directions_at_once(void **state)
{
    unit_pair_t pair;
    pthread_t thread[4];
    (void)state;
    unit_pair_open(&pair, 4096, 65536);
    mover_t movers[4] = {{&pair.end[0], 11, 20000000, false},
                         {&pair.end[1], 11, 20000000, true},
                         {&pair.end[1], 12, 20000000, false},
                         {&pair.end[0], 12, 20000000, true}};
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, move, &movers[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    unit_pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_on_the_kernel_and_moves_to_a_ring_after_consent),
        cmocka_unit_test(full_ring_continues_in_the_kernel_and_comes_back_larger),
        cmocka_unit_test(non_blocking_send_takes_what_the_kernel_would),
        cmocka_unit_test(end_and_reset_follow_the_last_byte),
        cmocka_unit_test(sender_leaves_with_bytes_in_the_ring),
        cmocka_unit_test(receiver_leaves_while_ring_and_kernel_hold_bytes),
        cmocka_unit_test(sender_leaves_and_receiver_drains_first),
        cmocka_unit_test(both_directions_at_once),
    };
    log_start(LOG_ERROR, NULL);
    if (vmmc_start(true) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
