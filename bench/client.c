/* client: asks a netbench server for one test over one stream connection, and prints the result as a line of JSON. */
#include "checksum.h"
#include "netbench.h"
#include "samples.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLE_CAPACITY 200000
/* Reading the clock costs 0.09 us under Wine: time this much at once, and the clock is lost in it. */
#define BATCH_TARGET_US 8.0
#define BATCH_MAX 256

static void print_head(const netbench_options_t *options)
{
    printf("{\"test\":\"%s\",\"size\":%u,\"bits\":%u", netbench_test_name(options->test), options->size,
           (unsigned)sizeof(void *) * 8);
}

static void exchange(net_socket_t s, char *buffer, size_t size, bool use_select)
{
    peer_send(s, buffer, size);
    peer_receive_all(s, buffer, size, use_select);
}

/* Returns the microseconds one exchange took towards the end of the warm-up. */
static double warm_up(net_socket_t s, const netbench_options_t *options)
{
    char buffer[PEER_WARM_UP_SIZE] = "";
    uint64_t half_way = 0;
    unsigned half = options->warm_up / 2;
    for (unsigned i = 0; i < options->warm_up; i++) {
        if (i == half)
            half_way = net_clock_ns();
        exchange(s, buffer, sizeof buffer, options->use_select);
    }
    return options->warm_up ? (double)(net_clock_ns() - half_way) / 1e3 / (options->warm_up - half) : BATCH_TARGET_US;
}

static unsigned choose_batch(const netbench_options_t *options, double exchange_us)
{
    if (options->batch)
        return options->batch;
    double wanted = exchange_us > 0 ? BATCH_TARGET_US / exchange_us + 0.5 : BATCH_MAX;
    return wanted < 1 ? 1 : wanted > BATCH_MAX ? BATCH_MAX : (unsigned)wanted;
}

static void print_rtt(const netbench_options_t *options, samples_t *samples, unsigned batch)
{
    samples_sort(samples);
    print_head(options);
    printf(",\"exchanges\":%lu,\"batch\":%u,\"median_us\":%.4f,\"p99_us\":%.4f,\"mean_us\":%.4f,\"min_us\":%.4f}\n",
           (unsigned long)samples->count * batch, batch, samples_percentile(samples, 50),
           samples_percentile(samples, 99), samples->sum / (double)samples->count, samples->value[0]);
}

static void run_rtt(net_socket_t s, const netbench_options_t *options, double exchange_us)
{
    samples_t samples;
    unsigned batch = choose_batch(options, exchange_us);
    char *buffer = peer_buffer(options->size);
    if (!samples_init(&samples, SAMPLE_CAPACITY))
        peer_die("out of memory");

    uint64_t last = net_clock_ns(), end = last + (uint64_t)options->milliseconds * 1000000u;
    while (last < end) {
        for (unsigned i = 0; i < batch; i++)
            exchange(s, buffer, options->size, options->use_select);
        uint64_t now = net_clock_ns();
        if (!samples_add(&samples, (double)(now - last) / 1e3 / batch))
            break;
        last = now;
    }
    shutdown(s, NET_SHUT_SEND);
    print_rtt(options, &samples, batch);
    samples_free(&samples);
    free(buffer);
}

/* Messages sent between two looks at the clock. */
static unsigned burst_of(unsigned size)
{
    return size >= 65536 ? 1 : size >= 4096 ? 8 : 256;
}

