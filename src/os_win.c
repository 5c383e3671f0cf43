/* os_win: the seam's body for Windows and Wine: sections, processes, clocks, events.  (The futex is in os_futex.c.) */
#include "os.h"
#include "vmmc.h"
#include "nt.h"

#include <stdio.h>
#include <string.h>

/* ---- who may open what we create: this user and nobody else ---- */

typedef struct owner_acl {
    ACL acl;
    ACCESS_ALLOWED_ACE ace;
    uint8_t rest_of_sid[SECURITY_MAX_SID_SIZE];
} owner_acl_t;

typedef struct owner_only {
    SECURITY_ATTRIBUTES attributes;
    SECURITY_DESCRIPTOR descriptor;
    owner_acl_t dacl;
    uint8_t user[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
} owner_only_t;

static size_t sid_size(const SID *sid)
{
    return offsetof(SID, SubAuthority) + 4u * sid->SubAuthorityCount;
}

static const SID *user_sid(uint8_t *buffer, ULONG size)
{
    const nt_calls_t *nt = nt_calls();
    HANDLE token;
    ULONG needed;
    if (nt->open_process_token(GetCurrentProcess(), TOKEN_QUERY, &token) < 0)
        return NULL;
    NTSTATUS status = nt->query_information_token(token, TokenUser, buffer, size, &needed);
    CloseHandle(token);
    return status < 0 ? NULL : ((TOKEN_USER *)(void *)buffer)->User.Sid;
}

/* `access`: what this user gets who opens the object; the creator has all anyway. */
static SECURITY_ATTRIBUTES *owner_only(owner_only_t *out, ACCESS_MASK access)
{
    memset(out, 0, sizeof *out);
    const SID *sid = user_sid(out->user, sizeof out->user);
    if (!sid)
        return NULL;
    out->dacl.acl.AclRevision = ACL_REVISION;
    out->dacl.acl.AclSize = (WORD)(sizeof(ACL) + offsetof(ACCESS_ALLOWED_ACE, SidStart) + sid_size(sid));
    out->dacl.acl.AceCount = 1;
    out->dacl.ace.Header.AceType = ACCESS_ALLOWED_ACE_TYPE;
    out->dacl.ace.Header.AceSize = (WORD)(offsetof(ACCESS_ALLOWED_ACE, SidStart) + sid_size(sid));
    out->dacl.ace.Mask = access;
    memcpy(&out->dacl.ace.SidStart, sid, sid_size(sid));
    out->descriptor.Revision = SECURITY_DESCRIPTOR_REVISION;
    out->descriptor.Control = SE_DACL_PRESENT | SE_DACL_PROTECTED;
    out->descriptor.Owner = (SID *)sid;
    out->descriptor.Dacl = &out->dacl.acl;
    out->attributes.nLength = sizeof out->attributes;
    out->attributes.lpSecurityDescriptor = &out->descriptor;
    return &out->attributes;
}

static bool owned_by_user(HANDLE object)
{
    uint8_t user[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    struct {
        SECURITY_DESCRIPTOR_RELATIVE header;
        uint8_t rest[256];
    } found;
    ULONG needed;
    const SID *sid = user_sid(user, sizeof user);
    if (!sid || nt_calls()->query_security_object(object, OWNER_SECURITY_INFORMATION, &found, sizeof found, &needed) < 0)
        return false;
    DWORD at = found.header.Owner;
    if (at < sizeof found.header || at > sizeof found - SECURITY_MAX_SID_SIZE)
        return false;
    return memcmp((uint8_t *)&found + at, sid, sid_size(sid)) == 0;
}

void os_user_tag(char tag[40])
{
    uint8_t user[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    const SID *sid = user_sid(user, sizeof user);
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; sid && i < sid_size(sid); i++)
        hash = (hash ^ ((const uint8_t *)sid)[i]) * 0x100000001b3u;
    snprintf(tag, 40, "%08x%08x", (unsigned)(hash >> 32), (unsigned)hash);
}

/* ---- named memory ---- */

static void object_name(char out[128], const char *name)
{
    snprintf(out, 128, "Local\\%s", name);
}

/* Memory that its maker has only reserved is mapped all the same, and faults when it is touched. */
static bool is_all_there(const void *base, size_t size)
{
    MEMORY_BASIC_INFORMATION info;
    return VirtualQuery(base, &info, sizeof info) && info.State == MEM_COMMIT && info.RegionSize >= size;
}

static int map_section(os_section_t *section, HANDLE handle, size_t size, bool created)
{
    section->base = MapViewOfFile(handle, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, size);
    if (!section->base || !is_all_there(section->base, size)) {
        os_section_close(section);
        CloseHandle(handle);
        return VMMC_ENOMEM;
    }
    section->size = size;
    section->handle = (uintptr_t)handle;
    section->created = created;
    return 0;
}

/* `others`: what those who open it get.  A size of 0: the file's. */
static HANDLE create_mapping(const char *name, HANDLE file, uint64_t size, ACCESS_MASK others, bool *existed)
{
    char full[128];
    owner_only_t security;
    object_name(full, name);
    SECURITY_ATTRIBUTES *attributes = owner_only(&security, others);
    if (!attributes)
        return NULL;
    DWORD protection = file == INVALID_HANDLE_VALUE ? PAGE_READWRITE : PAGE_READONLY;
    HANDLE handle = CreateFileMappingA(file, attributes, protection, (DWORD)(size >> 32), (DWORD)size, full);
    *existed = handle && GetLastError() == ERROR_ALREADY_EXISTS;
    return handle;
}

int os_section_create(os_section_t *section, const char *name, size_t size)
{
    bool existed;
    memset(section, 0, sizeof *section);
    HANDLE handle = create_mapping(name, INVALID_HANDLE_VALUE, size, GENERIC_ALL, &existed);
    if (!handle)
        return VMMC_ENOMEM;
    if (existed) {
        CloseHandle(handle);
        return VMMC_EEXIST;
    }
    return map_section(section, handle, size, true);
}

int os_section_open(os_section_t *section, const char *name, size_t size)
{
    char full[128];
    memset(section, 0, sizeof *section);
    object_name(full, name);
    HANDLE handle = OpenFileMappingA(FILE_MAP_READ | FILE_MAP_WRITE | READ_CONTROL, FALSE, full);
    if (!handle)
        return VMMC_EPEER;
    if (!owned_by_user(handle)) {
        CloseHandle(handle);
        return VMMC_EACCES;
    }
    return map_section(section, handle, size, false);
}

int os_section_share(os_section_t *section, const char *name, size_t size)
{
    bool existed;
    memset(section, 0, sizeof *section);
    HANDLE handle = create_mapping(name, INVALID_HANDLE_VALUE, size, GENERIC_ALL, &existed);
    if (!handle)
        return VMMC_ENOMEM;
    if (existed && !owned_by_user(handle)) {
        CloseHandle(handle);
        return VMMC_EACCES;
    }
    return map_section(section, handle, size, !existed);
}

void os_section_close(os_section_t *section)
{
    if (section->base)
        UnmapViewOfFile(section->base);
    if (section->handle)
        CloseHandle((HANDLE)section->handle);
    memset(section, 0, sizeof *section);
}

/* ---- memory to lend ---- */

/* What the section really holds, whatever its maker says. */
static uint64_t section_length(HANDLE handle)
{
    struct {
        void *base;
        ULONG attributes;
        LARGE_INTEGER size;
    } info;
    const nt_calls_t *nt = nt_calls();
    if (!nt->query_section || nt->query_section(handle, 0 /* SectionBasicInformation */, &info, sizeof info, NULL) < 0)
        return 0;
    return (uint64_t)info.size.QuadPart;
}

int os_memory_create(os_memory_t *memory, const char *name, uint64_t length, bool others_write)
{
    bool existed;
    memset(memory, 0, sizeof *memory);
    ACCESS_MASK others = GENERIC_READ | (others_write ? GENERIC_WRITE : 0);
    HANDLE handle = length > SIZE_MAX ? NULL : create_mapping(name, INVALID_HANDLE_VALUE, length, others, &existed);
    if (!handle)
        return VMMC_ENOMEM;
    memory->handle = (uintptr_t)handle;
    memory->length = length;
    memory->base = existed ? NULL : MapViewOfFile(handle, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, (SIZE_T)length);
    if (memory->base)
        return 0;
    os_memory_close(memory);
    return VMMC_ENOMEM;
}

int os_memory_over_file(os_memory_t *memory, const char *name, uintptr_t file)
{
    bool existed;
    memset(memory, 0, sizeof *memory);
    HANDLE handle = create_mapping(name, (HANDLE)file, 0, GENERIC_READ, &existed);
    if (!handle)
        return VMMC_EINVAL;
    memory->handle = (uintptr_t)handle;
    memory->length = section_length(handle);
    if (!existed && memory->length)
        return 0;
    os_memory_close(memory);
    return VMMC_ENOMEM;
}

void os_memory_close(os_memory_t *memory)
{
    if (memory->base)
        UnmapViewOfFile(memory->base);
    if (memory->handle)
        CloseHandle((HANDLE)memory->handle);
    memset(memory, 0, sizeof *memory);
}

static int map_window(os_window_t *window, HANDLE handle, uint64_t memory_length)
{
    if (!owned_by_user(handle) || section_length(handle) < memory_length)
        return VMMC_EACCES;
    DWORD access = FILE_MAP_READ | (window->writable ? FILE_MAP_WRITE : 0);
    window->base = MapViewOfFile(handle, access, (DWORD)(window->offset >> 32), (DWORD)window->offset, window->length);
    if (!window->base)
        return VMMC_ENOMEM;
    if (is_all_there(window->base, window->length))
        return 0;
    os_window_close(window);
    return VMMC_EACCES;
}

int os_window_open(os_window_t *window, const char *name, uint64_t memory_length)
{
    char full[128];
    object_name(full, name);
    window->base = NULL;
    DWORD access = SECTION_QUERY | READ_CONTROL | FILE_MAP_READ | (window->writable ? FILE_MAP_WRITE : 0);
    HANDLE handle = OpenFileMappingA(access, FALSE, full);
    if (!handle)
        return VMMC_EPEER;
    int error = map_window(window, handle, memory_length);
    CloseHandle(handle);
    return error;
}

void os_window_close(os_window_t *window)
{
    if (window->base)
        UnmapViewOfFile(window->base);
    window->base = NULL;
}

/* ---- processes ---- */

static bool creation_time(HANDLE process, os_process_id_t *id)
{
    FILETIME created, exited, kernel, user;
    if (!GetProcessTimes(process, &created, &exited, &kernel, &user))
        return false;
    id->start_low = created.dwLowDateTime;
    id->start_high = created.dwHighDateTime;
    return true;
}

os_process_id_t os_process_self(void)
{
    os_process_id_t id = {.pid = GetCurrentProcessId()};
    creation_time(GetCurrentProcess(), &id);
    return id;
}

bool os_process_same(const os_process_id_t *a, const os_process_id_t *b)
{
    return a->pid == b->pid && a->start_low == b->start_low && a->start_high == b->start_high;
}

uintptr_t os_process_watch(const os_process_id_t *id)
{
    os_process_id_t found = {.pid = id->pid};
    HANDLE process = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, id->pid);
    if (!process)
        return 0;
    if (!creation_time(process, &found) || !os_process_same(&found, id) || os_process_is_dead((uintptr_t)process)) {
        CloseHandle(process);
        return 0;
    }
    return (uintptr_t)process;
}

bool os_process_is_dead(uintptr_t watch)
{
    return WaitForSingleObject((HANDLE)watch, 0) != WAIT_TIMEOUT;
}

void os_process_unwatch(uintptr_t watch)
{
    CloseHandle((HANDLE)watch);
}

bool os_process_exists(uint32_t pid)
{
    HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, pid);
    if (!process)
        return GetLastError() != ERROR_INVALID_PARAMETER;
    bool lives = !os_process_is_dead((uintptr_t)process);
    CloseHandle(process);
    return lives;
}

