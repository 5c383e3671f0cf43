/* modules: see modules.h. */
#include "modules.h"

#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#define MAX_MODULES 1024

HMODULE module_self(void)
{
    HMODULE self = NULL;
    GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                       (const char *)(uintptr_t)&module_self, &self);
    return self;
}

bool module_is_system(HMODULE module)
{
    char path[MAX_PATH], system[MAX_PATH];
    DWORD length = GetModuleFileNameA(module, path, MAX_PATH);
    UINT prefix = GetWindowsDirectoryA(system, MAX_PATH);
    return length > prefix && prefix > 0 && _strnicmp(path, system, prefix) == 0 && path[prefix] == '\\';
}

void module_name(HMODULE module, char name[64])
{
    char path[MAX_PATH] = "";
    GetModuleFileNameA(module, path, MAX_PATH);
    const char *base = strrchr(path, '\\');
    strncpy(name, base ? base + 1 : path, 63);
    name[63] = 0;
}

/* ---- import tables ---- */

static const IMAGE_DATA_DIRECTORY *import_directory(const uint8_t *base)
{
    const IMAGE_DOS_HEADER *dos = (const void *)base;
    if (dos->e_magic != IMAGE_DOS_SIGNATURE)
        return NULL;
    const IMAGE_NT_HEADERS *header = (const void *)(base + dos->e_lfanew);
    if (header->Signature != IMAGE_NT_SIGNATURE ||
        header->OptionalHeader.NumberOfRvaAndSizes <= IMAGE_DIRECTORY_ENTRY_IMPORT)
        return NULL;
    return &header->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
}

static void each_of_dll(module_import_t *import, uint8_t *base, const IMAGE_IMPORT_DESCRIPTOR *from,
                        import_visitor_t visit, void *context)
{
    IMAGE_THUNK_DATA *slots = (void *)(base + from->FirstThunk);
    const IMAGE_THUNK_DATA *names = from->OriginalFirstThunk ? (void *)(base + from->OriginalFirstThunk) : NULL;
    import->dll = (const char *)(base + from->Name);
    for (unsigned i = 0; slots[i].u1.Function; i++) {
        bool by_ordinal = names && IMAGE_SNAP_BY_ORDINAL(names[i].u1.Ordinal);
        import->slot = (void **)(void *)&slots[i].u1.Function;
        import->ordinal = by_ordinal ? (unsigned)IMAGE_ORDINAL(names[i].u1.Ordinal) : 0;
        import->name = NULL;
        if (names && !by_ordinal)
            import->name = (const char *)((const IMAGE_IMPORT_BY_NAME *)(base + names[i].u1.AddressOfData))->Name;
        visit(import, context);
    }
}

void module_each_import(HMODULE module, import_visitor_t visit, void *context)
{
    uint8_t *base = (void *)module;
    const IMAGE_DATA_DIRECTORY *directory = import_directory(base);
    if (!directory || !directory->VirtualAddress)
        return;
    module_import_t import = {.module = module};
    const IMAGE_IMPORT_DESCRIPTOR *from = (const void *)(base + directory->VirtualAddress);
    for (; from->Name && from->FirstThunk; from++)
        each_of_dll(&import, base, from, visit, context);
}

void modules_each_import(import_visitor_t visit, void *context)
{
    HMODULE modules[MAX_MODULES], self = module_self();
    DWORD bytes = 0;
    BOOL(WINAPI * enumerate)(HANDLE, HMODULE *, DWORD, DWORD *) =
        (void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "K32EnumProcessModules");
    if (!enumerate || !enumerate(GetCurrentProcess(), modules, sizeof modules, &bytes))
        return;
    for (DWORD i = 0; i < bytes / sizeof *modules && i < MAX_MODULES; i++) {
        if (modules[i] != self)
            module_each_import(modules[i], visit, context);
    }
}
