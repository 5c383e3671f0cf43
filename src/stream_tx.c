/* stream_tx: the sending half: rings, overflow to the kernel, and the way back. */
#include "ring.h"
#include "stream_private.h"

#define NO_PROGRESS_US 2000     /* a blocking sender waits that long for room before it goes by the kernel */
#define QUICK_LOOK_US 30        /* a non-blocking one */
#define TURN_LOOK_US 250000     /* who waits for a turn looks that often whether there is a stream left */
#define CONSENT_US 20000        /* an urgent byte waits that long for the receiver's consent */
#define PARTS_OF_RING 4         /* larger pieces are published in parts, so that both ends copy at the same time */
#define PART_MIN 4096u
#define WHOLE_MESSAGE_SHARE 4   /* messages up to this fraction of the ring are not torn */
#define EASY_RING_MAX (1u << 20) /* stays in a cache; what is larger has to be earned */

/* ---- switching ---- */

static void publish_switch(half_t *tx, uint32_t carrier)
{
    flow_shm_t *flow = tx->flow;
    uint32_t number = tx->switches + 1;
    store_relaxed(&flow->record[number & 1].end, tx->position);
    store_relaxed(&flow->record[number & 1].carrier, carrier);
    store_release(&flow->switches, number); /* pairs with the acquire in stream_follow.c, look() */
    tx->switches = number;
    log_debug("sending: switch %lu at byte %lu to %s %lx", (unsigned long)number, (unsigned long)tx->position,
              carrier ? "ring" : "kernel", (unsigned long)carrier);
}

/* At most two switches are unacknowledged: to a ring only when there is none, to the kernel only from a ring. */
void stream__switch_to_kernel(stream_t *stream)
{
    publish_switch(&stream->tx, FLOW_KERNEL);
    stream->tx.carrier = CARRIER_KERNEL;
    full_fence();
    stream__wake_reader(stream);
}

/* The handle of a ring that we may move to now, 0 if there is none. */
static uint32_t ring_on_offer(const half_t *tx)
{
    const flow_shm_t *flow = tx->flow;
    if (tx->never || load_acquire(&flow->followed) != tx->switches)
        return 0;
    uint32_t offer = load_acquire(&flow->offer);
    return tx->carrier == CARRIER_RING && offer == tx->ring.handle ? 0 : offer;
}

static uint32_t part_of(uint32_t ring)
{
    uint32_t part = ring / PARTS_OF_RING;
    return part < PART_MIN ? PART_MIN : part > STREAM_PART_MAX ? STREAM_PART_MAX : part;
}

static int take_offer(stream_t *stream)
{
    half_t *tx = &stream->tx;
    vmmc_region_t ring;
    uint32_t handle = ring_on_offer(tx);
    if (!handle || tx_decide(tx->carrier, TX_OFFERED) != TX_TO_RING)
        return 0;
    int error = vmmc_import(stream->link, handle, &ring);
    if (error == VMMC_EPROTO)
        return stream__break(stream, "the receiver offers a ring that is not exported");
    if (error) {
        tx->never = true; /* no address space: the kernel carries on */
        return 0;
    }
    publish_switch(tx, handle);
    tx->carrier = CARRIER_RING;
    tx->ring = ring;
    tx->seen = tx->ring_began = tx->position;
    tx->part = part_of(ring.size);
    tx->next_wanted = 0;
    full_fence();
    stream__wake_reader(stream);
    return 0;
}

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

static bool peer_has_closed(const half_t *tx)
{
    return load_acquire(&tx->flow->consumer) & FLOW_READER_CLOSED;
}

/* True while a receiver that asked us to hold still may be expected to finish. */
static bool is_thawing(const stream_t *stream)
{
    const half_t *tx = &stream->tx;
    return !vmmc_link_is_dead(stream->link) && !peer_has_closed(tx) &&
           os_now_us() - tx->frozen_since < 2 * STREAM_PATIENCE_US;
}

/* Of one that has read from a ring the kernel connection need not tell, see kernel_says_nothing(). */
static bool receiver_died(const stream_t *stream)
{
    const half_t *tx = &stream->tx;
    return tx->switches && tx->carrier != CARRIER_FINAL && vmmc_link_is_dead(stream->link);
}

