/* report: what the program says to the person who runs it. */
#ifndef FILECOPY_REPORT_H
#define FILECOPY_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h> /* __MINGW_PRINTF_FORMAT */

#define REPORT_FORMAT __attribute__((format(__MINGW_PRINTF_FORMAT, 1, 2)))

/* One sentence on standard error; with the last error behind it; and the end of the program with that. */
void report(const char *format, ...) REPORT_FORMAT;
void report_error(const char *format, ...) REPORT_FORMAT;
void die(const char *format, ...) REPORT_FORMAT __attribute__((noreturn));
void die_of_error(const char *format, ...) REPORT_FORMAT __attribute__((noreturn));

double clock_seconds(void);

/* One line that is written over, on a console or if `always`. */
void progress_begin(bool always, uint64_t bytes);
void progress_add(uint64_t bytes);
void progress_end(void);

#endif
