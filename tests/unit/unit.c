/* unit: see unit.h. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int kernel_result(ssize_t moved)
{
    if (moved >= 0)
        return (int)moved;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? STREAM_AGAIN : STREAM_RESET;
}

static int kernel_send(uintptr_t socket, const void *bytes, uint32_t count)
{
    return kernel_result(send((int)socket, bytes, count, MSG_NOSIGNAL));
}

static int kernel_receive(uintptr_t socket, void *bytes, uint32_t count)
{
    return kernel_result(recv((int)socket, bytes, count, 0));
}

static int kernel_peek(uintptr_t socket, void *bytes, uint32_t count)
{
    return kernel_result(recv((int)socket, bytes, count, MSG_PEEK));
}

static void kernel_wait(uintptr_t socket, bool writable, unsigned ms)
{
    struct pollfd waiting = {.fd = (int)socket, .events = writable ? POLLOUT : POLLIN};
    poll(&waiting, 1, (int)ms);
}

static void kernel_shut(uintptr_t socket)
{
    shutdown((int)socket, SHUT_WR);
}

const kernel_calls_t unit_kernel = {kernel_send, kernel_receive, kernel_peek, kernel_wait, kernel_shut};

void unit_tcp_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair[0], (struct sockaddr *)&address, size), 0);
    pair[1] = accept(listener, NULL, NULL);
    assert_true(pair[1] >= 0);
    close(listener);
    for (int i = 0; i < 2; i++)
        fcntl(pair[i], F_SETFL, O_NONBLOCK);
}

void unit_pair_open(unit_pair_t *pair, uint32_t ring_bytes, uint32_t ring_max_bytes)
{
    vmmc_link_t *link[2];
    vmmc_ticket_t ticket;
    uint32_t mailbox;
    void *memory[2];
    memset(pair, 0, sizeof *pair);
    unit_tcp_pair(pair->fd);
    assert_int_equal(vmmc_link_open(vmmc_self(), &link[0], &ticket), 0);
    assert_int_equal(vmmc_mailbox_take(link[0], &mailbox, &memory[0]), 0);
    assert_int_equal(vmmc_link_join(vmmc_self(), &ticket, &link[1]), 0);
    assert_int_equal(vmmc_mailbox_find(link[1], mailbox, &memory[1]), 0);
    for (int i = 0; i < 2; i++) {
        stream_init(&pair->end[i], &unit_kernel, (uintptr_t)pair->fd[i], ring_bytes, ring_max_bytes);
        stream_attach(&pair->end[i], link[i], mailbox, memory[i]);
    }
}

void unit_pair_close(unit_pair_t *pair)
{
    for (int i = 0; i < 2; i++) {
        if (!load_relaxed(&pair->end[i].closing))
            stream_close(&pair->end[i], false);
        close(pair->fd[i]);
    }
}
