/* stream_tx: the sending half: what a send does, step by step. */
#include "ring.h"
#include "stream_private.h"

#define FIRST_RING_US 500u
#define FIRST_RING_LOOK_US 30u

/* ---- what stops a sender ---- */

/* TCP takes one send after the peer's close, and fails the next. */
static int after_peer_closed(stream_t *stream, uint32_t count)
{
    half_t *tx = &stream->tx;
    bool hard = load_acquire(&stream->rx.flow->state) & FLOW_RESET;
    if (tx->swallowed || hard)
        return STREAM_RESET;
    tx->swallowed = true;
    return (int)count;
}

/* True while a receiver that asked us to hold still may be expected to finish. */
static bool is_thawing(const stream_t *stream)
{
    const half_t *tx = &stream->tx;
    return !vmmc_link_is_dead(stream->link) && !stream__peer_has_closed(tx) &&
           os_now_us() - tx->frozen_since < 2 * STREAM_PATIENCE_US;
}

/* Called with the lock held; 0: go on; otherwise the result of the send. */
inline int stream__check_sender(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    int gone = stream__gone(stream, transfer->socket);
    if (gone)
        return gone;
    if (tx->shut)
        return STREAM_SHUT;
    if (tx->frozen)
        return is_thawing(stream) ? 0 : stream__thaw(stream);
    if (tx->carrier == CARRIER_FINAL)
        return STREAM_BY_KERNEL;
    if (!tx->flow || !(load_relaxed(&tx->flow->state) & FLOW_ANNOUNCING))
        return STREAM_BY_KERNEL;
    return stream__receiver_died(stream) && !stream__peer_has_closed(tx) ? STREAM_RESET : 0;
}

/* ---- moving bytes ---- */

static inline void publish(stream_t *stream, const uint8_t *bytes, uint32_t count, bool urgent)
{
    if (__builtin_expect(urgent, 0))
        stream__publish_urgent(&stream->tx, bytes[count - 1], count);
    stream__sent(stream, count);
}

static inline bool put(half_t *tx, const uint8_t *bytes, uint32_t count)
{
    return ring_put(copy_choices_way(&tx->copying, count), &tx->ring, tx->position, bytes, count);
}

/* What could be read, but STREAM_FAULT instead of none. */
static int put_in_parts(stream_t *stream, const uint8_t *bytes, uint32_t count, bool urgent)
{
    half_t *tx = &stream->tx;
    for (uint32_t done = 0, part; done < count; done += part) {
        part = count - done < tx->part ? count - done : tx->part;
        if (!put(tx, bytes + done, part))
            return done ? (int)done : STREAM_FAULT;
        publish(stream, bytes + done, part, urgent && done + part == count);
        if (copy_choices_note(&tx->copying, part, tx->ring.size))
            stream__ask_for_roomy_ring(stream, count);
    }
    return (int)count;
}

static int impossible_head(stream_t *stream)
{
    return stream__break(stream, "the receiver's head is beyond what was sent");
}

/* Bytes put into the ring, 0: it is full. */
static int send_by_ring(stream_t *stream, const transfer_t *transfer, uint32_t done)
{
    half_t *tx = &stream->tx;
    uint32_t count = transfer->count - done;
    int64_t room = stream__find_room(tx, count);
    if (room < 0)
        return impossible_head(stream);
    if (count > tx->ring.size / STREAM_WHOLE_SHARE)
        stream__ask_for_fitting_ring(stream, count);
    if (room == 0 || (room < count && count <= stream__largest_whole(tx, transfer, done)))
        return 0;
    uint32_t part = room < count ? (uint32_t)room : count;
    return put_in_parts(stream, (const uint8_t *)transfer->bytes + done, part, transfer->urgent && part == count);
}

