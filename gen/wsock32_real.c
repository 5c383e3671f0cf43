/* Written by tools/gen_stubs.pl from wsock32.tbl; do not edit.
 * The system's own functions behind the exports of wsock32 that have a body of ours. */
#include "wsock32_real.h"

#include "forward.h"

static forward_module_t module_mswsock = FORWARD_MODULE("mswsock");
static forward_module_t module_ws2_32 = FORWARD_MODULE("ws2_32");

SOCKET WINAPI real_accept(SOCKET s, struct sockaddr *addr, int *addrlen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "accept", 10045);
    typedef SOCKET (WINAPI *target_fn)(SOCKET, struct sockaddr *, int *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return INVALID_SOCKET;
    return target(s, addr, addrlen);
}
FORWARD_POPS("accept", 12, FORWARD_ARG(SOCKET) + FORWARD_ARG(struct sockaddr *) + FORWARD_ARG(int *));

int WINAPI real_bind(SOCKET s, const struct sockaddr *name, int namelen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "bind", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, const struct sockaddr *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, name, namelen);
}
FORWARD_POPS("bind", 12, FORWARD_ARG(SOCKET) + FORWARD_ARG(const struct sockaddr *) + FORWARD_ARG(int));

int WINAPI real_closesocket(SOCKET s)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "closesocket", 10045);
    typedef int (WINAPI *target_fn)(SOCKET);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s);
}
FORWARD_POPS("closesocket", 4, FORWARD_ARG(SOCKET));

int WINAPI real_connect(SOCKET s, const struct sockaddr *name, int namelen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "connect", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, const struct sockaddr *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, name, namelen);
}
FORWARD_POPS("connect", 12, FORWARD_ARG(SOCKET) + FORWARD_ARG(const struct sockaddr *) + FORWARD_ARG(int));

int WINAPI real_getpeername(SOCKET s, struct sockaddr *name, int *namelen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "getpeername", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, struct sockaddr *, int *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, name, namelen);
}
FORWARD_POPS("getpeername", 12, FORWARD_ARG(SOCKET) + FORWARD_ARG(struct sockaddr *) + FORWARD_ARG(int *));

int WINAPI real_getsockname(SOCKET s, struct sockaddr *name, int *namelen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "getsockname", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, struct sockaddr *, int *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, name, namelen);
}
FORWARD_POPS("getsockname", 12, FORWARD_ARG(SOCKET) + FORWARD_ARG(struct sockaddr *) + FORWARD_ARG(int *));

int WINAPI real_getsockopt(SOCKET s, int level, int optname, char *optval, int *optlen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "getsockopt", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, int, int, char *, int *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, level, optname, optval, optlen);
}
FORWARD_POPS("getsockopt", 20, FORWARD_ARG(SOCKET) + FORWARD_ARG(int) + FORWARD_ARG(int) + FORWARD_ARG(char *) +
    FORWARD_ARG(int *));

int WINAPI real_ioctlsocket(SOCKET s, __LONG32 cmd, u_long *argp)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "ioctlsocket", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, __LONG32, u_long *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, cmd, argp);
}
FORWARD_POPS("ioctlsocket", 12, FORWARD_ARG(SOCKET) + FORWARD_ARG(__LONG32) + FORWARD_ARG(u_long *));

int WINAPI real_listen(SOCKET s, int backlog)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "listen", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, backlog);
}
FORWARD_POPS("listen", 8, FORWARD_ARG(SOCKET) + FORWARD_ARG(int));

int WINAPI real_recv(SOCKET s, char *buf, int len, int flags)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "recv", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, char *, int, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, buf, len, flags);
}
FORWARD_POPS("recv", 16, FORWARD_ARG(SOCKET) + FORWARD_ARG(char *) + FORWARD_ARG(int) + FORWARD_ARG(int));

int WINAPI real_recvfrom(SOCKET s, char *buf, int len, int flags, struct sockaddr *from, int *fromlen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "recvfrom", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, char *, int, int, struct sockaddr *, int *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, buf, len, flags, from, fromlen);
}
FORWARD_POPS("recvfrom", 24, FORWARD_ARG(SOCKET) + FORWARD_ARG(char *) + FORWARD_ARG(int) + FORWARD_ARG(int) +
    FORWARD_ARG(struct sockaddr *) + FORWARD_ARG(int *));

