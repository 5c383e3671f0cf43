/* test_stream_view: the program's own pointers into the rings: reserve and commit, borrow and release. */
#include "unit.h"

#include <stdlib.h>

enum { RING = 4096, CACHED_RING = 1 << 20, SEED = 3 };

static transfer_t request(const stream_t *stream, void *first, uint32_t count, bool blocking)
{
    return (transfer_t){
        .socket = stream->socket, .bytes = first, .count = count, .blocking = blocking, .deadline = STREAM_NEVER};
}

static int reserve(stream_t *stream, uint32_t most, view_t *view)
{
    const transfer_t wish = request(stream, NULL, most, false);
    return stream_reserve(stream, &wish, view);
}

static int commit(stream_t *stream, const view_t *view, uint32_t count)
{
    const transfer_t wish = request(stream, view->spans[0].bytes, count, false);
    return stream_commit(stream, &wish);
}

static int borrow(stream_t *stream, uint32_t most, view_t *view)
{
    const transfer_t wish = request(stream, NULL, most, false);
    return stream_borrow(stream, &wish, view);
}

static int release(stream_t *stream, const view_t *view, uint32_t count)
{
    const transfer_t wish = request(stream, view->spans[0].bytes, count, false);
    return stream_release(stream, &wish);
}

static uint8_t *byte_at(const view_t *view, uint32_t at)
{
    const span_t *first = &view->spans[0];
    return at < first->count ? (uint8_t *)first->bytes + at : (uint8_t *)view->spans[1].bytes + (at - first->count);
}

static void fill(const view_t *view, uint64_t offset)
{
    for (uint32_t i = 0; i < view->count; i++)
        *byte_at(view, i) = unit_pattern(SEED, offset + i);
}

static void check(const view_t *view, uint64_t offset, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(*byte_at(view, i), unit_pattern(SEED, offset + i));
}

static void open_pair(unit_pair_t *pair)
{
    unit_pair_open(pair, RING, RING);
    unit_promote(pair);
}

/* ---- one step at a time ---- */

static void reserved_bytes_are_sent_when_they_are_committed(void **state)
{
    unit_pair_t pair;
    view_t view;
    uint8_t byte;
    (void)state;
    open_pair(&pair);
    assert_int_equal(reserve(&pair.end[0], 100, &view), 100);
    fill(&view, 0);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_AGAIN);
    assert_int_equal(commit(&pair.end[0], &view, 60), 60);
    unit_expect(&pair.end[1], SEED, 0, 60);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_AGAIN);
    unit_send(&pair.end[0], SEED, 60, 10, true);
    unit_expect(&pair.end[1], SEED, 60, 10);
    unit_pair_close(&pair);
}

static void a_reservation_given_up_sends_nothing(void **state)
{
    unit_pair_t pair;
    view_t view;
    uint8_t byte;
    (void)state;
    open_pair(&pair);
    assert_int_equal(reserve(&pair.end[0], 100, &view), 100);
    assert_int_equal(commit(&pair.end[0], &view, 0), 0);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_AGAIN);
    assert_int_equal(unit_send(&pair.end[0], SEED, 0, 5, false), 5);
    unit_expect(&pair.end[1], SEED, 0, 5);
    unit_pair_close(&pair);
}

static void borrowed_bytes_stay_until_they_are_released(void **state)
{
    unit_pair_t pair;
    view_t view;
    (void)state;
    open_pair(&pair);
    unit_send(&pair.end[0], SEED, 0, 100, true);
    assert_int_equal(borrow(&pair.end[1], 60, &view), 60);
    check(&view, 0, 60);
    assert_int_equal(borrow(&pair.end[1], 1000, &view), 100);
    check(&view, 0, 100);
    assert_int_equal(stream_pending(&pair.end[1], pair.end[1].socket), 100);
    assert_int_equal(release(&pair.end[1], &view, 30), 30);
    unit_expect(&pair.end[1], SEED, 30, 70);
    assert_int_equal(borrow(&pair.end[1], 10, &view), STREAM_AGAIN);
    unit_shut(&pair.end[0]);
    assert_int_equal(borrow(&pair.end[1], 10, &view), 0);
    assert_int_equal(release(&pair.end[1], &view, 0), STREAM_INVALID);
    unit_pair_close(&pair);
}

