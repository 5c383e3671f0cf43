/* stream_stray: bytes in the kernel connection that nobody announced: the other end's program, or a child of it, wrote
 * to the kernel socket by a road we do not see.
 *
 * Between them and what lies in the ring there is no order left, so the ring's bytes come first; but what is found in
 * the kernel where a ring begins was there before it.  Then both halves leave: the sender is asked to move to the
 * kernel for good (FLOW_READER_DRAINS), and because the receiver drains the ring by itself nobody waits for anybody. */
#include "stream_private.h"

#include <stdlib.h>

static bool has_end(const stream_t *stream)
{
    return (load_acquire(&stream->rx.flow->state) & (FLOW_FIN | FLOW_CLOSED)) || vmmc_link_is_dead(stream->link);
}

/* The end mark is loaded after the peek that may have seen what it announces. */
static stray_t judge(const stream_t *stream, int peeked)
{
    const half_t *rx = &stream->rx;
    if (has_end(stream))
        return STRAY_NEVER;
    if (load_acquire(&rx->flow->state) & FLOW_FINAL)
        return STRAY_LEAVING;
    if (!rx->consented)
        return STRAY_LATER;
    if (peeked == STREAM_AGAIN)
        return STRAY_NONE;
    /* Pairs with the releases in stream_room.c: a switch is published before the first byte that follows it. */
    if (load_acquire(&rx->flow->switches) != rx->switches)
        return STRAY_LATER;
    bool announced = rx->carrier == CARRIER_KERNEL && (int32_t)(load_acquire(&rx->flow->tail) - rx->position) > 0;
    return announced ? STRAY_LATER : STRAY_SEEN;
}

static bool reads_no_more(const stream_t *stream)
{
    return !stream_is_attached(stream) || stream__gone(stream, stream->socket) || stream->rx.shut;
}

bool stream_may_have_strays(stream_t *stream)
{
    half_take(&stream->rx);
    bool may = !reads_no_more(stream) && !has_end(stream);
    lock_release(&stream->rx.lock);
    return may;
}

stray_t stream_look_for_strays(stream_t *stream)
{
    half_t *rx = &stream->rx;
    stray_t result;
    half_take(rx);
    if (reads_no_more(stream))
        result = STRAY_NEVER;
    else if (rx->strayed && stream->tx.carrier != CARRIER_FINAL)
        result = STRAY_SEEN;
    else if (rx->carrier == CARRIER_FINAL || rx->never)
        result = STRAY_LEAVING;
    else if (rx->busy)
        result = STRAY_LATER;
    else
        result = judge(stream, rx->consented ? stream__kernel_has(stream) : STREAM_AGAIN);
    lock_release(&rx->lock);
    return result;
}

/* Called with rx.lock held. */
static void ask_sender_to_leave(stream_t *stream)
{
    half_t *rx = &stream->rx;
    if (rx->strayed)
        return;
    rx->strayed = rx->never = true;
    stream__tell_sender(stream, FLOW_READER_DRAINS);
    log_info("socket %lu: bytes came around the library; back to the kernel", (unsigned long)stream->socket);
}

static void leave_sending_half(stream_t *stream)
{
    half_t *tx = &stream->tx;
    half_take(tx);
    tx->never = true;
    if (!tx->frozen && tx->flow && (load_relaxed(&tx->flow->state) & FLOW_ANNOUNCING))
        stream__leave_sending(stream, TX_LEAVE);
    lock_release(&tx->lock);
}

void stream_leave_to_strays(stream_t *stream)
{
    half_t *rx = &stream->rx;
    half_take(rx);
    bool open = stream_is_attached(stream) && !stream__gone(stream, stream->socket) && rx->consented && !rx->busy;
    if (open)
        ask_sender_to_leave(stream);
    lock_release(&rx->lock);
    if (open)
        leave_sending_half(stream);
}

/* The bytes seen by a peek before a second switch was published are not behind that one. */
bool stream__keep_strays(stream_t *stream)
{
    half_t *rx = &stream->rx;
    uint32_t there = stream->kernel->pending(stream->socket);
    if (there == 0 || stream__kernel_has(stream) <= 0)
        return false; /* the first question costs much less on Wine */
    uint8_t *bytes = malloc(there);
    int count = bytes ? stream__kernel(stream)->peek(stream->socket, bytes, there) : 0;
    if (count > 0 && load_acquire(&rx->flow->switches) - rx->switches == 1)
        count = stream__kernel(stream)->receive(stream->socket, bytes, (uint32_t)count);
    else
        count = 0;
    if (count <= 0) {
        free(bytes);
        return false;
    }
    rx->leftover = bytes;
    rx->leftover_at = 0;
    rx->leftover_end = (uint32_t)count;
    ask_sender_to_leave(stream);
    return true;
}
