/* eligible: may this process have user-level streams at all?
 *
 * A module of the program's own that calls ws2_32's data functions would go around us, so its process is not eligible.
 * The system's modules use sockets of their own. */
#ifndef VMMC_ELIGIBLE_H
#define VMMC_ELIGIBLE_H

#include "nt.h"

/* NULL: yes; otherwise why not. */
const char *eligible_check_modules(void);
/* The same for one module that is being loaded; safe under the loader's lock. */
const char *eligible_check_module(HMODULE module);

/* True if `name` (a string, or an ordinal in its low 16 bits) is one of ws2_32's data calls. */
bool eligible_is_data_call(const char *name);

#endif
