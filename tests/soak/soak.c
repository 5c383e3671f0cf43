/* soak: much at once and for long: thousands of open streams, tens of thousands of connections, and mixed traffic with
 * changes of carrier, half-closes, resets and killed processes.  All bytes are checked, and what the process holds
 * afterwards is what it held before.
 * Environment: SOAK_STREAMS (512), SOAK_CYCLES (2000), SOAK_SECONDS (40): how much; tools/soak.sh asks for more. */
#include "../api/wire.h"

#include <vmmc_sockets.h>

enum {
    CROWDS = 4, /* client processes of the open streams */
    ROUNDS = 12, /* whose meeting found no room has the next tries at its calls 2, 6 and 14 */
    WORKERS = 6,
    LEGS_MOST = 12,
    PIECE = 16384,
    LEG_MOST = 300000,
    KILL_EVERY_MS = 4000,
    HANDLES_MORE = 8,         /* what a process may come to hold once, as pooled events */
    MAPPED_MORE = 32 << 20,   /* likewise rings, which are kept for reuse */
    PORT_SLOT = 10,
    ORPHAN_MS = 10000,        /* Wine's server may keep the sockets of a process that was killed: they never end; by then
                                 the next partner has been killed too */
    LEVEL_SLOT = 120          /* one for each crowd: streams that were user-level */
};

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)atoi(text) : otherwise;
}

/* ---- what a process holds ---- */

typedef struct holdings {
    DWORD handles;
    size_t mapped;
} holdings_t;

static holdings_t holdings(void)
{
    holdings_t held = {0};
    MEMORY_BASIC_INFORMATION region;
    CHECK(GetProcessHandleCount(GetCurrentProcess(), &held.handles));
    for (uint8_t *at = NULL; VirtualQuery(at, &region, sizeof region); at = (uint8_t *)region.BaseAddress + region.RegionSize) {
        if (region.State == MEM_COMMIT && region.Type == MEM_MAPPED)
            held.mapped += region.RegionSize;
    }
    return held;
}

/* Deaths and closes are noticed a moment later. */
static void check_holdings(holdings_t before)
{
    holdings_t now = holdings();
    for (int look = 0; look < 300; look++) {
        if (now.handles <= before.handles + HANDLES_MORE && now.mapped <= before.mapped + MAPPED_MORE)
            return;
        Sleep(20);
        now = holdings();
    }
    FAIL("holds %lu handles and %lu KB of sections, before %lu and %lu", now.handles, (unsigned long)(now.mapped >> 10),
         before.handles, (unsigned long)(before.mapped >> 10));
}

static bool is_user_level(SOCKET s)
{
    vmmc_ask_t ask = {.size = sizeof ask};
    const uint32_t both = VMMC_SENDS_BY_RING | VMMC_RECEIVES_BY_RING;
    return ioctlsocket(s, VMMC_IO_ASK, (u_long *)&ask) == 0 && (ask.ways & both) == both;
}

/* ---- many open streams: one server that selects over all, clients in several processes ---- */

typedef struct record {
    uint32_t stream, round;
} record_t;

static void role_crowd(int argc, char **argv)
{
    unsigned short port = (unsigned short)atoi(argv[0]);
    unsigned count = (unsigned)atoi(argv[1]), level = 0;
    SOCKET *streams = malloc(count * sizeof *streams);
    (void)argc;
    CHECK(streams != NULL);
    for (unsigned i = 0; i < count; i++)
        streams[i] = tcp_connect(port);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < count; i++) {
            record_t out = {i, round};
            send_all(streams[i], &out, sizeof out);
        }
        for (uint32_t i = 0; i < count; i++) {
            record_t in;
            recv_all(streams[i], &in, sizeof in);
            CHECK(in.stream == i && in.round == round);
        }
    }
    for (unsigned i = 0; i < count; i++)
        level += is_user_level(streams[i]);
    slot_post(LEVEL_SLOT + atoi(argv[2]), (long)level);
    for (unsigned i = 0; i < count; i++)
        closesocket(streams[i]);
    free(streams);
}

static void leave_set(fd_set *set, SOCKET s)
{
    FD_CLR(s, set);
    closesocket(s);
}

/* Serves until all have come and gone. */
static void serve_crowd(SOCKET listener, unsigned total)
{
    static fd_set all, ready;
    unsigned come = 0, gone = 0;
    FD_ZERO(&all);
    FD_SET(listener, &all);
    while (gone < total) {
        ready = all;
        CHECK(select(0, &ready, NULL, NULL, NULL) > 0);
        for (u_int i = 0; i < ready.fd_count; i++) {
            SOCKET s = ready.fd_array[i];
            record_t record;
            if (s == listener) {
                all.fd_array[all.fd_count++] = tcp_accept(listener); /* FD_SET would look through all of them */
                come++;
                continue;
            }
            int got = recv(s, (char *)&record, sizeof record, MSG_PEEK);
            CHECK(got >= 0);
            if (got == 0) {
                leave_set(&all, s);
                gone++;
            } else if (got == sizeof record) {
                recv_all(s, &record, sizeof record);
                send_all(s, &record, sizeof record);
            }
        }
    }
    CHECK_IS(total, come);
}

