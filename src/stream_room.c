/* stream_room: where a sender's room comes from: larger rings, the kernel when its ring stays full, and waiting. */
#include "ring.h"
#include "stream_private.h"

#define NO_PROGRESS_US 2000      /* a blocking sender waits that long for room before it goes by the kernel, */
#define FLOW_WORTH (8u << 20)    /* but after so many bytes in its ring, */
#define FLOW_PATIENCE_US 20000   /* that long: others may be running in its receiver's place */
#define QUICK_LOOK_US 30         /* a non-blocking one; */
#define UNREAD_ENOUGH (3u << 18) /* but once so much is unread it stays while its receiver reads, */
#define UNREAD_MOST (3u << 19)   /* (by its own wish, more: what the largest ring has when it gets full) */
#define READ_ENOUGH 4096u        /* so much at least in STREAM_FULL_US; with a part of its message in it, */
#define REST_US 1000             /* it looks that long for room for the rest */
#define CONSENT_US 20000         /* an urgent byte waits that long for the receiver's consent */
#define PARTS_OF_RING 4          /* larger pieces are published in parts, so that both ends copy at the same time */
#define PART_MIN 4096u
#define RING_GROWS_TO (2u << 20)
#define NEAR_RING_GROWS_TO (1u << 20) /* what is larger leaves the cache that near processors share */
#define FAR_RING_WORTH (64u << 20) /* what has moved so much is expected to move more, */
#define ROOMY_RING_LAPS 64u        /* and who has been round a ring so often, to go on with such pieces */
#define ROOMY_RING_PIECES 16u

/* ---- switching ---- */

