/* life: the DLL and the process around it: threads that end inside a call, processes that end without closing, WSACleanup
 * under blocked threads, loading late, freeing and loading again. */
#include "wire.h"

/* ---- a thread ends inside a call ---- */

typedef struct caller {
    SOCKET s;
    HANDLE begins;
    void (*call)(SOCKET s);
} caller_t;

static void block_in_recv(SOCKET s)
{
    char byte;
    recv(s, &byte, 1, 0);
}

static void block_in_select(SOCKET s) { is_ready(s, 'r', 60000); }

static void block_in_send(SOCKET s)
{
    static char bytes[16 << 20];
    send(s, bytes, sizeof bytes, 0);
}

static void CALLBACK end_thread(ULONG_PTR code)
{
    worker_forget();
    ExitThread((DWORD)code);
}

static void run_caller(void *context)
{
    const caller_t *caller = context;
    SetEvent(caller->begins);
    caller->call(caller->s);
}

/* Whether the thread is asleep already does not matter: the APC waits for it to be. */
static void end_inside(void (*call)(SOCKET s), SOCKET s)
{
    worker_t worker;
    DWORD code;
    caller_t caller = {s, CreateEventA(NULL, FALSE, FALSE, NULL), call};
    worker_start(&worker, run_caller, &caller);
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(caller.begins, INFINITE));
    CHECK(QueueUserAPC(end_thread, worker.thread, 7));
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(worker.thread, INFINITE));
    CHECK(GetExitCodeThread(worker.thread, &code));
    CHECK_IS(7, code);
    worker_join(&worker);
    CloseHandle(caller.begins);
}

static void use_and_close(SOCKET s, SOCKET t)
{
    char text[8];
    send_all(t, "to s", 4);
    CHECK(is_ready(s, 'r', 10000));
    recv_all(s, text, 4);
    CHECK(memcmp(text, "to s", 4) == 0);
    send_all(s, "to t", 4);
    recv_all(t, text, 4);
    CHECK(memcmp(text, "to t", 4) == 0);
    CHECK_IS(0, closesocket(s));
    expect_end(t);
    CHECK_IS(0, closesocket(t));
}

static void thread_ends_in_recv(void **state)
{
    SOCKET s, t;
    (void)state;
    tcp_used_pair(&s, &t);
    for (int i = 0; i < 3; i++)
        end_inside(block_in_recv, s);
    use_and_close(s, t);
}

static void thread_ends_in_select(void **state)
{
    SOCKET s, t;
    (void)state;
    tcp_used_pair(&s, &t);
    for (int i = 0; i < 3; i++)
        end_inside(block_in_select, s);
    use_and_close(s, t);
}

/* Nobody else must be kept from sending, nor the reader from what was sent. */
static void thread_ends_in_send(void **state)
{
    SOCKET s, t;
    static char bytes[65536];
    (void)state;
    if (!has_streams()) /* Wine's own send does not run APCs */
        skip();
    tcp_used_pair(&s, &t);
    end_inside(block_in_send, s);
    set_nonblocking(t, true);
    while (recv(t, bytes, sizeof bytes, 0) > 0)
        ;
    CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
    set_nonblocking(t, false);
    use_and_close(s, t);
}

/* ---- a process ends without closing ---- */

enum { MAY_END = 10, LEFT_BEHIND = 30000 };

static void recv_for_ever(void *context)
{
    char byte;
    while (recv(*(SOCKET *)context, &byte, 1, 0) > 0)
        ;
}

static SOCKET begin_to_end(char **argv)
{
    static char bytes[LEFT_BEHIND];
    static SOCKET s;
    static worker_t worker;
    flow_t out = flow_start(1);
    char text[4];
    s = link_in_peer(argv);
    for (int i = 0; i < 3; i++) {
        send_all(s, "ping", 4);
        recv_all(s, text, 4);
    }
    flow_fill(&out, bytes, sizeof bytes);
    send_all(s, bytes, sizeof bytes);
    worker_start(&worker, recv_for_ever, &s);
    return s;
}

static void exit_process_role(int argc, char **argv)
{
    (void)argc;
    begin_to_end(argv);
    ExitProcess(0);
}

static void end_main_role(int argc, char **argv)
{
    (void)argc;
    begin_to_end(argv);
    exit(0);
}

static void cleanup_and_end_role(int argc, char **argv)
{
    (void)argc;
    begin_to_end(argv);
    CHECK_IS(0, WSACleanup());
    slot_await(MAY_END);
}

/* All that was sent arrives, then the end. */
static void outlive(const char *role, bool ends_by_itself)
{
    for (int way = PEER_CONNECTS; way <= PEER_LISTENS; way++) {
        peer_t peer;
        char text[4];
        flow_t in = flow_start(1);
        SOCKET s = link_to_peer(&peer, (link_way_t)way, role, " ");
        for (int i = 0; i < 3; i++) {
            recv_all(s, text, 4);
            send_all(s, "pong", 4);
        }
        if (ends_by_itself)
            peer_join(&peer); /* the bytes outlive the process */
        flow_recv(s, &in, LEFT_BEHIND, 5000);
        expect_end_or_reset(s);
        slot_post(MAY_END, 0);
        if (!ends_by_itself)
            peer_join(&peer);
        CHECK_IS(0, closesocket(s));
        slots_renew();
    }
}

static void process_exits_under_a_blocked_recv(void **state)
{
    (void)state;
    outlive("exit_process", true);
}

static void program_ends_under_a_blocked_recv(void **state)
{
    (void)state;
    outlive("end_main", true);
}

static void last_cleanup_under_a_blocked_recv(void **state)
{
    (void)state;
    outlive("cleanup_and_end", false);
}

