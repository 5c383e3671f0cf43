/* stream_rx: the receiving half as its callers see it: receiving, the end of the stream, questions. */
#include "stream_private.h"

#include <stdlib.h>

#define ANNOUNCEMENT_LOOKS 4
#define ATTACHMENT_US 2000
#define EARLY_ATTACHMENT_US 300
#define MAX_RETRIES 8 /* of a non-blocking receive, for announced bytes or announcements that lag; about a ms each */

/* ---- the end ---- */

static bool sender_process_died(stream_t *stream)
{
    return vmmc_link_is_dead(stream->link);
}

/* A process that dies with unread bytes resets its connections, as TCP does. */
static int end_of_the_dead(const stream_t *stream)
{
    const half_t *tx = &stream->tx;
    bool counted = tx->switches && tx->carrier != CARRIER_FINAL;
    return counted && load_acquire(&tx->flow->head) != tx->position ? STREAM_RESET : 0;
}

/* Wine's server may keep the socket of a process that was killed, and then the kernel connection tells of no end.  What
 * has never been in a ring is the kernel's all the same: of that the dead one's children might know more. */
static bool kernel_says_nothing(stream_t *stream)
{
    return stream->rx.switches && stream__kernel_has(stream) == STREAM_AGAIN;
}

/* Nothing is available: is this the end?  1: no; otherwise the result of the receive.  `dead` was asked for before the
 * sight was taken, or bytes published in between would be missed. */
static int check_end(stream_t *stream, const sight_t *sight, bool dead)
{
    half_t *rx = &stream->rx;
    rx_event_t event;
    if (sight->state & FLOW_FINAL)
        event = RX_FINAL_MARK;
    else if (sight->state & (FLOW_FIN | FLOW_CLOSED))
        event = RX_END;
    else if (dead)
        event = RX_PEER_DEAD;
    else
        return 1;
    switch (rx_decide(rx->carrier, event)) {
    case RX_TO_FINAL:
        if (event == RX_PEER_DEAD && kernel_says_nothing(stream))
            return end_of_the_dead(stream);
        rx->carrier = CARRIER_FINAL;
        return STREAM_BY_KERNEL;
    case RX_EOF:
        if (event == RX_PEER_DEAD && stream__kernel_has(stream) > 0) { /* of another process that has the handle */
            rx->carrier = CARRIER_FINAL;
            return STREAM_BY_KERNEL;
        }
        if (sight->state & FLOW_RESET)
            return STREAM_RESET;
        return event == RX_PEER_DEAD ? end_of_the_dead(stream) : 0;
    default:
        return stream__break(stream, "the sender left its ring without a switch");
    }
}

/* What has come may be asked for even when it may not be received any more. */
int stream__check_question(stream_t *stream, uintptr_t socket)
{
    int gone = stream__gone(stream, socket);
    if (gone)
        return gone;
    return stream->rx.carrier == CARRIER_FINAL || !stream__consent(stream) ? STREAM_BY_KERNEL : 0;
}

/* What stops a receive before it looks at anything; 0: nothing. */
static int check_receiver(stream_t *stream, uintptr_t socket)
{
    half_t *rx = &stream->rx;
    int gone = stream__gone(stream, socket);
    if (gone)
        return gone;
    if (rx->shut)
        return STREAM_SHUT;
    return stream__check_question(stream, socket);
}

void stream__spend_leftover(half_t *rx, uint32_t count)
{
    rx->leftover_at += count;
    if (rx->leftover_at == rx->leftover_end) {
        free(rx->leftover);
        rx->leftover = NULL;
    }
}

/* Bytes that were taken out for a demotion that did not succeed come first. */
static int take_leftover(stream_t *stream, const transfer_t *transfer)
{
    half_t *rx = &stream->rx;
    uint32_t left = rx->leftover_end - rx->leftover_at, part = left < transfer->count ? left : transfer->count;
    if (transfer->view)
        return stream__show(stream, transfer, part);
    if (!vmmc_copy(COPY_PLAIN, transfer->bytes, rx->leftover + rx->leftover_at, part))
        return STREAM_FAULT;
    if (!transfer->peek)
        stream__spend_leftover(rx, part);
    return (int)part;
}

/* To a sender that is about to announce something. */
static void give_an_instant(half_t *rx)
{
    lock_release(&rx->lock);
    os_yield(UINT32_MAX);
    half_take(rx);
}

