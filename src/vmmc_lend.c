/* vmmc_lend: see vmmc_lend.h.  The lender's side: memory, loans, and waiting for them; the borrower's is vmmc_borrow.c.
 *
 * What stands in the arena tells the borrower; the books are private.  A loan is back when the borrower has published
 * its generation in `returned`.  One that was not accepted is back as soon as it cannot be any more: its memory has
 * been freed, or the borrower has left the connection.
 *
 * Lock order: a link's lending, then the memories. */
#include "vmmc_private.h"

#include <stdio.h>

#define NUMBER_BITS 10 /* an id or a loan's number: generation, then index */
#define NUMBER(generation, index) ((generation) << NUMBER_BITS | (index))
#define NUMBER_INDEX(number) ((number) & ((1u << NUMBER_BITS) - 1))
static_assert(ARENA_LOANS == 1 << NUMBER_BITS && ARENA_MEMORIES == 1 << NUMBER_BITS, "an index fits a number");

#define WATCHER_NUMBER 1

typedef struct memory {
    uint32_t generation; /* odd: lives */
    bool taken;          /* also while it is being made */
    bool others_write;
    uint8_t key[VMMC_KEY_BYTES];
    os_memory_t section;
} memory_t;

static struct {
    vmmc_lock_t lock;
    memory_t slots[ARENA_MEMORIES];
} memories;

/* ---- memory ---- */

void vmmc__memory_name(const uint8_t key[VMMC_KEY_BYTES], char name[80])
{
    char hex[2 * VMMC_KEY_BYTES + 1];
    key_to_hex(key, hex);
    snprintf(name, 80, "vmmc-m-%s", hex);
}

static memory_t *take_slot(void)
{
    memory_t *memory = memories.slots, *end = memory + ARENA_MEMORIES;
    lock_take(&memories.lock);
    while (memory < end && memory->taken)
        memory++;
    if (memory < end)
        memory->taken = true;
    lock_release(&memories.lock);
    return memory < end ? memory : NULL;
}

static int make(memory_t *memory, const uint64_t *length, uintptr_t file)
{
    char name[80];
    os_random(memory->key, sizeof memory->key);
    vmmc__memory_name(memory->key, name);
    return length ? os_memory_create(&memory->section, name, *length, memory->others_write)
                  : os_memory_over_file(&memory->section, name, file);
}

/* With a length, or over a file. */
static int add_memory(const uint64_t *length, bool others_write, uintptr_t file, vmmc_lendable_t *lendable)
{
    memory_t *memory = take_slot();
    if (!memory)
        return VMMC_ENOMEM;
    memory->others_write = others_write;
    int error = make(memory, length, file);
    lock_take(&memories.lock);
    if (error) {
        memory->taken = false;
    } else {
        memory->generation++;
        lendable->id = NUMBER(memory->generation, (uint32_t)(memory - memories.slots));
        lendable->base = memory->section.base;
        lendable->length = memory->section.length;
    }
    lock_release(&memories.lock);
    return error;
}

int vmmc_lendable_allocate(uint64_t length, bool others_write, vmmc_lendable_t *lendable)
{
    return length ? add_memory(&length, others_write, 0, lendable) : VMMC_EINVAL;
}

int vmmc_lendable_open_file(uintptr_t file, vmmc_lendable_t *lendable)
{
    return add_memory(NULL, false, file, lendable);
}

/* Called with the memories locked; NULL: there is none of that id. */
static memory_t *find_memory(uint32_t id)
{
    memory_t *memory = &memories.slots[NUMBER_INDEX(id)];
    bool lives = memory->generation % 2 == 1 && NUMBER(memory->generation, NUMBER_INDEX(id)) == id;
    return lives ? memory : NULL;
}

