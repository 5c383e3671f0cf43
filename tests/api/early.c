/* early: many short connections to one server.  Once they are known to succeed, both ends look for each other with the first
 * transfer, and all bytes go by rings; whatever the programs do instead, each gets its bytes and its end.
 * The configurations let no connection of few calls become user-level in any other way. */
#include "wire.h"

#include "vmmc_sockets.h"

enum { MESSAGE = 64, WITHOUT_STREAMS = 8, MORE = 'm', LAST = 'l', SERVED_SLOT = 1, LATE_SLOT };

/* ---- one exchange ---- */

static void make(char message[MESSAGE], unsigned number, bool last)
{
    for (unsigned i = 0; i < MESSAGE; i++)
        message[i] = (char)(number + i);
    message[0] = last ? LAST : MORE;
}

static void send_message(SOCKET s, unsigned number, bool last)
{
    char message[MESSAGE];
    make(message, number, last);
    send_all(s, message, MESSAGE);
}

/* True if it says that it is the last one. */
static bool recv_message(SOCKET s, unsigned number)
{
    char message[MESSAGE], expected[MESSAGE];
    recv_all(s, message, MESSAGE);
    make(expected, number, message[0] == LAST);
    CHECK(memcmp(message, expected, MESSAGE) == 0);
    return message[0] == LAST;
}

/* ---- servers ---- */

static bool answer(SOCKET s, unsigned number)
{
    bool last = recv_message(s, number);
    send_message(s, number, last);
    expect_end(s);
    return last;
}

static bool only_read(SOCKET s, unsigned number)
{
    bool last = recv_message(s, number);
    expect_end(s);
    return last;
}

static bool speak_first(SOCKET s, unsigned number)
{
    send_message(s, number, false);
    return only_read(s, number);
}

static bool answer_when_told(SOCKET s, unsigned number)
{
    CHECK(is_ready(s, 'r', 20000));
    return answer(s, number);
}

static bool answer_without_blocking(SOCKET s, unsigned number)
{
    char message[MESSAGE];
    set_nonblocking(s, true);
    for (int done = 0, n; done < MESSAGE; done += n > 0 ? n : 0) {
        n = recv(s, message + done, MESSAGE - done, 0);
        CHECK(n > 0 || (n < 0 && WSAGetLastError() == WSAEWOULDBLOCK));
        if (n < 0)
            CHECK(is_ready(s, 'r', 20000));
    }
    CHECK_IS(MESSAGE, send(s, message, MESSAGE, 0));
    CHECK(is_ready(s, 'r', 20000));
    expect_end(s);
    CHECK((char)(number + 1) == message[1]);
    return message[0] == LAST;
}

/* After the client has sent all, and perhaps ended. */
static bool answer_late(SOCKET s, unsigned number)
{
    slot_await(LATE_SLOT + (int)number);
    return only_read(s, number);
}

static const struct {
    const char *name;
    bool (*serve)(SOCKET s, unsigned number);
} servers[] = {
    {"answer", answer}, {"first", speak_first}, {"told", answer_when_told}, {"unblocked", answer_without_blocking}, {"late", answer_late},
    {"sink", only_read},
};

/* "serve SLOT WAY": one connection after the other, until a message is the last one. */
static void serve(int argc, char **argv)
{
    unsigned short port;
    SOCKET listener = tcp_listen(&port);
    bool last = false;
    unsigned way = 0;
    CHECK_IS(2, argc);
    while (strcmp(servers[way].name, argv[1]) != 0)
        way++;
    slot_post(atoi(argv[0]), port);
    for (unsigned number = 0; !last; number++) {
        SOCKET s = tcp_accept(listener);
        last = servers[way].serve(s, number);
        CHECK_IS(0, closesocket(s));
        if (servers[way].serve == only_read)
            slot_post(SERVED_SLOT, (long)number);
    }
    CHECK_IS(0, closesocket(listener));
}

/* Connections that end without a byte, as many as there are numbers, then answers. */
static void serve_nobody(int argc, char **argv)
{
    unsigned short port;
    SOCKET listener = tcp_listen(&port);
    CHECK_IS(2, argc);
    slot_post(atoi(argv[0]), port);
    for (int i = 0; i < atoi(argv[1]); i++) {
        SOCKET s = tcp_accept(listener);
        expect_end(s);
        CHECK_IS(0, closesocket(s));
    }
    SOCKET s = tcp_accept(listener);
    CHECK(answer(s, 0));
    close_both(s, listener);
}

/* ---- clients ---- */

static unsigned short start_server(peer_t *server, const char *role, const char *way)
{
    *server = peer_start(role, "%d %s", LINK_SLOT, way);
    return (unsigned short)slot_await(LINK_SLOT);
}

/* Nothing of this connection has gone by the kernel, its answer included if it `waits` for this end's consent. */
static bool has_gone_by_rings(SOCKET s, bool waits)
{
    vmmc_counters_t counted = {.size = sizeof counted};
    if (ioctlsocket(s, VMMC_IO_COUNT, (u_long *)&counted) != 0)
        return false;
    bool answered = counted.received.bytes == MESSAGE && counted.received.by_kernel == 0;
    return counted.sent.bytes == MESSAGE && counted.sent.by_kernel == 0 && (answered || !waits);
}

