/* stream: life, sleeping, closing.   Sending is in stream_tx.c, stream_turn.c and stream_room.c, receiving in stream_rx.c
 * and stream_follow.c, urgent bytes in stream_urgent.c, leaving in stream_leave.c, views of the rings in stream_view.c. */
#include "stream_private.h"

#include "vmmc_lend.h"

#include <stdlib.h>

/* What the halves of the last streams that ended had learnt: many streams are too short to learn whether spinning pays. */
static word_t learnt_spins[2];

static void init_half(half_t *half, const word_t *learnt_spin)
{
    size_t kept = offsetof(half_t, carrier);
    half_take(half);
    memset((uint8_t *)half + kept, 0, sizeof *half - kept);
    half->learnt_spin = load_relaxed(learnt_spin);
    bias_renew(&half->bias);
}

void stream_init(stream_t *stream, const kernel_calls_t *kernel, uintptr_t socket, uint32_t ring_bytes,
                 uint32_t ring_max_bytes)
{
    init_half(&stream->tx, &learnt_spins[0]);
    init_half(&stream->rx, &learnt_spins[1]);
    copy_choices_begin(&stream->tx.copying);
    stream->kernel = kernel;
    stream->socket = socket;
    atomic_store_explicit(&stream->open_for, socket, memory_order_relaxed);
    stream->ring_bytes = ring_bytes;
    stream->ring_max_bytes = ring_max_bytes < ring_bytes ? ring_bytes : ring_max_bytes;
    stream->new_until = 0;
    store_relaxed(&stream->expects_ring, 0);
    store_relaxed(&stream->missed_ring, 0);
    stream->link = NULL;
    store_relaxed(&stream->unblocked, 0);
    store_relaxed(&stream->attached, 0);
    store_relaxed(&stream->closing, 0);
    store_relaxed(&stream->broken, 0);
    store_relaxed(&stream->users, 1);
    store_relaxed(&stream->gone, 0);
    lock_release(&stream->rx.lock);
    lock_release(&stream->tx.lock);
}

static void announce(half_t *tx)
{
    tx->seen = tx->position;
    store_release(&tx->flow->tail, tx->position);
    store_release(&tx->flow->state, FLOW_ANNOUNCING | (tx->never ? FLOW_FINAL : 0));
    if (tx->never)
        tx->carrier = CARRIER_FINAL;
}

void stream_size_rings(stream_t *stream, uint32_t receiving, uint32_t sending)
{
    if (receiving)
        stream->ring_bytes = receiving;
    stream->tx.next_wanted = sending;
}

void stream_attach(stream_t *stream, vmmc_link_t *link, uint32_t mailbox, void *memory)
{
    stream_shm_t *shm = memory;
    unsigned side = vmmc_link_side(link);
    stream->link = link;
    stream->link_death = vmmc_link_death(link);
    stream->mailbox = mailbox;
    half_take(&stream->tx);
    half_take(&stream->rx);
    stream->tx.flow = &shm->flow[side];
    stream->rx.flow = &shm->flow[1 - side];
    stream->rx.seen = stream->rx.position;
    store_release(&stream->rx.flow->head, stream->rx.position);
    store_relaxed(&stream->tx.flow->wanted, stream->tx.next_wanted);
    if (stream->tx.kernel_calls == 0)
        announce(&stream->tx);
    store_release(&stream->attached, 1);
    lock_release(&stream->rx.lock);
    lock_release(&stream->tx.lock);
    full_fence();
    stream__wake_reader(stream);
}

bool stream_is_attached(const stream_t *stream)
{
    return load_acquire(&stream->attached) != 0;
}

/* A thread that finds it done may rely on it, so the mark comes last; two threads may do it both. */
void stream_unblock_kernel(stream_t *stream)
{
    if (load_acquire(&stream->unblocked))
        return;
    stream->kernel->unblock(stream->socket);
    store_release(&stream->unblocked, 1);
}

const kernel_calls_t *stream__kernel(stream_t *stream)
{
    stream_unblock_kernel(stream);
    return stream->kernel;
}

/* ---- calls that bypass the stream while it has no ring ---- */

