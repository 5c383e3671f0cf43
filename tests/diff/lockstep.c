/* lockstep: see lockstep.h. */
#include "lockstep.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

board_t *board;

static struct {
    char name[64];
    unsigned self;
    HANDLE turn[PLAN_ACTORS];
    HANDLE others[PLAN_ACTORS]; /* the leader's view of the others, and theirs of the leader */
    void (*write_down)(const char *why);
} run;

static void end_run(const char *why, int code)
{
    if (run.write_down)
        run.write_down(why);
    for (unsigned i = 1; run.self == 0 && i < PLAN_ACTORS; i++) {
        if (run.others[i])
            TerminateProcess(run.others[i], (UINT)code);
    }
    fflush(NULL);
    TerminateProcess(GetCurrentProcess(), (UINT)code);
}

void lockstep_fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "diff actor %u: ", run.self);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    fflush(stderr);
    TerminateProcess(GetCurrentProcess(), EXIT_FAILED);
    abort();
}

/* ---- the watchdog: every process ends with the run ---- */

static bool some_other_ended(void)
{
    for (unsigned i = 0; i < PLAN_ACTORS; i++) {
        if (run.others[i] && WaitForSingleObject(run.others[i], 0) == WAIT_OBJECT_0)
            return true;
    }
    return false;
}

static DWORD WINAPI watch(void *unused)
{
    (void)unused;
    LONG seen = -1;
    for (DWORD since = GetTickCount();; Sleep(200)) {
        if (board->turns != seen) {
            seen = board->turns;
            since = GetTickCount();
        }
        if (!board->over && some_other_ended())
            end_run("CRASHED", EXIT_HUNG);
        DWORD patience = board->started == PLAN_ACTORS ? STEP_SECONDS : START_SECONDS;
        if (GetTickCount() - since > patience * 1000 && run.self == 0)
            end_run("HUNG", EXIT_HUNG);
    }
    return 0;
}

static LONG WINAPI end_crashed(EXCEPTION_POINTERS *exception)
{
    fprintf(stderr, "diff actor %u: exception %#lx\n", run.self, exception->ExceptionRecord->ExceptionCode);
    end_run("CRASHED", EXIT_HUNG);
    return EXCEPTION_EXECUTE_HANDLER;
}

static void start_watch(void)
{
    SetUnhandledExceptionFilter(end_crashed);
    HANDLE thread = CreateThread(NULL, 0, watch, NULL, 0, NULL);
    if (!thread)
        lockstep_fail("no watchdog: error %lu", GetLastError());
    CloseHandle(thread);
}

void lockstep_on_end(void (*write_down)(const char *why))
{
    run.write_down = write_down;
}

/* ---- the board and the turn ---- */

static void open_board(void)
{
    char name[100];
    snprintf(name, sizeof name, "Local\\%s", run.name);
    HANDLE mapping = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof(board_t), name);
    board = mapping ? MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, sizeof(board_t)) : NULL;
    for (unsigned i = 0; i < PLAN_ACTORS; i++) {
        snprintf(name, sizeof name, "Local\\%s-turn-%u", run.name, i);
        run.turn[i] = CreateEventA(NULL, FALSE, FALSE, name);
    }
    if (!board || !run.turn[PLAN_ACTORS - 1])
        lockstep_fail("no board %s: error %lu", run.name, GetLastError());
}

void lockstep_ready(void)
{
    InterlockedIncrement(&board->started);
}

void lockstep_await(uint32_t sequence, unsigned step)
{
    while ((uint32_t)board->sequence != sequence || (unsigned)board->step != step || (unsigned)board->actor != run.self)
        WaitForSingleObject(run.turn[run.self], 1000);
}

void lockstep_pass(uint32_t sequence, unsigned step, unsigned actor)
{
    InterlockedExchange(&board->sequence, (LONG)sequence);
    InterlockedExchange(&board->step, (LONG)step);
    InterlockedIncrement(&board->turns);
    InterlockedExchange(&board->actor, (LONG)actor);
    if (actor != run.self)
        SetEvent(run.turn[actor]);
}

/* ---- processes ---- */

/* On a busy machine Wine 8 now and then fails to start a process before that has run any code of its own. */
static HANDLE start_process(const char *program, unsigned actor, const char *arguments)
{
    char command[1500];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION info;
    snprintf(command, sizeof command, "\"%s\" --follow %s %u %lu %s", program, run.name, actor, GetCurrentProcessId(),
             arguments);
    for (int attempt = 1; !CreateProcessA(program, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &info); attempt++) {
        if (GetLastError() != ERROR_INTERNAL_ERROR || attempt == 4)
            lockstep_fail("cannot start %s: error %lu", program, GetLastError());
    }
    CloseHandle(info.hThread);
    return info.hProcess;
}

void lockstep_lead(char *const programs[], const char *arguments)
{
    snprintf(run.name, sizeof run.name, "diff-%lu-%lu", GetCurrentProcessId(), GetTickCount());
    open_board();
    for (unsigned i = 1; i < PLAN_ACTORS; i++)
        run.others[i] = start_process(programs[i - 1], i, arguments);
    start_watch();
}

void lockstep_follow(const char *name, unsigned actor, unsigned long leader)
{
    snprintf(run.name, sizeof run.name, "%s", name);
    run.self = actor;
    open_board();
    run.others[0] = OpenProcess(SYNCHRONIZE, FALSE, leader);
    start_watch();
}

/* Who ends before the leader has written the last sequence down has crashed, as far as the watchdogs know. */
static void await_leave(void)
{
    while (!board->over)
        WaitForSingleObject(run.turn[run.self], 1000);
}

static void give_leave(void)
{
    InterlockedExchange(&board->over, 1);
    for (unsigned i = 1; i < PLAN_ACTORS; i++)
        SetEvent(run.turn[i]);
}

void lockstep_finish(void)
{
    if (run.self != 0) {
        await_leave();
        return;
    }
    give_leave();
    for (unsigned i = 1; i < PLAN_ACTORS; i++) {
        HANDLE process = run.others[i];
        run.others[i] = NULL;
        if (WaitForSingleObject(process, STEP_SECONDS * 1000) != WAIT_OBJECT_0)
            TerminateProcess(process, EXIT_HUNG);
        CloseHandle(process);
    }
}
