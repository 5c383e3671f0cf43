/* Written by tools/gen_stubs.pl from wsock32.tbl; do not edit.
 * The system's own functions behind the exports of wsock32 that have a body of ours. */
#ifndef GEN_WSOCK32_REAL_H
#define GEN_WSOCK32_REAL_H

#include <winsock.h>
#include <nspapi.h>
#include <windows.h>

SOCKET WINAPI real_accept(SOCKET s, struct sockaddr *addr, int *addrlen);
int WINAPI real_bind(SOCKET s, const struct sockaddr *name, int namelen);
int WINAPI real_closesocket(SOCKET s);
int WINAPI real_connect(SOCKET s, const struct sockaddr *name, int namelen);
int WINAPI real_getpeername(SOCKET s, struct sockaddr *name, int *namelen);
int WINAPI real_getsockname(SOCKET s, struct sockaddr *name, int *namelen);
int WINAPI real_getsockopt(SOCKET s, int level, int optname, char *optval, int *optlen);
int WINAPI real_ioctlsocket(SOCKET s, __LONG32 cmd, u_long *argp);
int WINAPI real_listen(SOCKET s, int backlog);
int WINAPI real_recv(SOCKET s, char *buf, int len, int flags);
int WINAPI real_recvfrom(SOCKET s, char *buf, int len, int flags, struct sockaddr *from, int *fromlen);
int WINAPI real_select(int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, const PTIMEVAL timeout);
int WINAPI real_send(SOCKET s, const char *buf, int len, int flags);
int WINAPI real_sendto(SOCKET s, const char *buf, int len, int flags, const struct sockaddr *to, int tolen);
int WINAPI real_setsockopt(SOCKET s, int level, int optname, const char *optval, int optlen);
int WINAPI real_shutdown(SOCKET s, int how);
SOCKET WINAPI real_socket(int af, int type, int protocol);
int WINAPI real_WSAAsyncSelect(SOCKET s, HWND hWnd, u_int wMsg, __LONG32 lEvent);
FARPROC WINAPI real_WSASetBlockingHook(FARPROC lpBlockFunc);
int WINAPI real_WSAUnhookBlockingHook(void);
int WINAPI real_WSACancelBlockingCall(void);
WINBOOL WINAPI real_WSAIsBlocking(void);
int WINAPI real_WSAStartup(WORD wVersionRequested, LPWSADATA lpWSAData);
int WINAPI real_WSACleanup(void);
int WINAPI real___WSAFDIsSet(SOCKET arg1, fd_set *arg2);
BOOL WINAPI real_WEP(void);
u_long WINAPI real_inet_network(const char *text);
struct netent *WINAPI real_getnetbyname(const char *name);
int WINAPI real_WSARecvEx(SOCKET s, char *buf, int len, int *flags);
WINBOOL WINAPI real_TransmitFile(SOCKET hSocket, HANDLE hFile, DWORD nNumberOfBytesToWrite,
    DWORD nNumberOfBytesPerSend, LPOVERLAPPED lpOverlapped, LPTRANSMIT_FILE_BUFFERS lpTransmitBuffers,
    DWORD dwReserved);
WINBOOL WINAPI real_AcceptEx(SOCKET sListenSocket, SOCKET sAcceptSocket, PVOID lpOutputBuffer,
    DWORD dwReceiveDataLength, DWORD dwLocalAddressLength, DWORD dwRemoteAddressLength, LPDWORD lpdwBytesReceived,
    LPOVERLAPPED lpOverlapped);

#endif
