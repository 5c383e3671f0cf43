/* sock: see sock.h. */
#include "sock.h"

#include "async.h"
#include "fdtab.h"
#include "init.h"
#include "kernel.h"
#include "kpoll.h"
#include "log.h"
#include "watcher.h"
#include "wsaerr.h"

#include <wsock32_real.h>

#define SMALLEST_RING 16384u /* however small the program wants its buffer */

/* ---- coming and going ---- */

void sock_reset(sock_t *sock, uintptr_t handle)
{
    const config_t *config = init_config();
    stream_init(&sock->stream, &kernel_socket_calls, handle, config->ring_bytes, config->ring_max_bytes);
    lock_take(&sock->lock);
    sock->handle = handle;
    memset(&sock->meeting, 0, sizeof sock->meeting);
    store_relaxed(&sock->nonblocking, 0);
    store_relaxed(&sock->kernel_nonblocking, 0);
    store_relaxed(&sock->connecting, 0);
    store_relaxed(&sock->listening, 0);
    sock->receive_timeout_ms = sock->send_timeout_ms = 0;
    sock->receive_buffer = sock->send_buffer = 0;
    sock->linger_on = sock->linger_seconds = 0;
    memset(sock->kpoll, 0, sizeof sock->kpoll);
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
    stream_size_rings(&sock->stream, ring_for(sock->receive_buffer, largest), ring_for(sock->send_buffer, largest / 2));
}

/* MEETING -> STREAM; called with sock->lock held. */
static void attach(sock_t *sock)
{
    meeting_t *meeting = &sock->meeting;
    store_release(&sock->kernel_nonblocking, 1); /* first: a call that is failed by the change has to see why */
    kernel_set_nonblocking(sock->handle, true);
    size_rings(sock);
    stream_attach(&sock->stream, meeting->link, meeting->mailbox, meeting->memory);
    store_release(&sock->promoted, 1);
    store_release(&sock->mode, SOCK_USER);
    watcher_look();
    log_info("socket %lu, port %u to %u: user-level, with process %lu", (unsigned long)sock->handle, meeting->self.port,
             meeting->peer.port, (unsigned long)vmmc_link_peer(meeting->link)->pid);
}

static void stay_on_kernel(sock_t *sock, const char *why)
{
    store_release(&sock->mode, SOCK_KERNEL);
    log_info("socket %lu: stays on the kernel: %s", (unsigned long)sock->handle, why);
}

static void retire(sock_t *sock)
{
    async_forget(sock);
    lock_take(&sock->lock);
    if (sock_mode(sock) == SOCK_MEETING && meeting_cancel(&sock->meeting) == MEETING_MADE)
        attach(sock);
    else if (sock_mode(sock) == SOCK_MEETING)
        log_info("socket %lu: closed before its other end had turned up (no DLL there, or another prefix or session?)",
                 (unsigned long)sock->handle);
    store_release(&sock->mode, SOCK_KERNEL);
    kpoll_forget(sock);
    stream_close(&sock->stream, sock->linger_on && sock->linger_seconds == 0);
    lock_release(&sock->lock);
}

sock_t *sock_open(uintptr_t handle, bool may_stream)
{
    sock_t *stale, *sock = fdtab_create(handle, &stale);
    if (stale)
        retire(stale);
    if (sock && may_stream)
        store_release(&sock->mode, SOCK_FRESH);
    return sock;
}

