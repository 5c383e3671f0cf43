/* stream_rx: the receiving half: consent, following the sender from carrier to carrier, and the end of the stream. */
#include "ring.h"
#include "stream_private.h"

#include <stdlib.h>

#define MAX_RETRIES 8 /* of a non-blocking receive, for announced bytes or announcements that lag; about a ms each */
#define USEFUL_SHARE 4 /* a sleeping sender is woken when this fraction of the ring is free */

/* The sender's words, loaded in an order that makes them agree: an end mark is read before the tail it closes, and the
 * switches after the tail they precede. */
typedef struct sight {
    uint32_t state, tail, switches;
} sight_t;

static sight_t look(const half_t *rx)
{
    sight_t sight;
    sight.state = load_acquire(&rx->flow->state);
    sight.tail = load_acquire(&rx->flow->tail); /* pairs with the releases in stream_tx.c, publish_tail() */
    sight.switches = load_acquire(&rx->flow->switches);
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
    store_release(&rx->flow->offer, ring.handle); /* pairs with the acquire in stream_tx.c, ring_on_offer() */
    full_fence();
    stream__wake_writer(stream);
    return 0;
}

/* True if the receiver has consented to a ring, now or before: its kernel bytes are announced from here on, and no
 * thread of this process may sleep in a kernel call that would take them. */
static bool consent(stream_t *stream)
{
    half_t *rx = &stream->rx;
    if (rx->consented)
        return true;
    if (!rx->flow || rx->never || rx->kernel_calls)
        return false;
    uint32_t state = load_acquire(&rx->flow->state);
    if (!(state & FLOW_ANNOUNCING) || (state & FLOW_FINAL))
        return false;
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
    lock_take(&rx->lock);
    if (stream_is_attached(stream) && !load_relaxed(&stream->closing) && load_relaxed(&rx->flow->wanted))
        consent(stream);
    lock_release(&rx->lock);
}

/* ---- following the sender ---- */

/* The switch that ends the present carrier; false: none is published. */
static bool next_switch(const half_t *rx, const sight_t *sight, uint32_t *end, uint32_t *carrier)
{
    if (sight->switches == rx->switches)
        return false;
    const switch_shm_t *record = &rx->flow->record[(rx->switches + 1) & 1];
    *end = load_relaxed(&record->end);
    *carrier = load_relaxed(&record->carrier);
    return true;
}

static void drop_old_ring(stream_t *stream)
{
    half_t *rx = &stream->rx;
    if (rx->ring.handle && rx->ring.handle != rx->offered.handle)
        vmmc_unexport(stream->link, rx->ring.handle); /* its sender has switched away: nobody writes there */
    rx->ring = (vmmc_region_t){0};
}

/* For the time after an overflow: the ring we have, or a larger one if the sender asked for that. */
static void offer_after_overflow(stream_t *stream)
{
    half_t *rx = &stream->rx;
    uint32_t wanted = load_relaxed(&rx->flow->wanted), size = rx->ring.size;
    if (rx->offered.handle != rx->ring.handle)
        return; /* a larger one is on offer already */
    while (size < wanted && size < stream->ring_max_bytes)
        size *= 2;
    if (size > rx->ring.size)
        offer_ring(stream, size);
}

static int follow(stream_t *stream, uint32_t carrier)
{
    half_t *rx = &stream->rx;
    rx_action_t action = rx_decide(rx->carrier, carrier == FLOW_KERNEL ? RX_SWITCH_TO_KERNEL : RX_SWITCH_TO_RING);
    if (action == RX_FOLLOW_RING) {
        if (carrier != rx->offered.handle)
            return stream__break(stream, "the sender moved to a ring that was not offered");
        drop_old_ring(stream);
        rx->ring = rx->offered;
        rx->known = rx->position;
        rx->carrier = CARRIER_RING;
    } else if (action == RX_FOLLOW_KERNEL) {
        if (!rx->busy)
            offer_after_overflow(stream);
        drop_old_ring(stream);
        rx->carrier = CARRIER_KERNEL;
    } else {
        return stream__break(stream, "the sender moved from the kernel to the kernel");
    }
    rx->switches++;
    log_debug("receiving: followed switch %lu at byte %lu", (unsigned long)rx->switches, (unsigned long)rx->position);
    store_release(&rx->flow->followed, rx->switches); /* pairs with the acquire in stream_tx.c, ring_on_offer() */
    full_fence();
    stream__wake_writer(stream);
    return 0;
}

