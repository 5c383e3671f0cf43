/* api_opt: options and ioctlsocket, with WinSock 1.1's IP option numbers. */
#include "api.h"
#include "api_extension.h"

/* winsock.h numbers the IP options differently from ws2_32; anything else passes unchanged. */
static int ip_option(int level, int option)
{
    static const uint8_t renumbered[] = {0, 1, 9, 10, 11, 12, 13, 4, 3, 14};
    if (level != IPPROTO_IP || option < 0 || option >= (int)sizeof renumbered)
        return option;
    return renumbered[option];
}

int WINAPI api_getsockopt(SOCKET s, int level, int option, char *value, int *length)
{
    if (api_refuses())
        return SOCKET_ERROR;
    return real_getsockopt(s, level, ip_option(level, option), value, length);
}

static uint32_t first_int(const char *value, int length)
{
    uint32_t number = 0;
    memcpy(&number, value, length < 4 ? (size_t)length : 4);
    return number;
}

/* Settings that the user-level path has to know; the system has accepted them. */
static void remember(sock_t *sock, int option, const char *value, int length)
{
    switch (option) {
    case SO_RCVTIMEO:
        sock->receive_timeout_ms = first_int(value, length);
        break;
    case SO_SNDTIMEO:
        sock->send_timeout_ms = first_int(value, length);
        break;
    case SO_RCVBUF:
        sock->receive_buffer = first_int(value, length);
        break;
    case SO_SNDBUF:
        sock->send_buffer = first_int(value, length);
        stream_set_send_buffer(&sock->stream, sock->send_buffer);
        break;
    case SO_LINGER:
    case (int)SO_DONTLINGER:
        sock_learn_linger(sock);
        break;
    case SO_UPDATE_ACCEPT_CONTEXT: /* in Windows the listener's settings are taken over now */
        sock_learn_linger(sock);
        sock_learn_timeouts(sock);
        break;
    case SO_OOBINLINE:
        stream_set_in_line(&sock->stream, first_int(value, length) != 0);
        break;
    default:
        break;
    }
}

int WINAPI api_setsockopt(SOCKET s, int level, int option, const char *value, int length)
{
    if (api_refuses())
        return SOCKET_ERROR;
    int result = real_setsockopt(s, level, ip_option(level, option), value, length);
    DWORD error = GetLastError();
    sock_t *sock = fdtab_get(s);
    if (result == 0 && sock && level == SOL_SOCKET && value && length > 0)
        remember(sock, option, value, length);
    SetLastError(error);
    return result;
}

int WINAPI api_ioctlsocket(SOCKET s, __LONG32 command, u_long *argument)
{
    if (api_refuses())
        return SOCKET_ERROR;
    sock_t *sock = fdtab_get(s);
    if (api_is_extension(command))
        return api_result(api_extension(sock, s, command, argument));
    if (!sock || !argument)
        return real_ioctlsocket(s, command, argument);
    if ((u_long)command == (u_long)FIONBIO && !*argument && load_relaxed(&sock->async_events))
        return api_result(-WSAEINVAL);
    if ((u_long)command == (u_long)FIONBIO)
        return api_result(sock_set_nonblocking(sock, *argument != 0));
    if ((u_long)command == (u_long)FIONREAD) {
        int waiting = sock_pending(sock, s);
        if (waiting >= 0) {
            *argument = (u_long)waiting;
            return api_result(0);
        }
    }
    if ((u_long)command == (u_long)SIOCATMARK) {
        int at_mark = sock_at_mark(sock, s);
        if (at_mark >= 0) {
            *argument = !at_mark; /* the sense of WinSock's answer is the reverse of BSD's */
            return api_result(0);
        }
    }
    return real_ioctlsocket(s, command, argument);
}
