/* kernel: the system's sockets as the layers below see them: non-blocking transfers, waits, names. */
#ifndef VMMC_KERNEL_H
#define VMMC_KERNEL_H

#include "shm_layout.h"
#include "stream.h"

extern const kernel_calls_t kernel_socket_calls;

/* The two names of a connected socket; false if it is not connected. */
bool kernel_names(uintptr_t socket, endpoint_t *self, endpoint_t *peer);
bool kernel_peer_name(uintptr_t socket, endpoint_t *peer);
/* What a program calls an Internet address, false: it is none.  Memory that the system has not read yet may be
 * anything only while the transport runs (trap.h). */
bool kernel_endpoint(const void *name, int length, endpoint_t *endpoint);
/* The name that a socket is bound to; false: none. */
bool kernel_own_name(uintptr_t socket, endpoint_t *self);
bool kernel_is_loopback(const endpoint_t *end);
/* True if it is an address at all, and not "any of mine". */
bool kernel_is_specific(const endpoint_t *end);
/* `self` NULL: only its peer is asked for. */
bool kernel_still_connected(uintptr_t socket, const endpoint_t *self, const endpoint_t *peer);
/* True if both ends are on this host. */
bool kernel_is_local(uintptr_t socket, const endpoint_t *self, const endpoint_t *peer);
/* 0 or a negative WSA code. */
int kernel_set_nonblocking(uintptr_t socket, bool on);
/* Which of these are true now, of KERNEL_READS, _WRITES and _EXCEPTS. */
enum kernel_readiness { KERNEL_READS = 1, KERNEL_WRITES = 2, KERNEL_EXCEPTS = 4 };
unsigned kernel_ready(uintptr_t socket, unsigned wanted);
/* Bytes that a receive would return now, without urgent ones aside. */
uint32_t kernel_pending(uintptr_t socket);
/* What a receive would find on a readable socket. */
input_t kernel_input(uintptr_t socket);
/* The error that a failed connect left; 0: none. */
int kernel_error(uintptr_t socket);
/* True if an urgent byte waits, or is next, that is not in line. */
bool kernel_has_urgent(uintptr_t socket);
bool kernel_at_mark(uintptr_t socket);
/* A handle of the socket driver for polls of others (kpoll): a whole socket, since Wine's server ends, with every program, if
 * anybody asks about one that is half made, as a bare handle of the driver is for ever; the program may, with a number that
 * it has closed.  A copy, which WSACleanup does not close.  NULL: none. */
void *kernel_open_endpoint(void);
/* Sleep until the socket is ready or `deadline` (os_now_us) has passed; 0, -WSAETIMEDOUT or what the system says. */
int kernel_wait_until(uintptr_t socket, bool writable, uint64_t deadline);

#endif
