/* net_posix: the seam of net.h on POSIX sockets. */
#define _GNU_SOURCE
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

void net_sleep_us(unsigned us)
{
    usleep(us);
}

void net_set_blocking(net_socket_t s, bool blocking)
{
    int flags = fcntl(s, F_GETFL);
    fcntl(s, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

bool net_would_block(void)
{
    return errno == EAGAIN;
}

struct net_set {
    unsigned count;
    struct pollfd entry[];
};

net_set_t *net_set_new(const net_socket_t *sockets, unsigned count)
{
    net_set_t *set = malloc(sizeof *set + count * sizeof *set->entry);
    if (!set)
        return NULL;
    set->count = count;
    for (unsigned i = 0; i < count; i++)
        set->entry[i] = (struct pollfd){.fd = sockets[i], .events = POLLIN};
    return set;
}

void net_set_free(net_set_t *set)
{
    free(set);
}

int net_set_readable(net_set_t *set, bool forever)
{
    return poll(set->entry, set->count, forever ? -1 : 0);
}

net_socket_t net_set_found(const net_set_t *set, unsigned n)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->entry[i].revents && n-- == 0)
            return set->entry[i].fd;
    return NET_INVALID;
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
    if (!bind(s, (struct sockaddr *)&address, sizeof address) && !listen(s, NET_BACKLOG))
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
