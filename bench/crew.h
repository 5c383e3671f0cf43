/* crew: the players of one variant that take a slice at the same time: one, or as many pairs as a test of load asks for,
 * perhaps beside a process that computes. */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include "player.h"

#define CREW_MAX 16

typedef struct {
    player_t *player[CREW_MAX]; /* NAME, then NAME.2, NAME.3 ... */
    unsigned count;
} crew_t;

typedef struct {
    const char *kind, *words;
    unsigned bytes, milliseconds;
    bool bystander;
} slice_t;

void crew_find(crew_t *crew, const char *folder, const char *name, unsigned count);
void crew_connect(const crew_t *crew);
/* Puts the result of one player, or the sum over several with what they used, into `result`, as JSON. */
void crew_play(const crew_t *crew, const slice_t *slice, char *result, size_t size);

#endif
