/* Written by tools/gen_stubs.pl from wsock32.tbl; do not edit.
 * The exports of wsock32 that are only passed on to the system. */
#include "wsock32_stubs.h"

#include "forward.h"

static forward_module_t module_mswsock = FORWARD_MODULE("mswsock");
static forward_module_t module_ws2_32 = FORWARD_MODULE("ws2_32");
static forward_module_t module_wsock32 = FORWARD_MODULE("wsock32");

u_long WINAPI stub_htonl(u_long hostlong)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "htonl", 10045);
    typedef u_long (WINAPI *target_fn)(u_long);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return (u_long)-1;
    return target(hostlong);
}
FORWARD_POPS("htonl", 4, FORWARD_ARG(u_long));

u_short WINAPI stub_htons(u_short hostshort)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "htons", 10045);
    typedef u_short (WINAPI *target_fn)(u_short);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return (u_short)-1;
    return target(hostshort);
}
FORWARD_POPS("htons", 4, FORWARD_ARG(u_short));

unsigned __LONG32 WINAPI stub_inet_addr(const char *cp)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "inet_addr", 10045);
    typedef unsigned __LONG32 (WINAPI *target_fn)(const char *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return (unsigned __LONG32)-1;
    return target(cp);
}
FORWARD_POPS("inet_addr", 4, FORWARD_ARG(const char *));

char *WINAPI stub_inet_ntoa(struct in_addr in)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "inet_ntoa", 10045);
    typedef char *(WINAPI *target_fn)(struct in_addr);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(in);
}
FORWARD_POPS("inet_ntoa", 4, FORWARD_ARG(struct in_addr));

u_long WINAPI stub_ntohl(u_long netlong)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "ntohl", 10045);
    typedef u_long (WINAPI *target_fn)(u_long);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return (u_long)-1;
    return target(netlong);
}
FORWARD_POPS("ntohl", 4, FORWARD_ARG(u_long));

u_short WINAPI stub_ntohs(u_short netshort)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "ntohs", 10045);
    typedef u_short (WINAPI *target_fn)(u_short);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return (u_short)-1;
    return target(netshort);
}
FORWARD_POPS("ntohs", 4, FORWARD_ARG(u_short));

int WINAPI stub_MigrateWinsockConfiguration(DWORD version, DWORD provider, DWORD flags)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "MigrateWinsockConfiguration", 10045);
    typedef int (WINAPI *target_fn)(DWORD, DWORD, DWORD);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(version, provider, flags);
}
FORWARD_POPS("MigrateWinsockConfiguration", 12, FORWARD_ARG(DWORD) + FORWARD_ARG(DWORD) + FORWARD_ARG(DWORD));

struct hostent *WINAPI stub_gethostbyaddr(const char *addr, int len, int type)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "gethostbyaddr", 10045);
    typedef struct hostent *(WINAPI *target_fn)(const char *, int, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(addr, len, type);
}
FORWARD_POPS("gethostbyaddr", 12, FORWARD_ARG(const char *) + FORWARD_ARG(int) + FORWARD_ARG(int));

struct hostent *WINAPI stub_gethostbyname(const char *name)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "gethostbyname", 10045);
    typedef struct hostent *(WINAPI *target_fn)(const char *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(name);
}
FORWARD_POPS("gethostbyname", 4, FORWARD_ARG(const char *));

struct protoent *WINAPI stub_getprotobyname(const char *name)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "getprotobyname", 10045);
    typedef struct protoent *(WINAPI *target_fn)(const char *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(name);
}
FORWARD_POPS("getprotobyname", 4, FORWARD_ARG(const char *));

struct protoent *WINAPI stub_getprotobynumber(int number)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "getprotobynumber", 10045);
    typedef struct protoent *(WINAPI *target_fn)(int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(number);
}
FORWARD_POPS("getprotobynumber", 4, FORWARD_ARG(int));

struct servent *WINAPI stub_getservbyname(const char *name, const char *proto)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "getservbyname", 10045);
    typedef struct servent *(WINAPI *target_fn)(const char *, const char *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(name, proto);
}
FORWARD_POPS("getservbyname", 8, FORWARD_ARG(const char *) + FORWARD_ARG(const char *));