/* Called with the lock held; 0: go on; otherwise the result of the send. */
static int check_sender(stream_t *stream, const transfer_t *transfer)
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
    return receiver_died(stream) && !peer_has_closed(tx) ? STREAM_RESET : 0;
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
        copy_choices_note(&tx->copying, part, tx->ring.size);
    }
    return (int)count;
}

static int impossible_head(stream_t *stream)
{
    return stream__break(stream, "the receiver's head is beyond what was sent");
}

/* Room that is worth being woken for. */
static uint32_t useful_room(const half_t *tx, uint32_t wanted)
{
    return wanted < tx->ring.size / STREAM_USEFUL_SHARE ? wanted : tx->ring.size / STREAM_USEFUL_SHARE;
}

/* ---- growth ---- */

/* The first lap in fresh memory costs several times what copying does, so the steps are large for a stream that has moved
 * much, and small for one that may be over soon. */
static uint32_t next_size(const half_t *tx)
{
    uint32_t size = tx->ring.size, laps = (tx->position - tx->ring_began) / size;
    if (size >= EASY_RING_MAX)
        return laps < 16 ? size : size * 2;
    if (laps < 4)
        return size * 2;
    return size * 8 < EASY_RING_MAX ? size * 8 : EASY_RING_MAX;
}

static void ask_for_ring(stream_t *stream, uint32_t wanted)
{
    half_t *tx = &stream->tx;
    if (wanted > stream->ring_max_bytes)
        wanted = stream->ring_max_bytes;
    if (wanted > tx->ring.size && wanted > tx->next_wanted) {
        tx->next_wanted = wanted;
        store_release(&tx->flow->wanted, wanted);
    }
}

/* Pieces that do not pass through the ring whole would in a larger one. */
static void ask_for_fitting_ring(stream_t *stream, uint32_t count)
{
    uint32_t wanted = stream->tx.ring.size;
    while (wanted < EASY_RING_MAX && count > wanted / WHOLE_MESSAGE_SHARE)
        wanted *= 2;
    ask_for_ring(stream, wanted);
}

/* ---- moving bytes by a ring or the kernel ---- */

/* For what is large enough to have a choice how to copy it, the time of the load is worth taking now and then. */
static inline uint32_t load_head(half_t *tx, uint32_t enough)
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
static inline int64_t find_room(half_t *tx, uint32_t enough)
{
    if (tx->ring.size - (tx->position - tx->seen) < enough) {
        uint32_t head = load_head(tx, enough);
        if ((int32_t)(head - tx->seen) > 0) {
            if (head - tx->seen > tx->position - tx->seen)
                return -1;
            tx->seen = head;
        }
    }
    return tx->ring.size - (tx->position - tx->seen);
}

/* Bytes put into the ring, 0: it is full. */
static int send_by_ring(stream_t *stream, const uint8_t *bytes, uint32_t count, bool urgent)
{
    half_t *tx = &stream->tx;
    int64_t room = find_room(tx, count);
    if (room < 0)
        return impossible_head(stream);
    bool whole = count <= tx->ring.size / WHOLE_MESSAGE_SHARE;
    if (!whole)
        ask_for_fitting_ring(stream, count);
    if (room == 0 || (whole && room < count))
        return 0;
    uint32_t part = room < count ? (uint32_t)room : count;
    return put_in_parts(stream, bytes, part, urgent && part == count);
}

static int send_by_kernel(stream_t *stream, const uint8_t *bytes, uint32_t count, bool urgent)
{
    int moved = stream->kernel->send(stream->socket, bytes, count);
    if (moved > 0) {
        publish(stream, bytes, (uint32_t)moved, urgent && moved == (int)count);
        stream->tx.counters.by_kernel += (uint32_t)moved;
    }
    return moved == STREAM_AGAIN ? 0 : moved;
}

/* ---- waiting for room ---- */

