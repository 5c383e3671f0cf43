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

/* True if `moved`, which a call has given, is to be added; false: the call is to be made once more. */
static bool has_moved(int moved, const char *what)
{
    if (moved < 0 && !net_would_block())
        peer_die("%s failed", what);
    return moved > 0;
}

static void wait_alone(net_socket_t s, bool for_bytes)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(s, &set);
    if (select((int)s + 1, for_bytes ? &set : NULL, for_bytes ? NULL : &set, NULL, NULL) != 1)
        peer_die("select failed");
}

void peer_send_rest(net_socket_t s, const char *data, size_t size, int first)
{
    for (int sent = first;; sent = (int)send(s, data, peer_length(size), 0)) {
        if (!has_moved(sent, "send")) {
            wait_alone(s, false);
            continue;
        }
        data += sent;
        size -= (size_t)sent;
        if (!size)
            return;
    }
}

void peer_wait_readable(net_socket_t s, net_set_t *set)
{
    if (!set)
        wait_alone(s, true);
    else if (net_set_readable(set, true) != 1 || net_set_found(set, 0) != s)
        peer_die("select found other sockets than the one with bytes");
}

size_t peer_receive_rest(net_socket_t s, char *data, size_t size, const peer_way_t *way, int first)
{
    size_t got = 0;
    for (int more = first; more != 0; more = (int)recv(s, data + got, peer_length(size - got), 0)) {
        got += has_moved(more, "recv") ? (size_t)more : 0;
        if (got == size)
            break;
        if (way && way->wait == PEER_SELECTS)
            peer_wait_readable(s, way->set);
    }
    return got;
}
