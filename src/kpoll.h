/* kpoll: readiness of kernel sockets, for threads that sleep on user-level streams at the same time.
 *
 * A one-shot poll of the system's socket driver (AFD) is armed per socket and kind, and stays armed from one select to
 * the next, so a listener that nobody connects to costs nothing while the streams beside it are busy.  When a poll
 * fires, the watcher wakes the threads that wait for it; what is really ready, a kernel select then says. */
#ifndef VMMC_KPOLL_H
#define VMMC_KPOLL_H

#include "wait.h"

typedef enum kpoll_kind { KPOLL_READ, KPOLL_WRITE, KPOLL_EXCEPT, KPOLL_KINDS } kpoll_kind_t;

struct kpoll_op;

/* A kernel socket with its polls; all zero but for the handle at first. */
typedef struct kpoll {
    uintptr_t socket;
    struct kpoll_op *ops[KPOLL_KINDS];
} kpoll_t;

/* One thread waiting for one kind of readiness of one socket; lives on that thread's stack. */
typedef struct kpoll_wait {
    struct kpoll_wait *next;
    struct kpoll_op *op;
    uint32_t number;
} kpoll_wait_t;

bool kpoll_start(void);
/* The handle that is signalled when a poll may have fired. */
void *kpoll_event(void);
/* Wake whoever waits for polls that have fired; the watcher calls it. */
void kpoll_collect(void);
/* Have `waiter` woken when the socket is ready in that way.  False: it cannot be watched; look from time to time. */
bool kpoll_begin(kpoll_t *polled, kpoll_kind_t kind, kpoll_wait_t *wait, const waiter_t *waiter);
void kpoll_end(kpoll_wait_t *wait);
/* True if a poll that this thread waits for has fired. */
bool kpoll_fired(const kpoll_wait_t *wait);
/* Which of up to KPOLL_GLANCE sockets have bytes, or an end, to be received now?  One request for all of them.  False: that
 * cannot be told, for one of them at least.  For one thread at a time, the watcher's. */
#define KPOLL_GLANCE 64
bool kpoll_glance(const uintptr_t *sockets, unsigned count, bool *ready);
/* The socket is being closed. */
void kpoll_forget(kpoll_t *polled);

#endif
