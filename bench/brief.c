/* brief: see brief.h. */
#include "brief.h"

#include <stdio.h>

enum { CONNECTING, SENDING, RECEIVING, CLOSING, PHASES };

typedef struct {
    uint64_t ns[PHASES], last;
} phases_t;

static void end_phase(phases_t *phases, int phase)
{
    uint64_t now = net_clock_ns();
    phases->ns[phase] += now - phases->last;
    phases->last = now;
}

static void live(client_t *client, const netbench_options_t *options, char *buffer, phases_t *phases)
{
    char end;
    net_socket_t s = crowd_connect_beside(client->socket);
    end_phase(phases, CONNECTING);
    peer_send(s, buffer, options->size);
    end_phase(phases, SENDING);
    peer_receive_all(s, buffer, options->size, NULL);
    if (options->test == TEST_BRIEF && peer_receive(s, &end, 1, NULL))
        peer_die("more than one answer");
    end_phase(phases, RECEIVING);
    net_close(s);
    end_phase(phases, CLOSING);
}

void brief_run(client_t *client, const netbench_options_t *options)
{
    static const char *const names[PHASES] = {"connect", "send", "receive", "close"};
    char *buffer = peer_room(&client->room, options->size), last;
    uint64_t start = net_clock_ns(), end = start + (uint64_t)options->milliseconds * 1000000u;
    unsigned lives = 0;
    phases_t phases = {.last = start};
    do {
        buffer[0] = phases.last < end ? PEER_MORE : PEER_LAST;
        last = buffer[0];
        live(client, options, buffer, &phases);
        lives++;
    } while (last != PEER_LAST);
    client_print_head(options);
    printf(",\"connections\":%u,\"per_s\":%.2f", lives, lives * 1e9 / (double)(phases.last - start));
    for (int i = 0; i < PHASES; i++)
        printf(",\"%s_us\":%.2f", names[i], (double)phases.ns[i] / 1e3 / lives);
    puts("}");
}

void brief_serve(server_t *server, const peer_request_t *request)
{
    char *buffer = server->buffer, end;
    do {
        net_socket_t s = accept(server->listener, NULL, NULL);
        if (s == NET_INVALID)
            peer_die("accept failed");
        peer_receive_all(s, buffer, request->piece, NULL);
        peer_send(s, buffer, request->piece);
        if (request->test == TEST_CONNECT && peer_receive(s, &end, 1, NULL))
            peer_die("more than one request");
        net_close(s);
    } while (buffer[0] != PEER_LAST);
}
