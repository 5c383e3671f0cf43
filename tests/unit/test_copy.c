/* test_copy: every way of copying copies, and the choice between them finds the fastest. */
#include "unit.h"

#include <stdlib.h>

#include "copy_choice.h"

#define MB (1u << 20)
#define PART 32768u
#define RING MB
#define NEVER 1000u /* ticks for a kilobyte, of a way that this processor does not have */

/* ---- copying ---- */

/* Exactly as large as what is copied, so that the sanitizer sees a step outside. */
static void copy_at(copy_way_t way, uint32_t shift, uint32_t count)
{
    uint8_t *from = malloc(shift + count), *to = malloc(shift + count);
    assert_non_null(from);
    assert_non_null(to);
    for (uint32_t i = 0; i < shift + count; i++)
        from[i] = unit_pattern(shift, i);
    memset(to, 0xee, shift + count);
    vmmc_copy(way, to + shift, from + shift, count);
    assert_memory_equal(to + shift, from + shift, count);
    for (uint32_t i = 0; i < shift; i++)
        assert_int_equal(to[i], 0xee);
    free(from);
    free(to);
}

static void every_way_copies_from_anywhere(void **state)
{
    static const uint32_t counts[] = {0,   1,   3,    4,    15,   16,   17,   64,   511,
                                      512, 513, 1023, 1024, 4095, 4096, 4097, 4160, 70001};
    (void)state;
    for (unsigned way = 0; way < COPY_WAYS; way++)
        for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++)
            for (uint32_t shift = 0; shift < 67; shift += 3)
                copy_at((copy_way_t)way, shift, counts[i]);
}

/* ---- choosing: a sender whose ways take so many ticks for a kilobyte, the ring's content behind them ---- */

typedef struct sender {
    copy_choice_t choice;
    uint64_t now;
    uint32_t ticks[COPY_WAYS];
    uint64_t bytes[COPY_WAYS];
    uint32_t noise; /* percent */
    uint32_t random;
    uint32_t ring;
    uint32_t fresh; /* bytes that go into memory that nobody has touched, and take three times as long */
} sender_t;

static copy_start_t start; /* of the next sender */

/* A connection of the process that has had others. */
static void begin_next(sender_t *sender, uint32_t string, uint32_t plain, uint32_t past_caches)
{
    *sender = (sender_t){.now = 1000, .random = 7, .ring = RING};
    sender->ticks[COPY_STRING] = string;
    sender->ticks[COPY_PLAIN] = plain;
    sender->ticks[COPY_PAST_CACHES] = past_caches;
    copy_choice_begin(&sender->choice, &start, false);
}

static void begin(sender_t *sender, uint32_t string, uint32_t plain, uint32_t past_caches)
{
    start = (copy_start_t){0};
    begin_next(sender, string, plain, past_caches);
}

static uint64_t with_noise(sender_t *sender, uint64_t ticks)
{
    if (sender->noise == 0)
        return ticks;
    sender->random = sender->random * 1664525u + 1013904223u;
    return ticks * (100 - sender->noise + (sender->random >> 16) % (2 * sender->noise + 1)) / 100;
}

static void send(sender_t *sender, uint64_t bytes)
{
    memset(sender->bytes, 0, sizeof sender->bytes);
    for (uint64_t sent = 0; sent < bytes; sent += PART) {
        copy_way_t way = sender->choice.way;
        sender->bytes[way] += PART;
        uint32_t times = sender->fresh ? 3 : 1;
        sender->now += with_noise(sender, (uint64_t)sender->ticks[way] * times * PART / 1024);
        sender->fresh -= sender->fresh ? PART : 0;
        sender->choice.pending += PART;
        copy_choice_look(&sender->choice, sender->ring, sender->now);
    }
}

static void grow_ring(sender_t *sender, uint32_t size)
{
    sender->ring = size;
    sender->fresh = size;
}

