/* sock_small: a small message by a stream that is in its rings; see stream_small.h. */
#ifndef VMMC_SOCK_SMALL_H
#define VMMC_SOCK_SMALL_H

#include "sock.h"
#include "stream_small.h"
#include "wsaerr.h"

/* Streams in their rings are the only ones with a clear way, and the only ones whose *_unclear() calls do anything, so the
 * socket's mode needs no look. */
static inline small_t sock_send_clear(sock_t *sock, uintptr_t handle, const void *bytes, int count)
{
    if (__builtin_expect((uint32_t)count - 1 < RING_SMALL, 1))
        return stream_send_clear(&sock->stream, handle, bytes, (uint32_t)count);
    return count > 0 ? SMALL_LARGE : SMALL_NOT;
}

static inline small_t sock_receive_clear(sock_t *sock, uintptr_t handle, void *bytes, int count)
{
    return __builtin_expect(count > 0, 1) ? stream_receive_clear(&sock->stream, handle, bytes, (uint32_t)count) : SMALL_NOT;
}

/* After SMALL_UNCLEAR: what is there, up to `count`; or 0: nothing has been done, ask sock_receive().  -WSAEWOULDBLOCK only
 * if the socket is not blocking; -WSAEFAULT. */
static inline int sock_receive_unclear(sock_t *sock, uintptr_t handle, void *bytes, int count)
{
    bool blocking = !load_relaxed(&sock->nonblocking);
    int got = stream_receive_unclear(&sock->stream, handle, bytes, (uint32_t)count, blocking);
    return __builtin_expect(got < 0, 0) ? wsaerr_from_stream(got) : got;
}

/* True: a receive would find bytes; false says nothing. */
static inline bool sock_readable_small(sock_t *sock, uintptr_t handle, bool glances)
{
    return sock_mode(sock) == SOCK_USER && stream_readable_small(&sock->stream, handle, glances);
}

#endif
