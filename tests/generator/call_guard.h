/* call_guard: calls a function of any prototype, and tells whether it left the stack as it found it. */
#ifndef CALL_GUARD_H
#define CALL_GUARD_H

#include <stddef.h>
#include <stdint.h>

enum { CALL_GUARD_MAX = 10 };

typedef void (*call_guard_fn)(void);

/* Ends the process with a message and status 3 when a call made below raises an exception. */
void call_guard_install(void);

/* Calls `function` as stdcall with `count` arguments.  `*drift` becomes the number of bytes by which the stack pointer
 * is off afterwards; 64-bit code has no such danger and yields 0. */
intptr_t call_guard_call(const char *name, call_guard_fn function, const intptr_t *args, size_t count, long *drift);

#endif