sock_t *sock_accepted(uintptr_t handle, const sock_t *listener)
{
    sock_t *sock = sock_open(handle, !listener || sock_mode(listener) == SOCK_FRESH);
    if (!sock || !listener)
        return sock;
    store_relaxed(&sock->nonblocking, load_relaxed(&listener->nonblocking));
    store_relaxed(&sock->kernel_nonblocking, load_relaxed(&listener->nonblocking));
    stream_set_in_line(&sock->stream, listener->stream.rx.urgent.in_line);
    sock->receive_timeout_ms = listener->receive_timeout_ms;
    sock->send_timeout_ms = listener->send_timeout_ms;
    sock->receive_buffer = listener->receive_buffer;
    sock->send_buffer = listener->send_buffer;
    sock->linger_on = listener->linger_on;
    sock->linger_seconds = listener->linger_seconds;
    return sock;
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

void sock_close(uintptr_t handle)
{
    sock_t *sock = fdtab_remove(handle);
    if (sock)
        retire(sock);
}

/* ---- meeting the other end ---- */

/* NULL if the connection may become user-level, else the reason why not. */
static const char *obstacle(const sock_t *sock, const endpoint_t *self, const endpoint_t *peer)
{
    if (!kernel_is_local(sock->handle, self, peer))
        return "its ends are not on this host, or are one and the same";
    if (!config_allows_ports(init_config(), self->port, peer->port))
        return "its port is excluded by a setting";
    return init_transport();
}

void sock_connected(sock_t *sock)
{
    endpoint_t self, peer;
    if (sock_mode(sock) != SOCK_FRESH || !kernel_names(sock->handle, &self, &peer))
        return;
    if (load_relaxed(&sock->connecting) == SOCK_ACCEPTING)
        sock_learn_linger(sock); /* the listener's: at once on Wine, in Windows after SO_UPDATE_ACCEPT_CONTEXT */
    const char *why = obstacle(sock, &self, &peer);
    lock_take(&sock->lock);
    if (sock_mode(sock) == SOCK_FRESH) {
        if (!why) {
            meeting_begin(&sock->meeting, sock->handle, &self, &peer, kernel_still_connected);
            why = sock->meeting.state == MEETING_FAILED ? "the rendezvous failed" : NULL;
        }
        if (why)
            stay_on_kernel(sock, why);
        else
            store_release(&sock->mode, SOCK_MEETING);
    }
    lock_release(&sock->lock);
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
            stay_on_kernel(sock, "the other end withdrew");
    }
    lock_release(&sock->lock);
}

/* Before each transfer: a non-blocking connect may have completed, the other end may have turned up. */
static void look_around(sock_t *sock)
{
    if (sock_mode(sock) == SOCK_FRESH && load_relaxed(&sock->connecting))
        sock_connected(sock);
    sock_progress(sock);
}

/* ---- transfers ---- */

static uint64_t deadline_after(uint32_t timeout_ms)
{
    return timeout_ms ? os_now_us() + timeout_ms * 1000ull : STREAM_NEVER;
}

static bool is_still(const sock_t *sock, uintptr_t handle)
{
    return sock->handle == handle && !load_acquire(&sock->stream.closing);
}

int sock_await(sock_t *sock, uintptr_t handle, bool writable, uint64_t deadline)
{
    if (!wait_has_interludes())
        return 0;
    int error = kernel_wait_until(handle, writable, 0);
    while (error == -WSAETIMEDOUT && wait_interlude()) {
        uint64_t now = os_now_us(), soon = now + WAIT_INTERLUDE_US;
        if (wait_is_cancelled())
            return -WSAEINTR;
        if (!is_still(sock, handle))
            return -WSAENOTSOCK;
        if (now >= deadline)
            return error;
        error = kernel_wait_until(handle, writable, soon < deadline ? soon : deadline);
    }
    return error == -WSAETIMEDOUT ? 0 : error;
}

/* The kernel socket of a stream is non-blocking whatever the program wants, so blocking is done here. */
static int kernel_transfer(sock_t *sock, const transfer_t *transfer, bool sending)
{
    int stop = transfer->blocking ? sock_await(sock, transfer->socket, sending, transfer->deadline) : 0;
    if (stop)
        return stop;
    for (;;) {
        int moved = sending ? real_send(transfer->socket, transfer->bytes, (int)transfer->count,
                                        transfer->urgent ? MSG_OOB : 0)
                            : real_recv(transfer->socket, transfer->bytes, (int)transfer->count,
                                        transfer->peek ? MSG_PEEK : 0);
        if (moved >= 0)
            return moved;
        int error = wsaerr_from_system();
        if (error != -WSAEWOULDBLOCK || !transfer->blocking)
            return error;
        error = sock_await(sock, transfer->socket, sending, transfer->deadline);
        if (!error)
            error = kernel_wait_until(transfer->socket, sending, transfer->deadline);
        if (error)
            return error;
        if (!is_still(sock, transfer->socket))
            return -WSAENOTSOCK; /* closed while we waited; the number may be another connection's by now */
    }
}

