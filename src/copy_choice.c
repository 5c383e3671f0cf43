/* copy_choice: see copy_choice.h. */
#include "copy_choice.h"

#define MB (1u << 20)
#define STRETCH_MIN (256u << 10)
#define INTERRUPTED_TICKS                                                                                              \
    (1u << 19)          /* a fifth of a millisecond: the program had other things to do, or we were not running */
#define SHORT_PAUSE 8u  /* stretches after a way has lost once, which may have been an accident; */
#define LONG_PAUSE 128u /* after it has lost twice; from then on they grow */
#define PAUSE_GROWTH 4u
#define LONGEST_PAUSE 2048u /* a tenth of a second, where nothing but copying takes time */
#define NEAR_PAUSE 16u      /* at most, past the caches of a near receiver */
#define UNUSUAL_RUN 2u      /* stretches in a row that mean a change; fewer may be accidents */
#define WAY_MASK 0xffu      /* of `found`; above it, how many connections may begin as if they had tried every way */
#define TRUSTED (8u << 8)
#define ONE_TRUSTED (1u << 8)
#define TRIAL_SHORT 2u   /* stretches of a trial that is far ahead, */
#define TRIAL_LENGTH 32u /* and of one that is neither that nor behind */
#define AHEAD(cost, than) ((cost) < (than) - (than) / 4)
#define BETTER(cost, than) ((cost) < (than) - (than) / 24)
#define FAR_FROM(cost, usual) ((cost) > (usual) + (usual) / 2 || (cost) < (usual) - (usual) / 3)

static uint32_t larger(uint32_t one, uint32_t other)
{
    return one > other ? one : other;
}

static void begin_with(copy_choice_t *choice, copy_start_t *start, bool is_near, copy_way_t best, bool trusted)
{
    if (best == COPY_STRING && !vmmc_copy_has_string())
        best = COPY_PLAIN;
    *choice = (copy_choice_t){.way = best, .best = best, .trial = best, .start = start, .is_near = is_near};
    for (unsigned way = 0; way < COPY_WAYS; way++)
        choice->other[way].pause = trusted ? LONG_PAUSE : COPY_WAYS - way;
}

void copy_choice_begin(copy_choice_t *choice, copy_start_t *start, bool is_near)
{
    uint32_t found = load_relaxed(&start->found);
    bool trusted = found >= ONE_TRUSTED;
    begin_with(choice, start, is_near, (copy_way_t)(found & WAY_MASK), trusted);
    if (trusted) {
        store_relaxed(&start->found, found - ONE_TRUSTED);
        choice->cost = load_relaxed(&start->cost);
    }
}

static void begin_stretch(copy_choice_t *choice, copy_way_t way, bool settled, uint64_t now)
{
    choice->way = way;
    choice->settled = settled;
    choice->began = now;
    choice->moved = 0;
}

/* A trial that was broken off keeps what it has found. */
static void begin_way(copy_choice_t *choice, copy_way_t way, uint64_t now)
{
    if (way != choice->best && way != choice->trial) {
        choice->trial = way;
        choice->tried = 0;
        choice->sum = 0;
    }
    begin_stretch(choice, way, false, now);
}

static bool is_way(unsigned way)
{
    return way != COPY_STRING || vmmc_copy_has_string();
}

/* Between near processors copies past the caches are the best only while the caches are other programs', and do not
 * become slower when they no longer are. */
static uint32_t pause_before(const copy_choice_t *choice, unsigned way)
{
    uint32_t pause = choice->other[way].pause;
    bool is_odd = choice->is_near && choice->best == COPY_PAST_CACHES;
    return is_odd && pause > NEAR_PAUSE ? NEAR_PAUSE : pause;
}

/* The way that is to be tried now, or the best.  Past the caches comes before the two that are much alike: a trial of
 * what is hardly better or worse takes long. */
static copy_way_t next_way(copy_choice_t *choice)
{
    copy_way_t next = choice->best;
    for (unsigned way = COPY_WAYS; way-- > 0;) {
        if (way == choice->best || !is_way(way))
            continue;
        if (choice->other[way].waited++ >= pause_before(choice, way) && next == choice->best)
            next = (copy_way_t)way;
    }
    return next;
}

/* The processors may have moved: what lost yesterday is to be tried again. */
static void try_all_soon(copy_choice_t *choice)
{
    for (unsigned way = 0; way < COPY_WAYS; way++)
        choice->other[way].pause = 0;
}

/* What is rare and large is part of a way's cost, but one such stretch must not decide for long. */
static uint64_t limited(uint64_t cost, uint64_t usual)
{
    return usual && cost > 2 * usual ? 2 * usual : cost;
}

static void end_usual(copy_choice_t *choice, uint64_t cost)
{
    bool unusual = choice->cost && FAR_FROM(cost, choice->cost);
    choice->unusual = unusual ? choice->unusual + 1 : 0;
    bool changed = choice->unusual == UNUSUAL_RUN;
    if (changed) {
        try_all_soon(choice);
        choice->unusual = 0;
    }
    choice->cost = !choice->cost || changed ? cost : (15 * choice->cost + limited(cost, choice->cost)) / 16;
}

static bool has_tried_all(const copy_choice_t *choice)
{
    for (unsigned way = 0; way < COPY_WAYS; way++) {
        if (way != choice->best && is_way(way) && choice->other[way].pause < LONG_PAUSE)
            return false;
    }
    return true;
}

