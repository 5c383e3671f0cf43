/* cmd_install: check, install, uninstall, disable, enable: the DLL beside a program. */
#include "files.h"
#include "holder.h"
#include "json.h"
#include "override.h"
#include "place.h"

#include <stdio.h>

/* ---- check ---- */

static const char *const reaches[] = {"does not use wsock32", "imports wsock32.dll",
                                      "imports wsock32.dll when it needs it",
                                      "loads a library that imports wsock32.dll", "may load wsock32.dll while it runs"};

static void say_beside(const verdict_t *verdict)
{
    if (verdict->beside.kind == DLL_OURS)
        printf("  beside it    our %s, release %s\n", CTL_DLL, verdict->beside.release);
    else if (verdict->off.kind == DLL_OURS)
        printf("  beside it    our DLL, disabled (%s)\n", PLACE_OFF);
    else if (verdict->beside.kind == DLL_FOREIGN)
        printf("  beside it    a %s that is not ours\n", CTL_DLL);
    else
        printf("  beside it    no %s yet\n", CTL_DLL);
}

static bool is_taken(const verdict_t *verdict)
{
    char value[100];
    return !override_is_needed() ||
           (override_value(verdict->name, value, sizeof value) && override_prefers_native(value));
}

static void say_next(const verdict_t *verdict)
{
    if (verdict->obstacle)
        printf("  cannot be    %s\n  what to do   %s\n", verdict->reason, verdict->advice);
    else if (verdict->beside.kind != DLL_OURS && verdict->off.kind == DLL_OURS)
        printf("  can be       vmmcctl enable \"%s\"\n", verdict->path);
    else if (verdict->beside.kind == DLL_OURS && is_taken(verdict))
        printf("  can be       it has the DLL\n");
    else
        printf("  can be       vmmcctl install \"%s\"\n", verdict->path);
}

static void say_verdict(const verdict_t *verdict)
{
    char value[100];
    printf("%s\n", verdict->path);
    if (verdict->bits) {
        printf("  program      %u-bit, %s%s%s%s\n", verdict->bits, reaches[verdict->reach],
               verdict->through[0] ? ": " : "", verdict->through,
               verdict->winsock2 && verdict->reach != REACH_NONE ? "; what it sends through ws2_32 stays on the kernel"
                                                                 : "");
        say_beside(verdict);
        if (override_is_needed())
            printf("  Wine         %s\n",
                   !override_value(verdict->name, value, sizeof value) ? "no override: takes its own wsock32"
                   : override_prefers_native(value)                    ? "takes the DLL beside the program"
                                                                       : "an override makes it take its own wsock32");
    }
    say_next(verdict);
}

static void tell_verdict(const verdict_t *verdict)
{
    static const char *const kinds[] = {"none", "foreign", "ours"};
    char value[100];
    json_object(NULL);
    json_text("program", verdict->path);
    json_number("bits", verdict->bits);
    json_text("reach", judge_reach(verdict->reach));
    json_text("through", verdict->through[0] ? verdict->through : NULL);
    json_flag("winsock2", verdict->winsock2);
    json_text("beside", verdict->beside.kind == DLL_NONE && verdict->off.kind == DLL_OURS
                            ? "disabled"
                            : kinds[verdict->beside.kind]);
    json_text("dll", verdict->dll.kind == DLL_OURS ? verdict->dll.path : NULL);
    json_text("override", override_is_needed() && override_value(verdict->name, value, sizeof value) ? value : NULL);
    json_flag("possible", !verdict->obstacle);
    json_text("obstacle", verdict->obstacle);
    json_text("reason", verdict->reason);
    json_text("advice", verdict->advice);
    json_end();
}

static int run_check(int argc, char **argv)
{
    static verdict_t verdict;
    bool json = ctl_take_flag(&argc, argv, "--json");
    if (ctl_unknown_option(argc, argv))
        return ctl_usage(&check_command, "it has no option %s", ctl_unknown_option(argc, argv));
    if (argc != 2)
        return ctl_usage(&check_command, "it takes one program");
    judge(&verdict, argv[1]);
    if (json)
        tell_verdict(&verdict);
    else
        say_verdict(&verdict);
    return verdict.obstacle ? CTL_NO : CTL_FINE;
}

const command_t check_command = {
    "check", run_check, "can this program have the transport? touches nothing",
    "usage: vmmcctl check [--json] PROGRAM.exe\n\n"
    "Reads the program's headers and tells: its bitness; how it reaches wsock32 (its imports, delayed imports, a\n"
    "library in its folder that imports it, or only the name somewhere in the file, so that it may load it while it\n"
    "runs); what lies beside it; what Wine would load; and whether `vmmcctl install` would do, or why not.\n\n"
    "Nothing is changed. The exit code is 0 if it can have the transport, 1 if not.\n\n"
    "  vmmcctl check C:\\games\\server.exe\n"};

/* ---- install, uninstall ---- */

static bool has_one_program(const command_t *command, int argc, char **argv, int *usage)
{
    const char *option = ctl_unknown_option(argc, argv);
    *usage = CTL_USAGE;
    if (option)
        ctl_usage(command, "it has no option %s", option);
    else if (argc != 2)
        ctl_usage(command, "it takes one program");
    return !option && argc == 2;
}

