/* udp: a datagram echo, the traffic that never leaves the kernel's path, to see that it costs no more than before. */
#include "netbench.h"
#include "samples.h"

#include <stdio.h>
#include <stdlib.h>

#define SAMPLE_CAPACITY 200000
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
    int size;
    netbench_bind(s, options);
    netbench_announce(s, options);
    do {
        struct sockaddr_in from;
        net_len_t length = sizeof from;
        if (options->use_select)
            peer_wait_readable(s);
        size = (int)recvfrom(s, buffer, PEER_DATAGRAM_MAX, 0, (struct sockaddr *)&from, &length);
        if (size < 0 || (int)sendto(s, buffer, size, 0, (struct sockaddr *)&from, length) != size)
            peer_die("the datagram echo failed");
    } while (size > GOODBYE_SIZE);
    net_close(s);
    free(buffer);
    return 0;
}

static void exchange(net_socket_t s, struct sockaddr_in *to, char *buffer, unsigned size, bool use_select)
{
    if ((int)sendto(s, buffer, (int)size, 0, (struct sockaddr *)to, sizeof *to) != (int)size)
        peer_die("sendto failed");
    if (use_select)
        peer_wait_readable(s);
    if ((int)recvfrom(s, buffer, PEER_DATAGRAM_MAX, 0, NULL, NULL) != (int)size)
        peer_die("recvfrom failed");
}

static void measure(net_socket_t s, struct sockaddr_in *to, char *buffer, const netbench_options_t *options,
                    samples_t *samples)
{
    uint64_t last = net_clock_ns(), end = last + (uint64_t)options->milliseconds * 1000000u;
    while (last < end) {
        exchange(s, to, buffer, options->size, options->use_select);
        uint64_t now = net_clock_ns();
        if (!samples_add(samples, (double)(now - last) / 1e3))
            break;
        last = now;
    }
}

int udp_client_run(const netbench_options_t *options)
{
    struct sockaddr_in to = netbench_address(options);
    samples_t samples;
    net_socket_t s = open_socket();
    char *buffer = peer_buffer(PEER_DATAGRAM_MAX);
    if (options->size <= GOODBYE_SIZE || options->size > PEER_DATAGRAM_MAX || !samples_init(&samples, SAMPLE_CAPACITY))
        peer_die("a datagram test takes 2 to %d bytes", PEER_DATAGRAM_MAX);

    for (unsigned i = 0; i < options->warm_up; i++)
        exchange(s, &to, buffer, options->size, options->use_select);
    measure(s, &to, buffer, options, &samples);
    exchange(s, &to, buffer, GOODBYE_SIZE, options->use_select);

    samples_sort(&samples);
    printf("{\"test\":\"%s\",\"size\":%u,\"bits\":%u,\"exchanges\":%lu,"
           "\"median_us\":%.4f,\"p99_us\":%.4f,\"mean_us\":%.4f}\n",
           netbench_test_name(options->test), options->size, (unsigned)sizeof(void *) * 8, (unsigned long)samples.count,
           samples_percentile(&samples, 50), samples_percentile(&samples, 99), samples.sum / (double)samples.count);
    samples_free(&samples);
    net_close(s);
    free(buffer);
    return 0;
}
