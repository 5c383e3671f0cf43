/* bench_pair: a netbench client of our own, with its server, that answers questions one at a time.
 * Both are copies of vmmcctl (trial.h), so that they have the DLL like any program. */
#ifndef CTL_BENCH_PAIR_H
#define CTL_BENCH_PAIR_H

#include "child.h"
#include "connections.h"

typedef struct bench_pair {
    child_t server, client; /* no server: it is somebody else's */
} bench_pair_t;

/* `host` NULL: with a server of our own.  `by_kernel`: with the transport switched off.  NULL, or what went wrong. */
const char *bench_pair_start(bench_pair_t *pair, char *program, const char *host, const char *port, bool by_kernel);
void bench_pair_end(bench_pair_t *pair);

typedef enum bench_test { BENCH_LATENCY, BENCH_MESSAGES, BENCH_BANDWIDTH, BENCH_TESTS } bench_test_t;

/* One slice of a test: microseconds of a round trip, messages or bytes a second; negative: the pair has failed. */
double bench_pair_measure(bench_pair_t *pair, bench_test_t test, unsigned milliseconds);
/* How the client's connection is carried now; false: it is not to be found. */
bool bench_pair_carrier(const bench_pair_t *pair, connection_t *connection);

#endif
