/* background: runs a program, and ends it when its own input ends: by TerminateProcess(), of which Wine's server knows at
 * once.  Of a signal it learns later, and what comes for a socket of the dead in between ends the server (docs/design.md).
 * usage: background PROGRAM [ARGUMENT ...]      Its exit code is the program's. */
#include "child.h"

#include <windows.h>

#include <stdio.h>

static DWORD WINAPI end_with_input(void *process)
{
    char byte;
    DWORD length;
    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), &byte, 1, &length, NULL) && length)
        ;
    TerminateProcess(process, 1);
    return 0;
}

int main(int argc, char **argv)
{
    child_t child;
    uint32_t code = 2;
    if (argc < 2 || !child_start(&child, argv + 1, false)) {
        fprintf(stderr, "background: %s: not started, error %lu\n", argc < 2 ? "no program" : argv[1], GetLastError());
        return 2;
    }
    if (!CreateThread(NULL, 0, end_with_input, child.process, 0, NULL))
        TerminateProcess(child.process, 2);
    child_wait(&child, UINT32_MAX, &code);
    return (int)code;
}
