/* rendezvous: see rendezvous.h. */
#include "rendezvous.h"

#include "log.h"
#include "os.h"

#include <stdio.h>

#define STATE_OF(word) ((word) & 0xffu)
#define TAG_OF(word) ((word) & ~0xffu)
#define NEXT_TAG(word) (TAG_OF(word) + 0x100u)
#define PATIENCE 60         /* rounds of os_yield(), none of which sleeps yet */
#define PATIENCE_AT_WORK 96
#define JUST_NOW_US 2000u

static rendezvous_table_shm_t *table;

int rendezvous_start(void)
{
    static os_section_t section;
    char tag[40], name[80];
    os_user_tag(tag);
    snprintf(name, sizeof name, "vmmc-rendezvous-%u-%s", SHM_VERSION, tag);
    int error = os_section_share(&section, name, sizeof(rendezvous_table_shm_t));
    if (error)
        return error;
    rendezvous_table_shm_t *found = section.base;
    word_replace(&found->version, 0, RENDEZVOUS_MAGIC);
    if (load_acquire(&found->version) != RENDEZVOUS_MAGIC) {
        os_section_close(&section);
        return VMMC_EPROTO;
    }
    table = found;
    rendezvous_sweep(); /* of those who died when nobody watched them */
    return 0;
}

word_t *rendezvous_ran_us(void)
{
    return &table->ran_us;
}

/* ---- records ---- */

