/* test_rendezvous: two ends of a connection find each other, in every order, in spite of dead and strange records.
 * The table is this program's own: the linker puts a wrapper around os_user_tag(), and one around os_yield(), in which
 * the other end moves. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rendezvous.h"

static char own_tag[40];
void __wrap_os_user_tag(char tag[40]);

void __wrap_os_user_tag(char tag[40])
{
    memcpy(tag, own_tag, sizeof own_tag);
}

/* ---- an end that lets the other go first ---- */

static unsigned moves_after; /* how many times it yields before the other end moves; 0: nobody moves */
static void (*move)(void);
void __wrap_os_yield(unsigned round);
void __real_os_yield(unsigned round);

void __wrap_os_yield(unsigned round)
{
    if (moves_after > 0 && --moves_after == 0)
        move();
    __real_os_yield(round);
}

static void move_after(unsigned yields, void (*what)(void))
{
    moves_after = yields;
    move = what;
}

/* ---- who is woken ---- */

static word_t last_woken;
void __wrap_vmmc_notify(vmmc_link_t *link, uint32_t waiter);

void __wrap_vmmc_notify(vmmc_link_t *link, uint32_t waiter)
{
    (void)link;
    store_relaxed(&last_woken, waiter);
}

/* ---- the connections of these tests ---- */

static int names_fail_at; /* the number of the re-check that fails; 0: none does */
static word_t checks;

static word_t own_checks; /* those that asked for its own name too */

static bool still_connected(uintptr_t socket, const endpoint_t *self, const endpoint_t *peer)
{
    unit_check(socket == 7 && (!self || self->port != peer->port));
    word_add(&own_checks, self != NULL);
    return (int)word_add(&checks, 1) != names_fail_at;
}

static endpoint_t end_of(uint16_t port)
{
    endpoint_t end = {.address = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, .port = port};
    return end;
}

static void begin(meeting_t *meeting, uint16_t self, uint16_t peer)
{
    endpoint_t mine = end_of(self), other = end_of(peer);
    meeting_begin(meeting, 7, &mine, &other, still_connected, 0);
}

static void release(meeting_t *meeting)
{
    vmmc_mailbox_leave(meeting->link, meeting->mailbox);
    vmmc_link_release(meeting->link);
}

static void check_joined(meeting_t *a, meeting_t *b)
{
    assert_int_equal(a->state, MEETING_MADE);
    assert_int_equal(b->state, MEETING_MADE);
    assert_int_equal(a->mailbox, b->mailbox);
    strcpy(a->memory, "to b");
    assert_string_equal(b->memory, "to b");
    release(a);
    release(b);
}

static rendezvous_table_shm_t *table_of(os_section_t *section)
{
    char name[80];
    snprintf(name, sizeof name, "vmmc-rendezvous-%u-%s", SHM_VERSION, own_tag);
    assert_int_equal(os_section_share(section, name, sizeof(rendezvous_table_shm_t)), 0);
    return section->base;
}

static unsigned records_in_use(void)
{
    os_section_t section;
    unsigned count = 0;
    rendezvous_table_shm_t *table = table_of(&section);
    for (unsigned i = 0; i < RENDEZVOUS_RECORDS; i++)
        count += (load_relaxed(&table->records[i].state) & 0xff) != RENDEZVOUS_FREE;
    os_section_close(&section);
    return count;
}

static int fresh(void **state)
{
    os_section_t section;
    (void)state;
    rendezvous_table_shm_t *table = table_of(&section);
    memset(table->records, 0, sizeof table->records);
    os_section_close(&section);
    names_fail_at = 0;
    store_relaxed(&checks, 0);
    moves_after = 0;
    return 0;
}

/* ---- the orders ---- */

static void the_second_claims_and_the_first_confirms(void **state)
{
    meeting_t a, b;
    (void)state;
    begin(&a, 1000, 2000);
    assert_int_equal(a.state, MEETING_POSTED);
    assert_int_equal(meeting_poll(&a), MEETING_POSTED);
    begin(&b, 2000, 1000);
    assert_int_equal(b.state, MEETING_CLAIMED);
    assert_int_equal(meeting_poll(&b), MEETING_CLAIMED);
    assert_int_equal(meeting_poll(&a), MEETING_MADE);
    assert_int_equal(meeting_poll(&b), MEETING_MADE);
    assert_int_equal(records_in_use(), 0);
    check_joined(&a, &b);
}

