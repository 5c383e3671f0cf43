/* modules: see modules.h. */
#include "modules.h"

#include <stdint.h>

#define MAX_MODULES 1024

static HMODULE find_self(DWORD how)
{
    HMODULE self = NULL;
    GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | how, (const char *)(uintptr_t)&find_self, &self);
    return self;
}

HMODULE module_self(void)
{
    return find_self(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT);
}

void module_pin(void)
{
    find_self(GET_MODULE_HANDLE_EX_FLAG_PIN);
}

void modules_each(module_visitor_t visit, void *context)
{
    HMODULE modules[MAX_MODULES];
    DWORD bytes = 0;
    BOOL(WINAPI * enumerate)(HANDLE, HMODULE *, DWORD, DWORD *) =
        (void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "K32EnumProcessModules");
    if (!enumerate || !enumerate(GetCurrentProcess(), modules, sizeof modules, &bytes))
        return;
    for (DWORD i = 0; i < bytes / sizeof *modules && i < MAX_MODULES; i++)
        visit(modules[i], context);
}

/* ---- import tables ---- */

/* NULL: the module has none. */
static const void *directory(const uint8_t *base, unsigned which)
{
    const IMAGE_DOS_HEADER *dos = (const void *)base;
    if (dos->e_magic != IMAGE_DOS_SIGNATURE)
        return NULL;
    const IMAGE_NT_HEADERS *header = (const void *)(base + dos->e_lfanew);
    if (header->Signature != IMAGE_NT_SIGNATURE || header->OptionalHeader.NumberOfRvaAndSizes <= which)
        return NULL;
    DWORD at = header->OptionalHeader.DataDirectory[which].VirtualAddress;
    return at ? base + at : NULL;
}

static void each_slot(uint8_t *base, DWORD table, import_visitor_t visit, void *context)
{
    IMAGE_THUNK_DATA *slots = (void *)(base + table);
    for (; slots->u1.Function; slots++)
        visit((void **)(void *)&slots->u1.Function, context);
}

void module_each_import(HMODULE module, import_visitor_t visit, void *context)
{
    uint8_t *base = (void *)module;
    const IMAGE_IMPORT_DESCRIPTOR *from = directory(base, IMAGE_DIRECTORY_ENTRY_IMPORT);
    for (; from && from->Name && from->FirstThunk; from++)
        each_slot(base, from->FirstThunk, visit, context);
    /* The oldest delayed imports hold addresses where the others hold offsets (bit 0 clear): these are left alone. */
    const IMAGE_DELAYLOAD_DESCRIPTOR *delayed = directory(base, IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT);
    for (; delayed && delayed->DllNameRVA; delayed++) {
        if (delayed->Attributes.AllAttributes & 1)
            each_slot(base, delayed->ImportAddressTableRVA, visit, context);
    }
}

void module_write_import(void **slot, void *function)
{
    MEMORY_BASIC_INFORMATION page;
    DWORD before, executable = PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
    if (!VirtualQuery(slot, &page, sizeof page))
        return;
    /* Other threads may run code that shares the page. */
    DWORD writable = page.Protect & executable ? PAGE_EXECUTE_READWRITE : PAGE_READWRITE;
    if (!VirtualProtect(slot, sizeof *slot, writable, &before))
        return;
    __atomic_store_n(slot, function, __ATOMIC_RELEASE);
    VirtualProtect(slot, sizeof *slot, before, &before);
}
