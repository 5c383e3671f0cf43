/* demote: while a checked stream runs, one of its ends does something that goes below or around send and recv.
 * The other end is a process that notices nothing: the bytes have to be the right ones in the right order, in
 * both directions. */
#include "message_window.h"
#include "wire.h"

enum {
    FIRST_LEG = 100 * 1024, /* sent by both ends before either reads */
    URGENT_LEG = 48 * 1024, /* the same before an urgent byte, which comes when TCP has room for all before it; sure of 64 KB */
    WHOLE = 400 * 1024,
    PIECE = 30000,
    LARGEST = 16384
};

enum { ACTOR_SENT = 10, PARTNER_SENT };

/* The actor's end of the stream. */
typedef struct end {
    SOCKET s;
    flow_t out, in;
    uint64_t leg;
} end_t;

static end_t end_make(SOCKET s, uint64_t out, uint64_t in, uint64_t leg)
{
    return (end_t){s, flow_start(out), flow_start(in), leg};
}

/* ---- deeds ---- */

static void send_urgent(end_t *end) { CHECK_IS(1, send(end->s, "!", 1, MSG_OOB)); }

static void select_asynchronously(end_t *end)
{
    HWND window = message_window();
    CHECK(window != NULL);
    CHECK_IS(0, WSAAsyncSelect(end->s, window, WM_USER, FD_READ | FD_WRITE | FD_CLOSE));
    CHECK_IS(0, WSAAsyncSelect(end->s, window, 0, 0));
    set_nonblocking(end->s, false);
    DestroyWindow(window);
}

static HANDLE temporary_file(void)
{
    char folder[MAX_PATH], path[MAX_PATH];
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "api", 0, path) != 0);
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

static void transmit_file(end_t *end)
{
    static char buffer[PIECE];
    char head[100], tail[200];
    DWORD written;
    TRANSMIT_FILE_BUFFERS around = { head, sizeof head, tail, sizeof tail };
    HANDLE file = temporary_file();
    flow_fill(&end->out, head, sizeof head);
    flow_fill(&end->out, buffer, sizeof buffer);
    flow_fill(&end->out, tail, sizeof tail);
    CHECK(WriteFile(file, buffer, sizeof buffer, &written, NULL) && written == sizeof buffer);
    CHECK_IS(0, SetFilePointer(file, 0, NULL, FILE_BEGIN));
    CHECK(TransmitFile(end->s, file, 0, 0, NULL, &around, 0));
    CloseHandle(file);
}

static void recv_ex(end_t *end)
{
    static char buffer[PIECE];
    for (int i = 0; i < 3; i++) {
        int flags = 0;
        int n = WSARecvEx(end->s, buffer, sizeof buffer, &flags);
        CHECK(n > 0);
        CHECK_IS(0, flags);
        flow_check(&end->in, buffer, (size_t)n);
    }
}

static void read_from(HANDLE handle, flow_t *in)
{
    static char buffer[2000];
    for (int i = 0; i < 3; i++) {
        DWORD n = 0;
        CHECK(ReadFile(handle, buffer, sizeof buffer, &n, NULL));
        CHECK(n > 0);
        flow_check(in, buffer, n);
    }
}

static void write_to(HANDLE handle, flow_t *out, size_t length)
{
    static char buffer[PIECE];
    DWORD n = 0;
    CHECK(length <= sizeof buffer);
    flow_fill(out, buffer, length);
    CHECK(WriteFile(handle, buffer, (DWORD)length, &n, NULL));
    CHECK_IS(length, n);
}

static void read_file(end_t *end) { read_from((HANDLE)end->s, &end->in); }

static void write_file(end_t *end) { write_to((HANDLE)end->s, &end->out, PIECE); }

static void alternate_send_and_write_file(end_t *end)
{
    for (int i = 0; i < 50; i++) {
        flow_send(end->s, &end->out, 100, 100);
        write_to((HANDLE)end->s, &end->out, 100);
    }
}

