/* override: see override.h. */
#include "override.h"

#include "holder.h"
#include "registry.h"
#include "text.h"

#include <nt.h>

#include <stdio.h>
#include <string.h>

#define PROGRAMS "Software\\Wine\\AppDefaults"
#define EVERYWHERE "Software\\Wine\\DllOverrides"
#define HOLDERS "Software\\vmmcctl\\Overrides"
#define DLL "wsock32"
#define NATIVE_FIRST "native,builtin"
#define BEFORE "<before>" /* no path looks like that: what was set when the first holder came */

bool override_is_needed(void)
{
    return nt_wine_host() != NULL;
}

static void key_of(char key[CTL_PATH], const char *above, const char *program, const char *below)
{
    snprintf(key, CTL_PATH, "%s\\%s%s", above, program, below);
}

static bool has_holders(const char *holders)
{
    char name[CTL_PATH];
    for (unsigned i = 0; registry_name(holders, i, name, sizeof name); i++) {
        if (strcmp(name, BEFORE) != 0)
            return true;
    }
    return false;
}

static void give_back(const char *program, const char *holders)
{
    char key[CTL_PATH], before[100];
    key_of(key, PROGRAMS, program, "\\DllOverrides");
    if (registry_get(holders, BEFORE, before, sizeof before)) {
        registry_set(key, DLL, before);
        registry_delete(holders, BEFORE);
    } else {
        registry_delete(key, DLL);
        registry_prune(key, 3);
    }
}

/* Runs whose vmmcctl was killed want it no more. */
static void drop_gone(const char *program, const char *holders)
{
    char name[CTL_PATH];
    bool dropped = false;
    for (unsigned i = 0; registry_name(holders, i, name, sizeof name);) {
        const char *holder = strrchr(name, '|');
        if (holder && holder_is_gone(holder + 1) && registry_delete(holders, name))
            dropped = true; /* and the next one has its number now */
        else
            i++;
    }
    if (dropped && !has_holders(holders))
        give_back(program, holders);
}

bool override_hold(const char *program, const char *who)
{
    char key[CTL_PATH], holders[CTL_PATH], before[100];
    key_of(key, PROGRAMS, program, "\\DllOverrides");
    key_of(holders, HOLDERS, program, "");
    drop_gone(program, holders);
    if (!has_holders(holders) && registry_get(key, DLL, before, sizeof before))
        registry_set(holders, BEFORE, before);
    return registry_set(holders, who, "") && registry_set(key, DLL, NATIVE_FIRST);
}

bool override_release(const char *program, const char *who)
{
    char holders[CTL_PATH], ours[2];
    key_of(holders, HOLDERS, program, "");
    drop_gone(program, holders);
    if (!registry_get(holders, who, ours, sizeof ours))
        return false;
    registry_delete(holders, who);
    if (!has_holders(holders))
        give_back(program, holders);
    registry_prune(holders, 3);
    return true;
}

/* One item of the list: NAME[,NAME...]=ORDER. */
static bool is_for_us(char *names)
{
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
        name += *name == '*';
        if (text_same_name(name, DLL) || text_same_name(name, CTL_DLL))
            return true;
    }
    return false;
}

bool override_in_environment(char *value, size_t size)
{
    char list[1000];
    DWORD length = GetEnvironmentVariableA("WINEDLLOVERRIDES", list, sizeof list);
    char *next = length && length < sizeof list ? list : NULL;
    while (next) {
        char *item = next, *end = strchr(item, ';');
        next = end ? end + 1 : NULL;
        if (end)
            *end = 0;
        char *order = strchr(item, '=');
        if (!order)
            continue;
        *order = 0;
        if (is_for_us(item)) {
            snprintf(value, size, "%s", order + 1);
            return true;
        }
    }
    return false;
}

bool override_value(const char *program, char *value, size_t size)
{
    char key[CTL_PATH];
    key_of(key, PROGRAMS, program, "\\DllOverrides");
    return override_in_environment(value, size) || registry_get(key, DLL, value, size) ||
           registry_get(key, "*" DLL, value, size) || registry_get(EVERYWHERE, DLL, value, size) ||
           registry_get(EVERYWHERE, "*" DLL, value, size);
}

bool override_prefers_native(const char *value)
{
    return value[0] == 'n' || value[0] == 'N';
}
