/* net_win: the seam of net.h on WinSock 1.1. */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

void net_startup(void)
{
    WSADATA data;
    int error = WSAStartup(MAKEWORD(1, 1), &data);
    if (error) {
        fprintf(stderr, "netbench: WSAStartup failed with %d\n", error);
        exit(1);
    }
}

void net_close(net_socket_t s)
{
    closesocket(s);
}

int net_error(void)
{
    return WSAGetLastError();
}

void net_sleep_ms(unsigned ms)
{
    Sleep(ms);
}

uint64_t net_clock_ns(void)
{
    static LARGE_INTEGER frequency;
    LARGE_INTEGER now;
    if (!frequency.QuadPart)
        QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    return (uint64_t)((double)now.QuadPart * 1e9 / (double)frequency.QuadPart);
}

/* In steps of 100 ns, as the system takes them; Sleep() knows milliseconds alone. */
void net_sleep_us(unsigned us)
{
    static LONG(WINAPI * delay)(BOOLEAN, const LARGE_INTEGER *);
    LARGE_INTEGER time = {.QuadPart = -10 * (LONGLONG)us};
    if (!delay)
        delay = (LONG(WINAPI *)(BOOLEAN, const LARGE_INTEGER *))(void *)GetProcAddress(GetModuleHandleA("ntdll.dll"),
                                                                                      "NtDelayExecution");
    delay(FALSE, &time);
}

void net_set_blocking(net_socket_t s, bool blocking)
{
    u_long value = !blocking;
    ioctlsocket(s, FIONBIO, &value);
}

bool net_would_block(void)
{
    return WSAGetLastError() == WSAEWOULDBLOCK;
}

/* An fd_set of any length. */
typedef struct {
    u_int count;
    SOCKET socket[1];
} list_t;

struct net_set {
    size_t bytes;
    list_t *all, *found;
};

net_set_t *net_set_new(const net_socket_t *sockets, unsigned count)
{
    net_set_t *set = malloc(sizeof *set);
    size_t bytes = offsetof(list_t, socket) + (count ? count : 1) * sizeof(SOCKET);
    if (!set)
        return NULL;
    *set = (net_set_t){.bytes = bytes, .all = malloc(bytes), .found = malloc(bytes)};
    if (!set->all || !set->found) {
        net_set_free(set);
        return NULL;
    }
    set->all->count = count;
    memcpy(set->all->socket, sockets, count * sizeof(SOCKET));
    return set;
}

void net_set_free(net_set_t *set)
{
    if (!set)
        return;
    free(set->all);
    free(set->found);
    free(set);
}

int net_set_readable(net_set_t *set, bool forever)
{
    struct timeval none = {0, 0};
    memcpy(set->found, set->all, set->bytes);
    return select(0, (fd_set *)set->found, NULL, NULL, forever ? NULL : &none);
}

net_socket_t net_set_found(const net_set_t *set, unsigned n)
{
    return set->found->socket[n];
}

static double filetime_ms(FILETIME t)
{
    return (double)((uint64_t)t.dwHighDateTime << 32 | t.dwLowDateTime) / 1e4;
}

double net_cpu_ms(void)
{
    FILETIME created, exited, kernel, user;
    if (!GetProcessTimes(GetCurrentProcess(), &created, &exited, &kernel, &user))
        return -1;
    return filetime_ms(kernel) + filetime_ms(user);
}

net_socket_t net_unix_listen(const char *path)
{
    (void)path;
    return NET_INVALID;
}

net_socket_t net_unix_connect(const char *path)
{
    (void)path;
    return NET_INVALID;
}
