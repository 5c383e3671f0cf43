/* stream_follow: the receiving half's carriers: consent, following the sender from one to the next, taking bytes out. */
#include "stream_private.h"

#include <stdlib.h>

#define BORROWED_RING_MAX (1u << 20)

static sight_t look(const half_t *rx)
{
    sight_t sight;
    /* Before `tail`, which tells of all that it had sent if it is in no kernel call. */
    sight.sending = rx->carrier == CARRIER_KERNEL && load_acquire(&rx->flow->in_kernel);
    sight.state = load_acquire(&rx->flow->state);
    sight.tail = load_acquire(&rx->flow->tail); /* pairs with the release in stream_small.h, stream__publish() */
    sight.switches = load_acquire(&rx->flow->switches);
    sight.sending = sight.sending && sight.switches == rx->switches;
    return sight;
}

/* ---- consent ---- */

static int offer_ring(stream_t *stream, uint32_t bytes)
{
    half_t *rx = &stream->rx;
    vmmc_region_t ring;
    int error = vmmc_export(stream->link, bytes, &ring);
    if (error)
        return error;
    rx->offered = ring;
    log_debug("receiving: a ring of %lu bytes is offered", (unsigned long)bytes);
    store_release(&rx->flow->offer, ring.handle); /* pairs with the acquire in stream_room.c, stream__ring_on_offer() */
    full_fence();
    stream__wake_writer(stream);
    return 0;
}

/* Bytes that came around us have been read already: no more are announced than the sender has sent, and it is in no kernel
 * call that would be announced later.  The first switch would not fit what has been taken. */
static bool has_read_strays(const half_t *rx)
{
    bool sending = load_acquire(&rx->flow->in_kernel);
    return (int32_t)(load_acquire(&rx->flow->tail) - rx->position) < 0 && !sending;
}

/* True if the receiver has consented to a ring, now or before: its kernel bytes are announced from here on, and no
 * thread of this process may sleep in a kernel call that would take them. */
bool stream__consent(stream_t *stream)
{
    half_t *rx = &stream->rx;
    if (rx->consented)
        return true;
    if (!rx->flow || rx->never || rx->kernel_calls)
        return false;
    uint32_t state = load_acquire(&rx->flow->state);
    if (!(state & FLOW_ANNOUNCING) || (state & FLOW_FINAL))
        return false;
    if (has_read_strays(rx)) {
        log_info("socket %lu: bytes came around the library; it receives by the kernel", (unsigned long)stream->socket);
        rx->never = true;
        return false;
    }
    uint32_t wanted = load_relaxed(&rx->flow->wanted);
    bool larger = wanted > stream->ring_bytes && wanted <= stream->ring_max_bytes && (wanted & (wanted - 1)) == 0;
    if (offer_ring(stream, larger ? wanted : stream->ring_bytes) != 0) {
        log_error("socket %lu: no memory for a ring; the connection stays on the kernel", (unsigned long)stream->socket);
        rx->never = true;
        return false;
    }
    rx->consented = true;
    return true;
}

void stream__consent_if_asked(stream_t *stream)
{
    half_t *rx = &stream->rx;
    half_take(rx);
    if (stream_is_attached(stream) && !load_relaxed(&stream->closing) && load_relaxed(&rx->flow->wanted))
        stream__consent(stream);
    lock_release(&rx->lock);
}

/* ---- following the sender ---- */

/* The switch that ends the present carrier (`ahead` 1) or the next one (2); false: it is not published. */
static bool switch_ahead(const half_t *rx, const sight_t *sight, uint32_t ahead, uint32_t *end, uint32_t *carrier)
{
    if (sight->switches - rx->switches < ahead)
        return false;
    const switch_shm_t *record = &rx->flow->record[(rx->switches + ahead) & 1];
    *end = load_relaxed(&record->end);
    *carrier = load_relaxed(&record->carrier);
    return true;
}

static void drop_old_ring(stream_t *stream)
{
    half_t *rx = &stream->rx;
    bool written = load_relaxed(&rx->flow->state) & FLOW_HOLDS; /* covered by the acquire of `switches` */
    if (rx->ring.handle && rx->ring.handle != rx->offered.handle) {
        if (written)
            vmmc_unexport_later(stream->link, rx->ring.handle, stream->mailbox);
        else
            vmmc_unexport(stream->link, rx->ring.handle); /* its sender has switched away: nobody writes there */
    }
    rx->ring = (vmmc_region_t){0};
}

