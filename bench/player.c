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

#define PLAYERS_MAX 32
#define ANSWER_WAIT_MS 20000 /* the first answer waits for the start of a dozen Wine programs */

struct player {
    char name[32];
    int in, out; /* the client's standard input and output; -1 for the bare ring */
};

static player_t known[PLAYERS_MAX];
static unsigned known_count;

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

static bool is_ring(const player_t *player)
{
    return player->in < 0;
}

const player_t *player_find(const char *folder, const char *name)
{
    for (unsigned i = 0; i < known_count; i++)
        if (!strcmp(known[i].name, name))
            return &known[i];
    if (known_count == PLAYERS_MAX || strlen(name) >= sizeof known->name)
        bench_fail("too many players, or too long a name: %s", name);
    player_t *player = &known[known_count++];
    bool ring = !strcmp(name, PLAYER_RING);
    strcpy(player->name, name);
    player->in = ring ? -1 : open_pipe(folder, name, "in");
    player->out = ring ? -1 : open_pipe(folder, name, "out");
    return player;
}

bool player_can(const player_t *player, const char *test)
{
    return !is_ring(player) || bare_ring_has(test);
}

static void read_answer(const player_t *player, const char *question, unsigned wait_ms, char *answer, size_t size)
{
    size_t got = 0;
    do {
        struct pollfd out = {.fd = player->out, .events = POLLIN};
        if (poll(&out, 1, (int)wait_ms) != 1)
            bench_fail("%s did not answer to: %s", player->name, question);
        ssize_t n = read(player->out, answer + got, size - 1 - got);
        if (n <= 0)
            bench_fail("cannot read from %s", player->name);
        got += (size_t)n;
    } while (answer[got - 1] != '\n' && got < size - 1);
    answer[got] = 0;
    answer[strcspn(answer, "\r\n")] = 0;
}

static void ask(const player_t *player, const char *question, unsigned wait_ms, char *answer, size_t size)
{
    dprintf(player->in, "%s\n", question);
    read_answer(player, question, wait_ms, answer, size);
}

void player_connect(const player_t *player)
{
    char answer[128];
    if (!is_ring(player))
        ask(player, "connect", ANSWER_WAIT_MS, answer, sizeof answer);
}

static void take_from_ring(const char *test, unsigned bytes, unsigned milliseconds, char *result, size_t size)
{
    FILE *out = fmemopen(result, size, "w");
    if (!out)
        bench_fail("out of memory");
    bare_ring_take(test, bytes, milliseconds, out);
    fclose(out);
}

void player_take(const player_t *player, const char *test, unsigned bytes, unsigned milliseconds, const char *flag,
                 char *result, size_t size)
{
    char question[128];
    if (is_ring(player)) {
        take_from_ring(test, bytes, milliseconds, result, size);
        return;
    }
    snprintf(question, sizeof question, "%s %u %u %s", test, bytes, milliseconds, flag);
    ask(player, question, ANSWER_WAIT_MS + milliseconds, result, size);
}
