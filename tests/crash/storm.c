/* storm: under Wine, with the whole DLL, a victim ends while up to 50 checked streams are busy between it and the
 * survivor, at points between stores (kill_points.h) or at random moments; the survivor is checked.
 * Environment: CRASH_SEED, CRASH_SECONDS (each of the two storms, default 25), CRASH_KILLS (of each, default: any number).
 *
 * The test itself is the survivor, and outlives all victims; a third process has streams with it all the time. */
#include "kill_table.h"
#include "lines.h"
#include "linux_calls.h"

#include "os.h"
#include "shm_layout.h"

#include <limits.h>
#include <vmmc_sockets.h>

enum how { NOT_AT_ALL, AT_POINT, BY_ITSELF, BY_SIGNAL, FROM_OUTSIDE };
enum { VICTIM_SENDS = 1, SURVIVOR_SENDS = 2 };
enum { THIRD_LINES = 4, NOTICE_US = 1000000, WARM = 4, SETTLE_MS = 3000, SWEEP_MS = 300, UNDEAD_MS = 3000, REAP_MS = 30000 };

/* What the victim and the survivor share; the table comes first, since the DLL looks for it there. */
typedef struct storm_board {
    kill_table_t table;
    volatile LONG committed[LINES];
    volatile LONG listening; /* the victim's port */
    volatile LONG number;    /* and its number in /proc; 0: there is none */
} storm_board_t;

typedef struct plan {
    unsigned number, count, directions, traits;
    bool victim_connects;
    enum how how;
    unsigned delay_us;
    int entry;
    unsigned phase, hit;
} plan_t;

static struct {
    storm_board_t *board;
    uint64_t random;
    SOCKET listener;
    unsigned short port, victim_port;
    unsigned runs, kills, missed, faults, late, by_kernel, streams, unswept, kept, undead, stranded;
    unsigned combinations[2][4][6]; /* who connects, directions, how: kills */
    uint32_t notices[20000];
    DWORD handles;
    size_t mapped;
    bool reached[KILL_ENTRIES][KILL_PHASES], ended[KILL_ENTRIES][KILL_PHASES];
} storm;

static char board_name[64];

static storm_board_t *open_board(const char *name)
{
    HANDLE mapping = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof(storm_board_t), name);
    storm_board_t *board = mapping ? MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, sizeof *board) : NULL;
    CHECK(board != NULL);
    return board;
}

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

/* ---- the victim ---- */

typedef struct doom {
    storm_board_t *board;
    enum how how;
    unsigned delay_us;
} doom_t;

static void await_time(uint32_t us)
{
    uint64_t until = os_now_us() + us;
    while (os_now_us() < until)
        Sleep(us > 2000 ? 1 : 0);
}

static void end_this_process(void *context)
{
    const doom_t *doom = context;
    await_time(doom->delay_us);
    store_release(&doom->board->table.died, (uint32_t)os_now_us());
    if (doom->how == BY_SIGNAL && os_futex_works())
        linux_kill(linux_own_number());
    TerminateProcess(GetCurrentProcess(), 9);
}

/* The regular end.  An ExitProcess sometimes hangs in Wine, where a thread that it killed held a lock of the C library. */
static void leave(void)
{
    fflush(stdout);
    TerminateProcess(GetCurrentProcess(), 0);
}

static SOCKET listen_again(unsigned short port)
{
    struct sockaddr_in address = loopback(port);
    int on = 1;
    SOCKET s = tcp_socket();
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (const char *)&on, sizeof on));
    CHECK_IS(0, bind(s, (struct sockaddr *)&address, sizeof address));
    CHECK_IS(0, listen(s, 64));
    return s;
}

static uint64_t bytes_of(const plan_t *plan, bool victim, unsigned i)
{
    uint64_t random = harness_seed(plan->number * 100 + i + 7) | 1;
    unsigned share = plan->count > 10 ? 20000 : 400000;
    uint64_t most = 1000 + random_below(&random, share);
    bool sends = plan->directions & (victim ? VICTIM_SENDS : SURVIVOR_SENDS);
    return sends ? most / (victim && (plan->traits & LINE_HALF) ? 4 : 1) : HELLO * HELLOS;
}

