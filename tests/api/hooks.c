/* hooks: blocking hooks.  Wine's builtin takes note of a hook and never calls it (idle_*), and so do we on Wine; run_* is
 * for VMMC_BLOCKING_HOOKS=1, where our waits run it as those of Windows do. */
#include "wire.h"

#include <vmmc_sockets.h>

enum { ENOUGH = 3, LIMIT = 64 * 1024 * 1024, RECEIVE_TIMEOUT = 0x1006 };

/* What the hook of the thread under test does, and what it has seen. */
static struct {
    HANDLE enough; /* signalled when it has run ENOUGH times */
    volatile LONG runs, refused;
    DWORD thread;
    int cancel_at; /* 0: never */
    SOCKET s;
    bool tries_calls;
} hook;

static void expect_refusal(int result)
{
    if (result == SOCKET_ERROR && WSAGetLastError() == WSAEINPROGRESS)
        hook.refused++;
}

static void try_calls(SOCKET s)
{
    char byte = 0;
    u_long value = 0;
    int length = sizeof value;
    fd_set set = { .fd_count = 1, .fd_array = { s } };
    struct timeval none = { 0, 0 };
    struct sockaddr_in name;
    int name_length = sizeof name;
    expect_refusal((int)(intptr_t)socket(AF_INET, SOCK_STREAM, 0));
    expect_refusal(send(s, &byte, 1, 0));
    expect_refusal(recv(s, &byte, 1, 0));
    expect_refusal(select(0, &set, NULL, NULL, &none));
    expect_refusal(ioctlsocket(s, FIONREAD, &value));
    expect_refusal(getsockopt(s, SOL_SOCKET, SO_TYPE, (char *)&value, &length));
    expect_refusal(getpeername(s, (struct sockaddr *)&name, &name_length));
    expect_refusal(shutdown(s, 1));
    expect_refusal(closesocket(s));
    expect_refusal(WSAUnhookBlockingHook());
}

enum { CALLS_TRIED = 10 };

static BOOL CALLBACK run_hook(void)
{
    CHECK_IS(hook.thread, GetCurrentThreadId());
    CHECK(WSAIsBlocking());
    LONG run = InterlockedIncrement(&hook.runs);
    if (hook.tries_calls && run == 1)
        try_calls(hook.s);
    if (run == hook.cancel_at)
        CHECK_IS(0, WSACancelBlockingCall());
    if (run == ENOUGH)
        SetEvent(hook.enough);
    return run % 2; /* TRUE: at once again */
}

static void hook_prepare(int cancel_at)
{
    hook.enough = hook.enough ? hook.enough : CreateEventA(NULL, FALSE, FALSE, NULL);
    ResetEvent(hook.enough);
    hook.runs = hook.refused = 0;
    hook.thread = GetCurrentThreadId();
    hook.cancel_at = cancel_at;
    hook.tries_calls = false;
    WSASetBlockingHook((FARPROC)(void *)run_hook);
}

static void hook_end(void)
{
    CHECK_IS(0, WSAUnhookBlockingHook());
    CHECK(!WSAIsBlocking());
}

static void send_when_enough(void *context)
{
    CHECK(WaitForSingleObject(hook.enough, INFINITE) == WAIT_OBJECT_0);
    send_all(*(SOCKET *)context, "now", 3);
}

/* ---- as Wine has it ---- */

static void idle_hook_is_not_called(void **state)
{
    int timeout_ms = 100;
    SOCKET s, t;
    char byte;
    (void)state;
    tcp_used_pair(&s, &t);
    hook_prepare(1);
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, RECEIVE_TIMEOUT, (char *)&timeout_ms, sizeof timeout_ms));
    CHECK_FAILS(WSAETIMEDOUT, recv(s, &byte, 1, 0));
    CHECK_IS(0, hook.runs);
    CHECK(!WSAIsBlocking());
    CHECK_IS(0, WSACancelBlockingCall());
    hook_end();
    close_both(s, t);
}

/* ---- as Windows has it ---- */

static void run_while_recv_waits(void **state)
{
    SOCKET s, t;
    worker_t worker;
    char text[4];
    (void)state;
    tcp_used_pair(&s, &t);
    hook_prepare(0);
    worker_start(&worker, send_when_enough, &t);
    CHECK_IS(3, recv(s, text, sizeof text, 0));
    worker_join(&worker);
    CHECK(hook.runs >= ENOUGH);
    hook_end();
    close_both(s, t);
}

