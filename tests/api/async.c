/* WSAAsyncSelect: which window messages come for what, in which order, and no others.
 * Scripts run on a fresh connection and on one that has carried bytes both ways, which ours has made user-level.
 * That nothing more comes is known when a byte on a connection of its own has been announced, twice: whoever posts has
 * been all the way round. */
#include "message_window.h"
#include "wire.h"

enum { MESSAGE = WM_USER + 1, BEACON = WM_USER + 2, OTHER = WM_USER + 3, PATIENCE_MS = 5000 };
enum { ALL_EVENTS = FD_READ | FD_WRITE | FD_OOB | FD_ACCEPT | FD_CONNECT | FD_CLOSE };

static HWND window;
static SOCKET beacon_from, beacon_to;

static void make_window(void)
{
    window = message_window();
    CHECK(window != NULL);
    tcp_pair(&beacon_from, &beacon_to);
    CHECK_IS(0, WSAAsyncSelect(beacon_to, window, BEACON, FD_READ));
}

static void drop_window(void)
{
    close_both(beacon_from, beacon_to);
    DestroyWindow(window);
}

/* ---- messages ---- */

/* The next message to the window, beacons included; it must come in time. */
static MSG next_message(void)
{
    MSG message;
    DWORD start = GetTickCount(), waited;
    while (!PeekMessageA(&message, window, WM_USER, WM_USER + 99, PM_REMOVE)) {
        waited = GetTickCount() - start;
        if (waited >= PATIENCE_MS)
            FAIL("no message came");
        MsgWaitForMultipleObjects(0, NULL, FALSE, PATIENCE_MS - waited, QS_ALLINPUT);
    }
    return message;
}

static void check_message(const MSG *message, SOCKET s, int event, int error)
{
    CHECK_IS(MESSAGE, message->message);
    CHECK_IS(event, WSAGETSELECTEVENT(message->lParam));
    CHECK_IS(error, WSAGETSELECTERROR(message->lParam));
    CHECK_IS(s, message->wParam);
}

static void expect_message(SOCKET s, int event, int error)
{
    MSG message = next_message();
    check_message(&message, s, event, error);
}

static void expect_silence(void)
{
    char byte;
    for (int round = 0; round < 2; round++) {
        send_all(beacon_from, "b", 1);
        MSG message = next_message();
        if (message.message != BEACON)
            FAIL("unexpected message: event %d error %d", WSAGETSELECTEVENT(message.lParam),
                 WSAGETSELECTERROR(message.lParam));
        CHECK_IS(1, recv(beacon_to, &byte, 1, 0));
    }
}

/* ---- scripts ---- */

typedef enum deed {
    SELECT,  /* `number`: events */
    SEND,    /* text */
    URGENT,  /* text */
    RECV,    /* `number`: room; text */
    PEEK,
    TAKE,
    BLOCKS,  /* a receive that fails with WSAEWOULDBLOCK */
    FAULTS,  /* ... with WSAEFAULT, since it is to memory at `number` ... */
    READ_FAULTS, /* ... by ReadFile */
    EVENT,   /* `number` is announced */
    BOTH,    /* `number`: two events, in any order */
    SILENCE, /* nothing else */
    SHUT,    /* `number`: how, by the sender */
    SHUT_OWN,
    CLOSE    /* by the sender */
} deed_t;

typedef struct step {
    deed_t deed;
    const char *text;
    int number;
} step_t;

typedef struct connection {
    SOCKET from, to;
} connection_t;

static void check_came(SOCKET s, const step_t *step, int flags)
{
    char text[32] = "";
    CHECK(step->number < (int)sizeof text);
    CHECK_IS(strlen(step->text), recv(s, text, step->number, flags));
    CHECK(memcmp(text, step->text, strlen(step->text)) == 0);
}

static void expect_both(SOCKET s, int events)
{
    MSG first = next_message();
    int event = WSAGETSELECTEVENT(first.lParam);
    CHECK((event & events) != 0);
    check_message(&first, s, event, 0);
    expect_message(s, events & ~event, 0);
}