static void thousands_of_streams_are_open_at_once(void **state)
{
    unsigned each = setting("SOAK_STREAMS", 512) / CROWDS;
    unsigned short port;
    peer_t crowds[CROWDS];
    (void)state;
    SOCKET listener = tcp_listen(&port);
    CHECK_IS(0, listen(listener, SOMAXCONN));
    holdings_t before = holdings();
    for (int i = 0; i < CROWDS; i++)
        crowds[i] = peer_start("crowd", "%u %u %d", port, each, i);
    serve_crowd(listener, CROWDS * each);
    for (int i = 0; i < CROWDS; i++) {
        peer_join(&crowds[i]);
        CHECK_IS(each, slot_get(LEVEL_SLOT + i));
    }
    closesocket(listener);
    check_holdings(before);
}

/* ---- many connections, one after the other ---- */

static void role_answer(int argc, char **argv)
{
    unsigned short port;
    SOCKET listener = tcp_listen(&port);
    (void)argc;
    slot_post(PORT_SLOT, port);
    for (int left = atoi(argv[0]); left; left--) {
        SOCKET s = tcp_accept(listener);
        uint32_t number;
        while (recv(s, (char *)&number, sizeof number, 0) == sizeof number)
            send_all(s, &number, sizeof number);
        closesocket(s);
    }
    closesocket(listener);
}

static void connections_come_and_go(void **state)
{
    unsigned cycles = setting("SOAK_CYCLES", 2000);
    peer_t peer = peer_start("answer", "%u", cycles);
    unsigned short port = (unsigned short)slot_await(PORT_SLOT);
    holdings_t before = {0};
    (void)state;
    for (unsigned i = 0; i < cycles; i++) {
        SOCKET s = tcp_connect(port);
        for (uint32_t number = i; number < i + 3; number++) {
            uint32_t back;
            send_all(s, &number, sizeof number);
            recv_all(s, &back, sizeof back);
            CHECK_IS(number, back);
        }
        closesocket(s);
        if (i == cycles / 10)
            before = holdings();
    }
    check_holdings(before);
    peer_join(&peer);
}

/* ---- mixed traffic ---- */

/* How a connection ends: by whom and in what manner. */
typedef enum ending { HALF_CLOSE, CLOSE, HARD_RESET, ENDINGS } ending_t;

typedef struct script {
    uint64_t random;
    flow_t flow[2]; /* [0]: from the connecting end */
} script_t;

/* Both ends know the seed, and so who does what when. */
static script_t script_of(uint32_t seed)
{
    return (script_t){harness_seed(seed), {flow_start(seed + 1000000000ull), flow_start(seed + 2000000000ull)}};
}

static bool send_leg(SOCKET s, flow_t *flow, uint32_t length)
{
    char piece[PIECE];
    while (length) {
        int part = (int)(length < PIECE ? length : PIECE), sent = 0;
        flow_fill(flow, piece, (size_t)part);
        while (sent < part) {
            int now = send(s, piece + sent, part - sent, 0);
            if (now <= 0)
                return false;
            sent += now;
        }
        length -= (uint32_t)part;
    }
    return true;
}

static bool recv_leg(SOCKET s, flow_t *flow, uint32_t length)
{
    char piece[PIECE];
    while (length) {
        int got = recv(s, piece, (int)(length < PIECE ? length : PIECE), 0);
        if (got <= 0)
            return false;
        flow_check(flow, piece, (size_t)got);
        length -= (uint32_t)got;
    }
    return true;
}

static void change_carrier(SOCKET s)
{
    HANDLE copy;
    CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)s, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CloseHandle(copy);
}

/* NULL; or what was lost. */
static const char *play_end(SOCKET s, script_t *script, int side)
{
    ending_t ending = (ending_t)random_below(&script->random, ENDINGS);
    int actor = (int)random_below(&script->random, 2);
    char byte;
    if (ending == HALF_CLOSE) {
        shutdown(s, 1);
        return recv(s, &byte, 1, 0) == 0 ? NULL : "the end after a half-close";
    }
    /* A hard end throws away what is under way: of all that was said before, nothing is. */
    if (side != actor)
        return send(s, ".", 1, 0) == 1 && recv(s, &byte, 1, 0) <= 0 ? NULL : "the end";
    if (recv(s, &byte, 1, 0) != 1)
        return "the word before the end";
    struct linger hard = {1, 0};
    if (ending == HARD_RESET)
        setsockopt(s, SOL_SOCKET, SO_LINGER, (const char *)&hard, sizeof hard);
    return NULL;
}

