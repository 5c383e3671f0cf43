/* basics: start-up, error codes of sockets in every state, names, options, and what calls do to the last error. */
#include "wire.h"

enum { ANY = 1 };

static int bind_to(SOCKET s, struct sockaddr_in address, int length)
{
    return bind(s, (struct sockaddr *)&address, length);
}

static int connect_to(SOCKET s, struct sockaddr_in address, int length)
{
    return connect(s, (struct sockaddr *)&address, length);
}

/* ---- start-up ---- */

static void startup_negotiates_the_version(void **state)
{
    static const struct {
        WORD asked;
        int result;
        WORD version;
    } table[] = {
        { 0x0000, WSAVERNOTSUPPORTED, 0x0202 }, { 0x0100, WSAVERNOTSUPPORTED, 0x0202 },
        { 0x0001, 0, 0x0001 }, { 0x0101, 0, 0x0101 }, { 0x0002, 0, 0x0002 }, { 0x0102, 0, 0x0102 },
        { 0x0202, 0, 0x0202 }, { 0x0003, 0, 0x0202 }, { 0x0a0a, 0, 0x0202 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        WSADATA data;
        memset(&data, 0, sizeof data);
        CHECK_IS(table[i].result, WSAStartup(table[i].asked, &data));
        CHECK_IS(table[i].version, data.wVersion);
        CHECK_IS(0x0202, data.wHighVersion);
        if (table[i].result == 0) {
            bool old = LOBYTE(data.wVersion) == 1;
            CHECK_IS(old ? 32767 : 0, data.iMaxSockets);
            CHECK_IS(old ? 65467 : 0, data.iMaxUdpDg);
            CHECK(strcmp(data.szDescription, "WinSock 2.0") == 0);
            CHECK(strcmp(data.szSystemStatus, "Running") == 0);
            CHECK_IS(0, WSACleanup());
        }
    }
    CHECK_IS(WSAEFAULT, WSAStartup(0x0101, NULL));
}

/* A process of its own, since only the last of all its WSACleanup calls counts. */
static void cleanup_role(int argc, char **argv)
{
    WSADATA data;
    (void)argc, (void)argv;
    SOCKET s = tcp_socket();
    CHECK_IS(0, WSAStartup(0x0101, &data));
    CHECK_IS(0, WSACleanup());
    CHECK_FAILS(WSAEINVAL, listen(s, 1));
    CHECK_IS(0, WSACleanup());
    CHECK_FAILS(WSANOTINITIALISED, socket(AF_INET, SOCK_STREAM, 0));
    CHECK_FAILS(WSANOTINITIALISED, closesocket(s));
    CHECK_FAILS(WSANOTINITIALISED, WSACleanup());
    CHECK_IS(0x3412, htons(0x1234));
    CHECK_IS(htonl(INADDR_LOOPBACK), inet_addr("127.0.0.1"));
    CHECK_IS(0, WSAStartup(0x0101, &data));
    CHECK_FAILS(WSAENOTSOCK, listen(s, 1));
    CHECK_FAILS(WSAENOTSOCK, closesocket(s));
    s = tcp_socket();
    CHECK_IS(0, closesocket(s));
}

static void calls_without_startup_fail_and_cleanup_closes_sockets(void **state)
{
    (void)state;
    peer_t peer = peer_start("cleanup", " ");
    peer_join(&peer);
}

static void last_cleanup_role(int argc, char **argv)
{
    (void)argc;
    SOCKET s = link_in_peer(argv);
    send_all(s, "bye", 3);
    CHECK_IS(0, WSACleanup());
    slot_await(9);
}

static void last_cleanup_ends_connections(void **state)
{
    char text[3];
    peer_t peer;
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "last_cleanup", " ");
    recv_all(s, text, sizeof text);
    CHECK(memcmp(text, "bye", 3) == 0);
    expect_end_or_reset(s);
    slot_post(9, 0);
    peer_join(&peer);
    CHECK_IS(0, closesocket(s));
}

/* ---- socket, bind, listen, connect, accept ---- */

