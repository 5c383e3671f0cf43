/* vandal: a process writes anything into the memory that it shares with another one, while bytes move.
 *
 * Three processes: the vandal, its victim, and an honest one (this program) that has a connection with the victim, too.  The
 * connections between vandal and victim may be reset, early or late, and carry nonsense.  But no call there takes longer
 * than it may, returns more than was asked for or touches a byte outside of its buffer, neither process crashes, and the honest
 * connection stays exact.  A victim trusts nobody any more after the first reset, so each round has processes of its own.
 *
 * API_VANDAL_SECONDS: how long (default 12); with more than 20, set API_SECONDS to more than that, too. */
#include "wire.h"

#include "shm_layout.h"

#include <vmmc_sockets.h>

enum { CONNECTIONS = 8, PINGS = 10, LARGEST = 20000, FENCE = 64, ROUND_MS = 900, CALL_MS = 10000, WAIT_MS = 50 };
enum { HONEST_PORT = 1, VICTIM_PORT, VANDAL_DONE };
enum { SEND_TIMEOUT = 0x1005, RECEIVE_TIMEOUT = 0x1006, CALLS_BEFORE_VANDALISM = 20 };

/* ---- calls on a connection where anything may happen ---- */

typedef struct troubled {
    SOCKET socket;
    uint64_t random;
    char *buffer; /* LARGEST, and behind it the fence */
    volatile LONG calls;
    DWORD began;
    bool over;
    worker_t worker;
} troubled_t;

static int begin(troubled_t *at)
{
    memset(at->buffer + LARGEST, 0x5a, FENCE);
    at->began = GetTickCount();
    return 1 + (int)random_below(&at->random, random_below(&at->random, 2) ? LARGEST : 50);
}

/* The call ended in time, within its bounds; and is the connection still there? */
static void check(troubled_t *at, int result, int most)
{
    int error = WSAGetLastError();
    CHECK(GetTickCount() - at->began < CALL_MS);
    CHECK(result >= SOCKET_ERROR && result <= most);
    for (int i = 0; i < FENCE; i++)
        CHECK(at->buffer[LARGEST + i] == 0x5a);
    at->over = result == SOCKET_ERROR && (error == WSAECONNRESET || error == WSAECONNABORTED || error == WSAENOTCONN);
    at->calls++;
}

static void call_send(troubled_t *at)
{
    int count = begin(at);
    check(at, send(at->socket, at->buffer + LARGEST - count, count, random_below(&at->random, 16) ? 0 : MSG_OOB), count);
}

static void call_recv(troubled_t *at)
{
    static const int flags[] = {0, 0, 0, 0, 0, MSG_PEEK, MSG_PEEK, MSG_OOB};
    int count = begin(at), how = flags[random_below(&at->random, ARRAY_SIZE(flags))];
    int got = recv(at->socket, at->buffer + LARGEST - count, how == MSG_OOB ? 1 : count, how);
    check(at, got, how == MSG_OOB ? 1 : count);
    at->over |= got == 0;
}

static void call_ioctl(troubled_t *at)
{
    u_long answer = 0;
    begin(at);
    int result = ioctlsocket(at->socket, random_below(&at->random, 4) ? FIONREAD : SIOCATMARK, &answer);
    check(at, result, 0);
    CHECK(result != 0 || answer <= (16u << 20));
}

static void call_select(troubled_t *at)
{
    fd_set read, write, except;
    struct timeval wait = {0, (long)random_below(&at->random, 3) * 1000};
    begin(at);
    FD_ZERO(&read);
    FD_SET(at->socket, &read);
    write = except = read;
    check(at, select(0, &read, random_below(&at->random, 2) ? &write : NULL, &except, &wait), 3);
}

static void touch(const vmmc_view_t *view, uint32_t most)
{
    CHECK(view->count <= most && view->spans[0].count + view->spans[1].count == view->count);
    for (int i = 0; i < 2; i++) {
        volatile char *bytes = view->spans[i].bytes;
        for (uint32_t at = 0; at < view->spans[i].count; at++)
            bytes[at] = (char)(bytes[at] + 1);
    }
}

static void call_view(troubled_t *at, long lend, long end)
{
    uint32_t count = (uint32_t)begin(at);
    vmmc_view_t view = {.size = sizeof view, .count = count};
    int result = ioctlsocket(at->socket, lend, (u_long *)&view);
    check(at, result, 0);
    if (result != 0 || view.count == 0)
        return;
    touch(&view, count);
    uint32_t most = view.count;
    view.count = random_below(&at->random, most + 1);
    check(at, ioctlsocket(at->socket, end, (u_long *)&view), 0);
    CHECK(view.count <= most);
}