/* Who reads in place pulls the bytes into no buffer of its own; a ring that stays in the caches is faster for it than one
 * that takes more. */
static bool borrows_most(const half_t *rx)
{
    return rx->counters.in_place > rx->counters.bytes / 2;
}

static uint32_t largest_ring(const stream_t *stream)
{
    uint32_t largest = stream->ring_max_bytes;
    return largest > BORROWED_RING_MAX && borrows_most(&stream->rx) ? BORROWED_RING_MAX : largest;
}

void stream__grow(stream_t *stream)
{
    half_t *rx = &stream->rx;
    if (rx->offered.handle != rx->ring.handle)
        return; /* a larger one is on offer already */
    uint32_t wanted = load_relaxed(&rx->flow->wanted), largest = largest_ring(stream), size = rx->ring.size;
    while (size < wanted && size < largest)
        size *= 2;
    rx->next_wanted = wanted;
    if (size > rx->ring.size)
        offer_ring(stream, size);
}

/* Before its first byte the sender knew that there is nothing in the kernel; to look costs requests on Wine. */
static bool is_fresh(const half_t *rx)
{
    return rx->switches == 0 && rx->position == 0 && (load_relaxed(&rx->flow->state) & FLOW_FRESH);
}

static int follow(stream_t *stream, uint32_t carrier)
{
    half_t *rx = &stream->rx;
    rx_action_t action = rx_decide(rx->carrier, carrier == FLOW_KERNEL ? RX_SWITCH_TO_KERNEL : RX_SWITCH_TO_RING);
    if (action == RX_FOLLOW_RING) {
        if (carrier != rx->offered.handle)
            return stream__break(stream, "the sender moved to a ring that was not offered");
        if (rx->carrier == CARRIER_KERNEL && !rx->busy && !is_fresh(rx) && stream__keep_strays(stream))
            return STREAM_AGAIN;
        drop_old_ring(stream);
        rx->ring = rx->offered;
        rx->known = rx->position;
        rx->carrier = CARRIER_RING;
    } else if (action == RX_FOLLOW_KERNEL) {
        if (!rx->busy)
            stream__grow(stream); /* for the time after the overflow */
        drop_old_ring(stream);
        rx->carrier = CARRIER_KERNEL;
    } else {
        return stream__break(stream, "the sender moved from the kernel to the kernel");
    }
    rx->switches++;
    log_debug("receiving: followed switch %lu at byte %lu", (unsigned long)rx->switches, (unsigned long)rx->position);
    store_release(&rx->flow->followed, rx->switches); /* pairs with the acquire in stream_room.c, stream__ring_on_offer() */
    full_fence();
    stream__wake_writer(stream);
    return 0;
}

/* Bytes of the present carrier that can be taken now; follows switches on the way.  0: none.  Negative: broken, or
 * STREAM_AGAIN: there is a leftover now. */
int64_t stream__available(stream_t *stream, sight_t *sight)
{
    half_t *rx = &stream->rx;
    for (;;) {
        uint32_t end = 0, carrier = FLOW_KERNEL;
        *sight = look(rx);
        bool ends = switch_ahead(rx, sight, 1, &end, &carrier);
        if (ends)
            sight->tail = load_acquire(&rx->flow->tail); /* the first look at it may have been before the switch */
        uint32_t count = (ends ? end : sight->tail) - rx->position;
        if (ends && count > sight->tail - rx->position)
            return stream__break(stream, "a carrier ends beyond what was sent");
        if (rx->carrier == CARRIER_RING && count > rx->ring.size)
            return stream__break(stream, "more bytes are announced than the ring holds");
        if (sight->switches - rx->switches > 2)
            return stream__break(stream, "more switches are published than can be unacknowledged");
        if (rx->carrier == CARRIER_KERNEL && (int32_t)count < 0 && !ends) {
            rx->seen = sight->tail;
            return 0; /* taken from the kernel before the sender could announce them */
        }
        if (count > INT32_MAX)
            return stream__break(stream, "a carrier ends before what was taken from it");
        if (count < rx->held.count)
            return stream__break(stream, "bytes that the program has borrowed are no longer announced");
        rx->seen = sight->tail;
        if (count || !ends)
            return count;
        int error = follow(stream, carrier);
        if (error)
            return error;
    }
}

/* Of `total` announced bytes those in rings.  More behind the switch than its ring holds is an error, but not of a
 * question: following there will find it. */
