/* around: a program that makes its sockets through wsock32 and then calls ws2_32 on them, by every road there is: its
 * own imports, GetProcAddress, a DLL loaded late, pointers it took before anything else ran, ntdll.  The other end is a
 * process that notices nothing: the bytes have to be the right ones in the right order, in both directions. */
#include "around_library.h"
#include "wire.h"

#include <winternl.h>

enum {
    STEP = 40 * 1024, /* each end sends that much and then reads as much */
    STEPS = 8,
    DEED_STEP = 4, /* by then the streams are what they will be, with rings of more than a step */
    PIECE = 3000,
    LARGEST = 8192
};

typedef struct end {
    SOCKET s;
    flow_t out, in;
} end_t;

/* ---- ws2_32 ---- */

static FARPROC ws2(const char *name)
{
    FARPROC function = GetProcAddress(GetModuleHandleA("ws2_32.dll"), name);
    CHECK(function != NULL);
    return function;
}

typedef int(WINAPI *send_fn)(SOCKET, const char *, int, int);
typedef int(WINAPI *recv_fn)(SOCKET, char *, int, int);
typedef int(WINAPI *poll_fn)(wsapollfd_t *, unsigned long, int);
typedef int(WINAPI *event_select_fn)(SOCKET, HANDLE, long);
typedef int(WINAPI *enum_events_fn)(SOCKET, HANDLE, network_events_t *);
typedef int(WINAPI *ioctl_fn)(SOCKET, DWORD, void *, DWORD, void *, DWORD, DWORD *, OVERLAPPED *, void *);
typedef int(WINAPI *overlapped_result_fn)(SOCKET, OVERLAPPED *, DWORD *, BOOL, DWORD *);

__declspec(dllimport) int WINAPI WSASend(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *sent, DWORD flags,
                                         OVERLAPPED *overlapped, void *routine);
__declspec(dllimport) int WINAPI WSARecv(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *got, DWORD *flags,
                                         OVERLAPPED *overlapped, void *routine);

/* Taken before main, and before any library had a chance. */
static send_fn early_send;
static recv_fn early_recv;

__attribute__((constructor)) static void take_pointers(void)
{
    HMODULE ws2_32 = LoadLibraryA("ws2_32.dll");
    early_send = (send_fn)(void *)GetProcAddress(ws2_32, "send");
    early_recv = (recv_fn)(void *)GetProcAddress(ws2_32, "recv");
}

static char buffer[PIECE];

static wsabuf_t piece_of(flow_t *out)
{
    flow_fill(out, buffer, PIECE);
    return (wsabuf_t){PIECE, buffer};
}

/* ---- deeds ---- */

static void send_by(end_t *end, wsa_send_fn call)
{
    wsabuf_t all = piece_of(&end->out), parts[2] = {{1000, all.bytes}, {PIECE - 1000, all.bytes + 1000}};
    DWORD sent = 0;
    CHECK_IS(0, call(end->s, parts, 2, &sent, 0, NULL, NULL));
    CHECK_IS(PIECE, sent);
}

static void recv_by(end_t *end, wsa_recv_fn call)
{
    wsabuf_t all = {PIECE, buffer};
    for (int i = 0; i < 5; i++) {
        DWORD got = 0, flags = 0;
        CHECK_IS(0, call(end->s, &all, 1, &got, &flags, NULL, NULL));
        CHECK(got > 0);
        flow_check(&end->in, buffer, got);
    }
}

static void imported_send(end_t *end) { send_by(end, WSASend); }
static void imported_recv(end_t *end) { recv_by(end, WSARecv); }
static void looked_up_send(end_t *end) { send_by(end, (wsa_send_fn)(void *)ws2("WSASend")); }
static void looked_up_recv(end_t *end) { recv_by(end, (wsa_recv_fn)(void *)ws2("WSARecv")); }

static void by_late_library(end_t *end)
{
    HMODULE library = LoadLibraryA("api_around_library.dll");
    CHECK(library != NULL);
    send_by(end, (wsa_send_fn)(void *)GetProcAddress(library, "library_WSASend"));
    recv_by(end, (wsa_recv_fn)(void *)GetProcAddress(library, "library_WSARecv"));
    CHECK(FreeLibrary(library));
}

static void by_delayed_import(end_t *end)
{
    HMODULE library = LoadLibraryA("api_around_library.dll");
    CHECK(library != NULL);
    for (int i = 0; i < 2; i++) /* the first call resolves, the second uses what was stored */
        send_by(end, (wsa_send_fn)(void *)GetProcAddress(library, "library_delayed_WSASend"));
    CHECK(FreeLibrary(library));
}

