/* messages: the window messages of WSAAsyncSelect that have come for this process's sockets.
 * That no more will come is known when a byte on a connection of its own has been announced, twice: whoever posts has
 * been all the way round. */
#ifndef DIFF_MESSAGES_H
#define DIFF_MESSAGES_H

#include "say.h"

#include <winsock.h>

/* Once per process. */
void messages_start(void);
/* WSAAsyncSelect with the process's own window. */
int messages_select(SOCKET s, long events);
/* Take all that have come and name them, sorted and by the numbers that `number_of` gives to their sockets. */
void messages_say(say_t *say, int (*number_of)(SOCKET s));
/* Take all that have come and forget them. */
void messages_drop(void);

#endif
