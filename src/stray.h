/* stray: watches the kernel connections of user-level streams for bytes, or an end, that nobody announced.
 *
 * Not everything that is done to a socket passes by redirect.h: function pointers taken early, ntdll, another process
 * with a copy of the handle.  What such a one writes must arrive, and its stream is the kernel's from then on. */
#ifndef VMMC_STRAY_H
#define VMMC_STRAY_H

#include "nt.h"

/* Look at what is due; the watcher calls it whenever it is awake.  Returns after how many milliseconds to call again at
 * the latest, INFINITE if there is nothing to wait for. */
DWORD stray_round(void);

#endif
