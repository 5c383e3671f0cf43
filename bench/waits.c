/* waits: see waits.h. */
#include "waits.h"

#include <stdio.h>
#include <string.h>

#define QUESTIONS 16

/* What the server says of its answer; the clock is the same in all processes. */
typedef struct {
    char more;
    char unused[7];
    uint64_t sent_ns;
} stamp_t;

void waits_run_ready(client_t *client, const netbench_options_t *options)
{
    bool ready = options->test == TEST_READY;
    net_set_t *alone = net_set_new(&client->socket, 1);
    net_set_t *set = client->crowd.set ? client->crowd.set : alone;
    char *buffer = peer_room(&client->room, options->size);
    uint64_t questions = 0, start, now, end;
    if (ready)
        peer_send(client->socket, buffer, options->size);
    while (net_set_readable(set, false) != ready)
        continue;
    start = now = net_clock_ns();
    for (end = start + (uint64_t)options->milliseconds * 1000000u; now < end; now = net_clock_ns()) {
        for (unsigned i = 0; i < QUESTIONS; i++)
            if (net_set_readable(set, false) != ready)
                peer_die("select was wrong about %s", ready ? "bytes" : "nothing");
        questions += QUESTIONS;
    }
    if (ready)
        peer_receive_all(client->socket, buffer, options->size, NULL);
    client_end_echo(client->socket, buffer, options->size, NULL);
    net_set_free(alone);
    client_print_head(options);
    printf(",\"questions\":%lu,\"each_us\":%.4f}\n", (unsigned long)questions,
           (double)(now - start) / 1e3 / (double)questions);
}

void waits_run_wake(client_t *client, const netbench_options_t *options)
{
    stamp_t stamp = {.more = PEER_MORE};
    peer_way_t way = client_way(client, options);
    uint64_t now = net_clock_ns(), end = now + (uint64_t)options->milliseconds * 1000000u;
    samples_clear(&client->samples);
    while (stamp.more != PEER_LAST) {
        stamp.more = now < end ? PEER_MORE : PEER_LAST;
        peer_send(client->socket, &stamp, sizeof stamp);
        peer_receive_all(client->socket, &stamp, sizeof stamp, &way);
        now = net_clock_ns();
        if (!samples_add(&client->samples, (double)(now - stamp.sent_ns) / 1e3))
            end = now;
    }
    client_print_times(options, &client->samples, client->samples.count);
}

void waits_answer_late(server_t *server, const peer_request_t *request)
{
    stamp_t stamp;
    do {
        peer_receive_all(server->socket, &stamp, sizeof stamp, NULL);
        net_sleep_us(request->pause_us);
        stamp.sent_ns = net_clock_ns();
        peer_send(server->socket, &stamp, sizeof stamp);
    } while (stamp.more != PEER_LAST);
}

void waits_run_load(client_t *client, const netbench_options_t *options)
{
    char *buffer = peer_room(&client->room, options->size);
    peer_way_t way = client_way(client, options);
    uint64_t now = net_clock_ns(), end = now + (uint64_t)options->milliseconds * 1000000u;
    samples_clear(&client->samples);
    do {
        if (options->pause_us)
            net_sleep_us(options->pause_us);
        uint64_t start = net_clock_ns();
        peer_send(client->socket, buffer, options->size);
        peer_receive_all(client->socket, buffer, options->size, &way);
        now = net_clock_ns();
        if (!samples_add(&client->samples, (double)(now - start) / 1e3))
            break;
    } while (now < end);
    client_end_echo(client->socket, buffer, options->size, &way);
    client_print_times(options, &client->samples, client->samples.count);
}
