/* stream_private: what the files of the stream share. */
#ifndef VMMC_STREAM_PRIVATE_H
#define VMMC_STREAM_PRIVATE_H

#include "log.h"
#include "stream_small.h"

#define STREAM_PATIENCE_US 1000000 /* for the other side's cooperation; then reset */
#define WATCHER_NUMBER 1          /* the first waiter of each process is its watcher's */

#define STREAM_PART_MAX 65536u /* what is larger is published, and given back, in parts */
#define STREAM_WHOLE_SHARE 4 /* messages up to this fraction of the ring are not torn */
#define STREAM_USEFUL_SHARE 4 /* a sleeping sender is woken when this fraction of the ring is free */

/* What stops every transfer; 0: nothing.  Called with a lock of the stream held. */
static inline int stream__gone(const stream_t *stream, uintptr_t socket)
{
    if (load_relaxed(&stream->closing) || stream->socket != socket)
        return STREAM_CANCELLED;
    return stream_is_broken(stream) ? STREAM_RESET : 0;
}

/* The other side will answer nothing any more, and stream__sleep() would not sleep. */
static inline bool stream__is_lost(const stream_t *stream)
{
    return stream_is_broken(stream) || vmmc_link_is_dead(stream->link);
}

/* Something impossible was found in shared memory: the connection is reset, the log says what it was, and this process
 * takes no new streams. */
int stream__break(stream_t *stream, const char *what);
/* The other side did not do its part in time: the connection is reset. */
int stream__give_up(stream_t *stream, const char *what);
/* Wake this process's threads on a half; called with its lock held. */
void stream__wake_local(half_t *half);
/* Nobody sleeps here any more: the other side need not look whether it has to wake somebody. */
void stream__hide_locked(half_t *half, word_t *shared);
/* Wake whoever sleeps at the other end of the direction that this side sends, or receives. */
void stream__wake_reader(stream_t *stream);
void stream__wake_writer(stream_t *stream);
/* Wake a sender that sleeps for want of room, if there is enough by now. */
void stream__wake_useful_writer(stream_t *stream);

/* Shared words of one direction as a thread last saw them: it sleeps until one of them is different. */
typedef struct outlook {
    const word_t *words[4];
    uint32_t seen[4];
    unsigned count;
    bool interludes; /* a call of the program's waits */
} outlook_t;

static inline void outlook_add(outlook_t *outlook, const word_t *word, uint32_t seen)
{
    outlook->words[outlook->count] = word;
    outlook->seen[outlook->count++] = seen;
}

static inline bool outlook_has_changed(const outlook_t *outlook)
{
    for (unsigned i = 0; i < outlook->count; i++) {
        if (load_acquire(outlook->words[i]) != outlook->seen[i])
            return true;
    }
    return false;
}

/* Sleep until the outlook changes, somebody wakes us or `deadline` passes.  Called and returns with half->lock held, by
 * a thread that holds the stream; false: the deadline has passed, or an interlude has cancelled the wait. */
bool stream__sleep(stream_t *stream, half_t *half, const outlook_t *outlook, uint64_t deadline);
/* Sleep in the kernel until its connection is ready that way, or `ms` have passed; half->lock held, as above. */
void stream__wait_kernel(stream_t *stream, half_t *half, unsigned ms);
/* A short look without sleeping, for at most `us`; true: the outlook changed. */
bool stream__look(half_t *half, const outlook_t *outlook, uint32_t us);

/* A thread that sleeps inside a stream keeps it from being torn down. */
void stream__hold(stream_t *stream);
void stream__let_go(stream_t *stream);
/* For calls that must not block.  The kernel connection is left as the program wants it until the first of them: whoever still
 * receives from it waits in one blocking call, not for its readiness first, which makes Wine's server spin until that thread
 * has run. */
const kernel_calls_t *stream__kernel(stream_t *stream);

