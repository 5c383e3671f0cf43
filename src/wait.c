/* wait: see wait.h. */
#include "wait.h"

#include "crowd.h"
#include "lock.h"

#include <stdio.h>
#include <stdlib.h>

#define PREEMPTED_US 40
#define GLANCE_US 2
#define LONG_WAIT_US 500
#define MOMENT_SHIFT 10
#define DOORBELL_SLOT 0 /* the watcher's */

struct waiter {
    _Alignas(SHM_LINE) waiter_own_t own; /* first */
    uintptr_t event;
    word_t *state;
    bool rested; /* since it was armed or woken, a nap has taken its whole time */
    wait_guard_t *guards; /* innermost first */
    crowd_t crowd;        /* the thread's */
};

struct waiter_page {
    os_section_t section;
    waiter_page_shm_t *shm;
    char hex[2 * VMMC_KEY_BYTES + 1];
    vmmc_lock_t lock;
    uintptr_t events[WAITER_SLOTS]; /* opened when first needed */
};

static struct {
    waiter_page_t page;
    uintptr_t doorbell; /* the first waiter's event, which exists as long as the page does */
    vmmc_lock_t lock;
    uint8_t taken[WAITER_SLOTS];
    uint32_t spin_us;
} own = {.spin_us = 100};

static waiter_t waiters[WAITER_SLOTS]; /* by slot, guarded as `own.taken` is */