static void begin_line(line_t *line, const plan_t *plan, SOCKET s, bool victim, unsigned i)
{
    line_begin(line, s, victim, plan->number * 100ull + i, bytes_of(plan, victim, i), plan->traits);
    send_promptly(s);
}

static plan_t plan_from(char **argv)
{
    return (plan_t){ .number = (unsigned)atoi(argv[1]), .count = (unsigned)atoi(argv[2]),
                     .victim_connects = atoi(argv[3]) != 0, .directions = (unsigned)atoi(argv[4]),
                     .traits = (unsigned)atoi(argv[5]), .how = (enum how)atoi(argv[6]),
                     .delay_us = (unsigned)atoi(argv[7]) };
}

static void victim_role(int argc, char **argv)
{
    static line_t lines[LINES];
    static doom_t doom;
    worker_t killer;
    CHECK_IS(9, argc);
    const plan_t plan = plan_from(argv);
    unsigned short port = (unsigned short)atoi(argv[8]);
    storm_board_t *board = open_board(argv[0]);
    if (os_futex_works())
        InterlockedExchange(&board->number, linux_own_number());
    if (plan.how == AT_POINT || plan.how == NOT_AT_ALL)
        store_release(&board->table.victim, GetCurrentProcessId());
    SOCKET listener = plan.victim_connects ? INVALID_SOCKET : listen_again(port);
    if (listener != INVALID_SOCKET)
        InterlockedExchange(&board->listening, local_port(listener));
    for (unsigned i = 0; i < plan.count; i++) {
        SOCKET s = plan.victim_connects ? tcp_connect(port) : tcp_accept(listener);
        begin_line(&lines[i], &plan, s, true, i);
        lines[i].committed = &board->committed[i];
    }
    doom = (doom_t){ board, plan.how, plan.delay_us };
    for (unsigned i = 0; i < plan.count; i++)
        line_greet(&lines[i], true);
    if (plan.how == BY_ITSELF || plan.how == BY_SIGNAL)
        worker_start(&killer, end_this_process, &doom);
    lines_run(lines, plan.count, plan.traits, true);
    for (unsigned i = 0; i < plan.count; i++)
        CHECK_IS(0, closesocket(lines[i].s));
    if (plan.how == BY_ITSELF || plan.how == BY_SIGNAL)
        worker_join(&killer);
    leave();
}

/* ---- the third ---- */

static void third_role(int argc, char **argv)
{
    SOCKET s[THIRD_LINES];
    char buffer[4096];
    CHECK_IS(1, argc);
    for (int i = 0; i < THIRD_LINES; i++)
        s[i] = tcp_connect((unsigned short)atoi(argv[0]));
    for (;;) {
        fd_set readable = { .fd_count = THIRD_LINES };
        memcpy(readable.fd_array, s, sizeof s);
        CHECK(select(0, &readable, NULL, NULL, NULL) > 0);
        for (unsigned i = 0; i < readable.fd_count; i++) {
            int n = recv(readable.fd_array[i], buffer, sizeof buffer, 0);
            if (n <= 0)
                leave();
            send_all(readable.fd_array[i], buffer, (size_t)n);
        }
    }
}

typedef struct third {
    peer_t peer;
    SOCKET s[THIRD_LINES];
    flow_t out[THIRD_LINES], in[THIRD_LINES];
    worker_t worker;
    volatile LONG stop;
} third_t;

static unsigned ways_of(SOCKET s)
{
    vmmc_ask_t ask = { .size = sizeof ask };
    return ioctlsocket(s, VMMC_IO_ASK, (u_long *)&ask) == 0 ? ask.ways : 0;
}

static void talk_to_third(void *context)
{
    third_t *third = context;
    while (!third->stop) {
        for (int i = 0; i < THIRD_LINES; i++) {
            flow_send(third->s[i], &third->out[i], 2000, 2000);
            flow_recv(third->s[i], &third->in[i], 2000, 2000);
        }
        Sleep(2);
    }
}