/* For a call that may sleep, with half->lock held: hold the stream; or, with the lock released, why there is none. */
int stream__enter(stream_t *stream, half_t *half, uintptr_t socket);
void stream__leave(stream_t *stream, half_t *half);

/* The sender has filled the kernel connection and nobody reads: let it have a ring, if that can be. */
void stream__consent_if_asked(stream_t *stream);
/* Tell the sender FLOW_READER_* bits; rx.lock held. */
void stream__tell_sender(stream_t *stream, uint32_t bits);
/* A frozen sender gives up on its receiver: if that is gone, the kernel tells; otherwise the connection is reset. */
int stream__thaw(stream_t *stream);
/* The socket is being closed: if the receiver has returned bytes, give them to the kernel now; tx.lock held. */
void stream__restore_now(stream_t *stream);
/* Move the sending half to the kernel for good; tx.lock held. */
void stream__leave_sending(stream_t *stream, tx_event_t event);
/* The sender's words, loaded in an order that makes them agree: an end mark is read before the tail it closes, and the
 * switches after the tail they precede. */
typedef struct sight {
    uint32_t state, tail, switches;
    bool sending; /* in a kernel call whose bytes `tail` does not tell of yet; the kernel carries, and no switch is ahead */
} sight_t;

/* What stops a question about what has come; 0: nothing.  rx.lock held, as for all that follow. */
int stream__check_question(stream_t *stream, uintptr_t socket);
/* True if the receiver has consented to a ring, now or before. */
bool stream__consent(stream_t *stream);
/* Bytes of the present carrier that can be taken now; follows switches on the way.  0: none.  Negative: broken. */
int64_t stream__available(stream_t *stream, sight_t *sight);
/* Of all that is announced, the part that has come; `present` is what stream__available() said of the present carrier. */
uint32_t stream__arrived(stream_t *stream, const sight_t *sight, uint32_t present);
/* Take up to `count` available bytes, or only look at them. */
int stream__take(stream_t *stream, void *bytes, uint32_t count, bool peek);
/* `bytes` holds all of the present carrier, `seen` of them (or none is wanted of it): look at what the next ones hold, up
 * to `limit` altogether, without following the sender.  The number of bytes added, or negative. */
int stream__peek_behind(stream_t *stream, const sight_t *sight, uint8_t *bytes, uint32_t seen, uint32_t limit);

/* ---- what stream_tx.c, stream_room.c and stream_turn.c share of the sending half; tx.lock held ---- */

static inline bool stream__peer_has_closed(const half_t *tx)
{
    return load_acquire(&tx->flow->consumer) & FLOW_READER_CLOSED;
}

/* Of one that has read from a ring the kernel connection need not tell, see kernel_says_nothing(). */
static inline bool stream__receiver_died(const stream_t *stream)
{
    const half_t *tx = &stream->tx;
    return tx->switches && tx->carrier != CARRIER_FINAL && vmmc_link_is_dead(stream->link);
}

/* 0: the sender may go on; otherwise the result of the send. */
int stream__check_sender(stream_t *stream, const transfer_t *transfer);
/* The handle of a ring that the sender may move to now, 0 if there is none. */
uint32_t stream__ring_on_offer(const half_t *tx);
/* Move to it, if that can be.  0, or why the stream is over. */
int stream__take_offer(stream_t *stream);
/* Pieces of `count` bytes do not pass through the ring whole: ask for one where they do. */
void stream__ask_for_fitting_ring(stream_t *stream, uint32_t count);
/* Large pieces of `count` bytes have been going for a while: ask for a ring that holds many of them, and where the
 * receiver is far, and much has gone, for one that does not lie in the caches. */
void stream__ask_for_roomy_ring(stream_t *stream, uint32_t count);
/* An urgent byte may go: the receiver has consented, or does now.  False: the direction is the kernel's from here on. */
bool stream__receiver_understands(stream_t *stream);
/* Waits for what keeps the bytes behind the first `done` from going: room in the ring (or the kernel carries now), room in the kernel's
 * connection, the end of what a receiver that takes its socket back asked for.  0: look again; or why to stop. */
