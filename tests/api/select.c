/* select: what each state of a socket shows in the three sets, sets of mixed kinds and unusual sizes, time-outs,
 * and a server with sixty clients. */
#define FD_SETSIZE 256
#include "wire.h"

enum {
    MANY_PAIRS = 75,
    CLIENT_PROCESSES = 3,
    CLIENTS_PER_PROCESS = 20,
    CLIENTS = CLIENT_PROCESSES * CLIENTS_PER_PROCESS,
    EXCHANGES = 12,
    BODY_LARGEST = 20000,
    SETTLE_MS = 50 /* lets another thread get into its blocking call; nothing fails when it does not */
};

/* First what has to come, then what must not be there either. */
static void check_sets(int line, SOCKET s, const char *expected, int milliseconds)
{
    for (const char *which = expected; *which != '\0'; which++) {
        if (!is_ready(s, *which, milliseconds))
            FAIL("line %d: '%c' is not ready", line, *which);
    }
    for (const char *which = "rwx"; *which != '\0'; which++) {
        if (strchr(expected, *which) == NULL && is_ready(s, *which, 0))
            FAIL("line %d: '%c' is ready", line, *which);
    }
}

/* Exactly these sets, each within five seconds. */
#define CHECK_SETS(expected, s) check_sets(__LINE__, (s), (expected), 5000)

static int connect_port(SOCKET s, unsigned short port)
{
    struct sockaddr_in address = loopback(port);
    return connect(s, (struct sockaddr *)&address, sizeof address);
}

static int socket_error(SOCKET s)
{
    int error = -1, length = sizeof error;
    CHECK_IS(0, getsockopt(s, SOL_SOCKET, SO_ERROR, (char *)&error, &length));
    return error;
}

/* ---- readiness of one socket ---- */

static void stream_with_data_and_end(void **state)
{
    char text[8];
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    CHECK_SETS("w", s);
    CHECK_SETS("w", t);
    send_all(t, "data", 4);
    CHECK_SETS("rw", s);
    CHECK_IS(2, recv(s, text, 2, 0));
    CHECK_SETS("rw", s);
    CHECK_IS(2, recv(s, text, 8, 0));
    CHECK_SETS("w", s);
    CHECK_IS(0, shutdown(t, 1));
    CHECK_SETS("rw", s);
    CHECK_SETS("w", t);
    expect_end(s);
    CHECK_SETS("rw", s);
    close_both(s, t);
}

static void queued_data_after_own_shutdown(void **state)
{
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    send_all(t, "data", 4);
    CHECK_SETS("rw", s);
    CHECK_IS(0, shutdown(s, 0));
    CHECK_SETS("rw", s);
    close_both(s, t);
}

static void reset_stream(void **state)
{
    struct linger linger = { 1, 0 };
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    CHECK_IS(0, setsockopt(t, SOL_SOCKET, SO_LINGER, (char *)&linger, sizeof linger));
    CHECK_IS(0, closesocket(t));
    CHECK_SETS("rw", s);
    CHECK_IS(0, closesocket(s));
}

static void listener(void **state)
{
    unsigned short port;
    (void)state;
    SOCKET listening = tcp_listen(&port);
    CHECK_SETS("", listening);
    SOCKET first = tcp_connect(port), second = tcp_connect(port);
    CHECK_SETS("r", listening);
    SOCKET one = tcp_accept(listening);
    CHECK_SETS("r", listening);
    SOCKET two = tcp_accept(listening);
    CHECK_SETS("", listening);
    close_both(one, two);
    close_both(first, second);
    CHECK_IS(0, closesocket(listening));
}

static void nonblocking_connect(void **state)
{
    unsigned short port;
    (void)state;
    SOCKET listening = tcp_listen(&port), s = tcp_socket();
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, connect_port(s, port));
    CHECK_SETS("w", s);
    CHECK_IS(0, socket_error(s));
    CHECK_FAILS(WSAEISCONN, connect_port(s, port));
    SOCKET t = tcp_accept(listening);
    send_all(s, "late", 4);
    CHECK_SETS("rw", t);
    CHECK_IS(0, closesocket(listening));
    close_both(s, t);
}

