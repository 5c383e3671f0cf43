/* api_async: calls that the user-level path does not honour yet: the socket goes, or stays, with the kernel. */
#include "api.h"

#include <forward.h>

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

/* On a stream it is recv with its flags handed in by reference; MSG_PARTIAL never comes out.  Wine's mswsock has only a
 * stub that receives nothing. */
int WINAPI api_WSARecvEx(SOCKET s, char *bytes, int count, int *flags)
{
    const sock_t *sock = fdtab_get(s);
    bool streaming = sock && sock_mode(sock) != SOCK_KERNEL && sock_mode(sock) != SOCK_FRESH;
    if (!flags || !(streaming || forward_on_wine()))
        return real_WSARecvEx(s, bytes, count, flags);
    return api_recv(s, bytes, count, *flags);
}

BOOL WINAPI api_TransmitFile(SOCKET s, HANDLE file, DWORD bytes, DWORD bytes_per_send, OVERLAPPED *overlapped,
                             TRANSMIT_FILE_BUFFERS *buffers, DWORD flags)
{
    sock_demote_handle(s, "TransmitFile");
    return real_TransmitFile(s, file, bytes, bytes_per_send, overlapped, buffers, flags);
}

BOOL WINAPI api_AcceptEx(SOCKET listener, SOCKET accepted, void *output, DWORD data_length, DWORD local_length,
                         DWORD remote_length, DWORD *received, OVERLAPPED *overlapped)
{
    sock_demote_handle(accepted, "AcceptEx");
    return real_AcceptEx(listener, accepted, output, data_length, local_length, remote_length, received, overlapped);
}
