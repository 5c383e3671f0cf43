/* fuzz_waiter: pages of waiters, one's own and another's, with anything in them: a sleep ends in its time, a wake touches
 * no slot but its own, and a page that is none is refused. */
#include "os_fuzz.h"
#include "script.h"
#include "wait.h"

#include <stdio.h>

#define SLOTS 4

static waiter_page_shm_t *shm;
static waiter_page_t *page;
static uint8_t key[VMMC_KEY_BYTES];

static void sleep_for(script_t *script)
{
    uint32_t how = script_byte(script);
    uint64_t timeout = script_word(script, 2), before = os_now_us();
    wait_sleep(wait_mine(), how & 1, timeout);
    fuzz_check(os_now_us() - before <= timeout + 2000);
}

static void wake_other(script_t *script)
{
    uint32_t number = script_word(script, script_byte(script) & 1 ? 4 : 1);
    uint32_t others = 0;
    if (page)
        wait_page_wake(page, number);
    for (unsigned slot = SLOTS; slot < 2 * SLOTS; slot++)
        others |= slot + 1 == number ? 0 : load_relaxed(&shm->slots[slot].state);
    fuzz_check(others == 0);
    if (number >= 1 && number <= WAITER_SLOTS)
        store_relaxed(&shm->slots[number - 1].state, WAITER_RUNNING);
}

static void wake_own(script_t *script)
{
    wait_wake_own(script_byte(script) % SLOTS);
}

static void rearm(script_t *script)
{
    (void)script;
    wait_event(wait_mine());
    wait_rearm_event(wait_mine());
}

static void end_thread(script_t *script)
{
    (void)script;
    wait_thread_ends();
    fuzz_check(wait_number(wait_mine()) > 0 && wait_number(wait_mine()) <= SLOTS);
}

static void open_again(script_t *script)
{
    uint8_t name[VMMC_KEY_BYTES];
    memcpy(name, key, sizeof name);
    name[0] ^= (uint8_t)(script_byte(script) & 1);
    wait_page_close(page);
    page = wait_page_open(name);
    fuzz_check(!page || name[0] == key[0]);
}

/* Opening a page is slow. */
static void (*const steps[])(script_t *script) = {
    falsify_now, falsify_later, sleep_for, wake_other, wake_own,   rearm,     falsify_now, falsify_later,
    sleep_for,   wake_other,    wake_own,  sleep_for,  end_thread, sleep_for, wake_other,  open_again};

static void build(void)
{
    static os_section_t section;
    char hex[2 * VMMC_KEY_BYTES + 1], name[64];
    fuzz_check(wait_start(key) == 0);
    key_to_hex(key, hex);
    snprintf(name, sizeof name, "vmmc-w-%s", hex);
    fuzz_check(os_section_open(&section, name, sizeof *shm) == 0);
    shm = section.base;
    falsify_add(&shm->magic);
    falsify_add((word_t *)&shm->version);
    for (unsigned slot = 0; slot < SLOTS; slot++)
        falsify_add(&shm->slots[slot].state);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    script_t script = {bytes, bytes + count};
    if (!shm)
        build();
    ambush_begin();
    store_relaxed(&shm->magic, WAITER_MAGIC);
    shm->version = SHM_VERSION;
    for (unsigned slot = 0; slot < SLOTS; slot++)
        store_relaxed(&shm->slots[slot].state, WAITER_RUNNING);
    if (!page)
        page = wait_page_open(key);
    fuzz_check(page);
    for (unsigned step = 0; script_goes_on(&script) && step < 64; step++) {
        ambush_call();
        steps[script_byte(&script) % (sizeof steps / sizeof *steps)](&script);
    }
    ambush_begin();
    return 0;
}
