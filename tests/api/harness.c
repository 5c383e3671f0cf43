/* harness: peers, slots, workers, checks and the watchdog of the API test programs. */
#include "harness.h"

enum {
    CASE_SECONDS = 30,
    MARK_COUNT = 256,
    PEER_COUNT = 16,
    EXIT_SKIPPED = 77,
    EXIT_COMPLAINED = 98,
    EXIT_HUNG = 99
};

typedef struct mark {
    volatile LONG thread;
    const char *volatile file;
    volatile int line;
} mark_t;

/* Fixed-width: a 32-bit and a 64-bit process share it. */
typedef struct board {
    volatile LONG complained;
    char complaint[1020];
    volatile LONG values[SLOT_COUNT];
} board_t;

static struct {
    char prefix[64];
    bool is_peer;
    bool startup_done;
    DWORD main_thread;
    int case_serial;
    HANDLE mapping;
    board_t *board;
    HANDLE events[SLOT_COUNT];
    peer_t peers[PEER_COUNT];
    volatile LONG workers;
    volatile LONG deadline;
    HANDLE parent;
    mark_t marks[MARK_COUNT];
} h;

/* ---- marks and the watchdog ---- */

/* Thread numbers are small multiples of 4 under Wine and Windows, so an open-addressed table needs no lock to
 * speak of. */
void harness_mark(const char *file, int line)
{
    LONG self = (LONG)GetCurrentThreadId();
    unsigned first = (unsigned)self / 4;
    for (unsigned i = 0; i < MARK_COUNT; i++) {
        mark_t *mark = &h.marks[(first + i) % MARK_COUNT];
        if (mark->thread == self || InterlockedCompareExchange(&mark->thread, self, 0) == 0) {
            mark->file = file;
            mark->line = line;
            return;
        }
    }
}

static void mark_forget(void)
{
    LONG self = (LONG)GetCurrentThreadId();
    for (unsigned i = 0; i < MARK_COUNT; i++)
        InterlockedCompareExchange(&h.marks[i].thread, 0, self);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void complain(const char *text)
{
    printf("%s%s\n", h.is_peer ? "peer: " : "", text);
    fflush(stdout);
    if (h.board != NULL && h.is_peer && InterlockedCompareExchange(&h.board->complained, 1, 0) == 0) {
        snprintf(h.board->complaint, sizeof h.board->complaint, "%s", text);
        InterlockedExchange(&h.board->complained, 2);
    }
}

static void describe_hang(char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "HUNG, threads last seen at:");
    for (unsigned i = 0; i < MARK_COUNT && used < size; i++) {
        const mark_t *mark = &h.marks[i];
        if (mark->thread != 0 && mark->file != NULL)
            used += (size_t)snprintf(text + used, size - used, " %s:%d", base_name(mark->file), mark->line);
    }
}

static void give_up_hung(void)
{
    char text[1000];
    describe_hang(text, sizeof text);
    complain(text);
    if (!h.is_peer && h.board != NULL && h.board->complained == 2)
        printf("peer said: %s\n", h.board->complaint);
    fflush(stdout);
    TerminateProcess(GetCurrentProcess(), EXIT_HUNG);
}

static DWORD WINAPI watchdog(void *unused)
{
    (void)unused;
    for (;;) {
        if (h.parent == NULL)
            Sleep(500);
        else if (WaitForSingleObject(h.parent, 500) == WAIT_OBJECT_0)
            TerminateProcess(GetCurrentProcess(), EXIT_HUNG);
        if ((LONG)(GetTickCount() - (DWORD)h.deadline) > 0)
            give_up_hung();
    }
    return 0;
}

static void watchdog_rearm(int seconds)
{
    InterlockedExchange(&h.deadline, (LONG)(GetTickCount() + (DWORD)seconds * 1000));
}

static int case_seconds(void)
{
    const char *text = getenv("API_SECONDS");
    return text != NULL ? atoi(text) : CASE_SECONDS;
}

/* ---- checks ---- */

static void end_peers(void)
{
    for (size_t i = 0; i < PEER_COUNT; i++) {
        if (h.peers[i].process == NULL)
            continue;
        TerminateProcess(h.peers[i].process, EXIT_COMPLAINED);
        WaitForSingleObject(h.peers[i].process, 5000);
        CloseHandle(h.peers[i].process);
        h.peers[i].process = NULL;
    }
}

