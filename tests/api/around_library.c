/* around_library: a DLL that imports ws2_32's calls, plainly and delayed, for around.c to load when all has begun. */
#include "around_library.h"

__declspec(dllimport) int WINAPI WSASend(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *sent, DWORD flags,
                                         OVERLAPPED *overlapped, void *routine);
__declspec(dllimport) int WINAPI WSARecv(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *got, DWORD *flags,
                                         OVERLAPPED *overlapped, void *routine);
/* The name without the i386 decoration, as around_delayed.def has it. */
#ifdef __i386__
#define DELAYED(name) __asm__("_" name)
#else
#define DELAYED(name) __asm__(name)
#endif
int WINAPI delayed_WSASendTo(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *sent, DWORD flags,
                             const struct sockaddr *to, int to_length, OVERLAPPED *overlapped, void *routine)
    DELAYED("WSASendTo");

__declspec(dllexport) int WINAPI library_WSASend(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *sent, DWORD flags,
                                                 OVERLAPPED *overlapped, void *routine);
__declspec(dllexport) int WINAPI library_WSARecv(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *got, DWORD *flags,
                                                 OVERLAPPED *overlapped, void *routine);
__declspec(dllexport) int WINAPI library_delayed_WSASend(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *sent,
                                                         DWORD flags, OVERLAPPED *overlapped, void *routine);

int WINAPI library_WSASend(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *sent, DWORD flags, OVERLAPPED *overlapped,
                           void *routine)
{
    return WSASend(s, buffers, count, sent, flags, overlapped, routine);
}

int WINAPI library_WSARecv(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *got, DWORD *flags, OVERLAPPED *overlapped,
                           void *routine)
{
    return WSARecv(s, buffers, count, got, flags, overlapped, routine);
}

int WINAPI library_delayed_WSASend(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *sent, DWORD flags,
                                   OVERLAPPED *overlapped, void *routine)
{
    return delayed_WSASendTo(s, buffers, count, sent, flags, NULL, 0, overlapped, routine);
}
