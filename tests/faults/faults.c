/* faults: see faults.h. */
#define FAULTS_OFF
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
