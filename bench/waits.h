/* waits: tests about readiness, sleep and pauses for thought. */
#ifndef BENCH_WAITS_H
#define BENCH_WAITS_H

#include "server.h"

/* Time of one question about all of the client's sockets: with TEST_READY one has bytes, with TEST_EMPTY none. */
void waits_run_ready(client_t *client, const netbench_options_t *options);
/* From the server's answer, after a pause that puts the client to sleep, to the moment when the client has it. */
void waits_run_wake(client_t *client, const netbench_options_t *options);
void waits_answer_late(server_t *server, const peer_request_t *request);
/* Exchanges with pauses between them, each timed without its pause. */
void waits_run_load(client_t *client, const netbench_options_t *options);

#endif
