/* kill_points: see kill_points.h and kill_table.h. */
#include "kill_points.h"

#include "kill_table.h"

#undef store_relaxed
#undef store_release
#undef word_add
#undef word_swap
#undef memset

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"

#ifdef _WIN32
#include "linux_calls.h"

#include <windows.h>
#else
#include <signal.h>
#include <unistd.h>
#endif

/* Filled by the linker from the section of that name. */
extern kill_site_t *const __start_killpts[];
extern kill_site_t *const __stop_killpts[];

static kill_table_t *table;

/* ---- ending ---- */

#ifdef _WIN32
static uint32_t own_number(void)
{
    return GetCurrentProcessId();
}

static void end_now(uint32_t way)
{
    if (way == KILL_BY_SIGNAL && os_futex_works())
        linux_kill(linux_own_number());
    TerminateProcess(GetCurrentProcess(), 9);
    Sleep(INFINITE);
}
#else
static uint32_t own_number(void)
{
    return (uint32_t)getpid();
}

static void end_now(uint32_t way)
{
    if (way == KILL_NOT) {
        kill(getpid(), SIGSTOP);
        return;
    }
    kill(getpid(), SIGKILL);
    pause();
}
#endif

/* ---- the table ---- */

static void name_site(const kill_site_t *site, char name[KILL_NAME])
{
    const char *slash = strrchr(site->file, '/');
    snprintf(name, KILL_NAME, "%s:%d %s", slash ? slash + 1 : site->file, site->line, site->store);
}

static uint32_t find_or_add(kill_table_t *into, uint32_t *used, const char *name)
{
    for (uint32_t i = 0; i < *used; i++) {
        if (strcmp(into->entries[i].name, name) == 0)
            return i;
    }
    if (*used == KILL_ENTRIES)
        abort();
    memcpy(into->entries[*used].name, name, KILL_NAME);
    return (*used)++;
}

/* An inline function has a site in each file that uses it, all with one name. */
void kill_use_table(kill_table_t *shared)
{
    uint32_t used = load_acquire(&shared->used);
    for (kill_site_t *const *site = __start_killpts; site < __stop_killpts; site++) {
        char name[KILL_NAME] = "";
        name_site(*site, name);
        (*site)->entry = find_or_add(shared, &used, name) + 1;
    }
    store_release(&shared->used, used);
    table = shared;
}

void kill_volunteer(kill_table_t *shared, bool willing)
{
    store_release(&shared->victim, willing ? own_number() : 0);
}

#ifdef _WIN32
/* The harness has made it and filled it in. */
static void open_table(void)
{
    static word_t tried;
    char name[80];
    bool named = word_swap(&tried, 1) == 0 && GetEnvironmentVariableA(KILL_TABLE_VARIABLE, name, sizeof name);
    HANDLE mapping = named ? OpenFileMappingA(FILE_MAP_READ | FILE_MAP_WRITE, FALSE, name) : NULL;
    kill_table_t *shared = mapping ? MapViewOfFile(mapping, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, sizeof *shared) : NULL;
    if (shared)
        kill_use_table(shared);
}
#else
static void open_table(void)
{
}
#endif

void *kill_set(const kill_site_t *site, void *to, int byte, size_t count)
{
    memset(to, byte, count / 2);
    kill_point(site, KILL_AMID);
    memset((uint8_t *)to + count / 2, byte, count - count / 2);
    return to;
}

/* ---- the points ---- */

void kill_point(const kill_site_t *site, enum kill_phase phase)
{
    if (!table)
        open_table();
    if (!table || load_relaxed(&table->victim) != own_number())
        return;
    uint32_t hit = word_add(&table->entries[site->entry - 1].hits[phase], 1);
    if (load_relaxed(&table->entry) == site->entry && load_relaxed(&table->phase) == phase &&
        load_relaxed(&table->hit) == hit) {
        store_release(&table->died, (uint32_t)os_now_us());
        end_now(load_relaxed(&table->way));
    }
}

void kill_copy(const kill_site_t *site, void *to, const void *from, size_t count)
{
    memcpy(to, from, count / 2);
    kill_point(site, KILL_AMID);
    memcpy((uint8_t *)to + count / 2, (const uint8_t *)from + count / 2, count - count / 2);
}
