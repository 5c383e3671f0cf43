/* life: what a program gets whose wsock32.dll is refused memory, sections, events, threads or handles by the system: each
 * request fails in its turn, alone or with all that follow.  The program must notice nothing, and where that keeps a
 * connection on the kernel the log must say why.
 *
 * Each attempt is a peer of its own, which connects to the test and is connected to by it; the test's own DLL is spared. */
#include "message_window.h"
#include "wire.h"

#define FAULTS_OFF
#include "faults.h"
#include "vmmc_sockets.h"

enum { PORT_SLOT = 1, STRUCK_SLOT, SHOWN_SLOT };
enum { IN_A_ROW = 3, MOST_REQUESTS = 400, FILE_BYTES = 30000, MUCH = 300000, UNREAD = 20000 };

/* ---- the DLL's own control ---- */

static struct {
    void (*arm)(unsigned at, faults_mode_t mode);
    unsigned (*disarm)(void);
    unsigned (*struck)(void);
    const char *(*first)(void);
} dll;

static void find_control(void)
{
    HMODULE module = GetModuleHandleA("wsock32.dll");
    dll.arm = (void *)GetProcAddress(module, "faults_arm");
    dll.disarm = (void *)GetProcAddress(module, "faults_disarm");
    dll.struck = (void *)GetProcAddress(module, "faults_struck");
    dll.first = (void *)GetProcAddress(module, "faults_first");
    CHECK(dll.arm && dll.disarm && dll.struck && dll.first);
}

/* ---- the log ---- */

static void log_path(char path[MAX_PATH], DWORD process)
{
    char folder[MAX_PATH - 40];
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    if (process)
        snprintf(path, MAX_PATH, "%svmmc_faults_%lu.log", folder, process);
    else
        snprintf(path, MAX_PATH, "%svmmc_faults_%%p.log", folder);
}

static void read_log(char *text, size_t size)
{
    char path[MAX_PATH];
    log_path(path, GetCurrentProcessId());
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(text, 1, size - 1, file) : 0;
    text[length] = 0;
    if (file)
        fclose(file);
}

static void remove_log(void)
{
    char path[MAX_PATH];
    log_path(path, GetCurrentProcessId());
    DeleteFileA(path);
}

/* ---- what both lives have ---- */

static bool is_user_level(SOCKET s)
{
    vmmc_ask_t ask = {.size = sizeof ask};
    return ioctlsocket(s, VMMC_IO_ASK, (u_long *)&ask) == 0 &&
           (ask.ways & (VMMC_SENDS_BY_RING | VMMC_RECEIVES_BY_RING)) == (VMMC_SENDS_BY_RING | VMMC_RECEIVES_BY_RING);
}

static void talk(SOCKET s, flow_t *out, flow_t *in, size_t length)
{
    flow_send(s, out, length, length);
    flow_recv(s, in, length, length);
}

/* Until `s` is readable, beside a socket that only the kernel knows about. */
static void await_in_mixed_set(SOCKET s, SOCKET listener)
{
    fd_set reads = {.fd_count = 2, .fd_array = {listener, s}};
    CHECK_IS(1, select(0, &reads, NULL, NULL, NULL));
    CHECK(FD_ISSET(s, &reads));
}

static void transmit(SOCKET s, flow_t *out)
{
    char folder[MAX_PATH], path[MAX_PATH];
    static char bytes[FILE_BYTES];
    DWORD written;
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "flt", 0, path) != 0);
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    flow_fill(out, bytes, sizeof bytes);
    CHECK(WriteFile(file, bytes, sizeof bytes, &written, NULL));
    CHECK_IS(0, SetFilePointer(file, 0, NULL, FILE_BEGIN));
    CHECK(TransmitFile(s, file, 0, 0, NULL, NULL, 0));
    CloseHandle(file);
}

/* A second handle takes the connection to the kernel, with bytes unread. */
static void go_home(SOCKET s, flow_t *out, flow_t *in)
{
    HANDLE copy;
    flow_send(s, out, UNREAD, UNREAD);
    CHECK(is_ready(s, 'r', 10000));
    flow_recv(s, in, 100, 100);
    CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)s, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    flow_recv(s, in, UNREAD - 100, 5000);
    talk(s, out, in, 5000);
    CloseHandle(copy);
}

/* ---- a life by window messages ---- */

enum { MESSAGE = WM_USER + 1 };

/* The next message of ours, which has to be about `s` and this event. */
static void await_message(SOCKET s, int event)
{
    MSG message;
    do {
        CHECK(GetMessageA(&message, NULL, 0, 0) > 0);
    } while (message.message != MESSAGE || WSAGETSELECTEVENT(message.lParam) == FD_WRITE);
    CHECK_IS(s, message.wParam);
    CHECK_IS(event, WSAGETSELECTEVENT(message.lParam));
}

static void accept_by_messages(SOCKET listener)
{
    flow_t there = flow_start(2);
    await_message(listener, FD_ACCEPT);
    SOCKET t = tcp_accept(listener);
    for (int i = 0; i < 4; i++) {
        char bytes[1000];
        for (int left = sizeof bytes; left > 0;) {
            await_message(t, FD_READ);
            int got = recv(t, bytes, left, 0);
            CHECK(got > 0);
            flow_check(&there, bytes, (size_t)got);
            left -= got;
        }
        CHECK_IS(6, send(t, "thanks", 6, 0));
    }
    await_message(t, FD_CLOSE);
    CHECK_IS(0, closesocket(t));
}