static void third_start(third_t *third)
{
    memset(third, 0, sizeof *third);
    third->peer = peer_start("third", "%u", storm.port);
    for (int i = 0; i < THIRD_LINES; i++) {
        third->s[i] = tcp_accept(storm.listener);
        third->out[i] = third->in[i] = flow_start(1000000 + (uint64_t)i);
    }
    worker_start(&third->worker, talk_to_third, third);
}

/* Nothing of all that has touched its streams. */
static void third_end(third_t *third)
{
    InterlockedExchange(&third->stop, 1);
    worker_join(&third->worker);
    for (int i = 0; i < THIRD_LINES; i++) {
        CHECK(ways_of(third->s[i]) & VMMC_SENDS_BY_RING);
        CHECK_IS(0, closesocket(third->s[i]));
    }
    peer_join(&third->peer);
}

/* ---- what has to be as it was ---- */

/* Of a process that nobody had a link to, they are freed when the next process starts: those that are left after a few
 * runs, or (with new_run false) all that are in use. */
static unsigned records_left(bool new_run)
{
    static uint32_t seen[RENDEZVOUS_RECORDS];
    static uint8_t ages[RENDEZVOUS_RECORDS];
    static rendezvous_table_shm_t *table;
    if (!table) {
        static os_section_t section;
        char tag[40], name[80];
        os_user_tag(tag);
        snprintf(name, sizeof name, "vmmc-rendezvous-%u-%s", SHM_VERSION, tag);
        CHECK_IS(0, os_section_share(&section, name, sizeof *table));
        table = section.base;
    }
    unsigned count = 0, old = 0;
    for (unsigned i = 0; i < RENDEZVOUS_RECORDS; i++) {
        uint32_t word = load_relaxed(&table->records[i].state);
        bool used = (word & 0xff) != RENDEZVOUS_FREE;
        ages[i] = used && word == seen[i] ? ages[i] + new_run : 0;
        seen[i] = word;
        count += used;
        old += ages[i] > 3;
    }
    return new_run ? old : count;
}

static size_t mapped_bytes(void)
{
    MEMORY_BASIC_INFORMATION info;
    size_t total = 0;
    for (char *at = NULL; VirtualQuery(at, &info, sizeof info); at = (char *)info.BaseAddress + info.RegionSize) {
        if (info.State == MEM_COMMIT && info.Type == MEM_MAPPED)
            total += info.RegionSize;
    }
    return total;
}

static DWORD handle_count(void)
{
    DWORD count = 0;
    GetProcessHandleCount(GetCurrentProcess(), &count);
    return count;
}

#define FAULT(plan, ...) (printf("FAULT "), describe_plan(plan), printf(__VA_ARGS__), printf("\n"), fflush(stdout), storm.faults++)

static void describe_plan(const plan_t *plan)
{
    static const char *const hows[] = { "unharmed", "at a point", "by itself", "by a signal", "from outside" };
    static const char *const phases[] = { "before", "amid", "after" };
    printf("run %u: %u streams, victim %s, directions %u, traits %u, ended %s", plan->number, plan->count,
           plan->victim_connects ? "connects" : "accepts", plan->directions, plan->traits, hows[plan->how]);
    if (plan->how == AT_POINT)
        printf(" %s %s, hit %u", phases[plan->phase], storm.board->table.entries[plan->entry].name, plan->hit);
    printf(" (delay %u us): ", plan->delay_us);
}

static void check_leftovers(const plan_t *plan, bool victim_has_swept)
{
    DWORD began = GetTickCount();
    bool warm = storm.runs > WARM;
    while (records_left(false) && GetTickCount() - began < SWEEP_MS)
        Sleep(5);
    while (warm && (handle_count() > storm.handles || mapped_bytes() > storm.mapped) &&
           GetTickCount() - began < SETTLE_MS)
        Sleep(5);
    unsigned records = victim_has_swept ? records_left(true) : 0;
    storm.unswept += records_left(false) != 0;
    DWORD handles = handle_count();
    size_t mapped = mapped_bytes();
    if (records)
        FAULT(plan, "%u records of the rendezvous table are left", records);
    if (warm && handles > storm.handles)
        FAULT(plan, "%lu handles, %lu before", handles, storm.handles);
    if (warm && mapped > storm.mapped)
        FAULT(plan, "%lu KB are mapped, %lu before", (unsigned long)(mapped >> 10), (unsigned long)(storm.mapped >> 10));
    storm.handles = handles > storm.handles ? handles : storm.handles;
    storm.mapped = mapped > storm.mapped ? mapped : storm.mapped;
}

