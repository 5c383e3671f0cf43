/* exclusive: one vmmcctl of this user at a time changes folders and the registry. */
#ifndef CTL_EXCLUSIVE_H
#define CTL_EXCLUSIVE_H

#include "ctl.h"

#define EXCLUSIVE_BUSY "another vmmcctl is at work and does not come to an end; try again, or end it"

/* Wait for our turn, which may be taken several times over; false: it did not come, and nothing must be changed. */
bool exclusive_begin(void);
void exclusive_end(void);

#endif
