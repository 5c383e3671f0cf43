/* model: what the generator knows of every socket of a sequence, as far as it decides what may block and what is in
 * flight.  It predicts no results: those come from the builtin. */
#ifndef DIFF_MODEL_H
#define DIFF_MODEL_H

#include "plan.h"

typedef enum sock_state {
    SOCK_UNUSED,
    SOCK_FRESH,
    SOCK_BOUND,
    SOCK_LISTENING,
    SOCK_PENDING, /* in a listener's queue */
    SOCK_CONNECTED,
    SOCK_REFUSED,
    SOCK_CLOSED
} sock_state_t;

enum { MODEL_QUEUE = 4, SMALL_ROOM = 400, USUAL_ROOM = 150000 };

typedef struct model_sock {
    sock_state_t state;
    uint8_t actor, peer;
    bool udp;
    bool nonblocking, timed, small, hard_linger, inline_urgent, async;
    bool shut_recv, shut_send;
    bool news; /* window messages may have been posted since they were looked at */
    bool ended;       /* the end of what comes in, or a reset */
    bool reset;
    bool sent_beyond; /* sent although the other side is closed */
    uint32_t in;      /* bytes (UDP: datagrams) to be read */
    uint32_t parts;   /* how many sends they came from, at most */
    int32_t mark;     /* bytes before the urgent one; -1: none */
    bool urgent;      /* it has not been read */
    bool behind;      /* something has been sent behind it */
    uint8_t queue[MODEL_QUEUE], queued;
} model_sock_t;

typedef struct model {
    model_sock_t socks[PLAN_SOCKETS];
    unsigned count;
} model_t;

/* A new entry, or NO_SOCKET. */
uint8_t model_new(model_t *model, uint8_t actor, bool udp);
/* `client` is connected to `listener`: the entry of the socket that accept will give, or NO_SOCKET. */
uint8_t model_connect(model_t *model, uint8_t client, uint8_t listener);
uint8_t model_accept(model_t *model, uint8_t listener);
void model_send(model_t *model, uint8_t sender, uint32_t bytes);
void model_send_urgent(model_t *model, uint8_t sender, uint32_t bytes);
void model_receive(model_t *model, uint8_t receiver, uint32_t bytes);
void model_shutdown(model_t *model, uint8_t sock, int how);
void model_close(model_t *model, uint8_t sock);

/* Bytes that one receive can get. */
uint32_t model_visible(const model_sock_t *sock);
/* A receive returns at once, and so does one that peeks. */
bool model_read_returns(const model_sock_t *sock);
/* Bytes that may still be sent without blocking. */
uint32_t model_room(const model_t *model, uint8_t sender);
bool model_is_open(const model_sock_t *sock);
bool model_is_stream(const model_sock_t *sock);
/* Reset, or on the way out. */
bool model_is_over(const model_sock_t *sock);

#endif
