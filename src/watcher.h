/* watcher: the one thread of ours in a process that has user-level streams.
 *
 * It waits on the processes at the other ends (a death wakes whoever sleeps on their streams), on the doorbell by which
 * other processes ask for something, on errands of this process, and on polls of kernel sockets (kpoll).  Whenever it
 * is awake it makes a round of its duties, which those above it have given it. */
#ifndef VMMC_WATCHER_H
#define VMMC_WATCHER_H

#include "kpoll.h"
#include "vmmc.h"

#define WATCHER_IDLE UINT32_MAX
#define WATCHER_ROUNDS 3

/* What is to be done; called by the watcher's thread alone, whose waiter is `watcher`.  Returns after how many milliseconds
 * to call again at the latest, WATCHER_IDLE: not before something happens. */
typedef unsigned (*watcher_round_t)(const waiter_t *watcher);

typedef struct watcher_duties {
    watcher_round_t rounds[WATCHER_ROUNDS];
    void (*on_death)(vmmc_link_t *link);
    void *(*open_endpoint)(void); /* a handle of the socket driver, for kpoll; called at the start */
} watcher_duties_t;

/* Before the start; `duties` must last. */
void watcher_set_duties(const watcher_duties_t *duties);
/* Start the thread; called once, after vmmc_start(), which leaves it the first waiter of the process. */
bool watcher_start(void);
/* A link was added, so that its process has to be watched too, or something has to be armed: make a round. */
void watcher_look(void);
/* There is a new stream on this link, which is to be looked after within about WATCHER_SOON_MS.  Most need no ring of the bell for
 * that: the process is watched already, and a round is due anyway. */
#define WATCHER_SOON_MS 60
void watcher_expect(const vmmc_link_t *link);

#endif
