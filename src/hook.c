/* hook: see hook.h. */
#include "hook.h"

#include "settings.h"
#include "lock.h"

#include <forward.h>

enum hook_state { HOOK_RUNNING = 1, HOOK_CANCELLED = 2 };

static struct {
    vmmc_lock_t lock;
    word_t versions; /* bit 0: some 1.x was asked for */
    bool ready;
    DWORD hook_slot, state_slot;
} hooks;

bool hook_works(void)
{
    hook_choice_t choice = settings()->blocking_hooks;
    return choice == HOOKS_ON || (choice == HOOKS_AUTO && !forward_on_wine());
}

void hook_note_version(unsigned major)
{
    if (major < 2)
        store_release(&hooks.versions, 1);
}

bool hook_version_allows(void)
{
    return load_acquire(&hooks.versions) != 0;
}

/* ---- what a wait does with it ---- */

static uintptr_t state(void)
{
    return (uintptr_t)TlsGetValue(hooks.state_slot);
}

static void set_state(uintptr_t value)
{
    TlsSetValue(hooks.state_slot, (void *)value);
}

static bool run(void)
{
    hook_t hook = (hook_t)(uintptr_t)TlsGetValue(hooks.hook_slot);
    if (!hook)
        return false;
    set_state(state() | HOOK_RUNNING);
    while (!(state() & HOOK_CANCELLED) && hook()) {
    }
    set_state(state() & ~(uintptr_t)HOOK_RUNNING);
    return true;
}

static bool is_cancelled(void)
{
    return state() & HOOK_CANCELLED;
}

/* ---- the program's side ---- */

static void give_slots_back(void)
{
    if (hooks.hook_slot != TLS_OUT_OF_INDEXES)
        TlsFree(hooks.hook_slot);
    if (hooks.state_slot != TLS_OUT_OF_INDEXES)
        TlsFree(hooks.state_slot);
}

static bool get_ready(void)
{
    static const wait_interlude_t interlude = {run, is_cancelled};
    lock_take(&hooks.lock);
    if (!hooks.ready) {
        hooks.hook_slot = TlsAlloc();
        hooks.state_slot = TlsAlloc();
        hooks.ready = hooks.hook_slot != TLS_OUT_OF_INDEXES && hooks.state_slot != TLS_OUT_OF_INDEXES;
        if (hooks.ready)
            wait_set_interlude(&interlude);
        else
            give_slots_back();
    }
    lock_release(&hooks.lock);
    return hooks.ready;
}

hook_t hook_set(hook_t hook)
{
    if (!get_ready())
        return NULL;
    hook_t previous = (hook_t)(uintptr_t)TlsGetValue(hooks.hook_slot);
    TlsSetValue(hooks.hook_slot, (void *)(uintptr_t)hook);
    return previous;
}

bool hook_is_running(void)
{
    return wait_has_interludes() && (state() & HOOK_RUNNING);
}

bool hook_cancel(void)
{
    bool running = hook_is_running();
    if (running)
        set_state(state() | HOOK_CANCELLED);
    return running;
}

/* Asking for a thread's slot clears its error, which some calls have to leave alone. */
bool hook_begin_call(void)
{
    DWORD error = GetLastError();
    bool legal = !hook_is_running();
    if (legal)
        set_state(0);
    SetLastError(error);
    return legal;
}