/* ---- the survivor ---- */

static bool has_ended(const peer_t *peer)
{
    return WaitForSingleObject(peer->process, 0) == WAIT_OBJECT_0;
}

static SOCKET accept_or_not(const peer_t *peer)
{
    while (!is_ready(storm.listener, 'r', 20)) {
        if (has_ended(peer) && !is_ready(storm.listener, 'r', 0))
            return INVALID_SOCKET;
    }
    return accept(storm.listener, NULL, NULL);
}

static SOCKET connect_or_not(const peer_t *peer)
{
    while (storm.board->listening == 0) {
        if (has_ended(peer))
            return INVALID_SOCKET;
        Sleep(1);
    }
    struct sockaddr_in address = loopback((unsigned short)storm.board->listening);
    SOCKET s = tcp_socket();
    if (connect(s, (struct sockaddr *)&address, sizeof address) == 0)
        return s;
    CHECK_IS(0, closesocket(s));
    return INVALID_SOCKET;
}

typedef struct killer {
    const peer_t *peer;
    unsigned delay_us;
} killer_t;

static void end_other_process(void *context)
{
    const killer_t *killer = context;
    await_time(killer->delay_us);
    if (has_ended(killer->peer))
        return;
    store_release(&storm.board->table.died, (uint32_t)os_now_us());
    TerminateProcess(killer->peer->process, 9);
}

static unsigned open_lines(line_t *lines, const plan_t *plan, const peer_t *peer)
{
    for (unsigned i = 0; i < plan->count; i++) {
        SOCKET s = plan->victim_connects ? accept_or_not(peer) : connect_or_not(peer);
        if (s == INVALID_SOCKET)
            return i;
        begin_line(&lines[i], plan, s, false, i);
    }
    return plan->count;
}

/* On its way to the kernel when the victim stopped without having ended: that is waited for a second, and then reset
 * (docs/design.md, Leaving; natively that is crash.stops). */
static bool was_stranded(const plan_t *plan, const line_t *line, unsigned i, bool undead)
{
    return undead && i == 0 && (plan->traits & LINE_SURVIVOR_LEAVES) && line->error == WSAECONNRESET;
}

/* Wine's server sometimes keeps a socket of a process that was killed: its connections do not end.  The builtin hangs
 * there as well, and of what the kernel carries we know no more than it does.  Of an undead victim (await_end) nothing
 * ended. */
static void check_line(const plan_t *plan, const line_t *line, unsigned i, bool undead)
{
    uint64_t committed = (uint64_t)storm.board->committed[i];
    bool by_ring = ways_of(line->s) & VMMC_RECEIVES_BY_RING;
    if (line->error == WSAETIMEDOUT && (undead || !by_ring))
        storm.kept++;
    else if (line->error != 0 && line->error != WSAECONNRESET)
        FAULT(plan, "stream %u ended with %d", i, line->error);
    if (line->in.offset >= committed)
        return;
    if (was_stranded(plan, line, i, undead))
        storm.stranded++;
    else if (by_ring)
        FAULT(plan, "stream %u: %llu bytes of %llu committed, then %d", i, line->in.offset, committed, line->error);
    else
        storm.by_kernel++;
}

