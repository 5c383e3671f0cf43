/* stray: see stray.h. */
#include "stray.h"

#include "fdtab.h"
#include "watcher.h"

#define YOUNG_US 50000   /* many connections do not live that long: they cost nothing */
#define LATER_US 100000  /* where nothing can be told now; at each further time twice as long, up to ... */
#define LATEST_US 6400000
#define GRACE_US 30000   /* for an announcement that is on its way, and the close of a process that dies */
#define BLIND_US 250000  /* where the system's sockets cannot be polled */

enum phase {
    PHASE_WAITING, /* look at the connection when it is time */
    PHASE_ARMED,   /* a poll tells when there is something to see */
    PHASE_SUSPECT, /* there was; look again */
    PHASE_LEAVING, /* until both halves have left */
    PHASE_DONE
};

static void next(sock_t *sock, enum phase phase, uint64_t delay_us)
{
    sock->watch_phase = phase;
    sock->watch_due = os_now_us() + delay_us;
    sock->watch_later_us = LATER_US;
}

/* The program has to do something first, and may be idle for hours. */
static void later(sock_t *sock, enum phase phase)
{
    uint32_t delay = sock->watch_later_us;
    next(sock, phase, delay);
    sock->watch_later_us = delay < LATEST_US ? delay * 2 : delay;
}

/* A poll is armed after a look that was due, not at once after one that fired: whatever the poll may see that the look
 * does not, the watcher keeps its peace. */
static void watch_silence(sock_t *sock)
{
    if (sock->watch_phase == PHASE_ARMED || sock->watch_phase == PHASE_SUSPECT)
        next(sock, PHASE_WAITING, YOUNG_US);
    else if (kpoll_watch(&sock->kpoll, KPOLL_READ))
        next(sock, PHASE_ARMED, 0);
    else
        next(sock, PHASE_WAITING, BLIND_US);
}

static void look(sock_t *sock)
{
    switch (stream_look_for_strays(&sock->stream)) {
    case STRAY_NONE:
        watch_silence(sock);
        break;
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
        next(sock, PHASE_LEAVING, LATER_US);
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

static bool is_due(const sock_t *sock)
{
    if (sock->watch_phase == PHASE_ARMED)
        return !kpoll_is_armed(&sock->kpoll, KPOLL_READ) || sock->stream.tx.carrier == CARRIER_FINAL;
    return sock->watch_phase != PHASE_DONE && os_now_us() >= sock->watch_due;
}

static void attend(sock_t *sock, void *earliest)
{
    if (sock_mode(sock) != SOCK_USER)
        return;
    if (word_swap(&sock->promoted, 0))
        next(sock, PHASE_WAITING, YOUNG_US);
    if (is_due(sock)) {
        if (sock->watch_phase == PHASE_LEAVING)
            see_off(sock);
        else
            look(sock);
    }
    if (sock->watch_phase != PHASE_ARMED && sock->watch_phase != PHASE_DONE && sock->watch_due < *(uint64_t *)earliest)
        *(uint64_t *)earliest = sock->watch_due;
}

unsigned stray_round(const waiter_t *watcher)
{
    uint64_t earliest = UINT64_MAX;
    (void)watcher;
    fdtab_each(attend, &earliest);
    if (earliest == UINT64_MAX)
        return WATCHER_IDLE;
    uint64_t now = os_now_us();
    return earliest <= now ? 0 : (unsigned)((earliest - now) / 1000 + 1);
}
