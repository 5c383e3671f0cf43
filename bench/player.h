/* player: one variant's pair of programs, as the conductor sees it: a netbench client in a session, behind two named
 * pipes; or the bare ring, which plays in this process. */
#ifndef BENCH_PLAYER_H
#define BENCH_PLAYER_H

#include "usage.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct player player_t;

/* Opens FOLDER/NAME.in and FOLDER/NAME.out when it meets a name for the first time; FOLDER/NAME.groups, if there is one,
 * has the process groups of both ends, a line each. Those of
 * bare_ring.h play in this process and need none of them. */
player_t *player_find(const char *folder, const char *name);
bool player_can(const player_t *player, const char *test);

/* All end the program when a player does not answer within seconds. */
void player_connect(player_t *player);
/* Has one slice begun; `words` are the test's, or "". */
void player_ask(player_t *player, const char *test, unsigned bytes, unsigned milliseconds, const char *words);
/* Waits for its end, and puts the result, one JSON object without a line's end, into `result`. */
void player_answer(player_t *player, unsigned milliseconds, char *result, size_t size);

/* Both programs of a player; nothing of the bare ring. `since_start`: less what they took before the first connection. */
usage_t player_usage(player_t *player);
usage_t player_usage_at_start(const player_t *player);

/* CPU time of what serves all players, FOLDER/common.groups: the wineserver. */
double player_common_cpu_ms(void);

#endif
