/* test_wait: waiters across threads and processes, by futex and by event. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_US 5000000u
#define ROUNDS 3000u

/* ---- one thread ---- */

static void a_thread_has_one_waiter_and_its_number_is_not_zero(void **state)
{
    (void)state;
    assert_non_null(wait_mine());
    assert_ptr_equal(wait_mine(), wait_mine());
    assert_true(wait_number(wait_mine()) > 0);
    assert_int_equal(wait_number(NULL), 0);
}

static void a_wake_before_the_sleep_ends_it_at_once(void **state)
{
    waiter_t *mine = wait_mine();
    (void)state;
    for (int futex = 0; futex < 2; futex++) {
        for (int i = 0; i < 5; i++) {
            uint64_t before = os_now_us();
            wait_wake_own(wait_number(mine));
            wait_sleep(mine, futex, LONG_US);
            assert_true(os_now_us() - before < LONG_US / 2);
        }
    }
}

static void a_sleep_without_a_wake_ends_in_time(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        uint64_t before = os_now_us();
        wait_sleep(wait_mine(), i % 2, 20000);
        assert_true(os_now_us() - before < 2000000);
    }
}

static void wakes_of_nobody_are_ignored(void **state)
{
    (void)state;
    wait_wake_own(0);
    wait_wake_own(WAITER_SLOTS + 1);
    wait_wake_own(UINT32_MAX);
}

/* ---- two threads ---- */

typedef struct game {
    word_t turn;
    word_t number[2];
    bool futex;
} game_t;

/* Arm, look, sleep: as stream.c does, but without its spinning, so that every turn is a race with the sleep. */
static void await_turn(game_t *game, uint32_t turn)
{
    waiter_t *mine = wait_mine();
    uint64_t since = os_now_us();
    word_swap(&game->number[turn & 1], wait_number(mine));
    while (load_acquire(&game->turn) != turn) {
        wait_sleep(mine, game->futex, LONG_US);
        unit_check(os_now_us() - since < LONG_US - 1000000);
    }
    store_release(&game->number[turn & 1], 0);
}

static void play(game_t *game, uint32_t first)
{
    for (uint32_t turn = first; turn < ROUNDS; turn += 2) {
        await_turn(game, turn);
        word_swap(&game->turn, turn + 1);
        wait_wake_own(load_relaxed(&game->number[(turn + 1) & 1]));
    }
}

static void *play_second(void *argument)
{
    play(argument, 1);
    return NULL;
}

static void ping_pong(bool futex)
{
    game_t game = {.futex = futex};
    pthread_t second = unit_thread(play_second, &game);
    play(&game, 0);
    unit_join(second);
    assert_int_equal(load_relaxed(&game.turn), ROUNDS);
}

static void no_wake_is_lost_between_arming_and_sleeping_by_futex(void **state)
{
    (void)state;
    ping_pong(true);
}

static void no_wake_is_lost_between_arming_and_sleeping_by_event(void **state)
{
    (void)state;
    ping_pong(false);
}

/* ---- slots ---- */

typedef struct nap {
    word_t number, flag;
} nap_t;

static void *sleep_until_flag(void *argument)
{
    nap_t *nap = argument;
    uint64_t since = os_now_us();
    waiter_t *mine = wait_mine();
    store_release(&nap->number, wait_number(mine));
    while (!load_acquire(&nap->flag)) {
        wait_sleep(mine, false, LONG_US);
        unit_check(os_now_us() - since < LONG_US - 1000000);
    }
    return NULL;
}

/* The page keeps an event open from the slot's first thread to its last. */
static void a_slot_used_again_is_woken_by_those_who_knew_it_before(void **state)
{
    uint32_t first = 0;
    waiter_page_t *page = wait_page_open(vmmc_self()->page);
    (void)state;
    assert_non_null(page);
    for (int i = 0; i < 20; i++) {
        nap_t nap = {0};
        pthread_t sleeper = unit_thread(sleep_until_flag, &nap);
        while (!load_acquire(&nap.number))
            os_yield(0);
        usleep(i % 3 * 1000u);
        first = first ? first : load_relaxed(&nap.number);
        assert_int_equal(load_relaxed(&nap.number), first);
        word_swap(&nap.flag, 1);
        wait_page_wake(page, first);
        unit_join(sleeper);
    }
    wait_page_close(page);
}