/* On one link: the word is stored before anybody looks whether a loan was accepted, see shm_layout.h. */
static void revoke(vmmc_link_t *link, void *context)
{
    uint32_t id = *(uint32_t *)context;
    lending_t *lending = &link->lending;
    bool any = false;
    lock_take(&lending->lock);
    for (uint32_t i = 0; i < lending->used; i++) {
        if (lending->loans[i].memory == id && lending->loans[i].generation % 2 == 1)
            any = lending->loans[i].revoked = true;
    }
    word_t *word = &link->arena->lending[link->side].memories[NUMBER_INDEX(id)];
    bool known = load_relaxed(word) % 2 == 1;
    if (known)
        store_release(word, load_relaxed(word) + 1); /* pairs with the acquire in is_freed() */
    full_fence();
    lock_release(&lending->lock);
    if (any)
        vmmc_kick_reclaimers(link);
    if (known)
        vmmc_notify(link, WATCHER_NUMBER); /* it may have windows of it that nobody uses */
}

int vmmc_lendable_free(uint32_t id)
{
    lock_take(&memories.lock);
    memory_t *memory = find_memory(id);
    if (memory)
        memory->generation++;
    lock_release(&memories.lock);
    if (!memory)
        return VMMC_EINVAL;
    vmmc_each_link(revoke, &id);
    os_memory_close(&memory->section);
    lock_take(&memories.lock);
    memory->taken = false;
    lock_release(&memories.lock);
    return 0;
}

/* ---- loans ---- */

uint32_t vmmc__link_hash(const vmmc_link_t *link)
{
    uint32_t hash = 2166136261u;
    for (unsigned i = 0; i < VMMC_KEY_BYTES; i++)
        hash = (hash ^ link->ticket.key[i]) * 16777619u;
    return hash;
}

/* Called with the link's lending locked, as all that follow. */
static bool is_back(vmmc_link_t *link, uint32_t index)
{
    const lent_t *loan = &link->lending.loans[index];
    const borrowed_shm_t *shared = &link->arena->lending[link->side].borrowed[index];
    /* Pairs with the release in give_back(), vmmc_borrow.c. */
    if (load_acquire(&shared->returned) == loan->generation || vmmc_link_is_dead(link))
        return true;
    if (!loan->revoked && !vmmc__has_left(link, loan->mailbox % ARENA_MAILBOXES, loan->use))
        return false;
    return load_acquire(&shared->accepted) != loan->generation;
}

static void end_loan(vmmc_link_t *link, uint32_t index)
{
    lending_t *lending = &link->lending;
    store_release(&link->arena->lending[link->side].lent[index].words[0], ++lending->loans[index].generation);
    if (index < lending->free_from)
        lending->free_from = index;
    while (lending->used && lending->loans[lending->used - 1].generation % 2 == 0)
        lending->used--;
}

/* The loans of closed sockets are not reclaimed by anybody. */
static void sweep_abandoned(vmmc_link_t *link)
{
    for (uint32_t i = link->lending.used; i-- > 0;) {
        const lent_t *loan = &link->lending.loans[i];
        if (loan->generation % 2 == 1 && loan->abandoned && is_back(link, i))
            end_loan(link, i);
    }
}

static uint32_t free_loan(vmmc_link_t *link)
{
    lending_t *lending = &link->lending;
    if (lending->free_from == ARENA_LOANS)
        sweep_abandoned(link);
    while (lending->free_from < ARENA_LOANS && lending->loans[lending->free_from].generation % 2 == 1)
        lending->free_from++;
    return lending->free_from;
}

static void publish(vmmc_link_t *link, const loan_token_t *token)
{
    lending_shm_t *shared = &link->arena->lending[link->side];
    lent_shm_t *entry = &shared->lent[token->index];
    uint32_t words[LOAN_WORDS];
    memcpy(words, token, sizeof words);
    store_relaxed(&shared->memories[token->memory], token->memory_generation);
    for (unsigned i = 1; i < LOAN_WORDS; i++)
        store_relaxed(&entry->words[i], words[i]);
    store_release(&entry->words[0], words[0]); /* pairs with the acquire in is_published() */
}

/* The memory's part of a token; false: there is no such memory or range.  Should it be freed in the next moment,
 * revoke() comes after us. */
