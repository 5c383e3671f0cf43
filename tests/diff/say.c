/* say: see say.h. */
#include "say.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

enum { FIRST_FEW = 8 };

void say_text(say_t *say, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int more = vsnprintf(say->text + say->used, say->size - say->used, format, list);
    va_end(list);
    if (more > 0)
        say->used += (size_t)more < say->size - say->used ? (size_t)more : say->size - say->used - 1;
}

void say_hex(say_t *say, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    say_text(say, " ");
    for (size_t i = 0; i < count; i++)
        say_text(say, "%02x", at[i]);
}

void say_bytes(say_t *say, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ at[i]) * 16777619u;
    say_hex(say, bytes, count < FIRST_FEW ? count : FIRST_FEW);
    say_text(say, " #%08x", (unsigned)hash);
}
