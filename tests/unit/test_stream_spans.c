/* test_stream_spans: sending from, and receiving into, several places at once. */
#include "unit.h"

#include <string.h>

enum { MOST_SPANS = 6, ROUNDS = 400, THREADS = 3, RECORDS = 500 };

static uint32_t cut(span_t *spans, uint8_t *bytes, unsigned count, uint32_t *random, uint32_t most)
{
    uint32_t total = 0;
    for (unsigned i = 0; i < count; i++) {
        spans[i] = (span_t){bytes + total, unit_random(random, most)};
        total += spans[i].count;
    }
    return total;
}

static transfer_t request(const stream_t *stream, bool blocking)
{
    return (transfer_t){.socket = stream->socket, .blocking = blocking, .deadline = STREAM_NEVER};
}

/* Larger than the ring, so that spans meet its end, its beginning and the kernel connection. */
static void bytes_keep_their_order_through_all_spans(void **state)
{
    static uint8_t out[MOST_SPANS * 3000], in[MOST_SPANS * 3000];
    unit_pair_t pair;
    uint32_t random = 5, sent = 0, received = 0;
    span_t spans[MOST_SPANS];
    (void)state;
    unit_pair_open(&pair, 4096, 16384);
    unit_promote(&pair);
    transfer_t send = request(&pair.end[0], true), receive = request(&pair.end[1], false);
    for (int round = 0; round < ROUNDS; round++) {
        unsigned count = 1 + unit_random(&random, MOST_SPANS);
        uint32_t total = cut(spans, out, count, &random, 3000);
        for (uint32_t i = 0; i < total; i++)
            out[i] = unit_pattern(2, sent + i);
        assert_int_equal(stream_send_gather(&pair.end[0], &send, spans, count), total);
        sent += total;
        while (received < sent) {
            count = 1 + unit_random(&random, MOST_SPANS);
            total = cut(spans, in, count, &random, 3000);
            int moved = stream_receive_scatter(&pair.end[1], &receive, spans, count);
            if (moved == STREAM_AGAIN)
                continue;
            assert_in_range(moved, 0, total);
            for (int i = 0; i < moved; i++)
                assert_int_equal(in[i], unit_pattern(2, received + (uint32_t)i));
            received += (uint32_t)moved;
        }
    }
    unit_pair_close(&pair);
}

static void a_receive_waits_for_the_first_span_only(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[100];
    const span_t spans[] = {{bytes, 10}, {bytes + 10, 0}, {bytes + 10, 90}};
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    transfer_t receive = request(&pair.end[1], true);
    unit_send(&pair.end[0], 1, 0, 10, true);
    assert_int_equal(stream_receive_scatter(&pair.end[1], &receive, spans, 3), 10);
    unit_send(&pair.end[0], 1, 10, 4, true);
    assert_int_equal(stream_receive_scatter(&pair.end[1], &receive, spans, 3), 4);
    unit_send(&pair.end[0], 1, 14, 60, true);
    assert_int_equal(stream_receive_scatter(&pair.end[1], &receive, spans, 3), 60);
    unit_pair_close(&pair);
}

static void ends_and_refusals_are_those_of_the_first_span(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[20] = {0};
    const span_t spans[] = {{bytes, 10}, {bytes + 10, 10}};
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    transfer_t send = request(&pair.end[0], true), receive = request(&pair.end[1], false);
    assert_int_equal(stream_receive_scatter(&pair.end[1], &receive, spans, 2), STREAM_AGAIN);
    assert_int_equal(stream_send_gather(&pair.end[0], &send, spans, 0), 0);
    unit_shut(&pair.end[0]);
    assert_int_equal(stream_send_gather(&pair.end[0], &send, spans, 2), STREAM_SHUT);
    assert_int_equal(stream_receive_scatter(&pair.end[1], &receive, spans, 2), 0);
    receive.socket++;
    assert_int_equal(stream_receive_scatter(&pair.end[1], &receive, spans, 2), STREAM_CANCELLED);
    unit_pair_close(&pair);
}

static void the_last_byte_of_the_last_span_is_the_urgent_one(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[] = "abc", byte = 0;
    const span_t spans[] = {{bytes, 1}, {bytes + 1, 2}};
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    transfer_t send = request(&pair.end[0], true), receive = request(&pair.end[1], false);
    send.urgent = true;
    assert_int_equal(stream_send_gather(&pair.end[0], &send, spans, 2), 3);
    assert_int_equal(stream_pending(&pair.end[1], pair.end[1].socket), 2);
    receive.bytes = &byte;
    receive.count = 1;
    assert_int_equal(stream_receive_urgent(&pair.end[1], &receive), 1);
    assert_int_equal(byte, 'c');
    unit_pair_close(&pair);
}

/* ---- several threads ---- */

static void *send_records(void *argument)
{
    stream_t *stream = argument;
    static word_t names;
    uint8_t head = (uint8_t)word_add(&names, 1), body[900];
    memset(body, head, sizeof body);
    const span_t spans[] = {{&head, 1}, {body, 300}, {body + 300, 600}};
    transfer_t send = request(stream, true);
    for (int i = 0; i < RECORDS; i++)
        unit_check(stream_send_gather(stream, &send, spans, 3) == 901);
    return NULL;
}

static void records_of_several_threads_do_not_mix(void **state)
{
    unit_pair_t pair;
    pthread_t threads[THREADS];
    (void)state;
    unit_pair_open(&pair, 4096, 16384);
    unit_promote(&pair);
    for (int i = 0; i < THREADS; i++)
        threads[i] = unit_thread(send_records, &pair.end[0]);
    for (int record = 0; record < THREADS * RECORDS; record++) {
        uint8_t bytes[901];
        for (uint32_t done = 0; done < sizeof bytes;) {
            int moved = unit_receive(&pair.end[1], bytes + done, (uint32_t)sizeof bytes - done, true);
            unit_check(moved > 0);
            done += (uint32_t)moved;
        }
        for (size_t i = 1; i < sizeof bytes; i++)
            unit_check(bytes[i] == bytes[0]);
    }
    for (int i = 0; i < THREADS; i++)
        unit_join(threads[i]);
    unit_pair_close(&pair);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_keep_their_order_through_all_spans),
        cmocka_unit_test(a_receive_waits_for_the_first_span_only),
        cmocka_unit_test(ends_and_refusals_are_those_of_the_first_span),
        cmocka_unit_test(the_last_byte_of_the_last_span_is_the_urgent_one),
        cmocka_unit_test(records_of_several_threads_do_not_mix),
    };
    return unit_main(argc, argv, tests);
}
