/* sock: see sock.h; transfers are in sock_io.c. */
#include "sock.h"

#include "kernel.h"
#include "log.h"
#include "prospects.h"
#include "settings.h"
#include "transport.h"
#include "watcher.h"
#include "wsaerr.h"

#include <wsock32_real.h>

#define SMALLEST_RING 16384u /* however small the program wants its buffer */
#define NEW_US 10000u        /* no program has given a connection away, nor made a child that has it, so soon */
#define MUCH_BYTES 16384u    /* a connection that moves so much is worth a meeting, however few its calls are */

/* ---- coming and going ---- */

void sock_reset(sock_t *sock, uintptr_t handle)
{
    const config_t *config = settings();
    stream_init(&sock->stream, &kernel_socket_calls, handle, config->ring_bytes, config->ring_max_bytes);
    lock_take(&sock->lock);
    sock->handle = handle;
    memset(&sock->meeting, 0, sizeof sock->meeting);
    memset(&sock->story, 0, sizeof sock->story);
    store_relaxed(&sock->nonblocking, 0);
    store_relaxed(&sock->connecting, 0);
    store_relaxed(&sock->listening, 0);
    store_relaxed(&sock->may_stream, 0);
    word_add(&sock->life, 1);
    store_relaxed(&sock->accepted, 0);
    store_relaxed(&sock->hears, HEARS_PERHAPS);
    store_relaxed(&sock->named, 0);
    sock->server = 0;
    store_relaxed(&sock->expects, EXPECTS_NOTHING);
    sock->meet_calls = 0;
    sock->receive_timeout_ms = sock->send_timeout_ms = 0;
    sock->receive_buffer = sock->send_buffer = 0;
    sock->linger_on = sock->linger_seconds = 0;
    kpoll_open(&sock->kpoll, handle);
    store_relaxed(&sock->async_events, 0);
    sock->async = NULL;
    store_release(&sock->mode, SOCK_KERNEL);
    lock_release(&sock->lock);
}

/* The ring for a buffer of `bytes`; 0: as usual. */
static uint32_t ring_for(uint32_t bytes, uint32_t largest)
{
    uint32_t size = SMALLEST_RING < largest ? SMALLEST_RING : largest;
    while (size < bytes && size < largest)
        size *= 2;
    return bytes ? size : 0;
}

/* As SO_RCVBUF and SO_SNDBUF say.  What a sender wants stays below the largest ring, so that it can still ask for more. */
static void size_rings(sock_t *sock)
{
    uint32_t largest = sock->stream.ring_max_bytes;
    stream_set_send_buffer(&sock->stream, sock->send_buffer);
    stream_size_rings(&sock->stream, ring_for(sock->receive_buffer, largest), ring_for(sock->send_buffer, largest / 2));
}

/* MEETING -> STREAM; called with sock->lock held. */
static void attach(sock_t *sock)
{
    meeting_t *meeting = &sock->meeting;
    sock->story.peer_process = vmmc_link_peer(meeting->link)->pid;
    size_rings(sock);
    if (word_replace(&sock->expects, EXPECTS_MEETING, EXPECTS_RING))
        stream_expect_ring(&sock->stream, sock->story.connected_us + NEW_US);
    else if (sock->server)
        prospects_found(sock->server);
    stream_attach(&sock->stream, meeting->link, meeting->mailbox, meeting->memory);
    store_release(&sock->promoted, 1);
    store_release(&sock->mode, SOCK_USER);
    if (load_relaxed(&sock->async_events))
        watcher_look(); /* until it has armed the stream, nothing is announced */
    else
        watcher_expect(sock->stream.link);
    log_info("socket %lu, port %u to %u: user-level, with process %lu", (unsigned long)sock->handle, meeting->self.port,
             meeting->peer.port, (unsigned long)sock->story.peer_process);
}