static void other_connections_do_not_meet(void **state)
{
    meeting_t meetings[4];
    const uint16_t ports[4][2] = {{1000, 2000}, {2001, 1000}, {2000, 1001}, {1000, 2000}};
    (void)state;
    for (int i = 0; i < 4; i++) {
        begin(&meetings[i], ports[i][0], ports[i][1]);
        assert_int_equal(meetings[i].state, MEETING_POSTED);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(meeting_cancel(&meetings[i]), MEETING_FAILED);
    assert_int_equal(records_in_use(), 0);
}

static void a_posted_meeting_can_be_withdrawn(void **state)
{
    meeting_t a, b;
    (void)state;
    begin(&a, 1000, 2000);
    assert_int_equal(meeting_cancel(&a), MEETING_FAILED);
    assert_int_equal(meeting_poll(&a), MEETING_FAILED);
    begin(&b, 2000, 1000);
    assert_int_equal(b.state, MEETING_POSTED);
    assert_int_equal(meeting_cancel(&b), MEETING_FAILED);
    assert_int_equal(records_in_use(), 0);
}

static void the_first_may_withdraw_after_the_claim(void **state)
{
    meeting_t a, b;
    (void)state;
    begin(&a, 1000, 2000);
    begin(&b, 2000, 1000);
    assert_int_equal(meeting_cancel(&a), MEETING_FAILED);
    assert_int_equal(meeting_poll(&b), MEETING_FAILED);
    assert_int_equal(records_in_use(), 0);
}

static void the_second_may_withdraw_after_its_claim(void **state)
{
    meeting_t a, b;
    (void)state;
    begin(&a, 1000, 2000);
    begin(&b, 2000, 1000);
    assert_int_equal(meeting_cancel(&b), MEETING_FAILED);
    assert_int_equal(meeting_poll(&a), MEETING_FAILED);
    assert_int_equal(records_in_use(), 0);
}

static void a_withdrawal_after_the_confirmation_comes_too_late(void **state)
{
    meeting_t a, b;
    (void)state;
    begin(&a, 1000, 2000);
    begin(&b, 2000, 1000);
    assert_int_equal(meeting_poll(&a), MEETING_MADE);
    assert_int_equal(meeting_cancel(&a), MEETING_MADE);
    assert_int_equal(meeting_cancel(&b), MEETING_MADE);
    assert_int_equal(records_in_use(), 0);
    check_joined(&a, &b);
}

static void both_may_withdraw(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        meeting_t meetings[2];
        begin(&meetings[0], 1000, 2000);
        begin(&meetings[1], 2000, 1000);
        assert_int_equal(meeting_cancel(&meetings[first]), MEETING_FAILED);
        assert_int_equal(meeting_cancel(&meetings[1 - first]), MEETING_FAILED);
        assert_int_equal(records_in_use(), 0);
    }
}

static void cancelled_claims_cost_no_mailboxes(void **state)
{
    meeting_t a, b;
    (void)state;
    begin(&a, 1000, 2000);
    begin(&b, 2000, 1000);
    vmmc_link_t *link = b.link;
    meeting_cancel(&b);
    for (int i = 0; i < 3000; i++) {
        meeting_poll(&a);
        begin(&a, 1000, 2000);
        begin(&b, 2000, 1000);
        assert_int_equal(b.state, MEETING_CLAIMED);
        assert_ptr_equal(b.link, link);
        meeting_cancel(&b);
    }
    meeting_cancel(&a);
}

/* ---- the two re-checks ---- */

static void names_that_changed_before_the_claim_leave_the_record_alone(void **state)
{
    meeting_t a, b;
    (void)state;
    begin(&a, 1000, 2000);
    names_fail_at = 1;
    begin(&b, 2000, 1000);
    assert_int_equal(b.state, MEETING_FAILED);
    assert_int_equal(meeting_poll(&a), MEETING_POSTED);
    assert_int_equal(meeting_cancel(&a), MEETING_FAILED);
    assert_int_equal(records_in_use(), 0);
}

