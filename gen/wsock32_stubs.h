/* Written by tools/gen_stubs.pl from wsock32.tbl; do not edit.
 * The exports of wsock32 that are only passed on to the system. */
#ifndef GEN_WSOCK32_STUBS_H
#define GEN_WSOCK32_STUBS_H

#include <winsock.h>
#include <nspapi.h>
#include <windows.h>

u_long WINAPI stub_htonl(u_long hostlong);
u_short WINAPI stub_htons(u_short hostshort);
unsigned __LONG32 WINAPI stub_inet_addr(const char *cp);
char *WINAPI stub_inet_ntoa(struct in_addr in);
u_long WINAPI stub_ntohl(u_long netlong);
u_short WINAPI stub_ntohs(u_short netshort);
int WINAPI stub_MigrateWinsockConfiguration(DWORD version, DWORD provider, DWORD flags);
struct hostent *WINAPI stub_gethostbyaddr(const char *addr, int len, int type);
struct hostent *WINAPI stub_gethostbyname(const char *name);
struct protoent *WINAPI stub_getprotobyname(const char *name);
struct protoent *WINAPI stub_getprotobynumber(int number);
struct servent *WINAPI stub_getservbyname(const char *name, const char *proto);
struct servent *WINAPI stub_getservbyport(int port, const char *proto);
int WINAPI stub_gethostname(char *name, int namelen);
HANDLE WINAPI stub_WSAAsyncGetHostByAddr(HWND hWnd, u_int wMsg, const char *addr, int len, int type, char *buf,
    int buflen);
HANDLE WINAPI stub_WSAAsyncGetHostByName(HWND hWnd, u_int wMsg, const char *name, char *buf, int buflen);
HANDLE WINAPI stub_WSAAsyncGetProtoByNumber(HWND hWnd, u_int wMsg, int number, char *buf, int buflen);
HANDLE WINAPI stub_WSAAsyncGetProtoByName(HWND hWnd, u_int wMsg, const char *name, char *buf, int buflen);
HANDLE WINAPI stub_WSAAsyncGetServByPort(HWND hWnd, u_int wMsg, int port, const char *proto, char *buf, int buflen);
HANDLE WINAPI stub_WSAAsyncGetServByName(HWND hWnd, u_int wMsg, const char *name, const char *proto, char *buf,
    int buflen);
int WINAPI stub_WSACancelAsyncRequest(HANDLE hAsyncTaskHandle);
int WINAPI stub_WSAGetLastError(void);
void WINAPI stub_WSASetLastError(int iError);
int WINAPI stub_WSApSetPostRoutine(FARPROC post_routine);
DWORD WINAPI stub_WsControl(DWORD protocol, DWORD action, void *in, DWORD *in_length, void *out, DWORD *out_length);
int WINAPI stub_rcmd(char **host, int port, const char *local_user, const char *user, const char *command,
    int *stderr_fd);
int WINAPI stub_rexec(char **host, int port, const char *user, const char *password, const char *command,
    int *stderr_fd);
int WINAPI stub_rresvport(int *port);
int WINAPI stub_sethostname(char *name, int length);
int WINAPI stub_dn_expand(u_char *message, u_char *end, u_char *source, char *name, int length);
INT WINAPI stub_GetAddressByNameA(DWORD dwNameSpace, LPGUID lpServiceType, LPSTR lpServiceName, LPINT lpiProtocols,
    DWORD dwResolution, LPSERVICE_ASYNC_INFO lpServiceAsyncInfo, LPVOID lpCsaddrBuffer, LPDWORD lpdwBufferLength,
    LPSTR lpAliasBuffer, LPDWORD lpdwAliasBufferLength);
INT WINAPI stub_GetAddressByNameW(DWORD dwNameSpace, LPGUID lpServiceType, LPWSTR lpServiceName, LPINT lpiProtocols,
    DWORD dwResolution, LPSERVICE_ASYNC_INFO lpServiceAsyncInfo, LPVOID lpCsaddrBuffer, LPDWORD lpdwBufferLength,
    LPWSTR lpAliasBuffer, LPDWORD lpdwAliasBufferLength);
INT WINAPI stub_EnumProtocolsA(LPINT lpiProtocols, LPVOID lpProtocolBuffer, LPDWORD lpdwBufferLength);
INT WINAPI stub_EnumProtocolsW(LPINT lpiProtocols, LPVOID lpProtocolBuffer, LPDWORD lpdwBufferLength);
INT WINAPI stub_GetTypeByNameA(LPSTR lpServiceName, LPGUID lpServiceType);
INT WINAPI stub_GetTypeByNameW(LPWSTR lpServiceName, LPGUID lpServiceType);
INT WINAPI stub_GetNameByTypeA(LPGUID lpServiceType, LPSTR lpServiceName, DWORD dwNameLength);
INT WINAPI stub_GetNameByTypeW(LPGUID lpServiceType, LPWSTR lpServiceName, DWORD dwNameLength);
INT WINAPI stub_SetServiceA(DWORD dwNameSpace, DWORD dwOperation, DWORD dwFlags, LPSERVICE_INFOA lpServiceInfo,
    LPSERVICE_ASYNC_INFO lpServiceAsyncInfo, LPDWORD lpdwStatusFlags);
INT WINAPI stub_SetServiceW(DWORD dwNameSpace, DWORD dwOperation, DWORD dwFlags, LPSERVICE_INFOW lpServiceInfo,
    LPSERVICE_ASYNC_INFO lpServiceAsyncInfo, LPDWORD lpdwStatusFlags);
INT WINAPI stub_GetServiceA(DWORD dwNameSpace, LPGUID lpGuid, LPSTR lpServiceName, DWORD dwProperties,
    LPVOID lpBuffer, LPDWORD lpdwBufferSize, LPSERVICE_ASYNC_INFO lpServiceAsyncInfo);
INT WINAPI stub_GetServiceW(DWORD dwNameSpace, LPGUID lpGuid, LPWSTR lpServiceName, DWORD dwProperties,
    LPVOID lpBuffer, LPDWORD lpdwBufferSize, LPSERVICE_ASYNC_INFO lpServiceAsyncInfo);
int WINAPI stub_NPLoadNameSpaces(DWORD *version, void *routines, DWORD *length);
VOID WINAPI stub_GetAcceptExSockaddrs(PVOID lpOutputBuffer, DWORD dwReceiveDataLength, DWORD dwLocalAddressLength,
    DWORD dwRemoteAddressLength, struct sockaddr **LocalSockaddr, LPINT LocalSockaddrLength,
    struct sockaddr **RemoteSockaddr, LPINT RemoteSockaddrLength);
void stub_s_perror(void);

#endif
