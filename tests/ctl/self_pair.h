/* self_pair: a connection of a process with itself that has become user-level. */
#ifndef CTL_SELF_PAIR_H
#define CTL_SELF_PAIR_H

#include <winsock.h>

/* Ends the program if there is none to be had. */
void self_pair(SOCKET pair[2]);
/* Say on standard error what failed, and end the program. */
void self_pair_fail(const char *what);
/* Write a file, to be waited for, then sleep until killed. */
void self_pair_rest(const char *ready);

#endif
