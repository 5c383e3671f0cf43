/* server: serves netbench clients, one stream connection after another, and on each as many tests as its client asks
 * for. */
#include "checksum.h"
#include "netbench.h"
#include "pointers.h"

#include <stdlib.h>

static void echo(net_socket_t s, const peer_request_t *request, char *buffer)
{
    do {
        peer_receive_all(s, buffer, request->piece, request->use_select);
        peer_send(s, buffer, request->piece);
    } while (buffer[0] != PEER_LAST);
}

static void count(net_socket_t s, const peer_request_t *request, char *buffer)
{
    peer_report_t report = {0};
    do {
        peer_receive_all(s, buffer, request->piece, request->use_select);
        report.bytes += request->piece;
    } while (buffer[0] != PEER_LAST);
    peer_send(s, &report, sizeof report);
}

/* Takes what has arrived, whatever its size, as a program that reads a bulk transfer does. What fits into the buffer
 * holds the first byte of one piece at most. */
static void drain(net_socket_t s, const peer_request_t *request, char *buffer)
{
    drain_t progress = {.piece = request->piece};
    while (!drain_is_over(&progress)) {
        int n = (int)recv(s, buffer, (int)request->piece, 0);
        if (n <= 0)
            peer_die("recv failed");
        drain_count(&progress, (uint32_t)n, (uint32_t)n > progress.missing ? buffer + progress.missing : NULL);
    }
    peer_send(s, &progress.report, sizeof progress.report);
}

static void take_file(net_socket_t s, const peer_request_t *request, char *buffer)
{
    (void)buffer;
    peer_report_t report = {0};
    char *memory = peer_buffer((size_t)request->total);
    peer_send(s, &report, sizeof report);
    while (report.bytes < request->total) {
        uint64_t left = request->total - report.bytes;
        int got = (int)recv(s, memory + report.bytes, (int)(left < request->piece ? left : request->piece), 0);
        if (got <= 0)
            peer_die("the file ended early");
        report.bytes += (uint64_t)got;
    }
    peer_send(s, &report, sizeof report);
    report.checksum = checksum_of(memory, (size_t)request->total);
    peer_send(s, &report, sizeof report);
    free(memory);
}

static void keep_waiting(net_socket_t s, const peer_request_t *request, char *buffer)
{
    (void)buffer;
    net_sleep_ms(request->idle_ms);
    peer_send(s, "!", 1);
}

static void warm_up(net_socket_t s, const peer_request_t *request)
{
    char buffer[PEER_WARM_UP_SIZE];
    peer_request_t exchanges = {.piece = sizeof buffer, .use_select = request->use_select};
    echo(s, &exchanges, buffer);
}

static void serve_test(net_socket_t s, const peer_request_t *request, peer_room_t *room)
{
    static void (*const tests[TEST_COUNT])(net_socket_t, const peer_request_t *, char *) = {
        [TEST_RTT] = echo, [TEST_MSGS] = count, [TEST_BW] = drain, [TEST_FILE] = take_file, [TEST_IDLE] = keep_waiting,
#ifdef _WIN32
        [TEST_BORROW] = pointers_borrow, [TEST_VIEWS] = pointers_borrow, [TEST_LEND] = pointers_accept,
        [TEST_TRANSMIT] = drain,
#endif
    };
    if (request->magic != PEER_MAGIC || request->test >= TEST_COUNT || !tests[request->test] || !request->piece)
        peer_die("not a request of a netbench client");
    char *buffer = peer_room(room, request->piece);
    warm_up(s, request);
    tests[request->test](s, request, buffer);
}

static void serve(net_socket_t s, peer_room_t *room)
{
    peer_request_t request;
    size_t got;
    while ((got = peer_receive(s, &request, sizeof request, false)) == sizeof request)
        serve_test(s, &request, room);
    if (got)
        peer_die("half a request");
}

static net_socket_t listen_at(const netbench_options_t *options)
{
    net_socket_t s;
    if (options->unix_path) {
        s = net_unix_listen(options->unix_path);
        if (s == NET_INVALID)
            peer_die("cannot listen at %s", options->unix_path);
        return s;
    }
    s = socket(AF_INET, SOCK_STREAM, 0);
    if (s == NET_INVALID)
        peer_die("socket failed");
    netbench_bind(s, options);
    if (listen(s, 1))
        peer_die("listen failed");
    netbench_announce(s, options);
    return s;
}

int server_run(const netbench_options_t *options)
{
    net_socket_t listener = listen_at(options);
    peer_room_t room = {0};
    for (unsigned served = 0; served < options->clients; served++) {
        net_socket_t s = accept(listener, NULL, NULL);
        if (s == NET_INVALID)
            peer_die("accept failed");
        serve(s, &room);
        net_close(s);
    }
    net_close(listener);
    free(room.memory);
    return 0;
}