static void overlapped_send(end_t *end)
{
    OVERLAPPED request = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    wsabuf_t all = piece_of(&end->out);
    DWORD sent = 0, flags;
    overlapped_result_fn result = (overlapped_result_fn)(void *)ws2("WSAGetOverlappedResult");
    if (WSASend(end->s, &all, 1, &sent, 0, &request, NULL) != 0)
        CHECK_IS(ERROR_IO_PENDING, WSAGetLastError());
    CHECK(result(end->s, &request, &sent, TRUE, &flags));
    CHECK_IS(PIECE, sent);
    CloseHandle(request.hEvent);
}

static void overlapped_recv(end_t *end)
{
    OVERLAPPED request = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    wsabuf_t all = {PIECE, buffer};
    DWORD got = 0, flags = 0;
    overlapped_result_fn result = (overlapped_result_fn)(void *)ws2("WSAGetOverlappedResult");
    if (WSARecv(end->s, &all, 1, &got, &flags, &request, NULL) != 0)
        CHECK_IS(ERROR_IO_PENDING, WSAGetLastError());
    CHECK(result(end->s, &request, &got, TRUE, &flags));
    CHECK(got > 0);
    flow_check(&end->in, buffer, got);
    CloseHandle(request.hEvent);
}

static DWORD routine_got;

static void CALLBACK on_received(DWORD error, DWORD got, OVERLAPPED *request, DWORD flags)
{
    (void)request, (void)flags;
    CHECK_IS(0, error);
    routine_got = got;
}

static void recv_with_routine(end_t *end)
{
    OVERLAPPED request = {0};
    wsabuf_t all = {PIECE, buffer};
    DWORD got = 0, flags = 0;
    routine_got = 0;
    if (WSARecv(end->s, &all, 1, &got, &flags, &request, (void *)on_received) != 0)
        CHECK_IS(ERROR_IO_PENDING, WSAGetLastError());
    while (!routine_got)
        SleepEx(INFINITE, TRUE);
    flow_check(&end->in, buffer, routine_got);
}

static void plain_calls(end_t *end)
{
    send_fn plain_send = (send_fn)(void *)ws2("send");
    recv_fn plain_recv = (recv_fn)(void *)ws2("recv");
    for (int i = 0; i < 20; i++) {
        wsabuf_t all = piece_of(&end->out);
        CHECK_IS(PIECE, plain_send(end->s, all.bytes, PIECE, 0));
        flow_send(end->s, &end->out, 500, 100);
    }
    for (int i = 0; i < 5; i++) {
        int got = plain_recv(end->s, buffer, 100, 0);
        CHECK(got > 0);
        flow_check(&end->in, buffer, (size_t)got);
        flow_recv(end->s, &end->in, 50, 50);
    }
}

static void poll_both_ways(end_t *end)
{
    wsapollfd_t member = {end->s, POLL_READ | POLL_WRITE, 0};
    poll_fn poll = (poll_fn)(void *)ws2("WSAPoll");
    CHECK_IS(1, poll(&member, 1, 10000));
    CHECK(member.revents & POLL_WRITE);
    member.events = POLL_READ;
    CHECK_IS(1, poll(&member, 1, 10000));
    CHECK(member.revents & POLL_READ);
}

static void event_select(end_t *end)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    network_events_t seen;
    event_select_fn choose = (event_select_fn)(void *)ws2("WSAEventSelect");
    enum_events_fn enumerate = (enum_events_fn)(void *)ws2("WSAEnumNetworkEvents");
    CHECK_IS(0, choose(end->s, event, FD_READ));
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(event, 10000));
    CHECK_IS(0, enumerate(end->s, event, &seen));
    CHECK_IS(FD_READ, seen.events);
    CHECK_IS(0, choose(end->s, NULL, 0));
    set_nonblocking(end->s, false);
    CloseHandle(event);
}

