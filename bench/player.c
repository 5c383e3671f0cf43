/* player: questions and answers through pipes. */
#define _GNU_SOURCE
#include "player.h"
#include "bare_ring.h"
#include "cores.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PLAYERS_MAX 160
#define GROUPS_MAX 2
#define ANSWER_WAIT_MS 120000 /* four thousand connections take their time, and so do a hundred Wine programs that start */

struct player {
    char name[32];
    int in, out; /* the client's standard input and output; -1 for what plays in this process */
    pid_t group[GROUPS_MAX];
    unsigned groups;
    bool connected;
    usage_t at_start;
    char asked[128];
    struct {
        char test[16];
        unsigned bytes, milliseconds;
    } own; /* the slice that this process is to play */
};

static player_t known[PLAYERS_MAX];
static unsigned known_count;
static player_t common = {.name = "common"};

/* Open for both directions: then opening does not wait for the other end. */
static int open_pipe(const char *folder, const char *player, const char *end)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%s", folder, player, end);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        bench_fail("cannot open %s", path);
    return fd;
}

static bool plays_here(const player_t *player)
{
    return player->in < 0;
}

static void read_groups(player_t *player, const char *folder)
{
    char path[4096];
    int group;
    snprintf(path, sizeof path, "%s/%s.groups", folder, player->name);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    while (player->groups < GROUPS_MAX && fscanf(f, "%d", &group) == 1)
        player->group[player->groups++] = group;
    fclose(f);
}

player_t *player_find(const char *folder, const char *name)
{
    for (unsigned i = 0; i < known_count; i++)
        if (!strcmp(known[i].name, name))
            return &known[i];
    if (known_count == PLAYERS_MAX || strlen(name) >= sizeof known->name)
        bench_fail("too many players, or too long a name: %s", name);
    player_t *player = &known[known_count++];
    if (!common.groups)
        read_groups(&common, folder);
    strcpy(player->name, name);
    if (bare_ring_is(name)) {
        player->in = player->out = -1;
        return player;
    }
    player->in = open_pipe(folder, name, "in");
    player->out = open_pipe(folder, name, "out");
    read_groups(player, folder);
    return player;
}

bool player_can(const player_t *player, const char *test)
{
    return !plays_here(player) || bare_ring_has(player->name, test);
}

static void read_answer(const player_t *player, unsigned wait_ms, char *answer, size_t size)
{
    size_t got = 0;
    do {
        struct pollfd out = {.fd = player->out, .events = POLLIN};
        if (poll(&out, 1, (int)wait_ms) != 1)
            bench_fail("%s did not answer to: %s", player->name, player->asked);
        ssize_t n = read(player->out, answer + got, size - 1 - got);
        if (n <= 0)
            bench_fail("cannot read from %s", player->name);
        got += (size_t)n;
    } while (answer[got - 1] != '\n' && got < size - 1);
    answer[got] = 0;
    answer[strcspn(answer, "\r\n")] = 0;
}

void player_connect(player_t *player)
{
    char answer[128];
    if (plays_here(player))
        return;
    if (!player->connected)
        player->at_start = player_usage(player);
    player->connected = true;
    strcpy(player->asked, "connect");
    dprintf(player->in, "connect\n");
    read_answer(player, ANSWER_WAIT_MS, answer, sizeof answer);
}

void player_ask(player_t *player, const char *test, unsigned bytes, unsigned milliseconds, const char *words)
{
    snprintf(player->own.test, sizeof player->own.test, "%s", test);
    player->own.bytes = bytes;
    player->own.milliseconds = milliseconds;
    snprintf(player->asked, sizeof player->asked, "%s %u %u %s", test, bytes, milliseconds, words);
    if (!plays_here(player))
        dprintf(player->in, "%s\n", player->asked);
}

static void play_here(const player_t *player, char *result, size_t size)
{
    FILE *out = fmemopen(result, size, "w");
    if (!out)
        bench_fail("out of memory");
    bare_ring_take(player->name, player->own.test, player->own.bytes, player->own.milliseconds, out);
    fclose(out);
}

void player_answer(player_t *player, unsigned milliseconds, char *result, size_t size)
{
    if (plays_here(player))
        play_here(player, result, size);
    else
        read_answer(player, ANSWER_WAIT_MS + milliseconds, result, size);
}

usage_t player_usage(player_t *player)
{
    return usage_of(player->group, player->groups);
}

usage_t player_usage_at_start(const player_t *player)
{
    return player->at_start;
}

double player_common_cpu_ms(void)
{
    return player_usage(&common).cpu_ms;
}