/* Bytes of the present carrier that can be taken now; follows switches on the way.  0: none.  Negative: broken. */
static int64_t available(stream_t *stream, sight_t *sight)
{
    half_t *rx = &stream->rx;
    for (;;) {
        uint32_t end = 0, carrier = FLOW_KERNEL;
        *sight = look(rx);
        bool ends = next_switch(rx, sight, &end, &carrier);
        if (ends)
            sight->tail = load_acquire(&rx->flow->tail); /* the first look at it may have been before the switch */
        uint32_t count = (ends ? end : sight->tail) - rx->position;
        if (ends && count > sight->tail - rx->position)
            return stream__break(stream, "a carrier ends beyond what was sent");
        if (rx->carrier == CARRIER_RING && count > rx->ring.size)
            return stream__break(stream, "more bytes are announced than the ring holds");
        if (sight->switches - rx->switches > 2)
            return stream__break(stream, "more switches are published than can be unacknowledged");
        if (rx->carrier == CARRIER_KERNEL && (int32_t)count < 0) {
            rx->seen = sight->tail;
            return 0; /* taken from the kernel before the sender could announce them */
        }
        if (count > INT32_MAX)
            return stream__break(stream, "the sender's tail runs backwards");
        rx->seen = sight->tail;
        if (count || !ends)
            return count;
        int error = follow(stream, carrier);
        if (error)
            return error;
    }
}

/* ---- taking bytes ---- */

static void grow(stream_t *stream)
{
    half_t *rx = &stream->rx;
    uint32_t wanted = load_relaxed(&rx->flow->wanted);
    if (wanted <= rx->ring.size || rx->offered.handle != rx->ring.handle || wanted > stream->ring_max_bytes ||
        (wanted & (wanted - 1)) != 0)
        return;
    offer_ring(stream, wanted);
}

static inline void consume(stream_t *stream, uint32_t count)
{
    half_t *rx = &stream->rx;
    rx->position += count;
    store_release(&rx->flow->head, rx->position); /* pairs with the acquire in stream_tx.c, ring_room() */
    if (__builtin_expect(load_relaxed(&rx->flow->writer) != 0, 0) &&
        (rx->carrier != CARRIER_RING || rx->seen - rx->position <= rx->ring.size - rx->ring.size / USEFUL_SHARE))
        stream__wake_writer(stream);
    if (__builtin_expect(load_relaxed(&rx->flow->wanted) > rx->ring.size, 0) && rx->carrier == CARRIER_RING)
        grow(stream);
}

static int take_from_ring(stream_t *stream, const transfer_t *transfer, uint32_t count)
{
    ring_get(&stream->rx.ring, stream->rx.position, transfer->bytes, count);
    if (!transfer->peek)
        consume(stream, count);
    return (int)count;
}

/* Announced bytes are in the kernel connection already, or will be in an instant. */
static int take_from_kernel(stream_t *stream, const transfer_t *transfer, uint32_t count)
{
    half_t *rx = &stream->rx;
    int moved = transfer->peek ? stream->kernel->peek(stream->socket, transfer->bytes, count)
                               : stream->kernel->receive(stream->socket, transfer->bytes, count);
    if (moved == STREAM_AGAIN) {
        lock_release(&rx->lock);
        stream->kernel->wait(stream->socket, false, 10);
        lock_take(&rx->lock);
        return STREAM_AGAIN;
    }
    if (moved == 0)
        return stream__break(stream, "the kernel connection ended before all announced bytes had come");
    if (moved > 0 && !transfer->peek)
        consume(stream, (uint32_t)moved);
    return moved;
}

/* ---- the end ---- */

