/* capacity: how much a stream takes before anybody reads.  Programs rely on what the system's takes: they write
 * to themselves first and read later, or write at both ends before either reads. */
#include "wire.h"

enum {
    TO_ITSELF = 2560 * 1024, /* of blocking sends the system takes 2.8 MB, of non-blocking ones 3.9 MB */
    TO_ITSELF_OURS = 4 * 1024 * 1024, /* what the transport takes comes on top */
    IN_SMALL_PIECES = 2 * 1024 * 1024,
    EACH_FIRST = 2 * 1024 * 1024,
    AT_LEAST = 1024 * 1024,
    LARGEST = 64 * 1024,
    LIMIT = 64 * 1024 * 1024
};

static void send_blocks(SOCKET s, flow_t *flow, size_t length)
{
    static char buffer[LARGEST];
    for (size_t sent = 0; sent < length; sent += sizeof buffer) {
        flow_fill(flow, buffer, sizeof buffer);
        send_all(s, buffer, sizeof buffer);
    }
}

static void one_thread_writes_to_itself_then_reads(void **state)
{
    SOCKET s, t;
    size_t amount = has_streams() ? TO_ITSELF_OURS : TO_ITSELF;
    (void)state;
    tcp_pair(&s, &t);
    for (uint64_t round = 0; round < 2; round++) {
        flow_t out = flow_start(round), in = flow_start(round);
        send_blocks(s, &out, amount);
        flow_recv(t, &in, amount, LARGEST);
    }
    close_both(s, t);
}

static void one_thread_writes_pieces_of_all_sizes_then_reads(void **state)
{
    flow_t out = flow_start(6), in = flow_start(6);
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    flow_send(s, &out, IN_SMALL_PIECES, LARGEST);
    flow_recv(t, &in, IN_SMALL_PIECES, LARGEST);
    close_both(s, t);
}

static void one_thread_writes_both_ways_then_reads(void **state)
{
    flow_t out = flow_start(3), in = flow_start(3), back_out = flow_start(4), back_in = flow_start(4);
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    send_blocks(s, &out, EACH_FIRST);
    send_blocks(t, &back_out, EACH_FIRST);
    flow_recv(t, &in, EACH_FIRST, LARGEST);
    flow_recv(s, &back_in, EACH_FIRST, LARGEST);
    close_both(s, t);
}

static void one_large_send_to_itself(void **state)
{
    static char buffer[EACH_FIRST];
    flow_t out = flow_start(5), in = flow_start(5);
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    flow_fill(&out, buffer, sizeof buffer);
    CHECK_IS(sizeof buffer, send(s, buffer, sizeof buffer, 0));
    flow_recv(t, &in, sizeof buffer, LARGEST);
    close_both(s, t);
}

/* ---- two processes ---- */

enum { PEER_SENT = 10, TEST_SENT, PEER_MAY_READ, PEER_DRAINED };

