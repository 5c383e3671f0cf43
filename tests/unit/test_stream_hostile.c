/* test_stream_hostile: another process writes anything into the words a stream shares with it, at any time.  A reset is
 * allowed; a crash, a hang or a length out of range is not. */
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "unit_small.h"
#include "vmmc_private.h"

#define RING 4096u

/* ---- one wild value at a time ---- */

static const uint32_t wild[] = {0, 1, 2, 3, 4, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 4095, 4096, 4097, 8192, 65536,
                                1u << 20, (4u << 20) + 1, 0x10001, 0x30001, 0x7fffffff, 0x80000000, 0x80001000,
                                UINT32_MAX - 4096, UINT32_MAX - 1, UINT32_MAX};

static void check_result(int result, uint32_t most)
{
    unit_check(result >= STREAM_BY_KERNEL && result <= (int)most);
}

/* Every call once; none may wait long, since all are non-blocking. */
static void poke(stream_t *stream)
{
    uint8_t *bytes = malloc(3000);
    uint64_t before = os_now_us();
    transfer_t transfer = {.socket = stream->socket, .bytes = bytes, .count = 3000, .deadline = STREAM_NEVER};
    memset(bytes, 0, 3000);
    int pending = stream_pending(stream, stream->socket);
    unit_check(pending >= STREAM_BY_KERNEL);
    check_result(stream_readable(stream, stream->socket), 1);
    check_result(stream_writable(stream, stream->socket), 1);
    check_result(stream_send(stream, &transfer), 3000);
    transfer.peek = true;
    check_result(stream_receive(stream, &transfer), 3000);
    transfer.peek = false;
    for (int i = 0; i < 3; i++)
        check_result(stream_receive(stream, &transfer), 3000);
    stream_serve_peer(stream);
    unit_check(os_now_us() - before < 3000000);
    free(bytes);
}

/* The words of one direction, without the padding. */
static word_t *flow_word(flow_shm_t *flow, unsigned number)
{
    word_t *const words[] = {&flow->tail, &flow->state, &flow->switches, &flow->record[0].end,
                             &flow->record[0].carrier, &flow->record[1].end, &flow->record[1].carrier, &flow->wanted,
                             &flow->writer, &flow->head, &flow->reader, &flow->followed, &flow->offer,
                             &flow->consumer, &flow->returned, &flow->returned_bytes};
    return number < sizeof words / sizeof *words ? words[number] : NULL;
}

typedef enum scene { FRESH, IN_RING, IN_RING_WITH_BYTES, OVERFLOWN, SCENES } scene_t;

static void set_scene(unit_pair_t *pair, scene_t scene)
{
    unit_pair_open(pair, RING, 16384);
    if (scene >= IN_RING)
        unit_promote(pair);
    if (scene >= IN_RING_WITH_BYTES) {
        for (int i = 0; i < 2; i++)
            unit_send(&pair->end[i], 1, 0, 1000, true);
    }
    if (scene == OVERFLOWN) {
        for (int i = 0; i < 2; i++)
            unit_send(&pair->end[i], 1, 1000, 9000, true);
    }
}

/* Each word meets a quarter of the values in each scene, and all of them in the four. */
static void every_word_may_have_any_value(void **state)
{
    (void)state;
    for (scene_t scene = FRESH; scene < SCENES; scene++) {
        for (unsigned number = 0; number < 32; number++) {
            for (size_t i = scene; i < sizeof wild / sizeof *wild; i += SCENES) {
                unit_pair_t pair;
                word_t *word;
                set_scene(&pair, scene);
                stream_t *victim = &pair.end[number % 2];
                word = flow_word(victim->tx.flow, number / 2);
                store_release(word, wild[i]);
                poke(victim);
                word = flow_word(victim->rx.flow, number / 2);
                store_release(word, wild[i]);
                poke(victim);
                unit_pair_close(&pair);
            }
        }
    }
}

/* Switches that are published in due form but lead nowhere. */
static void wild_switches_are_refused(void **state)
{
    const uint32_t steps[] = {1, 2, 3, 0x80000000, UINT32_MAX};
    (void)state;
    for (unsigned step = 0; step < 5; step++) {
        for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
            for (uint32_t end = 0; end < 5; end++) {
                unit_pair_t pair;
                set_scene(&pair, IN_RING_WITH_BYTES);
                flow_shm_t *flow = pair.end[1].rx.flow;
                for (int r = 0; r < 2; r++) {
                    store_release(&flow->record[r].end, load_relaxed(&flow->tail) + end * 1000 - 2000);
                    store_release(&flow->record[r].carrier, wild[i]);
                }
                store_release(&flow->switches, load_relaxed(&flow->switches) + steps[step]);
                poke(&pair.end[1]);
                unit_pair_close(&pair);
            }
        }
    }
}

