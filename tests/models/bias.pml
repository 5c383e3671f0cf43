/* bias: two threads of a process move bytes through one half, each by the lock or without it; every store stays in its
 * processor's store buffer for a while (x86-TSO).
 *
 * Models  bias.h, bias.c  bias_enter(), bias_leave(), bias_end(), bias__take_away(), bias__give()
 *         lock.h          lock_take(), lock_release()
 *         stream.h        half_try(), half_leave(), half_offer()
 * Proves  Two threads are never in the half at once, what one has done there the next one sees, and nobody waits for ever.
 *
 * A thread reads its own stores before others do.  `work` stands for all plain memory of the half.  A locked instruction
 * empties its own processor's buffer; os_fence_everywhere() empties them all.
 *
 * holds: -DROUNDS=2
 * holds: -DROUNDS=3
 * broken: -DROUNDS=2 -DOWN_FENCE: who takes the half away completes its own stores only
 * broken: -DROUNDS=2 -DONE_LOOK: who goes in does not look again at whose the half is
 * broken: -DROUNDS=2 -DNO_WAIT: who takes it away does not wait for who is in there
 * broken: -DROUNDS=3 -DOFFERED_INSIDE: who is in there without the lock makes the half its own again
 * broken: -DROUNDS=2 -DONE_WORD: the word is the half's, and who is late to find that it has lost the half clears it */

#define THREADS 2

/* What all processors see.  Threads are 1 and 2. */
byte owner, locked, work;
#ifdef ONE_WORD
#define WORD_OF(thread) 0
#else
#define WORD_OF(thread) thread
#endif
byte inside[3]; /* each thread's own word: 1, it is in the half */

/* ---- store buffers: first in, first out ---- */

#define TO_OWNER 1
#define TO_INSIDE 2
#define TO_LOCKED 3
#define TO_WORK 4
chan stores[3] = [6] of { byte, byte }; /* which word, and its value */
byte pending_owner[3], last_owner[3];   /* stores of that word in the buffer, and what the last one stores */
byte pending_work[3], last_work[3];

inline deliver(thread) {
    stores[thread]?word, value;
    if
    :: word == TO_OWNER -> owner = value; pending_owner[thread]--
    :: word == TO_INSIDE -> inside[WORD_OF(thread)] = value
    :: word == TO_LOCKED -> locked = value
    :: word == TO_WORK -> work = value; pending_work[thread]--
    fi
}

active proctype processors()
{
    byte word, value;
end:
    do
    :: atomic { nempty(stores[1]) -> deliver(1); word = 0; value = 0 }
    :: atomic { nempty(stores[2]) -> deliver(2); word = 0; value = 0 }
    od
}

#define READ_OWNER (pending_owner[me] -> last_owner[me] : owner)
#define READ_WORK (pending_work[me] -> last_work[me] : work)
#define STORE_OWNER(value) stores[me]!TO_OWNER, value; pending_owner[me]++; last_owner[me] = value
#define STORE_WORK(value) stores[me]!TO_WORK, value; pending_work[me]++; last_work[me] = value

/* ---- in the half ---- */

byte present; /* how many threads are in there: for the assertion, no memory of theirs */
byte visits;

inline be_there() {
    atomic { present++; assert(present == 1); seen = READ_WORK; assert(seen == visits) }
    atomic { STORE_WORK(seen + 1); visits++ }
    atomic { present--; seen = 0 }
}

/* ---- threads ---- */

proctype thread(byte me)
{
    byte round, seen, from;
    bool entered;
    do
    :: round == ROUNDS -> break
    :: else ->
        entered = false;
        atomic { entered = (READ_OWNER == me) }
        if
        :: entered ->
            stores[me]!TO_INSIDE, 1;
#ifndef ONE_LOOK
            atomic { entered = (READ_OWNER == me) }
#endif
            if :: !entered -> stores[me]!TO_INSIDE, 0 :: else fi
        :: else
        fi;
        if
        :: entered ->
            be_there();
#ifdef OFFERED_INSIDE
            atomic { STORE_OWNER(me) }
#endif
            stores[me]!TO_INSIDE, 0
        :: else ->
            atomic { empty(stores[me]) && !locked -> locked = 1 }
            if
            :: READ_OWNER != 0 && READ_OWNER != me ->
                atomic { from = READ_OWNER; STORE_OWNER(0) }
#ifdef OWN_FENCE
                empty(stores[me]);
#else
                atomic { empty(stores[1]) && empty(stores[2]) -> skip }
#endif
#ifndef NO_WAIT
                inside[WORD_OF(from)] == 0;
#endif
                from = 0
            :: else
            fi;
            be_there();
            if
            :: true -> atomic { STORE_OWNER(me) } /* given to it */
            :: true
            fi;
            stores[me]!TO_LOCKED, 0
        fi;
        round++
    od
}

init {
    atomic { run thread(1); run thread(2) }
}
