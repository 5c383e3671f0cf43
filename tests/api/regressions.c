/* regressions: faults that were found once, each by its name. */
#include "wire.h"

enum { LEG = 100 * 1024, LARGEST = 16384, WAIT_ALL = 8, SEND_TIMEOUT = 0x1005 };
enum { ACTOR_SENT = 10, PARTNER_SENT, MAY_ACCEPT };

/* ---- waiting for all ---- */

static void send_short_role(int argc, char **argv)
{
    (void)argc;
    flow_t out = flow_start(1);
    SOCKET s = link_in_peer(argv);
    char byte;
    recv_all(s, &byte, 1);
    flow_send(s, &out, 700, 100);
    recv_all(s, &byte, 1);
    flow_send(s, &out, 300, 300);
    CHECK_IS(0, closesocket(s));
}

/* The receiver looped for ever, or lost what it had, when the end came before the last byte.  The builtin waits only for
 * the first bytes. */
static void waiting_for_all_ends_with_the_stream(void **state)
{
    char buffer[5000];
    peer_t peer;
    flow_t in = flow_start(1);
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "send_short", " ");
    send_all(s, "12", 2);
    while (in.offset < 1000) {
        int n = recv(s, buffer, sizeof buffer, WAIT_ALL);
        CHECK(n > 0);
        flow_check(&in, buffer, (size_t)n);
    }
    CHECK_IS(0, recv(s, buffer, sizeof buffer, WAIT_ALL));
    peer_join(&peer);
    CHECK_IS(0, closesocket(s));
}

/* ---- modules with calls of their own ---- */

typedef struct calls {
    int (*send)(SOCKET s, const char *bytes, int count);
    int (*recv)(SOCKET s, char *bytes, int count);
} calls_t;

static void send_by(const calls_t *calls, SOCKET s, flow_t *out, size_t length)
{
    char piece[1000];
    for (size_t done = 0; done < length; done += sizeof piece) {
        flow_fill(out, piece, sizeof piece);
        CHECK_IS(sizeof piece, calls->send(s, piece, sizeof piece));
    }
}

static void recv_by(const calls_t *calls, SOCKET s, flow_t *in, size_t length)
{
    char piece[1000];
    while (length > 0) {
        int n = calls->recv(s, piece, length < sizeof piece ? (int)length : (int)sizeof piece);
        CHECK(n > 0);
        flow_check(in, piece, (size_t)n);
        length -= (size_t)n;
    }
}

/* Bytes are under way in both directions when the calls are obtained. */
static void use_in_mid_stream(char **argv, calls_t (*obtain)(void))
{
    flow_t out = flow_start(1), in = flow_start(2);
    SOCKET s = link_in_peer(argv);
    flow_send(s, &out, LEG, LARGEST);
    slot_post(ACTOR_SENT, 0);
    slot_await(PARTNER_SENT);
    flow_recv(s, &in, LEG / 2, LARGEST);
    calls_t calls = obtain();
    flow_recv(s, &in, LEG / 4, LARGEST);
    flow_send(s, &out, LEG, LARGEST);
    for (int i = 0; i < 10; i++) {
        send_by(&calls, s, &out, 4000);
        flow_send(s, &out, 1000, 100);
        recv_by(&calls, s, &in, 2000);
        flow_recv(s, &in, 500, 100);
    }
    flow_recv(s, &in, 2 * LEG - in.offset, LARGEST);
    CHECK_IS(0, shutdown(s, 1));
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

static void partner_of_mid_stream(const char *role)
{
    peer_t peer;
    flow_t out = flow_start(2), in = flow_start(1);
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, role, " ");
    flow_send(s, &out, LEG, LARGEST);
    slot_post(PARTNER_SENT, 0);
    slot_await(ACTOR_SENT);
    flow_recv(s, &in, LEG, LARGEST);
    flow_send(s, &out, LEG, LARGEST);
    flow_recv(s, &in, LEG + 50000, LARGEST);
    expect_end(s);
    CHECK_IS(0, shutdown(s, 1));
    peer_join(&peer);
    CHECK_IS(0, closesocket(s));
}

