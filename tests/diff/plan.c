/* plan: see plan.h. */
#include "draw.h"

#include <stddef.h>

enum { LAST_DRAW = 84 }; /* leaves room for the closing steps */

const plan_option_t plan_options[] = {
    {LEVEL_SOCKET, 0x0001, "SO_DEBUG"},       {LEVEL_SOCKET, 0x0002, "SO_ACCEPTCONN"},
    {LEVEL_SOCKET, 0x0004, "SO_REUSEADDR"},   {LEVEL_SOCKET, 0x0008, "SO_KEEPALIVE"},
    {LEVEL_SOCKET, 0x0010, "SO_DONTROUTE"},   {LEVEL_SOCKET, 0x0020, "SO_BROADCAST"},
    {LEVEL_SOCKET, 0x0040, "SO_USELOOPBACK"}, {LEVEL_SOCKET, 0x0080, "SO_LINGER"},
    {LEVEL_SOCKET, ~0x0080, "SO_DONTLINGER"}, {LEVEL_SOCKET, 0x0100, "SO_OOBINLINE"},
    {LEVEL_SOCKET, ~4, "SO_EXCLUSIVEADDRUSE"}, {LEVEL_SOCKET, 0x1001, "SO_SNDBUF"},
    {LEVEL_SOCKET, 0x1002, "SO_RCVBUF"},      {LEVEL_SOCKET, 0x1003, "SO_SNDLOWAT"},
    {LEVEL_SOCKET, 0x1004, "SO_RCVLOWAT"},    {LEVEL_SOCKET, 0x1005, "SO_SNDTIMEO"},
    {LEVEL_SOCKET, 0x1006, "SO_RCVTIMEO"},    {LEVEL_SOCKET, 0x1007, "SO_ERROR"},
    {LEVEL_SOCKET, 0x1008, "SO_TYPE"},        {LEVEL_SOCKET, 0x2003, "SO_MAX_MSG_SIZE"},
    {LEVEL_SOCKET, 0x7008, "SO_OPENTYPE"},    {LEVEL_SOCKET, 0x7009, "SO_MAXDG"},
    {LEVEL_SOCKET, 0x700C, "SO_CONNECT_TIME"}, {LEVEL_SOCKET, 0x6666, "SO_UNKNOWN"},
    {LEVEL_TCP, 1, "TCP_NODELAY"},            {LEVEL_TCP, 0x6666, "TCP_UNKNOWN"},
    {LEVEL_IP, 2, "IP_MULTICAST_IF"},         {LEVEL_IP, 3, "IP_MULTICAST_TTL"},
    {LEVEL_IP, 4, "IP_MULTICAST_LOOP"},       {LEVEL_IP, 7, "IP_TTL"},
    {LEVEL_IP, 8, "IP_TOS"},                  {LEVEL_IP, 9, "IP_DONTFRAGMENT"},
    {LEVEL_IP, 99, "IP_UNKNOWN"},             {4711, 1, "LEVEL_UNKNOWN"},
};
const unsigned plan_options_count = sizeof plan_options / sizeof plan_options[0];

const plan_ioctl_t plan_ioctls[] = {
    {0x8004667E, "FIONBIO"}, {0x4004667F, "FIONREAD"}, {0x40047307, "SIOCATMARK"}, {0x4004FF01, "UNKNOWN"}};
const unsigned plan_ioctls_count = sizeof plan_ioctls / sizeof plan_ioctls[0];

static const struct {
    unsigned weight;
    bool (*draw)(generator_t *g);
} draws[] = {
    {5, draw_connection}, {8, draw_accept},   {1, draw_refused},    {3, draw_fresh},      {4, draw_misuse},
    {30, draw_send},      {36, draw_receive}, {8, draw_blocked},    {2, draw_bulk},       {1, draw_fill},
    {1, draw_transmit},   {2, draw_urgent},   {14, draw_select},    {4, draw_shutdown},   {4, draw_close},
    {9, draw_ioctl},      {8, draw_getsockopt}, {6, draw_setsockopt}, {5, draw_name},     {3, draw_odd},
    {6, draw_async},      {1, draw_odd_handle}, {1, draw_udp},      {2, draw_sendto},     {3, draw_recvfrom},
};

/* ---- what the draws share ---- */

step_t *draw_add_for(generator_t *g, op_t op, uint8_t actor)
{
    step_t *step = &g->plan->steps[g->plan->count++];
    *step = (step_t){.op = (uint8_t)op, .actor = actor, .sock = NO_SOCKET, .other = NO_SOCKET};
    return step;
}

/* What is posted depends on what has been looked at and when, so messages are taken before the next call on a socket. */
static void take_messages(generator_t *g, uint8_t actor)
{
    step_t *step = draw_add_for(g, OP_MESSAGES, actor);
    for (uint8_t i = 0; i < g->model.count; i++) {
        model_sock_t *sock = &g->model.socks[i];
        if (!sock->async || sock->actor != actor || !sock->news)
            continue;
        draw_await_all(g, step, i);
        step->a |= model_is_over(sock);
        sock->news = false;
    }
}