static void run_not_where_nothing_waits(void **state)
{
    SOCKET s, t;
    char text[4];
    fd_set set;
    (void)state;
    tcp_used_pair(&s, &t);
    hook_prepare(0);
    send_all(t, "data", 4);
    CHECK(is_ready(s, 'r', 0));
    CHECK_IS(4, recv(s, text, sizeof text, 0));
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, recv(s, text, sizeof text, 0));
    set.fd_count = 1;
    set.fd_array[0] = s;
    CHECK_IS(0, select(0, &set, NULL, NULL, &(struct timeval){ 0, 0 }));
    CHECK_IS(0, hook.runs);
    hook_end();
    close_both(s, t);
}

static void expect_stream_works(SOCKET s, SOCKET t)
{
    char text[5];
    WSAUnhookBlockingHook();
    send_all(s, "still", 5);
    recv_all(t, text, 5);
    CHECK(memcmp(text, "still", 5) == 0);
    send_all(t, "works", 5);
    recv_all(s, text, 5);
    CHECK(memcmp(text, "works", 5) == 0);
    close_both(s, t);
}

static void run_cancels_recv(void **state)
{
    SOCKET s, t;
    char byte;
    (void)state;
    tcp_used_pair(&s, &t);
    for (int i = 1; i <= 4; i++) {
        hook_prepare(i);
        CHECK_FAILS(WSAEINTR, recv(s, &byte, 1, 0));
        CHECK_IS(i, hook.runs);
    }
    expect_stream_works(s, t);
}

/* Also while the connection is the kernel's, as in the beginning. */
static void run_cancels_the_first_recv(void **state)
{
    SOCKET s, t;
    char byte;
    (void)state;
    tcp_pair(&s, &t);
    hook_prepare(2);
    CHECK_FAILS(WSAEINTR, recv(s, &byte, 1, 0));
    CHECK_IS(2, hook.runs);
    expect_stream_works(s, t);
}

static void run_cancels_send(void **state)
{
    static char piece[65536];
    SOCKET s, t;
    int n = 0;
    (void)state;
    tcp_used_pair(&s, &t);
    hook_prepare(200);
    for (size_t sent = 0; n >= 0 && sent < LIMIT; sent += sizeof piece)
        n = send(s, piece, sizeof piece, 0);
    CHECK_FAILS(WSAEINTR, n);
    CHECK_IS(200, hook.runs);
    hook_end();
    close_both(s, t);
}

static void run_cancels_select(void **state)
{
    SOCKET s, t;
    unsigned short port;
    (void)state;
    tcp_used_pair(&s, &t);
    SOCKET listener = tcp_listen(&port);
    for (u_int members = 1; members <= 2; members++) {
        fd_set set = { .fd_count = members, .fd_array = { s, listener } };
        hook_prepare(3);
        CHECK_FAILS(WSAEINTR, select(0, &set, NULL, NULL, NULL));
        CHECK_IS(3, hook.runs);
    }
    CHECK_IS(0, closesocket(listener));
    expect_stream_works(s, t);
}

static void run_cancels_accept(void **state)
{
    unsigned short port;
    (void)state;
    SOCKET listener = tcp_listen(&port);
    hook_prepare(2);
    CHECK_FAILS(WSAEINTR, (int)(intptr_t)accept(listener, NULL, NULL));
    hook_end();
    SOCKET s = tcp_connect(port), t = tcp_accept(listener);
    expect_stream_works(s, t);
    CHECK_IS(0, closesocket(listener));
}

static void run_cancels_transmit(void **state)
{
    static char piece[1 << 20];
    TRANSMIT_FILE_BUFFERS head = { piece, sizeof piece, NULL, 0 };
    SOCKET s, t;
    (void)state;
    tcp_used_pair(&s, &t);
    hook_prepare(200);
    for (int i = 0; i < 64; i++) {
        if (!TransmitFile(s, NULL, 0, 0, NULL, &head, 0))
            break;
    }
    CHECK_IS(WSAEINTR, GetLastError());
    hook_end();
    close_both(s, t);
}