static void names_that_changed_before_the_confirmation_withdraw_it(void **state)
{
    meeting_t a, b;
    (void)state;
    begin(&a, 1000, 2000);
    begin(&b, 2000, 1000);
    names_fail_at = 2;
    assert_int_equal(meeting_poll(&a), MEETING_FAILED);
    assert_int_equal(meeting_poll(&b), MEETING_FAILED);
    assert_int_equal(load_relaxed(&checks), 2);
    assert_int_equal(records_in_use(), 0);
}

/* ---- strange records ---- */

/* A child posts and dies. */
static void post_from_a_dead_process(uint16_t self, uint16_t peer)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        meeting_t meeting;
        uint8_t page[VMMC_KEY_BYTES];
        memcpy(page, vmmc_self()->page, sizeof page);
        unit_check(vmmc_start(true) == 0 && memcmp(page, vmmc_self()->page, sizeof page) != 0);
        begin(&meeting, self, peer);
        unit_check(meeting.state == MEETING_POSTED);
        char hex[2 * VMMC_KEY_BYTES + 1], path[80];
        key_to_hex(vmmc_self()->page, hex);
        snprintf(path, sizeof path, "/dev/shm/vmmc-w-%s", hex);
        unlink(path);
        snprintf(path, sizeof path, "/dev/shm/sem.vmmc-e-%s-0", hex);
        unlink(path);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_record_of_a_dead_process_joins_nobody(void **state)
{
    meeting_t b;
    (void)state;
    post_from_a_dead_process(1000, 2000);
    assert_int_equal(records_in_use(), 1);
    begin(&b, 2000, 1000);
    assert_true(b.state == MEETING_FAILED || b.state == MEETING_POSTED);
    if (b.state == MEETING_POSTED)
        meeting_cancel(&b);
    assert_int_equal(records_in_use(), 0);
}

/* The new connection with the same two names is as good as any other. */
static void a_record_of_a_dead_process_is_not_in_the_way(void **state)
{
    meeting_t a, b;
    (void)state;
    post_from_a_dead_process(1000, 2000);
    begin(&b, 2000, 1000);
    begin(&a, 1000, 2000);
    meeting_poll(&b);
    meeting_poll(&a);
    meeting_poll(&b);
    check_joined(&a, &b);
}

static void fill_table(uint32_t record_state, const vmmc_identity_t *poster, const vmmc_identity_t *claimer)
{
    os_section_t section;
    rendezvous_table_shm_t *table = table_of(&section);
    for (unsigned i = 0; i < RENDEZVOUS_RECORDS; i++) {
        table->records[i].poster = *poster;
        table->records[i].claimer = *claimer;
        store_release(&table->records[i].state, 0x500 | record_state);
    }
    os_section_close(&section);
}

static void a_full_table_leaves_connections_on_the_kernel(void **state)
{
    meeting_t a;
    (void)state;
    for (uint32_t kind = RENDEZVOUS_FILLING; kind <= RENDEZVOUS_CONFIRMED; kind++) {
        fill_table(kind, vmmc_self(), vmmc_self());
        begin(&a, 1000, 2000);
        assert_int_equal(a.state, MEETING_FAILED);
        assert_int_equal(records_in_use(), RENDEZVOUS_RECORDS);
    }
}

static vmmc_identity_t nobody(void)
{
    vmmc_identity_t identity = *vmmc_self();
    identity.start_low ^= 1;
    return identity;
}

static void records_of_dead_processes_are_used_again(void **state)
{
    const vmmc_identity_t dead = nobody();
    meeting_t a, b;
    (void)state;
    for (uint32_t kind = RENDEZVOUS_POSTED; kind <= RENDEZVOUS_WITHDRAWN; kind++) {
        if (kind == RENDEZVOUS_CLAIMING)
            continue; /* shows no claimer yet */
        fill_table(kind, &dead, &dead);
        begin(&a, 1000, 2000);
        assert_int_equal(a.state, MEETING_POSTED);
        begin(&b, 2000, 1000);
        meeting_poll(&a);
        meeting_poll(&b);
        check_joined(&a, &b);
    }
}