static HANDLE duplicate(SOCKET s)
{
    HANDLE copy = NULL, self = GetCurrentProcess();
    CHECK(DuplicateHandle(self, (HANDLE)s, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    return copy;
}

static void duplicate_and_close(end_t *end) { CHECK(CloseHandle(duplicate(end->s))); }

static void use_duplicate(end_t *end)
{
    HANDLE copy = duplicate(end->s);
    write_to(copy, &end->out, PIECE);
    read_from(copy, &end->in);
    flow_send(end->s, &end->out, 1000, 100);
    CHECK(CloseHandle(copy));
}

static void child_that_exits(end_t *end)
{
    (void)end;
    peer_t child = peer_start_inheriting("exit_at_once", " ");
    peer_join(&child);
}

static void exit_at_once_role(int argc, char **argv) { (void)argc, (void)argv; }

static void child_that_writes(end_t *end)
{
    peer_t child = peer_start_inheriting("write_inherited", "%lu %lu", (unsigned long)end->s,
                                         (unsigned long)end->out.offset);
    peer_join(&child);
    static char skipped[PIECE];
    flow_fill(&end->out, skipped, sizeof skipped);
}

static void write_inherited_role(int argc, char **argv)
{
    CHECK_IS(2, argc);
    flow_t out = flow_start(1);
    out.offset = strtoul(argv[1], NULL, 10);
    write_to((HANDLE)(uintptr_t)strtoul(argv[0], NULL, 10), &out, PIECE);
}

/* Left running over the rest of the traffic: its copy of the handle must not matter. */
static void child_that_stays(end_t *end)
{
    (void)end;
    peer_start_inheriting("stay", " ");
}

static void stay_role(int argc, char **argv)
{
    (void)argc, (void)argv;
    slot_await(ACTOR_SENT + 10);
}

static const struct {
    const char *name;
    void (*run)(end_t *end);
    bool works_unconnected;
} deeds[] = {
    { "urgent", send_urgent, false },
    { "async_select", select_asynchronously, true },
    { "transmit_file", transmit_file, false },
    { "recv_ex", recv_ex, false },
    { "read_file", read_file, false },
    { "write_file", write_file, false },
    { "alternate", alternate_send_and_write_file, false },
    { "duplicate", duplicate_and_close, true },
    { "use_duplicate", use_duplicate, false },
    { "child_exits", child_that_exits, true },
    { "child_writes", child_that_writes, false },
    { "child_stays", child_that_stays, true },
};

static size_t deed_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(deeds); i++) {
        if (strcmp(deeds[i].name, name) == 0)
            return i;
    }
    FAIL("no deed '%s'", name);
    return 0;
}

/* ---- the stream around the deed ---- */

/* Before connect; before any byte; amid bytes; twice amid bytes. */
typedef enum moment { FRESH, FIRST, MID, AGAIN } moment_t;

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

static void traffic(end_t *end, int sent, int other_sent, void (*deed)(end_t *end), moment_t moment)
{
    if (moment == FIRST)
        deed(end);
    send_up_to(end, end->leg);
    slot_post(sent, 0);
    slot_await(other_sent);
    if (moment == MID || moment == AGAIN)
        deed(end);
    recv_up_to(end, end->leg);
    send_up_to(end, end->leg * 2);
    recv_up_to(end, end->leg * 2);
    if (moment == AGAIN)
        deed(end);
    send_up_to(end, WHOLE);
    recv_up_to(end, WHOLE);
}

static void traffic_end(end_t *end)
{
    CHECK_IS(0, shutdown(end->s, 1));
    expect_end(end->s);
    CHECK_IS(0, closesocket(end->s));
}

static void take_urgent(end_t *end)
{
    char byte;
    CHECK(is_ready(end->s, 'x', 10000));
    CHECK_IS(1, recv(end->s, &byte, 1, MSG_OOB));
    CHECK_IS('!', byte);
}

/* An urgent byte has to be taken before the stream is read past it. */
static void partner(SOCKET s, bool urgent)
{
    end_t end = end_make(s, 2, 1, urgent ? URGENT_LEG : FIRST_LEG);
    traffic(&end, PARTNER_SENT, ACTOR_SENT, take_urgent, urgent ? MID : FRESH);
    traffic_end(&end);
}

