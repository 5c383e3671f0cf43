/* ringbench: the limit to compare with. Two pinned native processes, a byte ring in shared memory for each direction,
 * spinning ends, no sockets, no sleeping; and the cache-line round trip between two cores, which tells a machine's near
 * state from its far one. It does what any ring with sleepers must do for each message and no more: copy in, publish,
 * look whether the reader sleeps, copy out, release. */
#define _GNU_SOURCE
#include "samples.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE 64
#define RING_SIZE ((size_t)1 << 20)
#define PUBLISH_MAX ((size_t)16384) /* a large piece is published in parts, so that both ends copy at the same time */
#define SAMPLE_CAPACITY 200000
#define RTT_BATCH 32
#define WARM_UP 2000
#define STATE_BATCHES 21
#define STATE_BATCH 1000
#define NOT_ENDED UINT64_MAX

/* Offsets only grow. Each word has one writer and a line of its own. */
typedef struct {
    _Alignas(LINE) _Atomic uint64_t tail;         /* sender */
    _Alignas(LINE) _Atomic uint64_t head;         /* receiver */
    _Alignas(LINE) _Atomic uint32_t reader_sleeps; /* receiver; never set here, but the sender has to look */
    _Alignas(LINE) _Atomic uint64_t end;          /* sender, once: the offset at which the stream ends */
    _Alignas(LINE) _Atomic uint64_t wakes;        /* sender: what it would have to wake */
    _Alignas(LINE) char data[RING_SIZE];
} ring_shm_t;

typedef struct {
    ring_shm_t *shm;
    uint64_t own, seen; /* this end's offset, and the other's as last read */
} ring_end_t;

typedef struct {
    ring_shm_t there, back;
} pair_shm_t;

static void spin(void)
{
    __builtin_ia32_pause();
}

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "ringbench: %s\n", what);
    exit(1);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void copy_in(char *ring, uint64_t at, const char *from, size_t size)
{
    size_t offset = at % RING_SIZE, first = smaller(size, RING_SIZE - offset);
    memcpy(ring + offset, from, first);
    if (size > first)
        memcpy(ring, from + first, size - first);
}

static void copy_out(const char *ring, uint64_t at, char *to, size_t size)
{
    size_t offset = at % RING_SIZE, first = smaller(size, RING_SIZE - offset);
    memcpy(to, ring + offset, first);
    if (size > first)
        memcpy(to + first, ring, size - first);
}

static size_t space(ring_end_t *e)
{
    return RING_SIZE - (size_t)(e->own - e->seen);
}

static void ring_send(ring_end_t *e, const char *data, size_t size)
{
    while (size) {
        size_t part = smaller(size, PUBLISH_MAX);
        while (space(e) < part) {
            e->seen = atomic_load_explicit(&e->shm->head, memory_order_acquire);
            if (space(e) < part)
                spin();
        }
        copy_in(e->shm->data, e->own, data, part);
        e->own += part;
        atomic_store_explicit(&e->shm->tail, e->own, memory_order_release);
        if (atomic_load_explicit(&e->shm->reader_sleeps, memory_order_relaxed))
            atomic_fetch_add(&e->shm->wakes, 1);
        data += part;
        size -= part;
    }
}

/* What is there, at most `size` bytes; 0 at the end of the stream. */
static size_t ring_receive(ring_end_t *e, char *data, size_t size)
{
    while (e->seen == e->own) {
        e->seen = atomic_load_explicit(&e->shm->tail, memory_order_acquire);
        if (e->seen != e->own)
            break;
        if (atomic_load_explicit(&e->shm->end, memory_order_relaxed) == e->own)
            return 0;
        spin();
    }
    size_t part = smaller(smaller(size, (size_t)(e->seen - e->own)), PUBLISH_MAX);
    copy_out(e->shm->data, e->own, data, part);
    e->own += part;
    atomic_store_explicit(&e->shm->head, e->own, memory_order_release);
    return part;
}