/* The first end is done with a record that it confirmed: only the second can free it. */
static void a_confirmed_record_is_free_when_its_claimer_is_dead(void **state)
{
    const vmmc_identity_t dead = nobody();
    meeting_t a;
    (void)state;
    fill_table(RENDEZVOUS_CONFIRMED, vmmc_self(), &dead);
    begin(&a, 1000, 2000);
    assert_int_equal(a.state, MEETING_POSTED);
    meeting_cancel(&a);
}

/* The number of a process that has ended. */
static uint32_t dead_number(void)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return (uint32_t)child;
}

static void set_workers(uint32_t worker)
{
    os_section_t section;
    rendezvous_table_shm_t *table = table_of(&section);
    for (unsigned i = 0; i < RENDEZVOUS_RECORDS; i++)
        store_release(&table->records[i].worker, worker);
    os_section_close(&section);
}

/* A record shows its poster and claimer only when they have filled it in. */
static void a_sweep_frees_what_dead_processes_have_left(void **state)
{
    const vmmc_identity_t dead = nobody();
    (void)state;
    for (uint32_t kind = RENDEZVOUS_FREE; kind <= RENDEZVOUS_WITHDRAWN; kind++) {
        bool at_work = kind == RENDEZVOUS_FILLING || kind == RENDEZVOUS_CLAIMING;
        fill_table(kind, at_work ? vmmc_self() : &dead, at_work ? vmmc_self() : &dead);
        set_workers(dead_number());
        rendezvous_sweep();
        assert_int_equal(records_in_use(), 0);
    }
}

static void a_sweep_leaves_the_living_alone(void **state)
{
    const vmmc_identity_t dead = nobody();
    (void)state;
    for (uint32_t kind = RENDEZVOUS_FILLING; kind <= RENDEZVOUS_WITHDRAWN; kind++) {
        bool at_work = kind == RENDEZVOUS_FILLING || kind == RENDEZVOUS_CLAIMING;
        fill_table(kind, at_work ? &dead : vmmc_self(), at_work ? &dead : vmmc_self());
        set_workers(at_work ? vmmc_self()->pid : 0);
        rendezvous_sweep();
        assert_int_equal(records_in_use(), RENDEZVOUS_RECORDS);
    }
}

static uint64_t stopped_at; /* 0: the clock goes */
uint64_t __real_os_now_us(void);
uint64_t __wrap_os_now_us(void);

uint64_t __wrap_os_now_us(void)
{
    return stopped_at ? stopped_at : __real_os_now_us();
}

static void its_own_name_is_asked_for_again_unless_that_was_just_now(void **state)
{
    meeting_t first, second;
    (void)state;
    stopped_at = __real_os_now_us();
    begin(&first, 1, 2);
    stopped_at += 3000;
    store_relaxed(&own_checks, 0);
    begin(&second, 2, 1);
    assert_int_equal(load_relaxed(&own_checks), 0);
    assert_int_equal(meeting_poll(&first), MEETING_MADE);
    assert_int_equal(load_relaxed(&own_checks), 1);
    assert_int_equal(meeting_poll(&second), MEETING_MADE);
    stopped_at = 0;
    release(&first);
    release(&second);
}

static void who_waits_is_woken_by_the_claim_and_by_the_confirmation(void **state)
{
    meeting_t first, second;
    endpoint_t one = end_of(1), two = end_of(2);
    (void)state;
    meeting_begin(&first, 7, &one, &two, still_connected, 5);
    store_relaxed(&last_woken, 0);
    meeting_begin(&second, 7, &two, &one, still_connected, 6);
    assert_int_equal(load_relaxed(&last_woken), 5);
    assert_int_equal(meeting_poll(&first), MEETING_MADE);
    assert_int_equal(load_relaxed(&last_woken), 6);
    assert_int_equal(meeting_poll(&second), MEETING_MADE);
    release(&first);
    release(&second);
}

static void calls_are_counted_by_port(void **state)
{
    uint32_t before = rendezvous_calls(65535), other = rendezvous_calls(65534);
    (void)state;
    rendezvous_call(65535);
    rendezvous_call(65535);
    assert_int_equal(rendezvous_calls(65535), before + 2);
    assert_int_equal(rendezvous_calls(65534), other);
    assert_int_equal(rendezvous_calls(0), rendezvous_calls(0));
}

