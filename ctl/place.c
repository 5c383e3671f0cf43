/* place: see place.h. */
#include "place.h"

#include "exclusive.h"
#include "files.h"
#include "override.h"
#include "record.h"

#include <stdio.h>
#include <string.h>

#define OLD "vmmcctl.old" /* a DLL that is being replaced */
#define IN_USE "the DLL is in use; end the programs of that folder and repeat the command"
#define NO_RECORD_WRITTEN "its folder cannot be written; run vmmcctl as administrator"
#define NOT_UNDERSTOOD                                                                                                 \
    "the file " RECORD_FILE " in its folder is not as vmmcctl wrote it; see what it says, then remove it"
#define NOT_READABLE                                                                                                   \
    "the file " RECORD_FILE " in its folder cannot be read; close the program that has it open, or run vmmcctl as "    \
    "administrator"

/* ---- the record ---- */

static void who_is(char who[CTL_PATH + 80], const char *folder, const char *holder)
{
    snprintf(who, CTL_PATH + 80, "%s|%s", folder, holder);
}

/* NULL, or why nothing can be done in that folder. */
static const char *load(record_t *record, const char *folder)
{
    static const char *const problems[] = {
        [RECORD_UNREADABLE] = NOT_READABLE, [RECORD_FOREIGN] = NOT_UNDERSTOOD, [RECORD_NONE] = NULL};
    return problems[record_load(record, folder)];
}

/* Runs whose vmmcctl was killed, and that its note in the registry does not tell of any more. */
static void drop_gone(record_t *record, const char *folder)
{
    for (unsigned i = record->count; i-- > 0;) {
        record_hold_t *hold = &record->holds[i];
        char who[CTL_PATH + 80];
        if (!holder_is_gone(hold->holder))
            continue;
        who_is(who, folder, hold->holder);
        override_release(hold->program, who);
        record_drop(record, hold);
    }
}

/* ---- putting it there ---- */

/* One of ours that is older than what vmmcctl has now, and that we put there, is replaced. */
static const char *update(const verdict_t *verdict, const char *path)
{
    char aside[CTL_PATH];
    files_join(aside, verdict->folder, OLD);
    if (!files_remove(aside) || !files_rename(path, aside))
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

static const char *set_override(const verdict_t *verdict, const char *holder, placed_t what)
{
    char who[CTL_PATH + 80], path[CTL_PATH];
    who_is(who, verdict->folder, holder);
    if (!override_is_needed() || override_hold(verdict->name, who))
        return NULL;
    override_release(verdict->name, who);
    files_join(path, verdict->folder, CTL_DLL);
    if (what == PLACED_COPIED)
        files_remove(path);
    return "the override cannot be written into Wine's registry";
}

/* The record comes first: whatever happens then, it tells of no less than there is. */
static const char *hold(verdict_t *verdict, const char *holder, placed_t *how)
{
    record_t before, record;
    const char *problem = load(&before, verdict->folder);
    if (problem)
        return problem;
    judge_again(verdict); /* another vmmcctl may have put it there since, or taken it away */
    if (verdict->obstacle)
        return verdict->reason;
    drop_gone(&before, verdict->folder);
    record = before;
    bool had = record_find(&record, verdict->name, holder) != NULL;
    *how = plan(verdict, &record);
    if (!had && !record_add(&record, verdict->name, holder))
        return "its folder has too many programs with the transport";
    if (!record_save(&record, verdict->folder))
        return NO_RECORD_WRITTEN;
    problem = carry_out(verdict, *how);
    if (!problem)
        problem = set_override(verdict, holder, *how);
    if (problem)
        record_save(&before, verdict->folder);
    if (had && *how == PLACED_SHARED)
        *how = PLACED_ALREADY;
    return problem;
}

const char *place_hold(verdict_t *verdict, const char *holder, placed_t *how)
{
    if (!exclusive_begin())
        return EXCLUSIVE_BUSY;
    const char *problem = hold(verdict, holder, how);
    exclusive_end();
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

/* What a vmmcctl leaves that is killed while it copies. */
static void remove_unfinished(const char *folder)
{
    static const char *const names[] = {FILES_NEW, OLD};
    for (unsigned i = 0; i < 2; i++) {
        char path[CTL_PATH];
        files_join(path, folder, names[i]);
        files_remove(path);
    }
}

/* Make the folder what the record says after holds have been dropped from it. */
static const char *settle(const record_t *record, const char *folder, released_t *how)
{
    *how = RELEASED_KEPT;
    if (!record->count) {
        const char *problem = remove_file(record, folder, how);
        if (problem)
            return problem;
        remove_unfinished(folder);
    }
    return record_save(record, folder) ? NULL : NO_RECORD_WRITTEN;
}

static const char *release(const char *path, const char *holder, released_t *how)
{
    record_t record;
    char folder[CTL_PATH], name[CTL_PATH], who[CTL_PATH + 80];
    files_split(path, folder, name);
    who_is(who, folder, holder);
    const char *problem = load(&record, folder);
    if (problem)
        return problem;
    unsigned before = record.count;
    record_hold_t *found = record_find(&record, name, holder);
    if (found)
        record_drop(&record, found);
    drop_gone(&record, folder);
    if (record.count != before)
        problem = settle(&record, folder, how);
    if (problem)
        return problem;
    bool overrode = override_release(name, who);
    if (!found)
        *how = overrode ? RELEASED_OVERRIDE : RELEASED_NOTHING;
    return NULL;
}

const char *place_release(const char *program, const char *holder, released_t *how)
{
    char path[CTL_PATH];
    if (!files_absolute(path, program))
        return "that is not a path";
    if (!exclusive_begin())
        return EXCLUSIVE_BUSY;
    const char *problem = release(path, holder, how);
    exclusive_end();
    return problem;
}

/* ---- switching it off and on ---- */

static const char *rename_ours(const char *folder, const char *from, const char *to, bool *changed)
{
    char old[CTL_PATH], new[CTL_PATH];
    dll_t dll, other;
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

static const char *rename_beside(const char *program, const char *from, const char *to, bool *changed)
{
    char path[CTL_PATH], folder[CTL_PATH], name[CTL_PATH];
    *changed = false;
    if (!files_absolute(path, program))
        return "that is not a path";
    if (!exclusive_begin())
        return EXCLUSIVE_BUSY;
    files_split(path, folder, name);
    const char *problem = rename_ours(folder, from, to, changed);
    exclusive_end();
    return problem;
}

const char *place_disable(const char *program, bool *changed)
{
    return rename_beside(program, CTL_DLL, PLACE_OFF, changed);
}

const char *place_enable(const char *program, bool *changed)
{
    return rename_beside(program, PLACE_OFF, CTL_DLL, changed);
}
