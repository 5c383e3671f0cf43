/* remote: see remote.h. */
#include "remote.h"

#include "pe.h"
#include "text.h"

#include <nt.h>
#include <tlhelp32.h>

#include <string.h>

#define MOST_MODULES 1000
#define HEADERS 4096 /* of a module, as far as they are looked at */

/* Offsets in the system's own structures, which Windows and Wine share: process environment block, loader data, module.
 */
typedef struct shapes {
    unsigned peb_base, peb_loader, loader_list, module_base, module_name_bytes, module_name;
} shapes_t;

static const shapes_t shapes_32 = {0x08, 0x0c, 0x0c, 0x18, 0x2c, 0x30},
                      shapes_64 = {0x10, 0x18, 0x10, 0x30, 0x58, 0x60};

static const shapes_t *shapes_of(const remote_t *remote)
{
    return remote->bits == 64 ? &shapes_64 : &shapes_32;
}

static bool runs_on_wow64(HANDLE process)
{
    BOOL wow64 = FALSE;
    return IsWow64Process(process, &wow64) && wow64;
}

remote_open_t remote_open(remote_t *remote, uint32_t pid)
{
    HANDLE process = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, pid);
    *remote = (remote_t){.process = process, .pid = pid, .bits = 32};
    if (!process)
        return REMOTE_REFUSED;
    bool system_is_64 = sizeof(void *) == 8 || runs_on_wow64(GetCurrentProcess());
    if (system_is_64 && !runs_on_wow64(process))
        remote->bits = 64;
    if (remote->bits <= 8 * sizeof(void *))
        return REMOTE_OPEN;
    remote_close(remote);
    return REMOTE_TOO_WIDE;
}

void remote_close(remote_t *remote)
{
    if (remote->process)
        CloseHandle(remote->process);
    remote->process = NULL;
}

bool remote_read(const remote_t *remote, uint64_t at, void *to, size_t size)
{
    SIZE_T got = 0;
    if (!at || at > UINTPTR_MAX - size)
        return false;
    return ReadProcessMemory(remote->process, (void *)(uintptr_t)at, to, size, &got) && got == size;
}

void remote_text(const remote_t *remote, uint64_t at, char *to, size_t size)
{
    size_t used = 0;
    /* In steps that do not cross a page's end, behind which there may be nothing. */
    while (used < size - 1) {
        size_t step = 64 - (size_t)((at + used) % 64);
        if (step > size - 1 - used)
            step = size - 1 - used;
        if (!remote_read(remote, at + used, to + used, step))
            break;
        used += step;
        if (memchr(to + used - step, 0, step))
            break;
    }
    to[used] = 0;
    text_tame(to, size);
}

bool remote_pointer(const remote_t *remote, uint64_t at, uint64_t *to)
{
    *to = 0; /* little-endian: a short pointer fills the low half */
    return remote_read(remote, at, to, remote->bits / 8);
}

/* ---- modules ---- */

static bool is_environment(const remote_t *remote, uint64_t peb)
{
    uint64_t base;
    uint16_t magic;
    return remote_pointer(remote, peb + shapes_of(remote)->peb_base, &base) &&
           remote_read(remote, base, &magic, sizeof magic) && magic == IMAGE_DOS_SIGNATURE;
}

/* The environment block of the process's own width.  A 32-bit process on a 64-bit system has two: Windows tells where
 * the narrow one is, on Wine it lies a page behind the wide one. */
static uint64_t find_environment(const remote_t *remote)
{
    PROCESS_BASIC_INFORMATION basic = {0};
    ULONG_PTR narrow = 0;
    if (NtQueryInformationProcess(remote->process, ProcessBasicInformation, &basic, sizeof basic, NULL) < 0)
        return 0;
    NtQueryInformationProcess(remote->process, ProcessWow64Information, &narrow, sizeof narrow, NULL);
    uint64_t wide = (uintptr_t)basic.PebBaseAddress, places[] = {narrow, wide + 0x1000, wide};
    bool crosses = remote->bits < 8 * sizeof(void *);
    for (unsigned i = crosses ? 0 : 2; i < 3; i++) {
        if (places[i] > 0xffff && is_environment(remote, places[i]))
            return places[i];
    }
    return 0;
}

static bool is_named(const remote_t *remote, uint64_t module, const char *name)
{
    const shapes_t *shapes = shapes_of(remote);
    wchar_t wide[64];
    char found[64 * 3];
    uint16_t bytes;
    uint64_t at;
    if (!remote_read(remote, module + shapes->module_name_bytes, &bytes, sizeof bytes) || bytes >= sizeof wide ||
        !remote_pointer(remote, module + shapes->module_name, &at) || !remote_read(remote, at, wide, bytes))
        return false;
    wide[bytes / sizeof wide[0]] = 0;
    text_narrow(found, sizeof found, wide);
    return text_same_name(found, name);
}

bool remote_each_module(const remote_t *remote, const char *name, remote_visit_t visit, void *context)
{
    const shapes_t *shapes = shapes_of(remote);
    uint64_t peb = find_environment(remote), loader, module, base;
    if (!peb || !remote_pointer(remote, peb + shapes->peb_loader, &loader) || !loader)
        return false;
    uint64_t list = loader + shapes->loader_list;
    if (!remote_pointer(remote, list, &module))
        return false;
    for (unsigned i = 0; module && module != list && i < MOST_MODULES; i++) {
        if (is_named(remote, module, name) && remote_pointer(remote, module + shapes->module_base, &base) &&
            visit(remote, base, context))
            return true;
        if (!remote_pointer(remote, module, &module))
            break;
    }
    return false;
}

bool remote_section(const remote_t *remote, uint64_t base, const char *name, uint64_t *at, uint32_t *size)
{
    uint8_t headers[HEADERS];
    pe_image_t image;
    uint32_t address;
    if (!remote_read(remote, base, headers, sizeof headers))
        return false;
    pe_read(&image, headers, sizeof headers);
    if (!pe_bits(&image) || !pe_section_address(&image, name, &address, size))
        return false;
    *at = base + address;
    return true;
}

/* ---- processes ---- */

void remote_each_process(void (*visit)(uint32_t, const char *, void *), void *context)
{
    PROCESSENTRY32W entry = {.dwSize = sizeof entry};
    char name[MAX_PATH * 3];
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    if (snapshot == INVALID_HANDLE_VALUE)
        return;
    for (BOOL more = Process32FirstW(snapshot, &entry); more; more = Process32NextW(snapshot, &entry)) {
        text_narrow(name, sizeof name, entry.szExeFile);
        visit(entry.th32ProcessID, name, context);
    }
    CloseHandle(snapshot);
}
