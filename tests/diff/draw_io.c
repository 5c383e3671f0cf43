/* draw_io: bytes: sent, received, waited for, in bulk, urgent. */
#include "draw.h"

static bool can_be_read(const generator_t *g, const model_sock_t *sock)
{
    (void)g;
    return model_is_stream(sock) && model_read_returns(sock);
}

/* ---- sending ---- */

static int32_t send_flags(generator_t *g)
{
    static const int32_t some[] = {FLAG_DONTROUTE, FLAG_PEEK, FLAG_PARTIAL, FLAG_WAITALL};
    return random_chance(&g->random, 8) ? some[random_below(&g->random, 4)] : 0;
}

/* Linux delivers what lies behind an urgent byte piecewise, so one piece has to do. */
static bool can_send(const generator_t *g, const model_sock_t *sock)
{
    return model_is_stream(sock) && (g->model.socks[sock->peer].mark < 0 || !g->model.socks[sock->peer].behind);
}

bool draw_send(generator_t *g)
{
    uint8_t number = draw_pick(g, can_send);
    uint32_t size = draw_size(g);
    if (number == NO_SOCKET || size > model_room(&g->model, number))
        return false;
    step_t *step = draw_add(g, OP_SEND, number);
    step->a = (int32_t)size;
    step->b = send_flags(g);
    step->c = random_chance(&g->random, 10) ? FORM_ADDRESS : random_chance(&g->random, 2) ? FORM_FILE : FORM_PLAIN;
    model_send(&g->model, number, size);
    return true;
}

/* ---- receiving ---- */

static uint32_t receive_size(generator_t *g, const model_sock_t *sock)
{
    uint32_t visible = model_visible(sock);
    switch (random_below(&g->random, 8)) {
    case 0: return random_chance(&g->random, 50) ? 0 : 1;
    case 1:
    case 2:
    case 3: return random_below(&g->random, visible + 1);
    case 4: return visible;
    default: return visible + draw_size(g);
    }
}

static bool all_would_come(const model_sock_t *sock, uint32_t size)
{
    return sock->nonblocking || size <= sock->in || (sock->ended && !sock->reset);
}

static int32_t receive_flags(generator_t *g, const model_sock_t *sock, uint32_t size)
{
    unsigned dice = random_below(&g->random, 100);
    if (dice < 18)
        return FLAG_PEEK;
    if (dice < 26 && sock->mark < 0 && all_would_come(sock, size))
        return FLAG_WAITALL;
    return dice < 29 ? FLAG_DONTROUTE : 0;
}

/* ReadFile waits, whatever the socket's settings. */
static form_t receive_form(generator_t *g, const model_sock_t *sock, uint32_t size, int32_t flags)
{
    unsigned dice = random_below(&g->random, 100);
    if (dice < 12)
        return FORM_ADDRESS;
    if (dice < 20)
        return FORM_EX;
    return dice < 22 && size > 0 && flags == 0 && model_visible(sock) > 0 ? FORM_FILE : FORM_PLAIN;
}

/* One that has something to wait for is a rare, slow thing: it expires. */
static bool would_expire(const model_sock_t *sock)
{
    return sock->timed && !sock->nonblocking && !sock->shut_recv && !sock->ended && model_visible(sock) == 0;
}

bool draw_receive(generator_t *g)
{
    uint8_t number = draw_pick(g, can_be_read);
    if (number == NO_SOCKET)
        return false;
    const model_sock_t *sock = &g->model.socks[number];
    if (would_expire(sock) && !random_chance(&g->random, 10))
        return false;
    uint32_t size = receive_size(g, sock);
    /* A single small piece comes whole, so that its first sight may be the receive itself. */
    bool at_once = sock->parts == 1 && sock->in < 1000 && !sock->nonblocking && !sock->timed && !sock->ended &&
                   sock->mark < 0 && size > 0 && random_chance(&g->random, 50);
    step_t *step = at_once ? draw_add_at_once(g, OP_RECV, number) : draw_add(g, OP_RECV, number);
    step->a = (int32_t)size;
    step->b = receive_flags(g, sock, size);
    step->c = receive_form(g, sock, size, step->b);
    if (!(step->b & FLAG_PEEK))
        model_receive(&g->model, number, size);
    return true;
}

/* ---- blocked, and released by another process ---- */

static bool is_calm(const model_sock_t *sock)
{
    return model_is_stream(sock) && !sock->shut_recv && !sock->shut_send && !sock->ended && !sock->urgent &&
           sock->mark < 0;
}

static bool can_block(const generator_t *g, const model_sock_t *sock)
{
    const model_sock_t *peer = &g->model.socks[sock->peer < PLAN_SOCKETS ? sock->peer : 0];
    return is_calm(sock) && !sock->nonblocking && !sock->timed && !sock->in && model_is_stream(peer) &&
           peer->actor != sock->actor && !peer->shut_send && !peer->reset;
}

static void release_blocked(generator_t *g, uint8_t number, uint32_t size)
{
    uint8_t peer = g->model.socks[number].peer;
    const model_sock_t *other = &g->model.socks[peer];
    unsigned dice = random_below(&g->random, 100);
    if (dice < 12) {
        draw_add_at_once(g, OP_SHUTDOWN, peer)->a = 1;
        model_shutdown(&g->model, peer, 1);
    } else if (dice < 20 && !other->in && !other->hard_linger && other->mark < 0) {
        draw_add_at_once(g, OP_CLOSE, peer);
        model_close(&g->model, peer);
    } else {
        uint32_t sent = 1 + random_below(&g->random, size + 50);
        draw_add_at_once(g, OP_SEND, peer)->a = (int32_t)sent;
        model_send(&g->model, peer, sent);
    }
}