/* Bytes may be in the kernel connection an instant before the sender announces them.  A kernel select may have told the
 * program of them already, so its non-blocking receive must not come back empty-handed.  Gives the sender that
 * instant. */
static bool kernel_runs_ahead(stream_t *stream)
{
    half_t *rx = &stream->rx;
    if (rx->carrier != CARRIER_KERNEL || stream__kernel_has(stream) <= 0)
        return false;
    give_an_instant(rx);
    return true;
}

/* The sender's kernel call has not returned, but the kernel's own calls may have shown the program what it sends, before this
 * receiver consented; the program must not be told of less afterwards.  All that is in the kernel, or 0 if the sender has
 * announced it. */
static uint32_t sent_unannounced(stream_t *stream, const sight_t *sight)
{
    half_t *rx = &stream->rx;
    if (!sight->sending)
        return 0;
    uint32_t come = stream->kernel->pending(stream->socket);
    return (int32_t)(rx->position + come - sight->tail) > 0 ? come : 0;
}

/* The program has been told of more than is announced, and asks for it.  Gives the sender an instant, but not for ever. */
static bool announcement_is_due(half_t *rx, uint32_t wanted, const sight_t *sight, int64_t count)
{
    if (rx->looks_left == 0)
        return false;
    if (!sight->sending || (int32_t)(rx->told_to - sight->tail) <= 0)
        rx->looks_left = 0;
    if (rx->looks_left == 0 || count >= wanted)
        return false;
    rx->looks_left--;
    give_an_instant(rx);
    return true;
}

/* What a step's result is good for. */
typedef enum verdict {
    STEP_DONE,  /* bytes, an end or an error */
    STEP_SLEEP, /* nothing there: wait for the sender */
    STEP_RETRY  /* announced bytes were not in the kernel connection yet: look again */
} verdict_t;

/* Bytes that may be taken now, so that none of them is behind a mark.  A mark that is next is skipped, but not as the last
 * thing there is by a thread that has waited already: the urgent byte would be lost to whoever wants to take it. */
static int64_t takeable(stream_t *stream, const transfer_t *transfer, sight_t *sight, bool first)
{
    half_t *rx = &stream->rx;
    for (;;) {
        int64_t count = stream__available(stream, sight);
        uint32_t position = rx->position;
        int looked = count > 0 ? stream__look_for_urgent(stream, sight) : (int)count;
        if (looked != 1)
            return looked;
        if (rx->position != position)
            continue;
        int64_t before = stream__before_mark(rx, count);
        bool last = sight->tail - rx->position == 1;
        if (before > 0)
            return before;
        bool waits = !first || (transfer->peek && transfer->count);
        bool final = sight->state & FLOW_FINAL; /* what comes next comes by the kernel, and is not waited for here */
        if (last && waits && !final)
            return 0;
        if (transfer->count == 0 || (transfer->peek && !last))
            return count;
        int skipped = stream__skip_mark(stream);
        if (skipped != 1)
            return skipped;
    }
}

/* The present carrier's `count` bytes, and what lies behind: a program must see no seam. */
static int peek(stream_t *stream, const transfer_t *transfer, const sight_t *sight, uint32_t count)
{
    uint8_t *bytes = transfer->bytes;
    int seen = stream__take(stream, bytes, count, true);
    int64_t limit = transfer->count;
    if (stream->rx.urgent.state != URGENT_NONE)
        limit = stream__before_mark(&stream->rx, sight->tail - stream->rx.position);
    if (limit > transfer->count)
        limit = transfer->count;
    if (seen != (int)count || limit <= seen)
        return seen;
    int more = stream__peek_behind(stream, sight, bytes, (uint32_t)seen, (uint32_t)limit);
    return more > 0 ? seen + more : seen;
}

static int take(stream_t *stream, const transfer_t *transfer, const sight_t *sight, int64_t count)
{
    uint32_t part = count < transfer->count ? (uint32_t)count : transfer->count;
    if (transfer->view)
        return stream__show(stream, transfer, part);
    if (!transfer->peek)
        return stream__take(stream, transfer->bytes, part, false);
    if (stream__before_mark(&stream->rx, count) == 0)
        return count == 1 ? stream__peek_behind(stream, sight, transfer->bytes, 0, transfer->count)
                          : stream__peek_past_mark(stream, transfer->bytes, transfer->count, (uint32_t)count);
    return peek(stream, transfer, sight, part);
}

