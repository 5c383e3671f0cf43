/* bystander: see bystander.h. */
#define _GNU_SOURCE
#include "bystander.h"
#include "cores.h"
#include "net.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUND 1000

typedef struct {
    _Atomic uint32_t computes; /* the parent; a futex */
    _Atomic uint64_t rounds;   /* the child */
} shared_t;

static struct {
    shared_t *shared;
    uint64_t rounds, begun_ns;
} bystander;

static void compute(shared_t *shared)
{
    volatile uint64_t x = 1;
    for (;;) {
        if (!atomic_load(&shared->computes))
            syscall(SYS_futex, &shared->computes, FUTEX_WAIT, 0, NULL);
        for (int i = 0; i < ROUND; i++)
            x = x * 6364136223846793005u + 1442695040888963407u;
        atomic_fetch_add(&shared->rounds, 1);
    }
}

/* Anywhere: its parent is pinned. */
static void unpin(void)
{
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        CPU_SET(cpu, &all);
    sched_setaffinity(0, sizeof all, &all);
}

static void start(void)
{
    bystander.shared = mmap(NULL, sizeof(shared_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (bystander.shared == MAP_FAILED)
        bench_fail("out of memory");
    pid_t child = fork();
    if (child < 0)
        bench_fail("cannot fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        unpin();
        compute(bystander.shared);
    }
}

void bystander_begin(void)
{
    if (!bystander.shared)
        start();
    bystander.rounds = atomic_load(&bystander.shared->rounds);
    bystander.begun_ns = net_clock_ns();
    atomic_store(&bystander.shared->computes, 1);
    syscall(SYS_futex, &bystander.shared->computes, FUTEX_WAKE, 1);
}

double bystander_stop(void)
{
    uint64_t rounds = atomic_load(&bystander.shared->rounds) - bystander.rounds;
    double seconds = (double)(net_clock_ns() - bystander.begun_ns) / 1e9;
    atomic_store(&bystander.shared->computes, 0);
    return (double)rounds / seconds;
}
