/* channel: include/vmmc_channel.h, which must do the same whether or not there is a library below it: every case runs
 * with each mix of ways at the two ends, and what the library cannot do here is done by copies. */
#include "wire.h"

#include "vmmc_channel.h"

enum {
    BULK = 3 * 1024 * 1024,
    PIECE = 50000,
    PARCEL = VMMC_WINDOW_BYTES + 12345, /* two windows, the second too small to lend */
    LENDABLE = 300000,
    BUFFERS = 5
};

typedef struct ends {
    SOCKET s, t;
    vmmc_channel_t a, b;
} ends_t;

static const uint32_t ways[] = { VMMC_BY_COPIES, VMMC_BY_VIEWS, VMMC_BY_VIEWS | VMMC_BY_LOANS };

/* All ways of the library, or none if there is none. */
static uint32_t ways_of(SOCKET s)
{
    vmmc_ask_t ask = { .size = sizeof ask };
    return ioctlsocket(s, VMMC_IO_ASK, (u_long *)&ask) == 0 ? ask.ways : 0;
}

static bool library_is_there(SOCKET s)
{
    vmmc_ask_t ask = { .size = sizeof ask };
    return ioctlsocket(s, VMMC_IO_ASK, (u_long *)&ask) == 0;
}

/* With the library, both directions in rings: what a channel is allowed is then also done. */
static void pair_in_rings(SOCKET *s, SOCKET *t)
{
    const uint32_t rings = VMMC_SENDS_BY_RING | VMMC_RECEIVES_BY_RING;
    tcp_used_pair(s, t);
    while (library_is_there(*s) && (ways_of(*s) & ways_of(*t) & rings) != rings)
        exchange(*s, *t);
}

static void ends_open(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    pair_in_rings(&e->s, &e->t);
    send_promptly(e->s);
    send_promptly(e->t);
    vmmc_channel_open(&e->a, e->s, ways_a);
    vmmc_channel_open(&e->b, e->t, ways_b);
}

static void ends_close(ends_t *e)
{
    vmmc_channel_close(&e->a);
    vmmc_channel_close(&e->b);
    close_both(e->s, e->t);
}

static void greet(void *context) { CHECK_IS(0, vmmc_channel_greet(context)); }

static void ends_open_greeted(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    worker_t worker;
    ends_open(e, ways_a, ways_b);
    worker_start(&worker, greet, &e->b);
    greet(&e->a);
    worker_join(&worker);
}

/* Runs `run` for each mix. */
static void with_all_ways(void (*run)(ends_t *e, uint32_t ways_a, uint32_t ways_b))
{
    ends_t e;
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
        for (size_t k = 0; k < ARRAY_SIZE(ways); k++)
            run(&e, ways[i], ways[k]);
}

/* ---- views ---- */

static void fill_view(const vmmc_view_t *view, flow_t *flow)
{
    flow_fill(flow, view->spans[0].bytes, view->spans[0].count);
    flow_fill(flow, view->spans[1].bytes, view->spans[1].count);
}

static void check_view(const vmmc_view_t *view, flow_t *flow, uint32_t count)
{
    uint32_t first = count < view->spans[0].count ? count : view->spans[0].count;
    flow_check(flow, view->spans[0].bytes, first);
    flow_check(flow, view->spans[1].bytes, count - first);
}

static void check_spans(const vmmc_view_t *view, uint32_t wanted)
{
    CHECK(view->count <= wanted);
    CHECK_IS(view->count, view->spans[0].count + view->spans[1].count);
}

/* Reserves up to `most` bytes, commits a part of them. */
static uint32_t put(vmmc_channel_t *c, flow_t *flow, uint32_t most, uint64_t *random)
{
    vmmc_view_t view = { .count = most };
    CHECK_IS(0, vmmc_reserve(c, &view));
    CHECK(view.count >= 1);
    check_spans(&view, most);
    flow_t ahead = *flow;
    fill_view(&view, &ahead);
    uint32_t part = view.count = random_below(random, view.count + 1);
    CHECK_IS(0, vmmc_commit(c, &view));
    CHECK_IS(part, view.count);
    flow->offset += part;
    return part;
}

/* Borrows up to `most` bytes, releases a part of them; false at the end. */
static bool take(vmmc_channel_t *c, flow_t *flow, uint32_t most, uint64_t *random)
{
    vmmc_view_t view = { .count = most };
    CHECK_IS(0, vmmc_borrow(c, &view));
    check_spans(&view, most);
    if (view.count == 0)
        return false;
    flow_t ahead = *flow;
    check_view(&view, &ahead, view.count);
    view.count = random_below(random, view.count + 1);
    flow->offset += view.count;
    CHECK_IS(0, vmmc_release(c, &view));
    return true;
}

static void put_bulk(void *context)
{
    vmmc_channel_t *c = context;
    flow_t flow = flow_start(1);
    uint64_t random = harness_seed(5);
    while (flow.offset < BULK)
        put(c, &flow, 1 + random_below(&random, PIECE), &random);
    CHECK_IS(0, shutdown(c->socket, 1));
}

static void run_views(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    worker_t worker;
    flow_t flow = flow_start(1);
    uint64_t random = harness_seed(6);
    ends_open(e, ways_a, ways_b);
    worker_start(&worker, put_bulk, &e->a);
    while (take(&e->b, &flow, 1 + random_below(&random, PIECE), &random))
        continue;
    CHECK(flow.offset >= BULK);
    worker_join(&worker);
    /* It began in the ring; if the reader is slow, some of it may go by the kernel. */
    if (e->a.ways & VMMC_BY_VIEWS)
        CHECK(e->a.sent_copied < flow.offset);
    if (e->a.ways & e->b.ways & VMMC_BY_VIEWS)
        CHECK(e->b.received_copied < flow.offset);
    ends_close(e);
}

static void views_carry_the_stream(void **state)
{
    (void)state;
    with_all_ways(run_views);
}

static void send_plainly(void *context)
{
    flow_t flow = flow_start(2);
    vmmc_channel_t *c = context;
    flow_send(c->socket, &flow, BULK, PIECE);
    CHECK_IS(0, shutdown(c->socket, 1));
}

