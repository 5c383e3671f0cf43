/* stream_urgent: urgent (out-of-band) bytes.
 *
 * TCP's model, kept to the letter because programs see it through SIOCATMARK and FIONREAD: an urgent byte has its place
 * in the stream, the mark.  There is at most one at a time; a later one makes the earlier an ordinary byte, unless that
 * is the very next one, in which case it is dropped.  A receive stops in front of the mark, the next one skips it (or,
 * in line, begins with it).  The sender publishes where the byte lies and its value, so it can be taken aside although
 * the stream is far behind. */
#include "stream_private.h"

void stream__publish_urgent(half_t *tx, uint8_t byte, uint32_t count)
{
    flow_shm_t *flow = tx->flow;
    uint32_t number = tx->urgent.count + 1;
    store_relaxed(&flow->urgent[number % FLOW_URGENTS].at, tx->position + count - 1);
    store_relaxed(&flow->urgent[number % FLOW_URGENTS].byte, byte);
    store_release(&flow->urgents, number); /* pairs with the acquire in stream__look_for_urgent() */
    tx->urgent.count = number;
}

/* ---- the receiver; all with rx.lock held ---- */

int stream__skip_mark(stream_t *stream)
{
    uint8_t skipped;
    if (stream->rx.held.count)
        return STREAM_AGAIN; /* the program has borrowed it, and releasing counts from there */
    int moved = stream__take(stream, &skipped, 1, false);
    return moved > 0 ? 1 : moved;
}

static bool is_at_mark(const half_t *rx)
{
    return rx->urgent.state != URGENT_NONE && rx->urgent.at == rx->position;
}

static int arrive(stream_t *stream, uint32_t at, uint8_t byte)
{
    urgent_t *urgent = &stream->rx.urgent;
    if (urgent->state != URGENT_NONE && (int32_t)(at - urgent->at) <= 0)
        return 1;
    int skipped = is_at_mark(&stream->rx) && !urgent->in_line ? stream__skip_mark(stream) : 1;
    if (skipped != 1)
        return skipped;
    urgent->state = URGENT_WAITING;
    urgent->at = at;
    urgent->byte = byte;
    return 1;
}

/* A place that is impossible is one that has been passed, or never comes: either way no harm is done. */
int stream__look_for_urgent(stream_t *stream, const sight_t *sight)
{
    half_t *rx = &stream->rx;
    uint32_t number = load_acquire(&rx->flow->urgents); /* pairs with the release in stream__publish_urgent() */
    if (number - rx->urgent.count > FLOW_URGENTS)
        rx->urgent.count = number - FLOW_URGENTS;
    while (rx->urgent.count != number) {
        const urgent_shm_t *next = &rx->flow->urgent[(rx->urgent.count + 1) % FLOW_URGENTS];
        uint32_t at = load_relaxed(&next->at), byte = load_relaxed(&next->byte);
        if ((int32_t)(at - sight->tail) >= 0)
            break; /* its byte is still to come */
        int result = (int32_t)(at - rx->position) < 0 ? 1 : arrive(stream, at, (uint8_t)byte);
        if (result != 1)
            return result;
        rx->urgent.count++;
    }
    return 1;
}

int64_t stream__before_mark(const half_t *rx, int64_t count)
{
    uint32_t ahead = rx->urgent.at - rx->position;
    if (rx->urgent.state == URGENT_NONE || ahead >= count || (ahead == 0 && rx->urgent.in_line))
        return count;
    return ahead;
}

/* Only a ring can be read from its second byte on; of the kernel connection a part has to do. */
int stream__peek_past_mark(stream_t *stream, uint8_t *bytes, uint32_t room, uint32_t count)
{
    half_t *rx = &stream->rx;
    uint8_t part[512];
    uint32_t wanted = room < count - 1 ? room : count - 1;
    if (rx->carrier == CARRIER_RING) {
        return ring_get(&rx->ring, rx->position + 1, bytes, wanted) ? (int)wanted : STREAM_FAULT;
    }
    int seen = stream__take(stream, part, wanted < sizeof part ? wanted + 1 : sizeof part, true);
    if (seen < 2)
        return seen < 0 ? seen : STREAM_AGAIN;
    return vmmc_copy_short(bytes, part + 1, (uint32_t)seen - 1) ? seen - 1 : STREAM_FAULT;
}