static void ask_and_set(end_t *end)
{
    ioctl_fn ioctl = (ioctl_fn)(void *)ws2("WSAIoctl");
    u_long on = 1, off = 0, waiting = 0;
    DWORD bytes = 77;
    char byte;
    CHECK(is_ready(end->s, 'r', 10000));
    CHECK_IS(0, ioctl(end->s, (DWORD)FIONREAD, NULL, 0, &waiting, sizeof waiting, &bytes, NULL, NULL));
    CHECK_IS(sizeof waiting, bytes);
    CHECK(waiting > 0);
    CHECK_IS(0, ioctl(end->s, (DWORD)FIONBIO, &on, sizeof on, NULL, 0, &bytes, NULL, NULL));
    while (recv(end->s, &byte, 1, 0) == 1)
        flow_check(&end->in, &byte, 1);
    CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
    CHECK_IS(0, ioctl(end->s, (DWORD)FIONBIO, &off, sizeof off, NULL, 0, &bytes, NULL, NULL));
}

static void duplicate_socket(end_t *end)
{
    struct { char bytes[1024]; } info;
    int(WINAPI *duplicate)(SOCKET, DWORD, void *) = (void *)ws2("WSADuplicateSocketA");
    SOCKET(WINAPI *make)(int, int, int, void *, u_int, DWORD) = (void *)ws2("WSASocketA");
    CHECK_IS(0, duplicate(end->s, GetCurrentProcessId(), &info));
    SOCKET copy = make(-1, -1, -1, &info, 0, 1);
    CHECK(copy != INVALID_SOCKET);
    flow_send(copy, &end->out, PIECE, 1000);
    flow_recv(copy, &end->in, PIECE, 1000);
    CHECK_IS(0, closesocket(copy));
}

typedef BOOL(PASCAL *transmit_file_fn)(SOCKET, HANDLE, DWORD, DWORD, OVERLAPPED *, TRANSMIT_FILE_BUFFERS *, DWORD);

/* As WinSock 2 programs find the calls of mswsock. */
static void extension_function(end_t *end)
{
    static GUID id = {0xb5367df0, 0xcbac, 0x11cf, {0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}};
    ioctl_fn ioctl = (ioctl_fn)(void *)ws2("WSAIoctl");
    transmit_file_fn transmit = NULL;
    DWORD bytes = 0;
    CHECK_IS(0, ioctl(end->s, 0xc8000006u, &id, sizeof id, &transmit, sizeof transmit, &bytes, NULL, NULL));
    CHECK_IS(sizeof transmit, bytes);
    wsabuf_t all = piece_of(&end->out);
    TRANSMIT_FILE_BUFFERS around = {all.bytes, 1000, all.bytes + 1000, PIECE - 1000};
    CHECK(transmit(end->s, NULL, 0, 0, NULL, &around, 0));
}

static void completion_port(end_t *end)
{
    HANDLE port = CreateIoCompletionPort((HANDLE)end->s, NULL, 7, 0);
    OVERLAPPED request = {0}, *done = NULL;
    DWORD moved = 0;
    ULONG_PTR key = 0;
    CHECK(port != NULL);
    wsabuf_t all = piece_of(&end->out);
    if (!WriteFile((HANDLE)end->s, all.bytes, all.length, NULL, &request))
        CHECK_IS(ERROR_IO_PENDING, GetLastError());
    CHECK(GetQueuedCompletionStatus(port, &moved, &key, &done, 10000));
    CHECK(done == &request && key == 7 && moved == PIECE);
    if (!ReadFile((HANDLE)end->s, buffer, PIECE, NULL, &request))
        CHECK_IS(ERROR_IO_PENDING, GetLastError());
    CHECK(GetQueuedCompletionStatus(port, &moved, &key, &done, 10000));
    CHECK(moved > 0);
    flow_check(&end->in, buffer, moved);
    CloseHandle(port);
}

/* ---- roads that cannot be closed ---- */

static void early_pointer(end_t *end)
{
    for (int i = 0; i < 5; i++) {
        wsabuf_t all = piece_of(&end->out);
        CHECK_IS(PIECE, early_send(end->s, all.bytes, PIECE, 0));
    }
}

typedef NTSTATUS(NTAPI *nt_write_fn)(HANDLE, HANDLE, void *, void *, IO_STATUS_BLOCK *, const void *, ULONG,
                                     LARGE_INTEGER *, ULONG *);