static void run_step(connection_t *c, const step_t *step)
{
    char byte;
    switch (step->deed) {
    case SELECT: CHECK_IS(0, WSAAsyncSelect(c->to, window, MESSAGE, step->number)); break;
    case SEND: send_all(c->from, step->text, strlen(step->text)); break;
    case URGENT: CHECK_IS(strlen(step->text), send(c->from, step->text, (int)strlen(step->text), MSG_OOB)); break;
    case RECV: check_came(c->to, step, 0); break;
    case PEEK: check_came(c->to, step, MSG_PEEK); break;
    case TAKE: check_came(c->to, step, MSG_OOB); break;
    case BLOCKS: CHECK_FAILS(WSAEWOULDBLOCK, recv(c->to, &byte, 1, 0)); break;
    case FAULTS: CHECK_FAILS(WSAEFAULT, recv(c->to, (char *)(uintptr_t)step->number, 1, 0)); break;
    case READ_FAULTS: CHECK(!ReadFile((HANDLE)c->to, (char *)(uintptr_t)step->number, 1, &(DWORD){0}, NULL)); break;
    case EVENT: expect_message(c->to, step->number, 0); break;
    case BOTH: expect_both(c->to, step->number); break;
    case SILENCE: expect_silence(); break;
    case SHUT: CHECK_IS(0, shutdown(c->from, step->number)); break;
    case SHUT_OWN: CHECK_IS(0, shutdown(c->to, step->number)); break;
    case CLOSE:
        CHECK_IS(0, closesocket(c->from));
        c->from = INVALID_SOCKET;
        break;
    }
}

static void run_script(const step_t *steps, size_t count)
{
    make_window();
    for (int warm = 0; warm < 2; warm++) {
        connection_t c;
        tcp_pair(&c.from, &c.to);
        send_promptly(c.from);
        if (warm)
            exchange(c.from, c.to);
        for (size_t i = 0; i < count; i++)
            run_step(&c, &steps[i]);
        CHECK_IS(0, closesocket(c.to));
        if (c.from != INVALID_SOCKET)
            CHECK_IS(0, closesocket(c.from));
        expect_silence();
    }
    drop_window();
}

#define WITH(deed, text) {deed, text, 0}
#define SAYS(deed, number) {deed, "", number}
#define COMES(deed, text, room) {deed, text, room}
#define QUIET {SILENCE, "", 0}
#define SCRIPT(name, ...) \
    static void name(void **state) \
    { \
        static const step_t steps[] = {__VA_ARGS__}; \
        (void)state; \
        run_script(steps, ARRAY_SIZE(steps)); \
    }

SCRIPT(bytes_are_announced_once_until_they_are_asked_for,
    SAYS(SELECT, ALL_EVENTS), SAYS(EVENT, FD_WRITE), WITH(SEND, "abc"), SAYS(EVENT, FD_READ), WITH(SEND, "def"),
    QUIET, COMES(RECV, "ab", 2), SAYS(EVENT, FD_READ), QUIET, COMES(PEEK, "c", 1), SAYS(EVENT, FD_READ),
    COMES(RECV, "cdef", 10), QUIET, SAYS(BLOCKS, 0), QUIET, WITH(SEND, "g"), SAYS(EVENT, FD_READ), QUIET)

SCRIPT(the_end_is_announced_when_all_is_read,
    SAYS(SELECT, ALL_EVENTS), SAYS(EVENT, FD_WRITE), WITH(SEND, "ab"), SAYS(EVENT, FD_READ), SAYS(SHUT, 1), QUIET,
    COMES(RECV, "a", 1), SAYS(EVENT, FD_READ), COMES(RECV, "b", 10), SAYS(EVENT, FD_CLOSE), COMES(RECV, "", 10),
    QUIET, SAYS(SELECT, ALL_EVENTS), SAYS(EVENT, FD_WRITE), SAYS(EVENT, FD_CLOSE), QUIET)

SCRIPT(a_peer_that_closes_is_announced,
    SAYS(SELECT, FD_READ | FD_CLOSE), QUIET, {CLOSE, "", 0}, SAYS(EVENT, FD_CLOSE), QUIET)

SCRIPT(the_end_alone_waits_for_the_bytes_too,
    SAYS(SELECT, FD_CLOSE), WITH(SEND, "abc"), QUIET, SAYS(SHUT, 1), QUIET, COMES(RECV, "a", 1), QUIET,
    COMES(RECV, "bc", 10), SAYS(EVENT, FD_CLOSE), QUIET)

