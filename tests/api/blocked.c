/* blocked: calls already waiting when the stream comes to life, connections in every stage of connecting, many
 * short ones, and handles that are used again. */
#include "wire.h"

enum { CYCLES = 200, SETTLE_MS = 50, BULK = 300000, LARGEST = 16384, UNACCEPTED = 20 };
enum { MAY_GO = 10, PEER_READY };

static int connect_port(SOCKET s, unsigned short port)
{
    struct sockaddr_in address = loopback(port);
    return connect(s, (struct sockaddr *)&address, sizeof address);
}

/* ---- already waiting ---- */

typedef struct reader {
    SOCKET s;
    flow_t flow;
    size_t length;
} reader_t;

static void read_flow(void *context)
{
    reader_t *reader = context;
    flow_recv(reader->s, &reader->flow, reader->length, LARGEST);
}

static void accept_late_role(int argc, char **argv)
{
    (void)argc, (void)argv;
    unsigned short port;
    flow_t out = flow_start(2), in = flow_start(1);
    SOCKET listener = tcp_listen(&port);
    slot_post(LINK_SLOT, port);
    slot_await(MAY_GO);
    SOCKET s = tcp_accept(listener);
    flow_send(s, &out, BULK, LARGEST);
    flow_recv(s, &in, BULK, LARGEST);
    flow_send(s, &out, BULK, LARGEST);
    expect_end(s);
    close_both(s, listener);
}