struct servent *WINAPI stub_getservbyport(int port, const char *proto)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "getservbyport", 10045);
    typedef struct servent *(WINAPI *target_fn)(int, const char *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(port, proto);
}
FORWARD_POPS("getservbyport", 8, FORWARD_ARG(int) + FORWARD_ARG(const char *));

int WINAPI stub_gethostname(char *name, int namelen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "gethostname", 10045);
    typedef int (WINAPI *target_fn)(char *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(name, namelen);
}
FORWARD_POPS("gethostname", 8, FORWARD_ARG(char *) + FORWARD_ARG(int));

HANDLE WINAPI stub_WSAAsyncGetHostByAddr(HWND hWnd, u_int wMsg, const char *addr, int len, int type, char *buf,
    int buflen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAAsyncGetHostByAddr", 10045);
    typedef HANDLE (WINAPI *target_fn)(HWND, u_int, const char *, int, int, char *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(hWnd, wMsg, addr, len, type, buf, buflen);
}
FORWARD_POPS("WSAAsyncGetHostByAddr", 28, FORWARD_ARG(HWND) + FORWARD_ARG(u_int) + FORWARD_ARG(const char *) +
    FORWARD_ARG(int) + FORWARD_ARG(int) + FORWARD_ARG(char *) + FORWARD_ARG(int));

HANDLE WINAPI stub_WSAAsyncGetHostByName(HWND hWnd, u_int wMsg, const char *name, char *buf, int buflen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAAsyncGetHostByName", 10045);
    typedef HANDLE (WINAPI *target_fn)(HWND, u_int, const char *, char *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(hWnd, wMsg, name, buf, buflen);
}
FORWARD_POPS("WSAAsyncGetHostByName", 20, FORWARD_ARG(HWND) + FORWARD_ARG(u_int) + FORWARD_ARG(const char *) +
    FORWARD_ARG(char *) + FORWARD_ARG(int));

HANDLE WINAPI stub_WSAAsyncGetProtoByNumber(HWND hWnd, u_int wMsg, int number, char *buf, int buflen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAAsyncGetProtoByNumber", 10045);
    typedef HANDLE (WINAPI *target_fn)(HWND, u_int, int, char *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(hWnd, wMsg, number, buf, buflen);
}
FORWARD_POPS("WSAAsyncGetProtoByNumber", 20, FORWARD_ARG(HWND) + FORWARD_ARG(u_int) + FORWARD_ARG(int) +
    FORWARD_ARG(char *) + FORWARD_ARG(int));

HANDLE WINAPI stub_WSAAsyncGetProtoByName(HWND hWnd, u_int wMsg, const char *name, char *buf, int buflen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAAsyncGetProtoByName", 10045);
    typedef HANDLE (WINAPI *target_fn)(HWND, u_int, const char *, char *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(hWnd, wMsg, name, buf, buflen);
}
FORWARD_POPS("WSAAsyncGetProtoByName", 20, FORWARD_ARG(HWND) + FORWARD_ARG(u_int) + FORWARD_ARG(const char *) +
    FORWARD_ARG(char *) + FORWARD_ARG(int));

HANDLE WINAPI stub_WSAAsyncGetServByPort(HWND hWnd, u_int wMsg, int port, const char *proto, char *buf, int buflen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAAsyncGetServByPort", 10045);
    typedef HANDLE (WINAPI *target_fn)(HWND, u_int, int, const char *, char *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(hWnd, wMsg, port, proto, buf, buflen);
}
FORWARD_POPS("WSAAsyncGetServByPort", 24, FORWARD_ARG(HWND) + FORWARD_ARG(u_int) + FORWARD_ARG(int) +
    FORWARD_ARG(const char *) + FORWARD_ARG(char *) + FORWARD_ARG(int));

HANDLE WINAPI stub_WSAAsyncGetServByName(HWND hWnd, u_int wMsg, const char *name, const char *proto, char *buf,
    int buflen)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAAsyncGetServByName", 10045);
    typedef HANDLE (WINAPI *target_fn)(HWND, u_int, const char *, const char *, char *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return NULL;
    return target(hWnd, wMsg, name, proto, buf, buflen);
}
FORWARD_POPS("WSAAsyncGetServByName", 24, FORWARD_ARG(HWND) + FORWARD_ARG(u_int) + FORWARD_ARG(const char *) +
    FORWARD_ARG(const char *) + FORWARD_ARG(char *) + FORWARD_ARG(int));

int WINAPI stub_WSACancelAsyncRequest(HANDLE hAsyncTaskHandle)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSACancelAsyncRequest", 10045);
    typedef int (WINAPI *target_fn)(HANDLE);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(hAsyncTaskHandle);
}
FORWARD_POPS("WSACancelAsyncRequest", 4, FORWARD_ARG(HANDLE));

int WINAPI stub_WSAGetLastError(void)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSAGetLastError", 10045);
    typedef int (WINAPI *target_fn)(void);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target();
}
FORWARD_POPS("WSAGetLastError", 0, 0);

void WINAPI stub_WSASetLastError(int iError)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSASetLastError", 10045);
    typedef void (WINAPI *target_fn)(int);
    target_fn target = (target_fn)forward_target(&slot);
    if (target)
        target(iError);
}
FORWARD_POPS("WSASetLastError", 4, FORWARD_ARG(int));

int WINAPI stub_WSApSetPostRoutine(FARPROC post_routine)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_ws2_32, "WSApSetPostRoutine", 10045);
    typedef int (WINAPI *target_fn)(FARPROC);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(post_routine);
}
FORWARD_POPS("WSApSetPostRoutine", 4, FORWARD_ARG(FARPROC));