/* ---- words that change while traffic runs ---- */

typedef struct scribbler {
    unit_pair_t *pair;
    unsigned number; /* of the word, or 99: any */
    uint32_t seed;
    word_t stop;
} scribbler_t;

static void *scribble(void *argument)
{
    scribbler_t *scribbler = argument;
    uint32_t random = scribbler->seed;
    flow_shm_t *flow = scribbler->pair->end[scribbler->seed % 2].tx.flow;
    while (!load_acquire(&scribbler->stop)) {
        unsigned number = scribbler->number < 16 ? scribbler->number : unit_random(&random, 16);
        uint32_t value = wild[unit_random(&random, sizeof wild / sizeof *wild)];
        word_t *word = flow_word(flow, number);
        if (unit_random(&random, 2)) /* near the truth is worse than far from it */
            value = load_relaxed(word) + unit_random(&random, 9000) - 4500;
        store_release(word, value);
        usleep(unit_random(&random, 200));
    }
    return NULL;
}

/* Traffic that minds neither lost bytes nor resets, only lengths and time. */
typedef struct stubborn {
    stream_t *stream;
    bool sends;
} stubborn_t;

static void *insist(void *argument)
{
    stubborn_t *stubborn = argument;
    uint8_t *bytes = calloc(1, 6000);
    uint32_t random = 1;
    for (uint64_t until = os_now_us() + 20000; os_now_us() < until;) {
        uint32_t count = unit_random(&random, 6000) + 1;
        uint64_t before = os_now_us();
        transfer_t transfer = {.socket = stubborn->stream->socket, .bytes = bytes + 6000 - count, .count = count,
                               .blocking = true, .deadline = before + 5000};
        int result = stubborn->sends ? stream_send(stubborn->stream, &transfer)
                                     : stream_receive(stubborn->stream, &transfer);
        check_result(result, count);
        unit_check(os_now_us() - before < 5000000);
        if (result == STREAM_RESET || result == STREAM_BY_KERNEL)
            break;
    }
    free(bytes);
    return NULL;
}

static void endure(unsigned number, uint32_t seed)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    pthread_t threads[5];
    unit_pair_open(&pair, RING, 65536);
    unit_promote(&pair);
    unit_watch(&watcher, &pair.end[0], &pair.end[1]);
    scribbler_t scribbler = {.pair = &pair, .number = number, .seed = seed};
    stubborn_t programs[4] = {{&pair.end[0], true}, {&pair.end[1], false}, {&pair.end[1], true}, {&pair.end[0], false}};
    for (int i = 0; i < 4; i++)
        threads[i] = unit_thread(insist, &programs[i]);
    threads[4] = unit_thread(scribble, &scribbler);
    for (int i = 0; i < 4; i++)
        unit_join(threads[i]);
    if (seed % 3 == 0) {
        uint64_t before = os_now_us();
        stream_demote(&pair.end[seed / 3 % 2]);
        unit_check(os_now_us() - before < 10000000);
    }
    store_release(&scribbler.stop, 1);
    unit_join(threads[4]);
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
    unit_check(stream_is_gone(&pair.end[0]) && stream_is_gone(&pair.end[1]));
}

static void every_word_may_change_while_traffic_runs(void **state)
{
    (void)state;
    for (unsigned number = 0; number < 16; number++) {
        for (uint32_t seed = 0; seed < 4; seed++)
            endure(number, seed);
    }
}

static void all_words_may_change_while_traffic_runs(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 24; seed++)
        endure(99, seed);
}

/* ---- hostile leaving ---- */

static void returned_bytes_that_are_not_there_are_not_sent(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
        for (size_t j = 0; j < sizeof wild / sizeof *wild; j += 3) {
            unit_pair_t pair;
            set_scene(&pair, IN_RING_WITH_BYTES);
            flow_shm_t *flow = pair.end[0].tx.flow;
            store_release(&flow->consumer, FLOW_READER_LEAVES);
            stream_serve_peer(&pair.end[0]);
            store_release(&flow->returned, wild[i]);
            store_release(&flow->returned_bytes, wild[j]);
            store_release(&flow->consumer, FLOW_READER_LEAVES | FLOW_READER_RETURNED);
            stream_serve_peer(&pair.end[0]);
            poke(&pair.end[0]);
            unit_pair_close(&pair);
        }
    }
}

