/* samples: timings collected during one run, and their percentiles. */
#include "samples.h"

#include <stdlib.h>
#include <string.h>

bool samples_init(samples_t *samples, size_t capacity)
{
    *samples = (samples_t){.value = malloc(capacity * sizeof(double)), .capacity = capacity};
    if (!samples->value)
        return false;
    /* Touched now: a fresh page costs microseconds under Wine, and would be counted as a slow round trip. */
    memset(samples->value, 0, capacity * sizeof(double));
    return true;
}

void samples_clear(samples_t *samples)
{
    samples->count = 0;
    samples->sum = 0;
}

void samples_free(samples_t *samples)
{
    free(samples->value);
    *samples = (samples_t){0};
}

bool samples_add(samples_t *samples, double value)
{
    if (samples->count == samples->capacity)
        return false;
    samples->value[samples->count++] = value;
    samples->sum += value;
    return true;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void samples_sort(samples_t *samples)
{
    qsort(samples->value, samples->count, sizeof(double), compare);
}

double samples_percentile(const samples_t *samples, double percent)
{
    size_t at = (size_t)((double)samples->count * percent / 100.0);
    return samples->value[at < samples->count ? at : samples->count - 1];
}