/* The other end need not know of channels, and one end may mix the calls that send, or those that receive. */
static void run_mixed_calls(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    worker_t worker;
    flow_t flow = flow_start(2), back = flow_start(3);
    uint64_t random = harness_seed(7);
    char buffer[PIECE];
    ends_open(e, ways_a, ways_b);
    worker_start(&worker, send_plainly, &e->a);
    while (take(&e->b, &flow, 1 + random_below(&random, PIECE), &random)) {
        int n = vmmc_receive(&e->b, buffer, 1 + random_below(&random, 3000));
        CHECK(n >= 0);
        flow_check(&flow, buffer, (size_t)n);
    }
    CHECK_IS(BULK, flow.offset);
    worker_join(&worker);
    while (back.offset < PIECE) {
        put(&e->b, &back, 1000, &random);
        flow_send(e->t, &back, 100, 100);
    }
    flow_t expected = flow_start(3);
    flow_recv(e->s, &expected, (size_t)back.offset, PIECE);
    ends_close(e);
}

static void views_mix_with_send_and_recv(void **state)
{
    (void)state;
    with_all_ways(run_mixed_calls);
}

static void send_text(vmmc_channel_t *c, const char *text) { CHECK_IS(0, vmmc_send_all(c, text, (uint32_t)strlen(text))); }

static void expect_view_text(vmmc_view_t *view, const char *text)
{
    char joined[64];
    CHECK_IS(strlen(text), view->count);
    CHECK(view->count <= sizeof joined);
    memcpy(joined, view->spans[0].bytes, view->spans[0].count);
    memcpy(joined + view->spans[0].count, view->spans[1].bytes, view->spans[1].count);
    CHECK(memcmp(joined, text, view->count) == 0);
}

static void await_pending(vmmc_channel_t *c, u_long count)
{
    u_long there = 0;
    while (there < count) {
        CHECK(is_ready(c->socket, 'r', 10000));
        CHECK_IS(0, ioctlsocket(c->socket, FIONREAD, &there));
    }
}

static void run_borrow_again(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    ends_open(e, ways_a, ways_b);
    vmmc_view_t view = { .count = 40 };
    send_text(&e->a, "first");
    await_pending(&e->b, 5);
    CHECK_IS(0, vmmc_borrow(&e->b, &view));
    expect_view_text(&view, "first");
    send_text(&e->a, "then");
    do { /* what comes meanwhile is no fault */
        view.count = 40;
        CHECK_IS(0, vmmc_borrow(&e->b, &view));
    } while (view.count < 9);
    expect_view_text(&view, "firstthen");
    view.count = 3;
    CHECK_IS(0, vmmc_release(&e->b, &view));
    view.count = 4;
    CHECK_IS(0, vmmc_borrow(&e->b, &view));
    expect_view_text(&view, "stth");
    view.count = 0;
    CHECK_IS(0, vmmc_release(&e->b, &view));
    char rest[6];
    CHECK_IS(0, vmmc_receive_all(&e->b, rest, 6));
    CHECK(memcmp(rest, "stthen", 6) == 0);
    CHECK_IS(0, shutdown(e->s, 1));
    for (int i = 0; i < 2; i++) {
        view.count = 40;
        CHECK_IS(0, vmmc_borrow(&e->b, &view));
        CHECK_IS(0, view.count);
    }
    CHECK_FAILS(WSAECONNRESET, vmmc_receive_all(&e->b, rest, 1));
    ends_close(e);
}

static void what_is_borrowed_again_begins_at_the_same_byte(void **state)
{
    (void)state;
    with_all_ways(run_borrow_again);
}

/* Borrows until that many are there. */
static vmmc_view_t borrow_at_least(vmmc_channel_t *c, uint32_t count)
{
    vmmc_view_t view = { 0 };
    while (view.count < count) {
        view.count = count;
        CHECK_IS(0, vmmc_borrow(c, &view));
    }
    return view;
}

static void send_twice_the_buffer(void *context)
{
    flow_t flow = flow_start(11);
    flow_send(((vmmc_channel_t *)context)->socket, &flow, 2 * VMMC_BUFFER_BYTES, PIECE);
}

/* What is left at the end of the channel's own buffer makes room for what comes. */
static void a_full_buffer_is_borrowed_again(void **state)
{
    ends_t e;
    worker_t worker;
    flow_t flow = flow_start(11);
    (void)state;
    ends_open(&e, VMMC_BY_COPIES, VMMC_BY_COPIES);
    worker_start(&worker, send_twice_the_buffer, &e.a);
    vmmc_view_t view = borrow_at_least(&e.b, VMMC_BUFFER_BYTES);
    view.count = VMMC_BUFFER_BYTES - 10;
    check_view(&view, &flow, view.count);
    CHECK_IS(0, vmmc_release(&e.b, &view));
    view = borrow_at_least(&e.b, 10);
    view = borrow_at_least(&e.b, VMMC_BUFFER_BYTES);
    check_view(&view, &flow, view.count);
    CHECK_IS(0, vmmc_release(&e.b, &view));
    view = borrow_at_least(&e.b, 10);
    check_view(&view, &flow, view.count);
    CHECK_IS(2 * VMMC_BUFFER_BYTES, flow.offset);
    CHECK_IS(0, vmmc_release(&e.b, &view));
    worker_join(&worker);
    ends_close(&e);
}

static void run_wrong_sending(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    char elsewhere[8];
    vmmc_view_t view = { .count = 4, .spans = { { elsewhere, 4 } } }, other = { .count = 4 };
    ends_open(e, ways_a, ways_b);
    CHECK_FAILS(WSAEINVAL, vmmc_commit(&e->a, &(vmmc_view_t){ .size = sizeof view, .count = 4 }));
    CHECK_FAILS(WSAEINVAL, vmmc_reserve(&e->a, &(vmmc_view_t){ .count = 0 }));
    CHECK_IS(0, vmmc_reserve(&e->a, &view));
    CHECK_FAILS(WSAEINPROGRESS, vmmc_reserve(&e->a, &other));
    vmmc_view_t foreign = view, beyond = view;
    foreign.spans[0].bytes = elsewhere;
    CHECK_FAILS(WSAEFAULT, vmmc_commit(&e->a, &foreign));
    beyond.count = view.count + 1;
    CHECK_FAILS(WSAEINVAL, vmmc_commit(&e->a, &beyond));
    CHECK_IS(4, view.count);
    memcpy(view.spans[0].bytes, "good", view.spans[0].count);
    memcpy(view.spans[1].bytes, "good" + view.spans[0].count, view.spans[1].count);
    CHECK_IS(0, vmmc_commit(&e->a, &view));
    CHECK_FAILS(WSAEINVAL, vmmc_commit(&e->a, &view));
    recv_all(e->t, elsewhere, 4);
    CHECK(memcmp(elsewhere, "good", 4) == 0);
    ends_close(e);
}