static void publish_switch(half_t *tx, uint32_t carrier)
{
    flow_shm_t *flow = tx->flow;
    uint32_t number = tx->switches + 1;
    store_relaxed(&flow->record[number & 1].end, tx->position);
    store_relaxed(&flow->record[number & 1].carrier, carrier);
    store_release(&flow->switches, number); /* pairs with the acquire in stream_follow.c, look() */
    tx->switches = number;
    tx->full.promised = false;
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
uint32_t stream__ring_on_offer(const half_t *tx)
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

int stream__take_offer(stream_t *stream)
{
    half_t *tx = &stream->tx;
    vmmc_region_t ring;
    uint32_t handle = stream__ring_on_offer(tx);
    if (!handle || tx_decide(tx->carrier, TX_OFFERED) != TX_TO_RING)
        return 0;
    int error = vmmc_import(stream->link, handle, &ring);
    if (error == VMMC_EPROTO)
        return stream__break(stream, "the receiver offers a ring that is not exported");
    if (error) {
        tx->never = true; /* no address space: the kernel carries on */
        return 0;
    }
    if (tx->switches == 0 && tx->position == 0 && os_now_us() < stream->new_until)
        stream__mark(tx, FLOW_FRESH);
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

/* ---- growth ---- */

static uint32_t largest_size(const half_t *tx)
{
    return tx->copying.is_far ? RING_GROWS_TO : NEAR_RING_GROWS_TO;
}

/* `size` or more: enough for `bytes`, if a ring grows as far as that. */
static uint32_t grown(const half_t *tx, uint32_t size, uint64_t bytes)
{
    while (size < bytes && size < largest_size(tx))
        size *= 2;
    return size;
}

/* The first lap in fresh memory costs several times what copying does, so the steps are large for a stream that has moved
 * much, and small for one that may be over soon; but large again for who goes by the kernel meanwhile. */
static uint32_t next_size(const half_t *tx, uint32_t count, bool blocking)
{
    uint32_t size = tx->ring.size, laps = (tx->position - tx->ring_began) / size;
    uint32_t wanted = grown(tx, size * (blocking && laps < 4 ? 2 : 8), count);
    return wanted < largest_size(tx) ? wanted : largest_size(tx);
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
void stream__ask_for_fitting_ring(stream_t *stream, uint32_t count)
{
    ask_for_ring(stream, grown(&stream->tx, stream->tx.ring.size, (uint64_t)count * STREAM_WHOLE_SHARE));
}

/* No line of a piece is one that the receiver has just read: those take longest to write. */
void stream__ask_for_roomy_ring(stream_t *stream, uint32_t count)
{
    const half_t *tx = &stream->tx;
    uint32_t moved = tx->position - tx->ring_began;
    if (tx->copying.is_far && moved >= FAR_RING_WORTH)
        ask_for_ring(stream, RING_GROWS_TO);
    else if (moved >= ROOMY_RING_LAPS * tx->ring.size)
        ask_for_ring(stream, grown(tx, tx->ring.size, (uint64_t)count * ROOMY_RING_PIECES));
}

/* ---- waiting for room ---- */

static void look_out(const half_t *tx, outlook_t *outlook)
{
    const flow_shm_t *flow = tx->flow;
    *outlook = (outlook_t){.interludes = true};
    outlook_add(outlook, &flow->head, load_acquire(&flow->head));
    outlook_add(outlook, &flow->offer, load_acquire(&flow->offer));
    outlook_add(outlook, &flow->followed, load_acquire(&flow->followed));
    outlook_add(outlook, &flow->consumer, load_acquire(&flow->consumer));
}

static uint64_t patience_us(const half_t *tx)
{
    return tx->position - tx->ring_began >= FLOW_WORTH ? FLOW_PATIENCE_US : NO_PROGRESS_US;
}

static uint32_t enough_unread(const stream_t *stream)
{
    uint32_t wish = load_relaxed(&stream->send_buffer);
    return wish < UNREAD_ENOUGH ? UNREAD_ENOUGH : wish > UNREAD_MOST ? UNREAD_MOST : wish;
}

static void note_full(half_t *tx, uint32_t head)
{
    if (tx->full.at != tx->position)
        tx->full.wanted = 0;
    tx->full.at = tx->position;
    tx->full.head = head;
    tx->full.since = os_now_us();
}

/* Not before more is unread than a program may count on, and some has been read; and not after the receiver has read nothing
 * for a while: then the kernel takes as much again.  Who has met such a receiver gives the next full ring no time for it.  A
 * receiver that is still reading what came by the kernel before this ring does that slowly. */
static bool room_is_coming(stream_t *stream)
{
    half_t *tx = &stream->tx;
    uint32_t head = load_acquire(&tx->flow->head), unread = tx->position - head;
    if (unread < enough_unread(stream) || tx->counters.bytes < (uint64_t)unread + unread / 16)
        return false;
    bool behind = (int32_t)(head - tx->ring_began) < 0;
    if (tx->full.at != tx->position) {
        note_full(tx, head);
    } else if (head - tx->full.head >= (behind ? 1 : READ_ENOUGH)) {
        note_full(tx, head);
        tx->full.stalled = false;
    } else if (os_now_us() - tx->full.since >= STREAM_FULL_US) {
        tx->full.stalled = true;
        return false;
    }
    return behind || !tx->full.stalled;
}

bool stream__promise_room(stream_t *stream)
{
    full_ring_t *full = &stream->tx.full;
    if (room_is_coming(stream))
        return false;
    full->promised = true;
    full->promised_at = stream->tx.position;
    return true;
}

/* For how long a call that has sent a part may look for room for the rest. */
static uint32_t rest_us(half_t *tx)
{
    uint64_t now = os_now_us();
    if (tx->full.rest_until == 0)
        tx->full.rest_until = now + REST_US;
    return now < tx->full.rest_until ? (uint32_t)(tx->full.rest_until - now) : 0;
}

static bool is_promised(const half_t *tx)
{
    return tx->full.promised && tx->full.promised_at == tx->position;
}

/* True: there is news.  STREAM_AGAIN: the caller is to come again. */
static int look_for_news(stream_t *stream, const transfer_t *transfer, uint32_t done, const outlook_t *outlook)
{
    half_t *tx = &stream->tx;
    bool comes_again = !is_promised(tx) && room_is_coming(stream);
    uint32_t us = !comes_again ? QUICK_LOOK_US : done > 0 ? rest_us(tx) : 0;
    if (us && stream__look(tx, outlook, us)) {
        tx->full.stalled = false;
        return true;
    }
    if (!comes_again)
        return false;
    tx->full.wanted = stream__useful_room(tx, transfer, done);
    return STREAM_AGAIN;
}

static bool sleep_for_news(stream_t *stream, const transfer_t *transfer, const outlook_t *outlook)
{
    half_t *tx = &stream->tx;
    uint64_t until = os_now_us() + patience_us(tx);
    return stream__sleep(stream, tx, outlook, until < transfer->deadline ? until : transfer->deadline);
}

/* True if the receiver has woken us in time, or has made room for us without: it does not wake a sender for little.  Or why
 * not to wait. */
static int wait_for_progress(stream_t *stream, const transfer_t *transfer, uint32_t done, const outlook_t *outlook)
{
    half_t *tx = &stream->tx;
    uint32_t useful = stream__useful_room(tx, transfer, done);
    int news = transfer->blocking ? sleep_for_news(stream, transfer, outlook)
                                  : look_for_news(stream, transfer, done, outlook);
    if (news)
        return news;
    int64_t room = stream__find_room(tx, useful);
    return room < 0 || room >= useful; /* what is wrong with it the next look finds */
}

/* The ring is full.  0: look again (there was progress, or the kernel carries now). */
int stream__wait_for_ring(stream_t *stream, const transfer_t *transfer, uint32_t done)
{
    half_t *tx = &stream->tx;
    outlook_t outlook;
    ask_for_ring(stream, next_size(tx, transfer->count - done, transfer->blocking));
    look_out(tx, &outlook);
    tx->copying.looked = true;
    uint32_t useful = stream__useful_room(tx, transfer, done);
    if (stream__find_room(tx, useful) >= useful || stream__ring_on_offer(tx))
        return 0;
    if (os_now_us() >= transfer->deadline)
        return STREAM_TIMEOUT;
    int progress = wait_for_progress(stream, transfer, done, &outlook);
    tx->copying.looked = true;
    if (progress < 0)
        return progress;
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
bool stream__receiver_understands(stream_t *stream)
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
int stream__wait_for_kernel(stream_t *stream, const transfer_t *transfer)
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
int stream__wait_frozen(stream_t *stream, const transfer_t *transfer)
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