static bool sender_process_died(stream_t *stream)
{
    return vmmc_link_is_dead(stream->link);
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
        rx->carrier = CARRIER_FINAL;
        return STREAM_BY_KERNEL;
    case RX_EOF:
        if (sight->state & FLOW_RESET)
            return STREAM_RESET;
        /* A process that dies with unread bytes resets its connections, as TCP does. */
        if (event == RX_PEER_DEAD && stream->tx.flow && stream->tx.carrier == CARRIER_RING &&
            load_acquire(&stream->tx.flow->head) != stream->tx.position)
            return STREAM_RESET;
        return 0;
    default:
        return stream__break(stream, "the sender left its ring without a switch");
    }
}

/* What stops a receive before it looks at anything; 0: nothing. */
static int check_receiver(stream_t *stream, const transfer_t *transfer)
{
    half_t *rx = &stream->rx;
    int gone = stream__gone(stream, transfer->socket);
    if (gone)
        return gone;
    if (rx->shut)
        return STREAM_SHUT;
    if (rx->carrier == CARRIER_FINAL || !consent(stream))
        return STREAM_BY_KERNEL;
    return 0;
}

/* Bytes that were taken out for a demotion that did not succeed come first. */
static int take_leftover(half_t *rx, const transfer_t *transfer)
{
    uint32_t left = rx->leftover_end - rx->leftover_at, part = left < transfer->count ? left : transfer->count;
    memcpy(transfer->bytes, rx->leftover + rx->leftover_at, part);
    if (!transfer->peek)
        rx->leftover_at += part;
    if (rx->leftover_at == rx->leftover_end) {
        free(rx->leftover);
        rx->leftover = NULL;
    }
    return (int)part;
}

/* Bytes may be in the kernel connection an instant before the sender announces them.  A kernel select may have told the
 * program of them already, so its non-blocking receive must not come back empty-handed.  Gives the sender that
 * instant. */
static bool kernel_runs_ahead(stream_t *stream)
{
    half_t *rx = &stream->rx;
    uint8_t byte;
    if (rx->carrier != CARRIER_KERNEL || stream->kernel->peek(stream->socket, &byte, 1) <= 0)
        return false;
    lock_release(&rx->lock);
    os_yield(UINT32_MAX);
    lock_take(&rx->lock);
    return true;
}

/* What a step's result is good for. */
typedef enum verdict {
    STEP_DONE,  /* bytes, an end or an error */
    STEP_SLEEP, /* nothing there: wait for the sender */
    STEP_RETRY  /* announced bytes were not in the kernel connection yet: look again */
} verdict_t;

static int receive_step(stream_t *stream, const transfer_t *transfer, verdict_t *verdict)
{
    half_t *rx = &stream->rx;
    sight_t sight;
    *verdict = STEP_DONE;
    int stop = check_receiver(stream, transfer);
    if (stop)
        return stop;
    if (rx->leftover)
        return take_leftover(rx, transfer);
    if (rx->busy) { /* another thread is taking this direction back to the kernel */
        *verdict = STEP_SLEEP;
        return STREAM_AGAIN;
    }
    bool dead = sender_process_died(stream);
    int64_t count = available(stream, &sight);
    if (count < 0)
        return (int)count;
    if (count == 0) {
        int end = check_end(stream, &sight, dead);
        if (end != 1)
            return end;
        *verdict = !transfer->blocking && transfer->count && kernel_runs_ahead(stream) ? STEP_RETRY : STEP_SLEEP;
        return STREAM_AGAIN;
    }
    if (transfer->count == 0)
        return 0;
    uint32_t part = count < transfer->count ? (uint32_t)count : transfer->count;
    if (rx->carrier == CARRIER_RING)
        return take_from_ring(stream, transfer, part);
    int moved = take_from_kernel(stream, transfer, part);
    if (moved == STREAM_AGAIN)
        *verdict = STEP_RETRY;
    return moved;
}

