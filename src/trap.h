/* trap: faults in guarded copies (vmmc_guard.h), where a program hands over memory that may not be touched. */
#ifndef VMMC_TRAP_H
#define VMMC_TRAP_H

#include <stdbool.h>

/* Before the first stream, and once: from now on such a copy gives false.  The library must stay loaded.  False: the
 * system takes no handler. */
bool trap_start(void);

#endif
