/* netbench: options of the program and its two halves. */
#ifndef BENCH_NETBENCH_H
#define BENCH_NETBENCH_H

#include "crowd.h"
#include "peer.h"
#include "samples.h"

typedef struct {
    test_t test;
    const char *host, *unix_path, *port_file, *file;
    unsigned port, size, warm_up, milliseconds, clients;
    unsigned crowd, pause_us; /* connections beside the first; TEST_WAKE, TEST_LOAD */
    peer_wait_t wait;
    bool kernel; /* the crowd has members that are the kernel's for sure */
    bool udp, session;
} netbench_options_t;

/* What a client keeps from one test to the next. */
typedef struct {
    net_socket_t socket;       /* NET_INVALID before it has connected */
    struct sockaddr_in server; /* where datagrams go */
    samples_t samples;
    peer_room_t room;
    crowd_t crowd;
    crowd_pair_t pair; /* TEST_ALONE */
} client_t;

/* The whole program, by its arguments; what main() does. */
int netbench_run(int argc, char **argv);

const char *netbench_test_name(test_t test);
bool netbench_find_test(const char *name, test_t *test);

int server_run(const netbench_options_t *options);
int udp_server_run(const netbench_options_t *options);
int client_run(const netbench_options_t *options);

/* Take one test with the server and print the result as a line of JSON. What goes wrong ends the program. */
void client_take(client_t *client, const netbench_options_t *options);
void udp_take(client_t *client, const netbench_options_t *options);
void udp_open(client_t *client, const netbench_options_t *options);
/* For the files that hold tests: the beginning of a result; its whole, of times; how the client waits; the end of what
 * the server echoes. */
void client_print_head(const netbench_options_t *options);
void client_print_times(const netbench_options_t *options, samples_t *samples, uint64_t exchanges);
peer_way_t client_way(const client_t *client, const netbench_options_t *options);
void client_end_echo(net_socket_t s, char *buffer, size_t size, const peer_way_t *way);
/* Opens or closes what options->crowd says beside client->socket. */
void client_gather(client_t *client, const netbench_options_t *options);
/* Tells the server that this client has ended. */
void udp_say_goodbye(client_t *client);

/* The address a client should use, and a stream connection to it; both wait up to ten seconds for the server. */
struct sockaddr_in netbench_address(const netbench_options_t *options);
net_socket_t netbench_connect(const netbench_options_t *options);
/* Binds to options->host, at options->port or any free one; then makes the port known. */
void netbench_bind(net_socket_t s, const netbench_options_t *options);
void netbench_announce(net_socket_t s, const netbench_options_t *options);

#endif
