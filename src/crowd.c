/* crowd: see crowd.h. */
#include "crowd.h"

#include "os.h"

static struct {
    _Atomic(word_t *) ran_us;
    unsigned cpus;
} all;

void crowd_count_in(word_t *ran_us)
{
    uint64_t ran, queued, idle;
    all.cpus = os_cpu_count();
    if (os_thread_times(&ran, &queued) && os_idle_time(&idle))
        atomic_store(&all.ran_us, ran_us);
}

/* In thousandths of one processor; half of it what was found before, since each thread adds to `ours` when it looks. */
static uint32_t find_others(const crowd_t *crowd, const crowd_t *before, uint64_t passed)
{
    int64_t had = (int64_t)(all.cpus * passed - (crowd->idle - before->idle)) - (int32_t)(crowd->ours - before->ours);
    uint32_t others = had > 0 ? (uint32_t)((uint64_t)had * 1000 / passed) : 0;
    return (before->others + others) / 2;
}

/* What has been counted may be much older than the last window, if this thread has not looked since; too much of ours
 * rather than too little is what keeps streams spinning that have only each other. */
static uint32_t count(const crowd_t *crowd, const crowd_t *before, word_t *ran_us)
{
    return before->looked ? word_add(ran_us, (uint32_t)(crowd->ran - before->ran)) : load_relaxed(ran_us);
}

static void look(crowd_t *crowd, word_t *ran_us, uint64_t now)
{
    crowd_t before = *crowd;
    uint64_t passed = now - before.looked;
    *crowd = (crowd_t){0};
    if (!os_thread_times(&crowd->ran, &crowd->queued) || !os_idle_time(&crowd->idle))
        return;
    crowd->looked = now;
    crowd->ours = count(crowd, &before, ran_us);
    if (!before.looked || passed > CROWD_FORGET_US)
        return;
    crowd->others = find_others(crowd, &before, passed);
    crowd->is_here = (crowd->queued - before.queued) * CROWD_QUEUED >= passed && crowd->others >= CROWD_OTHERS;
}

bool crowd_look(crowd_t *crowd, uint64_t now_us)
{
    word_t *ran_us = atomic_load_explicit(&all.ran_us, memory_order_acquire);
    if (ran_us && now_us - crowd->looked >= CROWD_LOOK_US)
        look(crowd, ran_us, now_us);
    return crowd->is_here;
}
