/* api_io: send, recv and their kin. */
#include "api.h"
#include "async.h"
#include "sock_small.h"

#define MSG_WAITALL_2 0x8 /* WinSock 2's; Wine's builtin honours it here too.  Other flags it ignores. */

/* What the user-level path does not honour, or only the system knows how to refuse. */
static inline bool is_plain_request(const sock_t *sock, const char *bytes, int count)
{
    return sock && sock_mode(sock) != SOCK_KERNEL && count >= 0 && (bytes || count == 0);
}

/* The state of a stream is wrong before its arguments are, and the system does not know it. */
static int refused_by_stream(sock_t *sock, SOCKET s)
{
    bool streaming = sock && sock_mode(sock) == SOCK_USER;
    return streaming ? sock_send(sock, s, NULL, 0, 0) : 0;
}

/* The selection may be ours though the socket is the system's. */
static int sent_by_system(sock_t *sock, int result)
{
    if (result < 0 && GetLastError() == WSAEWOULDBLOCK)
        async_enable(sock, FD_WRITE);
    return result;
}

static int received_by_system(sock_t *sock, int result, int flags)
{
    async_received(sock, result < 0 ? wsaerr_from_system() : result, flags & MSG_OOB);
    return result;
}

static int send_by_system(sock_t *sock, SOCKET s, const char *bytes, int count, int flags)
{
    int refused = refused_by_stream(sock, s);
    if (refused < 0)
        return api_result(refused);
    return sent_by_system(sock, real_send(s, bytes, count, flags));
}

static int receive_by_system(sock_t *sock, SOCKET s, char *bytes, int count, int flags)
{
    return received_by_system(sock, real_recv(s, bytes, count, flags), flags);
}

static int send_any(sock_t *sock, SOCKET s, const char *bytes, int count, int flags)
{
    if (!is_plain_request(sock, bytes, count))
        return send_by_system(sock, s, bytes, count, flags);
    int result = sock_send(sock, s, bytes, count, flags & MSG_OOB ? SOCK_URGENT : 0);
    if (result == -WSAEWOULDBLOCK)
        async_enable(sock, FD_WRITE);
    return api_result(result);
}

static int end_receiving(sock_t *sock, int got, bool urgent)
{
    int result = api_result(got);
    async_received(sock, got, urgent);
    return result;
}

static int receive_any(sock_t *sock, SOCKET s, char *bytes, int count, int flags)
{
    if (!is_plain_request(sock, bytes, count))
        return receive_by_system(sock, s, bytes, count, flags);
    unsigned wishes = (flags & MSG_PEEK ? SOCK_PEEK : 0) | (flags & MSG_WAITALL_2 ? SOCK_WAIT_ALL : 0) |
                      (flags & MSG_OOB ? SOCK_URGENT : 0);
    return end_receiving(sock, sock_receive(sock, s, bytes, count, wishes), flags & MSG_OOB);
}

/* What is kept apart from api_send() and api_recv() is called last there, so that they save no registers for it. */
__attribute__((noinline)) static int send_in_full(SOCKET s, const char *bytes, int count, int flags)
{
    return api_refuses() ? SOCKET_ERROR : send_any(fdtab_get(s), s, bytes, count, flags);
}

__attribute__((noinline)) static int receive_in_full(SOCKET s, char *bytes, int count, int flags)
{
    return api_refuses() ? SOCKET_ERROR : receive_any(fdtab_get(s), s, bytes, count, flags);
}

static inline int end_send_by_ring(sock_t *sock, SOCKET s, const char *bytes, int count, int sent)
{
    return sent ? api_result(sent) : send_any(sock, s, bytes, count, 0);
}

__attribute__((noinline)) static int send_unclear(sock_t *sock, SOCKET s, const char *bytes, int count)
{
    return end_send_by_ring(sock, s, bytes, count, sock_send_unclear(sock, s, bytes, count));
}

__attribute__((noinline)) static int send_with_lock(sock_t *sock, SOCKET s, const char *bytes, int count)
{
    return end_send_by_ring(sock, s, bytes, count, sock_send_with_lock(sock, s, bytes, count));
}

__attribute__((noinline)) static int received_by_selector(sock_t *sock, int got)
{
    return end_receiving(sock, got, false);
}

/* Events may have been selected while bytes were on their way, so that is asked afterwards. */
static inline int received(sock_t *sock, int got)
{
    return async_selects(sock) ? received_by_selector(sock, got) : api_result(got);
}

