/* api_extension: the codes of vmmc_sockets.h. */
#ifndef VMMC_API_EXTENSION_H
#define VMMC_API_EXTENSION_H

#include "sock.h"

/* True for the codes of this library, those that it does not know among them. */
bool api_is_extension(long command);
/* Carry a request out; `sock` may be NULL.  0, or a negative WSA code, after which `request` is as it was. */
int api_extension(sock_t *sock, uintptr_t handle, long command, void *request);

#endif