static int run_install(int argc, char **argv)
{
    static const char *const did[] = {"copied %u-bit DLL, release %s, to %s\\" CTL_DLL "\n",
                                      "replaced the DLL by the %u-bit one of release %s in %s\n",
                                      "the %u-bit DLL, release %s, was in %s already, and is shared\n",
                                      "it has the %u-bit DLL, release %s, in %s already\n"};
    static verdict_t verdict;
    placed_t how;
    int usage;
    if (!has_one_program(&install_command, argc, argv, &usage))
        return usage;
    judge(&verdict, argv[1]);
    if (verdict.obstacle)
        return ctl_no("%s: %s; %s", verdict.path, verdict.reason, verdict.advice);
    const char *problem = place_hold(&verdict, HOLDER_INSTALLED, &how);
    if (problem)
        return ctl_no("%s: %s", verdict.path, problem);
    printf("%s: ", verdict.name);
    const dll_t *there = how != PLACED_SHARED && how != PLACED_ALREADY ? &verdict.dll
                         : verdict.beside.kind == DLL_OURS             ? &verdict.beside
                                                                       : &verdict.off;
    printf(did[how], verdict.bits, there->release, verdict.folder);
    if (override_is_needed())
        printf("%s: Wine takes it for every program of that name in this prefix (AppDefaults\\%s)\n", verdict.name,
               verdict.name);
    if (verdict.beside.kind == DLL_NONE && verdict.off.kind == DLL_OURS)
        printf("%s: it is disabled; vmmcctl enable \"%s\"\n", verdict.name, verdict.path);
    printf("%s: connections to programs on this machine that have it too now go through shared memory;\n"
           "see them with: vmmcctl list     take it back with: vmmcctl uninstall \"%s\"\n",
           verdict.name, verdict.path);
    return CTL_FINE;
}

const command_t install_command = {
    "install", run_install, "put the DLL beside a program, for good",
    "usage: vmmcctl install PROGRAM.exe\n\n"
    "Copies the wsock32.dll of the program's bitness into the program's folder. Under Wine it also sets the override\n"
    "for programs of that name (HKCU\\Software\\Wine\\AppDefaults\\PROGRAM.exe\\DllOverrides, wsock32 = "
    "native,builtin),\n"
    "without which Wine takes its own. Nothing else is changed, and nothing is ever overwritten: if another\n"
    "wsock32.dll lies there, install refuses. What was done is written into vmmcctl.txt in that folder; several\n"
    "programs of one folder share the DLL, and each is installed by its name.\n\n"
    "Both ends of a connection need it: install the server and the client. One end alone changes nothing.\n"
    "Programs that run already keep what they have loaded; start them again.\n\n"
    "It refuses, with the reason and what to do, where it could not work: `vmmcctl check` tells without trying.\n"};

static const char *override_after(const char *program)
{
    char path[CTL_PATH], folder[CTL_PATH], name[CTL_PATH], value[100];
    if (!override_is_needed() || !files_absolute(path, program))
        return "";
    files_split(path, folder, name);
    return override_value(name, value, sizeof value) && override_prefers_native(value)
               ? "; Wine's override stays: others of that name want it, or it was there before"
               : "; Wine's override is as before";
}

static int run_uninstall(int argc, char **argv)
{
    static const char *const did[] = {[RELEASED_OVERRIDE] = "nothing but the override was left of it",
                                      [RELEASED_REMOVED] = "the DLL is removed",
                                      [RELEASED_KEPT] = "the DLL stays: other programs have it, or it was there before",
                                      [RELEASED_CHANGED] = "the DLL stays: it is not the one that was put there"};
    released_t how;
    int usage;
    if (!has_one_program(&uninstall_command, argc, argv, &usage))
        return usage;
    const char *problem = place_release(argv[1], HOLDER_INSTALLED, &how);
    if (problem)
        return ctl_no("%s: %s", argv[1], problem);
    if (how == RELEASED_NOTHING)
        return ctl_no("%s: vmmcctl has not installed anything for this program", argv[1]);
    printf("%s: %s%s\n", argv[1], did[how], override_after(argv[1]));
    return CTL_FINE;
}

const command_t uninstall_command = {
    "uninstall", run_uninstall, "undo exactly what install did",
    "usage: vmmcctl uninstall PROGRAM.exe\n\n"
    "Takes back what `vmmcctl install` did for that program, by the record in its folder (vmmcctl.txt): the override\n"
    "becomes what it was, and with the last program of the folder the DLL goes, if it still is the one that was put\n"
    "there. The program need not exist any more. End the programs of the folder first: a DLL in use cannot be "
    "removed.\n"};

/* ---- disable, enable ---- */

static int rename_and_tell(const command_t *command, int argc, char **argv, const char *(*rename)(const char *, bool *),
                           const char *done, const char *already)
{
    bool changed;
    int usage;
    if (!has_one_program(command, argc, argv, &usage))
        return usage;
    const char *problem = rename(argv[1], &changed);
    if (problem)
        return ctl_no("%s: %s", argv[1], problem);
    printf("%s: %s\n", argv[1], changed ? done : already);
    return CTL_FINE;
}

static int run_disable(int argc, char **argv)
{
    return rename_and_tell(&disable_command, argc, argv, place_disable,
                           "disabled; programs of its folder that start now use the system's sockets",
                           "it was disabled already");
}

static int run_enable(int argc, char **argv)
{
    return rename_and_tell(&enable_command, argc, argv, place_enable,
                           "enabled for the programs of its folder that start now", "it was enabled already");
}

const command_t disable_command = {
    "disable", run_disable, "rename the DLL away, so that the system's is used",
    "usage: vmmcctl disable PROGRAM.exe\n\n"
    "Renames the DLL in the program's folder to " PLACE_OFF ". All programs of that folder then use the system's\n"
    "sockets from their next start on, everything else stays as it is. `vmmcctl enable` renames it back.\n"};

const command_t enable_command = {"enable", run_enable, "and back",
                                  "usage: vmmcctl enable PROGRAM.exe\n\n"
                                  "Undoes `vmmcctl disable`: renames " PLACE_OFF
                                  " in the program's folder back to " CTL_DLL ".\n"};