/* A case can only be left early when nobody else still uses what lies on its stack. */
static void leave_case(const char *file, int line)
{
    if (!h.is_peer && GetCurrentThreadId() == h.main_thread && h.workers == 0) {
        end_peers();
        _fail(file, line);
    }
    fflush(stdout);
    TerminateProcess(GetCurrentProcess(), EXIT_COMPLAINED);
}

static void append_peer_complaint(void)
{
    if (h.is_peer || h.board == NULL)
        return;
    for (int i = 0; i < 20 && h.board->complained == 1; i++)
        Sleep(10);
    if (h.board->complained == 2)
        printf("peer said: %s\n", h.board->complaint);
}

void harness_fail(const char *file, int line, const char *format, ...)
{
    int error = WSAGetLastError();
    char text[900], message[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "%s:%d: %s (last error %d)", base_name(file), line, message, error);
    complain(text);
    append_peer_complaint();
    leave_case(file, line);
}

void harness_check_is(const char *file, int line, const char *what, long long expected, long long actual)
{
    if (expected != actual)
        harness_fail(file, line, "%s is %lld, expected %lld", what, actual, expected);
}

void harness_check_fails(const char *file, int line, const char *what, int code, int other, int result)
{
    int error = WSAGetLastError();
    if (result != SOCKET_ERROR)
        harness_fail(file, line, "%s gave %d, expected error %d", what, result, code);
    if (error != code && (other == 0 || error != other))
        harness_fail(file, line, "%s failed with %d, expected %d", what, error, code);
}

/* ---- slots ---- */

static void board_open(void)
{
    char name[96];
    snprintf(name, sizeof name, "Local\\%s-board", h.prefix);
    h.mapping = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof(board_t), name);
    h.board = h.mapping != NULL ? MapViewOfFile(h.mapping, FILE_MAP_ALL_ACCESS, 0, 0, sizeof(board_t)) : NULL;
    if (h.board == NULL) {
        printf("no board %s: error %lu\n", name, GetLastError());
        TerminateProcess(GetCurrentProcess(), EXIT_COMPLAINED);
    }
}

static void board_close(void)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (h.events[i] != NULL)
            CloseHandle(h.events[i]);
        h.events[i] = NULL;
    }
    UnmapViewOfFile(h.board);
    CloseHandle(h.mapping);
    h.board = NULL;
}

static HANDLE slot_event(int slot)
{
    char name[96];
    if (h.events[slot] != NULL)
        return h.events[slot];
    snprintf(name, sizeof name, "Local\\%s-%d", h.prefix, slot);
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, name);
    CHECK(event != NULL);
    if (InterlockedCompareExchangePointer(&h.events[slot], event, NULL) != NULL)
        CloseHandle(event);
    return h.events[slot];
}

void slot_set(int slot, long value) { InterlockedExchange(&h.board->values[slot], value); }

long slot_get(int slot) { return InterlockedCompareExchange(&h.board->values[slot], 0, 0); }

void slot_post(int slot, long value)
{
    slot_set(slot, value);
    SetEvent(slot_event(slot));
}

/* A peer that fails ends itself, and whoever waits for its word must not wait for the watchdog. */
static bool some_peer_failed(void)
{
    for (size_t i = 0; i < PEER_COUNT; i++) {
        DWORD code = 0;
        if (h.peers[i].process != NULL && GetExitCodeProcess(h.peers[i].process, &code) &&
            (code == EXIT_COMPLAINED || code == EXIT_HUNG))
            return true;
    }
    return false;
}

long slot_await(int slot)
{
    HANDLE event = slot_event(slot);
    while (WaitForSingleObject(event, 200) != WAIT_OBJECT_0) {
        if (some_peer_failed())
            FAIL("a peer failed while slot %d was awaited", slot);
    }
    return slot_get(slot);
}

long slot_take(int slot)
{
    long value = slot_await(slot);
    CHECK(ResetEvent(slot_event(slot)));
    return value;
}

/* ---- peers ---- */

static void own_path(char *path, size_t size)
{
    GetModuleFileNameA(NULL, path, (DWORD)size);
}

/* On a busy machine Wine 8 now and then fails to start a process, with the builtin wsock32 as with ours, before the new
 * process has run any of its own code.  That is said aloud and tried again; every other failure is final. */
static bool create_process(const char *program, char *command, bool inherit, PROCESS_INFORMATION *info)
{
    STARTUPINFOA startup = { .cb = sizeof startup };
    for (int attempt = 1; !CreateProcessA(program, command, NULL, NULL, inherit, 0, NULL, NULL, &startup, info); attempt++) {
        if (GetLastError() != ERROR_INTERNAL_ERROR || attempt == 4)
            return false;
        fprintf(stderr, "Wine could not start a process (attempt %d of 4)\n", attempt);
    }
    return true;
}