static inline int end_receive_by_ring(sock_t *sock, SOCKET s, char *bytes, int count, int got)
{
    return got ? received(sock, got) : receive_any(sock, s, bytes, count, 0);
}

__attribute__((noinline)) static int receive_by_looks(sock_t *sock, SOCKET s, char *bytes, int count)
{
    return end_receive_by_ring(sock, s, bytes, count, sock_receive_by_looks(sock, s, bytes, count));
}

__attribute__((noinline)) static int receive_later(sock_t *sock, SOCKET s, char *bytes, int count)
{
    return receive_any(sock, s, bytes, count, 0);
}

__attribute__((noinline)) static int end_exchange(sock_t *sock, uint32_t taken)
{
    return received(sock, stream_received_and_wanted(&sock->stream, taken));
}

__attribute__((noinline)) static int receive_in_exchange(sock_t *sock, SOCKET s, char *bytes, int count)
{
    uint32_t taken;
    switch (sock_receive_in_exchange(sock, s, bytes, count, &taken)) {
    case SMALL_DONE:
        return received(sock, (int)taken);
    case SMALL_WAKES:
        return end_exchange(sock, taken);
    case SMALL_NOTHING:
        return receive_later(sock, s, bytes, count);
    case SMALL_FAULT:
        return wsaerr_fail(-WSAEFAULT);
    default:
        return receive_by_looks(sock, s, bytes, count);
    }
}

__attribute__((noinline)) static int receive_with_lock(sock_t *sock, SOCKET s, char *bytes, int count)
{
    return end_receive_by_ring(sock, s, bytes, count, sock_receive_with_lock(sock, s, bytes, count));
}

__attribute__((noinline)) static int end_send(sock_t *sock, int count)
{
    stream_sent_to_sleeper(&sock->stream);
    return api_result(count);
}

__attribute__((noinline)) static int end_receive(sock_t *sock, int count)
{
    stream_received_from_sleeper(&sock->stream);
    return received(sock, count);
}

int WINAPI api_send(SOCKET s, const char *bytes, int count, int flags)
{
    sock_t *sock = wait_has_interludes() ? NULL : fdtab_get(s);
    if (!sock || !bytes || flags)
        return send_in_full(s, bytes, count, flags);
    switch (sock_send_clear(sock, s, bytes, count)) {
    case SMALL_DONE:
        return api_result(count);
    case SMALL_WAKES:
        return end_send(sock, count);
    case SMALL_FAULT:
        return wsaerr_fail(-WSAEFAULT);
    case SMALL_UNCLEAR:
        return send_unclear(sock, s, bytes, count);
    default:
        return send_with_lock(sock, s, bytes, count);
    }
}

int WINAPI api_recv(SOCKET s, char *bytes, int count, int flags)
{
    sock_t *sock = wait_has_interludes() ? NULL : fdtab_get(s);
    if (!sock || !bytes || flags)
        return receive_in_full(s, bytes, count, flags);
    switch (sock_receive_clear(sock, s, bytes, count)) {
    case SMALL_DONE:
        return received(sock, count);
    case SMALL_WAKES:
        return end_receive(sock, count);
    case SMALL_FAULT:
        return wsaerr_fail(-WSAEFAULT);
    case SMALL_UNCLEAR:
        return receive_in_exchange(sock, s, bytes, count);
    default:
        return receive_with_lock(sock, s, bytes, count);
    }
}

/* On a connected stream the address is ignored. */
int WINAPI api_sendto(SOCKET s, const char *bytes, int count, int flags, const struct sockaddr *to, int to_length)
{
    if (api_refuses())
        return SOCKET_ERROR;
    sock_t *sock = fdtab_get(s);
    if (!sock || !sock_may_move_bytes(sock))
        return sent_by_system(sock, real_sendto(s, bytes, count, flags, to, to_length));
    return api_send(s, bytes, count, flags);
}

/* On a connected stream the sender's address is left as it is. */
int WINAPI api_recvfrom(SOCKET s, char *bytes, int count, int flags, struct sockaddr *from, int *from_length)
{
    if (api_refuses())
        return SOCKET_ERROR;
    sock_t *sock = fdtab_get(s);
    if (!sock || !sock_may_move_bytes(sock))
        return received_by_system(sock, real_recvfrom(s, bytes, count, flags, from, from_length), flags);
    return api_recv(s, bytes, count, flags);
}
