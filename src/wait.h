/* wait: sleeping and being woken, across processes.
 *
 * A waiter is a word in its process's own shared page and, once needed, a named event; each thread that sleeps has one.
 * The lost-wake-up argument, once for all: a sleeper stores its number where the other side will look ("arms"), keeps
 * looking at the condition until it has been there for WAIT_LOOK_US, and only then sleeps.  The other side publishes with
 * a release store, loads the number without a fence, and swaps the state of the waiter that it names.  Its load can
 * overtake its store by no more than the life of a store buffer, which is far below WAIT_LOOK_US; so either it sees the
 * number, or the sleeper sees the condition.  From then on everybody sees the number, and the two swaps order the rest:
 * each look that follows a sleep, or begins a wait for which the number was left where it is, is a single one.
 * Should a processor be stranger than that, it turns a lost wake-up into a delay: the first sleep after arming or being
 * woken is WAIT_NAP_US at most, and when that has passed all that was under way then is visible.  Later ones end by
 * themselves only for the sake of a waker that cannot open our event: after WAIT_REST_US. */
#ifndef VMMC_WAIT_H
#define VMMC_WAIT_H

#include "os.h"
#include "shm_layout.h"

#define WAIT_LOOK_US 20
#define WAIT_NAP_US 25000
#define WAIT_REST_US 1000000 /* a waker without handles or memory to open our event cannot set it */
#define WAIT_FOREVER UINT64_MAX

/* What other modules of this process keep for a thread.  It is never returned to the system. */
typedef struct waiter_own {
    _Atomic(uintptr_t) inside; /* the thread: which half it is in without its lock (bias.h), or 0 */
} waiter_own_t;

typedef struct waiter waiter_t;
typedef struct waiter_page waiter_page_t; /* some process's waiters, mapped */

/* Create this process's page, and its doorbell: the event of the first waiter to be reserved.  0 or VMMC_E*. */
int wait_start(uint8_t page_key[VMMC_KEY_BYTES]);
/* Set the longest spin in microseconds. */
void wait_set_spin(uint32_t spin_us);

/* The calling thread's waiter; NULL if all are taken, or for want of memory (wait_sleep() then naps). */
waiter_t *wait_mine(void);
/* Part of that, if the thread has been given one; otherwise something that is no waiter's. */
static inline waiter_own_t *wait_own(void)
{
    return os_thread_slot_peek();
}
waiter_own_t *wait_own_of(waiter_t *waiter);
/* Let its guards put in order what the calling thread leaves behind, and give its waiter back: it is ending. */
void wait_thread_ends(void);
/* A waiter outside the threads' own, for the watcher; its event can be waited on together with others. */
waiter_t *wait_reserve(void);
uintptr_t wait_event(waiter_t *waiter);
/* Mark a reserved waiter as asleep in its event, whoever waits on that. */
void wait_rearm_event(waiter_t *waiter);
/* What other processes store to have this thread woken; never 0 (0 if `waiter` is NULL). */
uint32_t wait_number(const waiter_t *waiter);

/* Sleep at most `timeout_us` or until woken, at first for WAIT_NAP_US; wakes for nothing are allowed.  `futex`: everyone
 * who may wake us can. */
void wait_sleep(waiter_t *waiter, bool futex, uint64_t timeout_us);
/* What has to be put in order should this thread end in its sleep: an APC may call ExitThread.  It lives on the thread's
 * stack; `abandon` runs in that thread, perhaps under the loader's lock. */
typedef struct wait_guard {
    struct wait_guard *outer;
    void (*abandon)(struct wait_guard *guard);
} wait_guard_t;
/* Around sleeps; they nest, since an APC may sleep too. */
void wait_guard(waiter_t *waiter, wait_guard_t *guard);
void wait_unguard(waiter_t *waiter);
/* Wake a thread of this process. */
void wait_wake_own(uint32_t number);

/* Another process's page, mapped by its key, and its doorbell; NULL if there is no valid one, or no memory. */
waiter_page_t *wait_page_open(const uint8_t key[VMMC_KEY_BYTES]);
void wait_page_close(waiter_page_t *page);
void wait_page_wake(waiter_page_t *page, uint32_t number);

/* ---- interludes ---- */

#define WAIT_INTERLUDE_US 10000

/* A call of the program's own that some threads make while they wait: WinSock 1.1's blocking hook. */
typedef struct wait_interlude {
    bool (*run)(void);       /* false: the calling thread has none */
    bool (*cancelled)(void); /* during it the program has called the wait off */
} wait_interlude_t;

/* Written by wait_set_interlude() alone; here so that calls on the fast path can ask in line. */
extern _Atomic(const wait_interlude_t *) wait__interlude;

/* For the whole process, from now on. */
void wait_set_interlude(const wait_interlude_t *interlude);
/* Before each sleep of a call of the program's, by a thread that holds no lock.  True: sleep WAIT_INTERLUDE_US at most,
 * or not at all if the wait is cancelled now. */
bool wait_interlude(void);
bool wait_is_cancelled(void);
/* True if some thread may have one. */
static inline bool wait_has_interludes(void)
{
    return atomic_load_explicit(&wait__interlude, memory_order_relaxed) != NULL;
}

/* ---- spinning ---- */

/* One bounded spin; it ends early when the thread noticed that it had been taken off its processor. */
typedef struct spin {
    uint64_t last, until; /* time-stamp counter */
    uint64_t polite_from; /* 0: never */
    uint32_t rounds;
    bool preempted;
} spin_t;

void spin_begin(spin_t *spin, uint32_t microseconds);
/* The look of a sleeper that has been armed since that moment: it lasts until WAIT_LOOK_US later, or for one look only if
 * that is over; a glance of a microsecond or two, then the processor is offered to others between looks: on a shared one,
 * the other side can run only then. */
void spin_begin_look(spin_t *spin, uint32_t armed);
/* Now, in units of some hundred nanoseconds; after half an hour and more a moment may seem to be recent again. */
uint32_t wait_moment(void);
/* True for a wait, begun at that moment, that was much longer than any spin or wake-up. */
bool wait_has_been_long(uint32_t begun);
/* False when the time is up. */
bool spin_goes_on(spin_t *spin);
/* What the calling thread has learnt: how long to spin now, which is 0 in a crowd (crowd.h), and whether the last spin was
 * worth it. */
uint32_t spin_budget_us(uint32_t *learnt);
/* True if spinning has not paid; for the fast path, where a crowd is not looked for. */
static inline bool spin_is_vain(uint32_t learnt)
{
    return learnt == 1;
}
void spin_learn(uint32_t *learnt, bool hit);

void key_to_hex(const uint8_t key[VMMC_KEY_BYTES], char hex[2 * VMMC_KEY_BYTES + 1]);

#endif
