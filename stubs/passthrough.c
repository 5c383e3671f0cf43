/* passthrough: stands in for src/ where that is not built.  Every call that src/ takes over goes to the system as it
 * is, but for the IP options, whose numbers changed between WinSock 1.1 and 2. */
#include "wsock32_api.h"
#include "wsock32_real.h"

/* Numbers of winsock.h, by place, and those ws2_32 understands. */
static int winsock2_option(int level, int option)
{
    static const int renumbered[] = { 0, 1, 9, 10, 11, 12, 13, 4, 3, 14 };
    int last = (int)(sizeof(renumbered) / sizeof(renumbered[0])) - 1;
    return level == IPPROTO_IP && option > 0 && option <= last ? renumbered[option] : option;
}

int WINAPI api_getsockopt(SOCKET s, int level, int optname, char *optval, int *optlen)
{
    return real_getsockopt(s, level, winsock2_option(level, optname), optval, optlen);
}

int WINAPI api_setsockopt(SOCKET s, int level, int optname, const char *optval, int optlen)
{
    return real_setsockopt(s, level, winsock2_option(level, optname), optval, optlen);
}

int WINAPI api_WSAStartup(WORD version, LPWSADATA data)
{
    return real_WSAStartup(version, data);
}

int WINAPI api_WSACleanup(void)
{
    return real_WSACleanup();
}

SOCKET WINAPI api_socket(int af, int type, int protocol)
{
    return real_socket(af, type, protocol);
}

int WINAPI api_bind(SOCKET s, const struct sockaddr *name, int namelen)
{
    return real_bind(s, name, namelen);
}

int WINAPI api_listen(SOCKET s, int backlog)
{
    return real_listen(s, backlog);
}

int WINAPI api_connect(SOCKET s, const struct sockaddr *name, int namelen)
{
    return real_connect(s, name, namelen);
}

SOCKET WINAPI api_accept(SOCKET s, struct sockaddr *addr, int *addrlen)
{
    return real_accept(s, addr, addrlen);
}

int WINAPI api_send(SOCKET s, const char *buf, int len, int flags)
{
    return real_send(s, buf, len, flags);
}

int WINAPI api_recv(SOCKET s, char *buf, int len, int flags)
{
    return real_recv(s, buf, len, flags);
}

int WINAPI api_sendto(SOCKET s, const char *buf, int len, int flags, const struct sockaddr *to, int tolen)
{
    return real_sendto(s, buf, len, flags, to, tolen);
}

int WINAPI api_recvfrom(SOCKET s, char *buf, int len, int flags, struct sockaddr *from, int *fromlen)
{
    return real_recvfrom(s, buf, len, flags, from, fromlen);
}

int WINAPI api_select(int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, const PTIMEVAL timeout)
{
    return real_select(nfds, readfds, writefds, exceptfds, timeout);
}

int WINAPI api___WSAFDIsSet(SOCKET s, fd_set *set)
{
    return real___WSAFDIsSet(s, set);
}

int WINAPI api_shutdown(SOCKET s, int how)
{
    return real_shutdown(s, how);
}

int WINAPI api_closesocket(SOCKET s)
{
    return real_closesocket(s);
}

int WINAPI api_ioctlsocket(SOCKET s, __LONG32 cmd, u_long *argp)
{
    return real_ioctlsocket(s, cmd, argp);
}

int WINAPI api_getsockname(SOCKET s, struct sockaddr *name, int *namelen)
{
    return real_getsockname(s, name, namelen);
}

int WINAPI api_getpeername(SOCKET s, struct sockaddr *name, int *namelen)
{
    return real_getpeername(s, name, namelen);
}

int WINAPI api_WSAAsyncSelect(SOCKET s, HWND window, u_int message, __LONG32 events)
{
    return real_WSAAsyncSelect(s, window, message, events);
}

int WINAPI api_WSARecvEx(SOCKET s, char *buf, int len, int *flags)
{
    return real_WSARecvEx(s, buf, len, flags);
}

BOOL WINAPI api_TransmitFile(SOCKET s, HANDLE file, DWORD bytes, DWORD bytes_per_send, LPOVERLAPPED overlapped,
    LPTRANSMIT_FILE_BUFFERS buffers, DWORD flags)
{
    return real_TransmitFile(s, file, bytes, bytes_per_send, overlapped, buffers, flags);
}

BOOL WINAPI api_AcceptEx(SOCKET listener, SOCKET accepted, PVOID buffer, DWORD data_length, DWORD local_length,
    DWORD remote_length, LPDWORD received, LPOVERLAPPED overlapped)
{
    return real_AcceptEx(listener, accepted, buffer, data_length, local_length, remote_length, received, overlapped);
}