/* ---- WSACleanup under blocked threads ---- */

enum { SETTLE_MS = 50 };

typedef struct blocked {
    SOCKET s;
    int result;
} blocked_t;

static void blocked_recv(void *context)
{
    blocked_t *blocked = context;
    char byte;
    blocked->result = recv(blocked->s, &byte, 1, 0);
}

static void blocked_accept(void *context)
{
    blocked_t *blocked = context;
    blocked->result = (int)accept(blocked->s, NULL, NULL);
}

static void blocked_in_cleanup_role(int argc, char **argv)
{
    (void)argc;
    unsigned short port;
    char text[4];
    worker_t reader, accepter;
    blocked_t reading = {link_in_peer(argv), 77}, accepting = {tcp_listen(&port), 77};
    for (int i = 0; i < 3; i++) {
        send_all(reading.s, "ping", 4);
        recv_all(reading.s, text, 4);
    }
    worker_start(&reader, blocked_recv, &reading);
    worker_start(&accepter, blocked_accept, &accepting);
    Sleep(SETTLE_MS);
    CHECK_IS(0, WSACleanup());
    worker_join(&reader);
    worker_join(&accepter);
    CHECK_IS(SOCKET_ERROR, reading.result);
    CHECK_IS((int)INVALID_SOCKET, accepting.result);
}

static void last_cleanup_wakes_blocked_threads(void **state)
{
    peer_t peer;
    char text[4];
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "blocked_in_cleanup", " ");
    for (int i = 0; i < 3; i++) {
        recv_all(s, text, 4);
        send_all(s, "pong", 4);
    }
    expect_end_or_reset(s);
    peer_join(&peer);
    CHECK_IS(0, closesocket(s));
}

/* Only the last of nested calls ends anything. */
static void nested_startups_role(int argc, char **argv)
{
    (void)argc;
    WSADATA data;
    char text[4];
    for (int i = 0; i < 3; i++)
        CHECK_IS(0, WSAStartup(MAKEWORD(1, 1), &data));
    SOCKET s = link_in_peer(argv);
    for (int i = 0; i < 3; i++) {
        send_all(s, "ping", 4);
        recv_all(s, text, 4);
        CHECK_IS(0, WSACleanup());
    }
    CHECK_IS(0, WSACleanup());
    CHECK_FAILS(WSANOTINITIALISED, WSACleanup());
    CHECK_FAILS(WSANOTINITIALISED, (int)socket(AF_INET, SOCK_STREAM, 0));
    CHECK_IS(0, WSAStartup(MAKEWORD(1, 1), &data));
    SOCKET again = tcp_socket();
    CHECK_IS(0, closesocket(again));
    slot_await(MAY_END);
}

static void only_the_last_cleanup_counts(void **state)
{
    peer_t peer;
    char text[4];
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "nested_startups", " ");
    for (int i = 0; i < 3; i++) {
        recv_all(s, text, 4);
        send_all(s, "pong", 4);
    }
    expect_end_or_reset(s);
    slot_post(MAY_END, 0);
    peer_join(&peer);
    CHECK_IS(0, closesocket(s));
}

/* ---- loading ---- */

/* A program that has not got wsock32 at first loads it, uses it and frees it, again and again, with sockets of ws2_32's
 * own before and after. */
static void run_loader(const char *way)
{
    char path[MAX_PATH], line[2 * MAX_PATH];
    unsigned short port;
    DWORD code = 77;
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION loader;
    SOCKET listener = tcp_listen(&port);
    GetModuleFileNameA(NULL, path, sizeof path);
    strcpy(strrchr(path, '\\') + 1, "api_life_loader.exe");
    snprintf(line, sizeof line, "\"%s\" %s %u", path, way, port);
    CHECK(CreateProcessA(path, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &loader));
    for (bool more = true; more;) {
        char text[4];
        SOCKET s = tcp_accept(listener);
        recv_all(s, text, 4);
        while (memcmp(text, "ping", 4) == 0) {
            send_all(s, "pong", 4);
            recv_all(s, text, 4);
        }
        more = memcmp(text, "last", 4) != 0;
        expect_end_or_reset(s);
        CHECK_IS(0, closesocket(s));
    }
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(loader.hProcess, INFINITE));
    CHECK(GetExitCodeProcess(loader.hProcess, &code));
    CHECK_IS(0, code);
    CloseHandle(loader.hProcess);
    CloseHandle(loader.hThread);
    CHECK_IS(0, closesocket(listener));
}

static void loaded_and_freed_a_hundred_times(void **state)
{
    (void)state;
    run_loader("idle");
}

static void loaded_and_freed_with_streams(void **state)
{
    (void)state;
    run_loader("streams");
}

static void loaded_late_beside_ws2_32(void **state)
{
    (void)state;
    run_loader("late");
}

static const role_t roles[] = {
    {"exit_process", exit_process_role},         {"end_main", end_main_role},
    {"cleanup_and_end", cleanup_and_end_role},   {"blocked_in_cleanup", blocked_in_cleanup_role},
    {"nested_startups", nested_startups_role},
};

static const struct CMUnitTest tests[] = {
    CASE(thread_ends_in_recv),
    CASE(thread_ends_in_select),
    CASE(thread_ends_in_send),
    CASE(process_exits_under_a_blocked_recv),
    CASE(program_ends_under_a_blocked_recv),
    CASE(last_cleanup_under_a_blocked_recv),
    CASE(last_cleanup_wakes_blocked_threads),
    CASE(only_the_last_cleanup_counts),
    CASE(loaded_and_freed_a_hundred_times),
    CASE(loaded_and_freed_with_streams),
    CASE(loaded_late_beside_ws2_32),
};

HARNESS_MAIN(roles, tests)
