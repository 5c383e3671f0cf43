/* faults: makes the n-th thing that src/ asks of the system fail, or the n-th and all that follow.
 *
 * A test build includes this file before each source of src/, but for the bodies of the seam (os_*.c) and nt.c; the
 * macros below then stand before every call that obtains something.  A call that is asked for while nothing is armed is
 * the system's own.  (A macro's own name is not expanded again inside of it.) */
#ifndef VMMC_TESTS_FAULTS_H
#define VMMC_TESTS_FAULTS_H

#include <stdbool.h>

typedef enum faults_mode { FAULTS_ONE, FAULTS_FROM_THERE_ON } faults_mode_t;

#ifdef FAULTS_EXPORT
#define FAULTS_CONTROL __declspec(dllexport) /* by the DLL, to the program in the same process */
#else
#define FAULTS_CONTROL
#endif

/* Arm: fail request number `at`, counted from 1 from now on; 0: none, only count.  For the whole process. */
FAULTS_CONTROL void faults_arm(unsigned at, faults_mode_t mode);
/* No more failures.  Returns the number of requests since faults_arm(). */
FAULTS_CONTROL unsigned faults_disarm(void);
/* How many have failed since faults_arm(), and where the first of them was: "file.c:line", NULL if none. */
FAULTS_CONTROL unsigned faults_struck(void);
FAULTS_CONTROL const char *faults_first(void);

/* For the macros: true if this one has to fail. */
bool faults_strike(const char *file, int line);

#ifndef FAULTS_OFF
#include "os.h"
#include "vmmc.h"
#include <stdlib.h>

/* Forgetting it asks for nothing. */
static inline bool faults_slot_set(const char *file, int line, void *value)
{
    return !(value && faults_strike(file, line)) && os_thread_slot_set(value);
}

#define FAULTS_OR(failure, call) (faults_strike(__FILE__, __LINE__) ? (failure) : (call))

#define malloc(size) FAULTS_OR(NULL, malloc(size))
#define calloc(count, size) FAULTS_OR(NULL, calloc(count, size))
#define os_section_create(section, name, size) FAULTS_OR(VMMC_ENOMEM, os_section_create(section, name, size))
#define os_section_open(section, name, size) FAULTS_OR(VMMC_ENOMEM, os_section_open(section, name, size))
#define os_section_share(section, name, size) FAULTS_OR(VMMC_ENOMEM, os_section_share(section, name, size))
#define os_memory_create(memory, name, length, write) FAULTS_OR(VMMC_ENOMEM, os_memory_create(memory, name, length, write))
#define os_memory_over_file(memory, name, file) FAULTS_OR(VMMC_ENOMEM, os_memory_over_file(memory, name, file))
#define os_window_open(window, name, length) FAULTS_OR(VMMC_ENOMEM, os_window_open(window, name, length))
#define os_process_watch(id) FAULTS_OR(0, os_process_watch(id))
#define os_event_create(name) FAULTS_OR(0, os_event_create(name))
#define os_event_open(name) FAULTS_OR(0, os_event_open(name))
#define os_thread_slot_set(value) faults_slot_set(__FILE__, __LINE__, value)

#ifdef _WIN32
#include "nt.h"

const nt_calls_t *faults_nt_calls(void); /* the driver that polls sockets */
#define nt_calls() faults_nt_calls()
#define nt_copy_handle(handle) FAULTS_OR(NULL, nt_copy_handle(handle))
#define CreateEventA(security, manual, set, name) FAULTS_OR(NULL, CreateEventA(security, manual, set, name))
#define CreateThread(security, stack, body, context, flags, id) \
    FAULTS_OR(NULL, CreateThread(security, stack, body, context, flags, id))
#define TlsAlloc() FAULTS_OR(TLS_OUT_OF_INDEXES, TlsAlloc())
#endif
#endif

#endif
