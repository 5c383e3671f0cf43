/* stream_small: a small message in the common case, inline: in a ring, with nothing else going on.
 *
 * At this size every instruction counts (docs/performance.md, The fast path), so here are one lock, a row of looks and the
 * copy, in the caller's registers.  Whatever else is the matter, nothing has happened and the result is 0: the caller
 * then asks stream_send() or stream_receive(), which know about everything. */
#ifndef VMMC_STREAM_SMALL_H
#define VMMC_STREAM_SMALL_H

#include "ring.h"
#include "stream.h"

#define STREAM_USEFUL_SHARE 4 /* a sleeping sender is woken when this fraction of the ring is free */

/* What stops every transfer; 0: nothing.  Called with a lock of the stream held, as all that follow but the last two. */
static inline int stream__gone(const stream_t *stream, uintptr_t socket)
{
    if (load_relaxed(&stream->closing) || stream->socket != socket)
        return STREAM_CANCELLED;
    return load_relaxed(&stream->broken) ? STREAM_RESET : 0;
}

static inline void stream__count(half_t *half, uint32_t bytes)
{
    half->counters.bytes += bytes;
    half->counters.calls++;
}

/* ---- sending ---- */

/* Wake whoever sleeps at the other end of the direction that this side sends. */
void stream__wake_reader(stream_t *stream);

/* Room in the ring; the shared head is read only when the remembered one does not do.  It counts from the switch to
 * this ring, while the receiver may still drain the carriers before it.  -1: the head is impossible. */
static inline int64_t stream__room(half_t *tx, uint32_t enough)
{
    if (tx->ring.size - (tx->position - tx->seen) < enough) {
        uint32_t head = load_acquire(&tx->flow->head); /* pairs with the release in stream__consume() */
        if ((int32_t)(head - tx->seen) > 0) {
            if (head - tx->seen > tx->position - tx->seen)
                return -1;
            tx->seen = head;
        }
    }
    return tx->ring.size - (tx->position - tx->seen);
}

/* In a ring, with room, and nothing else going on; nothing urgent is to be sent. */
static inline bool stream__may_send(stream_t *stream, uintptr_t socket, uint32_t count)
{
    half_t *tx = &stream->tx;
    if (tx->carrier != CARRIER_RING || (tx->busy | tx->shut) || count > tx->part || stream__gone(stream, socket))
        return false;
    const flow_shm_t *flow = tx->flow;
    if (load_relaxed(&flow->consumer) || load_relaxed(&flow->offer) != tx->ring.handle)
        return false;
    return stream__room(tx, count) >= count && !load_acquire(stream->link_death);
}

static inline void stream__sent(stream_t *stream, uint32_t count)
{
    half_t *tx = &stream->tx;
    tx->position += count;
    store_release(&tx->flow->tail, tx->position); /* pairs with the acquires in stream_follow.c, look(), and below */
    stream__count(tx, count);
    if (__builtin_expect(load_relaxed(&tx->flow->reader) != 0, 0))
        stream__wake_reader(stream);
}

/* ---- receiving ---- */

void stream__wake_writer(stream_t *stream);
/* Offer the larger ring that the sender would like. */
void stream__grow(stream_t *stream);
/* Nothing is there: look for a moment whether something comes. */
bool stream__glance(stream_t *stream, uintptr_t socket);
/* In a ring, with nothing in it, nothing announced and nothing else going on. */
bool stream__is_quiet(const stream_t *stream, uintptr_t socket);

/* In a ring, and nothing on this side that a receive would have to see to. */
static inline bool stream__receives_plainly(const stream_t *stream, uintptr_t socket)
{
    const half_t *rx = &stream->rx;
    return rx->carrier == CARRIER_RING && !(rx->busy | rx->shut) && !rx->leftover &&
           !(rx->held.count | (uint32_t)rx->urgent.state) && !stream__gone(stream, socket);
}

/* In a ring, bytes there, no switch ahead, nothing else going on: how many of `count` bytes can be taken, else 0. */
static inline uint32_t stream__may_take(stream_t *stream, uintptr_t socket, uint32_t count)
{
    half_t *rx = &stream->rx;
    if (!stream__receives_plainly(stream, socket))
        return 0;
    uint32_t left = rx->known - rx->position;
    if (left <= rx->ring.size && left >= count)
        return count;
    uint32_t tail = load_acquire(&rx->flow->tail); /* pairs with the release in stream__sent() */
    left = tail - rx->position;
    if (left > rx->ring.size || load_acquire(&rx->flow->switches) != rx->switches ||
        load_acquire(&rx->flow->urgents) != rx->urgent.count)
        return 0;
    rx->seen = rx->known = tail;
    return left < count ? left : count;
}

