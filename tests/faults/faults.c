/* faults: see faults.h. */
#define FAULTS_OFF
#ifdef _WIN32
#define FAULTS_EXPORT
#endif
#include "faults.h"

#include "atomics.h"

#include <stdio.h>
#include <string.h>

static struct {
    word_t armed, at, mode;
    word_t requests, struck;
    char first[48];
} faults;

void faults_arm(unsigned at, faults_mode_t mode)
{
    store_relaxed(&faults.at, at);
    store_relaxed(&faults.mode, mode);
    store_relaxed(&faults.requests, 0);
    store_relaxed(&faults.struck, 0);
    store_release(&faults.armed, 1);
}

unsigned faults_disarm(void)
{
    store_release(&faults.armed, 0);
    return load_relaxed(&faults.requests);
}

unsigned faults_struck(void)
{
    return load_acquire(&faults.struck);
}

const char *faults_first(void)
{
    return faults_struck() ? faults.first : NULL;
}

static bool is_due(unsigned number)
{
    unsigned at = load_relaxed(&faults.at);
    return at && (number == at || (number > at && load_relaxed(&faults.mode) == FAULTS_FROM_THERE_ON));
}

bool faults_strike(const char *file, int line)
{
    if (!load_acquire(&faults.armed) || !is_due(word_add(&faults.requests, 1)))
        return false;
    const char *slash = strrchr(file, '/');
    if (word_add(&faults.struck, 1) == 1)
        snprintf(faults.first, sizeof faults.first, "%s:%d", slash ? slash + 1 : file, line);
    return true;
}

/* ---- the driver that polls sockets ---- */

#ifdef _WIN32
#include "nt.h"

const nt_calls_t *faults_nt_calls(void);

static NTSTATUS NTAPI control_device(HANDLE file, HANDLE event, void *apc, void *context, IO_STATUS_BLOCK *io, ULONG code,
                                     void *in, ULONG in_size, void *out, ULONG out_size)
{
    if (faults_strike("nt.device_io_control_file", 0))
        return (NTSTATUS)0xC000009A;
    return nt_calls()->device_io_control_file(file, event, apc, context, io, code, in, in_size, out, out_size);
}

/* Whoever fills it writes the same. */
const nt_calls_t *faults_nt_calls(void)
{
    static nt_calls_t calls;
    nt_calls_t filled = *nt_calls();
    filled.device_io_control_file = control_device;
    calls = filled;
    return &calls;
}
#endif
