/* sock_io: moving a socket's bytes by whatever carries them, and questions about them. */
#include "kernel.h"
#include "sock.h"
#include "wsaerr.h"

#include <wsock32_real.h>

#define URGENT_PATIENCE_US 50000
#define LONG_PIECE 4096u

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

/* A call of ours that must not wait, on a socket that waits as far as the program is concerned; the kernel's is made to do
 * so as soon as the stream has come home. */
static bool must_ask_first(const sock_t *sock, const transfer_t *transfer)
{
    return !transfer->blocking && !load_relaxed(&sock->nonblocking);
}

/* The kernel socket of a stream may be non-blocking whatever the program wants, so blocking is done here. */
static int kernel_transfer(sock_t *sock, const transfer_t *transfer, bool sending)
{
    if (!sending && must_ask_first(sock, transfer) && !kernel_pending(transfer->socket))
        return -WSAEWOULDBLOCK;
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
 * were moved, as the builtin does for a send; in a turn every error is, since nothing may follow a part. */
static int rest(sock_t *sock, transfer_t *transfer, bool sending, int done)
{
    int count = (int)transfer->count;
    uint8_t *bytes = transfer->bytes;
    while (done > 0 && done < count && (sending || !is_before_mark(sock))) {
        transfer->bytes = bytes + done;
        transfer->count = (uint32_t)(count - done);
        int more = piece(sock, transfer, sending);
        if (sending && more < 0 && (transfer->in_turn || may_have_sent_a_part(more)))
            return more;
        if (more <= 0)
            break;
        done += more;
    }
    return done;
}

static int send_pieces(sock_t *sock, transfer_t *transfer)
{
    int done = piece(sock, transfer, true);
    /* A switch of carriers may split a blocking send, which the program must not see. */
    return transfer->blocking ? rest(sock, transfer, true, done) : done;
}

/* Before a transfer, which may wait for an other end that is expected. */
static void look_around_and_wait(sock_t *sock, const transfer_t *transfer, uint32_t sending)
{
    sock_look_around(sock, sending);
    if (sock_expects(sock) && transfer->blocking)
        sock_await_other_ends(&sock, 1, transfer->deadline);
}

/* The requests of a meeting take as long as an exchange.  So what is short is sent first, and the other end is busy with it
 * meanwhile; what is long is not to go by the kernel for want of them.  A connection that ends with this piece has none. */
static int send_before_user(sock_t *sock, transfer_t *transfer)
{
    bool first = transfer->count < LONG_PIECE && !sock_expects(sock) && !sock_is_young(sock, transfer->count);
    if (first)
        sock_progress(sock); /* where the other end has done its part this piece may go by the ring */
    else
        look_around_and_wait(sock, transfer, transfer->count);
    int done = send_pieces(sock, transfer);
    if (first)
        sock_look_around(sock, 0);
    return done;
}

static int send_all(sock_t *sock, transfer_t *transfer)
{
    bool is_user = __builtin_expect(sock_mode(sock) == SOCK_USER, 1);
    int done = is_user ? send_pieces(sock, transfer) : send_before_user(sock, transfer);
    if (__builtin_expect(load_relaxed(&sock->expects) == EXPECTS_RING, 0))
        sock_settle_expectation(sock);
    return done;
}

int sock_send(sock_t *sock, uintptr_t handle, const void *bytes, int count, unsigned flags)
{
    transfer_t transfer = {.socket = handle,
                           .bytes = (void *)bytes,
                           .count = (uint32_t)count,
                           .urgent = flags & SOCK_URGENT,
                           .blocking = !load_relaxed(&sock->nonblocking),
                           .deadline = sock_deadline(sock->send_timeout_ms)};
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

static int try_urgent_by_kernel(sock_t *sock, const transfer_t *transfer)
{
    if (!kpoll_enter(&sock->kpoll, transfer->socket))
        return -WSAENOTSOCK;
    bool there = kernel_has_urgent(transfer->socket);
    kpoll_leave(&sock->kpoll);
    if (!there)
        return -WSAEWOULDBLOCK;
    int flags = MSG_OOB | (transfer->peek ? MSG_PEEK : 0);
    int moved = real_recv(transfer->socket, transfer->bytes, (int)transfer->count, flags);
    return moved < 0 ? wsaerr_from_system() : moved;
}

/* Wine's own call would wait for an urgent byte, for ever if the stream carries it meanwhile; so one has to be there.
 * But Wine's select tells of one a moment before it can be had, and a program that has been told must get it. */
static int urgent_by_kernel(sock_t *sock, const transfer_t *transfer)
{
    uint64_t until = os_now_us() + URGENT_PATIENCE_US;
    for (;;) {
        int moved = try_urgent_by_kernel(sock, transfer);
        if (moved != -WSAEWOULDBLOCK || !transfer->blocking)
            return moved;
        if (os_now_us() >= until)
            return -WSAEINVAL;
        os_yield(UINT32_MAX);
    }
}

static int receive_urgent(sock_t *sock, const transfer_t *transfer)
{
    if (load_relaxed(&sock->listening))
        return -WSAENOTCONN;
    bool user = sock_mode(sock) == SOCK_USER;
    int moved = user ? stream_receive_urgent(&sock->stream, transfer) : STREAM_BY_KERNEL;
    if (moved == STREAM_BY_KERNEL) {
        if (user)
            stream_unblock_kernel(&sock->stream);
        return sock->stream.rx.urgent.in_line ? -WSAEINVAL : urgent_by_kernel(sock, transfer);
    }
    if (moved == STREAM_AGAIN)
        return transfer->blocking ? -WSAEINVAL : -WSAEWOULDBLOCK;
    return moved < 0 ? wsaerr_from_stream(moved) : moved;
}

int sock_begin_turn(sock_t *sock, uintptr_t handle)
{
    sock_look_around(sock, 0);
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

int sock_send_held(sock_t *sock, uintptr_t handle, const void *bytes, int count)
{
    transfer_t transfer = {.socket = handle,
                           .bytes = (void *)bytes,
                           .count = (uint32_t)count,
                           .blocking = !load_relaxed(&sock->nonblocking),
                           .in_turn = true,
                           .deadline = sock_deadline(sock->send_timeout_ms)};
    return piece(sock, &transfer, true);
}

void sock_end_turn(sock_t *sock)
{
    stream_end_turn(&sock->stream);
    sock_settle_expectation(sock);
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
                           .deadline = sock_deadline(sock->receive_timeout_ms)};
    if (__builtin_expect(sock_mode(sock) != SOCK_USER, 0))
        look_around_and_wait(sock, &transfer, 0);
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
    look_around_and_wait(sock, &transfer, 0);
    int done;
    do {
        done = piece(sock, &transfer, false); /* by the kernel it may end at the time-out of a recv */
    } while (done == -WSAETIMEDOUT);
    return over_seams(sock, &transfer, done);
}

int sock_pending(sock_t *sock, uintptr_t handle)
{
    sock_look_around(sock, 0);
    int count = sock_mode(sock) == SOCK_USER ? stream_pending(&sock->stream, handle) : STREAM_BY_KERNEL;
    if (count == STREAM_BY_KERNEL)
        return -WSAEOPNOTSUPP;
    return count < 0 ? 0 : count;
}

int sock_at_mark(sock_t *sock, uintptr_t handle)
{
    sock_look_around(sock, 0);
    int result = sock_mode(sock) == SOCK_USER ? stream_at_mark(&sock->stream, handle) : STREAM_BY_KERNEL;
    return result == STREAM_BY_KERNEL ? -WSAEOPNOTSUPP : result == 1;
}

bool sock_is_over(sock_t *sock)
{
    return sock_mode(sock) == SOCK_USER && stream_is_over(&sock->stream);
}

int sock_shutdown(sock_t *sock, uintptr_t handle, int how)
{
    sock_look_around(sock, 0);
    sock_notice_connection(sock); /* whoever is met later has to be told what has been shut */
    if (sock_mode(sock) == SOCK_KERNEL || sock_mode(sock) == SOCK_FRESH)
        return -WSAEOPNOTSUPP;
    if (how == 0 || how == 2)
        stream_shut_receiving(&sock->stream, handle);
    if (how == 1 || how == 2)
        stream_shut_sending(&sock->stream, handle);
    /* Until the other end has turned up the kernel carries the bytes, and has to know too. */
    return sock_mode(sock) == SOCK_USER ? 0 : -WSAEOPNOTSUPP;
}
