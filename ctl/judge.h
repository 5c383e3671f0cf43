/* judge: can a program have the transport, by what means does it reach wsock32, and if not: why, and what to do. */
#ifndef CTL_JUDGE_H
#define CTL_JUDGE_H

#include "ours.h"

typedef enum reach {
    REACH_NONE,
    REACH_IMPORT,  /* the program's own imports */
    REACH_DELAYED, /* its delayed imports */
    REACH_LIBRARY, /* a library in its folder imports it */
    REACH_LOAD     /* it has the name in it, so it may load it when it runs */
} reach_t;

typedef struct verdict {
    char path[CTL_PATH], folder[CTL_PATH], name[CTL_PATH]; /* of the program */
    unsigned bits;
    reach_t reach;
    char through[260]; /* the library; empty: the program itself */
    bool winsock2;     /* it also imports ws2_32 */
    dll_t dll;         /* what would be put beside it */
    dll_t beside;      /* what is there */
    dll_t off;         /* what was there before it was disabled */
    /* NULL: it can have it.  A word for programs to read, a sentence, and what to do. */
    const char *obstacle, *reason, *advice;
} verdict_t;

/* Touches nothing, but for a file made and removed at once to see whether the folder can be written. */
void judge(verdict_t *verdict, const char *program);
/* Look once more at what lies beside it; it may have become an obstacle. */
void judge_again(verdict_t *verdict);
const char *judge_reach(reach_t reach);

#endif
