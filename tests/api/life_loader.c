/* life_loader: a program that is not linked with wsock32 and loads it when it likes; life.c runs it.
 * usage: life_loader idle|streams|late PORT      exit code: the line of the first failure, or 0 */
#include <winsock2.h>

#include <stdlib.h>
#include <string.h>

#define CHECK(condition) ((condition) ? (void)0 : exit(__LINE__))

enum { ROUNDS = 100, STREAM_ROUNDS = 20 };

typedef struct calls {
    HMODULE dll;
    int(WINAPI *startup)(WORD, WSADATA *);
    int(WINAPI *cleanup)(void);
    SOCKET(WINAPI *make)(int, int, int);
    int(WINAPI *connect)(SOCKET, const struct sockaddr *, int);
    int(WINAPI *send)(SOCKET, const char *, int, int);
    int(WINAPI *recv)(SOCKET, char *, int, int);
    int(WINAPI *close)(SOCKET);
} calls_t;

static calls_t load(const char *name)
{
    calls_t calls = {.dll = LoadLibraryA(name)};
    CHECK(calls.dll);
    calls.startup = (void *)GetProcAddress(calls.dll, "WSAStartup");
    calls.cleanup = (void *)GetProcAddress(calls.dll, "WSACleanup");
    calls.make = (void *)GetProcAddress(calls.dll, "socket");
    calls.connect = (void *)GetProcAddress(calls.dll, "connect");
    calls.send = (void *)GetProcAddress(calls.dll, "send");
    calls.recv = (void *)GetProcAddress(calls.dll, "recv");
    calls.close = (void *)GetProcAddress(calls.dll, "closesocket");
    WSADATA data;
    CHECK(calls.startup(MAKEWORD(1, 1), &data) == 0);
    return calls;
}

static void unload(const calls_t *calls)
{
    CHECK(calls->cleanup() == 0);
    CHECK(FreeLibrary(calls->dll));
}

static SOCKET dial(const calls_t *calls, unsigned short port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = (u_short)(port >> 8 | port << 8)};
    address.sin_addr.s_addr = 0x0100007f;
    SOCKET s = calls->make(AF_INET, SOCK_STREAM, 0);
    CHECK(s != INVALID_SOCKET);
    CHECK(calls->connect(s, (struct sockaddr *)&address, sizeof address) == 0);
    return s;
}

static void ping(const calls_t *calls, SOCKET s)
{
    char text[4];
    CHECK(calls->send(s, "ping", 4, 0) == 4);
    CHECK(calls->recv(s, text, 4, 0) == 4);
    CHECK(memcmp(text, "pong", 4) == 0);
}

static void hang_up(const calls_t *calls, SOCKET s, const char *text)
{
    CHECK(calls->send(s, text, 4, 0) == 4);
    CHECK(calls->close(s) == 0);
}

static void idle(unsigned short port)
{
    for (int i = 0; i < ROUNDS; i++) {
        calls_t calls = load("wsock32.dll");
        unload(&calls);
    }
    calls_t calls = load("wsock32.dll");
    hang_up(&calls, dial(&calls, port), "last");
    unload(&calls);
}

/* Now and then one is left open. */
static void streams(unsigned short port)
{
    for (int i = 1; i <= STREAM_ROUNDS; i++) {
        calls_t calls = load("wsock32.dll");
        SOCKET s = dial(&calls, port);
        for (int k = 0; k < 5; k++)
            ping(&calls, s);
        if (i % 3)
            hang_up(&calls, s, "next");
        else
            CHECK(calls.send(s, "next", 4, 0) == 4);
        unload(&calls);
    }
    calls_t calls = load("wsock32.dll");
    hang_up(&calls, dial(&calls, port), "last");
    unload(&calls);
}

/* The program's own ws2_32 goes on as if nothing had happened.  The server takes one connection at a time. */
static void late(unsigned short port)
{
    calls_t ws2 = load("ws2_32.dll");
    SOCKET own = dial(&ws2, port);
    ping(&ws2, own);
    calls_t calls = load("wsock32.dll");
    SOCKET s = dial(&calls, port);
    ping(&ws2, own);
    calls_t again = load("ws2_32.dll");
    ping(&again, own);
    hang_up(&ws2, own, "next");
    for (int k = 0; k < 5; k++)
        ping(&calls, s);
    ping(&again, s);
    ping(&calls, s);
    hang_up(&again, s, "next");
    own = dial(&again, port);
    ping(&ws2, own);
    hang_up(&again, own, "last");
    unload(&calls);
    unload(&again);
    unload(&ws2);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    unsigned short port = (unsigned short)atoi(argv[2]);
    /* Wine 8's own ws2_32 fails to connect once it was unloaded and loaded again. */
    CHECK(LoadLibraryA("ws2_32.dll"));
    if (strcmp(argv[1], "idle") == 0)
        idle(port);
    else if (strcmp(argv[1], "streams") == 0)
        streams(port);
    else
        late(port);
    return 0;
}