static void socket_arguments(void **state)
{
    static const struct {
        int family, type, protocol, error;
    } table[] = {
        { AF_INET, SOCK_STREAM, 0, 0 }, { AF_INET, SOCK_STREAM, IPPROTO_TCP, 0 }, { 0, SOCK_STREAM, IPPROTO_TCP, 0 },
        { AF_INET, 0, IPPROTO_TCP, 0 }, { AF_INET, SOCK_DGRAM, 0, 0 }, { 0, 0, 0, WSAEINVAL },
        { 999, SOCK_STREAM, 0, WSAEAFNOSUPPORT }, { AF_INET, 999, 0, WSAESOCKTNOSUPPORT },
        { AF_INET, SOCK_STREAM, IPPROTO_UDP, WSAEPROTONOSUPPORT }, { AF_INET, SOCK_STREAM, 200, WSAEPROTONOSUPPORT },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        SOCKET s = socket(table[i].family, table[i].type, table[i].protocol);
        if (table[i].error != 0) {
            CHECK_FAILS(table[i].error, s);
            continue;
        }
        CHECK(s != INVALID_SOCKET);
        CHECK_IS(0, s % 4);
        CHECK_IS(0, closesocket(s));
    }
}

static void fresh_socket_errors(void **state)
{
    char byte = 'x';
    u_long pending = 77;
    int length = sizeof(struct sockaddr_in), error = 77, error_length = sizeof error;
    struct sockaddr_in address;
    (void)state;
    SOCKET s = tcp_socket();
    CHECK_FAILS(WSAENOTCONN, recv(s, &byte, 1, 0));
    CHECK_FAILS(WSAENOTCONN, recv(s, &byte, 0, 0));
    CHECK_FAILS(WSAENOTCONN, recvfrom(s, &byte, 1, 0, NULL, NULL));
    CHECK_FAILS(WSAECONNRESET, send(s, &byte, 1, 0));
    CHECK_FAILS(WSAECONNRESET, send(s, &byte, 0, 0));
    CHECK_FAILS(WSAENOTCONN, shutdown(s, 1));
    CHECK_FAILS(WSAENOTCONN, getpeername(s, (struct sockaddr *)&address, &length));
    CHECK_FAILS(WSAEINVAL, getsockname(s, (struct sockaddr *)&address, &length));
    CHECK_FAILS(WSAEINVAL, listen(s, 5));
    CHECK_FAILS(WSAEINVAL, accept(s, NULL, NULL));
    CHECK_IS(0, ioctlsocket(s, FIONREAD, &pending));
    CHECK_IS(0, pending);
    CHECK_IS(0, getsockopt(s, SOL_SOCKET, SO_ERROR, (char *)&error, &error_length));
    CHECK_IS(0, error);
    CHECK(!is_ready(s, 'r', 0) && !is_ready(s, 'w', 0) && !is_ready(s, 'x', 0));
    CHECK_IS(0, closesocket(s));
}

static void bind_errors(void **state)
{
    (void)state;
    SOCKET s = tcp_socket(), t = tcp_socket();
    struct sockaddr_in address = loopback(0), foreign = loopback(0), family = loopback(0);
    foreign.sin_addr.s_addr = inet_addr("192.0.2.1");
    family.sin_family = 99;
    CHECK_FAILS(WSAEFAULT, bind(s, NULL, sizeof address));
    CHECK_FAILS(WSAEFAULT, bind_to(s, address, 15));
    CHECK_FAILS(WSAEAFNOSUPPORT, bind_to(s, family, sizeof family));
    CHECK_FAILS(WSAEADDRNOTAVAIL, bind_to(s, foreign, sizeof foreign));
    CHECK_IS(0, bind_to(s, address, sizeof address));
    CHECK_FAILS(WSAEINVAL, bind_to(s, address, sizeof address));
    CHECK_FAILS(WSAEADDRINUSE, bind_to(t, loopback(local_port(s)), sizeof address));
    int on = 1;
    CHECK_IS(0, setsockopt(t, SOL_SOCKET, SO_REUSEADDR, (char *)&on, sizeof on));
    CHECK_FAILS(WSAEACCES, bind_to(t, loopback(local_port(s)), sizeof address));
    close_both(s, t);
}

static void listen_and_accept_errors(void **state)
{
    unsigned short port;
    int short_length = 15;
    struct sockaddr_in address;
    (void)state;
    SOCKET listener = tcp_listen(&port);
    CHECK_IS(0, listen(listener, 0));
    CHECK_IS(0, listen(listener, -1));
    CHECK_IS(0, listen(listener, 100000));
    set_nonblocking(listener, true);
    CHECK_FAILS(WSAEWOULDBLOCK, accept(listener, NULL, NULL));
    SOCKET s = tcp_connect(port);
    CHECK(is_ready(listener, 'r', 5000));
    SOCKET t = accept(listener, (struct sockaddr *)&address, NULL);
    CHECK(t != INVALID_SOCKET);
    CHECK_FAILS(WSAEINVAL, listen(s, 5));
    CHECK_FAILS(WSAEINVAL, accept(s, NULL, NULL));
    SOCKET u = tcp_connect(port);
    CHECK(is_ready(listener, 'r', 5000));
    CHECK_FAILS(WSAEFAULT, accept(listener, (struct sockaddr *)&address, &short_length));
    CHECK_IS(0, closesocket(u));
    close_both(s, t);
    CHECK_IS(0, closesocket(listener));
}

