/* async: WSAAsyncSelect for TCP sockets, whatever carries them: window messages, posted by us.
 *
 * Each event is posted once and then not again before the call that enables it (recv for FD_READ and FD_OOB, accept for
 * FD_ACCEPT, a send that would have blocked for FD_WRITE).  That call looks itself whether to post; for what comes later
 * the watcher is the waiter of the stream, or of a poll of the kernel socket.
 * Threads any.  One lock for all; it is taken before sock->lock and those of streams.
 * The thread's last error is kept. */
#ifndef VMMC_ASYNC_H
#define VMMC_ASYNC_H

#include "sock.h"

#include <winsock.h>

/* Select `events` (FD_*, 0: none) for the socket, in place of what was selected before.  False: it cannot be done here. */
bool async_select(sock_t *sock, HWND window, unsigned message, uint32_t events);
/* The system's own: the socket goes home first.  `sock`: NULL if it is not in the table.  As WSAAsyncSelect. */
int async_select_by_system(sock_t *sock, uintptr_t handle, HWND window, unsigned message, uint32_t events);
/* A connection from `listener` gets its selection; call it when the connection is in use (sock_connected()).  `sock`: NULL
 * if there was no memory for it. */
void async_inherit(sock_t *sock, uintptr_t handle, const sock_t *listener);
/* A connect was begun: its outcome is an event. */
void async_connecting(sock_t *sock);
/* True if the program has selected anything for the socket. */
static inline bool async_selects(const sock_t *sock)
{
    return __builtin_expect(load_relaxed(&sock->async_events) != 0, 0);
}
/* The program has made the call that enables these events again. */
void async_enable_selected(sock_t *sock, uint32_t events);
static inline void async_enable(sock_t *sock, uint32_t events)
{
    if (sock && async_selects(sock))
        async_enable_selected(sock, events);
}
/* The program has made a receive, of urgent data or not.  `got`: what came of it, or a negative WSA code; one into memory
 * that may not be touched enables nothing, the builtin's neither. */
void async_received_selected(sock_t *sock, bool urgent);
static inline void async_received(sock_t *sock, int got, bool urgent)
{
    if (sock && async_selects(sock) && got != -WSAEFAULT)
        async_received_selected(sock, urgent);
}
/* The socket is being closed: nothing more is posted for it. */
void async_forget(sock_t *sock);
/* The watcher's round (watcher.h): post what has become true, arm for the rest. */
unsigned async_serve(const waiter_t *watcher);

#endif
