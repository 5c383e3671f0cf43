/* path: names of files. Within the program and on the wire they are UTF-8 with `/` between their parts. */
#ifndef FILECOPY_PATH_H
#define FILECOPY_PATH_H

#include <stdbool.h>
#include <wchar.h>

enum { PATH_MOST = 1024 }; /* bytes of a name, and wide characters of a path, with the terminating 0 */

/* Why a name that another program has sent must not be used below a folder of ours; NULL: it may. */
const char *path_refusal(const char *name);
/* `folder`/`name` as the system wants it; name may be empty. False: too long, or not UTF-8. */
bool path_join(wchar_t path[PATH_MOST], const char *folder, const char *name);
/* The other way, for one name. False: too long, or not Unicode. */
bool path_from_wide(char name[PATH_MOST], const wchar_t *wide);

#endif