static void endure(void *context)
{
    troubled_t *at = context;
    DWORD until = GetTickCount() + 3 * ROUND_MS;
    while (!at->over && (int)(until - GetTickCount()) > 0) {
        switch (random_below(&at->random, 8)) {
        case 0: case 1: case 2:
            call_send(at);
            break;
        case 3: case 4: case 5:
            call_recv(at);
            break;
        case 6:
            random_below(&at->random, 2) ? call_ioctl(at) : call_select(at);
            break;
        default:
            random_below(&at->random, 2) ? call_view(at, VMMC_IO_RESERVE, VMMC_IO_COMMIT)
                                         : call_view(at, VMMC_IO_BORROW, VMMC_IO_RELEASE);
        }
    }
    begin(at);
    closesocket(at->socket);
    check(at, 0, 0);
    free(at->buffer);
}

/* Once bytes have gone to and fro the connection is user-level, where it can be. */
static void start_trouble(troubled_t *at, SOCKET s, int number, bool first)
{
    int wait = WAIT_MS;
    char byte = 1;
    for (int i = 0; i < 2 * PINGS; i++)
        (i % 2 == 0) == first ? send_all(s, &byte, 1) : recv_all(s, &byte, 1);
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, SEND_TIMEOUT, (char *)&wait, sizeof wait));
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, RECEIVE_TIMEOUT, (char *)&wait, sizeof wait));
    *at = (troubled_t){.socket = s, .random = harness_seed((uint64_t)number * 2 + first), .buffer = calloc(1, LARGEST + FENCE)};
    CHECK(at->buffer != NULL);
}

/* ---- the victim ---- */

typedef struct honest {
    SOCKET socket;
    volatile LONG stop;
    worker_t worker;
} honest_t;

static void stay_exact(void *context)
{
    honest_t *honest = context;
    flow_t out = flow_start(1), in = flow_start(1);
    while (!honest->stop) {
        flow_send(honest->socket, &out, 5000, 3000);
        flow_recv(honest->socket, &in, 5000, 3000);
    }
}

static void victim_role(int argc, char **argv)
{
    static troubled_t troubled[CONNECTIONS];
    static honest_t honest;
    unsigned short port;
    (void)argc;
    int round = atoi(argv[0]);
    honest.socket = tcp_connect((unsigned short)slot_await(HONEST_PORT));
    worker_start(&honest.worker, stay_exact, &honest);
    SOCKET listener = tcp_listen(&port);
    slot_post(VICTIM_PORT, port);
    for (int i = 0; i < CONNECTIONS; i++)
        start_trouble(&troubled[i], tcp_accept(listener), round * CONNECTIONS + i, false);
    for (int i = 0; i < CONNECTIONS; i++)
        worker_start(&troubled[i].worker, endure, &troubled[i]);
    for (int i = 0; i < CONNECTIONS; i++)
        worker_join(&troubled[i].worker);
    slot_await(VANDAL_DONE); /* its memory goes with us */
    honest.stop = 1;
    worker_join(&honest.worker);
    CHECK_IS(0, shutdown(honest.socket, 1));
    expect_end(honest.socket);
    close_both(honest.socket, listener);
}

/* ---- the vandal ---- */

enum { MOST_SECTIONS = 16 };

typedef struct sections {
    arena_shm_t *arenas[MOST_SECTIONS];
    waiter_page_shm_t *pages[MOST_SECTIONS];
    unsigned arena_count, page_count;
} sections_t;

/* Of everybody's objects only the rendezvous table is spared: other programs of this user are in there, too. */
static void find_sections(sections_t *found)
{
    MEMORY_BASIC_INFORMATION info;
    memset(found, 0, sizeof *found);
    for (char *at = NULL; VirtualQuery(at, &info, sizeof info) == sizeof info; at = (char *)info.BaseAddress + info.RegionSize) {
        if (info.State != MEM_COMMIT || info.Type != MEM_MAPPED || info.Protect != PAGE_READWRITE)
            continue;
        uint32_t magic = *(volatile uint32_t *)info.BaseAddress;
        if (magic == ARENA_MAGIC && info.RegionSize >= sizeof(arena_shm_t) && found->arena_count < MOST_SECTIONS)
            found->arenas[found->arena_count++] = info.BaseAddress;
        if (magic == WAITER_MAGIC && info.RegionSize >= sizeof(waiter_page_shm_t) && found->page_count < MOST_SECTIONS)
            found->pages[found->page_count++] = info.BaseAddress;
    }
}

static word_t *word_in(void *memory, size_t size, uint64_t *random)
{
    return (word_t *)memory + random_below(random, (uint32_t)(size / sizeof(word_t)));
}

