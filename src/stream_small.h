/* stream_small: a small message in the common case: in a ring, with nothing else going on.
 *
 * At this size every instruction counts (docs/performance.md, The fast path), so the *_clear() calls are a few looks and
 * the copy, inline, in the caller's registers, and take no lock.  That is enough within the clear stretch of a half that
 * this thread has (half_t, bias.h).  Beyond the stretch stream_send_unclear() and stream_receive_in_exchange(), and behind that
 * stream_receive_by_looks(), look at more, and make the next one clear; the *_with_lock() calls do the same for a thread that
 * does not have the half.  Where those give 0 something else is the matter and nothing has happened; stream_send() and
 * stream_receive() know about everything. */
#ifndef VMMC_STREAM_SMALL_H
#define VMMC_STREAM_SMALL_H

#include "ring.h"
#include "stream.h"

/* What became of a message.  With the last two this thread is still in the half. */
typedef enum small {
    SMALL_NOT,     /* it does not have the half: call stream_send_with_lock(), or its twin */
    SMALL_NOTHING, /* none came within a moment (stream_receive_in_exchange() alone) */
    SMALL_FAULT,   /* the program's memory may not be touched */
    SMALL_DONE,
    SMALL_WAKES,   /* it was moved, but somebody sleeps at the other end: call stream_sent_to_sleeper(), or its twin */
    SMALL_UNCLEAR, /* call what follows it: stream_send_unclear(), stream_receive_in_exchange(), stream_receive_by_looks() */
} small_t;

static inline void stream__count(half_t *half, uint32_t bytes)
{
    half->counters.bytes += bytes;
    half->counters.calls++;
}

/* The stream is not broken, and still that socket's. */
static inline bool stream__is_open_for(const stream_t *stream, uintptr_t socket)
{
    return __builtin_expect(atomic_load_explicit(&stream->open_for, memory_order_relaxed) == socket, 1);
}

/* True if `count` bytes, 1 or more, may be moved without any other look at this process, and in line.  The half's lock is
 * held, or this thread is in the half, as for all that follow whose name begins with stream__. */
static inline bool stream__is_clear(const stream_t *stream, const half_t *half, uintptr_t socket, uint32_t count)
{
    return __builtin_expect(count <= COPY_SHORT_MAX && count <= half->clear, 1) && stream__is_open_for(stream, socket);
}

/* The first of the next bytes in the ring.  A clear stretch ends where the ring does. */
static inline uint8_t *stream__next(const half_t *half)
{
    return half->ring.base + (half->position & (half->ring.size - 1));
}

/* ---- sending ---- */

/* Publish `count` bytes that lie in their place; who sleeps at the other end is still to be woken. */
static inline void stream__publish(half_t *tx, uint32_t count)
{
    tx->position += count;
    store_release(&tx->flow->tail, tx->position); /* pairs with the acquires in stream_follow.c, look(), and in stream_rx.c */
    stream__count(tx, count);
}

/* Within the clear stretch, which is shorter then.  False: `bytes` may not be read, and nothing has been done. */
static inline bool stream__put_clear(half_t *tx, const void *bytes, uint32_t count)
{
    uint8_t *to = stream__next(tx);
    if (ring_may_fetch(tx->clear, count))
        ring_fetch_to_write(to, count);
    if (!vmmc_copy_short(to, bytes, count))
        return false;
    tx->clear -= count;
    stream__publish(tx, count);
    return true;
}

/* `count`: 1 or more.  It is sent whole. */
static inline small_t stream_send_clear(stream_t *stream, uintptr_t socket, const void *bytes, uint32_t count)
{
    half_t *tx = &stream->tx;
    if (!bias_enter(&tx->bias))
        return SMALL_NOT;
    if (!stream__is_clear(stream, tx, socket, count) || __builtin_expect(load_relaxed(&tx->flow->consumer) != 0, 0))
        return SMALL_UNCLEAR;
    bool put = stream__put_clear(tx, bytes, count);
    if (__builtin_expect(put && load_relaxed(&tx->flow->reader) != 0, 0))
        return SMALL_WAKES;
    bias_leave();
    return put ? SMALL_DONE : SMALL_FAULT;
}

void stream_sent_to_sleeper(stream_t *stream);
/* `count` (if that is more than RING_SMALL, what could be read of it), 0, or STREAM_FAULT.  This thread is in the half. */
int stream_send_unclear(stream_t *stream, uintptr_t socket, const void *bytes, uint32_t count);
/* The same with the lock, which it takes if that is free. */
int stream_send_with_lock(stream_t *stream, uintptr_t socket, const void *bytes, uint32_t count);

/* ---- receiving ---- */

#define STREAM_GLANCES 60

/* The receiver is done with `count` more bytes; a sender that sleeps for want of room is still to be woken. */
static inline void stream__give_room(half_t *rx, uint32_t count)
{
    rx->position += count;
    store_release(&rx->flow->head, rx->position); /* pairs with the acquire in stream__find_room() */
}

/* `count` of the next `clear` bytes.  False, and nothing has been done: `bytes` may not be written. */
static inline bool stream__take_of(half_t *rx, void *bytes, uint32_t count, uint32_t clear)
{
    const uint8_t *from = stream__next(rx);
    if (ring_may_fetch(clear, count))
        ring_fetch_to_read(from, count);
    if (!vmmc_copy_short(bytes, from, count))
        return false;
    rx->clear = clear - count;
    stream__give_room(rx, count);
    stream__count(rx, count);
    return true;
}

