/* os: the seam between the portable layers and the system: named memory, processes, clocks, events, futexes.
 *
 * Two bodies: os_win.c (Windows and Wine) and os_posix.c (native tests).  Every call is safe from any thread.  The
 * Windows body may change the thread's last error; the WinSock skin preserves it.  Calls that can fail return 0 or a
 * negative VMMC_E* (vmmc.h). */
#ifndef VMMC_OS_H
#define VMMC_OS_H

#include "atomics.h"

#include <stddef.h>

/* ---- named memory ---- */

typedef struct os_section {
    void *base;
    size_t size;       /* bytes mapped */
    uintptr_t handle;
    char name[96];     /* for the native body, which must unlink what it created */
    bool created;
} os_section_t;

/* Create a zeroed section that only this user can open; fails if the name exists. */
int os_section_create(os_section_t *section, const char *name, size_t size);
/* Map a section that another process created; fails unless it is at least `size` bytes and belongs to this user. */
int os_section_open(os_section_t *section, const char *name, size_t size);
/* Whichever of the two applies: for the one table whose name can be derived. */
int os_section_share(os_section_t *section, const char *name, size_t size);
void os_section_close(os_section_t *section);

/* ---- memory to lend: a section of any length, made by one process; others map windows of it ---- */

#define OS_WINDOW_STEP 65536u /* where windows may begin */

typedef struct os_memory {
    void *base; /* all of it, writable; NULL over a file */
    uint64_t length;
    uintptr_t handle;
    char name[96];
} os_memory_t;

/* Create zeroed memory that only this user can open, for reading unless `others_write`.  VMMC_ENOMEM. */
int os_memory_create(os_memory_t *memory, const char *name, uint64_t length, bool others_write);
/* The same over the whole of a file, which others can read.  VMMC_EINVAL: the system said why (the thread's error). */
int os_memory_over_file(os_memory_t *memory, const char *name, uintptr_t file);
/* No new windows; those that exist stay. */
void os_memory_close(os_memory_t *memory);

/* In: the first three; `offset` is a multiple of OS_WINDOW_STEP. */
typedef struct os_window {
    uint64_t offset;
    size_t length;
    bool writable;
    void *base;
} os_window_t;

/* Map a window of what another process created, if it belongs to this user and really has `memory_length` bytes.
 * VMMC_EPEER: there is no such memory (any more); VMMC_EACCES: not this user's, or not that long; VMMC_ENOMEM. */
int os_window_open(os_window_t *window, const char *name, uint64_t memory_length);
void os_window_close(os_window_t *window);

/* ---- processes ---- */

typedef struct os_process_id {
    uint32_t pid;
    uint32_t start_low, start_high; /* creation time: a number is reused, a number with its time is not */
} os_process_id_t;

os_process_id_t os_process_self(void);
/* A handle by which the death of exactly that process can be seen, or 0 if it is gone or not ours to watch. */
uintptr_t os_process_watch(const os_process_id_t *id);
bool os_process_is_dead(uintptr_t watch);
void os_process_unwatch(uintptr_t watch);
/* Whether some process has that number now, which need not be the one that had it. */
bool os_process_exists(uint32_t pid);
/* A name part that is the same for all processes of this user that may share memory, and different for others. */
void os_user_tag(char tag[40]);
unsigned os_cpu_count(void);

/* ---- time ---- */

uint64_t os_now_us(void);
/* Give the processor away: `round` counts how often the caller already did, and later rounds sleep. */
void os_yield(unsigned round);
void os_random(void *bytes, size_t count);

/* ---- processors, where the host is Linux and tells ---- */

/* For how long the calling thread has run so far, and has been ready to run and did not. */
bool os_thread_times(uint64_t *ran_us, uint64_t *queued_us);
/* For how long all processors together have had nothing to do, to a hundredth of a second. */
bool os_idle_time(uint64_t *idle_us);
/* The beginning of a file of the host's, as a string. */
bool os_host_file(const char *path, char *text, size_t size);

/* ---- events: named, auto-reset, cross-process ---- */

uintptr_t os_event_create(const char *name);
uintptr_t os_event_open(const char *name);
void os_event_set(uintptr_t event);
/* Sleeps at most `timeout_us`, alertably: queued APCs run.  True if all that time has passed. */
bool os_event_wait(uintptr_t event, uint64_t timeout_us);
void os_event_close(uintptr_t event);

/* ---- futexes on shared memory ---- */

/* True where the futex has been proved to work from this code; decided once. */
bool os_futex_works(void);
/* True if all that time has passed. */
bool os_futex_wait(word_t *word, uint32_t seen, uint64_t timeout_us);
void os_futex_wake(word_t *word);

/* ---- memory order for everybody ---- */

/* True where os_fence_everywhere() is more than a promise; decided once, in a tenth of a millisecond. */
bool os_fence_everywhere_works(void);
/* Where it works, and has been asked whether it does: all other threads of this process have executed a full fence when it
 * returns. */
void os_fence_everywhere(void);

/* ---- one pointer per thread ---- */

void *os_thread_slot_get(void);
/* False: the system has no room for it. */
bool os_thread_slot_set(void *value);

#ifdef _WIN32
/* Where each thread's TEB holds the pointer; until there is a place, where it holds its own address. */
extern word_t os__thread_place;
#else
extern _Thread_local void *os__thread_value;
#endif

/* The same as os_thread_slot_get(), in two instructions.  Where it cannot be had that way, something else, but nothing
 * that anybody has set. */
static inline void *os_thread_slot_peek(void)
{
#if defined(_WIN64)
    void *value;
    uintptr_t place = load_relaxed(&os__thread_place);
    __asm__("movq %%gs:(%1), %0" : "=r"(value) : "r"(place));
    return value;
#elif defined(_WIN32)
    void *value;
    uintptr_t place = load_relaxed(&os__thread_place);
    __asm__("movl %%fs:(%1), %0" : "=r"(value) : "r"(place));
    return value;
#else
    return os__thread_value;
#endif
}

#endif
