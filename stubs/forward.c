/* Finding the system's functions: see forward.h. */
#include "forward.h"

#include <windows.h>

#define MAX_FILE_NAME 64

forward_module_t forward_ws2_32 = FORWARD_MODULE("ws2_32");
forward_module_t forward_mswsock = FORWARD_MODULE("mswsock");

/* By full path: a bare name could find a DLL of that name beside the program, even ourselves. */
static HMODULE load_system_dll(const wchar_t *file)
{
    wchar_t path[MAX_PATH + MAX_FILE_NAME];
    UINT length = GetSystemDirectoryW(path, MAX_PATH);
    if (length == 0 || length >= MAX_PATH)
        return NULL;
    lstrcpynW(path + length, file, MAX_FILE_NAME);
    return LoadLibraryExW(path, NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
}

/* Threads that race here load the same DLL, hence get the same handle; one reference too many does no harm. */
static HMODULE module_handle(forward_module_t *module)
{
    HMODULE handle = __atomic_load_n(&module->handle, __ATOMIC_ACQUIRE);
    if (!handle) {
        handle = load_system_dll(module->file);
        __atomic_store_n(&module->handle, handle, __ATOMIC_RELEASE);
    }
    return handle;
}

static const char *name_or_ordinal(const char *name)
{
    unsigned ordinal = 0;
    if (name[0] != '#')
        return name;
    for (name++; *name >= '0' && *name <= '9'; name++)
        ordinal = ordinal * 10 + (unsigned)(*name - '0');
    return MAKEINTRESOURCEA(ordinal);
}

static forward_fn find(forward_module_t *module, const char *name)
{
    HMODULE handle = module_handle(module);
    return handle ? (forward_fn)GetProcAddress(handle, name_or_ordinal(name)) : NULL;
}

void *forward_symbol(forward_module_t *module, const char *name)
{
    DWORD error = GetLastError();
    void *symbol = (void *)find(module, name);
    SetLastError(error);
    return symbol;
}

bool forward_on_wine(void)
{
    static enum { UNKNOWN, WINDOWS, WINE } host; /* written by any thread, always with the same value */
    int known = __atomic_load_n(&host, __ATOMIC_RELAXED);
    if (known == UNKNOWN) {
        HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
        known = ntdll && GetProcAddress(ntdll, "wine_get_version") ? WINE : WINDOWS;
        __atomic_store_n(&host, known, __ATOMIC_RELAXED);
    }
    return known == WINE;
}

forward_fn forward_resolve(forward_slot_t *slot)
{
    DWORD error = GetLastError();
    forward_fn target = NULL;
    if (!slot->nt_only || !forward_on_wine())
        target = find(slot->module, slot->name);
    __atomic_store_n(&slot->target, target, __ATOMIC_RELAXED);
    SetLastError(target ? error : (DWORD)slot->error);
    return target;
}
