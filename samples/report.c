/* report: sentences, and a line of progress. */
#include "report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <winsock.h>

static struct {
    bool shown, dirty;
    uint64_t bytes, total;
    double begun, next;
} progress;

static void clear_line(void)
{
    if (progress.dirty)
        fprintf(stderr, "\r%60s\r", "");
    progress.dirty = false;
}

/* The system's own words for an error, without the line's end. */
static void describe(char *text, DWORD size, DWORD error)
{
    DWORD length =
        FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, error, 0, text, size, NULL);
    while (length && strchr(" .\r\n", text[length - 1]))
        length--;
    text[length] = 0;
}

/* A name may come from a stranger, and must not command the terminal. */
static void disarm(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++)
        if (*at < 32 || *at == 127 || (*at == 0xC2 && at[1] < 0xA0))
            *at = '?';
}

static void say(const char *format, va_list arguments, DWORD error)
{
    char sentence[2048], why[256];
    vsnprintf(sentence, sizeof sentence, format, arguments);
    disarm(sentence);
    clear_line();
    fprintf(stderr, "filecopy: %s", sentence);
    if (error) {
        describe(why, sizeof why, error);
        fprintf(stderr, ": %s%serror %lu", why, *why ? ", " : "", error);
    }
    fprintf(stderr, "\n");
    fflush(stderr);
}

void report(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, 0);
    va_end(arguments);
}

void report_error(const char *format, ...)
{
    DWORD error = GetLastError();
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, error);
    va_end(arguments);
}

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, 0);
    exit(1);
}

void die_of_error(const char *format, ...)
{
    DWORD error = GetLastError();
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, error);
    exit(1);
}

double clock_seconds(void)
{
    LARGE_INTEGER now, frequency;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (double)now.QuadPart / (double)frequency.QuadPart;
}

void progress_begin(bool always, uint64_t bytes)
{
    DWORD mode;
    progress.shown = always || GetConsoleMode(GetStdHandle(STD_ERROR_HANDLE), &mode);
    progress.total = bytes;
    progress.begun = clock_seconds();
}

void progress_add(uint64_t bytes)
{
    progress.bytes += bytes;
    double now = progress.shown ? clock_seconds() : 0;
    if (now <= progress.next)
        return;
    progress.next = now + 0.1;
    progress.dirty = true;
    fprintf(stderr, "\r%3.0f %% of %.1f MB, %.2f GB/s   ",
            progress.total ? 100 * (double)progress.bytes / (double)progress.total : 100, (double)progress.total / 1e6,
            (double)progress.bytes / 1e9 / (now - progress.begun + 1e-9));
    fflush(stderr);
}

void progress_end(void)
{
    clear_line();
    fflush(stderr);
}