int WINAPI real_select(int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, const PTIMEVAL timeout)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "select", 10045);
    typedef int (WINAPI *target_fn)(int, fd_set *, fd_set *, fd_set *, const PTIMEVAL);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(nfds, readfds, writefds, exceptfds, timeout);
}
FORWARD_POPS("select", 20, FORWARD_ARG(int) + FORWARD_ARG(fd_set *) + FORWARD_ARG(fd_set *) + FORWARD_ARG(fd_set *) +
    FORWARD_ARG(const PTIMEVAL));

int WINAPI real_send(SOCKET s, const char *buf, int len, int flags)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "send", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, const char *, int, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, buf, len, flags);
}
FORWARD_POPS("send", 16, FORWARD_ARG(SOCKET) + FORWARD_ARG(const char *) + FORWARD_ARG(int) + FORWARD_ARG(int));

int WINAPI real_sendto(SOCKET s, const char *buf, int len, int flags, const struct sockaddr *to, int tolen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "sendto", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, const char *, int, int, const struct sockaddr *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, buf, len, flags, to, tolen);
}
FORWARD_POPS("sendto", 24, FORWARD_ARG(SOCKET) + FORWARD_ARG(const char *) + FORWARD_ARG(int) + FORWARD_ARG(int) +
    FORWARD_ARG(const struct sockaddr *) + FORWARD_ARG(int));

int WINAPI real_setsockopt(SOCKET s, int level, int optname, const char *optval, int optlen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "setsockopt", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, int, int, const char *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, level, optname, optval, optlen);
}
FORWARD_POPS("setsockopt", 20, FORWARD_ARG(SOCKET) + FORWARD_ARG(int) + FORWARD_ARG(int) + FORWARD_ARG(const char *) +
    FORWARD_ARG(int));

int WINAPI real_shutdown(SOCKET s, int how)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "shutdown", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, how);
}
FORWARD_POPS("shutdown", 8, FORWARD_ARG(SOCKET) + FORWARD_ARG(int));

SOCKET WINAPI real_socket(int af, int type, int protocol)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "socket", 10045);
    typedef SOCKET (WINAPI *target_fn)(int, int, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return INVALID_SOCKET;
    return target(af, type, protocol);
}
FORWARD_POPS("socket", 12, FORWARD_ARG(int) + FORWARD_ARG(int) + FORWARD_ARG(int));

int WINAPI real_WSAAsyncSelect(SOCKET s, HWND hWnd, u_int wMsg, __LONG32 lEvent)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAAsyncSelect", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, HWND, u_int, __LONG32);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, hWnd, wMsg, lEvent);
}
FORWARD_POPS("WSAAsyncSelect", 16, FORWARD_ARG(SOCKET) + FORWARD_ARG(HWND) + FORWARD_ARG(u_int) +
    FORWARD_ARG(__LONG32));

FARPROC WINAPI real_WSASetBlockingHook(FARPROC lpBlockFunc)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSASetBlockingHook", 10045);
    typedef FARPROC (WINAPI *target_fn)(FARPROC);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(lpBlockFunc);
}
FORWARD_POPS("WSASetBlockingHook", 4, FORWARD_ARG(FARPROC));

int WINAPI real_WSAUnhookBlockingHook(void)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAUnhookBlockingHook", 10045);
    typedef int (WINAPI *target_fn)(void);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target();
}
FORWARD_POPS("WSAUnhookBlockingHook", 0, 0);

int WINAPI real_WSACancelBlockingCall(void)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSACancelBlockingCall", 10045);
    typedef int (WINAPI *target_fn)(void);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target();
}
FORWARD_POPS("WSACancelBlockingCall", 0, 0);

WINBOOL WINAPI real_WSAIsBlocking(void)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAIsBlocking", 10045);
    typedef WINBOOL (WINAPI *target_fn)(void);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return FALSE;
    return target();
}
FORWARD_POPS("WSAIsBlocking", 0, 0);

int WINAPI real_WSAStartup(WORD wVersionRequested, LPWSADATA lpWSAData)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAStartup", 10045);
    typedef int (WINAPI *target_fn)(WORD, LPWSADATA);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(wVersionRequested, lpWSAData);
}
FORWARD_POPS("WSAStartup", 8, FORWARD_ARG(WORD) + FORWARD_ARG(LPWSADATA));