static void writes_first(SOCKET s, uint64_t out, uint64_t in, int sent, int other_sent)
{
    flow_t there = flow_start(out), back = flow_start(in);
    send_blocks(s, &there, EACH_FIRST);
    slot_post(sent, 0);
    slot_await(other_sent);
    flow_recv(s, &back, EACH_FIRST, LARGEST);
    CHECK_IS(0, shutdown(s, 1));
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

static void writes_first_role(int argc, char **argv)
{
    (void)argc;
    writes_first(link_in_peer(argv), 2, 1, PEER_SENT, TEST_SENT);
}

static void both_ends_write_before_either_reads(void **state)
{
    peer_t peer;
    (void)state;
    writes_first(link_to_peer(&peer, PEER_CONNECTS, "writes_first", " "), 1, 2, TEST_SENT, PEER_SENT);
    peer_join(&peer);
}

/* ---- non-blocking ---- */

/* Sends until the stream takes no more, and says how much it took. */
static size_t fill(SOCKET s, flow_t *flow)
{
    static char buffer[LARGEST];
    size_t taken = 0;
    while (taken < LIMIT) {
        flow_t ahead = *flow;
        flow_fill(&ahead, buffer, sizeof buffer);
        int n = send(s, buffer, sizeof buffer, 0);
        if (n == SOCKET_ERROR) {
            CHECK_FAILS(WSAEWOULDBLOCK, n);
            return taken;
        }
        CHECK(n > 0);
        taken += (size_t)n;
        flow_fill(flow, buffer, (size_t)n);
    }
    FAIL("the stream never filled");
    return 0;
}

static void drain_role(int argc, char **argv)
{
    (void)argc;
    flow_t in = flow_start(8);
    SOCKET s = link_in_peer(argv);
    size_t length = (size_t)slot_await(PEER_MAY_READ);
    flow_recv(s, &in, length, LARGEST);
    slot_post(PEER_DRAINED, 0);
    flow_recv(s, &in, 100000, LARGEST);
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

static void full_stream_becomes_writable_when_the_peer_has_drained_it(void **state)
{
    peer_t peer;
    flow_t out = flow_start(8);
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_LISTENS, "drain", " ");
    set_nonblocking(s, true);
    size_t taken = fill(s, &out);
    CHECK(taken >= AT_LEAST);
    slot_post(PEER_MAY_READ, (long)taken);
    CHECK(is_ready(s, 'w', 30000));
    slot_await(PEER_DRAINED);
    CHECK(is_ready(s, 'w', 30000));
    set_nonblocking(s, false);
    flow_send(s, &out, 100000, LARGEST);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

static void full_stream_in_one_process_fills_again_after_draining(void **state)
{
    flow_t out = flow_start(9), in = flow_start(9);
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    set_nonblocking(s, true);
    for (int round = 0; round < 3; round++) {
        size_t taken = fill(s, &out);
        CHECK(taken >= AT_LEAST);
        flow_recv(t, &in, taken, LARGEST);
        CHECK(is_ready(s, 'w', 30000));
    }
    close_both(s, t);
}

/* ---- a flow from who does not wait to who reads ---- */

enum { FLOW_LENGTH = 24 * 1024 * 1024, FLOW_PIECE = 8 * 1024, STANDSTILL_MS = 300 };

static void send_as_room_comes(SOCKET s, flow_t *flow, size_t length)
{
    char piece[FLOW_PIECE];
    flow_fill(flow, piece, sizeof piece);
    for (size_t sent = 0, in_piece = 0; sent < length;) {
        int n = send(s, piece + in_piece, (int)(sizeof piece - in_piece), 0);
        if (n == SOCKET_ERROR) {
            CHECK_FAILS(WSAEWOULDBLOCK, n);
            CHECK(is_ready(s, 'w', 30000));
            continue;
        }
        sent += (size_t)n;
        in_piece += (size_t)n;
        if (in_piece == sizeof piece && sent < length) {
            flow_fill(flow, piece, sizeof piece);
            in_piece = 0;
        }
    }
}

static void reads_and_stops_role(int argc, char **argv)
{
    (void)argc;
    flow_t in = flow_start(10);
    SOCKET s = link_in_peer(argv);
    flow_recv(s, &in, FLOW_LENGTH, LARGEST);
    flow_recv(s, &in, (size_t)slot_await(PEER_MAY_READ), LARGEST);
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

/* However full the stream was while its reader read, it takes as much as any other once that has stopped. */
static void a_flow_goes_on_as_room_comes_and_is_held_when_its_reader_stops(void **state)
{
    peer_t peer;
    flow_t out = flow_start(10);
    size_t held = left_unread(has_streams_to_peer());
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_LISTENS, "reads_and_stops", " ");
    set_nonblocking(s, true);
    send_as_room_comes(s, &out, FLOW_LENGTH + held);
    do
        held += fill(s, &out);
    while (is_ready(s, 'w', STANDSTILL_MS));
    slot_post(PEER_MAY_READ, (long)held);
    CHECK(is_ready(s, 'w', 30000));
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

/* ---- a program's own alarm bell ---- */

typedef struct bell {
    SOCKET send_end, select_end;
    volatile LONG rings;
} bell_t;

enum { RINGS = 300 };

static void ring_bell(void *context)
{
    bell_t *bell = context;
    for (int i = 0; i < RINGS; i++) {
        InterlockedIncrement(&bell->rings);
        send_all(bell->send_end, "!", 1);
        if (i % 50 == 0)
            Sleep(20);
    }
}

/* Both ends non-blocking, one byte per event, read in lumps: how programs wake their own select. */
static void self_pipe_wakes_select(void **state)
{
    bell_t bell = { 0 };
    worker_t worker;
    int heard = 0;
    SOCKET idle, idle_end;
    (void)state;
    tcp_pair(&bell.send_end, &bell.select_end);
    tcp_pair(&idle, &idle_end);
    set_nonblocking(bell.send_end, true);
    set_nonblocking(bell.select_end, true);
    worker_start(&worker, ring_bell, &bell);
    while (heard < RINGS) {
        char lump[32];
        fd_set readers = { .fd_count = 2, .fd_array = { idle, bell.select_end } };
        CHECK_IS(1, select(0, &readers, NULL, NULL, NULL));
        CHECK(readers.fd_array[0] == bell.select_end);
        int n = recv(bell.select_end, lump, sizeof lump, 0);
        CHECK(n > 0);
        heard += n;
        CHECK(heard <= bell.rings);
    }
    worker_join(&worker);
    CHECK(!is_ready(bell.select_end, 'r', 0));
    close_both(bell.send_end, bell.select_end);
    close_both(idle, idle_end);
}

static const role_t roles[] = {
    { "writes_first", writes_first_role },
    { "drain", drain_role },
    { "reads_and_stops", reads_and_stops_role },
};

static const struct CMUnitTest tests[] = {
    CASE(one_thread_writes_to_itself_then_reads),
    CASE(one_thread_writes_pieces_of_all_sizes_then_reads),
    CASE(one_thread_writes_both_ways_then_reads),
    CASE(one_large_send_to_itself),
    CASE(both_ends_write_before_either_reads),
    CASE(full_stream_becomes_writable_when_the_peer_has_drained_it),
    CASE(full_stream_in_one_process_fills_again_after_draining),
    CASE(a_flow_goes_on_as_room_comes_and_is_held_when_its_reader_stops),
    CASE(self_pipe_wakes_select),
};

HARNESS_MAIN(roles, tests)
