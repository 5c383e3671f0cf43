/* copy_choice: which way of copying carries the large pieces of one direction fastest.
 *
 * Nobody can ask how far two processors are from each other, and in a virtual machine that changes.  So a sender tries:
 * what counts is the time in which bytes get through, waiting for room included, since a way may be quick for the one
 * end and slow for the other.  It is taken over *stretches* of a ring's size or more.  Most go the best way known; now
 * and then some go another way, less and less often if that does not pay, but soon if the best way's own cost has
 * changed much: the processors may have moved.  A trial that is clearly behind is given up before its end, so trials
 * cost a few percent at first and less than one later.  Traffic that pauses breaks a trial off, which goes on once the best way
 * has brought a stretch through again: who sends in short bursts is not left with a way that is on trial.
 *
 * Owns    nothing but its own figures, and what new connections begin with: what the last one found out.
 * Threads the caller's lock. */
#ifndef VMMC_COPY_CHOICE_H
#define VMMC_COPY_CHOICE_H

#include "atomics.h"
#include "vmmc_copy.h"

#define COPY_CHOICE_LEAST 4096u  /* smaller pieces have no choice */
#define COPY_CHOICE_GRAIN 32768u /* the clock is read once for that many bytes */
#define COPY_LOAD_GRAIN 65536u   /* and below COPY_LARGE a load is timed once for that many */

/* What the connections to come begin with; any thread, hints. */
typedef struct copy_start {
    word_t found; /* the way, and for how many of them it is as good as if they had found it; 0: nothing */
    word_t cost;  /* what a megabyte took by it, so that they notice if it no longer does; ticks */
} copy_start_t;

typedef struct copy_choice {
    copy_way_t way, best; /* for the next piece; they differ in a trial */
    copy_way_t trial;     /* the way that is tried, perhaps not now; the best: none */
    copy_start_t *start;  /* what its successors begin with */
    bool is_near;         /* the receiver, as far as is known */
    uint32_t pending;     /* bytes since the clock was read */
    uint32_t moved;       /* bytes in the present stretch */
    uint32_t ring;        /* the size of the ring that they went into */
    bool settled;         /* false: what the ring holds may have come another way; not counted */
    uint64_t began, last; /* time-stamp counter; 0: not yet */
    uint64_t cost;        /* ticks that the best way takes for a megabyte; 0: not known yet */
    uint64_t sum;         /* of the costs of the present trial ... */
    uint32_t tried;       /* ... over so many stretches */
    uint32_t unusual;     /* stretches in a row that were far from what was usual */
    struct {
        uint32_t waited; /* stretches since the last trial */
        uint32_t pause;  /* and how many that are to be before the next */
    } other[COPY_WAYS];
} copy_choice_t;

/* `start`: what the last connection has found; kept up to date.  `is_near`: where the receiver is, if this choice is used. */
void copy_choice_begin(copy_choice_t *choice, copy_start_t *start, bool is_near);
/* `choice->pending` bytes have been published by `now`, into a ring of `ring` bytes. */
void copy_choice_look(copy_choice_t *choice, uint32_t ring, uint64_t now);

/* ---- the choices of one direction ---- */

#define COPY_CLASSES 2u          /* what is fastest for large pieces need not be for smaller ones */
#define COPY_LARGE 32768u
#define COPY_DISTANCES 2u        /* near, far */
#define COPY_LOCAL_TICKS 50u     /* a line that this processor still had takes less, however far the other is */
#define COPY_FAR_TICKS 200u      /* siblings of one core take a third of that, cores far apart take more */
#define COPY_FARNESS_MAX 24u
#define COPY_NEAR_STEP (COPY_FARNESS_MAX / 2)

/* A choice for each class and distance.  How far the processors are from each other is told by how long a line takes to
 * load that the other one has just written: `farness` goes up by one with a load that took long, and down, and at its ends
 * the receiver is taken to be far, or near.  A load from a near processor may take long, behind large copies more often
 * than not; one from a far processor is never quick.  So a quick one counts for many. */
typedef struct copy_choices {
    copy_choice_t choice[COPY_CLASSES][COPY_DISTANCES];
    uint32_t farness;
    bool is_far;
    bool looked;      /* the line has been loaded a moment ago, so that the next load tells nothing */
    uint32_t untimed; /* bytes since a load was timed */
} copy_choices_t;

void copy_choices_begin(copy_choices_t *choices);
/* The receiver has turned out to be far, or near. */
void copy_choices_move(copy_choices_t *choices, bool is_far);

static inline copy_choice_t *copy_choices_for(copy_choices_t *choices, uint32_t count)
{
    return &choices->choice[count >= COPY_LARGE][choices->is_far];
}

static inline copy_way_t copy_choices_way(copy_choices_t *choices, uint32_t count)
{
    return count < COPY_CHOICE_LEAST ? COPY_STRING : copy_choices_for(choices, count)->way;
}

/* True where it has read the clock: a moment for what is too dear for every piece. */
static inline bool copy_choices_note(copy_choices_t *choices, uint32_t count, uint32_t ring)
{
    if (count < COPY_CHOICE_LEAST)
        return false;
    copy_choice_t *choice = copy_choices_for(choices, count);
    choice->pending += count;
    choices->untimed += count;
    if (choice->pending < COPY_CHOICE_GRAIN)
        return false;
    copy_choice_look(choice, ring, cpu_ticks());
    return true;
}

/* True if the next load is to be timed, on behalf of a piece of `count` bytes. */
static inline bool copy_choices_want_load(copy_choices_t *choices, uint32_t count)
{
    bool cold = !choices->looked;
    choices->looked = false;
    if (!cold || (count < COPY_LARGE && choices->untimed < COPY_LOAD_GRAIN))
        return false;
    choices->untimed = 0;
    return true;
}

static inline void copy_choices_note_load(copy_choices_t *choices, uint64_t ticks)
{
    uint32_t farness = choices->farness, down = ticks < COPY_LOCAL_TICKS ? 1 : COPY_NEAR_STEP;
    if (ticks < COPY_FAR_TICKS)
        choices->farness = farness > down ? farness - down : 0;
    else if (farness < COPY_FARNESS_MAX)
        choices->farness = farness + 1;
    if (choices->farness == (choices->is_far ? 0 : COPY_FARNESS_MAX))
        copy_choices_move(choices, !choices->is_far);
}

#endif
