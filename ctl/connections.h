/* connections: what a survey's ends amount to: pairs of ends, and why a connection is not user-level. */
#ifndef CTL_CONNECTIONS_H
#define CTL_CONNECTIONS_H

#include "inspect.h"

typedef struct connection {
    const end_t *one, *other; /* other: NULL if its process does not have the DLL, or cannot be read */
    bool user_level;          /* neither direction is the kernel's for good */
    bool local;               /* both ends are on this machine */
    char reason[200];         /* why it is not, or not quite yet; empty: it is */
} connection_t;

/* The connections of a survey, which must outlive them, in the order of their addresses; *count of them, to be freed.
 * NULL: none. */
connection_t *connections_of(const survey_t *survey, unsigned *count);
void connection_address(const endpoint_t *end, char text[60]);

#endif
