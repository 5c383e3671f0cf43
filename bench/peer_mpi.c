/* peer_mpi: a netbench client in a session, whose server is another rank: the same tests over MPI's messages.
 * Ranks that wait for a message burn their processor; so between tests the other rank naps and looks. */
#include "samples.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAP_NS 200000
#define BATCH 16
#define MORE 'v'
#define LAST '.'
#define TAG 1

enum { RTT, MSGS, KINDS };

static const char *const names[KINDS] = {"rtt", "msgs"};

typedef struct {
    int kind, bytes;
} request_t;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void send_to(int rank, const char *buffer, int bytes)
{
    MPI_Send(buffer, bytes, MPI_CHAR, rank, TAG, MPI_COMM_WORLD);
}

static void receive_from(int rank, char *buffer, int bytes)
{
    MPI_Recv(buffer, bytes, MPI_CHAR, rank, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void nap_until_asked(void)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};
    for (int asked = 0; !asked;) {
        MPI_Iprobe(0, TAG, MPI_COMM_WORLD, &asked, MPI_STATUS_IGNORE);
        if (!asked)
            nanosleep(&nap, NULL);
    }
}

static void serve(void)
{
    request_t request;
    for (;;) {
        nap_until_asked();
        receive_from(0, (char *)&request, sizeof request);
        if (!request.bytes)
            return;
        char *buffer = malloc((size_t)request.bytes);
        send_to(0, "!", 1);
        do {
            receive_from(0, buffer, request.bytes);
            if (request.kind == RTT)
                send_to(0, buffer, request.bytes);
        } while (buffer[0] != LAST);
        send_to(0, "!", 1);
        free(buffer);
    }
}

static void exchange(char *buffer, int bytes)
{
    send_to(1, buffer, bytes);
    receive_from(1, buffer, bytes);
}

static void take_rtt(char *buffer, int bytes, double end, samples_t *samples)
{
    samples_clear(samples);
    for (double last = now_us(), now; last < end; last = now) {
        for (int i = 0; i < BATCH; i++)
            exchange(buffer, bytes);
        now = now_us();
        if (!samples_add(samples, (now - last) / BATCH))
            break;
    }
    buffer[0] = LAST;
    exchange(buffer, bytes);
    receive_from(1, buffer, 1);
    samples_sort(samples);
    printf(",\"median_us\":%.4f,\"p99_us\":%.4f}\n", samples_percentile(samples, 50), samples_percentile(samples, 99));
}

static void take_msgs(char *buffer, int bytes, double end)
{
    double start = now_us(), messages = 1;
    while (now_us() < end)
        for (int i = 0; i < BATCH * BATCH; i++, messages++)
            send_to(1, buffer, bytes);
    buffer[0] = LAST;
    send_to(1, buffer, bytes);
    receive_from(1, buffer, 1);
    double seconds = (now_us() - start) / 1e6;
    printf(",\"messages\":%.0f,\"messages_per_s\":%.1f}\n", messages, messages / seconds);
}

static bool take(const char *name, int bytes, unsigned milliseconds, samples_t *samples)
{
    request_t request = {.kind = strcmp(name, names[RTT]) ? MSGS : RTT, .bytes = bytes};
    char *buffer = calloc(1, (size_t)bytes);
    if (strcmp(name, names[request.kind]) || bytes < 1 || !buffer)
        return false;
    buffer[0] = MORE;
    send_to(1, (char *)&request, sizeof request);
    receive_from(1, buffer, 1);
    buffer[0] = MORE;
    double end = now_us() + milliseconds * 1e3;
    printf("{\"test\":\"%s\",\"size\":%d", name, bytes);
    if (request.kind == RTT)
        take_rtt(buffer, bytes, end, samples);
    else
        take_msgs(buffer, bytes, end);
    free(buffer);
    return true;
}

static int ask(void)
{
    char line[128], name[16];
    int bytes;
    unsigned milliseconds;
    samples_t samples;
    if (!samples_init(&samples, 100000))
        return 1;
    while (fgets(line, sizeof line, stdin)) {
        if (!strncmp(line, "connect", 7))
            puts("{\"connected\":true}");
        else if (sscanf(line, "%15s %d %u", name, &bytes, &milliseconds) != 3 ||
                 !take(name, bytes, milliseconds, &samples))
            break;
        fflush(stdout);
    }
    request_t over = {.bytes = 0};
    send_to(1, (char *)&over, sizeof over);
    samples_free(&samples);
    return 0;
}

int main(int argc, char **argv)
{
    int rank, status = 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0)
        status = ask();
    else
        serve();
    MPI_Finalize();
    return status;
}