SCRIPT(urgent_bytes_are_announced_on_their_own,
    SAYS(SELECT, ALL_EVENTS), SAYS(EVENT, FD_WRITE), WITH(URGENT, "!"), SAYS(EVENT, FD_OOB), QUIET, WITH(SEND, "c"),
    SAYS(EVENT, FD_READ), COMES(TAKE, "!", 10), QUIET, COMES(RECV, "c", 10), QUIET, WITH(SEND, "x"),
    SAYS(EVENT, FD_READ), WITH(URGENT, "?"), SAYS(EVENT, FD_OOB), COMES(RECV, "x", 10), QUIET, COMES(TAKE, "?", 1),
    QUIET)

SCRIPT(what_is_not_selected_is_not_announced,
    SAYS(SELECT, FD_OOB), WITH(SEND, "abc"), QUIET, SAYS(SELECT, FD_READ), SAYS(EVENT, FD_READ), QUIET,
    SAYS(SELECT, FD_READ | FD_WRITE), SAYS(BOTH, FD_READ | FD_WRITE), COMES(RECV, "abc", 10), QUIET,
    SAYS(SELECT, 0), WITH(SEND, "d"), QUIET)

SCRIPT(own_shutdown_is_not_announced,
    SAYS(SELECT, ALL_EVENTS), SAYS(EVENT, FD_WRITE), SAYS(SHUT_OWN, 1), QUIET, WITH(SEND, "a"), SAYS(EVENT, FD_READ),
    COMES(RECV, "a", 10), QUIET)

SCRIPT(after_own_shutdown_nothing_is_writable,
    SAYS(SHUT_OWN, 1), SAYS(SELECT, ALL_EVENTS), QUIET, WITH(SEND, "a"), SAYS(EVENT, FD_READ), COMES(RECV, "a", 10), QUIET)

#define FAULT_AT(where) SAYS(FAULTS, where), QUIET, SAYS(READ_FAULTS, where), QUIET
#define NOWHERE 16 /* an address nothing is ever at */

SCRIPT(a_receive_into_nowhere_enables_nothing,
    SAYS(SELECT, ALL_EVENTS), SAYS(EVENT, FD_WRITE), WITH(SEND, "abc"), SAYS(EVENT, FD_READ), FAULT_AT(NOWHERE),
    FAULT_AT(0), COMES(RECV, "a", 1), SAYS(EVENT, FD_READ), FAULT_AT(NOWHERE), FAULT_AT(0), COMES(RECV, "bc", 10),
    QUIET)

/* ---- cancelling and closing ---- */

static void queued_messages_come_after_a_cancel_and_after_a_close(void **state)
{
    (void)state;
    make_window();
    for (int closing = 0; closing < 2; closing++) {
        connection_t c;
        tcp_pair(&c.from, &c.to);
        exchange(c.from, c.to);
        CHECK_IS(0, WSAAsyncSelect(c.to, window, MESSAGE, FD_READ));
        send_all(c.from, "a", 1);
        send_all(beacon_from, "b", 1);
        MSG first = next_message(), second;
        if (closing)
            CHECK_IS(0, closesocket(c.to));
        else
            CHECK_IS(0, WSAAsyncSelect(c.to, window, 0, 0));
        second = next_message();
        CHECK(first.message != second.message);
        CHECK_IS(1, recv(beacon_to, (char[1]){0}, 1, 0));
        if (!closing)
            CHECK_IS(0, closesocket(c.to));
        expect_silence();
        CHECK_IS(0, closesocket(c.from));
    }
    drop_window();
}

static void a_selected_socket_cannot_be_made_blocking(void **state)
{
    u_long off = 0;
    connection_t c;
    (void)state;
    make_window();
    tcp_pair(&c.from, &c.to);
    CHECK_IS(0, WSAAsyncSelect(c.to, window, MESSAGE, FD_READ));
    CHECK_FAILS(WSAEINVAL, ioctlsocket(c.to, FIONBIO, &off));
    CHECK_IS(0, WSAAsyncSelect(c.to, window, 0, 0));
    CHECK_FAILS(WSAEWOULDBLOCK, recv(c.to, (char[1]){0}, 1, 0));
    CHECK_IS(0, ioctlsocket(c.to, FIONBIO, &off));
    CHECK_FAILS(WSAENOTSOCK, WSAAsyncSelect((SOCKET)0x7ff0, window, MESSAGE, FD_READ));
    close_both(c.from, c.to);
    expect_silence();
    drop_window();
}

