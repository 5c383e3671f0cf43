/* draw_misc: everything that moves no bytes of a stream: select, options, names, ends, datagrams, odd calls. */
#include "draw.h"

enum { OPTION_LINGER = 0x80, OPTION_OOBINLINE = 0x100, OPTION_SNDBUF = 0x1001, OPTION_RCVBUF, OPTION_SNDTIMEO = 0x1005,
       OPTION_RCVTIMEO, OPTION_OPENTYPE = 0x7008 };

static bool is_open(const generator_t *g, const model_sock_t *sock)
{
    (void)g;
    return model_is_open(sock);
}

/* ---- select ---- */

static bool is_ready_to_read(const model_sock_t *sock)
{
    return sock->state == SOCK_LISTENING ? sock->queued > 0 : sock->udp ? sock->in > 0 : sock->in > 0 || sock->ended;
}

/* True if what was added makes the call return. */
static bool add_member(generator_t *g, step_t *step, unsigned set, uint8_t number)
{
    const model_sock_t *sock = &g->model.socks[number];
    step->sets[set][step->set_counts[set]++] = number;
    draw_await_all(g, step, number);
    bool usable = !sock->shut_recv && sock->mark != 0;
    return set == 0 ? usable && is_ready_to_read(sock) : set == 1 && model_is_stream(sock);
}

static bool fill_sets(generator_t *g, step_t *step)
{
    bool returns = false;
    for (unsigned tries = 1 + random_below(&g->random, 10); tries > 0; tries--) {
        uint8_t number = draw_pick(g, is_open);
        unsigned dice = random_below(&g->random, 10), set = dice < 6 ? 0 : dice < 8 ? 1 : 2;
        if (g->model.socks[number].actor != step->actor || step->set_counts[set] == PLAN_MEMBERS)
            continue;
        if (step->awaits_count + 2 > PLAN_AWAITS)
            break;
        returns |= add_member(g, step, set, number);
    }
    return returns;
}

bool draw_select(generator_t *g)
{
    uint8_t number = draw_pick(g, is_open);
    if (number == NO_SOCKET)
        return false;
    step_t *step = draw_add_for(g, OP_SELECT, g->model.socks[number].actor);
    step->sock = number;
    bool returns = add_member(g, step, random_below(&g->random, 3), number);
    returns |= fill_sets(g, step);
    if (random_chance(&g->random, 3) && step->set_counts[0] < PLAN_MEMBERS)
        step->sets[0][step->set_counts[0]++] = NO_SOCKET;
    if (returns && random_chance(&g->random, 50))
        step->a = random_chance(&g->random, 50) ? -1 : 5000;
    else if (random_chance(&g->random, 4))
        step->a = (int32_t)random_below(&g->random, 12);
    return true;
}

/* ---- ends ---- */

bool draw_shutdown(generator_t *g)
{
    uint8_t number = draw_pick(g, is_open);
    if (number == NO_SOCKET || g->model.socks[number].udp)
        return false;
    static const uint8_t ways[] = {1, 1, 1, 1, 1, 0, 2, 3};
    step_t *step = draw_add(g, OP_SHUTDOWN, number);
    step->a = ways[random_below(&g->random, sizeof ways)];
    if (model_is_stream(&g->model.socks[number]))
        model_shutdown(&g->model, number, step->a);
    return true;
}

bool draw_close(generator_t *g)
{
    uint8_t number = draw_pick(g, is_open);
    if (number == NO_SOCKET)
        return false;
    step_t *step = draw_closing(g, number);
    step->a = random_chance(&g->random, 30);
    step->b = (int32_t)random_below(&g->random, ODD_HANDLE_CALLS);
    model_close(&g->model, number);
    return true;
}

/* ---- ioctls and options ---- */

bool draw_ioctl(generator_t *g)
{
    uint8_t number = draw_pick(g, is_open);
    if (number == NO_SOCKET)
        return false;
    unsigned dice = random_below(&g->random, 10);
    if (dice < 3) {
        /* A shutdown makes the builtin forget that it was asked for window messages, which forbid a blocking socket. */
        const model_sock_t *sock = &g->model.socks[number];
        draw_set_nonblocking(g, number, random_chance(&g->random, 50) || (sock->async && sock->shut_send));
        return true;
    }
    step_t *step = draw_add(g, OP_IOCTL, number);
    step->a = dice < 7 ? 1 : dice < 9 ? 2 : 3;
    return true;
}

bool draw_getsockopt(generator_t *g)
{
    static const int32_t lengths[] = {4, 4, 4, 4, 4, 0, 1, 2, 3, 8, 16};
    uint8_t number = draw_pick(g, is_open);
    if (number == NO_SOCKET)
        return false;
    step_t *step = draw_add(g, OP_GETSOCKOPT, number);
    step->a = (int32_t)random_below(&g->random, plan_options_count);
    step->b = lengths[random_below(&g->random, sizeof lengths / sizeof lengths[0])];
    return true;
}

/* A time-out has to be short and a linger must not wait; what makes later sockets different is left alone. */
static int32_t option_value(generator_t *g, const plan_option_t *option)
{
    static const int32_t usual[] = {0, 1, 1, 2, 100, 4096, 65536, -1};
    if (option->level == LEVEL_SOCKET && option->option == OPTION_LINGER)
        return (int32_t)random_below(&g->random, 2);
    if (option->level == LEVEL_SOCKET && (option->option == OPTION_RCVTIMEO || option->option == OPTION_SNDTIMEO))
        return random_chance(&g->random, 40) ? 0 : (int32_t)(20 + random_below(&g->random, 20));
    return usual[random_below(&g->random, sizeof usual / sizeof usual[0])];
}

