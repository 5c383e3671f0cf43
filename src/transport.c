/* transport: see transport.h. */
#include "transport.h"

#include "crowd.h"
#include "lock.h"
#include "log.h"
#include "modules.h"
#include "os.h"
#include "rendezvous.h"
#include "settings.h"
#include "trap.h"
#include "watcher.h"

static struct {
    vmmc_lock_t lock; /* held over slow calls, but only while the process starts */
    word_t started;
    word_t futex; /* this process's threads sleep in it */
    _Atomic(const char *) reason; /* NULL: streams are possible */
} transport;

const inspection_process_t transport_inspection = {{&transport.started}, {&transport.futex}, {&transport.reason}};

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
    store_relaxed(&transport.futex, futex);
    module_pin(); /* a thread may still sleep in this code when the program frees the library */
    if (!trap_start())
        return "faults of the program's memory cannot be caught";
    wait_set_spin(config->spin_us);
    os_fence_everywhere_works(); /* asked now, and not with the first message */
    vmmc_set_budget(config->rings_mb);
    if (vmmc_start(futex) != 0)
        return "no shared memory for this process's waiters";
    if (rendezvous_start() != 0)
        return "the rendezvous table cannot be opened";
    crowd_count_in(rendezvous_ran_us());
    if (!watcher_start())
        return "the watcher thread cannot be started";
    log_info("transport started, sleeping by %s", futex ? "futex" : "event");
    return NULL;
}

const char *transport_start(void)
{
    if (load_acquire(&transport.started))
        return atomic_load(&transport.reason);
    lock_take(&transport.lock);
    if (!load_relaxed(&transport.started)) {
        const char *reason = start(settings());
        if (reason)
            log_info("no user-level streams in this process: %s", reason);
        if (reason)
            atomic_store(&transport.reason, reason);
        store_release(&transport.started, 1);
    }
    lock_release(&transport.lock);
    return atomic_load(&transport.reason);
}

bool transport_runs(void)
{
    return load_acquire(&transport.started) && !atomic_load(&transport.reason);
}