static int receive_step(stream_t *stream, const transfer_t *transfer, bool first, verdict_t *verdict)
{
    half_t *rx = &stream->rx;
    sight_t sight;
    *verdict = STEP_DONE;
    int stop = check_receiver(stream, transfer->socket);
    if (stop)
        return stop;
    if (stream__is_mine(rx) && !transfer->view)
        return STREAM_HELD;
    if (rx->held.count && !stream__is_mine(rx)) {
        *verdict = STEP_SLEEP;
        return STREAM_AGAIN;
    }
    if (rx->leftover)
        return take_leftover(stream, transfer);
    if (rx->busy) { /* another thread is taking this direction back to the kernel */
        *verdict = STEP_SLEEP;
        return STREAM_AGAIN;
    }
    bool dead = sender_process_died(stream);
    int64_t count = takeable(stream, transfer, &sight, first);
    if (count == STREAM_AGAIN)
        *verdict = STEP_RETRY;
    if (count < 0)
        return (int)count;
    if (count == 0) {
        int end = check_end(stream, &sight, dead);
        if (end != 1)
            return end;
        *verdict = !transfer->blocking && transfer->count && kernel_runs_ahead(stream) ? STEP_RETRY : STEP_SLEEP;
        return STREAM_AGAIN;
    }
    if (announcement_is_due(rx, transfer->count, &sight, count)) {
        *verdict = STEP_RETRY;
        return STREAM_AGAIN;
    }
    if (transfer->count == 0)
        return 0;
    int moved = take(stream, transfer, &sight, count);
    if (moved == STREAM_AGAIN)
        *verdict = STEP_RETRY;
    return moved;
}

static void look_out(const half_t *rx, outlook_t *outlook)
{
    const flow_shm_t *flow = rx->flow;
    *outlook = (outlook_t){.interludes = true};
    outlook_add(outlook, &flow->tail, rx->seen);
    outlook_add(outlook, &flow->state, load_acquire(&flow->state));
    outlook_add(outlook, &flow->switches, rx->switches);
}

static bool may_retry(const transfer_t *transfer, unsigned *retries)
{
    if (!transfer->blocking)
        return (*retries)++ < MAX_RETRIES;
    return transfer->deadline == STREAM_NEVER || os_now_us() < transfer->deadline;
}

/* Both ends have agreed and the other one has yet to attach, which it is about to do.  A thread that waited for its bytes in
 * the kernel meanwhile could consent to nothing; so it waits for the attachment, once. */
static void await_other_end(stream_t *stream, const transfer_t *transfer)
{
    half_t *rx = &stream->rx;
    uint32_t state = rx->flow ? load_acquire(&rx->flow->state) : FLOW_ANNOUNCING;
    if ((state & FLOW_ANNOUNCING) || rx->awaited || rx->never || rx->kernel_calls || !transfer->blocking)
        return;
    rx->awaited = true;
    bool early = load_relaxed(&stream->expects_ring); /* it is attaching at this moment, and has sent nothing */
    if (!early && stream->kernel->pending(stream->socket))
        return;
    outlook_t outlook = {.interludes = true};
    uint64_t until = os_now_us() + (early ? EARLY_ATTACHMENT_US : ATTACHMENT_US);
    outlook_add(&outlook, &rx->flow->state, state);
    stream__sleep(stream, rx, &outlook, until < transfer->deadline ? until : transfer->deadline);
}

/* Called and returns with the lock held, by a thread that holds the stream.  The outlook is taken before the step that
 * finds nothing, so that nothing can slip in between. */
static int receive_held(stream_t *stream, const transfer_t *transfer)
{
    half_t *rx = &stream->rx;
    int result;
    unsigned retries = 0;
    await_other_end(stream, transfer);
    for (bool first = true;; first = false) {
        outlook_t outlook;
        verdict_t verdict;
        uint32_t state = rx->flow ? load_acquire(&rx->flow->state) : 0;
        result = receive_step(stream, transfer, first, &verdict);
        if (verdict == STEP_RETRY && may_retry(transfer, &retries))
            continue;
        if (verdict == STEP_RETRY && transfer->blocking)
            result = STREAM_TIMEOUT;
        if (verdict != STEP_SLEEP || !transfer->blocking)
            break;
        if (rx->held.count) {
            outlook = (outlook_t){.interludes = true}; /* until another thread releases what it has borrowed */
        } else {
            look_out(rx, &outlook);
            outlook.seen[1] = state;
        }
        if (!stream__sleep(stream, rx, &outlook, transfer->deadline)) {
            result = wait_is_cancelled() ? STREAM_INTERRUPTED : STREAM_TIMEOUT;
            break;
        }
    }
    return result;
}

