/* processors: what Linux tells of its processors' times is had by Windows code too, in either width, and a crowd is
 * noticed by it. */
#include "wire.h"

#include "crowd.h"
#include "os.h"

enum { HOGS = 8, PATIENCE_US = 20000000, RUN_US = 50000 };

static volatile LONG stop;

static void compute(void *context)
{
    (void)context;
    while (!stop)
        YieldProcessor();
}

static uint64_t time_run(void)
{
    uint64_t ran, queued;
    CHECK(os_thread_times(&ran, &queued));
    return ran;
}

static void run_for_a_while(void *context)
{
    uint64_t begun = os_now_us(), ran = time_run();
    (void)context;
    while (time_run() < ran + RUN_US)
        CHECK(os_now_us() - begun < PATIENCE_US);
    CHECK(time_run() - ran <= os_now_us() - begun);
}

static void a_thread_is_told_of_its_own_time(void **state)
{
    worker_t other;
    uint64_t before = time_run();
    (void)state;
    worker_start(&other, run_for_a_while, NULL);
    worker_join(&other); /* asleep */
    CHECK(time_run() - before < RUN_US);
    run_for_a_while(NULL);
}

static void what_is_idle_grows_no_faster_than_time(void **state)
{
    uint64_t before, after, begun = os_now_us();
    (void)state;
    CHECK(os_idle_time(&before));
    Sleep(100);
    CHECK(os_idle_time(&after));
    CHECK(after >= before);
    CHECK(after - before <= (os_now_us() - begun + 20000) * os_cpu_count()); /* hundredths of a second, at both ends */
}

static bool comes_to_be(crowd_t *crowd, bool wanted)
{
    uint64_t begun = os_now_us();
    while (crowd_look(crowd, os_now_us()) != wanted)
        if (os_now_us() - begun > PATIENCE_US)
            return false;
    return true;
}

/* More of them than processors, and of no stream. */
static void threads_that_compute_are_a_crowd(void **state)
{
    static word_t ran_us;
    crowd_t crowd = {0};
    worker_t hogs[HOGS];
    (void)state;
    crowd_count_in(&ran_us);
    stop = 0;
    for (int i = 0; i < HOGS; i++)
        worker_start(&hogs[i], compute, NULL);
    CHECK(comes_to_be(&crowd, true));
    CHECK(load_relaxed(&ran_us) > 0);
    stop = 1;
    for (int i = 0; i < HOGS; i++)
        worker_join(&hogs[i]);
    CHECK(comes_to_be(&crowd, false));
}

static const struct CMUnitTest tests[] = {
    CASE(a_thread_is_told_of_its_own_time),
    CASE(what_is_idle_grows_no_faster_than_time),
    CASE(threads_that_compute_are_a_crowd),
};

int main(int argc, char **argv)
{
    return harness_main(argc, argv, NULL, 0, tests, ARRAY_SIZE(tests));
}