static int send_by_kernel(stream_t *stream, const uint8_t *bytes, uint32_t count, bool urgent)
{
    half_t *tx = &stream->tx;
    /* A receiver that has consented shows its program nothing that is not announced. */
    store_release(&tx->flow->in_kernel, !load_relaxed(&tx->flow->offer));
    int moved = stream__kernel(stream)->send(stream->socket, bytes, count);
    if (moved > 0) {
        publish(stream, bytes, (uint32_t)moved, urgent && moved == (int)count);
        tx->counters.by_kernel += (uint32_t)moved;
    }
    store_release(&tx->flow->in_kernel, 0); /* pairs with the acquire in stream_follow.c, look() */
    return moved == STREAM_AGAIN ? 0 : moved;
}

/* ---- the call ---- */

/* The receiver of a connection that both ends have met at once is about to offer a ring; that costs it nothing but the call
 * it is in, while bytes by the kernel cost both ends requests on Wine.  Once, and not for long: it may have other plans.  Who
 * does not block looks for a fraction of what the kernel would take. */
static int await_first_ring(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    outlook_t outlook = {.interludes = true};
    uint64_t until = os_now_us() + FIRST_RING_US;
    store_relaxed(&stream->expects_ring, 0);
    outlook_add(&outlook, &tx->flow->offer, 0);
    outlook_add(&outlook, &tx->flow->consumer, 0);
    if (!transfer->blocking)
        stream__look(tx, &outlook, FIRST_RING_LOOK_US);
    else if (!vmmc_link_has_futex(stream->link)) /* an event may be waited for by the tick of a clock */
        stream__look(tx, &outlook, FIRST_RING_US);
    else
        stream__sleep(stream, tx, &outlook, until < transfer->deadline ? until : transfer->deadline);
    store_relaxed(&stream->missed_ring, transfer->blocking && !load_relaxed(&tx->flow->offer));
    return 0;
}

/* What has to be seen to before `left` bytes can go.  True: nothing.  Otherwise *result is 0 to look again, the reason to
 * stop, or a count that has been swallowed. */
static bool is_clear(stream_t *stream, const transfer_t *transfer, uint32_t left, int *result)
{
    half_t *tx = &stream->tx;
    *result = stream__check_sender(stream, transfer);
    if (*result)
        return false;
    if (tx->frozen) {
        *result = stream__wait_frozen(stream, transfer);
        return false;
    }
    if (stream__peer_has_closed(tx)) {
        *result = after_peer_closed(stream, left);
        return false;
    }
    if (load_relaxed(&tx->flow->consumer)) {
        lock_release(&tx->lock);
        stream_serve_peer(stream);
        half_take(tx);
        bool served = tx->frozen || tx->carrier == CARRIER_FINAL || load_relaxed(&stream->closing);
        *result = served ? 0 : stream__break(stream, "the receiver's wishes make no sense");
        return false;
    }
    *result = stream__take_offer(stream);
    return *result == 0;
}

/* One step of a send: bytes moved, 0 to go round again, or the reason to stop. */
static int send_step(stream_t *stream, const transfer_t *transfer, uint32_t done)
{
    half_t *tx = &stream->tx;
    const uint8_t *bytes = (const uint8_t *)transfer->bytes + done;
    uint32_t left = transfer->count - done;
    int result;
    if (!is_clear(stream, transfer, left, &result))
        return result;
    if (transfer->urgent && !load_acquire(&tx->flow->offer)) /* the lock is given up meanwhile, so all is asked again */
        return stream__receiver_understands(stream) ? 0 : STREAM_BY_KERNEL;
    if (tx->carrier == CARRIER_RING) {
        int moved = send_by_ring(stream, transfer, done);
        return moved ? moved : stream__wait_for_ring(stream, transfer, done);
    }
    if (load_relaxed(&stream->expects_ring) && !tx->never)
        return await_first_ring(stream, transfer);
    int moved = send_by_kernel(stream, bytes, left, transfer->urgent);
    return moved ? moved : stream__wait_for_kernel(stream, transfer);
}

