/* os_fuzz: the seam's body for fuzzing: no system below it, so nothing is slow, waits or depends on anything but the
 * script.  Sections are memory between guard pages, the clock moves when it is read or waited on, events and futexes
 * let time pass, and three processes exist, of which this is the first. */
#ifndef VMMC_OS_FUZZ_H
#define VMMC_OS_FUZZ_H

#include "os.h"

#define OS_FUZZ_PROCESSES 3 /* their numbers are 1, 2, 3 */
#define OS_FUZZ_START 7     /* start_low of each */

/* Let time pass. */
void os_fuzz_pass(uint64_t us);
/* Process `pid` is dead from now on, or alive again. */
void os_fuzz_set_dead(uint32_t pid, bool dead);
/* A name that nobody has created may be opened all the same if it is of this size: the hostile process has made it.  All
 * of that size are the same memory. */
void os_fuzz_lend_sections(size_t size);
/* Zeroed memory between two guard pages. */
uint8_t *os_fuzz_guarded(size_t size);
/* Sections that are open now. */
unsigned os_fuzz_open_sections(void);

#endif
