/* transfer: byte-exact transfer between two processes: both directions at once, blocking and by select, and
 * several threads on one socket. */
#include "wire.h"

enum {
    DUPLEX_BYTES = 25 * 1024 * 1024, /* each way */
    SELECT_BYTES = 5 * 1024 * 1024,
    LARGEST = 128 * 1024,
    SENDERS = 4,
    SENDER_BYTES = 512 * 1024,
    RECORDS = 150,
    RECORD_LARGEST = 600
};

typedef struct direction {
    SOCKET s;
    flow_t flow;
    size_t length;
} direction_t;

static void send_direction(void *context)
{
    direction_t *d = context;
    flow_send(d->s, &d->flow, d->length, LARGEST);
    CHECK_IS(0, shutdown(d->s, 1));
}

static void recv_direction(void *context)
{
    direction_t *d = context;
    flow_recv(d->s, &d->flow, d->length, LARGEST);
    expect_end(d->s);
}

/* ---- both directions at once, a thread each ---- */

static void run_duplex(SOCKET s, uint64_t out, uint64_t in)
{
    worker_t sender;
    direction_t there = { s, flow_start(out), DUPLEX_BYTES }, back = { s, flow_start(in), DUPLEX_BYTES };
    worker_start(&sender, send_direction, &there);
    recv_direction(&back);
    worker_join(&sender);
    CHECK_IS(0, closesocket(s));
}

static void duplex_role(int argc, char **argv)
{
    (void)argc;
    run_duplex(link_in_peer(argv), 2, 1);
}

static void duplex(link_way_t way)
{
    peer_t peer;
    run_duplex(link_to_peer(&peer, way, "duplex", " "), 1, 2);
    peer_join(&peer);
}

static void duplex_with_connecting_peer(void **state)
{
    (void)state;
    duplex(PEER_CONNECTS);
}

static void duplex_with_listening_peer(void **state)
{
    (void)state;
    duplex(PEER_LISTENS);
}

/* ---- both directions at once, one thread, select ---- */

typedef struct pump {
    SOCKET s;
    uint64_t random;
    flow_t out, in;
    size_t to_send, to_recv;
    size_t held; /* bytes of `buffer` that are filled but not sent yet */
    size_t held_at;
    unsigned char buffer[65536];
} pump_t;

static void pump_send(pump_t *p)
{
    if (p->held == 0) {
        p->held = 1 + random_below(&p->random, sizeof p->buffer);
        p->held = p->held < p->to_send ? p->held : p->to_send;
        p->held_at = 0;
        flow_fill(&p->out, p->buffer, p->held);
    }
    int n = send(p->s, (char *)p->buffer + p->held_at, (int)p->held, 0);
    if (n == SOCKET_ERROR) {
        CHECK_FAILS(WSAEWOULDBLOCK, n);
        return;
    }
    CHECK(n > 0);
    p->held -= (size_t)n;
    p->held_at += (size_t)n;
    p->to_send -= (size_t)n;
    if (p->to_send == 0)
        CHECK_IS(0, shutdown(p->s, 1));
}

static void pump_recv(pump_t *p)
{
    unsigned char buffer[65536];
    int n = recv(p->s, (char *)buffer, (int)(1 + random_below(&p->random, sizeof buffer)), 0);
    if (n == SOCKET_ERROR) {
        CHECK_FAILS(WSAEWOULDBLOCK, n);
        return;
    }
    CHECK(n > 0);
    flow_check(&p->in, buffer, (size_t)n);
    CHECK((size_t)n <= p->to_recv);
    p->to_recv -= (size_t)n;
}