/* Look at the sender's words.  1: the mark is up to date; otherwise the result of the call. */
static int look_around(stream_t *stream, uintptr_t socket)
{
    sight_t sight;
    int stop = stream__check_question(stream, socket);
    if (stop)
        return stop;
    if (stream->rx.leftover || stream->rx.busy)
        return 1;
    int64_t count = stream__available(stream, &sight);
    return count < 0 ? (int)count : stream__look_for_urgent(stream, &sight);
}

/* The sender has left, and what is unread lies in the kernel's connection, with whatever urgent byte was sent since: the
 * kernel alone tells of that one, and tells of it as soon as it has been sent.  Asked after a look_around() that gave 1. */
static bool is_all_the_kernels(const half_t *rx)
{
    uint32_t state = load_acquire(&rx->flow->state); /* first: with FLOW_FINAL the others are as they will stay */
    return (state & FLOW_FINAL) && !(state & FLOW_RESET) && rx->carrier == CARRIER_KERNEL && !rx->leftover && !rx->busy &&
           load_acquire(&rx->flow->switches) == rx->switches && rx->urgent.state == URGENT_NONE &&
           load_acquire(&rx->flow->urgents) == rx->urgent.count;
}

static int take_urgent(urgent_t *urgent, const transfer_t *transfer)
{
    if (urgent->in_line)
        return STREAM_INLINE;
    if (urgent->state != URGENT_WAITING)
        return STREAM_AGAIN;
    if (transfer->count && !vmmc_copy_short(transfer->bytes, &urgent->byte, 1))
        return STREAM_FAULT;
    if (!transfer->peek)
        urgent->state = URGENT_TAKEN;
    return transfer->count ? 1 : STREAM_NO_SPACE;
}

int stream_receive_urgent(stream_t *stream, const transfer_t *transfer)
{
    half_t *rx = &stream->rx;
    half_take(rx);
    int result = rx->shut ? STREAM_SHUT : look_around(stream, transfer->socket);
    if (result == 1 && is_all_the_kernels(rx))
        result = STREAM_BY_KERNEL;
    else if (result == 1 || result == STREAM_AGAIN)
        result = take_urgent(&rx->urgent, transfer);
    lock_release(&rx->lock);
    return result;
}

void stream_set_in_line(stream_t *stream, bool in_line)
{
    half_take(&stream->rx);
    if (stream_is_attached(stream))
        look_around(stream, stream->socket); /* what came before is judged by how things were */
    stream->rx.urgent.in_line = in_line;
    lock_release(&stream->rx.lock);
}

int stream_at_mark(stream_t *stream, uintptr_t socket)
{
    half_take(&stream->rx);
    int result = look_around(stream, socket);
    if (result == 1 && is_all_the_kernels(&stream->rx))
        result = STREAM_BY_KERNEL;
    if (result != STREAM_BY_KERNEL)
        result = !is_at_mark(&stream->rx) ? 0 : stream->rx.urgent.in_line ? STREAM_INLINE : 1;
    lock_release(&stream->rx.lock);
    return result;
}

/* Who sleeps until there is one sleeps in the kernel if that will tell of it, so the connection is the kernel's then. */
int stream_has_urgent(stream_t *stream, uintptr_t socket)
{
    half_t *rx = &stream->rx;
    half_take(rx);
    int result = look_around(stream, socket);
    if (result == 1 && is_all_the_kernels(rx)) {
        rx->carrier = CARRIER_FINAL;
        result = STREAM_BY_KERNEL;
    }
    if (result != STREAM_BY_KERNEL)
        result = rx->urgent.state != URGENT_WAITING ? 0 : rx->urgent.in_line ? STREAM_INLINE : 1;
    lock_release(&rx->lock);
    return result;
}

uint32_t stream__return_urgent(half_t *rx, uint8_t *bytes, uint32_t start, uint32_t *count)
{
    uint32_t index = rx->urgent.at - start;
    if (rx->urgent.state == URGENT_NONE || index >= *count)
        return 0;
    if (rx->urgent.state == URGENT_WAITING)
        return index + 1;
    if (!rx->urgent.in_line) { /* taken aside already: it must not come again */
        memmove(bytes + index, bytes + index + 1, *count - index - 1);
        --*count;
    }
    return 0;
}