static void assert_mostly(const sender_t *sender, copy_way_t way, unsigned percent)
{
    uint64_t all = 0;
    for (unsigned i = 0; i < COPY_WAYS; i++)
        all += sender->bytes[i];
    assert_true(sender->bytes[way] * 100 >= all * percent);
}

static void the_fastest_way_is_found(void **state)
{
    sender_t sender;
    (void)state;
    begin(&sender, NEVER, 100, 400);
    send(&sender, 200ull * MB);
    assert_int_equal(sender.choice.best, COPY_PLAIN);
    begin(&sender, NEVER, 400, 100);
    send(&sender, 200ull * MB);
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
}

static void trials_take_little(void **state)
{
    sender_t sender;
    (void)state;
    begin(&sender, NEVER, 100, 500);
    send(&sender, 100ull * MB);
    uint64_t began = sender.now;
    send(&sender, 4000ull * MB);
    assert_mostly(&sender, COPY_PLAIN, 98);
    assert_true(sender.now - began < 4000ull * 1024 * 102); /* 2 % more than the best way alone */
}

static void a_way_that_becomes_faster_is_noticed(void **state)
{
    sender_t sender;
    (void)state;
    begin(&sender, NEVER, 100, 300);
    send(&sender, 2000ull * MB);
    sender.ticks[COPY_PLAIN] = 900;
    send(&sender, 30ull * MB);
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
    sender.ticks[COPY_PLAIN] = 50;
    sender.ticks[COPY_PAST_CACHES] = 110;
    send(&sender, 30ull * MB);
    assert_int_equal(sender.choice.best, COPY_PLAIN);
}

static void require_string(void)
{
    if (!vmmc_copy_has_string())
        skip();
}

static void begin_near(sender_t *sender)
{
    require_string();
    begin(sender, 110, 100, 270);
    send(sender, 2000ull * MB);
    assert_int_equal(sender->choice.best, COPY_PLAIN);
}

static void move_far(sender_t *sender)
{
    sender->ticks[COPY_PLAIN] = 700;
    sender->ticks[COPY_STRING] = 720;
}

/* The processors were near for long, and may be far for no more than milliseconds. */
static void a_move_is_followed_at_once(void **state)
{
    sender_t sender;
    (void)state;
    begin_near(&sender);
    move_far(&sender);
    send(&sender, 4ull * MB);
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
}

static void a_connection_that_begins_after_a_move_follows_it(void **state)
{
    sender_t sender;
    (void)state;
    begin_near(&sender);
    begin_next(&sender, 110, 100, 270);
    assert_int_equal(sender.choice.best, COPY_PLAIN);
    move_far(&sender);
    send(&sender, 5ull * MB); /* the first lap counts for nothing */
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
}

/* Two stretches apart from each other are no move. */
static void single_slow_stretches_are_accidents(void **state)
{
    sender_t sender;
    (void)state;
    begin(&sender, NEVER, 100, 270);
    send(&sender, 2000ull * MB);
    for (unsigned i = 0; i < 100; i++) {
        sender.now += 100 * 1024; /* another program's turn */
        send(&sender, 3ull * MB);
        assert_mostly(&sender, COPY_PLAIN, 100);
    }
}

static void a_trial_of_what_is_slow_is_given_up(void **state)
{
    sender_t sender;
    (void)state;
    require_string();
    start = (copy_start_t){.found = COPY_PAST_CACHES};
    begin_next(&sender, 400, 380, 100);
    send(&sender, 30ull * MB);
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
    uint64_t plain = sender.bytes[COPY_PLAIN], string = sender.bytes[COPY_STRING];
    assert_true(plain >= 2 * PART && string >= 2 * PART); /* both were tried twice */
    assert_true(plain + string <= MB);
}

static void fresh_memory_is_no_cost(void **state)
{
    sender_t sender;
    (void)state;
    start = (copy_start_t){.found = COPY_PAST_CACHES};
    begin_next(&sender, NEVER, 200, 100);
    sender.ring = RING / 4;
    send(&sender, MB / 4 + PART); /* the next stretch is the first that counts */
    grow_ring(&sender, 2 * RING);
    for (unsigned laps = 0; laps < 20; laps++) {
        send(&sender, sender.ring);
        assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
    }
}

