/* transport: starts what user-level streams need, in the order in which one thing needs another.
 * Not to be called from DllMain. */
#ifndef VMMC_TRANSPORT_H
#define VMMC_TRANSPORT_H

#include "inspection.h"

#include <stdbool.h>

/* Start it, once.  NULL: it runs; otherwise why it does not. */
const char *transport_start(void);

/* True if it runs: nothing is asked of the system. */
bool transport_runs(void);

/* The same, for whoever reads this process's memory. */
extern const inspection_process_t transport_inspection;

#endif