static void recv_waits_before_the_other_end_accepts(void **state)
{
    worker_t worker;
    flow_t out = flow_start(1);
    (void)state;
    peer_t peer = peer_start("accept_late", " ");
    SOCKET s = tcp_connect((unsigned short)slot_await(LINK_SLOT));
    reader_t reader = { s, flow_start(2), 2 * BULK };
    worker_start(&worker, read_flow, &reader);
    Sleep(SETTLE_MS);
    slot_post(MAY_GO, 0);
    flow_send(s, &out, BULK, LARGEST);
    worker_join(&worker);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

static void start_late_role(int argc, char **argv)
{
    (void)argc;
    flow_t out = flow_start(2), in = flow_start(1);
    SOCKET s = link_in_peer(argv);
    slot_await(MAY_GO);
    flow_send(s, &out, BULK, LARGEST);
    flow_recv(s, &in, BULK, LARGEST);
    flow_send(s, &out, BULK, LARGEST);
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

static void start_late(link_way_t way)
{
    peer_t peer;
    worker_t worker;
    flow_t out = flow_start(1);
    SOCKET s = link_to_peer(&peer, way, "start_late", " ");
    reader_t reader = { s, flow_start(2), 2 * BULK };
    worker_start(&worker, read_flow, &reader);
    Sleep(SETTLE_MS);
    slot_post(MAY_GO, 0);
    flow_send(s, &out, BULK, LARGEST);
    worker_join(&worker);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

static void recv_waits_before_the_other_end_sends(void **state)
{
    (void)state;
    start_late(PEER_CONNECTS);
}

static void recv_waits_at_the_connecting_end(void **state)
{
    (void)state;
    start_late(PEER_LISTENS);
}

/* Both ends wait in recv from the start, and only then does a second thread at each end send. */
static void both_wait(SOCKET s, uint64_t out, uint64_t in)
{
    worker_t worker;
    flow_t there = flow_start(out);
    reader_t reader = { s, flow_start(in), BULK };
    worker_start(&worker, read_flow, &reader);
    Sleep(SETTLE_MS);
    flow_send(s, &there, BULK, LARGEST);
    worker_join(&worker);
    CHECK_IS(0, shutdown(s, 1));
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

static void both_wait_role(int argc, char **argv)
{
    (void)argc;
    both_wait(link_in_peer(argv), 2, 1);
}

static void both_ends_wait_in_recv_first(void **state)
{
    peer_t peer;
    (void)state;
    both_wait(link_to_peer(&peer, PEER_CONNECTS, "both_wait", " "), 1, 2);
    peer_join(&peer);
}

static void both_ends_of_one_process_wait_in_recv_first(void **state)
{
    SOCKET s, t;
    worker_t workers[2];
    (void)state;
    tcp_pair(&s, &t);
    reader_t readers[2] = { { s, flow_start(1), BULK }, { t, flow_start(2), BULK } };
    for (int i = 0; i < 2; i++)
        worker_start(&workers[i], read_flow, &readers[i]);
    Sleep(SETTLE_MS);
    flow_t to_s = flow_start(1), to_t = flow_start(2);
    flow_send(s, &to_t, BULK, LARGEST);
    flow_send(t, &to_s, BULK, LARGEST);
    for (int i = 0; i < 2; i++)
        worker_join(&workers[i]);
    close_both(s, t);
}

typedef struct single {
    SOCKET s;
    volatile LONG *total;
} single_t;

static void recv_one_byte(void *context)
{
    single_t *single = context;
    char byte;
    CHECK_IS(1, recv(single->s, &byte, 1, 0));
    InterlockedExchangeAdd(single->total, byte);
}

static void each_waiting_thread_gets_its_byte(void **state)
{
    worker_t workers[4];
    volatile LONG total = 0;
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    single_t single = { s, &total };
    for (int i = 0; i < 4; i++)
        worker_start(&workers[i], recv_one_byte, &single);
    Sleep(SETTLE_MS);
    for (char i = 1; i <= 4; i++)
        send_all(t, &i, 1);
    for (int i = 0; i < 4; i++)
        worker_join(&workers[i]);
    CHECK_IS(1 + 2 + 3 + 4, total);
    close_both(s, t);
}

/* ---- many short connections ---- */

static void answer_cycles_role(int argc, char **argv)
{
    unsigned short port;
    CHECK_IS(1, argc);
    SOCKET listener = tcp_listen(&port);
    slot_post(LINK_SLOT, port);
    for (int i = 0; i < atoi(argv[0]); i++) {
        uint32_t number;
        SOCKET s = tcp_accept(listener);
        recv_all(s, &number, sizeof number);
        number = ~number;
        send_all(s, &number, sizeof number);
        if (i % 2 == 0)
            expect_end(s);
        CHECK_IS(0, closesocket(s));
    }
    CHECK_IS(0, closesocket(listener));
}

static void many_short_connections(void **state)
{
    (void)state;
    peer_t peer = peer_start("answer_cycles", "%d", CYCLES);
    unsigned short port = (unsigned short)slot_await(LINK_SLOT);
    for (uint32_t i = 0; i < CYCLES; i++) {
        uint32_t answer;
        SOCKET s = tcp_connect(port);
        send_all(s, &i, sizeof i);
        recv_all(s, &answer, sizeof answer);
        CHECK_IS(~i, answer);
        if (i % 2 != 0)
            expect_end(s);
        CHECK_IS(0, closesocket(s));
    }
    peer_join(&peer);
}

static void many_short_connections_in_one_process(void **state)
{
    unsigned short port;
    (void)state;
    SOCKET listener = tcp_listen(&port);
    for (uint32_t i = 0; i < CYCLES; i++) {
        uint32_t number;
        SOCKET s = tcp_connect(port), t = tcp_accept(listener);
        send_all(s, &i, sizeof i);
        recv_all(t, &number, sizeof number);
        CHECK_IS(i, number);
        send_all(t, &number, sizeof number);
        recv_all(s, &number, sizeof number);
        CHECK_IS(i, number);
        if (i % 2 == 0)
            close_both(s, t);
        else
            close_both(t, s);
    }
    CHECK_IS(0, closesocket(listener));
}

static void unaccepted_role(int argc, char **argv)
{
    CHECK_IS(1, argc);
    for (uint32_t i = 0; i < UNACCEPTED; i++) {
        SOCKET s = tcp_connect((unsigned short)atoi(argv[0]));
        send_all(s, &i, sizeof i);
        CHECK_IS(0, closesocket(s));
    }
}

/* Connections made, used and closed before anybody accepts come in order, each with its own bytes. */
static void connections_closed_before_they_are_accepted(void **state)
{
    unsigned short port;
    (void)state;
    SOCKET listener = tcp_listen(&port);
    for (int round = 0; round < 3; round++) {
        peer_t peer = peer_start("unaccepted", "%u", port);
        peer_join(&peer);
        for (uint32_t i = 0; i < UNACCEPTED; i++) {
            uint32_t number;
            SOCKET s = tcp_accept(listener);
            recv_all(s, &number, sizeof number);
            CHECK_IS(i, number);
            expect_end(s);
            CHECK_IS(0, closesocket(s));
        }
    }
    CHECK_IS(0, closesocket(listener));
}

/* ---- connecting without waiting ---- */

static void echo_once_role(int argc, char **argv)
{
    (void)argc, (void)argv;
    unsigned short port;
    char text[4];
    SOCKET listener = tcp_listen(&port);
    slot_post(LINK_SLOT, port);
    for (int i = 0; i < 5; i++) {
        SOCKET s = tcp_accept(listener);
        recv_all(s, text, sizeof text);
        send_all(s, text, sizeof text);
        expect_end(s);
        CHECK_IS(0, closesocket(s));
    }
    CHECK_IS(0, closesocket(listener));
}

static void first_seen_by_select(SOCKET s, unsigned short port)
{
    (void)port;
    CHECK(is_ready(s, 'w', 10000));
}

static void first_seen_by_connect(SOCKET s, unsigned short port)
{
    for (;;) {
        CHECK_IS(SOCKET_ERROR, connect_port(s, port));
        int error = WSAGetLastError();
        if (error == WSAEISCONN)
            return;
        CHECK(error == WSAEALREADY || error == WSAEINVAL || error == WSAEWOULDBLOCK);
        Sleep(1);
    }
}

static void first_seen_by_send(SOCKET s, unsigned short port)
{
    char none;
    (void)port;
    while (send(s, &none, 0, 0) == SOCKET_ERROR)
        Sleep(1);
}

static void first_seen_by_getpeername(SOCKET s, unsigned short port)
{
    struct sockaddr_in name;
    int length = sizeof name;
    while (getpeername(s, (struct sockaddr *)&name, &length) == SOCKET_ERROR)
        Sleep(1);
    CHECK_IS(port, ntohs(name.sin_port));
}

static void first_seen_by_waiting_recv(SOCKET s, unsigned short port)
{
    first_seen_by_select(s, port);
    set_nonblocking(s, false);
}

/* However a program learns that it is connected, the stream works from then on. */
static void nonblocking_connect_noticed_in_every_way(void **state)
{
    void (*const notices[])(SOCKET s, unsigned short port) = {
        first_seen_by_select,      first_seen_by_connect,      first_seen_by_send,
        first_seen_by_getpeername, first_seen_by_waiting_recv,
    };
    (void)state;
    peer_t peer = peer_start("echo_once", " ");
    unsigned short port = (unsigned short)slot_await(LINK_SLOT);
    for (size_t i = 0; i < ARRAY_SIZE(notices); i++) {
        char text[4];
        SOCKET s = tcp_socket();
        set_nonblocking(s, true);
        CHECK_FAILS(WSAEWOULDBLOCK, connect_port(s, port));
        notices[i](s, port);
        send_all(s, "echo", 4);
        CHECK(is_ready(s, 'r', 10000));
        recv_all(s, text, 4);
        CHECK(memcmp(text, "echo", 4) == 0);
        CHECK_IS(0, closesocket(s));
    }
    peer_join(&peer);
}

static void calls_before_a_nonblocking_connect_completes(void **state)
{
    unsigned short port;
    char text[8];
    (void)state;
    SOCKET listener = tcp_listen(&port), s = tcp_socket();
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, connect_port(s, port));
    int n = recv(s, text, sizeof text, 0);
    CHECK_FAILS_EITHER(WSAENOTCONN, WSAEWOULDBLOCK, n);
    CHECK(is_ready(s, 'w', 10000));
    SOCKET t = tcp_accept(listener);
    send_all(s, "forth", 5);
    recv_all(t, text, 5);
    CHECK(memcmp(text, "forth", 5) == 0);
    close_both(s, t);
    CHECK_IS(0, closesocket(listener));
}

static void closed_while_connecting(void **state)
{
    unsigned short port;
    char text[4];
    (void)state;
    SOCKET listener = tcp_listen(&port), s = tcp_socket();
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, connect_port(s, port));
    CHECK_IS(0, closesocket(s));
    SOCKET next = tcp_connect(port);
    send_all(next, "next", 4);
    SOCKET t = tcp_accept(listener);
    int n = recv(t, text, sizeof text, 0);
    if (n <= 0) {
        CHECK_IS(0, closesocket(t));
        t = tcp_accept(listener);
        n = recv(t, text, sizeof text, 0);
    }
    CHECK_IS(4, n);
    CHECK(memcmp(text, "next", 4) == 0);
    close_both(next, t);
    CHECK_IS(0, closesocket(listener));
}

/* ---- handles used again ---- */

enum { FRESH = 4 };

static void check_fresh(SOCKET s)
{
    char byte;
    CHECK_FAILS(WSAENOTCONN, recv(s, &byte, 1, 0));
    CHECK(!is_ready(s, 'r', 0) && !is_ready(s, 'w', 0) && !is_ready(s, 'x', 0));
}

/* Opens a few sockets, checks that none remembers anything, and says how many have this number. */
static int count_reuse(SOCKET old)
{
    int reused = 0;
    SOCKET fresh[FRESH];
    for (int i = 0; i < FRESH; i++) {
        fresh[i] = tcp_socket();
        reused += fresh[i] == old;
        check_fresh(fresh[i]);
    }
    for (int i = 0; i < FRESH; i++)
        CHECK_IS(0, closesocket(fresh[i]));
    return reused;
}

static void new_socket_with_an_old_number_is_fresh(void **state)
{
    int reused = 0;
    (void)state;
    for (int i = 0; i < 20; i++) {
        SOCKET s, t;
        char byte;
        tcp_pair(&s, &t);
        set_nonblocking(s, true);
        send_all(t, "left over", 9);
        CHECK(is_ready(s, 'r', 5000));
        CHECK_IS(1, recv(s, &byte, 1, 0));
        if (i % 2 == 0)
            CHECK_IS(0, closesocket(s));
        else
            CHECK(CloseHandle((HANDLE)s));
        reused += count_reuse(s);
        CHECK_IS(0, closesocket(t));
    }
    CHECK(reused > 0);
}

/* A datagram socket, or none at all, under a number that was a stream's. */
static void other_object_with_an_old_number(void **state)
{
    char text[8];
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct sockaddr_in address = loopback(0);
        SOCKET s, t;
        tcp_pair(&s, &t);
        send_all(t, "left over", 9);
        CHECK(is_ready(s, 'r', 5000));
        CHECK_IS(0, closesocket(s));
        SOCKET udp = socket(AF_INET, SOCK_DGRAM, 0);
        CHECK_IS(0, bind(udp, (struct sockaddr *)&address, sizeof address));
        address = loopback(local_port(udp));
        CHECK_IS(3, sendto(udp, "udp", 3, 0, (struct sockaddr *)&address, sizeof address));
        CHECK(is_ready(udp, 'r', 5000));
        CHECK_IS(3, recv(udp, text, sizeof text, 0));
        CHECK(memcmp(text, "udp", 3) == 0);
        close_both(udp, t);
    }
}

static void stream_with_an_old_number_works(void **state)
{
    unsigned short port;
    (void)state;
    SOCKET listener = tcp_listen(&port);
    for (int i = 0; i < 20; i++) {
        char text[4];
        SOCKET s = tcp_connect(port), t = tcp_accept(listener);
        send_all(s, "old", 3);
        if (i % 2 == 0)
            CHECK(CloseHandle((HANDLE)s));
        else
            CHECK_IS(0, closesocket(s));
        s = tcp_connect(port);
        SOCKET u = tcp_accept(listener);
        send_all(s, "new", 3);
        recv_all(u, text, 3);
        CHECK(memcmp(text, "new", 3) == 0);
        recv_all(t, text, 3);
        CHECK(memcmp(text, "old", 3) == 0);
        expect_end(t);
        close_both(s, t);
        CHECK_IS(0, closesocket(u));
    }
    CHECK_IS(0, closesocket(listener));
}

static const role_t roles[] = {
    { "accept_late", accept_late_role },     { "start_late", start_late_role }, { "both_wait", both_wait_role },
    { "answer_cycles", answer_cycles_role }, { "unaccepted", unaccepted_role }, { "echo_once", echo_once_role },
};

static const struct CMUnitTest tests[] = {
    CASE(recv_waits_before_the_other_end_accepts),
    CASE(recv_waits_before_the_other_end_sends),
    CASE(recv_waits_at_the_connecting_end),
    CASE(both_ends_wait_in_recv_first),
    CASE(both_ends_of_one_process_wait_in_recv_first),
    CASE(each_waiting_thread_gets_its_byte),
    CASE(many_short_connections),
    CASE(many_short_connections_in_one_process),
    CASE(connections_closed_before_they_are_accepted),
    CASE(nonblocking_connect_noticed_in_every_way),
    CASE(calls_before_a_nonblocking_connect_completes),
    CASE(closed_while_connecting),
    CASE(new_socket_with_an_old_number_is_fresh),
    CASE(other_object_with_an_old_number),
    CASE(stream_with_an_old_number_works),
};

HARNESS_MAIN(roles, tests)
