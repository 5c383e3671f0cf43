/* wire: sockets and checked data for the API test programs.
 * A flow is an endless byte sequence given by a seed; both ends know it, so every byte received is compared with the
 * one that belongs there, wherever the stream was cut. */
#ifndef API_WIRE_H
#define API_WIRE_H

#include "harness.h"

typedef struct flow {
    uint64_t seed;
    uint64_t offset;
} flow_t;

flow_t flow_start(uint64_t salt);
void flow_fill(flow_t *flow, void *buffer, size_t length);
/* Fails at the first byte that is not the flow's next. */
void flow_check(flow_t *flow, const void *buffer, size_t length);

/* Blocking sockets; sizes of the single calls are random, mostly small, at most `largest`. */
void flow_send(SOCKET s, flow_t *flow, size_t length, size_t largest);
void flow_recv(SOCKET s, flow_t *flow, size_t length, size_t largest);

struct sockaddr_in loopback(unsigned short port);
SOCKET tcp_socket(void);
unsigned short local_port(SOCKET s);
SOCKET tcp_listen(unsigned short *port);
SOCKET tcp_connect(unsigned short port);
SOCKET tcp_accept(SOCKET listener);
/* A connection of this process with itself. */
void tcp_pair(SOCKET *connected, SOCKET *accepted);
/* Bytes to and fro, after which ours has made the connection user-level; and a pair that has had them. */
void exchange(SOCKET s, SOCKET t);
void tcp_used_pair(SOCKET *connected, SOCKET *accepted);
void set_nonblocking(SOCKET s, bool on);
/* Or TCP may hold a second small piece back. */
void send_promptly(SOCKET s);
/* Waits with select in one set: 'r', 'w' or 'x'. */
bool is_ready(SOCKET s, char which, int milliseconds);
void send_all(SOCKET s, const void *buffer, size_t length);
void recv_all(SOCKET s, void *buffer, size_t length);
/* Sends everything back; then closes the socket. */
void echo_until_end(SOCKET s);
void expect_end(SOCKET s);
/* End of stream as the peer's death may show it: 0, or 10054. */
void expect_end_or_reset(SOCKET s);
void close_both(SOCKET a, SOCKET b);

/* Whether the environment makes connections of this process with itself streams, and such with its peer. */
bool has_streams(void);
bool has_streams_to_peer(void);
/* What a connection surely takes from who does not wait, once who has read from it for long stops.  The system's says that
 * there is room when a third is free: where its reader stops shortly before that, it takes less than it could. */
size_t left_unread(bool is_stream);

/* One connection between the test and a peer process; either may be the listening end.  The peer's role is called with
 * "connect PORT ..." or "listen SLOT ..." as its first arguments and obtains its end by link_in_peer(). */
typedef enum link_way { PEER_CONNECTS, PEER_LISTENS } link_way_t;
enum { LINK_SLOT = 0 };
SOCKET link_to_peer(peer_t *peer, link_way_t way, const char *role, const char *format, ...)
    __attribute__((format(__MINGW_PRINTF_FORMAT, 4, 5)));
SOCKET link_in_peer(char **argv);

#endif
