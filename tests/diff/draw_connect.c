/* draw_connect: connections, the ways to make them and the ways to fail. */
#include "draw.h"

static bool is_listener(const generator_t *g, const model_sock_t *sock)
{
    (void)g;
    return sock->state == SOCK_LISTENING && sock->queued < MODEL_QUEUE;
}

static bool has_pending(const generator_t *g, const model_sock_t *sock)
{
    (void)g;
    return sock->state == SOCK_LISTENING && (sock->queued > 0 || sock->nonblocking);
}

static uint8_t new_socket(generator_t *g, uint8_t actor, bool udp)
{
    uint8_t number = model_new(&g->model, actor, udp);
    if (number != NO_SOCKET)
        draw_add_at_once(g, OP_SOCKET, number)->a = udp;
    return number;
}

static void bind_to_any_port(generator_t *g, uint8_t sock, bool any_address)
{
    draw_add_at_once(g, OP_BIND, sock)->a = any_address;
    g->model.socks[sock].state = SOCK_BOUND;
}

void draw_set_nonblocking(generator_t *g, uint8_t sock, bool on)
{
    step_t *step = draw_add(g, OP_IOCTL, sock);
    step->a = 0;
    step->b = on;
    if (on || !g->model.socks[sock].async)
        g->model.socks[sock].nonblocking = on;
}

static uint8_t new_listener(generator_t *g, uint8_t actor)
{
    uint8_t listener = new_socket(g, actor, false);
    if (listener == NO_SOCKET)
        return NO_SOCKET;
    bind_to_any_port(g, listener, random_chance(&g->random, 20));
    draw_add_at_once(g, OP_LISTEN, listener)->a = (int32_t)(MODEL_QUEUE + random_below(&g->random, 4));
    g->model.socks[listener].state = SOCK_LISTENING;
    if (random_chance(&g->random, 15))
        draw_set_nonblocking(g, listener, true);
    return listener;
}

static uint8_t some_listener(generator_t *g)
{
    uint8_t listener = random_chance(&g->random, 40) ? draw_pick(g, is_listener) : NO_SOCKET;
    return listener != NO_SOCKET ? listener : new_listener(g, draw_actor(g));
}

static void add_accept(generator_t *g, uint8_t listener)
{
    step_t *step = draw_add(g, OP_ACCEPT, listener);
    step->other = model_accept(&g->model, listener);
    step->a = random_chance(&g->random, 60);
}

/* The one that blocks is released by the other. */
static void connect_to_waiting(generator_t *g, uint8_t client, uint8_t listener)
{
    step_t *accept = draw_add_at_once(g, OP_ACCEPT, listener);
    accept->early = true;
    draw_add_at_once(g, OP_CONNECT, client)->other = listener;
    model_connect(&g->model, client, listener);
    accept->other = model_accept(&g->model, listener);
    draw_add_at_once(g, OP_JOIN, listener);
}

static void connect_first(generator_t *g, uint8_t client, uint8_t listener)
{
    draw_add_at_once(g, OP_CONNECT, client)->other = listener;
    model_connect(&g->model, client, listener);
    if (g->model.socks[client].nonblocking) {
        step_t *step = draw_add_at_once(g, OP_AWAIT, client);
        draw_await(step, client, random_chance(&g->random, 50) ? AWAIT_WRITABLE : AWAIT_NAMED, 0);
    }
    if (random_chance(&g->random, 20))
        draw_send(g);
    if (random_chance(&g->random, 85))
        add_accept(g, listener);
}

/* A byte each way, so that both ends have met and consented. */
void draw_warm_up(generator_t *g, uint8_t sock)
{
    for (int i = 0; i < 4; i++) {
        uint8_t peer = g->model.socks[sock].peer;
        draw_add(g, OP_SEND, sock)->a = 1;
        model_send(&g->model, sock, 1);
        draw_add(g, OP_RECV, peer)->a = 1;
        model_receive(&g->model, peer, 1);
        sock = peer;
    }
}

static bool is_idle(const model_sock_t *sock)
{
    return model_is_stream(sock) && !sock->in && !sock->shut_recv && !sock->shut_send && !sock->ended;
}

