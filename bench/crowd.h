/* crowd: the open connections of one end beside the one on which it is told what to do; both ends hold the same ones,
 * in the same order. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "net.h"

typedef struct {
    net_socket_t *sockets; /* the first is the one that was there before; then `count`, then what is the kernel's */
    unsigned count, others;
    net_set_t *set; /* all of them but the last of the kernel's */
} crowd_t;

/* A client's: `count` connections to where `first` leads, each used a few times.  `kernel`: and a listener, and a stream
 * whose other end nobody will accept.  What goes wrong ends the program. */
void crowd_connect(crowd_t *crowd, net_socket_t first, unsigned count, bool kernel);
/* A server's. */
void crowd_accept(crowd_t *crowd, net_socket_t first, unsigned count, net_socket_t listener);
/* All but the first.  A crowd of zeros is closed. */
void crowd_close(crowd_t *crowd);

/* Both ends of a connection within this process. */
typedef struct {
    bool open;
    net_socket_t connected, accepted;
} crowd_pair_t;

void crowd_open_pair(crowd_pair_t *pair);
/* One of zeros is closed. */
void crowd_close_pair(crowd_pair_t *pair);

/* Another connection to where `s` leads. */
net_socket_t crowd_connect_beside(net_socket_t s);

#endif