static const char *play_legs(SOCKET s, script_t *script, int side)
{
    for (uint32_t leg = random_below(&script->random, LEGS_MOST); leg; leg--) {
        int from = (int)random_below(&script->random, 2), mover = (int)random_below(&script->random, 20);
        uint32_t length = 1 + random_below(&script->random, random_below(&script->random, 4) ? 3000 : LEG_MOST);
        if (mover == side)
            change_carrier(s);
        if (from == side && !send_leg(s, &script->flow[from], length))
            return "bytes that were to be sent";
        if (from != side && !recv_leg(s, &script->flow[from], length))
            return "bytes that were to be received";
    }
    return NULL;
}

/* What was lost on the way, which only a killed partner explains; or NULL. */
static const char *play(SOCKET s, uint32_t seed, int side)
{
    script_t script = script_of(seed);
    const char *lost = play_legs(s, &script, side);
    if (!lost)
        lost = play_end(s, &script, side);
    DWORD error = GetLastError();
    closesocket(s);
    SetLastError(error);
    return lost;
}

/* The partner plays whatever connects to it, each in a thread of its own, until it is killed. */
static void play_accepted(void *context)
{
    SOCKET s = (SOCKET)(uintptr_t)context;
    uint32_t seed;
    recv_all(s, &seed, sizeof seed);
    play(s, seed, 1);
}

static void role_partner(int argc, char **argv)
{
    unsigned short port;
    SOCKET listener = tcp_listen(&port);
    static worker_t workers[WORKERS * 4];
    (void)argc;
    slot_post(atoi(argv[0]), port);
    for (unsigned next = 0;; next = (next + 1) % ARRAY_SIZE(workers)) {
        SOCKET s = tcp_accept(listener);
        worker_t *worker = &workers[next];
        if (worker->thread)
            worker_join(worker);
        worker_start(worker, play_accepted, (void *)(uintptr_t)s);
    }
}

static struct {
    volatile LONG port, starts, connections, losses, stop;
} mixed;

/* What was lost while the partner lived was lost by us. */
static void play_connections(void *context)
{
    uint64_t random = harness_seed((uintptr_t)context);
    while (!mixed.stop) {
        LONG starts = mixed.starts;
        struct sockaddr_in name = loopback((unsigned short)mixed.port);
        SOCKET s = tcp_socket();
        DWORD patience = ORPHAN_MS;
        setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, (const char *)&patience, sizeof patience);
        setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, (const char *)&patience, sizeof patience);
        uint32_t seed = random_below(&random, UINT32_MAX);
        const char *lost = "the connection itself";
        if (connect(s, (struct sockaddr *)&name, sizeof name) == 0 &&
            send(s, (const char *)&seed, sizeof seed, 0) == sizeof seed)
            lost = play(s, seed, 0);
        else
            closesocket(s);
        InterlockedIncrement(lost ? &mixed.losses : &mixed.connections);
        if (lost && mixed.starts == starts && !(starts & 1))
            FAIL("seed %u: %s was lost, although the partner lives", seed, lost);
    }
}

/* `starts` is odd while there is no partner. */
static peer_t start_partner(void)
{
    slots_renew();
    peer_t partner = peer_start("partner", "%d", PORT_SLOT);
    mixed.port = slot_await(PORT_SLOT);
    InterlockedIncrement(&mixed.starts);
    return partner;
}

static void stop_partner(peer_t *partner)
{
    InterlockedIncrement(&mixed.starts);
    peer_kill(partner);
}

static void mixed_traffic_goes_on_for_long(void **state)
{
    DWORD until = GetTickCount() + setting("SOAK_SECONDS", 40) * 1000, quarter = 0;
    worker_t workers[WORKERS];
    holdings_t before = {0};
    (void)state;
    mixed.starts = 1;
    peer_t partner = start_partner();
    for (uintptr_t i = 0; i < WORKERS; i++)
        worker_start(&workers[i], play_connections, (void *)(i + 1));
    while ((LONG)(GetTickCount() - until) < 0) {
        Sleep(setting("SOAK_KILL_MS", KILL_EVERY_MS));
        stop_partner(&partner);
        partner = start_partner();
        if (++quarter == 2)
            before = holdings();
    }
    mixed.stop = 1;
    for (int i = 0; i < WORKERS; i++)
        worker_join(&workers[i]);
    print_message("%ld connections were played, %ld lost by %ld kills\n", mixed.connections, mixed.losses,
                  mixed.starts / 2);
    CHECK(mixed.connections > 0);
    check_holdings(before);
    peer_kill(&partner);
}

static const role_t roles[] = {
    {"crowd", role_crowd},
    {"answer", role_answer},
    {"partner", role_partner},
};

static const struct CMUnitTest tests[] = {
    CASE(thousands_of_streams_are_open_at_once),
    CASE(connections_come_and_go),
    CASE(mixed_traffic_goes_on_for_long),
};

HARNESS_MAIN(roles, tests)