static bool is_announced(const half_t *tx)
{
    return tx->flow && (load_relaxed(&tx->flow->state) & FLOW_ANNOUNCING);
}

bool stream_enter_kernel(stream_t *stream, half_t *half, uintptr_t socket)
{
    half_take(half);
    bool free = half->carrier == CARRIER_FINAL || (half == &stream->tx ? !is_announced(half) : !half->consented);
    /* Frozen: returned bytes have to go before those of a caller that was sent here earlier. */
    if (half->frozen || stream->socket != socket || load_relaxed(&stream->closing))
        free = false;
    if (free) {
        half->kernel_calls++;
        stream__hold(stream);
    }
    lock_release(&half->lock);
    return free;
}

void stream_leave_kernel(stream_t *stream, half_t *half, int moved)
{
    half_take(half);
    half->kernel_calls--;
    if (moved > 0) {
        half->position += (uint32_t)moved;
        half->counters.by_kernel += (uint32_t)moved;
        stream__count(half, (uint32_t)moved);
    }
    if (half == &stream->tx && half->flow && half->kernel_calls == 0 && !is_announced(half) &&
        !load_relaxed(&stream->closing)) {
        announce(half);
        stream__wake_reader(stream);
    }
    lock_release(&half->lock);
    stream__let_go(stream);
}

void stream_forbid_sending(stream_t *stream)
{
    half_take(&stream->tx);
    stream->tx.never = true;
    lock_release(&stream->tx.lock);
}

/* ---- waking and sleeping ---- */

void stream__wake_reader(stream_t *stream)
{
    uint32_t number = load_relaxed(&stream->tx.flow->reader);
    if (!number)
        return;
    stream->tx.counters.wakes++;
    vmmc_notify(stream->link, number);
}

void stream__wake_writer(stream_t *stream)
{
    uint32_t number = load_relaxed(&stream->rx.flow->writer);
    if (!number)
        return;
    stream->rx.counters.wakes++;
    vmmc_notify(stream->link, number);
}

/* A sender that finds little room would soon sleep again. */
void stream__wake_useful_writer(stream_t *stream)
{
    const half_t *rx = &stream->rx;
    uint32_t least = rx->ring.size / STREAM_USEFUL_SHARE;
    if (rx->carrier != CARRIER_RING || rx->seen - rx->position <= rx->ring.size - least)
        stream__wake_writer(stream);
}

/* The shared word that tells the other side whom to wake for `half`. */
static word_t *waiter_word(stream_t *stream, half_t *half)
{
    if (!half->flow)
        return NULL;
    return half == &stream->rx ? &half->flow->reader : &half->flow->writer;
}

static void show(half_t *half, word_t *shared, uint32_t number)
{
    if (!shared || half->shown == number)
        return;
    half->shown = number;
    store_relaxed(&half->shown_since, wait_moment());
    store_release(shared, number);
}

/* The first of a half's sleepers is the one the other side wakes; when it leaves, it wakes the next.  Whoever waits for
 * another thread of this process only (`shared` is NULL) stands at the end. */
static void arm_locked(half_t *half, word_t *shared, sleeper_t *sleeper, uint32_t number)
{
    sleeper_t **at = &half->sleepers;
    while (!shared && *at)
        at = &(*at)->next;
    sleeper->number = number;
    sleeper->next = *at;
    *at = sleeper;
    show(half, shared, number);
}

static void disarm_locked(half_t *half, word_t *shared, sleeper_t *sleeper)
{
    bool was_first = half->sleepers == sleeper;
    sleeper_t **at = &half->sleepers;
    while (*at && *at != sleeper)
        at = &(*at)->next;
    if (*at)
        *at = sleeper->next;
    if (!was_first)
        return;
    uint32_t next = half->sleepers ? half->sleepers->number : 0;
    show(half, shared, next);
    wait_wake_own(next);
}

/* Like disarm_locked(), but the number stays: the thread will be back, and is then armed already. */
static void step_out_locked(half_t *half, word_t *shared, sleeper_t *sleeper)
{
    if (half->sleepers == sleeper && !sleeper->next)
        half->sleepers = NULL;
    else
        disarm_locked(half, shared, sleeper);
}

