/* Written by tools/gen_stubs.pl from wsock32.tbl; do not edit.
 * Every export's name, ordinal, and the bytes it pops on i386 (-1: not known). */
#ifndef GEN_WSOCK32_EXPORTS_H
#define GEN_WSOCK32_EXPORTS_H

#define WSOCK32_EXPORTS(X) \
    X("accept", 1, 12) \
    X("bind", 2, 12) \
    X("closesocket", 3, 4) \
    X("connect", 4, 12) \
    X("getpeername", 5, 12) \
    X("getsockname", 6, 12) \
    X("getsockopt", 7, 20) \
    X("htonl", 8, 4) \
    X("htons", 9, 4) \
    X("inet_addr", 10, 4) \
    X("inet_ntoa", 11, 4) \
    X("ioctlsocket", 12, 12) \
    X("listen", 13, 8) \
    X("ntohl", 14, 4) \
    X("ntohs", 15, 4) \
    X("recv", 16, 16) \
    X("recvfrom", 17, 24) \
    X("select", 18, 20) \
    X("send", 19, 16) \
    X("sendto", 20, 24) \
    X("setsockopt", 21, 20) \
    X("shutdown", 22, 8) \
    X("socket", 23, 12) \
    X("MigrateWinsockConfiguration", 24, 12) \
    X("gethostbyaddr", 51, 12) \
    X("gethostbyname", 52, 4) \
    X("getprotobyname", 53, 4) \
    X("getprotobynumber", 54, 4) \
    X("getservbyname", 55, 8) \
    X("getservbyport", 56, 8) \
    X("gethostname", 57, 8) \
    X("WSAAsyncSelect", 101, 16) \
    X("WSAAsyncGetHostByAddr", 102, 28) \
    X("WSAAsyncGetHostByName", 103, 20) \
    X("WSAAsyncGetProtoByNumber", 104, 20) \
    X("WSAAsyncGetProtoByName", 105, 20) \
    X("WSAAsyncGetServByPort", 106, 24) \
    X("WSAAsyncGetServByName", 107, 24) \
    X("WSACancelAsyncRequest", 108, 4) \
    X("WSASetBlockingHook", 109, 4) \
    X("WSAUnhookBlockingHook", 110, 0) \
    X("WSAGetLastError", 111, 0) \
    X("WSASetLastError", 112, 4) \
    X("WSACancelBlockingCall", 113, 0) \
    X("WSAIsBlocking", 114, 0) \
    X("WSAStartup", 115, 8) \
    X("WSACleanup", 116, 0) \
    X("__WSAFDIsSet", 151, 8) \
    X("WEP", 500, 0) \
    X("WSApSetPostRoutine", 1000, 4) \
    X("WsControl", 1001, 24) \
    X("inet_network", 1100, 4) \
    X("getnetbyname", 1101, 4) \
    X("rcmd", 1102, 24) \
    X("rexec", 1103, 24) \
    X("rresvport", 1104, 4) \
    X("sethostname", 1105, 8) \
    X("dn_expand", 1106, 20) \
    X("WSARecvEx", 1107, 16) \
    X("s_perror", 1108, 8) \
    X("GetAddressByNameA", 1109, 40) \
    X("GetAddressByNameW", 1110, 40) \
    X("EnumProtocolsA", 1111, 12) \
    X("EnumProtocolsW", 1112, 12) \
    X("GetTypeByNameA", 1113, 8) \
    X("GetTypeByNameW", 1114, 8) \
    X("GetNameByTypeA", 1115, 12) \
    X("GetNameByTypeW", 1116, 12) \
    X("SetServiceA", 1117, 24) \
    X("SetServiceW", 1118, 24) \
    X("GetServiceA", 1119, 28) \
    X("GetServiceW", 1120, 28) \
    X("NPLoadNameSpaces", 1130, 12) \
    X("TransmitFile", 1140, 28) \
    X("AcceptEx", 1141, 32) \
    X("GetAcceptExSockaddrs", 1142, 32)

#endif