static void spawn(peer_t *peer, const char *program, const char *role, const char *arguments, bool inherit)
{
    PROCESS_INFORMATION info;
    char command[1024];
    snprintf(command, sizeof command, "\"%s\" --peer %s %lu %s %s", program, h.prefix, GetCurrentProcessId(), role,
             arguments);
    if (!create_process(program, command, inherit, &info))
        FAIL("cannot start '%s': error %lu", command, GetLastError());
    CloseHandle(info.hThread);
    peer->process = info.hProcess;
    snprintf(peer->role, sizeof peer->role, "%s", role);
}

static void peer_remember(const peer_t *peer)
{
    for (size_t i = 0; i < PEER_COUNT; i++) {
        if (h.peers[i].process == NULL) {
            h.peers[i] = *peer;
            return;
        }
    }
    FAIL("too many peers");
}

static void peer_forget(peer_t *peer)
{
    for (size_t i = 0; i < PEER_COUNT; i++) {
        if (h.peers[i].process == peer->process)
            h.peers[i].process = NULL;
    }
    CloseHandle(peer->process);
    peer->process = NULL;
}

/* The environment is changed only around the start: cases run one at a time, and no worker starts peers. */
static void spawn_configured(peer_t *peer, const char *role, const char *arguments)
{
    char path[MAX_PATH];
    const char *other = getenv("API_PEER"), *dll = getenv("API_PEER_DLL"), *own = getenv("EXPECT_DLL");
    own_path(path, sizeof path);
    if (dll != NULL && !h.is_peer)
        SetEnvironmentVariableA("EXPECT_DLL", dll);
    spawn(peer, other != NULL && !h.is_peer ? other : path, role, arguments, false);
    SetEnvironmentVariableA("EXPECT_DLL", own);
}

peer_t peer_start(const char *role, const char *format, ...)
{
    peer_t peer;
    char arguments[512];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    spawn_configured(&peer, role, arguments);
    peer_remember(&peer);
    return peer;
}

peer_t peer_start_inheriting(const char *role, const char *format, ...)
{
    peer_t peer;
    char arguments[512], path[MAX_PATH];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    own_path(path, sizeof path);
    spawn(&peer, path, role, arguments, true);
    peer_remember(&peer);
    return peer;
}

peer_t peer_start_inheriting_bare(const char *role, const char *format, ...)
{
    peer_t peer;
    char arguments[512], own[MAX_PATH];
    const char *bare = getenv("API_BARE"), *expected = getenv("EXPECT_DLL");
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    own_path(own, sizeof own);
    SetEnvironmentVariableA("EXPECT_DLL", bare != NULL ? "builtin" : expected);
    spawn(&peer, bare != NULL ? bare : own, role, arguments, true);
    SetEnvironmentVariableA("EXPECT_DLL", expected);
    peer_remember(&peer);
    return peer;
}

void peer_join(peer_t *peer)
{
    DWORD code = 0;
    CHECK(WaitForSingleObject(peer->process, INFINITE) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(peer->process, &code));
    peer_forget(peer);
    if (code != 0)
        FAIL("peer in role '%s' ended with %lu", peer->role, code);
}

unsigned long peer_reap(peer_t *peer)
{
    DWORD code = 0;
    CHECK(WaitForSingleObject(peer->process, INFINITE) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(peer->process, &code));
    peer_forget(peer);
    return code;
}

void peer_kill(peer_t *peer)
{
    CHECK(TerminateProcess(peer->process, 1));
    CHECK(WaitForSingleObject(peer->process, INFINITE) == WAIT_OBJECT_0);
    peer_forget(peer);
}

/* ---- workers ---- */

static DWORD WINAPI worker_main(void *context)
{
    worker_t *worker = context;
    worker->run(worker->context);
    mark_forget();
    return 0;
}

void worker_start(worker_t *worker, void (*run)(void *context), void *context)
{
    worker->run = run;
    worker->context = context;
    InterlockedIncrement(&h.workers);
    worker->thread = CreateThread(NULL, 0, worker_main, worker, 0, NULL);
    CHECK(worker->thread != NULL);
}

void worker_join(worker_t *worker)
{
    CHECK(WaitForSingleObject(worker->thread, INFINITE) == WAIT_OBJECT_0);
    CloseHandle(worker->thread);
    InterlockedDecrement(&h.workers);
}

