/* api: what the api_*.c files share. */
#ifndef VMMC_API_H
#define VMMC_API_H

#include "hook.h"
#include "kernel.h"
#include "sockets.h"
#include "wsaerr.h"

#include <wsock32_api.h>
#include <wsock32_real.h>

/* True if the thread is inside of its blocking hook, where hardly any call is legal; its error is set. */
static inline bool api_refuses(void)
{
    if (__builtin_expect(!wait_has_interludes(), 1) || hook_begin_call())
        return false;
    wsaerr_fail(-WSAEINPROGRESS);
    return true;
}

/* A result of the layers below as WinSock gives it. */
static inline int api_result(int result)
{
    if (__builtin_expect(result < 0, 0))
        return wsaerr_fail(result);
    wsaerr_none(); /* as Wine's builtin does */
    return result;
}

/* ioctlsocket's codes for memory and loans (include/vmmc_sockets.h); 0 or a negative WSA code. */
bool api_is_loan_request(long command);
int api_loan_request(sock_t *sock, SOCKET s, long command, void *request);

#endif
