/* connection: a kernel connection that is none: two queues of bytes.  The socket's number is its address. */
#ifndef VMMC_FUZZ_CONNECTION_H
#define VMMC_FUZZ_CONNECTION_H

#include "stream.h"

#define CONNECTION_BYTES 6000 /* of each direction, before a sender has to wait */

typedef struct connection_end {
    struct connection_end *other;
    uint8_t unread[CONNECTION_BYTES];
    uint32_t count;
    uint32_t room;  /* of `unread` */
    bool ended;     /* nothing more will come */
    bool reset;
} connection_end_t;

extern const kernel_calls_t connection_calls;

void connection_open(connection_end_t ends[2]);
static inline uintptr_t connection_socket(connection_end_t *end)
{
    return (uintptr_t)end;
}

#endif