static void listening_socket_errors(void **state)
{
    char byte = 'x';
    u_long pending = 77;
    unsigned short port;
    int length = sizeof(struct sockaddr_in);
    struct sockaddr_in address;
    (void)state;
    SOCKET listener = tcp_listen(&port);
    set_nonblocking(listener, true);
    CHECK_FAILS(WSAENOTCONN, recv(listener, &byte, 1, 0));
    CHECK_FAILS(WSAECONNRESET, send(listener, &byte, 1, 0));
    CHECK_FAILS(WSAENOTCONN, shutdown(listener, 1));
    CHECK_FAILS(WSAENOTCONN, getpeername(listener, (struct sockaddr *)&address, &length));
    CHECK_FAILS(WSAEINVAL, connect_to(listener, loopback(port), sizeof address));
    CHECK_IS(0, ioctlsocket(listener, FIONREAD, &pending));
    CHECK_IS(0, pending);
    CHECK_IS(0, closesocket(listener));
}

static int socket_error(SOCKET s)
{
    int error = -1, length = sizeof error;
    CHECK_IS(0, getsockopt(s, SOL_SOCKET, SO_ERROR, (char *)&error, &length));
    return error;
}

/* A port on which nobody listens: bound, so that nobody else gets it either. */
static SOCKET dead_port(unsigned short *port)
{
    SOCKET s = tcp_socket();
    CHECK_IS(0, bind_to(s, loopback(0), sizeof(struct sockaddr_in)));
    *port = local_port(s);
    return s;
}

static void connect_refused(void **state)
{
    unsigned short port;
    (void)state;
    SOCKET holder = dead_port(&port), s = tcp_socket();
    CHECK_FAILS(WSAECONNREFUSED, connect_to(s, loopback(port), sizeof(struct sockaddr_in)));
    CHECK_IS(WSAECONNREFUSED, socket_error(s));
    CHECK_IS(WSAECONNREFUSED, socket_error(s));
    CHECK(local_port(s) != 0);
    CHECK_FAILS(WSAECONNRESET, send(s, "x", 1, 0));
    close_both(holder, s);
}

static void connect_errors(void **state)
{
    unsigned short port;
    (void)state;
    SOCKET listener = tcp_listen(&port), s = tcp_socket();
    struct sockaddr_in family = loopback(port), any = loopback(port);
    family.sin_family = 99;
    any.sin_addr.s_addr = 0;
    CHECK_FAILS(WSAEADDRNOTAVAIL, connect_to(s, loopback(port), 15));
    CHECK_FAILS(WSAEADDRNOTAVAIL, connect_to(s, family, sizeof family));
    CHECK_FAILS(WSAECONNREFUSED, connect_to(s, loopback(0), sizeof any));
    CHECK_IS(0, closesocket(s));
    s = tcp_socket();
    CHECK_IS(0, connect_to(s, any, sizeof any));
    CHECK_FAILS(WSAEISCONN, connect_to(s, any, sizeof any));
    CHECK_FAILS(WSAEINVAL, bind_to(s, loopback(0), sizeof any));
    SOCKET t = tcp_accept(listener);
    send_all(s, "any", 3);
    char text[3];
    recv_all(t, text, 3);
    CHECK(memcmp(text, "any", 3) == 0);
    close_both(s, t);
    CHECK_IS(0, closesocket(listener));
}

/* ---- calls on sockets that are none ---- */

