/* record: see record.h. */
#include "record.h"

#include "files.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TITLE "vmmcctl record 1"

static bool read_line(record_t *record, const char *line)
{
    unsigned bits, copied;
    unsigned long checksum;
    char program[260], holder[HOLDER_NAME];
    if (line[0] == '#' || line[0] == 0)
        return true;
    if (sscanf(line, "dll %u %u %lx", &bits, &copied, &checksum) == 3) {
        record->bits = bits;
        record->copied = copied;
        record->checksum = (uint32_t)checksum;
        return true;
    }
    /* The holder first: it has no blanks, a program's name may. */
    return sscanf(line, "program %63s %259[^\r\n]", holder, program) == 2 && record_add(record, program, holder);
}

static bool read_lines(record_t *record, char *text)
{
    char *line = strtok(text, "\r\n");
    if (!line || strcmp(line, TITLE) != 0)
        return false;
    while ((line = strtok(NULL, "\r\n"))) {
        if (!read_line(record, line))
            return false;
    }
    return true;
}

record_state_t record_load(record_t *record, const char *folder)
{
    char path[CTL_PATH];
    *record = (record_t){0};
    files_join(path, folder, RECORD_FILE);
    contents_t contents = files_read(path);
    if (!contents.bytes)
        return contents.missing ? RECORD_NONE : RECORD_UNREADABLE;
    bool understood = read_lines(record, (char *)contents.bytes);
    files_free(&contents);
    if (!understood)
        *record = (record_t){0};
    return understood ? RECORD_THERE : RECORD_FOREIGN;
}

bool record_save(const record_t *record, const char *folder)
{
    char path[CTL_PATH];
    size_t size = 400 + RECORD_HOLDS * sizeof(record_hold_t), used = 0;
    char *text = malloc(size);
    files_join(path, folder, RECORD_FILE);
    if (!record->count || !text) {
        free(text);
        return text && files_remove(path);
    }
    used +=
        (size_t)snprintf(text, size,
                         TITLE "\r\n# What vmmcctl has done in this folder; `vmmcctl uninstall PROGRAM` undoes it.\r\n"
                               "# dll BITS COPIED CHECKSUM, program HOLDER NAME\r\ndll %u %u %lx\r\n",
                         record->bits, record->copied, (unsigned long)record->checksum);
    for (unsigned i = 0; i < record->count; i++)
        used += (size_t)snprintf(text + used, size - used, "program %s %s\r\n", record->holds[i].holder,
                                 record->holds[i].program);
    bool saved = files_write(path, text, used);
    free(text);
    return saved;
}

record_hold_t *record_find(record_t *record, const char *program, const char *holder)
{
    for (unsigned i = 0; i < record->count; i++) {
        record_hold_t *hold = &record->holds[i];
        if (text_same_name(hold->program, program) && strcmp(hold->holder, holder) == 0)
            return hold;
    }
    return NULL;
}

bool record_add(record_t *record, const char *program, const char *holder)
{
    if (record->count == RECORD_HOLDS || strlen(program) >= sizeof record->holds[0].program)
        return false;
    record_hold_t *hold = &record->holds[record->count++];
    snprintf(hold->program, sizeof hold->program, "%s", program);
    snprintf(hold->holder, sizeof hold->holder, "%s", holder);
    return true;
}

void record_drop(record_t *record, record_hold_t *hold)
{
    *hold = record->holds[--record->count];
}