static bool same_end(const endpoint_t *a, const endpoint_t *b)
{
    return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

uint32_t endpoint_hash(const endpoint_t *end)
{
    uint32_t hash = 2166136261u ^ end->port;
    for (unsigned i = 0; i < sizeof end->address; i++)
        hash = (hash ^ end->address[i]) * 16777619u;
    return hash;
}

/* The same for both ends. */
static uint32_t home_of(const endpoint_t *self, const endpoint_t *peer)
{
    uint32_t hash = endpoint_hash(self) + endpoint_hash(peer);
    return (hash ^ (hash >> 15)) % RENDEZVOUS_RECORDS;
}

static rendezvous_shm_t *probe(const meeting_t *meeting, unsigned step, uint32_t *index)
{
    *index = (meeting->home + step) % RENDEZVOUS_RECORDS;
    return &table->records[*index];
}

static bool change(rendezvous_shm_t *record, uint32_t tag, uint32_t from, uint32_t to)
{
    return word_replace(&record->state, tag | from, tag | to);
}

static bool process_is_gone(const vmmc_identity_t *identity)
{
    os_process_id_t id = {identity->pid, identity->start_low, identity->start_high};
    uintptr_t watch = os_process_watch(&id);
    if (watch)
        os_process_unwatch(watch);
    return watch == 0;
}

static bool worker_is_gone(const rendezvous_shm_t *record)
{
    uint32_t worker = load_acquire(&record->worker);
    return worker && !os_process_exists(worker);
}

/* A record nobody will finish.  One that is being filled or claimed still shows its previous poster or claimer, but it
 * has a worker.  A poster that lives finds its record gone, which to it is a withdrawal. */
#ifdef __SANITIZE_THREAD__ /* what is read while somebody writes it is not used: see sweep() */
__attribute__((no_sanitize_thread))
#endif
static bool is_abandoned(const rendezvous_shm_t *record, uint32_t state)
{
    vmmc_identity_t poster = record->poster, claimer = record->claimer;
    switch (state) {
    case RENDEZVOUS_FREE:
        return false;
    case RENDEZVOUS_FILLING:
    case RENDEZVOUS_CLAIMING:
        return worker_is_gone(record);
    case RENDEZVOUS_POSTED:
        return process_is_gone(&poster);
    default:
        return process_is_gone(&claimer);
    }
}

/* The right to fill or to claim a record.  That of a dead process is for finish_for_the_dead() alone: who took it over for
 * work of his own, and found that the record is not what it was, would give up what alone tells of the death. */
static bool begin_work(rendezvous_shm_t *record)
{
    return word_replace(&record->worker, 0, vmmc_self()->pid);
}

static void end_work(rendezvous_shm_t *record)
{
    store_release(&record->worker, 0);
}

/* What a dead process was in the middle of.  Its right is taken over first: only whoever has that changes a record that is
 * being worked on, so nothing can come between the look and the change. */
static void finish_for_the_dead(rendezvous_shm_t *record)
{
    uint32_t worker = load_acquire(&record->worker);
    if (worker == 0 || os_process_exists(worker) || !word_replace(&record->worker, worker, vmmc_self()->pid))
        return;
    uint32_t word = load_acquire(&record->state), state = STATE_OF(word);
    if (state == RENDEZVOUS_FILLING || state == RENDEZVOUS_CLAIMING)
        word_replace(&record->state, word, NEXT_TAG(word) | RENDEZVOUS_FREE);
    end_work(record);
}

/* What is read of a record belongs to the state word that was read before, or the swap fails. */
static void sweep(rendezvous_shm_t *record)
{
    finish_for_the_dead(record);
    uint32_t word = load_acquire(&record->state);
    if (is_abandoned(record, STATE_OF(word)))
        word_replace(&record->state, word, NEXT_TAG(word) | RENDEZVOUS_FREE);
}

void rendezvous_sweep(void)
{
    for (uint32_t index = 0; table && index < RENDEZVOUS_RECORDS; index++)
        sweep(&table->records[index]);
}

void rendezvous_call(uint16_t port)
{
    if (table)
        word_add(&table->calls[port], 1);
}

uint32_t rendezvous_calls(uint16_t port)
{
    return table ? load_acquire(&table->calls[port]) : 0;
}

static void fail(meeting_t *meeting, const char *why)
{
    meeting->state = MEETING_FAILED;
    meeting->why = why;
}

static const char *reason(int error)
{
    switch (error) {
    case VMMC_ENOMEM:
        return "no memory for an arena, or all of its places are taken";
    case VMMC_EACCES:
        return "the other process's memory belongs to another user";
    case VMMC_EPROTO:
        return "what the other process wrote in the rendezvous table cannot be true";
    default:
        return "the other process cannot be watched or woken, or is gone";
    }
}

/* A question costs a request to another process on Wine. */
static bool is_still_connected(const meeting_t *meeting)
{
    bool just_asked = os_now_us() - meeting->begun_us < JUST_NOW_US;
    return meeting->still_connected(meeting->socket, just_asked ? NULL : &meeting->self, &meeting->peer);
}

/* ---- claiming ---- */

/* Fills in the claimer's part of a record that is CLAIMING by us. */
static int make_offer(meeting_t *meeting, rendezvous_shm_t *record)
{
    vmmc_identity_t poster = record->poster;
    vmmc_ticket_t ticket;
    int error = vmmc_link_open(&poster, &meeting->link, &ticket);
    if (error)
        return error;
    error = vmmc_mailbox_take(meeting->link, &meeting->mailbox, &meeting->memory);
    if (error) {
        vmmc_link_release(meeting->link);
        return error;
    }
    store_plain(record->claimer, *vmmc_self());
    store_relaxed(&record->claimer_waiter, meeting->waiter);
    store_plain(record->ticket, ticket);
    store_plain(record->mailbox, meeting->mailbox);
    return 0;
}

static bool finish_claim(meeting_t *meeting, uint32_t index, uint32_t tag)
{
    rendezvous_shm_t *record = &table->records[index];
    meeting->record = index;
    meeting->tag = tag;
    int error = make_offer(meeting, record);
    if (error) {
        vmmc_identity_t poster = record->poster;
        word_replace(&record->state, tag | RENDEZVOUS_CLAIMING, NEXT_TAG(tag) | RENDEZVOUS_FREE);
        fail(meeting, reason(error));
        return !process_is_gone(&poster); /* a dead process's record is out of the way now: post or look again */
    }
    uint32_t waiter = load_relaxed(&record->poster_waiter); /* before the poster may free the record */
    change(record, tag, RENDEZVOUS_CLAIMING, RENDEZVOUS_CLAIMED);
    vmmc_notify(meeting->link, waiter);
    meeting->state = MEETING_CLAIMED;
    return true;
}

static bool claim(meeting_t *meeting, uint32_t index, uint32_t tag)
{
    rendezvous_shm_t *record = &table->records[index];
    if (!is_still_connected(meeting)) {
        fail(meeting, "its names have changed");
        return true;
    }
    if (!begin_work(record))
        return false;
    bool done = change(record, tag, RENDEZVOUS_POSTED, RENDEZVOUS_CLAIMING) && finish_claim(meeting, index, tag);
    end_work(record);
    return done;
}

/* The other end's record, if it has posted one. */
static bool find_posted(const meeting_t *meeting, uint32_t *index, uint32_t *tag)
{
    for (unsigned step = 0; step < RENDEZVOUS_PROBES; step++) {
        rendezvous_shm_t *record = probe(meeting, step, index);
        uint32_t word = load_acquire(&record->state);
        if (STATE_OF(word) != RENDEZVOUS_POSTED || !same_end(&record->poster_end, &meeting->peer) ||
            !same_end(&record->claimer_end, &meeting->self))
            continue;
        *tag = TAG_OF(word);
        return true;
    }
    return false;
}

/* ---- posting ---- */

static rendezvous_shm_t *take_free_record(meeting_t *meeting)
{
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned step = 0; step < RENDEZVOUS_PROBES; step++) {
            rendezvous_shm_t *record = probe(meeting, step, &meeting->record);
            if (pass == 1)
                sweep(record);
            uint32_t word = load_acquire(&record->state);
            if (STATE_OF(word) != RENDEZVOUS_FREE || !begin_work(record))
                continue;
            if (word_replace(&record->state, word, NEXT_TAG(word) | RENDEZVOUS_FILLING)) {
                meeting->tag = NEXT_TAG(word);
                return record;
            }
            end_work(record);
        }
    }
    return NULL;
}