/* There was no room for `count` bytes. */
static void ask_for_larger_ring(stream_t *stream, uint32_t count)
{
    uint32_t wanted = next_size(&stream->tx);
    while (wanted < count && wanted < stream->ring_max_bytes)
        wanted *= 2;
    ask_for_ring(stream, wanted);
}

static void look_out(const half_t *tx, outlook_t *outlook)
{
    const flow_shm_t *flow = tx->flow;
    *outlook = (outlook_t){.interludes = true};
    outlook_add(outlook, &flow->head, load_acquire(&flow->head));
    outlook_add(outlook, &flow->offer, load_acquire(&flow->offer));
    outlook_add(outlook, &flow->followed, load_acquire(&flow->followed));
    outlook_add(outlook, &flow->consumer, load_acquire(&flow->consumer));
}

/* The ring is full.  0: look again (there was progress, or the kernel carries now). */
static int wait_for_ring(stream_t *stream, const transfer_t *transfer, uint32_t left)
{
    half_t *tx = &stream->tx;
    outlook_t outlook;
    ask_for_larger_ring(stream, left);
    look_out(tx, &outlook);
    uint32_t useful = useful_room(tx, left);
    if (find_room(tx, useful) >= useful || ring_on_offer(tx))
        return 0;
    uint64_t now = os_now_us();
    if (now >= transfer->deadline)
        return STREAM_TIMEOUT;
    uint64_t patience = now + NO_PROGRESS_US < transfer->deadline ? now + NO_PROGRESS_US : transfer->deadline;
    bool progress = transfer->blocking ? stream__sleep(stream, tx, &outlook, patience)
                                       : stream__look(tx, &outlook, QUICK_LOOK_US);
    if (!progress && tx->carrier == CARRIER_RING && !tx->shut && !load_relaxed(&stream->closing) &&
        tx_decide(tx->carrier, TX_FULL) == TX_TO_KERNEL)
        stream__switch_to_kernel(stream);
    return 0;
}

/* The receiver has never consented to a ring, perhaps because it has not begun to read; its watcher can, and then a
 * program that writes much before anybody reads gets further than by the kernel alone. */
static void ask_for_first_ring(stream_t *stream)
{
    half_t *tx = &stream->tx;
    if (tx->switches || tx->next_wanted == stream->ring_max_bytes)
        return;
    tx->next_wanted = stream->ring_max_bytes;
    store_release(&tx->flow->wanted, tx->next_wanted);
    full_fence();
    vmmc_notify(stream->link, WATCHER_NUMBER);
}

/* An urgent byte goes among the others, so its receiver must have consented, or a plain kernel receive could return it
 * as an ordinary one.  If it does not consent at once, somebody waits in such a call, and this direction becomes the
 * kernel's. */
static bool receiver_understands(stream_t *stream)
{
    half_t *tx = &stream->tx;
    uint64_t until = os_now_us() + CONSENT_US, now;
    ask_for_first_ring(stream);
    while (!load_acquire(&tx->flow->offer) && !tx->frozen && tx->carrier != CARRIER_FINAL &&
           !stream__is_lost(stream) && (now = os_now_us()) < until) {
        outlook_t outlook;
        look_out(tx, &outlook);
        outlook.seen[1] = 0;
        stream__sleep(stream, tx, &outlook, until);
    }
    bool understood = load_acquire(&tx->flow->offer) != 0;
    if (!understood)
        stream__leave_sending(stream, TX_LEAVE);
    return understood;
}

/* The kernel connection is full: sleep in the kernel, which wakes us when the receiver has taken something. */
static int wait_for_kernel(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    ask_for_first_ring(stream);
    if (!transfer->blocking)
        return STREAM_AGAIN;
    uint64_t now = os_now_us();
    if (now >= transfer->deadline)
        return STREAM_TIMEOUT;
    uint64_t ms = (transfer->deadline - now) / 1000 + 1;
    stream__wait_kernel(stream, tx, ms < 50 ? (unsigned)ms : 50);
    return 0;
}

