/* sock_small: a small message by a stream that is in its rings, inline; see stream_small.h. */
#ifndef VMMC_SOCK_SMALL_H
#define VMMC_SOCK_SMALL_H

#include "sock.h"
#include "stream_small.h"
#include "wsaerr.h"

/* `count`, or 0: nothing has been done, ask sock_send(). */
static inline int sock_send_small(sock_t *sock, uintptr_t handle, const void *bytes, int count)
{
    bool small = (unsigned)count - 1 < RING_SMALL;
    return small && sock_mode(sock) == SOCK_USER ? stream_send_small(&sock->stream, handle, bytes, (uint32_t)count) : 0;
}

/* What is there, up to `count`; or 0: nothing has been done, ask sock_receive().  -WSAEWOULDBLOCK only if not blocking. */
static inline int sock_receive_small(sock_t *sock, uintptr_t handle, void *bytes, int count, bool blocking)
{
    bool ours = count > 0 && sock_mode(sock) == SOCK_USER;
    int got = ours ? stream_receive_small(&sock->stream, handle, bytes, (uint32_t)count, blocking) : 0;
    return __builtin_expect(got < 0, 0) ? wsaerr_from_stream(got) : got;
}

/* True: a receive would find bytes; false says nothing. */
static inline bool sock_readable_small(sock_t *sock, uintptr_t handle, bool glances)
{
    return sock_mode(sock) == SOCK_USER && stream_readable_small(&sock->stream, handle, glances);
}

#endif