/* `count`: 1 or more. */
static inline small_t stream_receive_clear(stream_t *stream, uintptr_t socket, void *bytes, uint32_t count)
{
    half_t *rx = &stream->rx;
    if (!bias_enter(&rx->bias))
        return SMALL_NOT;
    if (!stream__is_clear(stream, rx, socket, count))
        return SMALL_UNCLEAR;
    bool taken = stream__take_of(rx, bytes, count, rx->clear);
    if (__builtin_expect(taken && load_relaxed(&rx->flow->writer) != 0, 0))
        return SMALL_WAKES;
    bias_leave();
    return taken ? SMALL_DONE : SMALL_FAULT;
}

/* The smaller of the two.  By a branch, which the empty asm keeps the compiler from making a conditional move: so the processor
 * guesses that all are there, and begins to load them while it waits for the word that says so (docs/performance.md). */
static inline uint32_t stream__guess_all(uint32_t asked, uint32_t there)
{
    if (__builtin_expect(there < asked, 0)) {
        __asm__ volatile("" : "+r"(there));
        return there;
    }
    return asked;
}

/* How many of `count` plain bytes the sender has published, which were not known of. */
static inline uint32_t stream__look_at_tail(half_t *rx, uint32_t count)
{
    const flow_shm_t *flow = rx->flow;
    uint32_t tail = load_acquire(&flow->tail); /* pairs with the release in stream__publish() */
    uint32_t left = tail - rx->position;
    if (left > rx->ring.size || load_acquire(&flow->switches) != rx->switches ||
        load_acquire(&flow->urgents) != rx->urgent.count)
        return 0;
    rx->seen = rx->known = tail;
    return stream__guess_all(count, left);
}

/* How many of `count` plain bytes are there. */
static inline uint32_t stream__look_for(half_t *rx, uint32_t count)
{
    uint32_t left = rx->known - rx->position;
    return left <= rx->ring.size && left >= count ? count : stream__look_at_tail(rx, count);
}

/* Once a look has found something: how much may be taken without another one. */
static inline uint32_t stream__clear_stretch(const half_t *rx)
{
    return ring_first_span(&rx->ring, rx->position, rx->known - rx->position);
}

/* The same, if nothing but receiving is done before the lock is released. */
static inline void stream__make_clear(half_t *rx)
{
    rx->plain = true;
    rx->clear = stream__clear_stretch(rx);
}

/* A blocking receive that finds nothing glances: in a quick exchange the answer comes within the time that the slow path would
 * take to prepare for waiting.  The half is kept meanwhile, so it is two or three microseconds at the most, and none where spinning
 * has not paid.  False: somebody else has to look, as that is not all that matters. */
static inline bool stream__may_glance(half_t *rx)
{
    return !(rx->shown || spin_is_vain(rx->learnt_spin)) &&
           moderation_is_exchange(&rx->moderation, (uint32_t)rx->counters.calls, rx->position);
}

/* The sender sleeps, or would like a larger ring. */
static inline bool stream__sender_wants(const half_t *rx)
{
    return __builtin_expect(load_relaxed(&rx->flow->writer) != 0 || load_relaxed(&rx->flow->wanted) > rx->next_wanted, 0);
}

void stream_received_from_sleeper(stream_t *stream);
/* After SMALL_WAKES of stream_receive_in_exchange(): gives `taken`. */
int stream_received_and_wanted(stream_t *stream, uint32_t taken);
/* After SMALL_UNCLEAR of that: as much as is there, up to `count`.  0: nothing, ask stream_receive(); STREAM_AGAIN: there is
 * nothing, for certain; only if not blocking.  STREAM_FAULT. */
int stream_receive_by_looks(stream_t *stream, uintptr_t socket, void *bytes, uint32_t count, bool blocking);
/* The same with the lock, which it takes if that is free. */
int stream_receive_with_lock(stream_t *stream, uintptr_t socket, void *bytes, uint32_t count, bool blocking);
/* After SMALL_UNCLEAR of the clear way: the next bytes, or those that come within a moment; *taken: as much as is there, up to
 * `count`.  Inline and without a call, because each instruction after the glance is one between a message and its answer. */
static inline small_t stream_receive_in_exchange(stream_t *stream, uintptr_t socket, void *bytes, uint32_t count, bool blocking,
                                                 uint32_t *taken)
{
    half_t *rx = &stream->rx;
    if (!rx->plain || !stream__is_open_for(stream, socket))
        return SMALL_UNCLEAR;
    uint32_t there = stream__look_for(rx, count);
    if (there == 0) {
        if (!blocking || !stream__may_glance(rx))
            return SMALL_UNCLEAR;
        if (!word_poll(&rx->flow->tail, rx->position, STREAM_GLANCES)) {
            bias_leave();
            return SMALL_NOTHING;
        }
        there = stream__look_at_tail(rx, count); /* the rest is as it was: nobody else comes in meanwhile */
    }
    uint32_t clear = stream__clear_stretch(rx);
    if (there - 1 >= COPY_SHORT_MAX || there > clear)
        return SMALL_UNCLEAR;
    if (!stream__take_of(rx, bytes, there, clear)) {
        bias_leave();
        return SMALL_FAULT;
    }
    *taken = there;
    if (stream__sender_wants(rx))
        return SMALL_WAKES;
    bias_leave();
    return SMALL_DONE;
}

/* True if a receive would find bytes; false says nothing.  `glances`: it may take a moment. */
bool stream_readable_small(stream_t *stream, uintptr_t socket, bool glances);

#endif