/* The receiver's process is taking its socket back: hold still until it is done. */
static int wait_frozen(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    outlook_t outlook;
    if (!transfer->blocking)
        return STREAM_AGAIN;
    look_out(tx, &outlook);
    lock_release(&tx->lock);
    stream_serve_peer(stream);
    half_take(tx);
    uint64_t soon = os_now_us() + 20000;
    if (tx->frozen)
        stream__sleep(stream, tx, &outlook, soon < transfer->deadline ? soon : transfer->deadline);
    return os_now_us() >= transfer->deadline ? STREAM_TIMEOUT : 0;
}

static int wait_for_turn(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    outlook_t outlook = {.interludes = true};
    if (!transfer->blocking)
        return STREAM_AGAIN;
    uint64_t soon = os_now_us() + TURN_LOOK_US;
    stream__sleep(stream, tx, &outlook, soon < transfer->deadline ? soon : transfer->deadline);
    if (wait_is_cancelled())
        return STREAM_INTERRUPTED;
    int gone = stream__gone(stream, transfer->socket);
    if (gone == 0 && receiver_died(stream))
        gone = STREAM_RESET;
    return gone == 0 && os_now_us() >= transfer->deadline ? STREAM_TIMEOUT : gone;
}

/* ---- the call ---- */

/* What has to be seen to before `left` bytes can go.  True: nothing.  Otherwise *result is 0 to look again, the reason to
 * stop, or a count that has been swallowed. */