static void not_a_socket(void **state)
{
    char byte = 'x';
    int length = sizeof(struct sockaddr_in), value = 0;
    u_long number = 0;
    struct sockaddr_in address = loopback(1);
    (void)state;
    SOCKET closed = tcp_socket();
    CHECK_IS(0, closesocket(closed));
    const SOCKET bad[] = { INVALID_SOCKET, 0, closed };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK_FAILS(WSAENOTSOCK, closesocket(bad[i]));
        CHECK_FAILS(WSAENOTSOCK, send(bad[i], &byte, 1, 0));
        CHECK_FAILS(WSAENOTSOCK, recv(bad[i], &byte, 1, 0));
        CHECK_FAILS(WSAENOTSOCK, shutdown(bad[i], 1));
        CHECK_FAILS(WSAENOTSOCK, listen(bad[i], 1));
        CHECK_FAILS(WSAENOTSOCK, accept(bad[i], NULL, NULL));
        CHECK_FAILS(WSAENOTSOCK, bind_to(bad[i], address, sizeof address));
        CHECK_FAILS(WSAENOTSOCK, connect_to(bad[i], address, sizeof address));
        CHECK_FAILS(WSAENOTSOCK, getsockname(bad[i], (struct sockaddr *)&address, &length));
        CHECK_FAILS(WSAENOTSOCK, getpeername(bad[i], (struct sockaddr *)&address, &length));
        CHECK_FAILS(WSAENOTSOCK, ioctlsocket(bad[i], FIONBIO, &number));
        CHECK_FAILS(WSAENOTSOCK, setsockopt(bad[i], SOL_SOCKET, SO_KEEPALIVE, (char *)&value, sizeof value));
        CHECK_FAILS(WSAENOTSOCK, getsockopt(bad[i], SOL_SOCKET, SO_TYPE, (char *)&value, &length));
    }
}

/* ---- connected streams ---- */

static void shutdown_errors(void **state)
{
    char byte = 'x';
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    CHECK_FAILS(WSAEINVAL, shutdown(s, 3));
    CHECK_FAILS(WSAEINVAL, shutdown(s, -1));
    send_all(t, "queued", 6);
    CHECK(is_ready(s, 'r', 5000));
    CHECK_IS(0, shutdown(s, 0));
    CHECK_IS(0, shutdown(s, 0));
    CHECK_FAILS(WSAESHUTDOWN, recv(s, &byte, 1, 0));
    CHECK_IS(1, send(s, &byte, 1, 0));
    CHECK_IS(1, recv(t, &byte, 1, 0));
    CHECK_IS(1, send(t, &byte, 1, 0));
    CHECK_IS(0, shutdown(s, 1));
    CHECK_IS(0, shutdown(s, 1));
    CHECK_IS(0, shutdown(s, 2));
    CHECK_FAILS(WSAESHUTDOWN, send(s, &byte, 1, 0));
    CHECK_FAILS(WSAESHUTDOWN, send(s, &byte, 0, 0));
    expect_end(t);
    close_both(s, t);
}

static void transfer_argument_errors(void **state)
{
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    send_all(t, "data", 4);
    CHECK(is_ready(s, 'r', 5000));
    CHECK_FAILS(WSAEFAULT, recv(s, NULL, 4, 0));
    CHECK_FAILS(WSAEFAULT, send(s, NULL, 4, 0));
    char text[4];
    recv_all(s, text, 4);
    CHECK(memcmp(text, "data", 4) == 0);
    set_nonblocking(t, true);
    CHECK_FAILS(WSAEWOULDBLOCK, recv(t, text, 4, 0));
    close_both(s, t);
}

