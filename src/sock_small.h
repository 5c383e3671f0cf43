/* sock_small: a small message by a stream that is in its rings; see stream_small.h. */
#ifndef VMMC_SOCK_SMALL_H
#define VMMC_SOCK_SMALL_H

#include "sock.h"
#include "stream_small.h"
#include "wsaerr.h"

/* Streams in their rings are the only ones with a clear way, and the only ones where what follows it does anything, so the
 * socket's mode needs no look. */
static inline small_t sock_send_clear(sock_t *sock, uintptr_t handle, const void *bytes, int count)
{
    return count > 0 ? stream_send_clear(&sock->stream, handle, bytes, (uint32_t)count) : SMALL_NOT;
}

static inline small_t sock_receive_clear(sock_t *sock, uintptr_t handle, void *bytes, int count)
{
    return count > 0 ? stream_receive_clear(&sock->stream, handle, bytes, (uint32_t)count) : SMALL_NOT;
}

static inline int sock_moved(int moved)
{
    return __builtin_expect(moved < 0, 0) ? wsaerr_from_stream(moved) : moved;
}

/* After SMALL_UNCLEAR: what has been sent; or 0: nothing has been done, ask sock_send(); -WSAEFAULT. */
static inline int sock_send_unclear(sock_t *sock, uintptr_t handle, const void *bytes, int count)
{
    return sock_moved(stream_send_unclear(&sock->stream, handle, bytes, (uint32_t)count));
}

/* The same after SMALL_NOT. */
static inline int sock_send_with_lock(sock_t *sock, uintptr_t handle, const void *bytes, int count)
{
    return count > 0 ? sock_moved(stream_send_with_lock(&sock->stream, handle, bytes, (uint32_t)count)) : 0;
}

/* After SMALL_UNCLEAR; see stream_receive_in_exchange(). */
static inline small_t sock_receive_in_exchange(sock_t *sock, uintptr_t handle, void *bytes, int count, uint32_t *taken)
{
    bool blocking = !load_relaxed(&sock->nonblocking);
    return stream_receive_in_exchange(&sock->stream, handle, bytes, (uint32_t)count, blocking, taken);
}

/* After SMALL_UNCLEAR of that: what is there, up to `count`; or 0: nothing has been done, ask sock_receive().  -WSAEWOULDBLOCK
 * only if the socket is not blocking; -WSAEFAULT. */
static inline int sock_receive_by_looks(sock_t *sock, uintptr_t handle, void *bytes, int count)
{
    bool blocking = !load_relaxed(&sock->nonblocking);
    return sock_moved(stream_receive_by_looks(&sock->stream, handle, bytes, (uint32_t)count, blocking));
}

/* The same after SMALL_NOT. */
static inline int sock_receive_with_lock(sock_t *sock, uintptr_t handle, void *bytes, int count)
{
    bool blocking = !load_relaxed(&sock->nonblocking);
    return count > 0 ? sock_moved(stream_receive_with_lock(&sock->stream, handle, bytes, (uint32_t)count, blocking)) : 0;
}

/* True: a receive would find bytes; false says nothing. */
static inline bool sock_readable_small(sock_t *sock, uintptr_t handle, bool glances)
{
    return sock_mode(sock) == SOCK_USER && stream_readable_small(&sock->stream, handle, glances);
}

#endif
