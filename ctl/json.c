/* json: see json.h. */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEEPEST 16

static struct {
    unsigned depth;
    char closing[DEEPEST];
    bool has_members[DEEPEST];
} json;

static void quoted(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < ' ')
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    putchar('"');
}

static void begin_member(const char *key)
{
    if (json.depth && json.has_members[json.depth - 1])
        putchar(',');
    if (json.depth)
        json.has_members[json.depth - 1] = true;
    if (key) {
        quoted(key);
        putchar(':');
    }
}

static void open(const char *key, char opening, char closing)
{
    begin_member(key);
    putchar(opening);
    json.closing[json.depth] = closing;
    json.has_members[json.depth++] = false;
}

void json_object(const char *key)
{
    open(key, '{', '}');
}

void json_array(const char *key)
{
    open(key, '[', ']');
}

void json_end(void)
{
    putchar(json.closing[--json.depth]);
    if (json.depth == 0) {
        putchar('\n');
        fflush(stdout);
    }
}

void json_text(const char *key, const char *value)
{
    begin_member(key);
    if (value)
        quoted(value);
    else
        fputs("null", stdout);
}

void json_number(const char *key, uint64_t value)
{
    begin_member(key);
    printf("%" PRIu64, value);
}

void json_real(const char *key, double value)
{
    begin_member(key);
    printf("%.4f", value);
}

void json_flag(const char *key, bool value)
{
    begin_member(key);
    fputs(value ? "true" : "false", stdout);
}
