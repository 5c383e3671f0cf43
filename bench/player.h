/* player: one variant's pair of programs, as the conductor sees it: a netbench client in a session, behind two named
 * pipes; or the bare ring, which plays in this process. */
#ifndef BENCH_PLAYER_H
#define BENCH_PLAYER_H

#include <stdbool.h>
#include <stddef.h>

#define PLAYER_RING "ring"

typedef struct player player_t;

/* Opens FOLDER/NAME.in and FOLDER/NAME.out when it meets a name for the first time. PLAYER_RING needs none. */
const player_t *player_find(const char *folder, const char *name);
bool player_can(const player_t *player, const char *test);

/* Both end the program when a player does not answer within seconds. */
void player_connect(const player_t *player);
/* Takes one slice; `flag` is "" or "select". Puts the result, one JSON object without a line's end, into `result`. */
void player_take(const player_t *player, const char *test, unsigned bytes, unsigned milliseconds, const char *flag,
                 char *result, size_t size);

#endif
