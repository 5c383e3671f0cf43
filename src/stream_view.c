/* stream_view: the program's own pointers into the rings.
 *
 * A reservation is room behind the last byte sent, in a turn of its own, so that nothing can come between; committing is
 * publishing the tail.  A borrowing is bytes that a receive has found and not taken; releasing is publishing the head.
 *
 * Either may outlive its ring.  The sender's: by a demotion the stream goes on elsewhere while the program still stores
 * into what was reserved; FLOW_HOLDS, set before the first reservation is given out and hence before the switch that ends
 * any ring with one in it, keeps the receiver from using that memory again.  The receiver's: bytes that are unread keep
 * their ring current, and a receiver that leaves does not return them (stream_leave.c). */
#include "stream_private.h"

bool stream__is_mine(const half_t *half)
{
    return half->held.count && half->holder == wait_number(wait_mine());
}

static int hold_view(half_t *half, view_t view, view_t *out)
{
    half->held = view;
    half->holder = wait_number(wait_mine());
    *out = view;
    return (int)view.count;
}

static view_t view_of_ring(const vmmc_region_t *ring, uint32_t position, uint32_t count)
{
    uint32_t first = ring_first_span(ring, position, count);
    return (view_t){.spans = {{ring->base + (position & (ring->size - 1)), first}, {ring->base, count - first}},
                    .count = count};
}

/* Is this a request about the view that is out? */
static int check_view(const half_t *half, const transfer_t *request)
{
    if (half->held.count == 0 || request->count > half->held.count)
        return STREAM_INVALID;
    return request->bytes == half->held.spans[0].bytes ? 0 : STREAM_FAULT;
}

/* ---- the sender ---- */

/* In turn, tx.lock held. */
static int reserve(stream_t *stream, const transfer_t *request, view_t *view)
{
    half_t *tx = &stream->tx;
    if (tx->held.count)
        return STREAM_HELD;
    int64_t room = stream__await_room(stream, request);
    if (room < 0)
        return (int)room;
    if (!(load_relaxed(&tx->flow->state) & FLOW_HOLDS))
        stream__mark(tx, FLOW_HOLDS);
    return hold_view(tx, view_of_ring(&tx->ring, tx->position, room < request->count ? (uint32_t)room : request->count),
                     view);
}

int stream_reserve(stream_t *stream, const transfer_t *request, view_t *view)
{
    half_t *tx = &stream->tx;
    if (request->count == 0)
        return STREAM_INVALID;
    half_take(tx);
    int result = stream__enter(stream, tx, request->socket);
    if (result)
        return result;
    if (!request->in_turn)
        result = stream__take_turn(stream, request);
    if (result == 0) {
        result = reserve(stream, request, view);
        if (result < 0 && !request->in_turn)
            stream__end_turn(tx);
    }
    stream__leave(stream, tx);
    return result;
}

static void end_reservation(half_t *tx, bool in_turn)
{
    if (in_turn)
        tx->held.count = 0;
    else
        stream__end_turn(tx);
}

/* What stops a commit where nothing has changed since the reservation; 0: nothing. */
static int check_commit(stream_t *stream, const transfer_t *request)
{
    const half_t *tx = &stream->tx;
    int gone = stream__gone(stream, request->socket);
    int wrong = gone == STREAM_CANCELLED ? gone : check_view(tx, request);
    if (wrong || request->count == 0)
        return wrong;
    if (gone || tx->shut)
        return gone ? gone : STREAM_SHUT;
    /* In turn nobody else moves to another ring, so a ring is the one that was reserved in. */
    if (tx->carrier != CARRIER_RING)
        return STREAM_BY_KERNEL;
    bool closed = load_acquire(&tx->flow->consumer) & FLOW_READER_CLOSED;
    return closed || vmmc_link_is_dead(stream->link) ? STREAM_RESET : 0;
}

int stream_commit(stream_t *stream, const transfer_t *request)
{
    half_t *tx = &stream->tx;
    half_take(tx);
    int result = check_commit(stream, request);
    if (result == 0) {
        if (request->count) {
            tx->counters.in_place += request->count;
            stream__sent(stream, request->count);
        }
        end_reservation(tx, request->in_turn);
        result = (int)request->count;
    }
    lock_release(&tx->lock);
    return result;
}

static view_t rest_of(const view_t *view, uint32_t spent)
{
    span_t first = view->spans[0], second = view->spans[1];
    uint32_t from_first = spent < first.count ? spent : first.count, from_second = spent - from_first;
    first = (span_t){(uint8_t *)first.bytes + from_first, first.count - from_first};
    if (from_second)
        second = (span_t){(uint8_t *)second.bytes + from_second, second.count - from_second};
    bool one = first.count == 0;
    return (view_t){{one ? second : first, one ? (span_t){NULL, 0} : second}, view->count - spent};
}

void stream_spend(stream_t *stream, const transfer_t *request, uint32_t sent, view_t *rest)
{
    half_t *tx = &stream->tx;
    half_take(tx);
    *rest = (view_t){.count = 0};
    if (stream__gone(stream, request->socket) != STREAM_CANCELLED && tx->held.count >= sent) {
        if (sent < request->count)
            tx->held = *rest = rest_of(&tx->held, sent);
        else
            end_reservation(tx, request->in_turn);
    }
    lock_release(&tx->lock);
}

/* ---- the receiver ---- */

int stream__show(stream_t *stream, const transfer_t *transfer, uint32_t count)
{
    half_t *rx = &stream->rx;
    if (!rx->leftover && rx->carrier != CARRIER_RING)
        return STREAM_BY_KERNEL;
    view_t view = rx->leftover ? (view_t){.spans = {{rx->leftover + rx->leftover_at, count}}, .count = count}
                               : view_of_ring(&rx->ring, rx->position, count);
    return hold_view(rx, view, transfer->view);
}

int stream_release(stream_t *stream, const transfer_t *request)
{
    half_t *rx = &stream->rx;
    half_take(rx);
    int result = stream__gone(stream, request->socket) == STREAM_CANCELLED ? STREAM_CANCELLED : check_view(rx, request);
    if (result == 0) {
        rx->held.count = 0;
        rx->counters.in_place += request->count;
        if (rx->leftover)
            stream__spend_leftover(rx, request->count);
        else if (request->count)
            stream__consume(stream, request->count);
        if (rx->sleepers)
            stream__wake_local(rx);
        result = (int)request->count;
    }
    lock_release(&rx->lock);
    return result;
}

/* ---- facts ---- */

void stream_describe(stream_t *stream, stream_facts_t *facts)
{
    half_t *tx = &stream->tx, *rx = &stream->rx;
    half_take(tx);
    facts->send_ring = tx->carrier == CARRIER_RING ? tx->ring.size : 0;
    facts->send_switches = tx->switches;
    facts->sent = tx->counters;
    facts->has_peer = stream_is_attached(stream) && !load_relaxed(&stream->closing) && !stream__is_lost(stream);
    lock_release(&tx->lock);
    half_take(rx);
    facts->receive_ring = rx->carrier == CARRIER_RING ? rx->ring.size : 0;
    facts->receive_switches = rx->switches;
    facts->received = rx->counters;
    lock_release(&rx->lock);
}
