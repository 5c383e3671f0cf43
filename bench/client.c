/* client: asks a netbench server for a test over their stream connection, and prints the result as a line of JSON. */
#include "alone.h"
#include "brief.h"
#include "checksum.h"
#include "netbench.h"
#include "pointers.h"
#include "waits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Reading the clock costs 0.09 us under Wine: time this much at once, and the clock is lost in it. */
#define BATCH_TARGET_US 8.0
#define BATCH_MAX 1024

void client_print_head(const netbench_options_t *options)
{
    printf("{\"test\":\"%s\",\"size\":%u,\"bits\":%u", netbench_test_name(options->test), options->size,
           (unsigned)sizeof(void *) * 8);
}

static void exchange(net_socket_t s, char *buffer, size_t size, const peer_way_t *way)
{
    peer_send(s, buffer, size);
    peer_receive_all(s, buffer, size, way);
}

void client_end_echo(net_socket_t s, char *buffer, size_t size, const peer_way_t *way)
{
    buffer[0] = PEER_LAST;
    exchange(s, buffer, size, way);
}

/* Wakes the other end. */
static void warm_up(net_socket_t s, const netbench_options_t *options)
{
    char buffer[PEER_WARM_UP_SIZE] = {PEER_MORE};
    uint64_t end = net_clock_ns() + (uint64_t)options->warm_up * 1000000u;
    do
        exchange(s, buffer, sizeof buffer, NULL);
    while (net_clock_ns() < end);
    client_end_echo(s, buffer, sizeof buffer, NULL);
}

static unsigned next_batch(unsigned batch, double took_us)
{
    if (took_us < BATCH_TARGET_US / 2 && batch < BATCH_MAX)
        return batch * 2;
    return took_us > BATCH_TARGET_US * 2 && batch > 1 ? batch / 2 : batch;
}

peer_way_t client_way(const client_t *client, const netbench_options_t *options)
{
    return (peer_way_t){.wait = options->wait, .set = client->crowd.set};
}

void client_print_times(const netbench_options_t *options, samples_t *samples, uint64_t exchanges)
{
    samples_sort(samples);
    client_print_head(options);
    printf(",\"exchanges\":%" PRIu64 ",\"median_us\":%.4f,\"p99_us\":%.4f,\"mean_us\":%.4f,\"min_us\":%.4f}\n",
           exchanges, samples_percentile(samples, 50), samples_percentile(samples, 99),
           samples->sum / (double)samples->count, samples->value[0]);
}

static void run_rtt(client_t *client, const netbench_options_t *options)
{
    net_socket_t s = client->socket;
    samples_t *samples = &client->samples;
    peer_way_t way = client_way(client, options);
    unsigned batch = 1;
    char *buffer = peer_room(&client->room, options->size);
    uint64_t exchanges = 0, last = net_clock_ns(), end = last + (uint64_t)options->milliseconds * 1000000u;

    samples_clear(samples);
    while (last < end) {
        for (unsigned i = 0; i < batch; i++)
            exchange(s, buffer, options->size, &way);
        uint64_t now = net_clock_ns();
        double took_us = (double)(now - last) / 1e3;
        if (!samples_add(samples, took_us / batch))
            break;
        exchanges += batch;
        batch = next_batch(batch, took_us);
        last = now;
    }
    client_end_echo(s, buffer, options->size, &way);
    client_print_times(options, samples, exchanges);
}

static void send_piece(void *socket, char *piece, unsigned size)
{
    peer_send(*(net_socket_t *)socket, piece, size);
}

/* Sends for the time that was asked for; returns how many pieces. */
static inline uint64_t send_pieces(one_way_t way, char *buffer, const netbench_options_t *options)
{
    unsigned batch = 1;
    uint64_t pieces = 1, last = net_clock_ns(), end = last + (uint64_t)options->milliseconds * 1000000u;
    while (last < end) {
        for (unsigned i = 0; i < batch; i++)
            way.send(way.context, buffer, options->size);
        uint64_t now = net_clock_ns();
        pieces += batch;
        batch = next_batch(batch, (double)(now - last) / 1e3);
        last = now;
    }
    buffer[0] = PEER_LAST;
    way.send(way.context, buffer, options->size);
    return pieces;
}