static void another_message_replaces_the_first(void **state)
{
    connection_t c;
    MSG message;
    (void)state;
    make_window();
    tcp_pair(&c.from, &c.to);
    exchange(c.from, c.to);
    CHECK_IS(0, WSAAsyncSelect(c.to, window, MESSAGE, FD_READ));
    CHECK_IS(0, WSAAsyncSelect(c.to, window, OTHER, FD_READ | FD_CLOSE));
    send_all(c.from, "a", 1);
    message = next_message();
    CHECK_IS(OTHER, message.message);
    CHECK_IS(FD_READ, WSAGETSELECTEVENT(message.lParam));
    expect_silence();
    close_both(c.to, c.from);
    drop_window();
}

static void a_read_as_of_a_file_enables_too(void **state)
{
    connection_t c;
    char byte;
    DWORD moved;
    (void)state;
    make_window();
    tcp_used_pair(&c.from, &c.to);
    CHECK_IS(0, WSAAsyncSelect(c.to, window, MESSAGE, FD_READ));
    send_all(c.from, "ab", 2);
    expect_message(c.to, FD_READ, 0);
    CHECK(ReadFile((HANDLE)c.to, &byte, 1, &moved, NULL) && moved == 1);
    expect_message(c.to, FD_READ, 0);
    CHECK(ReadFile((HANDLE)c.to, &byte, 1, &moved, NULL) && moved == 1);
    CHECK_IS('b', byte);
    expect_silence();
    close_both(c.from, c.to);
    drop_window();
}

static void take_one(SOCKET s, int how)
{
    char byte;
    DWORD moved;
    switch (how) {
    case 0: CHECK_IS(1, recv(s, &byte, 1, 0)); break;
    case 1: CHECK_IS(1, recvfrom(s, &byte, 1, 0, NULL, NULL)); break;
    default: CHECK(ReadFile((HANDLE)s, &byte, 1, &moved, NULL) && moved == 1); break;
    }
}

