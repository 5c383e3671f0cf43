/* stray: watches the kernel connections of user-level streams for bytes, or an end, that nobody announced.
 *
 * Idle streams are looked at many at once, and ever more seldom: a poll that stays armed would cost the wineserver time at
 * every event of any socket.
 *
 * Not everything that is done to a socket passes by redirect.h: function pointers taken early, ntdll, another process
 * with a copy of the handle.  What such a one writes must arrive, and its stream is the kernel's from then on. */
#ifndef VMMC_STRAY_H
#define VMMC_STRAY_H

#include "wait.h"

/* The watcher's round (watcher.h): look at what is due. */
unsigned stray_round(const waiter_t *watcher);

#endif