static bool describe(loan_token_t *token, const vmmc_lend_request_t *request)
{
    lock_take(&memories.lock);
    const memory_t *memory = find_memory(request->memory);
    bool valid = memory && request->length > 0 && request->offset < memory->section.length &&
                 request->length <= memory->section.length - request->offset;
    if (valid) {
        memcpy(token->key, memory->key, sizeof token->key);
        token->flags = memory->others_write ? LOAN_WRITABLE : 0;
        token->memory = NUMBER_INDEX(request->memory);
        token->memory_generation = memory->generation;
        token->memory_length = memory->section.length;
        token->offset = request->offset;
        token->length = request->length;
    }
    lock_release(&memories.lock);
    return valid;
}

static int lend(vmmc_link_t *link, uint32_t mailbox, const vmmc_lend_request_t *request, loan_token_t *token)
{
    lending_t *lending = &link->lending;
    if (!describe(token, request))
        return VMMC_EINVAL;
    uint32_t index = free_loan(link);
    if (index == ARENA_LOANS)
        return VMMC_ENOMEM;
    lent_t *loan = &lending->loans[index];
    *loan = (lent_t){.generation = loan->generation + 1,
                     .memory = request->memory,
                     .mailbox = mailbox,
                     .use = link->mailboxes[mailbox % ARENA_MAILBOXES].use,
                     .context = request->context};
    if (index >= lending->used)
        lending->used = index + 1;
    token->generation = loan->generation;
    token->index = (uint16_t)index;
    token->mailbox = mailbox;
    token->link = vmmc__link_hash(link);
    publish(link, token);
    return 0;
}

int vmmc_lend(vmmc_link_t *link, uint32_t mailbox, const vmmc_lend_request_t *request, vmmc_loan_token_t *token,
              uint32_t *loan)
{
    loan_token_t made;
    static_assert(sizeof made == sizeof *token, "a token is a token");
    if (vmmc_link_is_dead(link))
        return VMMC_EPEER;
    lock_take(&link->lending.lock);
    int error = lend(link, mailbox, request, &made);
    lock_release(&link->lending.lock);
    if (error)
        return error;
    memcpy(token, &made, sizeof made);
    *loan = NUMBER(made.generation, made.index);
    return 0;
}

/* ---- coming back ---- */

static bool belongs(const lent_t *loan, uint32_t mailbox)
{
    return loan->generation % 2 == 1 && loan->mailbox == mailbox && !loan->abandoned;
}

static int find_back(vmmc_link_t *link, uint32_t mailbox, uint32_t number, uint32_t *index)
{
    const lending_t *lending = &link->lending;
    int result = VMMC_EINVAL;
    *index = NUMBER_INDEX(number);
    if (number) {
        const lent_t *loan = &lending->loans[*index];
        if (belongs(loan, mailbox) && NUMBER(loan->generation, *index) == number)
            result = is_back(link, *index) ? 0 : VMMC_EAGAIN;
        return result;
    }
    for (uint32_t step = 0; step < lending->used && result != 0; step++) {
        *index = (lending->next + step) % lending->used;
        if (belongs(&lending->loans[*index], mailbox))
            result = is_back(link, *index) ? 0 : VMMC_EAGAIN;
    }
    return result;
}

int vmmc_reclaim(vmmc_link_t *link, uint32_t mailbox, uint32_t *loan, void **context)
{
    lending_t *lending = &link->lending;
    uint32_t index;
    lock_take(&lending->lock);
    int error = find_back(link, mailbox, *loan, &index);
    if (!error) {
        *loan = NUMBER(lending->loans[index].generation, index);
        *context = lending->loans[index].context;
        lending->next = index + 1;
        end_loan(link, index);
    }
    lock_release(&lending->lock);
    return error;
}

void vmmc__leave_loans(vmmc_link_t *link, uint32_t mailbox)
{
    lending_t *lending = &link->lending;
    lock_take(&lending->lock);
    for (uint32_t i = 0; i < lending->used; i++) {
        if (lending->loans[i].mailbox == mailbox)
            lending->loans[i].abandoned = true;
    }
    lock_release(&lending->lock);
    vmmc__tell_lender(link);
}

/* ---- waiting ---- */

static const word_t *changes_word(const vmmc_link_t *link)
{
    return &link->arena->lending[link->side].changes;
}

vmmc_returns_t vmmc_returns(vmmc_link_t *link)
{
    return (vmmc_returns_t){load_acquire(changes_word(link)), load_acquire(&link->lending.kicks)};
}

