/* stream_leave: demotion: a stream goes back to the kernel for good, while bytes are on their way.
 *
 * Sending half: publish a last switch to the kernel; the receiver drains the ring, then follows.
 * Receiving half: what lies unread in rings (and behind them in the kernel connection) must reach whoever reads the
 * kernel socket next, in order.  So the receiver asks the sender to hold still (LEAVES), takes everything out, returns
 * it through an export of its own (RETURNED), and the sender's process sends it again by the kernel (RESTORED).  The
 * sender's watcher answers if none of its threads is in a call.  Each wait is bounded; then the connection is reset. */
#include "stream_private.h"

#include <stdlib.h>

#define MAX_RETURNED (4u << 20)

/* ---- the sender's side ---- */

void stream__leave_sending(stream_t *stream, tx_event_t event)
{
    half_t *tx = &stream->tx;
    tx_action_t action = tx_decide(tx->carrier, event);
    if (action == TX_NOTHING)
        return;
    if (action == TX_TO_FINAL)
        stream__switch_to_kernel(stream); /* before the mark: a ring that ends without a switch is an error */
    stream__mark(tx, FLOW_FINAL);
    tx->carrier = CARRIER_FINAL;
    if (tx->shut && !tx->frozen)
        stream->kernel->shut(stream->socket);
    full_fence();
    stream__wake_reader(stream);
    stream__wake_local(tx);
}

/* A sender that is the kernel's already may have bytes there that cannot be held back: it declines by answering both
 * questions at once. */
static void freeze(stream_t *stream)
{
    half_t *tx = &stream->tx;
    tx->frozen = tx->carrier != CARRIER_FINAL;
    tx->frozen_since = os_now_us();
    stream__leave_sending(stream, TX_PEER_LEAVES);
    stream__mark(tx, tx->frozen ? FLOW_FROZEN : FLOW_FROZEN | FLOW_RESTORED);
    full_fence();
    stream__wake_reader(stream);
}

/* The next of the returned bytes; the last of the first `urgent` is an urgent one. */
static int send_returned(stream_t *stream, const uint8_t *bytes, uint32_t count, uint32_t urgent)
{
    uint32_t at = stream->tx.restored, end = at < urgent && urgent <= count ? urgent - 1 : count;
    if (at == end)
        return stream__kernel(stream)->send_urgent(stream->socket, bytes + at);
    return stream__kernel(stream)->send(stream->socket, bytes + at, end - at);
}

/* How many bytes the receiver has returned, mapped here. */
static uint32_t map_returned(stream_t *stream, vmmc_region_t *region)
{
    half_t *tx = &stream->tx;
    uint32_t count = load_relaxed(&tx->flow->returned_bytes), handle = load_relaxed(&tx->flow->returned);
    int error = count ? vmmc_import(stream->link, handle, region) : 0;
    if (error == 0 && count <= region->size)
        return count;
    if (error == 0 || error == VMMC_EPROTO) {
        stream__break(stream, "the receiver returned bytes that are not there");
    } else {
        log_error("socket %lu: no memory for bytes that the other end returns; it keeps them",
                  (unsigned long)stream->socket);
        stream__mark(tx, FLOW_REFUSED);
    }
    return tx->restored;
}

/* Give the returned bytes to the kernel.  True: there are more, but the kernel has no room now. */
static bool restore(stream_t *stream)
{
    half_t *tx = &stream->tx;
    vmmc_region_t region = {0};
    uint32_t count = map_returned(stream, &region), urgent = load_relaxed(&tx->flow->returned_urgent);
    while (tx->restored < count) {
        int moved = send_returned(stream, region.base, count, urgent);
        if (moved == STREAM_AGAIN)
            return true;
        if (moved <= 0)
            break; /* the kernel connection is gone; its own errors tell the program */
        tx->restored += (uint32_t)moved;
    }
    tx->frozen = false;
    if (tx->shut)
        stream->kernel->shut(stream->socket);
    stream__mark(tx, FLOW_RESTORED);
    full_fence();
    stream__wake_reader(stream);
    stream__wake_local(tx);
    return false;
}

