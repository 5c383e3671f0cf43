/* draw: the generator's pieces.  A draw looks for a socket that suits it, adds a few steps and tells the model; it
 * returns false, and has added nothing, if no socket suits. */
#ifndef DIFF_DRAW_H
#define DIFF_DRAW_H

#include "model.h"
#include "random.h"

enum { LEVEL_SOCKET = 0xffff, LEVEL_TCP = 6, LEVEL_IP = 0 };
enum { FLAG_OOB = 1, FLAG_PEEK = 2, FLAG_DONTROUTE = 4, FLAG_WAITALL = 8, FLAG_PARTIAL = 0x8000 };

typedef struct generator {
    plan_t *plan;
    random_t random;
    model_t model;
    uint8_t actors[PLAN_ACTORS]; /* who takes part */
    unsigned actors_count;
} generator_t;

typedef bool suits_t(const generator_t *g, const model_sock_t *sock);

/* A step of the actor that owns `sock`, with what has to arrive before it. */
step_t *draw_add(generator_t *g, op_t op, uint8_t sock);
/* The same without waiting for anything. */
step_t *draw_add_at_once(generator_t *g, op_t op, uint8_t sock);
/* A step that belongs to no socket. */
step_t *draw_add_for(generator_t *g, op_t op, uint8_t actor);
void draw_await(step_t *step, uint8_t sock, await_kind_t kind, uint32_t bytes);
/* The close of a socket, whose caller has to tell the model. */
step_t *draw_closing(generator_t *g, uint8_t sock);
/* What has to arrive before `sock` is looked at. */
void draw_await_all(const generator_t *g, step_t *step, uint8_t sock);
/* A random socket for which `suits` holds, or NO_SOCKET. */
uint8_t draw_pick(generator_t *g, suits_t *suits);
uint8_t draw_actor(generator_t *g);

/* Each is one draw. */
bool draw_connection(generator_t *g);
bool draw_accept(generator_t *g);
bool draw_refused(generator_t *g);
bool draw_fresh(generator_t *g);
bool draw_misuse(generator_t *g);
bool draw_send(generator_t *g);
bool draw_receive(generator_t *g);
bool draw_blocked(generator_t *g);
bool draw_bulk(generator_t *g);
bool draw_fill(generator_t *g);
bool draw_transmit(generator_t *g);
bool draw_urgent(generator_t *g);
bool draw_select(generator_t *g);
bool draw_shutdown(generator_t *g);
bool draw_close(generator_t *g);
bool draw_ioctl(generator_t *g);
bool draw_getsockopt(generator_t *g);
bool draw_setsockopt(generator_t *g);
bool draw_name(generator_t *g);
bool draw_odd(generator_t *g);
bool draw_odd_handle(generator_t *g);
bool draw_async(generator_t *g);
bool draw_udp(generator_t *g);
bool draw_sendto(generator_t *g);
bool draw_recvfrom(generator_t *g);

/* Steps that other draws use too. */
void draw_warm_up(generator_t *g, uint8_t sock);
void draw_set_nonblocking(generator_t *g, uint8_t sock, bool on);
uint32_t draw_size(generator_t *g);

#endif