/* The poster still asks for its record: to it that is a withdrawal. */
static void the_poster_of_a_swept_record_stays_with_the_kernel(void **state)
{
    const vmmc_identity_t dead = nobody();
    meeting_t a, b;
    os_section_t section;
    (void)state;
    begin(&a, 1000, 2000);
    begin(&b, 2000, 1000);
    assert_int_equal(b.state, MEETING_CLAIMED);
    table_of(&section)->records[a.record].claimer = dead;
    rendezvous_sweep();
    assert_int_equal(records_in_use(), 0);
    assert_int_equal(meeting_poll(&a), MEETING_FAILED);
    assert_int_equal(meeting_poll(&b), MEETING_FAILED);
    os_section_close(&section);
}

/* Nobody watches a process that died before there was a link. */
static void the_poster_frees_what_a_dead_claimer_has_left(void **state)
{
    const vmmc_identity_t dead = nobody();
    meeting_t a, b;
    os_section_t section;
    (void)state;
    rendezvous_table_shm_t *table = table_of(&section);
    for (int closes = 0; closes < 2; closes++) {
        begin(&a, 1000, 2000);
        begin(&b, 2000, 1000);
        table->records[a.record].claimer = dead;
        assert_int_equal(closes ? meeting_cancel(&a) : meeting_poll(&a), MEETING_FAILED);
        assert_int_equal(records_in_use(), 0);
        assert_int_equal(meeting_poll(&b), MEETING_FAILED);
    }
    begin(&a, 1000, 2000);
    store_release(&table->records[a.record].state, a.tag | RENDEZVOUS_CLAIMING);
    store_release(&table->records[a.record].worker, dead_number());
    assert_int_equal(meeting_cancel(&a), MEETING_FAILED);
    assert_int_equal(records_in_use(), 0);
    os_section_close(&section);
}

static void records_that_dead_processes_worked_on_are_used_again(void **state)
{
    meeting_t a, b;
    (void)state;
    for (uint32_t kind = RENDEZVOUS_FREE; kind <= RENDEZVOUS_CLAIMING; kind++) {
        if (kind == RENDEZVOUS_POSTED)
            continue;
        fill_table(kind, vmmc_self(), vmmc_self());
        set_workers(dead_number());
        begin(&a, 1000, 2000);
        assert_int_equal(a.state, MEETING_POSTED);
        begin(&b, 2000, 1000);
        meeting_poll(&a);
        meeting_poll(&b);
        check_joined(&a, &b);
    }
}

static void hostile_records_join_nobody(void **state)
{
    uint32_t random = 1;
    (void)state;
    for (int round = 0; round < 300; round++) {
        meeting_t a, b;
        os_section_t section;
        fresh(NULL);
        begin(&a, 1000, 2000);
        rendezvous_table_shm_t *table = table_of(&section);
        rendezvous_shm_t *record = &table->records[a.record];
        if (round % 3 == 0) { /* before the claim */
            record->poster.pid ^= round % 2 ? 1u : 0;
            record->poster.page[unit_random(&random, VMMC_KEY_BYTES)] ^= 1;
        }
        begin(&b, 2000, 1000);
        if (round % 3 == 1) { /* before the confirmation */
            record->claimer.start_low ^= round % 2 ? 4u : 0;
            record->ticket.side = unit_random(&random, 4);
            record->ticket.key[unit_random(&random, VMMC_KEY_BYTES)] ^= 1;
        } else if (round % 3 == 2) {
            record->mailbox = round % 2 ? unit_random(&random, 5000) | 1 : UINT32_MAX - unit_random(&random, 9);
        }
        meeting_poll(&a);
        meeting_poll(&b);
        assert_int_equal(a.state == MEETING_MADE, b.state == MEETING_MADE);
        meeting_cancel(&a);
        meeting_cancel(&b);
        if (a.state == MEETING_MADE) {
            release(&a);
            release(&b);
        }
        os_section_close(&section);
    }
}

/* ---- both at once ---- */

static meeting_t partner;

static void work_on(meeting_t *meeting, uint32_t worker)
{
    os_section_t section;
    store_relaxed(&table_of(&section)->records[meeting->record].worker, worker);
    os_section_close(&section);
}

static void partner_has_posted(void) { work_on(&partner, 0); }

