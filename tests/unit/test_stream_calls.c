/* test_stream_calls: blocking, deadlines, peeking, readiness, and several threads in one stream. */
#include "unit.h"
#include "vmmc_private.h"

#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "stream_private.h"

/* ---- kernel connections that misbehave ---- */

static word_t late_answers, kernel_is_full;

static int late_receive(uintptr_t socket, void *bytes, uint32_t count)
{
    if (load_relaxed(&late_answers)) {
        word_add(&late_answers, (uint32_t)-1);
        return STREAM_AGAIN;
    }
    return unit_kernel.receive(socket, bytes, count);
}

static int full_send(uintptr_t socket, const void *bytes, uint32_t count)
{
    return load_relaxed(&kernel_is_full) ? STREAM_AGAIN : unit_kernel.send(socket, bytes, count);
}

static void short_wait(uintptr_t socket, bool writable, unsigned ms)
{
    if (load_relaxed(&kernel_is_full) || load_relaxed(&late_answers))
        usleep(ms < 2 ? ms * 1000 : 2000);
    else
        unit_kernel.wait(socket, writable, ms);
}

static kernel_calls_t odd_kernel(void)
{
    kernel_calls_t calls = unit_kernel;
    calls.receive = late_receive;
    calls.send = full_send;
    calls.wait = short_wait;
    return calls;
}

static transfer_t request(stream_t *stream, void *bytes, uint32_t count, uint64_t patience_us)
{
    return (transfer_t){.socket = stream->socket, .bytes = bytes, .count = count, .blocking = true,
                        .deadline = os_now_us() + patience_us};
}

/* ---- one thread ---- */

static void announced_bytes_that_come_late_are_received(void **state)
{
    const kernel_calls_t calls = odd_kernel();
    unit_pair_t pair;
    uint8_t bytes[100];
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    pair.end[1].kernel = &calls;
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 100, true), 100);
    store_relaxed(&late_answers, 5);
    transfer_t transfer = request(&pair.end[1], bytes, 100, 3000000);
    assert_int_equal(stream_receive(&pair.end[1], &transfer), 100);
    unit_pair_close(&pair);
}

static void peeking_leaves_the_bytes_wherever_they_are(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[3000];
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    for (uint32_t round = 0; round < 10; round++) { /* the first by the kernel, then across the ring's end */
        unit_send(&pair.end[0], 1, round * 3000, 3000, true);
        transfer_t transfer = request(&pair.end[1], bytes, 2000, 3000000);
        transfer.peek = true;
        for (int again = 0; again < 3; again++) {
            memset(bytes, 0, sizeof bytes);
            assert_int_equal(stream_receive(&pair.end[1], &transfer), 2000);
            for (uint32_t i = 0; i < 2000; i++)
                assert_int_equal(bytes[i], unit_pattern(1, round * 3000 + i));
        }
        assert_int_equal(stream_pending(&pair.end[1], pair.end[1].socket), 3000);
        unit_expect(&pair.end[1], 1, round * 3000, 3000);
        assert_int_equal(stream_pending(&pair.end[1], pair.end[1].socket), 0);
    }
    unit_pair_close(&pair);
}

static void peeking_at_the_end_of_the_stream_returns_the_end(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_shut(&pair.end[0]);
    transfer_t transfer = request(&pair.end[1], &byte, 1, 3000000);
    transfer.peek = true;
    assert_int_equal(stream_receive(&pair.end[1], &transfer), 0);
    assert_int_equal(stream_receive(&pair.end[1], &transfer), 0);
    unit_pair_close(&pair);
}

static void a_receive_without_bytes_ends_at_its_deadline(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    const uint32_t times[] = {0, 1, 100, 3000, 30000, 300000};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        uint64_t before = os_now_us();
        transfer_t transfer = request(&pair.end[1], &byte, 1, times[i]);
        assert_int_equal(stream_receive(&pair.end[1], &transfer), STREAM_TIMEOUT);
        uint64_t took = os_now_us() - before;
        assert_true(took >= times[i]);
        assert_true(took < times[i] + 2000000);
    }
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_AGAIN);
    unit_pair_close(&pair);
}

