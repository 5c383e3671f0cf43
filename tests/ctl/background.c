/* background: runs a program, and ends it when its own input ends: by TerminateProcess(), of which Wine's server knows at
 * once.  Of a signal it learns later, and what comes for a socket of the dead in between ends the server (docs/design.md).
 * usage: background PROGRAM [ARGUMENT ...]      Its exit code is the program's. */
#include <windows.h>

#include <stdio.h>
#include <string.h>

static DWORD WINAPI end_with_input(void *process)
{
    char byte;
    DWORD length;
    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), &byte, 1, &length, NULL) && length)
        ;
    TerminateProcess(process, 1);
    return 0;
}

/* What comes after this program's own name, as it was written. */
static char *rest_of_command_line(void)
{
    char *line = GetCommandLineA();
    line = *line == '"' ? strchr(line + 1, '"') + 1 : line + strcspn(line, " ");
    return line + strspn(line, " ");
}

int main(void)
{
    STARTUPINFOA startup = { .cb = sizeof startup };
    PROCESS_INFORMATION started;
    DWORD code;
    char *line = rest_of_command_line();
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &started)) {
        fprintf(stderr, "background: %s: not started, error %lu\n", line, GetLastError());
        return 2;
    }
    if (!CreateThread(NULL, 0, end_with_input, started.hProcess, 0, NULL))
        TerminateProcess(started.hProcess, 2);
    WaitForSingleObject(started.hProcess, INFINITE);
    GetExitCodeProcess(started.hProcess, &code);
    return (int)code;
}