static void actor(SOCKET s, size_t deed, moment_t moment)
{
    end_t end = end_make(s, 1, 2, deeds[deed].run == send_urgent ? URGENT_LEG : FIRST_LEG);
    traffic(&end, ACTOR_SENT, PARTNER_SENT, deeds[deed].run, moment);
    slot_post(ACTOR_SENT + 10, 0);
    traffic_end(&end);
}

/* ---- who is who ---- */

static void partner_role(int argc, char **argv)
{
    CHECK_IS(3, argc);
    partner(link_in_peer(argv), atoi(argv[2]) != 0);
}

static void actor_role(int argc, char **argv)
{
    CHECK_IS(4, argc);
    actor(link_in_peer(argv), deed_find(argv[2]), (moment_t)atoi(argv[3]));
}

static void run_actor_here(size_t deed, moment_t moment, link_way_t way)
{
    peer_t peer;
    SOCKET s = link_to_peer(&peer, way, "partner", "%d", deeds[deed].run == send_urgent);
    actor(s, deed, moment);
    peer_join(&peer);
    slots_renew();
}

static void run_actor_there(size_t deed, moment_t moment, link_way_t way)
{
    peer_t peer;
    SOCKET s = link_to_peer(&peer, way, "actor", "%s %d", deeds[deed].name, moment);
    partner(s, deeds[deed].run == send_urgent);
    peer_join(&peer);
    slots_renew();
}

/* Every moment with each end as the one that dialled. */
static void run_deed(const char *name)
{
    size_t deed = deed_find(name);
    run_actor_here(deed, FIRST, PEER_CONNECTS);
    run_actor_here(deed, MID, PEER_LISTENS);
    if (deeds[deed].run != send_urgent) /* a second urgent byte would push the first, unread one into the stream */
        run_actor_here(deed, AGAIN, PEER_CONNECTS);
    run_actor_there(deed, FIRST, PEER_CONNECTS);
    run_actor_there(deed, MID, PEER_LISTENS);
}

/* ---- before connect ---- */

static void connect_after(end_t *end, unsigned short port)
{
    struct sockaddr_in address = loopback(port);
    CHECK_IS(0, connect(end->s, (struct sockaddr *)&address, sizeof address));
}

static void run_fresh(size_t deed)
{
    end_t end = end_make(tcp_socket(), 1, 2, FIRST_LEG);
    deeds[deed].run(&end);
    peer_t peer = peer_start("partner", "listen %d 0", LINK_SLOT);
    connect_after(&end, (unsigned short)slot_await(LINK_SLOT));
    actor(end.s, deed, FRESH);
    peer_join(&peer);
    slots_renew();
}

static void deeds_before_connect(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(deeds); i++) {
        if (deeds[i].works_unconnected)
            run_fresh(i);
    }
}

/* The listener's state passes to what it accepts. */
static void deeds_on_the_listener(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(deeds); i++) {
        unsigned short port;
        if (!deeds[i].works_unconnected)
            continue;
        end_t listening = end_make(tcp_listen(&port), 1, 2, FIRST_LEG);
        deeds[i].run(&listening);
        peer_t peer = peer_start("partner", "connect %u 0", port);
        actor(tcp_accept(listening.s), i, FRESH);
        peer_join(&peer);
        CHECK_IS(0, closesocket(listening.s));
        slots_renew();
    }
}

/* ---- closing by handle ---- */

static void close_handle_ends_the_stream(void **state)
{
    SOCKET s, t;
    char text[8];
    (void)state;
    tcp_pair(&s, &t);
    send_all(s, "close me", 8);
    CHECK(CloseHandle((HANDLE)s));
    recv_all(t, text, 8);
    CHECK(memcmp(text, "close me", 8) == 0);
    expect_end(t);
    CHECK_IS(0, closesocket(t));
}

static void close_handle_role(int argc, char **argv)
{
    CHECK_IS(2, argc);
    end_t end = end_make(link_in_peer(argv), 1, 2, FIRST_LEG);
    recv_up_to(&end, FIRST_LEG);
    send_up_to(&end, WHOLE);
    CHECK(CloseHandle((HANDLE)end.s));
    slot_await(PARTNER_SENT);
}

