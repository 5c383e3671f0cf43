/* wait: two threads of a process sleep on one half, another process publishes bytes for them, a third thread of theirs
 * closes the socket; every store stays in its processor's store buffer for a while (x86-TSO).
 *
 * Models  wait.c       wait_page_wake(), sleep_in(), wait_sleep()
 *         stream.c     stream__sleep(), sleep_armed(), look_armed(), arm_locked(), disarm_locked(),
 *                      step_out_locked(), stream__hide_locked(), stream__wake_local(), stream__wake_reader(), half_take(),
 *                      lock_release()
 *         stream_small.h  stream_send_clear()
 *         stream_rx.c  receive_held(), look_out()
 * Proves  No wake-up is lost, although the sender's load of the waiter's number overtakes its store of the tail, and
 *         though a sleep may also end for nothing: the look of a sleeper that has just armed outlasts the stores that were
 *         under way when its number became visible.  A number that has been left there needs no such look.  On a processor
 *         where a look does not last long enough (STRANGE), one nap at most is too long; after it sleep may be endless.
 *
 * Sleeps here have no time-out unless STRANGE is given, so a lost wake-up is a deadlock.  A nap's time-out then comes
 * only when nothing else can happen, and only once between two wakes.
 *
 * ALONE: the first sleeper waits for all the bytes, one after the other.  TURNS: each is sent after the last was taken.
 *
 * holds: -DBYTES=2
 * holds: -DBYTES=3 -DALONE
 * holds: -DBYTES=1 -DCLOSER
 * holds: -DBYTES=2 -DSTRANGE
 * holds: -DBYTES=3 -DALONE -DSTRANGE -DTURNS
 * broken: -DBYTES=1 -DNO_LOOK: sleeps as soon as it is armed
 * broken: -DBYTES=1 -DSHORT_LOOK: looks, but not for as long as a store may take
 * broken: -DBYTES=2 -DALONE -DTAKEN_FOR_AWAKE: the sender leaves a waiter alone that seems to be awake
 * broken: -DBYTES=2 -DOLD_NUMBER: whoever comes to be first in the list does not look once more
 * broken: -DBYTES=2 -DALONE -DHIDDEN: a number that has been taken away is thought to be there
 * broken: -DBYTES=1 -DNUMBER_FIRST: the sender looks for a sleeper before it publishes
 * broken: -DBYTES=1 -DLATE_OUTLOOK: what has been seen is noted after the look that found nothing
 * broken: -DBYTES=1 -DPLAIN_STATE: the sleeper stores its state instead of swapping it for RUNNING only
 * broken: -DBYTES=1 -DBLIND_FUTEX: the futex sleeps whatever the word says
 * broken: -DBYTES=2 -DNO_HANDOVER: whoever leaves does not wake the next sleeper
 * broken: -DBYTES=1 -DCLOSER -DLATE_KICKS: kicks are noted after the lock has been released
 * broken: -DBYTES=2 -DSTRANGE -DNO_NAP: and no naps on a strange processor
 * broken: -DBYTES=2 -DSTRANGE -DENDED_EARLY: a nap that has ended for nothing counts as one that took its time
 * broken: -DBYTES=2 -DALONE -DSTRANGE -DTURNS -DRESTED_FOR_GOOD: one nap is thought to be enough for all later waits */

#define RUNNING 0 /* enum waiter_state */
#define IN_FUTEX 1
#define IN_EVENT 2
#define WOKEN 3
c_decl {
    \#include "shm_layout.h"
    _Static_assert(RUNNING == WAITER_RUNNING && IN_FUTEX == WAITER_IN_FUTEX, "as in shm_layout.h");
    _Static_assert(IN_EVENT == WAITER_IN_EVENT && WOKEN == WAITER_WOKEN, "as in shm_layout.h");
}

/* Shared by the processes.  Waiter numbers are 1 and 2. */
byte tail, reader, waiter[3];
bool in_futex[3], futex_woken[3], event[3];