static void a_view_of_the_rings_end_has_two_spans(void **state)
{
    unit_pair_t pair;
    view_t out, in;
    (void)state;
    open_pair(&pair);
    uint32_t before = RING - 100 - pair.end[0].tx.position % RING;
    unit_send(&pair.end[0], SEED, 0, before, true);
    unit_expect(&pair.end[1], SEED, 0, before);
    assert_int_equal(reserve(&pair.end[0], 300, &out), 300);
    assert_int_equal(out.spans[0].count, 100);
    assert_int_equal(out.spans[1].count, 200);
    fill(&out, before);
    assert_int_equal(commit(&pair.end[0], &out, 250), 250);
    assert_int_equal(borrow(&pair.end[1], 300, &in), 250);
    assert_int_equal(in.spans[0].count, 100);
    assert_int_equal(in.spans[1].count, 150);
    check(&in, before, 250);
    assert_int_equal(release(&pair.end[1], &in, 250), 250);
    unit_pair_close(&pair);
}

static void wrong_use_is_refused_and_harms_nothing(void **state)
{
    unit_pair_t pair;
    view_t out, in, none = {.count = 0};
    uint8_t own[10] = {0};
    (void)state;
    open_pair(&pair);
    stream_t *sender = &pair.end[0], *receiver = &pair.end[1];
    assert_int_equal(reserve(sender, 0, &out), STREAM_INVALID);
    assert_int_equal(borrow(receiver, 0, &in), STREAM_INVALID);
    assert_int_equal(commit(sender, &none, 0), STREAM_INVALID);
    assert_int_equal(release(receiver, &none, 0), STREAM_INVALID);
    assert_int_equal(reserve(sender, 50, &out), 50);
    fill(&out, 0);
    const transfer_t foreign = request(sender, own, 5, false);
    assert_int_equal(stream_commit(sender, &foreign), STREAM_FAULT);
    assert_int_equal(commit(sender, &out, 51), STREAM_INVALID);
    assert_int_equal(reserve(sender, 5, &in), STREAM_HELD);
    assert_int_equal(unit_send(sender, SEED, 0, 5, true), STREAM_HELD);
    assert_int_equal(commit(sender, &out, 50), 50);
    assert_int_equal(commit(sender, &out, 50), STREAM_INVALID);
    assert_int_equal(borrow(receiver, 50, &in), 50);
    const transfer_t foreign_too = request(receiver, own, 5, false);
    assert_int_equal(stream_release(receiver, &foreign_too), STREAM_FAULT);
    assert_int_equal(release(receiver, &in, 51), STREAM_INVALID);
    assert_int_equal(unit_receive(receiver, own, 5, true), STREAM_HELD);
    assert_int_equal(release(receiver, &in, 20), 20);
    assert_int_equal(release(receiver, &in, 20), STREAM_INVALID);
    unit_expect(receiver, SEED, 20, 30);
    unit_pair_close(&pair);
}

static void without_a_ring_there_are_no_views(void **state)
{
    unit_pair_t pair;
    view_t view;
    uint8_t byte;
    (void)state;
    unit_pair_open(&pair, RING, RING);
    assert_int_equal(reserve(&pair.end[0], 10, &view), STREAM_BY_KERNEL);
    unit_send(&pair.end[0], SEED, 0, 1, true);
    assert_int_equal(borrow(&pair.end[1], 10, &view), STREAM_BY_KERNEL);
    unit_expect(&pair.end[1], SEED, 0, 1);
    assert_int_equal(reserve(&pair.end[0], 10, &view), 10);
    fill(&view, 1);
    assert_int_equal(commit(&pair.end[0], &view, 10), 10);
    unit_expect(&pair.end[1], SEED, 1, 10);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_AGAIN);
    unit_pair_close(&pair);
}

