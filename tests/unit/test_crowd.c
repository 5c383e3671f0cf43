/* test_crowd: threads stop spinning where others want the processors, and only there.  The system is made up, but for
 * the last case. */
#define _GNU_SOURCE
#include "unit.h"

#include "crowd.h"
#include "os.h"
#include "wait.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CPUS = 2, WINDOW = CROWD_LOOK_US };

/* What the system says: this thread's times, and all processors'. */
static struct {
    bool is_real, tells;
    uint64_t ran, queued, idle;
    unsigned asked;
} told;
static word_t ran_us;

bool __real_os_thread_times(uint64_t *ran, uint64_t *queued);
bool __wrap_os_thread_times(uint64_t *ran, uint64_t *queued);
bool __real_os_idle_time(uint64_t *idle);
bool __wrap_os_idle_time(uint64_t *idle);
unsigned __real_os_cpu_count(void);
unsigned __wrap_os_cpu_count(void);

bool __wrap_os_thread_times(uint64_t *ran, uint64_t *queued)
{
    if (told.is_real)
        return __real_os_thread_times(ran, queued);
    told.asked++;
    *ran = told.ran;
    *queued = told.queued;
    return told.tells;
}

bool __wrap_os_idle_time(uint64_t *idle)
{
    if (told.is_real)
        return __real_os_idle_time(idle);
    *idle = told.idle;
    return true;
}

unsigned __wrap_os_cpu_count(void)
{
    return told.is_real ? __real_os_cpu_count() : CPUS;
}

typedef struct thread {
    crowd_t crowd;
    uint64_t now;
} thread_t;

/* In hundredths: of the window, how long this thread ran and was queued; of one processor, how much the others of ours
 * had, and how much nobody. */
typedef struct window {
    unsigned ran, queued, ours, idle;
} window_t;

static const window_t crowded = {.ran = 25, .queued = 75, .ours = 85, .idle = 0}; /* somebody else has 90 */
static const window_t among_ours = {.ran = 25, .queued = 75, .ours = 170, .idle = 0};
static const window_t alone = {.ran = 95, .queued = 0, .ours = 95, .idle = 5};
static const window_t calm = {.ran = 50, .queued = 10, .ours = 50, .idle = 5}; /* who else has 95 keeps nobody waiting */

static void pass(uint64_t us, window_t window)
{
    told.ran += us * window.ran / 100;
    told.queued += us * window.queued / 100;
    told.idle += us * window.idle / 100;
    word_add(&ran_us, (uint32_t)(us * window.ours / 100));
}

static bool look_after(thread_t *thread, uint64_t us, window_t window)
{
    pass(us, window);
    thread->now += us;
    return crowd_look(&thread->crowd, thread->now);
}

static bool look_after_windows(thread_t *thread, int count, window_t window)
{
    bool is_here = false;
    while (count--)
        is_here = look_after(thread, WINDOW, window);
    return is_here;
}

static thread_t begin(void)
{
    thread_t thread = {.now = 1000000000};
    told.is_real = false;
    told.tells = true;
    crowd_count_in(&ran_us);
    crowd_look(&thread.crowd, thread.now);
    return thread;
}

static void who_queues_beside_others_is_in_a_crowd_until_they_leave(void **state)
{
    thread_t thread = begin();
    (void)state;
    assert_true(look_after_windows(&thread, 2, crowded));
    assert_true(look_after_windows(&thread, 20, crowded));
    assert_false(look_after(&thread, WINDOW, calm)); /* at once, for who is served */
    assert_true(look_after_windows(&thread, 2, crowded));
    assert_false(look_after_windows(&thread, 3, among_ours));
}

static void one_passing_window_makes_no_crowd(void **state)
{
    thread_t thread = begin();
    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_false(look_after(&thread, WINDOW, crowded));
        assert_false(look_after_windows(&thread, 8, i % 2 ? among_ours : alone));
    }
}

static void streams_that_have_only_each_other_are_none(void **state)
{
    thread_t thread = begin();
    (void)state;
    assert_false(look_after_windows(&thread, 20, alone));
    assert_false(look_after_windows(&thread, 20, among_ours));
    ran_us = UINT32_MAX - WINDOW; /* the count goes round */
    crowd_look(&thread.crowd, thread.now += CROWD_FORGET_US + 1);
    assert_false(look_after_windows(&thread, 20, among_ours));
}

/* Of the time that this thread runs, nobody else tells: it must have been added to the count. */
static void each_thread_adds_its_own_time(void **state)
{
    thread_t thread = begin();
    (void)state;
    uint32_t before = ran_us;
    told.ran += 12345;
    crowd_look(&thread.crowd, thread.now += WINDOW);
    assert_int_equal(ran_us - before, 12345);
    told.ran += 1000000; /* long ago or not */
    crowd_look(&thread.crowd, thread.now += 2 * CROWD_FORGET_US);
    assert_int_equal(ran_us - before, 1012345);
}

