/* copy_choice: see copy_choice.h. */
#include "copy_choice.h"

#define MB (1u << 20)
#define STRETCH_MIN (256u << 10)
#define INTERRUPTED_TICKS                                                                                              \
    (1u << 19)          /* a fifth of a millisecond: the program had other things to do, or we were not running */
#define FIRST_PAUSE 64u /* stretches between trials */
#define LAST_PAUSE 1024u
#define BETTER(cost, than) ((cost) < (than) - (than) / 16)
#define FAR_FROM(cost, usual) ((cost) > (usual) + (usual) / 2 || (cost) < (usual) - (usual) / 3)

static word_t start; /* copy_way_t; any thread, a hint */

void copy_choice_begin(copy_choice_t *choice)
{
    *choice = (copy_choice_t){.best = (copy_way_t)load_relaxed(&start)};
    if (choice->best == COPY_STRING && !vmmc_copy_has_string())
        choice->best = COPY_PLAIN;
    choice->way = choice->best;
    for (unsigned way = 0; way < COPY_WAYS; way++) {
        choice->other[way].due = 1 + way;
        choice->other[way].pause = FIRST_PAUSE;
    }
}

static void begin_stretch(copy_choice_t *choice, copy_way_t way, bool settled, uint64_t now)
{
    choice->way = way;
    choice->settled = settled;
    choice->began = now;
    choice->moved = 0;
}

static bool is_way(unsigned way)
{
    return way != COPY_STRING || vmmc_copy_has_string();
}

/* The way that is to be tried now, or the best. */
static copy_way_t next_way(copy_choice_t *choice)
{
    copy_way_t next = choice->best;
    for (unsigned way = 0; way < COPY_WAYS; way++) {
        if (way == choice->best || !is_way(way))
            continue;
        if (choice->other[way].due)
            choice->other[way].due--;
        else if (next == choice->best)
            next = (copy_way_t)way;
    }
    return next;
}

/* The processors may have moved: what lost yesterday is to be tried soon. */
static void try_all_soon(copy_choice_t *choice)
{
    for (unsigned way = 0; way < COPY_WAYS; way++) {
        choice->other[way].due = way;
        choice->other[way].pause = FIRST_PAUSE;
    }
}

/* One stretch that was unusual may be an accident, two are not. */
static void end_usual(copy_choice_t *choice, uint64_t cost)
{
    bool unusual = choice->cost && FAR_FROM(cost, choice->cost);
    if (unusual && choice->changed)
        try_all_soon(choice);
    if (!choice->cost || (unusual && choice->changed))
        choice->cost = cost;
    else if (!unusual)
        choice->cost = (3 * choice->cost + cost) / 4;
    choice->changed = unusual && !choice->changed;
}

static void take_over(copy_choice_t *choice, copy_way_t way, uint64_t cost)
{
    choice->other[choice->best].due = choice->other[choice->best].pause = FIRST_PAUSE;
    choice->best = way;
    choice->cost = cost;
    store_relaxed(&start, way);
}

/* Who is better twice in a row takes over. */
static void end_trial(copy_choice_t *choice, bool better, uint64_t cost)
{
    copy_way_t way = choice->way;
    bool again = choice->other[way].won;
    choice->other[way].won = better && !again;
    if (better && again) {
        take_over(choice, way, cost);
    } else if (better) {
        choice->other[way].due = 0;
    } else {
        uint32_t pause = choice->other[way].pause;
        choice->other[way].due = pause;
        choice->other[way].pause = pause < LAST_PAUSE ? pause * 2 : LAST_PAUSE;
    }
}

static bool is_hopeless(const copy_choice_t *choice, uint32_t length, uint64_t now)
{
    return now - choice->began > choice->cost * length / MB * 3 / 2;
}

static void end_stretch(copy_choice_t *choice, bool hopeless, uint64_t now)
{
    uint64_t cost = (now - choice->began) * MB / choice->moved;
    copy_way_t tried = choice->way;
    if (choice->way == choice->best)
        end_usual(choice, cost);
    else
        end_trial(choice, !hopeless && BETTER(cost, choice->cost), cost);
    copy_way_t next = tried == choice->best ? next_way(choice) : choice->best;
    begin_stretch(choice, next, next == tried, now);
}

void copy_choice_look(copy_choice_t *choice, uint32_t ring, uint64_t now)
{
    uint32_t bytes = choice->pending, length = ring > STRETCH_MIN ? ring : STRETCH_MIN;
    bool interrupted = !choice->last || now - choice->last > INTERRUPTED_TICKS;
    choice->pending = 0;
    choice->last = now;
    if (interrupted) {
        begin_stretch(choice, choice->way, false, now);
        return;
    }
    choice->moved += bytes;
    bool hopeless = choice->way != choice->best && is_hopeless(choice, length, now);
    if (hopeless || (choice->settled && choice->moved >= length))
        end_stretch(choice, hopeless, now);
    else if (!choice->settled && choice->moved >= length)
        begin_stretch(choice, choice->way, true, now);
}
