/* text: UTF-8 and the system's wide characters; text that others wrote. */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include "ctl.h"

#include <wchar.h>

typedef struct wide {
    wchar_t text[CTL_PATH];
} wide_t;

/* Too long a text is cut. */
wide_t text_wide(const char *utf8);
void text_narrow(char *to, size_t size, const wchar_t *from);
bool text_same_name(const char *a, const char *b); /* as the file system compares names in ASCII */
bool text_ends_with(const char *text, const char *end);
/* Only what can be printed stays as it is: for text out of another process's memory. */
void text_tame(char *text, size_t size);
/* "64K", "1.2G", "18.0M": three digits are enough to see what is going on.  Bytes go by 1024, all else by 1000. */
void text_bytes(char to[16], uint64_t value);
void text_count(char to[16], uint64_t value);

#endif
