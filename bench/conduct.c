/* conduct: takes very short slices of many tests in turn, each between two looks at the state of the machine. The
 * programs under test are started once, by tools/bench.sh; they are netbench clients in a session, asked by lines
 * through named pipes, whose servers wait beside them. Whoever is not asked sleeps.
 *
 * Server and client are pinned to different processors, as are the two threads of the bare ring: left alone, two
 * programs that have just woken each other share a processor for a hundredth of a second, and it takes them longer than
 * a slice to come to where they stay. */
#include "cores.h"
#include "crew.h"
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_OF_BLOCK 3
#define STATE_WAIT_MS 2
#define TESTS_MAX 64
#define PARTS_MAX 12
#define RESULT_MAX 1024

static const char usage[] =
    "usage: conduct state          prints the cache-line round trip of two processors in microseconds\n"
    "       conduct pin server|client PROGRAM [ARGUMENT ...]   runs it on one of these two processors\n"
    "       conduct run FOLDER [--seconds N] [--slice MILLISECONDS] [--near-below MICROSECONDS | --far-from MICROSECONDS]\n"
    "                          [--wineserver PID] TEST ...\n"
    "TEST:  NAME:BYTES:[WORD-WORD...|mixed|MILLISECONDS]=VARIANT[@PLAYER][+NAME][/MILLISECONDS],...\n"
    "       as in rtt:64:=builtin,ours,ring, where PLAYER reads FOLDER/PLAYER.in and writes FOLDER/PLAYER.out;\n"
    "       a test that has MILLISECONDS of its own is taken once, at the start, and so is crowd\n"
    "       WORDs are those of netbench, and for load: pN: by N pairs at once; beside: a process computes beside them\n"
    "       a variant that has MILLISECONDS of its own is taken once in a block, in any state\n"
    "       a variant that has a NAME of its own takes that test instead, beside the others\n"
    "       --near-below waits before each slice until the cache-line round trip is under that, --far-from until it is not\n"
    "       --wineserver runs on the clients' processor where a client alone has to do with it (ready, empty, alone), and elsewhere\n"
    "       where the scheduler has it: that changes by the minute, and a call of such a client takes 15 us or 50 by it\n"
    "Prints a line of JSON for each slice.\n";

typedef struct {
    const char *variant;
    crew_t crew;
    const char *kind;
    unsigned long_milliseconds; /* 0: takes slices like everybody */
} part_t;

typedef struct {
    const char *label;
    char kind[16];
    unsigned bytes, own_milliseconds; /* not 0: taken once */
    char words[32];
    unsigned pairs;
    bool bystander, has_crowd;
    part_t part[PARTS_MAX];
    unsigned parts;
} bench_test_t;

static struct {
    const char *folder;
    unsigned seconds, slice_ms;
    double near_below, far_from; /* 0: take slices in any state */
    int wineserver;              /* 0: none, or nobody is pinned */
    bench_test_t test[TESTS_MAX];
    unsigned tests;
    uint64_t end_ns;
    unsigned block;
} run = {.seconds = 60, .slice_ms = 5};

static bool time_is_up(void)
{
    return net_clock_ns() >= run.end_ns;
}

static bool is_wanted(double state)
{
    return state >= run.far_from && (run.near_below == 0 || state < run.near_below);
}

/* False: the time is up before the state that we are waiting for has come. */
static bool await_state(double *state)
{
    while (!is_wanted(*state = cores_round_trip_us())) {
        if (time_is_up())
            return false;
        net_sleep_ms(STATE_WAIT_MS);
    }
    return true;
}

static void play(const bench_test_t *test, const part_t *part, unsigned milliseconds, char *result)
{
    slice_t slice = {part->kind, test->words, test->bytes, milliseconds, test->bystander};
    crew_play(&part->crew, &slice, result, RESULT_MAX);
}

static void take_slice(const bench_test_t *test, const part_t *part, unsigned milliseconds, double before)
{
    char result[RESULT_MAX];
    play(test, part, milliseconds, result);
    double after = cores_round_trip_us();
    printf(
        "{\"test\":\"%s\",\"variant\":\"%s\",\"block\":%u,\"before\":%.4f,\"after\":%.4f,\"long\":%s,\"result\":%s}\n",
        test->label, part->variant, run.block, before, after, milliseconds == run.slice_ms ? "false" : "true", result);
}