static void exchange_with(SOCKET s, unsigned number, bool last, const char *way)
{
    bool server_is_first = strcmp(way, "first") == 0, answers = !server_is_first && strcmp(way, "sink") != 0;
    if (server_is_first)
        recv_message(s, number);
    send_message(s, number, last);
    if (answers)
        CHECK_IS(last, recv_message(s, number));
}

/* Until one has gone by rings alone, and once more; that they do at all is what the time limit of the case is for.  Whom
 * nobody answers waits for the server nevertheless: a queue ahead of it would have only ends that come too late. */
static void exchange_until_early(const char *way)
{
    peer_t server;
    unsigned short port = start_server(&server, "serve", way);
    bool early = false, last = false, waits = strcmp(way, "unblocked") != 0 && strcmp(way, "sink") != 0;
    for (unsigned number = 0; !last; number++) {
        last = has_streams_to_peer() ? early : number == WITHOUT_STREAMS;
        SOCKET s = tcp_connect(port);
        exchange_with(s, number, last, way);
        early |= has_gone_by_rings(s, waits);
        CHECK_IS(0, closesocket(s));
        if (strcmp(way, "sink") == 0)
            CHECK_IS(number, slot_take(SERVED_SLOT));
    }
    peer_join(&server);
}

static void a_server_that_answers(void **state)
{
    (void)state;
    exchange_until_early("answer");
}

static void a_server_that_speaks_first(void **state)
{
    (void)state;
    exchange_until_early("first");
}

static void a_server_that_only_reads(void **state)
{
    (void)state;
    exchange_until_early("sink");
}

static void a_server_that_waits_in_select(void **state)
{
    (void)state;
    exchange_until_early("told");
}

static void a_server_that_never_blocks(void **state)
{
    (void)state;
    exchange_until_early("unblocked");
}

static void a_server_that_reads_late(void **state)
{
    peer_t server;
    unsigned short port = start_server(&server, "serve", "late");
    (void)state;
    for (unsigned number = 0; number < 20; number++) {
        SOCKET s = tcp_connect(port);
        send_message(s, number, number == 19);
        if (number % 2)
            CHECK_IS(0, closesocket(s));
        slot_post(LATE_SLOT + (int)number, 0);
        if (number % 2 == 0)
            CHECK_IS(0, closesocket(s));
    }
    peer_join(&server);
}

static void connections_that_say_nothing(void **state)
{
    peer_t server;
    unsigned short port = start_server(&server, "serve_nobody", "20");
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        SOCKET s = tcp_connect(port);
        CHECK_IS(0, closesocket(s));
    }
    SOCKET s = tcp_connect(port);
    exchange_with(s, 0, true, "answer");
    CHECK_IS(0, closesocket(s));
    peer_join(&server);
}

static void a_queue_of_connections(void **state)
{
    enum { QUEUE = 5 };
    peer_t server;
    SOCKET s[QUEUE];
    unsigned short port = start_server(&server, "serve", "answer");
    (void)state;
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned i = 0; i < QUEUE; i++)
            s[i] = tcp_connect(port);
        for (unsigned i = 0; i < QUEUE; i++) {
            exchange_with(s[i], round * QUEUE + i, round == 5 && i == QUEUE - 1, "answer");
            CHECK_IS(0, closesocket(s[i]));
        }
    }
    peer_join(&server);
}

/* Whoever waits for itself waits in vain. */
static void one_thread_at_both_ends(void **state)
{
    unsigned short port;
    SOCKET listener = tcp_listen(&port);
    (void)state;
    for (unsigned number = 0; number < 20; number++) {
        SOCKET s = tcp_connect(port), t = tcp_accept(listener);
        send_message(s, number, false);
        recv_message(t, number);
        send_message(t, number, true);
        recv_message(s, number);
        close_both(s, t);
    }
    CHECK_IS(0, closesocket(listener));
}

static void names_that_are_none(void **state)
{
    struct sockaddr_in name = loopback(1);
    unsigned short port;
    SOCKET listener = tcp_listen(&port);
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        SOCKET s = tcp_socket();
        CHECK_FAILS_EITHER(WSAEFAULT, WSAEADDRNOTAVAIL, connect(s, (struct sockaddr *)&name, 3)); /* Windows, Wine */
        CHECK_FAILS(WSAECONNREFUSED, connect(s, (struct sockaddr *)&name, sizeof name));
        CHECK_IS(0, closesocket(s));
        s = tcp_connect(port);
        SOCKET t = tcp_accept(listener);
        send_message(t, i, false);
        recv_message(s, i);
        close_both(s, t);
    }
    CHECK_IS(0, closesocket(listener));
}

static const role_t roles[] = {{"serve", serve}, {"serve_nobody", serve_nobody}};

static const struct CMUnitTest tests[] = {
    CASE(a_server_that_answers),        CASE(a_server_that_speaks_first), CASE(a_server_that_waits_in_select),
    CASE(a_server_that_only_reads),     CASE(a_server_that_never_blocks), CASE(a_server_that_reads_late),
    CASE(connections_that_say_nothing), CASE(a_queue_of_connections),     CASE(one_thread_at_both_ends),
    CASE(names_that_are_none),
};

HARNESS_MAIN(roles, tests)