static void remember_option(model_sock_t *sock, const plan_option_t *option, const step_t *step)
{
    if (option->level != LEVEL_SOCKET)
        return;
    switch (option->option) {
    case OPTION_LINGER: sock->hard_linger = step->c != 0 && step->d == 0; break;
    case ~OPTION_LINGER: sock->hard_linger = step->c == 0; break; /* perhaps */
    case OPTION_OOBINLINE: sock->inline_urgent = step->c != 0; break;
    case OPTION_SNDBUF:
    case OPTION_RCVBUF: sock->small = true; break;
    case OPTION_RCVTIMEO: sock->timed = step->c != 0; break;
    default: break;
    }
}

static bool may_be_set(const model_sock_t *sock, const plan_option_t *option)
{
    if (option->level == LEVEL_SOCKET && option->option == OPTION_OPENTYPE)
        return false;
    if (option->level == LEVEL_SOCKET && (option->option == OPTION_SNDBUF || option->option == OPTION_RCVBUF))
        return sock->in < SMALL_ROOM;
    /* What an urgent byte becomes is decided when it arrives; the generator does not follow changes in between. */
    return !(option->level == LEVEL_SOCKET && option->option == OPTION_OOBINLINE && (sock->urgent || sock->mark >= 0));
}

bool draw_setsockopt(generator_t *g)
{
    static const int32_t lengths[] = {4, 4, 4, 4, 4, 4, 0, 1, 2, 8};
    uint8_t number = draw_pick(g, is_open);
    unsigned index = random_below(&g->random, plan_options_count);
    const plan_option_t *option = &plan_options[index];
    if (number == NO_SOCKET || !may_be_set(&g->model.socks[number], option))
        return false;
    step_t *step = draw_add(g, OP_SETSOCKOPT, number);
    step->a = (int32_t)index;
    step->b = lengths[random_below(&g->random, sizeof lengths / sizeof lengths[0])];
    step->c = option_value(g, option);
    step->d = random_chance(&g->random, 50) ? 0 : 1;
    if (step->b == 1 || step->b >= 4)
        remember_option(&g->model.socks[number], option, step);
    return true;
}

/* ---- window messages ---- */

static bool is_async_or_not(const generator_t *g, const model_sock_t *sock)
{
    (void)g;
    return model_is_open(sock) && !sock->udp;
}

bool draw_async(generator_t *g)
{
    uint8_t number = draw_pick(g, is_async_or_not);
    if (number == NO_SOCKET)
        return false;
    model_sock_t *sock = &g->model.socks[number];
    step_t *step = draw_add(g, OP_ASYNC, number);
    step->a = random_chance(&g->random, 15) ? 0 : random_chance(&g->random, 40) ? 0x3f : (int32_t)random_below(&g->random, 64);
    sock->nonblocking = true;
    sock->async = step->a != 0;
    sock->news = true;
    return true;
}

/* ---- names and odd calls ---- */

bool draw_name(generator_t *g)
{
    static const int32_t lengths[] = {16, 16, 16, 16, 0, 15, 32};
    uint8_t number = draw_pick(g, is_open);
    if (number == NO_SOCKET)
        return false;
    step_t *step = draw_add(g, OP_NAME, number);
    step->a = (int32_t)random_below(&g->random, 2);
    step->b = lengths[random_below(&g->random, sizeof lengths / sizeof lengths[0])];
    return true;
}

bool draw_odd(generator_t *g)
{
    uint8_t number = draw_pick(g, is_open);
    if (number == NO_SOCKET)
        return false;
    const model_sock_t *sock = &g->model.socks[number];
    bool reads = model_is_stream(sock) && model_read_returns(sock) && !sock->timed && !sock->async;
    draw_add(g, OP_ODD, number)->a = (int32_t)random_below(&g->random, reads ? ODD_CALLS + ODD_READS : ODD_CALLS);
    return true;
}

bool draw_odd_handle(generator_t *g)
{
    uint8_t actor = draw_actor(g);
    if (random_chance(&g->random, 40)) {
        draw_add_for(g, OP_ODD_SOCKET, actor)->a = (int32_t)random_below(&g->random, ODD_SOCKETS);
        return true;
    }
    step_t *step = draw_add_for(g, OP_ODD_HANDLE, actor);
    step->a = (int32_t)random_below(&g->random, ODD_HANDLE_CALLS);
    step->b = (int32_t)random_below(&g->random, ODD_HANDLES);
    return true;
}

/* ---- datagrams ---- */

static bool is_datagram(const generator_t *g, const model_sock_t *sock)
{
    (void)g;
    return model_is_open(sock) && sock->udp;
}

static bool has_datagram(const generator_t *g, const model_sock_t *sock)
{
    return is_datagram(g, sock) && (sock->in > 0 || sock->nonblocking);
}

bool draw_sendto(generator_t *g)
{
    uint8_t from = draw_pick(g, is_datagram), to = draw_pick(g, is_datagram);
    if (from == NO_SOCKET || to == NO_SOCKET || g->model.socks[to].in >= 3 || g->model.socks[to].small)
        return false;
    step_t *step = draw_add(g, OP_SENDTO, from);
    step->other = to;
    step->a = (int32_t)random_below(&g->random, 300);
    g->model.socks[to].in++;
    return true;
}

bool draw_recvfrom(generator_t *g)
{
    uint8_t number = draw_pick(g, has_datagram);
    if (number == NO_SOCKET)
        return false;
    step_t *step = draw_add(g, OP_RECVFROM, number);
    step->a = (int32_t)random_below(&g->random, 400);
    step->b = random_chance(&g->random, 20) ? FLAG_PEEK : 0;
    if (!(step->b & FLAG_PEEK) && g->model.socks[number].in)
        g->model.socks[number].in--;
    return true;
}