static void wrong_use_of_a_reservation_harms_nothing(void **state)
{
    (void)state;
    with_all_ways(run_wrong_sending);
}

static void run_wrong_receiving(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    char elsewhere[8];
    vmmc_view_t view = { .count = 4 };
    ends_open(e, ways_a, ways_b);
    send_text(&e->a, "good");
    await_pending(&e->b, 4);
    CHECK_FAILS(WSAEINVAL, vmmc_release(&e->b, &(vmmc_view_t){ .size = sizeof view, .count = 4 }));
    CHECK_FAILS(WSAEINVAL, vmmc_borrow(&e->b, &(vmmc_view_t){ .count = 0 }));
    CHECK_IS(0, vmmc_borrow(&e->b, &view));
    vmmc_view_t foreign = view, beyond = view;
    foreign.spans[0].bytes = elsewhere;
    CHECK_FAILS(WSAEFAULT, vmmc_release(&e->b, &foreign));
    beyond.count = view.count + 1;
    CHECK_FAILS(WSAEINVAL, vmmc_release(&e->b, &beyond));
    CHECK_FAILS(WSAEINPROGRESS, vmmc_receive(&e->b, elsewhere, 1));
    expect_view_text(&view, "good");
    CHECK_IS(0, vmmc_release(&e->b, &view));
    CHECK_FAILS(WSAEINVAL, vmmc_release(&e->b, &view));
    ends_close(e);
}

static void wrong_use_of_a_borrowing_harms_nothing(void **state)
{
    (void)state;
    with_all_ways(run_wrong_receiving);
}

/* Everything that the other end will take; the sizes of the commits vary. */
static uint64_t put_until_full(vmmc_channel_t *c, flow_t *flow, uint64_t *random)
{
    for (;;) {
        vmmc_view_t view = { .count = 1 + random_below(random, PIECE) };
        if (vmmc_reserve(c, &view)) {
            CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
            return flow->offset;
        }
        flow_t ahead = *flow;
        fill_view(&view, &ahead);
        uint32_t wanted = view.count;
        while (wanted && vmmc_commit(c, &view) == 0) {
            flow->offset += view.count;
            wanted -= view.count;
            view.count = wanted;
        }
        if (wanted == 0)
            continue;
        CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
        view.count = 0;
        CHECK_IS(0, vmmc_commit(c, &view));
        return flow->offset;
    }
}

static void run_nonblocking(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    flow_t out = flow_start(4), in = flow_start(4);
    uint64_t random = harness_seed(8);
    vmmc_view_t view = { .count = 10 };
    ends_open(e, ways_a, ways_b);
    set_nonblocking(e->s, true);
    set_nonblocking(e->t, true);
    CHECK_FAILS(WSAEWOULDBLOCK, vmmc_borrow(&e->b, &view));
    for (int round = 0; round < 3; round++) {
        put_until_full(&e->a, &out, &random);
        while (in.offset < out.offset) {
            view.count = 1 + random_below(&random, PIECE);
            if (vmmc_borrow(&e->b, &view)) {
                CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
                CHECK(is_ready(e->t, 'r', 10000));
                continue;
            }
            check_view(&view, &in, view.count);
            CHECK_IS(0, vmmc_release(&e->b, &view));
        }
    }
    CHECK_IS(0, vmmc_buffered(&e->b));
    ends_close(e);
}

static void views_do_not_block_if_the_socket_does_not(void **state)
{
    (void)state;
    with_all_ways(run_nonblocking);
}

static void send_all_of_bulk(void *context)
{
    vmmc_channel_t *c = context;
    flow_t flow = flow_start(5);
    char *bytes = malloc(BULK);
    CHECK(bytes != NULL);
    flow_fill(&flow, bytes, BULK);
    for (int i = 0; i < 3; i++)
        CHECK_IS(0, vmmc_send_all(c, bytes, BULK));
    free(bytes);
}

static void run_all(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    worker_t worker;
    char *bytes = malloc(BULK);
    CHECK(bytes != NULL);
    ends_open(e, ways_a, ways_b);
    set_nonblocking(e->s, true);
    set_nonblocking(e->t, true);
    worker_start(&worker, send_all_of_bulk, &e->a);
    for (int i = 0; i < 3; i++) {
        flow_t flow = flow_start(5);
        CHECK_IS(0, vmmc_receive_all(&e->b, bytes, BULK));
        flow_check(&flow, bytes, BULK);
    }
    worker_join(&worker);
    free(bytes);
    ends_close(e);
}

static void all_of_it_moves_whatever_the_mode(void **state)
{
    (void)state;
    with_all_ways(run_all);
}

/* Without rings small pieces are taken together, and select does not see them any more. */
static void what_was_read_ahead_is_told(void **state)
{
    ends_t e;
    char byte;
    (void)state;
    ends_open(&e, VMMC_BY_COPIES, VMMC_BY_COPIES);
    send_text(&e.a, "ahead");
    await_pending(&e.b, 5);
    CHECK_IS(1, vmmc_receive(&e.b, &byte, 1));
    CHECK_IS(4, vmmc_buffered(&e.b));
    CHECK(!is_ready(e.t, 'r', 0));
    ends_close(&e);
}

