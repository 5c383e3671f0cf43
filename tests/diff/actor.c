/* actor: one of the processes that play random sequences of WinSock 1.1 calls, in lock step.
 *
 *   diff_actor --out FILE --seed S --first N --count C [--drop STEP,STEP...] [--falsify N] PROGRAM PROGRAM
 *
 * The leader, started like this, starts the two PROGRAMs (this one, or its 32-bit sister) as the other actors and writes
 * what all of them saw, sequence by sequence, to FILE.  --drop leaves steps out of the sequence, --falsify makes one result
 * of sequence N wrong.  EXPECT_DLL says which wsock32 has to be loaded: ours or builtin. */
#include "lockstep.h"
#include "perform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NO_SEQUENCE = -1 };

typedef struct options {
    uint32_t seed, first, count;
    long falsify;
    const char *out;
    char drop[300];
    char *programs[PLAN_ACTORS - 1];
} options_t;

static struct {
    unsigned self;
    options_t options;
    plan_t plan;
    FILE *out;
} actor;

/* ---- start ---- */

/* The builtin forwards to ws2_32, so a pointer of its own proves that another DLL was loaded. */
static void check_dll(void)
{
    const char *expected = getenv("EXPECT_DLL");
    bool ours = GetProcAddress(GetModuleHandleA("wsock32"), "send") != GetProcAddress(LoadLibraryA("ws2_32"), "send");
    if (expected && ours != (strcmp(expected, "ours") == 0))
        lockstep_fail("wsock32 is %s, not %s", ours ? "ours" : "the builtin", expected);
}

static void parse(options_t *options, int argc, char **argv)
{
    unsigned programs = 0;
    *options = (options_t){.seed = 1, .count = 1, .falsify = NO_SEQUENCE};
    for (int i = 0; i < argc; i++) {
        bool more = i + 1 < argc;
        if (more && strcmp(argv[i], "--seed") == 0)
            options->seed = strtoul(argv[++i], NULL, 0);
        else if (more && strcmp(argv[i], "--first") == 0)
            options->first = strtoul(argv[++i], NULL, 0);
        else if (more && strcmp(argv[i], "--count") == 0)
            options->count = strtoul(argv[++i], NULL, 0);
        else if (more && strcmp(argv[i], "--falsify") == 0)
            options->falsify = strtol(argv[++i], NULL, 0);
        else if (more && strcmp(argv[i], "--drop") == 0)
            snprintf(options->drop, sizeof options->drop, "%s", argv[++i]);
        else if (more && strcmp(argv[i], "--out") == 0)
            options->out = argv[++i];
        else if (programs < PLAN_ACTORS - 1)
            options->programs[programs++] = argv[i];
    }
}

static void start_sockets(void)
{
    WSADATA data;
    check_dll();
    if (WSAStartup(MAKEWORD(1, 1), &data) != 0)
        lockstep_fail("no WinSock");
    perform_start(actor.self);
}

/* Ready before the others start: when several processes need Wine's desktop at once and it is not there yet, some never
 * get a window. */
static void start_leader(int argc, char **argv)
{
    char arguments[600];
    options_t *options = &actor.options;
    parse(options, argc, argv);
    if (!options->out || !options->programs[PLAN_ACTORS - 2])
        lockstep_fail("usage: see the head of actor.c");
    actor.out = fopen(options->out, "ab");
    if (!actor.out)
        lockstep_fail("cannot write %s", options->out);
    start_sockets();
    snprintf(arguments, sizeof arguments, "--seed %u --first %u --count %u --falsify %ld%s%s", (unsigned)options->seed,
             (unsigned)options->first, (unsigned)options->count, options->falsify, *options->drop ? " --drop " : "",
             options->drop);
    lockstep_lead(options->programs, arguments);
}

static void start_follower(int argc, char **argv)
{
    parse(&actor.options, argc - 5, argv + 5);
    actor.self = (unsigned)atoi(argv[3]);
    lockstep_follow(argv[2], actor.self, strtoul(argv[4], NULL, 10));
    start_sockets();
}

