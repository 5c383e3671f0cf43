/* main: vmmcctl's commands by name, and what they need of a command line. */
#include "text.h"
#include "trial.h"

#include <nt.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ARGUMENTS 256

static const command_t *const commands[] = {&check_command,
                                            &install_command,
                                            &uninstall_command,
                                            &disable_command,
                                            &enable_command,
                                            &run_command,
                                            &list_command,
                                            &top_command,
                                            &doctor_command,
                                            &bench_command,
                                            NULL};

static const char introduction[] =
    "usage: vmmcctl COMMAND [arguments]        vmmcctl COMMAND --help explains one\n\n"
    "VMMC Sockets is a wsock32.dll that lies beside a program. TCP connections between two programs of this machine\n"
    "that both have it go through shared memory instead of the kernel; everything else is passed on to the system.\n\n";

static const char conclusion[] =
    "\nA first try, with a server and a client of yours:\n\n"
    "  vmmcctl doctor                    does it work on this machine?\n"
    "  vmmcctl check server.exe          can this program have it?\n"
    "  vmmcctl install server.exe        and the client likewise; then start both\n"
    "  vmmcctl list                      is their connection user-level, and if not, why not?\n"
    "  vmmcctl uninstall server.exe      all as before\n\n"
    "check, list, top, doctor and bench take --json, for other programs to read.\n"
    "Exit codes: 0 yes or done, 1 no (the text says why and what to do), 2 the command was not understood.\n";

static void say_help(FILE *to)
{
    fputs(introduction, to);
    for (unsigned i = 0; commands[i]; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs(conclusion, to);
}

/* ---- for the commands ---- */

int ctl_usage(const command_t *command, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "vmmcctl %s: ", command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see vmmcctl %s --help\n", command->name);
    return CTL_USAGE;
}

int ctl_no(const char *format, ...)
{
    va_list arguments;
    fputs("vmmcctl: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return CTL_NO;
}

static void take_out(int *argc, char **argv, int at, int count)
{
    memmove(argv + at, argv + at + count, (size_t)(*argc - at - count + 1) * sizeof *argv);
    *argc -= count;
}

bool ctl_take_flag(int *argc, char **argv, const char *name)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            take_out(argc, argv, i, 1);
            return true;
        }
    }
    return false;
}

const char *ctl_take_value(int *argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            const char *value = argv[i + 1];
            take_out(argc, argv, i, 2);
            return value;
        }
    }
    return NULL;
}

const char *ctl_unknown_option(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0)
            return argv[i];
    }
    return NULL;
}

/* ---- the command line ---- */

static const command_t *find_command(const char *name)
{
    if (strcmp(name, netbench_command.name) == 0)
        return &netbench_command;
    for (unsigned i = 0; commands[i]; i++) {
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i];
    }
    return NULL;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "/?") == 0;
}

static int no_command(const char *name)
{
    fprintf(stderr, "vmmcctl: there is no command %s; vmmcctl --help lists them\n", name);
    return CTL_USAGE;
}

static int help_on(const char *name)
{
    const command_t *command = name ? find_command(name) : NULL;
    if (name && !command)
        return no_command(name);
    if (command)
        fputs(command->help, stdout);
    else
        say_help(stdout);
    return CTL_FINE;
}

/* argv[0] is vmmcctl itself. */
static int obey(int argc, char **argv)
{
    if (argc < 2) {
        say_help(stderr);
        return CTL_USAGE;
    }
    if (asks_for_help(argv[1]) || strcmp(argv[1], "help") == 0)
        return help_on(argc > 2 ? argv[2] : NULL);
    const command_t *command = find_command(argv[1]);
    if (!command)
        return no_command(argv[1]);
    if (argc > 2 && asks_for_help(argv[2]))
        return help_on(command->name);
    if (command != &netbench_command)
        trial_clean_up();
    return command->run(argc - 1, argv + 1);
}

int wmain(int argc, wchar_t **wide);

int wmain(int argc, wchar_t **wide)
{
    static char *argv[MOST_ARGUMENTS + 1];
    if (argc > MOST_ARGUMENTS)
        return ctl_no("too many arguments");
    for (int i = 0; i < argc; i++) {
        size_t size = wcslen(wide[i]) * 3 + 1;
        argv[i] = malloc(size);
        if (!argv[i])
            return ctl_no("out of memory");
        text_narrow(argv[i], size, wide[i]);
    }
    SetConsoleOutputCP(CP_UTF8);
    return obey(argc, argv);
}