static bool is_clear(stream_t *stream, const transfer_t *transfer, uint32_t left, int *result)
{
    half_t *tx = &stream->tx;
    *result = check_sender(stream, transfer);
    if (*result)
        return false;
    if (tx->frozen) {
        *result = wait_frozen(stream, transfer);
        return false;
    }
    if (peer_has_closed(tx)) {
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
    *result = take_offer(stream);
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
        return receiver_understands(stream) ? 0 : STREAM_BY_KERNEL;
    if (tx->carrier == CARRIER_RING) {
        int moved = send_by_ring(stream, bytes, left, transfer->urgent);
        return moved ? moved : wait_for_ring(stream, transfer, left);
    }
    int moved = send_by_kernel(stream, bytes, left, transfer->urgent);
    return moved ? moved : wait_for_kernel(stream, transfer);
}

int64_t stream__await_room(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    for (;;) {
        int result;
        if (is_clear(stream, transfer, transfer->count, &result)) {
            if (tx->carrier != CARRIER_RING)
                return STREAM_BY_KERNEL;
            uint32_t useful = useful_room(tx, transfer->count);
            int64_t room = find_room(tx, transfer->count);
            if (room < 0)
                return impossible_head(stream);
            if (room >= useful)
                return room;
            result = wait_for_ring(stream, transfer, transfer->count);
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
    int stop = check_sender(stream, transfer);
    bool reset = tx->swallowed || (tx->flow && (load_acquire(&stream->rx.flow->state) & FLOW_RESET));
    return stop == 0 && reset ? STREAM_RESET : stop;
}

/* Called with the lock held; one thread at a time is inside, so that no two blocking sends mix their bytes. */
static int send_in_turn(stream_t *stream, const transfer_t *transfer)
{
    uint32_t done = 0;
    int step = transfer->count ? 0 : send_nothing(stream, transfer);
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

/* Called with the lock held; 0: no other thread sends until stream__end_turn(). */
int stream__take_turn(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    int result = 0;
    while (tx->busy && result == 0)
        result = stream__is_mine(tx) ? STREAM_HELD : wait_for_turn(stream, transfer);
    if (result == 0) {
        tx->busy = true;
        tx->turn = wait_number(wait_mine());
    }
    return result;
}

void stream__end_turn(half_t *tx)
{
    tx->busy = false;
    tx->held.count = 0;
    if (tx->sleepers)
        stream__wake_local(tx);
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

static int send_spans(stream_t *stream, const transfer_t *transfer, const span_t *spans, unsigned count)
{
    transfer_t part = *transfer;
    int done = 0;
    for (unsigned i = 0; i < count; i++) {
        part.bytes = spans[i].bytes;
        part.count = spans[i].count;
        part.urgent = transfer->urgent && i + 1 == count;
        int moved = part.count || count == 1 ? send_in_turn(stream, &part) : 0;
        if (moved < 0)
            return done && moved != STREAM_TIMEOUT ? done : moved;
        done += moved;
        if (moved < (int)part.count)
            break;
    }
    return done;
}

int stream_send_gather(stream_t *stream, const transfer_t *transfer, const span_t *spans, unsigned count)
{
    half_t *tx = &stream->tx;
    half_take(tx);
    int result = stream__enter(stream, tx, transfer->socket);
    if (result)
        return result;
    result = stream__take_turn(stream, transfer);
    if (result == 0) {
        result = send_spans(stream, transfer, spans, count);
        stream__end_turn(tx);
    }
    stream__leave(stream, tx);
    return result;
}

int stream_begin_turn(stream_t *stream, uintptr_t socket)
{
    half_t *tx = &stream->tx;
    const transfer_t turn = {.socket = socket, .blocking = true, .deadline = STREAM_NEVER};
    half_take(tx);
    int result = stream__enter(stream, tx, socket);
    if (result)
        return result;
    result = stream__take_turn(stream, &turn);
    if (result == 0) {
        result = check_sender(stream, &turn);
        if (result)
            stream__end_turn(tx);
    }
    lock_release(&tx->lock);
    if (result)
        stream__let_go(stream);
    return result;
}

void stream_end_turn(stream_t *stream)
{
    half_take(&stream->tx);
    stream__end_turn(&stream->tx);
    lock_release(&stream->tx.lock);
    stream__let_go(stream);
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
    return find_room(tx, count) >= count && !load_acquire(stream->link_death);
}

/* `count` bytes for which may_send() is true; and make the way clear, since nothing else is done before the lock is
 * released.  False: they may not be read. */
static bool put_small(stream_t *stream, const void *bytes, uint32_t count)
{
    half_t *tx = &stream->tx;
    tx->plain = true;
    tx->clear = ring_first_span(&tx->ring, tx->position, tx->ring.size - (tx->position - tx->seen));
    if (count <= tx->clear && count <= COPY_SHORT_MAX) {
        if (!stream__put_clear(tx, bytes, count))
            return false;
    } else {
        if (tx->clear >= RING_AHEAD + count)
            ring_fetch_to_write(stream__next(tx) + RING_AHEAD, count);
        if (!ring_put(COPY_STRING, &tx->ring, tx->position, bytes, count))
            return false;
        tx->clear = 0;
        stream__publish(tx, count);
    }
    if (__builtin_expect(load_relaxed(&tx->flow->reader) != 0, 0))
        stream__wake_reader(stream);
    return true;
}

int stream_send_unclear(stream_t *stream, uintptr_t socket, const void *bytes, uint32_t count)
{
    int result = 0;
    if (may_send(stream, socket, count))
        result = put_small(stream, bytes, count) ? (int)count : STREAM_FAULT;
    lock_release(&stream->tx.lock);
    return result;
}

void stream_sent_to_sleeper(stream_t *stream)
{
    stream__wake_reader(stream);
    lock_release(&stream->tx.lock);
}

int stream_send(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    half_take(tx);
    if (__builtin_expect(transfer->urgent || !may_send(stream, transfer->socket, transfer->count), 0))
        return send_slowly(stream, transfer);
    int result = (int)transfer->count;
    if (transfer->count > RING_SMALL)
        result = put_in_parts(stream, transfer->bytes, transfer->count, false);
    else if (!put_small(stream, transfer->bytes, transfer->count))
        result = STREAM_FAULT;
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

int stream_writable(stream_t *stream, uintptr_t socket)
{
    half_t *tx = &stream->tx;
    transfer_t nothing = {.socket = socket};
    half_take(tx);
    int ready = check_sender(stream, &nothing);
    if (ready == 0) {
        if (tx->frozen || tx->busy)
            ready = 0;
        else if (tx->carrier == CARRIER_RING || ring_on_offer(tx) || load_acquire(&tx->flow->consumer))
            ready = 1; /* a full ring continues in the kernel connection, which has room */
        else
            ready = STREAM_BY_KERNEL;
    } else if (ready != STREAM_BY_KERNEL) {
        ready = 1;
    }
    lock_release(&tx->lock);
    return ready;
}