static void refused_connect(void **state)
{
    struct sockaddr_in address = loopback(0);
    (void)state;
    SOCKET holder = tcp_socket(), s = tcp_socket();
    CHECK_IS(0, bind(holder, (struct sockaddr *)&address, sizeof address));
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, connect_port(s, local_port(holder)));
    CHECK_SETS("x", s);
    CHECK_IS(WSAECONNREFUSED, socket_error(s));
    close_both(holder, s);
}

/* What a program does that has closed one of them and forgotten it.  With the builtin and with ours: what the library keeps
 * for itself is no socket either, and asking about it must not end Wine's server. */
static void numbers_that_are_no_sockets_are_refused(void **state)
{
    SOCKET s, t;
    (void)state;
    tcp_used_pair(&s, &t);
    for (SOCKET number = 4; number < 0x600; number += 4) {
        struct timeval none = {0, 0};
        fd_set set;
        if (number == s || number == t)
            continue;
        FD_ZERO(&set);
        FD_SET(number, &set);
        CHECK_IS(SOCKET_ERROR, select(0, NULL, &set, NULL, &none));
    }
    close_both(s, t);
}

static void urgent_data(void **state)
{
    char byte;
    int on = 1;
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    CHECK_IS(1, send(t, "!", 1, MSG_OOB));
    CHECK_SETS("wx", s);
    CHECK_IS(1, recv(s, &byte, 1, MSG_OOB));
    CHECK_IS('!', byte);
    CHECK_SETS("w", s);
    close_both(s, t);
    tcp_pair(&s, &t);
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, SO_OOBINLINE, (char *)&on, sizeof on));
    CHECK_IS(1, send(t, "?", 1, MSG_OOB));
    CHECK_SETS("rw", s);
    CHECK_IS(1, recv(s, &byte, 1, 0));
    CHECK_IS('?', byte);
    CHECK_SETS("w", s);
    close_both(s, t);
}

static void full_stream_is_not_writable_until_drained(void **state)
{
    static char buffer[65536];
    SOCKET s, t;
    int n;
    (void)state;
    tcp_pair(&s, &t);
    set_nonblocking(s, true);
    set_nonblocking(t, true);
    while ((n = send(s, buffer, sizeof buffer, 0)) > 0)
        ;
    CHECK_FAILS(WSAEWOULDBLOCK, n);
    CHECK(is_ready(t, 'r', 5000));
    while (!is_ready(s, 'w', 0))
        recv(t, buffer, sizeof buffer, 0);
    CHECK(send(s, buffer, sizeof buffer, 0) > 0);
    close_both(s, t);
}

/* ---- arguments ---- */

static void argument_errors(void **state)
{
    struct timeval none = { 0, 0 };
    fd_set empty = { .fd_count = 0 };
    (void)state;
    CHECK_FAILS(WSAEINVAL, select(0, NULL, NULL, NULL, &none));
    CHECK_FAILS(WSAEINVAL, select(0, &empty, &empty, &empty, &none));
    SOCKET s = tcp_socket();
    fd_set bad = { .fd_count = 2, .fd_array = { s, INVALID_SOCKET } };
    CHECK_FAILS(WSAENOTSOCK, select(0, &bad, NULL, NULL, &none));
    CHECK_IS(2, bad.fd_count);
    CHECK(bad.fd_array[0] == s && bad.fd_array[1] == INVALID_SOCKET);
    CHECK_IS(0, closesocket(s));
}

static void not_a_socket_among_connected_streams(void **state)
{
    struct timeval none = { 0, 0 };
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    send_all(s, "x", 1);
    CHECK(is_ready(t, 'r', 5000));
    SOCKET closed = tcp_socket();
    CHECK_IS(0, closesocket(closed));
    fd_set bad = { .fd_count = 3, .fd_array = { t, closed, s } };
    CHECK_FAILS(WSAENOTSOCK, select(0, &bad, NULL, NULL, &none));
    CHECK_IS(3, bad.fd_count);
    close_both(s, t);
}

static void timeouts(void **state)
{
    static const struct timeval times[] = { { 0, 0 }, { 0, 1000 }, { 0, 50000 }, { 0, 1100000 }, { -1, 0 } };
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        struct timeval time = times[i];
        fd_set readers = { .fd_count = 2, .fd_array = { s, t } }, others = { .fd_count = 1, .fd_array = { s } };
        DWORD start = GetTickCount();
        CHECK_IS(0, select(0, &readers, NULL, &others, &time));
        DWORD took = GetTickCount() - start;
        CHECK(times[i].tv_sec < 0 || took + 20 >= (DWORD)times[i].tv_usec / 1000);
        CHECK(time.tv_sec == times[i].tv_sec && time.tv_usec == times[i].tv_usec);
        CHECK_IS(0, readers.fd_count);
        CHECK_IS(0, others.fd_count);
    }
    close_both(s, t);
}