/* ---- hostile directory and mailbox words ---- */

static void a_wild_mailbox_use_does_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
        unit_pair_t pair;
        set_scene(&pair, IN_RING_WITH_BYTES);
        mailbox_shm_t *box = &pair.end[0].link->arena->mailboxes[pair.end[0].mailbox % ARENA_MAILBOXES];
        uint32_t use = load_relaxed(&box->use), left = load_relaxed(&box->left[1]);
        store_release(&box->use, wild[i]);
        store_release(&box->left[1], wild[i]);
        poke(&pair.end[0]);
        poke(&pair.end[1]);
        store_release(&box->use, use); /* the arena is shared with the tests that follow */
        store_release(&box->left[1], left);
        unit_pair_close(&pair);
    }
}

/* ---- what a liar must not get ---- */

/* Make the receiver of an end consent while the kernel carries. */
static flow_shm_t *consenting(unit_pair_t *pair)
{
    uint8_t byte;
    set_scene(pair, FRESH);
    unit_check(unit_receive(&pair->end[1], &byte, 1, false) == STREAM_AGAIN);
    unit_check(pair->end[1].rx.consented);
    return pair->end[1].rx.flow;
}

static void announce_urgent(flow_shm_t *flow, uint32_t number, uint32_t at, uint32_t tail)
{
    store_release(&flow->urgent[number % FLOW_URGENTS].at, at);
    store_release(&flow->urgents, number);
    store_release(&flow->tail, tail);
}

static void bytes_that_cannot_be_there_are_not_counted(void **state)
{
    unit_pair_t pair;
    (void)state;
    set_scene(&pair, IN_RING_WITH_BYTES);
    stream_t *victim = &pair.end[1];
    flow_shm_t *flow = victim->rx.flow;
    uint32_t next = victim->rx.switches + 1, start = victim->rx.position + 1000;
    store_release(&flow->record[next & 1].end, start);
    store_release(&flow->record[next & 1].carrier, victim->rx.ring.handle);
    store_release(&flow->record[~next & 1].end, start + 0x50000000);
    store_release(&flow->switches, next + 1);
    unit_check(stream_pending(victim, victim->socket) <= (int)RING);
    unit_pair_close(&pair);
}

static void announced_bytes_that_have_not_come_are_not_counted(void **state)
{
    unit_pair_t pair;
    (void)state;
    flow_shm_t *flow = consenting(&pair);
    stream_t *victim = &pair.end[1];
    announce_urgent(flow, 1, 0, 1);
    unit_check(stream_has_urgent(victim, victim->socket) == 1);
    announce_urgent(flow, 2, 5, 0x20000000); /* the first would have to be skipped now, and is not there */
    unit_check(stream_pending(victim, victim->socket) <= 0);
    unit_pair_close(&pair);
}

static unsigned count_exports(vmmc_link_t *link)
{
    vmmc_region_t region;
    unsigned count = 0;
    unit_check(vmmc_export(link, 4096, &region) == 0); /* which sweeps up what could be given back since */
    vmmc_unexport(link, region.handle);
    for (uint32_t i = 0; i < ARENA_EXPORTS; i++)
        count += link->heap.exports[i].piece != NULL;
    return count;
}

static void bytes_that_never_come_keep_no_memory(void **state)
{
    unit_pair_t pair;
    (void)state;
    flow_shm_t *flow = consenting(&pair);
    vmmc_link_t *link = pair.end[1].link;
    unsigned before = count_exports(link);
    store_release(&flow->tail, 3000);
    store_release(&flow->state, load_relaxed(&flow->state) | FLOW_FROZEN);
    unit_check(stream_demote(&pair.end[1]) == STREAM_RESET);
    unit_pair_close(&pair);
    unit_check(count_exports(link) == before - 1); /* without the ring on offer */
}

/* A stream that is reset does not sleep, so whoever waits in it must notice, or spins. */
static void a_reset_stream_is_not_waited_for(void **state)
{
    unit_pair_t pair;
    (void)state;
    set_scene(&pair, IN_RING);
    store_release(&pair.end[0].tx.flow->consumer, FLOW_READER_LEAVES);
    stream_serve_peer(&pair.end[0]);
    unit_check(pair.end[0].tx.frozen);
    for (int i = 0; i < 2; i++) {
        flow_shm_t *flow = pair.end[i].rx.flow;
        store_release(&flow->switches, load_relaxed(&flow->switches) + 9);
        unit_check(stream_pending(&pair.end[i], pair.end[i].socket) == STREAM_RESET);
    }
    for (int i = 0; i < 2; i++) {
        counters_t *tx = &pair.end[i].tx.counters, *rx = &pair.end[i].rx.counters;
        uint64_t waits = tx->waits + rx->waits;
        stream_demote(&pair.end[i]);
        unit_check(tx->waits + rx->waits - waits < 3);
    }
    unit_pair_close(&pair);
}

