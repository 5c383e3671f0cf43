/* api_async: calls that the user-level path does not honour yet: the socket goes, or stays, with the kernel. */
#include "api.h"

int WINAPI api_WSAAsyncSelect(SOCKET s, HWND window, u_int message, __LONG32 events)
{
    sock_demote_handle(s, "WSAAsyncSelect");
    int result = real_WSAAsyncSelect(s, window, message, events);
    sock_t *sock = fdtab_get(s);
    if (sock && result == 0) { /* which makes the socket non-blocking, and keeps its accepted sockets with the kernel */
        store_release(&sock->nonblocking, 1);
        store_release(&sock->kernel_nonblocking, 1);
    }
    return result;
}