DWORD WINAPI stub_WsControl(DWORD protocol, DWORD action, void *in, DWORD *in_length, void *out, DWORD *out_length)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_wsock32, "WsControl", 10045);
    typedef DWORD (WINAPI *target_fn)(DWORD, DWORD, void *, DWORD *, void *, DWORD *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return (DWORD)-1;
    return target(protocol, action, in, in_length, out, out_length);
}
FORWARD_POPS("WsControl", 24, FORWARD_ARG(DWORD) + FORWARD_ARG(DWORD) + FORWARD_ARG(void *) + FORWARD_ARG(DWORD *) +
    FORWARD_ARG(void *) + FORWARD_ARG(DWORD *));

int WINAPI stub_rcmd(char **host, int port, const char *local_user, const char *user, const char *command,
    int *stderr_fd)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "rcmd", 10045);
    typedef int (WINAPI *target_fn)(char **, int, const char *, const char *, const char *, int *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(host, port, local_user, user, command, stderr_fd);
}
FORWARD_POPS("rcmd", 24, FORWARD_ARG(char **) + FORWARD_ARG(int) + FORWARD_ARG(const char *) +
    FORWARD_ARG(const char *) + FORWARD_ARG(const char *) + FORWARD_ARG(int *));

int WINAPI stub_rexec(char **host, int port, const char *user, const char *password, const char *command,
    int *stderr_fd)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "rexec", 10045);
    typedef int (WINAPI *target_fn)(char **, int, const char *, const char *, const char *, int *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(host, port, user, password, command, stderr_fd);
}
FORWARD_POPS("rexec", 24, FORWARD_ARG(char **) + FORWARD_ARG(int) + FORWARD_ARG(const char *) +
    FORWARD_ARG(const char *) + FORWARD_ARG(const char *) + FORWARD_ARG(int *));

int WINAPI stub_rresvport(int *port)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "rresvport", 10045);
    typedef int (WINAPI *target_fn)(int *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(port);
}
FORWARD_POPS("rresvport", 4, FORWARD_ARG(int *));

int WINAPI stub_sethostname(char *name, int length)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "sethostname", 10045);
    typedef int (WINAPI *target_fn)(char *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(name, length);
}
FORWARD_POPS("sethostname", 8, FORWARD_ARG(char *) + FORWARD_ARG(int));

int WINAPI stub_dn_expand(u_char *message, u_char *end, u_char *source, char *name, int length)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "dn_expand", 10045);
    typedef int (WINAPI *target_fn)(u_char *, u_char *, u_char *, char *, int);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(message, end, source, name, length);
}
FORWARD_POPS("dn_expand", 20, FORWARD_ARG(u_char *) + FORWARD_ARG(u_char *) + FORWARD_ARG(u_char *) +
    FORWARD_ARG(char *) + FORWARD_ARG(int));