/* Mostly the words of the connection whose turn it is, or all would have been reset at once. */
static word_t *pick_word(sections_t *found, unsigned turn, uint64_t *random)
{
    arena_shm_t *arena = found->arenas[random_below(random, found->arena_count)];
    mailbox_shm_t *box = &arena->mailboxes[2 * turn + random_below(random, 2)];
    uint32_t what = random_below(random, 100);
    if (what < 60)
        return word_in(box->body, sizeof(stream_shm_t), random);
    if (what < 65)
        return word_in(&box->use, 3 * sizeof(word_t), random);
    if (what < 70)
        return word_in(arena->exports[random_below(random, 2)], 40 * sizeof(export_shm_t), random);
    if (what < 78)
        return word_in(arena->lending, sizeof arena->lending, random);
    if (what < 88)
        return word_in(arena->heap, sizeof arena->heap, random);
    if (what < 98 || found->page_count == 0)
        return word_in(arena, sizeof *arena, random);
    return word_in(found->pages[random_below(random, found->page_count)], 20 * sizeof(waiter_shm_t), random);
}

static uint32_t pick_value(uint32_t now, uint64_t *random)
{
    static const uint32_t wild[] = {0, 1, 2, 3, 4, 8, 16, 63, 64, 127, 4096, 65536, 0x10001, 0x30001, 0x7fffffff,
                                    0x80000000, UINT32_MAX - 4096, UINT32_MAX};
    switch (random_below(random, 4)) {
    case 0:
        return wild[random_below(random, ARRAY_SIZE(wild))];
    case 1:
        return now ^ 1u << random_below(random, 32);
    case 2:
        return random_below(random, 65536) << 16 | random_below(random, 65536);
    default:
        return now + random_below(random, 20000) - 10000;
    }
}

static void vandalise(uint64_t seed)
{
    sections_t found;
    uint64_t random = seed;
    DWORD began = GetTickCount(), now;
    find_sections(&found);
    CHECK(found.arena_count > 0);
    while ((now = GetTickCount()) - began < ROUND_MS) {
        word_t *word = pick_word(&found, (now - began) * CONNECTIONS / ROUND_MS, &random);
        store_release(word, pick_value(load_relaxed(word), &random));
        if (random_below(&random, 8) == 0)
            Sleep(random_below(&random, 2));
    }
}

static void vandal_role(int argc, char **argv)
{
    static troubled_t troubled[CONNECTIONS];
    (void)argc;
    int round = atoi(argv[0]);
    unsigned short port = (unsigned short)slot_await(VICTIM_PORT);
    for (int i = 0; i < CONNECTIONS; i++)
        start_trouble(&troubled[i], tcp_connect(port), 1000000 + round * CONNECTIONS + i, true);
    for (int i = 0; i < CONNECTIONS; i++)
        worker_start(&troubled[i].worker, endure, &troubled[i]);
    while (troubled[CONNECTIONS - 1].calls < CALLS_BEFORE_VANDALISM && !troubled[CONNECTIONS - 1].over)
        Sleep(1);
    vandalise(harness_seed((uint64_t)round));
    for (int i = 0; i < CONNECTIONS; i++)
        worker_join(&troubled[i].worker);
}

/* ---- the rounds ---- */

/* It ruins its own process too, which may end it anywhere. */
static void outlive_vandal(void *context)
{
    peer_reap(context);
    slot_post(VANDAL_DONE, 0);
}

static void run_round(int round)
{
    unsigned short port;
    worker_t watcher;
    peer_t victim = peer_start_inheriting("victim", "%d", round); /* always of this program's width */
    peer_t vandal = peer_start("vandal", "%d", round);
    worker_start(&watcher, outlive_vandal, &vandal);
    SOCKET listener = tcp_listen(&port);
    slot_post(HONEST_PORT, port);
    echo_until_end(tcp_accept(listener));
    CHECK_IS(0, closesocket(listener));
    worker_join(&watcher);
    peer_join(&victim);
}

static void a_vandal_harms_nobody_else(void **state)
{
    const char *seconds = getenv("API_VANDAL_SECONDS"), *seed = getenv("API_SEED");
    DWORD began = GetTickCount(), most = 1000u * (seconds ? (DWORD)atoi(seconds) : 12);
    int round = 0;
    (void)state;
    for (; GetTickCount() - began < most; round++) {
        if (round)
            slots_renew();
        run_round(round);
    }
    printf("seed %s: %d rounds\n", seed ? seed : "1", round);
}

int main(int argc, char **argv)
{
    static const role_t roles[] = {{"victim", victim_role}, {"vandal", vandal_role}};
    const struct CMUnitTest tests[] = {CASE(a_vandal_harms_nobody_else)};
    return harness_main(argc, argv, roles, ARRAY_SIZE(roles), tests, ARRAY_SIZE(tests));
}
