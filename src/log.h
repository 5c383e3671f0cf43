/* log: one line per event, off by default; the answer to "why is this connection not user-level?".
 *
 * Each line is one write to a file opened for appending, so several processes may share a file on
 * Windows; Wine does not append atomically, so there give each its own ("%p" in the name).  Threads: any. */
#ifndef VMMC_LOG_H
#define VMMC_LOG_H

#include <stdbool.h>

typedef enum log_level { LOG_OFF, LOG_ERROR, LOG_INFO, LOG_DEBUG } log_level_t;

/* Start writing lines up to `level`; `path` NULL or empty means standard error.  Called once, at start-up. */
void log_start(log_level_t level, const char *path);
bool log_wants(log_level_t level);
void log_line(log_level_t level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
