/* holder: on whose behalf something lies beside a program: for good, or for a run that one vmmcctl watches over. */
#ifndef CTL_HOLDER_H
#define CTL_HOLDER_H

#include "ctl.h"

#define HOLDER_INSTALLED "install" /* the holder for good */
#define HOLDER_NAME 64

/* Of this process: "run-PROCESS-START". */
void holder_of_this_run(char holder[HOLDER_NAME]);
/* It was a run, and its vmmcctl has ended without tidying up. */
bool holder_is_gone(const char *holder);

#endif
