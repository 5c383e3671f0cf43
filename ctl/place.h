/* place: putting our DLL beside a program and taking it away again, by what the record of the folder says. */
#ifndef CTL_PLACE_H
#define CTL_PLACE_H

#include "judge.h"

#define PLACE_OFF CTL_DLL ".off" /* the name of a disabled one */

typedef enum placed {
    PLACED_COPIED,
    PLACED_UPDATED,
    PLACED_SHARED, /* it was there, for another program or by hand */
    PLACED_ALREADY /* this program had it */
} placed_t;

/* Give the program of a verdict without obstacle the DLL, on behalf of `holder`; NULL, or why not.  `*how` tells what
 * was done to the file, the verdict what lay beside it. */
const char *place_hold(verdict_t *verdict, const char *holder, placed_t *how);

typedef enum released {
    RELEASED_NOTHING,  /* nothing was known of it */
    RELEASED_OVERRIDE, /* no more than Wine's override was left of it */
    RELEASED_REMOVED,  /* the DLL is gone */
    RELEASED_KEPT,     /* other programs in the folder have it still, or it was there before */
    RELEASED_CHANGED   /* it is not the one that was put there, so it was left alone */
} released_t;

/* Undo that, and what killed runs have left in that folder.  NULL, or why not; then nothing has been undone. */
const char *place_release(const char *program, const char *holder, released_t *how);

/* Rename the DLL away, and back; NULL, or why not.  `*changed`: it was not like that before. */
const char *place_disable(const char *program, bool *changed);
const char *place_enable(const char *program, bool *changed);

#endif