INT WINAPI stub_GetAddressByNameA(DWORD dwNameSpace, LPGUID lpServiceType, LPSTR lpServiceName, LPINT lpiProtocols,
    DWORD dwResolution, LPSERVICE_ASYNC_INFO lpServiceAsyncInfo, LPVOID lpCsaddrBuffer, LPDWORD lpdwBufferLength,
    LPSTR lpAliasBuffer, LPDWORD lpdwAliasBufferLength)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "GetAddressByNameA", 120);
    typedef INT (WINAPI *target_fn)(DWORD, LPGUID, LPSTR, LPINT, DWORD, LPSERVICE_ASYNC_INFO, LPVOID, LPDWORD, LPSTR,
        LPDWORD);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(dwNameSpace, lpServiceType, lpServiceName, lpiProtocols, dwResolution, lpServiceAsyncInfo,
        lpCsaddrBuffer, lpdwBufferLength, lpAliasBuffer, lpdwAliasBufferLength);
}
FORWARD_POPS("GetAddressByNameA", 40, FORWARD_ARG(DWORD) + FORWARD_ARG(LPGUID) + FORWARD_ARG(LPSTR) +
    FORWARD_ARG(LPINT) + FORWARD_ARG(DWORD) + FORWARD_ARG(LPSERVICE_ASYNC_INFO) + FORWARD_ARG(LPVOID) +
    FORWARD_ARG(LPDWORD) + FORWARD_ARG(LPSTR) + FORWARD_ARG(LPDWORD));

INT WINAPI stub_GetAddressByNameW(DWORD dwNameSpace, LPGUID lpServiceType, LPWSTR lpServiceName, LPINT lpiProtocols,
    DWORD dwResolution, LPSERVICE_ASYNC_INFO lpServiceAsyncInfo, LPVOID lpCsaddrBuffer, LPDWORD lpdwBufferLength,
    LPWSTR lpAliasBuffer, LPDWORD lpdwAliasBufferLength)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "GetAddressByNameW", 120);
    typedef INT (WINAPI *target_fn)(DWORD, LPGUID, LPWSTR, LPINT, DWORD, LPSERVICE_ASYNC_INFO, LPVOID, LPDWORD,
        LPWSTR, LPDWORD);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(dwNameSpace, lpServiceType, lpServiceName, lpiProtocols, dwResolution, lpServiceAsyncInfo,
        lpCsaddrBuffer, lpdwBufferLength, lpAliasBuffer, lpdwAliasBufferLength);
}
FORWARD_POPS("GetAddressByNameW", 40, FORWARD_ARG(DWORD) + FORWARD_ARG(LPGUID) + FORWARD_ARG(LPWSTR) +
    FORWARD_ARG(LPINT) + FORWARD_ARG(DWORD) + FORWARD_ARG(LPSERVICE_ASYNC_INFO) + FORWARD_ARG(LPVOID) +
    FORWARD_ARG(LPDWORD) + FORWARD_ARG(LPWSTR) + FORWARD_ARG(LPDWORD));

INT WINAPI stub_EnumProtocolsA(LPINT lpiProtocols, LPVOID lpProtocolBuffer, LPDWORD lpdwBufferLength)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_mswsock, "EnumProtocolsA", 120);
    typedef INT (WINAPI *target_fn)(LPINT, LPVOID, LPDWORD);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(lpiProtocols, lpProtocolBuffer, lpdwBufferLength);
}
FORWARD_POPS("EnumProtocolsA", 12, FORWARD_ARG(LPINT) + FORWARD_ARG(LPVOID) + FORWARD_ARG(LPDWORD));

INT WINAPI stub_EnumProtocolsW(LPINT lpiProtocols, LPVOID lpProtocolBuffer, LPDWORD lpdwBufferLength)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_mswsock, "EnumProtocolsW", 120);
    typedef INT (WINAPI *target_fn)(LPINT, LPVOID, LPDWORD);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(lpiProtocols, lpProtocolBuffer, lpdwBufferLength);
}
FORWARD_POPS("EnumProtocolsW", 12, FORWARD_ARG(LPINT) + FORWARD_ARG(LPVOID) + FORWARD_ARG(LPDWORD));

