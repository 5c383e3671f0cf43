/* os_proc: what Linux tells of processors' times in its files, for both bodies. */
#include "os.h"

#include <stdlib.h>

/* "ran queued slices", in nanoseconds. */
bool os_thread_times(uint64_t *ran_us, uint64_t *queued_us)
{
    char text[96], *end;
    if (!os_host_file("/proc/thread-self/schedstat", text, sizeof text))
        return false;
    *ran_us = strtoull(text, &end, 10) / 1000;
    *queued_us = strtoull(end, &end, 10) / 1000;
    return *end == ' ';
}

/* "up idle", in seconds with two decimals; the latter of all processors together. */
bool os_idle_time(uint64_t *idle_us)
{
    char text[96], *end;
    if (!os_host_file("/proc/uptime", text, sizeof text))
        return false;
    strtoull(text, &end, 10);
    if (*end != '.')
        return false;
    strtoull(end + 1, &end, 10);
    uint64_t seconds = strtoull(end, &end, 10);
    if (*end != '.')
        return false;
    *idle_us = seconds * 1000000 + strtoull(end + 1, &end, 10) * 10000;
    return true;
}
