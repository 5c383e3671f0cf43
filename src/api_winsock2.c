/* api_winsock2: ws2_32's and mswsock's calls, when a module of the program makes them on a socket of ours.
 *
 * What WinSock 1.1 has too is served as there.  The rest takes the stream back to the kernel first.  Sockets that were
 * not made through this DLL are the system's alone, and so are those they accept. */
#include "api.h"
#include "async.h"
#include "redirect.h"

/* winsock2.h and winsock.h exclude each other. */
typedef struct wsabuf {
    u_long length;
    char *bytes;
} wsabuf_t;

typedef struct wsapollfd {
    SOCKET s;
    short events, revents;
} wsapollfd_t;

#define SIO_GET_EXTENSION_FUNCTION_POINTER_CODE 0xc8000006u
#define SIO_KEEPALIVE_VALS_CODE 0x98000004u

/* The call is about to be the system's alone. */
static sock_t *hand_over(SOCKET s, const char *why)
{
    sock_t *sock = fdtab_get(s);
    if (sock)
        sock_demote(sock, why);
    return sock;
}

/* ---- making sockets: the value may be that of one which was closed behind our back ---- */

static SOCKET made_by_system(SOCKET s)
{
    DWORD error = GetLastError();
    if (s != INVALID_SOCKET && fdtab_get(s))
        sockets_close(s);
    SetLastError(error);
    return s;
}

static SOCKET WINAPI ws2_socket(int family, int type, int protocol)
{
    return made_by_system(real_socket(family, type, protocol));
}

typedef SOCKET(WINAPI *make_socket_t)(int, int, int, void *, u_int, DWORD);
static make_socket_t system_WSASocketA, system_WSASocketW;

static SOCKET WINAPI ws2_WSASocketA(int family, int type, int protocol, void *info, u_int group, DWORD flags)
{
    return made_by_system(system_WSASocketA(family, type, protocol, info, group, flags));
}

static SOCKET WINAPI ws2_WSASocketW(int family, int type, int protocol, void *info, u_int group, DWORD flags)
{
    return made_by_system(system_WSASocketW(family, type, protocol, info, group, flags));
}

static SOCKET WINAPI ws2_accept(SOCKET s, struct sockaddr *name, int *length)
{
    return fdtab_get(s) ? api_accept(s, name, length) : made_by_system(real_accept(s, name, length));
}

static SOCKET(WINAPI *system_WSAAccept)(SOCKET, struct sockaddr *, int *, void *, DWORD_PTR);

static SOCKET WINAPI ws2_WSAAccept(SOCKET s, struct sockaddr *name, int *length, void *condition, DWORD_PTR context)
{
    if (fdtab_get(s) && !condition)
        return api_accept(s, name, length);
    return made_by_system(system_WSAAccept(s, name, length, condition, context));
}

/* ---- connecting and ending ---- */

static int(WINAPI *system_WSAConnect)(SOCKET, const struct sockaddr *, int, wsabuf_t *, wsabuf_t *, void *, void *);

static int WINAPI ws2_WSAConnect(SOCKET s, const struct sockaddr *name, int length, wsabuf_t *caller, wsabuf_t *callee,
                                 void *sqos, void *gqos)
{
    if (fdtab_get(s) && !caller && !callee)
        return api_connect(s, name, length);
    hand_over(s, "WSAConnect with data");
    return system_WSAConnect(s, name, length, caller, callee, sqos, gqos);
}

static int(WINAPI *system_WSASendDisconnect)(SOCKET, wsabuf_t *);
static int(WINAPI *system_WSARecvDisconnect)(SOCKET, wsabuf_t *);

static int WINAPI ws2_WSASendDisconnect(SOCKET s, wsabuf_t *data)
{
    return fdtab_get(s) && !data ? api_shutdown(s, 1) : system_WSASendDisconnect(s, data);
}

static int WINAPI ws2_WSARecvDisconnect(SOCKET s, wsabuf_t *data)
{
    return fdtab_get(s) && !data ? api_shutdown(s, 0) : system_WSARecvDisconnect(s, data);
}

/* ---- moving bytes ---- */

typedef int(WINAPI *wsa_send_t)(SOCKET, wsabuf_t *, DWORD, DWORD *, DWORD, OVERLAPPED *, void *);
typedef int(WINAPI *wsa_recv_t)(SOCKET, wsabuf_t *, DWORD, DWORD *, DWORD *, OVERLAPPED *, void *);
typedef int(WINAPI *wsa_send_to_t)(SOCKET, wsabuf_t *, DWORD, DWORD *, DWORD, const struct sockaddr *, int,
                                   OVERLAPPED *, void *);
