/* net: the little that differs between WinSock 1.1 and POSIX sockets, for the bench's programs.
 * The Windows side uses winsock.h and -lwsock32 alone, as an old program would. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#include <winsock.h>
typedef SOCKET net_socket_t;
typedef int net_len_t;
#define NET_INVALID INVALID_SOCKET
#define NET_SHUT_SEND 1
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/select.h>
#include <sys/socket.h>
typedef int net_socket_t;
typedef socklen_t net_len_t;
#define NET_INVALID (-1)
#define NET_SHUT_SEND SHUT_WR
#endif

#define NET_BACKLOG 128

void net_startup(void);
void net_close(net_socket_t s);
int net_error(void);
void net_sleep_ms(unsigned ms);
void net_sleep_us(unsigned us);
/* Recv and send then fail at once, with net_would_block(), where they would wait. */
void net_set_blocking(net_socket_t s, bool blocking);
bool net_would_block(void);
uint64_t net_clock_ns(void);

/* CPU time this process has used in all its threads. The grain is 10 ms under Wine. */
double net_cpu_ms(void);

/* Sockets that a program asks about in one call: select, or where that knows too few, poll. */
typedef struct net_set net_set_t;
/* NULL: no memory. */
net_set_t *net_set_new(const net_socket_t *sockets, unsigned count);
void net_set_free(net_set_t *set);
/* How many are readable; `forever`: waits until one is, otherwise only looks. */
int net_set_readable(net_set_t *set, bool forever);
/* The n-th of those that the last call found. */
net_socket_t net_set_found(const net_set_t *set, unsigned n);

/* A stream socket of the AF_UNIX family: listening on `path`, or connected to it. NET_INVALID where there is none. */
net_socket_t net_unix_listen(const char *path);
net_socket_t net_unix_connect(const char *path);

#endif
