/* trial: see trial.h. */
#include "trial.h"

#include "exclusive.h"
#include "files.h"
#include "place.h"
#include "registry.h"

#include <nt.h>
#include <os.h>

#include <stdio.h>
#include <string.h>

#define TRIALS "Software\\vmmcctl\\Trials"
#define MOST_LEFTOVERS 64
#define NO_COPY "no copy of vmmcctl can be made in the folder for temporary files (TEMP)"
#define NOT_NOTED "the user's registry cannot be written"
#define UNLOAD_PATIENCE_MS 3000 /* a process has ended before its files are free */

/* ---- the registry's note ---- */

static bool note(const trial_t *trial)
{
    char value[CTL_PATH + 2];
    snprintf(value, sizeof value, "%c%s", trial->staged ? 's' : 'p', trial->program);
    return registry_set(TRIALS, trial->holder, value);
}

static void forget(const trial_t *trial)
{
    registry_delete(TRIALS, trial->holder);
    registry_prune(TRIALS, 2);
}

/* ---- undoing ---- */

static bool remove_stage(const trial_t *trial)
{
    char folder[CTL_PATH], name[CTL_PATH];
    files_split(trial->program, folder, name);
    return files_remove(trial->program) && files_remove_folder(folder);
}

/* NULL, or why something is left of it; then its note stays. */
static const char *undo_in_turn(const trial_t *trial)
{
    released_t how;
    const char *problem = place_release(trial->program, trial->holder, &how);
    if (!problem && trial->staged && !remove_stage(trial))
        problem = "its copy of vmmcctl is in use";
    if (!problem)
        forget(trial);
    return problem;
}

/* The note goes in the turn in which the rest goes: keys are pruned, which must not meet a note that is being made. */
static const char *undo(const trial_t *trial)
{
    if (!exclusive_begin())
        return EXCLUSIVE_BUSY;
    const char *problem = undo_in_turn(trial);
    exclusive_end();
    return problem;
}

const char *trial_end(trial_t *trial)
{
    uint64_t until = os_now_us() + UNLOAD_PATIENCE_MS * 1000ull;
    const char *problem;
    while ((problem = undo(trial)) && os_now_us() < until)
        Sleep(20);
    return problem;
}

void trial_clean_up(void)
{
    trial_t left[MOST_LEFTOVERS];
    char value[CTL_PATH + 2];
    unsigned count = 0;
    for (unsigned i = 0; count < MOST_LEFTOVERS && registry_name(TRIALS, i, left[count].holder, sizeof left[0].holder);
         i++) {
        if (!holder_is_gone(left[count].holder) || !registry_get(TRIALS, left[count].holder, value, sizeof value))
            continue;
        left[count].staged = value[0] == 's';
        snprintf(left[count].program, sizeof left[0].program, "%s", value + 1);
        count++;
    }
    for (unsigned i = 0; i < count; i++)
        undo(&left[i]);
}

/* ---- beginning ---- */

static const char *begin_in_turn(trial_t *trial, verdict_t *verdict)
{
    placed_t how;
    if (!note(trial))
        return NOT_NOTED;
    const char *problem = place_hold(verdict, trial->holder, &how);
    if (problem)
        undo_in_turn(trial);
    return problem;
}

static const char *begin(trial_t *trial, verdict_t *verdict)
{
    if (!exclusive_begin())
        return EXCLUSIVE_BUSY;
    const char *problem = begin_in_turn(trial, verdict);
    exclusive_end();
    return problem;
}

const char *trial_begin(trial_t *trial, verdict_t *verdict)
{
    *trial = (trial_t){0};
    holder_of_this_run(trial->holder);
    snprintf(trial->program, sizeof trial->program, "%s", verdict->path);
    return begin(trial, verdict);
}

static const char *copy_in_turn(trial_t *trial)
{
    char folder[CTL_PATH], own[CTL_PATH], name[CTL_PATH];
    if (!files_make_stage(folder, trial->holder))
        return NO_COPY;
    snprintf(name, sizeof name, "vmmcctl-%lu.exe", (unsigned long)GetCurrentProcessId());
    files_own_path(own);
    files_join(trial->program, folder, name);
    if (!note(trial)) {
        files_remove_folder(folder);
        return NOT_NOTED;
    }
    if (files_copy(own, trial->program))
        return NULL;
    undo_in_turn(trial);
    return NO_COPY;
}

static const char *make_copy(trial_t *trial)
{
    if (!exclusive_begin())
        return EXCLUSIVE_BUSY;
    const char *problem = copy_in_turn(trial);
    exclusive_end();
    return problem;
}

const char *trial_stage(trial_t *trial)
{
    static verdict_t verdict;
    *trial = (trial_t){.staged = true};
    holder_of_this_run(trial->holder);
    const char *problem = make_copy(trial);
    if (problem)
        return problem;
    judge(&verdict, trial->program);
    problem = verdict.obstacle ? verdict.reason : begin(trial, &verdict);
    if (problem)
        undo(trial);
    return problem;
}