/* In a child, since reserved waiters are never given back. */
static void a_thread_without_a_slot_naps_instead(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        waiter_t *last = NULL;
        unsigned count = 0;
        wait_thread_ends();
        for (waiter_t *next = wait_reserve(); next; next = wait_reserve(), count++) {
            unit_check(wait_number(next) <= WAITER_SLOTS);
            last = next;
        }
        unit_check(last && count == WAITER_SLOTS - 1 && !wait_mine());
        uint64_t before = os_now_us();
        wait_sleep(wait_mine(), true, LONG_US);
        unit_check(os_now_us() - before < LONG_US / 2);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- processes ---- */

typedef struct shared {
    word_t number, flag, ready;
} shared_t;

static void wake_from_a_child(bool futex)
{
    char name[64];
    int status;
    os_section_t section;
    snprintf(name, sizeof name, "vmmc-unit-%d", (int)getpid());
    assert_int_equal(os_section_create(&section, name, 4096), 0);
    shared_t *shared = section.base;
    waiter_t *mine = wait_mine();
    store_release(&shared->number, wait_number(mine));
    pid_t child = fork();
    if (child == 0) {
        waiter_page_t *page = wait_page_open(vmmc_self()->page);
        unit_check(page);
        for (uint32_t round = 1; round <= 200; round++) {
            while (load_acquire(&shared->ready) != round)
                os_yield(0);
            if (round % 4 == 0)
                usleep(300);
            word_swap(&shared->flag, round);
            wait_page_wake(page, load_relaxed(&shared->number));
        }
        _exit(0);
    }
    for (uint32_t round = 1; round <= 200; round++) {
        uint64_t since = os_now_us();
        store_release(&shared->ready, round);
        while (load_acquire(&shared->flag) != round)
            wait_sleep(mine, futex, LONG_US);
        assert_true(os_now_us() - since < LONG_US - 1000000);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    os_section_close(&section);
}

static void another_process_wakes_a_futex_sleeper(void **state)
{
    (void)state;
    wake_from_a_child(true);
}

static void another_process_wakes_an_event_sleeper(void **state)
{
    (void)state;
    wake_from_a_child(false);
}

static uintptr_t create_doorbell(const char *hex)
{
    char name[64];
    snprintf(name, sizeof name, "vmmc-e-%s-0", hex);
    uintptr_t event = os_event_create(name);
    assert_true(event != 0);
    return event;
}

static void remove_doorbell(const char *hex, uintptr_t event)
{
    char path[96];
    os_event_close(event);
    snprintf(path, sizeof path, "/dev/shm/sem.vmmc-e-%s-0", hex);
    unlink(path);
}

static void pages_that_are_none_are_refused(void **state)
{
    uint8_t key[VMMC_KEY_BYTES] = {1, 2, 3};
    char hex[2 * VMMC_KEY_BYTES + 1], name[64];
    os_section_t section;
    (void)state;
    os_random(key, sizeof key);
    assert_null(wait_page_open(key));
    key_to_hex(key, hex);
    snprintf(name, sizeof name, "vmmc-w-%s", hex);
    assert_int_equal(os_section_create(&section, name, sizeof(waiter_page_shm_t)), 0);
    waiter_page_shm_t *page = section.base;
    assert_null(wait_page_open(key));
    store_release(&page->magic, WAITER_MAGIC);
    page->version = SHM_VERSION + 1;
    assert_null(wait_page_open(key));
    page->version = SHM_VERSION;
    assert_null(wait_page_open(key));
    uintptr_t doorbell = create_doorbell(hex);
    waiter_page_t *good = wait_page_open(key);
    assert_non_null(good);
    wait_page_close(good);
    remove_doorbell(hex, doorbell);
    os_section_close(&section);
    assert_int_equal(os_section_create(&section, name, 4096), 0);
    assert_null(wait_page_open(key));
    os_section_close(&section);
}

static void a_wild_state_word_neither_hangs_nor_crashes(void **state)
{
    waiter_t *mine = wait_mine();
    os_section_t section;
    char hex[2 * VMMC_KEY_BYTES + 1], name[64];
    (void)state;
    key_to_hex(vmmc_self()->page, hex);
    snprintf(name, sizeof name, "vmmc-w-%s", hex);
    assert_int_equal(os_section_open(&section, name, sizeof(waiter_page_shm_t)), 0);
    waiter_page_shm_t *page = section.base;
    for (uint32_t value = 0; value < 300; value += value < 6 ? 1 : 97) {
        store_release(&page->slots[wait_number(mine) - 1].state, value);
        if (value % 2)
            wait_wake_own(wait_number(mine));
        uint64_t before = os_now_us();
        wait_sleep(mine, value % 3 == 0, 20000);
        assert_true(os_now_us() - before < 2000000);
    }
    os_section_close(&section);
}

/* ---- spinning ---- */

typedef struct relay {
    word_t there, back;
} relay_t;

static void *answer_each(void *argument)
{
    relay_t *relay = argument;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        while (!word_poll(&relay->there, round, 100))
            ;
        store_release(&relay->back, load_acquire(&relay->there));
    }
    return NULL;
}

static void a_poll_sees_what_another_thread_stores(void **state)
{
    relay_t relay = {0};
    (void)state;
    assert_false(word_poll(&relay.there, 0, 1));
    assert_false(word_poll(&relay.there, 0, 60));
    assert_true(word_poll(&relay.there, 1, 1));
    pthread_t thread = unit_thread(answer_each, &relay);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        store_release(&relay.there, round + 1);
        while (!word_poll(&relay.back, round, 100))
            ;
        assert_int_equal(load_acquire(&relay.back), round + 1);
    }
    unit_join(thread);
}