static size_t ring_receive_all(ring_end_t *e, char *data, size_t size)
{
    size_t got = 0, part;
    while (got < size && (part = ring_receive(e, data + got, size - got)) > 0)
        got += part;
    return got;
}

static void ring_end_stream(ring_end_t *e)
{
    atomic_store_explicit(&e->shm->end, e->own, memory_order_release);
}

/* Pins to the n-th of the processors this process may use. */
static void pin(int n)
{
    cpu_set_t allowed, one;
    sched_getaffinity(0, sizeof allowed, &allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && n-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one);
            return;
        }
    fail("needs two processors");
}

static void *share(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED)
        fail("no shared memory");
    return p;
}

static pair_shm_t *share_pair(void)
{
    pair_shm_t *pair = share(sizeof *pair);
    atomic_store(&pair->there.end, NOT_ENDED);
    atomic_store(&pair->back.end, NOT_ENDED);
    return pair;
}

static char *buffer_of(size_t size)
{
    char *p = malloc(size);
    if (!p)
        fail("out of memory");
    memset(p, 'v', size);
    return p;
}

/* Returns 0 in the child, which dies with its parent: it spins, and must not go on alone. */
static pid_t start_peer(void)
{
    cpu_set_t allowed;
    sched_getaffinity(0, sizeof allowed, &allowed);
    pid_t child = CPU_COUNT(&allowed) < 2 ? -1 : fork();
    if (child < 0)
        fail("cannot start the second process, or there is but one processor");
    if (!child)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(child ? 1 : 0);
    return child;
}

static void end_peer(pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) != child || status)
        fail("the second process failed");
}

static void echo(pair_shm_t *pair, size_t size)
{
    ring_end_t in = { .shm = &pair->there }, out = { .shm = &pair->back };
    char *buffer = buffer_of(size);
    while (ring_receive_all(&in, buffer, size) == size)
        ring_send(&out, buffer, size);
    _exit(0);
}

static void exchange(ring_end_t *out, ring_end_t *in, char *buffer, size_t size)
{
    ring_send(out, buffer, size);
    ring_receive_all(in, buffer, size);
}

static void time_exchanges(ring_end_t *out, ring_end_t *in, char *buffer, size_t size, double seconds,
                           samples_t *samples)
{
    uint64_t last = clock_ns(), end = last + (uint64_t)(seconds * 1e9);
    while (last < end) {
        for (int i = 0; i < RTT_BATCH; i++)
            exchange(out, in, buffer, size);
        uint64_t now = clock_ns();
        if (!samples_add(samples, (double)(now - last) / 1e3 / RTT_BATCH))
            break;
        last = now;
    }
}

static void run_rtt(size_t size, double seconds)
{
    pair_shm_t *pair = share_pair();
    pid_t child = start_peer();
    if (!child)
        echo(pair, size);

    ring_end_t out = { .shm = &pair->there }, in = { .shm = &pair->back };
    samples_t samples;
    char *buffer = buffer_of(size);
    if (!samples_init(&samples, SAMPLE_CAPACITY))
        fail("out of memory");
    for (int i = 0; i < WARM_UP; i++)
        exchange(&out, &in, buffer, size);
    time_exchanges(&out, &in, buffer, size, seconds, &samples);
    ring_end_stream(&out);
    end_peer(child);

    samples_sort(&samples);
    printf("{\"test\":\"rtt\",\"size\":%zu,\"exchanges\":%zu,\"median_us\":%.4f,\"p99_us\":%.4f,\"mean_us\":%.4f}\n",
           size, samples.count * RTT_BATCH, samples_percentile(&samples, 50), samples_percentile(&samples, 99),
           samples.sum / (double)samples.count);
    samples_free(&samples);
    free(buffer);
}