int stream__wait_for_ring(stream_t *stream, const transfer_t *transfer, uint32_t done);
int stream__wait_for_kernel(stream_t *stream, const transfer_t *transfer);
int stream__wait_frozen(stream_t *stream, const transfer_t *transfer);
/* In a ring without useful room.  False: there will be some soon, so who may not wait is to come again.  True: the next send,
 * if there is no other before it, is taken, by the kernel if need be. */
bool stream__promise_room(stream_t *stream);

/* What is not larger goes into the ring whole; of a send that may end with a part, all that fits in. */
static inline uint32_t stream__largest_whole(const half_t *tx, const transfer_t *transfer, uint32_t done)
{
    bool may_end_early = !transfer->blocking && !transfer->tearable && done == 0;
    return may_end_early ? tx->ring.size : tx->ring.size / STREAM_WHOLE_SHARE;
}

/* Room that is worth being woken for. */
static inline uint32_t stream__useful_room(const half_t *tx, const transfer_t *transfer, uint32_t done)
{
    uint32_t left = transfer->count - done;
    return left <= stream__largest_whole(tx, transfer, done) ? left : tx->ring.size / STREAM_USEFUL_SHARE;
}

/* For what is large enough to have a choice how to copy it, the time of the load is worth taking now and then. */
static inline uint32_t stream__load_head(half_t *tx, uint32_t enough)
{
    const word_t *head = &tx->flow->head;
    if (enough < COPY_CHOICE_LEAST || !copy_choices_want_load(&tx->copying, enough))
        return load_acquire(head); /* pairs with the release in stream__give_room() */
    uint64_t before = cpu_ticks();
    uint32_t found = load_acquire(head);
    cpu_await_loads();
    if (found != tx->seen)
        copy_choices_note_load(&tx->copying, cpu_ticks() - before);
    return found;
}

/* Room in the ring; the shared head is read only when the remembered one does not do.  It counts from the switch to
 * this ring, while the receiver may still drain the carriers before it.  -1: the head is impossible. */
static inline int64_t stream__find_room(half_t *tx, uint32_t enough)
{
    if (tx->ring.size - (tx->position - tx->seen) < enough) {
        uint32_t head = stream__load_head(tx, enough);
        if ((int32_t)(head - tx->seen) > 0) {
            if (head - tx->seen > tx->position - tx->seen)
                return -1;
            tx->seen = head;
        }
    }
    return tx->ring.size - (tx->position - tx->seen);
}

/* ---- what views need of the two halves ---- */

/* Wait for this thread's turn to send; tx.lock held, as for the next two.  0, or why there is none. */
int stream__take_turn(stream_t *stream, const transfer_t *transfer);
void stream__end_turn(half_t *tx);
/* In turn: a useful amount of room in the ring for `request->count` bytes, or STREAM_*; BY_KERNEL: no ring. */
int64_t stream__await_room(stream_t *stream, const transfer_t *request);
/* Lend what a receive found, `count` bytes or a leftover; rx.lock held. */
int stream__show(stream_t *stream, const transfer_t *transfer, uint32_t count);
void stream__spend_leftover(half_t *rx, uint32_t count);
/* True if a view is out and the calling thread asked for it. */
bool stream__is_mine(const half_t *half);

/* ---- urgent bytes (stream_urgent.c) ---- */