static bool may_have_sent_a_part(int error)
{
    return error == -WSAETIMEDOUT || error == -WSAEINTR || error == -ERROR_OPERATION_ABORTED;
}

/* One piece by the kernel; 0 with *again set: the direction has become user-level meanwhile. */
static int piece_by_kernel(sock_t *sock, const transfer_t *transfer, bool sending, bool *again)
{
    half_t *half = sending ? &sock->stream.tx : &sock->stream.rx;
    *again = !stream_enter_kernel(&sock->stream, half, transfer->socket);
    if (*again)
        return is_still(sock, transfer->socket) ? 0 : -WSAENOTSOCK;
    int moved = kernel_transfer(sock, transfer, sending);
    /* Of what is urgent now, the receiver's plain kernel calls will not count every byte. */
    if (sending && (transfer->urgent || may_have_sent_a_part(moved)))
        stream_forbid_sending(&sock->stream);
    stream_leave_kernel(&sock->stream, half, moved > 0 && !transfer->peek ? moved : 0);
    return moved;
}

/* One piece by whatever carries the direction now. */
static int piece(sock_t *sock, const transfer_t *transfer, bool sending)
{
    for (;;) {
        bool again;
        int moved = STREAM_BY_KERNEL;
        if (sock_mode(sock) == SOCK_USER)
            moved = sending ? stream_send(&sock->stream, transfer) : stream_receive(&sock->stream, transfer);
        if (moved >= 0)
            return moved;
        if (moved != STREAM_BY_KERNEL)
            return wsaerr_from_stream(moved);
        moved = piece_by_kernel(sock, transfer, sending, &again);
        if (!again || moved < 0)
            return moved;
    }
}

/* No receive goes on over the mark of urgent data; the kernel alone knows of what came before the stream did. */
static bool is_before_mark(sock_t *sock)
{
    int mark = sock_mode(sock) == SOCK_USER ? stream_at_mark(&sock->stream, sock->handle) : STREAM_BY_KERNEL;
    if (mark == 0 && sock->stream.rx.carrier == CARRIER_RING)
        return false;
    return mark == 0 || mark == STREAM_BY_KERNEL ? kernel_at_mark(sock->handle) : true;
}

/* Go on after a first piece until everything is moved, the stream ends or fails.  A time-out is reported although bytes
 * were moved, as the builtin does for a send. */
static int rest(sock_t *sock, transfer_t *transfer, bool sending, int done)
{
    int count = (int)transfer->count;
    uint8_t *bytes = transfer->bytes;
    while (done > 0 && done < count && (sending || !is_before_mark(sock))) {
        transfer->bytes = bytes + done;
        transfer->count = (uint32_t)(count - done);
        int more = piece(sock, transfer, sending);
        if (sending && may_have_sent_a_part(more))
            return more;
        if (more <= 0)
            break;
        done += more;
    }
    return done;
}

static int send_all(sock_t *sock, transfer_t *transfer)
{
    if (__builtin_expect(sock_mode(sock) != SOCK_USER, 0))
        look_around(sock);
    int done = piece(sock, transfer, true);
    /* A switch of carriers may split a blocking send, which the program must not see. */
    return transfer->blocking ? rest(sock, transfer, true, done) : done;
}

int sock_send(sock_t *sock, uintptr_t handle, const void *bytes, int count, unsigned flags)
{
    transfer_t transfer = {.socket = handle,
                           .bytes = (void *)bytes,
                           .count = (uint32_t)count,
                           .urgent = flags & SOCK_URGENT,
                           .blocking = !load_relaxed(&sock->nonblocking),
                           .deadline = deadline_after(sock->send_timeout_ms)};
    return send_all(sock, &transfer);
}