static void post(meeting_t *meeting)
{
    rendezvous_shm_t *record = take_free_record(meeting);
    if (!record) {
        fail(meeting, "the rendezvous table is full");
        meeting->was_full = true;
        return;
    }
    store_plain(record->poster, *vmmc_self());
    store_relaxed(&record->poster_waiter, meeting->waiter);
    store_plain(record->poster_end, meeting->self);
    store_plain(record->claimer_end, meeting->peer);
    change(record, meeting->tag, RENDEZVOUS_FILLING, RENDEZVOUS_POSTED);
    end_work(record);
    meeting->state = MEETING_POSTED;
}

static bool take_back(meeting_t *meeting)
{
    rendezvous_shm_t *record = &table->records[meeting->record];
    return word_replace(&record->state, meeting->tag | RENDEZVOUS_POSTED, NEXT_TAG(meeting->tag) | RENDEZVOUS_FREE);
}

static bool is_greater_end(const endpoint_t *a, const endpoint_t *b)
{
    int order = memcmp(a->address, b->address, sizeof a->address);
    return order > 0 || (order == 0 && a->port > b->port);
}

/* Both ends have posted, and this one has seen the other's record.  The other will see this one's as well if it has not yet
 * looked, as when it is still at work on its own, which cannot be claimed before; or if it has looked at the same moment.
 * Two that then did the same would do so again and again: the greater leaves the claim to the other.  Not for long, for
 * the other may have looked too early, or be dead: `rounds` counts all that this end has waited. */
static void let_the_other_claim(const meeting_t *meeting, uint32_t theirs, unsigned *rounds)
{
    const rendezvous_shm_t *mine = &table->records[meeting->record], *other = &table->records[theirs];
    unsigned patience = is_greater_end(&meeting->self, &meeting->peer) ? PATIENCE : 0;
    for (; load_acquire(&mine->state) == (meeting->tag | RENDEZVOUS_POSTED); ++*rounds) {
        if (*rounds >= (load_acquire(&other->worker) ? PATIENCE_AT_WORK : patience))
            return;
        os_yield(*rounds);
    }
}

/* Both ends may post at the same moment.  Each looks again after posting, so at least one sees the other; it takes its
 * own record back and claims.  If both do that at once, both find nothing and both try again. */
void meeting_begin(meeting_t *meeting, uintptr_t socket, const endpoint_t *self, const endpoint_t *peer,
                   still_connected_t still_connected, uint32_t waiter)
{
    uint32_t index, tag;
    unsigned rounds = 0;
    memset(meeting, 0, sizeof *meeting);
    meeting->socket = socket;
    meeting->begun_us = os_now_us();
    meeting->self = *self;
    meeting->peer = *peer;
    meeting->home = home_of(self, peer);
    meeting->still_connected = still_connected;
    meeting->waiter = waiter;
    fail(meeting, vmmc_is_distrustful() ? "another process broke the protocol" : "the other end was always faster");
    for (unsigned attempt = 0; table && !vmmc_is_distrustful() && attempt < 8; attempt++) {
        if (find_posted(meeting, &index, &tag) && claim(meeting, index, tag))
            return;
        post(meeting);
        if (meeting->state != MEETING_POSTED || !find_posted(meeting, &index, &tag))
            return;
        let_the_other_claim(meeting, index, &rounds);
        if (!take_back(meeting))
            return;
        fail(meeting, "the other end was always faster");
        os_yield(attempt);
    }
}

