/* cmd_bench: latency and bandwidth, to a server or with oneself. */
#include "bench_pair.h"
#include "json.h"
#include "text.h"
#include "trial.h"

#include <nt.h>
#include <netbench.h>

#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_MS 250
#define MOST_SLICES 400
#define BAR_WIDTH 40
#define DEFAULT_SECONDS 20

/* ---- the bar ---- */

typedef struct bar {
    bool shown;
    unsigned done, all;
} bar_t;

static void bar_step(bar_t *bar, const char *what)
{
    if (!bar->shown)
        return;
    unsigned filled = bar->all ? bar->done * BAR_WIDTH / bar->all : 0;
    fprintf(stderr, "\r[%.*s%.*s] %3u%%  %-28s", (int)filled, "########################################",
            (int)(BAR_WIDTH - filled), "........................................", bar->done * 100 / bar->all, what);
    fflush(stderr);
    bar->done++;
}

static void bar_end(const bar_t *bar)
{
    if (bar->shown)
        fprintf(stderr, "\r%79s\r", "");
}

/* ---- measuring ---- */

typedef struct series {
    bool wanted;
    bool user_level;
    char reason[200];
    double figure[BENCH_TESTS]; /* medians of the slices */
} series_t;

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool measure_one(bench_pair_t *pair, bench_test_t test, unsigned slices, bar_t *bar, const char *what, double *median)
{
    double figures[MOST_SLICES];
    for (unsigned i = 0; i < slices; i++) {
        bar_step(bar, what);
        figures[i] = bench_pair_measure(pair, test, SLICE_MS);
        if (figures[i] < 0)
            return false;
    }
    qsort(figures, slices, sizeof *figures, compare_doubles);
    *median = figures[slices / 2];
    return true;
}

static const char *measure(series_t *series, char *program, const char *host, const char *port, bool by_kernel,
                           unsigned slices, bar_t *bar)
{
    static const char *const names[2][BENCH_TESTS] = {
        {"latency, user-level", "messages, user-level", "bandwidth, user-level"},
        {"latency, kernel", "messages, kernel", "bandwidth, kernel"}};
    bench_pair_t pair;
    connection_t connection = {0};
    const char *problem = bench_pair_start(&pair, program, host, port, by_kernel);
    if (problem)
        return problem;
    for (unsigned test = 0; test < BENCH_TESTS && !problem; test++) {
        if (!measure_one(&pair, (bench_test_t)test, slices, bar, names[by_kernel][test], &series->figure[test]))
            problem = "the other end has gone, or did not answer";
    }
    if (!problem && bench_pair_carrier(&pair, &connection)) {
        series->user_level = connection.user_level;
        snprintf(series->reason, sizeof series->reason, "%s", connection.reason);
    } else {
        snprintf(series->reason, sizeof series->reason, "%s", by_kernel ? "" : "the other end is on another machine, or has no DLL");
    }
    bench_pair_end(&pair);
    return problem;
}

/* ---- results ---- */

static void say_figure(const series_t *series, bench_test_t test)
{
    char amount[16];
    if (!series->wanted)
        return;
    if (test == BENCH_LATENCY) {
        printf("  %12.2f us", series->figure[test]);
    } else {
        text_amount(amount, (uint64_t)series->figure[test]);
        printf("  %10s%s/s", amount, test == BENCH_MESSAGES ? "  " : " B");
    }
}

static void say_results(const series_t *user, const series_t *kernel)
{
    static const char *const names[BENCH_TESTS] = {"round trip of 64 bytes", "messages of 64 bytes, one way",
                                                   "bandwidth, 64 KB at a time"};
    printf("%-32s  %15s%s\n", "", user->user_level ? "user-level" : "with the DLL", kernel->wanted ? "         kernel" : "");
    for (unsigned test = 0; test < BENCH_TESTS; test++) {
        printf("%-32s", names[test]);
        say_figure(user, (bench_test_t)test);
        say_figure(kernel, (bench_test_t)test);
        putchar('\n');
    }
    if (!user->user_level)
        printf("the connection was not user-level: %s\n", user->reason);
}

static void tell_series(const char *key, const series_t *series)
{
    json_object(key);
    json_flag("user_level", series->user_level);
    json_text("reason", series->reason[0] ? series->reason : NULL);
    json_real("round_trip_us", series->figure[BENCH_LATENCY]);
    json_real("messages_per_s", series->figure[BENCH_MESSAGES]);
    json_real("bytes_per_s", series->figure[BENCH_BANDWIDTH]);
    json_end();
}

static void tell_results(const series_t *user, const series_t *kernel)
{
    json_object(NULL);
    tell_series("with_dll", user);
    if (kernel->wanted)
        tell_series("kernel", kernel);
    json_end();
}

/* ---- the command ---- */

typedef struct wishes {
    bool json, self, progress;
    unsigned seconds;
    char host[64];
    const char *port;
} wishes_t;

static const char *measure_all(const wishes_t *wishes, char *program, series_t *user, series_t *kernel)
{
    unsigned series = wishes->self ? 2 : 1, slices = wishes->seconds * 1000 / SLICE_MS / (series * BENCH_TESTS);
    slices = slices < 1 ? 1 : slices > MOST_SLICES ? MOST_SLICES : slices;
    bar_t bar = {wishes->progress, 0, slices * series * BENCH_TESTS};
    const char *host = wishes->self ? NULL : wishes->host;
    const char *problem = measure(user, program, host, wishes->port, false, slices, &bar);
    if (!problem && wishes->self) {
        kernel->wanted = true;
        problem = measure(kernel, program, host, wishes->port, true, slices, &bar);
    }
    bar_end(&bar);
    return problem;
}

