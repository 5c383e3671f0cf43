/* api_async: WSAAsyncSelect. */
#include "api.h"
#include "async.h"
#include "transport.h"

/* Sockets that are the kernel's alone, as those of other protocols, are the system's business. */
static bool is_ours(const sock_t *sock)
{
    if (!sock)
        return false;
    return sock->async || (sock_mode(sock) != SOCK_KERNEL && transport_start() == NULL);
}

static int select_by_system(SOCKET s, HWND window, u_int message, __LONG32 events)
{
    sockets_demote(s, "WSAAsyncSelect");
    int result = real_WSAAsyncSelect(s, window, message, events);
    sock_t *sock = fdtab_get(s);
    if (sock && result == 0) { /* which makes the socket non-blocking */
        store_release(&sock->nonblocking, 1);
        store_release(&sock->kernel_nonblocking, 1);
    }
    return result;
}

int WINAPI api_WSAAsyncSelect(SOCKET s, HWND window, u_int message, __LONG32 events)
{
    if (api_refuses())
        return SOCKET_ERROR;
    sock_t *sock = fdtab_get(s);
    if (!is_ours(sock) || !async_select(sock, window, message, (uint32_t)events))
        return select_by_system(s, window, message, events);
    return api_result(sock_set_nonblocking(sock, true));
}