static void copies_can_be_forced(void **state)
{
    ends_t e;
    (void)state;
    ends_open(&e, VMMC_BY_VIEWS | VMMC_BY_LOANS, VMMC_BY_COPIES);
    CHECK_IS(library_is_there(e.s) ? VMMC_BY_VIEWS | VMMC_BY_LOANS : 0, e.a.ways);
    CHECK_IS(0, e.b.ways);
    vmmc_view_t view = { .count = 4 };
    CHECK_IS(0, vmmc_reserve(&e.b, &view));
    CHECK(view.spans[0].bytes == e.b.out);
    view.count = 0;
    CHECK_IS(0, vmmc_commit(&e.b, &view));
    ends_close(&e);
}

/* ---- memory ---- */

static HANDLE file_of(flow_t flow, size_t length)
{
    char folder[MAX_PATH], path[MAX_PATH], *bytes = malloc(length + 1);
    DWORD count;
    CHECK(bytes != NULL);
    flow_fill(&flow, bytes, length);
    CHECK(GetTempPathA(sizeof folder, folder) != 0);
    CHECK(GetTempFileNameA(folder, "vmc", 0, path) != 0);
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_FLAG_DELETE_ON_CLOSE | FILE_ATTRIBUTE_TEMPORARY, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, bytes, (DWORD)length, &count, NULL));
    free(bytes);
    return file;
}

static void memory_is_there_with_and_without_the_library(void **state)
{
    ends_t e;
    vmmc_memory_t memory;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        ends_open(&e, ways[i], ways[i]);
        CHECK_FAILS(WSAEINVAL, vmmc_allocate_memory(&e.a, &memory, 0, VMMC_OTHERS_READ));
        CHECK_FAILS(WSAENOBUFS, vmmc_allocate_memory(&e.a, &memory, UINT64_MAX / 2, VMMC_OTHERS_READ));
        CHECK_IS(0, vmmc_allocate_memory(&e.a, &memory, 10000, VMMC_OTHERS_WRITE));
        CHECK_IS(0, (uintptr_t)memory.base % 4096);
        for (int k = 0; k < 10000; k++)
            CHECK(((char *)memory.base)[k] == 0);
        memset(memory.base, 1, 10000);
        CHECK_IS(0, vmmc_free_memory(&e.a, &memory));
        CHECK(memory.base == NULL);
        HANDLE file = file_of(flow_start(1), 777);
        CHECK_IS(0, vmmc_open_file(&memory, file));
        CHECK_IS(777, memory.length);
        CHECK(memory.base == NULL);
        CHECK_IS(0, vmmc_free_memory(&e.a, &memory));
        CHECK_IS(SOCKET_ERROR, vmmc_open_file(&memory, file));
        CHECK_IS(ERROR_INVALID_HANDLE, GetLastError());
        ends_close(&e);
    }
}

/* ---- parcels ---- */

static void memory_of(vmmc_channel_t *c, vmmc_memory_t *memory, flow_t flow, uint32_t length, bool is_file)
{
    if (is_file) {
        CHECK_IS(0, vmmc_open_file(memory, file_of(flow, length)));
        return;
    }
    CHECK_IS(0, vmmc_allocate_memory(c, memory, length, VMMC_OTHERS_READ));
    flow_fill(&flow, memory->base, length);
}

typedef struct parcel_sender {
    vmmc_channel_t *channel;
    bool is_file;
} parcel_sender_t;

static const uint32_t parcel_lengths[] = { 0, 1, 5000, VMMC_LOAN_LEAST - 1, VMMC_LOAN_LEAST, PARCEL - 7 };
enum { PARCELS_LENT = 1 + 1 }; /* windows, of the last two */

/* One memory, and a parcel from byte 7 on for each length; the contexts come back, each once. */
static void send_parcels(void *context)
{
    parcel_sender_t *sender = context;
    vmmc_memory_t memory;
    unsigned seen = 0;
    memory_of(sender->channel, &memory, flow_start(9), PARCEL, sender->is_file);
    for (size_t i = 0; i < ARRAY_SIZE(parcel_lengths); i++)
        CHECK_IS(0, vmmc_send_memory(sender->channel, &memory, 7, parcel_lengths[i], (void *)(i + 1)));
    CHECK_FAILS(WSAEINVAL, vmmc_send_memory(sender->channel, &memory, 8, PARCEL - 7, NULL));
    for (size_t i = 0; i < ARRAY_SIZE(parcel_lengths); i++) {
        void *back;
        CHECK_IS(0, vmmc_reclaim(sender->channel, &back));
        seen |= 1u << (uintptr_t)back;
    }
    CHECK_IS((2u << ARRAY_SIZE(parcel_lengths)) - 2, seen);
    CHECK_FAILS(WSAEINVAL, vmmc_reclaim(sender->channel, &(void *){ NULL }));
    CHECK_IS(0, vmmc_free_memory(sender->channel, &memory));
}

/* How many windows of it were lent. */
static unsigned expect_parcel(vmmc_channel_t *c, uint32_t length, uint32_t enough)
{
    unsigned lent = 0;
    vmmc_parcel_t parcel;
    flow_t flow = flow_start(9);
    const void *bytes;
    uint32_t count = 1;
    flow.offset = 7;
    CHECK_IS(0, vmmc_receive_parcel(c, &parcel));
    CHECK_IS(length, parcel.length);
    while (count && length - parcel.left < enough) {
        CHECK_IS(0, vmmc_parcel_next(c, &parcel, &bytes, &count));
        flow_check(&flow, bytes, count);
        CHECK_IS(flow.offset - 7, parcel.length - parcel.left);
        lent += parcel.accepted != NULL;
    }
    CHECK_IS(0, vmmc_parcel_done(c, &parcel));
    CHECK_IS(0, parcel.left);
    return lent;
}

static void run_parcels(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    for (int is_file = 0; is_file < 2; is_file++) {
        worker_t worker;
        unsigned lent = 0;
        ends_open_greeted(e, ways_a, ways_b);
        parcel_sender_t sender = { &e->a, is_file };
        worker_start(&worker, send_parcels, &sender);
        for (size_t i = 0; i < ARRAY_SIZE(parcel_lengths); i++)
            lent += expect_parcel(&e->b, parcel_lengths[i], i == 4 ? 100 : UINT32_MAX);
        worker_join(&worker);
        CHECK_IS(e->a.ways & e->b.ways & VMMC_BY_LOANS ? PARCELS_LENT : 0, lent);
        CHECK_IS(0, e->a.loans);
        ends_close(e);
    }
}