/* The present way costs the same as before: only a trial can tell. */
static void a_way_that_has_become_faster_is_found(void **state)
{
    sender_t sender;
    (void)state;
    begin(&sender, NEVER, 400, 100);
    send(&sender, 2000ull * MB);
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
    sender.ticks[COPY_PLAIN] = 50;
    send(&sender, 4000ull * MB);
    assert_int_equal(sender.choice.best, COPY_PLAIN);
}

/* Near, other programs had the caches until then. */
static void caches_that_are_free_again_are_found_soon(void **state)
{
    sender_t sender;
    (void)state;
    begin(&sender, NEVER, 400, 100);
    send(&sender, 2000ull * MB);
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
    copy_choice_begin(&sender.choice, &start, true); /* trusted */
    sender.ticks[COPY_PLAIN] = 50;
    send(&sender, 25ull * MB);
    assert_int_equal(sender.choice.best, COPY_PLAIN);
}

static void equal_ways_do_not_take_turns(void **state)
{
    sender_t sender;
    unsigned changes = 0;
    (void)state;
    begin(&sender, NEVER, 100, 100);
    sender.noise = 20;
    send(&sender, 100ull * MB);
    for (unsigned i = 0; i < 100; i++) {
        copy_way_t before = sender.choice.best;
        send(&sender, 100ull * MB);
        changes += sender.choice.best != before;
    }
    assert_true(changes <= 2);
}

static void time_that_the_program_takes_is_no_cost(void **state)
{
    sender_t sender;
    (void)state;
    begin(&sender, NEVER, 100, 110);
    send(&sender, 100ull * MB);
    for (unsigned i = 0; i < 2000; i++) {
        send(&sender, MB);
        sender.now += 1u << 30;
    }
    assert_int_equal(sender.choice.best, COPY_PLAIN);
    assert_true(sender.choice.cost < 110 * 1024);
}

/* A program that begins to send in bursts, shorter than any trial, is not left with the way that was on trial. */
static void a_trial_does_not_outlast_the_traffic(void **state)
{
    sender_t sender;
    (void)state;
    begin(&sender, NEVER, 100, 110);
    while (sender.choice.way == sender.choice.best || sender.choice.cost == 0)
        send(&sender, PART);
    for (unsigned i = 0; i < 2000; i++) {
        sender.now += 1u << 30;
        send(&sender, MB / 4);
        assert_int_equal(sender.choice.way, sender.choice.best);
    }
}

/* No burst is as long as the trial of a way that is little better. */
static void a_trial_goes_on_in_the_next_burst(void **state)
{
    sender_t sender;
    (void)state;
    begin(&sender, NEVER, 100, 88);
    sender.choice.best = sender.choice.way = sender.choice.trial = COPY_PLAIN;
    for (unsigned i = 0; i < 100; i++) {
        sender.now += 1u << 30;
        send(&sender, 20ull * MB);
    }
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
}

static void the_next_connection_begins_where_the_last_one_ended(void **state)
{
    sender_t sender;
    (void)state;
    begin(&sender, NEVER, 400, 100);
    send(&sender, 100ull * MB);
    begin_next(&sender, NEVER, 400, 100);
    send(&sender, 100ull * MB);
    assert_mostly(&sender, COPY_PAST_CACHES, 100);
    begin_next(&sender, NEVER, 100, 400); /* nothing lasts */
    send(&sender, 200ull * MB);
    begin_next(&sender, NEVER, 100, 400);
    assert_int_equal(sender.choice.way, COPY_PLAIN);
}

/* Plain stores are the fastest, but while they are the best way known, something else is at work. */
static void displace_by_accident(sender_t *sender)
{
    begin(sender, NEVER, 300, 180);
    assert_int_equal(sender->choice.best, COPY_PLAIN);
    while (sender->choice.best == COPY_PLAIN)
        send(sender, PART);
    sender->ticks[COPY_PLAIN] = 100;
}

