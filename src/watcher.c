/* watcher: see watcher.h. */
#include "watcher.h"

#include "atomics.h"
#include "nt.h"

#define FIXED_HANDLES 3
#define UNWATCHED_LOOK_MS 250 /* processes beyond what one wait can hold are looked at that often */

static struct {
    waiter_t *doorbell;
    HANDLE errand; /* this process wants something */
    _Atomic(const watcher_duties_t *) duties;
    word_t expects;  /* it has been rung for a new stream */
    word_t asleep;   /* so `wakes_ms` holds */
    word_t wakes_ms; /* by itself, on os_now_us() / 1000; more than half of all numbers ahead: not so soon */
} watcher;

typedef struct watch_list {
    HANDLE handles[MAXIMUM_WAIT_OBJECTS];
    DWORD count;
    bool overflow;
} watch_list_t;

/* ---- deaths ---- */

/* True if it is known to be dead now. */
static bool notice_death(vmmc_link_t *link)
{
    if (!vmmc_link_is_dead(link) && vmmc_link_probe(link))
        watcher.duties->on_death(link);
    return vmmc_link_is_dead(link);
}

static void probe_link(vmmc_link_t *link, void *context)
{
    (void)context;
    notice_death(link);
}

static void add_link(vmmc_link_t *link, void *context)
{
    watch_list_t *list = context;
    if (notice_death(link))
        return;
    if (list->count < MAXIMUM_WAIT_OBJECTS)
        list->handles[list->count++] = (HANDLE)vmmc_link_watch(link);
    else
        list->overflow = true;
}

static void make_list(watch_list_t *list)
{
    list->handles[0] = (HANDLE)wait_event(watcher.doorbell);
    list->handles[1] = watcher.errand;
    list->handles[2] = kpoll_event();
    list->count = FIXED_HANDLES;
    list->overflow = false;
    vmmc_each_link(add_link, list);
}

/* ---- the thread ---- */

/* Armed before it looks, so that a ring of the bell in between is not lost.  Returns for how long it may sleep. */
static DWORD make_round(void)
{
    const watcher_duties_t *duties = watcher.duties;
    DWORD idle = INFINITE;
    wait_rearm_event(watcher.doorbell);
    kpoll_collect();
    for (int i = 0; i < WATCHER_ROUNDS; i++) {
        DWORD limit = duties->rounds[i](watcher.doorbell);
        idle = limit < idle ? limit : idle;
    }
    return idle;
}

static uint32_t now_ms(void)
{
    return (uint32_t)(os_now_us() / 1000);
}

static bool has_death(const watch_list_t *list)
{
    DWORD processes = list->count - FIXED_HANDLES;
    return processes > 0 &&
           WaitForMultipleObjects(processes, list->handles + FIXED_HANDLES, FALSE, 0) < WAIT_OBJECT_0 + processes;
}

/* What began after the round has looked at it finds `asleep` 0 and rings, or the time here.  True: a process has died. */
static bool sleep_until_called(const watch_list_t *list, DWORD timeout)
{
    store_relaxed(&watcher.wakes_ms, now_ms() + (timeout > INT32_MAX ? INT32_MAX : timeout));
    store_release(&watcher.asleep, 1); /* pairs with the acquire in watcher_expect() */
    DWORD woken = WaitForMultipleObjects(list->count, list->handles, FALSE, timeout);
    word_swap(&watcher.asleep, 0);
    return woken != WAIT_TIMEOUT && has_death(list);
}

static DWORD WINAPI watch(void *context)
{
    (void)context;
    for (;;) {
        watch_list_t list;
        DWORD timeout = make_round();
        make_list(&list);
        if (list.overflow && timeout > UNWATCHED_LOOK_MS)
            timeout = UNWATCHED_LOOK_MS;
        /* Where one stream has come and gone the next is probably near, and shall not ring again. */
        if (word_swap(&watcher.expects, 0) && timeout > WATCHER_SOON_MS)
            timeout = WATCHER_SOON_MS;
        if (sleep_until_called(&list, timeout))
            vmmc_each_link(probe_link, NULL); /* before the round, in which its streams have ended */
    }
    return 0;
}

void watcher_set_duties(const watcher_duties_t *duties)
{
    watcher.duties = duties;
}

bool watcher_start(void)
{
    watcher.doorbell = wait_reserve();
    watcher.errand = CreateEventA(NULL, FALSE, FALSE, NULL);
    const watcher_duties_t *duties = watcher.duties;
    if (!duties || !watcher.doorbell || !watcher.errand || !wait_event(watcher.doorbell))
        return false;
    if (!kpoll_start(duties->open_endpoint()))
        return false;
    HANDLE thread = CreateThread(NULL, 128 << 10, watch, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (!thread)
        return false;
    CloseHandle(thread);
    return true;
}

void watcher_look(void)
{
    SetEvent(watcher.errand);
}

void watcher_expect(const vmmc_link_t *link)
{
    full_fence(); /* what is new is stored before this load, and after the swap to 0 a round loads that */
    bool asleep = load_acquire(&watcher.asleep);
    int32_t left = (int32_t)(load_relaxed(&watcher.wakes_ms) - now_ms());
    if (asleep && left <= WATCHER_SOON_MS && vmmc_link_is_watched(link))
        return;
    store_release(&watcher.expects, 1);
    watcher_look();
}
