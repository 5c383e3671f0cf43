/* server: serves netbench clients, one stream connection after another, and on each as many tests as its client asks
 * for. */
#include "brief.h"
#include "checksum.h"
#include "pointers.h"
#include "server.h"
#include "waits.h"

#include <stdlib.h>

static void echo(server_t *server, const peer_request_t *request)
{
    char *buffer = server->buffer;
    do {
        peer_receive_all(server->socket, buffer, request->piece, &server->way);
        peer_send(server->socket, buffer, request->piece);
    } while (buffer[0] != PEER_LAST);
}

static void count(server_t *server, const peer_request_t *request)
{
    char *buffer = server->buffer;
    peer_report_t report = {0};
    do {
        peer_receive_all(server->socket, buffer, request->piece, &server->way);
        report.bytes += request->piece;
    } while (buffer[0] != PEER_LAST);
    peer_send(server->socket, &report, sizeof report);
}

/* Takes what has arrived, whatever its size, as a program that reads a bulk transfer does. What fits into the buffer
 * holds the first byte of one piece at most. */
static void drain(server_t *server, const peer_request_t *request)
{
    net_socket_t s = server->socket;
    char *buffer = server->buffer;
    drain_t progress = {.piece = request->piece};
    while (!drain_is_over(&progress)) {
        int n = (int)recv(s, buffer, (int)request->piece, 0);
        if (n < 0 && net_would_block())
            continue;
        if (n <= 0)
            peer_die("recv failed");
        drain_count(&progress, (uint32_t)n, (uint32_t)n > progress.missing ? buffer + progress.missing : NULL);
    }
    peer_send(s, &progress.report, sizeof progress.report);
}

static void take_file(server_t *server, const peer_request_t *request)
{
    net_socket_t s = server->socket;
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

static void keep_waiting(server_t *server, const peer_request_t *request)
{
    net_sleep_ms(request->idle_ms);
    peer_send(server->socket, "!", 1);
}

static void spread(server_t *server, const peer_request_t *request)
{
    char first;
    peer_report_t report = {0};
    do {
        peer_receive_all(server->socket, server->buffer, request->piece, NULL);
        first = server->buffer[0];
        for (unsigned i = 1; i <= server->crowd.count; i++)
            peer_receive_all(server->crowd.sockets[i], server->buffer, request->piece, NULL);
        report.bytes += (uint64_t)request->piece * (1 + server->crowd.count);
    } while (first != PEER_LAST);
    peer_send(server->socket, &report, sizeof report);
}

static void gather(server_t *server, const peer_request_t *request)
{
    peer_report_t report = {.bytes = request->total};
    crowd_close(&server->crowd);
    crowd_accept(&server->crowd, server->socket, (unsigned)request->total, server->listener);
    peer_send(server->socket, &report, sizeof report);
}

#ifdef _WIN32
static void borrow(server_t *server, const peer_request_t *request)
{
    pointers_borrow(server->socket, request, server->buffer);
}

static void accept_loans(server_t *server, const peer_request_t *request)
{
    pointers_accept(server->socket, request, server->buffer);
}
#endif

static void stand_by(server_t *server, const peer_request_t *request)
{
    (void)server, (void)request;
}

static void warm_up(server_t *server)
{
    char bytes[PEER_WARM_UP_SIZE];
    peer_request_t exchanges = {.piece = sizeof bytes};
    server->way = (peer_way_t){PEER_BLOCKS, NULL};
    server->buffer = bytes;
    echo(server, &exchanges);
}

static void serve_test(server_t *server, const peer_request_t *request)
{
    static void (*const tests[TEST_COUNT])(server_t *, const peer_request_t *) = {
        [TEST_RTT] = echo, [TEST_MSGS] = count, [TEST_BW] = drain, [TEST_FILE] = take_file, [TEST_IDLE] = keep_waiting,
        [TEST_CROWD] = gather, [TEST_SPREAD] = spread, [TEST_READY] = echo, [TEST_EMPTY] = echo,
        [TEST_WAKE] = waits_answer_late, [TEST_LOAD] = echo, [TEST_CONNECT] = brief_serve, [TEST_BRIEF] = brief_serve,
        [TEST_ALONE] = stand_by,
#ifdef _WIN32
        [TEST_BORROW] = borrow, [TEST_VIEWS] = borrow, [TEST_LEND] = accept_loans, [TEST_TRANSMIT] = drain,
#endif
    };
    if (request->magic != PEER_MAGIC || request->test >= TEST_COUNT || !tests[request->test] || !request->piece)
        peer_die("not a request of a netbench client");
    bool polls = request->wait == PEER_POLLS;
    warm_up(server);
    server->way = (peer_way_t){(peer_wait_t)request->wait, server->crowd.set};
    server->buffer = peer_room(&server->room, request->piece);
    if (polls)
        net_set_blocking(server->socket, false);
    tests[request->test](server, request);
    if (polls)
        net_set_blocking(server->socket, true);
}

static void serve(server_t *server)
{
    peer_request_t request;
    size_t got;
    while ((got = peer_receive(server->socket, &request, sizeof request, NULL)) == sizeof request)
        serve_test(server, &request);
    if (got)
        peer_die("half a request");
    crowd_close(&server->crowd);
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
    if (listen(s, NET_BACKLOG))
        peer_die("listen failed");
    netbench_announce(s, options);
    return s;
}

int server_run(const netbench_options_t *options)
{
    server_t server = {.listener = listen_at(options)};
    for (unsigned served = 0; served < options->clients; served++) {
        server.socket = accept(server.listener, NULL, NULL);
        if (server.socket == NET_INVALID)
            peer_die("accept failed");
        serve(&server);
        net_close(server.socket);
    }
    net_close(server.listener);
    free(server.room.memory);
    return 0;
}