bool draw_connection(generator_t *g)
{
    if (g->model.count + 3 > PLAN_SOCKETS)
        return false;
    uint8_t listener = some_listener(g);
    if (listener == NO_SOCKET || g->model.count + 2 > PLAN_SOCKETS)
        return false;
    uint8_t client = new_socket(g, draw_actor(g), false);
    model_sock_t *to = &g->model.socks[listener], *from = &g->model.socks[client];
    if (random_chance(&g->random, 12))
        bind_to_any_port(g, client, false);
    if (random_chance(&g->random, 25))
        draw_set_nonblocking(g, client, true);
    bool waits = !to->nonblocking && !to->queued && !from->nonblocking && to->actor != from->actor;
    if (waits && random_chance(&g->random, 25))
        connect_to_waiting(g, client, listener);
    else
        connect_first(g, client, listener);
    if (random_chance(&g->random, 60) && is_idle(from) && is_idle(&g->model.socks[from->peer]))
        draw_warm_up(g, client);
    return true;
}

bool draw_accept(generator_t *g)
{
    uint8_t listener = draw_pick(g, has_pending);
    if (listener == NO_SOCKET)
        return false;
    add_accept(g, listener);
    return true;
}

bool draw_refused(generator_t *g)
{
    uint8_t client = new_socket(g, draw_actor(g), false);
    if (client == NO_SOCKET)
        return false;
    if (random_chance(&g->random, 40))
        draw_set_nonblocking(g, client, true);
    draw_add_at_once(g, OP_CONNECT, client);
    if (g->model.socks[client].nonblocking)
        draw_await(draw_add_at_once(g, OP_AWAIT, client), client, AWAIT_EXCEPTION, 0);
    g->model.socks[client].state = SOCK_REFUSED;
    return true;
}

bool draw_fresh(generator_t *g)
{
    uint8_t number = new_socket(g, draw_actor(g), false);
    if (number != NO_SOCKET && random_chance(&g->random, 40))
        bind_to_any_port(g, number, random_chance(&g->random, 50));
    return number != NO_SOCKET;
}

bool draw_udp(generator_t *g)
{
    uint8_t number = new_socket(g, draw_actor(g), true);
    if (number != NO_SOCKET)
        bind_to_any_port(g, number, false);
    return number != NO_SOCKET;
}

/* ---- calls in the wrong state ---- */

static bool is_open_stream(const generator_t *g, const model_sock_t *sock)
{
    (void)g;
    return model_is_open(sock) && !sock->udp;
}

static void misuse_unconnected(generator_t *g, uint8_t number)
{
    const model_sock_t *sock = &g->model.socks[number];
    bool hangs = sock->state == SOCK_LISTENING && !sock->nonblocking; /* in the builtin's send and recv */
    switch (random_below(&g->random, hangs ? 2 : 5)) {
    case 0: draw_add(g, OP_SHUTDOWN, number)->a = (int32_t)random_below(&g->random, 4); return;
    case 1: draw_add(g, OP_NAME, number)->b = 16; return;
    case 2: draw_add(g, OP_SEND, number)->a = (int32_t)random_below(&g->random, 20); return;
    default: break;
    }
    step_t *step = draw_add(g, OP_RECV, number);
    step->a = (int32_t)random_below(&g->random, 20);
    step->b = random_chance(&g->random, 30) ? FLAG_PEEK : 0;
    step->c = (int32_t)random_below(&g->random, FORM_FILE);
}

/* What a socket whose connection has ended becomes if it is used again is not followed. */
static void misuse_connected(generator_t *g, uint8_t number)
{
    uint8_t listener = draw_pick(g, is_listener);
    if (g->model.socks[number].ended || g->model.socks[number].shut_send)
        return;
    switch (random_below(&g->random, 4)) {
    case 0: draw_add(g, OP_LISTEN, number)->a = 5; return;
    case 1: draw_add(g, OP_ACCEPT, number); return;
    case 2: draw_add(g, OP_BIND, number); return;
    default: break;
    }
    if (listener != NO_SOCKET)
        draw_add(g, OP_CONNECT, number)->other = listener;
}

static void misuse_listener(generator_t *g, uint8_t number)
{
    switch (random_below(&g->random, 3)) {
    case 0: draw_add(g, OP_LISTEN, number)->a = 5; return;
    case 1: draw_add(g, OP_BIND, number); return;
    default: draw_add(g, OP_CONNECT, number)->other = number; return;
    }
}

bool draw_misuse(generator_t *g)
{
    uint8_t number = draw_pick(g, is_open_stream);
    if (number == NO_SOCKET)
        return false;
    sock_state_t state = g->model.socks[number].state;
    if (state == SOCK_CONNECTED)
        misuse_connected(g, number);
    else if (state == SOCK_LISTENING && random_chance(&g->random, 50))
        misuse_listener(g, number);
    else
        misuse_unconnected(g, number);
    return true;
}
