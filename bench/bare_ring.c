/* bare_ring: two rings, and netbench's tests over them. */
#include "bare_ring.h"
#include "cores.h"
#include "net.h"
#include "samples.h"

#include <emmintrin.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64
#define MB ((size_t)1 << 20)
#define RING_MAX (4 * MB)
#define SAMPLE_CAPACITY 100000
#define RTT_BATCH 32
#define WARM_UP 2000
#define NOT_ENDED UINT64_MAX

/* Offsets only grow. Each word has one writer and a line of its own. */
typedef struct {
    _Alignas(LINE) _Atomic uint64_t tail;          /* sender */
    _Alignas(LINE) _Atomic uint64_t head;          /* receiver */
    _Alignas(LINE) _Atomic uint32_t reader_sleeps; /* receiver; never set here, but the sender has to look */
    _Alignas(LINE) _Atomic uint64_t end;           /* sender, once: the offset at which the stream ends */
    _Alignas(LINE) _Atomic uint64_t wakes;         /* sender: what it would have to wake */
    _Alignas(LINE) char data[RING_MAX];
} ring_t;

typedef struct {
    ring_t *ring;
    uint64_t own, seen; /* this end's offset, and the other's as last read */
} end_t;

static struct {
    ring_t there, back;
} rings;

/* A large piece is published in parts, so that both ends copy at the same time. */
typedef struct {
    const char *name;
    size_t ring, part;
    bool past_caches;
} manner_t;

static const manner_t manners[] = {
    {"ring", MB, 16384, false},
    {"copy1", MB, 65536, false},
    {"copy4", 4 * MB, 65536, false},
    {"copynt", MB, 65536, true},
};

static const manner_t *manner = manners; /* of the present test */

static const manner_t *manner_of(const char *name)
{
    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++)
        if (!strcmp(name, manners[i].name))
            return &manners[i];
    return NULL;
}

/* What the second thread is to do, and has done. */
typedef struct {
    size_t size;
    _Atomic bool ready; /* second thread: awake, its buffer touched */
    uint64_t received;
} errand_t;

