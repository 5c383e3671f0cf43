/* remote: the memory of another process, which is looked at and never touched.
 *
 * What is read may be anything, and may change between two reads: nothing here or above follows a list without a bound,
 * or believes a length.  Nothing needs the other process's help, so it cannot keep us waiting. */
#ifndef CTL_REMOTE_H
#define CTL_REMOTE_H

#include "ctl.h"

typedef struct remote {
    void *process;
    uint32_t pid;
    unsigned bits; /* of the process */
} remote_t;

typedef enum remote_open { REMOTE_OPEN, REMOTE_REFUSED, REMOTE_TOO_WIDE /* 64-bit, and we are not */ } remote_open_t;

remote_open_t remote_open(remote_t *remote, uint32_t pid);
void remote_close(remote_t *remote);
/* All of it or nothing. */
bool remote_read(const remote_t *remote, uint64_t at, void *to, size_t size);
/* A text of at most size - 1 bytes, made printable; empty: there is none. */
void remote_text(const remote_t *remote, uint64_t at, char *to, size_t size);
/* A pointer of that process. */
bool remote_pointer(const remote_t *remote, uint64_t at, uint64_t *to);
/* Call `visit` with the base of each loaded module of that file name, until it returns true. */
typedef bool (*remote_visit_t)(const remote_t *remote, uint64_t base, void *context);
bool remote_each_module(const remote_t *remote, const char *name, remote_visit_t visit, void *context);
/* Where a section of a loaded module lies, and its length; false: there is none. */
bool remote_section(const remote_t *remote, uint64_t base, const char *name, uint64_t *at, uint32_t *size);

/* Call `visit` for every process of the machine, with its file name. */
void remote_each_process(void (*visit)(uint32_t pid, const char *name, void *context), void *context);

#endif