void stream__hide_locked(half_t *half, word_t *shared)
{
    if (half->shown && !half->sleepers)
        show(half, shared, 0);
}

void stream__wake_local(half_t *half)
{
    word_add(&half->kicks, 1);
    for (const sleeper_t *sleeper = half->sleepers; sleeper; sleeper = sleeper->next)
        wait_wake_own(sleeper->number);
}

bool stream_arm(stream_t *stream, half_t *half, uintptr_t socket, sleeper_t *sleeper, const waiter_t *waiter)
{
    half_take(half);
    bool open = stream_is_attached(stream) && stream__gone(stream, socket) != STREAM_CANCELLED;
    if (open) {
        stream__hold(stream);
        arm_locked(half, waiter_word(stream, half), sleeper, wait_number(waiter));
    }
    lock_release(&half->lock);
    return open;
}

void stream_disarm(stream_t *stream, half_t *half, sleeper_t *sleeper)
{
    half_take(half);
    disarm_locked(half, waiter_word(stream, half), sleeper);
    lock_release(&half->lock);
    stream__let_go(stream);
}

static void kick_half(half_t *half)
{
    half_take(half);
    stream__wake_local(half);
    lock_release(&half->lock);
}

void stream_kick(stream_t *stream)
{
    kick_half(&stream->tx);
    kick_half(&stream->rx);
}

void stream__hold(stream_t *stream)
{
    word_add(&stream->users, 1);
}

static void let_go_of_memory(stream_t *stream)
{
    half_t *rx = &stream->rx;
    if (rx->offered.handle && rx->offered.handle != rx->ring.handle)
        vmmc_unexport_later(stream->link, rx->offered.handle, stream->mailbox);
    if (rx->ring.handle)
        vmmc_unexport_later(stream->link, rx->ring.handle, stream->mailbox);
    free(rx->leftover);
    vmmc_mailbox_leave(stream->link, stream->mailbox);
    vmmc_link_release(stream->link);
    stream->link = NULL;
}

void stream__let_go(stream_t *stream)
{
    if (word_add(&stream->users, (uint32_t)-1) != 0)
        return;
    if (stream_is_attached(stream))
        let_go_of_memory(stream);
    store_release(&stream->gone, 1); /* only now may the entry be used again; pairs with stream_is_gone() */
}

int stream__enter(stream_t *stream, half_t *half, uintptr_t socket)
{
    int gone = stream__gone(stream, socket);
    if (gone)
        lock_release(&half->lock);
    else
        stream__hold(stream);
    return gone;
}

void stream__leave(stream_t *stream, half_t *half)
{
    lock_release(&half->lock);
    stream__let_go(stream);
}

int stream_enter_link(stream_t *stream, uintptr_t socket, vmmc_link_t **link, uint32_t *mailbox)
{
    int result = STREAM_CANCELLED;
    half_take(&stream->tx);
    if (!load_relaxed(&stream->closing) && stream->socket == socket)
        result = stream_is_attached(stream) ? 0 : STREAM_BY_KERNEL;
    if (result == 0) {
        stream__hold(stream);
        *link = stream->link;
        *mailbox = stream->mailbox;
    }
    lock_release(&stream->tx.lock);
    return result;
}

void stream_leave_link(stream_t *stream)
{
    stream__let_go(stream);
}

void stream_count_loan(half_t *half, uint64_t bytes)
{
    half_take(half);
    half->counters.loans++;
    half->counters.lent += bytes;
    lock_release(&half->lock);
}

static bool watch_for(const half_t *half, const outlook_t *outlook, spin_t *spin, uint32_t kicks)
{
    do {
        if (outlook_has_changed(outlook) || load_relaxed(&half->kicks) != kicks)
            return true;
    } while (spin_goes_on(spin));
    return false;
}

static bool spin_for(const half_t *half, const outlook_t *outlook, uint32_t us, uint32_t kicks)
{
    spin_t spin;
    spin_begin(&spin, us);
    return watch_for(half, outlook, &spin, kicks);
}

