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

int WINAPI api_WSAAsyncSelect(SOCKET s, HWND window, u_int message, __LONG32 events)
{
    if (api_refuses())
        return SOCKET_ERROR;
    sock_t *sock = fdtab_get(s);
    if (!is_ours(sock) || !async_select(sock, window, message, (uint32_t)events))
        return async_select_by_system(sock, s, window, message, (uint32_t)events);
    return api_result(sock_set_nonblocking(sock, true));
}