static void pump_run(SOCKET s, uint64_t out, uint64_t in)
{
    static pump_t p;
    p = (pump_t){ .s = s, .random = harness_seed(out), .out = flow_start(out), .in = flow_start(in),
                  .to_send = SELECT_BYTES, .to_recv = SELECT_BYTES };
    set_nonblocking(s, true);
    while (p.to_send > 0 || p.to_recv > 0) {
        fd_set readers = { .fd_count = p.to_recv > 0, .fd_array = { s } };
        fd_set writers = { .fd_count = p.to_send > 0, .fd_array = { s } };
        CHECK(select(0, &readers, &writers, NULL, NULL) > 0);
        if (FD_ISSET(s, &readers))
            pump_recv(&p);
        if (FD_ISSET(s, &writers))
            pump_send(&p);
    }
    CHECK(is_ready(s, 'r', 30000));
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

static void select_role(int argc, char **argv)
{
    (void)argc;
    pump_run(link_in_peer(argv), 4, 3);
}

static void duplex_nonblocking_by_select(void **state)
{
    peer_t peer;
    (void)state;
    pump_run(link_to_peer(&peer, PEER_CONNECTS, "select", " "), 3, 4);
    peer_join(&peer);
}

/* ---- several threads on one socket ---- */

typedef struct sender {
    SOCKET s;
    unsigned char number;
} sender_t;

static void send_own_number(void *context)
{
    sender_t *sender = context;
    unsigned char buffer[8192];
    uint64_t random = harness_seed(sender->number);
    memset(buffer, sender->number, sizeof buffer);
    for (size_t left = SENDER_BYTES; left > 0;) {
        size_t n = 1 + random_below(&random, sizeof buffer);
        n = n < left ? n : left;
        send_all(sender->s, buffer, n);
        left -= n;
    }
}

static void run_senders(SOCKET s, void (*run)(void *context))
{
    worker_t workers[SENDERS];
    sender_t senders[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (sender_t){ s, (unsigned char)i };
        worker_start(&workers[i], run, &senders[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        worker_join(&workers[i]);
    CHECK_IS(0, closesocket(s));
}

static void senders_role(int argc, char **argv)
{
    (void)argc;
    run_senders(link_in_peer(argv), send_own_number);
}

typedef struct counter {
    SOCKET s;
    size_t seen[SENDERS];
} counter_t;

static void count_numbers(void *context)
{
    counter_t *counter = context;
    unsigned char buffer[16384];
    int n;
    while ((n = recv(counter->s, (char *)buffer, sizeof buffer, 0)) > 0) {
        for (int i = 0; i < n; i++) {
            CHECK(buffer[i] < SENDERS);
            counter->seen[buffer[i]]++;
        }
    }
    CHECK_IS(0, n);
}

/* Nobody promises an order between threads, but every byte arrives once. */
static void threads_share_a_socket(void **state)
{
    peer_t peer;
    worker_t second;
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "senders", " ");
    counter_t here = { .s = s }, there = { .s = s };
    worker_start(&second, count_numbers, &there);
    count_numbers(&here);
    worker_join(&second);
    for (int i = 0; i < SENDERS; i++)
        CHECK_IS(SENDER_BYTES, here.seen[i] + there.seen[i]);
    peer_join(&peer);
    CHECK_IS(0, closesocket(s));
}

/* Less than the connection holds, so that no send has to wait and none may be torn apart by another's. */
typedef struct record {
    uint16_t length;
    uint16_t sender;
    uint32_t number;
    unsigned char data[RECORD_LARGEST];
} record_t;

enum { RECORD_HEAD = offsetof(record_t, data) };

static void send_records(void *context)
{
    sender_t *sender = context;
    uint64_t random = harness_seed(100u + sender->number);
    flow_t flow = flow_start(200u + sender->number);
    for (uint32_t i = 0; i < RECORDS; i++) {
        record_t record = { .sender = sender->number, .number = i };
        record.length = (uint16_t)(1 + random_below(&random, RECORD_LARGEST));
        flow_fill(&flow, record.data, record.length);
        CHECK_IS(RECORD_HEAD + record.length, send(sender->s, (char *)&record, RECORD_HEAD + record.length, 0));
    }
}

static void records_role(int argc, char **argv)
{
    (void)argc;
    run_senders(link_in_peer(argv), send_records);
}

static void small_sends_of_threads_stay_whole(void **state)
{
    peer_t peer;
    uint32_t expected[SENDERS] = { 0 };
    flow_t flows[SENDERS];
    (void)state;
    for (unsigned i = 0; i < SENDERS; i++)
        flows[i] = flow_start(200u + i);
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "records", " ");
    for (int i = 0; i < SENDERS * RECORDS; i++) {
        record_t record;
        recv_all(s, &record, RECORD_HEAD);
        CHECK(record.sender < SENDERS && record.length <= RECORD_LARGEST);
        CHECK_IS(expected[record.sender]++, record.number);
        recv_all(s, record.data, record.length);
        flow_check(&flows[record.sender], record.data, record.length);
    }
    expect_end(s);
    peer_join(&peer);
    CHECK_IS(0, closesocket(s));
}

/* A receiver that keeps up sees one small message per receive, on which old programs rely. */
static void ping_role(int argc, char **argv)
{
    (void)argc;
    char message[64];
    SOCKET s = link_in_peer(argv);
    for (;;) {
        int n = recv(s, message, sizeof message, 0);
        if (n == 0)
            break;
        CHECK_IS(sizeof message, n);
        CHECK_IS(n, send(s, message, n, 0));
    }
    CHECK_IS(0, closesocket(s));
}

static void small_messages_arrive_in_one_piece(void **state)
{
    peer_t peer;
    flow_t out = flow_start(7), in = flow_start(7);
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_LISTENS, "ping", " ");
    for (int i = 0; i < 3000; i++) {
        char message[64];
        flow_fill(&out, message, sizeof message);
        CHECK_IS(sizeof message, send(s, message, sizeof message, 0));
        CHECK_IS(sizeof message, recv(s, message, sizeof message, 0));
        flow_check(&in, message, sizeof message);
    }
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

static const role_t roles[] = {
    { "duplex", duplex_role },   { "select", select_role }, { "senders", senders_role },
    { "records", records_role }, { "ping", ping_role },
};

static const struct CMUnitTest tests[] = {
    CASE(duplex_with_connecting_peer),
    CASE(duplex_with_listening_peer),
    CASE(duplex_nonblocking_by_select),
    CASE(threads_share_a_socket),
    CASE(small_sends_of_threads_stay_whole),
    CASE(small_messages_arrive_in_one_piece),
};

HARNESS_MAIN(roles, tests)