static void a_send_without_room_ends_at_its_deadline(void **state)
{
    const kernel_calls_t calls = odd_kernel();
    unit_pair_t pair;
    uint8_t bytes[5000] = {0};
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    pair.end[0].kernel = &calls;
    store_relaxed(&kernel_is_full, 1);
    transfer_t transfer = request(&pair.end[0], bytes, sizeof bytes, 100000);
    uint64_t before = os_now_us();
    assert_int_equal(stream_send(&pair.end[0], &transfer), STREAM_TIMEOUT);
    assert_in_range(os_now_us() - before, 100000, 2100000);
    store_relaxed(&kernel_is_full, 0);
    unit_pair_close(&pair);
}

static void requests_for_nothing_move_nothing(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 0, true), 0);
    assert_int_equal(stream_pending(&pair.end[1], pair.end[1].socket), 0);
    unit_send(&pair.end[0], 1, 0, 7, true);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 0, true), 0);
    unit_expect(&pair.end[1], 1, 0, 7);
    unit_pair_close(&pair);
}

/* A count that is negative as an int must not pass for one that is there. */
static int receive_the_end(uintptr_t socket, void *bytes, uint32_t count)
{
    (void)socket;
    (void)bytes;
    (void)count;
    return 0;
}

/* As Wine's kernel sockets do it. */
static void a_reset_that_the_kernel_shows_as_an_end_is_a_reset(void **state)
{
    unit_pair_t pair;
    kernel_calls_t forgetful = unit_kernel;
    uint8_t byte;
    (void)state;
    forgetful.receive = receive_the_end;
    unit_pair_open(&pair, 4096, 4096);
    pair.end[1].kernel = &forgetful;
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 1, true), 1);
    assert_int_equal(stream_pending(&pair.end[1], pair.end[1].socket), 1);
    stream_close(&pair.end[0], true);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_RESET);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_RESET);
    assert_false(vmmc_is_distrustful());
    unit_pair_close(&pair);
}

static void a_request_beyond_the_range_of_int_gets_what_is_there(void **state)
{
    unit_pair_t pair;
    uint8_t *bytes = malloc(100);
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    for (uint32_t i = 0; i < 3; i++) {
        unit_send(&pair.end[0], 1, 0, 100, true);
        transfer_t transfer = request(&pair.end[1], bytes, UINT32_MAX - i, 1000000);
        assert_int_equal(stream_receive(&pair.end[1], &transfer), 100);
    }
    free(bytes);
    unit_pair_close(&pair);
}

static void another_socket_with_this_memory_is_told_apart(void **state)
{
    unit_pair_t pair;
    uint8_t byte = 0;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    transfer_t transfer = request(&pair.end[0], &byte, 1, 1000000);
    transfer.socket++;
    assert_int_equal(stream_send(&pair.end[0], &transfer), STREAM_CANCELLED);
    assert_int_equal(stream_receive(&pair.end[0], &transfer), STREAM_CANCELLED);
    assert_int_equal(stream_pending(&pair.end[0], transfer.socket), STREAM_CANCELLED);
    unit_pair_close(&pair);
}

static void readiness_follows_the_bytes(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    stream_t *from = &pair.end[0], *to = &pair.end[1];
    unit_promote(&pair);
    assert_int_equal(stream_readable(to, to->socket), 0);
    assert_int_equal(stream_writable(from, from->socket), 1);
    unit_send(from, 1, 0, 4000, true);
    assert_int_equal(stream_readable(to, to->socket), 1);
    unit_send(from, 1, 4000, 4000, true); /* by the kernel now */
    assert_int_equal(stream_pending(to, to->socket), 8000);
    unit_expect(to, 1, 0, 8000);
    assert_int_equal(stream_readable(to, to->socket), 0);
    unit_shut(from);
    int readable = stream_readable(to, to->socket);
    assert_true(readable == 1 || readable == STREAM_BY_KERNEL);
    stream_close(to, false);
    assert_int_equal(stream_writable(to, to->socket), 1);
    unit_pair_close(&pair);
}

