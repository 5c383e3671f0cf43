/* peer: what both ends of a netbench connection say to each other, and the loops that move whole messages. */
#include "peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void peer_die(const char *format, ...)
{
    int error = net_error();
    va_list arguments;
    va_start(arguments, format);
    fputs("netbench: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (last socket error %d)\n", error);
    va_end(arguments);
    exit(1);
}

char *peer_buffer(size_t size)
{
    size_t room = size ? size : 1;
    char *p = malloc(room);
    if (!p)
        peer_die("out of memory for %lu bytes", (unsigned long)size);
    memset(p, PEER_MORE, room);
    return p;
}

char *peer_room(peer_room_t *room, size_t size)
{
    if (room->size < size) {
        free(room->memory);
        *room = (peer_room_t){.memory = peer_buffer(size), .size = size};
    }
    room->memory[0] = PEER_MORE;
    return room->memory;
}

static int as_length(size_t size)
{
    return size < 1u << 30 ? (int)size : 1 << 30;
}

void peer_send(net_socket_t s, const void *data, size_t size)
{
    const char *p = data;
    while (size) {
        int n = (int)send(s, p, as_length(size), 0);
        if (n < 0 && net_would_block())
            continue;
        if (n <= 0)
            peer_die("send failed");
        p += n;
        size -= (size_t)n;
    }
}

static void wait_alone(net_socket_t s)
{
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(s, &readable);
    if (select((int)s + 1, &readable, NULL, NULL, NULL) != 1)
        peer_die("select failed");
}

void peer_wait_readable(net_socket_t s, net_set_t *set)
{
    if (!set)
        wait_alone(s);
    else if (net_set_readable(set, true) != 1 || net_set_found(set, 0) != s)
        peer_die("select found other sockets than the one with bytes");
}

size_t peer_receive(net_socket_t s, void *data, size_t size, const peer_way_t *way)
{
    char *p = data;
    size_t got = 0;
    while (got < size) {
        if (way && way->wait == PEER_SELECTS)
            peer_wait_readable(s, way->set);
        int n = (int)recv(s, p + got, as_length(size - got), 0);
        if (n < 0 && net_would_block())
            continue;
        if (n < 0)
            peer_die("recv failed");
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return got;
}

void peer_receive_all(net_socket_t s, void *data, size_t size, const peer_way_t *way)
{
    size_t got = peer_receive(s, data, size, way);
    if (got != size)
        peer_die("the other end closed after %lu of %lu bytes", (unsigned long)got, (unsigned long)size);
}