/* True: news.  *at_a_glance: so soon that spinning would have paid. */
static bool look_armed(const half_t *half, const outlook_t *outlook, uint32_t kicks, uint32_t since, bool *at_a_glance)
{
    spin_t spin;
    spin_begin_look(&spin, since);
    bool news = watch_for(half, outlook, &spin, kicks);
    *at_a_glance = news && cpu_ticks() < spin.polite_from;
    return news;
}

bool stream__look(half_t *half, const outlook_t *outlook, uint32_t us)
{
    uint32_t kicks = load_relaxed(&half->kicks);
    lock_release(&half->lock);
    bool changed = spin_for(half, outlook, us, kicks);
    half_take(half);
    return changed;
}

static bool is_cancelled(const outlook_t *outlook)
{
    return outlook->interludes && wait_is_cancelled();
}

/* What a thread leaves behind that ends in its sleep. */
typedef struct stream_guard {
    wait_guard_t guard; /* first */
    stream_t *stream;
    half_t *half;
    sleeper_t *sleeper;
} stream_guard_t;

static void abandon(wait_guard_t *guard)
{
    stream_guard_t *left = (stream_guard_t *)guard;
    half_t *half = left->half;
    half_take(half);
    disarm_locked(half, waiter_word(left->stream, half), left->sleeper);
    if (half->busy && half->turn == left->sleeper->number)
        half->busy = false;
    stream__wake_local(half);
    lock_release(&half->lock);
    stream__let_go(left->stream);
}

void stream__wait_kernel(stream_t *stream, half_t *half, unsigned ms)
{
    waiter_t *waiter = wait_mine();
    bool sending = half == &stream->tx; /* a receiver is here for an instant only */
    sleeper_t unarmed = {NULL, wait_number(waiter)};
    stream_guard_t guard = {{NULL, abandon}, stream, half, &unarmed};
    lock_release(&half->lock);
    wait_guard(waiter, &guard.guard);
    if (sending && wait_interlude() && ms > WAIT_INTERLUDE_US / 1000)
        ms = WAIT_INTERLUDE_US / 1000;
    if (!sending || !wait_is_cancelled())
        stream->kernel->wait(stream->socket, sending, ms);
    wait_unguard(waiter);
    half_take(half);
}

/* True if no sleep was needed: spinning pays. */
static bool sleep_armed(stream_t *stream, half_t *half, const outlook_t *outlook, uint64_t deadline, uint32_t kicks)
{
    waiter_t *waiter = wait_mine();
    sleeper_t sleeper;
    stream_guard_t guard = {{NULL, abandon}, stream, half, &sleeper};
    uint64_t now = os_now_us();
    bool at_a_glance;
    uint32_t sleeps = 0;
    half_take(half);
    arm_locked(half, outlook->count ? waiter_word(stream, half) : NULL, &sleeper, wait_number(waiter));
    bool patient = half->patient;
    lock_release(&half->lock);
    wait_guard(waiter, &guard.guard);
    bool local = outlook->count == 0; /* a thread of this process has to come, whatever became of the other one */
    while (!look_armed(half, outlook, kicks, patient ? load_relaxed(&half->shown_since) : wait_moment(), &at_a_glance) &&
           now < deadline && (local || !stream__is_lost(stream))) {
        uint64_t limit = outlook->interludes && wait_interlude() ? WAIT_INTERLUDE_US : WAIT_FOREVER;
        if (is_cancelled(outlook))
            break;
        wait_sleep(waiter, vmmc_link_has_futex(stream->link), deadline - now < limit ? deadline - now : limit);
        now = os_now_us();
        sleeps++;
    }
    wait_unguard(waiter);
    half_take(half);
    word_t *shared = outlook->count ? waiter_word(stream, half) : NULL;
    if (sleeps && half == &stream->rx)
        step_out_locked(half, shared, &sleeper);
    else
        disarm_locked(half, shared, &sleeper);
    half->counters.sleeps += sleeps;
    lock_release(&half->lock);
    return at_a_glance && !sleeps;
}

