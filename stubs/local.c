/* Exports that Windows keeps in mswsock, but that Wine's mswsock lists without having them: here are bodies of our own
 * for Wine; under Windows the call goes to mswsock.  WEP is the exit routine of 16-bit DLLs, with nothing to do. */
#include "forward.h"
#include "wsock32_api.h"
#include "wsock32_real.h"
#include "wsock32_stubs.h"

#include <stdio.h>

BOOL WINAPI local_WEP(void)
{
    return TRUE;
}

/* The same notations as inet_addr, and INADDR_NONE reads alike both ways round. */
static u_long network_number(const char *text)
{
    return __builtin_bswap32(stub_inet_addr(text));
}

u_long WINAPI local_inet_network(const char *text)
{
    return forward_on_wine() ? network_number(text) : real_inet_network(text);
}

/* There is no list of networks on Wine; 127 is the error its own wsock32 leaves. */
struct netent *WINAPI local_getnetbyname(const char *name)
{
    if (!forward_on_wine())
        return real_getnetbyname(name);
    SetLastError(ERROR_PROC_NOT_FOUND);
    return NULL;
}

static void WINAPI print_error(const char *message, int error)
{
    fprintf(stderr, "%s%serror %d\n", message ? message : "", message ? ": " : "", error);
}

/* Sources differ on how many bytes s_perror pops, so the stub only jumps. */
forward_fn jump_target_s_perror(void)
{
    static forward_slot_t slot = FORWARD_SLOT_NT(FORWARD_MSWSOCK, "s_perror", WSAEOPNOTSUPP);
    forward_fn target = forward_target(&slot);
    return target ? target : (forward_fn)print_error;
}