static void assert_finds_plain(sender_t *sender)
{
    send(sender, 30ull * MB);
    assert_int_equal(sender->choice.best, COPY_PLAIN);
}

static void an_accident_does_not_displace_a_way_for_long(void **state)
{
    sender_t sender;
    (void)state;
    displace_by_accident(&sender);
    assert_finds_plain(&sender);
}

static void an_accident_in_a_trial_does_not_last(void **state)
{
    sender_t sender;
    (void)state;
    start = (copy_start_t){.found = COPY_PAST_CACHES};
    begin_next(&sender, NEVER, 500, 180);
    while (sender.choice.way == COPY_PAST_CACHES)
        send(&sender, PART);
    while (sender.choice.way == COPY_PLAIN)
        send(&sender, PART);
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
    sender.ticks[COPY_PLAIN] = 100;
    assert_finds_plain(&sender);
}

/* The next connections are not told of it as of what has been found out. */
static void an_accident_is_not_taught(void **state)
{
    sender_t sender;
    (void)state;
    displace_by_accident(&sender);
    begin_next(&sender, NEVER, 100, 180);
    assert_finds_plain(&sender);
}

static void learn(copy_choices_t *choices, uint32_t piece, copy_way_t fast, uint32_t mb)
{
    sender_t sender = {.now = 1000};
    for (unsigned way = 0; way < COPY_WAYS; way++)
        sender.ticks[way] = way == fast ? 100 : 400;
    for (uint64_t sent = 0; sent < (uint64_t)mb * MB; sent += piece) {
        copy_choice_t *choice = copy_choices_for(choices, piece);
        sender.now += (uint64_t)sender.ticks[copy_choices_way(choices, piece)] * piece / 1024;
        choice->pending += piece;
        if (choice->pending >= COPY_CHOICE_GRAIN)
            copy_choice_look(choice, RING, sender.now);
    }
}

static void each_class_and_distance_learns_for_itself(void **state)
{
    copy_choices_t choices;
    (void)state;
    copy_choices_begin(&choices);
    for (unsigned round = 0; round < 2; round++) {
        copy_way_t one = round ? COPY_PLAIN : COPY_PAST_CACHES, other = round ? COPY_PAST_CACHES : COPY_PLAIN;
        choices.is_far = false;
        learn(&choices, COPY_LARGE, one, 300);
        learn(&choices, COPY_LARGE / 2, other, 300);
        choices.is_far = true;
        learn(&choices, COPY_LARGE, other, 300);
        learn(&choices, COPY_LARGE / 2, one, 300);
        assert_int_equal(copy_choices_for(&choices, COPY_LARGE)->best, other);
        assert_int_equal(copy_choices_for(&choices, COPY_LARGE / 2)->best, one);
        choices.is_far = false;
        assert_int_equal(copy_choices_for(&choices, COPY_LARGE)->best, one);
        assert_int_equal(copy_choices_for(&choices, COPY_LARGE / 2)->best, other);
        copy_choices_begin(&choices); /* the next connection */
        choices.is_far = false;
        assert_int_equal(copy_choices_for(&choices, COPY_LARGE)->best, one);
        assert_int_equal(copy_choices_for(&choices, COPY_LARGE / 2)->best, other);
    }
}