static void a_send_after_the_peers_close_is_taken_once(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    stream_close(&pair.end[1], false);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 10, true), 10);
    assert_int_equal(unit_send(&pair.end[0], 1, 0, 10, true), STREAM_RESET);
    unit_pair_close(&pair);
}

static void the_largest_ring_of_the_settings_can_be_had(void **state)
{
    unit_pair_t pair;
    config_t config;
    (void)state;
    setenv("VMMC_RING_SIZE", "16M", 1);
    config_load(&config, NULL);
    unsetenv("VMMC_RING_SIZE");
    unit_pair_open(&pair, config.ring_bytes, config.ring_max_bytes);
    unit_promote(&pair);
    unit_pair_close(&pair);
}

/* ---- a second thread closes, shuts or wakes ---- */

typedef struct call {
    stream_t *stream;
    uint32_t count;
    bool sends;
    int result;
} call_t;

static word_t calls_made;

static void *make_call(void *argument)
{
    call_t *call = argument;
    uint8_t *bytes = calloc(1, call->count);
    transfer_t transfer = request(call->stream, bytes, call->count, UNIT_PATIENCE_US);
    call->result = call->sends ? stream_send(call->stream, &transfer) : stream_receive(call->stream, &transfer);
    free(bytes);
    word_add(&calls_made, 1);
    return NULL;
}

static void closing_wakes_a_receiver_that_sleeps(void **state)
{
    (void)state;
    for (unsigned pause = 0; pause < 40000; pause = pause * 3 + 30) {
        unit_pair_t pair;
        unit_pair_open(&pair, 4096, 4096);
        unit_promote(&pair);
        call_t calls[3] = {{&pair.end[1], 1, false, 9}, {&pair.end[1], 1, false, 9}, {&pair.end[1], 1, false, 9}};
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            threads[i] = unit_thread(make_call, &calls[i]);
        usleep(pause);
        stream_close(&pair.end[1], false);
        for (int i = 0; i < 3; i++) {
            unit_join(threads[i]);
            assert_int_equal(calls[i].result, STREAM_CANCELLED);
        }
        assert_true(stream_is_gone(&pair.end[1]));
        unit_pair_close(&pair);
    }
}

static void closing_wakes_a_sender_that_sleeps(void **state)
{
    const kernel_calls_t calls = odd_kernel();
    (void)state;
    for (unsigned pause = 0; pause < 40000; pause = pause * 3 + 30) {
        unit_pair_t pair;
        unit_pair_open(&pair, 4096, 4096);
        unit_promote(&pair);
        pair.end[0].kernel = &calls;
        store_relaxed(&kernel_is_full, 1);
        call_t first = {&pair.end[0], 9000, true, 9}, second = {&pair.end[0], 9000, true, 9};
        pthread_t threads[2] = {unit_thread(make_call, &first), unit_thread(make_call, &second)};
        usleep(pause);
        stream_close(&pair.end[0], false);
        unit_join(threads[0]);
        unit_join(threads[1]);
        store_relaxed(&kernel_is_full, 0);
        assert_true(first.result == STREAM_CANCELLED || (first.result > 0 && first.result < 9000));
        assert_true(second.result == STREAM_CANCELLED || (second.result > 0 && second.result < 9000));
        assert_true(stream_is_gone(&pair.end[0]));
        unit_pair_close(&pair);
    }
}

