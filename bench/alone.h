/* alone: both ends of a connection in one thread: what the calls cost while no cache line goes to another processor. So the
 * state of the machine does not matter, and no pair of processes can exchange messages faster. */
#ifndef BENCH_ALONE_H
#define BENCH_ALONE_H

#include "netbench.h"

/* TEST_ALONE: some sends, then as many receives, and so on. The server has nothing to do with it. */
void alone_run(client_t *client, const netbench_options_t *options);

#endif