bool draw_blocked(generator_t *g)
{
    uint8_t number = draw_pick(g, can_block);
    if (number == NO_SOCKET)
        return false;
    uint32_t size = 1 + random_below(&g->random, 200);
    bool by_select = random_chance(&g->random, 30), peek = random_chance(&g->random, 15);
    step_t *step = draw_add_at_once(g, by_select ? OP_SELECT : OP_RECV, number);
    step->early = true;
    step->a = by_select ? -1 : (int32_t)size;
    step->b = peek && !by_select ? FLAG_PEEK : 0;
    if (by_select) {
        step->sets[0][0] = number;
        step->set_counts[0] = 1;
    }
    release_blocked(g, number, size);
    draw_add_at_once(g, OP_JOIN, number);
    if (!by_select && !peek)
        model_receive(&g->model, number, size);
    return true;
}

/* ---- much at once ---- */

static bool can_flood(const generator_t *g, const model_sock_t *sock)
{
    const model_sock_t *peer = &g->model.socks[sock->peer < PLAN_SOCKETS ? sock->peer : 0];
    return is_calm(sock) && is_calm(peer) && !sock->timed && !peer->timed && !sock->small && !peer->small && !peer->in &&
           !sock->async && !peer->async; /* how many messages such a step leaves depends on time */
}

bool draw_bulk(generator_t *g)
{
    uint8_t number = draw_pick(g, can_flood);
    if (number == NO_SOCKET || g->model.socks[g->model.socks[number].peer].actor == g->model.socks[number].actor)
        return false;
    uint32_t size = 1 + random_below(&g->random, random_chance(&g->random, 20) ? PLAN_BULK : PLAN_BULK / 8);
    step_t *send = draw_add_at_once(g, OP_SEND_ALL, number);
    send->early = true;
    send->a = (int32_t)size;
    send->b = (int32_t)(1 + random_below(&g->random, size));
    step_t *receive = draw_add_at_once(g, OP_RECV_ALL, g->model.socks[number].peer);
    receive->a = (int32_t)size;
    receive->b = (int32_t)(1 + random_below(&g->random, size));
    draw_add_at_once(g, OP_JOIN, number);
    return true;
}

static bool can_fill(const generator_t *g, const model_sock_t *sock)
{
    return can_flood(g, sock) && sock->nonblocking;
}

bool draw_fill(generator_t *g)
{
    uint8_t number = draw_pick(g, can_fill);
    if (number == NO_SOCKET)
        return false;
    draw_add(g, OP_FILL, number)->a = 60000;
    draw_add_at_once(g, OP_DRAIN, g->model.socks[number].peer)->other = number;
    draw_await(draw_add_at_once(g, OP_AWAIT, number), number, AWAIT_WRITABLE, 0);
    return true;
}

/* The builtin's TransmitFile never returns when the connection is reset under it. */
static bool can_transmit(const generator_t *g, const model_sock_t *sock)
{
    return is_calm(sock) && is_calm(&g->model.socks[sock->peer]);
}

bool draw_transmit(generator_t *g)
{
    uint8_t number = draw_pick(g, can_transmit);
    uint32_t file = random_below(&g->random, 20000), head = random_below(&g->random, 100), tail = random_below(&g->random, 100);
    if (number == NO_SOCKET || file + head + tail > model_room(&g->model, number))
        return false;
    step_t *step = draw_add(g, OP_TRANSMIT, number);
    step->a = (int32_t)file;
    step->b = (int32_t)head;
    step->c = (int32_t)tail;
    model_send(&g->model, number, file + head + tail);
    g->model.socks[g->model.socks[number].peer].parts += 2;
    return true;
}

/* ---- urgent data: one byte at a time in each direction ---- */

static bool can_send_urgent(const generator_t *g, const model_sock_t *sock)
{
    const model_sock_t *peer = &g->model.socks[sock->peer < PLAN_SOCKETS ? sock->peer : 0];
    return is_calm(sock) && is_calm(peer);
}

static bool has_urgent(const generator_t *g, const model_sock_t *sock)
{
    (void)g;
    return model_is_stream(sock) && sock->urgent && !sock->inline_urgent && !sock->shut_recv && !sock->reset;
}

static bool read_urgent(generator_t *g)
{
    uint8_t number = draw_pick(g, has_urgent);
    if (number == NO_SOCKET)
        return false;
    step_t *step = draw_add(g, OP_RECV, number);
    step->a = (int32_t)(1 + random_below(&g->random, 3));
    step->b = FLAG_OOB | (random_chance(&g->random, 30) ? FLAG_PEEK : 0);
    if (!(step->b & FLAG_PEEK))
        g->model.socks[number].urgent = false;
    return true;
}

bool draw_urgent(generator_t *g)
{
    if (random_chance(&g->random, 60) && read_urgent(g))
        return true;
    uint8_t number = draw_pick(g, can_send_urgent);
    uint32_t size = 1 + random_below(&g->random, 5);
    if (number == NO_SOCKET || size > model_room(&g->model, number))
        return false;
    step_t *step = draw_add(g, OP_SEND, number);
    step->a = (int32_t)size;
    step->b = FLAG_OOB;
    model_send_urgent(&g->model, number, size);
    return true;
}