static void print_one_way(const netbench_options_t *options, uint64_t messages, uint64_t bytes, uint64_t start)
{
    double seconds = (double)(net_clock_ns() - start) / 1e9;
    if (bytes != messages * options->size)
        peer_die("sent %" PRIu64 " bytes, the server received %" PRIu64, messages * options->size, bytes);
    client_print_head(options);
    printf(",\"messages\":%" PRIu64 ",\"seconds\":%.4f,\"messages_per_s\":%.1f,\"mb_per_s\":%.3f}\n", messages, seconds,
           (double)messages / seconds, (double)bytes / seconds / 1e6);
}

/* Inline, so that the plain way costs no call by pointer. */
static inline void measure_one_way(client_t *client, const netbench_options_t *options, one_way_t way)
{
    peer_report_t report;
    uint64_t start = net_clock_ns();
    uint64_t messages = send_pieces(way, peer_room(&client->room, options->size), options);
    peer_receive_all(client->socket, &report, sizeof report, NULL);
    print_one_way(options, messages, report.bytes, start);
}

static void run_one_way(client_t *client, const netbench_options_t *options)
{
    measure_one_way(client, options, (one_way_t){send_piece, &client->socket});
}

#ifdef _WIN32
static void run_by_pointers(client_t *client, const netbench_options_t *options)
{
    one_way_t way = pointers_begin(client->socket, options);
    measure_one_way(client, options, way);
    pointers_end(way);
}
#else
#define run_by_pointers NULL
#endif

static char *read_file(const char *path, size_t *length)
{
    FILE *f = path ? fopen(path, "rb") : NULL;
    if (!f || fseek(f, 0, SEEK_END))
        peer_die("cannot read %s; name a file with --file", path ? path : "a file");
    *length = (size_t)ftell(f);
    rewind(f);
    char *memory = peer_buffer(*length);
    if (!*length || fread(memory, 1, *length, f) != *length)
        peer_die("cannot read all of %s", path);
    fclose(f);
    return memory;
}

static void send_file(net_socket_t s, const netbench_options_t *options, const char *memory, size_t length)
{
    peer_report_t report;
    peer_receive_all(s, &report, sizeof report, NULL);
    uint64_t start = net_clock_ns();
    for (size_t sent = 0; sent < length;) {
        size_t piece = length - sent < options->size ? length - sent : options->size;
        peer_send(s, memory + sent, piece);
        sent += piece;
    }
    peer_receive_all(s, &report, sizeof report, NULL);
    double seconds = (double)(net_clock_ns() - start) / 1e9;

    uint32_t ours = checksum_of(memory, length);
    peer_receive_all(s, &report, sizeof report, NULL);
    bool same = report.bytes == length && report.checksum == ours;
    client_print_head(options);
    printf(",\"bytes\":%lu,\"seconds\":%.4f,\"mb_per_s\":%.3f,\"checksum\":%" PRIu32 ",\"received_checksum\":%" PRIu32
           ",\"verified\":%s}\n",
           (unsigned long)length, seconds, (double)length / seconds / 1e6, ours, report.checksum,
           same ? "true" : "false");
    if (!same)
        peer_die("the file arrived damaged");
}

static void run_idle(client_t *client, const netbench_options_t *options)
{
    char byte;
    peer_way_t way = client_way(client, options);
    uint64_t start = net_clock_ns();
    double cpu = net_cpu_ms();
    peer_receive_all(client->socket, &byte, 1, &way);
    cpu = net_cpu_ms() - cpu;
    client_print_head(options);
    printf(",\"seconds\":%.4f,\"cpu_ms\":%.3f}\n", (double)(net_clock_ns() - start) / 1e9, cpu);
}