static void note_death(const plan_t *plan, const line_t *lines, unsigned count)
{
    uint32_t died = load_relaxed(&storm.board->table.died), longest = 0;
    for (unsigned i = 0; i < count; i++) {
        if (lines[i].error != WSAETIMEDOUT && (int32_t)(lines[i].ended - died) > (int32_t)longest)
            longest = lines[i].ended - died;
    }
    if (storm.kills < ARRAY_SIZE(storm.notices))
        storm.notices[storm.kills] = longest;
    storm.kills++;
    storm.combinations[plan->victim_connects][plan->directions][plan->how]++;
    if (longest > NOTICE_US) {
        storm.late++;
        describe_plan(plan);
        printf("only a warning: the last stream ended %u us after the death\n", longest);
    }
}

/* What Linux tells of each thread: its call, arguments, stack and place in the program (proc(5), syscall). */
static void describe_threads(LONG number)
{
    char path[MAX_PATH], text[256];
    WIN32_FIND_DATAA found;
    snprintf(path, sizeof path, "Z:\\proc\\%ld\\task\\*", number);
    HANDLE search = FindFirstFileA(path, &found);
    for (BOOL more = search != INVALID_HANDLE_VALUE; more; more = FindNextFileA(search, &found)) {
        snprintf(path, sizeof path, "Z:\\proc\\%ld\\task\\%s\\syscall", number, found.cFileName);
        FILE *file = found.cFileName[0] == '.' ? NULL : fopen(path, "r");
        if (file && fgets(text, sizeof text, file))
            printf("  thread %s: %s", found.cFileName, text);
        if (file)
            fclose(file);
    }
    FindClose(search);
}

/* Linux has no first thread of it any more, and keeps the process for the others. */
static bool has_lost_its_first_thread(LONG number)
{
    char path[MAX_PATH], text[256];
    snprintf(path, sizeof path, "Z:\\proc\\%ld\\stat", number);
    FILE *file = number ? fopen(path, "r") : NULL;
    const char *name_end = file && fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;
    if (file)
        fclose(file);
    return name_end && strncmp(name_end, ") Z", 3) == 0;
}

/* A process that ends itself by TerminateProcess() sometimes stays: Wine (8.0) ends its other threads by a signal that does
 * not spare one that holds a lock of Wine's, and the last thread, interrupted once more in that very call, waits for the
 * lock for ever.  True for such a victim, which a signal has ended then. */
static bool await_end(const plan_t *plan, const peer_t *peer)
{
    if (WaitForSingleObject(peer->process, UNDEAD_MS) == WAIT_OBJECT_0)
        return false;
    if (has_lost_its_first_thread(storm.board->number)) {
        storm.undead++;
        linux_kill((int)storm.board->number);
        return true;
    }
    if (WaitForSingleObject(peer->process, REAP_MS) != WAIT_OBJECT_0) {
        describe_plan(plan);
        printf("the victim, in /proc %ld, does not end; its calls of Linux:\n", storm.board->number);
        describe_threads(storm.board->number);
        FAIL("the victim of run %u does not end", plan->number);
    }
    return false;
}

/* True for a victim that was undead. */
static bool reap(const plan_t *plan, peer_t *peer, const line_t *lines, unsigned count)
{
    bool undead = await_end(plan, peer);
    unsigned long code = peer_reap(peer);
    bool killed = load_acquire(&storm.board->table.died) != 0;
    if (code == 98 || code == 99)
        FAIL("the victim failed with %lu in run %u", code, plan->number);
    storm.runs++;
    storm.streams += count;
    storm.missed += !killed && plan->how != NOT_AT_ALL;
    if (killed)
        note_death(plan, lines, count);
    if (killed && plan->how == AT_POINT)
        storm.ended[plan->entry][plan->phase] = true;
    return undead;
}