static calls_t of_a_library(void)
{
    calls_t calls;
    HMODULE library = LoadLibraryA("api_ws2_user.dll");
    CHECK(library != NULL);
    calls.send = (int (*)(SOCKET, const char *, int))(void *)GetProcAddress(library, "ws2_user_send");
    calls.recv = (int (*)(SOCKET, char *, int))(void *)GetProcAddress(library, "ws2_user_recv");
    CHECK(calls.send != NULL && calls.recv != NULL);
    return calls;
}

static void load_library_role(int argc, char **argv)
{
    (void)argc;
    use_in_mid_stream(argv, of_a_library);
}

static void library_with_calls_of_its_own_comes_in_mid_stream(void **state)
{
    (void)state;
    partner_of_mid_stream("load_library");
}

static int(WINAPI *looked_up_send)(SOCKET s, const char *bytes, int count, int flags);
static int(WINAPI *looked_up_recv)(SOCKET s, char *bytes, int count, int flags);

static int plain_send(SOCKET s, const char *bytes, int count) { return looked_up_send(s, bytes, count, 0); }
static int plain_recv(SOCKET s, char *bytes, int count) { return looked_up_recv(s, bytes, count, 0); }

static calls_t of_a_look_up(void)
{
    HMODULE ws2_32 = GetModuleHandleA("ws2_32");
    looked_up_send = (void *)GetProcAddress(ws2_32, "send");
    looked_up_recv = (void *)GetProcAddress(ws2_32, "recv");
    CHECK(looked_up_send != NULL && looked_up_recv != NULL);
    return (calls_t){ plain_send, plain_recv };
}

static void look_up_role(int argc, char **argv)
{
    (void)argc;
    use_in_mid_stream(argv, of_a_look_up);
}

static void calls_of_ws2_32_are_looked_up_in_mid_stream(void **state)
{
    (void)state;
    partner_of_mid_stream("look_up");
}

/* ---- non-blocking connect ---- */

static void await_peer_name(SOCKET s)
{
    struct sockaddr_in name;
    int length = sizeof name;
    while (getpeername(s, (struct sockaddr *)&name, &length) == SOCKET_ERROR)
        Sleep(1);
}

static void echo_all_role(int argc, char **argv)
{
    (void)argc;
    echo_until_end(link_in_peer(argv));
}

/* Its bytes were not counted, so that the other end missed them, or waited for others. */
static void sendto_is_the_first_call_on_a_connection(void **state)
{
    char piece[3000], text[500];
    flow_t out = flow_start(1), in = flow_start(1);
    (void)state;
    peer_t peer = peer_start("echo_all", "listen %d", LINK_SLOT);
    struct sockaddr_in address = loopback((unsigned short)slot_await(LINK_SLOT)), elsewhere = loopback(9);
    SOCKET s = tcp_socket();
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, connect(s, (struct sockaddr *)&address, sizeof address));
    await_peer_name(s);
    flow_fill(&out, piece, sizeof piece);
    CHECK_IS(sizeof piece, sendto(s, piece, sizeof piece, 0, (struct sockaddr *)&elsewhere, sizeof elsewhere));
    set_nonblocking(s, false);
    for (int i = 0; i < 20; i++) {
        flow_fill(&out, text, sizeof text);
        CHECK_IS(sizeof text, sendto(s, text, sizeof text, 0, NULL, 0));
        flow_recv(s, &in, sizeof text, 200);
    }
    flow_recv(s, &in, sizeof piece, LARGEST);
    CHECK_IS(0, shutdown(s, 1));
    expect_end(s);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

/* ---- a send that is given up ---- */

enum { BEYOND = 64 * 1024, AFTERWARDS = 300000, SEND_LIMIT = 64 * 1024 * 1024 };

