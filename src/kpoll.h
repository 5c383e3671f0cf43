/* kpoll: readiness of kernel sockets, for threads that sleep on user-level streams at the same time.
 *
 * A one-shot poll of the system's socket driver (AFD) is armed per socket and kind, and stays armed from one select to
 * the next, so a listener that nobody connects to costs nothing while the streams beside it are busy.  When a poll
 * fires, the watcher wakes the threads that wait for it; what is really ready, a kernel select then says.
 *
 * No poll of ours may name a socket that is being closed: another thread may be making a new one of that number, and Wine's
 * server ends, with every program, if it is asked about one that is half made.  So who closes a socket has it forgotten
 * before, which waits for the polls under way that name it.
 * Threads any. */
#ifndef VMMC_KPOLL_H
#define VMMC_KPOLL_H

#include "wait.h"

typedef enum kpoll_kind { KPOLL_READ, KPOLL_WRITE, KPOLL_EXCEPT, KPOLL_KINDS } kpoll_kind_t;

struct kpoll_op;

/* A kernel socket with its polls. */
typedef struct kpoll {
    uintptr_t socket;
    word_t forgotten;
    word_t entered; /* polls under way that wait for nothing; never reset, since late threads may be inside */
    struct kpoll_op *ops[KPOLL_KINDS];
} kpoll_t;

/* One thread waiting for one kind of readiness of one socket; lives on that thread's stack. */
typedef struct kpoll_wait {
    struct kpoll_wait *next;
    struct kpoll_op *op;
    uint32_t number;
} kpoll_wait_t;

/* `endpoint`: a handle of the socket driver, which is kpoll's from now on; NULL: nothing can be polled. */
bool kpoll_start(void *endpoint);
/* True if that number is such a handle, and so no socket of the program's. */
bool kpoll_owns(uintptr_t number);
/* The handle that is signalled when a poll may have fired. */
void *kpoll_event(void);
/* Wake whoever waits for polls that have fired; the watcher calls it. */
void kpoll_collect(void);
/* `polled` is the open `socket` from now on; it was all zero or has been forgotten. */
void kpoll_open(kpoll_t *polled, uintptr_t socket);
/* It was not ready: have it watched from now on, for kpoll_is_quiet(). */
void kpoll_watch(kpoll_t *polled, uintptr_t socket, kpoll_kind_t kind);
/* True if it is watched, since a tenth of a second at most, and has not become ready in that way; the news may be some
 * microseconds old.  Asks nobody.  For streams and listeners: of datagrams Wine's server tells armed polls nothing once a
 * datagram that was sent has been refused. */
bool kpoll_is_quiet(const kpoll_t *polled, uintptr_t socket, kpoll_kind_t kind);
/* Have `waiter` woken when `socket` is ready in that way.  False: it cannot be watched; look from time to time, or it has
 * been forgotten. */
bool kpoll_begin(kpoll_t *polled, uintptr_t socket, kpoll_kind_t kind, kpoll_wait_t *wait, const waiter_t *waiter);
void kpoll_end(kpoll_wait_t *wait);
/* True if a poll that this thread waits for has fired. */
bool kpoll_fired(const kpoll_wait_t *wait);
/* Which of up to KPOLL_GLANCE sockets have bytes, or an end, to be received now?  One request for all of them; those that
 * have been forgotten have nothing.  False: that cannot be told, for one of them at least.  For one thread at a time, the
 * watcher's. */
#define KPOLL_GLANCE 64
bool kpoll_glance(kpoll_t *const *polled, unsigned count, bool *ready);
/* The socket is about to be closed.  Returns when no poll is under way that names it, or after some time: a thread may have
 * been ended in the middle of one. */
void kpoll_forget(kpoll_t *polled);
/* Around a poll by another call, which must not wait.  False: `socket` has been forgotten, and there is nothing to leave. */
bool kpoll_enter(kpoll_t *polled, uintptr_t socket);
void kpoll_leave(kpoll_t *polled);

#endif
