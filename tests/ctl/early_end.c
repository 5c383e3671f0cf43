/* early_end: loaded into Wine's own processes (LD_PRELOAD), ends one that is about to become the program EARLY_END, before
 * anything of it runs: as often as there is a file EARLY_END_FLAG to take away, without that variable always. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The loader's second argument is the program. */
static int is_it(const char *name)
{
    char line[4096];
    int file = open("/proc/self/cmdline", O_RDONLY);
    ssize_t length = file < 0 ? 0 : read(file, line, sizeof line - 1);
    close(file);
    line[length < 0 ? 0 : length] = 0;
    const char *program = line + strlen(line) + 1;
    return program < line + length && strstr(program, name) != NULL;
}

__attribute__((constructor)) static void end_early(void)
{
    const char *name = getenv("EARLY_END"), *flag = getenv("EARLY_END_FLAG");
    if (name && is_it(name) && (!flag || unlink(flag) == 0))
        _exit(0);
}
