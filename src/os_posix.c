/* os_posix: the seam's body for a native Linux build, where the sanitizers run on the portable layers. */
#define _GNU_SOURCE
#include "os.h"
#include "vmmc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- named memory ---- */

static int map_section(os_section_t *section, int fd, const char *name, size_t size, bool created)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (base == MAP_FAILED)
        return VMMC_ENOMEM;
    section->base = base;
    section->size = size;
    section->created = created;
    snprintf(section->name, sizeof section->name, "/%s", name);
    return 0;
}

int os_section_create(os_section_t *section, const char *name, size_t size)
{
    char path[96];
    memset(section, 0, sizeof *section);
    snprintf(path, sizeof path, "/%s", name);
    int fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return errno == EEXIST ? VMMC_EEXIST : VMMC_ENOMEM;
    if (ftruncate(fd, (off_t)size) != 0) {
        close(fd);
        shm_unlink(path);
        return VMMC_ENOMEM;
    }
    return map_section(section, fd, name, size, true);
}

int os_section_open(os_section_t *section, const char *name, size_t size)
{
    char path[96];
    struct stat info;
    memset(section, 0, sizeof *section);
    snprintf(path, sizeof path, "/%s", name);
    int fd = shm_open(path, O_RDWR, 0);
    if (fd < 0)
        return VMMC_EPEER;
    if (fstat(fd, &info) != 0 || info.st_uid != geteuid() || (uint64_t)info.st_size < size) {
        close(fd);
        return VMMC_EACCES;
    }
    return map_section(section, fd, name, size, false);
}

int os_section_share(os_section_t *section, const char *name, size_t size)
{
    char path[96];
    memset(section, 0, sizeof *section);
    snprintf(path, sizeof path, "/%s", name);
    int fd = shm_open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
        return VMMC_ENOMEM;
    return map_section(section, fd, name, size, false);
}

void os_section_close(os_section_t *section)
{
    if (section->base)
        munmap(section->base, section->size);
    if (section->created)
        shm_unlink(section->name);
    memset(section, 0, sizeof *section);
}

/* ---- memory to lend ---- */

int os_memory_create(os_memory_t *memory, const char *name, uint64_t length, bool others_write)
{
    memset(memory, 0, sizeof *memory);
    snprintf(memory->name, sizeof memory->name, "/%s", name);
    int fd = shm_open(memory->name, O_RDWR | O_CREAT | O_EXCL, others_write ? 0600 : 0400);
    if (fd < 0)
        return VMMC_ENOMEM;
    void *base = ftruncate(fd, (off_t)length) == 0 ? mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                                                   : MAP_FAILED;
    close(fd);
    memory->length = length;
    memory->base = base == MAP_FAILED ? NULL : base;
    if (memory->base)
        return 0;
    os_memory_close(memory);
    return VMMC_ENOMEM;
}

int os_memory_over_file(os_memory_t *memory, const char *name, uintptr_t file)
{
    (void)name;
    (void)file;
    memset(memory, 0, sizeof *memory);
    errno = ENOTSUP;
    return VMMC_EINVAL;
}

void os_memory_close(os_memory_t *memory)
{
    if (memory->base)
        munmap(memory->base, memory->length);
    if (memory->name[0])
        shm_unlink(memory->name);
    memset(memory, 0, sizeof *memory);
}

static int map_window(os_window_t *window, int fd, uint64_t memory_length)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || info.st_uid != geteuid() || (uint64_t)info.st_size < memory_length)
        return VMMC_EACCES;
    int protection = PROT_READ | (window->writable ? PROT_WRITE : 0);
    void *base = mmap(NULL, window->length, protection, MAP_SHARED, fd, (off_t)window->offset);
    if (base == MAP_FAILED)
        return VMMC_ENOMEM;
    window->base = base;
    return 0;
}

int os_window_open(os_window_t *window, const char *name, uint64_t memory_length)
{
    char path[96];
    snprintf(path, sizeof path, "/%s", name);
    window->base = NULL;
    int fd = shm_open(path, window->writable ? O_RDWR : O_RDONLY, 0);
    if (fd < 0)
        return VMMC_EPEER;
    int error = map_window(window, fd, memory_length);
    close(fd);
    return error;
}

void os_window_close(os_window_t *window)
{
    if (window->base)
        munmap(window->base, window->length);
    window->base = NULL;
}

