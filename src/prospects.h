/* prospects: which connections will probably find their other end at once, as learnt from earlier ones to the same server.
 *
 * Whoever connects meets with its first transfer if that is likely to succeed, and otherwise when the connection has shown
 * that it lasts.  A try that fails costs the program a wait.  A few may fail at a time, since any process may lose its processor
 * for a while; then each failure doubles the number of connections until the next try; two successes make up for one.
 *
 * Owns    a small table of servers, of which two may share a place.
 * Threads any, without a lock: what two threads lose of each other's news is made up for by the next connection. */
#ifndef VMMC_PROSPECTS_H
#define VMMC_PROSPECTS_H

#include "rendezvous.h"

/* Names the end that listens, for the rest of these calls; never 0. */
uint32_t prospects_key(const endpoint_t *server);
/* There is one more connection: true if it shall be met at once.  Of a server that nothing is known about, the first
 * `unknown` are not. */
#define PROSPECTS_NEVER UINT32_MAX
bool prospects_try(uint32_t key, uint32_t unknown);
/* The result of such a try. */
void prospects_tried(uint32_t key, bool met);
/* A connection to that server has found its other end at leisure: it is worth a try. */
void prospects_found(uint32_t key);

#endif