static void wake_all(lending_t *lending)
{
    lock_take(&lending->lock);
    for (const reclaimer_t *reclaimer = lending->reclaimers; reclaimer; reclaimer = reclaimer->next)
        wait_wake_own(reclaimer->number);
    lock_release(&lending->lock);
}

void vmmc_kick_reclaimers(vmmc_link_t *link)
{
    word_add(&link->lending.kicks, 1);
    wake_all(&link->lending);
}

static bool has_news(const vmmc_link_t *link, vmmc_returns_t seen, const word_t *stop)
{
    return load_acquire(changes_word(link)) != seen.changes || load_acquire(&link->lending.kicks) != seen.kicks ||
           load_acquire(stop) != 0 || vmmc_link_is_dead(link);
}

static bool look(const vmmc_link_t *link, vmmc_returns_t seen, const word_t *stop, spin_t *spin)
{
    do {
        if (has_news(link, seen, stop))
            return true;
    } while (spin_goes_on(spin));
    return false;
}

/* The one that armed last stands in the shared word.  Whoever leaves wakes the others: what came back may be theirs. */
static void arm(vmmc_link_t *link, reclaimer_t *reclaimer)
{
    lock_take(&link->lending.lock);
    reclaimer->next = link->lending.reclaimers;
    link->lending.reclaimers = reclaimer;
    store_release(&link->arena->lending[link->side].reclaimer, reclaimer->number);
    lock_release(&link->lending.lock);
}

static void disarm(vmmc_link_t *link, reclaimer_t *reclaimer)
{
    lending_t *lending = &link->lending;
    lock_take(&lending->lock);
    reclaimer_t **at = &lending->reclaimers;
    while (*at != reclaimer)
        at = &(*at)->next;
    *at = reclaimer->next;
    store_release(&link->arena->lending[link->side].reclaimer, lending->reclaimers ? lending->reclaimers->number : 0);
    lock_release(&lending->lock);
    wake_all(lending);
}

typedef struct reclaimer_guard {
    wait_guard_t guard; /* first */
    vmmc_link_t *link;
    reclaimer_t *reclaimer;
} reclaimer_guard_t;

static void abandon(wait_guard_t *guard)
{
    reclaimer_guard_t *left = (reclaimer_guard_t *)guard;
    disarm(left->link, left->reclaimer);
}

/* As stream.c's sleep_armed(); see wait.h for why no wake-up is lost. */
static void sleep_armed(vmmc_link_t *link, vmmc_returns_t seen, const word_t *stop, uint64_t deadline)
{
    waiter_t *waiter = wait_mine();
    reclaimer_t reclaimer = {NULL, wait_number(waiter)};
    reclaimer_guard_t guard = {{NULL, abandon}, link, &reclaimer};
    uint64_t now = os_now_us();
    spin_t spin;
    arm(link, &reclaimer);
    uint32_t armed = wait_moment();
    wait_guard(waiter, &guard.guard);
    for (;;) {
        spin_begin_look(&spin, armed);
        if (look(link, seen, stop, &spin) || now >= deadline)
            break;
        uint64_t limit = wait_interlude() ? WAIT_INTERLUDE_US : WAIT_FOREVER;
        if (wait_is_cancelled())
            break;
        wait_sleep(waiter, vmmc_link_has_futex(link), deadline - now < limit ? deadline - now : limit);
        now = os_now_us();
    }
    wait_unguard(waiter);
    disarm(link, &reclaimer);
}

void vmmc_await_return(vmmc_link_t *link, vmmc_returns_t seen, const word_t *stop, uint64_t deadline)
{
    lending_t *lending = &link->lending;
    spin_t spin;
    lock_take(&lending->lock);
    uint32_t budget = spin_budget_us(&lending->learnt_spin);
    lock_release(&lending->lock);
    spin_begin(&spin, budget);
    bool hit = look(link, seen, stop, &spin);
    if (!hit)
        sleep_armed(link, seen, stop, deadline);
    lock_take(&lending->lock);
    spin_learn(&lending->learnt_spin, hit);
    lock_release(&lending->lock);
}
