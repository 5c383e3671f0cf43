/* dllmain: bookkeeping when threads end; no loading, no waiting (the loader's lock is held). */
#include "nt.h"
#include "wait.h"

BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, void *reserved);

BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, void *reserved)
{
    (void)self;
    (void)reserved;
    if (reason == DLL_THREAD_DETACH)
        wait_thread_ends();
    return TRUE;
}
