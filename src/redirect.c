/* redirect: see redirect.h. */
#include "redirect.h"

#include "eligible.h"
#include "fdtab.h"
#include "init.h"
#include "modules.h"
#include "watcher.h"
#include "wsaerr.h"

/* ---- the calls ---- */

/* After a demotion that the other end could not follow, what it had sent still lies here; only this process can read
 * it. */
static bool read_leftover(sock_t *sock, HANDLE file, void *bytes, DWORD count, DWORD *moved)
{
    if (sock_mode(sock) != SOCK_USER || stream_readable(&sock->stream, (uintptr_t)file) == STREAM_BY_KERNEL)
        return false;
    int got = sock_receive(sock, (uintptr_t)file, bytes, (int)count, 0);
    if (moved)
        *moved = got < 0 ? 0 : (DWORD)got;
    if (got < 0)
        wsaerr_fail(got);
    return true;
}

static BOOL WINAPI file_read(HANDLE file, void *bytes, DWORD count, DWORD *moved, OVERLAPPED *overlapped)
{
    sock_t *sock = fdtab_get((uintptr_t)file);
    if (sock) {
        sock_demote(sock, "ReadFile");
        if (!overlapped && read_leftover(sock, file, bytes, count, moved))
            return GetLastError() == 0 || (moved && *moved);
    }
    return ReadFile(file, bytes, count, moved, overlapped);
}

static BOOL WINAPI file_write(HANDLE file, const void *bytes, DWORD count, DWORD *moved, OVERLAPPED *overlapped)
{
    sock_demote_handle((uintptr_t)file, "WriteFile");
    return WriteFile(file, bytes, count, moved, overlapped);
}

static BOOL WINAPI handle_close(HANDLE handle)
{
    if (fdtab_get((uintptr_t)handle))
        sock_close((uintptr_t)handle);
    return CloseHandle(handle);
}

static BOOL WINAPI handle_duplicate(HANDLE from, HANDLE handle, HANDLE to, HANDLE *copy, DWORD access, BOOL inherit,
                                    DWORD options)
{
    if (fdtab_get((uintptr_t)handle) && GetProcessId(from) == GetCurrentProcessId()) {
        const sock_t *sock = fdtab_get((uintptr_t)handle);
        if (sock && !load_relaxed(&sock->listening))
            sock_demote_handle((uintptr_t)handle, "DuplicateHandle");
        if (options & DUPLICATE_CLOSE_SOURCE)
            sock_close((uintptr_t)handle);
    }
    return DuplicateHandle(from, handle, to, copy, access, inherit, options);
}

static void demote_inheritable(sock_t *sock, void *context)
{
    DWORD flags = 0;
    (void)context;
    if (sock_mode(sock) != SOCK_KERNEL && !load_relaxed(&sock->listening) && GetHandleInformation((HANDLE)sock->handle, &flags) &&
        (flags & HANDLE_FLAG_INHERIT))
        sock_demote(sock, "CreateProcess with inheritance");
}

static BOOL WINAPI process_create_a(const char *program, char *line, SECURITY_ATTRIBUTES *process,
                                    SECURITY_ATTRIBUTES *thread, BOOL inherit, DWORD flags, void *environment,
                                    const char *folder, STARTUPINFOA *startup, PROCESS_INFORMATION *information)
{
    if (inherit)
        fdtab_each(demote_inheritable, NULL);
    return CreateProcessA(program, line, process, thread, inherit, flags, environment, folder, startup, information);
}

static BOOL WINAPI process_create_w(const WCHAR *program, WCHAR *line, SECURITY_ATTRIBUTES *process,
                                    SECURITY_ATTRIBUTES *thread, BOOL inherit, DWORD flags, void *environment,
                                    const WCHAR *folder, STARTUPINFOW *startup, PROCESS_INFORMATION *information)
{
    if (inherit)
        fdtab_each(demote_inheritable, NULL);
    return CreateProcessW(program, line, process, thread, inherit, flags, environment, folder, startup, information);
}

static FARPROC WINAPI symbol_get(HMODULE module, const char *name);

/* ---- which calls, and where they really are ---- */

typedef struct redirection {
    const char *name;
    void *ours;
    void *in_kernel32, *in_kernelbase; /* modules may be bound to either */
} redirection_t;

