/* api_socket: the life of a socket: made, named, connected, shut down, closed. */
#include "api.h"
#include "async.h"
#include "redirect.h"
#include "settings.h"

/* Before there is a socket that others could use.  Not in DllMain, and nothing where the transport is off. */
static void prepare(void)
{
    if (!settings()->enabled)
        return;
    sockets_start();
    redirect_start();
}

int WINAPI api_WSAStartup(WORD version, WSADATA *data)
{
    prepare();
    int error = real_WSAStartup(version, data);
    if (error == 0)
        hook_note_version(LOBYTE(version));
    return error;
}

static void close_entry(sock_t *sock, void *context)
{
    (void)context;
    sockets_close(sock->handle);
}

/* Only the last of nested calls closes the process's sockets; which one that was shows afterwards. */
int WINAPI api_WSACleanup(void)
{
    if (api_refuses())
        return SOCKET_ERROR;
    int result = real_WSACleanup();
    DWORD error = GetLastError();
    SOCKET probe = result == 0 ? real_socket(AF_INET, SOCK_DGRAM, 0) : 0;
    if (result == 0 && probe == INVALID_SOCKET && GetLastError() == WSANOTINITIALISED)
        fdtab_each(close_entry, NULL);
    else if (result == 0 && probe != INVALID_SOCKET)
        real_closesocket(probe);
    SetLastError(error);
    return result;
}

/* A type of 0 means "the family's default", which for the Internet is a stream. */
SOCKET WINAPI api_socket(int family, int type, int protocol)
{
    if (api_refuses())
        return INVALID_SOCKET;
    prepare();
    SOCKET s = real_socket(family, type, protocol);
    DWORD error = GetLastError();
    if (s != INVALID_SOCKET)
        sockets_open(s, type == SOCK_STREAM || type == 0);
    SetLastError(error);
    return s;
}

int WINAPI api_bind(SOCKET s, const struct sockaddr *name, int length)
{
    if (api_refuses())
        return SOCKET_ERROR;
    return real_bind(s, name, length);
}

int WINAPI api_listen(SOCKET s, int backlog)
{
    if (api_refuses())
        return SOCKET_ERROR;
    int result = real_listen(s, backlog);
    sock_t *sock = fdtab_get(s);
    if (result == 0 && sock)
        store_release(&sock->listening, 1);
    return result;
}

int WINAPI api_connect(SOCKET s, const struct sockaddr *name, int length)
{
    if (api_refuses())
        return SOCKET_ERROR;
    sock_t *sock = fdtab_get(s);
    bool expects = sock && sock_expect_at_connect(sock, name, length);
    int result = real_connect(s, name, length);
    DWORD error = GetLastError();
    sock = fdtab_get(s);
    if (sock && expects && result != 0)
        sock_expect_nothing(sock);
    if (sock && result == 0) {
        sock_note_connect(sock, name, length);
        sock_connected(sock);
    } else if (sock && (error == WSAEWOULDBLOCK || error == WSAEISCONN))
        store_release(&sock->connecting, SOCK_CONNECTING);
    if (sock && error == WSAEWOULDBLOCK)
        async_connecting(sock);
    SetLastError(error);
    return result;
}

SOCKET WINAPI api_accept(SOCKET s, struct sockaddr *name, int *length)
{
    if (api_refuses())
        return INVALID_SOCKET;
    sock_t *listener = fdtab_get(s);
    int stop = listener && !load_relaxed(&listener->nonblocking) ? sock_await(listener, s, false, STREAM_NEVER) : 0;
    if (stop) {
        wsaerr_fail(stop);
        return INVALID_SOCKET;
    }
    SOCKET accepted = real_accept(s, name, length);
    DWORD error = GetLastError();
    sock_t *sock = accepted != INVALID_SOCKET ? sockets_accepted(accepted, listener) : NULL;
    if (sock && listener)
        sock_expect_at_accept(sock, listener, s);
    if (sock)
        sock_connected(sock);
    async_enable(listener, FD_ACCEPT); /* announced before what the accepted socket has to tell */
    if (accepted != INVALID_SOCKET && listener)
        async_inherit(sock, accepted, listener);
    SetLastError(error);
    return accepted;
}

int WINAPI api_getsockname(SOCKET s, struct sockaddr *name, int *length)
{
    if (api_refuses())
        return SOCKET_ERROR;
    return real_getsockname(s, name, length);
}

int WINAPI api_getpeername(SOCKET s, struct sockaddr *name, int *length)
{
    if (api_refuses())
        return SOCKET_ERROR;
    sock_t *sock = fdtab_get(s);
    if (sock && sock_is_over(sock))
        return wsaerr_fail(-WSAENOTCONN);
    return real_getpeername(s, name, length);
}

int WINAPI api_shutdown(SOCKET s, int how)
{
    if (api_refuses())
        return SOCKET_ERROR;
    sock_t *sock = fdtab_get(s);
    if (!sock || how < 0 || how > 2 || sock_shutdown(sock, s, how) == -WSAEOPNOTSUPP)
        return real_shutdown(s, how);
    SetLastError(0);
    return 0;
}

/* The end is published before the kernel's handle goes: whoever sees the kernel connection end finds it there. */
int WINAPI api_closesocket(SOCKET s)
{
    if (api_refuses())
        return SOCKET_ERROR;
    DWORD error = GetLastError(); /* a close that succeeds leaves it alone */
    if (fdtab_get(s))
        sockets_close(s);
    SetLastError(error);
    return real_closesocket(s);
}