/* ---- processes and processors ---- */

bool os_host_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t count = read(fd, text, size - 1);
    close(fd);
    text[count > 0 ? count : 0] = 0;
    return count > 0;
}

/* Field 22 of /proc/PID/stat: start time in clock ticks since boot; 0 if the process is gone or a zombie. */
static uint64_t start_time(uint32_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    char *at = os_host_file(path, text, sizeof text) ? strrchr(text, ')') : NULL;
    if (!at || at[2] == 'Z' || at[2] == 'X')
        return 0;
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

os_process_id_t os_process_self(void)
{
    uint64_t start = start_time((uint32_t)getpid());
    return (os_process_id_t){(uint32_t)getpid(), (uint32_t)start, (uint32_t)(start >> 32)};
}

uintptr_t os_process_watch(const os_process_id_t *id)
{
    uint64_t start = start_time(id->pid);
    if (!start || (uint32_t)start != id->start_low || (uint32_t)(start >> 32) != id->start_high)
        return 0;
    os_process_id_t *copy = malloc(sizeof *copy);
    if (copy)
        *copy = *id;
    return (uintptr_t)copy;
}

bool os_process_is_dead(uintptr_t watch)
{
    const os_process_id_t *id = (const os_process_id_t *)watch;
    uint64_t start = start_time(id->pid);
    return !start || (uint32_t)start != id->start_low || (uint32_t)(start >> 32) != id->start_high;
}

void os_process_unwatch(uintptr_t watch)
{
    free((void *)watch);
}

bool os_process_exists(uint32_t pid)
{
    return start_time(pid) != 0;
}

void os_user_tag(char tag[40])
{
    snprintf(tag, 40, "u%u", (unsigned)geteuid());
}

unsigned os_cpu_count(void)
{
    return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

/* ---- time ---- */

uint64_t os_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

void os_yield(unsigned round)
{
    if (round < 64)
        sched_yield();
    else
        usleep(1000);
}

void os_random(void *bytes, size_t count)
{
    if (getrandom(bytes, count, 0) != (ssize_t)count)
        abort();
}

/* ---- events: a named semaphore behaves like an auto-reset event if surplus posts are swallowed ---- */

uintptr_t os_event_create(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "/%s", name);
    sem_t *semaphore = sem_open(path, O_CREAT | O_EXCL, 0600, 0);
    return semaphore == SEM_FAILED ? 0 : (uintptr_t)semaphore;
}

uintptr_t os_event_open(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "/%s", name);
    sem_t *semaphore = sem_open(path, 0);
    return semaphore == SEM_FAILED ? 0 : (uintptr_t)semaphore;
}

void os_event_set(uintptr_t event)
{
    sem_post((sem_t *)event);
}

bool os_event_wait(uintptr_t event, uint64_t timeout_us)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    uint64_t nanoseconds = (uint64_t)until.tv_nsec + timeout_us % 1000000u * 1000u;
    until.tv_sec += (time_t)(timeout_us / 1000000u + nanoseconds / 1000000000u);
    until.tv_nsec = (long)(nanoseconds % 1000000000u);
    if (sem_timedwait((sem_t *)event, &until) != 0)
        return errno == ETIMEDOUT;
    while (sem_trywait((sem_t *)event) == 0)
        ;
    return false;
}

void os_event_close(uintptr_t event)
{
    if (event)
        sem_close((sem_t *)event);
}

/* ---- futexes ---- */

bool os_futex_works(void)
{
    return true;
}

bool os_futex_wait(word_t *word, uint32_t seen, uint64_t timeout_us)
{
    struct timespec timeout = {(time_t)(timeout_us / 1000000u), (long)(timeout_us % 1000000u * 1000u)};
    return syscall(SYS_futex, word, FUTEX_WAIT, seen, &timeout, NULL, 0) != 0 && errno == ETIMEDOUT;
}

void os_futex_wake(word_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* ---- memory order for everybody ---- */

bool os_fence_everywhere_works(void)
{
    static word_t verdict; /* 0 not asked, 1 no, 2 yes */
    uint32_t known = load_acquire(&verdict);
    if (!known) {
        known = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 ? 2 : 1;
        store_release(&verdict, known);
    }
    return known == 2;
}

void os_fence_everywhere(void)
{
    while (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        os_yield(UINT32_MAX); /* it may want for memory */
}

/* ---- one pointer per thread ---- */

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
