/* crew: see crew.h. */
#include "crew.h"
#include "bystander.h"
#include "cores.h"
#include "net.h"
#include "samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESULT_MAX 1024

void crew_find(crew_t *crew, const char *folder, const char *name, unsigned count)
{
    char one[64];
    if (count < 1 || count > CREW_MAX)
        bench_fail("1 to %d pairs", CREW_MAX);
    crew->count = count;
    crew->player[0] = player_find(folder, name);
    for (unsigned i = 2; i <= count; i++) {
        snprintf(one, sizeof one, "%s.%u", name, i);
        crew->player[i - 1] = player_find(folder, one);
    }
}

void crew_connect(const crew_t *crew)
{
    for (unsigned i = 0; i < crew->count; i++)
        player_connect(crew->player[i]);
}

static void ask(const crew_t *crew, const slice_t *slice)
{
    for (unsigned i = 0; i < crew->count; i++)
        player_ask(crew->player[i], slice->kind, slice->bytes, slice->milliseconds, slice->words);
}

static double field(const char *result, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(result, key);
    if (!at)
        bench_fail("an answer has no %s: %s", name, result);
    return strtod(at + strlen(key), NULL);
}

static usage_t usage_of_crew(const crew_t *crew)
{
    usage_t sum = {0};
    for (unsigned i = 0; i < crew->count; i++) {
        usage_t one = player_usage(crew->player[i]);
        sum.cpu_ms += one.cpu_ms;
    }
    sum.cpu_ms += player_common_cpu_ms();
    return sum;
}

/* How fast the bystander is with the machine to itself, right before it has to share it. */
static double compute_alone(unsigned milliseconds)
{
    bystander_begin();
    net_sleep_ms(milliseconds);
    return bystander_stop();
}

typedef struct {
    double median[CREW_MAX], worst, least, most, exchanges;
} sum_t;

static void add(sum_t *sum, unsigned i, const char *result)
{
    double exchanges = field(result, "exchanges"), worst = field(result, "p99_us");
    sum->median[i] = field(result, "median_us");
    sum->worst = worst > sum->worst ? worst : sum->worst;
    sum->least = i == 0 || exchanges < sum->least ? exchanges : sum->least;
    sum->most = exchanges > sum->most ? exchanges : sum->most;
    sum->exchanges += exchanges;
}

static void play_together(const crew_t *crew, const slice_t *slice, char *result, size_t size)
{
    sum_t sum = {0};
    char one[RESULT_MAX];
    double alone = slice->bystander ? compute_alone(slice->milliseconds) : 0, beside = 0;
    if (slice->bystander)
        bystander_begin();
    double cpu_ms = usage_of_crew(crew).cpu_ms;
    uint64_t start = net_clock_ns();
    ask(crew, slice);
    for (unsigned i = 0; i < crew->count; i++) {
        player_answer(crew->player[i], slice->milliseconds, one, sizeof one);
        add(&sum, i, one);
    }
    double seconds = (double)(net_clock_ns() - start) / 1e9;
    cpu_ms = usage_of_crew(crew).cpu_ms - cpu_ms;
    if (slice->bystander)
        beside = bystander_stop();
    samples_t medians = {.value = sum.median, .count = crew->count, .capacity = CREW_MAX};
    samples_sort(&medians);
    snprintf(result, size,
             "{\"pairs\":%u,\"exchanges\":%.0f,\"median_us\":%.3f,\"p99_us\":%.3f,\"per_s\":%.1f,"
             "\"cpu_us_each\":%.3f,\"least\":%.0f,\"most\":%.0f%s%.4f}",
             crew->count, sum.exchanges, samples_percentile(&medians, 50), sum.worst, sum.exchanges / seconds,
             cpu_ms * 1e3 / sum.exchanges, sum.least, sum.most, slice->bystander ? ",\"bystander\":" : ",\"pairs_cpu\":",
             slice->bystander ? beside / alone : cpu_ms / 1e3 / seconds);
}

/* With what it has come to hold since its start. */
static void add_holdings(player_t *player, char *result, size_t size)
{
    usage_t now = player_usage(player), start = player_usage_at_start(player);
    size_t end = strlen(result);
    if (end == 0 || result[end - 1] != '}')
        return;
    snprintf(result + end - 1, size - end + 1, ",\"memory_kb\":%.0f,\"descriptors\":%d}", now.memory_kb - start.memory_kb,
             (int)(now.descriptors - start.descriptors));
}

void crew_play(const crew_t *crew, const slice_t *slice, char *result, size_t size)
{
    if (!strcmp(slice->kind, "load")) {
        play_together(crew, slice, result, size);
        return;
    }
    ask(crew, slice);
    player_answer(crew->player[0], slice->milliseconds, result, size);
    if (!strcmp(slice->kind, "crowd"))
        add_holdings(crew->player[0], result, size);
}
