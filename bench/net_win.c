/* net_win: the seam of net.h on WinSock 1.1. */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
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
