/* peer: what both ends of a netbench connection say to each other, and the loops that move whole messages. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "net.h"

#define PEER_MAGIC 0x62746e76u
#define PEER_WARM_UP_SIZE 64
#define PEER_DATAGRAM_MAX 8192

typedef enum {
    TEST_RTT,
    TEST_MSGS,
    TEST_BW,
    TEST_FILE,
    TEST_IDLE,
    TEST_UDP,
    TEST_CROWD,   /* opens further connections, or closes them */
    TEST_SPREAD,  /* one way, a piece on each connection in turn */
    TEST_READY,   /* asks about sockets of which one has bytes */
    TEST_EMPTY,   /* asks about sockets of which none has */
    TEST_WAKE,    /* from a late answer to the end of the sleep for it */
    TEST_LOAD,    /* request, answer, a pause for thought */
    TEST_CONNECT, /* connect, one exchange, close */
    TEST_BRIEF,   /* connect, request, answer and its end by the server's close */
    TEST_ALONE,   /* both ends are the client's */
    /* The others need vmmc_sockets.h, or TransmitFile. */
    TEST_BORROW,
    TEST_VIEWS,
    TEST_LEND,
    TEST_TRANSMIT,
    TEST_COUNT
} test_t;

/* The first byte of a piece tells whether the client will send another in this test. */
#define PEER_MORE 'v'
#define PEER_LAST '.'

/* Begins a test; then exchanges of PEER_WARM_UP_SIZE bytes, up to the last; then the test. When it has ended the client
 * may ask for another. */
typedef struct {
    uint32_t magic;
    uint32_t test;
    uint32_t piece;      /* bytes in one send, and in the receiver's buffer */
    uint32_t wait;       /* peer_wait_t */
    uint32_t idle_ms;
    uint32_t pause_us;   /* TEST_WAKE: before each answer */
    uint64_t total;      /* TEST_FILE: length of the file; TEST_CROWD: connections beside this one */
} peer_request_t;

/* How a program comes to know that bytes are there. */
typedef enum { PEER_BLOCKS, PEER_SELECTS, PEER_POLLS } peer_wait_t;

typedef struct {
    peer_wait_t wait;
    net_set_t *set; /* PEER_SELECTS: whom to ask about; NULL: that one socket */
} peer_way_t;

/* What the receiver of a one-way test answers. */
typedef struct {
    uint64_t bytes;
    uint32_t checksum;
    uint32_t unused;
} peer_report_t;

_Static_assert(sizeof(peer_request_t) == 32 && sizeof(peer_report_t) == 16, "the same on every build");

#ifdef __GNUC__
__attribute__((noreturn, format(printf, 1, 2)))
#endif
void peer_die(const char *format, ...);

/* Memory that is kept from one test to the next. */
typedef struct {
    char *memory;
    size_t size;
} peer_room_t;

/* At least one byte, filled with PEER_MORE and thereby touched: fresh pages cost microseconds each under Wine. */
char *peer_buffer(size_t size);
/* As peer_buffer, but the same memory as before if that is large enough. */
char *peer_room(peer_room_t *room, size_t size);
void peer_wait_readable(net_socket_t s, net_set_t *set);

/* The first call of a message is made inline, as a program with nothing else to do would make it; what is left by it is
 * the business of the *_rest() calls. */
static inline int peer_length(size_t size)
{
    return size < 1u << 30 ? (int)size : 1 << 30;
}

/* `first`: what the first call has given. */
void peer_send_rest(net_socket_t s, const char *data, size_t size, int first);
size_t peer_receive_rest(net_socket_t s, char *data, size_t size, const peer_way_t *way, int first);

/* `size`: 1 or more. */
static inline void peer_send(net_socket_t s, const void *data, size_t size)
{
    int sent = (int)send(s, data, peer_length(size), 0);
    if (sent < 0 || (size_t)sent != size)
        peer_send_rest(s, data, size, sent);
}

/* Receives exactly `size` bytes, 1 or more, or fewer if the other end closes; returns how many.  `way` may be NULL: in a
 * blocking receive. */
static inline size_t peer_receive(net_socket_t s, void *data, size_t size, const peer_way_t *way)
{
    if (way && way->wait == PEER_SELECTS)
        peer_wait_readable(s, way->set);
    int got = (int)recv(s, data, peer_length(size), 0);
    return got > 0 && (size_t)got == size ? size : peer_receive_rest(s, data, size, way, got);
}

/* The same, but an early end is fatal. */
static inline void peer_receive_all(net_socket_t s, void *data, size_t size, const peer_way_t *way)
{
    size_t got = peer_receive(s, data, size, way);
    if (got != size)
        peer_die("the other end closed after %lu of %lu bytes", (unsigned long)got, (unsigned long)size);
}

#endif
