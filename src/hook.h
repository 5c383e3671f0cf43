/* hook: the blocking hooks of WinSock 1.1.
 *
 * While a call of ours waits, its thread runs the hook that it has set until that returns FALSE, looks whether the call
 * is complete, sleeps for a moment, and so on.  Inside of a hook a thread may only ask whether it is, and cancel.
 * Owns    two slots of each thread: its hook, and what goes on.
 * Threads each has a hook of its own; a process without any pays one load for that. */
#ifndef VMMC_HOOK_H
#define VMMC_HOOK_H

#include "nt.h"
#include "wait.h"

/* True if hooks are run here, as they are in Windows; Wine's builtin takes note of one and never calls it. */
bool hook_works(void);
/* The program has asked for this version of WinSock; hooks belong to 1.x. */
void hook_note_version(unsigned major);
bool hook_version_allows(void);

typedef BOOL(CALLBACK *hook_t)(void);

/* Set the calling thread's hook (NULL: none); the previous one. */
hook_t hook_set(hook_t hook);
/* True inside of the calling thread's hook. */
bool hook_is_running(void);
/* The call in which the hook runs fails with WSAEINTR; false: none runs. */
bool hook_cancel(void);
/* A call of the program's begins, which is not legal inside of a hook (false). */
bool hook_begin_call(void);

#endif
