/* child: see child.h. */
#include "child.h"

#include "text.h"

#include <nt.h>
#include <os.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_COMMAND 32767
#define MOST_STARTS 3

/* ---- the command line, as the C library takes it apart again ---- */

static wchar_t *quote_into(wchar_t *to, const wchar_t *word)
{
    bool bare = *word && !wcspbrk(word, L" \t\"");
    unsigned backslashes = 0;
    if (!bare)
        *to++ = '"';
    for (; *word; word++) {
        if (*word == '"') { /* those before a quote, and the quote itself, are escaped */
            for (unsigned i = 0; i < backslashes + 1; i++)
                *to++ = '\\';
        }
        backslashes = *word == '\\' ? backslashes + 1 : 0;
        *to++ = *word;
    }
    for (unsigned i = 0; !bare && i < backslashes; i++)
        *to++ = '\\';
    if (!bare)
        *to++ = '"';
    *to = 0;
    return to;
}

static wchar_t *command_line(char **argv)
{
    size_t most = 1;
    for (char **word = argv; *word; word++)
        most += 2 * strlen(*word) + 4;
    wchar_t *line = most <= LONGEST_COMMAND ? malloc(most * sizeof *line) : NULL, *at = line;
    for (char **word = argv; line && *word; word++) {
        wide_t wide = text_wide(*word);
        if (word != argv)
            *at++ = ' ';
        at = quote_into(at, wide.text);
    }
    return line;
}

/* ---- pipes ---- */

/* Ours is not inherited: the child's end is the only one, so that its end is seen. */
static bool make_pipe(HANDLE *ours, HANDLE *its, bool we_read)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE read, write;
    if (!CreatePipe(&read, &write, &inherited, 0))
        return false;
    *ours = we_read ? read : write;
    *its = we_read ? write : read;
    SetHandleInformation(*ours, HANDLE_FLAG_INHERIT, 0);
    return true;
}

/* Wine gives ERROR_INTERNAL_ERROR where the new process ended before anything of the program ran, which one did in the
 * tests, for a reason unknown: to start it again does nothing twice. */
static bool create(wchar_t *line, bool inherits, STARTUPINFOW *startup, PROCESS_INFORMATION *started)
{
    bool good = false;
    for (int starts = 0; !good && starts < MOST_STARTS; starts++) {
        good = CreateProcessW(NULL, line, NULL, NULL, inherits, 0, NULL, NULL, startup, started);
        if (!good && GetLastError() != ERROR_INTERNAL_ERROR)
            break;
    }
    return good;
}

bool child_start(child_t *child, char **argv, bool piped)
{
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION started;
    wchar_t *line = command_line(argv);
    *child = (child_t){0};
    if (!line)
        return false;
    if (piped && make_pipe(&child->input, &startup.hStdInput, false) &&
        make_pipe(&child->output, &startup.hStdOutput, true)) {
        startup.dwFlags = STARTF_USESTDHANDLES;
        startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    }
    bool good = create(line, piped, &startup, &started);
    DWORD error = GetLastError();
    free(line);
    if (startup.hStdInput)
        CloseHandle(startup.hStdInput);
    if (startup.hStdOutput)
        CloseHandle(startup.hStdOutput);
    if (good) {
        CloseHandle(started.hThread);
        child->process = started.hProcess;
        child->pid = started.dwProcessId;
    } else {
        child_end(child, 0);
    }
    SetLastError(error);
    return good;
}

/* ---- talking ---- */

static bool take_line(child_t *child, char *line, size_t size)
{
    char *end = memchr(child->line, '\n', child->used);
    if (!end)
        return false;
    size_t length = (size_t)(end - child->line);
    snprintf(line, size, "%.*s", (int)length, child->line);
    line[strcspn(line, "\r")] = 0;
    child->used -= length + 1;
    memmove(child->line, end + 1, child->used);
    return true;
}

/* Whatever has come; false: nothing more will. */
static bool take_output(child_t *child)
{
    DWORD there = 0, got = 0;
    if (!PeekNamedPipe(child->output, NULL, 0, NULL, &there, NULL))
        return false;
    size_t room = sizeof child->line - child->used;
    if (!there || !room)
        return room != 0;
    if (!ReadFile(child->output, child->line + child->used, (DWORD)(there < room ? there : room), &got, NULL))
        return false;
    child->used += got;
    return true;
}

bool child_read(child_t *child, char *line, size_t size, unsigned timeout_ms)
{
    uint64_t until = os_now_us() + timeout_ms * 1000ull;
    for (;;) {
        bool goes_on = take_output(child);
        if (take_line(child, line, size))
            return true;
        if (!goes_on || os_now_us() >= until)
            return false;
        Sleep(2); /* a pipe cannot be waited for with a time-out */
    }
}

bool child_write(child_t *child, const char *line)
{
    DWORD put;
    char text[256];
    int length = snprintf(text, sizeof text, "%s\n", line);
    return WriteFile(child->input, text, (DWORD)length, &put, NULL) && put == (DWORD)length;
}

/* ---- the end ---- */

bool child_wait(child_t *child, uint32_t timeout_ms, uint32_t *exit_code)
{
    DWORD code = 0;
    if (WaitForSingleObject(child->process, timeout_ms == UINT32_MAX ? INFINITE : timeout_ms) != WAIT_OBJECT_0)
        return false;
    GetExitCodeProcess(child->process, &code);
    *exit_code = code;
    return true;
}

void child_end(child_t *child, uint32_t patience_ms)
{
    uint32_t code;
    if (child->input)
        CloseHandle(child->input);
    if (child->process && !child_wait(child, patience_ms, &code)) {
        TerminateProcess(child->process, 1);
        child_wait(child, 5000, &code);
    }
    if (child->output)
        CloseHandle(child->output);
    if (child->process)
        CloseHandle(child->process);
    *child = (child_t){0};
}