/* A second handle sends ours back to the kernel, at either end. */
static void announce_from_home(bool own, int how)
{
    connection_t c;
    HANDLE copy, self = GetCurrentProcess();
    tcp_pair(&c.from, &c.to);
    exchange(c.from, c.to);
    CHECK_IS(0, WSAAsyncSelect(c.to, window, MESSAGE, FD_READ | FD_WRITE | FD_CLOSE));
    expect_message(c.to, FD_WRITE, 0);
    send_all(c.from, "ab", 2);
    expect_message(c.to, FD_READ, 0);
    CHECK(DuplicateHandle(self, (HANDLE)(own ? c.to : c.from), self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    expect_silence();
    take_one(c.to, how);
    expect_message(c.to, FD_READ, 0);
    take_one(c.to, how);
    expect_silence();
    send_all(c.from, "c", 1);
    expect_message(c.to, FD_READ, 0);
    take_one(c.to, how);
    CHECK(CloseHandle(copy));
    CHECK_IS(0, closesocket(c.from));
    expect_message(c.to, FD_CLOSE, 0);
    CHECK_IS(0, closesocket(c.to));
    expect_silence();
}

/* Selected before it is decided what carries the connection. */
static void every_call_that_takes_bytes_enables_more(void **state)
{
    (void)state;
    make_window();
    for (int how = 0; how < 3; how++) {
        connection_t c;
        tcp_pair(&c.from, &c.to);
        CHECK_IS(0, WSAAsyncSelect(c.to, window, MESSAGE, FD_READ));
        for (int round = 0; round < 6; round++) {
            send_all(c.from, "ab", 2);
            expect_message(c.to, FD_READ, 0);
            take_one(c.to, how);
            expect_message(c.to, FD_READ, 0);
            take_one(c.to, how);
        }
        expect_silence();
        CHECK_IS(0, closesocket(c.from));
        CHECK_IS(0, closesocket(c.to));
    }
    drop_window();
}

static void a_stream_that_goes_home_goes_on_announcing(void **state)
{
    (void)state;
    make_window();
    for (int how = 0; how < 3; how++) {
        announce_from_home(false, how);
        announce_from_home(true, how);
    }
    drop_window();
}

/* ---- room ---- */

/* Returns the bytes that fit. */
static size_t fill(SOCKET s)
{
    static char block[1 << 16];
    size_t filled = 0;
    int sent;
    while ((sent = send(s, block, sizeof block, 0)) > 0)
        filled += (size_t)sent;
    CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
    return filled;
}

static void take(SOCKET s, size_t count)
{
    static char block[1 << 16];
    while (count) {
        int got = recv(s, block, (int)(count < sizeof block ? count : sizeof block), 0);
        CHECK(got > 0);
        count -= (size_t)got;
    }
}

static void room_is_announced_after_a_send_that_would_block(void **state)
{
    (void)state;
    make_window();
    for (int warm = 0; warm < 2; warm++) {
        connection_t c;
        tcp_pair(&c.from, &c.to);
        for (int i = 0; warm && i < 4; i++) /* until whatever there is of rings is there: it would be room */
            exchange(c.from, c.to);
        CHECK_IS(0, WSAAsyncSelect(c.from, window, MESSAGE, FD_WRITE));
        expect_message(c.from, FD_WRITE, 0);
        CHECK_IS(1, send(c.from, "a", 1, 0));
        expect_silence();
        size_t filled = fill(c.from);
        expect_silence();
        take(c.to, filled + 1);
        expect_message(c.from, FD_WRITE, 0);
        CHECK_IS(1, send(c.from, "a", 1, 0));
        expect_silence();
        close_both(c.from, c.to);
    }
    drop_window();
}

enum { FLOW_BLOCK = 1 << 16, FLOW_LENGTH = 384 * FLOW_BLOCK };

typedef struct {
    SOCKET s;
    HANDLE all_sent;
} flow_reader_t;

static void read_but_the_last(void *context)
{
    flow_reader_t *reader = context;
    size_t last = left_unread(has_streams());
    take(reader->s, FLOW_LENGTH - last);
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(reader->all_sent, 30000));
    take(reader->s, last);
}

/* The reader leaves the last bytes unread until all have been sent. */
static void a_flow_goes_on_as_room_is_announced(void **state)
{
    static char block[FLOW_BLOCK];
    connection_t c;
    worker_t worker;
    (void)state;
    make_window();
    tcp_used_pair(&c.from, &c.to);
    flow_reader_t reader = {c.to, CreateEventA(NULL, TRUE, FALSE, NULL)};
    CHECK_IS(0, WSAAsyncSelect(c.from, window, MESSAGE, FD_WRITE));
    expect_message(c.from, FD_WRITE, 0);
    worker_start(&worker, read_but_the_last, &reader);
    for (size_t left = FLOW_LENGTH; left;) {
        int sent = send(c.from, block, (int)(left < sizeof block ? left : sizeof block), 0);
        if (sent > 0) {
            left -= (size_t)sent;
        } else {
            CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
            expect_message(c.from, FD_WRITE, 0);
        }
    }
    SetEvent(reader.all_sent);
    worker_join(&worker);
    CloseHandle(reader.all_sent);
    close_both(c.from, c.to);
    drop_window();
}

/* ---- connecting and accepting ---- */

static void a_listener_announces_each_connection(void **state)
{
    unsigned short port;
    (void)state;
    make_window();
    SOCKET listener = tcp_listen(&port);
    CHECK_IS(0, WSAAsyncSelect(listener, window, MESSAGE, ALL_EVENTS));
    SOCKET s = tcp_connect(port);
    expect_message(listener, FD_ACCEPT, 0);
    SOCKET t = tcp_connect(port);
    expect_silence();
    SOCKET s2 = accept(listener, NULL, NULL);
    CHECK(s2 != INVALID_SOCKET);
    expect_message(listener, FD_ACCEPT, 0);
    expect_message(s2, FD_WRITE, 0); /* inherited */
    SOCKET t2 = accept(listener, NULL, NULL);
    CHECK(t2 != INVALID_SOCKET);
    expect_message(t2, FD_WRITE, 0);
    CHECK_FAILS(WSAEWOULDBLOCK, accept(listener, NULL, NULL));
    expect_silence();
    send_all(s, "a", 1);
    expect_message(s2, FD_READ, 0);
    close_both(s2, s);
    close_both(t2, t);
    CHECK_IS(0, closesocket(listener));
    expect_silence();
    drop_window();
}

static SOCKET begin_connect(unsigned short port)
{
    struct sockaddr_in address = loopback(port);
    SOCKET s = tcp_socket();
    CHECK_IS(0, WSAAsyncSelect(s, window, MESSAGE, ALL_EVENTS));
    expect_silence();
    CHECK_FAILS(WSAEWOULDBLOCK, connect(s, (struct sockaddr *)&address, sizeof address));
    return s;
}

static void a_connect_announces_its_outcome(void **state)
{
    unsigned short port;
    (void)state;
    make_window();
    SOCKET listener = tcp_listen(&port);
    SOCKET s = begin_connect(port);
    expect_message(s, FD_CONNECT, 0);
    expect_message(s, FD_WRITE, 0);
    SOCKET t = tcp_accept(listener);
    expect_silence();
    send_all(t, "a", 1);
    expect_message(s, FD_READ, 0);
    close_both(s, t);
    CHECK_IS(0, closesocket(listener));
    s = begin_connect(port);
    expect_message(s, FD_CONNECT, WSAECONNREFUSED);
    CHECK_IS(0, closesocket(s));
    expect_silence();
    drop_window();
}

/* A thread that waits in select for a connection, again and again, beside a stream on which nothing comes. */
typedef struct churn {
    volatile LONG stop;
    SOCKET idle;
    long rounds;
} churn_t;

static void churn_body(void *argument)
{
    churn_t *churn = argument;
    unsigned short port;
    SOCKET listener = tcp_listen(&port);
    while (!churn->stop) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(churn->idle, &set);
        FD_SET(listener, &set);
        SOCKET s = tcp_connect(port);
        CHECK_IS(1, select(0, &set, NULL, NULL, NULL));
        CHECK_IS(listener, set.fd_array[0]);
        close_both(s, tcp_accept(listener));
        churn->rounds++;
    }
    CHECK_IS(0, closesocket(listener));
}

