/* child: programs that vmmcctl starts. */
#ifndef CTL_CHILD_H
#define CTL_CHILD_H

#include "ctl.h"

typedef struct child {
    void *process; /* NULL: not started */
    uint32_t pid;
    void *input, *output; /* our ends of its standard input and output; NULL: it has ours */
    char line[1024];      /* of its output, as far as it has come */
    size_t used;
} child_t;

/* Start argv[0] with its arguments (the last is NULL).  `piped`: with its input and output in our hands.  False: the
 * system could not (its error is the thread's). */
bool child_start(child_t *child, char **argv, bool piped);
/* The next line of its output without its end; false: it has ended, or said nothing for so long. */
bool child_read(child_t *child, char *line, size_t size, unsigned timeout_ms);
bool child_write(child_t *child, const char *line);
/* Wait for its end, UINT32_MAX: for ever; false: it goes on. */
bool child_wait(child_t *child, uint32_t timeout_ms, uint32_t *exit_code);
/* Let go of it; end it first if it is still there after so long. */
void child_end(child_t *child, uint32_t patience_ms);

#endif
