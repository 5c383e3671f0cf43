/* stray: see stray.h. */
#include "stray.h"

#include "fdtab.h"
#include "watcher.h"

#define SOONEST_US 50000 /* many connections do not live that long: they cost nothing */
#define LATEST_US 6400000
#define AWAITED_US 800000 /* where a thread waits for bytes */
#define GRACE_US 30000    /* for an announcement that is on its way, and the close of a process that dies */

enum phase {
    PHASE_WAITING, /* look at the connection when it is time */
    PHASE_SUSPECT, /* there was something; look again */
    PHASE_LEAVING, /* until both halves have left */
    PHASE_DONE
};

static void next(sock_t *sock, enum phase phase, uint64_t delay_us)
{
    sock->watch_phase = phase;
    sock->watch_due = os_now_us() + delay_us;
    sock->watch_later_us = SOONEST_US;
}

/* Each time twice as long: the program has to do something first, and may be idle for hours.  Whole multiples of the delay,
 * so that all streams that are as idle as this one are looked at together. */
static void later(sock_t *sock, enum phase phase)
{
    uint32_t most = sock->stream.rx.sleepers ? AWAITED_US : LATEST_US; /* a hint, read without the lock */
    uint32_t delay = sock->watch_later_us < most ? sock->watch_later_us : most;
    sock->watch_phase = phase;
    sock->watch_due = (os_now_us() / delay + 1) * delay;
    sock->watch_later_us = delay < LATEST_US ? delay * 2 : delay;
}

static void look(sock_t *sock)
{
    switch (stream_look_for_strays(&sock->stream)) {
    case STRAY_NONE:
    case STRAY_LATER:
        later(sock, PHASE_WAITING);
        break;
    case STRAY_SEEN:
        if (sock->watch_phase != PHASE_SUSPECT) {
            next(sock, PHASE_SUSPECT, GRACE_US);
            break;
        }
        sock->story.why = "bytes or an end came by the kernel connection that nobody announced";
        stream_leave_to_strays(&sock->stream);
        next(sock, PHASE_LEAVING, SOONEST_US);
        break;
    case STRAY_LEAVING:
        next(sock, PHASE_LEAVING, 0);
        break;
    case STRAY_NEVER:
        next(sock, PHASE_DONE, 0);
        break;
    }
}

/* The program's next calls see to it that both halves arrive; without any it is asked again. */
static void see_off(sock_t *sock)
{
    if (stream_look_for_strays(&sock->stream) == STRAY_NEVER) {
        next(sock, PHASE_DONE, 0);
    } else if (stream_is_final(&sock->stream)) {
        sock_settle(sock);
        next(sock, PHASE_DONE, 0);
    } else {
        later(sock, PHASE_LEAVING);
    }
}

/* ---- many at once ---- */

/* What is due in a round, until there is one request full of it. */
typedef struct batch {
    unsigned count;
    sock_t *socks[KPOLL_GLANCE];
    kpoll_t *polled[KPOLL_GLANCE];
    uint64_t earliest; /* of what is not due */
} batch_t;

static void note_due(const sock_t *sock, batch_t *batch)
{
    if (sock->watch_phase != PHASE_DONE && sock->watch_due < batch->earliest)
        batch->earliest = sock->watch_due;
}

/* A system without such polls has them looked at one by one. */
static void glance(batch_t *batch)
{
    bool ready[KPOLL_GLANCE];
    bool told = batch->count && kpoll_glance(batch->polled, batch->count, ready);
    for (unsigned i = 0; i < batch->count; i++) {
        if (told && !ready[i])
            later(batch->socks[i], PHASE_WAITING);
        else
            look(batch->socks[i]);
        note_due(batch->socks[i], batch);
    }
    batch->count = 0;
}

static void add(sock_t *sock, batch_t *batch)
{
    batch->socks[batch->count] = sock;
    batch->polled[batch->count++] = &sock->kpoll;
    if (batch->count == KPOLL_GLANCE)
        glance(batch);
}

/* When a process dies, all its connections end in the kernel at once: those are not asked about. */
static void attend_due(sock_t *sock, batch_t *batch)
{
    if (sock->watch_phase == PHASE_WAITING && sock->stream.tx.carrier != CARRIER_FINAL &&
        stream_may_have_strays(&sock->stream)) {
        add(sock, batch);
        return;
    }
    (sock->watch_phase == PHASE_LEAVING ? see_off : look)(sock);
    note_due(sock, batch);
}

static void attend(sock_t *sock, void *batch)
{
    if (sock_mode(sock) != SOCK_USER)
        return;
    if (word_swap(&sock->promoted, 0))
        next(sock, PHASE_WAITING, SOONEST_US);
    if (sock->watch_phase == PHASE_WAITING && stream_is_final(&sock->stream))
        look(sock); /* the program's calls have brought it home without us */
    if (sock->watch_phase != PHASE_DONE && os_now_us() >= sock->watch_due)
        attend_due(sock, batch);
    else
        note_due(sock, batch);
}

unsigned stray_round(const waiter_t *watcher)
{
    batch_t batch = {.earliest = UINT64_MAX};
    (void)watcher;
    fdtab_each(attend, &batch);
    glance(&batch);
    if (batch.earliest == UINT64_MAX)
        return WATCHER_IDLE;
    uint64_t now = os_now_us();
    return batch.earliest <= now ? 0 : (unsigned)((batch.earliest - now) / 1000 + 1);
}