/* Three steps (see wait.h for why no wake-up is lost): spin unarmed, arm and look, then really sleep. */
bool stream__sleep(stream_t *stream, half_t *half, const outlook_t *outlook, uint64_t deadline)
{
    uint32_t budget = spin_budget_us(&half->learnt_spin), kicks = load_relaxed(&half->kicks);
    uint32_t begun = wait_moment();
    lock_release(&half->lock);
    bool hit = spin_for(half, outlook, budget, kicks);
    bool paid = hit || sleep_armed(stream, half, outlook, deadline, kicks);
    half_take(half);
    half->counters.waits++;
    spin_learn(&half->learnt_spin, paid);
    half->patient = !paid && wait_has_been_long(begun);
    if (!half->patient)
        stream__hide_locked(half, waiter_word(stream, half));
    return hit || (!is_cancelled(outlook) && (deadline == STREAM_NEVER || os_now_us() < deadline));
}

/* ---- the end ---- */

int stream__give_up(stream_t *stream, const char *what)
{
    atomic_store_explicit(&stream->open_for, 0, memory_order_relaxed);
    if (word_swap(&stream->broken, 1) == 0)
        log_error("socket %lu: connection reset: %s", (unsigned long)stream->socket, what);
    return STREAM_RESET;
}

int stream__break(stream_t *stream, const char *what)
{
    vmmc_distrust();
    return stream__give_up(stream, what);
}

void stream__mark(half_t *tx, uint32_t bits)
{
    store_release(&tx->flow->state, load_relaxed(&tx->flow->state) | bits);
}

static void close_sending(stream_t *stream, bool hard)
{
    half_t *tx = &stream->tx;
    uint32_t marks = FLOW_CLOSED | (hard ? FLOW_RESET : 0);
    /* Without an announcement, kernel calls are still under way and the receiver never consented. */
    if (is_announced(tx) && tx_decide(tx->carrier, TX_CLOSE) != TX_CLOSE_RING)
        marks |= FLOW_FINAL;
    stream__mark(tx, marks);
    tx->carrier = CARRIER_FINAL;
    tx->shut = true;
}

bool stream_is_over(stream_t *stream)
{
    half_t *tx = &stream->tx;
    half_take(tx);
    uint32_t peer = stream->rx.flow ? load_acquire(&stream->rx.flow->state) : 0;
    bool reset = (peer & FLOW_RESET) || tx->swallowed || stream_is_broken(stream);
    bool over = reset || (tx->shut && (peer & (FLOW_FIN | FLOW_CLOSED)));
    lock_release(&tx->lock);
    return over;
}

/* A close that throws away bytes is a reset.  Those of the kernel connection reset that too, but the other side may be
 * sending by a ring, and must see it there.  What is the kernel's for good is not counted here, and its copies in other
 * processes may read on. */
static bool has_unread(const half_t *rx)
{
    return rx->consented && rx->carrier != CARRIER_FINAL && (int32_t)(load_acquire(&rx->flow->tail) - rx->position) > 0;
}

void stream_close(stream_t *stream, bool hard)
{
    store_release(&stream->closing, 1);
    half_take(&stream->tx);
    half_take(&stream->rx);
    if (stream_is_attached(stream)) {
        store_relaxed(&learnt_spins[0], stream->tx.learnt_spin);
        store_relaxed(&learnt_spins[1], stream->rx.learnt_spin);
        stream__restore_now(stream);
        /* What this end has given up has been reset for its program, and must not seem to end well for the other's. */
        close_sending(stream, hard || stream_is_broken(stream) || has_unread(&stream->rx));
        flow_shm_t *in = stream->rx.flow;
        store_release(&in->consumer, load_relaxed(&in->consumer) | FLOW_READER_CLOSED);
        full_fence();
        stream__wake_reader(stream);
        stream__wake_writer(stream);
        vmmc_kick_reclaimers(stream->link);
    }
    stream__wake_local(&stream->tx);
    stream__wake_local(&stream->rx);
    lock_release(&stream->rx.lock);
    lock_release(&stream->tx.lock);
    stream__let_go(stream);
}
