/* alone: see alone.h. */
#include "alone.h"
#include "bare_ring.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct {
    uint64_t send_ns, receive_ns, messages;
} sums_t;

static void take_run(const crowd_pair_t *pair, char *buffer, const netbench_options_t *options, unsigned run, sums_t *sums)
{
    uint64_t start = net_clock_ns();
    for (unsigned i = 0; i < run; i++)
        peer_send(pair->connected, buffer, options->size);
    uint64_t sent = net_clock_ns();
    for (unsigned i = 0; i < run; i++)
        peer_receive_all(pair->accepted, buffer, options->size, NULL);
    sums->send_ns += sent - start;
    sums->receive_ns += net_clock_ns() - sent;
    sums->messages += run;
}

void alone_run(client_t *client, const netbench_options_t *options)
{
    if (options->size > ALONE_BYTES)
        peer_die("alone takes up to %u bytes at a time", ALONE_BYTES);
    if (!client->pair.open)
        crowd_open_pair(&client->pair);
    char *buffer = peer_room(&client->room, options->size);
    unsigned run = bare_ring_alone_run(options->size);
    uint64_t end = net_clock_ns() + (uint64_t)options->milliseconds * 1000000u;
    sums_t sums = {0};
    do
        take_run(&client->pair, buffer, options, run, &sums);
    while (net_clock_ns() < end);
    double send_ns = (double)sums.send_ns / (double)sums.messages;
    double receive_ns = (double)sums.receive_ns / (double)sums.messages;
    client_print_head(options);
    printf(",\"messages\":%" PRIu64 ",\"both_ns\":%.3f,\"send_ns\":%.3f,\"receive_ns\":%.3f}\n", sums.messages,
           send_ns + receive_ns, send_ns, receive_ns);
}