/* The sender waits for room in the ring; what it had sent is followed by the end, whatever carries that. */
static void shutting_while_another_thread_sends_ends_the_stream(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 1, 0, 4096, true);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    call_t call = {&pair.end[0], 100, true, 9};
    uint32_t made = load_relaxed(&calls_made);
    lock_take(&pair.end[0].tx.lock);
    pthread_t thread = unit_thread(make_call, &call);
    usleep(20000);
    lock_release(&pair.end[0].tx.lock);
    while (!load_relaxed(&pair.end[0].tx.flow->writer) && load_relaxed(&pair.end[0].users) < 2 &&
           load_relaxed(&calls_made) == made) /* on a busy machine its patience may be over before we look */
        cpu_pause();
    usleep(300);
    unit_shut(&pair.end[0]);
    unit_join(thread);
    unit_expect(&pair.end[1], 1, 0, 4096);
    uint64_t until = os_now_us() + UNIT_PATIENCE_US;
    int result;
    do {
        result = unit_receive(&pair.end[1], &byte, 1, false);
        if (result == STREAM_BY_KERNEL)
            result = unit_kernel.receive((uintptr_t)pair.fd[1], &byte, 1);
        assert_true(result == 0 || result == 1 || result == STREAM_AGAIN);
    } while (result != 0 && os_now_us() < until);
    assert_int_equal(result, 0);
    unit_pair_close(&pair);
}

typedef struct selector {
    stream_t *stream;
    word_t armed;
} selector_t;

static void *select_readable(void *argument)
{
    selector_t *selector = argument;
    stream_t *stream = selector->stream;
    sleeper_t sleeper;
    uint64_t since = os_now_us();
    unit_check(stream_arm(stream, &stream->rx, stream->socket, &sleeper, wait_mine()));
    store_release(&selector->armed, 1);
    while (stream_readable(stream, stream->socket) == 0) {
        wait_sleep(wait_mine(), unit_uses_futex(), UNIT_PATIENCE_US);
        unit_check(os_now_us() - since < UNIT_PATIENCE_US - 1000000);
    }
    stream_disarm(stream, &stream->rx, &sleeper);
    return NULL;
}

static void armed_waiters_are_woken_by_bytes_ends_and_closing(void **state)
{
    (void)state;
    for (int event = 0; event < 9; event++) {
        unit_pair_t pair;
        unit_pair_open(&pair, 4096, 4096);
        unit_promote(&pair);
        selector_t selectors[2] = {{&pair.end[1], 0}, {&pair.end[1], 0}};
        pthread_t threads[2];
        for (int i = 0; i < 2; i++) {
            threads[i] = unit_thread(select_readable, &selectors[i]);
            while (!load_acquire(&selectors[i].armed))
                os_yield(0);
        }
        usleep((unsigned)(event * event) * 500);
        if (event % 3 == 0)
            unit_send(&pair.end[0], 1, 0, 1, true);
        else if (event % 3 == 1)
            unit_shut(&pair.end[0]);
        else
            stream_close(&pair.end[1], false);
        unit_join(threads[0]);
        unit_join(threads[1]);
        unit_pair_close(&pair);
    }
}

/* ---- interludes ---- */

static word_t interludes_run;
static uint32_t interludes_wanted;

static bool run_interlude(void)
{
    word_add(&interludes_run, 1);
    return true;
}

static bool had_enough(void)
{
    return load_relaxed(&interludes_run) >= interludes_wanted;
}

static void begin_interludes(uint32_t wanted)
{
    static const wait_interlude_t interlude = {run_interlude, had_enough};
    store_relaxed(&interludes_run, 0);
    interludes_wanted = wanted;
    wait_set_interlude(&interlude);
}

static void a_wait_is_called_off_in_an_interlude(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[9000] = {0};
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    for (uint32_t wanted = 1; wanted < 5; wanted++) {
        begin_interludes(wanted);
        transfer_t transfer = request(&pair.end[1], bytes, 100, UNIT_PATIENCE_US);
        assert_int_equal(stream_receive(&pair.end[1], &transfer), STREAM_INTERRUPTED);
        assert_int_equal(load_relaxed(&interludes_run), wanted);
    }
    const kernel_calls_t calls = odd_kernel();
    pair.end[0].kernel = &calls;
    store_relaxed(&kernel_is_full, 1);
    begin_interludes(5);
    transfer_t transfer = request(&pair.end[0], bytes, sizeof bytes, UNIT_PATIENCE_US);
    assert_int_equal(stream_send(&pair.end[0], &transfer), STREAM_INTERRUPTED);
    store_relaxed(&kernel_is_full, 0);
    wait_set_interlude(NULL);
    unit_pair_close(&pair);
}