static void a_full_ring_grants_what_is_useful_or_nothing(void **state)
{
    unit_pair_t pair;
    view_t view;
    (void)state;
    open_pair(&pair);
    unit_send(&pair.end[0], SEED, 0, RING - 1000, true);
    assert_int_equal(reserve(&pair.end[0], RING, &view), STREAM_BY_KERNEL); /* 1,000 bytes are not a quarter */
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_KERNEL);
    unit_expect(&pair.end[1], SEED, 0, RING - 1000);
    unit_send(&pair.end[0], SEED, RING - 1000, 1, true);
    unit_expect(&pair.end[1], SEED, RING - 1000, 1);
    unit_send(&pair.end[0], SEED, RING - 999, 2000, true);
    assert_int_equal(pair.end[0].tx.carrier, CARRIER_RING);
    assert_int_equal(reserve(&pair.end[0], 2 * RING, &view), RING - 2000);
    assert_int_equal(commit(&pair.end[0], &view, 0), 0);
    unit_expect(&pair.end[1], SEED, RING - 999, 2000);
    unit_pair_close(&pair);
}

static void counters_tell_the_roads_apart(void **state)
{
    unit_pair_t pair;
    stream_facts_t before[2], after[2];
    view_t view;
    (void)state;
    open_pair(&pair);
    stream_describe(&pair.end[0], &before[0]);
    stream_describe(&pair.end[1], &before[1]);
    unit_send(&pair.end[0], SEED, 0, 100, true);
    assert_int_equal(reserve(&pair.end[0], 50, &view), 50);
    fill(&view, 100);
    assert_int_equal(commit(&pair.end[0], &view, 50), 50);
    assert_int_equal(borrow(&pair.end[1], 70, &view), 70);
    assert_int_equal(release(&pair.end[1], &view, 70), 70);
    unit_expect(&pair.end[1], SEED, 70, 80);
    stream_describe(&pair.end[0], &after[0]);
    stream_describe(&pair.end[1], &after[1]);
    assert_int_equal(after[0].sent.bytes - before[0].sent.bytes, 150);
    assert_int_equal(after[0].sent.in_place - before[0].sent.in_place, 50);
    assert_int_equal(after[0].sent.calls - before[0].sent.calls, 2);
    assert_int_equal(after[1].received.bytes - before[1].received.bytes, 150);
    assert_int_equal(after[1].received.in_place - before[1].received.in_place, 70);
    assert_int_equal(after[1].received.by_kernel - before[1].received.by_kernel, 0);
    assert_true(before[1].received.by_kernel >= 1);
    assert_int_equal(after[0].send_ring, RING);
    assert_int_equal(after[1].receive_ring, RING);
    unit_pair_close(&pair);
}

/* All that lies in the ring, and nothing of the kernel's. */
static uint32_t read_in_place(stream_t *receiver, uint32_t from)
{
    view_t view;
    int count;
    while ((count = borrow(receiver, CACHED_RING, &view)) > 0) {
        check(&view, from, (uint32_t)count);
        assert_int_equal(release(receiver, &view, (uint32_t)count), count);
        from += (uint32_t)count;
    }
    return from;
}

/* Its sender asks for more when the ring overflows; the offer comes when the receiver follows it into the kernel. */
static void a_reader_in_place_gets_no_ring_beyond_the_caches(void **state)
{
    unit_pair_t pair;
    uint32_t sent = CACHED_RING / 2, got;
    (void)state;
    unit_pair_open(&pair, CACHED_RING, 4 * CACHED_RING);
    unit_promote(&pair);
    unit_send(&pair.end[0], SEED, 0, sent, true);
    got = read_in_place(&pair.end[1], 0);
    assert_int_equal(got, sent);
    while (pair.end[0].tx.carrier == CARRIER_RING)
        sent += (uint32_t)unit_send(&pair.end[0], SEED, sent, CACHED_RING / 4, true);
    assert_true(load_relaxed(&pair.end[1].rx.flow->wanted) > CACHED_RING);
    got = read_in_place(&pair.end[1], got);
    assert_int_equal(pair.end[1].rx.carrier, CARRIER_KERNEL);
    assert_int_equal(pair.end[1].rx.offered.size, CACHED_RING);
    unit_expect(&pair.end[1], SEED, got, sent - got);
    unit_pair_close(&pair);
}