void stream__restore_now(stream_t *stream)
{
    half_t *tx = &stream->tx;
    if (tx->frozen && (load_acquire(&tx->flow->consumer) & FLOW_READER_RETURNED))
        restore(stream);
}

int stream__thaw(stream_t *stream)
{
    half_t *tx = &stream->tx;
    tx->frozen = false;
    if (vmmc_link_is_dead(stream->link) || (load_acquire(&tx->flow->consumer) & FLOW_READER_CLOSED))
        return STREAM_BY_KERNEL; /* and what the other side has sent is still to be received */
    return stream__give_up(stream, "the receiver asked to hold still and then did not finish");
}

bool stream_serve_peer(stream_t *stream)
{
    half_t *tx = &stream->tx;
    bool more = false;
    half_take(tx);
    if (stream_is_attached(stream) && !load_relaxed(&stream->closing)) {
        uint32_t wish = load_acquire(&tx->flow->consumer), state = load_relaxed(&tx->flow->state);
        if ((wish & FLOW_READER_LEAVES) && (state & FLOW_ANNOUNCING) && !(state & FLOW_FROZEN))
            freeze(stream);
        if ((wish & FLOW_READER_DRAINS) && (state & FLOW_ANNOUNCING))
            stream__leave_sending(stream, TX_PEER_LEAVES);
        if ((wish & FLOW_READER_RETURNED) && tx->frozen)
            more = restore(stream);
    }
    lock_release(&tx->lock);
    stream__consent_if_asked(stream);
    return more;
}

/* ---- the receiver's side ---- */

void stream__tell_sender(stream_t *stream, uint32_t bits)
{
    flow_shm_t *flow = stream->rx.flow;
    store_release(&flow->consumer, load_relaxed(&flow->consumer) | bits);
    full_fence();
    stream__wake_writer(stream);
    vmmc_notify(stream->link, WATCHER_NUMBER);
}

/* Wait until the sender's state has one of `bits`; called with rx.lock held. */
static bool await_sender(stream_t *stream, uint32_t bits)
{
    half_t *rx = &stream->rx;
    uint64_t until = os_now_us() + STREAM_PATIENCE_US;
    for (;;) {
        outlook_t outlook = {.count = 0};
        uint32_t state = load_acquire(&rx->flow->state);
        if (state & bits)
            return true;
        if (stream__is_lost(stream) || load_relaxed(&stream->closing))
            return false;
        outlook_add(&outlook, &rx->flow->state, state);
        if (!stream__sleep(stream, rx, &outlook, until))
            return false;
    }
}

static uint32_t unread_bytes(const half_t *rx)
{
    return load_acquire(&rx->flow->tail) - rx->position;
}

/* Take up to `room` bytes out of whatever carries them now.  A count, STREAM_AGAIN, or 0: nothing. */
static int drain(stream_t *stream, uint8_t *bytes, uint32_t room)
{
    sight_t sight;
    int64_t count = stream__available(stream, &sight);
    if (count <= 0)
        return (int)count;
    return stream__take(stream, bytes, count < room ? (uint32_t)count : room, false);
}

/* What is urgent among the unread bytes has to be known before they are taken out. */
static uint32_t look_at_unread(stream_t *stream)
{
    sight_t sight;
    if (stream__available(stream, &sight) > 0)
        stream__look_for_urgent(stream, &sight);
    return unread_bytes(&stream->rx);
}

/* Room for unread bytes in an export of our own, and memory to keep them in should the sender not take them: when they
 * are out of their carriers it is too late to find that there is none. */
static bool make_room(stream_t *stream, uint32_t count, vmmc_region_t *region, uint8_t **spare)
{
    uint32_t size = 4096;
    while (size < count)
        size *= 2;
    *spare = malloc(count);
    if (*spare && vmmc_export(stream->link, size, region) == 0)
        return true;
    free(*spare);
    *spare = NULL;
    log_error("socket %lu: no memory to return unread bytes", (unsigned long)stream->socket);
    return false;
}

/* Take everything out of the carriers.  The sender holds still, so what it has announced is there or will be in an
 * instant. */
