/* settings: see settings.h. */
#include "settings.h"

#include "lock.h"
#include "modules.h"
#include "nt.h"

#include <string.h>

static struct {
    vmmc_lock_t lock; /* held over slow calls, but only while the process starts */
    word_t known;
    config_t config;
} own;

static void ini_path(char path[MAX_PATH])
{
    DWORD length = GetModuleFileNameA(module_self(), path, MAX_PATH);
    while (length && path[length - 1] != '\\')
        length--;
    if (length + sizeof "vmmc.ini" > MAX_PATH)
        length = 0;
    strcpy(path + length, "vmmc.ini");
}

const config_t *settings(void)
{
    if (load_acquire(&own.known))
        return &own.config;
    char path[MAX_PATH];
    lock_take(&own.lock);
    if (!load_relaxed(&own.known)) {
        ini_path(path);
        config_load(&own.config, path);
        store_release(&own.known, 1);
    }
    lock_release(&own.lock);
    return &own.config;
}
