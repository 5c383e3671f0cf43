/* wire: sockets and checked data for the API test programs. */
#include "wire.h"

/* ---- flows ---- */

static uint64_t flow__word(uint64_t seed, uint64_t index)
{
    uint64_t x = seed + index * 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

flow_t flow_start(uint64_t salt) { return (flow_t){ .seed = harness_seed(salt) }; }

void flow_fill(flow_t *flow, void *buffer, size_t length)
{
    unsigned char *out = buffer;
    while (length > 0) {
        uint64_t word = flow__word(flow->seed, flow->offset / 8);
        size_t skip = flow->offset % 8, n = 8 - skip;
        n = n < length ? n : length;
        memcpy(out, (unsigned char *)&word + skip, n);
        out += n;
        length -= n;
        flow->offset += n;
    }
}

void flow_check(flow_t *flow, const void *buffer, size_t length)
{
    unsigned char expected[4096];
    const unsigned char *in = buffer;
    while (length > 0) {
        size_t n = length < sizeof expected ? length : sizeof expected;
        uint64_t offset = flow->offset;
        flow_fill(flow, expected, n);
        for (size_t i = 0; memcmp(in, expected, n) != 0 && i < n; i++) {
            if (in[i] != expected[i])
                FAIL("wrong byte at stream offset %llu: %02x, expected %02x", offset + i, in[i], expected[i]);
        }
        in += n;
        length -= n;
    }
}

/* Each power of two up to the largest is as likely as the other: many small sizes, a few large ones. */
static size_t flow__size(uint64_t *random, size_t largest)
{
    unsigned bits = 0;
    while ((largest >> bits) > 1)
        bits++;
    size_t n = 1 + random_below(random, 1u << (1 + random_below(random, bits + 1)));
    return n < largest ? n : largest;
}

static unsigned char *flow__buffer(size_t size)
{
    unsigned char *buffer = malloc(size);
    CHECK(buffer != NULL);
    return buffer;
}

void flow_send(SOCKET s, flow_t *flow, size_t length, size_t largest)
{
    uint64_t random = harness_seed(flow->offset + 1);
    unsigned char *buffer = flow__buffer(largest);
    while (length > 0) {
        size_t n = flow__size(&random, largest);
        n = n < length ? n : length;
        flow_fill(flow, buffer, n);
        send_all(s, buffer, n);
        length -= n;
    }
    free(buffer);
}

void flow_recv(SOCKET s, flow_t *flow, size_t length, size_t largest)
{
    uint64_t random = harness_seed(flow->offset + 2);
    unsigned char *buffer = flow__buffer(largest);
    while (length > 0) {
        size_t n = flow__size(&random, largest);
        harness_mark(__FILE__, __LINE__);
        int got = recv(s, (char *)buffer, (int)(n < length ? n : length), 0);
        if (got <= 0)
            FAIL("recv gave %d with %u bytes of a flow to come, after %llu", got, (unsigned)length, flow->offset);
        flow_check(flow, buffer, (size_t)got);
        length -= (size_t)got;
    }
    free(buffer);
}

/* ---- sockets ---- */

struct sockaddr_in loopback(unsigned short port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

SOCKET tcp_socket(void)
{
    SOCKET s = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(s != INVALID_SOCKET);
    return s;
}

unsigned short local_port(SOCKET s)
{
    struct sockaddr_in address;
    int length = sizeof address;
    CHECK_IS(0, getsockname(s, (struct sockaddr *)&address, &length));
    return ntohs(address.sin_port);
}

SOCKET tcp_listen(unsigned short *port)
{
    SOCKET s = tcp_socket();
    struct sockaddr_in address = loopback(0);
    CHECK_IS(0, bind(s, (struct sockaddr *)&address, sizeof address));
    CHECK_IS(0, listen(s, 64));
    *port = local_port(s);
    return s;
}

SOCKET tcp_connect(unsigned short port)
{
    SOCKET s = tcp_socket();
    struct sockaddr_in address = loopback(port);
    CHECK_IS(0, connect(s, (struct sockaddr *)&address, sizeof address));
    return s;
}

SOCKET tcp_accept(SOCKET listener)
{
    SOCKET s = accept(listener, NULL, NULL);
    CHECK(s != INVALID_SOCKET);
    return s;
}

void tcp_pair(SOCKET *connected, SOCKET *accepted)
{
    unsigned short port;
    SOCKET listener = tcp_listen(&port);
    *connected = tcp_connect(port);
    *accepted = tcp_accept(listener);
    CHECK_IS(0, closesocket(listener));
}

void exchange(SOCKET s, SOCKET t)
{
    char text[4];
    for (int i = 0; i < 3; i++) {
        send_all(s, "ping", 4);
        recv_all(t, text, 4);
        send_all(t, "pong", 4);
        recv_all(s, text, 4);
    }
}

void tcp_used_pair(SOCKET *connected, SOCKET *accepted)
{
    tcp_pair(connected, accepted);
    exchange(*connected, *accepted);
}

void set_nonblocking(SOCKET s, bool on)
{
    u_long value = on;
    CHECK_IS(0, ioctlsocket(s, FIONBIO, &value));
}

void send_promptly(SOCKET s)
{
    int on = 1;
    CHECK_IS(0, setsockopt(s, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on));
}

bool is_ready(SOCKET s, char which, int milliseconds)
{
    fd_set set = { .fd_count = 1, .fd_array = { s } };
    struct timeval timeout = { milliseconds / 1000, milliseconds % 1000 * 1000 };
    fd_set *sets[3] = { which == 'r' ? &set : NULL, which == 'w' ? &set : NULL, which == 'x' ? &set : NULL };
    int n = select(0, sets[0], sets[1], sets[2], &timeout);
    CHECK(n == 0 || n == 1);
    CHECK_IS(n, set.fd_count);
    return n == 1;
}

/* Wine 8's own send, waiting for room, ends when the other end half-closes: with what it has sent so far, 0 for nothing. */
void send_all(SOCKET s, const void *buffer, size_t length)
{
    const char *at = buffer;
    while (length > 0) {
        harness_mark(__FILE__, __LINE__);
        int n = send(s, at, (int)length, 0);
        if (n < 0 || (n == 0 && has_streams_to_peer()))
            FAIL("send of %u bytes gave %d", (unsigned)length, n);
        at += n;
        length -= (size_t)n;
    }
}

void recv_all(SOCKET s, void *buffer, size_t length)
{
    char *at = buffer;
    while (length > 0) {
        harness_mark(__FILE__, __LINE__);
        int n = recv(s, at, (int)length, 0);
        if (n <= 0)
            FAIL("recv with %u bytes to come gave %d", (unsigned)length, n);
        at += n;
        length -= (size_t)n;
    }
}

void echo_until_end(SOCKET s)
{
    static char buffer[65536];
    int n;
    while ((n = recv(s, buffer, sizeof buffer, 0)) > 0)
        send_all(s, buffer, (size_t)n);
    CHECK_IS(0, n);
    CHECK_IS(0, closesocket(s));
}

void expect_end(SOCKET s)
{
    char byte;
    CHECK_IS(0, recv(s, &byte, 1, 0));
    CHECK_IS(0, recv(s, &byte, 1, 0));
}

void expect_end_or_reset(SOCKET s)
{
    char byte;
    int n = recv(s, &byte, 1, 0);
    if (n != 0)
        CHECK_FAILS(WSAECONNRESET, n);
}

void close_both(SOCKET a, SOCKET b)
{
    CHECK_IS(0, closesocket(a));
    CHECK_IS(0, closesocket(b));
}

static bool is_ours(const char *dll) { return dll != NULL && strcmp(dll, "ours") == 0; }

bool has_streams(void)
{
    const char *enabled = getenv("VMMC_ENABLED");
    return is_ours(getenv("EXPECT_DLL")) && (enabled == NULL || strcmp(enabled, "0") != 0) &&
           getenv("VMMC_EXCLUDE_PORTS") == NULL;
}

bool has_streams_to_peer(void)
{
    const char *peer = getenv("API_PEER_DLL");
    return has_streams() && (peer == NULL || is_ours(peer));
}

size_t left_unread(bool is_stream) { return (is_stream ? 3 : 1) * 1024 * 1024; }

/* ---- links ---- */

static SOCKET link__listening(peer_t *peer, const char *role, const char *arguments)
{
    unsigned short port;
    SOCKET listener = tcp_listen(&port);
    *peer = peer_start(role, "connect %u %s", port, arguments);
    SOCKET s = tcp_accept(listener);
    CHECK_IS(0, closesocket(listener));
    return s;
}

static SOCKET link__connecting(peer_t *peer, const char *role, const char *arguments)
{
    *peer = peer_start(role, "listen %d %s", LINK_SLOT, arguments);
    return tcp_connect((unsigned short)slot_await(LINK_SLOT));
}

SOCKET link_to_peer(peer_t *peer, link_way_t way, const char *role, const char *format, ...)
{
    char arguments[256];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    return way == PEER_CONNECTS ? link__listening(peer, role, arguments) : link__connecting(peer, role, arguments);
}

SOCKET link_in_peer(char **argv)
{
    int number = atoi(argv[1]);
    if (strcmp(argv[0], "connect") == 0)
        return tcp_connect((unsigned short)number);
    unsigned short port;
    SOCKET listener = tcp_listen(&port);
    slot_post(number, port);
    SOCKET s = tcp_accept(listener);
    CHECK_IS(0, closesocket(listener));
    return s;
}
