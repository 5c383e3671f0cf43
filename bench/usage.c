/* usage: see usage.h. A process that ends meanwhile counts with what was read of it. */
#define _GNU_SOURCE
#include "usage.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static pid_t group_of(const char *process)
{
    char path[64];
    int group = 0;
    snprintf(path, sizeof path, "/proc/%.20s/stat", process);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    /* The name stands in parentheses, and may have some of its own: but nothing behind it has. */
    char line[512];
    size_t length = fread(line, 1, sizeof line - 1, f);
    line[length] = 0;
    for (char *p = line + length; p > line; p--)
        if (*p == ')') {
            sscanf(p, ") %*c %*d %d", &group);
            break;
        }
    fclose(f);
    return group;
}

typedef void visit_t(const char *name, void *argument);

static void each_number_in(const char *folder, visit_t *visit, void *argument)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
            visit(entry->d_name, argument);
    closedir(dir);
}

typedef struct {
    const char *process;
    usage_t *usage;
} one_t;

static void add_thread(const char *thread, void *argument)
{
    one_t *one = argument;
    char path[96];
    unsigned long long ns = 0;
    snprintf(path, sizeof path, "/proc/%.20s/task/%.20s/schedstat", one->process, thread);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    if (fscanf(f, "%llu", &ns) == 1)
        one->usage->cpu_ms += (double)ns / 1e6;
    fclose(f);
}

static void add_descriptor(const char *number, void *argument)
{
    (void)number;
    ((one_t *)argument)->usage->descriptors++;
}

static void add_memory(const char *process, usage_t *usage)
{
    char path[64], line[128];
    unsigned long kb;
    snprintf(path, sizeof path, "/proc/%.20s/smaps_rollup", process);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Pss: %lu kB", &kb) == 1)
            usage->memory_kb += (double)kb;
    fclose(f);
}

typedef struct {
    const pid_t *groups;
    unsigned count;
    usage_t usage;
} sum_t;

static void add_process(const char *process, void *argument)
{
    sum_t *sum = argument;
    one_t one = {process, &sum->usage};
    char folder[64];
    bool counts = false;
    pid_t group = group_of(process);
    for (unsigned i = 0; i < sum->count; i++)
        counts = counts || group == sum->groups[i];
    if (!counts)
        return;
    snprintf(folder, sizeof folder, "/proc/%.20s/task", process);
    each_number_in(folder, add_thread, &one);
    snprintf(folder, sizeof folder, "/proc/%.20s/fd", process);
    each_number_in(folder, add_descriptor, &one);
    add_memory(process, &sum->usage);
}

usage_t usage_of(const pid_t *groups, unsigned count)
{
    sum_t sum = {.groups = groups, .count = count};
    each_number_in("/proc", add_process, &sum);
    return sum.usage;
}
