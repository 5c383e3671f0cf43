/* registry: keys below the user's own part of the registry, HKEY_CURRENT_USER; text in UTF-8. */
#ifndef CTL_REGISTRY_H
#define CTL_REGISTRY_H

#include "ctl.h"

bool registry_get(const char *key, const char *name, char *value, size_t size);
bool registry_set(const char *key, const char *name, const char *value);
bool registry_delete(const char *key, const char *name);
bool registry_has_key(const char *key);
/* The name of value number `index`; false: there are not that many.  Names longer than the buffer end the list. */
bool registry_name(const char *key, unsigned index, char *name, size_t size);
/* The key goes if it holds nothing, then the key above it likewise, `levels` of them at most. */
void registry_prune(const char *key, unsigned levels);
/* A text or number below HKEY_LOCAL_MACHINE: its bytes as they are; the count, 0: there is none. */
size_t registry_machine_bytes(const char *key, const char *name, void *bytes, size_t size);
/* True if a value below a key of HKEY_LOCAL_MACHINE has that text. */
bool registry_machine_lists(const char *key, const char *text);

#endif