void worker_forget(void) { mark_forget(); }

bool worker_is_done(const worker_t *worker) { return WaitForSingleObject(worker->thread, 0) == WAIT_OBJECT_0; }

/* ---- random numbers ---- */

uint64_t harness_seed(uint64_t salt)
{
    const char *text = getenv("API_SEED");
    uint64_t base = text != NULL ? strtoull(text, NULL, 0) : 1;
    return (base + salt * 1000003u) * 0x9E3779B97F4A7C15u | 1;
}

uint32_t random_below(uint64_t *state, uint32_t limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)((*state >> 16) % limit);
}

/* ---- start ---- */

/* The builtin wsock32 forwards to ws2_32, so a pointer of its own proves that another DLL was loaded. */
static bool dll_is_as_expected(void)
{
    const char *expected = getenv("EXPECT_DLL");
    if (expected == NULL || *expected == '\0')
        return true;
    FARPROC here = GetProcAddress(GetModuleHandleA("wsock32"), "send");
    FARPROC there = GetProcAddress(LoadLibraryA("ws2_32"), "send");
    bool ours = here != there;
    if (ours == (strcmp(expected, "ours") == 0))
        return true;
    char path[MAX_PATH] = "?", text[400];
    GetModuleFileNameA(GetModuleHandleA("wsock32"), path, sizeof path);
    snprintf(text, sizeof text, "wsock32 is not '%s' but %s (%s)", expected, ours ? "ours" : "the builtin", path);
    complain(text);
    return false;
}

static void start_sockets(void)
{
    WSADATA data;
    CHECK_IS(0, WSAStartup(MAKEWORD(1, 1), &data));
}

static void board_open_next(void)
{
    snprintf(h.prefix, sizeof h.prefix, "api-%lu-%lu-%d", GetCurrentProcessId(), GetTickCount(), ++h.case_serial);
    board_open();
}

void slots_renew(void)
{
    board_close();
    board_open_next();
}

int harness_case_setup(void **state)
{
    (void)state;
    board_open_next();
    watchdog_rearm(case_seconds());
    return 0;
}

int harness_case_teardown(void **state)
{
    (void)state;
    end_peers();
    board_close();
    return 0;
}

static int run_peer(int argc, char **argv, const role_t *roles, size_t role_count)
{
    h.is_peer = true;
    snprintf(h.prefix, sizeof h.prefix, "%s", argv[2]);
    board_open();
    h.parent = OpenProcess(SYNCHRONIZE, FALSE, strtoul(argv[3], NULL, 10));
    CloseHandle(CreateThread(NULL, 0, watchdog, NULL, 0, NULL));
    if (!dll_is_as_expected())
        return EXIT_COMPLAINED;
    for (size_t i = 0; i < role_count; i++) {
        if (strcmp(roles[i].name, argv[4]) == 0) {
            start_sockets();
            roles[i].run(argc - 5, argv + 5);
            fflush(stdout);
            return 0;
        }
    }
    complain("no such role");
    return EXIT_COMPLAINED;
}

static int list_cases(const struct CMUnitTest *tests, size_t test_count)
{
    for (size_t i = 0; i < test_count; i++)
        printf("%s\n", tests[i].name);
    fflush(stdout);
    return 0;
}

static bool peer_program_is_missing(void)
{
    const char *peer = getenv("API_PEER");
    if (peer == NULL || GetFileAttributesA(peer) != INVALID_FILE_ATTRIBUTES)
        return false;
    printf("skipped: no peer program %s\n", peer);
    fflush(stdout);
    return true;
}

int harness_main(int argc, char **argv, const role_t *roles, size_t role_count, const struct CMUnitTest *tests,
                 size_t test_count)
{
    h.main_thread = GetCurrentThreadId();
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    watchdog_rearm(case_seconds());
    if (argc >= 5 && strcmp(argv[1], "--peer") == 0)
        return run_peer(argc, argv, roles, role_count);
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list_cases(tests, test_count);
    CloseHandle(CreateThread(NULL, 0, watchdog, NULL, 0, NULL));
    if (!dll_is_as_expected())
        return EXIT_COMPLAINED;
    if (peer_program_is_missing())
        return EXIT_SKIPPED;
    start_sockets();
    if (getenv("API_ONLY") != NULL)
        cmocka_set_test_filter(getenv("API_ONLY"));
    int failed = _cmocka_run_group_tests(base_name(argv[0]), tests, test_count, NULL, NULL);
    fflush(stdout);
    return failed;
}