static void what_others_wait_for_hides_no_announcement(void **state)
{
    connection_t idle;
    churn_t churn = {0, 0, 0};
    worker_t worker;
    unsigned short port;
    (void)state;
    make_window();
    tcp_pair(&idle.from, &idle.to);
    exchange(idle.from, idle.to);
    churn.idle = idle.to;
    worker_start(&worker, churn_body, &churn);
    SOCKET listener = tcp_listen(&port);
    CHECK_IS(0, WSAAsyncSelect(listener, window, MESSAGE, FD_ACCEPT));
    for (int round = 0; round < 300; round++) {
        SOCKET s = tcp_connect(port);
        expect_message(listener, FD_ACCEPT, 0);
        close_both(s, tcp_accept(listener));
    }
    InterlockedExchange(&churn.stop, 1);
    worker_join(&worker);
    CHECK(churn.rounds > 0);
    CHECK_IS(0, closesocket(listener));
    close_both(idle.from, idle.to);
    drop_window();
}

/* ---- a server that lives on messages ---- */

enum { CLIENTS = 12, ECHO_PIECE = 60000, ECHO_PIECES = 4 };

typedef struct echo {
    SOCKET s;
    char bytes[16384];
    int held, sent;
    bool ended;
} echo_t;

static void client(int argc, char **argv)
{
    unsigned short port = (unsigned short)atoi(argv[0]);
    SOCKET sockets[CLIENTS];
    (void)argc;
    for (int i = 0; i < CLIENTS; i++)
        sockets[i] = tcp_connect(port);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            flow_t out = flow_start((uint64_t)i * 2 + (uint64_t)round), in = out;
            for (int piece = 0; piece < ECHO_PIECES; piece++) {
                flow_send(sockets[i], &out, ECHO_PIECE, 100000);
                flow_recv(sockets[i], &in, ECHO_PIECE, 70000);
            }
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_IS(0, shutdown(sockets[i], 1));
        expect_end(sockets[i]);
        CHECK_IS(0, closesocket(sockets[i]));
    }
}