/* ---- ends ---- */

static void what_is_held_outlives_the_other_ends_close(void **state)
{
    unit_pair_t pair;
    view_t out, in;
    (void)state;
    open_pair(&pair);
    unit_send(&pair.end[1], SEED, 0, 200, true);
    assert_int_equal(reserve(&pair.end[0], 50, &out), 50);
    assert_int_equal(borrow(&pair.end[0], 200, &in), 200);
    stream_close(&pair.end[1], false);
    fill(&out, 0);
    check(&in, 0, 200);
    assert_int_equal(commit(&pair.end[0], &out, 50), STREAM_RESET);
    assert_int_equal(commit(&pair.end[0], &out, 0), 0);
    assert_int_equal(release(&pair.end[0], &in, 150), 150);
    unit_expect(&pair.end[0], SEED, 150, 50);
    assert_int_equal(borrow(&pair.end[0], 1, &in), 0);
    unit_pair_close(&pair);
}

static void closing_ends_what_is_held(void **state)
{
    unit_pair_t pair;
    view_t out, in;
    (void)state;
    open_pair(&pair);
    unit_send(&pair.end[1], SEED, 0, 200, true);
    assert_int_equal(reserve(&pair.end[0], 50, &out), 50);
    assert_int_equal(borrow(&pair.end[0], 200, &in), 200);
    stream_close(&pair.end[0], false);
    assert_int_equal(commit(&pair.end[0], &out, 50), STREAM_CANCELLED);
    assert_int_equal(release(&pair.end[0], &in, 50), STREAM_CANCELLED);
    unit_pair_close(&pair);
}

/* ---- demotion ---- */

/* As the layer above does it: by a call that sends bytes which lie anywhere. */
static void send_rest(stream_t *stream, int fd, view_t view, uint32_t count)
{
    while (count) {
        const span_t *first = &view.spans[0];
        uint32_t part = first->count < count ? first->count : count;
        transfer_t transfer = request(stream, first->bytes, part, false);
        transfer.in_turn = true;
        int moved = stream_send(stream, &transfer);
        if (moved == STREAM_BY_KERNEL)
            moved = unit_kernel.send((uintptr_t)fd, first->bytes, part);
        assert_true(moved > 0);
        const transfer_t all = request(stream, first->bytes, count, false);
        stream_spend(stream, &all, (uint32_t)moved, &view);
        count -= (uint32_t)moved;
    }
}

static void a_reservation_outlives_its_ring(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    view_t out;
    vmmc_region_t next;
    (void)state;
    open_pair(&pair);
    uint32_t before = RING - 100 - pair.end[0].tx.position % RING;
    unit_send(&pair.end[0], SEED, 0, before, true);
    unit_expect(&pair.end[1], SEED, 0, before - 50);
    assert_int_equal(reserve(&pair.end[0], 300, &out), 300);
    const uint8_t *ring = pair.end[1].rx.ring.base;
    unit_watch(&watcher, &pair.end[0], NULL);
    assert_int_equal(stream_demote(&pair.end[1]), 0);
    /* The memory is not used again while the sender may still store into it. */
    for (int i = 0; i < 8; i++) {
        assert_int_equal(vmmc_export(pair.end[1].link, RING, &next), 0);
        assert_ptr_not_equal(next.base, ring);
        vmmc_unexport(pair.end[1].link, next.handle);
    }
    fill(&out, before);
    assert_int_equal(commit(&pair.end[0], &out, 101), STREAM_BY_KERNEL);
    send_rest(&pair.end[0], pair.fd[0], out, 101);
    assert_int_equal(commit(&pair.end[0], &out, 0), STREAM_INVALID);
    unit_kernel_expect(pair.fd[1], SEED, before - 50, 151);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

static void borrowed_bytes_outlive_the_receivers_leaving(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    view_t in;
    uint8_t byte;
    (void)state;
    open_pair(&pair);
    unit_send(&pair.end[0], SEED, 0, 3000, true);
    assert_int_equal(borrow(&pair.end[1], 1000, &in), 1000);
    unit_watch(&watcher, &pair.end[0], NULL);
    assert_int_equal(stream_demote(&pair.end[1]), STREAM_AGAIN);
    check(&in, 0, 1000);
    assert_int_equal(release(&pair.end[1], &in, 400), 400);
    unit_expect(&pair.end[1], SEED, 400, 2600);
    assert_int_equal(unit_kernel.send((uintptr_t)pair.fd[0], "x", 1), 1);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, true), STREAM_BY_KERNEL);
    assert_int_equal(borrow(&pair.end[1], 1, &in), STREAM_BY_KERNEL);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

