/* Written by tools/gen_stubs.pl from wsock32.tbl; do not edit.
 * Bodies of ours that the .def names: api_ is in src/, local_ and jump_target_ are in stubs/local.c. */
#ifndef GEN_WSOCK32_API_H
#define GEN_WSOCK32_API_H

#include <winsock.h>
#include <nspapi.h>
#include <windows.h>

#include "forward.h"

SOCKET WINAPI api_accept(SOCKET s, struct sockaddr *addr, int *addrlen);
int WINAPI api_bind(SOCKET s, const struct sockaddr *name, int namelen);
int WINAPI api_closesocket(SOCKET s);
int WINAPI api_connect(SOCKET s, const struct sockaddr *name, int namelen);
int WINAPI api_getpeername(SOCKET s, struct sockaddr *name, int *namelen);
int WINAPI api_getsockname(SOCKET s, struct sockaddr *name, int *namelen);
int WINAPI api_getsockopt(SOCKET s, int level, int optname, char *optval, int *optlen);
int WINAPI api_ioctlsocket(SOCKET s, __LONG32 cmd, u_long *argp);
int WINAPI api_listen(SOCKET s, int backlog);
int WINAPI api_recv(SOCKET s, char *buf, int len, int flags);
int WINAPI api_recvfrom(SOCKET s, char *buf, int len, int flags, struct sockaddr *from, int *fromlen);
int WINAPI api_select(int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, const PTIMEVAL timeout);
int WINAPI api_send(SOCKET s, const char *buf, int len, int flags);
int WINAPI api_sendto(SOCKET s, const char *buf, int len, int flags, const struct sockaddr *to, int tolen);
int WINAPI api_setsockopt(SOCKET s, int level, int optname, const char *optval, int optlen);
int WINAPI api_shutdown(SOCKET s, int how);
SOCKET WINAPI api_socket(int af, int type, int protocol);
int WINAPI api_WSAAsyncSelect(SOCKET s, HWND hWnd, u_int wMsg, __LONG32 lEvent);
FARPROC WINAPI api_WSASetBlockingHook(FARPROC lpBlockFunc);
int WINAPI api_WSAUnhookBlockingHook(void);
int WINAPI api_WSACancelBlockingCall(void);
WINBOOL WINAPI api_WSAIsBlocking(void);
int WINAPI api_WSAStartup(WORD wVersionRequested, LPWSADATA lpWSAData);
int WINAPI api_WSACleanup(void);
int WINAPI api___WSAFDIsSet(SOCKET arg1, fd_set *arg2);
int WINAPI api_WSARecvEx(SOCKET s, char *buf, int len, int *flags);
WINBOOL WINAPI api_TransmitFile(SOCKET hSocket, HANDLE hFile, DWORD nNumberOfBytesToWrite,
    DWORD nNumberOfBytesPerSend, LPOVERLAPPED lpOverlapped, LPTRANSMIT_FILE_BUFFERS lpTransmitBuffers,
    DWORD dwReserved);
WINBOOL WINAPI api_AcceptEx(SOCKET sListenSocket, SOCKET sAcceptSocket, PVOID lpOutputBuffer,
    DWORD dwReceiveDataLength, DWORD dwLocalAddressLength, DWORD dwRemoteAddressLength, LPDWORD lpdwBytesReceived,
    LPOVERLAPPED lpOverlapped);
BOOL WINAPI local_WEP(void);
u_long WINAPI local_inet_network(const char *text);
struct netent *WINAPI local_getnetbyname(const char *name);
forward_fn jump_target_s_perror(void);

#endif