INT WINAPI stub_GetTypeByNameA(LPSTR lpServiceName, LPGUID lpServiceType)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "GetTypeByNameA", 120);
    typedef INT (WINAPI *target_fn)(LPSTR, LPGUID);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(lpServiceName, lpServiceType);
}
FORWARD_POPS("GetTypeByNameA", 8, FORWARD_ARG(LPSTR) + FORWARD_ARG(LPGUID));

INT WINAPI stub_GetTypeByNameW(LPWSTR lpServiceName, LPGUID lpServiceType)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "GetTypeByNameW", 120);
    typedef INT (WINAPI *target_fn)(LPWSTR, LPGUID);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(lpServiceName, lpServiceType);
}
FORWARD_POPS("GetTypeByNameW", 8, FORWARD_ARG(LPWSTR) + FORWARD_ARG(LPGUID));

INT WINAPI stub_GetNameByTypeA(LPGUID lpServiceType, LPSTR lpServiceName, DWORD dwNameLength)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "GetNameByTypeA", 120);
    typedef INT (WINAPI *target_fn)(LPGUID, LPSTR, DWORD);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(lpServiceType, lpServiceName, dwNameLength);
}
FORWARD_POPS("GetNameByTypeA", 12, FORWARD_ARG(LPGUID) + FORWARD_ARG(LPSTR) + FORWARD_ARG(DWORD));

INT WINAPI stub_GetNameByTypeW(LPGUID lpServiceType, LPWSTR lpServiceName, DWORD dwNameLength)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "GetNameByTypeW", 120);
    typedef INT (WINAPI *target_fn)(LPGUID, LPWSTR, DWORD);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(lpServiceType, lpServiceName, dwNameLength);
}
FORWARD_POPS("GetNameByTypeW", 12, FORWARD_ARG(LPGUID) + FORWARD_ARG(LPWSTR) + FORWARD_ARG(DWORD));

INT WINAPI stub_SetServiceA(DWORD dwNameSpace, DWORD dwOperation, DWORD dwFlags, LPSERVICE_INFOA lpServiceInfo,
    LPSERVICE_ASYNC_INFO lpServiceAsyncInfo, LPDWORD lpdwStatusFlags)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "SetServiceA", 120);
    typedef INT (WINAPI *target_fn)(DWORD, DWORD, DWORD, LPSERVICE_INFOA, LPSERVICE_ASYNC_INFO, LPDWORD);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(dwNameSpace, dwOperation, dwFlags, lpServiceInfo, lpServiceAsyncInfo, lpdwStatusFlags);
}
FORWARD_POPS("SetServiceA", 24, FORWARD_ARG(DWORD) + FORWARD_ARG(DWORD) + FORWARD_ARG(DWORD) +
    FORWARD_ARG(LPSERVICE_INFOA) + FORWARD_ARG(LPSERVICE_ASYNC_INFO) + FORWARD_ARG(LPDWORD));

INT WINAPI stub_SetServiceW(DWORD dwNameSpace, DWORD dwOperation, DWORD dwFlags, LPSERVICE_INFOW lpServiceInfo,
    LPSERVICE_ASYNC_INFO lpServiceAsyncInfo, LPDWORD lpdwStatusFlags)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "SetServiceW", 120);
    typedef INT (WINAPI *target_fn)(DWORD, DWORD, DWORD, LPSERVICE_INFOW, LPSERVICE_ASYNC_INFO, LPDWORD);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(dwNameSpace, dwOperation, dwFlags, lpServiceInfo, lpServiceAsyncInfo, lpdwStatusFlags);
}
FORWARD_POPS("SetServiceW", 24, FORWARD_ARG(DWORD) + FORWARD_ARG(DWORD) + FORWARD_ARG(DWORD) +
    FORWARD_ARG(LPSERVICE_INFOW) + FORWARD_ARG(LPSERVICE_ASYNC_INFO) + FORWARD_ARG(LPDWORD));