/* Full pieces that were sent before one was given up. */
static size_t send_until_timeout(SOCKET s, flow_t *out)
{
    static char piece[BEYOND];
    int timeout_ms = 300, none = 0;
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, SEND_TIMEOUT, (char *)&timeout_ms, sizeof timeout_ms));
    for (size_t sent = 0; sent < SEND_LIMIT; sent += sizeof piece) {
        flow_fill(out, piece, sizeof piece);
        int n = send(s, piece, sizeof piece, 0);
        if (n != sizeof piece) {
            CHECK_FAILS(WSAETIMEDOUT, n);
            CHECK_IS(0, setsockopt(s, SOL_SOCKET, SEND_TIMEOUT, (char *)&none, sizeof none));
            return sent;
        }
    }
    FAIL("no send was given up");
    return 0;
}

static size_t recv_to_the_end(SOCKET s, char *buffer, size_t room)
{
    size_t done = 0;
    for (;;) {
        harness_mark(__FILE__, __LINE__);
        int n = recv(s, buffer + done, room - done < LARGEST ? (int)(room - done) : LARGEST, 0);
        CHECK(n >= 0);
        if (n == 0)
            return done;
        done += (size_t)n;
    }
}

static void give_up_role(int argc, char **argv)
{
    CHECK_IS(1, argc);
    flow_t out = flow_start(1), later = flow_start(2), in = flow_start(3);
    SOCKET s = tcp_connect((unsigned short)atoi(argv[0]));
    slot_post(MAY_ACCEPT, (long)send_until_timeout(s, &out));
    flow_send(s, &later, AFTERWARDS, LARGEST);
    CHECK_IS(0, shutdown(s, 1));
    flow_recv(s, &in, AFTERWARDS, LARGEST);
    CHECK_IS(0, closesocket(s));
}

/* Nobody knows how much of the last piece went: all that did has to come, and then what was sent afterwards. */
static void send_times_out_before_the_server_accepts(void **state)
{
    unsigned short port;
    flow_t in = flow_start(1), later = flow_start(2), out = flow_start(3);
    char *buffer = malloc(SEND_LIMIT);
    (void)state;
    CHECK(buffer != NULL);
    SOCKET listener = tcp_listen(&port);
    peer_t peer = peer_start("give_up", "%u", port);
    size_t certain = (size_t)slot_await(MAY_ACCEPT);
    SOCKET s = tcp_accept(listener);
    size_t whole = recv_to_the_end(s, buffer, SEND_LIMIT);
    CHECK(whole >= certain + AFTERWARDS && whole <= certain + BEYOND + AFTERWARDS);
    flow_check(&in, buffer, whole - AFTERWARDS);
    flow_check(&later, buffer + whole - AFTERWARDS, AFTERWARDS);
    flow_send(s, &out, AFTERWARDS, LARGEST);
    close_both(s, listener);
    peer_join(&peer);
    free(buffer);
}

/* ---- a question while another thread sleeps ---- */

enum { QUESTIONS = 100 };

typedef struct mixed_set {
    SOCKET stream, listener;
    HANDLE about_to_sleep, awake;
} mixed_set_t;

static void select_mixed(void *context)
{
    mixed_set_t *mixed = context;
    for (int i = 0; i < QUESTIONS; i++) {
        char byte;
        fd_set set = { .fd_count = 2, .fd_array = { mixed->listener, mixed->stream } };
        SetEvent(mixed->about_to_sleep);
        CHECK_IS(1, select(0, &set, NULL, NULL, NULL));
        CHECK_IS(mixed->stream, set.fd_array[0]);
        CHECK_IS(1, recv(mixed->stream, &byte, 1, 0));
        CHECK_IS((char)i, byte);
        SetEvent(mixed->awake);
    }
}