unsigned os_cpu_count(void)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwNumberOfProcessors;
}

/* ---- time ---- */

uint64_t os_now_us(void)
{
    static LARGE_INTEGER frequency; /* the same value whoever writes it */
    LARGE_INTEGER now;
    if (!frequency.QuadPart)
        QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    uint64_t seconds = (uint64_t)(now.QuadPart / frequency.QuadPart);
    uint64_t rest = (uint64_t)(now.QuadPart % frequency.QuadPart);
    return seconds * 1000000u + rest * 1000000u / (uint64_t)frequency.QuadPart;
}

void os_yield(unsigned round)
{
    if (round < 64)
        SwitchToThread();
    else
        Sleep(1);
}

void os_random(void *bytes, size_t count)
{
    nt_random(bytes, count);
}

/* ---- events ---- */

uintptr_t os_event_create(const char *name)
{
    char full[128];
    owner_only_t security;
    SECURITY_ATTRIBUTES *attributes = owner_only(&security, GENERIC_ALL);
    object_name(full, name);
    return attributes ? (uintptr_t)CreateEventA(attributes, FALSE, FALSE, full) : 0;
}

uintptr_t os_event_open(const char *name)
{
    char full[128];
    object_name(full, name);
    return (uintptr_t)OpenEventA(EVENT_MODIFY_STATE | SYNCHRONIZE, FALSE, full);
}

void os_event_set(uintptr_t event)
{
    SetEvent((HANDLE)event);
}

bool os_event_wait(uintptr_t event, uint64_t timeout_us)
{
    uint64_t ms = (timeout_us + 999) / 1000;
    DWORD timeout = ms >= INFINITE ? INFINITE - 1 : (DWORD)ms;
    return WaitForSingleObjectEx((HANDLE)event, timeout, TRUE) == WAIT_OBJECT_0;
}

void os_event_close(uintptr_t event)
{
    if (event)
        CloseHandle((HANDLE)event);
}

/* ---- one pointer per thread ---- */

static DWORD thread_slot(void)
{
    static word_t slot; /* index + 1 */
    uint32_t have = load_acquire(&slot);
    if (have)
        return have - 1;
    DWORD fresh = TlsAlloc();
    if (word_replace(&slot, 0, fresh + 1))
        return fresh;
    TlsFree(fresh);
    return load_acquire(&slot) - 1;
}

void *os_thread_slot_get(void)
{
    return TlsGetValue(thread_slot());
}

bool os_thread_slot_set(void *value)
{
    return TlsSetValue(thread_slot(), value);
}