static void parcels_of_every_length(void **state)
{
    (void)state;
    with_all_ways(run_parcels);
}

static void parcels_role(int argc, char **argv)
{
    (void)argc;
    SOCKET s = link_in_peer(argv);
    vmmc_channel_t channel;
    vmmc_channel_open(&channel, s, VMMC_BY_VIEWS | VMMC_BY_LOANS);
    greet(&channel);
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < ARRAY_SIZE(parcel_lengths); k++)
            expect_parcel(&channel, parcel_lengths[k], UINT32_MAX);
    vmmc_channel_close(&channel);
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

static void parcels_to_another_process(void **state)
{
    peer_t peer;
    vmmc_channel_t channel;
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "parcels", " ");
    vmmc_channel_open(&channel, s, VMMC_BY_VIEWS | VMMC_BY_LOANS);
    greet(&channel);
    for (int i = 0; i < 2; i++) {
        parcel_sender_t sender = { &channel, i != 0 };
        send_parcels(&sender);
    }
    vmmc_channel_close(&channel);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

/* Several replies in lent buffers, kept while the next ones come. Not if they come by copies: one at a time then. */
static void run_kept_parcels(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    vmmc_memory_t memory[BUFFERS];
    vmmc_parcel_t parcel[BUFFERS];
    const void *bytes[BUFFERS];
    uint32_t count[BUFFERS];
    ends_open_greeted(e, ways_a, ways_b);
    for (int i = 0; i < BUFFERS; i++) {
        memory_of(&e->a, &memory[i], flow_start(10 + (uint64_t)i), LENDABLE, false);
        CHECK_IS(0, vmmc_send_memory(&e->a, &memory[i], 0, LENDABLE, &memory[i]));
    }
    for (int i = 0; i < BUFFERS; i++) {
        CHECK_IS(0, vmmc_receive_parcel(&e->b, &parcel[i]));
        CHECK_IS(0, vmmc_parcel_next(&e->b, &parcel[i], &bytes[i], &count[i]));
        if (!parcel[i].accepted)
            CHECK_IS(0, vmmc_parcel_done(&e->b, &parcel[i]));
    }
    for (int i = BUFFERS - 1; i >= 0; i--) {
        flow_t flow = flow_start(10 + (uint64_t)i);
        if (!parcel[i].accepted)
            continue;
        CHECK_IS(LENDABLE, count[i]);
        flow_check(&flow, bytes[i], LENDABLE);
        CHECK_IS(0, vmmc_parcel_done(&e->b, &parcel[i]));
    }
    for (int i = 0; i < BUFFERS; i++) {
        void *back;
        CHECK_IS(0, vmmc_reclaim(&e->a, &back));
        CHECK_IS(0, vmmc_free_memory(&e->a, back));
    }
    ends_close(e);
}

static void lent_parcels_can_be_kept(void **state)
{
    (void)state;
    with_all_ways(run_kept_parcels);
}

enum { MANY = VMMC_LOANS_MOST + 40 };

static void receive_many(void *context)
{
    for (int i = 0; i < MANY; i++) {
        vmmc_parcel_t parcel;
        CHECK_IS(0, vmmc_receive_parcel(context, &parcel));
        CHECK_IS(VMMC_LOAN_LEAST, parcel.length);
        CHECK_IS(0, vmmc_parcel_done(context, &parcel));
    }
}

/* A sender that does not reclaim is kept from having too much out, and gets every context at the end. */
static void run_many_parcels(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    worker_t worker;
    vmmc_memory_t memory;
    uintptr_t sum = 0;
    ends_open_greeted(e, ways_a, ways_b);
    memory_of(&e->a, &memory, flow_start(1), VMMC_LOAN_LEAST, false);
    worker_start(&worker, receive_many, &e->b);
    for (uintptr_t i = 1; i <= MANY; i++) {
        CHECK_IS(0, vmmc_send_memory(&e->a, &memory, 0, VMMC_LOAN_LEAST, (void *)i));
        CHECK(e->a.loans <= VMMC_LOANS_MOST);
    }
    for (int i = 0; i < MANY; i++) {
        void *back;
        CHECK_IS(0, vmmc_reclaim(&e->a, &back));
        sum += (uintptr_t)back;
    }
    CHECK_IS(MANY * (MANY + 1) / 2, sum);
    worker_join(&worker);
    CHECK_IS(0, vmmc_free_memory(&e->a, &memory));
    ends_close(e);
}

static void more_parcels_than_may_be_out(void **state)
{
    (void)state;
    with_all_ways(run_many_parcels);
}

static void receive_bulk_parcel(void *context)
{
    const void *bytes;
    uint32_t count = 1;
    vmmc_parcel_t parcel;
    flow_t flow = flow_start(30);
    CHECK_IS(0, vmmc_receive_parcel(context, &parcel));
    while (count) {
        CHECK_IS(0, vmmc_parcel_next(context, &parcel, &bytes, &count));
        flow_check(&flow, bytes, count);
    }
    CHECK_IS(BULK, flow.offset);
}

/* All of a parcel is sent whatever the mode of the socket; only to reclaim it does not wait then. */
static void run_nonblocking_sender(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    for (int is_file = 0; is_file < 2; is_file++) {
        worker_t worker;
        vmmc_memory_t memory;
        void *back;
        ends_open_greeted(e, ways_a, ways_b);
        set_nonblocking(e->s, true);
        memory_of(&e->a, &memory, flow_start(30), BULK, is_file);
        worker_start(&worker, receive_bulk_parcel, &e->b);
        CHECK_IS(0, vmmc_send_memory(&e->a, &memory, 0, BULK, &memory));
        while (vmmc_reclaim(&e->a, &back))
            CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
        CHECK(back == &memory);
        worker_join(&worker);
        CHECK_IS(0, vmmc_free_memory(&e->a, &memory));
        ends_close(e);
    }
}

