/* udp: a datagram echo, the traffic that never leaves the kernel's path, to see that it costs no more than before. */
#include "netbench.h"

#include <stdio.h>
#include <stdlib.h>

#define GOODBYE_SIZE 1 /* the datagram that ends the server; tests use larger ones */

static net_socket_t open_socket(void)
{
    net_socket_t s = socket(AF_INET, SOCK_DGRAM, 0);
    if (s == NET_INVALID)
        peer_die("socket failed");
    return s;
}

int udp_server_run(const netbench_options_t *options)
{
    net_socket_t s = open_socket();
    char *buffer = peer_buffer(PEER_DATAGRAM_MAX);
    int size = 0;
    netbench_bind(s, options);
    netbench_announce(s, options);
    for (unsigned served = 0; served < options->clients; served += size == GOODBYE_SIZE) {
        struct sockaddr_in from;
        net_len_t length = sizeof from;
        if (options->wait == PEER_SELECTS)
            peer_wait_readable(s, NULL);
        size = (int)recvfrom(s, buffer, PEER_DATAGRAM_MAX, 0, (struct sockaddr *)&from, &length);
        if (size < 0 || (int)sendto(s, buffer, size, 0, (struct sockaddr *)&from, length) != size)
            peer_die("the datagram echo failed");
    }
    net_close(s);
    free(buffer);
    return 0;
}

void udp_open(client_t *client, const netbench_options_t *options)
{
    client->server = netbench_address(options);
    client->socket = open_socket();
}

static void exchange(const client_t *client, char *buffer, unsigned size, bool use_select)
{
    const struct sockaddr *to = (const struct sockaddr *)&client->server;
    if ((int)sendto(client->socket, buffer, (int)size, 0, to, sizeof client->server) != (int)size)
        peer_die("sendto failed");
    if (use_select)
        peer_wait_readable(client->socket, NULL);
    if ((int)recvfrom(client->socket, buffer, PEER_DATAGRAM_MAX, 0, NULL, NULL) != (int)size)
        peer_die("recvfrom failed");
}

void udp_say_goodbye(client_t *client)
{
    exchange(client, peer_room(&client->room, PEER_DATAGRAM_MAX), GOODBYE_SIZE, false);
}

static void warm_up(const client_t *client, char *buffer, const netbench_options_t *options)
{
    uint64_t end = net_clock_ns() + (uint64_t)options->warm_up * 1000000u;
    do
        exchange(client, buffer, options->size, options->wait == PEER_SELECTS);
    while (net_clock_ns() < end);
}

static void measure(client_t *client, char *buffer, const netbench_options_t *options)
{
    uint64_t last = net_clock_ns(), end = last + (uint64_t)options->milliseconds * 1000000u;
    samples_clear(&client->samples);
    while (last < end) {
        exchange(client, buffer, options->size, options->wait == PEER_SELECTS);
        uint64_t now = net_clock_ns();
        if (!samples_add(&client->samples, (double)(now - last) / 1e3))
            break;
        last = now;
    }
}

void udp_take(client_t *client, const netbench_options_t *options)
{
    samples_t *samples = &client->samples;
    char *buffer = peer_room(&client->room, PEER_DATAGRAM_MAX);
    if (options->size <= GOODBYE_SIZE || options->size > PEER_DATAGRAM_MAX)
        peer_die("a datagram test takes 2 to %d bytes", PEER_DATAGRAM_MAX);
    warm_up(client, buffer, options);
    measure(client, buffer, options);
    samples_sort(samples);
    printf("{\"test\":\"%s\",\"size\":%u,\"bits\":%u,\"exchanges\":%lu,"
           "\"median_us\":%.4f,\"p99_us\":%.4f,\"mean_us\":%.4f}\n",
           netbench_test_name(options->test), options->size, (unsigned)sizeof(void *) * 8,
           (unsigned long)samples->count, samples_percentile(samples, 50), samples_percentile(samples, 99),
           samples->sum / (double)samples->count);
}
