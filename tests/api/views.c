/* views: the program's own pointers into the rings, by the codes of vmmc_sockets.h. */
#include "wire.h"

#include <vmmc_sockets.h>

enum { SMALL = 100, BULK = 3000000, LARGEST = 40000, FILE_BYTES = 1000000, FILE_PIECE = 65536, READY_SLOT = 1 };

/* ---- the codes ---- */

static int call(SOCKET s, long code, void *request)
{
    return ioctlsocket(s, code, request);
}

static int reserve(SOCKET s, uint32_t most, vmmc_view_t *view)
{
    *view = (vmmc_view_t){.size = sizeof *view, .count = most};
    return call(s, VMMC_IO_RESERVE, view);
}

static int borrow(SOCKET s, uint32_t most, vmmc_view_t *view)
{
    *view = (vmmc_view_t){.size = sizeof *view, .count = most};
    return call(s, VMMC_IO_BORROW, view);
}

static int commit(SOCKET s, vmmc_view_t *view, uint32_t count)
{
    view->count = count;
    return call(s, VMMC_IO_COMMIT, view);
}

static int release(SOCKET s, vmmc_view_t *view, uint32_t count)
{
    view->count = count;
    return call(s, VMMC_IO_RELEASE, view);
}

/* ---- checked bytes through views ---- */

static void fill_spans(const vmmc_view_t *view, flow_t *flow)
{
    for (int i = 0; i < 2; i++)
        flow_fill(flow, view->spans[i].bytes, view->spans[i].count);
}

static void check_spans(const vmmc_view_t *view, flow_t *flow, uint32_t count)
{
    uint32_t first = view->spans[0].count < count ? view->spans[0].count : count;
    flow_check(flow, view->spans[0].bytes, first);
    flow_check(flow, view->spans[1].bytes, count - first);
}

static uint32_t random_size(uint64_t *random)
{
    return 1 + random_below(random, random_below(random, 3) ? LARGEST : SMALL);
}

/* Where the kernel carries for a moment, the ordinary call does. */
static uint32_t send_somehow(SOCKET s, flow_t *flow, uint32_t most)
{
    vmmc_view_t view;
    if (reserve(s, most, &view) == 0) {
        uint32_t granted = view.count;
        CHECK(granted >= 1 && granted <= most);
        CHECK_IS(granted, view.spans[0].count + view.spans[1].count);
        fill_spans(&view, flow);
        CHECK_IS(0, commit(s, &view, granted));
        CHECK_IS(granted, view.count);
        return granted;
    }
    CHECK_IS(WSAEOPNOTSUPP, WSAGetLastError());
    flow_send(s, flow, most, most);
    return most;
}

static uint32_t receive_somehow(SOCKET s, flow_t *flow, uint32_t most)
{
    static char bytes[LARGEST];
    vmmc_view_t view;
    if (borrow(s, most, &view) == 0) {
        uint32_t count = view.count, taken = count - count / 4;
        check_spans(&view, flow, taken);
        CHECK_IS(0, release(s, &view, taken));
        return taken;
    }
    CHECK_IS(WSAEOPNOTSUPP, WSAGetLastError());
    int got = recv(s, bytes, (int)most, 0);
    CHECK(got >= 0);
    flow_check(flow, bytes, (size_t)got);
    return (uint32_t)got;
}

static void send_by_views(SOCKET s, flow_t *flow, uint32_t total)
{
    uint64_t random = harness_seed(11);
    for (uint32_t done = 0; done < total;) {
        uint32_t part = random_size(&random);
        done += send_somehow(s, flow, part < total - done ? part : total - done);
    }
}

static void receive_by_views(SOCKET s, flow_t *flow, uint32_t total)
{
    uint64_t random = harness_seed(12);
    for (uint32_t done = 0; done < total;) {
        uint32_t part = random_size(&random);
        uint32_t got = receive_somehow(s, flow, part < total - done ? part : total - done);
        CHECK(got > 0);
        done += got;
    }
}

static vmmc_counters_t counters(SOCKET s)
{
    vmmc_counters_t counted = {.size = sizeof counted};
    CHECK_IS(0, call(s, VMMC_IO_COUNT, &counted));
    return counted;
}