/* A demotion waits for the other side, but it is no call of the program's that waits. */
static void no_interlude_in_a_demotion(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    unit_send(&pair.end[0], 1, 0, 1000, true);
    unit_watch(&watcher, &pair.end[0], &pair.end[1]);
    begin_interludes(1);
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    assert_int_equal(load_relaxed(&interludes_run), 0);
    wait_set_interlude(NULL);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

/* ---- several threads ---- */

#define RECORD 9001u
#define RECORDS 120u

typedef struct party {
    stream_t *stream;
    uint8_t tag;
    uint64_t bytes, sum;
} party_t;

static void *send_records(void *argument)
{
    party_t *party = argument;
    uint8_t record[RECORD];
    for (uint32_t i = 0; i < RECORDS; i++) {
        memset(record, party->tag, sizeof record);
        transfer_t transfer = request(party->stream, record, RECORD, UNIT_PATIENCE_US);
        unit_check(stream_send(party->stream, &transfer) == (int)RECORD);
    }
    return NULL;
}

static void blocking_sends_of_several_threads_do_not_mix(void **state)
{
    unit_pair_t pair;
    party_t parties[3];
    pthread_t threads[3];
    unsigned counts[4] = {0};
    (void)state;
    unit_pair_open(&pair, 4096, 8192);
    unit_promote(&pair);
    for (int i = 0; i < 3; i++) {
        parties[i] = (party_t){&pair.end[0], (uint8_t)(i + 1), 0, 0};
        threads[i] = unit_thread(send_records, &parties[i]);
    }
    for (uint32_t i = 0; i < 3 * RECORDS; i++) {
        uint8_t record[RECORD];
        for (uint32_t done = 0; done < RECORD;) {
            int got = unit_receive(&pair.end[1], record + done, RECORD - done, true);
            assert_true(got > 0);
            done += (uint32_t)got;
        }
        for (uint32_t at = 1; at < RECORD; at++)
            assert_int_equal(record[at], record[0]);
        assert_in_range(record[0], 1, 3);
        counts[record[0]]++;
    }
    for (int i = 0; i < 3; i++) {
        unit_join(threads[i]);
        assert_int_equal(counts[i + 1], RECORDS);
    }
    unit_pair_close(&pair);
}

static void *receive_part(void *argument)
{
    party_t *party = argument;
    uint8_t bytes[5000];
    for (;;) {
        transfer_t transfer = request(party->stream, bytes, sizeof bytes, UNIT_PATIENCE_US);
        int got = stream_receive(party->stream, &transfer);
        if (got == STREAM_BY_KERNEL && unit_kernel.receive(party->stream->socket, bytes, 1) == 0)
            got = 0;
        if (got == 0)
            return NULL;
        unit_check(got > 0);
        party->bytes += (uint32_t)got;
        for (int i = 0; i < got; i++)
            party->sum += bytes[i];
    }
}

static void *send_outside_of_the_turn(void *argument)
{
    uint8_t late[100];
    stream_t *stream = argument;
    memset(late, 2, sizeof late);
    transfer_t transfer = request(stream, late, sizeof late, UNIT_PATIENCE_US);
    unit_check(stream_send(stream, &transfer) == (int)sizeof late);
    return NULL;
}

static bool somebody_sleeps(half_t *half)
{
    lock_take(&half->lock);
    bool asleep = half->sleepers != NULL;
    lock_release(&half->lock);
    return asleep;
}

static void a_turn_keeps_other_senders_out(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[300];
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    stream_t *stream = &pair.end[0];
    assert_int_equal(stream_begin_turn(stream, stream->socket), 0);
    memset(bytes, 1, sizeof bytes);
    transfer_t transfer = request(stream, bytes, 100, UNIT_PATIENCE_US);
    transfer.in_turn = true;
    assert_int_equal(stream_send(stream, &transfer), 100);
    pthread_t other = unit_thread(send_outside_of_the_turn, stream);
    while (!somebody_sleeps(&stream->tx))
        usleep(100);
    assert_int_equal(stream_send(stream, &transfer), 100);
    stream_end_turn(stream);
    unit_join(other);
    for (uint32_t done = 0; done < sizeof bytes;)
        done += (uint32_t)unit_receive(&pair.end[1], bytes + done, sizeof bytes - done, true);
    for (uint32_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], i < 200 ? 1 : 2);
    unit_pair_close(&pair);
}

