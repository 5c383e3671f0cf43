/* message_window: see message_window.h.
 * The first program to ask for a window has Wine start the desktop.  A thread that asks when the desktop is there, but not
 * yet the parent of all message windows, remembers that there is none, and never gets such a window (Wine 8).  So other
 * threads ask, until one has got its window, and only then does this one. */
#include "message_window.h"

enum { PATIENCE_MS = 10000 };

static HWND create(void) { return CreateWindowExA(0, "STATIC", "", 0, 0, 0, 0, 0, HWND_MESSAGE, NULL, NULL, NULL); }

static DWORD WINAPI try_to_create(void *unused)
{
    (void)unused;
    HWND window = create();
    if (window)
        DestroyWindow(window);
    return window != NULL;
}

static BOOL another_thread_can(void)
{
    DWORD can = FALSE;
    HANDLE thread = CreateThread(NULL, 0, try_to_create, NULL, 0, NULL);
    if (!thread)
        return FALSE;
    WaitForSingleObject(thread, INFINITE);
    GetExitCodeThread(thread, &can);
    CloseHandle(thread);
    return can != FALSE;
}

HWND message_window(void)
{
    DWORD start = GetTickCount();
    while (!another_thread_can()) {
        if (GetTickCount() - start >= PATIENCE_MS)
            return NULL;
    }
    return create();
}
