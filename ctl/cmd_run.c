/* cmd_run: one run of a program with the transport. */
#include "child.h"
#include "override.h"
#include "place.h"
#include "trial.h"

#include <config.h>
#include <nt.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ctrl-C is for the program; we wait for its end, to tidy up. */
static BOOL WINAPI wait_for_program(DWORD event)
{
    return event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT;
}

/* It becomes VMMC_NAME in the program's environment. */
static bool set(const char *setting, const char *value)
{
    char name[64] = "VMMC_";
    for (size_t i = 0; setting[i]; i++)
        name[5 + i] = (char)toupper((unsigned char)setting[i]);
    return config_accepts(setting, value) && SetEnvironmentVariableA(name, value);
}

static bool set_any(const char *assignment)
{
    char setting[58];
    size_t length = strcspn(assignment, "=");
    if (!assignment[length] || length >= sizeof setting)
        return false;
    for (size_t i = 0; i < length; i++)
        setting[i] = (char)tolower((unsigned char)assignment[i]);
    setting[length] = 0;
    return set(setting, assignment + length + 1);
}

/* 0, or what is wrong with it as an exit code, which has been said. */
static int take_option(const char *name, const char *value)
{
    bool log = strcmp(name, "--log") == 0, file = strcmp(name, "--log-file") == 0, any = strcmp(name, "--set") == 0;
    if (!log && !file && !any)
        return ctl_usage(&run_command, "it has no option %s", name);
    if (!value)
        return ctl_usage(&run_command, "%s needs a value", name);
    if (log ? set("log_level", value) : file ? set("log_file", value) : set_any(value))
        return CTL_FINE;
    return ctl_usage(&run_command,
                     any ? "%s is not a setting with a value that it may have (README.md lists them)"
                         : "%s is not a value for it",
                     value);
}

static int run_it(verdict_t *verdict, char **program)
{
    trial_t trial;
    child_t child;
    uint32_t code = CTL_NO;
    const char *problem = trial_begin(&trial, verdict);
    if (problem)
        return ctl_no("%s: %s", verdict->path, problem);
    SetConsoleCtrlHandler(wait_for_program, TRUE);
    program[0] = trial.program;
    if (!child_start(&child, program, false))
        ctl_no("%s: it cannot be started (error %lu)", verdict->path, (unsigned long)GetLastError());
    else
        child_wait(&child, UINT32_MAX, &code);
    child_end(&child, 0);
    problem = trial_end(&trial);
    if (problem)
        ctl_no("%s: left for the next vmmcctl to tidy up: %s", verdict->path, problem);
    return (int)code;
}

static const char *hindrance(const verdict_t *verdict)
{
    char order[100];
    if (verdict->beside.kind == DLL_NONE && verdict->off.kind == DLL_OURS)
        return "the DLL is there, but disabled; see vmmcctl enable";
    if (override_is_needed() && override_in_environment(order, sizeof order) && !override_prefers_native(order))
        return "WINEDLLOVERRIDES in the environment makes Wine take its own wsock32; take that out of it";
    return NULL;
}

static int run_run(int argc, char **argv)
{
    static verdict_t verdict;
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        int usage = take_option(argv[at], argv[at + 1]); /* the last one is NULL */
        if (usage)
            return usage;
    }
    if (at >= argc)
        return ctl_usage(&run_command, "it takes a program and its arguments");
    judge(&verdict, argv[at]);
    if (verdict.obstacle)
        return ctl_no("%s: %s; %s", verdict.path, verdict.reason, verdict.advice);
    const char *problem = hindrance(&verdict);
    if (problem)
        return ctl_no("%s: %s", verdict.path, problem);
    return run_it(&verdict, argv + at);
}

const command_t run_command = {
    "run", run_run, "run a program once with the DLL, nothing left behind",
    "usage: vmmcctl run [options] PROGRAM.exe [arguments]\n\n"
    "Puts the DLL beside the program as `install` does, runs it, and takes everything away again when it has ended.\n"
    "The exit code is the program's. Both ends of a connection need the DLL, so run the server and the client like\n"
    "this, in two windows; they may be the same program.\n\n"
    "  --log LEVEL        what the transport tells: error, info or debug\n"
    "  --log-file FILE    where to; %p in it becomes the process's number. Default: standard error\n"
    "  --set NAME=VALUE   any setting, as --set ring_size=1M, --set wait=event, --set exclude_ports=80\n\n"
    "  vmmcctl run --log info --log-file C:\\temp\\vmmc.%p.log server.exe --port 7777\n\n"
    "Limits: Windows looks for the DLL in the program's folder and nowhere before it, so the folder must be writable\n"
    "and other programs that start there meanwhile load it too. Programs that it starts have it only if they lie in\n"
    "the same folder and, under Wine, have the same name. If vmmcctl is killed, the next vmmcctl command of any kind\n"
    "tidies up once the program has ended.\n"};
