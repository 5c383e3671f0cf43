/* ctl: what the commands of vmmcctl share: their exit codes, and how they say things.
 * Text is UTF-8 everywhere; only the calls to the system are wide. */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_FINE 0
#define CTL_NO 1    /* it cannot be, or does not work: the text says why and what to do */
#define CTL_USAGE 2 /* the command was not understood */

#define CTL_PATH 1024 /* bytes of a path, with its end */

#define CTL_DLL "wsock32.dll"

/* argv[0] is the command's name. */
typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
    const char *help;
} command_t;

extern const command_t check_command, install_command, uninstall_command, enable_command, disable_command, run_command,
    list_command, top_command, doctor_command, bench_command, netbench_command;

/* A complaint about the command line, with where to read on; CTL_USAGE. */
int ctl_usage(const command_t *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "vmmcctl: ..." on standard error; CTL_NO. */
int ctl_no(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- options: words that begin with -- ---- */

/* Take `--NAME` out of the arguments; true if it was there. */
bool ctl_take_flag(int *argc, char **argv, const char *name);
/* Take `--NAME VALUE` out; NULL: it was not there.  An option without its value stays, to be complained about. */
const char *ctl_take_value(int *argc, char **argv, const char *name);
/* The first word that looks like an option and was not taken; NULL: none. */
const char *ctl_unknown_option(int argc, char **argv);

#endif