static void look_out(const half_t *rx, outlook_t *outlook)
{
    const flow_shm_t *flow = rx->flow;
    *outlook = (outlook_t){.count = 0};
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

/* The outlook is taken before the step that finds nothing, so that nothing can slip in between. */
static int receive_slowly(stream_t *stream, const transfer_t *transfer)
{
    half_t *rx = &stream->rx;
    int result = stream__gone(stream, transfer->socket);
    if (result) {
        lock_release(&rx->lock);
        return result;
    }
    stream__hold(stream);
    for (unsigned retries = 0;;) {
        outlook_t outlook;
        verdict_t verdict;
        uint32_t state = rx->flow ? load_acquire(&rx->flow->state) : 0;
        result = receive_step(stream, transfer, &verdict);
        if (verdict == STEP_RETRY && may_retry(transfer, &retries))
            continue;
        if (verdict == STEP_RETRY && transfer->blocking)
            result = STREAM_TIMEOUT;
        if (verdict != STEP_SLEEP || !transfer->blocking)
            break;
        look_out(rx, &outlook);
        outlook.seen[1] = state;
        if (!stream__sleep(stream, rx, &outlook, transfer->deadline)) {
            result = STREAM_TIMEOUT;
            break;
        }
    }
    lock_release(&rx->lock);
    stream__let_go(stream);
    return result;
}

/* In a ring, bytes there, no switch ahead, nothing else going on: the count, else 0. */
static inline uint32_t can_take_at_once(stream_t *stream, const transfer_t *transfer)
{
    half_t *rx = &stream->rx;
    if (rx->carrier != CARRIER_RING || rx->busy || rx->shut || rx->leftover || stream__gone(stream, transfer->socket))
        return 0;
    uint32_t left = rx->known - rx->position;
    if (left <= rx->ring.size && left >= transfer->count)
        return transfer->count;
    uint32_t tail = load_acquire(&rx->flow->tail); /* pairs with the release in stream_tx.c, publish_tail() */
    uint32_t count = tail - rx->position;
    if (count > rx->ring.size || load_acquire(&rx->flow->switches) != rx->switches)
        return 0;
    rx->seen = rx->known = tail;
    return count < transfer->count ? count : transfer->count;
}

int stream_receive(stream_t *stream, const transfer_t *transfer)
{
    half_t *rx = &stream->rx;
    lock_take(&rx->lock);
    uint32_t count = can_take_at_once(stream, transfer);
    if (__builtin_expect(count == 0, 0))
        return receive_slowly(stream, transfer);
    take_from_ring(stream, transfer, count);
    lock_release(&rx->lock);
    return (int)count;
}

/* ---- questions ---- */

int stream_pending(stream_t *stream, uintptr_t socket)
{
    half_t *rx = &stream->rx;
    transfer_t nothing = {.socket = socket};
    sight_t sight;
    lock_take(&rx->lock);
    int64_t result = check_receiver(stream, &nothing);
    if (result == 0 && rx->leftover) {
        result = rx->leftover_end - rx->leftover_at;
    } else if (result == 0) {
        bool dead = sender_process_died(stream);
        result = available(stream, &sight);
        if (result == 0 && check_end(stream, &sight, dead) == STREAM_BY_KERNEL)
            result = STREAM_BY_KERNEL;
        /* Bytes behind a switch count too: a later receive returns them without waiting. */
        else if (result > 0 && sight.tail - rx->position <= INT32_MAX)
            result = sight.tail - rx->position;
    }
    lock_release(&rx->lock);
    return (int)result;
}

int stream_readable(stream_t *stream, uintptr_t socket)
{
    half_t *rx = &stream->rx;
    transfer_t nothing = {.socket = socket};
    verdict_t verdict;
    lock_take(&rx->lock);
    int result = receive_step(stream, &nothing, &verdict);
    lock_release(&rx->lock);
    return result == STREAM_BY_KERNEL ? result : verdict == STEP_DONE;
}

void stream_shut_receiving(stream_t *stream, uintptr_t socket)
{
    half_t *rx = &stream->rx;
    lock_take(&rx->lock);
    if (stream__gone(stream, socket) != STREAM_CANCELLED)
        rx->shut = true;
    stream__wake_local(rx);
    lock_release(&rx->lock);
}

/* ---- for stream_leave.c ---- */

int stream__drain(stream_t *stream, uint8_t *bytes, uint32_t room)
{
    half_t *rx = &stream->rx;
    sight_t sight;
    int64_t count = available(stream, &sight);
    if (count <= 0)
        return (int)count;
    transfer_t transfer = {.socket = stream->socket, .bytes = bytes, .count = room};
    uint32_t part = count < room ? (uint32_t)count : room;
    return rx->carrier == CARRIER_RING ? take_from_ring(stream, &transfer, part)
                                       : take_from_kernel(stream, &transfer, part);
}