static int collect(stream_t *stream, const vmmc_region_t *region, uint32_t count)
{
    uint32_t done = 0;
    uint64_t until = os_now_us() + STREAM_PATIENCE_US;
    while (done < count) {
        int moved = drain(stream, region->base + done, count - done);
        if (moved == STREAM_AGAIN && os_now_us() < until && !load_relaxed(&stream->closing))
            stream__wait_kernel(stream, &stream->rx, 10);
        else if (moved <= 0)
            return stream__give_up(stream, "what the sender had announced did not come while it held still");
        else
            done += (uint32_t)moved;
    }
    return 0;
}

/* The sender could not take them back: they stay in this process, before anything else.  An urgent byte is then only
 * to be had aside. */
static void keep_leftover(half_t *rx, const uint8_t *bytes, uint32_t count, uint32_t up_to_urgent, uint8_t **spare)
{
    uint32_t first = up_to_urgent && !rx->urgent.in_line ? up_to_urgent - 1 : count, skipped = first < count;
    if (count == skipped)
        return;
    memcpy(*spare, bytes, first);
    memcpy(*spare + first, bytes + first + skipped, count - first - skipped);
    rx->leftover = *spare;
    rx->leftover_at = 0;
    rx->leftover_end = count - skipped;
    *spare = NULL;
}

/* The sender has ended half-way: what it had put back by then is a part of what is kept.  The kernel connection was
 * empty before, and ends behind that part. */
static void discard_restored(stream_t *stream, uint32_t count)
{
    uint8_t bytes[4096];
    uint64_t until = os_now_us() + STREAM_PATIENCE_US;
    while (count) {
        int moved = stream__kernel(stream)->receive(stream->socket, bytes, count < sizeof bytes ? count : sizeof bytes);
        if (moved == STREAM_AGAIN && os_now_us() < until && !load_relaxed(&stream->closing)) {
            stream__wait_kernel(stream, &stream->rx, 10);
            continue;
        }
        if (moved <= 0)
            return;
        count -= (uint32_t)moved;
    }
}

/* What became of the returned bytes.  0: the kernel carries them; STREAM_AGAIN: they are kept in `spare`. */
static int await_restored(stream_t *stream, const vmmc_region_t *region, uint32_t count, uint32_t up_to_urgent,
                          uint8_t **spare)
{
    half_t *rx = &stream->rx;
    bool answered = await_sender(stream, FLOW_RESTORED | FLOW_CLOSED);
    uint32_t state = load_acquire(&rx->flow->state);
    if ((state & FLOW_RESTORED) && !(state & FLOW_REFUSED))
        return 0;
    if (!answered && !vmmc_link_is_dead(stream->link))
        return stream__give_up(stream, "the sender did not take returned bytes in time");
    if (!(state & FLOW_REFUSED))
        discard_restored(stream, count);
    keep_leftover(rx, region->base, count, up_to_urgent, spare);
    return STREAM_AGAIN;
}

/* Returns `count` bytes, or none: the sender waits for that. */
static int hand_over(stream_t *stream, const vmmc_region_t *region, uint32_t count, uint8_t **spare)
{
    half_t *rx = &stream->rx;
    uint32_t start = rx->position;
    urgent_t urgent = rx->urgent;
    int error = collect(stream, region, count);
    if (error)
        return error;
    rx->urgent = urgent;
    uint32_t up_to_urgent = stream__return_urgent(rx, region->base, start, &count);
    store_relaxed(&rx->flow->returned, region->handle);
    store_relaxed(&rx->flow->returned_bytes, count);
    store_relaxed(&rx->flow->returned_urgent, up_to_urgent);
    stream__tell_sender(stream, FLOW_READER_RETURNED);
    return await_restored(stream, region, count, up_to_urgent, spare);
}

