/* crowd: many connections. */
#include "crowd.h"
#include "peer.h"

#include <stdlib.h>
#include <string.h>

#define KERNELS 3   /* a listener, a stream, and the listener at which that waits for ever */
#define EXCHANGES 6 /* after these a connection is where it will stay: the first calls it is too young */

typedef union {
    struct sockaddr plain;
    char room[128];
} address_t;

static net_socket_t connect_to(const address_t *address, net_len_t length)
{
    net_socket_t s = socket(address->plain.sa_family, SOCK_STREAM, 0);
    if (s == NET_INVALID || connect(s, &address->plain, length))
        peer_die("cannot connect once more");
    return s;
}

net_socket_t crowd_connect_beside(net_socket_t s)
{
    address_t address;
    net_len_t length = sizeof address;
    if (getpeername(s, &address.plain, &length))
        peer_die("getpeername failed");
    return connect_to(&address, length);
}

static void begin(crowd_t *crowd, net_socket_t first, unsigned count)
{
    *crowd = (crowd_t){.sockets = malloc((1 + count + KERNELS) * sizeof *crowd->sockets), .count = count};
    if (!crowd->sockets)
        peer_die("out of memory");
    crowd->sockets[0] = first;
}

static void ask_all(crowd_t *crowd)
{
    crowd->set = net_set_new(crowd->sockets, 1 + crowd->count + (crowd->others ? crowd->others - 1 : 0));
    if (!crowd->set)
        peer_die("out of memory");
}

static void join(net_socket_t s)
{
    char bytes[PEER_WARM_UP_SIZE] = {0};
    for (int i = 0; i < EXCHANGES; i++) {
        peer_send(s, bytes, sizeof bytes);
        peer_receive_all(s, bytes, sizeof bytes, NULL);
    }
}

static void be_joined(net_socket_t s)
{
    char bytes[PEER_WARM_UP_SIZE];
    for (int i = 0; i < EXCHANGES; i++) {
        peer_receive_all(s, bytes, sizeof bytes, NULL);
        peer_send(s, bytes, sizeof bytes);
    }
}

static net_socket_t listen_somewhere(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    any.sin_addr.s_addr = inet_addr("127.0.0.1");
    net_socket_t s = socket(AF_INET, SOCK_STREAM, 0);
    if (s == NET_INVALID || bind(s, (struct sockaddr *)&any, sizeof any) || listen(s, 1))
        peer_die("cannot listen");
    return s;
}

static net_socket_t connect_to_listener(net_socket_t listener)
{
    address_t address;
    net_len_t length = sizeof address;
    if (getsockname(listener, &address.plain, &length))
        peer_die("getsockname failed");
    return connect_to(&address, length);
}

static void add_kernels(crowd_t *crowd)
{
    net_socket_t *last = crowd->sockets + 1 + crowd->count;
    last[0] = listen_somewhere();
    last[2] = listen_somewhere();
    last[1] = connect_to_listener(last[2]);
    crowd->others = KERNELS;
}

void crowd_open_pair(crowd_pair_t *pair)
{
    net_socket_t listener = listen_somewhere();
    *pair = (crowd_pair_t){.open = true, .connected = connect_to_listener(listener)};
    pair->accepted = accept(listener, NULL, NULL);
    if (pair->accepted == NET_INVALID)
        peer_die("accept failed");
    net_close(listener);
}

void crowd_close_pair(crowd_pair_t *pair)
{
    if (!pair->open)
        return;
    net_close(pair->connected);
    net_close(pair->accepted);
    *pair = (crowd_pair_t){0};
}

void crowd_connect(crowd_t *crowd, net_socket_t first, unsigned count, bool kernel)
{
    begin(crowd, first, count);
    for (unsigned i = 1; i <= count; i++) {
        crowd->sockets[i] = crowd_connect_beside(first);
        join(crowd->sockets[i]);
    }
    if (kernel)
        add_kernels(crowd);
    ask_all(crowd);
}

void crowd_accept(crowd_t *crowd, net_socket_t first, unsigned count, net_socket_t listener)
{
    begin(crowd, first, count);
    for (unsigned i = 1; i <= count; i++) {
        crowd->sockets[i] = accept(listener, NULL, NULL);
        if (crowd->sockets[i] == NET_INVALID)
            peer_die("accept failed");
        be_joined(crowd->sockets[i]);
    }
    ask_all(crowd);
}

void crowd_close(crowd_t *crowd)
{
    for (unsigned i = 1; crowd->sockets && i <= crowd->count + crowd->others; i++)
        net_close(crowd->sockets[i]);
    net_set_free(crowd->set);
    free(crowd->sockets);
    *crowd = (crowd_t){0};
}
