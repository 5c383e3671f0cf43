/* test_stream_early: a connection that is met with its first transfer needs the kernel for none of its bytes. */
#include "unit.h"

#include <string.h>

static word_t kernel_calls;
static kernel_calls_t counting;

static int count_peek(uintptr_t socket, void *bytes, uint32_t count)
{
    word_add(&kernel_calls, 1);
    return unit_kernel.peek(socket, bytes, count);
}

static int count_send(uintptr_t socket, const void *bytes, uint32_t count)
{
    word_add(&kernel_calls, 1);
    return unit_kernel.send(socket, bytes, count);
}

static int count_receive(uintptr_t socket, void *bytes, uint32_t count)
{
    word_add(&kernel_calls, 1);
    return unit_kernel.receive(socket, bytes, count);
}

static uint32_t count_pending(uintptr_t socket)
{
    word_add(&kernel_calls, 1);
    return unit_kernel.pending(socket);
}

static void count_unblock(uintptr_t socket)
{
    (void)socket;
    word_add(&kernel_calls, 1);
}

/* ---- the clock stands still on demand, so that a wait ends by what is waited for alone ---- */

static word_t stopped;
static uint64_t stopped_at;
uint64_t __real_os_now_us(void);
uint64_t __wrap_os_now_us(void);

uint64_t __wrap_os_now_us(void)
{
    return load_acquire(&stopped) ? stopped_at : __real_os_now_us();
}

/* Spins need to know what a tick is, for which the clock has to go. */
static void stop_clock(void)
{
    spin_t spin;
    spin_begin(&spin, 1);
    stopped_at = __real_os_now_us();
    store_release(&stopped, 1);
}

static void open_early(unit_pair_t *pair, uint64_t new_until)
{
    store_relaxed(&kernel_calls, 0);
    counting = unit_kernel;
    counting.peek = count_peek;
    counting.receive = count_receive;
    counting.pending = count_pending;
    counting.send = count_send;
    counting.unblock = count_unblock;
    unit_pair_prepare(pair, 4096, 4096);
    for (int i = 0; i < 2; i++) {
        pair->end[i].kernel = &counting;
        stream_expect_ring(&pair->end[i], new_until);
        unit_pair_attach(pair, i);
    }
}

static void *answer(void *pair_as_void)
{
    unit_pair_t *pair = pair_as_void;
    unit_expect(&pair->end[1], 1, 0, 64);
    unit_send(&pair->end[1], 2, 0, 64, true);
    return NULL;
}

static void the_first_exchange_goes_by_rings_alone(void **state)
{
    unit_pair_t pair;
    (void)state;
    stop_clock();
    open_early(&pair, UINT64_MAX);
    pthread_t thread = unit_thread(answer, &pair);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 64, true), 64);
    unit_expect(&pair.end[0], 2, 0, 64);
    unit_join(thread);
    store_release(&stopped, 0);
    assert_int_equal(pair.end[0].tx.counters.by_kernel + pair.end[1].tx.counters.by_kernel, 0);
    assert_int_equal(load_relaxed(&kernel_calls), 0);
    unit_pair_close(&pair);
}

static void a_receiver_that_offers_nothing_is_waited_for_once(void **state)
{
    unit_pair_t pair;
    (void)state;
    open_early(&pair, UINT64_MAX);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 64, true), 64);
    assert_int_equal(pair.end[0].tx.counters.waits, 1);
    assert_true(stream_has_missed_ring(&pair.end[0]));
    assert_int_equal(unit_send(&pair.end[0], 1, 64, 64, true), 64);
    assert_int_equal(pair.end[0].tx.counters.waits, 1);
    assert_int_equal(pair.end[0].tx.counters.by_kernel, 128);
    unit_expect(&pair.end[1], 1, 0, 128);
    unit_pair_close(&pair);
}

static void who_does_not_block_does_not_wait(void **state)
{
    unit_pair_t pair;
    (void)state;
    open_early(&pair, UINT64_MAX);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 64, false), 64);
    assert_int_equal(pair.end[0].tx.counters.waits, 0);
    assert_false(stream_has_missed_ring(&pair.end[0]));
    unit_expect(&pair.end[1], 1, 0, 64);
    unit_pair_close(&pair);
}

static void consent(unit_pair_t *pair)
{
    uint8_t byte;
    assert_int_equal(unit_receive(&pair->end[1], &byte, 1, false), STREAM_AGAIN);
}

static void stray(const unit_pair_t *pair)
{
    assert_int_equal(unit_kernel.send((uintptr_t)pair->fd[0], "stray", 5), 5);
}

static void expect_stray(unit_pair_t *pair)
{
    uint8_t text[5];
    assert_int_equal(unit_receive(&pair->end[1], text, sizeof text, true), 5);
    assert_memory_equal(text, "stray", 5);
}

static void what_was_there_before_a_ring_of_an_old_connection_comes_first(void **state)
{
    unit_pair_t pair;
    (void)state;
    open_early(&pair, 0);
    consent(&pair);
    stray(&pair);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 64, true), 64);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    expect_stray(&pair);
    unit_expect(&pair.end[1], 1, 0, 64);
    unit_pair_close(&pair);
}

static void what_was_there_after_bytes_by_the_kernel_comes_first(void **state)
{
    unit_pair_t pair;
    (void)state;
    open_early(&pair, UINT64_MAX);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 10, false), 10);
    unit_expect(&pair.end[1], 1, 0, 10);
    stray(&pair);
    assert_int_equal(unit_send(&pair.end[0], 1, 10, 64, true), 64);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    expect_stray(&pair);
    unit_expect(&pair.end[1], 1, 10, 64);
    unit_pair_close(&pair);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_exchange_goes_by_rings_alone),
        cmocka_unit_test(a_receiver_that_offers_nothing_is_waited_for_once),
        cmocka_unit_test(who_does_not_block_does_not_wait),
        cmocka_unit_test(what_was_there_before_a_ring_of_an_old_connection_comes_first),
        cmocka_unit_test(what_was_there_after_bytes_by_the_kernel_comes_first),
    };
    return unit_main(argc, argv, tests);
}