/* Called with the lock held, which it releases.  Kept apart so that the fast path saves no registers for it. */
__attribute__((noinline, cold)) static int receive_slowly(stream_t *stream, const transfer_t *transfer)
{
    half_t *rx = &stream->rx;
    int result = stream__enter(stream, rx, transfer->socket);
    if (result)
        return result;
    result = receive_held(stream, transfer);
    stream__leave(stream, rx);
    return result;
}

/* ---- the common case: in a ring, nothing else going on ---- */

static inline bool receives_plainly(const stream_t *stream, uintptr_t socket)
{
    const half_t *rx = &stream->rx;
    if (rx->plain)
        return stream__is_open_for(stream, socket);
    return rx->carrier == CARRIER_RING && !(rx->busy | rx->shut) && !rx->leftover &&
           !(rx->held.count | (uint32_t)rx->urgent.state) && !stream__gone(stream, socket);
}

/* Nobody sleeps here any more, now that there is something. */
static bool saw_news(half_t *rx)
{
    if (__builtin_expect(rx->shown != 0, 0))
        stream__hide_locked(rx, &rx->flow->reader);
    return true;
}

static bool has_news(half_t *rx)
{
    return load_relaxed(&rx->flow->tail) != rx->position && saw_news(rx);
}

static void let_pass(uint32_t ticks)
{
    for (uint64_t began = cpu_ticks(); cpu_ticks() - began < ticks;)
        cpu_pause();
}

/* The glance of a receiver that has emptied the ring with `since` calls in a row. */
static __attribute__((noinline)) bool glance_in_flow(half_t *rx, uint32_t since)
{
    uint32_t pause = moderation_pause(&rx->moderation, since);
    if (pause)
        let_pass(pause);
    uint64_t began = cpu_ticks(), before = began;
    for (unsigned look = 0; look < STREAM_GLANCES; look++) {
        if (has_news(rx)) {
            cpu_await_loads();
            moderation_note_news(&rx->moderation, before - began, cpu_ticks() - before);
            return true;
        }
        cpu_pause();
        before = cpu_ticks();
    }
    moderation_note_none(&rx->moderation);
    return false;
}

/* True: bytes have come within a moment.  As in stream_receive_in_exchange(), which is where most exchanges are; some more
 * microseconds in full flow. */
static bool glance(half_t *rx)
{
    if (spin_is_vain(rx->learnt_spin))
        return false;
    uint32_t since = moderation_begin(&rx->moderation, (uint32_t)rx->counters.calls, rx->position);
    if (since)
        return glance_in_flow(rx, since);
    return word_poll(&rx->flow->tail, rx->position, STREAM_GLANCES) && saw_news(rx);
}

/* In a ring, bytes there, no switch ahead, nothing else going on: how many of `count` bytes can be taken, else 0. */
static inline uint32_t find(stream_t *stream, uintptr_t socket, uint32_t count, bool glances)
{
    half_t *rx = &stream->rx;
    if (!receives_plainly(stream, socket))
        return 0;
    uint32_t there = stream__look_for(rx, count);
    if (there == 0 && glances && glance(rx))
        there = stream__look_for(rx, count);
    return there;
}

/* In a plain ring: nothing in it, and nothing announced. */
static inline bool is_quiet(const stream_t *stream)
{
    const half_t *rx = &stream->rx;
    const flow_shm_t *flow = rx->flow;
    return load_acquire(&flow->tail) == rx->position &&
           (load_acquire(&flow->state) & ~(uint32_t)(FLOW_HOLDS | FLOW_FRESH)) == FLOW_ANNOUNCING &&
           load_relaxed(&flow->switches) == rx->switches && load_relaxed(&flow->urgents) == rx->urgent.count &&
           load_relaxed(&flow->wanted) <= rx->next_wanted && !load_relaxed(stream->link_death);
}

