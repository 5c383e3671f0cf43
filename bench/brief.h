/* brief: tests whose connections live for one exchange. */
#ifndef BENCH_BRIEF_H
#define BENCH_BRIEF_H

#include "server.h"

/* TEST_CONNECT: the client closes first.  TEST_BRIEF: the server does, and the client reads up to the end. */
void brief_run(client_t *client, const netbench_options_t *options);
void brief_serve(server_t *server, const peer_request_t *request);

#endif
