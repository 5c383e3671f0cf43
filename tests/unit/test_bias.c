/* test_bias: who has a half without its lock, and that two threads are never in it. */
#include "unit.h"

#include "bias.h"
#include "lock.h"

#define CHANGES 3000u /* of who is in there */

/* The lock and the bias as a half has them, and what they guard. */
typedef struct guarded {
    vmmc_lock_t lock;
    bias_t bias;
    unsigned visits; /* plain */
    word_t ended;
} guarded_t;

static void take(guarded_t *guarded)
{
    lock_take(&guarded->lock);
    bias_end(&guarded->bias);
}

static void offer(guarded_t *guarded)
{
    take(guarded);
    bias_offer(&guarded->bias);
    lock_release(&guarded->lock);
}

static bool is_given(guarded_t *guarded)
{
    if (!bias_enter(&guarded->bias))
        return false;
    bias_leave();
    return true;
}

static void *take_once(void *argument)
{
    guarded_t *guarded = argument;
    take(guarded);
    store_release(&guarded->ended, 1);
    lock_release(&guarded->lock);
    return NULL;
}

static void let_another_thread_take(guarded_t *guarded)
{
    unit_join(unit_thread(take_once, guarded));
}

static void *end_as_owner(void *argument)
{
    guarded_t *guarded = argument;
    offer(guarded);
    store_release(&guarded->ended, is_given(guarded));
    return NULL;
}

static void what_a_thread_had_that_is_no_more_is_taken_away(void **state)
{
    guarded_t guarded = {.visits = 0};
    (void)state;
    unit_join(unit_thread(end_as_owner, &guarded));
    assert_int_equal(load_acquire(&guarded.ended), 1);
    let_another_thread_take(&guarded);
    assert_false(is_given(&guarded));
}

static void who_is_given_it_has_it(void **state)
{
    guarded_t guarded = {.visits = 0};
    (void)state;
    assert_true(os_fence_everywhere_works());
    assert_false(is_given(&guarded));
    offer(&guarded);
    assert_true(is_given(&guarded));
    take(&guarded);
    lock_release(&guarded.lock);
    assert_true(is_given(&guarded));
}

/* As when copying has met a fault, and the program's own handler sends. */
static void who_is_in_another_one_goes_in_with_the_lock(void **state)
{
    guarded_t outer = {.visits = 0}, inner = {.visits = 0};
    (void)state;
    offer(&outer);
    offer(&inner);
    assert_true(bias_enter(&outer.bias));
    assert_false(is_given(&inner));
    bias_leave();
    assert_true(is_given(&inner));
}

static void another_thread_takes_it_away(void **state)
{
    guarded_t guarded = {.visits = 0};
    (void)state;
    offer(&guarded);
    let_another_thread_take(&guarded);
    assert_false(is_given(&guarded));
}

static void what_was_taken_away_is_given_later_and_later(void **state)
{
    guarded_t guarded = {.visits = 0};
    uint32_t most = 1u << BIAS_MOST_LOSSES, before = 0;
    (void)state;
    offer(&guarded);
    for (unsigned loss = 0; loss < BIAS_MOST_LOSSES + 2; loss++) {
        uint32_t offers = 0;
        let_another_thread_take(&guarded);
        for (; !is_given(&guarded); offers++)
            offer(&guarded);
        assert_true(before >= most ? offers == before : offers > before);
        assert_true(offers <= most + 1);
        before = offers;
    }
    take(&guarded);
    bias_renew(&guarded.bias);
    lock_release(&guarded.lock);
    let_another_thread_take(&guarded);
    for (before = 0; !is_given(&guarded); before++)
        offer(&guarded);
    assert_true(before <= 3);
}

static void who_takes_it_away_waits_for_who_is_in_there(void **state)
{
    guarded_t guarded = {.visits = 0};
    (void)state;
    offer(&guarded);
    assert_true(bias_enter(&guarded.bias));
    pthread_t thread = unit_thread(take_once, &guarded);
    while (atomic_load(&guarded.bias.owner))
        os_yield(0);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(load_acquire(&guarded.ended), 0);
        os_yield(1000);
    }
    bias_leave();
    unit_join(thread);
    assert_int_equal(load_acquire(&guarded.ended), 1);
}

/* Stays for a while: a thread that was interrupted on its way in has to meet somebody. */
static void visit(guarded_t *guarded)
{
    unsigned before = guarded->visits;
    for (unsigned i = 0; i < before % 64; i++)
        cpu_pause();
    guarded->visits = before + 1;
}

typedef struct visitor {
    guarded_t *guarded;
    unsigned visits;
} visitor_t;

static void *go_on_visiting(void *argument)
{
    visitor_t *visitor = argument;
    guarded_t *guarded = visitor->guarded;
    for (bool goes_on = true; goes_on; visitor->visits++) {
        if (bias_enter(&guarded->bias)) {
            visit(guarded);
            bias_leave();
        } else {
            take(guarded);
            visit(guarded);
            guarded->bias.due = 0; /* or hardly anything would be taken away */
            bias_offer(&guarded->bias);
            goes_on = word_add(&guarded->ended, 1) < CHANGES;
            lock_release(&guarded->lock);
        }
    }
    return NULL;
}

static void no_two_threads_are_in_there(void **state)
{
    guarded_t guarded = {.visits = 0};
    visitor_t visitor[3];
    pthread_t thread[3];
    unsigned visits = 0;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        visitor[i] = (visitor_t){.guarded = &guarded};
        thread[i] = unit_thread(go_on_visiting, &visitor[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        unit_join(thread[i]);
        visits += visitor[i].visits;
    }
    assert_int_equal(guarded.visits, visits);
}

static int start_waiters(void **state)
{
    uint8_t key[VMMC_KEY_BYTES];
    (void)state;
    return wait_start(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_given_it_has_it),
        cmocka_unit_test(what_a_thread_had_that_is_no_more_is_taken_away),
        cmocka_unit_test(who_is_in_another_one_goes_in_with_the_lock),
        cmocka_unit_test(another_thread_takes_it_away),
        cmocka_unit_test(what_was_taken_away_is_given_later_and_later),
        cmocka_unit_test(who_takes_it_away_waits_for_who_is_in_there),
        cmocka_unit_test(no_two_threads_are_in_there),
    };
    return cmocka_run_group_tests(tests, start_waiters, NULL);
}