static void run(const plan_t *plan)
{
    static line_t lines[LINES];
    worker_t worker;
    if (setting("CRASH_TRACE", 0)) {
        describe_plan(plan);
        printf("\n");
        fflush(stdout);
    }
    memset((void *)storm.board->committed, 0, sizeof storm.board->committed);
    InterlockedExchange(&storm.board->listening, 0);
    InterlockedExchange(&storm.board->number, 0);
    store_relaxed(&storm.board->table.victim, 0);
    store_relaxed(&storm.board->table.way, plan->number % 2);
    kill_arrange(&storm.board->table, plan->how == AT_POINT ? plan->entry : -1, plan->phase, plan->hit);
    peer_t peer = peer_start("victim", "%s %u %u %d %u %u %d %u %u", board_name, plan->number, plan->count,
                             plan->victim_connects, plan->directions, plan->traits, plan->how, plan->delay_us,
                             plan->victim_connects ? storm.port : storm.victim_port);
    unsigned count = open_lines(lines, plan, &peer);
    killer_t killer = { &peer, plan->delay_us };
    for (unsigned i = 0; i < count; i++) {
        if (line_greet(&lines[i], false) && !(ways_of(lines[i].s) & VMMC_SENDS_BY_RING) &&
            load_acquire(&storm.board->table.died) == 0)
            FAULT(plan, "stream %u is not user-level at once", i);
    }
    if (plan->how == FROM_OUTSIDE)
        worker_start(&worker, end_other_process, &killer);
    if (storm.board->listening)
        storm.victim_port = (unsigned short)storm.board->listening;
    lines_run(lines, count, plan->traits, false);
    if (plan->how == FROM_OUTSIDE)
        worker_join(&worker);
    bool undead = reap(plan, &peer, lines, count);
    for (unsigned i = 0; i < count; i++) {
        check_line(plan, &lines[i], i, undead);
        CHECK_IS(0, closesocket(lines[i].s));
    }
    check_leftovers(plan, count && lines[0].in.offset);
    slots_renew();
}

/* ---- plans ---- */

static unsigned draw_count(void)
{
    unsigned kind = random_below(&storm.random, 20);
    return kind == 0 ? LINES : kind < 4 ? 5 + random_below(&storm.random, 20) : 1 + random_below(&storm.random, 4);
}