static echo_t *echo_of(echo_t *echoes, SOCKET s)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (echoes[i].s == s)
            return &echoes[i];
    }
    FAIL("a message for a socket that is not ours");
    return NULL;
}

/* Sends what is held; then there is room for what comes next. */
static bool echo_out(echo_t *echo)
{
    while (echo->sent < echo->held) {
        int sent = send(echo->s, echo->bytes + echo->sent, echo->held - echo->sent, 0);
        if (sent < 0) {
            CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
            return false;
        }
        echo->sent += sent;
    }
    echo->held = echo->sent = 0;
    return true;
}

/* One receive per message, as such servers do. */
static void echo_in(echo_t *echo)
{
    int came = recv(echo->s, echo->bytes, sizeof echo->bytes, 0);
    if (came < 0)
        CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
    echo->held = came > 0 ? came : 0;
    echo_out(echo);
}

static void echo_event(echo_t *echo, int event)
{
    if (event == FD_READ && echo->held)
        CHECK(echo_out(echo) || echo->held); /* a later FD_WRITE goes on */
    if (event == FD_READ && !echo->held)
        echo_in(echo);
    if (event == FD_WRITE && echo->held && echo_out(echo))
        echo_in(echo);
    if (event == FD_CLOSE) {
        CHECK_IS(0, echo->held);
        CHECK_IS(0, closesocket(echo->s));
        echo->ended = true;
    }
}

static void a_server_lives_on_messages(void **state)
{
    static echo_t echoes[CLIENTS];
    unsigned short port;
    int accepted = 0, ended = 0;
    (void)state;
    make_window();
    memset(echoes, 0, sizeof echoes);
    SOCKET listener = tcp_listen(&port);
    CHECK_IS(0, WSAAsyncSelect(listener, window, MESSAGE, FD_ACCEPT | FD_READ | FD_WRITE | FD_CLOSE));
    peer_t peer = peer_start("client", "%u", port);
    while (ended < CLIENTS) {
        MSG message = next_message();
        CHECK_IS(0, WSAGETSELECTERROR(message.lParam));
        if (message.wParam == listener) {
            SOCKET s = accept(listener, NULL, NULL);
            CHECK(s != INVALID_SOCKET);
            echoes[accepted++].s = s;
            continue;
        }
        echo_t *echo = echo_of(echoes, (SOCKET)message.wParam);
        if (!echo->ended)
            echo_event(echo, WSAGETSELECTEVENT(message.lParam));
        ended += echo->ended;
    }
    peer_join(&peer);
    CHECK_IS(0, closesocket(listener));
    drop_window();
}

static const role_t roles[] = {{"client", client}};

static const struct CMUnitTest tests[] = {
    CASE(bytes_are_announced_once_until_they_are_asked_for),
    CASE(the_end_is_announced_when_all_is_read),
    CASE(a_peer_that_closes_is_announced),
    CASE(the_end_alone_waits_for_the_bytes_too),
    CASE(urgent_bytes_are_announced_on_their_own),
    CASE(what_is_not_selected_is_not_announced),
    CASE(own_shutdown_is_not_announced),
    CASE(after_own_shutdown_nothing_is_writable),
    CASE(queued_messages_come_after_a_cancel_and_after_a_close),
    CASE(a_selected_socket_cannot_be_made_blocking),
    CASE(another_message_replaces_the_first),
    CASE(a_read_as_of_a_file_enables_too),
    CASE(a_receive_into_nowhere_enables_nothing),
    CASE(every_call_that_takes_bytes_enables_more),
    CASE(a_stream_that_goes_home_goes_on_announcing),
    CASE(room_is_announced_after_a_send_that_would_block),
    CASE(a_flow_goes_on_as_room_is_announced),
    CASE(a_listener_announces_each_connection),
    CASE(a_connect_announces_its_outcome),
    CASE(what_others_wait_for_hides_no_announcement),
    CASE(a_server_lives_on_messages),
};

HARNESS_MAIN(roles, tests)
