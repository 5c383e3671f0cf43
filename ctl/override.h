/* override: Wine's order of preference, per program, between its own wsock32 and the one beside the program.
 *
 * Wine knows programs by their file names alone, so several installations may want the same override: the first sets it
 * and keeps what was there before, the last takes it away.  Who wants it stands in the user's registry. */
#ifndef CTL_OVERRIDE_H
#define CTL_OVERRIDE_H

#include "ctl.h"

/* False on Windows, where none of this is needed. */
bool override_is_needed(void);
/* `program` is the file name, `who` names the one who wants it. */
bool override_hold(const char *program, const char *who);
/* False: that one did not want it. */
bool override_release(const char *program, const char *who);
/* What the environment says (WINEDLLOVERRIDES), for every program started from here: it wins over the registry.  False:
 * nothing. */
bool override_in_environment(char *value, size_t size);
/* What is set for the program, there or in the registry, or else for all programs; false: nothing. */
bool override_value(const char *program, char *value, size_t size);
/* True if `value` makes Wine take the DLL beside the program. */
bool override_prefers_native(const char *value);

#endif