int sock_write(sock_t *sock, uintptr_t handle, const void *bytes, int count)
{
    transfer_t transfer = {.socket = handle,
                           .bytes = (void *)bytes,
                           .count = (uint32_t)count,
                           .blocking = true,
                           .deadline = STREAM_NEVER};
    return send_all(sock, &transfer);
}

/* Wine's own call would wait for an urgent byte, for ever if the stream carries it meanwhile; so one has to be there. */
static int urgent_by_kernel(const transfer_t *transfer)
{
    if (!kernel_has_urgent(transfer->socket))
        return transfer->blocking ? -WSAEINVAL : -WSAEWOULDBLOCK;
    int flags = MSG_OOB | (transfer->peek ? MSG_PEEK : 0);
    int moved = real_recv(transfer->socket, transfer->bytes, (int)transfer->count, flags);
    return moved < 0 ? wsaerr_from_system() : moved;
}

static int receive_urgent(sock_t *sock, const transfer_t *transfer)
{
    int moved = sock_mode(sock) == SOCK_USER ? stream_receive_urgent(&sock->stream, transfer) : STREAM_BY_KERNEL;
    if (moved == STREAM_BY_KERNEL)
        return sock->stream.rx.urgent.in_line ? -WSAEINVAL : urgent_by_kernel(transfer);
    if (moved == STREAM_AGAIN)
        return transfer->blocking ? -WSAEINVAL : -WSAEWOULDBLOCK;
    return moved < 0 ? wsaerr_from_stream(moved) : moved;
}

int sock_begin_turn(sock_t *sock, uintptr_t handle)
{
    look_around(sock);
    for (;;) {
        int result = sock_mode(sock) == SOCK_USER ? stream_begin_turn(&sock->stream, handle) : STREAM_BY_KERNEL;
        if (result != STREAM_BY_KERNEL)
            return result ? wsaerr_from_stream(result) : SOCK_TURN_OURS;
        if (stream_enter_kernel(&sock->stream, &sock->stream.tx, handle))
            return SOCK_TURN_KERNEL;
        if (!is_still(sock, handle))
            return -WSAENOTSOCK;
    }
}

int sock_send_in_turn(sock_t *sock, uintptr_t handle, const void *bytes, int count)
{
    transfer_t transfer = {.socket = handle,
                           .bytes = (void *)bytes,
                           .count = (uint32_t)count,
                           .blocking = true,
                           .in_turn = true,
                           .deadline = STREAM_NEVER};
    return rest(sock, &transfer, true, piece(sock, &transfer, true));
}

void sock_end_turn(sock_t *sock)
{
    stream_end_turn(&sock->stream);
}

void sock_end_kernel_turn(sock_t *sock, int64_t moved)
{
    bool counted = moved >= 0 && moved <= INT32_MAX;
    if (!counted)
        stream_forbid_sending(&sock->stream);
    stream_leave_kernel(&sock->stream, &sock->stream.tx, counted ? (int)moved : 0);
}

/* Where one carrier ends and the next begins a program must see no seam: it gets all that has been sent, as from TCP. */
static int over_seams(sock_t *sock, transfer_t *transfer, int done)
{
    if (done <= 0 || done >= (int)transfer->count || transfer->peek || sock_mode(sock) != SOCK_USER ||
        !stream_goes_on(&sock->stream))
        return done;
    transfer->blocking = false;
    return rest(sock, transfer, false, done);
}

int sock_receive(sock_t *sock, uintptr_t handle, void *bytes, int count, unsigned flags)
{
    transfer_t transfer = {.socket = handle,
                           .bytes = bytes,
                           .count = (uint32_t)count,
                           .peek = flags & SOCK_PEEK,
                           .blocking = !load_relaxed(&sock->nonblocking),
                           .deadline = deadline_after(sock->receive_timeout_ms)};
    if (__builtin_expect(sock_mode(sock) != SOCK_USER, 0))
        look_around(sock);
    if (flags & SOCK_URGENT)
        return receive_urgent(sock, &transfer);
    int done = piece(sock, &transfer, false);
    bool all = (flags & SOCK_WAIT_ALL) && transfer.blocking && !transfer.peek;
    return all ? rest(sock, &transfer, false, done) : over_seams(sock, &transfer, done);
}

