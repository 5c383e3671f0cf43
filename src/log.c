/* log: see log.h. */
#include "log.h"
#include "os.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#define _write write
#define _open open
#define _O_BINARY 0
#define _O_APPEND O_APPEND
#define _O_CREAT O_CREAT
#define _O_WRONLY O_WRONLY
#endif

static struct {
    log_level_t level;
    int file;
} log_state = {LOG_OFF, 2};

/* "%p" in the name becomes the process's number. */
static void name_for_process(const char *path, char *own, size_t size)
{
    const char *mark = strstr(path, "%p");
    if (mark)
        snprintf(own, size, "%.*s%lu%s", (int)(mark - path), path, (unsigned long)os_process_self().pid, mark + 2);
    else
        snprintf(own, size, "%s", path);
}

void log_start(log_level_t level, const char *path)
{
    log_state.level = level;
    if (level == LOG_OFF || !path || !*path)
        return;
    char own[300];
    name_for_process(path, own, sizeof own);
    int file = _open(own, _O_WRONLY | _O_APPEND | _O_CREAT | _O_BINARY, 0600);
    if (file >= 0)
        log_state.file = file;
    else
        log_error("log file %s could not be opened; writing to standard error", own);
}

bool log_wants(log_level_t level)
{
    return level <= log_state.level;
}

void log_line(log_level_t level, const char *format, ...)
{
    static const char *const names[] = {"", "error", "info", "debug"};
    char text[512];
    va_list arguments;
    if (!log_wants(level))
        return;
    uint64_t now = os_now_us();
    int used = snprintf(text, sizeof text, "vmmc %lu %lu.%06lu %s: ", (unsigned long)os_process_self().pid,
                        (unsigned long)(now / 1000000u), (unsigned long)(now % 1000000u), names[level]);
    va_start(arguments, format);
    int more = vsnprintf(text + used, sizeof text - (size_t)used - 1, format, arguments);
    va_end(arguments);
    size_t length = more < 0 ? (size_t)used : strlen(text);
    text[length++] = '\n';
    if (_write(log_state.file, text, (unsigned)length) < 0)
        log_state.level = LOG_OFF; /* a full disk must not cost a system call per event */
}
