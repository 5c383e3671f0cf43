/* test_prospects: a try that fails is made more and more seldom, and one that succeeds again with every connection. */
#include "unit.h"

#include "prospects.h"

/* Another server for each test, whose place is its own. */
static uint32_t new_key(void)
{
    static uint16_t port = 1000;
    endpoint_t server = {.address = {[15] = 1}, .port = ++port};
    return prospects_key(&server);
}

/* The connections until one is to be met at once, that one included. */
static unsigned until_try(uint32_t key, uint32_t unknown)
{
    unsigned count = 1;
    while (!prospects_try(key, unknown))
        count++;
    return count;
}

static void an_unknown_server_is_tried_after_some_connections(void **state)
{
    uint32_t key = new_key(), another = new_key();
    (void)state;
    assert_int_equal(until_try(key, 3), 4);
    assert_int_equal(until_try(key, 3), 1);
    assert_int_equal(until_try(another, 0), 1);
}

static void one_that_may_be_another_hosts_is_never_tried(void **state)
{
    uint32_t key = new_key();
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        assert_false(prospects_try(key, PROSPECTS_NEVER));
    prospects_found(key);
    assert_int_equal(until_try(key, PROSPECTS_NEVER), 1);
}

static void a_few_failures_are_tolerated(void **state)
{
    uint32_t key = new_key();
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(until_try(key, 0), 1);
        prospects_tried(key, false);
    }
    assert_int_equal(until_try(key, 0), 1);
    prospects_tried(key, false);
    assert_int_equal(until_try(key, 0), 3);
}

static void failures_make_tries_seldom_but_not_for_ever(void **state)
{
    uint32_t key = new_key();
    unsigned last = 0, tries = 0;
    (void)state;
    for (unsigned connections = 0; connections < 100000; tries++) {
        last = until_try(key, 0);
        connections += last;
        prospects_tried(key, false);
    }
    assert_in_range(last, 1000, 2000);
    assert_in_range(tries, 10, 120);
}

static void fail_eight_times(uint32_t key)
{
    for (unsigned i = 0; i < 8; i++)
        prospects_tried(key, false);
}

static void two_successes_make_up_for_a_failure(void **state)
{
    uint32_t key = new_key();
    (void)state;
    fail_eight_times(key);
    assert_int_equal(until_try(key, 0), 33);
    prospects_tried(key, true);
    assert_int_equal(until_try(key, 0), 1);
    prospects_tried(key, true);
    prospects_tried(key, false);
    assert_int_equal(until_try(key, 0), 33);
}

static unsigned connections_for_tries(uint32_t key, unsigned tries, unsigned fails, unsigned of)
{
    unsigned connections = 0;
    for (unsigned i = 0; i < tries; i++) {
        connections += until_try(key, 0);
        prospects_tried(key, i % of >= fails);
    }
    return connections;
}

static void two_failures_in_three_are_too_many(void **state)
{
    (void)state;
    assert_true(connections_for_tries(new_key(), 90, 2, 3) > 1000);
}

static void one_failure_in_four_is_not(void **state)
{
    (void)state;
    assert_int_equal(connections_for_tries(new_key(), 100, 1, 4), 100);
}

/* A connection of two processes, which meet if both try and the connection `works`: 1; -1: the client has tried in vain; 0: it
 * has not tried. */
static int connect_both(uint32_t client, uint32_t server, bool works)
{
    bool calls = prospects_try(client, 3), hears = prospects_try(server, 0), met = calls && hears && works;
    if (calls)
        prospects_tried(client, met);
    if (calls && hears)
        prospects_tried(server, met);
    return met ? 1 : calls ? -1 : 0;
}

/* The connections until `wanted` tries in a row have succeeded. */
static unsigned until_both_succeed(uint32_t client, uint32_t server, unsigned wanted)
{
    unsigned connections = 0;
    for (unsigned in_a_row = 0; in_a_row < wanted; connections++) {
        int result = connect_both(client, server, true);
        if (result)
            in_a_row = result > 0 ? in_a_row + 1 : 0;
    }
    return connections;
}

static void fail_both(uint32_t client, uint32_t server, unsigned connections)
{
    for (unsigned i = 0; i < connections; i++)
        connect_both(client, server, false);
}

static void two_that_have_failed_find_each_other_again(void **state)
{
    uint32_t client = new_key(), server = new_key();
    (void)state;
    fail_both(client, server, 50);
    assert_in_range(until_both_succeed(client, server, 20), 20, 200);
    fail_both(client, server, 100000);
    assert_in_range(until_both_succeed(client, server, 20), 20, 2000);
}

/* What is found at leisure says nothing of whether it can be found at once. */
static void what_is_found_at_leisure_does_not_outweigh_failures(void **state)
{
    uint32_t key = new_key();
    (void)state;
    fail_eight_times(key);
    prospects_found(key);
    assert_int_equal(until_try(key, 0), 33);
}

static void servers_that_share_a_place_take_it_over_with_its_failures(void **state)
{
    uint32_t one = 1, other = one + 256;
    (void)state;
    prospects_tried(one, true);
    assert_int_equal(until_try(one, PROSPECTS_NEVER), 1);
    unsigned tries = 0;
    for (unsigned i = 0; i < 10000; i++) {
        uint32_t key = i % 2 ? one : other;
        if (!prospects_try(key, 0))
            continue;
        prospects_tried(key, false);
        tries++;
    }
    assert_in_range(tries, 4, 100);
    prospects_tried(other, true);
    assert_false(prospects_try(one, PROSPECTS_NEVER));
    assert_int_equal(until_try(other, PROSPECTS_NEVER), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_server_is_tried_after_some_connections),
        cmocka_unit_test(one_that_may_be_another_hosts_is_never_tried),
        cmocka_unit_test(a_few_failures_are_tolerated),
        cmocka_unit_test(failures_make_tries_seldom_but_not_for_ever),
        cmocka_unit_test(two_successes_make_up_for_a_failure),
        cmocka_unit_test(two_failures_in_three_are_too_many),
        cmocka_unit_test(one_failure_in_four_is_not),
        cmocka_unit_test(two_that_have_failed_find_each_other_again),
        cmocka_unit_test(what_is_found_at_leisure_does_not_outweigh_failures),
        cmocka_unit_test(servers_that_share_a_place_take_it_over_with_its_failures),
    };
    return unit_main(argc, argv, tests);
}