/* ---- sets ---- */

static void ready_sockets_are_kept_in_order_and_counted_per_set(void **state)
{
    SOCKET s[3], t[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        tcp_pair(&s[i], &t[i]);
    send_all(t[0], "x", 1);
    send_all(t[2], "x", 1);
    CHECK(is_ready(s[0], 'r', 5000) && is_ready(s[2], 'r', 5000));
    fd_set readers = { .fd_count = 3, .fd_array = { s[2], s[1], s[0] } };
    fd_set writers = { .fd_count = 2, .fd_array = { s[1], s[2] } };
    fd_set others = { .fd_count = 3, .fd_array = { s[0], s[1], s[2] } };
    CHECK_IS(4, select(0, &readers, &writers, &others, NULL));
    CHECK_IS(2, readers.fd_count);
    CHECK(readers.fd_array[0] == s[2] && readers.fd_array[1] == s[0]);
    CHECK_IS(2, writers.fd_count);
    CHECK(writers.fd_array[0] == s[1] && writers.fd_array[1] == s[2]);
    CHECK_IS(0, others.fd_count);
    for (int i = 0; i < 3; i++)
        close_both(s[i], t[i]);
}

static void duplicates_are_reported_once(void **state)
{
    struct timeval none = { 0, 0 };
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    send_all(t, "x", 1);
    CHECK(is_ready(s, 'r', 5000));
    fd_set readers = { .fd_count = 3, .fd_array = { s, t, s } };
    CHECK_IS(1, select(0, &readers, NULL, NULL, &none));
    CHECK_IS(1, readers.fd_count);
    CHECK(readers.fd_array[0] == s);
    close_both(s, t);
}

static void more_than_sixty_four_sockets(void **state)
{
    static SOCKET s[MANY_PAIRS], t[MANY_PAIRS];
    struct timeval none = { 0, 0 };
    fd_set readers = { .fd_count = 0 };
    (void)state;
    for (int i = 0; i < MANY_PAIRS; i++) {
        tcp_pair(&s[i], &t[i]);
        FD_SET(s[i], &readers);
        FD_SET(t[i], &readers);
    }
    fd_set all = readers;
    CHECK_IS(2 * MANY_PAIRS, all.fd_count);
    CHECK_IS(0, select(0, &readers, NULL, NULL, &none));
    readers = all;
    send_all(s[MANY_PAIRS - 1], "x", 1);
    CHECK_IS(1, select(0, &readers, NULL, NULL, NULL));
    CHECK(readers.fd_array[0] == t[MANY_PAIRS - 1]);
    readers = all;
    CHECK_IS(2 * MANY_PAIRS, select(0, NULL, &readers, NULL, NULL));
    for (int i = 0; i < MANY_PAIRS; i++)
        close_both(s[i], t[i]);
}

/* ---- kinds of sockets in one set, and what ends a wait ---- */

typedef struct mixed {
    SOCKET udp, listening, s, t, idle, idle_end;
    unsigned short port, udp_port;
} mixed_t;

static void mixed_open(mixed_t *m)
{
    struct sockaddr_in address = loopback(0);
    m->udp = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(m->udp != INVALID_SOCKET);
    CHECK_IS(0, bind(m->udp, (struct sockaddr *)&address, sizeof address));
    m->udp_port = local_port(m->udp);
    m->listening = tcp_listen(&m->port);
    tcp_pair(&m->s, &m->t);
    tcp_pair(&m->idle, &m->idle_end);
}

static void mixed_close(mixed_t *m)
{
    close_both(m->s, m->t);
    close_both(m->idle, m->idle_end);
    close_both(m->udp, m->listening);
}

static void send_datagram(void *context)
{
    mixed_t *m = context;
    struct sockaddr_in address = loopback(m->udp_port);
    Sleep(SETTLE_MS);
    CHECK_IS(4, sendto(m->udp, "udp!", 4, 0, (struct sockaddr *)&address, sizeof address));
}

static void dial(void *context)
{
    mixed_t *m = context;
    Sleep(SETTLE_MS);
    SOCKET s = tcp_connect(m->port);
    CHECK_IS(0, closesocket(s));
}

static void send_byte(void *context)
{
    mixed_t *m = context;
    Sleep(SETTLE_MS);
    send_all(m->t, "x", 1);
}

/* Waits for ever on all kinds at once; only the worker's deed can end it. */
static SOCKET mixed_wait(mixed_t *m, void (*deed)(void *context))
{
    worker_t worker;
    fd_set readers = { .fd_count = 4, .fd_array = { m->udp, m->idle, m->listening, m->s } };
    fd_set others = { .fd_count = 3, .fd_array = { m->s, m->listening, m->udp } };
    worker_start(&worker, deed, m);
    CHECK_IS(1, select(0, &readers, NULL, &others, NULL));
    worker_join(&worker);
    CHECK_IS(1, readers.fd_count);
    CHECK_IS(0, others.fd_count);
    return readers.fd_array[0];
}

static void each_kind_ends_a_wait_on_mixed_kinds(void **state)
{
    mixed_t m;
    char text[8];
    (void)state;
    mixed_open(&m);
    for (int i = 0; i < 3; i++) {
        CHECK_IS(m.udp, mixed_wait(&m, send_datagram));
        CHECK_IS(4, recv(m.udp, text, sizeof text, 0));
        CHECK_IS(m.listening, mixed_wait(&m, dial));
        SOCKET accepted = tcp_accept(m.listening);
        CHECK_IS(0, closesocket(accepted));
        CHECK_IS(m.s, mixed_wait(&m, send_byte));
        CHECK_IS(1, recv(m.s, text, sizeof text, 0));
    }
    mixed_close(&m);
}

/* The same with the other end of the stream in another process. */
static void drip_role(int argc, char **argv)
{
    (void)argc;
    char byte;
    SOCKET s = link_in_peer(argv);
    while (recv(s, &byte, 1, 0) == 1) {
        Sleep(1);
        CHECK_IS(1, send(s, &byte, 1, 0));
    }
    CHECK_IS(0, closesocket(s));
}

static void answers_from_another_process_end_a_wait_on_mixed_kinds(void **state)
{
    mixed_t m;
    peer_t peer;
    (void)state;
    mixed_open(&m);
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "drip", " ");
    for (int i = 0; i < 200; i++) {
        char byte = (char)i, answer;
        send_all(s, &byte, 1);
        fd_set readers = { .fd_count = 4, .fd_array = { m.udp, m.listening, m.s, s } };
        CHECK_IS(1, select(0, &readers, NULL, NULL, NULL));
        CHECK(readers.fd_array[0] == s);
        CHECK_IS(1, recv(s, &answer, 1, 0));
        CHECK_IS(byte, answer);
    }
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
    mixed_close(&m);
}