static int run_client(const wishes_t *wishes)
{
    trial_t trial;
    series_t user = {.wanted = true}, kernel = {0};
    const char *problem = trial_stage(&trial);
    if (problem)
        return ctl_no("bench: %s; see vmmcctl doctor", problem);
    problem = measure_all(wishes, trial.program, &user, &kernel);
    trial_end(&trial);
    if (problem)
        return ctl_no("bench: %s", problem);
    if (wishes->json)
        tell_results(&user, &kernel);
    else
        say_results(&user, &kernel);
    return CTL_FINE;
}

static BOOL WINAPI end_with_child(DWORD event)
{
    return event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT; /* the server gets it too */
}

static int run_server(char *port, char *clients)
{
    trial_t trial;
    child_t server;
    uint32_t code = CTL_NO;
    const char *problem = trial_stage(&trial);
    if (problem)
        return ctl_no("bench: %s; see vmmcctl doctor", problem);
    char *arguments[] = {trial.program, "netbench", "server", "--host", "0.0.0.0", "--port", port, "--clients", clients, NULL};
    SetConsoleCtrlHandler(end_with_child, TRUE);
    if (child_start(&server, arguments, false)) {
        fprintf(stderr, "vmmcctl: serving `vmmcctl bench HOST:%s` at port %s; Ctrl-C ends it\n", port, port);
        child_wait(&server, UINT32_MAX, &code);
    }
    child_end(&server, 0);
    trial_end(&trial);
    return (int)code;
}

static bool is_port(const char *text)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && port >= 1 && port <= 65535;
}

/* HOST:PORT; a name becomes an address, since netbench takes no others. */
static bool take_address(wishes_t *wishes, const char *text)
{
    const char *colon = strrchr(text, ':');
    char name[256];
    WSADATA data;
    if (!colon || colon == text || !is_port(colon + 1) || (size_t)(colon - text) >= sizeof name)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)(colon - text), text);
    wishes->port = colon + 1;
    if (WSAStartup(MAKEWORD(1, 1), &data) != 0)
        return false;
    const struct hostent *host = gethostbyname(name);
    if (host && host->h_addrtype == AF_INET)
        snprintf(wishes->host, sizeof wishes->host, "%s", inet_ntoa(*(struct in_addr *)(void *)host->h_addr_list[0]));
    WSACleanup();
    return wishes->host[0] != 0;
}

static int run_bench(int argc, char **argv)
{
    wishes_t wishes = {.json = ctl_take_flag(&argc, argv, "--json"),
                       .self = ctl_take_flag(&argc, argv, "--self"),
                       .progress = ctl_take_flag(&argc, argv, "--progress") || _isatty(2)};
    const char *seconds = ctl_take_value(&argc, argv, "--seconds"), *serve = ctl_take_value(&argc, argv, "--serve");
    const char *clients = ctl_take_value(&argc, argv, "--clients");
    wishes.seconds = seconds ? (unsigned)atoi(seconds) : DEFAULT_SECONDS;
    if (ctl_unknown_option(argc, argv))
        return ctl_usage(&bench_command, "it has no option %s", ctl_unknown_option(argc, argv));
    if (wishes.seconds < 1 || wishes.seconds > 60)
        return ctl_usage(&bench_command, "--seconds is 1 to 60");
    if (serve && !wishes.self && argc == 1 && is_port(serve))
        return run_server((char *)serve, (char *)(clients ? clients : "1000000"));
    if (serve || wishes.self == (argc == 2) || argc > 2)
        return ctl_usage(&bench_command, "it takes HOST:PORT, --self, or --serve PORT");
    if (!wishes.self && !take_address(&wishes, argv[1]))
        return ctl_usage(&bench_command, "%s is not an address and a port, as 127.0.0.1:5500", argv[1]);
    return run_client(&wishes);
}

const command_t bench_command = {
    "bench", run_bench, "latency and bandwidth, with and without the transport",
    "usage: vmmcctl bench --self [options]           with itself: user-level beside the kernel\n"
    "       vmmcctl bench --serve PORT               waits for the next, until Ctrl-C\n"
    "       vmmcctl bench HOST:PORT [options]        with such a server, here or on another machine\n\n"
    "Measures three things, each in slices of a quarter of a second, and gives the medians: the round trip of a\n"
    "message of 64 bytes, messages of 64 bytes one way, and bandwidth in pieces of 64 KB. It takes 20 seconds, and\n"
    "shows how far it is when standard error is a console.\n\n"
    "  --seconds N   how long altogether, 1 to 60; the longer the steadier\n"
    "  --progress    the bar also when standard error is a file\n"
    "  --json        the figures for other programs\n\n"
    "The two processors of a pair may share a cache or not, and a virtual machine may change that while it runs, so two\n"
    "runs can differ by several times; compare figures of one run. The programs are copies of vmmcctl in the folder\n"
    "for temporary files, with the DLL beside them, and are removed afterwards.\n"};

static int run_netbench(int argc, char **argv)
{
    return netbench_run(argc, argv);
}

const command_t netbench_command = {"netbench", run_netbench, "", "vmmcctl netbench: what bench starts; not for people\n"};