/* Half of it may be used, the rest has the protection `rest`. */
static char *half_usable(size_t half, DWORD rest)
{
    DWORD before;
    char *memory = VirtualAlloc(NULL, 2 * half, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    CHECK(memory != NULL);
    CHECK(VirtualProtect(memory + half, half, rest, &before));
    return memory;
}

enum { HALF = 64 * 1024 };

static void check_unusable_for_files(SOCKET s, SOCKET t, int count, char *closed, char *read_only)
{
    DWORD moved;
    CHECK_IS(FALSE, WriteFile((HANDLE)s, closed + HALF, (DWORD)count, &moved, NULL));
    CHECK_IS(ERROR_INVALID_USER_BUFFER, GetLastError());
    CHECK_IS(FALSE, ReadFile((HANDLE)t, read_only + HALF, (DWORD)count, &moved, NULL));
    CHECK_IS(ERROR_NOACCESS, GetLastError());
}

static void check_unusable(SOCKET s, SOCKET t, int count, char *closed, char *read_only)
{
    flow_t flow = flow_start(1);
    CHECK_FAILS(WSAEFAULT, send(s, closed + HALF, count, 0));
    flow_fill(&flow, closed, (size_t)count);
    send_all(s, closed, (size_t)count);
    CHECK(is_ready(t, 'r', 5000));
    CHECK_FAILS(WSAEFAULT, recv(t, closed + HALF, count, 0));
    CHECK_FAILS(WSAEFAULT, recv(t, read_only + HALF, count, 0));
    CHECK_FAILS(WSAEFAULT, recv(t, read_only + HALF, count, MSG_PEEK));
    check_unusable_for_files(s, t, count, closed, read_only);
    recv_all(t, read_only, (size_t)count);
    CHECK(memcmp(read_only, closed, (size_t)count) == 0);
}

/* Addresses that nothing can be at, in 64 bit such as are none at all; and pages that are to be asked for first. */
static void check_strange(SOCKET s, SOCKET t, int count, char *usable, char *guarded)
{
    char *const nowhere[] = { (char *)16, (char *)(UINT_PTR)0xcdcdcdcdcdcdcdcdull };
    DWORD before;
    flow_t flow = flow_start(1);
    flow_fill(&flow, usable, (size_t)count);
    send_all(s, usable, (size_t)count);
    CHECK(is_ready(t, 'r', 5000));
    for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
        CHECK_FAILS(WSAEFAULT, send(s, nowhere[i], count, 0));
        CHECK_FAILS(WSAEFAULT, recv(t, nowhere[i], count, 0));
        CHECK_FAILS(WSAEFAULT, recv(t, nowhere[i], count, MSG_PEEK));
    }
    CHECK(VirtualProtect(guarded + HALF, HALF, PAGE_READWRITE | PAGE_GUARD, &before));
    CHECK_FAILS(WSAEFAULT, send(s, guarded + HALF, count, 0));
    CHECK(VirtualProtect(guarded + HALF, HALF, PAGE_READWRITE | PAGE_GUARD, &before));
    CHECK_FAILS(WSAEFAULT, recv(t, guarded + HALF, count, 0));
    recv_all(t, guarded, (size_t)count);
    CHECK(memcmp(guarded, usable, (size_t)count) == 0);
}

/* The calls fail, nothing is lost, and the connection goes on. */
static void memory_that_may_not_be_touched(void **state)
{
    static const int counts[] = { 1, 3, 4, 8, 20, 40, 64, 100, 300, 512, 513, 2000, 5000, HALF };
    char *closed = half_usable(HALF, PAGE_NOACCESS), *read_only = half_usable(HALF, PAGE_READONLY),
         *guarded = half_usable(HALF, PAGE_READWRITE | PAGE_GUARD);
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
            check_unusable(s, t, counts[i], closed, read_only);
            check_unusable(t, s, counts[i], closed, read_only);
            check_strange(s, t, counts[i], closed, guarded);
        }
    }
    close_both(s, t);
    CHECK(VirtualFree(closed, 0, MEM_RELEASE) && VirtualFree(read_only, 0, MEM_RELEASE) &&
          VirtualFree(guarded, 0, MEM_RELEASE));
}

static void check_mirrored(SOCKET s, SOCKET t)
{
    union {
        struct sockaddr_in in;
        char room[64];
    } name = { 0 }, peer = { 0 };
    int name_length = sizeof name, peer_length = sizeof peer;
    CHECK_IS(0, getsockname(s, (struct sockaddr *)&name, &name_length));
    CHECK_IS(0, getpeername(t, (struct sockaddr *)&peer, &peer_length));
    CHECK_IS(sizeof name.in, name_length);
    CHECK_IS(sizeof peer.in, peer_length);
    CHECK_IS(AF_INET, name.in.sin_family);
    CHECK_IS(name.in.sin_port, peer.in.sin_port);
    CHECK_IS(name.in.sin_addr.s_addr, peer.in.sin_addr.s_addr);
}

static void names_are_mirrored(void **state)
{
    unsigned short port;
    struct sockaddr_in address;
    int length = sizeof address, short_length = 15;
    (void)state;
    SOCKET listener = tcp_listen(&port), s = tcp_connect(port);
    SOCKET t = accept(listener, (struct sockaddr *)&address, &length);
    CHECK(t != INVALID_SOCKET);
    CHECK_IS(sizeof address, length);
    CHECK_IS(local_port(s), ntohs(address.sin_port));
    CHECK_IS(port, local_port(t));
    check_mirrored(s, t);
    check_mirrored(t, s);
    CHECK_FAILS(WSAEFAULT, getsockname(s, (struct sockaddr *)&address, &short_length));
    CHECK_IS(15, short_length);
    CHECK_FAILS(WSAEFAULT, getpeername(s, (struct sockaddr *)&address, &short_length));
    CHECK_IS(0, shutdown(t, 1));
    expect_end(s);
    check_mirrored(s, t);
    check_mirrored(t, s);
    close_both(s, t);
    CHECK_IS(0, closesocket(listener));
}