/* A link that was made for it may be nobody's now, and the watcher has not seen it: it goes when its process dies. */
static void forget_meeting(const sock_t *sock)
{
    if (sock->meeting.link)
        watcher_look();
}

static void stay_on_kernel(sock_t *sock, const char *why)
{
    sock->story.why = why;
    store_release(&sock->mode, SOCK_KERNEL);
    sock_settle_expectation(sock);
    forget_meeting(sock);
    log_info("socket %lu: stays on the kernel: %s", (unsigned long)sock->handle, why);
}

/* Unread bytes of which the stream does not know: whether a close throws them away is the kernel's to say. */
static bool has_unread_in_kernel(const sock_t *sock)
{
    return sock_mode(sock) == SOCK_USER && !sock->stream.rx.consented && kernel_socket_calls.pending(sock->handle);
}

/* A connection that was reset here has to be reset at the other end too, also where that reads from the kernel by now. */
static void end_kernel_hard(const sock_t *sock)
{
    const struct linger hard = {.l_onoff = 1};
    real_setsockopt(sock->handle, SOL_SOCKET, SO_LINGER, (const char *)&hard, sizeof hard);
}

void sock_end(sock_t *sock)
{
    lock_take(&sock->lock);
    if (sock_mode(sock) != SOCK_USER)
        sock_settle_expectation(sock); /* what is found only now has not been found in time */
    if (sock_mode(sock) == SOCK_MEETING && meeting_cancel(&sock->meeting) == MEETING_MADE) {
        attach(sock);
    } else if (sock_mode(sock) == SOCK_MEETING) {
        forget_meeting(sock);
        log_info("socket %lu: closed before its other end had turned up (no DLL there, or another prefix or session?)",
                 (unsigned long)sock->handle);
    }
    if (sock_mode(sock) == SOCK_USER && stream_is_broken(&sock->stream))
        end_kernel_hard(sock);
    bool hard = (sock->linger_on && sock->linger_seconds == 0) || has_unread_in_kernel(sock);
    store_release(&sock->mode, SOCK_KERNEL);
    sock_settle_expectation(sock);
    kpoll_forget(&sock->kpoll);
    stream_close(&sock->stream, hard);
    lock_release(&sock->lock);
}

void sock_inherit(sock_t *sock, const sock_t *listener)
{
    sock->story.why = listener->story.why;
    store_relaxed(&sock->nonblocking, load_relaxed(&listener->nonblocking));
    stream_set_in_line(&sock->stream, listener->stream.rx.urgent.in_line);
    sock->receive_timeout_ms = listener->receive_timeout_ms;
    sock->send_timeout_ms = listener->send_timeout_ms;
    sock->receive_buffer = listener->receive_buffer;
    sock->send_buffer = listener->send_buffer;
    sock->linger_on = listener->linger_on;
    sock->linger_seconds = listener->linger_seconds;
}

void sock_learn_linger(sock_t *sock)
{
    struct linger linger = {0, 0};
    int size = sizeof linger;
    if (real_getsockopt(sock->handle, SOL_SOCKET, SO_LINGER, (char *)&linger, &size) == 0) {
        sock->linger_on = linger.l_onoff;
        sock->linger_seconds = linger.l_linger;
    }
}

static uint32_t ask_system(const sock_t *sock, int option)
{
    uint32_t value = 0;
    int size = sizeof value;
    return real_getsockopt(sock->handle, SOL_SOCKET, option, (char *)&value, &size) == 0 ? value : 0;
}

void sock_learn_timeouts(sock_t *sock)
{
    sock->receive_timeout_ms = ask_system(sock, SO_RCVTIMEO);
    sock->send_timeout_ms = ask_system(sock, SO_SNDTIMEO);
}

/* ---- meeting the other end ---- */

