/* points: ends or stops a process at every point between two stores to shared memory that its workloads reach, natively.
 * usage: crash_points [--stop 1] [--seed N] [--hits N] [--share N] [--only WORKLOAD]
 * First every workload runs unharmed and its points are counted; then the victim is ended at the first hit of each, and at
 * --hits random ones.  With --share at one in N of a workload's points, at others in the next workload.  A listing says
 * which points no workload has reached.
 * With --stop it is stopped there, as in a debugger, while the survivor does one of several things in turn (pairs.h), and
 * goes on afterwards. */
#include "pairs.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const workload_t workloads[] = {
    {"plain", 0, 2, 2, 40000, 3000, 4096, 65536, false},
    {"one", 0, 1, 1, 3000, 300, 4096, 4096, true},
    {"grow", 0, 1, 1, 600000, 60000, 4096, 1 << 20, false},
    {"views", LOAD_VIEWS, 2, 1, 60000, 4000, 4096, 65536, false},
    {"urgent", LOAD_URGENT, 2, 1, 20000, 800, 4096, 16384, false},
    {"victim leaves", LOAD_VICTIM_LEAVES | LOAD_URGENT, 2, 1, 100000, 3000, 4096, 65536, false},
    {"survivor leaves", LOAD_SURVIVOR_LEAVES, 2, 1, 100000, 3000, 4096, 65536, true},
    {"both leave", LOAD_VICTIM_LEAVES | LOAD_SURVIVOR_LEAVES | LOAD_VIEWS, 2, 1, 100000, 3000, 4096, 65536, false},
    {"late reader", LOAD_LATE_READER, 1, 1, 400000, 30000, 4096, 16384, false},
    {"close early", LOAD_CLOSE_EARLY, 2, 1, 30000, 2000, 4096, 16384, false},
    {"lends", LOAD_LENDS, 1, 2, 20000, 2000, 4096, 16384, false},
    {"cancels", LOAD_CANCELS, 4, 2, 3000, 300, 4096, 4096, false},
};
#define WORKLOADS (sizeof workloads / sizeof *workloads)

static const char *const phase_names[KILL_PHASES] = {"before", "amid", "after"};

static struct {
    kill_table_t *table;
    uint32_t seed, random;
    unsigned hits, share, turn;
    bool stops;
    const char *only;
    unsigned kills, missed, faults, by_kernel;
    unsigned stopped[MEANWHILES];
    outcome_t longest[MEANWHILES];
    unsigned tries[KILL_ENTRIES][KILL_PHASES];
    bool reached[KILL_ENTRIES][KILL_PHASES], ended[KILL_ENTRIES][KILL_PHASES];
    uint32_t notices[1 << 17];
} session;

static void report_fault(const workload_t *load, part_t part, int entry, unsigned phase, unsigned hit,
                         const outcome_t *outcome)
{
    session.faults++;
    printf("FAULT %s, %s posts, seed %u, %s %s (%d), hit %u: %s\n", load->name, part == VICTIM_POSTS ? "victim" : "survivor",
           session.seed, entry < 0 ? "no point" : phase_names[phase], entry < 0 ? "" : session.table->entries[entry].name,
           entry, hit, outcome->fault);
    fflush(stdout);
}

static void note_stop(meanwhile_t meanwhile, const outcome_t *outcome)
{
    session.stopped[meanwhile]++;
    if (outcome->longest_us > session.longest[meanwhile].longest_us)
        session.longest[meanwhile] = *outcome;
}

static bool run(const workload_t *load, part_t part, int entry, unsigned phase, unsigned hit)
{
    outcome_t outcome;
    meanwhile_t meanwhile = entry < 0 ? MEANWHILE_LOOKS : (meanwhile_t)(session.tries[entry][phase]++ % MEANWHILES);
    kill_arrange(session.table, entry, phase, hit);
    store_relaxed(&session.table->way, session.stops ? KILL_NOT : KILL_BY_SIGNAL);
    pairs_run(load, part, meanwhile, session.seed, session.table, &outcome);
    if (outcome.stopped)
        note_stop(meanwhile, &outcome);
    if (outcome.fault[0])
        report_fault(load, part, entry, phase, hit, &outcome);
    session.by_kernel += outcome.by_kernel;
    if (outcome.killed && session.kills < sizeof session.notices / sizeof *session.notices)
        session.notices[session.kills] = outcome.notice_us;
    return session.stops ? outcome.stopped : outcome.killed;
}

