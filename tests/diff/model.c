/* model: see model.h. */
#include "model.h"

#include <string.h>

uint8_t model_new(model_t *model, uint8_t actor, bool udp)
{
    if (model->count == PLAN_SOCKETS)
        return NO_SOCKET;
    model->socks[model->count] =
        (model_sock_t){.state = SOCK_FRESH, .actor = actor, .udp = udp, .peer = NO_SOCKET, .mark = -1};
    return (uint8_t)model->count++;
}

static void inherit(model_sock_t *accepted, const model_sock_t *listener)
{
    accepted->nonblocking = listener->nonblocking;
    accepted->timed = listener->timed;
    accepted->small = listener->small;
    accepted->hard_linger = listener->hard_linger;
    accepted->inline_urgent = listener->inline_urgent;
    accepted->async = listener->async;
}

uint8_t model_connect(model_t *model, uint8_t client, uint8_t listener)
{
    model_sock_t *to = &model->socks[listener];
    if (to->queued == MODEL_QUEUE)
        return NO_SOCKET;
    uint8_t accepted = model_new(model, to->actor, false);
    if (accepted == NO_SOCKET)
        return NO_SOCKET;
    model->socks[accepted].state = SOCK_PENDING;
    model->socks[accepted].peer = client;
    model->socks[client].state = SOCK_CONNECTED;
    model->socks[client].peer = accepted;
    inherit(&model->socks[accepted], to);
    to->queue[to->queued++] = accepted;
    to->news = true;
    return accepted;
}

uint8_t model_accept(model_t *model, uint8_t listener)
{
    model_sock_t *from = &model->socks[listener];
    if (from->queued == 0)
        return NO_SOCKET;
    uint8_t accepted = from->queue[0];
    memmove(from->queue, from->queue + 1, --from->queued);
    inherit(&model->socks[accepted], from);
    model->socks[accepted].state = SOCK_CONNECTED;
    return accepted;
}

void model_send(model_t *model, uint8_t sender, uint32_t bytes)
{
    model_sock_t *from = &model->socks[sender];
    model_sock_t *to = &model->socks[from->peer];
    if (from->shut_send || bytes == 0 || from->reset)
        return;
    /* What comes for a socket that is closed, or shut in both directions, is answered by a reset. */
    if (to->state == SOCK_CLOSED || (to->shut_recv && to->shut_send)) {
        from->reset = from->ended = true;
        from->sent_beyond = true;
        to->reset = to->ended = true;
        return;
    }
    to->in += bytes;
    to->parts++;
    to->behind = true;
}

void model_send_urgent(model_t *model, uint8_t sender, uint32_t bytes)
{
    model_sock_t *from = &model->socks[sender];
    model_sock_t *to = &model->socks[from->peer];
    model_send(model, sender, to->inline_urgent ? bytes : bytes - 1);
    if (from->shut_send || from->reset || to->state == SOCK_CLOSED)
        return;
    to->mark = (int32_t)(to->inline_urgent ? to->in - 1 : to->in);
    to->urgent = true;
    to->behind = false;
}

void model_receive(model_t *model, uint8_t receiver, uint32_t bytes)
{
    model_sock_t *sock = &model->socks[receiver];
    uint32_t visible = model_visible(sock), taken = bytes < visible ? bytes : visible;
    if (sock->shut_recv)
        return;
    if (bytes && sock->mark == 0) { /* the urgent byte is skipped, even if nothing has come behind it */
        sock->mark = -1;
        sock->urgent = false;
    }
    sock->in -= taken;
    if (sock->mark > 0)
        sock->mark -= (int32_t)taken;
    if (sock->in == 0)
        sock->parts = 0;
}

void model_shutdown(model_t *model, uint8_t number, int how)
{
    model_sock_t *sock = &model->socks[number];
    if (how == 0 || how == 2)
        sock->shut_recv = true;
    if (how == 1 || how == 2) {
        sock->shut_send = true;
        model->socks[sock->peer].ended = true;
    }
}

static void end_peer(model_t *model, model_sock_t *sock)
{
    model_sock_t *peer = &model->socks[sock->peer];
    peer->ended = true;
    if (sock->hard_linger || sock->in > 0 || sock->urgent)
        peer->reset = true;
}

void model_close(model_t *model, uint8_t number)
{
    model_sock_t *sock = &model->socks[number];
    for (unsigned i = 0; i < sock->queued; i++) {
        model_sock_t *pending = &model->socks[sock->queue[i]];
        pending->state = SOCK_CLOSED;
        model->socks[pending->peer].reset = model->socks[pending->peer].ended = true;
    }
    if (model_is_stream(sock))
        end_peer(model, sock);
    sock->queued = 0;
    sock->state = SOCK_CLOSED;
}

uint32_t model_visible(const model_sock_t *sock)
{
    return !sock->inline_urgent && sock->mark > 0 ? (uint32_t)sock->mark : sock->in;
}

bool model_read_returns(const model_sock_t *sock)
{
    return sock->nonblocking || sock->timed || sock->shut_recv || model_visible(sock) > 0 || sock->ended;
}

uint32_t model_room(const model_t *model, uint8_t sender)
{
    const model_sock_t *from = &model->socks[sender], *to = &model->socks[from->peer];
    uint32_t most = from->small || to->small ? SMALL_ROOM : USUAL_ROOM;
    return to->in < most ? most - to->in : 0;
}

bool model_is_open(const model_sock_t *sock)
{
    return sock->state != SOCK_UNUSED && sock->state != SOCK_CLOSED && sock->state != SOCK_PENDING;
}

bool model_is_stream(const model_sock_t *sock)
{
    return sock->state == SOCK_CONNECTED && !sock->udp;
}

bool model_is_over(const model_sock_t *sock)
{
    return sock->reset || sock->shut_send;
}