/* Publish that the last of the next `count` bytes is urgent; before the tail that covers it; tx.lock held. */
void stream__publish_urgent(half_t *tx, uint8_t byte, uint32_t count);
/* See what urgent bytes have come.  1; or why a byte that has to be skipped could not be. */
int stream__look_for_urgent(stream_t *stream, const sight_t *sight);
/* How many of `count` available bytes may be taken before the mark; 0: the next one is the mark and to be skipped. */
int64_t stream__before_mark(const half_t *rx, int64_t count);
/* Take the byte at the mark away. */
int stream__skip_mark(stream_t *stream);
/* At a mark, with `count` > 1 bytes available: look at those behind it.  A count, or STREAM_AGAIN. */
int stream__peek_past_mark(stream_t *stream, uint8_t *bytes, uint32_t room, uint32_t count);
/* For a receiver that leaves: adapts `count` bytes from `start` on that it is about to return, and says how many of them
 * come up to and with the urgent one. */
uint32_t stream__return_urgent(half_t *rx, uint8_t *bytes, uint32_t start, uint32_t *count);

/* What a receive by the kernel would find now: 1 for bytes, 0 for their end, STREAM_AGAIN for nothing yet, or an error. */
static inline int stream__kernel_has(stream_t *stream)
{
    uint8_t byte;
    return stream__kernel(stream)->peek(stream->socket, &byte, 1);
}

/* Publish a switch from a ring to the kernel; called with tx.lock held. */
void stream__switch_to_kernel(stream_t *stream);
/* Where the kernel's part ends and a ring begins: what is in the kernel nevertheless comes before the ring.  True: it
 * lies in `leftover` now.  rx.lock held. */
bool stream__keep_strays(stream_t *stream);
/* Add bits to the sender's state word. */
void stream__mark(half_t *tx, uint32_t bits);

/* ---- moving bytes: inline, for the fast path ---- */

static inline void stream__sent(stream_t *stream, uint32_t count)
{
    stream__publish(&stream->tx, count);
    if (__builtin_expect(load_relaxed(&stream->tx.flow->reader) != 0, 0))
        stream__wake_reader(stream);
}

/* Offer the larger ring that the sender would like, or the largest that may be. */
void stream__grow(stream_t *stream);

static inline void stream__grow_if_asked(stream_t *stream)
{
    half_t *rx = &stream->rx;
    if (__builtin_expect(load_relaxed(&rx->flow->wanted) > rx->next_wanted, 0) && rx->carrier == CARRIER_RING)
        stream__grow(stream);
}

/* The receiver's position has moved. */
static inline void stream__forget_passed_mark(half_t *rx)
{
    if (rx->urgent.state != URGENT_NONE && (int32_t)(rx->position - rx->urgent.at) > 0)
        rx->urgent.state = URGENT_NONE;
}

/* The receiver is done with `count` more bytes of a carrier, but perhaps not with its call. */
static inline void stream__taken(stream_t *stream, uint32_t count)
{
    half_t *rx = &stream->rx;
    stream__give_room(rx, count);
    if (__builtin_expect(load_relaxed(&rx->flow->writer) != 0, 0))
        stream__wake_useful_writer(stream);
}

static inline void stream__end_taking(stream_t *stream, uint32_t count)
{
    stream__count(&stream->rx, count);
    stream__forget_passed_mark(&stream->rx);
    stream__grow_if_asked(stream);
}

static inline void stream__consume(stream_t *stream, uint32_t count)
{
    stream__taken(stream, count);
    stream__end_taking(stream, count);
}

/* Much is given back in parts, so that the sender fills the ring at the same time. */
static inline int stream__take_from_ring(stream_t *stream, void *bytes, uint32_t count, bool peek)
{
    half_t *rx = &stream->rx;
    uint32_t done = 0;
    if (peek)
        return ring_get(&rx->ring, rx->position, bytes, count) ? (int)count : STREAM_FAULT;
    while (done < count) {
        uint32_t part = count - done < STREAM_PART_MAX ? count - done : STREAM_PART_MAX;
        if (!ring_get(&rx->ring, rx->position, (uint8_t *)bytes + done, part))
            break;
        stream__taken(stream, part);
        done += part;
    }
    if (done == 0 && count)
        return STREAM_FAULT;
    stream__end_taking(stream, done);
    return (int)done;
}

#endif