/* The receiver's position has moved. */
static inline void stream__forget_passed_mark(half_t *rx)
{
    if (rx->urgent.state != URGENT_NONE && (int32_t)(rx->position - rx->urgent.at) > 0)
        rx->urgent.state = URGENT_NONE;
}

static inline void stream__consume(stream_t *stream, uint32_t count)
{
    half_t *rx = &stream->rx;
    rx->position += count;
    store_release(&rx->flow->head, rx->position); /* pairs with the acquire in stream__room() */
    stream__count(rx, count);
    stream__forget_passed_mark(rx);
    if (__builtin_expect(load_relaxed(&rx->flow->writer) != 0, 0) &&
        (rx->carrier != CARRIER_RING || rx->seen - rx->position <= rx->ring.size - rx->ring.size / STREAM_USEFUL_SHARE))
        stream__wake_writer(stream);
    if (__builtin_expect(load_relaxed(&rx->flow->wanted) > rx->ring.size, 0) && rx->carrier == CARRIER_RING)
        stream__grow(stream);
}

/* ---- both ---- */

/* `count` bytes for which stream__may_send() is true. */
static inline void stream__put_small(stream_t *stream, const void *bytes, uint32_t count)
{
    half_t *tx = &stream->tx;
    if (tx->ring.size - (tx->position - tx->seen) >= RING_AHEAD + count)
        ring_fetch_to_write(&tx->ring, tx->position + RING_AHEAD, count);
    ring_put(COPY_STRING, &tx->ring, tx->position, bytes, count);
    stream__sent(stream, count);
}

/* `count` of the bytes that stream__may_take() has found. */
static inline void stream__get_small(stream_t *stream, void *bytes, uint32_t count)
{
    half_t *rx = &stream->rx;
    if (rx->known - rx->position >= RING_AHEAD + count)
        ring_fetch_to_read(&rx->ring, rx->position + RING_AHEAD, count);
    ring_get(&rx->ring, rx->position, bytes, count);
    stream__consume(stream, count);
}

/* `count`: 1 to RING_SMALL.  It is sent whole. */
static inline int stream_send_small(stream_t *stream, uintptr_t socket, const void *bytes, uint32_t count)
{
    if (!lock_take_free(&stream->tx.lock))
        return 0;
    bool can = stream__may_send(stream, socket, count);
    if (__builtin_expect(can, 1))
        stream__put_small(stream, bytes, count);
    lock_release(&stream->tx.lock);
    return can ? (int)count : 0;
}

/* As much as is there, up to `count`, if that is no more than RING_SMALL.  STREAM_AGAIN: there is nothing, for certain; only
 * if not blocking. */
static inline int stream_receive_small(stream_t *stream, uintptr_t socket, void *bytes, uint32_t count, bool blocking)
{
    half_t *rx = &stream->rx;
    int result = 0;
    if (!lock_take_free(&rx->lock))
        return 0;
    uint32_t taken = stream__may_take(stream, socket, count);
    if (__builtin_expect(taken == 0, 0)) {
        if (!blocking)
            result = stream__is_quiet(stream, socket) ? STREAM_AGAIN : 0;
        else if (stream__glance(stream, socket))
            taken = stream__may_take(stream, socket, count);
    }
    if (__builtin_expect(taken - 1 < RING_SMALL, 1)) {
        stream__get_small(stream, bytes, taken);
        result = (int)taken;
    }
    lock_release(&rx->lock);
    return result;
}

/* True if a receive would find bytes; false says nothing.  `glances`: it may take a moment. */
static inline bool stream_readable_small(stream_t *stream, uintptr_t socket, bool glances)
{
    half_t *rx = &stream->rx;
    if (!lock_take_free(&rx->lock))
        return false;
    bool readable = stream__may_take(stream, socket, 1) != 0;
    if (!readable && glances && stream__glance(stream, socket))
        readable = stream__may_take(stream, socket, 1) != 0;
    lock_release(&rx->lock);
    return readable;
}

#endif