int64_t stream__await_room(stream_t *stream, const transfer_t *request)
{
    half_t *tx = &stream->tx;
    transfer_t wish = *request, *transfer = &wish;
    wish.tearable = true;
    for (;;) {
        int result;
        if (is_clear(stream, transfer, transfer->count, &result)) {
            if (tx->carrier != CARRIER_RING)
                return STREAM_BY_KERNEL;
            uint32_t useful = stream__useful_room(tx, transfer, 0);
            int64_t room = stream__find_room(tx, transfer->count);
            if (room < 0)
                return impossible_head(stream);
            if (room >= useful)
                return room;
            result = stream__wait_for_ring(stream, transfer, 0);
        }
        if (result > 0)
            return STREAM_RESET; /* to fill what nobody will read makes no sense */
        if (result == 0 && wait_is_cancelled())
            result = STREAM_INTERRUPTED;
        if (result)
            return result;
    }
}

/* An empty send only tells of the state: not of the peer's close, unless a send has met that already. */
static int send_nothing(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    int stop = stream__check_sender(stream, transfer);
    bool reset = tx->swallowed || (tx->flow && (load_acquire(&stream->rx.flow->state) & FLOW_RESET));
    return stop == 0 && reset ? STREAM_RESET : stop;
}

/* Called with the lock held; one thread at a time is inside, so that no two blocking sends mix their bytes. */
static int send_in_turn(stream_t *stream, const transfer_t *transfer)
{
    uint32_t done = 0;
    int step = transfer->count ? 0 : send_nothing(stream, transfer);
    stream->tx.full.rest_until = 0;
    while (done < transfer->count) {
        step = send_step(stream, transfer, done);
        if (step == 0 && wait_is_cancelled())
            step = STREAM_INTERRUPTED;
        if (step < 0)
            break;
        done += (uint32_t)step;
    }
    if (step == STREAM_BY_KERNEL && done)
        return (int)done; /* the caller goes on with the rest by the kernel */
    if (step < 0 && (done == 0 || step == STREAM_TIMEOUT || step == STREAM_INTERRUPTED))
        return step;
    return (int)done;
}

/* Kept apart so that the fast path saves no registers for it. */
__attribute__((noinline, cold)) static int send_slowly(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    int result = stream__enter(stream, tx, transfer->socket);
    if (result)
        return result;
    if (!transfer->in_turn)
        result = stream__take_turn(stream, transfer);
    if (result == 0) {
        result = send_in_turn(stream, transfer);
        if (!transfer->in_turn)
            stream__end_turn(tx);
    }
    stream__leave(stream, tx);
    return result;
}

/* ---- the common case: in a ring, nothing else going on ---- */

static inline bool sends_plainly(const stream_t *stream, uintptr_t socket)
{
    const half_t *tx = &stream->tx;
    if (tx->plain)
        return stream__is_open_for(stream, socket);
    return tx->carrier == CARRIER_RING && !(tx->busy | tx->shut) && !stream__gone(stream, socket);
}

/* In a ring, with room, and nothing else going on; nothing urgent is to be sent. */
static inline bool may_send(stream_t *stream, uintptr_t socket, uint32_t count)
{
    half_t *tx = &stream->tx;
    if (!sends_plainly(stream, socket) || count > tx->part)
        return false;
    const flow_shm_t *flow = tx->flow;
    if (load_relaxed(&flow->consumer) || load_relaxed(&flow->offer) != tx->ring.handle)
        return false;
    return stream__find_room(tx, count) >= count && !load_acquire(stream->link_death);
}

/* `count` bytes for which may_send() is true; and make the way clear, since nothing else is done before the lock is
 * released.  False: they may not be read. */
static bool put_small(stream_t *stream, const void *bytes, uint32_t count, bool inside)
{
    half_t *tx = &stream->tx;
    tx->plain = true;
    tx->clear = ring_first_span(&tx->ring, tx->position, tx->ring.size - (tx->position - tx->seen));
    half_offer(tx, inside);
    if (count <= tx->clear && count <= COPY_SHORT_MAX) {
        if (!stream__put_clear(tx, bytes, count))
            return false;
    } else {
        if (ring_may_fetch(tx->clear, count))
            ring_fetch_to_write(stream__next(tx), count);
        if (!ring_put(COPY_STRING, &tx->ring, tx->position, bytes, count))
            return false;
        tx->clear = 0;
        stream__publish(tx, count);
    }
    if (__builtin_expect(load_relaxed(&tx->flow->reader) != 0, 0))
        stream__wake_reader(stream);
    return true;
}