static void a_spin_ends_and_learning_stays_in_bounds(void **state)
{
    uint32_t learnt = 0;
    spin_t spin;
    (void)state;
    uint64_t before = os_now_us();
    for (spin_begin(&spin, 2000); spin_goes_on(&spin);)
        ;
    assert_true(os_now_us() - before < 1000000);
    wait_set_spin(50);
    uint32_t most = os_cpu_count() > 1 ? 50 : 0;
    assert_int_equal(spin_budget_us(&learnt), most);
    for (int i = 0; i < 20; i++)
        spin_learn(&learnt, false);
    assert_int_equal(spin_budget_us(&learnt), 0);
    for (int i = 0; i < 20; i++)
        spin_learn(&learnt, true);
    assert_int_equal(spin_budget_us(&learnt), most);
    wait_set_spin(0);
    spin_learn(&learnt, true);
    assert_int_equal(spin_budget_us(&learnt), 0);
    wait_set_spin(100);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_one_waiter_and_its_number_is_not_zero),
        cmocka_unit_test(a_wake_before_the_sleep_ends_it_at_once),
        cmocka_unit_test(a_sleep_without_a_wake_ends_in_time),
        cmocka_unit_test(wakes_of_nobody_are_ignored),
        cmocka_unit_test(another_process_wakes_a_futex_sleeper),
        cmocka_unit_test(another_process_wakes_an_event_sleeper),
        cmocka_unit_test(a_thread_without_a_slot_naps_instead),
        cmocka_unit_test(no_wake_is_lost_between_arming_and_sleeping_by_futex),
        cmocka_unit_test(no_wake_is_lost_between_arming_and_sleeping_by_event),
        cmocka_unit_test(a_slot_used_again_is_woken_by_those_who_knew_it_before),
        cmocka_unit_test(pages_that_are_none_are_refused),
        cmocka_unit_test(a_wild_state_word_neither_hangs_nor_crashes),
        cmocka_unit_test(a_poll_sees_what_another_thread_stores),
        cmocka_unit_test(a_spin_ends_and_learning_stays_in_bounds),
    };
    return unit_main(argc, argv, tests);
}