/* Too much for one export, borrowed, or no memory: this process keeps it where it is. */
static int return_unread(stream_t *stream)
{
    half_t *rx = &stream->rx;
    vmmc_region_t region = {0};
    uint8_t *spare = NULL;
    uint32_t unread = look_at_unread(stream);
    bool all = unread <= MAX_RETURNED && !rx->held.count && (!unread || make_room(stream, unread, &region, &spare));
    int result = hand_over(stream, &region, all ? unread : 0, &spare);
    if (region.handle)
        vmmc_unexport_later(stream->link, region.handle, stream->mailbox);
    free(spare);
    return result == 0 && !all ? STREAM_AGAIN : result;
}

/* True if all that is unread lies in the kernel connection, where the kernel's own calls find it. */
static bool only_kernel_is_left(const half_t *rx)
{
    return rx->carrier == CARRIER_KERNEL && load_acquire(&rx->flow->switches) == rx->switches;
}

/* Called with rx.lock held and rx.busy set. */
static int leave_receiving_half(stream_t *stream)
{
    half_t *rx = &stream->rx;
    stream__tell_sender(stream, FLOW_READER_LEAVES);
    bool answered = await_sender(stream, FLOW_FROZEN | FLOW_CLOSED);
    uint32_t state = load_acquire(&rx->flow->state);
    if (!answered && !vmmc_link_is_dead(stream->link))
        return stream__give_up(stream, "the sender did not answer a request to leave");
    if (!answered || (state & FLOW_CLOSED))
        return STREAM_AGAIN; /* nobody can send again what is unread: this process keeps it */
    if (state & FLOW_RESTORED) { /* declined */
        if (unread_bytes(rx) && !only_kernel_is_left(rx))
            return STREAM_AGAIN;
        rx->carrier = CARRIER_FINAL;
        return 0;
    }
    int error = return_unread(stream);
    if (!error)
        rx->carrier = CARRIER_FINAL;
    return error;
}

/* Another thread of this process is in the middle of the same demotion. */
static void await_other_thread(stream_t *stream, half_t *half)
{
    outlook_t nothing = {.count = 0};
    uint64_t until = os_now_us() + 3 * STREAM_PATIENCE_US;
    while (half->busy && stream__sleep(stream, half, &nothing, until))
        ;
}

static int demote_receiving(stream_t *stream)
{
    half_t *rx = &stream->rx;
    int result = 0;
    half_take(rx);
    rx->never = true;
    if (rx->leftover)
        result = STREAM_AGAIN;
    else if (rx->busy)
        await_other_thread(stream, rx);
    else if (rx->consented && rx->carrier != CARRIER_FINAL) {
        rx->busy = true;
        rx->turn = wait_number(wait_mine());
        result = leave_receiving_half(stream);
        rx->busy = false;
        stream__wake_local(rx);
    }
    lock_release(&rx->lock);
    return result;
}

/* While the other side is leaving too, bytes it returned to us must reach the kernel before anything that our program
 * is about to put there. */
static void await_thaw(stream_t *stream)
{
    half_t *tx = &stream->tx;
    uint64_t until = os_now_us() + 2 * STREAM_PATIENCE_US, now;
    while (tx->frozen && !stream__is_lost(stream) && (now = os_now_us()) < until) {
        outlook_t outlook = {.count = 0};
        outlook_add(&outlook, &tx->flow->consumer, load_acquire(&tx->flow->consumer));
        lock_release(&tx->lock);
        stream_serve_peer(stream);
        half_take(tx);
        if (tx->frozen)
            stream__sleep(stream, tx, &outlook, now + 2000);
    }
}

static void demote_sending(stream_t *stream)
{
    half_t *tx = &stream->tx;
    half_take(tx);
    tx->never = true;
    await_thaw(stream);
    if (tx->flow && (load_relaxed(&tx->flow->state) & FLOW_ANNOUNCING))
        stream__leave_sending(stream, TX_LEAVE);
    lock_release(&tx->lock);
}

int stream_demote(stream_t *stream)
{
    half_take(&stream->tx);
    bool open = !load_relaxed(&stream->closing);
    if (open)
        stream__hold(stream);
    lock_release(&stream->tx.lock);
    if (!open)
        return 0;
    demote_sending(stream);
    int result = demote_receiving(stream);
    stream__let_go(stream);
    return result;
}
