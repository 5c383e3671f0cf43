/* peer: see peer.h. */
#include "peer.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct offer {
    vmmc_ticket_t ticket;
    uint32_t mailbox;
} offer_t;

void peer_exchange(const peer_t *peer, const void *mine, void *theirs, size_t size)
{
    unit_check(write(peer->channel, mine, size) == (ssize_t)size);
    unit_check(read(peer->channel, theirs, size) == (ssize_t)size);
}

/* The ticket goes through the channel, and an empty one comes back once the other side has joined. */
static void meet(peer_t *peer)
{
    vmmc_identity_t other;
    offer_t offer = {0}, answer;
    vmmc_link_t *link;
    void *memory;
    peer_exchange(peer, vmmc_self(), &other, sizeof other);
    peer->other = (pid_t)other.pid;
    if (peer->side == 0) {
        unit_check(vmmc_link_open(&other, &link, &offer.ticket) == 0);
        unit_check(vmmc_mailbox_take(link, &offer.mailbox, &memory) == 0);
        peer_exchange(peer, &offer, &answer, sizeof offer);
    } else {
        unit_check(read(peer->channel, &offer, sizeof offer) == sizeof offer);
        unit_check(vmmc_link_join(&other, &offer.ticket, &link) == 0);
        unit_check(vmmc_mailbox_find(link, offer.mailbox, &memory) == 0);
        unit_check(write(peer->channel, &offer, sizeof offer) == sizeof offer);
    }
    stream_init(&peer->stream, &unit_kernel, (uintptr_t)peer->fd, peer->ring_bytes, peer->ring_max_bytes);
    stream_attach(&peer->stream, link, offer.mailbox, memory);
    char mine = 0, theirs;
    peer_exchange(peer, &mine, &theirs, 1); /* before that the other's stream may be the kernel's alone */
}

static _Noreturn void be(peer_t *peer, peer_role_t role)
{
    alarm(60);
    unit_start();
    meet(peer);
    unit_watch(&peer->watcher, &peer->stream, NULL);
    role(peer);
    unit_unwatch(&peer->watcher);
    unit_clean_dead();
    if (!load_relaxed(&peer->stream.closing))
        stream_close(&peer->stream, false);
    close(peer->fd);
    unit_clean();
    _exit(0);
}

void peer_run(peer_role_t first, peer_role_t second, uint32_t seed, uint32_t ring_bytes, uint32_t ring_max_bytes)
{
    int tcp[2], channel[2], status;
    peer_role_t roles[2] = {first, second};
    pid_t children[2];
    peer_board_t *board = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unit_check(board != MAP_FAILED);
    unit_tcp_pair(tcp);
    unit_check(socketpair(AF_UNIX, SOCK_STREAM, 0, channel) == 0);
    for (unsigned side = 0; side < 2; side++) {
        children[side] = fork();
        if (children[side] == 0) {
            static peer_t peer;
            peer = (peer_t){.side = side, .fd = tcp[side], .channel = channel[side], .seed = seed, .board = board,
                            .ring_bytes = ring_bytes, .ring_max_bytes = ring_max_bytes};
            close(tcp[1 - side]);
            close(channel[1 - side]);
            be(&peer, roles[side]);
        }
    }
    for (int i = 0; i < 2; i++) {
        close(tcp[i]);
        close(channel[i]);
    }
    for (int i = 0; i < 2; i++) {
        unit_check(waitpid(children[i], &status, 0) == children[i]);
        assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    }
    munmap(board, 4096);
}
