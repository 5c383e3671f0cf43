/* peek_misc: peeking, empty transfers, addresses on streams, counts, inherited modes, time-outs, and calls queued
 * to a thread that is blocked. */
#include "wire.h"

enum { SETTLE_MS = 50, TIMEOUT_MS = 700, RECEIVE_TIMEOUT = 0x1006, SEND_TIMEOUT = 0x1005 };

static u_long readable_bytes(SOCKET s)
{
    u_long count = 77;
    CHECK_IS(0, ioctlsocket(s, FIONREAD, &count));
    return count;
}

static void set_timeout(SOCKET s, int option, int milliseconds)
{
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, option, (char *)&milliseconds, sizeof milliseconds));
}

static void await_bytes(SOCKET s, u_long count)
{
    while (readable_bytes(s) < count)
        CHECK(is_ready(s, 'r', 5000));
}

/* ---- peek and count ---- */

static void peek_does_not_consume(void **state)
{
    char text[16];
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    send_all(t, "peekaboo", 8);
    await_bytes(s, 8);
    CHECK_IS(4, recv(s, text, 4, MSG_PEEK));
    CHECK(memcmp(text, "peek", 4) == 0);
    CHECK_IS(8, recv(s, text, sizeof text, MSG_PEEK));
    CHECK_IS(8, readable_bytes(s));
    CHECK_IS(5, recv(s, text, 5, 0));
    CHECK_IS(3, recv(s, text, sizeof text, MSG_PEEK));
    CHECK(memcmp(text, "boo", 3) == 0);
    CHECK_IS(3, recv(s, text, sizeof text, 0));
    CHECK_IS(0, readable_bytes(s));
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, recv(s, text, sizeof text, MSG_PEEK));
    close_both(s, t);
}

static void send_later(void *context)
{
    SOCKET s = *(SOCKET *)context;
    Sleep(SETTLE_MS);
    send_all(s, "later", 5);
}

static void peek_waits_for_data(void **state)
{
    char text[8];
    worker_t worker;
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    worker_start(&worker, send_later, &t);
    CHECK_IS(5, recv(s, text, sizeof text, MSG_PEEK));
    CHECK_IS(5, recv(s, text, sizeof text, 0));
    CHECK(memcmp(text, "later", 5) == 0);
    worker_join(&worker);
    close_both(s, t);
}

static void peeking_between_processes_role(int argc, char **argv)
{
    (void)argc;
    flow_t out = flow_start(1);
    SOCKET s = link_in_peer(argv);
    flow_send(s, &out, 1000000, 8192);
    CHECK_IS(0, closesocket(s));
}

/* Whatever was peeked at is what comes. */
static void peeked_bytes_are_the_next_ones(void **state)
{
    static char buffer[4096];
    peer_t peer;
    flow_t in = flow_start(1);
    uint64_t random = harness_seed(3);
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "peeking", " ");
    while (in.offset < 1000000) {
        flow_t ahead = in;
        int n = recv(s, buffer, (int)(1 + random_below(&random, sizeof buffer)), MSG_PEEK);
        CHECK(n > 0);
        flow_check(&ahead, buffer, (size_t)n);
        CHECK(readable_bytes(s) >= (u_long)n);
        int taken = recv(s, buffer, (int)(1 + random_below(&random, sizeof buffer)), 0);
        CHECK(taken > 0);
        flow_check(&in, buffer, (size_t)taken);
    }
    CHECK_IS(0, recv(s, buffer, 1, MSG_PEEK));
    expect_end(s);
    peer_join(&peer);
    CHECK_IS(0, closesocket(s));
}

static void count_of_readable_bytes(void **state)
{
    static char buffer[50000];
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    CHECK_IS(0, readable_bytes(s));
    for (u_long i = 1; i <= 20; i++) {
        send_all(t, buffer, 100);
        await_bytes(s, i * 100);
        CHECK_IS(i * 100, readable_bytes(s));
    }
    recv_all(s, buffer, 1999);
    CHECK_IS(1, readable_bytes(s));
    CHECK_IS(0, closesocket(t));
    recv_all(s, buffer, 1);
    expect_end(s);
    CHECK_IS(0, readable_bytes(s));
    CHECK_IS(0, closesocket(s));
}

/* ---- empty transfers and addresses ---- */

