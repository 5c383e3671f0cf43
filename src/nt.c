/* nt: see nt.h. */
#include "nt.h"

#include "atomics.h"

#include <string.h>

static void *ntdll_symbol(const char *name)
{
    return (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), name);
}

/* Whoever fills the table writes the same values, so a race between two first callers is harmless. */
const nt_calls_t *nt_calls(void)
{
    static nt_calls_t calls;
    static word_t ready;
    if (load_acquire(&ready))
        return &calls;
    calls.open_process_token = ntdll_symbol("NtOpenProcessToken");
    calls.query_information_token = ntdll_symbol("NtQueryInformationToken");
    calls.query_security_object = ntdll_symbol("NtQuerySecurityObject");
    calls.query_section = ntdll_symbol("NtQuerySection");
    calls.device_io_control_file = ntdll_symbol("NtDeviceIoControlFile");
    calls.cancel_io_file_ex = ntdll_symbol("NtCancelIoFileEx");
    store_release(&ready, 1);
    return &calls;
}

HANDLE nt_copy_handle(HANDLE handle)
{
    HANDLE self = GetCurrentProcess(), copy = NULL;
    return DuplicateHandle(self, handle, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS) ? copy : NULL;
}

bool nt_is_wine(void)
{
    static const char mark[] = "Wine builtin DLL";
    const char *ntdll = (const char *)GetModuleHandleA("ntdll.dll");
    return !memcmp(ntdll + sizeof(IMAGE_DOS_HEADER), mark, sizeof mark - 1);
}

const char *nt_wine_host(void)
{
    void(CDECL * host_version)(const char **, const char **) = ntdll_symbol("wine_get_host_version");
    const char *system = NULL, *release = NULL;
    if (host_version)
        host_version(&system, &release);
    return system;
}

/* RtlGenRandom lives in advapi32 under this name; where it is missing the clock and addresses are mixed instead. */
void nt_random(void *bytes, size_t count)
{
    HMODULE advapi = LoadLibraryA("advapi32.dll");
    BOOLEAN(WINAPI * generate)(void *, ULONG) = advapi ? (void *)GetProcAddress(advapi, "SystemFunction036") : NULL;
    if (generate && generate(bytes, (ULONG)count))
        return;
    uint64_t state = cpu_ticks() ^ ((uint64_t)GetCurrentProcessId() << 32) ^ (uintptr_t)&state;
    for (size_t i = 0; i < count; i++) {
        state = (state ^ (state >> 29)) * 0xbf58476d1ce4e5b9u + cpu_ticks();
        ((uint8_t *)bytes)[i] = (uint8_t)(state >> 32);
    }
}