static void send_on_word_role(int argc, char **argv)
{
    (void)argc;
    char byte;
    SOCKET s = link_in_peer(argv);
    for (int i = 0; i < QUESTIONS; i++) {
        recv_all(s, &byte, 1);
        send_all(s, &(char){ (char)i }, 1);
    }
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

/* The one who asked took note of the bytes, and the sleeper was never told. */
static void count_is_asked_while_a_mixed_select_sleeps(void **state)
{
    peer_t peer;
    worker_t worker;
    unsigned short port;
    u_long count;
    (void)state;
    mixed_set_t mixed = { .listener = tcp_listen(&port),
                          .about_to_sleep = CreateEventA(NULL, FALSE, FALSE, NULL),
                          .awake = CreateEventA(NULL, FALSE, FALSE, NULL) };
    mixed.stream = link_to_peer(&peer, PEER_CONNECTS, "send_on_word", " ");
    worker_start(&worker, select_mixed, &mixed);
    for (int i = 0; i < QUESTIONS; i++) {
        WaitForSingleObject(mixed.about_to_sleep, INFINITE);
        send_all(mixed.stream, "?", 1);
        do {
            CHECK_IS(0, ioctlsocket(mixed.stream, FIONREAD, &count));
        } while (WaitForSingleObject(mixed.awake, 0) != WAIT_OBJECT_0);
    }
    worker_join(&worker);
    close_both(mixed.stream, mixed.listener);
    peer_join(&peer);
    CloseHandle(mixed.about_to_sleep);
    CloseHandle(mixed.awake);
}

/* ---- a thread for each connection ---- */

enum { CONNECTIONS = 640, AT_A_TIME = 20, EXCHANGES = 3 };

typedef struct caller {
    worker_t worker;
    unsigned short port;
    uint32_t number;
} caller_t;

static void exchange_as_client(void *context)
{
    caller_t *caller = context;
    SOCKET s = tcp_connect(caller->port);
    for (uint32_t i = 0; i < EXCHANGES; i++) {
        uint32_t question = caller->number * EXCHANGES + i, answer;
        send_all(s, &question, sizeof question);
        recv_all(s, &answer, sizeof answer);
        CHECK_IS(~question, answer);
    }
    if (caller->number % 2)
        expect_end(s);
    CHECK_IS(0, closesocket(s));
}

typedef struct served {
    worker_t worker;
    SOCKET s;
} served_t;

static void exchange_as_server(void *context)
{
    served_t *served = context;
    uint32_t question = 0;
    for (int i = 0; i < EXCHANGES; i++) {
        recv_all(served->s, &question, sizeof question);
        question = ~question;
        send_all(served->s, &question, sizeof question);
    }
    if (~question / EXCHANGES % 2 == 0)
        expect_end(served->s);
    CHECK_IS(0, closesocket(served->s));
}

static void serve_in_threads(SOCKET listener, int connections)
{
    static served_t served[AT_A_TIME];
    for (int done = 0; done < connections; done += AT_A_TIME) {
        for (int i = 0; i < AT_A_TIME; i++) {
            served[i].s = tcp_accept(listener);
            worker_start(&served[i].worker, exchange_as_server, &served[i]);
        }
        for (int i = 0; i < AT_A_TIME; i++)
            worker_join(&served[i].worker);
    }
}

static void call_in_threads(unsigned short port, int connections)
{
    static caller_t callers[AT_A_TIME];
    for (int done = 0; done < connections; done += AT_A_TIME) {
        for (int i = 0; i < AT_A_TIME; i++) {
            callers[i].port = port;
            callers[i].number = (uint32_t)(done + i);
            worker_start(&callers[i].worker, exchange_as_client, &callers[i]);
        }
        for (int i = 0; i < AT_A_TIME; i++)
            worker_join(&callers[i].worker);
    }
}

static void serve_many(void *context)
{
    serve_in_threads(*(SOCKET *)context, CONNECTIONS);
}

/* More threads in all than a process has waiters, and far fewer entries than connections. */
static void thread_for_each_connection(void **state)
{
    unsigned short port;
    worker_t worker;
    (void)state;
    SOCKET listener = tcp_listen(&port);
    worker_start(&worker, serve_many, &listener);
    call_in_threads(port, CONNECTIONS);
    worker_join(&worker);
    CHECK_IS(0, closesocket(listener));
}

static void call_in_threads_role(int argc, char **argv)
{
    CHECK_IS(2, argc);
    call_in_threads((unsigned short)atoi(argv[0]), atoi(argv[1]));
}

static void thread_for_each_connection_from_two_processes(void **state)
{
    unsigned short port;
    (void)state;
    SOCKET listener = tcp_listen(&port);
    peer_t one = peer_start("call_in_threads", "%u %d", port, CONNECTIONS / 4);
    peer_t two = peer_start("call_in_threads", "%u %d", port, CONNECTIONS / 4);
    serve_in_threads(listener, CONNECTIONS / 2);
    peer_join(&one);
    peer_join(&two);
    CHECK_IS(0, closesocket(listener));
}

/* ---- over the seam where a connection goes home ---- */

enum { HOMECOMINGS = 60, BEFORE_HOME = 20000 };

static void go_home_role(int argc, char **argv)
{
    unsigned short port = (unsigned short)atoi(argv[0]);
    CHECK_IS(1, argc);
    for (int i = 0; i < HOMECOMINGS; i++) {
        HANDLE copy, self = GetCurrentProcess();
        flow_t out = flow_start(1), in = flow_start(1);
        SOCKET s = tcp_connect(port);
        for (int j = 0; j < 4; j++) {
            flow_send(s, &out, 100, 100);
            flow_recv(s, &in, 100, 100);
        }
        flow_send(s, &out, BEFORE_HOME, BEFORE_HOME);
        CHECK(DuplicateHandle(self, (HANDLE)s, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
        flow_recv(s, &in, BEFORE_HOME, 5000);
        CHECK_IS(0, closesocket(s));
        CloseHandle(copy);
    }
}

static void echo_here(void *context)
{
    echo_until_end((SOCKET)(uintptr_t)context);
}

/* Runs for some hundred microseconds, then stands still for a while in which others go on, and so on to its end. */
static void let_stutter(HANDLE thread, uint32_t *random)
{
    DWORD ended;
    do {
        *random = *random * 1664525u + 1013904223u;
        SuspendThread(thread);
        Sleep(2);
        ResumeThread(thread);
        ended = WaitForSingleObject(thread, *random >> 31);
        for (uint32_t left = *random >> 14 & 0xffff; left && ended; left--)
            YieldProcessor();
    } while (ended != WAIT_OBJECT_0);
}

/* A receive that has got the last bytes of the ring asks the kernel whether there are more.  If by then the stream was the
 * kernel's in both directions, and its socket blocking again, it waited for them with those bytes in its hands. */
static void a_receive_over_a_seam_does_not_wait(void **state)
{
    unsigned short port;
    uint32_t random = 1;
    (void)state;
    SOCKET listener = tcp_listen(&port);
    peer_t peer = peer_start("go_home", "%u", port);
    for (int i = 0; i < HOMECOMINGS; i++) {
        worker_t worker;
        worker_start(&worker, echo_here, (void *)(uintptr_t)tcp_accept(listener));
        let_stutter(worker.thread, &random);
        worker_join(&worker);
    }
    peer_join(&peer);
    CHECK_IS(0, closesocket(listener));
}

static const role_t roles[] = {
    { "send_short", send_short_role },
    { "load_library", load_library_role },
    { "look_up", look_up_role },
    { "echo_all", echo_all_role },
    { "give_up", give_up_role },
    { "send_on_word", send_on_word_role },
    { "call_in_threads", call_in_threads_role },
    { "go_home", go_home_role },
};

static const struct CMUnitTest tests[] = {
    CASE(waiting_for_all_ends_with_the_stream),
    CASE(library_with_calls_of_its_own_comes_in_mid_stream),
    CASE(calls_of_ws2_32_are_looked_up_in_mid_stream),
    CASE(sendto_is_the_first_call_on_a_connection),
    CASE(send_times_out_before_the_server_accepts),
    CASE(count_is_asked_while_a_mixed_select_sleeps),
    CASE(thread_for_each_connection),
    CASE(thread_for_each_connection_from_two_processes),
    CASE(a_receive_over_a_seam_does_not_wait),
};

HARNESS_MAIN(roles, tests)
