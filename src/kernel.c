/* kernel: see kernel.h. */
#include "kernel.h"

#include "nt.h"
#include "os.h"
#include "vmmc_copy.h"
#include "wsaerr.h"

#include <forward.h>
#include <wsock32_real.h>

#define AF_INET6_WINDOWS 23
#define SIO_ADDRESS_LIST_QUERY_CODE 0x48000016u

/* ---- moving bytes ---- */

static int result_of(int moved)
{
    if (moved >= 0)
        return moved;
    DWORD error = GetLastError();
    return error == WSAEWOULDBLOCK ? STREAM_AGAIN : error == WSAEFAULT ? STREAM_FAULT : STREAM_RESET;
}

static int kernel_send(uintptr_t socket, const void *bytes, uint32_t count)
{
    return result_of(real_send(socket, bytes, count > INT32_MAX ? INT32_MAX : (int)count, 0));
}

static int kernel_send_urgent(uintptr_t socket, const void *byte)
{
    return result_of(real_send(socket, byte, 1, MSG_OOB));
}

static int kernel_receive(uintptr_t socket, void *bytes, uint32_t count)
{
    return result_of(real_recv(socket, bytes, (int)count, 0));
}

static int kernel_peek(uintptr_t socket, void *bytes, uint32_t count)
{
    return result_of(real_recv(socket, bytes, (int)count, MSG_PEEK));
}

static void kernel_wait(uintptr_t socket, bool writable, unsigned ms)
{
    kernel_wait_until(socket, writable, os_now_us() + ms * 1000u);
}

static void kernel_shut(uintptr_t socket)
{
    real_shutdown(socket, 1);
}

uint32_t kernel_pending(uintptr_t socket)
{
    u_long waiting = 0;
    return real_ioctlsocket(socket, (long)FIONREAD, &waiting) == 0 ? (uint32_t)waiting : 0;
}

static void kernel_unblock(uintptr_t socket)
{
    kernel_set_nonblocking(socket, true);
}

const kernel_calls_t kernel_socket_calls = {.unblock = kernel_unblock,
                                           .send = kernel_send,
                                           .send_urgent = kernel_send_urgent,
                                           .receive = kernel_receive,
                                           .peek = kernel_peek,
                                           .pending = kernel_pending,
                                           .wait = kernel_wait,
                                           .shut = kernel_shut};

int kernel_set_nonblocking(uintptr_t socket, bool on)
{
    u_long value = on;
    return real_ioctlsocket(socket, (long)FIONBIO, &value) == 0 ? 0 : wsaerr_from_system();
}

int kernel_wait_until(uintptr_t socket, bool writable, uint64_t deadline)
{
    fd_set set = {.fd_count = 1, .fd_array = {socket}};
    struct timeval time, *timeout = NULL;
    if (deadline != STREAM_NEVER) {
        uint64_t now = os_now_us(), left = deadline > now ? deadline - now : 0;
        if (left > 3600000000u)
            left = 3600000000u;
        time = (struct timeval){(long)(left / 1000000u), (long)(left % 1000000u)};
        timeout = &time;
    }
    int ready = real_select(1, writable ? NULL : &set, writable ? &set : NULL, NULL, timeout);
    if (ready < 0)
        return wsaerr_from_system();
    return ready ? 0 : -WSAETIMEDOUT;
}

unsigned kernel_ready(uintptr_t socket, unsigned wanted)
{
    fd_set sets[3], *asked[3];
    struct timeval none = {0, 0};
    for (int i = 0; i < 3; i++) {
        sets[i] = (fd_set){.fd_count = 1, .fd_array = {socket}};
        asked[i] = wanted & 1u << i ? &sets[i] : NULL;
    }
    if (!wanted || real_select(1, asked[0], asked[1], asked[2], &none) <= 0)
        return 0;
    unsigned ready = 0;
    for (int i = 0; i < 3; i++)
        ready |= asked[i] && asked[i]->fd_count ? 1u << i : 0;
    return ready;
}

input_t kernel_input(uintptr_t socket)
{
    char byte;
    if (kernel_pending(socket))
        return INPUT_BYTES;
    int peeked = real_recv(socket, &byte, 1, MSG_PEEK);
    if (peeked >= 0)
        return peeked ? INPUT_BYTES : INPUT_END;
    return GetLastError() == WSAEWOULDBLOCK ? INPUT_NONE : INPUT_FAILED;
}

int kernel_error(uintptr_t socket)
{
    int error = 0, size = sizeof error;
    return real_getsockopt(socket, SOL_SOCKET, SO_ERROR, (char *)&error, &size) == 0 ? error : WSAENETDOWN;
}

bool kernel_has_urgent(uintptr_t socket)
{
    return kernel_ready(socket, KERNEL_EXCEPTS) != 0;
}

bool kernel_at_mark(uintptr_t socket)
{
    u_long not_at_mark = 1;
    return real_ioctlsocket(socket, (long)SIOCATMARK, &not_at_mark) == 0 && !not_at_mark;
}