/* Of the sleepers' process. */
bool locked, closing;
byte taken, kicks, first, second; /* the list of sleepers */
byte shown;                       /* what the process has stored in `reader` last */

/* ---- store buffers ---- */

byte unseen_tails;          /* the sender's: stores of `tail` that are still under way, */
byte older_tails[3];        /* ... and how many of them were when sleeper n's number became visible */
chan stores[3] = [3] of { byte, byte }; /* the sleepers': which word, and its value */
#define TO_READER 1
#define TO_LOCK 2

active proctype processors()
{
    byte value;
end:
    do
    :: atomic { unseen_tails > 0 ->
           unseen_tails--;
           tail++;
           older_tails[1] = (older_tails[1] > 0 -> older_tails[1] - 1 : 0);
           older_tails[2] = (older_tails[2] > 0 -> older_tails[2] - 1 : 0) }
    :: atomic { stores[1]?TO_READER, value ->
           reader = value;
           if :: value == 1 -> older_tails[1] = unseen_tails :: else fi }
    :: atomic { stores[2]?TO_READER, value ->
           reader = value;
           if :: value == 2 -> older_tails[2] = unseen_tails :: else fi }
    :: atomic { stores[1]?TO_LOCK, value -> locked = false; value = 0 }
    :: atomic { stores[2]?TO_LOCK, value -> locked = false; value = 0 }
    od
}

/* ---- waking ---- */

/* `drained`: the caller's store buffer is empty, as a locked instruction wants it. */
inline page_wake(number, drained)
{
    if
#ifdef TAKEN_FOR_AWAKE
    :: waiter[number] == WOKEN
#endif
    :: else ->
        atomic { drained -> was = waiter[number]; waiter[number] = WOKEN }
        if
        :: atomic { was == IN_FUTEX -> if :: in_futex[number] -> futex_woken[number] = true :: else fi }
        :: was == IN_EVENT -> event[number] = true
        :: else
        fi
        was = 0
    fi
}

active proctype sender()
{
    byte number, sent, was;
    do
#ifdef TURNS
    :: sent < BYTES && taken == sent ->
#else
    :: sent < BYTES ->
#endif
        sent++;
#ifdef NUMBER_FIRST
        number = reader;
        unseen_tails++;
#else
        unseen_tails++;
        number = reader;
#endif
        if
        :: number != 0 -> page_wake(number, unseen_tails == 0); number = 0
        :: else
        fi
    :: sent == BYTES -> break
    od
}

/* ---- sleeping ---- */

#define drained (len(stores[self]) == 0)
#define lock() atomic { drained && !locked -> locked = true }
#define unlock() stores[self]!TO_LOCK, 0

#ifdef CLOSER
/* stream_close(): its own process's lock is taken and released by locked instructions only. */
active proctype closer()
{
    byte was;
    closing = true;
    atomic { !locked -> locked = true }
    kicks++;
    if :: first != 0 -> page_wake(first, true) :: else fi
    if :: second != 0 -> page_wake(second, true) :: else fi
    locked = false
}
#endif

inline arm()
{
    lock();
    atomic {
        second = first;
        first = self;
        if
        :: shown != self -> shown = self; fresh = true; older_tails[self] = BYTES
        :: else
        fi
    }
    if :: fresh -> stores[self]!TO_READER, self :: else fi
    fresh = false;
    unlock()
}

inline disarm()
{
    lock();
    if
    :: first == self && second == 0 && slept -> first = 0 /* the number stays */
    :: first == self && !(second == 0 && slept) ->
        atomic {
            first = second;
            second = 0;
            shown = first;
#ifndef OLD_NUMBER
            if :: first != 0 -> older_tails[first] = BYTES :: else fi
#endif
        }
        stores[self]!TO_READER, first;
#ifndef NO_HANDOVER
        if :: first != 0 -> page_wake(first, drained) :: else fi
#endif
    :: else -> second = 0
    fi
    unlock()
}

