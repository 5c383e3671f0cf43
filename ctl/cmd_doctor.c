/* cmd_doctor: does the transport work here, and if not: what to do. */
#include "bench_pair.h"
#include "files.h"
#include "json.h"
#include "judge.h"
#include "override.h"
#include "text.h"
#include "trial.h"

#include <config.h>
#include <nt.h>
#include <os.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FINDINGS 24

typedef enum grade { GRADE_FINE, GRADE_NOTE, GRADE_BAD } grade_t;

typedef struct finding {
    grade_t grade;
    const char *subject;
    char text[300];
    const char *advice; /* of what is not fine */
} finding_t;

typedef struct diagnosis {
    finding_t findings[MOST_FINDINGS];
    unsigned count;
    bool tested;
    double figure[BENCH_TESTS];
} diagnosis_t;

static void find(diagnosis_t *diagnosis, grade_t grade, const char *subject, const char *advice, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));

static void find(diagnosis_t *diagnosis, grade_t grade, const char *subject, const char *advice, const char *format,
                 ...)
{
    va_list arguments;
    if (diagnosis->count == MOST_FINDINGS)
        return;
    finding_t *finding = &diagnosis->findings[diagnosis->count++];
    *finding = (finding_t){.grade = grade, .subject = subject, .advice = advice};
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
}

/* ---- this system ---- */