static void a_parcel_is_sent_whatever_the_mode(void **state)
{
    (void)state;
    with_all_ways(run_nonblocking_sender);
}

static void keep_parcel_role(int argc, char **argv)
{
    vmmc_parcel_t parcel;
    const void *bytes;
    uint32_t count;
    vmmc_channel_t channel;
    (void)argc;
    vmmc_channel_open(&channel, link_in_peer(argv), VMMC_BY_LOANS);
    greet(&channel);
    CHECK_IS(0, vmmc_receive_parcel(&channel, &parcel));
    CHECK_IS(0, vmmc_parcel_next(&channel, &parcel, &bytes, &count));
    slot_post(1, 1);
    slot_await(2);
}

static void what_a_dead_borrower_has_is_back(void **state)
{
    peer_t peer;
    vmmc_channel_t channel;
    vmmc_memory_t memory;
    void *back;
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "keep_parcel", " ");
    vmmc_channel_open(&channel, s, VMMC_BY_LOANS);
    greet(&channel);
    memory_of(&channel, &memory, flow_start(1), LENDABLE, false);
    CHECK_IS(0, vmmc_send_memory(&channel, &memory, 0, LENDABLE, &memory));
    slot_await(1);
    peer_kill(&peer);
    CHECK_IS(0, vmmc_reclaim(&channel, &back));
    CHECK(back == &memory);
    CHECK_IS(0, vmmc_free_memory(&channel, &memory));
    vmmc_channel_close(&channel);
    CHECK_IS(0, closesocket(s));
}

/* The channels disagree about nothing but what they were allowed. */
static void nothing_is_lent_without_a_greeting(void **state)
{
    ends_t e;
    vmmc_memory_t memory;
    vmmc_parcel_t parcel;
    const void *bytes;
    uint32_t count;
    (void)state;
    ends_open(&e, VMMC_BY_LOANS, VMMC_BY_LOANS);
    memory_of(&e.a, &memory, flow_start(1), LENDABLE, false);
    CHECK_IS(0, vmmc_send_memory(&e.a, &memory, 0, LENDABLE, NULL));
    CHECK_IS(0, e.a.loans);
    CHECK_IS(0, vmmc_receive_parcel(&e.b, &parcel));
    CHECK_IS(0, vmmc_parcel_next(&e.b, &parcel, &bytes, &count));
    CHECK(parcel.accepted == NULL);
    CHECK_IS(0, vmmc_parcel_done(&e.b, &parcel));
    CHECK_IS(0, vmmc_free_memory(&e.a, &memory));
    ends_close(&e);
}

/* A parcel's head and bytes come one by one; every call says so and goes on where it was. */
static void run_dripping_parcel(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    vmmc_header_t header = { .kind = VMMC_HEADER_INLINE, .count = 5 };
    char message[VMMC_PLAIN_HEADER_BYTES + 5];
    vmmc_parcel_t parcel;
    const void *bytes;
    uint32_t count, got = 0;
    ends_open(e, ways_a, ways_b);
    set_nonblocking(e->t, true);
    memcpy(message, &header, VMMC_PLAIN_HEADER_BYTES);
    memcpy(message + VMMC_PLAIN_HEADER_BYTES, "bytes", 5);
    for (size_t i = 0; i < VMMC_PLAIN_HEADER_BYTES; i++) {
        CHECK_FAILS(WSAEWOULDBLOCK, vmmc_receive_parcel(&e->b, &parcel));
        send_all(e->s, message + i, 1);
        await_pending(&e->b, 1);
    }
    CHECK_IS(0, vmmc_receive_parcel(&e->b, &parcel));
    CHECK_IS(5, parcel.length);
    while (got < 5) {
        CHECK_FAILS(WSAEWOULDBLOCK, vmmc_parcel_next(&e->b, &parcel, &bytes, &count));
        send_all(e->s, message + VMMC_PLAIN_HEADER_BYTES + got, 1);
        await_pending(&e->b, 1);
        CHECK_IS(0, vmmc_parcel_next(&e->b, &parcel, &bytes, &count));
        CHECK_IS(1, count);
        CHECK_IS("bytes"[got++], *(const char *)bytes);
    }
    CHECK_IS(0, vmmc_parcel_done(&e->b, &parcel));
    ends_close(e);
}

static void parcels_do_not_block_if_the_socket_does_not(void **state)
{
    (void)state;
    with_all_ways(run_dripping_parcel);
}

static void expect_refusal(const vmmc_header_t *header, size_t length, const char *behind, int error)
{
    ends_t e;
    vmmc_parcel_t parcel;
    const void *bytes;
    uint32_t count;
    ends_open(&e, VMMC_BY_VIEWS | VMMC_BY_LOANS, VMMC_BY_VIEWS | VMMC_BY_LOANS);
    send_all(e.s, header, length);
    send_all(e.s, behind, strlen(behind));
    CHECK_IS(0, shutdown(e.s, 1));
    int result = vmmc_receive_parcel(&e.b, &parcel);
    while (!result && parcel.left)
        result = vmmc_parcel_next(&e.b, &parcel, &bytes, &count);
    CHECK_FAILS(error, result);
    ends_close(&e);
}

static void parcels_of_a_liar_are_refused(void **state)
{
    const vmmc_header_t good = { .kind = VMMC_HEADER_INLINE, .count = 5 };
    vmmc_header_t two[2];
    (void)state;
    vmmc_header_t bad = good;
    bad.kind++;
    expect_refusal(&bad, VMMC_PLAIN_HEADER_BYTES, "bytes", WSAECONNABORTED);
    bad = good;
    bad.count = VMMC_WINDOW_BYTES + 1;
    expect_refusal(&bad, VMMC_PLAIN_HEADER_BYTES, "bytes", WSAECONNABORTED);
    bad = good;
    bad.left = UINT64_MAX - 4;
    expect_refusal(&bad, VMMC_PLAIN_HEADER_BYTES, "bytes", WSAECONNABORTED);
    bad = good;
    bad.count = 0;
    bad.left = 5;
    expect_refusal(&bad, VMMC_PLAIN_HEADER_BYTES, "bytes", WSAECONNABORTED);
    /* a second piece that is longer than the first one has said */
    bad = good;
    bad.count = VMMC_PLAIN_HEADER_BYTES;
    bad.left = 4;
    two[0] = bad;
    memcpy((char *)two + VMMC_PLAIN_HEADER_BYTES, &good, VMMC_PLAIN_HEADER_BYTES);
    memcpy((char *)two + 2 * VMMC_PLAIN_HEADER_BYTES, &good, VMMC_PLAIN_HEADER_BYTES);
    expect_refusal(two, 3 * VMMC_PLAIN_HEADER_BYTES, "bytes", WSAECONNABORTED);
    /* ends in the head, and in the bytes */
    expect_refusal(&good, VMMC_PLAIN_HEADER_BYTES - 1, "", WSAECONNRESET);
    expect_refusal(&good, VMMC_PLAIN_HEADER_BYTES, "byte", WSAECONNRESET);
}