static void spin(void)
{
    __builtin_ia32_pause();
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Stores that do not bring the lines into this processor's caches; the fence lets them be published. */
static void store_past_caches(char *to, const char *from, size_t size)
{
    for (; size && (uintptr_t)to % sizeof(__m128i); size--)
        *to++ = *from++;
    for (; size >= sizeof(__m128i); to += sizeof(__m128i), from += sizeof(__m128i), size -= sizeof(__m128i))
        _mm_stream_si128((__m128i *)to, _mm_loadu_si128((const __m128i *)from));
    memcpy(to, from, size);
    _mm_sfence();
}

static void store(char *to, const char *from, size_t size)
{
    if (manner->past_caches)
        store_past_caches(to, from, size);
    else
        memcpy(to, from, size);
}

static void copy_in(char *ring, uint64_t at, const char *from, size_t size)
{
    size_t offset = at % manner->ring, first = smaller(size, manner->ring - offset);
    store(ring + offset, from, first);
    if (size > first)
        store(ring, from + first, size - first);
}

static void copy_out(const char *ring, uint64_t at, char *to, size_t size)
{
    size_t offset = at % manner->ring, first = smaller(size, manner->ring - offset);
    memcpy(to, ring + offset, first);
    if (size > first)
        memcpy(to + first, ring, size - first);
}

static size_t space(end_t *e)
{
    return manner->ring - (size_t)(e->own - e->seen);
}

static void ring_send(end_t *e, const char *data, size_t size)
{
    while (size) {
        size_t part = smaller(size, manner->part);
        while (space(e) < part) {
            e->seen = atomic_load_explicit(&e->ring->head, memory_order_acquire);
            if (space(e) < part)
                spin();
        }
        copy_in(e->ring->data, e->own, data, part);
        e->own += part;
        atomic_store_explicit(&e->ring->tail, e->own, memory_order_release);
        if (atomic_load_explicit(&e->ring->reader_sleeps, memory_order_relaxed))
            atomic_fetch_add(&e->ring->wakes, 1);
        data += part;
        size -= part;
    }
}

/* What is there, at most `size` bytes; 0 at the end of the stream. */
static size_t ring_receive(end_t *e, char *data, size_t size)
{
    while (e->seen == e->own) {
        e->seen = atomic_load_explicit(&e->ring->tail, memory_order_acquire);
        if (e->seen != e->own)
            break;
        if (atomic_load_explicit(&e->ring->end, memory_order_relaxed) == e->own)
            return 0;
        spin();
    }
    size_t part = smaller(smaller(size, (size_t)(e->seen - e->own)), manner->part);
    copy_out(e->ring->data, e->own, data, part);
    e->own += part;
    atomic_store_explicit(&e->ring->head, e->own, memory_order_release);
    return part;
}

static size_t ring_receive_all(end_t *e, char *data, size_t size)
{
    size_t got = 0, part;
    while (got < size && (part = ring_receive(e, data + got, size - got)) > 0)
        got += part;
    return got;
}

static void ring_end_stream(end_t *e)
{
    atomic_store_explicit(&e->ring->end, e->own, memory_order_release);
}

static void reset(ring_t *ring)
{
    atomic_store(&ring->tail, 0);
    atomic_store(&ring->head, 0);
    atomic_store(&ring->end, NOT_ENDED);
}

static char *buffer_of(size_t size)
{
    char *p = malloc(size);
    if (!p)
        bench_fail("out of memory");
    memset(p, 'v', size);
    return p;
}

static void echo(void *argument)
{
    errand_t *errand = argument;
    end_t in = {.ring = &rings.there}, out = {.ring = &rings.back};
    char *buffer = buffer_of(errand->size);
    while (ring_receive_all(&in, buffer, errand->size) == errand->size)
        ring_send(&out, buffer, errand->size);
    free(buffer);
}

static void exchange(end_t *out, end_t *in, char *buffer, size_t size)
{
    ring_send(out, buffer, size);
    ring_receive_all(in, buffer, size);
}

static void time_exchanges(char *buffer, size_t size, unsigned milliseconds, samples_t *samples)
{
    end_t out = {.ring = &rings.there}, in = {.ring = &rings.back};
    for (int i = 0; i < WARM_UP; i++)
        exchange(&out, &in, buffer, size);
    uint64_t last = net_clock_ns(), end = last + (uint64_t)milliseconds * 1000000u;
    while (last < end) {
        for (int i = 0; i < RTT_BATCH; i++)
            exchange(&out, &in, buffer, size);
        uint64_t now = net_clock_ns();
        if (!samples_add(samples, (double)(now - last) / 1e3 / RTT_BATCH))
            break;
        last = now;
    }
    ring_end_stream(&out);
}

static void take_rtt(size_t size, unsigned milliseconds, FILE *out)
{
    static samples_t samples;
    errand_t errand = {.size = size};
    char *buffer = buffer_of(size);
    if (!samples.value && !samples_init(&samples, SAMPLE_CAPACITY))
        bench_fail("out of memory");
    samples_clear(&samples);
    cores_begin(echo, &errand);
    time_exchanges(buffer, size, milliseconds, &samples);
    cores_await();
    free(buffer);
    samples_sort(&samples);
    fprintf(out,
            "{\"test\":\"rtt\",\"size\":%zu,\"exchanges\":%zu,\"median_us\":%.4f,\"p99_us\":%.4f,\"mean_us\":%.4f}",
            size, samples.count * RTT_BATCH, samples_percentile(&samples, 50), samples_percentile(&samples, 99),
            samples.sum / (double)samples.count);
}

static void count(void *argument)
{
    errand_t *errand = argument;
    end_t in = {.ring = &rings.there};
    char *buffer = buffer_of(errand->size);
    atomic_store_explicit(&errand->ready, true, memory_order_release);
    while (ring_receive_all(&in, buffer, errand->size) == errand->size)
        continue;
    errand->received = in.own;
    free(buffer);
}

static uint64_t send_for(const char *buffer, size_t size, unsigned milliseconds)
{
    end_t out = {.ring = &rings.there};
    unsigned burst = size >= 65536 ? 1 : size >= 4096 ? 8 : 256;
    uint64_t messages = 0, end = net_clock_ns() + (uint64_t)milliseconds * 1000000u;
    do {
        for (unsigned i = 0; i < burst; i++)
            ring_send(&out, buffer, size);
        messages += burst;
    } while (net_clock_ns() < end);
    ring_end_stream(&out);
    return messages;
}

static void take_one_way(const char *test, size_t size, unsigned milliseconds, FILE *out)
{
    errand_t errand = {.size = size};
    char *buffer = buffer_of(size);
    cores_begin(count, &errand);
    while (!atomic_load_explicit(&errand.ready, memory_order_acquire))
        spin();
    uint64_t start = net_clock_ns();
    uint64_t messages = send_for(buffer, size, milliseconds);
    cores_await();
    double seconds = (double)(net_clock_ns() - start) / 1e9;
    free(buffer);
    if (errand.received != messages * size)
        bench_fail("the bare ring lost bytes");
    fprintf(out,
            "{\"test\":\"%s\",\"size\":%zu,\"messages\":%" PRIu64
            ",\"seconds\":%.4f,\"messages_per_s\":%.1f,\"mb_per_s\":%.3f}",
            test, size, messages, seconds, (double)messages / seconds, (double)errand.received / seconds / 1e6);
}

static void take_alone(size_t size, unsigned milliseconds, FILE *out)
{
    end_t sender = {.ring = &rings.there}, receiver = {.ring = &rings.there};
    unsigned run = bare_ring_alone_run(size);
    uint64_t send_ns = 0, receive_ns = 0, messages = 0, start = net_clock_ns();
    uint64_t end = start + (uint64_t)milliseconds * 1000000u;
    char *buffer = buffer_of(size);
    while (start < end) {
        for (unsigned i = 0; i < run; i++)
            ring_send(&sender, buffer, size);
        uint64_t sent = net_clock_ns();
        for (unsigned i = 0; i < run; i++)
            ring_receive_all(&receiver, buffer, size);
        uint64_t received = net_clock_ns();
        send_ns += sent - start;
        receive_ns += received - sent;
        messages += run;
        start = received;
    }
    free(buffer);
    fprintf(out,
            "{\"test\":\"alone\",\"size\":%zu,\"messages\":%" PRIu64
            ",\"both_ns\":%.3f,\"send_ns\":%.3f,\"receive_ns\":%.3f}",
            size, messages, (double)(send_ns + receive_ns) / (double)messages, (double)send_ns / (double)messages,
            (double)receive_ns / (double)messages);
}

bool bare_ring_is(const char *name)
{
    return manner_of(name) != NULL;
}

bool bare_ring_has(const char *name, const char *test)
{
    bool is_small = !strcmp(test, "rtt") || !strcmp(test, "msgs") || !strcmp(test, "alone");
    return !strcmp(test, "bw") || (manner_of(name) == manners && is_small);
}

void bare_ring_take(const char *name, const char *test, size_t size, unsigned milliseconds, FILE *out)
{
    manner = manner_of(name);
    reset(&rings.there);
    reset(&rings.back);
    if (!strcmp(test, "rtt"))
        take_rtt(size, milliseconds, out);
    else if (!strcmp(test, "alone"))
        take_alone(size, milliseconds, out);
    else
        take_one_way(test, size, milliseconds, out);
}