static uint32_t ways(SOCKET s)
{
    vmmc_ask_t ask = {.size = sizeof ask};
    CHECK_IS(0, call(s, VMMC_IO_ASK, &ask));
    CHECK_IS(VMMC_INTERFACE_VERSION, ask.version);
    CHECK((ask.ways & ~(VMMC_SENDS_BY_RING | VMMC_RECEIVES_BY_RING | VMMC_CAN_LEND)) == 0);
    CHECK_IS((ask.ways & VMMC_SENDS_BY_RING) != 0, ask.send_ring > 0);
    CHECK_IS((ask.ways & VMMC_RECEIVES_BY_RING) != 0, ask.receive_ring > 0);
    return ask.ways;
}

/* ---- two processes ---- */

/* By both ends, until both have both rings. */
static void greet(SOCKET s)
{
    char mine, theirs;
    do {
        exchange(s, s);
        mine = (ways(s) & (VMMC_SENDS_BY_RING | VMMC_RECEIVES_BY_RING)) ==
               (VMMC_SENDS_BY_RING | VMMC_RECEIVES_BY_RING);
        send_all(s, &mine, 1);
        recv_all(s, &theirs, 1);
    } while (!mine || !theirs);
}

typedef enum ends { VIEWS_TO_CALLS, CALLS_TO_VIEWS, VIEWS_TO_VIEWS } ends_t;

static void role_receiver(int argc, char **argv)
{
    SOCKET s = link_in_peer(argv);
    flow_t in = flow_start(1);
    (void)argc;
    greet(s);
    if (atoi(argv[2]) == VIEWS_TO_CALLS)
        flow_recv(s, &in, BULK, LARGEST);
    else
        receive_by_views(s, &in, BULK);
    expect_end(s);
    if (atoi(argv[2]) != VIEWS_TO_CALLS)
        CHECK(counters(s).received.in_place > 0);
    closesocket(s);
}

static void move_bulk(ends_t ends)
{
    peer_t peer;
    flow_t out = flow_start(1);
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "receiver", "%d", ends);
    greet(s);
    if (ends == CALLS_TO_VIEWS)
        flow_send(s, &out, BULK, LARGEST);
    else
        send_by_views(s, &out, BULK);
    if (ends != CALLS_TO_VIEWS)
        CHECK(counters(s).sent.in_place > 0);
    closesocket(s);
    peer_join(&peer);
}

static void what_is_committed_is_received_by_ordinary_calls(void **state) { (void)state; move_bulk(VIEWS_TO_CALLS); }
static void what_is_sent_by_ordinary_calls_is_borrowed(void **state) { (void)state; move_bulk(CALLS_TO_VIEWS); }
static void views_at_both_ends(void **state) { (void)state; move_bulk(VIEWS_TO_VIEWS); }

static void role_holder(int argc, char **argv)
{
    SOCKET s = link_in_peer(argv);
    flow_t out = flow_start(2);
    vmmc_view_t view;
    (void)argc;
    greet(s);
    flow_send(s, &out, 3 * SMALL, 3 * SMALL);
    CHECK_IS(0, reserve(s, SMALL, &view));
    slot_post(READY_SLOT, 1);
    Sleep(INFINITE);
}

/* The dead process held a reservation in our ring and had sent what is borrowed from it. */
static void what_is_held_outlives_the_other_process(void **state)
{
    peer_t peer;
    flow_t in = flow_start(2);
    vmmc_view_t in_view, out_view;
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "holder", "%d", 0);
    greet(s);
    slot_await(READY_SLOT);
    CHECK_IS(0, reserve(s, SMALL, &out_view));
    CHECK_IS(0, borrow(s, 2 * SMALL, &in_view));
    peer_kill(&peer);
    memset(out_view.spans[0].bytes, 7, out_view.spans[0].count);
    check_spans(&in_view, &in, 2 * SMALL);
    CHECK_IS(0, release(s, &in_view, 2 * SMALL));
    flow_recv(s, &in, SMALL, SMALL);
    expect_end_or_reset(s);
    CHECK_FAILS(WSAECONNRESET, commit(s, &out_view, SMALL));
    CHECK_IS(0, commit(s, &out_view, 0));
    closesocket(s);
}