/* Nothing to take and yet always news: that would be a receive without an end. */
static void a_switch_behind_the_receiver_is_refused(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    flow_shm_t *flow = consenting(&pair);
    stream_t *victim = &pair.end[1];
    store_release(&flow->record[1].end, (uint32_t)-100);
    store_release(&flow->record[1].carrier, victim->rx.offered.handle);
    store_release(&flow->tail, (uint32_t)-20);
    store_release(&flow->switches, 1);
    unit_check(unit_receive(victim, &byte, 1, true) == STREAM_RESET);
    unit_pair_close(&pair);
}

/* A borrowed view is of the ring; with strays to be kept the next bytes would come from elsewhere. */
static void a_view_is_not_pulled_away(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[200];
    view_t view;
    (void)state;
    set_scene(&pair, IN_RING_WITH_BYTES);
    stream_t *victim = &pair.end[1];
    flow_shm_t *flow = victim->rx.flow;
    transfer_t request = {.socket = victim->socket, .count = 200};
    unit_check(stream_borrow(victim, &request, &view) == 200);
    uint32_t next = victim->rx.switches + 1;
    store_release(&flow->record[next & 1].end, victim->rx.position);
    store_release(&flow->record[next & 1].carrier, FLOW_KERNEL);
    store_release(&flow->record[~next & 1].end, victim->rx.position);
    store_release(&flow->record[~next & 1].carrier, victim->rx.offered.handle);
    store_release(&flow->switches, next + 1);
    unit_check(unit_kernel.send((uintptr_t)pair.fd[0], bytes, 50) == 50);
    unit_kernel.wait((uintptr_t)pair.fd[1], false, 1000);
    unit_check(stream_pending(victim, victim->socket) == STREAM_RESET);
    request.bytes = view.spans[0].bytes;
    check_result(stream_release(victim, &request), 200);
    for (int i = 0; i < 3; i++)
        check_result(unit_receive(victim, bytes, 200, false), 200);
    unit_pair_close(&pair);
}

typedef struct wavering {
    flow_shm_t *flow;
    uint32_t tail;
    word_t stop;
} wavering_t;

static void *waver(void *argument)
{
    wavering_t *liar = argument;
    while (!load_relaxed(&liar->stop)) {
        store_release(&liar->flow->tail, liar->tail + 1);
        store_release(&liar->flow->tail, liar->tail);
    }
    return NULL;
}

/* With bytes that come and go, a receive that waits is never told that it would have to. */
static void a_tail_that_wavers_ends_no_wait(void **state)
{
    unit_pair_t pair;
    (void)state;
    set_scene(&pair, IN_RING);
    stream_t *victim = &pair.end[1];
    wavering_t liar = {.flow = victim->rx.flow, .tail = victim->rx.position};
    pthread_t thread = unit_thread(waver, &liar);
    for (int i = 0; i < 2000000; i++) {
        uint8_t byte;
        unit_check(unit_receive_small(victim, victim->socket, &byte, 1, true) >= 0);
    }
    store_relaxed(&liar.stop, 1);
    unit_join(thread);
    store_relaxed(&victim->broken, 1);
    unit_pair_close(&pair);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_may_have_any_value),
        cmocka_unit_test(wild_switches_are_refused),
        cmocka_unit_test(every_word_may_change_while_traffic_runs),
        cmocka_unit_test(all_words_may_change_while_traffic_runs),
        cmocka_unit_test(returned_bytes_that_are_not_there_are_not_sent),
        cmocka_unit_test(a_wild_mailbox_use_does_no_harm),
        cmocka_unit_test(bytes_that_cannot_be_there_are_not_counted),
        cmocka_unit_test(announced_bytes_that_have_not_come_are_not_counted),
        cmocka_unit_test(bytes_that_never_come_keep_no_memory),
        cmocka_unit_test(a_reset_stream_is_not_waited_for),
        cmocka_unit_test(a_switch_behind_the_receiver_is_refused),
        cmocka_unit_test(a_view_is_not_pulled_away),
        cmocka_unit_test(a_tail_that_wavers_ends_no_wait),
    };
    return unit_main(argc, argv, tests);
}
