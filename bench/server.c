/* server: serves one netbench client over one stream connection, then ends. */
#include "checksum.h"
#include "netbench.h"

#include <stdlib.h>

static void echo(net_socket_t s, const peer_request_t *request)
{
    char *buffer = peer_buffer(request->piece);
    while (peer_receive(s, buffer, request->piece, request->use_select) == request->piece)
        peer_send(s, buffer, request->piece);
    free(buffer);
}

static void count(net_socket_t s, const peer_request_t *request)
{
    peer_report_t report = { 0 };
    char *buffer = peer_buffer(request->piece);
    size_t got;
    do {
        got = peer_receive(s, buffer, request->piece, request->use_select);
        report.bytes += got;
    } while (got == request->piece);
    peer_send(s, &report, sizeof report);
    free(buffer);
}

/* Takes what has arrived, whatever its size, as a program that reads a bulk transfer does. */
static void drain(net_socket_t s, const peer_request_t *request)
{
    peer_report_t report = { 0 };
    char *buffer = peer_buffer(request->piece);
    int got;
    while ((got = (int)recv(s, buffer, (int)request->piece, 0)) > 0)
        report.bytes += (uint64_t)got;
    if (got < 0)
        peer_die("recv failed");
    peer_send(s, &report, sizeof report);
    free(buffer);
}

static void take_file(net_socket_t s, const peer_request_t *request)
{
    peer_report_t report = { 0 };
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

static void keep_waiting(net_socket_t s, const peer_request_t *request)
{
    net_sleep_ms(request->idle_ms);
    peer_send(s, "!", 1);
}

static void warm_up(net_socket_t s, const peer_request_t *request)
{
    char buffer[PEER_WARM_UP_SIZE];
    for (uint32_t i = 0; i < request->warm_up; i++) {
        peer_receive_all(s, buffer, sizeof buffer, request->use_select);
        peer_send(s, buffer, sizeof buffer);
    }
}

static void serve(net_socket_t s)
{
    static void (*const tests[TEST_COUNT])(net_socket_t, const peer_request_t *) = {
        [TEST_RTT] = echo,       [TEST_MSGS] = count, [TEST_BW] = drain,
        [TEST_FILE] = take_file, [TEST_IDLE] = keep_waiting,
    };
    peer_request_t request;
    peer_receive_all(s, &request, sizeof request, false);
    if (request.magic != PEER_MAGIC || request.test >= TEST_COUNT || !tests[request.test] || !request.piece)
        peer_die("not a request of a netbench client");
    warm_up(s, &request);
    tests[request.test](s, &request);
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
    net_socket_t s = accept(listener, NULL, NULL);
    if (s == NET_INVALID)
        peer_die("accept failed");
    net_close(listener);
    serve(s);
    net_close(s);
    return 0;
}
