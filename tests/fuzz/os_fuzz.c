/* os_fuzz: see os_fuzz.h. */
#define _GNU_SOURCE
#include "os_fuzz.h"
#include "vmmc.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD 4096u
#define MOST_SECTIONS 640

/* ---- named memory: closed sections are kept for the next of their size ---- */

typedef struct memory {
    char name[96];
    uint8_t *base; /* NULL: never made */
    size_t size;
    unsigned users;
} memory_t;

static struct {
    memory_t sections[MOST_SECTIONS];
    unsigned open;
    size_t lent_size;
} memories;

static size_t whole_pages(size_t size)
{
    return (size + GUARD - 1) / GUARD * GUARD;
}

uint8_t *os_fuzz_guarded(size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    uint8_t *base = mmap(NULL, whole_pages(size) + 2 * GUARD, PROT_NONE, flags, -1, 0);
    if (base == MAP_FAILED || mprotect(base + GUARD, whole_pages(size), PROT_READ | PROT_WRITE) != 0)
        abort();
    return base + GUARD;
}

static memory_t *find(const char *name)
{
    for (memory_t *memory = memories.sections; memory < memories.sections + MOST_SECTIONS && memory->base; memory++) {
        if (memory->users && strcmp(memory->name, name) == 0)
            return memory;
    }
    return NULL;
}

/* One of that size, or the first that was never made. */
static memory_t *make(const char *name, size_t size)
{
    memory_t *memory = memories.sections;
    while (memory < memories.sections + MOST_SECTIONS && memory->base && (memory->users || memory->size != size))
        memory++;
    if (memory == memories.sections + MOST_SECTIONS)
        abort();
    if (!memory->base)
        memory->base = os_fuzz_guarded(size);
    memory->size = size;
    snprintf(memory->name, sizeof memory->name, "%s", name);
    return memory;
}

static void give_up(memory_t *memory)
{
    if (--memory->users == 0)
        madvise(memory->base, whole_pages(memory->size), MADV_DONTNEED);
}

static int map(os_section_t *section, memory_t *memory)
{
    memory->users++;
    memories.open++;
    *section = (os_section_t){.base = memory->base, .size = memory->size, .handle = (uintptr_t)memory};
    return 0;
}

int os_section_create(os_section_t *section, const char *name, size_t size)
{
    *section = (os_section_t){0};
    return find(name) ? VMMC_EEXIST : map(section, make(name, size));
}

int os_section_open(os_section_t *section, const char *name, size_t size)
{
    memory_t *memory = find(name);
    *section = (os_section_t){0};
    if (!memory && size == memories.lent_size)
        memory = find("lent") ? find("lent") : make("lent", size);
    if (!memory)
        return VMMC_EPEER;
    return memory->size < size ? VMMC_EACCES : map(section, memory);
}

int os_section_share(os_section_t *section, const char *name, size_t size)
{
    memory_t *memory = find(name);
    return map(section, memory ? memory : make(name, size));
}

void os_section_close(os_section_t *section)
{
    memory_t *memory = (memory_t *)section->handle;
    if (!section->base)
        return;
    memories.open--;
    give_up(memory);
    *section = (os_section_t){0};
}

void os_fuzz_lend_sections(size_t size)
{
    memories.lent_size = size;
}

unsigned os_fuzz_open_sections(void)
{
    return memories.open;
}

/* ---- memory to lend ---- */

#define FOREIGN_BYTES (1u << 20) /* of memory that was not created here: the hostile process has */

int os_memory_create(os_memory_t *memory, const char *name, uint64_t length, bool others_write)
{
    (void)others_write;
    *memory = (os_memory_t){0};
    if (length > FOREIGN_BYTES || find(name))
        return VMMC_ENOMEM;
    memory_t *made = make(name, (size_t)length);
    made->users++;
    *memory = (os_memory_t){.base = made->base, .length = length, .handle = (uintptr_t)made};
    return 0;
}

int os_memory_over_file(os_memory_t *memory, const char *name, uintptr_t file)
{
    (void)file;
    return os_memory_create(memory, name, 5000, false);
}