static void *send_to_a_lost_stream(void *argument)
{
    uint8_t byte = 1;
    stream_t *stream = argument;
    transfer_t transfer = request(stream, &byte, 1, UNIT_PATIENCE_US);
    unit_check(stream_send(stream, &transfer) == STREAM_RESET);
    return NULL;
}

/* Whoever has the turn may keep it for long: a reservation is the program's. */
static void a_turn_is_not_waited_for_on_a_lost_stream(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    stream_t *stream = &pair.end[0];
    assert_int_equal(stream_begin_turn(stream, stream->socket), 0);
    pthread_t other = unit_thread(send_to_a_lost_stream, stream);
    while (!somebody_sleeps(&stream->tx))
        usleep(100);
    store_release(&stream->link->dead, 1); /* later pairs get another link */
    unit_join(other);
    stream_end_turn(stream);
    unit_pair_close(&pair);
}

static void a_turn_ends_with_its_stream(void **state)
{
    unit_pair_t pair;
    uint8_t byte = 0;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    stream_t *stream = &pair.end[0];
    assert_int_equal(stream_begin_turn(stream, stream->socket + 1), STREAM_CANCELLED);
    assert_int_equal(stream_begin_turn(stream, stream->socket), 0);
    stream_close(stream, false);
    transfer_t transfer = request(stream, &byte, 1, UNIT_PATIENCE_US);
    transfer.in_turn = true;
    assert_int_equal(stream_send(stream, &transfer), STREAM_CANCELLED);
    assert_false(stream_is_gone(stream));
    stream_end_turn(stream);
    assert_true(stream_is_gone(stream));
    unit_pair_close(&pair);
}

static void receives_of_several_threads_share_every_byte(void **state)
{
    enum { TOTAL = 3000000 };
    unit_pair_t pair;
    party_t parties[3];
    pthread_t threads[3];
    uint64_t bytes = 0, sum = 0, expected = 0;
    (void)state;
    unit_pair_open(&pair, 4096, 65536);
    unit_promote(&pair);
    for (int i = 0; i < 3; i++) {
        parties[i] = (party_t){&pair.end[1], 0, 0, 0};
        threads[i] = unit_thread(receive_part, &parties[i]);
    }
    unit_program_t program = {.stream = &pair.end[0], .seed = 5, .total = TOTAL, .most = 20000};
    unit_sender(&program);
    for (int i = 0; i < 3; i++) {
        unit_join(threads[i]);
        bytes += parties[i].bytes;
        sum += parties[i].sum;
    }
    for (uint32_t i = 0; i < TOTAL; i++)
        expected += unit_pattern(5, i);
    assert_int_equal(bytes, TOTAL);
    assert_int_equal(sum, expected);
    unit_pair_close(&pair);
}

/* ---- moments ---- */

/* A sender that switches as often as it can while the receiver looks as often as it can. */
static void *keep_switching(void *argument)
{
    stream_t *stream = argument;
    uint64_t until = os_now_us() + 1500000;
    for (uint32_t offset = 0; os_now_us() < until; offset++) {
        uint8_t byte = unit_pattern(7, offset);
        transfer_t transfer = request(stream, &byte, 1, UNIT_PATIENCE_US);
        if (stream_send(stream, &transfer) != 1)
            break;
        lock_take(&stream->tx.lock);
        if (stream->tx.carrier == CARRIER_RING)
            stream__switch_to_kernel(stream);
        lock_release(&stream->tx.lock);
    }
    unit_shut(stream);
    return NULL;
}