static void empty_transfers(void **state)
{
    char text[8];
    worker_t worker;
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    CHECK_IS(0, send(s, text, 0, 0));
    CHECK_IS(0, send(s, NULL, 0, 0));
    set_nonblocking(t, true);
    CHECK_FAILS(WSAEWOULDBLOCK, recv(t, text, 0, 0));
    CHECK(!is_ready(t, 'r', 0));
    send_all(s, "x", 1);
    CHECK(is_ready(t, 'r', 5000));
    CHECK_IS(0, recv(t, text, 0, 0));
    CHECK_IS(1, recv(t, text, sizeof text, 0));
    set_nonblocking(t, false);
    worker_start(&worker, send_later, &s);
    CHECK_IS(0, recv(t, text, 0, 0));
    CHECK_IS(5, readable_bytes(t));
    recv_all(t, text, 5);
    CHECK(memcmp(text, "later", 5) == 0);
    worker_join(&worker);
    close_both(s, t);
}

static void addresses_on_a_stream_are_ignored(void **state)
{
    char text[8], untouched[sizeof(struct sockaddr_in)];
    struct sockaddr_in elsewhere = loopback(9), from;
    int length = 11;
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    memset(&from, 0x5A, sizeof from);
    memset(untouched, 0x5A, sizeof untouched);
    CHECK_IS(5, sendto(s, "to me", 5, 0, (struct sockaddr *)&elsewhere, sizeof elsewhere));
    CHECK_IS(3, sendto(s, "too", 3, 0, NULL, 0));
    await_bytes(t, 8);
    CHECK_IS(5, recvfrom(t, text, 5, 0, (struct sockaddr *)&from, &length));
    CHECK(memcmp(text, "to me", 5) == 0);
    CHECK(memcmp(&from, untouched, sizeof from) == 0);
    CHECK_IS(11, length);
    CHECK_IS(3, recvfrom(t, text, sizeof text, MSG_PEEK, NULL, NULL));
    CHECK_IS(3, recvfrom(t, text, sizeof text, 0, NULL, NULL));
    CHECK(memcmp(text, "too", 3) == 0);
    close_both(s, t);
}

static void harmless_send_flags_are_ignored(void **state)
{
    char text[4];
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    CHECK_IS(4, send(s, "flag", 4, MSG_DONTROUTE));
    recv_all(t, text, 4);
    CHECK(memcmp(text, "flag", 4) == 0);
    close_both(s, t);
}

/* ---- urgent data ---- */

static void urgent_byte_is_beside_the_stream(void **state)
{
    char text[8];
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    send_all(s, "ab", 2);
    CHECK_IS(3, send(s, "xyz", 3, MSG_OOB));
    send_all(s, "cd", 2);
    CHECK(is_ready(t, 'x', 5000));
    CHECK_IS(4, recv(t, text, sizeof text, 0));
    CHECK(memcmp(text, "abxy", 4) == 0);
    CHECK_IS(1, recv(t, text, sizeof text, MSG_OOB | MSG_PEEK));
    CHECK_IS('z', text[0]);
    CHECK_IS(1, recv(t, text, sizeof text, MSG_OOB));
    CHECK_IS('z', text[0]);
    CHECK(!is_ready(t, 'x', 0));
    recv_all(t, text, 2);
    CHECK(memcmp(text, "cd", 2) == 0);
    close_both(s, t);
}

static void urgent_byte_in_the_stream(void **state)
{
    char text[8];
    int on = 1;
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    CHECK_IS(0, setsockopt(t, SOL_SOCKET, SO_OOBINLINE, (char *)&on, sizeof on));
    send_all(s, "ab", 2);
    CHECK_IS(1, send(s, "!", 1, MSG_OOB));
    send_all(s, "cd", 2);
    CHECK(!is_ready(t, 'x', 0));
    recv_all(t, text, 5);
    CHECK(memcmp(text, "ab!cd", 5) == 0);
    close_both(s, t);
}

/* ---- modes ---- */

static void accepted_socket_inherits_blocking_mode(void **state)
{
    (void)state;
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        unsigned short port;
        char byte;
        SOCKET listener = tcp_listen(&port);
        set_nonblocking(listener, nonblocking);
        SOCKET s = tcp_connect(port);
        CHECK(is_ready(listener, 'r', 5000));
        SOCKET t = tcp_accept(listener);
        if (nonblocking) {
            CHECK_FAILS(WSAEWOULDBLOCK, recv(t, &byte, 1, 0));
        } else {
            worker_t worker;
            char text[5];
            worker_start(&worker, send_later, &s);
            recv_all(t, text, 5);
            worker_join(&worker);
        }
        close_both(s, t);
        CHECK_IS(0, closesocket(listener));
    }
}