/* Spinning pays again, or not. */
inline hide()
{
    if
    :: shown == self && first == 0 ->
#ifndef HIDDEN
        shown = 0;
#endif
        stores[self]!TO_READER, 0
    :: true
    fi
}

/* A look may end when the sleeper's number is visible, and so is all that was under way then. */
#if defined(SHORT_LOOK) || defined(STRANGE)
#define look_is_over true
#else
#define look_is_over ((len(stores[self]) == 0) && older_tails[self] == 0)
#endif
#ifdef NO_LOOK
#define nothing_new true
#else
#define nothing_new (tail == seen && kicks == kicks_seen)
#endif

inline ended()
{
#ifdef ENDED_EARLY
    rested = true
#else
    skip
#endif
}

inline nap()
{
    slept = true;
    if :: asleep = IN_FUTEX :: asleep = IN_EVENT fi
#ifdef PLAIN_STATE
    atomic { drained -> waiter[self] = asleep; went = true }
#else
    atomic { drained -> went = (waiter[self] == RUNNING); if :: went -> waiter[self] = asleep :: else fi }
#endif
    if
    :: went && asleep == IN_FUTEX ->
        /* The kernel looks at the word and puts the thread to sleep in one step. */
        atomic {
            if
#ifndef BLIND_FUTEX
            :: waiter[self] != IN_FUTEX -> futex_woken[self] = true
            :: else -> in_futex[self] = true
#else
            :: in_futex[self] = true
#endif
            fi
        }
        if
        :: atomic { futex_woken[self] -> futex_woken[self] = false; in_futex[self] = false }
        :: atomic { idle_ends > 0 -> idle_ends--; ended(); futex_woken[self] = false; in_futex[self] = false }
#if defined(STRANGE) && !defined(NO_NAP)
        :: atomic { timeout && !rested ->
               late = late + (tail != seen -> 1 : 0); rested = true; futex_woken[self] = false; in_futex[self] = false }
#endif
        fi
    :: went && asleep == IN_EVENT ->
        if
        :: atomic { event[self] -> event[self] = false }
        :: atomic { idle_ends > 0 -> idle_ends--; ended() }
#if defined(STRANGE) && !defined(NO_NAP)
        :: atomic { timeout && !rested -> late = late + (tail != seen -> 1 : 0); rested = true }
#endif
        fi
    :: else
    fi
    atomic {
        drained -> rested = rested && waiter[self] != WOKEN;
        waiter[self] = RUNNING;
        asleep = 0;
        went = false
    }
    assert(late <= 1)
}

proctype sleeper(byte self; byte wanted)
{
    byte seen, kicks_seen, was, asleep;
    byte idle_ends = 1; /* sleeps that may end for nothing */
    byte late;          /* naps that were slept to their end while there was news */
    bool went, fresh;
    bool slept;         /* in this wait */
    bool rested;        /* since it armed or was woken, a nap has taken its whole time */
again:
    lock();
    if
    :: closing -> goto done
    :: else
    fi
    seen = tail;
    if
    :: seen > taken ->
        taken++;
        wanted--;
        if
        :: wanted == 0 -> goto done
        :: else -> hide()
        fi
        unlock();
        seen = 0;
        goto again
    :: else
    fi
#ifndef LATE_KICKS
    kicks_seen = kicks;
#endif
    unlock();
#ifdef LATE_KICKS
    kicks_seen = kicks;
#endif
#ifdef LATE_OUTLOOK
    seen = tail;
#endif
    arm();
    late = 0;
    slept = false;
#ifndef RESTED_FOR_GOOD
    rested = false;
#endif
    do
    :: !nothing_new -> break
    :: look_is_over && nothing_new -> nap()
    od
    disarm();
    atomic { seen = 0; kicks_seen = 0; late = 0 }
    goto again;
done:
    unlock()
}

init
{
    atomic {
#ifdef ALONE
        run sleeper(1, BYTES);
#else
        run sleeper(1, 1);
#if BYTES == 2 || defined(CLOSER)
        run sleeper(2, 1)
#endif
#endif
    }
}