typedef int(WINAPI *wsa_recv_from_t)(SOCKET, wsabuf_t *, DWORD, DWORD *, DWORD *, struct sockaddr *, int *,
                                     OVERLAPPED *, void *);
typedef int(WINAPI *wsa_send_message_t)(SOCKET, void *, DWORD, DWORD *, OVERLAPPED *, void *);
static wsa_send_t system_WSASend;
static wsa_recv_t system_WSARecv;
static wsa_send_to_t system_WSASendTo;
static wsa_recv_from_t system_WSARecvFrom;
static wsa_send_message_t system_WSASendMsg;

/* After a demotion that the other end could not follow, what it had sent still lies in this process. */
static bool keeps_unread(sock_t *sock, SOCKET s)
{
    return sock && sock_mode(sock) == SOCK_USER && stream_readable(&sock->stream, s) != STREAM_BY_KERNEL;
}

static int receive_unread(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *moved, DWORD *flags)
{
    DWORD first = 0;
    while (first + 1 < count && !buffers[first].length)
        first++;
    int got = api_recv(s, buffers[first].bytes, (int)buffers[first].length, flags ? (int)*flags : 0);
    if (got < 0)
        return SOCKET_ERROR;
    if (moved)
        *moved = (DWORD)got;
    if (flags)
        *flags = 0;
    return 0;
}

static int WINAPI ws2_WSASend(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *moved, DWORD flags,
                              OVERLAPPED *overlapped, void *routine)
{
    hand_over(s, "WSASend");
    return system_WSASend(s, buffers, count, moved, flags, overlapped, routine);
}

static int WINAPI ws2_WSARecv(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *moved, DWORD *flags,
                              OVERLAPPED *overlapped, void *routine)
{
    sock_t *sock = hand_over(s, "WSARecv");
    if (!overlapped && buffers && count && keeps_unread(sock, s))
        return receive_unread(s, buffers, count, moved, flags);
    return system_WSARecv(s, buffers, count, moved, flags, overlapped, routine);
}

static int WINAPI ws2_WSASendTo(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *moved, DWORD flags,
                                const struct sockaddr *to, int to_length, OVERLAPPED *overlapped, void *routine)
{
    hand_over(s, "WSASendTo");
    return system_WSASendTo(s, buffers, count, moved, flags, to, to_length, overlapped, routine);
}

static int WINAPI ws2_WSARecvFrom(SOCKET s, wsabuf_t *buffers, DWORD count, DWORD *moved, DWORD *flags,
                                  struct sockaddr *from, int *from_length, OVERLAPPED *overlapped, void *routine)
{
    sock_t *sock = hand_over(s, "WSARecvFrom");
    if (!overlapped && buffers && count && keeps_unread(sock, s))
        return receive_unread(s, buffers, count, moved, flags);
    return system_WSARecvFrom(s, buffers, count, moved, flags, from, from_length, overlapped, routine);
}

static int WINAPI ws2_WSASendMsg(SOCKET s, void *message, DWORD flags, DWORD *moved, OVERLAPPED *overlapped,
                                 void *routine)
{
    hand_over(s, "WSASendMsg");
    return system_WSASendMsg(s, message, flags, moved, overlapped, routine);
}

/* ---- events ---- */

static int(WINAPI *system_WSAEventSelect)(SOCKET, HANDLE, long);
static int(WINAPI *system_WSAEnumNetworkEvents)(SOCKET, HANDLE, void *);
static int(WINAPI *system_WSAPoll)(wsapollfd_t *, u_long, int);

/* It makes the socket non-blocking, also when it cancels. */
static int WINAPI ws2_WSAEventSelect(SOCKET s, HANDLE event, long events)
{
    sock_t *sock = hand_over(s, "WSAEventSelect");
    int result = system_WSAEventSelect(s, event, events);
    if (result == 0 && sock) {
        async_forget(sock); /* either takes the place of the other */
        store_release(&sock->nonblocking, 1);
    }
    return result;
}

static int WINAPI ws2_WSAEnumNetworkEvents(SOCKET s, HANDLE event, void *events)
{
    hand_over(s, "WSAEnumNetworkEvents");
    return system_WSAEnumNetworkEvents(s, event, events);
}

