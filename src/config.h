/* config: settings from an ini file and from the environment, read once.
 *
 * A setting NAME is looked up as VMMC_NAME (capitals) in the environment, then as `name = value` in vmmc.ini beside the
 * DLL.  A wrong value is reported in the log and the default is used. */
#ifndef VMMC_CONFIG_H
#define VMMC_CONFIG_H

#include "log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_MAX_RANGES 32

typedef struct port_range {
    uint16_t first, last;
} port_range_t;

typedef struct port_set {
    unsigned count;
    port_range_t ranges[CONFIG_MAX_RANGES];
} port_set_t;

typedef enum hook_choice { HOOKS_AUTO, HOOKS_OFF, HOOKS_ON } hook_choice_t;
typedef enum early_choice { EARLY_OFF, EARLY_LEARN, EARLY_ALWAYS } early_choice_t;
typedef enum wait_choice { WAIT_AUTO, WAIT_FUTEX, WAIT_EVENT } wait_choice_t;

typedef struct config {
    bool enabled;             /* VMMC_ENABLED = 0 | 1 */
    port_set_t include;       /* VMMC_INCLUDE_PORTS = 80,8000-8999   empty: all */
    port_set_t exclude;       /* VMMC_EXCLUDE_PORTS */
    uint32_t ring_bytes;      /* VMMC_RING_SIZE = 16K      first ring of a direction; a power of two, 4K to 4M */
    uint32_t ring_max_bytes;  /* VMMC_RING_MAX = 4M        the largest, likewise */
    uint32_t rings_mb;        /* VMMC_RINGS = 1024         megabytes for all rings of a process; 256 in 32-bit */
    uint32_t meet_after;      /* VMMC_MEET_AFTER = 4       calls that move bytes before the other end is looked for */
    early_choice_t meet_early; /* VMMC_MEET_EARLY = off | learn | always; at the first of them, if that is likely to succeed */
    uint32_t spin_us;         /* VMMC_SPIN = 100           longest spin before sleeping, in microseconds */
    wait_choice_t wait;       /* VMMC_WAIT = auto | futex | event */
    hook_choice_t blocking_hooks; /* VMMC_BLOCKING_HOOKS = 0 | 1; else as the system: in Windows, not on Wine */
    log_level_t log_level;    /* VMMC_LOG_LEVEL = off | error | info | debug */
    char log_file[260];       /* VMMC_LOG_FILE           "%p" stands for the process's number */
} config_t;

/* Fill `config` from defaults, then `ini_path` (may be NULL), then the environment; start the log; report what is
 * wrong. */
void config_load(config_t *config, const char *ini_path);
/* True if there is a setting of that name (small letters) that may have that value. */
bool config_accepts(const char *name, const char *value);
/* True if a connection between these two ports may become user-level. */
bool config_allows_ports(const config_t *config, uint16_t port, uint16_t other);

#endif