static uint32_t in_rings(const half_t *rx, const sight_t *sight, uint32_t present, uint32_t total)
{
    uint32_t count = rx->carrier == CARRIER_RING ? present : 0, start, carrier, end, ignored;
    if (!switch_ahead(rx, sight, 1, &start, &carrier) || carrier == FLOW_KERNEL)
        return count;
    if (!switch_ahead(rx, sight, 2, &end, &ignored))
        end = sight->tail;
    uint32_t behind = end - start;
    return behind <= rx->offered.size && behind <= total - count ? count + behind : count;
}

/* The kernel may hold back announced bytes for a while, as Nagle's algorithm does with the last few. */
uint32_t stream__arrived(stream_t *stream, const sight_t *sight, uint32_t present)
{
    const half_t *rx = &stream->rx;
    uint32_t total = sight->tail - rx->position, in_kernel = total - in_rings(rx, sight, present, total);
    if (in_kernel == 0)
        return total;
    uint32_t come = stream->kernel->pending(stream->socket);
    if (come >= in_kernel)
        return total;
    return rx->carrier == CARRIER_KERNEL && come < present ? come : total - (in_kernel - come);
}

/* ---- taking bytes ---- */

/* A hard close throws away what is under way, and Wine shows the kernel's reset as an end.  Whatever else ended the
 * connection, it need not have been the other process. */
static int ended_early(stream_t *stream)
{
    if (load_acquire(&stream->rx.flow->state) & FLOW_RESET)
        return STREAM_RESET;
    return stream__give_up(stream, "the kernel connection ended before all announced bytes had come");
}

/* Announced bytes are in the kernel connection already, or will be in an instant. */
static int take_from_kernel(stream_t *stream, void *bytes, uint32_t count, bool peek)
{
    half_t *rx = &stream->rx;
    int moved = peek ? stream__kernel(stream)->peek(stream->socket, bytes, count)
                     : stream__kernel(stream)->receive(stream->socket, bytes, count);
    if (moved == STREAM_AGAIN) {
        stream__wait_kernel(stream, rx, 10);
        return STREAM_AGAIN;
    }
    if (moved == 0)
        return ended_early(stream);
    if (moved > 0 && !peek) {
        stream__consume(stream, (uint32_t)moved);
        rx->counters.by_kernel += (uint32_t)moved;
    }
    return moved;
}

/* The kernel's bytes behind a ring lie next to those before it: all are looked at, and the ring's put between. */
static int peek_around_ring(stream_t *stream, uint8_t *bytes, uint32_t seen, uint32_t ring, uint32_t room)
{
    uint8_t *all = malloc(seen + room);
    int both = all ? stream__kernel(stream)->peek(stream->socket, all, seen + room) : 0, more = both - (int)seen;
    if (more <= 0)
        more = 0;
    else if (!vmmc_copy(COPY_PLAIN, bytes + seen + ring, all + seen, (uint32_t)more))
        more = STREAM_FAULT;
    free(all);
    return more;
}

int stream__peek_behind(stream_t *stream, const sight_t *sight, uint8_t *bytes, uint32_t seen, uint32_t limit)
{
    half_t *rx = &stream->rx;
    uint32_t start, carrier, end, ignored, room = limit - seen;
    int more = 0;
    if (!switch_ahead(rx, sight, 1, &start, &carrier))
        return 0;
    bool third = switch_ahead(rx, sight, 2, &end, &ignored);
    if (!third)
        end = sight->state & FLOW_FINAL ? start + room : sight->tail;
    uint32_t count = end - start < room ? end - start : room;
    if (carrier == FLOW_KERNEL && rx->carrier == CARRIER_RING)
        return count ? stream__kernel(stream)->peek(stream->socket, bytes + seen, count) : 0;
    if (carrier != rx->offered.handle || count > rx->offered.size)
        return 0; /* which is an error, but not of a peek: following there will find it */
    if (third && seen && rx->carrier == CARRIER_KERNEL && count < room)
        more = peek_around_ring(stream, bytes, seen, count, room - count);
    if (more < 0 || !ring_get(&rx->offered, start, bytes + seen, count))
        return STREAM_FAULT;
    return (int)count + more;
}

int stream__take(stream_t *stream, void *bytes, uint32_t count, bool peek)
{
    bool ring = stream->rx.carrier == CARRIER_RING;
    return ring ? stream__take_from_ring(stream, bytes, count, peek) : take_from_kernel(stream, bytes, count, peek);
}