static void run_one_way(net_socket_t s, const netbench_options_t *options, double exchange_us)
{
    (void)exchange_us;
    peer_report_t report;
    unsigned burst = burst_of(options->size);
    char *buffer = peer_buffer(options->size);
    uint64_t messages = 0, start = net_clock_ns(), end = start + (uint64_t)options->milliseconds * 1000000u;

    do {
        for (unsigned i = 0; i < burst; i++)
            peer_send(s, buffer, options->size);
        messages += burst;
    } while (net_clock_ns() < end);
    if (shutdown(s, NET_SHUT_SEND))
        peer_die("shutdown failed");
    peer_receive_all(s, &report, sizeof report, false);

    double seconds = (double)(net_clock_ns() - start) / 1e9;
    if (report.bytes != messages * options->size)
        peer_die("sent %" PRIu64 " bytes, the server received %" PRIu64, messages * options->size, report.bytes);
    print_head(options);
    printf(",\"messages\":%" PRIu64 ",\"seconds\":%.4f,\"messages_per_s\":%.1f,\"mb_per_s\":%.3f}\n", messages, seconds,
           (double)messages / seconds, (double)report.bytes / seconds / 1e6);
    free(buffer);
}

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
    peer_receive_all(s, &report, sizeof report, false);
    uint64_t start = net_clock_ns();
    for (size_t sent = 0; sent < length;) {
        size_t piece = length - sent < options->size ? length - sent : options->size;
        peer_send(s, memory + sent, piece);
        sent += piece;
    }
    peer_receive_all(s, &report, sizeof report, false);
    double seconds = (double)(net_clock_ns() - start) / 1e9;

    uint32_t ours = checksum_of(memory, length);
    peer_receive_all(s, &report, sizeof report, false);
    bool same = report.bytes == length && report.checksum == ours;
    print_head(options);
    printf(",\"bytes\":%lu,\"seconds\":%.4f,\"mb_per_s\":%.3f,\"checksum\":%" PRIu32
           ",\"received_checksum\":%" PRIu32 ",\"verified\":%s}\n",
           (unsigned long)length, seconds, (double)length / seconds / 1e6, ours, report.checksum,
           same ? "true" : "false");
    if (!same)
        peer_die("the file arrived damaged");
}

static void run_idle(net_socket_t s, const netbench_options_t *options, double exchange_us)
{
    (void)exchange_us;
    char byte;
    uint64_t start = net_clock_ns();
    double cpu = net_cpu_ms();
    peer_receive_all(s, &byte, 1, options->use_select);
    cpu = net_cpu_ms() - cpu;
    print_head(options);
    printf(",\"seconds\":%.4f,\"cpu_ms\":%.3f}\n", (double)(net_clock_ns() - start) / 1e9, cpu);
}

static net_socket_t connect_to(const netbench_options_t *options)
{
    net_socket_t s;
    if (options->unix_path) {
        /* The server makes the path and listens at it in two steps. */
        for (unsigned waited = 0; (s = net_unix_connect(options->unix_path)) == NET_INVALID; waited += 2) {
            if (waited >= 10000)
                peer_die("nobody listens at %s", options->unix_path);
            net_sleep_ms(2);
        }
        return s;
    }
    struct sockaddr_in address = netbench_address(options);
    s = socket(AF_INET, SOCK_STREAM, 0);
    if (s == NET_INVALID)
        peer_die("socket failed");
    if (connect(s, (struct sockaddr *)&address, sizeof address))
        peer_die("connect to %s:%u failed", options->host, (unsigned)ntohs(address.sin_port));
    return s;
}

static double begin(net_socket_t s, const netbench_options_t *options, uint64_t total)
{
    peer_request_t request = {
        .magic = PEER_MAGIC,
        .test = options->test,
        .piece = options->size,
        .use_select = options->use_select,
        .warm_up = options->warm_up,
        .idle_ms = options->milliseconds,
        .total = total,
    };
    peer_send(s, &request, sizeof request);
    return warm_up(s, options);
}

static void run_file(const netbench_options_t *options)
{
    size_t length;
    char *memory = read_file(options->file, &length);
    net_socket_t s = connect_to(options);
    begin(s, options, length);
    send_file(s, options, memory, length);
    net_close(s);
    free(memory);
}

int client_run(const netbench_options_t *options)
{
    static void (*const tests[TEST_COUNT])(net_socket_t, const netbench_options_t *, double) = {
        [TEST_RTT] = run_rtt, [TEST_MSGS] = run_one_way, [TEST_BW] = run_one_way, [TEST_IDLE] = run_idle,
    };
    if (options->test == TEST_FILE) {
        run_file(options);
        return 0;
    }
    net_socket_t s = connect_to(options);
    double exchange_us = begin(s, options, 0);
    tests[options->test](s, options, exchange_us);
    net_close(s);
    return 0;
}
