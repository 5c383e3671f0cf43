/* sockets: the coming and going of sockets by their handles, and what is done for all of them. */
#ifndef VMMC_SOCKETS_BY_HANDLE_H
#define VMMC_SOCKETS_BY_HANDLE_H

#include "fdtab.h"

/* Enter a socket that the system has just made; `may_stream`: a TCP socket.  NULL: it stays unknown. */
sock_t *sockets_open(uintptr_t handle, bool may_stream);
/* A connection from `listener` (NULL: unknown), which passes its settings on. */
sock_t *sockets_accepted(uintptr_t handle, const sock_t *listener);
/* Forget the socket, if it is known, before the system closes it. */
void sockets_close(uintptr_t handle);
/* sock_demote(), if it is known. */
void sockets_demote(uintptr_t handle, const char *why);
/* Before the first socket: tell the watcher its duties. */
void sockets_start(void);

#endif