static void mode_changes_in_mid_stream(void **state)
{
    char text[8];
    worker_t worker;
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    for (int i = 0; i < 5; i++) {
        set_nonblocking(s, true);
        CHECK_FAILS(WSAEWOULDBLOCK, recv(s, text, sizeof text, 0));
        set_nonblocking(s, false);
        worker_start(&worker, send_later, &t);
        CHECK_IS(5, recv(s, text, sizeof text, 0));
        worker_join(&worker);
    }
    close_both(s, t);
}

/* ---- time-outs ---- */

static void receive_timeout(void **state)
{
    char text[8];
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    set_timeout(s, RECEIVE_TIMEOUT, TIMEOUT_MS);
    DWORD start = GetTickCount();
    CHECK_FAILS(WSAETIMEDOUT, recv(s, text, sizeof text, 0));
    CHECK_FAILS(WSAETIMEDOUT, recvfrom(s, text, sizeof text, MSG_PEEK, NULL, NULL));
    CHECK(GetTickCount() - start + 60 >= 2 * TIMEOUT_MS);
    send_all(t, "works", 5);
    CHECK_IS(5, recv(s, text, sizeof text, 0));
    set_timeout(s, RECEIVE_TIMEOUT, 0);
    worker_t worker;
    worker_start(&worker, send_later, &t);
    CHECK_IS(5, recv(s, text, sizeof text, 0));
    worker_join(&worker);
    close_both(s, t);
}

static void send_timeout(void **state)
{
    static char buffer[65536];
    SOCKET s, t;
    int n;
    (void)state;
    tcp_pair(&s, &t);
    set_timeout(s, SEND_TIMEOUT, TIMEOUT_MS);
    while ((n = send(s, buffer, sizeof buffer, 0)) > 0)
        harness_mark(__FILE__, __LINE__);
    CHECK_FAILS(WSAETIMEDOUT, n);
    close_both(s, t);
}

/* ---- queued calls ---- */

typedef struct waiter {
    SOCKET s;
    HANDLE ready;
    volatile LONG calls;
    char text[8];
} waiter_t;

static void CALLBACK queued_call(ULONG_PTR context)
{
    waiter_t *waiter = (waiter_t *)context;
    InterlockedIncrement(&waiter->calls);
    SetEvent(waiter->ready);
}

static void recv_while_called(void *context)
{
    waiter_t *waiter = context;
    CHECK_IS(5, recv(waiter->s, waiter->text, sizeof waiter->text, 0));
}

/* The call runs although nothing was received, and the recv goes on. */
static void queued_call_runs_during_recv(void **state)
{
    worker_t worker;
    waiter_t waiter = { .ready = CreateEventA(NULL, FALSE, FALSE, NULL) };
    SOCKET t;
    (void)state;
    tcp_pair(&waiter.s, &t);
    worker_start(&worker, recv_while_called, &waiter);
    Sleep(SETTLE_MS);
    for (LONG i = 1; i <= 3; i++) {
        CHECK(QueueUserAPC(queued_call, worker.thread, (ULONG_PTR)&waiter));
        CHECK(WaitForSingleObject(waiter.ready, INFINITE) == WAIT_OBJECT_0);
        CHECK_IS(i, waiter.calls);
        CHECK(!worker_is_done(&worker));
    }
    send_all(t, "after", 5);
    worker_join(&worker);
    CHECK(memcmp(waiter.text, "after", 5) == 0);
    CloseHandle(waiter.ready);
    close_both(waiter.s, t);
}

static const role_t roles[] = {
    { "peeking", peeking_between_processes_role },
};

static const struct CMUnitTest tests[] = {
    CASE(peek_does_not_consume),
    CASE(peek_waits_for_data),
    CASE(peeked_bytes_are_the_next_ones),
    CASE(count_of_readable_bytes),
    CASE(empty_transfers),
    CASE(addresses_on_a_stream_are_ignored),
    CASE(harmless_send_flags_are_ignored),
    CASE(urgent_byte_is_beside_the_stream),
    CASE(urgent_byte_in_the_stream),
    CASE(accepted_socket_inherits_blocking_mode),
    CASE(mode_changes_in_mid_stream),
    CASE(receive_timeout),
    CASE(send_timeout),
    CASE(queued_call_runs_during_recv),
};

HARNESS_MAIN(roles, tests)
