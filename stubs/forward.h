/* forward: finds the system's own functions, loading ws2_32 and mswsock by full path when they are first needed.
 * Owns    the handles of the system's DLLs; they stay loaded.
 * Threads any; no lock of ours.  Never to be called from DllMain: it loads DLLs.
 * Errors  a function that cannot be found leaves its slot's code (10045 WSAEOPNOTSUPP, 120 for the name space calls)
 *         as the thread's last error.  The caller then returns, by its return type: int SOCKET_ERROR, BOOL FALSE,
 *         SOCKET INVALID_SOCKET, a pointer or handle NULL, any other number all ones (INADDR_NONE).
 *         Finding one leaves the last error alone: WSAGetLastError is forwarded too. */
#ifndef VMMC_FORWARD_H
#define VMMC_FORWARD_H

#include <stdbool.h>
#include <stddef.h>

typedef void (*forward_fn)(void);

/* A DLL in the system's folder. */
typedef struct forward_module {
    const wchar_t *file;
    void *handle;           /* NULL until loaded */
} forward_module_t;

#define FORWARD_MODULE(name) { L"\\" L##name L".dll", NULL }

/* For forward_symbol(); generated code has its own. */
extern forward_module_t forward_ws2_32, forward_mswsock;
#define FORWARD_WS2_32 (&forward_ws2_32)
#define FORWARD_MSWSOCK (&forward_mswsock)

typedef struct forward_slot {
    forward_fn target;      /* NULL until found; written by any thread, always with the same value */
    const char *name;       /* "#7" stands for ordinal 7 */
    forward_module_t *module;
    int error;
    bool nt_only;           /* on Wine the entry is there, but calling it ends the process */
} forward_slot_t;

#define FORWARD_SLOT(module, name, error) { NULL, name, module, error, false }
#define FORWARD_SLOT_NT(module, name, error) { NULL, name, module, error, true }

forward_fn forward_resolve(forward_slot_t *slot);

/* The slot's function, or NULL with the last error set.  Once found it costs one load and one branch. */
static inline forward_fn forward_target(forward_slot_t *slot)
{
    forward_fn target = __atomic_load_n(&slot->target, __ATOMIC_RELAXED);
    return __builtin_expect(target != NULL, 1) ? target : forward_resolve(slot);
}

/* A function of a system DLL by name; NULL when there is none.  Leaves the last error alone. */
void *forward_symbol(forward_module_t *module, const char *name);

bool forward_on_wine(void);

/* What the i386 call of that name pops has to be what the facts say. */
#ifdef __i386__
#define FORWARD_ARG(type) ((sizeof(type) + 3) / 4 * 4)
#define FORWARD_POPS(name, bytes, pushed) _Static_assert((pushed) == (bytes), name " has to pop " #bytes " bytes")
#else
#define FORWARD_ARG(type) 0
#define FORWARD_POPS(name, bytes, pushed) _Static_assert((pushed) == 0, name)
#endif

/* Defines stub_NAME, which jumps to the address that `forward_fn jump_target_NAME(void)` returns.  Stack and argument
 * registers are as the caller left them, so the callee alone decides how many bytes the call pops. */
#ifdef __i386__
#define FORWARD_JUMP(name)                                      \
    __attribute__((naked)) void stub_##name(void)               \
    {                                                           \
        __asm__("call _jump_target_" #name "\n\tjmp *%eax");    \
    }
#else
#define FORWARD_JUMP(name)                                                                                      \
    __attribute__((naked)) void stub_##name(void)                                                               \
    {                                                                                                           \
        __asm__("push %rcx\n\tpush %rdx\n\tpush %r8\n\tpush %r9\n\tsub $40, %rsp\n\tcall jump_target_" #name    \
                "\n\tadd $40, %rsp\n\tpop %r9\n\tpop %r8\n\tpop %rdx\n\tpop %rcx\n\tjmp *%rax");                 \
    }
#endif

#endif