static void look_at_system(diagnosis_t *diagnosis)
{
    const char *(*wine_version)(void) =
        (const char *(*)(void))(void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version");
    const char *host = nt_wine_host();
    if (wine_version && host)
        find(diagnosis, GRADE_FINE, "system", NULL, "Wine %s on %s, %u processors; this vmmcctl has %u bits",
             wine_version(), host, os_cpu_count(), (unsigned)sizeof(void *) * 8);
    else
        find(diagnosis, GRADE_FINE, "system", NULL, "Windows, %u processors; this vmmcctl has %u bits", os_cpu_count(),
             (unsigned)sizeof(void *) * 8);
    if (os_cpu_count() < 2)
        find(diagnosis, GRADE_NOTE, "processors", "give the machine a second processor, if it is a virtual one",
             "there is only one, so two programs cannot work at the same time");
}

static void look_for_dlls(diagnosis_t *diagnosis)
{
    dll_t dll;
    for (unsigned bits = 32; bits <= 64; bits += 32) {
        if (ours_find(&dll, bits))
            find(diagnosis, GRADE_FINE, "DLL", NULL, "%u-bit, release %s: %s", bits, dll.release, dll.path);
        else
            find(diagnosis, bits == 8 * sizeof(void *) ? GRADE_BAD : GRADE_NOTE, "DLL",
                 "unpack the whole release: the folders x86 and x64 belong beside vmmcctl.exe",
                 "the %u-bit wsock32.dll is not where vmmcctl looks for it", bits);
    }
}

static void look_at_settings(diagnosis_t *diagnosis)
{
    char value[300];
    if (GetEnvironmentVariableA("VMMC_ENABLED", value, sizeof value) && strcmp(value, "0") == 0)
        find(diagnosis, GRADE_BAD, "settings", "take VMMC_ENABLED out of the environment",
             "VMMC_ENABLED=0 switches the transport off");
    if (GetEnvironmentVariableA("VMMC_INCLUDE_PORTS", value, sizeof value))
        find(diagnosis, GRADE_NOTE, "settings", "take it out of the environment if that is not what you want",
             "VMMC_INCLUDE_PORTS: only connections with the ports %s can be user-level", value);
    if (GetEnvironmentVariableA("VMMC_EXCLUDE_PORTS", value, sizeof value))
        find(diagnosis, GRADE_NOTE, "settings", "take it out of the environment if that is not what you want",
             "VMMC_EXCLUDE_PORTS: connections with the ports %s stay on the kernel", value);
}

/* Misspelt ones do nothing, and only a log would say so. */
static void look_for_wrong_settings(diagnosis_t *diagnosis)
{
    char *all = GetEnvironmentStringsA();
    for (const char *at = all; at && *at; at += strlen(at) + 1) {
        char name[64];
        size_t length = strcspn(at, "=");
        if (strncmp(at, "VMMC_", 5) != 0 || length >= sizeof name || !at[length] || !at[length + 1])
            continue;
        for (size_t i = 5; i <= length; i++)
            name[i - 5] = (char)(i < length ? tolower((unsigned char)at[i]) : 0);
        if (!config_accepts(name, at + length + 1))
            find(diagnosis, GRADE_NOTE, "settings", "the table of settings in README.md has the names and values",
                 "%.200s is ignored: there is no such setting, or it cannot have that value", at);
    }
    if (all)
        FreeEnvironmentStringsA(all);
}

static void look_at_environment(diagnosis_t *diagnosis)
{
    char order[100];
    if (!override_is_needed() || !override_in_environment(order, sizeof order))
        return;
    if (override_prefers_native(order))
        find(diagnosis, GRADE_NOTE, "override", "this is not needed for programs that have been installed",
             "WINEDLLOVERRIDES makes all programs started from here take a DLL beside them");
    else
        find(diagnosis, GRADE_BAD, "override", "take wsock32 out of WINEDLLOVERRIDES",
             "WINEDLLOVERRIDES (%s) makes all programs started from here take Wine's own wsock32", order);
}

static void look_at_memory(diagnosis_t *diagnosis)
{
    char name[80];
    os_section_t section, view;
    snprintf(name, sizeof name, "vmmc-doctor-%lu", (unsigned long)GetCurrentProcessId());
    if (os_section_create(&section, name, 1 << 20) != 0) {
        find(diagnosis, GRADE_BAD, "memory",
             "free memory or address space; a sandbox may forbid named sections: run outside it",
             "shared memory cannot be created");
        return;
    }
    if (os_section_open(&view, name, 1 << 20) == 0) {
        find(diagnosis, GRADE_FINE, "memory", NULL, "shared memory can be created, and opened by this user alone");
        os_section_close(&view);
    } else {
        find(diagnosis, GRADE_BAD, "memory", "run both programs as the same user, and not in a sandbox",
             "shared memory can be created, but not opened");
    }
    os_section_close(&section);
}

static void look_at_sleep(diagnosis_t *diagnosis)
{
    if (os_futex_works())
        find(diagnosis, GRADE_FINE, "sleeping", NULL, "by futex, the faster way");
    else
        find(diagnosis, GRADE_FINE, "sleeping", NULL, "by events%s",
             nt_wine_host() ? "; the futex does not work in this Wine" : "");
}

/* ---- a program ---- */

static void look_at_override(diagnosis_t *diagnosis, const verdict_t *verdict)
{
    char value[100];
    if (!override_is_needed())
        return;
    if (override_value(verdict->name, value, sizeof value) && override_prefers_native(value))
        find(diagnosis, GRADE_FINE, "override", NULL, "Wine takes the DLL beside %.200s", verdict->name);
    else
        find(diagnosis, GRADE_BAD, "override", "vmmcctl install sets it for this program",
             "Wine takes its own wsock32 for %.200s", verdict->name);
}

static void look_at_program(diagnosis_t *diagnosis, const char *program)
{
    static verdict_t verdict;
    judge(&verdict, program);
    if (verdict.obstacle) {
        find(diagnosis, GRADE_BAD, "program", verdict.advice, "%.200s: %s", verdict.name, verdict.reason);
        return;
    }
    if (verdict.beside.kind == DLL_OURS)
        find(diagnosis, GRADE_FINE, "program", NULL, "%.200s has our %u-bit DLL, release %s, beside it", verdict.name,
             verdict.bits, verdict.beside.release);
    else if (verdict.off.kind == DLL_OURS)
        find(diagnosis, GRADE_BAD, "program", "vmmcctl enable switches it on again", "%.200s: the DLL is disabled",
             verdict.name);
    else
        find(diagnosis, GRADE_BAD, "program", "vmmcctl install puts it there", "%.200s has no DLL beside it",
             verdict.name);
    look_at_override(diagnosis, &verdict);
}

/* ---- the test ---- */

static const char *measure(diagnosis_t *diagnosis, char *program, connection_t *connection)
{
    bench_pair_t pair;
    const char *problem = bench_pair_start(&pair, program, NULL, NULL, false);
    for (unsigned test = 0; test < BENCH_TESTS && !problem; test++) {
        diagnosis->figure[test] = bench_pair_measure(&pair, (bench_test_t)test, 200);
        if (diagnosis->figure[test] < 0)
            problem = "the programs of the test stopped";
    }
    if (!problem && !bench_pair_carrier(&pair, connection))
        problem = "their connection is not to be seen: they did not load the DLL";
    bench_pair_end(&pair);
    return problem;
}

static void test_connection(diagnosis_t *diagnosis)
{
    static const char advice[] =
        "set VMMC_LOG_LEVEL=info and VMMC_LOG_FILE=C:\\vmmc.%p.log, repeat, and read what the logs say";
    trial_t trial;
    connection_t connection = {0};
    const char *problem = trial_stage(&trial);
    if (!problem) {
        problem = measure(diagnosis, trial.program, &connection);
        trial_end(&trial);
    }
    if (problem) {
        find(diagnosis, GRADE_BAD, "self-test", advice, "%s", problem);
    } else if (!connection.user_level) {
        find(diagnosis, GRADE_BAD, "self-test", advice, "the connection stayed on the kernel: %s", connection.reason);
    } else {
        diagnosis->tested = true;
        find(diagnosis, GRADE_FINE, "self-test", NULL,
             "user-level between two programs: %.2f us a round trip, %.2f million messages/s, %.0f MB/s",
             diagnosis->figure[BENCH_LATENCY], diagnosis->figure[BENCH_MESSAGES] / 1e6,
             diagnosis->figure[BENCH_BANDWIDTH] / 1e6);
    }
}

/* ---- the command ---- */

static bool all_is_well(const diagnosis_t *diagnosis, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        if (diagnosis->findings[i].grade == GRADE_BAD)
            return false;
    }
    return true;
}

