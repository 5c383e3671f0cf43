/* polls: what the watcher asks the socket driver, and what it must not ask about: a socket that is being closed, since its
 * number may already be that of one that is half made, and Wine's server ends at a question about such. */
#include "wire.h"

#include "kpoll.h"
#include <winternl.h>

enum { POLLED = 16, CLOSINGS = 200, HALF_MADE = 4 };

/* What socket() makes first: a handle of the driver that is not a socket yet. */
static HANDLE half_made_socket(void)
{
    static wchar_t name[] = L"\\Device\\Afd\\Half";
    UNICODE_STRING path = {sizeof name - sizeof *name, sizeof name, name};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &path};
    IO_STATUS_BLOCK io;
    HANDLE made = NULL;
    NtCreateFile(&made, SYNCHRONIZE, &attributes, &io, NULL, 0, FILE_SHARE_READ, FILE_OPEN, 0, NULL, 0);
    return made;
}

static struct {
    kpoll_t sockets[POLLED];
    kpoll_t *list[POLLED];
    volatile LONG stop, asked;
} polled;

static void open_all(void)
{
    for (int i = 0; i < POLLED; i++) {
        polled.list[i] = &polled.sockets[i];
        kpoll_open(polled.list[i], tcp_socket());
    }
}

static void close_all(void)
{
    for (int i = 0; i < POLLED; i++) {
        SOCKET s = polled.sockets[i].socket;
        kpoll_forget(polled.list[i]);
        CHECK_IS(0, closesocket(s));
    }
}

static void ask_on(void *context)
{
    bool ready[POLLED];
    (void)context;
    while (!polled.stop) {
        CHECK(kpoll_glance(polled.list, POLLED, ready));
        for (int i = 0; i < POLLED; i++)
            CHECK(!ready[i]);
        InterlockedIncrement(&polled.asked);
    }
}

/* True if the number was to be had. */
static bool take_the_number_of(SOCKET s)
{
    HANDLE made[HALF_MADE];
    bool taken = false;
    for (int i = 0; i < HALF_MADE; i++) {
        made[i] = half_made_socket();
        taken |= made[i] == (HANDLE)s;
    }
    for (int i = 0; i < HALF_MADE; i++)
        CloseHandle(made[i]);
    return taken;
}

static void sockets_that_are_being_closed_are_not_asked_about(void **state)
{
    worker_t asker;
    int taken = 0;
    (void)state;
    open_all();
    worker_start(&asker, ask_on, NULL);
    for (int i = 0; i < CLOSINGS; i++) {
        kpoll_t *one = polled.list[i % POLLED];
        SOCKET s = one->socket;
        kpoll_forget(one);
        CHECK_IS(0, closesocket(s));
        taken += take_the_number_of(s);
        kpoll_open(one, tcp_socket());
    }
    polled.stop = 1;
    worker_join(&asker);
    CHECK(polled.asked > 0);
    CHECK(taken > CLOSINGS / 2);
    close_all();
}

static void a_forgotten_socket_is_not_waited_for(void **state)
{
    kpoll_wait_t wait;
    (void)state;
    open_all();
    SOCKET s = polled.sockets[0].socket;
    kpoll_forget(polled.list[0]);
    CHECK(!kpoll_begin(polled.list[0], s, KPOLL_READ, &wait, NULL));
    CHECK_IS(0, closesocket(s));
    kpoll_open(polled.list[0], tcp_socket());
    close_all();
}

static void the_others_are_told_apart(void **state)
{
    SOCKET from[POLLED], to[POLLED];
    bool ready[POLLED];
    (void)state;
    for (int i = 0; i < POLLED; i++) {
        tcp_pair(&from[i], &to[i]);
        polled.list[i] = &polled.sockets[i];
        kpoll_open(polled.list[i], to[i]);
        if (i % 3 == 0)
            send_all(from[i], "x", 1);
    }
    for (int i = 0; i < POLLED; i += 3)
        CHECK(is_ready(to[i], 'r', 5000));
    for (int i = 0; i < POLLED; i += 2)
        kpoll_forget(polled.list[i]);
    CHECK(kpoll_glance(polled.list, POLLED, ready));
    for (int i = 0; i < POLLED; i++) {
        CHECK_IS(i % 3 == 0 && i % 2 != 0, ready[i]);
        kpoll_forget(polled.list[i]);
        close_both(from[i], to[i]);
    }
    CHECK(kpoll_glance(polled.list, POLLED, ready));
}