INT WINAPI stub_GetServiceA(DWORD dwNameSpace, LPGUID lpGuid, LPSTR lpServiceName, DWORD dwProperties,
    LPVOID lpBuffer, LPDWORD lpdwBufferSize, LPSERVICE_ASYNC_INFO lpServiceAsyncInfo)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "GetServiceA", 120);
    typedef INT (WINAPI *target_fn)(DWORD, LPGUID, LPSTR, DWORD, LPVOID, LPDWORD, LPSERVICE_ASYNC_INFO);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(dwNameSpace, lpGuid, lpServiceName, dwProperties, lpBuffer, lpdwBufferSize, lpServiceAsyncInfo);
}
FORWARD_POPS("GetServiceA", 28, FORWARD_ARG(DWORD) + FORWARD_ARG(LPGUID) + FORWARD_ARG(LPSTR) + FORWARD_ARG(DWORD) +
    FORWARD_ARG(LPVOID) + FORWARD_ARG(LPDWORD) + FORWARD_ARG(LPSERVICE_ASYNC_INFO));

INT WINAPI stub_GetServiceW(DWORD dwNameSpace, LPGUID lpGuid, LPWSTR lpServiceName, DWORD dwProperties,
    LPVOID lpBuffer, LPDWORD lpdwBufferSize, LPSERVICE_ASYNC_INFO lpServiceAsyncInfo)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "GetServiceW", 120);
    typedef INT (WINAPI *target_fn)(DWORD, LPGUID, LPWSTR, DWORD, LPVOID, LPDWORD, LPSERVICE_ASYNC_INFO);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(dwNameSpace, lpGuid, lpServiceName, dwProperties, lpBuffer, lpdwBufferSize, lpServiceAsyncInfo);
}
FORWARD_POPS("GetServiceW", 28, FORWARD_ARG(DWORD) + FORWARD_ARG(LPGUID) + FORWARD_ARG(LPWSTR) + FORWARD_ARG(DWORD) +
    FORWARD_ARG(LPVOID) + FORWARD_ARG(LPDWORD) + FORWARD_ARG(LPSERVICE_ASYNC_INFO));

int WINAPI stub_NPLoadNameSpaces(DWORD *version, void *routines, DWORD *length)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(&module_mswsock, "NPLoadNameSpaces", 120);
    typedef int (WINAPI *target_fn)(DWORD *, void *, DWORD *);
    target_fn target = (target_fn)forward_target(&slot);
    if (!target)
        return SOCKET_ERROR;
    return target(version, routines, length);
}
FORWARD_POPS("NPLoadNameSpaces", 12, FORWARD_ARG(DWORD *) + FORWARD_ARG(void *) + FORWARD_ARG(DWORD *));

VOID WINAPI stub_GetAcceptExSockaddrs(PVOID lpOutputBuffer, DWORD dwReceiveDataLength, DWORD dwLocalAddressLength,
    DWORD dwRemoteAddressLength, struct sockaddr **LocalSockaddr, LPINT LocalSockaddrLength,
    struct sockaddr **RemoteSockaddr, LPINT RemoteSockaddrLength)
{
    static forward_slot_t slot = FORWARD_SLOT(&module_mswsock, "GetAcceptExSockaddrs", 10045);
    typedef VOID (WINAPI *target_fn)(PVOID, DWORD, DWORD, DWORD, struct sockaddr **, LPINT, struct sockaddr **, LPINT);
    target_fn target = (target_fn)forward_target(&slot);
    if (target)
        target(lpOutputBuffer, dwReceiveDataLength, dwLocalAddressLength, dwRemoteAddressLength, LocalSockaddr,
            LocalSockaddrLength, RemoteSockaddr, RemoteSockaddrLength);
}
FORWARD_POPS("GetAcceptExSockaddrs", 32, FORWARD_ARG(PVOID) + FORWARD_ARG(DWORD) + FORWARD_ARG(DWORD) +
    FORWARD_ARG(DWORD) + FORWARD_ARG(struct sockaddr **) + FORWARD_ARG(LPINT) + FORWARD_ARG(struct sockaddr **) +
    FORWARD_ARG(LPINT));

FORWARD_JUMP(s_perror)
FORWARD_POPS("s_perror", 8, FORWARD_ARG(const char *) + FORWARD_ARG(int));
