/* init: the ordered start-up list.  Nothing here runs from DllMain. */
#ifndef VMMC_INIT_H
#define VMMC_INIT_H

#include "config.h"

/* The settings, read at the first call. */
const config_t *init_config(void);
/* Start whatever user-level streams need, once.  NULL: it runs; otherwise why it does not. */
const char *init_transport(void);

#endif