/* NULL if the connection may become user-level, else the reason why not. */
static const char *obstacle(const sock_t *sock, const endpoint_t *self, const endpoint_t *peer)
{
    if (!kernel_is_local(sock->handle, self, peer))
        return "its ends are not on this host, or are one and the same";
    if (!config_allows_ports(settings(), self->port, peer->port))
        return "its port is excluded by a setting";
    if (vmmc_is_distrustful())
        return "another process broke the protocol, so this one takes no new streams";
    return transport_start();
}

/* Which connection a story is about. */
static void note_connection(sock_t *sock, const endpoint_t *self, const endpoint_t *peer)
{
    sock->meeting.self = *self;
    sock->meeting.peer = *peer;
    if (!sock->story.connected_us)
        sock->story.connected_us = os_now_us();
}

/* One that became the kernel's before anybody had asked for its names. */
static void note_kernel_connection(sock_t *sock)
{
    endpoint_t self, peer;
    if (!sock->story.why || sock->meeting.self.port || !kernel_names(sock->handle, &self, &peer))
        return;
    lock_take(&sock->lock);
    note_connection(sock, &self, &peer);
    lock_release(&sock->lock);
}

static uint64_t calls_of(const sock_t *sock)
{
    return sock->stream.tx.counters.calls + sock->stream.rx.counters.calls;
}

/* The counters are read without their locks: a torn one makes a meeting a little earlier or later. */
bool sock_is_young(const sock_t *sock, uint32_t sending)
{
    const counters_t *sent = &sock->stream.tx.counters, *received = &sock->stream.rx.counters;
    return calls_of(sock) < sock->meet_calls ||
           (!sock_expects(sock) && calls_of(sock) < settings()->meet_after &&
            sent->bytes + received->bytes + sending < MUCH_BYTES);
}

static bool may_be_connected(const sock_t *sock)
{
    return sock_mode(sock) == SOCK_YOUNG || (sock_mode(sock) == SOCK_FRESH && load_relaxed(&sock->connecting));
}

static void come_to_be(sock_t *sock)
{
    lock_take(&sock->lock);
    if (sock_mode(sock) == SOCK_FRESH) {
        sock->story.connected_us = os_now_us();
        store_release(&sock->mode, SOCK_YOUNG);
    }
    lock_release(&sock->lock);
}

/* Many ends may wait for their others at a time, and not for long.  Called with sock->lock held. */
static void postpone_meeting(sock_t *sock)
{
    sock->meet_calls = (uint32_t)(2 * calls_of(sock) + 2);
    store_release(&sock->mode, SOCK_YOUNG);
    sock_settle_expectation(sock);
    log_info("socket %lu: there is no room for its meeting, which is tried again at its call %lu",
             (unsigned long)sock->handle, (unsigned long)sock->meet_calls);
}

/* Called with sock->lock held. */
static void begin_meeting(sock_t *sock, const endpoint_t *self, const endpoint_t *peer, const char *why)
{
    note_connection(sock, self, peer);
    if (!why) {
        uint32_t waiter = sock_expects(sock) ? wait_number(wait_mine()) : 0;
        meeting_begin(&sock->meeting, sock->handle, self, peer, kernel_still_connected, waiter);
        if (sock->meeting.state == MEETING_FAILED && sock->meeting.was_full) {
            postpone_meeting(sock);
            return;
        }
        why = sock->meeting.state == MEETING_FAILED ? sock->meeting.why : NULL;
    }
    if (why)
        stay_on_kernel(sock, why);
    else
        store_release(&sock->mode, SOCK_MEETING);
}

static bool ask_names(const sock_t *sock, endpoint_t *self, endpoint_t *peer)
{
    if (!load_acquire(&sock->named))
        return kernel_names(sock->handle, self, peer);
    *self = sock->own_name;
    return kernel_peer_name(sock->handle, peer);
}

/* What only the system knows is asked now, and not before: where it costs a request to another process, that is a large
 * part of a short connection's life. */
