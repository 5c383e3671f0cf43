/* redirect: see redirect.h. */
#include "redirect.h"

#include "atomics.h"
#include "modules.h"

#include <stdint.h>
#include <stdlib.h>

#define MAX_FOUND 256

/* A function of the system, wherever that lies: the same name may stand in several DLLs. */
typedef struct found {
    const void *address;
    void *ours;
} found_t;

static struct {
    found_t found[MAX_FOUND]; /* by address */
    unsigned count;
    word_t started;
} redirect;

/* ---- looking up ---- */

static FARPROC WINAPI symbol_get(HMODULE module, const char *name);
static void *WINAPI delayed_symbol_get(void *module, const void *descriptor, void *on_failure, void *system_hook,
                                       void **slot, ULONG flags);
static void *(WINAPI *system_delayed_symbol_get)(void *, const void *, void *, void *, void **, ULONG);

static const redirection_t loader_redirections[] = {
    {"GetProcAddress", symbol_get, NULL},
    {"ResolveDelayLoadedAPI", delayed_symbol_get, (void **)&system_delayed_symbol_get},
    {NULL, NULL, NULL}};

static int compare(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t)((const found_t *)left)->address, b = (uintptr_t)((const found_t *)right)->address;
    return (a > b) - (a < b);
}

static void add_from(const char *dll, const redirection_t *entry)
{
    HMODULE module = GetModuleHandleA(dll);
    void *address = module ? (void *)GetProcAddress(module, entry->name) : NULL;
    if (!address || redirect.count == MAX_FOUND)
        return;
    if (entry->system && !*entry->system)
        *entry->system = address;
    redirect.found[redirect.count++] = (found_t){address, entry->ours};
}

static void add_table(const redirection_t *table, const char *const *dlls)
{
    for (; table->name; table++) {
        for (const char *const *dll = dlls; *dll; dll++)
            add_from(*dll, table);
    }
}

static void find_all(void)
{
    static const char *const base[] = {"kernel32.dll", "kernelbase.dll", "advapi32.dll", NULL};
    static const char *const sockets[] = {"ws2_32.dll", "mswsock.dll", NULL};
    add_table(loader_redirections, base);
    add_table(handle_redirections, base);
    add_table(winsock2_redirections, sockets);
    qsort(redirect.found, redirect.count, sizeof *redirect.found, compare);
}

/* Our call in place of the one at `address`; NULL: leave it. */
static void *replacement(const void *address)
{
    found_t key = {.address = address};
    const found_t *found = bsearch(&key, redirect.found, redirect.count, sizeof *redirect.found, compare);
    return found ? found->ours : NULL;
}

static FARPROC WINAPI symbol_get(HMODULE module, const char *name)
{
    FARPROC symbol = GetProcAddress(module, name);
    void *ours = replacement((void *)symbol);
    return ours ? (FARPROC)ours : symbol;
}

static void *WINAPI delayed_symbol_get(void *module, const void *descriptor, void *on_failure, void *system_hook,
                                       void **slot, ULONG flags)
{
    void *symbol = system_delayed_symbol_get(module, descriptor, on_failure, system_hook, slot, flags);
    void *ours = replacement(symbol);
    if (!ours)
        return symbol;
    module_write_import(slot, ours);
    return ours;
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

static void patch(void **slot, void *context)
{
    (void)context;
    void *ours = replacement(*slot);
    if (ours)
        module_write_import(slot, ours);
}

static void patch_module(HMODULE module, void *context)
{
    if (!is_lower_layer(module))
        module_each_import(module, patch, context);
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
    if (reason == NOTICE_LOADED)
        patch_module(notice->base, context);
}

/* Without a lock that others would wait for: they may hold the loader's, which this takes. */
void redirect_start(void)
{
    void *cookie;
    if (load_relaxed(&redirect.started) || word_swap(&redirect.started, 1))
        return;
    NTSTATUS(NTAPI * watch_loads)(ULONG, VOID(CALLBACK *)(ULONG, const load_notice_t *, void *), void *, void **) =
        (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "LdrRegisterDllNotification");
    module_pin();
    find_all();
    if (watch_loads)
        watch_loads(0, on_module, NULL, &cookie);
    modules_each(patch_module, NULL);
}
