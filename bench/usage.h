/* usage: what the processes of a player take of the machine, read from /proc. */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include <sys/types.h>

typedef struct {
    double cpu_ms;       /* of threads that live */
    double memory_kb;    /* shared pages count once over all who map them (PSS) */
    unsigned descriptors; /* open files */
} usage_t;

/* Sum over all processes whose process group is one of `groups`. */
usage_t usage_of(const pid_t *groups, unsigned count);

#endif