static void the_system_is_asked_once_in_a_window(void **state)
{
    thread_t thread = begin();
    (void)state;
    unsigned asked = told.asked;
    for (int i = 0; i < 100; i++)
        look_after(&thread, WINDOW / 10, crowded);
    assert_int_equal(told.asked - asked, 10);
}

static void what_was_long_ago_is_not_compared_with(void **state)
{
    thread_t thread = begin();
    (void)state;
    assert_true(look_after_windows(&thread, 4, crowded));
    assert_false(look_after(&thread, CROWD_FORGET_US + 1, crowded));
    assert_true(look_after_windows(&thread, 2, crowded));
}

static void where_the_system_does_not_tell_there_is_none(void **state)
{
    thread_t thread = begin();
    (void)state;
    assert_true(look_after_windows(&thread, 4, crowded));
    told.tells = false; /* no descriptor is free, perhaps */
    assert_false(look_after_windows(&thread, 4, crowded));
    told.tells = true;
    assert_false(look_after_windows(&thread, 1, crowded));
    assert_true(look_after_windows(&thread, 2, crowded));
}

/* The same by wait.h's clock, which is the processor's: again and again until it has come to pass. */
static bool comes_to_spin(uint32_t *learnt, bool wanted, window_t window)
{
    uint64_t begun = os_now_us(), passed = 0;
    while ((spin_budget_us(learnt) > 0) != wanted) {
        uint64_t whole = (os_now_us() - begun) / 1000 * 1000;
        pass(whole - passed, window);
        passed = whole;
        if (passed > UNIT_PATIENCE_US)
            return false;
    }
    return true;
}

static void in_a_crowd_nobody_spins_nor_learns(void **state)
{
    uint32_t learnt = 0;
    (void)state;
    begin();
    wait_set_spin(100);
    assert_non_null(wait_mine());
    assert_int_equal(spin_budget_us(&learnt), 100);
    assert_true(comes_to_spin(&learnt, false, crowded));
    for (int i = 0; i < 20; i++)
        spin_learn(&learnt, false);
    assert_false(spin_is_vain(learnt));
    assert_true(comes_to_spin(&learnt, true, alone));
    assert_int_equal(spin_budget_us(&learnt), 100);
    for (int i = 0; i < 20; i++)
        spin_learn(&learnt, false);
    assert_true(spin_is_vain(learnt));
}

/* ---- the system itself ---- */

static pid_t start_hogs(int count, const cpu_set_t *cpu)
{
    pid_t group = 0;
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* or it would compute for ever beside whatever comes next */
            sched_setaffinity(0, sizeof *cpu, cpu);
            for (;;)
                cpu_pause();
        }
        unit_check(child > 0);
        group = group ? group : child;
        setpgid(child, group);
    }
    return group;
}

static bool comes_to_be_crowded(crowd_t *crowd, bool wanted)
{
    uint64_t until = os_now_us() + 2 * UNIT_PATIENCE_US;
    while (crowd_look(crowd, os_now_us()) != wanted)
        if (os_now_us() > until)
            return false;
    return true;
}

/* All on one processor, so that this thread waits for it however many there are. */
static void hogs_beside_us_are_noticed(void **state)
{
    cpu_set_t all, one;
    crowd_t crowd = {0};
    uint64_t ran, queued;
    (void)state;
    told.is_real = true;
    if (!os_thread_times(&ran, &queued)) {
        print_message("this kernel tells no thread how long it has been queued (/proc/thread-self/schedstat)\n");
        skip();
    }
    crowd_count_in(&ran_us);
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    pid_t hogs = start_hogs(3, &one);
    bool came = comes_to_be_crowded(&crowd, true);
    kill(-hogs, SIGKILL);
    while (waitpid(-hogs, NULL, 0) > 0)
        ;
    bool went = comes_to_be_crowded(&crowd, false);
    sched_setaffinity(0, sizeof all, &all);
    assert_true(came);
    assert_true(went);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_queues_beside_others_is_in_a_crowd_until_they_leave),
        cmocka_unit_test(one_passing_window_makes_no_crowd),
        cmocka_unit_test(streams_that_have_only_each_other_are_none),
        cmocka_unit_test(each_thread_adds_its_own_time),
        cmocka_unit_test(the_system_is_asked_once_in_a_window),
        cmocka_unit_test(what_was_long_ago_is_not_compared_with),
        cmocka_unit_test(where_the_system_does_not_tell_there_is_none),
        cmocka_unit_test(in_a_crowd_nobody_spins_nor_learns),
        cmocka_unit_test(hogs_beside_us_are_noticed),
    };
    return unit_main(argc, argv, tests);
}