int WINAPI real_WSACleanup(void)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSACleanup", 10045);
    typedef int (WINAPI *target_fn)(void);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target();
}
FORWARD_POPS("WSACleanup", 0, 0);

int WINAPI real___WSAFDIsSet(SOCKET arg1, fd_set *arg2)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "__WSAFDIsSet", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, fd_set *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(arg1, arg2);
}
FORWARD_POPS("__WSAFDIsSet", 8, FORWARD_ARG(SOCKET) + FORWARD_ARG(fd_set *));

BOOL WINAPI real_WEP(void)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WEP", 10045);
    typedef BOOL (WINAPI *target_fn)(void);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return FALSE;
    return target();
}
FORWARD_POPS("WEP", 0, 0);

u_long WINAPI real_inet_network(const char *text)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_mswsock, "inet_network", 10045);
    typedef u_long (WINAPI *target_fn)(const char *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return (u_long)-1;
    return target(text);
}
FORWARD_POPS("inet_network", 4, FORWARD_ARG(const char *));

struct netent *WINAPI real_getnetbyname(const char *name)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_mswsock, "getnetbyname", 10045);
    typedef struct netent *(WINAPI *target_fn)(const char *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(name);
}
FORWARD_POPS("getnetbyname", 4, FORWARD_ARG(const char *));

int WINAPI real_WSARecvEx(SOCKET s, char *buf, int len, int *flags)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_mswsock, "WSARecvEx", 10045);
    typedef int (WINAPI *target_fn)(SOCKET, char *, int, int *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(s, buf, len, flags);
}
FORWARD_POPS("WSARecvEx", 16, FORWARD_ARG(SOCKET) + FORWARD_ARG(char *) + FORWARD_ARG(int) + FORWARD_ARG(int *));

WINBOOL WINAPI real_TransmitFile(SOCKET hSocket, HANDLE hFile, DWORD nNumberOfBytesToWrite,
    DWORD nNumberOfBytesPerSend, LPOVERLAPPED lpOverlapped, LPTRANSMIT_FILE_BUFFERS lpTransmitBuffers,
    DWORD dwReserved)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_mswsock, "TransmitFile", 10045);
    typedef WINBOOL (WINAPI *target_fn)(SOCKET, HANDLE, DWORD, DWORD, LPOVERLAPPED, LPTRANSMIT_FILE_BUFFERS, DWORD);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return FALSE;
    return target(hSocket, hFile, nNumberOfBytesToWrite, nNumberOfBytesPerSend, lpOverlapped, lpTransmitBuffers,
        dwReserved);
}
FORWARD_POPS("TransmitFile", 28, FORWARD_ARG(SOCKET) + FORWARD_ARG(HANDLE) + FORWARD_ARG(DWORD) + FORWARD_ARG(DWORD) +
    FORWARD_ARG(LPOVERLAPPED) + FORWARD_ARG(LPTRANSMIT_FILE_BUFFERS) + FORWARD_ARG(DWORD));

WINBOOL WINAPI real_AcceptEx(SOCKET sListenSocket, SOCKET sAcceptSocket, PVOID lpOutputBuffer,
    DWORD dwReceiveDataLength, DWORD dwLocalAddressLength, DWORD dwRemoteAddressLength, LPDWORD lpdwBytesReceived,
    LPOVERLAPPED lpOverlapped)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_mswsock, "AcceptEx", 10045);
    typedef WINBOOL (WINAPI *target_fn)(SOCKET, SOCKET, PVOID, DWORD, DWORD, DWORD, LPDWORD, LPOVERLAPPED);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return FALSE;
    return target(sListenSocket, sAcceptSocket, lpOutputBuffer, dwReceiveDataLength, dwLocalAddressLength,
        dwRemoteAddressLength, lpdwBytesReceived, lpOverlapped);
}
FORWARD_POPS("AcceptEx", 32, FORWARD_ARG(SOCKET) + FORWARD_ARG(SOCKET) + FORWARD_ARG(PVOID) + FORWARD_ARG(DWORD) +
    FORWARD_ARG(DWORD) + FORWARD_ARG(DWORD) + FORWARD_ARG(LPDWORD) + FORWARD_ARG(LPOVERLAPPED));