/* ---- the log, which the leader writes ---- */

/* The socket that had the port in a step: the last to get it.  A connection's port is known a step after accept told it. */
static unsigned socket_of(long port, unsigned step)
{
    unsigned found = PLAN_SOCKETS;
    for (unsigned i = 0; port && i < PLAN_SOCKETS; i++) {
        bool fits = board->ports[i] == port && (unsigned)board->named[i] <= step + 1;
        if (fits && (found == PLAN_SOCKETS || board->named[i] > board->named[found]))
            found = i;
    }
    return found;
}

/* "@PORT@" becomes the socket that has the port. */
static void write_named(const char *line, unsigned step)
{
    const char *mark;
    while ((mark = strchr(line, '@')) != NULL) {
        char *end;
        long port = strtol(mark + 1, &end, 10);
        unsigned sock = socket_of(port, step);
        fprintf(actor.out, "%.*s", (int)(mark - line), line);
        if (sock < PLAN_SOCKETS)
            fprintf(actor.out, "port of s%u", sock);
        else
            fprintf(actor.out, port ? "port ?" : "port 0");
        line = *end == '@' ? end + 1 : end;
    }
    fprintf(actor.out, "%s\n", line);
}

static void write_sequence(const char *end)
{
    fprintf(actor.out, "# %u\n", (unsigned)actor.plan.number);
    for (unsigned i = 0; i < actor.plan.count; i++)
        write_named(board->lines[i], i);
    if (end)
        fprintf(actor.out, "# end: %s at step %ld of actor %ld\n", end, board->step, board->actor);
    memset(board->lines, 0, sizeof board->lines);
    InterlockedExchange(&board->lost, 0);
    for (unsigned i = 0; i < PLAN_SOCKETS; i++)
        InterlockedExchange(&board->ports[i], 0);
    fflush(actor.out);
}

static void write_unfinished(const char *why)
{
    if (actor.out)
        write_sequence(why);
}

/* ---- sequences ---- */

static bool is_dropped(unsigned step)
{
    const char *at = actor.options.drop;
    while (*at) {
        char *end;
        if (strtoul(at, &end, 10) == step && end != at)
            return true;
        at = *end ? end + 1 : end;
    }
    return false;
}

static unsigned actor_of(const plan_t *plan, unsigned step)
{
    return step < plan->count ? plan->steps[step].actor : 0; /* the leader has the word when a sequence is over */
}

static void play_step(const plan_t *plan, unsigned index)
{
    const step_t *step = &plan->steps[index];
    bool falsify = (long)plan->number == actor.options.falsify && index == plan->count / 2;
    lockstep_await(plan->number, index);
    if (step->early)
        lockstep_pass(plan->number, index + 1, actor_of(plan, index + 1));
    if (!is_dropped(index))
        perform(plan, step, falsify, board->lines[index], LINE_BYTES);
    if (!step->early)
        lockstep_pass(plan->number, index + 1, actor_of(plan, index + 1));
}

static void play_sequence(uint32_t number)
{
    plan_t *plan = &actor.plan;
    plan_make(plan, actor.options.seed, number);
    if (actor.self == 0)
        lockstep_pass(number, 0, actor_of(plan, 0));
    for (unsigned i = 0; i < plan->count; i++) {
        if (plan->steps[i].actor == actor.self)
            play_step(plan, i);
    }
    if (actor.self == 0) {
        lockstep_await(number, plan->count);
        write_sequence(NULL);
    }
}

int main(int argc, char **argv)
{
    if (argc > 5 && strcmp(argv[1], "--follow") == 0)
        start_follower(argc, argv);
    else
        start_leader(argc - 1, argv + 1);
    lockstep_ready();
    if (actor.self == 0)
        lockstep_on_end(write_unfinished);
    for (uint32_t i = 0; i < actor.options.count; i++)
        play_sequence(actor.options.first + i);
    lockstep_finish();
    WSACleanup();
    return 0;
}
