/* place: see place.h. */
#include "place.h"

#include "files.h"
#include "override.h"
#include "record.h"

#include <nt.h>

#include <stdio.h>
#include <string.h>

#define LOCK_PATIENCE_MS 10000
#define IN_USE "the DLL is in use; end the programs of that folder and repeat the command"
#define NOT_RECORDED "vmmcctl has not installed anything for this program"
#define NO_RECORD_WRITTEN "its folder cannot be written; run vmmcctl as administrator"
#define NOT_UNDERSTOOD                                                                                                 \
    "the file " RECORD_FILE " in its folder is not as vmmcctl wrote it; see what it says, then remove it"

/* ---- one vmmcctl of this user at a time changes records ---- */

static HANDLE lock(void)
{
    HANDLE mutex = CreateMutexA(NULL, FALSE, "Local\\vmmcctl-record");
    if (mutex)
        WaitForSingleObject(mutex, LOCK_PATIENCE_MS);
    return mutex;
}

static void unlock(HANDLE mutex)
{
    if (!mutex)
        return;
    ReleaseMutex(mutex);
    CloseHandle(mutex);
}

/* ---- putting it there ---- */

static void who_is(char who[CTL_PATH + 80], const char *folder, const char *holder)
{
    snprintf(who, CTL_PATH + 80, "%s|%s", folder, holder);
}

/* One of ours that is older than what vmmcctl has now, and that we put there, is replaced. */
static const char *update(const verdict_t *verdict, const char *path)
{
    char aside[CTL_PATH];
    snprintf(aside, sizeof aside, "%s.old", path);
    if (!files_rename(path, aside))
        return IN_USE;
    if (!files_copy(verdict->dll.path, path)) {
        files_rename(aside, path);
        return "the new DLL cannot be copied; the old one is still there";
    }
    if (!files_remove(aside)) {
        files_remove(path);
        files_rename(aside, path);
        return IN_USE;
    }
    return NULL;
}

/* What will be done to the file, and how the record will tell of it. */
static placed_t plan(const verdict_t *verdict, record_t *record)
{
    const dll_t *present = verdict->beside.kind == DLL_OURS ? &verdict->beside : &verdict->off;
    record->bits = verdict->bits;
    if (present->kind != DLL_OURS) {
        record->copied = true;
        record->checksum = verdict->dll.checksum;
        return PLACED_COPIED;
    }
    if (!record->copied || present->checksum != record->checksum || present->checksum == verdict->dll.checksum ||
        present == &verdict->off)
        return PLACED_SHARED;
    record->checksum = verdict->dll.checksum;
    return PLACED_UPDATED;
}

static const char *carry_out(const verdict_t *verdict, placed_t what)
{
    char path[CTL_PATH];
    files_join(path, verdict->folder, CTL_DLL);
    if (what == PLACED_COPIED && !files_copy(verdict->dll.path, path))
        return "the DLL cannot be copied into its folder";
    return what == PLACED_UPDATED ? update(verdict, path) : NULL;
}

/* The record comes first: whatever happens then, it tells of no less than there is. */
static const char *hold(const verdict_t *verdict, const char *holder, placed_t *how)
{
    record_t before, record;
    bool foreign;
    char who[CTL_PATH + 80];
    if (!record_load(&before, verdict->folder, &foreign) && foreign)
        return NOT_UNDERSTOOD;
    record = before;
    bool had = record_find(&record, verdict->name, holder) != NULL;
    *how = plan(verdict, &record);
    if (!had && !record_add(&record, verdict->name, holder))
        return "its folder has too many programs with the transport";
    if (!record_save(&record, verdict->folder))
        return NO_RECORD_WRITTEN;
    const char *problem = carry_out(verdict, *how);
    who_is(who, verdict->folder, holder);
    if (!problem && override_is_needed() && !override_hold(verdict->name, who))
        problem = "the override cannot be written into Wine's registry";
    if (problem)
        record_save(&before, verdict->folder);
    if (had && *how == PLACED_SHARED)
        *how = PLACED_ALREADY;
    return problem;
}

const char *place_hold(const verdict_t *verdict, const char *holder, placed_t *how)
{
    HANDLE mutex = lock();
    const char *problem = hold(verdict, holder, how);
    unlock(mutex);
    return problem;
}

/* ---- taking it away ---- */

static const char *remove_file(const record_t *record, const char *folder, released_t *how)
{
    static const char *const names[] = {CTL_DLL, PLACE_OFF};
    *how = RELEASED_KEPT;
    for (unsigned i = 0; record->copied && i < 2; i++) {
        char path[CTL_PATH];
        dll_t dll;
        files_join(path, folder, names[i]);
        ours_look(&dll, path);
        if (dll.kind == DLL_NONE)
            continue;
        if (dll.kind != DLL_OURS || dll.checksum != record->checksum) {
            *how = RELEASED_CHANGED;
            continue;
        }
        if (!files_remove(path))
            return IN_USE;
        *how = RELEASED_REMOVED;
    }
    return NULL;
}

static const char *release(const char *path, const char *holder, released_t *how)
{
    record_t record;
    bool foreign;
    char folder[CTL_PATH], name[CTL_PATH], who[CTL_PATH + 80];
    files_split(path, folder, name);
    bool loaded = record_load(&record, folder, &foreign);
    record_hold_t *found = loaded ? record_find(&record, name, holder) : NULL;
    if (!found)
        return foreign ? NOT_UNDERSTOOD : NOT_RECORDED;
    record_drop(&record, found);
    *how = RELEASED_KEPT;
    const char *problem = record.count ? NULL : remove_file(&record, folder, how);
    if (problem)
        return problem;
    who_is(who, folder, holder);
    override_release(name, who);
    return record_save(&record, folder) ? NULL : NO_RECORD_WRITTEN;
}

const char *place_release(const char *program, const char *holder, released_t *how)
{
    char path[CTL_PATH];
    if (!files_absolute(path, program))
        return NOT_RECORDED;
    HANDLE mutex = lock();
    const char *problem = release(path, holder, how);
    unlock(mutex);
    return problem;
}

/* ---- switching it off and on ---- */

static const char *rename_ours(const char *program, const char *from, const char *to, bool *changed)
{
    char path[CTL_PATH], folder[CTL_PATH], name[CTL_PATH], old[CTL_PATH], new[CTL_PATH];
    dll_t dll, other;
    *changed = false;
    if (!files_absolute(path, program))
        return "that is not a path";
    files_split(path, folder, name);
    files_join(old, folder, from);
    files_join(new, folder, to);
    ours_look(&dll, old);
    ours_look(&other, new);
    if (dll.kind == DLL_NONE && other.kind == DLL_OURS)
        return NULL;
    if (dll.kind == DLL_NONE)
        return "our DLL is not in that folder; see `vmmcctl install`";
    if (dll.kind == DLL_FOREIGN)
        return "the wsock32.dll in that folder is not ours, so it is left alone";
    if (other.kind != DLL_NONE)
        return "there are two of them, " CTL_DLL " and " PLACE_OFF "; remove the one you do not want";
    *changed = files_rename(old, new);
    return *changed ? NULL
                    : "the DLL cannot be renamed; end the programs of that folder, or run vmmcctl as administrator";
}

const char *place_disable(const char *program, bool *changed)
{
    return rename_ours(program, CTL_DLL, PLACE_OFF, changed);
}

const char *place_enable(const char *program, bool *changed)
{
    return rename_ours(program, PLACE_OFF, CTL_DLL, changed);
}