/* ---- one process: rules ---- */

static void a_pair_with_rings(SOCKET *s, SOCKET *t)
{
    tcp_used_pair(s, t);
    CHECK_IS(VMMC_SENDS_BY_RING | VMMC_RECEIVES_BY_RING | VMMC_CAN_LEND, ways(*s));
}

static void an_empty_stream_keeps_the_rules_of_recv(void **state)
{
    SOCKET s, t;
    vmmc_view_t view;
    DWORD limit = 30;
    (void)state;
    a_pair_with_rings(&s, &t);
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, (const char *)&limit, sizeof limit));
    CHECK_FAILS(WSAETIMEDOUT, borrow(s, SMALL, &view));
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, borrow(s, SMALL, &view));
    send_all(t, "x", 1);
    CHECK(is_ready(s, 'r', 1000));
    CHECK_IS(0, borrow(s, SMALL, &view));
    CHECK_IS(1, view.count);
    CHECK(is_ready(s, 'r', 0));
    CHECK_IS(0, release(s, &view, 1));
    CHECK(!is_ready(s, 'r', 0));
    shutdown(t, 1);
    CHECK(is_ready(s, 'r', 1000));
    CHECK_IS(0, borrow(s, SMALL, &view));
    CHECK_IS(0, view.count);
    CHECK_FAILS(WSAEINVAL, release(s, &view, 0));
    shutdown(s, 0);
    CHECK_FAILS(WSAESHUTDOWN, borrow(s, SMALL, &view));
    shutdown(s, 1);
    CHECK_FAILS(WSAESHUTDOWN, reserve(s, SMALL, &view));
    close_both(s, t);
}

static void borrow_in_thread(void *context)
{
    SOCKET s = *(SOCKET *)context;
    vmmc_view_t view;
    CHECK_IS(0, borrow(s, SMALL, &view));
    CHECK_IS(1, view.count);
    CHECK_IS(0, release(s, &view, 1));
}

static void a_blocking_borrow_waits(void **state)
{
    SOCKET s, t;
    worker_t worker;
    (void)state;
    a_pair_with_rings(&s, &t);
    worker_start(&worker, borrow_in_thread, &s);
    send_all(t, "x", 1);
    worker_join(&worker);
    close_both(s, t);
}

static void wrong_use_is_refused_and_harms_nothing(void **state)
{
    SOCKET s, t;
    char own[SMALL];
    vmmc_view_t out, in, wrong;
    (void)state;
    a_pair_with_rings(&s, &t);
    CHECK_FAILS(WSAEFAULT, call(s, VMMC_IO_RESERVE, NULL));
    CHECK_FAILS(WSAEOPNOTSUPP, call(s, VMMC_IO_CODE(999), &out));
    CHECK_FAILS(WSAEINVAL, reserve(s, 0, &out));
    wrong = (vmmc_view_t){.size = sizeof wrong - 1, .count = SMALL};
    CHECK_FAILS(WSAEINVAL, call(s, VMMC_IO_RESERVE, &wrong));
    CHECK_IS(0, reserve(s, SMALL, &out));
    CHECK_FAILS(WSAEINPROGRESS, reserve(s, SMALL, &wrong));
    CHECK_FAILS(WSAEINPROGRESS, send(s, "x", 1, 0));
    wrong = out;
    CHECK_FAILS(WSAEINVAL, commit(s, &wrong, SMALL + 1));
    wrong.spans[0].bytes = own;
    CHECK_FAILS(WSAEFAULT, commit(s, &wrong, SMALL));
    memset(out.spans[0].bytes, 'a', out.spans[0].count);
    memset(out.spans[1].bytes, 'a', out.spans[1].count);
    CHECK_IS(0, commit(s, &out, SMALL));
    CHECK_FAILS(WSAEINVAL, commit(s, &out, SMALL));
    CHECK_IS(0, borrow(t, SMALL, &in));
    CHECK_FAILS(WSAEINPROGRESS, recv(t, own, 1, 0));
    wrong = in;
    CHECK_FAILS(WSAEINVAL, release(t, &wrong, SMALL + 1));
    wrong.spans[0].bytes = own;
    CHECK_FAILS(WSAEFAULT, release(t, &wrong, SMALL));
    CHECK_IS(0, release(t, &in, 1));
    CHECK_FAILS(WSAEINVAL, release(t, &in, 1));
    recv_all(t, own, SMALL - 1);
    for (int i = 0; i < SMALL - 1; i++)
        CHECK_IS('a', own[i]);
    close_both(s, t);
    CHECK_FAILS(WSAENOTSOCK, reserve(s, SMALL, &out));
}