void key_to_hex(const uint8_t key[VMMC_KEY_BYTES], char hex[2 * VMMC_KEY_BYTES + 1])
{
    for (int i = 0; i < VMMC_KEY_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", key[i]);
}

static void page_name(const waiter_page_t *page, char name[64])
{
    snprintf(name, 64, "vmmc-w-%s", page->hex);
}

static void event_name(const waiter_page_t *page, uint32_t slot, char name[64])
{
    snprintf(name, 64, "vmmc-e-%s-%u", page->hex, slot);
}

/* ---- this process's page ---- */

int wait_start(uint8_t page_key[VMMC_KEY_BYTES])
{
    char name[64];
    os_random(page_key, VMMC_KEY_BYTES);
    key_to_hex(page_key, own.page.hex);
    page_name(&own.page, name);
    int error = os_section_create(&own.page.section, name, sizeof(waiter_page_shm_t));
    if (error)
        return error;
    event_name(&own.page, DOORBELL_SLOT, name);
    own.doorbell = os_event_create(name);
    if (!own.doorbell) {
        os_section_close(&own.page.section);
        return VMMC_ENOMEM;
    }
    own.page.shm = own.page.section.base;
    store_plain(own.page.shm->version, SHM_VERSION);
    store_release(&own.page.shm->magic, WAITER_MAGIC);
    return 0;
}

void wait_set_spin(uint32_t spin_us)
{
    own.spin_us = os_cpu_count() > 1 ? spin_us : 0;
}

static uint32_t take_slot(void)
{
    uint32_t slot = 0;
    lock_take(&own.lock);
    while (slot < WAITER_SLOTS && own.taken[slot])
        slot++;
    if (slot < WAITER_SLOTS)
        own.taken[slot] = 1;
    lock_release(&own.lock);
    return slot;
}

waiter_t *wait_reserve(void)
{
    uint32_t slot = own.page.shm ? take_slot() : WAITER_SLOTS;
    if (slot == WAITER_SLOTS)
        return NULL;
    waiter_t *waiter = &waiters[slot];
    atomic_store_explicit(&waiter->own.inside, 0, memory_order_relaxed);
    waiter->event = 0;
    waiter->rested = false;
    waiter->guards = NULL;
    waiter->crowd = (crowd_t){0};
    waiter->state = &own.page.shm->slots[slot].state;
    store_relaxed(waiter->state, WAITER_RUNNING);
    return waiter;
}

static uint32_t slot_of(const waiter_t *waiter)
{
    return (uint32_t)(waiter - waiters);
}

static void give_back(waiter_t *waiter)
{
    os_event_close(waiter->event);
    lock_take(&own.lock);
    own.taken[slot_of(waiter)] = 0;
    lock_release(&own.lock);
}

waiter_t *wait_mine(void)
{
    waiter_t *waiter = os_thread_slot_get();
    if (!waiter) {
        waiter = wait_reserve();
        if (waiter && !os_thread_slot_set(waiter)) {
            give_back(waiter); /* nobody would find it again */
            waiter = NULL;
        }
    }
    return waiter;
}

waiter_own_t *wait_own_of(waiter_t *waiter)
{
    return &waiter->own;
}

void wait_thread_ends(void)
{
    waiter_t *waiter = os_thread_slot_get();
    if (!waiter)
        return;
    for (wait_guard_t *guard = waiter->guards; guard; guard = guard->outer)
        guard->abandon(guard);
    os_thread_slot_set(NULL);
    give_back(waiter);
}

uint32_t wait_number(const waiter_t *waiter)
{
    return waiter ? slot_of(waiter) + 1 : 0;
}

/* ---- sleeping ---- */

/* A slot's event outlives one thread's use of the slot in other processes' tables, hence create-or-open by name. */
uintptr_t wait_event(waiter_t *waiter)
{
    char name[64];
    if (!waiter->event) {
        event_name(&own.page, slot_of(waiter), name);
        waiter->event = os_event_create(name);
        if (!waiter->event)
            waiter->event = os_event_open(name);
    }
    return waiter->event;
}

void wait_rearm_event(waiter_t *waiter)
{
    word_swap(waiter->state, WAITER_IN_EVENT);
}

static void sleep_in(waiter_t *waiter, uint32_t state, uint64_t timeout_us)
{
    bool slept_out = false;
    if (word_replace(waiter->state, WAITER_RUNNING, state))
        slept_out = state == WAITER_IN_FUTEX ? os_futex_wait(waiter->state, state, timeout_us)
                                             : os_event_wait(waiter->event, timeout_us);
    /* A swap, so that what the waker published before its own swap is visible to the checks that follow. */
    bool woken = word_swap(waiter->state, WAITER_RUNNING) == WAITER_WOKEN;
    waiter->rested = !woken && (waiter->rested || slept_out);
}

void wait_sleep(waiter_t *waiter, bool futex, uint64_t timeout_us)
{
    if (!waiter) {
        os_yield(UINT32_MAX);
        return;
    }
    uint64_t most = waiter->rested ? WAIT_REST_US : WAIT_NAP_US;
    uint64_t limit = timeout_us < most ? timeout_us : most;
    if (futex && !waiter->rested)
        sleep_in(waiter, WAITER_IN_FUTEX, limit);
    else if (wait_event(waiter)) /* alertable: WinSock's blocking calls run queued APCs */
        sleep_in(waiter, WAITER_IN_EVENT, limit);
    else
        os_yield(UINT32_MAX);
}

void wait_guard(waiter_t *waiter, wait_guard_t *guard)
{
    if (!waiter)
        return;
    guard->outer = waiter->guards;
    waiter->guards = guard;
    waiter->rested = false;
}

void wait_unguard(waiter_t *waiter)
{
    if (!waiter)
        return;
    waiter->guards = waiter->guards->outer;
    waiter->rested = false; /* an outer one's wake may have come in between */
}

void wait_wake_own(uint32_t number)
{
    wait_page_wake(&own.page, number);
}

/* ---- interludes ---- */

_Atomic(const wait_interlude_t *) wait__interlude;

void wait_set_interlude(const wait_interlude_t *interlude)
{
    atomic_store(&wait__interlude, interlude);
}

bool wait_interlude(void)
{
    const wait_interlude_t *interlude = atomic_load(&wait__interlude);
    return interlude && interlude->run();
}

bool wait_is_cancelled(void)
{
    const wait_interlude_t *interlude = atomic_load(&wait__interlude);
    return interlude && interlude->cancelled();
}

/* ---- other processes' pages ---- */

static bool is_valid(const waiter_page_shm_t *shm)
{
    return load_acquire(&shm->magic) == WAITER_MAGIC && shm->version == SHM_VERSION;
}

/* Whoever wants something of that process must be able to ring, however short of handles this one is by then. */
static uintptr_t open_doorbell(const waiter_page_t *page)
{
    char name[64];
    event_name(page, DOORBELL_SLOT, name);
    return os_event_open(name);
}

waiter_page_t *wait_page_open(const uint8_t key[VMMC_KEY_BYTES])
{
    char name[64];
    waiter_page_t *page = calloc(1, sizeof *page);
    if (!page)
        return NULL;
    key_to_hex(key, page->hex);
    page_name(page, name);
    if (os_section_open(&page->section, name, sizeof(waiter_page_shm_t)) == 0) {
        page->shm = page->section.base;
        page->events[DOORBELL_SLOT] = is_valid(page->shm) ? open_doorbell(page) : 0;
        if (page->events[DOORBELL_SLOT])
            return page;
    }
    wait_page_close(page);
    return NULL;
}

void wait_page_close(waiter_page_t *page)
{
    if (!page)
        return;
    for (uint32_t slot = 0; slot < WAITER_SLOTS; slot++)
        os_event_close(page->events[slot]);
    os_section_close(&page->section);
    free(page);
}

static uintptr_t page_event(waiter_page_t *page, uint32_t slot)
{
    char name[64];
    lock_take(&page->lock);
    uintptr_t event = page->events[slot];
    lock_release(&page->lock);
    if (event)
        return event;
    event_name(page, slot, name);
    event = os_event_open(name);
    lock_take(&page->lock);
    uintptr_t other = page->events[slot];
    if (!other)
        page->events[slot] = event;
    lock_release(&page->lock);
    if (other && event)
        os_event_close(event);
    return other ? other : event;
}

void wait_page_wake(waiter_page_t *page, uint32_t number)
{
    if (number == 0 || number > WAITER_SLOTS || !page->shm)
        return;
    uint32_t slot = number - 1;
    word_t *state = &page->shm->slots[slot].state;
    /* Also if it seems awake: the swap makes what was published visible before the sleeper's next look. */
    uint32_t was = word_swap(state, WAITER_WOKEN);
    if (was == WAITER_IN_FUTEX) {
        if (os_futex_works())
            os_futex_wake(state);
    } else if (was == WAITER_IN_EVENT) {
        uintptr_t event = page_event(page, slot);
        if (event)
            os_event_set(event);
    }
}

/* ---- spinning ---- */

static uint64_t ticks_per_us(void)
{
    static word_t known;
    uint32_t ticks = load_relaxed(&known);
    if (ticks)
        return ticks;
    uint64_t ticks0 = cpu_ticks(), now0 = os_now_us(), now;
    while ((now = os_now_us()) - now0 < 300)
        cpu_pause();
    ticks = (uint32_t)((cpu_ticks() - ticks0) / (now - now0));
    ticks = ticks ? ticks : 1;
    store_relaxed(&known, ticks);
    return ticks;
}

void spin_begin(spin_t *spin, uint32_t microseconds)
{
    spin->last = cpu_ticks();
    spin->until = spin->last + microseconds * ticks_per_us();
    spin->polite_from = 0;
    spin->rounds = 0;
    spin->preempted = false;
}

uint32_t wait_moment(void)
{
    return (uint32_t)(cpu_ticks() >> MOMENT_SHIFT);
}

bool wait_has_been_long(uint32_t begun)
{
    return wait_moment() - begun > LONG_WAIT_US * ticks_per_us() >> MOMENT_SHIFT;
}

void spin_begin_look(spin_t *spin, uint32_t armed)
{
    uint64_t look = WAIT_LOOK_US * ticks_per_us(), passed = (uint64_t)(wait_moment() - armed) << MOMENT_SHIFT;
    spin_begin(spin, 0);
    spin->until += passed < look ? look - passed : 0;
    spin->polite_from = spin->last + GLANCE_US * ticks_per_us();
}

bool spin_goes_on(spin_t *spin)
{
    if (++spin->rounds % 16 != 0)
        return true;
    if (spin->rounds > 1024)
        cpu_pause();
    uint64_t now = cpu_ticks();
    if (spin->polite_from && now > spin->polite_from) {
        os_yield(1);
        return cpu_ticks() < spin->until;
    }
    if (now - spin->last > PREEMPTED_US * ticks_per_us()) {
        spin->preempted = true;
    }
    spin->last = now;
    return now < spin->until && !spin->preempted;
}

static bool is_crowded(void)
{
    waiter_t *waiter = own.spin_us ? os_thread_slot_get() : NULL;
    return waiter && crowd_look(&waiter->crowd, cpu_ticks() / ticks_per_us());
}

/* `learnt` is the previous budget plus one; 0: nothing learnt yet. */
uint32_t spin_budget_us(uint32_t *learnt)
{
    if (*learnt == 0)
        *learnt = own.spin_us + 1;
    return is_crowded() ? 0 : *learnt - 1;
}

/* In a crowd nobody spins, and a miss teaches nothing. */
void spin_learn(uint32_t *learnt, bool hit)
{
    waiter_t *waiter = os_thread_slot_get();
    if (waiter && waiter->crowd.is_here)
        return;
    uint32_t budget = *learnt ? *learnt - 1 : own.spin_us;
    if (hit)
        budget = budget * 2 + 8;
    else
        budget = budget / 2;
    *learnt = (budget > own.spin_us ? own.spin_us : budget) + 1;
}
