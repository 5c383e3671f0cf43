/* around_library: what around.c and the DLL that it loads late know of WinSock 2; winsock2.h excludes winsock.h. */
#ifndef API_AROUND_LIBRARY_H
#define API_AROUND_LIBRARY_H

#include <winsock.h>

typedef struct wsabuf {
    u_long length;
    char *bytes;
} wsabuf_t;

typedef struct wsapollfd {
    SOCKET s;
    short events, revents;
} wsapollfd_t;

typedef struct network_events {
    long events;
    int codes[10];
} network_events_t;

enum { POLL_WRITE = 0x10, POLL_READ = 0x300 };

typedef int(WINAPI *wsa_send_fn)(SOCKET, wsabuf_t *, DWORD, DWORD *, DWORD, OVERLAPPED *, void *);
typedef int(WINAPI *wsa_recv_fn)(SOCKET, wsabuf_t *, DWORD, DWORD *, DWORD *, OVERLAPPED *, void *);

#endif