static void send_one(void *context) { send_all(*(SOCKET *)context, "b", 1); }

static void other_threads_wait_for_the_holder(void **state)
{
    SOCKET s, t;
    worker_t worker;
    vmmc_view_t view;
    char got[2];
    (void)state;
    a_pair_with_rings(&s, &t);
    CHECK_IS(0, reserve(s, 1, &view));
    worker_start(&worker, send_one, &s);
    *(char *)view.spans[0].bytes = 'a';
    CHECK(!is_ready(t, 'r', 20));
    CHECK_IS(0, commit(s, &view, 1));
    worker_join(&worker);
    recv_all(t, got, 2);
    CHECK(memcmp(got, "ab", 2) == 0);
    close_both(s, t);
}

static void closing_ends_what_is_held(void **state)
{
    SOCKET s, t;
    vmmc_view_t out, in;
    (void)state;
    a_pair_with_rings(&s, &t);
    send_all(t, "x", 1);
    CHECK_IS(0, reserve(s, SMALL, &out));
    CHECK_IS(0, borrow(s, SMALL, &in));
    closesocket(s);
    CHECK_FAILS(WSAENOTSOCK, commit(s, &out, SMALL));
    CHECK_FAILS(WSAENOTSOCK, release(s, &in, 1));
    CHECK_FAILS(WSAECONNRESET, recv(t, (char *)&in, 1, 0)); /* a byte was unread */
    closesocket(t);
}

static void other_sockets_are_told_so(void **state)
{
    vmmc_view_t view;
    vmmc_counters_t counted = {.size = sizeof counted};
    SOCKET udp = socket(AF_INET, SOCK_DGRAM, 0);
    (void)state;
    CHECK_FAILS(WSAEOPNOTSUPP, reserve(udp, SMALL, &view));
    CHECK_FAILS(WSAEOPNOTSUPP, call(udp, VMMC_IO_COUNT, &counted));
    closesocket(udp);
    SOCKET fresh = tcp_socket();
    vmmc_ask_t ask = {.size = sizeof ask, .ways = 99};
    CHECK_IS(0, call(fresh, VMMC_IO_ASK, &ask)); /* it may yet become user-level */
    CHECK_IS(0, ask.ways);
    CHECK_FAILS(WSAEOPNOTSUPP, reserve(fresh, SMALL, &view));
    closesocket(fresh);
}

/* ---- the stream goes home while something is held ---- */

static void go_home(SOCKET s)
{
    HANDLE copy;
    CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)s, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CloseHandle(copy);
}

static void a_reservation_is_sent_by_the_kernel(void **state)
{
    SOCKET s, t;
    flow_t out = flow_start(3), in = flow_start(3);
    vmmc_view_t view;
    (void)state;
    a_pair_with_rings(&s, &t);
    flow_send(s, &out, SMALL, SMALL);
    CHECK_IS(0, reserve(s, SMALL, &view));
    go_home(s);
    fill_spans(&view, &out);
    CHECK_IS(0, commit(s, &view, SMALL));
    CHECK_IS(SMALL, view.count);
    CHECK_FAILS(WSAEOPNOTSUPP, reserve(s, SMALL, &view));
    flow_send(s, &out, SMALL, SMALL);
    flow_recv(t, &in, 3 * SMALL, SMALL);
    close_both(s, t);
}

