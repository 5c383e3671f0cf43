/* odd: see odd.h. */
#include "odd.h"

#include "lockstep.h"

#include <string.h>

static HANDLE event; /* a handle, but no socket */
static char bytes[64];

void odd_start(void)
{
    event = CreateEventA(NULL, TRUE, FALSE, NULL);
}

static void say_outcome(say_t *say, const char *what, long result)
{
    say_text(say, "odd: %s = %ld error %d", what, result, WSAGetLastError());
}

static struct sockaddr_in name_of(int family, u_long address)
{
    struct sockaddr_in name = {.sin_family = (short)family};
    name.sin_addr.s_addr = htonl(address);
    return name;
}

/* Each case must leave the socket as it was; those after ODD_CALLS need a stream. */
#define OUTCOME(call) say_outcome(say, #call, (long)(call))

void odd_on_socket(unsigned call, SOCKET s, unsigned number, say_t *say)
{
    struct sockaddr_in strange = name_of(77, INADDR_LOOPBACK), elsewhere = name_of(AF_INET, 0xC0000201);
    struct sockaddr *odd_family = (struct sockaddr *)&strange, *not_here = (struct sockaddr *)&elsewhere;
    int length = 16, none = 0;
    fd_set empty = {0};
    struct timeval at_once = {0, 0};
    say_text(say, "s%u ", number);
    memset(bytes, 0xCC, sizeof bytes);
    WSASetLastError(0);
    switch (call) {
    case 0: OUTCOME(bind(s, NULL, 16)); break;
    case 1: OUTCOME(bind(s, odd_family, 4)); break;
    case 2: OUTCOME(bind(s, odd_family, 16)); break;
    case 3: OUTCOME(bind(s, not_here, 16)); break;
    case 4: OUTCOME(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, bytes, 2)); break;
    case 5: OUTCOME(getsockopt(s, SOL_SOCKET, SO_TYPE, NULL, &length)); break;
    case 6: OUTCOME(getsockopt(s, SOL_SOCKET, SO_TYPE, bytes, &none)); break;
    case 7: OUTCOME(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, NULL, 4)); break;
    case 8: OUTCOME(ioctlsocket(s, FIONREAD, NULL)); break;
    case 9: OUTCOME(ioctlsocket(s, FIONBIO, NULL)); break;
    case 10: OUTCOME(ioctlsocket(s, SIOCATMARK, NULL)); break;
    case 11: OUTCOME(select(0, NULL, NULL, NULL, &at_once)); break;
    case 12: OUTCOME(select(0, &empty, &empty, &empty, &at_once)); break;
    case 13: OUTCOME(shutdown(s, -1)); break;
    case 14: OUTCOME(shutdown(s, 7)); break;
    case 15: OUTCOME(__WSAFDIsSet(s, &empty)); break;
    case 16: OUTCOME(setsockopt(s, SOL_SOCKET, SO_LINGER, bytes, 3)); break;
    case 17: OUTCOME(getsockopt(s, SOL_SOCKET, SO_LINGER, bytes, &length)); break;
    case 18: OUTCOME(recv(s, NULL, 5, 0)); break;
    case 19: OUTCOME(recv(s, NULL, 0, MSG_PEEK)); break;
    case 20: OUTCOME(recv(s, bytes, 0, 0)); break;
    case 21: OUTCOME(send(s, NULL, 5, 0)); break;
    default: OUTCOME(recvfrom(s, bytes, 8, MSG_PEEK, (struct sockaddr *)(bytes + 16), NULL)); break;
    }
    say_text(say, " length %d", length);
    say_hex(say, bytes, 8);
}

void odd_on_handle(unsigned call, SOCKET s, say_t *say)
{
    struct sockaddr_in name = name_of(AF_INET, INADDR_LOOPBACK);
    int length = sizeof name;
    u_long value = 1;
    fd_set set = {.fd_count = 1, .fd_array = {s}};
    struct timeval at_once = {0, 0};
    say_text(say, " then ");
    WSASetLastError(0);
    switch (call) {
    case 0: OUTCOME(send(s, bytes, 1, 0)); break;
    case 1: OUTCOME(recv(s, bytes, 1, 0)); break;
    case 2: OUTCOME(closesocket(s)); break;
    case 3: OUTCOME(shutdown(s, 1)); break;
    case 4: OUTCOME(bind(s, (struct sockaddr *)&name, sizeof name)); break;
    case 5: OUTCOME(listen(s, 5)); break;
    case 6: OUTCOME(accept(s, NULL, NULL)); break;
    case 7: OUTCOME(ioctlsocket(s, FIONREAD, &value)); break;
    case 8: OUTCOME(getsockopt(s, SOL_SOCKET, SO_TYPE, bytes, &length)); break;
    case 9: OUTCOME(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, (char *)&value, 4)); break;
    case 10: OUTCOME(getsockname(s, (struct sockaddr *)&name, &length)); break;
    case 11: OUTCOME(getpeername(s, (struct sockaddr *)&name, &length)); break;
    case 12: OUTCOME(select(0, &set, NULL, NULL, &at_once)); break;
    default: OUTCOME(ioctlsocket(s, FIONBIO, &value)); break;
    }
}

void odd_on_bad_handle(unsigned call, unsigned handle, say_t *say)
{
    const SOCKET handles[ODD_HANDLES] = {INVALID_SOCKET, 0, (SOCKET)event, 0x7ffffff0};
    static const char *const names[ODD_HANDLES] = {"INVALID_SOCKET", "0", "an event", "a large one"};
    say_text(say, "on %s", names[handle]);
    odd_on_handle(call, handles[handle], say);
}

void odd_socket(unsigned which, say_t *say)
{
    static const struct {
        int family, type, protocol;
    } refused[ODD_SOCKETS] = {{99, SOCK_STREAM, 0}, {AF_INET, 99, 0},  {AF_INET, SOCK_STREAM, 17},
                              {AF_INET, SOCK_DGRAM, 6}, {0, 0, 0},      {AF_INET, SOCK_STREAM, 99},
                              {AF_INET, -1, 0},    {-1, SOCK_STREAM, 0}, {0, SOCK_STREAM, 6},
                              {AF_INET, 0, 6}};
    WSASetLastError(0);
    SOCKET s = socket(refused[which].family, refused[which].type, refused[which].protocol);
    say_text(say, "socket(%d, %d, %d) = %s error %d", refused[which].family, refused[which].type, refused[which].protocol,
             s == INVALID_SOCKET ? "none" : "one", WSAGetLastError());
    if (s != INVALID_SOCKET)
        closesocket(s);
}