/* ---- names ---- */

typedef union any_address {
    struct sockaddr header;
    struct sockaddr_in v4;
    struct {
        u_short family, port;
        u_long flow;
        uint8_t address[16];
        u_long scope;
    } v6;
} any_address_t;

static bool to_endpoint(const any_address_t *from, endpoint_t *to)
{
    memset(to, 0, sizeof *to);
    if (from->header.sa_family == AF_INET) {
        to->address[10] = to->address[11] = 0xff;
        memcpy(to->address + 12, &from->v4.sin_addr, 4);
        to->port = (uint16_t)(from->v4.sin_port >> 8 | from->v4.sin_port << 8);
        return true;
    }
    if (from->header.sa_family != AF_INET6_WINDOWS)
        return false;
    memcpy(to->address, from->v6.address, 16);
    to->port = (uint16_t)(from->v6.port >> 8 | from->v6.port << 8);
    return true;
}

bool kernel_endpoint(const void *name, int length, endpoint_t *endpoint)
{
    any_address_t copy;
    if (!name || length < (int)sizeof copy.v4 || !vmmc_copy(COPY_PLAIN, (uint8_t *)&copy, name, sizeof copy.v4))
        return false;
    if (copy.header.sa_family != AF_INET &&
        (length < (int)sizeof copy.v6 || !vmmc_copy(COPY_PLAIN, (uint8_t *)&copy, name, sizeof copy.v6)))
        return false;
    return to_endpoint(&copy, endpoint);
}

bool kernel_own_name(uintptr_t socket, endpoint_t *self)
{
    any_address_t name;
    int size = sizeof name;
    return real_getsockname(socket, &name.header, &size) == 0 && to_endpoint(&name, self);
}

bool kernel_peer_name(uintptr_t socket, endpoint_t *peer)
{
    any_address_t name;
    int size = sizeof name;
    return real_getpeername(socket, &name.header, &size) == 0 && to_endpoint(&name, peer);
}

bool kernel_names(uintptr_t socket, endpoint_t *self, endpoint_t *peer)
{
    return kernel_peer_name(socket, peer) && kernel_own_name(socket, self);
}

bool kernel_still_connected(uintptr_t socket, const endpoint_t *self, const endpoint_t *peer)
{
    endpoint_t self_now, peer_now;
    return kernel_peer_name(socket, &peer_now) && memcmp(peer, &peer_now, sizeof *peer) == 0 &&
           (!self || (kernel_own_name(socket, &self_now) && memcmp(self, &self_now, sizeof *self) == 0));
}

static bool is_v4(const endpoint_t *end)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(end->address, mapped, 12) == 0;
}

bool kernel_is_loopback(const endpoint_t *end)
{
    static const uint8_t v6_loopback[16] = {[15] = 1};
    return (is_v4(end) && end->address[12] == 127) || memcmp(end->address, v6_loopback, 16) == 0;
}

bool kernel_is_specific(const endpoint_t *end)
{
    static const uint8_t any[16];
    unsigned from = is_v4(end) ? 12 : 0;
    return memcmp(end->address + from, any, 16 - from) != 0;
}

/* Is that address one of the host's own?  Asked only for connections between two different ones. */
static bool is_own_address(uintptr_t socket, const endpoint_t *end)
{
    struct {
        int count;
        struct {
            struct sockaddr *address;
            int size;
        } list[64];
    } found;
    DWORD bytes = 0;
    int(WINAPI * ioctl)(SOCKET, DWORD, void *, DWORD, void *, DWORD, DWORD *, void *, void *) =
        forward_symbol(FORWARD_WS2_32, "WSAIoctl");
    if (!ioctl || ioctl(socket, SIO_ADDRESS_LIST_QUERY_CODE, NULL, 0, &found, sizeof found, &bytes, NULL, NULL) != 0)
        return false;
    for (int i = 0; i < found.count && i < 64; i++) {
        endpoint_t own;
        if (to_endpoint((any_address_t *)(void *)found.list[i].address, &own) &&
            memcmp(own.address, end->address, sizeof own.address) == 0)
            return true;
    }
    return false;
}

bool kernel_is_local(uintptr_t socket, const endpoint_t *self, const endpoint_t *peer)
{
    bool same = memcmp(self->address, peer->address, sizeof self->address) == 0;
    if (same)
        return self->port != peer->port; /* a connection to itself has only one end */
    return (kernel_is_loopback(self) && kernel_is_loopback(peer)) || is_own_address(socket, peer);
}

/* ---- a socket of the library's own ---- */

void *kernel_open_endpoint(void)
{
    SOCKET s = real_socket(AF_INET, SOCK_DGRAM, 0);
    if (s == INVALID_SOCKET)
        return NULL;
    real_shutdown(s, 2); /* both ways: who receives from it by mistake shall not wait */
    HANDLE copy = nt_copy_handle((HANDLE)s);
    real_closesocket(s);
    return copy;
}