static int WINAPI ws2_WSAPoll(wsapollfd_t *members, u_long count, int timeout)
{
    for (u_long i = 0; members && i < count; i++) {
        const sock_t *sock = fdtab_get(members[i].s);
        if (sock && !load_relaxed(&sock->listening))
            hand_over(members[i].s, "WSAPoll");
    }
    return system_WSAPoll(members, count, timeout);
}

/* ---- options ---- */

/* The IP options are numbered as in WinSock 2 here. */
static int WINAPI ws2_getsockopt(SOCKET s, int level, int option, char *value, int *length)
{
    return level == SOL_SOCKET ? api_getsockopt(s, level, option, value, length)
                               : real_getsockopt(s, level, option, value, length);
}

static int WINAPI ws2_setsockopt(SOCKET s, int level, int option, const char *value, int length)
{
    return level == SOL_SOCKET ? api_setsockopt(s, level, option, value, length)
                               : real_setsockopt(s, level, option, value, length);
}

/* ---- functions that are found through a socket ---- */

static BOOL(PASCAL *system_ConnectEx)(SOCKET, const struct sockaddr *, int, void *, DWORD, DWORD *, OVERLAPPED *);
static BOOL(PASCAL *system_DisconnectEx)(SOCKET, OVERLAPPED *, DWORD, DWORD);
static BOOL(PASCAL *system_TransmitPackets)(SOCKET, void *, DWORD, DWORD, OVERLAPPED *, DWORD);
static int(PASCAL *system_WSARecvMsg)(SOCKET, void *, DWORD *, OVERLAPPED *, void *);

static BOOL PASCAL ex_connect(SOCKET s, const struct sockaddr *name, int length, void *bytes, DWORD count, DWORD *sent,
                              OVERLAPPED *overlapped)
{
    hand_over(s, "ConnectEx");
    return system_ConnectEx(s, name, length, bytes, count, sent, overlapped);
}

static BOOL PASCAL ex_disconnect(SOCKET s, OVERLAPPED *overlapped, DWORD flags, DWORD reserved)
{
    hand_over(s, "DisconnectEx");
    return system_DisconnectEx(s, overlapped, flags, reserved);
}

static BOOL PASCAL ex_transmit_packets(SOCKET s, void *packets, DWORD count, DWORD size, OVERLAPPED *overlapped,
                                       DWORD flags)
{
    hand_over(s, "TransmitPackets");
    return system_TransmitPackets(s, packets, count, size, overlapped, flags);
}

static int PASCAL ex_receive_message(SOCKET s, void *message, DWORD *moved, OVERLAPPED *overlapped, void *routine)
{
    hand_over(s, "WSARecvMsg");
    return system_WSARecvMsg(s, message, moved, overlapped, routine);
}

static const struct extension {
    GUID id;
    void *ours;
    void **system;
} extensions[] = {
    {{0x25a207b9, 0xddf3, 0x4660, {0x8e, 0xe9, 0x76, 0xe5, 0x8c, 0x74, 0x06, 0x3e}},
     ex_connect, (void **)&system_ConnectEx},
    {{0x7fda2e11, 0x8630, 0x436f, {0xa0, 0x31, 0xf5, 0x36, 0xa6, 0xee, 0xc1, 0x57}},
     ex_disconnect, (void **)&system_DisconnectEx},
    {{0xd9689da0, 0x1f90, 0x11d3, {0x99, 0x71, 0x00, 0xc0, 0x4f, 0x68, 0xc8, 0x76}},
     ex_transmit_packets, (void **)&system_TransmitPackets},
    {{0xf689d7c8, 0x6f1f, 0x436b, {0x8a, 0x53, 0xe5, 0x4f, 0xe3, 0x51, 0xc3, 0x22}},
     ex_receive_message, (void **)&system_WSARecvMsg},
    {{0xb5367df1, 0xcbac, 0x11cf, {0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}}, api_AcceptEx, NULL},
    {{0xb5367df0, 0xcbac, 0x11cf, {0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}}, api_TransmitFile, NULL}};

static void replace_extension(const GUID *id, void **function)
{
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        if (memcmp(id, &extensions[i].id, sizeof *id) != 0)
            continue;
        if (extensions[i].system)
            *extensions[i].system = *function;
        *function = extensions[i].ours;
    }
}

static int(WINAPI *system_WSAIoctl)(SOCKET, DWORD, void *, DWORD, void *, DWORD, DWORD *, OVERLAPPED *, void *);

