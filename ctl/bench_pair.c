/* bench_pair: see bench_pair.h. */
#include "bench_pair.h"

#include <nt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_PATIENCE_MS 20000
#define ANSWER_PATIENCE_MS 20000

static const struct {
    const char *question, *key;
    unsigned size;
    double unit;
} tests[BENCH_TESTS] = {[BENCH_LATENCY] = {"rtt", "\"median_us\":", 64, 1},
                        [BENCH_MESSAGES] = {"msgs", "\"messages_per_s\":", 64, 1},
                        [BENCH_BANDWIDTH] = {"bw", "\"mb_per_s\":", 65536, 1e6}};

static bool ask(bench_pair_t *pair, const char *question, char *answer, size_t size, unsigned extra_ms)
{
    return child_write(&pair->client, question) &&
           child_read(&pair->client, answer, size, ANSWER_PATIENCE_MS + extra_ms);
}

static const char *start_server(bench_pair_t *pair, char *program, char port[16])
{
    char *arguments[] = {program, "netbench", "server", NULL};
    if (!child_start(&pair->server, arguments, true))
        return "the server of the test cannot be started";
    return child_read(&pair->server, port, 16, START_PATIENCE_MS) ? NULL : "the server of the test did not start";
}

static const char *start_client(bench_pair_t *pair, char *program, char *host, char *port)
{
    char answer[200];
    char *arguments[] = {program, "netbench", "client", "session", "--host", host, "--port", port, NULL};
    if (!child_start(&pair->client, arguments, true))
        return "the client of the test cannot be started";
    return ask(pair, "connect", answer, sizeof answer, 0) ? NULL : "no server answers at that address and port";
}

const char *bench_pair_start(bench_pair_t *pair, char *program, const char *host, const char *port, bool by_kernel)
{
    char own_port[16], address[64];
    *pair = (bench_pair_t){0};
    SetEnvironmentVariableA("VMMC_ENABLED", by_kernel ? "0" : NULL);
    snprintf(own_port, sizeof own_port, "%s", host ? port : "");
    snprintf(address, sizeof address, "%s", host ? host : "127.0.0.1");
    const char *problem = host ? NULL : start_server(pair, program, own_port);
    if (!problem)
        problem = start_client(pair, program, address, own_port);
    if (problem)
        bench_pair_end(pair);
    return problem;
}

void bench_pair_end(bench_pair_t *pair)
{
    child_end(&pair->client, 5000); /* its input ends, so it does; and then the server */
    child_end(&pair->server, 5000);
}

double bench_pair_measure(bench_pair_t *pair, bench_test_t test, unsigned milliseconds)
{
    char question[64], answer[512];
    snprintf(question, sizeof question, "%s %u %u", tests[test].question, tests[test].size, milliseconds);
    if (!ask(pair, question, answer, sizeof answer, milliseconds))
        return -1;
    const char *figure = strstr(answer, tests[test].key);
    return figure ? atof(figure + strlen(tests[test].key)) * tests[test].unit : -1;
}

bool bench_pair_carrier(const bench_pair_t *pair, connection_t *connection)
{
    survey_t survey;
    unsigned count;
    bool found = false;
    inspect_all(&survey);
    connection_t *connections = connections_of(&survey, &count);
    for (unsigned i = 0; i < count && !found; i++) {
        const connection_t *found_one = &connections[i];
        found =
            found_one->one->pid == pair->client.pid || (found_one->other && found_one->other->pid == pair->client.pid);
        if (found)
            *connection = *found_one;
    }
    free(connections);
    inspect_free(&survey);
    connection->one = connection->other = NULL;
    return found;
}
