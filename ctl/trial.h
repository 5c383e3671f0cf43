/* trial: the DLL beside a program for the time of one run, and nothing left behind.
 *
 * A trial is written into the user's registry before anything is done, with the process that makes it.  If that is
 * killed, the next vmmcctl that starts undoes what it left, as soon as the program has ended. */
#ifndef CTL_TRIAL_H
#define CTL_TRIAL_H

#include "holder.h"
#include "judge.h"

typedef struct trial {
    char holder[HOLDER_NAME];
    char program[CTL_PATH];
    bool staged; /* the program is a copy of vmmcctl in a folder of its own, which goes too */
} trial_t;

/* For the program of a verdict without obstacle.  NULL, or why not; then there is nothing to end. */
const char *trial_begin(trial_t *trial, verdict_t *verdict);
/* For a copy of vmmcctl itself, so that it can play a program that has the DLL. */
const char *trial_stage(trial_t *trial);
/* NULL, or why something stays behind until the next vmmcctl starts. */
const char *trial_end(trial_t *trial);
/* What trials left whose vmmcctl has been killed. */
void trial_clean_up(void);

#endif
