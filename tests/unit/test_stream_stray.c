/* test_stream_stray: bytes that somebody puts into the kernel connection past the stream. */
#include "unit.h"

#include <string.h>
#include <sys/socket.h>

static void stray(const unit_pair_t *pair, const char *text)
{
    assert_int_equal(unit_kernel.send((uintptr_t)pair->fd[0], text, (uint32_t)strlen(text)), strlen(text));
}

static void expect_text(const unit_pair_t *pair, const char *text)
{
    char got[64];
    size_t done = 0;
    while (done < strlen(text)) {
        int moved = unit_kernel.receive((uintptr_t)pair->fd[1], got + done, (uint32_t)(strlen(text) - done));
        if (moved == STREAM_AGAIN)
            unit_kernel.wait((uintptr_t)pair->fd[1], false, 1000);
        else
            unit_check(moved > 0);
        done += moved > 0 ? (size_t)moved : 0;
    }
    assert_memory_equal(got, text, done);
}

static int receive_now(unit_pair_t *pair)
{
    uint8_t byte;
    return unit_receive(&pair->end[1], &byte, 1, false);
}

static void a_silent_connection_has_none(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_LATER); /* nobody has begun to read */
    unit_promote(&pair);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_NONE);
    unit_send(&pair.end[0], 1, 0, 3000, true);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_NONE);
    unit_expect(&pair.end[1], 1, 0, 3000);
    assert_true(stream_may_have_strays(&pair.end[1]));
    unit_shut(&pair.end[0]);
    assert_false(stream_may_have_strays(&pair.end[1]));
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_NEVER);
    assert_true(stream_may_have_strays(&pair.end[0])); /* the other direction goes on */
    unit_pair_close(&pair);
}

static void announced_bytes_are_none(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_send(&pair.end[0], 1, 0, 10, true); /* nobody has consented: it may come by the kernel's own calls */
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_LATER);
    unit_expect(&pair.end[1], 1, 0, 10);
    unit_promote(&pair);
    for (uint32_t sent = 0; sent < 200000; sent += 20000)
        assert_int_equal(unit_send(&pair.end[0], 7, sent, 20000, true), 20000);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_KERNEL);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_LATER);
    unit_expect(&pair.end[1], 7, 0, 100000);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_LATER);
    unit_expect(&pair.end[1], 7, 100000, 100000);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_NONE);
    unit_pair_close(&pair);
}

static void they_come_behind_what_is_in_the_ring(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 1, 0, 3000, true);
    stray(&pair, "stray");
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_SEEN);
    stream_leave_to_strays(&pair.end[1]);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_LEAVING);
    unit_send(&pair.end[0], 1, 3000, 1000, true); /* this send finds the wish, and is the kernel's */
    assert_int_equal(unit_kernel.send((uintptr_t)pair.fd[0], " more", 5), 5);
    unit_expect(&pair.end[1], 1, 0, 3000);
    assert_int_equal(receive_now(&pair), STREAM_BY_KERNEL);
    expect_text(&pair, "stray more");
    stream_serve_peer(&pair.end[1]);
    assert_int_equal(unit_receive(&pair.end[0], (uint8_t[1]){0}, 1, false), STREAM_BY_KERNEL);
    assert_true(stream_is_final(&pair.end[0]) && stream_is_final(&pair.end[1]));
    unit_pair_close(&pair);
}

static void they_come_before_the_first_ring(void **state)
{
    unit_pair_t pair;
    uint8_t text[8];
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_send(&pair.end[0], 1, 0, 10, true);
    unit_expect(&pair.end[1], 1, 0, 10); /* which consents */
    stray(&pair, "stray");
    unit_send(&pair.end[0], 1, 10, 1000, true);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    assert_int_equal(unit_receive(&pair.end[1], text, sizeof text, true), 5);
    assert_memory_equal(text, "stray", 5);
    unit_expect(&pair.end[1], 1, 10, 1000);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_SEEN); /* until the other half has been told */
    stream_leave_to_strays(&pair.end[1]);
    assert_int_equal(unit_send(&pair.end[0], 1, 1010, 1, true), STREAM_BY_KERNEL);
    assert_int_equal(receive_now(&pair), STREAM_BY_KERNEL);
    unit_pair_close(&pair);
}

static void read_before_consent_they_keep_it_away(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    stray(&pair, "stray");
    assert_true(stream_enter_kernel(&pair.end[1], &pair.end[1].rx, pair.end[1].socket));
    expect_text(&pair, "stray");
    stream_leave_kernel(&pair.end[1], &pair.end[1].rx, 5);
    assert_int_equal(receive_now(&pair), STREAM_BY_KERNEL);
    for (uint32_t sent = 0; sent < 3000; sent += 1000) {
        assert_int_equal(unit_send(&pair.end[0], 1, sent, 1000, true), 1000);
        assert_int_equal(receive_now(&pair), STREAM_BY_KERNEL);
        unit_kernel_expect(pair.fd[1], 1, sent, 1000);
    }
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_KERNEL);
    unit_pair_close(&pair);
}