static plan_t draw_plan(enum how how)
{
    plan_t plan = { .number = storm.runs + 1, .how = how, .count = draw_count() };
    plan.victim_connects = random_below(&storm.random, 2);
    plan.directions = 1 + random_below(&storm.random, 3);
    for (unsigned bit = 1; bit <= LINE_HALF; bit *= 2)
        plan.traits |= random_below(&storm.random, 4) == 0 ? bit : 0;
    plan.delay_us = random_below(&storm.random, 1u << (6 + random_below(&storm.random, 12)));
    return plan;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void report(void)
{
    static const char *const hows[] = { "", "point", "itself", "signal", "outside" };
    printf("%u runs, %u streams, %u kills (%u points not reached again), %u faults, %u streams with bytes lost by the "
           "kernel's reset, %u kept open by Wine, %u victims undead, %u streams reset on their way home\n", storm.runs,
           storm.streams, storm.kills, storm.missed, storm.faults, storm.by_kernel, storm.kept, storm.undead, storm.stranded);
    for (int connects = 0; connects < 2; connects++) {
        for (int directions = 1; directions < 4; directions++) {
            printf("victim %s, %s:", connects ? "connects" : "accepts",
                   directions == 1 ? "sends" : directions == 2 ? "receives" : "sends and receives");
            for (int how = AT_POINT; how <= FROM_OUTSIDE; how++)
                printf(" %s %u", hows[how], storm.combinations[connects][directions][how]);
            printf("\n");
        }
    }
    unsigned known = storm.kills < ARRAY_SIZE(storm.notices) ? storm.kills : ARRAY_SIZE(storm.notices);
    qsort(storm.notices, known, sizeof *storm.notices, by_size);
    if (known)
        printf("from death to the end of the last stream: median %u us, longest %u us, %u later than a second\n",
               storm.notices[known / 2], storm.notices[known - 1], storm.late);
    printf("handles %lu, mapped %lu KB; after %u runs a record waited for the next sweep\n", storm.handles,
           (unsigned long)(storm.mapped >> 10), storm.unswept);
    fflush(stdout);
}

static void begin_storm(third_t *third)
{
    unsigned seed = setting("CRASH_SEED", 1);
    memset(&storm, 0, sizeof storm);
    printf("seed %u\n", seed);
    storm.random = seed * 2654435761ull + 1;
    storm.listener = tcp_listen(&storm.port);
    SetEnvironmentVariableA(KILL_TABLE_VARIABLE, NULL);
    third_start(third);
    snprintf(board_name, sizeof board_name, "Local\\crash-%lu-%lu", GetCurrentProcessId(), GetTickCount());
    storm.board = open_board(board_name);
    SetEnvironmentVariableA(KILL_TABLE_VARIABLE, board_name);
}

static void end_storm(third_t *third)
{
    report();
    third_end(third);
    CHECK_IS(0, closesocket(storm.listener));
    CHECK_IS(0, storm.faults);
}

/* The first ones warm up: with many streams, and the victim on either side. */
static void warm_up(void)
{
    for (unsigned i = 0; i < WARM; i++) {
        plan_t plan = draw_plan(NOT_AT_ALL);
        plan.count = i < 2 ? LINES : 4;
        plan.victim_connects = i % 2;
        run(&plan);
    }
}

static bool goes_on(DWORD started)
{
    return GetTickCount() - started < setting("CRASH_SECONDS", 25) * 1000 && storm.kills < setting("CRASH_KILLS", UINT_MAX);
}

static void random_moments(void **state)
{
    third_t third;
    (void)state;
    DWORD started = GetTickCount();
    begin_storm(&third);
    warm_up();
    while (goes_on(started)) {
        plan_t plan = draw_plan(BY_ITSELF + (enum how)random_below(&storm.random, 3));
        run(&plan);
    }
    end_storm(&third);
}

/* ---- point by point ---- */

static uint32_t counts[KILL_ENTRIES][KILL_PHASES];

static void count_points(const plan_t *plan)
{
    run(plan);
    for (uint32_t i = 0; i < load_relaxed(&storm.board->table.used); i++) {
        for (unsigned phase = 0; phase < KILL_PHASES; phase++) {
            counts[i][phase] = load_relaxed(&storm.board->table.entries[i].hits[phase]);
            storm.reached[i][phase] |= counts[i][phase] > 0;
        }
    }
}

static void end_at(plan_t plan, int entry, unsigned phase)
{
    plan.how = AT_POINT;
    plan.number = storm.runs + 1;
    plan.entry = entry;
    plan.phase = phase;
    plan.hit = 1 + random_below(&storm.random, counts[entry][phase]);
    run(&plan);
}

static void report_points(void)
{
    unsigned reached = 0, ended = 0;
    for (uint32_t i = 0; i < load_relaxed(&storm.board->table.used); i++) {
        for (unsigned phase = 0; phase < KILL_PHASES; phase++) {
            reached += storm.reached[i][phase];
            ended += storm.ended[i][phase];
            if (setting("CRASH_LIST", 0) && storm.reached[i][phase] && !storm.ended[i][phase])
                printf("no death at %s, phase %u\n", storm.board->table.entries[i].name, phase);
        }
    }
    printf("%u stores, %u points reached, %u of them ended a process\n", load_relaxed(&storm.board->table.used), reached,
           ended);
}

/* Each workload is counted first; then one of its points at a time that no process has ended at, as long as there are any. */
static void point_by_point(void **state)
{
    third_t third;
    (void)state;
    DWORD started = GetTickCount();
    begin_storm(&third);
    warm_up();
    while (goes_on(started)) {
        plan_t plan = draw_plan(NOT_AT_ALL);
        plan.count = 1 + random_below(&storm.random, 3);
        count_points(&plan);
        for (uint32_t i = 0; i < load_relaxed(&storm.board->table.used) && goes_on(started); i++) {
            for (unsigned phase = 0; phase < KILL_PHASES && goes_on(started); phase++) {
                if (counts[i][phase] && (!storm.ended[i][phase] || random_below(&storm.random, 8) == 0))
                    end_at(plan, (int)i, phase);
            }
        }
    }
    report_points();
    end_storm(&third);
}

static const role_t roles[] = {
    { "victim", victim_role },
    { "third", third_role },
};

static const struct CMUnitTest tests[] = {
    CASE(point_by_point),
    CASE(random_moments),
};

HARNESS_MAIN(roles, tests)