/* ---- the rest of the handshake ---- */

static int join(meeting_t *meeting, const rendezvous_shm_t *record)
{
    vmmc_identity_t claimer = record->claimer;
    vmmc_ticket_t ticket = record->ticket;
    meeting->mailbox = record->mailbox;
    if (!is_still_connected(meeting))
        return VMMC_EPEER;
    int error = vmmc_link_join(&claimer, &ticket, &meeting->link);
    if (error)
        return error;
    error = vmmc_mailbox_find(meeting->link, meeting->mailbox, &meeting->memory);
    if (error)
        vmmc_link_release(meeting->link);
    return error;
}

static meeting_state_t confirm(meeting_t *meeting, rendezvous_shm_t *record)
{
    int error = join(meeting, record);
    if (error) {
        meeting->why = reason(error);
        change(record, meeting->tag, RENDEZVOUS_CLAIMED, RENDEZVOUS_WITHDRAWN);
        sweep(record); /* should the claimer be dead, nobody else may ever look at it */
        return MEETING_FAILED;
    }
    uint32_t waiter = load_relaxed(&record->claimer_waiter);
    if (change(record, meeting->tag, RENDEZVOUS_CLAIMED, RENDEZVOUS_CONFIRMED)) {
        vmmc_notify(meeting->link, waiter);
        return MEETING_MADE;
    }
    vmmc_mailbox_leave(meeting->link, meeting->mailbox); /* the claimer has given up meanwhile */
    vmmc_link_release(meeting->link);
    meeting->why = "the other end withdrew";
    return MEETING_FAILED;
}

static void free_record(const meeting_t *meeting, rendezvous_shm_t *record, uint32_t from)
{
    word_replace(&record->state, meeting->tag | from, NEXT_TAG(meeting->tag) | RENDEZVOUS_FREE);
}

static void drop_claim(meeting_t *meeting)
{
    vmmc_mailbox_cancel(meeting->link, meeting->mailbox);
    vmmc_link_release(meeting->link);
}

meeting_state_t meeting_poll(meeting_t *meeting)
{
    if (meeting->state != MEETING_POSTED && meeting->state != MEETING_CLAIMED)
        return meeting->state;
    rendezvous_shm_t *record = &table->records[meeting->record];
    uint32_t word = load_acquire(&record->state);
    if (meeting->state == MEETING_POSTED) {
        if (TAG_OF(word) != meeting->tag)
            fail(meeting, "the other end withdrew");
        else if (STATE_OF(word) == RENDEZVOUS_CLAIMED)
            meeting->state = confirm(meeting, record);
    } else if (word == (meeting->tag | RENDEZVOUS_CONFIRMED)) {
        free_record(meeting, record, RENDEZVOUS_CONFIRMED);
        meeting->state = MEETING_MADE;
    } else if (word != (meeting->tag | RENDEZVOUS_CLAIMED)) {
        free_record(meeting, record, RENDEZVOUS_WITHDRAWN);
        drop_claim(meeting);
        fail(meeting, "the other end withdrew");
    }
    return meeting->state;
}

static void cancel_post(meeting_t *meeting)
{
    rendezvous_shm_t *record = &table->records[meeting->record];
    for (unsigned attempt = 0; attempt < 64 && !take_back(meeting); attempt++) {
        if (change(record, meeting->tag, RENDEZVOUS_CLAIMED, RENDEZVOUS_WITHDRAWN) ||
            load_acquire(&record->state) != (meeting->tag | RENDEZVOUS_CLAIMING))
            break;
        os_yield(attempt); /* the other end is in the middle of claiming */
    }
    sweep(record);
    fail(meeting, "it was given up before the other end came");
}

meeting_state_t meeting_cancel(meeting_t *meeting)
{
    if (meeting->state == MEETING_POSTED) {
        cancel_post(meeting);
    } else if (meeting->state == MEETING_CLAIMED) {
        rendezvous_shm_t *record = &table->records[meeting->record];
        if (word_replace(&record->state, meeting->tag | RENDEZVOUS_CLAIMED, NEXT_TAG(meeting->tag) | RENDEZVOUS_FREE)) {
            drop_claim(meeting);
            meeting->state = MEETING_FAILED;
        } else if (meeting_poll(meeting) == MEETING_CLAIMED) { /* claimed, and not a moment before: somebody lies */
            drop_claim(meeting);
            meeting->state = MEETING_FAILED;
        }
    }
    return meeting->state;
}