static void end_at(const workload_t *load, part_t part, int entry, unsigned phase, unsigned hit)
{
    if (run(load, part, entry, phase, hit)) {
        session.kills++;
        session.ended[entry][phase] = true;
    } else {
        session.missed++; /* it depends on time whether a point is reached so often */
    }
}

/* One in session.share, beginning one point further on in each exploration. */
static bool is_in_share(uint32_t entry, unsigned phase)
{
    return (entry * KILL_PHASES + phase + session.turn) % session.share == 0;
}

static void explore(const workload_t *load, part_t part)
{
    static uint32_t counts[KILL_ENTRIES][KILL_PHASES];
    session.turn++;
    run(load, part, -1, 0, 0);
    uint32_t used = load_relaxed(&session.table->used);
    for (uint32_t i = 0; i < used; i++) {
        for (unsigned phase = 0; phase < KILL_PHASES; phase++) {
            counts[i][phase] = load_relaxed(&session.table->entries[i].hits[phase]);
            session.reached[i][phase] |= counts[i][phase] > 0;
        }
    }
    for (uint32_t i = 0; i < used; i++) {
        for (unsigned phase = 0; phase < KILL_PHASES; phase++) {
            if ((session.stops && session.tries[i][phase] >= MEANWHILES) || !is_in_share(i, phase))
                continue;
            if (counts[i][phase])
                end_at(load, part, (int)i, phase, 1);
            for (unsigned n = 0; n < session.hits && counts[i][phase] > 1; n++)
                end_at(load, part, (int)i, phase, 2 + unit_random(&session.random, counts[i][phase] - 1));
        }
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* A survivor's call that takes long is no fault here: it came to its end although nobody helped. */
static void report_stops(void)
{
    static const char *const names[] = {"asks and peeks", "closes", "leaves"};
    for (int meanwhile = 0; meanwhile < MEANWHILES; meanwhile++)
        printf("the survivor %s: %u stops, longest call %u us: %s\n", names[meanwhile], session.stopped[meanwhile],
               session.longest[meanwhile].longest_us, session.longest[meanwhile].longest);
}

static void report(void)
{
    unsigned points = 0, ended = 0, late = 0;
    const unsigned phases[] = {KILL_BEFORE, KILL_AFTER};
    for (uint32_t i = 0; i < load_relaxed(&session.table->used); i++) {
        bool reached = false;
        for (unsigned phase = 0; phase < KILL_PHASES; phase++) {
            reached |= session.reached[i][phase] || session.ended[i][phase];
            points += session.reached[i][phase] || session.ended[i][phase];
            ended += session.ended[i][phase];
        }
        if (!reached)
            printf("never reached: %s\n", session.table->entries[i].name);
        for (unsigned j = 0; reached && j < 2; j++) {
            if (!session.ended[i][phases[j]])
                printf("never ended %s: %s\n", phase_names[phases[j]], session.table->entries[i].name);
        }
    }
    qsort(session.notices, session.kills, sizeof *session.notices, by_size);
    for (unsigned i = 0; i < session.kills; i++)
        late += session.notices[i] > 1000000;
    printf("seed %u: %u stores, %u points reached, %u of them %s a process; %u %s (%u not reached again), %u faults, "
           "%u streams with bytes lost by the kernel's reset\n",
           session.seed, load_relaxed(&session.table->used), points, ended, session.stops ? "stopped" : "ended",
           session.kills, session.stops ? "stops" : "kills", session.missed, session.faults, session.by_kernel);
    if (session.stops)
        report_stops();
    else if (session.kills)
        printf("from death to the end of the last stream: median %u us, longest %u us, %u later than a second\n",
               session.notices[session.kills / 2], session.notices[session.kills - 1], late);
}

static void parse(int argc, char **argv)
{
    session.seed = session.share = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--stop") == 0)
            session.stops = atoi(argv[i + 1]) != 0;
        else if (strcmp(argv[i], "--seed") == 0)
            session.seed = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--hits") == 0)
            session.hits = (unsigned)atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--share") == 0 && atoi(argv[i + 1]) > 0)
            session.share = (unsigned)atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--only") == 0)
            session.only = argv[i + 1];
    }
    session.random = session.seed;
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    session.table = pairs_memory(sizeof *session.table);
    kill_use_table(session.table);
    for (size_t i = 0; i < WORKLOADS; i++) {
        if (session.only && strcmp(session.only, workloads[i].name) != 0)
            continue;
        explore(&workloads[i], VICTIM_POSTS);
        explore(&workloads[i], SURVIVOR_POSTS);
    }
    pairs_end();
    report();
    return session.faults != 0;
}
