/* json: one value on standard output, written while it is made.  `key` is NULL for the members of an array. */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include "ctl.h"

void json_object(const char *key);
void json_array(const char *key);
/* Closes the innermost object or array; the last one ends the line. */
void json_end(void);
void json_text(const char *key, const char *value); /* NULL: null */
void json_number(const char *key, uint64_t value);
void json_real(const char *key, double value);
void json_flag(const char *key, bool value);

#endif