/* So that no variant profits from its place in the order. */
static void shuffle(unsigned *order, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        order[i] = i;
    for (unsigned i = count; i > 1; i--) {
        unsigned k = (unsigned)rand() % i, swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
}

/* What is too long for one state needs none. It must not use up the state that we are waiting for. */
static void take_long_slices(const bench_test_t *test)
{
    bool waits = run.near_below > 0 || run.far_from > 0;
    for (unsigned i = 0; i < test->parts; i++) {
        const part_t *part = &test->part[i];
        double state = cores_round_trip_us();
        if (part->long_milliseconds && !(waits && is_wanted(state)))
            take_slice(test, part, part->long_milliseconds, state);
    }
}

/* The first slice does not count: in it the other end is found, the ring grows, and the crowd gathers. */
static void begin_part(const bench_test_t *test, const part_t *part)
{
    char unused[RESULT_MAX];
    crew_connect(&part->crew);
    play(test, part, run.slice_ms, unused);
}

static void take_part(const bench_test_t *test, const part_t *part)
{
    double before;
    if (!part->long_milliseconds && await_state(&before))
        take_slice(test, part, run.slice_ms, before);
}

/* Each block has connections of its own: a ring that has grown for large pieces would slow small ones down. */
static void take_in_turn(const bench_test_t *test)
{
    unsigned order[PARTS_MAX];
    for (unsigned i = 0; i < test->parts; i++)
        begin_part(test, &test->part[i]);
    take_long_slices(test);
    for (unsigned round = 0; round < ROUNDS_OF_BLOCK; round++) {
        shuffle(order, test->parts);
        for (unsigned i = 0; i < test->parts; i++)
            take_part(test, &test->part[order[i]]);
    }
}

/* A crowd that is not asked is not without cost for others: the wineserver goes through its sockets at each event. So
 * each variant plays all its rounds alone, and sends its crowd away. */
static void take_apart(const bench_test_t *test)
{
    unsigned order[PARTS_MAX];
    shuffle(order, test->parts);
    for (unsigned i = 0; i < test->parts; i++) {
        const part_t *part = &test->part[order[i]];
        begin_part(test, part);
        for (unsigned round = 0; round < ROUNDS_OF_BLOCK; round++)
            take_part(test, part);
        crew_connect(&part->crew);
    }
}

static void place_wineserver(const bench_test_t *test)
{
    static const char *const alone[] = {"ready", "empty", "alone"};
    bool on_first = false;
    for (unsigned i = 0; i < sizeof alone / sizeof *alone; i++)
        on_first |= !strcmp(test->kind, alone[i]);
    if (run.wineserver)
        cores_place(run.wineserver, on_first);
}

static void take_block(const bench_test_t *test)
{
    run.block++;
    place_wineserver(test);
    if (test->has_crowd)
        take_apart(test);
    else
        take_in_turn(test);
}

static void take_once(const bench_test_t *test)
{
    run.block++;
    for (unsigned i = 0; i < test->parts; i++) {
        crew_connect(&test->part[i].crew);
        take_slice(test, &test->part[i], test->own_milliseconds, cores_round_trip_us());
        if (test->has_crowd)
            crew_connect(&test->part[i].crew);
    }
}

static void show_progress(uint64_t start_ns)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[Kbench: %u of %u s", (unsigned)((net_clock_ns() - start_ns) / 1000000000u),
                run.seconds);
}

/* One block of each test; the first cycle is completed even when the time is up. */
static void take_cycle(uint64_t start_ns, bool first)
{
    unsigned order[TESTS_MAX];
    shuffle(order, run.tests);
    for (unsigned i = 0; i < run.tests && (first || !time_is_up()); i++) {
        show_progress(start_ns);
        if (!run.test[order[i]].own_milliseconds)
            take_block(&run.test[order[i]]);
    }
}

static void take_all(void)
{
    for (unsigned i = 0; i < run.tests; i++)
        if (run.test[i].own_milliseconds)
            take_once(&run.test[i]);
    uint64_t start = net_clock_ns();
    run.end_ns = start + (uint64_t)run.seconds * 1000000000u;
    take_cycle(start, true);
    while (!time_is_up())
        take_cycle(start, false);
    if (run.wineserver)
        cores_place(run.wineserver, false);
}