/* A listener on every address reports the dialled one for the accepted socket. */
static void wildcard_listener_reports_the_dialled_address(void **state)
{
    (void)state;
    SOCKET listener = tcp_socket();
    struct sockaddr_in any = loopback(0);
    any.sin_addr.s_addr = 0;
    CHECK_IS(0, bind_to(listener, any, sizeof any));
    CHECK_IS(0, listen(listener, 5));
    SOCKET s = tcp_connect(local_port(listener)), t = tcp_accept(listener);
    check_mirrored(s, t);
    check_mirrored(t, s);
    send_all(s, "wild", 4);
    char text[4];
    recv_all(t, text, 4);
    CHECK(memcmp(text, "wild", 4) == 0);
    close_both(s, t);
    CHECK_IS(0, closesocket(listener));
}

/* ---- options ---- */

/* Reads an option with `given` bytes of room; checks the resulting length and code. */
static void check_get(SOCKET s, int level, int option, int given, int error, int resulting)
{
    unsigned char room[16];
    int length = given;
    memset(room, 0xAA, sizeof room);
    int result = getsockopt(s, level, option, (char *)room, &length);
    int code = result == 0 ? 0 : WSAGetLastError();
    if (code != error || length != resulting)
        FAIL("getsockopt(%d, 0x%x) with %d bytes: code %d, expected %d; length %d, expected %d", level, option, given,
             code, error, length, resulting);
}

static void option_get_lengths(void **state)
{
    static const struct {
        int level, option, given, error, resulting;
    } table[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 4, 0, ANY }, { SOL_SOCKET, SO_KEEPALIVE, 1, 0, 1 },
        { SOL_SOCKET, SO_DONTROUTE, 4, 0, 1 }, { IPPROTO_TCP, TCP_NODELAY, 4, 0, 1 },
        { SOL_SOCKET, SO_REUSEADDR, 1, 0, 1 }, { SOL_SOCKET, SO_OOBINLINE, 1, 0, 1 },
        { SOL_SOCKET, SO_DONTLINGER, 1, 0, 1 }, { SOL_SOCKET, SO_TYPE, 3, WSAEFAULT, 3 },
        { SOL_SOCKET, SO_ERROR, 3, WSAEFAULT, 3 }, { SOL_SOCKET, SO_RCVBUF, 3, WSAEFAULT, 3 },
        { SOL_SOCKET, SO_SNDBUF, 3, WSAEFAULT, 3 }, { SOL_SOCKET, SO_LINGER, 3, WSAEFAULT, 3 },
        { SOL_SOCKET, SO_ACCEPTCONN, 3, WSAEFAULT, 3 }, { SOL_SOCKET, SO_TYPE, 8, 0, 8 },
        { SOL_SOCKET, SO_ERROR, 8, 0, 4 }, { SOL_SOCKET, SO_LINGER, 4, 0, 4 },
        { SOL_SOCKET, 0x7777, 4, WSAENOPROTOOPT, 4 }, { 0x1234, 1, 4, WSAEINVAL, 4 },
    };
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        check_get(s, table[i].level, table[i].option, table[i].given, table[i].error, table[i].resulting);
    close_both(s, t);
}

static void option_set_errors(void **state)
{
    static const struct {
        int level, option, length, error;
    } table[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 0, WSAEFAULT }, { SOL_SOCKET, SO_KEEPALIVE, 1, 0 },
        { SOL_SOCKET, SO_RCVBUF, 3, WSAEFAULT }, { SOL_SOCKET, SO_TYPE, 4, WSAENOPROTOOPT },
        { SOL_SOCKET, SO_ACCEPTCONN, 4, WSAENOPROTOOPT }, { SOL_SOCKET, SO_SNDLOWAT, 4, WSAENOPROTOOPT },
        { SOL_SOCKET, SO_RCVLOWAT, 4, WSAENOPROTOOPT }, { SOL_SOCKET, SO_ERROR, 4, 0 },
        { SOL_SOCKET, 0x7777, 4, WSAENOPROTOOPT }, { 0x1234, 1, 4, WSAEINVAL },
        { IPPROTO_TCP, TCP_NODELAY, 4, 0 }, { IPPROTO_TCP, TCP_NODELAY, 1, 0 },
    };
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        int value = 1;
        int result = setsockopt(s, table[i].level, table[i].option, (char *)&value, table[i].length);
        int code = result == 0 ? 0 : WSAGetLastError();
        if (code != table[i].error)
            FAIL("setsockopt(0x%x, 0x%x, %d bytes): %d, expected %d", table[i].level, table[i].option, table[i].length,
                 code, table[i].error);
    }
    CHECK_FAILS(WSAEFAULT, setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, NULL, 4));
    close_both(s, t);
}

