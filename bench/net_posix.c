/* net_posix: the seam of net.h on POSIX sockets. */
#define _GNU_SOURCE
#include "net.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void net_startup(void)
{
    signal(SIGPIPE, SIG_IGN);
}

void net_close(net_socket_t s)
{
    close(s);
}

int net_error(void)
{
    return errno;
}

void net_sleep_ms(unsigned ms)
{
    usleep(ms * 1000);
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t net_clock_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

double net_cpu_ms(void)
{
    return (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e6;
}

static net_socket_t unix_socket(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    int length = snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
    if (length < 0 || (size_t)length >= sizeof address->sun_path)
        return NET_INVALID;
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

net_socket_t net_unix_listen(const char *path)
{
    struct sockaddr_un address;
    net_socket_t s = unix_socket(path, &address);
    if (s == NET_INVALID)
        return NET_INVALID;
    unlink(path);
    if (!bind(s, (struct sockaddr *)&address, sizeof address) && !listen(s, 1))
        return s;
    net_close(s);
    return NET_INVALID;
}

net_socket_t net_unix_connect(const char *path)
{
    struct sockaddr_un address;
    net_socket_t s = unix_socket(path, &address);
    if (s == NET_INVALID)
        return NET_INVALID;
    if (!connect(s, (struct sockaddr *)&address, sizeof address))
        return s;
    net_close(s);
    return NET_INVALID;
}