/* For the connections to come.  They are not told for ever: what was found may have been an accident. */
static void teach(const copy_choice_t *choice)
{
    store_relaxed(&choice->start->cost, (uint32_t)choice->cost);
    store_relaxed(&choice->start->found, choice->best | (has_tried_all(choice) ? TRUSTED : 0));
}

static void take_over(copy_choice_t *choice, copy_way_t way, uint64_t cost)
{
    choice->other[choice->best].waited = 0;
    choice->other[choice->best].pause = SHORT_PAUSE;
    choice->best = choice->trial = way;
    choice->cost = cost;
    teach(choice);
}

static uint32_t longer(uint32_t pause)
{
    if (pause < SHORT_PAUSE)
        return SHORT_PAUSE;
    if (pause < LONG_PAUSE)
        return LONG_PAUSE;
    return pause * PAUSE_GROWTH < LONGEST_PAUSE ? pause * PAUSE_GROWTH : LONGEST_PAUSE;
}

static void lose(copy_choice_t *choice)
{
    copy_way_t way = choice->way;
    choice->other[way].waited = 0;
    choice->other[way].pause = longer(choice->other[way].pause);
    choice->trial = choice->best;
    teach(choice);
}

/* The longer a trial has lasted, the less is left to chance. */
static bool is_behind(uint64_t mean, uint64_t usual, uint32_t tried)
{
    return mean > usual + usual / (tried < 4 ? 4 : tried < 8 ? 8 : 16);
}

/* True: the trial is over. */
static bool end_trial(copy_choice_t *choice, uint64_t cost)
{
    choice->sum += limited(cost, choice->cost);
    choice->tried++;
    uint64_t mean = choice->sum / choice->tried;
    bool ahead = choice->tried >= TRIAL_SHORT && AHEAD(mean, choice->cost);
    if (!ahead && choice->tried < TRIAL_LENGTH && !is_behind(mean, choice->cost, choice->tried))
        return false;
    if (ahead || BETTER(mean, choice->cost))
        take_over(choice, choice->way, mean);
    else
        lose(choice);
    return true;
}

static uint64_t usual_ticks(const copy_choice_t *choice, uint32_t bytes)
{
    return choice->cost * bytes / MB;
}

/* What has taken so much longer than usual need not come to its end for that to be known. */
static bool is_slow(const copy_choice_t *choice, uint32_t length, uint64_t now)
{
    return choice->settled && choice->cost && now - choice->began > usual_ticks(choice, length) * 7 / 4;
}

/* Who writes slowly is seen before the other end has read any of it. */
static bool is_hopeless(const copy_choice_t *choice, uint32_t length, uint64_t now)
{
    uint32_t moved = larger(choice->moved, larger(length / 4, STRETCH_MIN));
    return choice->tried == 0 && now - choice->began > usual_ticks(choice, moved) * 3 / 2;
}

static void end_stretch(copy_choice_t *choice, uint64_t now)
{
    uint64_t cost = (now - choice->began) * MB / choice->moved;
    copy_way_t next = choice->way;
    if (choice->way == choice->best) {
        end_usual(choice, cost);
        next = next_way(choice);
    } else if (end_trial(choice, cost)) {
        next = choice->best;
    }
    if (next == choice->way)
        begin_stretch(choice, next, true, now);
    else
        begin_way(choice, next, now);
}

void copy_choice_look(copy_choice_t *choice, uint32_t ring, uint64_t now)
{
    uint32_t bytes = choice->pending, length = larger(ring, STRETCH_MIN);
    bool anew = !choice->last || now - choice->last > INTERRUPTED_TICKS || ring != choice->ring;
    choice->pending = 0;
    choice->last = now;
    choice->ring = ring;
    if (anew) { /* what fresh memory takes is no way's fault */
        begin_way(choice, choice->best, now);
        return;
    }
    choice->moved += bytes;
    if (choice->way != choice->best && is_hopeless(choice, length, now)) {
        lose(choice);
        begin_way(choice, choice->best, now);
    } else if (choice->moved >= length || is_slow(choice, length, now)) {
        if (choice->settled)
            end_stretch(choice, now);
        else
            begin_stretch(choice, choice->way, true, now);
    }
}

static copy_start_t starts[COPY_CLASSES][COPY_DISTANCES];
/* A hint, by any thread; what far teaches as if it were near would mislead for longer. */
static word_t start_farness = COPY_FARNESS_MAX;

/* The processors had moved before this was noticed, so what was found last where they were said to be is a guess. */
static void doubt(copy_start_t *start)
{
    store_relaxed(&start->found, load_relaxed(&start->found) & WAY_MASK);
}

/* What this connection found when it was last where it is now may be such a guess too: it begins anew. */
void copy_choices_move(copy_choices_t *choices, bool is_far)
{
    for (unsigned size = 0; size < COPY_CLASSES; size++) {
        copy_choice_t *choice = &choices->choice[size][is_far];
        begin_with(choice, choice->start, !is_far, choice->best, false);
        doubt(choices->choice[size][!is_far].start);
    }
    choices->is_far = is_far;
    store_relaxed(&start_farness, choices->farness);
}

void copy_choices_begin(copy_choices_t *choices)
{
    choices->farness = load_relaxed(&start_farness);
    choices->is_far = choices->farness != 0;
    choices->untimed = 0;
    choices->looked = false;
    for (unsigned size = 0; size < COPY_CLASSES; size++)
        for (unsigned distance = 0; distance < COPY_DISTANCES; distance++)
            copy_choice_begin(&choices->choice[size][distance], &starts[size][distance], distance == 0);
}