static void say_diagnosis(const diagnosis_t *diagnosis, bool here, bool program)
{
    static const char *const grades[] = {"ok", "note", "BAD"};
    for (unsigned i = 0; i < diagnosis->count; i++) {
        const finding_t *finding = &diagnosis->findings[i];
        printf("%-5s %-10s %s%s%s\n", grades[finding->grade], finding->subject, finding->text,
               finding->advice ? "; " : "", finding->advice ? finding->advice : "");
    }
    puts(!here     ? "the transport does not work here: see what is BAD"
         : program ? "the transport works here"
                   : "the transport works here, but not for this program: see what is BAD");
}

static void tell_diagnosis(const diagnosis_t *diagnosis, bool works)
{
    static const char *const grades[] = {"ok", "note", "bad"};
    json_object(NULL);
    json_flag("works", works);
    json_array("findings");
    for (unsigned i = 0; i < diagnosis->count; i++) {
        const finding_t *finding = &diagnosis->findings[i];
        json_object(NULL);
        json_text("grade", grades[finding->grade]);
        json_text("subject", finding->subject);
        json_text("text", finding->text);
        json_text("advice", finding->advice);
        json_end();
    }
    json_end();
    if (diagnosis->tested) {
        json_object("self_test");
        json_real("round_trip_us", diagnosis->figure[BENCH_LATENCY]);
        json_real("messages_per_s", diagnosis->figure[BENCH_MESSAGES]);
        json_real("bytes_per_s", diagnosis->figure[BENCH_BANDWIDTH]);
        json_end();
    }
    json_end();
}

static int run_doctor(int argc, char **argv)
{
    static diagnosis_t diagnosis;
    bool json = ctl_take_flag(&argc, argv, "--json");
    if (ctl_unknown_option(argc, argv))
        return ctl_usage(&doctor_command, "it has no option %s", ctl_unknown_option(argc, argv));
    if (argc > 2)
        return ctl_usage(&doctor_command, "it takes one program at most");
    look_at_system(&diagnosis);
    look_for_dlls(&diagnosis);
    look_at_settings(&diagnosis);
    look_for_wrong_settings(&diagnosis);
    look_at_environment(&diagnosis);
    look_at_memory(&diagnosis);
    look_at_sleep(&diagnosis);
    unsigned from = diagnosis.count;
    if (argc == 2)
        look_at_program(&diagnosis, argv[1]);
    unsigned to = diagnosis.count;
    test_connection(&diagnosis);
    bool here = all_is_well(&diagnosis, 0, from) && all_is_well(&diagnosis, to, diagnosis.count);
    bool program = all_is_well(&diagnosis, from, to);
    if (json)
        tell_diagnosis(&diagnosis, here && program);
    else
        say_diagnosis(&diagnosis, here, program);
    return here && program ? CTL_FINE : CTL_NO;
}

const command_t doctor_command = {
    "doctor", run_doctor, "does the transport work on this machine?",
    "usage: vmmcctl doctor [--json] [PROGRAM.exe]\n\n"
    "Looks at what the transport needs and tells what is ok, what to note, and what is BAD; every line that is not ok\n"
    "ends with what to do. It looks for the DLLs of both bitnesses, at settings in the environment, whether shared\n"
    "memory can be made, and how threads sleep; then it starts two programs that talk through the transport, and\n"
    "gives figures. With a PROGRAM, also at the DLL beside that and at Wine's override for it.\n\n"
    "The exit code is 0 if everything works. Programs of another user, in another session (a service and the desktop)\n"
    "or in another Wine prefix share no memory with yours: their connections are the kernel's, whatever this says.\n"};
