/* say: text put together piece by piece in a buffer of fixed size; what does not fit is cut off. */
#ifndef DIFF_SAY_H
#define DIFF_SAY_H

#include <stddef.h>
#include <stdio.h>

typedef struct say {
    char *text;
    size_t size, used;
} say_t;

void say_text(say_t *say, const char *format, ...) __attribute__((format(__MINGW_PRINTF_FORMAT, 2, 3)));
void say_hex(say_t *say, const void *bytes, size_t count);
/* A hash of the bytes, and the first few. */
void say_bytes(say_t *say, const void *bytes, size_t count);

#endif
