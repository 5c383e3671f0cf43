/* api: what the api_*.c files share. */
#ifndef VMMC_API_H
#define VMMC_API_H

#include "fdtab.h"
#include "kernel.h"
#include "wsaerr.h"

#include <wsock32_api.h>
#include <wsock32_real.h>

/* A result of the layers below as WinSock gives it. */
static inline int api_result(int result)
{
    if (__builtin_expect(result < 0, 0))
        return wsaerr_fail(result);
    SetLastError(0); /* as Wine's builtin does */
    return result;
}

#endif