static void fail_usage(const char *what)
{
    fprintf(stderr, "conduct: bad argument '%s'\n%s", what, usage);
    exit(2);
}

static void take_parts(bench_test_t *test, char *list)
{
    for (char *rest = NULL, *name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        if (test->parts == PARTS_MAX)
            fail_usage(name);
        char *player = strchr(name, '@'), *kind = strchr(name, '+'), *milliseconds = strchr(name, '/');
        if (player)
            *player++ = 0;
        if (kind)
            *kind++ = 0;
        part_t *part = &test->part[test->parts++];
        part->variant = name;
        part->kind = kind ? kind : test->kind;
        if (milliseconds) {
            *milliseconds++ = 0;
            part->long_milliseconds = (unsigned)strtoul(milliseconds, NULL, 10);
        }
        crew_find(&part->crew, run.folder, player ? player : name, test->pairs);
        if (!player_can(part->crew.player[0], part->kind))
            fail_usage(name);
    }
}

/* Keeps what is for the programs. */
static void take_words(bench_test_t *test, char *words)
{
    for (char *word = strtok(words, "-"); word; word = strtok(NULL, "-")) {
        if (!strcmp(word, "mixed") || sscanf(word, "p%u", &test->pairs) == 1)
            continue;
        if (!strcmp(word, "beside")) {
            test->bystander = true;
            continue;
        }
        test->has_crowd = test->has_crowd || word[0] == 'c';
        if (test->words[0])
            strcat(test->words, "-");
        strcat(test->words, word);
    }
}

static void take_test(char *text)
{
    char *parts = strchr(text, '='), option[32] = "";
    if (!parts || run.tests == TESTS_MAX)
        fail_usage(text);
    *parts++ = 0;
    bench_test_t *test = &run.test[run.tests++];
    test->label = text;
    if (sscanf(text, "%15[a-z]:%u:%31s", test->kind, &test->bytes, option) < 2)
        fail_usage(text);
    test->pairs = 1;
    test->own_milliseconds = (unsigned)strtoul(option, NULL, 10);
    if (!test->own_milliseconds)
        take_words(test, option);
    if (!strcmp(test->kind, "crowd"))
        test->own_milliseconds = 1;
    take_parts(test, parts);
}

static double take_number(const char *text)
{
    char *end;
    double number = text ? strtod(text, &end) : 0;
    if (!text || *end || !(number > 0) || number > 1e6)
        fail_usage(text ? text : "");
    return number;
}

static void take_arguments(char **argument)
{
    run.folder = *argument++;
    for (; *argument; argument++)
        if (!strcmp(*argument, "--seconds"))
            run.seconds = (unsigned)take_number(*++argument);
        else if (!strcmp(*argument, "--slice"))
            run.slice_ms = (unsigned)take_number(*++argument);
        else if (!strcmp(*argument, "--near-below"))
            run.near_below = take_number(*++argument);
        else if (!strcmp(*argument, "--far-from"))
            run.far_from = take_number(*++argument);
        else if (!strcmp(*argument, "--wineserver"))
            run.wineserver = (int)take_number(*++argument);
        else
            take_test(*argument);
}

static void run_pinned(const char *end, char **program)
{
    if (strcmp(end, "server") && strcmp(end, "client"))
        fail_usage(end);
    cores_pin(strcmp(end, "server") ? CORES_FIRST : CORES_SECOND);
    execvp(*program, program);
    bench_fail("cannot run %s", *program);
}

int main(int argc, char **argv)
{
    if (argc >= 4 && !strcmp(argv[1], "pin"))
        run_pinned(argv[2], argv + 3);
    if (argc == 2 && !strcmp(argv[1], "state")) {
        cores_start();
        printf("%.4f\n", cores_round_trip_us());
        return 0;
    }
    if (argc < 4 || strcmp(argv[1], "run"))
        fail_usage(argc > 1 ? argv[1] : "");
    take_arguments(argv + 2);
    srand((unsigned)net_clock_ns());
    cores_start();
    take_all();
    return 0;
}
