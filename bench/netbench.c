/* netbench: a plain client and server on blocking sockets, written for WinSock 1.1 (and POSIX) and linked to nothing
 * of this project's: the unmodified program that is measured with and without our wsock32.dll. */
#include "netbench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: netbench server [--udp] [options]      serves one client (or --clients N), then ends\n"
    "       netbench client TEST [options]         prints the result as one line of JSON\n"
    "       netbench client session [--udp] [options]   obeys lines of standard input, answers each by a line of "
    "JSON:\n"
    "              connect                              (again: by a new connection)\n"
    "              TEST BYTES MILLISECONDS [WORD-WORD...]\n"
    "              select, poll: how both ends wait for bytes    cN: beside N other open connections\n"
    "              kernel: and a listener and a stream that are the kernel's    tN: pauses of N microseconds\n"
    "TEST:  rtt   request and response             msgs  one way, received message by message\n"
    "       bw    one way, received in bulk        file  a real file (--file), checksums compared\n"
    "       idle  CPU time of one blocked recv     udp   request and response by datagrams (server --udp)\n"
    "       transmit  one way by TransmitFile      on Windows builds\n"
    "       borrow, views, lend                    one way, without a copy at the receiver, at both ends, of the whole:\n"
    "              by the pointers of our wsock32.dll (vmmc_sockets.h)\n"
    "       spread  bw, over all open connections     crowd  opens connections\n"
    "       ready, empty  asks who has bytes: one, none  wake   from a late answer to the end of the sleep\n"
    "       load  rtt with pauses for thought         connect, brief  connections: closed by client, by server\n"
    "       alone  sends and receives of one thread to itself\n"
    "options: --host ADDRESS (127.0.0.1)   --port N | --port-file PATH (server writes it, client reads it)\n"
    "         --unix PATH (native builds)  --size BYTES (64)      --milliseconds N (500)\n"
    "         --warm-up MILLISECONDS of exchanges before each test (1)    --select: call select before each recv\n";

static const char *const test_names[TEST_COUNT] = {"rtt",    "msgs",  "bw",   "file",    "idle",
                                                   "udp", "crowd",  "spread", "ready", "empty", "wake", "load", "connect", "brief", "alone",
     "borrow", "views", "lend", "transmit"};

const char *netbench_test_name(test_t test)
{
    return test_names[test];
}

static void fail_usage(const char *what)
{
    fprintf(stderr, "netbench: bad argument '%s'\n%s", what, usage);
    exit(2);
}

bool netbench_find_test(const char *name, test_t *test)
{
    for (int i = 0; i < TEST_COUNT; i++)
        if (!strcmp(name, test_names[i])) {
            *test = (test_t)i;
            return true;
        }
    return false;
}

static bool take_text(netbench_options_t *o, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **value;
    } texts[] = {
        {"--host", &o->host},
        {"--unix", &o->unix_path},
        {"--port-file", &o->port_file},
        {"--file", &o->file},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(name, texts[i].name)) {
            *texts[i].value = value;
            return true;
        }
    return false;
}

static bool take_number(netbench_options_t *o, const char *name, const char *value)
{
    const struct {
        const char *name;
        unsigned *value, low, high;
    } numbers[] = {
        {"--port", &o->port, 1, 65535},
        {"--size", &o->size, 1, 1u << 30},
        {"--milliseconds", &o->milliseconds, 1, 3600000},
        {"--warm-up", &o->warm_up, 0, 3600000},
        {"--clients", &o->clients, 1, 1000000000},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char *end;
        if (strcmp(name, numbers[i].name))
            continue;
        unsigned long n = strtoul(value, &end, 10);
        if (!*value || *end || n < numbers[i].low || n > numbers[i].high)
            fail_usage(value);
        *numbers[i].value = (unsigned)n;
        return true;
    }
    return false;
}

static void take_options(netbench_options_t *o, char **argument)
{
    for (; *argument; argument++) {
        if (!strcmp(*argument, "--udp"))
            o->udp = true;
        else if (!strcmp(*argument, "--select"))
            o->wait = PEER_SELECTS;
        else if (argument[1] && (take_text(o, argument[0], argument[1]) || take_number(o, argument[0], argument[1])))
            argument++;
        else
            fail_usage(*argument);
    }
}

/* Of a client: a test, or a session. */
static void take_task(netbench_options_t *o, const char *name)
{
    o->session = !strcmp(name, "session");
    if (!o->session && !netbench_find_test(name, &o->test))
        fail_usage(name);
    o->udp = o->test == TEST_UDP;
}

int netbench_run(int argc, char **argv)
{
    netbench_options_t options = {.host = "127.0.0.1", .size = 64, .milliseconds = 500, .warm_up = 1, .clients = 1};
    if (argc >= 2 && !strcmp(argv[1], "server")) {
        take_options(&options, argv + 2);
        net_startup();
        return options.udp ? udp_server_run(&options) : server_run(&options);
    }
    if (argc < 3 || strcmp(argv[1], "client"))
        fail_usage(argc > 1 ? argv[1] : "");
    take_task(&options, argv[2]);
    take_options(&options, argv + 3);
    net_startup();
    return client_run(&options);
}