static void borrowed_bytes_outlive_the_senders_leaving(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    view_t in;
    uint8_t byte;
    (void)state;
    open_pair(&pair);
    unit_send(&pair.end[0], SEED, 0, 3000, true);
    assert_int_equal(borrow(&pair.end[1], 3000, &in), 3000);
    unit_watch(&watcher, &pair.end[1], NULL);
    assert_int_equal(stream_demote(&pair.end[0]), 0);
    check(&in, 0, 3000);
    assert_int_equal(release(&pair.end[1], &in, 3000), 3000);
    assert_int_equal(unit_receive(&pair.end[1], &byte, 1, false), STREAM_BY_KERNEL);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

/* ---- several threads ---- */

static void await_waiter(half_t *half)
{
    bool waits = false;
    while (!waits) {
        os_yield(UINT32_MAX);
        lock_take(&half->lock);
        waits = half->sleepers || half->counters.waits;
        lock_release(&half->lock);
    }
}

static void *commit_later(void *argument)
{
    view_t *view = ((void **)argument)[1];
    stream_t *stream = ((void **)argument)[0];
    await_waiter(&stream->tx);
    unit_check(commit(stream, view, view->count) == (int)view->count);
    return NULL;
}

static void *send_waiting(void *argument)
{
    unit_check(unit_send(argument, SEED, 50, 50, false) == STREAM_AGAIN);
    unit_check(unit_send(argument, SEED, 50, 50, true) == 50);
    return NULL;
}

/* Reserved by this thread, committed by another while a third one waits to send. */
static void other_senders_wait_for_the_commit(void **state)
{
    unit_pair_t pair;
    view_t view;
    (void)state;
    open_pair(&pair);
    pair.end[0].tx.counters.waits = 0;
    assert_int_equal(reserve(&pair.end[0], 50, &view), 50);
    fill(&view, 0);
    void *arguments[] = {&pair.end[0], &view};
    pthread_t sender = unit_thread(send_waiting, &pair.end[0]), committer = unit_thread(commit_later, arguments);
    unit_join(committer);
    unit_join(sender);
    unit_expect(&pair.end[1], SEED, 0, 100);
    unit_pair_close(&pair);
}

static void *receive_waiting(void *argument)
{
    uint8_t bytes[100];
    unit_check(unit_receive(argument, bytes, sizeof bytes, false) == STREAM_AGAIN);
    unit_check(unit_receive(argument, bytes, sizeof bytes, true) == 60);
    for (uint32_t i = 0; i < 60; i++)
        unit_check(bytes[i] == unit_pattern(SEED, 40 + i));
    return NULL;
}

static void other_receivers_wait_for_the_release(void **state)
{
    unit_pair_t pair;
    view_t view;
    (void)state;
    open_pair(&pair);
    unit_send(&pair.end[0], SEED, 0, 100, true);
    pair.end[1].rx.counters.waits = 0;
    assert_int_equal(borrow(&pair.end[1], 100, &view), 100);
    pthread_t receiver = unit_thread(receive_waiting, &pair.end[1]);
    await_waiter(&pair.end[1].rx);
    assert_int_equal(release(&pair.end[1], &view, 40), 40);
    unit_join(receiver);
    unit_pair_close(&pair);
}

/* Both ends in their own thread; each picks its way for each piece, in place for the first, which a ring carries.  The rings
 * grow and overflow on the way. */
enum { TOTAL = 3000000, MOST = 9000 };

static void *send_any_way(void *argument)
{
    stream_t *stream = argument;
    uint32_t random = 77;
    for (uint32_t done = 0; done < TOTAL;) {
        uint32_t part = 1 + unit_random(&random, MOST);
        view_t view;
        part = part < TOTAL - done ? part : TOTAL - done;
        int moved = STREAM_BY_KERNEL;
        if (done == 0 || unit_random(&random, 3)) {
            const transfer_t wish = request(stream, NULL, part, true);
            moved = stream_reserve(stream, &wish, &view);
            if (moved > 0) {
                fill(&view, done);
                uint32_t some = unit_random(&random, 4) ? (uint32_t)moved : unit_random(&random, (uint32_t)moved + 1);
                moved = commit(stream, &view, some);
                unit_check(moved == (int)some);
            }
        }
        if (moved == STREAM_BY_KERNEL)
            moved = unit_send(stream, SEED, done, part, true);
        unit_check(moved >= 0);
        done += (uint32_t)moved;
    }
    unit_shut(stream);
    return NULL;
}

static int receive_any_way(stream_t *stream, uint32_t done, uint32_t most, bool in_place)
{
    static uint8_t bytes[MOST];
    view_t view;
    const transfer_t wish = request(stream, NULL, most, true);
    int moved = in_place ? stream_borrow(stream, &wish, &view) : STREAM_BY_KERNEL;
    if (moved > 0) {
        check(&view, done, (uint32_t)moved);
        uint32_t some = (uint32_t)moved - (uint32_t)moved / 5;
        unit_check(release(stream, &view, some) == (int)some);
        return (int)some;
    }
    if (moved != STREAM_BY_KERNEL)
        return moved;
    moved = unit_receive(stream, bytes, most, true);
    for (int i = 0; i < moved; i++)
        unit_check(bytes[i] == unit_pattern(SEED, done + (uint32_t)i));
    return moved;
}

static void any_mixture_of_ways_keeps_the_bytes_in_order(void **state)
{
    unit_pair_t pair;
    uint32_t random = 5, done = 0;
    (void)state;
    unit_pair_open(&pair, RING, 4 * RING);
    unit_promote(&pair);
    pthread_t sender = unit_thread(send_any_way, &pair.end[0]);
    for (;;) {
        bool in_place = done == 0 || unit_random(&random, 2);
        int moved = receive_any_way(&pair.end[1], done, 1 + unit_random(&random, MOST - 1), in_place);
        if ((moved == 0 || moved == STREAM_BY_KERNEL) && done == TOTAL)
            break;
        assert_true(moved > 0);
        done += (uint32_t)moved;
    }
    unit_join(sender);
    assert_true(pair.end[1].rx.counters.in_place > 0);
    assert_true(pair.end[0].tx.counters.in_place > 0);
    unit_pair_close(&pair);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserved_bytes_are_sent_when_they_are_committed),
        cmocka_unit_test(a_reservation_given_up_sends_nothing),
        cmocka_unit_test(borrowed_bytes_stay_until_they_are_released),
        cmocka_unit_test(a_view_of_the_rings_end_has_two_spans),
        cmocka_unit_test(wrong_use_is_refused_and_harms_nothing),
        cmocka_unit_test(without_a_ring_there_are_no_views),
        cmocka_unit_test(a_full_ring_grants_what_is_useful_or_nothing),
        cmocka_unit_test(counters_tell_the_roads_apart),
        cmocka_unit_test(a_reader_in_place_gets_no_ring_beyond_the_caches),
        cmocka_unit_test(what_is_held_outlives_the_other_ends_close),
        cmocka_unit_test(closing_ends_what_is_held),
        cmocka_unit_test(a_reservation_outlives_its_ring),
        cmocka_unit_test(borrowed_bytes_outlive_the_receivers_leaving),
        cmocka_unit_test(borrowed_bytes_outlive_the_senders_leaving),
        cmocka_unit_test(other_senders_wait_for_the_commit),
        cmocka_unit_test(other_receivers_wait_for_the_release),
        cmocka_unit_test(any_mixture_of_ways_keeps_the_bytes_in_order),
    };
    return unit_main(argc, argv, tests);
}
