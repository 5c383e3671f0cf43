/* watcher: the one thread of ours in a process that has user-level streams.
 *
 * It waits on the processes at the other ends (a death wakes whoever sleeps on their streams), on the doorbell by which
 * other processes ask for a demotion, and on the kernel side of mixed selects (kpoll).  It is also the waiter behind
 * WSAAsyncSelect (async). */
#ifndef VMMC_WATCHER_H
#define VMMC_WATCHER_H

#include <stdbool.h>
#include <stdint.h>

/* Start the thread; called once, after vmmc_start(), which leaves it the first waiter of the process. */
bool watcher_start(void);
/* A link was added, so that its process has to be watched too, or something has to be armed: look at everything. */
void watcher_look(void);

#endif