static void no_moment_of_a_switch_looks_like_an_error(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[100];
    uint32_t offset = 0;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    pthread_t thread = unit_thread(keep_switching, &pair.end[0]);
    for (;;) {
        int got = unit_receive(&pair.end[1], bytes, sizeof bytes, false);
        if (got == STREAM_AGAIN)
            continue;
        if (got <= 0) {
            unit_check(got == 0 || got == STREAM_BY_KERNEL);
            break;
        }
        for (int i = 0; i < got; i++)
            unit_check(bytes[i] == unit_pattern(7, offset++));
    }
    unit_join(thread);
    assert_true(offset > 1000);
    unit_pair_close(&pair);
}

/* The other process publishes its last bytes and dies after the receiver has looked for bytes, and before it asks
 * whether there is anybody to wait for. */
static unit_pair_t *dying;
bool __real_vmmc_link_is_dead(const vmmc_link_t *link);
bool __wrap_vmmc_link_is_dead(const vmmc_link_t *link);

bool __wrap_vmmc_link_is_dead(const vmmc_link_t *link)
{
    unit_pair_t *pair = dying;
    if (!pair || link != pair->end[1].link)
        return __real_vmmc_link_is_dead(link);
    if (load_relaxed(&pair->end[0].tx.flow->tail) == pair->end[1].rx.position) {
        dying = NULL;
        unit_check(unit_send(&pair->end[0], 3, 0, 10, true) == 10);
        dying = pair;
    }
    return true;
}

static void bytes_published_just_before_death_are_received(void **state)
{
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    dying = &pair;
    unit_expect(&pair.end[1], 3, 0, 10);
    dying = NULL;
    unit_pair_close(&pair);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(announced_bytes_that_come_late_are_received),
        cmocka_unit_test(peeking_leaves_the_bytes_wherever_they_are),
        cmocka_unit_test(peeking_at_the_end_of_the_stream_returns_the_end),
        cmocka_unit_test(a_receive_without_bytes_ends_at_its_deadline),
        cmocka_unit_test(a_send_without_room_ends_at_its_deadline),
        cmocka_unit_test(requests_for_nothing_move_nothing),
        cmocka_unit_test(a_reset_that_the_kernel_shows_as_an_end_is_a_reset),
        cmocka_unit_test(another_socket_with_this_memory_is_told_apart),
        cmocka_unit_test(readiness_follows_the_bytes),
        cmocka_unit_test(a_send_after_the_peers_close_is_taken_once),
        cmocka_unit_test(closing_wakes_a_receiver_that_sleeps),
        cmocka_unit_test(closing_wakes_a_sender_that_sleeps),
        cmocka_unit_test(armed_waiters_are_woken_by_bytes_ends_and_closing),
        cmocka_unit_test(blocking_sends_of_several_threads_do_not_mix),
        cmocka_unit_test(a_turn_keeps_other_senders_out),
        cmocka_unit_test(a_turn_is_not_waited_for_on_a_lost_stream),
        cmocka_unit_test(a_turn_ends_with_its_stream),
        cmocka_unit_test(receives_of_several_threads_share_every_byte),
        cmocka_unit_test(a_wait_is_called_off_in_an_interlude),
        cmocka_unit_test(no_interlude_in_a_demotion),
        cmocka_unit_test(shutting_while_another_thread_sends_ends_the_stream),
        cmocka_unit_test(bytes_published_just_before_death_are_received),
        cmocka_unit_test(the_largest_ring_of_the_settings_can_be_had),
        cmocka_unit_test(a_request_beyond_the_range_of_int_gets_what_is_there),
        cmocka_unit_test(no_moment_of_a_switch_looks_like_an_error),
    };
    return unit_main(argc, argv, tests);
}