static void close_handle_of_a_busy_stream(void **state)
{
    (void)state;
    for (int way = PEER_CONNECTS; way <= PEER_LISTENS; way++) {
        peer_t peer;
        end_t end = end_make(link_to_peer(&peer, (link_way_t)way, "close_handle", " "), 2, 1, FIRST_LEG);
        send_up_to(&end, FIRST_LEG);
        recv_up_to(&end, WHOLE);
        expect_end(end.s);
        slot_post(PARTNER_SENT, 0);
        CHECK_IS(0, closesocket(end.s));
        peer_join(&peer);
        slots_renew();
    }
}

/* The connection lives as long as its last handle. */
static void duplicate_keeps_the_stream_open(void **state)
{
    SOCKET s, t;
    flow_t out = flow_start(1), in = flow_start(1);
    (void)state;
    tcp_pair(&s, &t);
    flow_send(s, &out, 5000, 1000);
    HANDLE copy = duplicate(s);
    CHECK_IS(0, closesocket(s));
    write_to(copy, &out, 5000);
    flow_recv(t, &in, 10000, 1000);
    CHECK(!is_ready(t, 'r', 0));
    CHECK(CloseHandle(copy));
    expect_end(t);
    CHECK_IS(0, closesocket(t));
}

static void hand_over_role(int argc, char **argv)
{
    CHECK_IS(2, argc);
    end_t end = end_make(link_in_peer(argv), 1, 2, FIRST_LEG);
    send_up_to(&end, FIRST_LEG);
    peer_t child = peer_start_inheriting("write_inherited", "%lu %lu", (unsigned long)end.s,
                                         (unsigned long)end.out.offset);
    CHECK_IS(0, closesocket(end.s));
    peer_join(&child);
}

/* As servers do: start a program with the socket as its output and close the own handle. */
static void child_takes_over_the_stream(void **state)
{
    peer_t peer;
    (void)state;
    end_t end = end_make(link_to_peer(&peer, PEER_CONNECTS, "hand_over", " "), 2, 1, FIRST_LEG);
    recv_up_to(&end, FIRST_LEG + PIECE);
    expect_end(end.s);
    CHECK_IS(0, closesocket(end.s));
    peer_join(&peer);
}

#define DEED_CASE(deed) \
    static void amid_traffic_##deed(void **state) \
    { \
        (void)state; \
        run_deed(#deed); \
    }

DEED_CASE(urgent)
DEED_CASE(async_select)
DEED_CASE(transmit_file)
DEED_CASE(recv_ex)
DEED_CASE(read_file)
DEED_CASE(write_file)
DEED_CASE(alternate)
DEED_CASE(duplicate)
DEED_CASE(use_duplicate)
DEED_CASE(child_exits)
DEED_CASE(child_writes)
DEED_CASE(child_stays)

static const role_t roles[] = {
    { "partner", partner_role },
    { "actor", actor_role },
    { "exit_at_once", exit_at_once_role },
    { "write_inherited", write_inherited_role },
    { "stay", stay_role },
    { "close_handle", close_handle_role },
    { "hand_over", hand_over_role },
};

static const struct CMUnitTest tests[] = {
    CASE(amid_traffic_urgent),
    CASE(amid_traffic_async_select),
    CASE(amid_traffic_transmit_file),
    CASE(amid_traffic_recv_ex),
    CASE(amid_traffic_read_file),
    CASE(amid_traffic_write_file),
    CASE(amid_traffic_alternate),
    CASE(amid_traffic_duplicate),
    CASE(amid_traffic_use_duplicate),
    CASE(amid_traffic_child_exits),
    CASE(amid_traffic_child_writes),
    CASE(amid_traffic_child_stays),
    CASE(deeds_before_connect),
    CASE(deeds_on_the_listener),
    CASE(close_handle_ends_the_stream),
    CASE(close_handle_of_a_busy_stream),
    CASE(duplicate_keeps_the_stream_open),
    CASE(child_takes_over_the_stream),
};

HARNESS_MAIN(roles, tests)