static void an_end_waits_for_one_that_is_still_posting(void **state)
{
    const uint16_t ends[2] = {1000, 2000};
    (void)state;
    for (int first = 0; first < 2; first++) {
        meeting_t mine;
        begin(&partner, ends[first], ends[1 - first]);
        work_on(&partner, vmmc_self()->pid);
        move_after(40, partner_has_posted);
        begin(&mine, ends[1 - first], ends[first]);
        meeting_poll(&partner);
        meeting_poll(&mine);
        check_joined(&mine, &partner);
    }
}

static void partner_has_posted_and_claims(void)
{
    work_on(&partner, 0);
    assert_int_equal(meeting_cancel(&partner), MEETING_FAILED);
    begin(&partner, 1000, 2000);
    assert_int_equal(partner.state, MEETING_CLAIMED);
}

static void the_greater_end_leaves_the_claim_to_the_other(void **state)
{
    meeting_t mine;
    (void)state;
    begin(&partner, 1000, 2000);
    work_on(&partner, vmmc_self()->pid);
    move_after(40, partner_has_posted_and_claims);
    begin(&mine, 2000, 1000);
    assert_int_equal(mine.state, MEETING_POSTED);
    assert_int_equal(meeting_poll(&mine), MEETING_MADE);
    meeting_poll(&partner);
    check_joined(&mine, &partner);
}

static void an_end_that_never_finishes_is_not_waited_for(void **state)
{
    meeting_t mine;
    (void)state;
    begin(&partner, 1000, 2000);
    work_on(&partner, vmmc_self()->pid);
    begin(&mine, 2000, 1000);
    assert_int_equal(mine.state, MEETING_FAILED);
    work_on(&partner, 0);
    assert_int_equal(meeting_cancel(&partner), MEETING_FAILED);
    assert_int_equal(records_in_use(), 0);
}

typedef struct racer {
    word_t *gate;
    uint16_t self, peer;
    meeting_t meeting;
    uint32_t patience_us;
} racer_t;

static void *race(void *argument)
{
    racer_t *racer = argument;
    word_add(racer->gate, 1);
    while (load_acquire(racer->gate) < 2)
        cpu_pause();
    begin(&racer->meeting, racer->self, racer->peer);
    uint64_t until = os_now_us() + racer->patience_us;
    while (os_now_us() < until && (racer->meeting.state == MEETING_POSTED || racer->meeting.state == MEETING_CLAIMED))
        meeting_poll(&racer->meeting);
    if (racer->meeting.state != MEETING_MADE)
        meeting_cancel(&racer->meeting);
    return NULL;
}

static unsigned race_often(bool one_cancels, unsigned rounds)
{
    unsigned made = 0;
    for (unsigned i = 0; i < rounds; i++) {
        word_t gate = 0;
        racer_t racers[2] = {{.gate = &gate, .self = 1000, .peer = 2000, .patience_us = one_cancels ? i % 60 : 2000000},
                             {.gate = &gate, .self = 2000, .peer = 1000, .patience_us = one_cancels ? 5000 : 2000000}};
        pthread_t thread = unit_thread(race, &racers[1]);
        race(&racers[0]);
        unit_join(thread);
        unit_check((racers[0].meeting.state == MEETING_MADE) == (racers[1].meeting.state == MEETING_MADE));
        if (racers[0].meeting.state == MEETING_MADE) {
            check_joined(&racers[0].meeting, &racers[1].meeting);
            made++;
        }
        for (int side = 0; !one_cancels && side < 2 && racers[side].meeting.state != MEETING_MADE; side++)
            print_message("round %u, end %d stays with the kernel: %s\n", i, side, racers[side].meeting.why);
        assert_int_equal(records_in_use(), 0);
    }
    return made;
}

static void threads_that_come_at_once_meet(void **state)
{
    (void)state;
    assert_int_equal(race_often(false, 300), 300);
}

static void a_withdrawal_during_the_race_is_seen_by_both(void **state)
{
    (void)state;
    race_often(true, 500);
}

typedef struct ballot {
    word_t gate;
    word_t made[2];
    char words[2][16];
} ballot_t;

