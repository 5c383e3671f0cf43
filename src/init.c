/* init: see init.h. */
#include "init.h"

#include "lock.h"
#include "modules.h"
#include "nt.h"
#include "rendezvous.h"
#include "wait.h"
#include "watcher.h"

#include <stdio.h>

static struct {
    vmmc_lock_t lock;
    word_t configured;
    word_t started;
    config_t config;
    _Atomic(const char *) reason; /* NULL: streams are possible */
} init;

/* The lock is held over slow calls here, but only while the process starts. */

static void ini_path(char path[MAX_PATH])
{
    DWORD length = GetModuleFileNameA(module_self(), path, MAX_PATH);
    while (length && path[length - 1] != '\\')
        length--;
    if (length + sizeof "vmmc.ini" > MAX_PATH)
        length = 0;
    strcpy(path + length, "vmmc.ini");
}

const config_t *init_config(void)
{
    if (load_acquire(&init.configured))
        return &init.config;
    char path[MAX_PATH];
    lock_take(&init.lock);
    if (!load_relaxed(&init.configured)) {
        ini_path(path);
        config_load(&init.config, path);
        store_release(&init.configured, 1);
    }
    lock_release(&init.lock);
    return &init.config;
}

static bool futex_is_wanted(const config_t *config)
{
    bool works = config->wait != WAIT_EVENT && os_futex_works();
    if (config->wait == WAIT_FUTEX && !works)
        log_error("setting wait = futex: futexes do not work here; events are used");
    return works;
}

static const char *start(const config_t *config)
{
    if (!config->enabled)
        return "the transport is disabled by a setting";
    bool futex = futex_is_wanted(config);
    module_pin(); /* a thread may still sleep in this code when the program frees the library */
    wait_set_spin(config->spin_us);
    if (vmmc_start(futex) != 0)
        return "no shared memory for this process's waiters";
    if (rendezvous_start() != 0)
        return "the rendezvous table cannot be opened";
    if (!watcher_start())
        return "the watcher thread cannot be started";
    log_info("transport started, sleeping by %s", futex ? "futex" : "event");
    return NULL;
}

const char *init_transport(void)
{
    const config_t *config = init_config();
    if (load_acquire(&init.started))
        return atomic_load(&init.reason);
    lock_take(&init.lock);
    if (!load_relaxed(&init.started)) {
        const char *reason = start(config);
        if (reason)
            log_info("no user-level streams in this process: %s", reason);
        if (reason)
            atomic_store(&init.reason, reason);
        store_release(&init.started, 1);
    }
    lock_release(&init.lock);
    return atomic_load(&init.reason);
}
