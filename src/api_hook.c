/* api_hook: WSASetBlockingHook, WSAUnhookBlockingHook, WSAIsBlocking, WSACancelBlockingCall. */
#include "api.h"
#include "hook.h"

#include <forward.h>

/* In Windows the system has the hook too, for the calls in which it does the waiting; it also judges the argument. */
static FARPROC set_for_system(FARPROC hook)
{
    return forward_on_wine() ? NULL : real_WSASetBlockingHook(hook);
}

FARPROC WINAPI api_WSASetBlockingHook(FARPROC hook)
{
    if (!hook_works())
        return real_WSASetBlockingHook(hook);
    if (api_refuses())
        return NULL;
    if (!hook || !hook_version_allows()) {
        wsaerr_fail(hook ? -WSAEOPNOTSUPP : -WSAEFAULT);
        return NULL;
    }
    FARPROC system_had = set_for_system(hook);
    if (!system_had && !forward_on_wine())
        return NULL;
    hook_t previous = hook_set((hook_t)(void *)hook);
    return previous ? (FARPROC)(void *)previous : system_had;
}

int WINAPI api_WSAUnhookBlockingHook(void)
{
    if (!hook_works())
        return real_WSAUnhookBlockingHook();
    if (api_refuses())
        return SOCKET_ERROR;
    if (!hook_version_allows())
        return wsaerr_fail(-WSAEOPNOTSUPP);
    hook_set(NULL);
    return forward_on_wine() ? api_result(0) : real_WSAUnhookBlockingHook();
}

BOOL WINAPI api_WSAIsBlocking(void)
{
    return hook_is_running() || real_WSAIsBlocking();
}

int WINAPI api_WSACancelBlockingCall(void)
{
    if (!hook_works())
        return real_WSACancelBlockingCall();
    if (hook_cancel())
        return api_result(0);
    return forward_on_wine() ? wsaerr_fail(-WSAEINVAL) : real_WSACancelBlockingCall();
}
