/* netbench: options of the program and its two halves. */
#ifndef BENCH_NETBENCH_H
#define BENCH_NETBENCH_H

#include "peer.h"

typedef struct {
    test_t test;
    const char *host, *unix_path, *port_file, *file;
    unsigned port, size, warm_up, milliseconds, batch, use_select;
} netbench_options_t;

const char *netbench_test_name(test_t test);

int server_run(const netbench_options_t *options);
int client_run(const netbench_options_t *options);
int udp_server_run(const netbench_options_t *options);
int udp_client_run(const netbench_options_t *options);

/* The address a client should use; waits up to ten seconds for the server's port file. */
struct sockaddr_in netbench_address(const netbench_options_t *options);
/* Binds to options->host, at options->port or any free one; then makes the port known. */
void netbench_bind(net_socket_t s, const netbench_options_t *options);
void netbench_announce(net_socket_t s, const netbench_options_t *options);

#endif