static redirection_t redirections[] = {
    {"ReadFile", file_read, NULL, NULL},           {"WriteFile", file_write, NULL, NULL},
    {"CloseHandle", handle_close, NULL, NULL},     {"DuplicateHandle", handle_duplicate, NULL, NULL},
    {"CreateProcessA", process_create_a, NULL, NULL}, {"CreateProcessW", process_create_w, NULL, NULL},
    {"GetProcAddress", symbol_get, NULL, NULL}};

static void resolve(void)
{
    HMODULE kernel32 = GetModuleHandleA("kernel32.dll"), kernelbase = GetModuleHandleA("kernelbase.dll");
    for (size_t i = 0; i < sizeof redirections / sizeof *redirections; i++) {
        redirection_t *entry = &redirections[i];
        entry->in_kernel32 = (void *)GetProcAddress(kernel32, entry->name);
        entry->in_kernelbase = kernelbase ? (void *)GetProcAddress(kernelbase, entry->name) : NULL;
    }
}

/* Our call in place of the one at `address`; NULL: leave it. */
static void *replacement(const void *address)
{
    for (size_t i = 0; address && i < sizeof redirections / sizeof *redirections; i++) {
        if (address == redirections[i].in_kernel32 || address == redirections[i].in_kernelbase)
            return redirections[i].ours;
    }
    return NULL;
}

/* A program that looks up ws2_32's data calls means to use them: the same as importing them. */
static void judge_look_up(HMODULE module, const char *name, const void *caller)
{
    HMODULE from = NULL;
    if (module != GetModuleHandleA("ws2_32.dll") || !eligible_is_data_call(name))
        return;
    GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, caller,
                       &from);
    if (from && !module_is_system(from)) {
        init_forbid("a module looks up ws2_32's data calls itself");
        watcher_demote_all();
    }
}

static FARPROC WINAPI symbol_get(HMODULE module, const char *name)
{
    FARPROC found = GetProcAddress(module, name);
    DWORD error = GetLastError();
    judge_look_up(module, name, __builtin_return_address(0));
    SetLastError(error);
    void *ours = replacement((void *)found);
    return ours ? (FARPROC)ours : found;
}

/* ---- patching ---- */

/* The system's own lower layers keep their imports: what they do with handles is what the calls above ask for. */
static bool is_lower_layer(HMODULE module)
{
    static const char *const names[] = {"kernel32.dll", "kernelbase.dll", "ntdll.dll", "ws2_32.dll", "mswsock.dll"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (module == GetModuleHandleA(names[i]))
            return true;
    }
    return module == module_self();
}

static void patch(const module_import_t *import, void *context)
{
    DWORD before;
    void *ours = replacement(*import->slot);
    (void)context;
    if (!ours || is_lower_layer(import->module) ||
        !VirtualProtect(import->slot, sizeof *import->slot, PAGE_READWRITE, &before))
        return;
    __atomic_store_n(import->slot, ours, __ATOMIC_RELEASE);
    VirtualProtect(import->slot, sizeof *import->slot, before, &before);
}

/* ---- modules that come later ---- */

typedef struct load_notice {
    ULONG flags;
    const UNICODE_STRING *full_name, *base_name;
    void *base;
    ULONG size;
} load_notice_t;

#define NOTICE_LOADED 1

/* Called under the loader's lock, with the module's imports resolved and its code not yet run. */
static VOID CALLBACK on_module(ULONG reason, const load_notice_t *notice, void *context)
{
    (void)context;
    if (reason != NOTICE_LOADED)
        return;
    module_each_import(notice->base, patch, NULL);
    const char *obstacle = eligible_check_module(notice->base);
    if (obstacle) {
        init_forbid(obstacle);
        watcher_demote_all();
    }
}

void redirect_start(void)
{
    void *cookie;
    NTSTATUS(NTAPI * watch_loads)(ULONG, VOID(CALLBACK *)(ULONG, const load_notice_t *, void *), void *, void **) =
        (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "LdrRegisterDllNotification");
    resolve();
    if (watch_loads)
        watch_loads(0, on_module, NULL, &cookie);
    modules_each_import(patch, NULL);
}
