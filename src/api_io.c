/* api_io: send, recv and their kin. */
#include "api.h"

/* What the user-level path does not honour, or only the system knows how to refuse. */
static inline bool is_plain_request(const sock_t *sock, const char *bytes, int count)
{
    return sock && sock_mode(sock) != SOCK_KERNEL && count >= 0 && (bytes || count == 0);
}

int WINAPI api_send(SOCKET s, const char *bytes, int count, int flags)
{
    sock_t *sock = fdtab_get(s);
    if (!is_plain_request(sock, bytes, count))
        return real_send(s, bytes, count, flags);
    if (flags & MSG_OOB) {
        sock_demote(sock, "urgent data");
        return real_send(s, bytes, count, flags);
    }
    return api_result(sock_send(sock, bytes, count));
}

int WINAPI api_recv(SOCKET s, char *bytes, int count, int flags)
{
    sock_t *sock = fdtab_get(s);
    if (!is_plain_request(sock, bytes, count))
        return real_recv(s, bytes, count, flags);
    if (flags & ~MSG_PEEK) {
        sock_demote(sock, flags & MSG_OOB ? "urgent data" : "a flag of recv");
        return real_recv(s, bytes, count, flags);
    }
    return api_result(sock_receive(sock, bytes, count, flags & MSG_PEEK));
}

/* On a connected stream the address is ignored. */
int WINAPI api_sendto(SOCKET s, const char *bytes, int count, int flags, const struct sockaddr *to, int to_length)
{
    const sock_t *sock = fdtab_get(s);
    if (!sock || sock_mode(sock) == SOCK_KERNEL || sock_mode(sock) == SOCK_FRESH)
        return real_sendto(s, bytes, count, flags, to, to_length);
    return api_send(s, bytes, count, flags);
}

/* On a connected stream the sender's address is left as it is. */
int WINAPI api_recvfrom(SOCKET s, char *bytes, int count, int flags, struct sockaddr *from, int *from_length)
{
    const sock_t *sock = fdtab_get(s);
    if (!sock || sock_mode(sock) == SOCK_KERNEL || sock_mode(sock) == SOCK_FRESH)
        return real_recvfrom(s, bytes, count, flags, from, from_length);
    return api_recv(s, bytes, count, flags);
}