/* `count` of the bytes that stream__look_for() has found, and make the way clear to the rest of them; or STREAM_FAULT. */
static int take_small(stream_t *stream, void *bytes, uint32_t count, bool inside)
{
    half_t *rx = &stream->rx;
    stream__make_clear(rx);
    half_offer(rx, inside);
    if (ring_may_fetch(rx->clear, count))
        ring_fetch_to_read(stream__next(rx), count);
    if (!ring_get(&rx->ring, rx->position, bytes, count))
        return STREAM_FAULT;
    rx->clear = count < rx->clear ? rx->clear - count : 0;
    stream__consume(stream, count);
    return (int)count;
}

/* The same for more than RING_SMALL, which leaves no way clear; it leaves the half, as what is called last. */
static __attribute__((noinline)) int take_large(stream_t *stream, void *bytes, uint32_t count, bool inside)
{
    half_t *rx = &stream->rx;
    rx->clear = 0;
    int result = stream__take_from_ring(stream, bytes, count, false);
    half_leave(rx, inside);
    return result;
}

static int receive_by_looks(stream_t *stream, uintptr_t socket, void *bytes, uint32_t count, bool blocking, bool inside)
{
    half_t *rx = &stream->rx;
    int result = 0;
    rx->plain = receives_plainly(stream, socket);
    if (inside && !blocking)
        full_fence(); /* of two programs that send and then look, one at least finds something, as with TCP */
    if (rx->plain && !blocking && is_quiet(stream)) {
        result = STREAM_AGAIN;
    } else if (rx->plain) {
        uint32_t there = stream__look_for(rx, count);
        if (there == 0 && blocking && glance(rx))
            there = stream__look_for(rx, count);
        if (there > RING_SMALL)
            return take_large(stream, bytes, there, inside);
        if (there)
            result = take_small(stream, bytes, there, inside);
    }
    half_leave(rx, inside);
    return result;
}

int stream_received_and_wanted(stream_t *stream, uint32_t taken)
{
    stream__wake_useful_writer(stream);
    stream__grow_if_asked(stream);
    bias_leave();
    return (int)taken;
}

int stream_receive_by_looks(stream_t *stream, uintptr_t socket, void *bytes, uint32_t count, bool blocking)
{
    return receive_by_looks(stream, socket, bytes, count, blocking, true);
}

int stream_receive_with_lock(stream_t *stream, uintptr_t socket, void *bytes, uint32_t count, bool blocking)
{
    return half_try(&stream->rx) ? receive_by_looks(stream, socket, bytes, count, blocking, false) : 0;
}

void stream_received_from_sleeper(stream_t *stream)
{
    stream__wake_useful_writer(stream);
    bias_leave();
}

/* In the half: 1 if there are bytes and 0 if there is nothing, for certain; -1: something else is going on. */
static inline int ask_plainly(stream_t *stream, uintptr_t socket, bool glances)
{
    half_t *rx = &stream->rx;
    if (stream__is_clear(stream, rx, socket, 1))
        return 1;
    if (!receives_plainly(stream, socket))
        return -1;
    if (stream__look_for(rx, 1) || (glances && glance(rx) && stream__look_for(rx, 1))) {
        stream__make_clear(rx);
        return 1;
    }
    rx->plain = true;
    return is_quiet(stream) ? 0 : -1;
}

/* In plain rings alone; -1: it cannot be told from here. */
static inline int ask_in_half(stream_t *stream, uintptr_t socket, bool glances)
{
    half_t *rx = &stream->rx;
    bool inside = bias_enter(&rx->bias);
    if (!inside && !half_try(rx))
        return -1;
    int answer = ask_plainly(stream, socket, glances);
    if (answer >= 0)
        half_offer(rx, inside);
    half_leave(rx, inside);
    return answer;
}

bool stream_readable_small(stream_t *stream, uintptr_t socket, bool glances)
{
    return ask_in_half(stream, socket, glances) == 1;
}

int stream_receive(stream_t *stream, const transfer_t *transfer)
{
    half_t *rx = &stream->rx;
    half_take(rx);
    uint32_t count = find(stream, transfer->socket, transfer->count, transfer->blocking);
    if (__builtin_expect(count == 0, 0))
        return receive_slowly(stream, transfer);
    bool small = count <= RING_SMALL && !transfer->peek;
    int result = small ? take_small(stream, transfer->bytes, count, false)
                       : stream__take_from_ring(stream, transfer->bytes, count, transfer->peek);
    lock_release(&rx->lock);
    return result;
}