/* `count`, if that is large what could be read of it, or STREAM_FAULT. */
static int put_plainly(stream_t *stream, const void *bytes, uint32_t count, bool inside)
{
    if (count <= RING_SMALL)
        return put_small(stream, bytes, count, inside) ? (int)count : STREAM_FAULT;
    stream->tx.plain = true;
    stream->tx.clear = 0;
    return put_in_parts(stream, bytes, count, false);
}

static inline int send_by_looks(stream_t *stream, uintptr_t socket, const void *bytes, uint32_t count, bool inside)
{
    int result = may_send(stream, socket, count) ? put_plainly(stream, bytes, count, inside) : 0;
    half_leave(&stream->tx, inside);
    return result;
}

int stream_send_unclear(stream_t *stream, uintptr_t socket, const void *bytes, uint32_t count)
{
    return send_by_looks(stream, socket, bytes, count, true);
}

int stream_send_with_lock(stream_t *stream, uintptr_t socket, const void *bytes, uint32_t count)
{
    return half_try(&stream->tx) ? send_by_looks(stream, socket, bytes, count, false) : 0;
}

void stream_sent_to_sleeper(stream_t *stream)
{
    stream__wake_reader(stream);
    bias_leave();
}

int stream_send(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    half_take(tx);
    if (__builtin_expect(transfer->urgent || !may_send(stream, transfer->socket, transfer->count), 0))
        return send_slowly(stream, transfer);
    int result = put_plainly(stream, transfer->bytes, transfer->count, false);
    lock_release(&tx->lock);
    return result;
}

/* Called with the lock held. */
static void shut_sending(stream_t *stream)
{
    half_t *tx = &stream->tx;
    if (tx_decide(tx->carrier, TX_SHUT) == TX_FIN_RING) {
        stream__mark(tx, FLOW_FIN);
    } else {
        tx->never = true; /* should the stream be attached only now */
        if (tx->flow)
            stream__mark(tx, FLOW_FINAL);
        tx->carrier = CARRIER_FINAL;
        if (!tx->frozen)
            stream->kernel->shut(stream->socket);
    }
    tx->shut = true;
    full_fence();
    if (tx->flow)
        stream__wake_reader(stream);
    stream__wake_local(tx);
}

void stream_shut_sending(stream_t *stream, uintptr_t socket)
{
    half_t *tx = &stream->tx;
    half_take(tx);
    if (!tx->shut && stream__gone(stream, socket) != STREAM_CANCELLED)
        shut_sending(stream);
    lock_release(&tx->lock);
}

/* Enough for most messages, and for the one that was just refused; or a head that a send would find impossible. */
static bool has_room(half_t *tx)
{
    uint32_t enough = tx->ring.size / STREAM_USEFUL_SHARE;
    if (tx->full.at == tx->position && tx->full.wanted > enough)
        enough = tx->full.wanted;
    int64_t room = stream__find_room(tx, enough);
    return room < 0 || room >= enough;
}

/* Where nothing stops a sender.  What a full ring does not take the kernel does, unless the ring will have room soon. */
static int look_for_room(stream_t *stream)
{
    half_t *tx = &stream->tx;
    bool in_ring = tx->carrier == CARRIER_RING;
    if (tx->frozen || tx->busy)
        return 0;
    if (in_ring && has_room(tx))
        return 1;
    if (stream__ring_on_offer(tx) || load_acquire(&tx->flow->consumer))
        return 1;
    return in_ring ? stream__promise_room(stream) : STREAM_BY_KERNEL;
}

int stream_writable(stream_t *stream, uintptr_t socket)
{
    half_t *tx = &stream->tx;
    transfer_t nothing = {.socket = socket};
    half_take(tx);
    int ready = stream__check_sender(stream, &nothing);
    if (ready == 0)
        ready = look_for_room(stream);
    else if (ready != STREAM_BY_KERNEL)
        ready = 1;
    lock_release(&tx->lock);
    return ready;
}