/* Lines that the receiver has not written again since they were loaded last take no time, however far it is. */
static void slow_loads_tell_that_the_receiver_is_far(void **state)
{
    copy_choices_t choices;
    (void)state;
    copy_choices_begin(&choices);
    for (unsigned i = 0; i < 20; i++)
        copy_choices_note_load(&choices, 60);
    assert_false(choices.is_far);
    copy_choices_note_load(&choices, 3000); /* an interrupt */
    assert_false(choices.is_far);
    const copy_choice_t *near = copy_choices_for(&choices, COPY_LARGE);
    for (unsigned i = 0; i < 2 * COPY_FARNESS_MAX; i++)
        copy_choices_note_load(&choices, i % 4 == 3 ? 20 : COPY_FAR_TICKS + 50);
    assert_true(choices.is_far);
    assert_ptr_not_equal(copy_choices_for(&choices, COPY_LARGE), near);
    copy_choices_begin(&choices); /* the next connection */
    assert_true(choices.is_far);
    for (unsigned i = 0; i < 20; i++)
        copy_choices_note_load(&choices, i % 10 == 7 ? 3000 : 60);
    assert_ptr_equal(copy_choices_for(&choices, COPY_LARGE), near);
    copy_choices_begin(&choices);
    assert_false(choices.is_far);
}

/* Behind large copies most loads from a near processor are slow, too. */
static void a_quick_load_counts_for_many_slow_ones(void **state)
{
    copy_choices_t choices;
    (void)state;
    copy_choices_begin(&choices);
    for (unsigned i = 0; i < 1000; i++) {
        copy_choices_note_load(&choices, i % 7 == 3 ? 90 : 270);
        assert_true(i < 100 || !choices.is_far);
    }
    for (unsigned i = 0; i < 1000; i++) {
        copy_choices_note_load(&choices, i % 200 == 150 ? 90 : 270);
        assert_true(i < 100 || choices.is_far);
    }
}

static void move_to(copy_choices_t *choices, bool far)
{
    for (unsigned i = 0; i < 2 * COPY_FARNESS_MAX; i++)
        copy_choices_note_load(choices, far ? COPY_FAR_TICKS + 50 : 90);
    assert_int_equal(choices->is_far, far);
}

/* Until a sender knows that the processors have moved, what it finds is put down to where they were. */
static void what_was_found_around_a_move_does_not_last(void **state)
{
    copy_choices_t mover, other, next;
    (void)state;
    copy_choices_begin(&mover);
    move_to(&mover, false);
    learn(&mover, COPY_LARGE, COPY_PAST_CACHES, 300);
    move_to(&mover, true);
    copy_choices_begin(&other);
    move_to(&other, false);
    copy_choices_begin(&next);
    assert_false(next.is_far);
    learn(&next, COPY_LARGE, COPY_PLAIN, 20);
    assert_int_equal(copy_choices_for(&next, COPY_LARGE)->best, COPY_PLAIN);
    move_to(&mover, false);
    learn(&mover, COPY_LARGE, COPY_PLAIN, 20);
    assert_int_equal(copy_choices_for(&mover, COPY_LARGE)->best, COPY_PLAIN);
}

/* A sender that waits for nobody asks for room once in a lap, and is not to take many laps to see where it is. */
static void rare_loads_are_all_timed(void **state)
{
    copy_choices_t choices;
    unsigned timed = 0;
    (void)state;
    copy_choices_begin(&choices);
    for (unsigned lap = 0; lap < 8; lap++) {
        for (unsigned i = 0; i < 8; i++)
            copy_choices_note(&choices, COPY_LARGE / 2, RING);
        assert_true(copy_choices_want_load(&choices, COPY_LARGE / 2));
    }
    for (unsigned i = 0; i < 32; i++) {
        copy_choices_note(&choices, COPY_LARGE / 2, RING);
        timed += copy_choices_want_load(&choices, COPY_LARGE / 2);
    }
    assert_in_range(timed, 6, 10);
}

static void a_line_just_looked_at_tells_nothing(void **state)
{
    copy_choices_t choices;
    (void)state;
    copy_choices_begin(&choices);
    choices.looked = true;
    assert_false(copy_choices_want_load(&choices, COPY_LARGE));
    assert_true(copy_choices_want_load(&choices, COPY_LARGE));
}

