/* settings: the configuration of this process, read when it is first asked for. */
#ifndef VMMC_SETTINGS_H
#define VMMC_SETTINGS_H

#include "config.h"

/* From the environment and from vmmc.ini beside the DLL. */
const config_t *settings(void);

#endif