static void begin(net_socket_t s, const netbench_options_t *options, uint64_t total)
{
    peer_request_t request = {
        .magic = PEER_MAGIC,
        .test = options->test,
        .piece = options->size,
        .wait = options->wait,
        .idle_ms = options->milliseconds,
        .pause_us = options->pause_us,
        .total = total,
    };
    peer_send(s, &request, sizeof request);
    warm_up(s, options);
}

static void run_file(client_t *client, const netbench_options_t *options)
{
    size_t length;
    char *memory = read_file(options->file, &length);
    begin(client->socket, options, length);
    send_file(client->socket, options, memory, length);
    free(memory);
}

/* One way, a piece on each connection in turn. */
static void run_spread(client_t *client, const netbench_options_t *options)
{
    crowd_t *crowd = &client->crowd;
    char *buffer = peer_room(&client->room, options->size);
    peer_report_t report;
    uint64_t pieces = 0, start = net_clock_ns(), end = start + (uint64_t)options->milliseconds * 1000000u;
    while (buffer[0] != PEER_LAST) {
        buffer[0] = net_clock_ns() < end ? PEER_MORE : PEER_LAST;
        peer_send(client->socket, buffer, options->size);
        for (unsigned i = 1; i <= crowd->count; i++)
            peer_send(crowd->sockets[i], buffer, options->size);
        pieces += 1 + crowd->count;
    }
    peer_receive_all(client->socket, &report, sizeof report, NULL);
    print_one_way(options, pieces, report.bytes, start);
}

static void begin_crowd(client_t *client, const netbench_options_t *options)
{
    netbench_options_t request = *options;
    crowd_close(&client->crowd);
    request.test = TEST_CROWD;
    request.wait = PEER_BLOCKS;
    begin(client->socket, &request, options->crowd);
    crowd_connect(&client->crowd, client->socket, options->crowd, options->kernel);
}

void client_gather(client_t *client, const netbench_options_t *options)
{
    peer_report_t report;
    begin_crowd(client, options);
    peer_receive_all(client->socket, &report, sizeof report, NULL);
}

static void run_crowd(client_t *client, const netbench_options_t *options)
{
    uint64_t start = net_clock_ns();
    client_gather(client, options);
    double us = (double)(net_clock_ns() - start) / 1e3;
    client_print_head(options);
    printf(",\"connections\":%u,\"each_us\":%.2f}\n", options->crowd, us / (options->crowd ? options->crowd : 1));
}

void client_take(client_t *client, const netbench_options_t *options)
{
    static void (*const tests[TEST_COUNT])(client_t *, const netbench_options_t *) = {
        [TEST_RTT] = run_rtt,
        [TEST_MSGS] = run_one_way,
        [TEST_BW] = run_one_way,
        [TEST_IDLE] = run_idle,
        [TEST_SPREAD] = run_spread,
        [TEST_READY] = waits_run_ready,
        [TEST_EMPTY] = waits_run_ready,
        [TEST_WAKE] = waits_run_wake,
        [TEST_LOAD] = waits_run_load,
        [TEST_CONNECT] = brief_run,
        [TEST_BRIEF] = brief_run,
        [TEST_ALONE] = alone_run,
        [TEST_BORROW] = run_one_way,
        [TEST_VIEWS] = run_by_pointers,
        [TEST_LEND] = run_by_pointers,
        [TEST_TRANSMIT] = run_by_pointers,
    };
    if (options->test != TEST_FILE && options->test != TEST_CROWD && !tests[options->test])
        peer_die("not a test of this build");
    if (options->test == TEST_FILE || options->test == TEST_CROWD) {
        (options->test == TEST_FILE ? run_file : run_crowd)(client, options);
        return;
    }
    if (options->crowd != client->crowd.count || options->kernel != (client->crowd.others > 0))
        client_gather(client, options);
    begin(client->socket, options, 0);
    if (options->wait == PEER_POLLS)
        net_set_blocking(client->socket, false);
    tests[options->test](client, options);
    if (options->wait == PEER_POLLS)
        net_set_blocking(client->socket, true);
}
