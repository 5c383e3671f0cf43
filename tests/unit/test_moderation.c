/* test_moderation: an end in full flow is left alone, for as long as pays; one that answers is not kept waiting. */
#include "unit.h"

#include "moderation.h"

enum { LOAD = 1200 };

static uint32_t bytes_each = 64;

/* `count` more calls, then a look that brings news after `waited` ticks; the pause before it. */
static uint32_t empty(moderation_t *moderation, uint32_t *calls, uint32_t count, uint64_t waited)
{
    *calls += count;
    uint32_t pause = moderation_pause(moderation, moderation_begin(moderation, *calls, *calls * bytes_each));
    moderation_note_news(moderation, waited, LOAD);
    return pause;
}

static void in_full_flow_the_pause_fits_what_has_come(void **state)
{
    moderation_t moderation = {0};
    uint32_t calls = UINT32_MAX - 10; /* counts go round */
    (void)state;
    moderation_begin(&moderation, calls, calls * bytes_each);
    assert_int_equal(empty(&moderation, &calls, 20, 0), 0); /* it is not known yet */
    assert_int_equal(empty(&moderation, &calls, 20, LOAD - 1), 20 * MODERATION_EACH_TICKS);
    assert_int_equal(empty(&moderation, &calls, 40, 0), 40 * MODERATION_EACH_TICKS);
    assert_int_equal(empty(&moderation, &calls, 1000000, 0), MODERATION_MOST_TICKS);
}

static void few_messages_are_no_flow(void **state)
{
    moderation_t moderation = {0};
    uint32_t calls = 0;
    (void)state;
    empty(&moderation, &calls, 20, 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(empty(&moderation, &calls, MODERATION_LEAST - 1, 0), 0);
    assert_int_equal(empty(&moderation, &calls, MODERATION_LEAST, 0), MODERATION_LEAST * MODERATION_EACH_TICKS);
}

/* Who looks only in an exchange leaves a flow to others, as it was. */
static void an_exchange_is_told_from_a_flow(void **state)
{
    moderation_t moderation = {0};
    uint32_t calls = UINT32_MAX - 1;
    (void)state;
    moderation_begin(&moderation, calls, 64 * calls);
    for (int i = 0; i < 10; i++, calls += MODERATION_LEAST - 1)
        assert_true(moderation_is_exchange(&moderation, calls, 64 * calls));
    calls += 1;
    assert_false(moderation_is_exchange(&moderation, calls, 64 * calls));
    assert_int_equal(moderation_begin(&moderation, calls, 64 * calls), MODERATION_LEAST);
    assert_true(moderation_is_exchange(&moderation, calls, 64 * calls));
}

static void large_pieces_are_no_flow_of_messages(void **state)
{
    moderation_t moderation = {0};
    uint32_t calls = 0;
    (void)state;
    bytes_each = MODERATION_LARGEST;
    empty(&moderation, &calls, 20, 0);
    assert_int_not_equal(empty(&moderation, &calls, 20, 0), 0);
    bytes_each = 2 * MODERATION_LARGEST;
    empty(&moderation, &calls, 20, 0);
    assert_int_equal(empty(&moderation, &calls, 20, 0), 0);
    bytes_each = 64;
}

/* Many messages at a time, and the next ones only after they have been answered: a journey there and one back. */
static void answers_are_not_kept_waiting(void **state)
{
    moderation_t moderation = {0};
    uint32_t calls = 0;
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(empty(&moderation, &calls, 100, 2 * LOAD), 0);
    empty(&moderation, &calls, 100, 0);
    assert_int_not_equal(empty(&moderation, &calls, 100, 2 * LOAD), 0);
    assert_int_equal(empty(&moderation, &calls, 100, 2 * LOAD), 0);
    empty(&moderation, &calls, 100, 0);
    moderation_note_none(&moderation);
    assert_int_equal(empty(&moderation, &calls, 100, 0), 0);
}

/* The pause that a sender comes to that publishes a message in `each` ticks, and as long as a look takes nothing. */
static uint32_t settled_pause(uint32_t each)
{
    moderation_t moderation = {.flows = true};
    uint32_t calls = 0, pause = 0;
    for (int i = 0; i < 1000; i++)
        pause = empty(&moderation, &calls, (LOAD + pause) / each, 0);
    return pause;
}

static void pauses_grow_for_quick_senders_alone(void **state)
{
    (void)state;
    assert_int_equal(settled_pause(MODERATION_EACH_TICKS / 2), MODERATION_MOST_TICKS);
    assert_in_range(settled_pause(2 * MODERATION_EACH_TICKS), 1, 2 * LOAD);
    assert_in_range(settled_pause(10 * MODERATION_EACH_TICKS), 0, LOAD);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_full_flow_the_pause_fits_what_has_come),
        cmocka_unit_test(few_messages_are_no_flow),
        cmocka_unit_test(an_exchange_is_told_from_a_flow),
        cmocka_unit_test(large_pieces_are_no_flow_of_messages),
        cmocka_unit_test(answers_are_not_kept_waiting),
        cmocka_unit_test(pauses_grow_for_quick_senders_alone),
    };
    return unit_main(argc, argv, tests);
}
