/* Guarded calls: see call_guard.h. */
#include "call_guard.h"

#include <stdio.h>
#include <windows.h>

static const char *volatile current_call = "nothing";

/* Debug messages and thread names travel as exceptions too; those are not errors. */
static LONG CALLBACK on_exception(EXCEPTION_POINTERS *info)
{
    DWORD code = info->ExceptionRecord->ExceptionCode;
    if (code < 0x80000000u)
        return EXCEPTION_CONTINUE_SEARCH;
    fprintf(stderr, "%s: exception 0x%08lx\n", current_call, code);
    fflush(stderr);
    ExitProcess(3);
}

void call_guard_install(void)
{
    AddVectoredExceptionHandler(1, on_exception);
}

#ifdef __i386__

intptr_t call_raw(call_guard_fn function, const intptr_t *args, size_t count, long *drift);

/* The frame pointer finds the way back whatever the callee does to the stack pointer. */
__asm__(".text\n"
        "_call_raw:\n\t"
        "push %ebp\n\t"
        "mov %esp, %ebp\n\t"
        "push %ebx\n\t"
        "push %esi\n\t"
        "mov %esp, %ebx\n\t"
        "mov 12(%ebp), %esi\n\t"
        "mov 16(%ebp), %ecx\n"
        "1:\n\t"
        "jecxz 2f\n\t"
        "pushl -4(%esi,%ecx,4)\n\t"
        "dec %ecx\n\t"
        "jmp 1b\n"
        "2:\n\t"
        "call *8(%ebp)\n\t"
        "mov %esp, %ecx\n\t"
        "sub %ebx, %ecx\n\t"
        "mov 20(%ebp), %edx\n\t"
        "mov %ecx, (%edx)\n\t"
        "lea -8(%ebp), %esp\n\t"
        "pop %esi\n\t"
        "pop %ebx\n\t"
        "pop %ebp\n\t"
        "ret");

#else

static intptr_t call_raw(call_guard_fn function, const intptr_t *args, size_t count, long *drift)
{
    typedef intptr_t (*ten_args_fn)(intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t,
        intptr_t, intptr_t);
    intptr_t a[CALL_GUARD_MAX] = { 0 };
    for (size_t i = 0; i < count; i++)
        a[i] = args[i];
    *drift = 0;
    return ((ten_args_fn)function)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
}

#endif

intptr_t call_guard_call(const char *name, call_guard_fn function, const intptr_t *args, size_t count, long *drift)
{
    current_call = name;
    intptr_t result = call_raw(function, args, count, drift);
    current_call = "nothing";
    return result;
}
