/* text: see text.h. */
#include "text.h"

#include <nt.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

wide_t text_wide(const char *utf8)
{
    wide_t wide;
    if (!MultiByteToWideChar(CP_UTF8, 0, utf8, -1, wide.text, CTL_PATH))
        wide.text[0] = 0;
    return wide;
}

void text_narrow(char *to, size_t size, const wchar_t *from)
{
    if (!WideCharToMultiByte(CP_UTF8, 0, from, -1, to, (int)size, NULL, NULL))
        to[0] = 0;
}

bool text_same_name(const char *a, const char *b)
{
    return _stricmp(a, b) == 0;
}

bool text_ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && text_same_name(text + length - wanted, end);
}

void text_tame(char *text, size_t size)
{
    text[size - 1] = 0;
    for (char *c = text; *c; c++) {
        if (!isprint((unsigned char)*c))
            *c = '?';
    }
}

static void scale(char to[16], uint64_t value, double step)
{
    static const char units[] = " KMGTPE";
    unsigned unit = 0;
    double scaled = (double)value;
    for (; scaled >= 1000 && units[unit + 1]; unit++)
        scaled /= step;
    if (unit == 0)
        snprintf(to, 16, "%u", (unsigned)value);
    else
        snprintf(to, 16, "%.*f%c", scaled < 10 ? 1 : 0, scaled, units[unit]);
}

void text_bytes(char to[16], uint64_t value)
{
    scale(to, value, 1024);
}

void text_count(char to[16], uint64_t value)
{
    scale(to, value, 1000);
}
