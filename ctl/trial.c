/* trial: see trial.h. */
#include "trial.h"

#include "files.h"
#include "place.h"
#include "record.h"
#include "registry.h"

#include <nt.h>
#include <os.h>

#include <stdio.h>
#include <string.h>

#define TRIALS "Software\\vmmcctl\\Trials"
#define MOST_LEFTOVERS 64
#define UNLOAD_PATIENCE_MS 3000 /* a process has ended before its files are free */

/* ---- who makes it: "run-PROCESS-START" ---- */

static void name_holder(char holder[64])
{
    os_process_id_t self = os_process_self();
    snprintf(holder, 64, "run-%lu-%lx-%lx", (unsigned long)self.pid, (unsigned long)self.start_high,
             (unsigned long)self.start_low);
}

static bool maker_lives(const char *holder)
{
    unsigned long pid, high, low;
    if (sscanf(holder, "run-%lu-%lx-%lx", &pid, &high, &low) != 3)
        return false;
    os_process_id_t id = {(uint32_t)pid, (uint32_t)low, (uint32_t)high};
    uintptr_t watch = os_process_watch(&id);
    bool lives = watch && !os_process_is_dead(watch);
    if (watch)
        os_process_unwatch(watch);
    return lives;
}

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

/* True if nothing is left of it. */
static bool undo(const trial_t *trial)
{
    released_t how;
    char folder[CTL_PATH], name[CTL_PATH];
    record_t record;
    bool foreign;
    files_split(trial->program, folder, name);
    bool held = record_load(&record, folder, &foreign) && record_find(&record, name, trial->holder);
    if (held && place_release(trial->program, trial->holder, &how))
        return false;
    return !trial->staged || remove_stage(trial);
}

const char *trial_end(trial_t *trial)
{
    uint64_t until = os_now_us() + UNLOAD_PATIENCE_MS * 1000ull;
    bool undone;
    while (!(undone = undo(trial)) && os_now_us() < until)
        Sleep(20);
    if (!undone)
        return "the DLL beside it is in use still; the next vmmcctl that starts removes it";
    forget(trial);
    return NULL;
}

void trial_clean_up(void)
{
    trial_t left[MOST_LEFTOVERS];
    char value[CTL_PATH + 2];
    unsigned count = 0;
    for (unsigned i = 0; count < MOST_LEFTOVERS && registry_name(TRIALS, i, left[count].holder, sizeof left[0].holder);
         i++) {
        if (maker_lives(left[count].holder) || !registry_get(TRIALS, left[count].holder, value, sizeof value))
            continue;
        left[count].staged = value[0] == 's';
        snprintf(left[count].program, sizeof left[0].program, "%s", value + 1);
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        if (undo(&left[i]))
            forget(&left[i]);
    }
}

/* ---- beginning ---- */

static const char *begin(trial_t *trial, const verdict_t *verdict)
{
    placed_t how;
    if (!note(trial))
        return "the user's registry cannot be written";
    const char *problem = place_hold(verdict, trial->holder, &how);
    if (problem && undo(trial))
        forget(trial);
    return problem;
}

const char *trial_begin(trial_t *trial, const verdict_t *verdict)
{
    *trial = (trial_t){0};
    name_holder(trial->holder);
    snprintf(trial->program, sizeof trial->program, "%s", verdict->path);
    return begin(trial, verdict);
}

static bool make_copy(trial_t *trial)
{
    char folder[CTL_PATH], own[CTL_PATH], name[40];
    if (!files_make_stage(folder))
        return false;
    snprintf(name, sizeof name, "vmmcctl-%lu.exe", (unsigned long)GetCurrentProcessId());
    files_own_path(own);
    files_join(trial->program, folder, name);
    return note(trial) && files_copy(own, trial->program);
}

const char *trial_stage(trial_t *trial)
{
    static verdict_t verdict;
    *trial = (trial_t){.staged = true};
    name_holder(trial->holder);
    if (!make_copy(trial))
        return "no copy of vmmcctl can be made in the folder for temporary files (TEMP)";
    judge(&verdict, trial->program);
    const char *problem = verdict.obstacle ? verdict.reason : begin(trial, &verdict);
    if (problem && undo(trial))
        forget(trial);
    return problem;
}