static int option_int(SOCKET s, int option)
{
    int value = 0, length = sizeof value;
    CHECK_IS(0, getsockopt(s, SOL_SOCKET, option, (char *)&value, &length));
    return value;
}

static void option_set_int(SOCKET s, int option, int value)
{
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, option, (char *)&value, sizeof value));
}

static struct linger linger_of(SOCKET s)
{
    struct linger value = { 0 };
    int length = sizeof value;
    CHECK_IS(0, getsockopt(s, SOL_SOCKET, SO_LINGER, (char *)&value, &length));
    return value;
}

static void options_read_back(void **state)
{
    static const int sizes[] = { 100000, 20000, 0 };
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        option_set_int(s, SO_RCVBUF, sizes[i]);
        option_set_int(s, SO_SNDBUF, sizes[i]);
        CHECK_IS(sizes[i], option_int(s, SO_RCVBUF));
        CHECK_IS(sizes[i], option_int(s, SO_SNDBUF));
    }
    struct linger linger = { 7, 30 };
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, SO_LINGER, (char *)&linger, sizeof linger));
    CHECK_IS(1, linger_of(s).l_onoff);
    CHECK_IS(30, linger_of(s).l_linger);
    option_set_int(s, SO_DONTLINGER, 1);
    CHECK_IS(0, linger_of(s).l_onoff);
    option_set_int(s, SO_KEEPALIVE, 1);
    CHECK_IS(1, option_int(s, SO_KEEPALIVE) & 0xff);
    CHECK_IS(SOCK_STREAM, option_int(s, SO_TYPE));
    CHECK_IS(0, option_int(s, SO_ACCEPTCONN));
    close_both(s, t);
}

static void accepted_socket_inherits_options(void **state)
{
    unsigned short port;
    struct linger linger = { 1, 9 };
    (void)state;
    SOCKET listener = tcp_listen(&port);
    option_set_int(listener, SO_KEEPALIVE, 1);
    option_set_int(listener, SO_OOBINLINE, 1);
    option_set_int(listener, SO_RCVBUF, 70000);
    option_set_int(listener, SO_SNDBUF, 71000);
    option_set_int(listener, 0x1006, 1234); /* SO_RCVTIMEO, which winsock.h has too, but under two spellings */
    CHECK_IS(0, setsockopt(listener, SOL_SOCKET, SO_LINGER, (char *)&linger, sizeof linger));
    CHECK_IS(1, option_int(listener, SO_ACCEPTCONN));
    SOCKET s = tcp_connect(port), t = tcp_accept(listener);
    CHECK_IS(0, option_int(t, SO_ACCEPTCONN));
    CHECK_IS(1, option_int(t, SO_KEEPALIVE) & 0xff);
    CHECK_IS(1, option_int(t, SO_OOBINLINE) & 0xff);
    CHECK_IS(70000, option_int(t, SO_RCVBUF));
    CHECK_IS(71000, option_int(t, SO_SNDBUF));
    CHECK_IS(1234, option_int(t, 0x1006));
    CHECK_IS(9, linger_of(t).l_linger);
    close_both(s, t);
    CHECK_IS(0, closesocket(listener));
}

static void connect_time(void **state)
{
    unsigned short port;
    (void)state;
    SOCKET listener = tcp_listen(&port), s = tcp_socket();
    CHECK_IS(-1, option_int(s, 0x700C));
    CHECK_IS(0, connect_to(s, loopback(port), sizeof(struct sockaddr_in)));
    CHECK(option_int(s, 0x700C) >= 0 && option_int(s, 0x700C) < 60);
    close_both(s, listener);
}

/* winsock.h and winsock2.h number the IP options differently; only the DLL's renumbering makes one into the other. */
typedef int(WINAPI *getsockopt_t)(SOCKET s, int level, int option, char *value, int *length);

