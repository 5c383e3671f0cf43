/* os_win: the seam's body for Windows and Wine: sections, processes, clocks, events.  (Futexes and fences: os_linux.c.) */
#include "os.h"
#include "os_access.h"
#include "vmmc.h"

#include <stdio.h>
#include <string.h>

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
    HANDLE handle;
    do {
        handle = CreateFileMappingA(file, attributes, protection, (DWORD)(size >> 32), (DWORD)size, full);
    } while (!handle && owner_only_unlabelled(&security));
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
    if (!owned_by_us(handle)) {
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
    if (existed && !owned_by_us(handle)) {
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
    if (!owned_by_us(handle) || section_length(handle) < memory_length)
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

static bool is_same(const os_process_id_t *a, const os_process_id_t *b)
{
    return a->pid == b->pid && a->start_low == b->start_low && a->start_high == b->start_high;
}

uintptr_t os_process_watch(const os_process_id_t *id)
{
    os_process_id_t found = {.pid = id->pid};
    HANDLE process = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, id->pid);
    if (!process)
        return 0;
    if (!creation_time(process, &found) || !is_same(&found, id) || os_process_is_dead((uintptr_t)process)) {
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
    HANDLE event;
    object_name(full, name);
    if (!attributes)
        return 0;
    do {
        event = CreateEventA(attributes, FALSE, FALSE, full);
    } while (!event && owner_only_unlabelled(&security));
    return (uintptr_t)event;
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
    DWORD timeout = ms >= INFINITE ? INFINITE : (DWORD)ms;
    return WaitForSingleObjectEx((HANDLE)event, timeout, TRUE) == WAIT_TIMEOUT;
}

void os_event_close(uintptr_t event)
{
    if (event)
        CloseHandle((HANDLE)event);
}

/* ---- one pointer per thread ---- */

#define TEB_PLACES 64 /* of the pointers whose index is larger a TEB holds only where they are */
#ifdef _WIN64
#define TEB_PLACE(index) (0x1480 + 8 * (index))
#define TEB_SELF 0x30
#else
#define TEB_PLACE(index) (0xE10 + 4 * (index))
#define TEB_SELF 0x18
#endif

word_t os__thread_place = TEB_SELF;

static DWORD thread_slot(void)
{
    static word_t slot; /* index + 1 */
    uint32_t have = load_acquire(&slot);
    if (have)
        return have - 1;
    DWORD fresh = TlsAlloc();
    if (word_replace(&slot, 0, fresh + 1)) {
        if (fresh < TEB_PLACES)
            store_relaxed(&os__thread_place, TEB_PLACE(fresh));
        return fresh;
    }
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