static void a_reservation_survives_the_receivers_leaving(void **state)
{
    SOCKET s, t;
    flow_t out = flow_start(4), in = flow_start(4);
    vmmc_view_t view;
    (void)state;
    a_pair_with_rings(&s, &t);
    flow_send(s, &out, SMALL, SMALL);
    CHECK_IS(0, reserve(s, SMALL, &view));
    go_home(t);
    fill_spans(&view, &out);
    set_nonblocking(s, true);
    CHECK_IS(0, commit(s, &view, SMALL));
    CHECK_IS(SMALL, view.count);
    flow_recv(t, &in, 2 * SMALL, SMALL);
    close_both(s, t);
}

static void borrowed_bytes_survive_the_receivers_leaving(void **state)
{
    SOCKET s, t;
    flow_t out = flow_start(5), in = flow_start(5);
    vmmc_view_t view;
    (void)state;
    a_pair_with_rings(&s, &t);
    flow_send(s, &out, 3 * SMALL, 3 * SMALL);
    CHECK_IS(0, borrow(t, 2 * SMALL, &view));
    go_home(t);
    flow_send(s, &out, SMALL, SMALL);
    check_spans(&view, &in, 2 * SMALL);
    CHECK_IS(0, release(t, &view, 2 * SMALL));
    flow_recv(t, &in, 2 * SMALL, SMALL);
    CHECK_FAILS(WSAEOPNOTSUPP, borrow(t, SMALL, &view));
    CHECK_IS(VMMC_CAN_LEND, ways(t));
    close_both(s, t);
}

/* ---- TransmitFile ---- */

static HANDLE flow_file(flow_t *flow, DWORD size)
{
    static char bytes[FILE_BYTES];
    char folder[MAX_PATH], path[MAX_PATH];
    DWORD written;
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "api", 0, path) != 0);
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    flow_fill(flow, bytes, size);
    CHECK(WriteFile(file, bytes, size, &written, NULL) && written == size);
    CHECK_IS(0, SetFilePointer(file, 0, NULL, FILE_BEGIN));
    return file;
}

typedef struct reader {
    SOCKET s;
    flow_t flow;
} reader_t;

static void read_file(void *context)
{
    reader_t *reader = context;
    flow_recv(reader->s, &reader->flow, FILE_BYTES, LARGEST);
}

static void a_file_goes_into_the_ring_with_one_copy(void **state)
{
    SOCKET s;
    worker_t worker;
    flow_t out = flow_start(6);
    reader_t reader = {.flow = flow_start(6)};
    HANDLE file = flow_file(&out, FILE_BYTES);
    (void)state;
    a_pair_with_rings(&s, &reader.s);
    vmmc_counters_t before = counters(s);
    worker_start(&worker, read_file, &reader);
    CHECK(TransmitFile(s, file, 0, 0, NULL, NULL, 0));
    worker_join(&worker);
    vmmc_counters_t after = counters(s);
    uint64_t moved = after.sent.bytes - before.sent.bytes, in_place = after.sent.in_place - before.sent.in_place;
    uint64_t by_kernel = after.sent.by_kernel - before.sent.by_kernel;
    uint64_t copied = moved - in_place - by_kernel, switches = after.sent.switches - before.sent.switches;
    CHECK_IS(FILE_BYTES, moved);
    CHECK(copied <= switches * FILE_PIECE); /* read for the kernel while it carried, sent when a ring did again */
    CloseHandle(file);
    close_both(s, reader.s);
}

static const role_t roles[] = {{"receiver", role_receiver}, {"holder", role_holder}};

static const struct CMUnitTest tests[] = {
    CASE(what_is_committed_is_received_by_ordinary_calls),
    CASE(what_is_sent_by_ordinary_calls_is_borrowed),
    CASE(views_at_both_ends),
    CASE(what_is_held_outlives_the_other_process),
    CASE(an_empty_stream_keeps_the_rules_of_recv),
    CASE(a_blocking_borrow_waits),
    CASE(wrong_use_is_refused_and_harms_nothing),
    CASE(other_threads_wait_for_the_holder),
    CASE(closing_ends_what_is_held),
    CASE(other_sockets_are_told_so),
    CASE(a_reservation_is_sent_by_the_kernel),
    CASE(a_reservation_survives_the_receivers_leaving),
    CASE(borrowed_bytes_survive_the_receivers_leaving),
    CASE(a_file_goes_into_the_ring_with_one_copy),
};

HARNESS_MAIN(roles, tests)