int sock_read(sock_t *sock, uintptr_t handle, void *bytes, int count)
{
    transfer_t transfer = {.socket = handle,
                           .bytes = bytes,
                           .count = (uint32_t)count,
                           .blocking = true,
                           .deadline = STREAM_NEVER};
    look_around(sock);
    int done;
    do {
        done = piece(sock, &transfer, false); /* by the kernel it may end at the time-out of a recv */
    } while (done == -WSAETIMEDOUT);
    return over_seams(sock, &transfer, done);
}

int sock_pending(sock_t *sock, uintptr_t handle)
{
    look_around(sock);
    int count = sock_mode(sock) == SOCK_USER ? stream_pending(&sock->stream, handle) : STREAM_BY_KERNEL;
    if (count == STREAM_BY_KERNEL)
        return -WSAEOPNOTSUPP;
    return count < 0 ? 0 : count;
}

int sock_at_mark(sock_t *sock, uintptr_t handle)
{
    look_around(sock);
    int result = sock_mode(sock) == SOCK_USER ? stream_at_mark(&sock->stream, handle) : STREAM_BY_KERNEL;
    return result == STREAM_BY_KERNEL ? -WSAEOPNOTSUPP : result == 1;
}

bool sock_is_over(sock_t *sock)
{
    return sock_mode(sock) == SOCK_USER && stream_is_over(&sock->stream);
}

int sock_shutdown(sock_t *sock, uintptr_t handle, int how)
{
    look_around(sock);
    if (sock_mode(sock) == SOCK_KERNEL || sock_mode(sock) == SOCK_FRESH)
        return -WSAEOPNOTSUPP;
    if (how == 0 || how == 2)
        stream_shut_receiving(&sock->stream, handle);
    if (how == 1 || how == 2)
        stream_shut_sending(&sock->stream, handle);
    /* Until the other end has turned up the kernel carries the bytes, and has to know too. */
    return sock_mode(sock) == SOCK_MEETING ? -WSAEOPNOTSUPP : 0;
}

int sock_set_nonblocking(sock_t *sock, bool on)
{
    int error = 0;
    lock_take(&sock->lock);
    if (sock_mode(sock) != SOCK_USER || stream_is_final(&sock->stream)) {
        error = kernel_set_nonblocking(sock->handle, on);
        if (!error)
            store_release(&sock->kernel_nonblocking, on);
    }
    if (!error)
        store_release(&sock->nonblocking, on);
    lock_release(&sock->lock);
    return error;
}

/* ---- back to the kernel ---- */

static void give_stream_back(sock_t *sock, const char *why)
{
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
    if (!load_relaxed(&sock->nonblocking) && sock_mode(sock) == SOCK_USER && stream_is_final(&sock->stream)) {
        kernel_set_nonblocking(sock->handle, false);
        store_release(&sock->kernel_nonblocking, 0);
    }
    lock_release(&sock->lock);
}

void sock_demote(sock_t *sock, const char *why)
{
    look_around(sock);
    lock_take(&sock->lock);
    if (sock_mode(sock) == SOCK_MEETING && meeting_cancel(&sock->meeting) == MEETING_MADE)
        attach(sock);
    bool streaming = sock_mode(sock) == SOCK_USER;
    if (!streaming && sock_mode(sock) != SOCK_KERNEL)
        stay_on_kernel(sock, why);
    lock_release(&sock->lock);
    if (streaming && !stream_is_final(&sock->stream))
        give_stream_back(sock, why);
}

void sock_demote_handle(uintptr_t handle, const char *why)
{
    sock_t *sock = fdtab_get(handle);
    if (sock)
        sock_demote(sock, why);
}
