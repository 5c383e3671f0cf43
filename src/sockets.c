/* sockets: see sockets.h. */
#include "sockets.h"

#include "async.h"
#include "kernel.h"
#include "rendezvous.h"
#include "log.h"
#include "stray.h"
#include "vmmc_lend.h"
#include "watcher.h"

static void retire(sock_t *sock)
{
    async_forget(sock);
    sock_end(sock);
}

sock_t *sockets_open(uintptr_t handle, bool may_stream)
{
    sock_t *stale, *sock = fdtab_create(handle, &stale);
    if (stale)
        retire(stale);
    if (sock && may_stream) {
        store_relaxed(&sock->may_stream, 1);
        store_release(&sock->mode, SOCK_FRESH);
    } else if (!sock) {
        log_error("socket %lu: stays on the kernel: no memory for it here", (unsigned long)handle);
    }
    return sock;
}

/* What a listener that is not in the table hands down, above all window messages, only the system knows. */
sock_t *sockets_accepted(uintptr_t handle, const sock_t *listener)
{
    sock_t *sock = sockets_open(handle, listener && sock_mode(listener) == SOCK_FRESH);
    if (sock && listener)
        sock_inherit(sock, listener);
    return sock;
}

void sockets_close(uintptr_t handle)
{
    sock_t *sock = fdtab_remove(handle);
    if (sock)
        retire(sock);
}

void sockets_demote(uintptr_t handle, const char *why)
{
    sock_t *sock = fdtab_get(handle);
    if (sock)
        sock_demote(sock, why);
}

/* ---- the watcher's duties ---- */

static void serve_peer(sock_t *sock, void *unfinished)
{
    if (sock_mode(sock) == SOCK_USER && stream_serve_peer(&sock->stream))
        *(bool *)unfinished = true;
}

static unsigned serve_peers(const waiter_t *watcher)
{
    bool unfinished = false;
    (void)watcher;
    fdtab_each(serve_peer, &unfinished);
    vmmc_forget_freed();
    return unfinished ? 1 : WATCHER_IDLE;
}

static void kick_if_on_link(sock_t *sock, void *link)
{
    if (sock_mode(sock) == SOCK_USER && sock->stream.link == link)
        stream_kick(&sock->stream);
}

static void notice_death(vmmc_link_t *link)
{
    fdtab_each(kick_if_on_link, link);
    rendezvous_sweep();
}

static const watcher_duties_t duties = {.rounds = {serve_peers, async_serve, stray_round},
                                        .on_death = notice_death,
                                        .open_endpoint = kernel_open_endpoint};

void sockets_start(void)
{
    watcher_set_duties(&duties);
}
