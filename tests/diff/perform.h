/* perform: carries out a step's call and writes down all that a program could see of it. */
#ifndef DIFF_PERFORM_H
#define DIFF_PERFORM_H

#include "plan.h"

#include <stddef.h>

/* Once per process. */
void perform_start(unsigned actor);
/* `line` gets the call, its result, the thread's error and what was written into the caller's memory.  Handles stand
 * as the plan's numbers, ports as "@PORT@", to be named when the sequence is over.  `falsify`: with a wrong result. */
void perform(const plan_t *plan, const step_t *step, bool falsify, char *line, size_t size);
/* Leaves no socket behind for the next sequence. */
unsigned perform_clean(void);

#endif