/* A busy stream must not hide a datagram or a caller. */
static void busy_streams_do_not_starve_the_other_kinds(void **state)
{
    mixed_t m;
    bool datagram = false, caller = false;
    struct sockaddr_in address;
    (void)state;
    mixed_open(&m);
    address = loopback(m.udp_port);
    send_all(m.t, "x", 1);
    CHECK(is_ready(m.s, 'r', 5000));
    CHECK_IS(4, sendto(m.udp, "udp!", 4, 0, (struct sockaddr *)&address, sizeof address));
    SOCKET s = tcp_connect(m.port);
    while (!datagram || !caller) {
        fd_set readers = { .fd_count = 3, .fd_array = { m.s, m.udp, m.listening } };
        CHECK(select(0, &readers, NULL, NULL, NULL) > 0);
        CHECK(FD_ISSET(m.s, &readers));
        datagram = datagram || FD_ISSET(m.udp, &readers);
        caller = caller || FD_ISSET(m.listening, &readers);
    }
    CHECK_IS(0, closesocket(s));
    mixed_close(&m);
}

/* With a stream that is in full use, and has bytes. */
static void busy_open(mixed_t *m)
{
    mixed_open(m);
    close_both(m->s, m->t);
    tcp_used_pair(&m->s, &m->t);
    send_all(m->t, "x", 1);
    CHECK(is_ready(m->s, 'r', 5000));
}