static int ip_option_of_version_2(SOCKET s, int option)
{
    union {
        FARPROC plain;
        getsockopt_t typed;
    } call = { GetProcAddress(GetModuleHandleA("ws2_32"), "getsockopt") };
    int value = 0, length = sizeof value;
    CHECK(call.plain != NULL);
    CHECK_IS(0, call.typed(s, IPPROTO_IP, option, (char *)&value, &length));
    return value;
}

static int ip_option(SOCKET s, int option)
{
    int value = 0, length = sizeof value;
    CHECK_IS(0, getsockopt(s, IPPROTO_IP, option, (char *)&value, &length));
    return value;
}

static void ip_option_set(SOCKET s, int option, int value)
{
    CHECK_IS(0, setsockopt(s, IPPROTO_IP, option, (char *)&value, sizeof value));
}

static void ip_options_are_renumbered(void **state)
{
    (void)state;
    SOCKET s = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(s != INVALID_SOCKET);
    ip_option_set(s, IP_TTL, 77);
    CHECK_IS(77, ip_option(s, IP_TTL));
    CHECK_IS(77, ip_option_of_version_2(s, 4));
    ip_option_set(s, IP_MULTICAST_TTL, 33);
    CHECK_IS(33, ip_option(s, IP_MULTICAST_TTL));
    CHECK_IS(33, ip_option_of_version_2(s, 10));
    CHECK_IS(33, ip_option(s, 10));
    ip_option_set(s, IP_MULTICAST_LOOP, 0);
    CHECK_IS(0, ip_option_of_version_2(s, 11) & 0xff);
    struct ip_mreq group = { .imr_interface.s_addr = htonl(INADDR_LOOPBACK) };
    group.imr_multiaddr.s_addr = inet_addr("239.1.2.3");
    CHECK_IS(0, setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, (char *)&group, sizeof group));
    CHECK_IS(0, setsockopt(s, IPPROTO_IP, IP_DROP_MEMBERSHIP, (char *)&group, sizeof group));
    CHECK_IS(0, closesocket(s));
}

static void ioctl_errors(void **state)
{
    u_long value = 0;
    SOCKET s, t;
    (void)state;
    tcp_pair(&s, &t);
    CHECK_FAILS(WSAEFAULT, ioctlsocket(s, FIONREAD, NULL));
    CHECK_FAILS(WSAEFAULT, ioctlsocket(s, FIONBIO, NULL));
    CHECK_FAILS(WSAEOPNOTSUPP, ioctlsocket(s, 0x12345678, &value));
    CHECK_IS(0, ioctlsocket(s, SIOCATMARK, &value));
    CHECK_IS(1, value);
    close_both(s, t);
}

/* ---- last error ---- */

static void last_error_is_the_threads(void **state)
{
    (void)state;
    SetLastError(777);
    CHECK_IS(777, WSAGetLastError());
    WSASetLastError(55);
    CHECK_IS(55, GetLastError());
    fd_set set = { .fd_count = 1, .fd_array = { 4 } };
    CHECK_IS(1, __WSAFDIsSet(4, &set));
    CHECK_IS(0, __WSAFDIsSet(8, &set));
    CHECK_IS(55, WSAGetLastError());
    htons(1);
    CHECK_IS(55, WSAGetLastError());
}

static const role_t roles[] = {
    { "cleanup", cleanup_role },
    { "last_cleanup", last_cleanup_role },
};

static const struct CMUnitTest tests[] = {
    CASE(startup_negotiates_the_version),
    CASE(calls_without_startup_fail_and_cleanup_closes_sockets),
    CASE(last_cleanup_ends_connections),
    CASE(socket_arguments),
    CASE(fresh_socket_errors),
    CASE(bind_errors),
    CASE(listen_and_accept_errors),
    CASE(listening_socket_errors),
    CASE(connect_refused),
    CASE(connect_errors),
    CASE(not_a_socket),
    CASE(shutdown_errors),
    CASE(transfer_argument_errors),
    CASE(memory_that_may_not_be_touched),
    CASE(names_are_mirrored),
    CASE(wildcard_listener_reports_the_dialled_address),
    CASE(option_get_lengths),
    CASE(option_set_errors),
    CASE(options_read_back),
    CASE(accepted_socket_inherits_options),
    CASE(connect_time),
    CASE(ip_options_are_renumbered),
    CASE(ioctl_errors),
    CASE(last_error_is_the_threads),
};

HARNESS_MAIN(roles, tests)
