/* lending: loans in both directions between victim and survivor, beside their streams. */
#ifndef CRASH_LENDING_H
#define CRASH_LENDING_H

#include "unit.h"
#include "vmmc_lend.h"

/* One process's part.  The tokens go through a channel of their own: a pair of SOCK_SEQPACKET sockets. */
typedef struct lending {
    vmmc_link_t *link;
    uint32_t mailbox;
    int channel;
    uint32_t seed; /* the same for both */
    bool may_close; /* the connection, amid all this, which ends the lending */
    pthread_t lender, borrower;
    const char *fault; /* NULL: none */
} lending_t;

/* Takes the first five members as they are; without a link there is nothing to be lent. */
void lending_start(lending_t *lending);
void lending_end(lending_t *lending);

#endif