/* The kernel's order is kept: what was announced lies behind them, and the last of it is found when all has been told. */
static void amid_announced_bytes_nothing_is_lost(void **state)
{
    unit_pair_t pair;
    uint8_t first[5];
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    assert_int_equal(receive_now(&pair), STREAM_AGAIN); /* which consents */
    pair.end[0].tx.never = true;                        /* and yet the sender stays with the kernel */
    stray(&pair, "stray");
    unit_send(&pair.end[0], 1, 0, 100, true);
    assert_int_equal(unit_receive(&pair.end[1], first, sizeof first, true), 5);
    assert_memory_equal(first, "stray", 5);
    unit_expect(&pair.end[1], 1, 0, 95);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_SEEN);
    stream_leave_to_strays(&pair.end[1]);
    stream_serve_peer(&pair.end[0]);
    assert_int_equal(receive_now(&pair), STREAM_BY_KERNEL);
    unit_kernel_expect(pair.fd[1], 1, 95, 5);
    unit_pair_close(&pair);
}

static void an_end_that_nobody_announced_is_the_end(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 1, 0, 100, true);
    assert_int_equal(shutdown(pair.fd[0], SHUT_WR), 0);
    assert_int_equal(stream_look_for_strays(&pair.end[1]), STRAY_SEEN);
    stream_leave_to_strays(&pair.end[1]);
    stream_serve_peer(&pair.end[0]);
    unit_expect(&pair.end[1], 1, 0, 100);
    assert_int_equal(receive_now(&pair), STREAM_BY_KERNEL);
    assert_int_equal(unit_kernel.receive((uintptr_t)pair.fd[1], &byte, 1), 0);
    unit_pair_close(&pair);
}

static void *blocked_receiver(void *stream)
{
    uint8_t byte;
    unit_check(unit_receive(stream, &byte, 1, true) == STREAM_BY_KERNEL);
    return NULL;
}

static void a_sleeping_receiver_wakes_for_them(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_watch(&watcher, &pair.end[0], NULL);
    pthread_t thread = unit_thread(blocked_receiver, &pair.end[1]);
    while (!load_acquire(&pair.end[1].rx.flow->reader)) /* it is asleep, or about to be */
        os_yield(0);
    stray(&pair, "stray");
    stream_leave_to_strays(&pair.end[1]);
    unit_join(thread);
    expect_text(&pair, "stray");
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

static void leaving_takes_strays_along(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 1, 0, 3000, true);
    stray(&pair, "stray");
    unit_watch(&watcher, &pair.end[0], NULL);
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    expect_text(&pair, "stray");
    unit_kernel_expect(pair.fd[1], 1, 0, 3000);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

/* They were taken out for this process, and its own calls give them before anything else. */
static void strays_that_were_taken_out_stay(void **state)
{
    unit_pair_t pair;
    uint8_t text[8];
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_send(&pair.end[0], 1, 0, 10, true);
    unit_expect(&pair.end[1], 1, 0, 10);
    stray(&pair, "stray");
    unit_send(&pair.end[0], 1, 10, 1000, true);
    assert_int_not_equal(stream_readable(&pair.end[1], pair.end[1].socket), STREAM_BY_KERNEL); /* follows */
    assert_int_equal(stream_pending(&pair.end[1], pair.end[1].socket), 5);
    assert_int_equal(stream_demote(&pair.end[1]), STREAM_AGAIN);
    assert_int_equal(unit_receive(&pair.end[1], text, sizeof text, true), 5);
    unit_expect(&pair.end[1], 1, 10, 1000);
    unit_pair_close(&pair);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_connection_has_none),
        cmocka_unit_test(announced_bytes_are_none),
        cmocka_unit_test(they_come_behind_what_is_in_the_ring),
        cmocka_unit_test(they_come_before_the_first_ring),
        cmocka_unit_test(read_before_consent_they_keep_it_away),
        cmocka_unit_test(amid_announced_bytes_nothing_is_lost),
        cmocka_unit_test(an_end_that_nobody_announced_is_the_end),
        cmocka_unit_test(a_sleeping_receiver_wakes_for_them),
        cmocka_unit_test(leaving_takes_strays_along),
        cmocka_unit_test(strays_that_were_taken_out_stay),
    };
    return unit_main(argc, argv, tests);
}