static void nt_write_piece(end_t *end)
{
    nt_write_fn nt_write = (nt_write_fn)(void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtWriteFile");
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    IO_STATUS_BLOCK io;
    wsabuf_t all = piece_of(&end->out);
    NTSTATUS status = nt_write((HANDLE)end->s, event, NULL, NULL, &io, all.bytes, all.length, NULL, NULL);
    if (status == STATUS_PENDING)
        WaitForSingleObject(event, INFINITE);
    CHECK(status >= 0);
    CHECK_IS(PIECE, io.Information);
    CloseHandle(event);
}

static void nt_write_file(end_t *end)
{
    for (int i = 0; i < 5; i++)
        nt_write_piece(end);
}

static const struct {
    const char *name;
    void (*run)(end_t *end);
} deeds[] = {
    {"imported_send", imported_send},         {"imported_recv", imported_recv},
    {"looked_up_send", looked_up_send},       {"looked_up_recv", looked_up_recv},
    {"by_late_library", by_late_library},     {"by_delayed_import", by_delayed_import},
    {"overlapped_send", overlapped_send},     {"overlapped_recv", overlapped_recv},
    {"recv_with_routine", recv_with_routine}, {"plain_calls", plain_calls},
    {"poll_both_ways", poll_both_ways},       {"event_select", event_select},
    {"ask_and_set", ask_and_set},             {"duplicate_socket", duplicate_socket},
    {"extension_function", extension_function},
    {"completion_port", completion_port},     {"early_pointer", early_pointer},
    {"nt_write_file", nt_write_file},
};

/* ---- the stream around the deed ---- */

static void send_up_to(end_t *end, uint64_t offset)
{
    if (end->out.offset < offset)
        flow_send(end->s, &end->out, (size_t)(offset - end->out.offset), LARGEST);
}

static void recv_up_to(end_t *end, uint64_t offset)
{
    if (end->in.offset < offset)
        flow_recv(end->s, &end->in, (size_t)(offset - end->in.offset), LARGEST);
}

static void finish(const end_t *end)
{
    CHECK_IS(0, shutdown(end->s, 1));
    expect_end(end->s);
    CHECK_IS(0, closesocket(end->s));
}

/* Bytes that go around the library are the last of their step: the partner has read them before anything follows, since
 * nobody can tell which were first. */
static uint64_t sent_before_deed(void (*deed)(end_t *end))
{
    bool unseen = deed == early_pointer || deed == nt_write_file;
    return DEED_STEP * STEP - (unseen ? 5 * PIECE : 0);
}

static void act(SOCKET s, void (*deed)(end_t *end))
{
    end_t end = {s, flow_start(1), flow_start(2)};
    for (uint64_t step = 1; step <= STEPS; step++) {
        send_up_to(&end, step == DEED_STEP ? sent_before_deed(deed) : step * STEP);
        if (step == DEED_STEP)
            deed(&end);
        recv_up_to(&end, step * STEP);
    }
    finish(&end);
}

static void partner_role(int argc, char **argv)
{
    CHECK_IS(2, argc);
    end_t end = {link_in_peer(argv), flow_start(2), flow_start(1)};
    for (uint64_t step = 1; step <= STEPS; step++) {
        recv_up_to(&end, step * STEP);
        send_up_to(&end, step * STEP);
    }
    finish(&end);
}

static void run_deed(const char *name)
{
    for (int way = PEER_CONNECTS; way <= PEER_LISTENS; way++) {
        peer_t peer;
        SOCKET s = link_to_peer(&peer, (link_way_t)way, "partner", " ");
        size_t i = 0;
        while (strcmp(deeds[i].name, name) != 0)
            i++;
        act(s, deeds[i].run);
        peer_join(&peer);
        slots_renew();
    }
}

#define DEED_CASE(deed) \
    static void amid_traffic_##deed(void **state) \
    { \
        (void)state; \
        run_deed(#deed); \
    }

DEED_CASE(imported_send)
DEED_CASE(imported_recv)
DEED_CASE(looked_up_send)
DEED_CASE(looked_up_recv)
DEED_CASE(by_late_library)
DEED_CASE(by_delayed_import)
DEED_CASE(overlapped_send)
DEED_CASE(overlapped_recv)
DEED_CASE(recv_with_routine)
DEED_CASE(plain_calls)
DEED_CASE(poll_both_ways)
DEED_CASE(event_select)
DEED_CASE(ask_and_set)
DEED_CASE(duplicate_socket)
DEED_CASE(extension_function)
DEED_CASE(completion_port)
DEED_CASE(early_pointer)
DEED_CASE(nt_write_file)

/* ---- sockets of ws2_32's own ---- */

/* Our table must not take its connection for one of ours, at either end, nor when the handle's number comes again. */
static void sockets_of_ws2_32_stay_its_own(void **state)
{
    SOCKET(WINAPI *make)(int, int, int) = (void *)ws2("socket");
    int(WINAPI *end_socket)(SOCKET) = (void *)ws2("closesocket");
    (void)state;
    for (int i = 0; i < 3; i++) {
        unsigned short port;
        char text[8];
        SOCKET listener = tcp_listen(&port), s = make(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in address = loopback(port);
        CHECK(s != INVALID_SOCKET);
        CHECK_IS(0, connect(s, (struct sockaddr *)&address, sizeof address));
        SOCKET t = tcp_accept(listener);
        send_all(s, "forth", 5);
        recv_all(t, text, 5);
        send_all(t, "back", 4);
        recv_all(s, text, 4);
        CHECK(memcmp(text, "back", 4) == 0);
        CHECK_IS(0, end_socket(s));
        expect_end(t);
        CHECK_IS(0, end_socket(t));
        CHECK_IS(0, closesocket(listener));
    }
}

/* ---- the other end learns of it ---- */

/* A thread that sleeps in recv for a ring gets what came by the kernel. */
static void a_blocked_recv_gets_what_nobody_announced(void **state)
{
    SOCKET s, t;
    end_t end, other;
    (void)state;
    tcp_pair(&s, &t);
    end = (end_t){s, flow_start(1), flow_start(2)};
    other = (end_t){t, flow_start(2), flow_start(1)};
    send_up_to(&end, 5000);
    recv_up_to(&other, 5000);
    send_up_to(&other, 5000);
    recv_up_to(&end, 5000);
    send_up_to(&end, 10000);
    recv_up_to(&other, 10000);
    early_pointer(&end);
    recv_up_to(&other, 10000 + 5 * PIECE);
    nt_write_piece(&end);
    CHECK(is_ready(t, 'r', 10000));
    recv_up_to(&other, 10000 + 6 * PIECE);
    send_up_to(&end, 50000);
    recv_up_to(&other, 50000);
    send_up_to(&other, 50000);
    recv_up_to(&end, 50000);
    close_both(s, t);
}

/* It never asks us, so all of it comes by the kernel. */
static void a_reader_that_only_goes_around_gets_all(void **state)
{
    SOCKET s, t;
    flow_t out = flow_start(1), in = flow_start(1);
    (void)state;
    tcp_pair(&s, &t);
    for (uint64_t step = 5000; step <= 50000; step += 5000) {
        flow_send(s, &out, 5000, 500);
        while (in.offset < step) {
            int got = early_recv(t, buffer, (int)(step - in.offset < PIECE ? step - in.offset : PIECE), 0);
            CHECK(got > 0);
            flow_check(&in, buffer, (size_t)got);
        }
    }
    close_both(s, t);
}

/* The very first bytes of a connection. */
static void first_bytes_that_nobody_announced_come_first(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        SOCKET s, t;
        tcp_pair(&s, &t);
        end_t end = {s, flow_start(1), flow_start(2)}, other = {t, flow_start(2), flow_start(1)};
        if (i & 1) {
            send_up_to(&other, 1000);
            recv_up_to(&end, 1000);
        }
        early_pointer(&end);
        send_up_to(&end, 5 * PIECE + 1000);
        recv_up_to(&other, 5 * PIECE + 1000);
        send_up_to(&end, 40000);
        recv_up_to(&other, 40000);
        close_both(s, t);
    }
}

static const role_t roles[] = {{"partner", partner_role}};

static const struct CMUnitTest tests[] = {
    CASE(amid_traffic_imported_send),
    CASE(amid_traffic_imported_recv),
    CASE(amid_traffic_looked_up_send),
    CASE(amid_traffic_looked_up_recv),
    CASE(amid_traffic_by_late_library),
    CASE(amid_traffic_by_delayed_import),
    CASE(amid_traffic_overlapped_send),
    CASE(amid_traffic_overlapped_recv),
    CASE(amid_traffic_recv_with_routine),
    CASE(amid_traffic_plain_calls),
    CASE(amid_traffic_poll_both_ways),
    CASE(amid_traffic_event_select),
    CASE(amid_traffic_ask_and_set),
    CASE(amid_traffic_duplicate_socket),
    CASE(amid_traffic_extension_function),
    CASE(amid_traffic_completion_port),
    CASE(amid_traffic_early_pointer),
    CASE(amid_traffic_nt_write_file),
    CASE(sockets_of_ws2_32_stay_its_own),
    CASE(a_blocked_recv_gets_what_nobody_announced),
    CASE(a_reader_that_only_goes_around_gets_all),
    CASE(first_bytes_that_nobody_announced_come_first),
};

HARNESS_MAIN(roles, tests)