static void count(pair_shm_t *pair, size_t size)
{
    ring_end_t in = { .shm = &pair->there }, out = { .shm = &pair->back };
    char *buffer = buffer_of(size);
    while (ring_receive_all(&in, buffer, size) == size)
        continue;
    ring_send(&out, (const char *)&in.own, sizeof in.own);
    _exit(0);
}

static void run_one_way(const char *test, size_t size, double seconds)
{
    pair_shm_t *pair = share_pair();
    pid_t child = start_peer();
    if (!child)
        count(pair, size);

    ring_end_t out = { .shm = &pair->there }, in = { .shm = &pair->back };
    unsigned burst = size >= 65536 ? 1 : size >= 4096 ? 8 : 256;
    char *buffer = buffer_of(size);
    uint64_t received = 0, messages = 0, start = clock_ns(), end = start + (uint64_t)(seconds * 1e9);
    do {
        for (unsigned i = 0; i < burst; i++)
            ring_send(&out, buffer, size);
        messages += burst;
    } while (clock_ns() < end);
    ring_end_stream(&out);
    ring_receive_all(&in, (char *)&received, sizeof received);
    double took = (double)(clock_ns() - start) / 1e9;
    end_peer(child);

    if (received != messages * size)
        fail("bytes were lost");
    printf("{\"test\":\"%s\",\"size\":%zu,\"messages\":%" PRIu64
           ",\"seconds\":%.4f,\"messages_per_s\":%.1f,\"mb_per_s\":%.3f}\n",
           test, size, messages, took, (double)messages / took, (double)received / took / 1e6);
    free(buffer);
}

typedef struct {
    _Alignas(LINE) _Atomic uint32_t ping;
    _Alignas(LINE) _Atomic uint32_t pong;
} ball_shm_t;

static void await(_Atomic uint32_t *word, uint32_t value)
{
    while (atomic_load_explicit(word, memory_order_acquire) != value)
        continue;
}

static void return_balls(ball_shm_t *ball)
{
    for (uint32_t i = 1; i <= STATE_BATCHES * STATE_BATCH; i++) {
        await(&ball->ping, i);
        atomic_store_explicit(&ball->pong, i, memory_order_release);
    }
    _exit(0);
}

/* The lower quartile of several short batches: a batch in which somebody else had a core does not count. */
static void run_state(void)
{
    ball_shm_t *ball = share(sizeof *ball);
    samples_t samples;
    pid_t child = start_peer();
    if (!child)
        return_balls(ball);
    if (!samples_init(&samples, STATE_BATCHES))
        fail("out of memory");
    for (uint32_t i = 0; i < STATE_BATCHES; i++) {
        uint64_t start = clock_ns();
        for (uint32_t k = 1; k <= STATE_BATCH; k++) {
            atomic_store_explicit(&ball->ping, i * STATE_BATCH + k, memory_order_release);
            await(&ball->pong, i * STATE_BATCH + k);
        }
        samples_add(&samples, (double)(clock_ns() - start) / 1e3 / STATE_BATCH);
    }
    end_peer(child);
    samples_sort(&samples);
    printf("%.4f\n", samples_percentile(&samples, 25));
    samples_free(&samples);
}

int main(int argc, char **argv)
{
    const char *test = argc > 1 ? argv[1] : "";
    size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 64;
    double seconds = argc > 3 ? strtod(argv[3], NULL) / 1000 : 0.5;

    if (!strcmp(test, "state"))
        run_state();
    else if (!strcmp(test, "rtt") && size > 0 && seconds > 0)
        run_rtt(size, seconds);
    else if ((!strcmp(test, "msgs") || !strcmp(test, "bw")) && size > 0 && seconds > 0)
        run_one_way(test, size, seconds);
    else {
        fputs("usage: ringbench rtt|msgs|bw [BYTES [MILLISECONDS]]   prints a line of JSON\n"
              "       ringbench state        prints the cache-line round trip of two processors in microseconds\n",
              stderr);
        return 2;
    }
    return 0;
}