/* With bytes in the stream, ask about it and `other` until that is reported. */
static void await_beside_busy_stream(const mixed_t *m, SOCKET other)
{
    for (bool reported = false; !reported;) {
        fd_set readers = { .fd_count = 2, .fd_array = { m->s, other } };
        CHECK(select(0, &readers, NULL, NULL, NULL) > 0);
        CHECK(FD_ISSET(m->s, &readers));
        reported = FD_ISSET(other, &readers);
    }
}

/* Often enough for the kernel to have been asked. */
static void ask_beside_busy_stream(const mixed_t *m, SOCKET other)
{
    for (DWORD begun = GetTickCount(); GetTickCount() - begun < 30;) {
        fd_set readers = { .fd_count = 2, .fd_array = { m->s, other } };
        CHECK_IS(1, select(0, &readers, NULL, NULL, NULL));
    }
}

static void callers_come_while_a_stream_is_busy(void **state)
{
    mixed_t m;
    (void)state;
    busy_open(&m);
    for (int i = 0; i < 4; i++) {
        ask_beside_busy_stream(&m, m.listening);
        SOCKET caller = tcp_connect(m.port);
        await_beside_busy_stream(&m, m.listening);
        SOCKET called = accept(m.listening, NULL, NULL);
        CHECK(called != INVALID_SOCKET);
        close_both(caller, called);
    }
    mixed_close(&m);
}

/* Wine's server watches such a socket no longer, and answers questions about it all the same. */
static void a_datagram_socket_that_was_refused_is_still_read(void **state)
{
    mixed_t m;
    struct sockaddr_in address = loopback(0);
    char text[8];
    (void)state;
    busy_open(&m);
    SOCKET s = socket(AF_INET, SOCK_DGRAM, 0), nobody = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_IS(0, bind(nobody, (struct sockaddr *)&address, sizeof address));
    address = loopback(local_port(nobody));
    CHECK_IS(0, closesocket(nobody));
    CHECK_IS(0, connect(s, (struct sockaddr *)&address, sizeof address));
    ask_beside_busy_stream(&m, s);
    CHECK_IS(1, send(s, "?", 1, 0));
    is_ready(s, 'r', 0); /* or not: the server has seen the refusal now */
    address = loopback(m.udp_port);
    CHECK_IS(0, connect(s, (struct sockaddr *)&address, sizeof address));
    address = loopback(local_port(s));
    for (int i = 0; i < 3; i++) {
        CHECK_IS(4, sendto(m.udp, "udp!", 4, 0, (struct sockaddr *)&address, sizeof address));
        await_beside_busy_stream(&m, s);
        while (recv(s, text, sizeof text, 0) != 4) /* the refusal may be told before */
            continue;
        ask_beside_busy_stream(&m, s);
    }
    CHECK_IS(0, closesocket(s));
    mixed_close(&m);
}

/* ---- a server with sixty clients ---- */

typedef struct head {
    uint32_t length;
    uint32_t salt;
} head_t;

typedef struct session {
    SOCKET s;
    size_t filled;
    uint64_t random;
    union {
        head_t head;
        char bytes[sizeof(head_t) + BODY_LARGEST];
    } request;
} session_t;

static void send_message(SOCKET s, uint32_t salt, uint64_t *random)
{
    struct {
        head_t head;
        char body[BODY_LARGEST];
    } message = { .head = { 1 + random_below(random, random_below(random, 4) ? 200 : BODY_LARGEST), salt } };
    flow_t flow = flow_start(salt);
    flow_fill(&flow, message.body, message.head.length);
    send_all(s, &message, sizeof message.head + message.head.length);
}

static void recv_message(SOCKET s, uint32_t salt)
{
    head_t head;
    flow_t flow = flow_start(salt);
    recv_all(s, &head, sizeof head);
    CHECK_IS(salt, head.salt);
    flow_recv(s, &flow, head.length, 4096);
}

typedef struct client {
    unsigned short port;
    uint32_t number;
} client_t;

static void client_run(void *context)
{
    client_t *client = context;
    uint64_t random = harness_seed(client->number);
    SOCKET s = tcp_connect(client->port);
    for (uint32_t i = 0; i < EXCHANGES; i++) {
        uint32_t salt = client->number * 1000 + i * 2;
        send_message(s, salt, &random);
        recv_message(s, salt + 1);
    }
    CHECK_IS(0, closesocket(s));
}

