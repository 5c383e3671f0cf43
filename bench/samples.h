/* samples: timings collected during one run, and their percentiles. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    double *value;
    size_t count, capacity;
    double sum;
} samples_t;

bool samples_init(samples_t *samples, size_t capacity);
/* Makes room for another run, in memory that has been touched already. */
void samples_clear(samples_t *samples);
void samples_free(samples_t *samples);
/* False when there is no more room: stop then, the run is long enough. */
bool samples_add(samples_t *samples, double value);
/* Sorts; percentile() below wants that done, and at least one sample. */
void samples_sort(samples_t *samples);
double samples_percentile(const samples_t *samples, double percent);

#endif