int stream_borrow(stream_t *stream, const transfer_t *request, view_t *view)
{
    half_t *rx = &stream->rx;
    transfer_t borrowing = *request;
    borrowing.view = view;
    if (request->count == 0)
        return STREAM_INVALID;
    *view = (view_t){.count = 0};
    half_take(rx);
    uint32_t count = find(stream, request->socket, request->count, request->blocking);
    if (count == 0)
        return receive_slowly(stream, &borrowing);
    int result = stream__show(stream, &borrowing, count);
    lock_release(&rx->lock);
    return result;
}

/* ---- questions ---- */

bool stream_goes_on(const stream_t *stream)
{
    const half_t *rx = &stream->rx;
    if (!rx->flow || !rx->consented || rx->carrier == CARRIER_FINAL)
        return false;
    return load_acquire(&rx->flow->switches) != rx->switches || (load_acquire(&rx->flow->state) & FLOW_FINAL);
}

/* Bytes that can be received now: those behind a switch count too, since a later receive returns them without waiting;
 * what is announced but has not come does not.  0: none.  Negative: broken, or not to be told now. */
static int64_t count_arrived(stream_t *stream)
{
    half_t *rx = &stream->rx;
    sight_t sight;
    for (;;) {
        bool dead = sender_process_died(stream);
        int64_t present = stream__available(stream, &sight);
        uint32_t shown = present >= 0 ? sent_unannounced(stream, &sight) : 0;
        if (shown) {
            rx->told_to = rx->position + shown;
            rx->looks_left = ANNOUNCEMENT_LOOKS;
            return shown;
        }
        if (present == 0)
            return check_end(stream, &sight, dead) == STREAM_BY_KERNEL ? STREAM_BY_KERNEL : 0;
        if (present < 0)
            return present;
        uint32_t position = rx->position;
        int looked = stream__look_for_urgent(stream, &sight);
        if (looked != 1)
            return looked;
        if (rx->position != position)
            continue; /* a byte was skipped */
        uint32_t arrived = stream__arrived(stream, &sight, (uint32_t)present);
        return rx->urgent.in_line ? arrived : stream__before_mark(rx, arrived);
    }
}

int stream_pending(stream_t *stream, uintptr_t socket)
{
    half_t *rx = &stream->rx;
    half_take(rx);
    int64_t result = stream__check_question(stream, socket);
    if (result == 0)
        result = rx->leftover ? rx->leftover_end - rx->leftover_at : count_arrived(stream);
    lock_release(&rx->lock);
    return (int)result;
}

/* rx->lock held. */
static input_t look_at_input(stream_t *stream, uintptr_t socket)
{
    half_t *rx = &stream->rx;
    transfer_t nothing = {.socket = socket};
    sight_t sight;
    int stop = stream__check_question(stream, socket);
    if (stop)
        return stop == STREAM_BY_KERNEL ? INPUT_BY_KERNEL : INPUT_FAILED;
    if (rx->leftover)
        return INPUT_BYTES;
    if (rx->busy)
        return INPUT_NONE;
    bool dead = sender_process_died(stream);
    int64_t count = takeable(stream, &nothing, &sight, false);
    if (count)
        return count > 0 ? INPUT_BYTES : count == STREAM_AGAIN ? INPUT_NONE : INPUT_FAILED;
    if (sent_unannounced(stream, &sight))
        return INPUT_BYTES;
    int end = check_end(stream, &sight, dead);
    if (end == STREAM_BY_KERNEL)
        return INPUT_BY_KERNEL;
    return end == 1 ? INPUT_NONE : end == 0 ? INPUT_END : INPUT_FAILED;
}

input_t stream_input(stream_t *stream, uintptr_t socket)
{
    half_take(&stream->rx);
    input_t input = look_at_input(stream, socket);
    lock_release(&stream->rx.lock);
    return input;
}

int stream_readable(stream_t *stream, uintptr_t socket)
{
    int answer = ask_in_half(stream, socket, false);
    if (answer >= 0)
        return answer;
    input_t input = stream_input(stream, socket);
    return input == INPUT_BY_KERNEL ? STREAM_BY_KERNEL : input != INPUT_NONE;
}

void stream_shut_receiving(stream_t *stream, uintptr_t socket)
{
    half_t *rx = &stream->rx;
    half_take(rx);
    if (stream__gone(stream, socket) != STREAM_CANCELLED)
        rx->shut = true;
    stream__wake_local(rx);
    lock_release(&rx->lock);
}
