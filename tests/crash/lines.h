/* lines: many checked streams of one process at once, for the victim as well as for the survivor. */
#ifndef CRASH_LINES_H
#define CRASH_LINES_H

#include "wire.h"

enum { LINES = 50, HELLO = 4, HELLOS = 3, LINE_PATIENCE_S = 4 };

enum line_traits {
    LINE_VIEWS = 1,  /* some bytes are sent and received in place */
    LINE_LATE = 2,   /* the survivor does not read for a while */
    LINE_BLOCKED = 4, /* it waits in recv and send, two threads for each stream, instead of in select */
    LINE_VICTIM_LEAVES = 8, /* the victim's first stream goes back to the kernel amid the traffic */
    LINE_SURVIVOR_LEAVES = 16,
    LINE_HALF = 32   /* the victim ends what it sends before the survivor does */
};

typedef struct line {
    SOCKET s;
    flow_t out, in;
    uint64_t random;
    uint64_t to_send;
    unsigned traits;
    bool sends, reads;
    int error;                /* how it ended: 0 or a code */
    uint32_t ended;           /* when: microseconds on os_now_us(), low word */
    volatile LONG *committed; /* bytes of finished sends, or NULL */
} line_t;

/* `salt`: the same at both ends. */
void line_begin(line_t *line, SOCKET s, bool victim, uint64_t salt, uint64_t to_send, unsigned traits);
/* A few bytes to and fro, after which both directions are user-level.  False: the other end has gone. */
bool line_greet(line_t *line, bool first);
/* Send and check until every stream has ended at the other end.  One that is silent for LINE_PATIENCE_S ends with
 * WSAETIMEDOUT. */
void lines_run(line_t *lines, unsigned count, unsigned traits, bool victim);
/* One piece.  False: nothing more goes that way. */
bool line_send(line_t *line);
bool line_receive(line_t *line);

#endif