void os_memory_close(os_memory_t *memory)
{
    memory_t *made = (memory_t *)memory->handle;
    if (made)
        give_up(made);
    *memory = (os_memory_t){0};
}

int os_window_open(os_window_t *window, const char *name, uint64_t memory_length)
{
    memory_t *memory = find(name);
    window->base = NULL;
    if (memory_length > (memory ? memory->size : FOREIGN_BYTES))
        return VMMC_EACCES;
    if (window->offset % OS_WINDOW_STEP != 0 || window->length == 0 || window->offset > memory_length ||
        window->length > memory_length - window->offset)
        abort();
    if (!memory)
        memory = make(name, FOREIGN_BYTES);
    memory->users++;
    window->base = memory->base + window->offset;
    return 0;
}

void os_window_close(os_window_t *window)
{
    for (memory_t *memory = memories.sections; memory < memories.sections + MOST_SECTIONS && memory->base; memory++) {
        if (memory->users && memory->base == (uint8_t *)window->base - window->offset)
            give_up(memory);
    }
    window->base = NULL;
}

/* ---- processes ---- */

static bool dead[OS_FUZZ_PROCESSES + 1];

void os_fuzz_set_dead(uint32_t pid, bool is)
{
    dead[pid] = is;
}

os_process_id_t os_process_self(void)
{
    return (os_process_id_t){1, OS_FUZZ_START, 0};
}

uintptr_t os_process_watch(const os_process_id_t *id)
{
    bool exists = id->pid >= 1 && id->pid <= OS_FUZZ_PROCESSES && id->start_low == OS_FUZZ_START && id->start_high == 0;
    return exists && !dead[id->pid] ? id->pid : 0;
}

bool os_process_is_dead(uintptr_t watch)
{
    return dead[watch];
}

bool os_process_exists(uint32_t pid)
{
    return pid >= 1 && pid <= OS_FUZZ_PROCESSES && !dead[pid];
}

void os_process_unwatch(uintptr_t watch)
{
    (void)watch;
}

void os_user_tag(char tag[40])
{
    snprintf(tag, 40, "fuzz");
}

unsigned os_cpu_count(void)
{
    return 2;
}

bool os_thread_times(uint64_t *ran_us, uint64_t *queued_us)
{
    (void)ran_us;
    (void)queued_us;
    return false;
}

bool os_idle_time(uint64_t *idle_us)
{
    (void)idle_us;
    return false;
}

/* ---- time ---- */

static uint64_t now_us = 1000000;

void os_fuzz_pass(uint64_t us)
{
    now_us += us;
}

uint64_t os_now_us(void)
{
    return now_us += 5;
}

void os_yield(unsigned round)
{
    now_us += round < 64 ? 1 : 1000;
}

void os_random(void *bytes, size_t count)
{
    static uint64_t number;
    number++;
    memset(bytes, 0, count);
    memcpy(bytes, &number, count < sizeof number ? count : sizeof number);
}

/* ---- events and futexes: nobody else runs, so nobody sets them ---- */

uintptr_t os_event_create(const char *name)
{
    (void)name;
    return 1;
}

uintptr_t os_event_open(const char *name)
{
    (void)name;
    return 1;
}

void os_event_set(uintptr_t event)
{
    (void)event;
}

bool os_event_wait(uintptr_t event, uint64_t timeout_us)
{
    (void)event;
    now_us += timeout_us;
    return true;
}

void os_event_close(uintptr_t event)
{
    (void)event;
}

bool os_futex_works(void)
{
    return true;
}

bool os_futex_wait(word_t *word, uint32_t seen, uint64_t timeout_us)
{
    if (load_relaxed(word) != seen)
        return false;
    now_us += timeout_us;
    return true;
}

void os_futex_wake(word_t *word)
{
    (void)word;
}

/* There is one thread. */
bool os_fence_everywhere_works(void)
{
    return true;
}

void os_fence_everywhere(void)
{
}

_Thread_local void *os__thread_value;

void *os_thread_slot_get(void)
{
    return os__thread_value;
}

bool os_thread_slot_set(void *value)
{
    os__thread_value = value;
    return true;
}