static void clients_role(int argc, char **argv)
{
    worker_t workers[CLIENTS_PER_PROCESS];
    client_t clients[CLIENTS_PER_PROCESS];
    CHECK_IS(2, argc);
    for (uint32_t i = 0; i < CLIENTS_PER_PROCESS; i++) {
        clients[i] = (client_t){ (unsigned short)atoi(argv[0]), (uint32_t)atoi(argv[1]) + i };
        worker_start(&workers[i], client_run, &clients[i]);
    }
    for (int i = 0; i < CLIENTS_PER_PROCESS; i++)
        worker_join(&workers[i]);
}

static void session_answer(session_t *session)
{
    const head_t *head = &session->request.head;
    flow_t flow = flow_start(head->salt);
    flow_check(&flow, session->request.bytes + sizeof *head, head->length);
    send_message(session->s, head->salt + 1, &session->random);
    session->filled = 0;
}

/* Takes what is there; false when the client has closed. */
static bool session_step(session_t *session)
{
    char *room = session->request.bytes + session->filled;
    int n = recv(session->s, room, (int)(sizeof session->request - session->filled), 0);
    CHECK(n >= 0);
    session->filled += (size_t)n;
    if (n > 0 && session->filled >= sizeof(head_t)) {
        CHECK(session->request.head.length <= BODY_LARGEST);
        if (session->filled == sizeof(head_t) + session->request.head.length)
            session_answer(session);
    }
    return n > 0;
}

static size_t serve_round(SOCKET listening, session_t *sessions, size_t *count)
{
    size_t closed = 0;
    fd_set readers = { .fd_count = 1, .fd_array = { listening } };
    for (size_t i = 0; i < *count; i++) {
        if (sessions[i].s != INVALID_SOCKET)
            FD_SET(sessions[i].s, &readers);
    }
    CHECK(select(0, &readers, NULL, NULL, NULL) > 0);
    for (size_t i = 0; i < *count; i++) {
        session_t *session = &sessions[i];
        if (session->s == INVALID_SOCKET || !FD_ISSET(session->s, &readers) || session_step(session))
            continue;
        CHECK_IS(0, closesocket(session->s));
        session->s = INVALID_SOCKET;
        closed++;
    }
    if (FD_ISSET(listening, &readers)) {
        CHECK(*count < CLIENTS);
        sessions[*count] = (session_t){ .s = tcp_accept(listening), .random = harness_seed(*count + 5000) };
        (*count)++;
    }
    return closed;
}

static void sixty_clients_in_one_select(void **state)
{
    static session_t sessions[CLIENTS];
    peer_t peers[CLIENT_PROCESSES];
    size_t count = 0, closed = 0;
    unsigned short port;
    (void)state;
    SOCKET listening = tcp_listen(&port);
    for (int i = 0; i < CLIENT_PROCESSES; i++)
        peers[i] = peer_start("clients", "%u %d", port, i * CLIENTS_PER_PROCESS);
    while (closed < CLIENTS)
        closed += serve_round(listening, sessions, &count);
    for (int i = 0; i < CLIENT_PROCESSES; i++)
        peer_join(&peers[i]);
    CHECK_IS(0, closesocket(listening));
}

static const role_t roles[] = {
    { "clients", clients_role },
    { "drip", drip_role },
};

static const struct CMUnitTest tests[] = {
    CASE(stream_with_data_and_end),
    CASE(queued_data_after_own_shutdown),
    CASE(reset_stream),
    CASE(listener),
    CASE(nonblocking_connect),
    CASE(refused_connect),
    CASE(numbers_that_are_no_sockets_are_refused),
    CASE(urgent_data),
    CASE(full_stream_is_not_writable_until_drained),
    CASE(argument_errors),
    CASE(not_a_socket_among_connected_streams),
    CASE(timeouts),
    CASE(ready_sockets_are_kept_in_order_and_counted_per_set),
    CASE(duplicates_are_reported_once),
    CASE(more_than_sixty_four_sockets),
    CASE(each_kind_ends_a_wait_on_mixed_kinds),
    CASE(answers_from_another_process_end_a_wait_on_mixed_kinds),
    CASE(busy_streams_do_not_starve_the_other_kinds),
    CASE(callers_come_while_a_stream_is_busy),
    CASE(a_datagram_socket_that_was_refused_is_still_read),
    CASE(sixty_clients_in_one_select),
};

HARNESS_MAIN(roles, tests)
