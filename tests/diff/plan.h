/* plan: the steps of one sequence, drawn from (seed, number) alone, so that every process of a run knows all of them.
 * A plan is legal in the sense that no step blocks for ever; many steps are calls that must fail.  Portable C. */
#ifndef DIFF_PLAN_H
#define DIFF_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum { PLAN_ACTORS = 3, PLAN_SOCKETS = 20, PLAN_STEPS = 192, PLAN_AWAITS = 8, PLAN_MEMBERS = 5 };
enum { NO_SOCKET = 255 };
enum { PLAN_BULK = 1 << 20 }; /* the most bytes that one step moves */

/* What a step does; the comment names its operands. */
typedef enum op {
    OP_SOCKET,       /* a: 0 TCP, 1 UDP */
    OP_BIND,         /* a: 0 loopback, 1 any address; other: to the port of that socket */
    OP_LISTEN,       /* a: backlog */
    OP_CONNECT,      /* other: the socket to connect to; NO_SOCKET: a port where nobody listens */
    OP_ACCEPT,       /* other: the accepted socket; NO_SOCKET: none is pending; a: 1 to ask for the address */
    OP_SEND,         /* a: bytes, b: flags, c: form (form_t) */
    OP_RECV,         /* a: bytes, b: flags, c: form (form_t) */
    OP_SENDTO,       /* other: a UDP socket, a: bytes */
    OP_RECVFROM,     /* a: bytes, b: flags */
    OP_SELECT,       /* sets, a: milliseconds, or -1 for ever */
    OP_SHUTDOWN,     /* a: how */
    OP_CLOSE,        /* a: 1 to use the handle once more, with use number b */
    OP_IOCTL,        /* a: index in plan_ioctls, b: value */
    OP_GETSOCKOPT,   /* a: index in plan_options, b: length */
    OP_SETSOCKOPT,   /* a: index in plan_options, b: length, c: value, d: second value of a linger */
    OP_NAME,         /* a: 0 own, 1 peer's; b: length */
    OP_ODD,          /* a: number of an odd call on a live socket */
    OP_ODD_HANDLE,   /* a: number of an odd call, b: number of a handle that is no socket */
    OP_ODD_SOCKET,   /* a: number of a refused socket() */
    OP_SEND_ALL,     /* a: bytes, b: largest piece */
    OP_RECV_ALL,     /* a: bytes, b: largest piece */
    OP_FILL,         /* send pieces of a bytes until the socket would block */
    OP_DRAIN,        /* other: read all that was filled into that socket */
    OP_TRANSMIT,     /* a: bytes of the file, b: of the head, c: of the tail, d: flags */
    OP_ASYNC,        /* a: event mask */
    OP_MESSAGES,     /* all window messages that have come for the actor's sockets; a: a connection of them is over */
    OP_AWAIT,        /* nothing but its awaits */
    OP_JOIN,         /* nothing: the early step before has returned */
    OP_CLEAN,        /* close what the plan has lost sight of */
    OP_COUNT
} op_t;

/* Which call moves the bytes. */
typedef enum form { FORM_PLAIN, FORM_ADDRESS, FORM_EX, FORM_FILE, FORM_COUNT } form_t;

/* Effects of others that have to arrive before a step, so that what it sees does not depend on time. */
typedef enum await_kind { AWAIT_BYTES, AWAIT_READABLE, AWAIT_WRITABLE, AWAIT_EXCEPTION, AWAIT_NAMED } await_kind_t;

typedef struct await {
    uint8_t sock, kind;
    uint32_t bytes;
} await_t;

typedef struct step {
    uint8_t op, actor, sock, other;
    bool early; /* the turn is passed on before the call, which the next step may release */
    int32_t a, b, c, d;
    uint8_t awaits_count, set_counts[3];
    await_t awaits[PLAN_AWAITS];
    uint8_t sets[3][PLAN_MEMBERS];
} step_t;

typedef struct plan {
    uint32_t seed, number;
    unsigned count;
    step_t steps[PLAN_STEPS];
} plan_t;

typedef struct plan_option {
    int level, option;
    const char *name;
} plan_option_t;

typedef struct plan_ioctl {
    uint32_t command;
    const char *name;
} plan_ioctl_t;

extern const plan_option_t plan_options[];
extern const unsigned plan_options_count;
extern const plan_ioctl_t plan_ioctls[];
extern const unsigned plan_ioctls_count;

/* How many odd calls of each kind the performer knows. */
enum { ODD_CALLS = 18, ODD_READS = 5, ODD_HANDLES = 4, ODD_HANDLE_CALLS = 14, ODD_SOCKETS = 10 };

void plan_make(plan_t *plan, uint32_t seed, uint32_t number);

#endif
