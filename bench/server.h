/* server: what a netbench server keeps while it serves one client. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include "netbench.h"

typedef struct {
    net_socket_t listener, socket;
    crowd_t crowd;
    peer_room_t room;
    char *buffer; /* of the present request's size, at least */
    peer_way_t way;
} server_t;

#endif
