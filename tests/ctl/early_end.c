/* early_end: built by test_run.pl and loaded into Wine's own processes (LD_PRELOAD): ends one that is about to become the
 * program EARLY_END, before anything of it runs: as often as there is a file EARLY_END_FLAG to take away, without that
 * variable always. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The program stands among the loader's arguments, but also among those of the vmmcctl that starts it. */
static int is_it(const char *name)
{
    char line[4096];
    int file = open("/proc/self/cmdline", O_RDONLY);
    ssize_t length = file < 0 ? 0 : read(file, line, sizeof line - 1);
    close(file);
    for (ssize_t i = 0; i < length; i++)
        line[i] = line[i] ? line[i] : ' ';
    line[length < 0 ? 0 : length] = 0;
    return strstr(line, name) && !strstr(line, "vmmcctl.exe");
}

__attribute__((constructor)) static void end_early(void)
{
    const char *name = getenv("EARLY_END"), *flag = getenv("EARLY_END_FLAG");
    if (name && is_it(name) && (!flag || unlink(flag) == 0))
        _exit(0);
}