/* The event tells of it; only time would make the socket seem so without. */
static void await_news(const kpoll_t *one)
{
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(kpoll_event(), 5000));
    CHECK(!kpoll_is_quiet(one, one->socket, KPOLL_READ));
}

static void a_watched_socket_is_quiet_until_it_has_news(void **state)
{
    kpoll_t watched = {0};
    SOCKET from, to;
    char byte;
    (void)state;
    tcp_pair(&from, &to);
    kpoll_open(&watched, to);
    CHECK(!kpoll_is_quiet(&watched, to, KPOLL_READ)); /* nobody watches */
    for (int i = 0; i < 3; i++) {
        kpoll_watch(&watched, to, KPOLL_READ);
        CHECK(kpoll_is_quiet(&watched, to, KPOLL_READ));
        CHECK(!kpoll_is_quiet(&watched, to, KPOLL_EXCEPT));
        CHECK(!kpoll_is_quiet(&watched, from, KPOLL_READ));
        send_all(from, "x", 1);
        await_news(&watched);
        CHECK_IS(1, recv(to, &byte, 1, 0));
        CHECK(!kpoll_is_quiet(&watched, to, KPOLL_READ)); /* until it is watched again */
        kpoll_collect();
    }
    kpoll_watch(&watched, to, KPOLL_READ);
    CHECK_IS(0, closesocket(from));
    await_news(&watched);
    kpoll_forget(&watched);
    kpoll_watch(&watched, to, KPOLL_READ);
    CHECK(!kpoll_is_quiet(&watched, to, KPOLL_READ));
    CHECK_IS(0, closesocket(to));
}

/* ---- a poll that takes long ---- */

static struct {
    kpoll_t polled;
    HANDLE entered;
    volatile LONG left;
} late;

enum { LATE_MS = 300 };

static void poll_late(void *context)
{
    (void)context;
    CHECK(kpoll_enter(&late.polled, late.polled.socket));
    SetEvent(late.entered);
    Sleep(LATE_MS); /* as if the machine had other things to do */
    InterlockedExchange(&late.left, 1);
    kpoll_leave(&late.polled);
}

static void forgetting_waits_for_a_late_poll(void **state)
{
    worker_t poller;
    (void)state;
    late.entered = CreateEventA(NULL, FALSE, FALSE, NULL);
    kpoll_open(&late.polled, tcp_socket());
    worker_start(&poller, poll_late, NULL);
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(late.entered, 5000));
    kpoll_forget(&late.polled);
    CHECK_IS(1, late.left);
    worker_join(&poller);
    CHECK_IS(0, closesocket(late.polled.socket));
    CloseHandle(late.entered);
}

static void a_poll_that_never_leaves_holds_nobody_up(void **state)
{
    kpoll_t lost = {0};
    (void)state;
    for (int i = 0; i < 100; i++) { /* impatient from the second one on, or the harness's watchdog barks */
        kpoll_open(&lost, tcp_socket());
        CHECK(kpoll_enter(&lost, lost.socket));
        kpoll_forget(&lost);
        CHECK_IS(0, closesocket(lost.socket));
    }
}

static const struct CMUnitTest tests[] = {
    CASE(forgetting_waits_for_a_late_poll), /* first, while there is patience */
    CASE(sockets_that_are_being_closed_are_not_asked_about),
    CASE(a_forgotten_socket_is_not_waited_for),
    CASE(the_others_are_told_apart),
    CASE(a_watched_socket_is_quiet_until_it_has_news),
    CASE(a_poll_that_never_leaves_holds_nobody_up),
};

/* Of the builtin's making, and never closed. */
static void *endpoint(void)
{
    WSADATA data;
    return WSAStartup(MAKEWORD(1, 1), &data) == 0 ? (void *)socket(AF_INET, SOCK_DGRAM, 0) : NULL;
}

int main(int argc, char **argv)
{
    if (!kpoll_start(endpoint()))
        return 1;
    return harness_main(argc, argv, NULL, 0, tests, ARRAY_SIZE(tests));
}