static void run_cancels_reclaim(void **state)
{
    SOCKET s, t;
    vmmc_memory_t memory = {.size = sizeof memory, .length = 1};
    vmmc_loan_t loan = {.size = sizeof loan, .length = 1};
    (void)state;
    tcp_used_pair(&s, &t);
    CHECK_IS(0, ioctlsocket(s, VMMC_IO_ALLOCATE, (u_long *)&memory));
    loan.memory = memory.id;
    CHECK_IS(0, ioctlsocket(s, VMMC_IO_LEND, (u_long *)&loan));
    for (int i = 1; i <= 4; i++) {
        hook_prepare(i);
        CHECK_FAILS(WSAEINTR, ioctlsocket(s, VMMC_IO_RECLAIM, (u_long *)&loan));
        CHECK_IS(i, hook.runs);
    }
    CHECK_IS(0, ioctlsocket(s, VMMC_IO_FREE, (u_long *)&memory));
    CHECK_IS(0, ioctlsocket(s, VMMC_IO_RECLAIM, (u_long *)&loan));
    expect_stream_works(s, t);
}

static void run_refuses_other_calls(void **state)
{
    SOCKET s, t;
    char byte;
    (void)state;
    tcp_used_pair(&s, &t);
    hook_prepare(2);
    hook.s = s;
    hook.tries_calls = true;
    CHECK_FAILS(WSAEINTR, recv(s, &byte, 1, 0));
    CHECK_IS(CALLS_TRIED, hook.refused);
    CHECK_FAILS(WSAEINVAL, WSACancelBlockingCall());
    expect_stream_works(s, t);
}

static void run_until_the_timeout(void **state)
{
    int timeout_ms = 100;
    SOCKET s, t;
    char byte;
    (void)state;
    tcp_used_pair(&s, &t);
    hook_prepare(0);
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, RECEIVE_TIMEOUT, (char *)&timeout_ms, sizeof timeout_ms));
    CHECK_FAILS(WSAETIMEDOUT, recv(s, &byte, 1, 0));
    CHECK(hook.runs > 0);
    hook_end();
    close_both(s, t);
}

static BOOL CALLBACK other_hook(void) { return FALSE; }

static void cancel_in_thread(void *context)
{
    char byte;
    hook_prepare(ENOUGH);
    CHECK_FAILS(WSAEINTR, recv(*(SOCKET *)context, &byte, 1, 0));
}

/* A thread's hook is its own; the last one set counts. */
static void run_for_its_thread(void **state)
{
    int timeout_ms = 50;
    SOCKET s, t;
    worker_t worker;
    char byte;
    (void)state;
    tcp_used_pair(&s, &t);
    CHECK(WSASetBlockingHook((FARPROC)(void *)other_hook) == NULL);
    CHECK(WSASetBlockingHook((FARPROC)(void *)run_hook) == (FARPROC)(void *)other_hook);
    CHECK(WSASetBlockingHook((FARPROC)(void *)other_hook) == (FARPROC)(void *)run_hook);
    CHECK_IS(0, WSAUnhookBlockingHook());
    worker_start(&worker, cancel_in_thread, &s);
    CHECK_IS(0, setsockopt(t, SOL_SOCKET, RECEIVE_TIMEOUT, (char *)&timeout_ms, sizeof timeout_ms));
    CHECK_FAILS(WSAETIMEDOUT, recv(t, &byte, 1, 0));
    worker_join(&worker);
    CHECK_IS(ENOUGH, hook.runs);
    CHECK(WSASetBlockingHook(NULL) == NULL);
    CHECK_IS(WSAEFAULT, WSAGetLastError());
    close_both(s, t);
}

static const struct CMUnitTest tests[] = {
    CASE(idle_hook_is_not_called),
    CASE(run_while_recv_waits),
    CASE(run_not_where_nothing_waits),
    CASE(run_cancels_recv),
    CASE(run_cancels_the_first_recv),
    CASE(run_cancels_send),
    CASE(run_cancels_select),
    CASE(run_cancels_accept),
    CASE(run_cancels_transmit),
    CASE(run_cancels_reclaim),
    CASE(run_refuses_other_calls),
    CASE(run_until_the_timeout),
    CASE(run_for_its_thread),
};

static const role_t roles[] = { { "none", NULL } };

HARNESS_MAIN(roles, tests)