/* A token that nobody has made: the library's own word, or there is none. */
static void a_false_token_is_refused(void **state)
{
    ends_t e;
    vmmc_parcel_t parcel;
    vmmc_header_t header = { .kind = VMMC_HEADER_LENT, .count = LENDABLE };
    const void *bytes;
    uint32_t count;
    (void)state;
    memset(&header.token, 0x5A, sizeof header.token);
    ends_open(&e, VMMC_BY_LOANS, VMMC_BY_LOANS);
    send_all(e.s, &header, sizeof header);
    CHECK_IS(0, vmmc_receive_parcel(&e.b, &parcel));
    CHECK_IS(SOCKET_ERROR, vmmc_parcel_next(&e.b, &parcel, &bytes, &count));
    CHECK(WSAGetLastError() != WSAEWOULDBLOCK);
    CHECK(bytes == NULL);
    ends_close(&e);
}

/* ---- offers ---- */

typedef struct requests {
    vmmc_memory_t memory;
    vmmc_offer_t offers[BUFFERS];
} requests_t;

/* Parts of one buffer, with room between them that must stay as it is. */
static void make_requests(vmmc_channel_t *c, requests_t *r)
{
    CHECK_IS(0, vmmc_allocate_memory(c, &r->memory, BUFFERS * LENDABLE, VMMC_OTHERS_WRITE));
    for (uint32_t i = 0; i < BUFFERS; i++) {
        r->offers[i] = (vmmc_offer_t){ .memory = &r->memory, .offset = i * LENDABLE, .length = LENDABLE - 10 };
        CHECK_IS(0, vmmc_offer_buffer(c, &r->offers[i]));
    }
}

/* The last request is answered first, and by fewer and fewer bytes; the second not at all. */
static void answer_requests(vmmc_channel_t *c)
{
    vmmc_filling_t fillings[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) {
        CHECK_IS(0, vmmc_receive_offer(c, &fillings[i]));
        CHECK_IS(LENDABLE - 10, fillings[i].length);
    }
    CHECK_FAILS(WSAEINVAL, vmmc_send_filled(c, &fillings[0], LENDABLE - 9));
    for (int i = BUFFERS - 1; i >= 0; i--) {
        flow_t flow = flow_start(20 + (uint64_t)i);
        uint32_t count = i == 1 ? 0 : LENDABLE - 10 - 1000 * (uint32_t)i;
        flow_fill(&flow, fillings[i].bytes, count);
        CHECK_IS(0, vmmc_send_filled(c, &fillings[i], count));
        CHECK(fillings[i].bytes == NULL);
    }
}

static void expect_answers(vmmc_channel_t *c, requests_t *r)
{
    for (int i = BUFFERS - 1; i >= 0; i--) {
        vmmc_offer_t *offer;
        uint32_t count;
        flow_t flow = flow_start(20 + (uint64_t)i);
        CHECK_IS(0, vmmc_receive_filled(c, &offer, &count));
        CHECK(offer == &r->offers[i]);
        CHECK_IS(i == 1 ? 0 : LENDABLE - 10 - 1000 * i, count);
        char *bytes = (char *)r->memory.base + offer->offset;
        flow_check(&flow, bytes, count);
        for (uint32_t k = count; k < LENDABLE; k++)
            CHECK(bytes[k] == 0);
    }
    CHECK_IS(0, vmmc_free_memory(c, &r->memory));
}

static void answer(void *context) { answer_requests(context); }

static void run_offers(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    worker_t worker;
    requests_t requests;
    ends_open_greeted(e, ways_a, ways_b);
    worker_start(&worker, answer, &e->b);
    make_requests(&e->a, &requests);
    expect_answers(&e->a, &requests);
    worker_join(&worker);
    ends_close(e);
}

static void offered_buffers_are_filled(void **state)
{
    (void)state;
    with_all_ways(run_offers);
}

