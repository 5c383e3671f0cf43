/* cores: the second thread, and the ball that the two throw to each other. */
#define _GNU_SOURCE
#include "cores.h"
#include "net.h"
#include "samples.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE 64
#define BATCHES 9
#define BATCH 250

static struct {
    sem_t begun, ended;
    cores_task_t *task;
    void *argument;
} second;

static cpu_set_t allowed_at_start;

static struct {
    _Alignas(LINE) _Atomic uint32_t there; /* first thread */
    _Alignas(LINE) _Atomic uint32_t back;  /* second thread */
} ball;

void bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("conduct: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* The n-th of the processors this process may use. */
static cpu_set_t nth_processor(int n)
{
    cpu_set_t allowed, one;
    CPU_ZERO(&one);
    sched_getaffinity(0, sizeof allowed, &allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && n-- == 0) {
            CPU_SET(cpu, &one);
            return one;
        }
    bench_fail("needs two processors");
}

void cores_pin(int processor)
{
    cpu_set_t one = nth_processor(processor);
    if (sched_setaffinity(0, sizeof one, &one))
        bench_fail("cannot pin to a processor");
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore))
        continue; /* interrupted */
}

static void *carry_out_tasks(void *unused)
{
    for (;;) {
        wait_for(&second.begun);
        second.task(second.argument);
        sem_post(&second.ended);
    }
    return unused;
}

void cores_start(void)
{
    pthread_t thread;
    cpu_set_t other = nth_processor(CORES_SECOND);
    sched_getaffinity(0, sizeof allowed_at_start, &allowed_at_start);
    cores_pin(CORES_FIRST);
    sem_init(&second.begun, 0, 0);
    sem_init(&second.ended, 0, 0);
    if (pthread_create(&thread, NULL, carry_out_tasks, NULL) || pthread_setaffinity_np(thread, sizeof other, &other))
        bench_fail("cannot start a thread on the second processor");
}

void cores_place(int process, bool on_first)
{
    cpu_set_t first;
    sched_getaffinity(0, sizeof first, &first);
    (void)sched_setaffinity(process, sizeof first, on_first ? &first : &allowed_at_start);
}

void cores_begin(cores_task_t *task, void *argument)
{
    second.task = task;
    second.argument = argument;
    sem_post(&second.begun);
}

void cores_await(void)
{
    wait_for(&second.ended);
}

static void catch_ball(_Atomic uint32_t *word, uint32_t value)
{
    while (atomic_load_explicit(word, memory_order_acquire) != value)
        continue;
}

static void return_balls(void *unused)
{
    (void)unused;
    for (uint32_t i = 1; i <= BATCHES * BATCH; i++) {
        catch_ball(&ball.there, i);
        atomic_store_explicit(&ball.back, i, memory_order_release);
    }
}

static double throw_balls(uint32_t first)
{
    uint64_t start = net_clock_ns();
    for (uint32_t i = first; i < first + BATCH; i++) {
        atomic_store_explicit(&ball.there, i, memory_order_release);
        catch_ball(&ball.back, i);
    }
    return (double)(net_clock_ns() - start) / 1e3 / BATCH;
}

/* The lower quartile of several short batches: a batch in which somebody else had a processor does not count, nor does
 * the first one, which waits for the second thread to wake. */
double cores_round_trip_us(void)
{
    double value[BATCHES];
    samples_t samples = {.value = value, .capacity = BATCHES};
    /* The second thread looks at neither between its tasks. */
    atomic_store_explicit(&ball.there, 0, memory_order_release);
    atomic_store_explicit(&ball.back, 0, memory_order_release);
    cores_begin(return_balls, NULL);
    for (uint32_t i = 0; i < BATCHES; i++)
        samples_add(&samples, throw_balls(i * BATCH + 1));
    cores_await();
    samples_sort(&samples);
    return samples_percentile(&samples, 25);
}