static void small_pieces_have_no_choice(void **state)
{
    copy_choices_t choices;
    (void)state;
    copy_choices_begin(&choices);
    copy_choice_t *choice = copy_choices_for(&choices, COPY_CHOICE_LEAST);
    choice->way = COPY_PAST_CACHES;
    assert_int_equal(copy_choices_way(&choices, COPY_CHOICE_LEAST - 1), COPY_STRING);
    assert_int_equal(copy_choices_way(&choices, COPY_CHOICE_LEAST), COPY_PAST_CACHES);
    copy_choices_note(&choices, COPY_CHOICE_LEAST - 1, RING);
    assert_int_equal(choice->pending, 0);
}

/* The same again where the string instruction is a way. */
static int ask_processor(void **state)
{
    (void)state;
    vmmc_copy_start();
    return 0;
}

static void the_string_instruction_is_a_way_where_the_processor_has_it(void **state)
{
    sender_t sender;
    (void)state;
    require_string();
    begin(&sender, 100, 300, 200);
    send(&sender, 200ull * MB);
    assert_int_equal(sender.choice.best, COPY_STRING);
    sender.ticks[COPY_STRING] = 250;
    send(&sender, 60ull * MB);
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
}

/* Nor do trials that are broken off keep the other ways from theirs. */
static void bursts_try_every_way(void **state)
{
    sender_t sender;
    (void)state;
    require_string();
    start = (copy_start_t){.found = COPY_PLAIN};
    begin_next(&sender, 100, 100, 60);
    for (unsigned i = 0; i < 400; i++) {
        sender.now += 1u << 30;
        send(&sender, 20ull * MB);
    }
    assert_int_equal(sender.choice.best, COPY_PAST_CACHES);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest plain[] = {
        cmocka_unit_test(every_way_copies_from_anywhere),
        cmocka_unit_test(the_fastest_way_is_found),
        cmocka_unit_test(trials_take_little),
        cmocka_unit_test(a_way_that_becomes_faster_is_noticed),
        cmocka_unit_test(single_slow_stretches_are_accidents),
        cmocka_unit_test(fresh_memory_is_no_cost),
        cmocka_unit_test(a_way_that_has_become_faster_is_found),
        cmocka_unit_test(caches_that_are_free_again_are_found_soon),
        cmocka_unit_test(equal_ways_do_not_take_turns),
        cmocka_unit_test(time_that_the_program_takes_is_no_cost),
        cmocka_unit_test(a_trial_does_not_outlast_the_traffic),
        cmocka_unit_test(a_trial_goes_on_in_the_next_burst),
        cmocka_unit_test(the_next_connection_begins_where_the_last_one_ended),
        cmocka_unit_test(an_accident_does_not_displace_a_way_for_long),
        cmocka_unit_test(an_accident_in_a_trial_does_not_last),
        cmocka_unit_test(an_accident_is_not_taught),
        cmocka_unit_test(each_class_and_distance_learns_for_itself),
        cmocka_unit_test(slow_loads_tell_that_the_receiver_is_far),
        cmocka_unit_test(a_quick_load_counts_for_many_slow_ones),
        cmocka_unit_test(what_was_found_around_a_move_does_not_last),
        cmocka_unit_test(rare_loads_are_all_timed),
        cmocka_unit_test(a_line_just_looked_at_tells_nothing),
        cmocka_unit_test(small_pieces_have_no_choice),
    };
    const struct CMUnitTest with_all[] = {
        cmocka_unit_test(every_way_copies_from_anywhere),
        cmocka_unit_test(the_string_instruction_is_a_way_where_the_processor_has_it),
        cmocka_unit_test(bursts_try_every_way),
        cmocka_unit_test(a_move_is_followed_at_once),
        cmocka_unit_test(a_connection_that_begins_after_a_move_follows_it),
        cmocka_unit_test(a_trial_of_what_is_slow_is_given_up),
    };
    (void)argc;
    (void)argv;
    int failed = cmocka_run_group_tests_name("as on any processor", plain, NULL, NULL);
    return failed + cmocka_run_group_tests_name("with what this one has", with_all, ask_processor, NULL);
}