static _Noreturn void vote(ballot_t *ballot, int side)
{
    racer_t racer = {.gate = &ballot->gate, .self = (uint16_t)(side ? 2000 : 1000),
                     .peer = (uint16_t)(side ? 1000 : 2000), .patience_us = 2000000};
    unit_check(vmmc_start(true) == 0 && rendezvous_start() == 0);
    race(&racer);
    meeting_t *meeting = &racer.meeting;
    if (meeting->state == MEETING_MADE) {
        char *mine = (char *)meeting->memory + 16 * side, *other = (char *)meeting->memory + 16 * (1 - side);
        strcpy(mine, side ? "second" : "first");
        store_release(&ballot->made[side], 1);
        while (!load_acquire(&ballot->made[1 - side]))
            os_yield(0);
        unit_check(strcmp(other, side ? "first" : "second") == 0);
    }
    word_add(&ballot->gate, 1);
    while (load_acquire(&ballot->gate) < 4)
        os_yield(0);
    unit_clean();
    _exit(0);
}

static void processes_that_come_at_once_meet(void **state)
{
    (void)state;
    for (int round = 0; round < 25; round++) {
        os_section_t section;
        char name[64];
        pid_t children[2];
        int status;
        snprintf(name, sizeof name, "vmmc-unit-%d", (int)getpid());
        assert_int_equal(os_section_create(&section, name, 4096), 0);
        wait_thread_ends();
        for (int side = 0; side < 2; side++) {
            children[side] = fork();
            if (children[side] == 0)
                vote(section.base, side);
        }
        for (int side = 0; side < 2; side++) {
            assert_int_equal(waitpid(children[side], &status, 0), children[side]);
            assert_int_equal(status, 0);
        }
        assert_int_equal(load_relaxed(&((ballot_t *)section.base)->made[0]), 1);
        assert_int_equal(records_in_use(), 0);
        os_section_close(&section);
    }
}

static void remove_table(void)
{
    char path[96];
    snprintf(path, sizeof path, "/dev/shm/vmmc-rendezvous-%u-%s", SHM_VERSION, own_tag);
    unlink(path);
}

int main(int argc, char **argv)
{
#define CASE(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        CASE(the_second_claims_and_the_first_confirms),
        CASE(other_connections_do_not_meet),
        CASE(a_posted_meeting_can_be_withdrawn),
        CASE(the_first_may_withdraw_after_the_claim),
        CASE(the_second_may_withdraw_after_its_claim),
        CASE(a_withdrawal_after_the_confirmation_comes_too_late),
        CASE(both_may_withdraw),
        CASE(cancelled_claims_cost_no_mailboxes),
        CASE(names_that_changed_before_the_claim_leave_the_record_alone),
        CASE(names_that_changed_before_the_confirmation_withdraw_it),
        CASE(a_record_of_a_dead_process_joins_nobody),
        CASE(a_full_table_leaves_connections_on_the_kernel),
        CASE(records_of_dead_processes_are_used_again),
        CASE(a_sweep_frees_what_dead_processes_have_left),
        CASE(a_sweep_leaves_the_living_alone),
        CASE(the_poster_of_a_swept_record_stays_with_the_kernel),
        CASE(the_poster_frees_what_a_dead_claimer_has_left),
        CASE(records_that_dead_processes_worked_on_are_used_again),
        CASE(hostile_records_join_nobody),
        CASE(its_own_name_is_asked_for_again_unless_that_was_just_now),
        CASE(who_waits_is_woken_by_the_claim_and_by_the_confirmation),
        CASE(calls_are_counted_by_port),
        CASE(an_end_waits_for_one_that_is_still_posting),
        CASE(the_greater_end_leaves_the_claim_to_the_other),
        CASE(an_end_that_never_finishes_is_not_waited_for),
        CASE(threads_that_come_at_once_meet),
        CASE(a_withdrawal_during_the_race_is_seen_by_both),
        CASE(processes_that_come_at_once_meet),
        CASE(a_record_of_a_dead_process_is_not_in_the_way),
        CASE(a_confirmed_record_is_free_when_its_claimer_is_dead),
    };
    snprintf(own_tag, sizeof own_tag, "unit%d", (int)getpid());
    atexit(remove_table);
    if (rendezvous_start() != 0)
        return 1;
    return unit_main(argc, argv, tests);
}