static void answer_role(int argc, char **argv)
{
    (void)argc;
    SOCKET s = link_in_peer(argv);
    vmmc_channel_t channel;
    vmmc_channel_open(&channel, s, VMMC_BY_VIEWS | VMMC_BY_LOANS);
    greet(&channel);
    answer_requests(&channel);
    vmmc_channel_close(&channel);
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

static void buffers_offered_to_another_process(void **state)
{
    peer_t peer;
    vmmc_channel_t channel;
    requests_t requests;
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_LISTENS, "answer", " ");
    vmmc_channel_open(&channel, s, VMMC_BY_VIEWS | VMMC_BY_LOANS);
    greet(&channel);
    make_requests(&channel, &requests);
    expect_answers(&channel, &requests);
    vmmc_channel_close(&channel);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

static void fill_then_receive(void *context)
{
    vmmc_filling_t filling;
    vmmc_parcel_t parcel;
    CHECK_IS(0, vmmc_receive_offer(context, &filling));
    memset(filling.bytes, 'f', filling.length);
    CHECK_IS(0, vmmc_send_filled(context, &filling, filling.length));
    slot_await(3);
    CHECK_IS(0, vmmc_receive_parcel(context, &parcel));
    CHECK_IS(0, vmmc_parcel_done(context, &parcel));
}

/* A loan of an offer's may come back while a parcel's is waited for; the offer is over when the other end says so. */
static void run_offer_and_parcel(ends_t *e, uint32_t ways_a, uint32_t ways_b)
{
    worker_t worker;
    vmmc_memory_t memory, buffer;
    vmmc_offer_t offer = { .memory = &buffer, .length = 100 }, *filled;
    void *back;
    uint32_t count;
    ends_open_greeted(e, ways_a, ways_b);
    slots_renew();
    CHECK_IS(0, vmmc_allocate_memory(&e->a, &buffer, 4096, VMMC_OTHERS_WRITE));
    memory_of(&e->a, &memory, flow_start(1), VMMC_LOAN_LEAST, false);
    worker_start(&worker, fill_then_receive, &e->b);
    CHECK_IS(0, vmmc_offer_buffer(&e->a, &offer));
    CHECK_IS(0, vmmc_send_memory(&e->a, &memory, 0, VMMC_LOAN_LEAST, &memory));
    set_nonblocking(e->s, true);
    while (offer.loan && e->a.loans && !offer.back)
        CHECK_FAILS(WSAEWOULDBLOCK, vmmc_reclaim(&e->a, &back));
    slot_post(3, 1);
    while (vmmc_reclaim(&e->a, &back))
        CHECK_IS(WSAEWOULDBLOCK, WSAGetLastError());
    CHECK(back == &memory);
    set_nonblocking(e->s, false);
    CHECK_IS(0, vmmc_receive_filled(&e->a, &filled, &count));
    CHECK(filled == &offer);
    CHECK_IS(100, count);
    CHECK_IS('f', ((char *)buffer.base)[99]);
    CHECK_IS(0, ((char *)buffer.base)[100]);
    worker_join(&worker);
    CHECK_IS(0, vmmc_free_memory(&e->a, &memory));
    CHECK_IS(0, vmmc_free_memory(&e->a, &buffer));
    ends_close(e);
}

static void offers_and_parcels_on_one_channel(void **state)
{
    (void)state;
    with_all_ways(run_offer_and_parcel);
}

static void wrong_offers_are_refused(void **state)
{
    ends_t e;
    vmmc_memory_t memory;
    (void)state;
    ends_open(&e, VMMC_BY_COPIES, VMMC_BY_COPIES);
    CHECK_IS(0, vmmc_allocate_memory(&e.a, &memory, VMMC_WINDOW_BYTES + 4096, VMMC_OTHERS_WRITE));
    vmmc_offer_t wrong[] = { { .memory = &memory },
                             { .memory = &memory, .length = VMMC_WINDOW_BYTES + 1 },
                             { .memory = &memory, .offset = memory.length, .length = 1 },
                             { .memory = &memory, .offset = memory.length - 5, .length = 6 } };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        CHECK_FAILS(WSAEINVAL, vmmc_offer_buffer(&e.a, &wrong[i]));
    CHECK(e.a.offers == NULL);
    CHECK_IS(0, vmmc_free_memory(&e.a, &memory));
    ends_close(&e);
}

/* What is said of the offer with number 1, of 10 bytes. */
static void expect_answer_refused(uint32_t kind, uint32_t number, uint32_t count)
{
    ends_t e;
    vmmc_memory_t memory;
    vmmc_header_t header = { .kind = kind, .number = number, .count = count };
    vmmc_offer_t *offer;
    ends_open(&e, VMMC_BY_COPIES, VMMC_BY_COPIES);
    CHECK_IS(0, vmmc_allocate_memory(&e.a, &memory, 4096, VMMC_OTHERS_WRITE));
    vmmc_offer_t made = { .memory = &memory, .length = 10 };
    CHECK_IS(0, vmmc_offer_buffer(&e.a, &made));
    CHECK_IS(1, made.number);
    send_all(e.t, &header, VMMC_PLAIN_HEADER_BYTES);
    send_all(e.t, "more bytes than were asked for", 30);
    CHECK_FAILS(WSAECONNABORTED, vmmc_receive_filled(&e.a, &offer, &count));
    for (int i = 0; i < 4096; i++)
        CHECK(((char *)memory.base)[i] == 0);
    CHECK_IS(0, vmmc_free_memory(&e.a, &memory));
    ends_close(&e);
}

static void answers_of_a_liar_are_refused(void **state)
{
    (void)state;
    expect_answer_refused(VMMC_HEADER_FILLED_INLINE, 1, 11);
    expect_answer_refused(VMMC_HEADER_FILLED_INLINE, 2, 5);
    expect_answer_refused(VMMC_HEADER_FILLED, 1, 5);
    expect_answer_refused(VMMC_HEADER_INLINE, 1, 5);
}

static const role_t roles[] = {
    { "parcels", parcels_role },
    { "answer", answer_role },
    { "keep_parcel", keep_parcel_role },
};

static const struct CMUnitTest tests[] = {
    CASE(views_carry_the_stream),
    CASE(views_mix_with_send_and_recv),
    CASE(what_is_borrowed_again_begins_at_the_same_byte),
    CASE(a_full_buffer_is_borrowed_again),
    CASE(wrong_use_of_a_reservation_harms_nothing),
    CASE(wrong_use_of_a_borrowing_harms_nothing),
    CASE(views_do_not_block_if_the_socket_does_not),
    CASE(all_of_it_moves_whatever_the_mode),
    CASE(what_was_read_ahead_is_told),
    CASE(copies_can_be_forced),
    CASE(memory_is_there_with_and_without_the_library),
    CASE(parcels_of_every_length),
    CASE(parcels_to_another_process),
    CASE(lent_parcels_can_be_kept),
    CASE(more_parcels_than_may_be_out),
    CASE(a_parcel_is_sent_whatever_the_mode),
    CASE(what_a_dead_borrower_has_is_back),
    CASE(nothing_is_lent_without_a_greeting),
    CASE(parcels_do_not_block_if_the_socket_does_not),
    CASE(parcels_of_a_liar_are_refused),
    CASE(a_false_token_is_refused),
    CASE(offered_buffers_are_filled),
    CASE(buffers_offered_to_another_process),
    CASE(offers_and_parcels_on_one_channel),
    CASE(wrong_offers_are_refused),
    CASE(answers_of_a_liar_are_refused),
};

HARNESS_MAIN(roles, tests)