step_t *draw_add_at_once(generator_t *g, op_t op, uint8_t number)
{
    model_sock_t *sock = &g->model.socks[number], *peer = sock->peer < PLAN_SOCKETS ? &g->model.socks[sock->peer] : NULL;
    if (sock->async && sock->news)
        take_messages(g, sock->actor);
    if (peer && peer->async && peer->news && model_is_open(peer))
        take_messages(g, peer->actor);
    sock->news = true;
    if (peer)
        peer->news = true;
    step_t *step = draw_add_for(g, op, sock->actor);
    step->sock = number;
    return step;
}

step_t *draw_add(generator_t *g, op_t op, uint8_t sock)
{
    step_t *step = draw_add_at_once(g, op, sock);
    draw_await_all(g, step, sock);
    return step;
}

/* A close that resets the connection may overtake bytes that Nagle's algorithm holds back: they go first. */
step_t *draw_closing(generator_t *g, uint8_t number)
{
    const model_sock_t *sock = &g->model.socks[number];
    if (model_is_stream(sock) && model_is_open(&g->model.socks[sock->peer]) && g->model.socks[sock->peer].in > 0)
        draw_add(g, OP_AWAIT, sock->peer);
    return draw_add(g, OP_CLOSE, number);
}

void draw_await(step_t *step, uint8_t sock, await_kind_t kind, uint32_t bytes)
{
    if (step->awaits_count < PLAN_AWAITS)
        step->awaits[step->awaits_count++] = (await_t){sock, (uint8_t)kind, bytes};
}

static void await_stream(step_t *step, uint8_t number, const model_sock_t *sock)
{
    if (sock->urgent && !sock->inline_urgent)
        draw_await(step, number, AWAIT_EXCEPTION, 0);
    if (sock->in > 0 && sock->mark != 0 && !sock->reset && !sock->shut_recv)
        draw_await(step, number, AWAIT_BYTES, model_visible(sock));
    else if (sock->in > 0 || sock->ended)
        draw_await(step, number, AWAIT_READABLE, 0);
}

void draw_await_all(const generator_t *g, step_t *step, uint8_t number)
{
    const model_sock_t *sock = &g->model.socks[number];
    if (model_is_stream(sock))
        await_stream(step, number, sock);
    else if ((sock->state == SOCK_LISTENING && sock->queued) || (sock->udp && sock->in))
        draw_await(step, number, AWAIT_READABLE, 0);
}

uint8_t draw_pick(generator_t *g, suits_t *suits)
{
    unsigned start = random_below(&g->random, PLAN_SOCKETS);
    for (unsigned i = 0; i < PLAN_SOCKETS; i++) {
        uint8_t number = (uint8_t)((start + i) % PLAN_SOCKETS);
        if (suits(g, &g->model.socks[number]))
            return number;
    }
    return NO_SOCKET;
}

uint8_t draw_actor(generator_t *g)
{
    return g->actors[random_below(&g->random, g->actors_count)];
}

uint32_t draw_size(generator_t *g)
{
    static const uint32_t limits[] = {1, 16, 16, 16, 300, 300, 300, 5000, 5000, 40000};
    return random_below(&g->random, limits[random_below(&g->random, sizeof limits / sizeof limits[0])] + 1);
}

/* ---- a sequence ---- */

static void choose_actors(generator_t *g)
{
    unsigned first = random_below(&g->random, PLAN_ACTORS), dice = random_below(&g->random, 100);
    g->actors_count = dice < 10 ? 1 : dice < 80 ? 2 : 3;
    for (unsigned i = 0; i < g->actors_count; i++)
        g->actors[i] = (uint8_t)((first + i) % PLAN_ACTORS);
}

static void draw_one(generator_t *g)
{
    unsigned total = 0, i = 0;
    for (unsigned k = 0; k < sizeof draws / sizeof draws[0]; k++)
        total += draws[k].weight;
    unsigned dice = random_below(&g->random, total);
    while (dice >= draws[i].weight)
        dice -= draws[i++].weight;
    draws[i].draw(g);
}

static void close_all(generator_t *g)
{
    unsigned start = random_below(&g->random, PLAN_SOCKETS);
    for (unsigned i = 0; i < g->model.count; i++) {
        uint8_t number = (uint8_t)((start + i) % g->model.count);
        if (!model_is_open(&g->model.socks[number]))
            continue;
        draw_closing(g, number);
        model_close(&g->model, number);
    }
    for (uint8_t i = 0; i < g->model.count; i++) {
        if (g->model.socks[i].async && g->model.socks[i].news)
            take_messages(g, g->model.socks[i].actor);
    }
    for (uint8_t actor = 0; actor < PLAN_ACTORS; actor++)
        draw_add_for(g, OP_CLEAN, actor);
}

void plan_make(plan_t *plan, uint32_t seed, uint32_t number)
{
    generator_t g = {.plan = plan, .random = random_start(seed, number)};
    *plan = (plan_t){.seed = seed, .number = number};
    choose_actors(&g);
    draw_connection(&g);
    unsigned wanted = plan->count + 6 + random_below(&g.random, 40);
    for (unsigned tries = 0; plan->count < wanted && plan->count < LAST_DRAW && tries < 400; tries++)
        draw_one(&g);
    close_all(&g);
}