void sock_meet(sock_t *sock)
{
    endpoint_t self, peer;
    uint32_t life = load_acquire(&sock->life);
    if (!may_be_connected(sock) || !ask_names(sock, &self, &peer))
        return;
    if (load_relaxed(&sock->connecting) == SOCK_ACCEPTING)
        sock_learn_linger(sock); /* the listener's: at once on Wine, in Windows after SO_UPDATE_ACCEPT_CONTEXT */
    const char *why = obstacle(sock, &self, &peer);
    lock_take(&sock->lock);
    if (may_be_connected(sock) && load_relaxed(&sock->life) == life) /* or these are another connection's names */
        begin_meeting(sock, &self, &peer, why);
    lock_release(&sock->lock);
}

void sock_connected(sock_t *sock)
{
    if (sock_mode(sock) == SOCK_KERNEL)
        note_kernel_connection(sock);
    else if (sock_mode(sock) == SOCK_FRESH)
        come_to_be(sock);
    if (!sock_expects(sock) && !sock_is_young(sock, 0))
        sock_meet(sock);
}

void sock_notice_connection(sock_t *sock)
{
    endpoint_t self, peer;
    if (sock_mode(sock) == SOCK_FRESH && load_relaxed(&sock->connecting) && kernel_names(sock->handle, &self, &peer))
        sock_connected(sock);
}

void sock_progress(sock_t *sock)
{
    if (sock_mode(sock) != SOCK_MEETING || !lock_try(&sock->lock))
        return;
    if (sock_mode(sock) == SOCK_MEETING) {
        meeting_state_t state = meeting_poll(&sock->meeting);
        if (state == MEETING_MADE)
            attach(sock);
        else if (state == MEETING_FAILED)
            stay_on_kernel(sock, sock->meeting.why);
    }
    lock_release(&sock->lock);
}

void sock_look_around(sock_t *sock, uint32_t sending)
{
    if (may_be_connected(sock) && !sock_is_young(sock, sending))
        sock_meet(sock);
    else if (load_relaxed(&sock->async_events)) /* its messages wait for that */
        sock_notice_connection(sock);
    sock_progress(sock);
}

/* ---- modes ---- */

int sock_set_nonblocking(sock_t *sock, bool on)
{
    int error = 0;
    lock_take(&sock->lock);
    if (sock_mode(sock) != SOCK_USER || stream_is_final(&sock->stream))
        error = kernel_set_nonblocking(sock->handle, on);
    else if (on)
        stream_unblock_kernel(&sock->stream);
    if (!error)
        store_release(&sock->nonblocking, on);
    lock_release(&sock->lock);
    return error;
}

/* ---- back to the kernel ---- */

static void give_stream_back(sock_t *sock, const char *why)
{
    sock->story.why = why;
    int result = stream_demote(&sock->stream);
    log_info("socket %lu: back to the kernel because of %s%s", (unsigned long)sock->handle, why,
             result == STREAM_AGAIN   ? "; unread bytes stay in this process"
             : result == STREAM_RESET ? "; the other end did not follow: reset"
                                      : "");
    sock_settle(sock);
}

void sock_settle(sock_t *sock)
{
    lock_take(&sock->lock);
    if (!load_relaxed(&sock->nonblocking) && sock_mode(sock) == SOCK_USER && stream_is_final(&sock->stream))
        kernel_set_nonblocking(sock->handle, false);
    lock_release(&sock->lock);
}

void sock_demote(sock_t *sock, const char *why)
{
    bool connected = may_be_connected(sock);
    sock_progress(sock);
    lock_take(&sock->lock);
    if (sock_mode(sock) == SOCK_MEETING && meeting_cancel(&sock->meeting) == MEETING_MADE)
        attach(sock);
    bool streaming = sock_mode(sock) == SOCK_USER;
    if (!streaming && sock_mode(sock) != SOCK_KERNEL)
        stay_on_kernel(sock, why);
    lock_release(&sock->lock);
    if (connected && !streaming)
        note_kernel_connection(sock);
    if (streaming && !stream_is_final(&sock->stream))
        give_stream_back(sock, why);
}
