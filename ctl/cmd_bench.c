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

/* What is measured side by side: slices of the one and the other take turns, so that both see the same machine. */
typedef struct series {
    bool by_kernel;
    bench_pair_t pair;
    double slices[BENCH_TESTS][MOST_SLICES];
    double figure[BENCH_TESTS]; /* their medians */
    bool user_level;
    char reason[200];
} series_t;

typedef struct bench {
    series_t series[2];
    unsigned count, slices;
    bar_t bar;
} bench_t;

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool measure_slice(bench_t *bench, bench_test_t test, unsigned slice)
{
    static const char *const names[BENCH_TESTS] = {"round trips", "messages", "bandwidth"};
    for (unsigned i = 0; i < bench->count; i++) {
        series_t *series = &bench->series[i];
        bar_step(&bench->bar, names[test]);
        series->slices[test][slice] = bench_pair_measure(&series->pair, test, SLICE_MS);
        if (series->slices[test][slice] < 0)
            return false;
    }
    return true;
}

static bool measure_test(bench_t *bench, bench_test_t test)
{
    for (unsigned slice = 0; slice < bench->slices; slice++) {
        if (!measure_slice(bench, test, slice))
            return false;
    }
    for (unsigned i = 0; i < bench->count; i++) {
        series_t *series = &bench->series[i];
        qsort(series->slices[test], bench->slices, sizeof series->slices[test][0], compare_doubles);
        series->figure[test] = series->slices[test][bench->slices / 2];
    }
    return true;
}

static void learn_carrier(series_t *series)
{
    connection_t connection = {0};
    const char *reason = "the other end is on another machine, or has no DLL";
    if (bench_pair_carrier(&series->pair, &connection)) {
        series->user_level = connection.user_level;
        reason = connection.reason;
    }
    snprintf(series->reason, sizeof series->reason, "%s", reason);
}

/* The pairs have been started. */
static const char *measure(bench_t *bench)
{
    for (unsigned test = 0; test < BENCH_TESTS; test++) {
        if (!measure_test(bench, (bench_test_t)test))
            return "the other end has gone, or did not answer";
    }
    for (unsigned i = 0; i < bench->count; i++)
        learn_carrier(&bench->series[i]);
    return NULL;
}

/* ---- results ---- */

static void say_figure(const series_t *series, bench_test_t test)
{
    char amount[16];
    if (test == BENCH_LATENCY) {
        printf("  %11.2f us", series->figure[test]);
    } else {
        text_count(amount, (uint64_t)series->figure[test]);
        printf("  %*s%s/s", test == BENCH_BANDWIDTH ? 11 : 12, amount, test == BENCH_BANDWIDTH ? "B" : "");
    }
}

static void say_results(const bench_t *bench)
{
    static const char *const names[BENCH_TESTS] = {"round trip of 64 bytes", "messages of 64 bytes, one way",
                                                   "bytes, 64 KB at a time"};
    const series_t *first = &bench->series[0];
    printf("%-32s  %14s%s\n", "", first->user_level ? "user-level" : "with the DLL",
           bench->count > 1 ? "          kernel" : "");
    for (unsigned test = 0; test < BENCH_TESTS; test++) {
        printf("%-32s", names[test]);
        for (unsigned i = 0; i < bench->count; i++)
            say_figure(&bench->series[i], (bench_test_t)test);
        putchar('\n');
    }
    if (!first->user_level)
        printf("the connection was not user-level: %s\n", first->reason);
}

static void tell_results(const bench_t *bench)
{
    json_object(NULL);
    for (unsigned i = 0; i < bench->count; i++) {
        const series_t *series = &bench->series[i];
        json_object(series->by_kernel ? "kernel" : "with_dll");
        json_flag("user_level", series->user_level);
        json_text("reason", series->reason[0] ? series->reason : NULL);
        json_real("round_trip_us", series->figure[BENCH_LATENCY]);
        json_real("messages_per_s", series->figure[BENCH_MESSAGES]);
        json_real("bytes_per_s", series->figure[BENCH_BANDWIDTH]);
        json_end();
    }
    json_end();
}

/* ---- the command ---- */

typedef struct wishes {
    bool json, self, progress;
    unsigned seconds;
    char host[64];
    const char *port;
} wishes_t;

static void plan(bench_t *bench, const wishes_t *wishes)
{
    bench->count = wishes->self ? 2 : 1;
    bench->series[1].by_kernel = true;
    unsigned slices = wishes->seconds * 1000 / SLICE_MS / (bench->count * BENCH_TESTS);
    bench->slices = slices < 1 ? 1 : slices > MOST_SLICES ? MOST_SLICES : slices;
    bench->bar = (bar_t){wishes->progress, 0, bench->slices * bench->count * BENCH_TESTS};
}

static const char *measure_with(bench_t *bench, const wishes_t *wishes, char *program)
{
    const char *problem = NULL;
    unsigned started = 0;
    for (; started < bench->count && !problem; started++) {
        series_t *series = &bench->series[started];
        problem = bench_pair_start(&series->pair, program, wishes->self ? NULL : wishes->host, wishes->port,
                                   series->by_kernel);
    }
    if (!problem)
        problem = measure(bench);
    bar_end(&bench->bar);
    while (started)
        bench_pair_end(&bench->series[--started].pair);
    return problem;
}

static int run_client(const wishes_t *wishes)
{
    static bench_t bench;
    trial_t trial;
    const char *problem = trial_stage(&trial);
    if (problem)
        return ctl_no("bench: %s; see vmmcctl doctor", problem);
    plan(&bench, wishes);
    problem = measure_with(&bench, wishes, trial.program);
    trial_end(&trial);
    if (problem)
        return ctl_no("bench: %s%s", problem,
                      wishes->self ? "; see vmmcctl doctor" : "; start one there: vmmcctl bench --serve PORT");
    if (wishes->json)
        tell_results(&bench);
    else
        say_results(&bench);
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
    char *arguments[] = {trial.program, "netbench", "server",    "--host", "0.0.0.0",
                         "--port",      port,       "--clients", clients,  NULL};
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
        return ctl_usage(&bench_command, "it has no option %s, or its value is missing",
                         ctl_unknown_option(argc, argv));
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
    "The two processors of a pair may share a cache or not, and a virtual machine may change that while it runs, so "
    "two\n"
    "runs can differ by several times; compare figures of one run. The programs are copies of vmmcctl in the folder\n"
    "for temporary files, with the DLL beside them, and are removed afterwards.\n"};

static int run_netbench(int argc, char **argv)
{
    return netbench_run(argc, argv);
}

const command_t netbench_command = {"netbench", run_netbench, "",
                                    "vmmcctl netbench: what bench starts; not for people\n"};
