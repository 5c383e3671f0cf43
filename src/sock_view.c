/* sock_view: a socket's views of its rings. */
#include "sock.h"
#include "wsaerr.h"

static transfer_t request(const sock_t *sock, uintptr_t handle, uint32_t count, uint32_t timeout_ms)
{
    return (transfer_t){.socket = handle,
                        .count = count,
                        .blocking = !load_relaxed(&sock->nonblocking),
                        .deadline = sock_deadline(timeout_ms)};
}

static int result_of(int moved)
{
    return moved < 0 ? wsaerr_from_stream(moved) : moved;
}

static bool is_streaming(sock_t *sock)
{
    sock_look_around(sock, 0);
    return sock_mode(sock) == SOCK_USER;
}

int sock_reserve(sock_t *sock, uintptr_t handle, uint32_t most, bool in_turn, view_t *view)
{
    if (!is_streaming(sock))
        return -WSAEOPNOTSUPP;
    transfer_t wish = request(sock, handle, most, in_turn ? 0 : sock->send_timeout_ms);
    wish.in_turn = in_turn;
    wish.blocking |= in_turn;
    return result_of(stream_reserve(&sock->stream, &wish, view));
}

static int send_held(sock_t *sock, const transfer_t *wish, const span_t *first)
{
    int part = (int)(first->count < wish->count ? first->count : wish->count);
    return wish->in_turn ? sock_send_in_turn(sock, wish->socket, first->bytes, part)
                         : sock_send_held(sock, wish->socket, first->bytes, part);
}

/* The stream has left the ring that the bytes lie in, so they go as any others; `held` says where they are. */
static int send_elsewhere(sock_t *sock, transfer_t *wish, view_t *held)
{
    int done = 0;
    while (wish->count) {
        int sent = send_held(sock, wish, &held->spans[0]);
        if (sent <= 0)
            return done ? done : sent;
        stream_spend(&sock->stream, wish, (uint32_t)sent, held);
        wish->count -= (uint32_t)sent;
        done += sent;
    }
    return done;
}

int sock_commit(sock_t *sock, uintptr_t handle, uint32_t count, bool in_turn, view_t *view)
{
    transfer_t wish = request(sock, handle, count, 0);
    if (sock_mode(sock) != SOCK_USER)
        return -WSAEOPNOTSUPP;
    wish.bytes = view->spans[0].bytes;
    wish.in_turn = in_turn;
    int result = stream_commit(&sock->stream, &wish);
    return result == STREAM_BY_KERNEL ? send_elsewhere(sock, &wish, view) : result_of(result);
}

int sock_borrow(sock_t *sock, uintptr_t handle, uint32_t most, view_t *view)
{
    if (!is_streaming(sock))
        return -WSAEOPNOTSUPP;
    const transfer_t wish = request(sock, handle, most, sock->receive_timeout_ms);
    return result_of(stream_borrow(&sock->stream, &wish, view));
}

int sock_release(sock_t *sock, uintptr_t handle, void *first, uint32_t count)
{
    transfer_t wish = request(sock, handle, count, 0);
    wish.bytes = first;
    return sock_mode(sock) == SOCK_USER ? result_of(stream_release(&sock->stream, &wish)) : -WSAEOPNOTSUPP;
}