/* ioctlsocket's own commands; false: not one of them. */
static bool ioctl_of_1_1(SOCKET s, DWORD code, void *in, DWORD in_bytes, void *out, DWORD out_bytes, DWORD *moved,
                         int *result)
{
    u_long *argument = code == (DWORD)FIONBIO ? in : out;
    DWORD bytes = code == (DWORD)FIONBIO ? in_bytes : out_bytes;
    if (code != (DWORD)FIONBIO && code != (DWORD)FIONREAD && code != (DWORD)SIOCATMARK)
        return false;
    if (!argument || bytes < sizeof *argument || !moved)
        return false;
    *result = api_ioctlsocket(s, (__LONG32)code, argument);
    if (*result == 0)
        *moved = code == (DWORD)FIONBIO ? 0 : sizeof *argument;
    return true;
}

static int WINAPI ws2_WSAIoctl(SOCKET s, DWORD code, void *in, DWORD in_bytes, void *out, DWORD out_bytes, DWORD *moved,
                               OVERLAPPED *overlapped, void *routine)
{
    int result;
    bool finds_function = code == SIO_GET_EXTENSION_FUNCTION_POINTER_CODE;
    bool known = fdtab_get(s) != NULL;
    if (known && !overlapped && ioctl_of_1_1(s, code, in, in_bytes, out, out_bytes, moved, &result))
        return result;
    if (known && !finds_function && code != SIO_KEEPALIVE_VALS_CODE)
        hand_over(s, "WSAIoctl");
    result = system_WSAIoctl(s, code, in, in_bytes, out, out_bytes, moved, overlapped, routine);
    if (result == 0 && finds_function && in && in_bytes >= sizeof(GUID) && out && out_bytes >= sizeof(void *))
        replace_extension(in, out);
    return result;
}

/* ---- giving the socket to others ---- */

typedef int(WINAPI *duplicate_t)(SOCKET, DWORD, void *);
static duplicate_t system_WSADuplicateSocketA, system_WSADuplicateSocketW;

static int WINAPI ws2_WSADuplicateSocketA(SOCKET s, DWORD process, void *info)
{
    hand_over(s, "WSADuplicateSocket");
    return system_WSADuplicateSocketA(s, process, info);
}

static int WINAPI ws2_WSADuplicateSocketW(SOCKET s, DWORD process, void *info)
{
    hand_over(s, "WSADuplicateSocket");
    return system_WSADuplicateSocketW(s, process, info);
}

#define AS_IN_1_1(name) {#name, api_##name, NULL}
#define BY_SYSTEM(name) {#name, ws2_##name, (void **)&system_##name}

const redirection_t winsock2_redirections[] = {
    AS_IN_1_1(WSACleanup),
    AS_IN_1_1(listen),
    AS_IN_1_1(connect),
    AS_IN_1_1(send),
    AS_IN_1_1(recv),
    AS_IN_1_1(sendto),
    AS_IN_1_1(recvfrom),
    AS_IN_1_1(select),
    AS_IN_1_1(shutdown),
    AS_IN_1_1(closesocket),
    AS_IN_1_1(ioctlsocket),
    AS_IN_1_1(WSAAsyncSelect),
    AS_IN_1_1(WSASetBlockingHook),
    AS_IN_1_1(WSAUnhookBlockingHook),
    AS_IN_1_1(WSAIsBlocking),
    AS_IN_1_1(WSACancelBlockingCall),
    AS_IN_1_1(WSARecvEx),
    AS_IN_1_1(TransmitFile),
    AS_IN_1_1(AcceptEx),
    {"socket", ws2_socket, NULL},
    {"accept", ws2_accept, NULL},
    {"getsockopt", ws2_getsockopt, NULL},
    {"setsockopt", ws2_setsockopt, NULL},
    BY_SYSTEM(WSASocketA),
    BY_SYSTEM(WSASocketW),
    BY_SYSTEM(WSAAccept),
    BY_SYSTEM(WSAConnect),
    BY_SYSTEM(WSASendDisconnect),
    BY_SYSTEM(WSARecvDisconnect),
    BY_SYSTEM(WSASend),
    BY_SYSTEM(WSARecv),
    BY_SYSTEM(WSASendTo),
    BY_SYSTEM(WSARecvFrom),
    BY_SYSTEM(WSASendMsg),
    BY_SYSTEM(WSAEventSelect),
    BY_SYSTEM(WSAEnumNetworkEvents),
    BY_SYSTEM(WSAPoll),
    BY_SYSTEM(WSAIoctl),
    BY_SYSTEM(WSADuplicateSocketA),
    BY_SYSTEM(WSADuplicateSocketW),
    {NULL, NULL, NULL}};