static bool live_by_messages(unsigned short port)
{
    unsigned short own_port;
    flow_t out = flow_start(1), in = flow_start(1);
    SOCKET listener = tcp_listen(&own_port), s = tcp_connect(port);
    HWND window = message_window();
    CHECK(window != NULL);
    CHECK_IS(0, WSAAsyncSelect(listener, window, MESSAGE, FD_ACCEPT | FD_READ | FD_WRITE | FD_CLOSE));
    slot_post(PORT_SLOT, own_port);
    talk(s, &out, &in, 100);
    accept_by_messages(listener);
    CHECK_IS(0, closesocket(s));
    CHECK_IS(0, closesocket(listener));
    return true;
}

/* ---- a life by blocking calls ---- */

static bool live(unsigned short port)
{
    unsigned short own_port;
    flow_t out = flow_start(1), in = flow_start(1);
    SOCKET listener = tcp_listen(&own_port), s = tcp_connect(port);
    for (int i = 0; i < 6; i++)
        talk(s, &out, &in, 100);
    bool user_level = is_user_level(s);
    flow_send(s, &out, 10, 10);
    await_in_mixed_set(s, listener);
    flow_recv(s, &in, 10, 10);
    talk(s, &out, &in, MUCH);
    transmit(s, &out);
    flow_recv(s, &in, FILE_BYTES, 10000);
    slot_post(PORT_SLOT, own_port);
    SOCKET t = tcp_accept(listener);
    flow_t there = flow_start(2);
    for (int i = 0; i < 4; i++) {
        flow_recv(t, &there, 1000, 1000);
        send_all(t, "thanks", 6);
    }
    go_home(s, &out, &in);
    CHECK_IS(0, closesocket(s));
    CHECK_IS(0, closesocket(listener));
    expect_end(t);
    CHECK_IS(0, closesocket(t));
    return user_level;
}

static void check_log(bool user_level)
{
    static char text[65536];
    read_log(text, sizeof text);
    remove_log();
    bool told = strstr(text, "stays on the kernel") || strstr(text, "no user-level streams") || strstr(text, "no memory");
    if (!user_level && !told)
        FAIL("kernel, and the log does not say why (first failure at %s):\n%s", dll.first(), text);
}

static void fail_in_life(char **argv, bool (*life)(unsigned short port))
{
    unsigned short port = (unsigned short)atoi(argv[0]);
    unsigned at = (unsigned)atoi(argv[2]);
    find_control();
    dll.arm(at, (faults_mode_t)atoi(argv[1]));
    bool user_level = life(port);
    unsigned requests = dll.disarm();
    if (getenv("API_SHOW"))
        printf("%u of %u: %u failed, first at %s; %s\n", at, requests, dll.struck(), dll.struck() ? dll.first() : "-",
               user_level ? "user-level" : "kernel");
    fflush(stdout);
    if (dll.struck())
        check_log(user_level);
    remove_log();
    slot_post(STRUCK_SLOT, (long)dll.struck());
}

static void fail_and_live(int argc, char **argv)
{
    CHECK_IS(3, argc);
    fail_in_life(argv, live);
}

static void fail_and_live_by_messages(int argc, char **argv)
{
    CHECK_IS(3, argc);
    fail_in_life(argv, live_by_messages);
}

/* ---- the test's side ---- */

static void echo(void *context)
{
    echo_until_end((SOCKET)(uintptr_t)context);
}

static long attempt(const char *role, SOCKET listener, unsigned short port, faults_mode_t mode, unsigned at)
{
    worker_t worker;
    char text[6];
    flow_t flow = flow_start(2);
    slots_renew();
    peer_t peer = peer_start(role, "%u %d %u", port, mode, at);
    worker_start(&worker, echo, (void *)(uintptr_t)tcp_accept(listener));
    SOCKET t = tcp_connect((unsigned short)slot_await(PORT_SLOT));
    for (int i = 0; i < 4; i++) {
        flow_send(t, &flow, 1000, 1000);
        recv_all(t, text, sizeof text);
    }
    CHECK_IS(0, closesocket(t));
    worker_join(&worker);
    peer_join(&peer);
    return slot_get(STRUCK_SLOT);
}

static void run_all(const char *role, faults_mode_t mode)
{
    unsigned short port;
    unsigned untouched = 0, struck = 0, first = getenv("API_FIRST") ? (unsigned)atoi(getenv("API_FIRST")) : 1;
    char path[MAX_PATH];
    log_path(path, 0);
    SetEnvironmentVariableA("VMMC_LOG_LEVEL", "info");
    SetEnvironmentVariableA("VMMC_LOG_FILE", path);
    SOCKET listener = tcp_listen(&port);
    for (unsigned at = first; untouched < IN_A_ROW; at++) {
        CHECK(at < MOST_REQUESTS);
        bool any = attempt(role, listener, port, mode, at) != 0;
        untouched = any ? 0 : untouched + 1;
        struck += any;
    }
    CHECK_IS(0, closesocket(listener));
    printf("%u requests failed in their turn\n", struck);
    CHECK(struck >= 20);
}

static void any_one_request_may_fail(void **state)
{
    (void)state;
    run_all("fail_and_live", FAULTS_ONE);
}

static void all_requests_from_any_moment_on_may_fail(void **state)
{
    (void)state;
    run_all("fail_and_live", FAULTS_FROM_THERE_ON);
}

static void window_messages_come_all_the_same(void **state)
{
    (void)state;
    run_all("fail_and_live_by_messages", FAULTS_ONE);
}

static const role_t roles[] = {{"fail_and_live", fail_and_live}, {"fail_and_live_by_messages", fail_and_live_by_messages}};

static const struct CMUnitTest tests[] = {CASE(any_one_request_may_fail), CASE(all_requests_from_any_moment_on_may_fail),
                                          CASE(window_messages_come_all_the_same)};

HARNESS_MAIN(roles, tests)
