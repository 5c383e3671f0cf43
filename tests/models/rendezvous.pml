/* rendezvous: the ends of two kernel connections look for each other in one small table, while connections end, their
 * names are used again, programs withdraw and processes die.  Each access to a record is a step of its own; the state
 * word is changed by compare-and-swap alone, which no store overtakes, so there are no store buffers here.
 *
 * Models  rendezvous.c  meeting_begin(), find_posted(), claim(), make_offer(), post(), take_free_record(),
 *                       is_abandoned(), begin_work(), end_work(), finish_for_the_dead(), sweep(), rendezvous_sweep(),
 *                       take_back(), meeting_poll(), join(), confirm(), meeting_cancel(), cancel_post()
 * Proves  Whoever is joined is the other end of the same kernel connection.  Both ends come to the same result, in the
 *         same mailbox, or one of them is dead.  Two ends that live and stay connected do not both wait for the other.
 *         No record stays in use that no living process waits for: at once, or if processes have died, after a sweep.
 *
 * What the proof takes from TCP: the names of a connection are used again only when neither of its ends has them any
 * more.  The ends 0 and 1 are one connection, 2 and 3 another.  There are two ends; or three, of which the third looks
 * for a fourth that does not come; or (REUSED) one of a connection that ends, and then two of one with the same names.
 * DEATHS processes die, at any step.  If nothing is said, nobody does, and there is one record.
 *
 * holds: -DENDS=2 -DRECORDS=2
 * holds: -DENDS=2 -DDEATHS=2
 * holds: -DENDS=3 -DATTEMPTS=1
 * holds: -DREUSED
 * holds: -DREUSED -DRECORDS=2 -DATTEMPTS=1
 * holds: -DREUSED -DDEATHS=1 -DATTEMPTS=1
 * broken: -DREUSED -DATTEMPTS=1 -DNO_CLAIM_CHECK: the claimer does not ask for the names again
 * broken: -DREUSED -DATTEMPTS=1 -DNO_CONFIRM_CHECK: the poster does not
 * broken: -DREUSED -DATTEMPTS=1 -DCHECK_FIRST: the poster does before it has seen the claim
 * broken: -DENDS=3 -DATTEMPTS=1 -DNO_GENERATION: a state word without a generation
 * broken: -DENDS=3 -DATTEMPTS=1 -DTAKES_CONFIRMED: a record is taken over, though its claimer lives
 * broken: -DENDS=2 -DRECORDS=2 -DNO_SECOND_LOOK: whoever has posted does not look again
 * broken: -DREUSED -DATTEMPTS=1 -DFILLED_LATE: a record is posted before it is filled
 * broken: -DENDS=2 -DDROPS_CLAIM: a claimer that withdraws does not free the record first
 * broken: -DENDS=2 -DDEATHS=1 -DNO_WORKER: of a record that is being worked on nobody knows by whom
 * broken: -DENDS=2 -DDEATHS=1 -DTAKES_OVER: who wants to work on a record takes the right of a dead process for it
 * broken: -DENDS=2 -DDEATHS=1 -DENDS_EARLY: the right to a record is given up before the last change */

#define FREE 0 /* enum rendezvous_state */
#define FILLING 1
#define POSTED 2
#define CLAIMING 3
#define CLAIMED 4
#define CONFIRMED 5
#define WITHDRAWN 6
c_decl {
    \#include "shm_layout.h"
    _Static_assert(FREE == RENDEZVOUS_FREE && FILLING == RENDEZVOUS_FILLING, "as in shm_layout.h");
    _Static_assert(POSTED == RENDEZVOUS_POSTED && CLAIMING == RENDEZVOUS_CLAIMING, "as in shm_layout.h");
    _Static_assert(CLAIMED == RENDEZVOUS_CLAIMED && CONFIRMED == RENDEZVOUS_CONFIRMED, "as in shm_layout.h");
    _Static_assert(WITHDRAWN == RENDEZVOUS_WITHDRAWN, "as in shm_layout.h");
}

#define ALL_ENDS 4
#ifdef REUSED
#define ENDS 3
#endif
#ifndef RECORDS
#define RECORDS 1
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2 /* of meeting_begin() */
#endif
#ifdef REUSED
#define EXISTS(end) (end != 1)
#else
#define EXISTS(end) (end < ENDS)
#endif
#define JUDGE 6 /* lives, and has no connection */
#define NOBODY 7

/* ---- the table: generation * 8 + state ---- */

byte word[RECORDS], worker[RECORDS], poster[RECORDS], poster_name[RECORDS], claimer[RECORDS], box[RECORDS];

#define state_of(w) ((w) & 7)
#define tag_of(w) ((w) & ~7)
#ifdef NO_GENERATION
#define next_tag(w) tag_of(w)
#else
#define next_tag(w) (tag_of(w) + 8)
#endif
#define is(r, tag, state) (word[r] == ((tag) | (state)))

/* ---- the kernel ---- */

bool connected[ALL_ENDS], dead[ALL_ENDS];
byte deaths;
#ifdef REUSED
#define name_of(end) ((end) & 1)
#else
#define name_of(end) (end)
#endif
#define name_of_peer(end) name_of((end) ^ 1)

/* ---- what has become of the ends ---- */

#define WAITING 1
#define FAILED 2
#define MADE 3
byte outcome[ALL_ENDS], partner[ALL_ENDS], mailbox[ALL_ENDS], record[ALL_ENDS], generation[ALL_ENDS];
bool dropped[ALL_ENDS]; /* a mailbox is named by the end that took it */

inline make(end)
{
    atomic {
        assert((partner[end] ^ end) == 1); /* the other end of this connection */
        outcome[end] = MADE
    }
}

/* `ok`: was done. */
inline change(r, tag, from, to)
{
    atomic {
        ok = is(r, tag, from);
        if
        :: ok -> word[r] = (to); assert(word[r] < 240)
        :: else
        fi
    }
}

#define is_gone(who) ((who) == NOBODY || dead[who])
#define worker_is_gone(who) ((who) != NOBODY && dead[who])
#ifdef TAKES_OVER
#define begins(who) ((who) == NOBODY || worker_is_gone(who))
#else
#define begins(who) ((who) == NOBODY)
#endif

/* `ok`: `end` has the right to fill or to claim record r. */
inline begin_work()
{
    atomic { ok = begins(worker[r]); if :: ok -> worker[r] = end :: else fi }
}

inline end_work()
{
    worker[r] = NOBODY
}

/* Of a record whose state word was `w`; the rest of it is read later. */
#ifdef TAKES_CONFIRMED
#define is_abandoned(w) (state_of(w) == CONFIRMED || (state_of(w) == POSTED && is_gone(poster[r])))
#elif defined(NO_WORKER)
#define is_abandoned(w) (state_of(w) == FREE || state_of(w) == FILLING || state_of(w) == CLAIMING -> false : \
                         (state_of(w) == POSTED -> is_gone(poster[r]) : is_gone(claimer[r])))
#else
#define is_abandoned(w) (state_of(w) == FREE -> false : \
                         (state_of(w) == FILLING || state_of(w) == CLAIMING -> worker_is_gone(worker[r]) : \
                         (state_of(w) == POSTED -> is_gone(poster[r]) : is_gone(claimer[r]))))
#endif

/* Frees record r if its word still is `tag`. */
inline free_if_unchanged()
{
    atomic { if :: word[r] == tag -> word[r] = next_tag(tag) | FREE :: else fi }
}

inline finish_for_the_dead()
{
    if
    :: atomic { worker_is_gone(worker[r]) -> seen = worker[r] }
        atomic { ok = (worker[r] == seen); if :: ok -> worker[r] = end :: else fi }
        if
        :: ok ->
            tag = word[r];
            if
            :: state_of(tag) == FILLING || state_of(tag) == CLAIMING -> free_if_unchanged()
            :: else
            fi;
            end_work()
        :: else
        fi
    :: else
    fi
}

/* Where nobody dies it finds nothing. */
inline sweep()
{
#if DEATHS > 0 || defined(TAKES_CONFIRMED)
#ifndef NO_WORKER
    finish_for_the_dead();
#endif
    tag = word[r];
    ok = is_abandoned(tag);
    if :: ok -> free_if_unchanged() :: else fi
#else
    skip
#endif
}

/* The other end's record, in `r` and `tag`; or r == RECORDS. */
inline find_posted()
{
    r = 0;
    do
    :: r == RECORDS -> break
    :: atomic { r < RECORDS && state_of(word[r]) != POSTED -> r++ }
    :: atomic { r < RECORDS && state_of(word[r]) == POSTED -> tag = tag_of(word[r]) }
        atomic { if :: poster_name[r] == name_of_peer(end) -> break :: else -> r++ fi }
    od
}

#ifdef NO_CLAIM_CHECK
#define asks_before_claim true
#else
#define asks_before_claim connected[end]
#endif

inline claim_by_right()
{
    change(r, tag, POSTED, tag | CLAIMING);
#ifdef ENDS_EARLY
    end_work();
#endif
    if
    :: ok ->
        if
        :: is_gone(poster[r]) -> change(r, tag, CLAIMING, next_tag(tag) | FREE); ok = false
        :: else ->
            atomic {
                mailbox[end] = end;
                partner[end] = poster[r];
                claimer[r] = end;
                box[r] = mailbox[end]
            }
            atomic {
                change(r, tag, CLAIMING, tag | CLAIMED);
                record[end] = r;
                generation[end] = tag;
                claims = true;
                outcome[end] = WAITING;
                ok = true
            }
        fi
    :: else
    fi;
#ifndef ENDS_EARLY
    end_work()
#endif
}

/* `ok`: it is settled. */
inline claim()
{
    if
    :: atomic { !asks_before_claim -> outcome[end] = FAILED; ok = true }
    :: asks_before_claim ->
        begin_work();
        if
        :: ok -> claim_by_right()
        :: else
        fi
    fi
}

/* `ok`: `r` is ours, its generation is in `tag`. */
inline take_free_record()
{
    r = 0;
    do
    :: r == RECORDS -> break
    :: r < RECORDS ->
        sweep();
        tag = word[r];
        if
        :: state_of(tag) == FREE -> begin_work()
        :: else -> ok = false
        fi;
        if
        :: ok ->
            atomic {
                ok = (word[r] == tag);
                if
                :: ok -> tag = next_tag(tag); word[r] = tag | FILLING; break
                :: else
                fi
            }
            end_work()
        :: else
        fi;
        r++
    od
}

inline post()
{
    ok = false;
    take_free_record();
    if
    :: ok ->
#ifdef FILLED_LATE
        change(r, tag, FILLING, tag | POSTED);
        end_work();
        atomic { poster[r] = end; poster_name[r] = name_of(end) }
#else
        atomic { poster[r] = end; poster_name[r] = name_of(end) }
#ifdef ENDS_EARLY
        end_work();
#endif
        change(r, tag, FILLING, tag | POSTED);
#ifndef ENDS_EARLY
        end_work();
#endif
#endif
        atomic { record[end] = r; generation[end] = tag; outcome[end] = WAITING }
    :: else -> outcome[end] = FAILED
    fi
}

#define mine record[end]
#define my_tag generation[end]

inline begin()
{
    do
    :: attempt == ATTEMPTS -> outcome[end] = FAILED; break
    :: attempt < ATTEMPTS ->
        find_posted();
        if
        :: r < RECORDS -> claim(); if :: ok -> break :: else fi
        :: else
        fi
        post();
        if :: outcome[end] == FAILED -> break :: else fi
#ifdef NO_SECOND_LOOK
        break;
#endif
        find_posted();
        if :: r == RECORDS -> break :: else fi
        atomic {
            change(mine, my_tag, POSTED, next_tag(my_tag) | FREE);
            if :: ok -> outcome[end] = 0 :: else -> break fi
        }
        attempt++
    od;
    atomic { r = 0; tag = 0; ok = false; attempt = 0 }
}

#ifdef NO_CONFIRM_CHECK
#define asks_before_confirm true
#elif defined(CHECK_FIRST)
#define asks_before_confirm was_connected
#else
#define asks_before_confirm connected[end]
#endif

inline confirm()
{
    atomic { partner[end] = claimer[mine]; mailbox[end] = box[mine] }
    if
    :: !asks_before_confirm || dead[partner[end]] || dropped[mailbox[end]] ->
        atomic { change(mine, my_tag, CLAIMED, my_tag | WITHDRAWN); outcome[end] = FAILED }
        r = mine;
        sweep()
    :: else ->
        atomic {
            change(mine, my_tag, CLAIMED, my_tag | CONFIRMED);
            if
            :: ok -> assert(!dropped[mailbox[end]]); make(end)
            :: else -> outcome[end] = FAILED /* the claimer has given up meanwhile */
            fi
        }
    fi
}

#define drop_claim() atomic { dropped[mailbox[end]] = true; outcome[end] = FAILED }

inline poll()
{
    tag = word[mine];
    if
    :: !claims && tag_of(tag) != my_tag -> outcome[end] = FAILED
    :: !claims && tag == (my_tag | CLAIMED) -> confirm()
    :: claims && tag == (my_tag | CONFIRMED) ->
        change(mine, my_tag, CONFIRMED, next_tag(my_tag) | FREE);
        make(end)
    :: claims && tag != (my_tag | CONFIRMED) && tag != (my_tag | CLAIMED) ->
        change(mine, my_tag, WITHDRAWN, next_tag(my_tag) | FREE);
        drop_claim()
    :: else
    fi;
    tag = 0
}

inline cancel_post()
{
    do
    :: true ->
        change(mine, my_tag, POSTED, next_tag(my_tag) | FREE);
        if :: ok -> break :: else fi
        change(mine, my_tag, CLAIMED, my_tag | WITHDRAWN);
        if :: ok -> break :: else fi
        if
        :: word[mine] != (my_tag | CLAIMING) && word[mine] != (my_tag | CLAIMED) -> break
        :: word[mine] == (my_tag | CLAIMED)
        :: deaths != 0 -> break /* patience is over */
        fi
    od;
    r = mine;
    sweep();
    outcome[end] = FAILED
}

inline cancel()
{
    if
    :: !claims -> cancel_post()
    :: else ->
#ifdef DROPS_CLAIM
        drop_claim();
        change(mine, my_tag, CLAIMED, next_tag(my_tag) | FREE)
#else
        change(mine, my_tag, CLAIMED, next_tag(my_tag) | FREE);
        if :: ok -> drop_claim() :: else -> poll() fi
#endif
    fi
}

/* Both of two; of three, the first. */
#if ENDS == 2
#define may_withdraw true
#elif DEATHS > 0
#define may_withdraw false
#else
#define may_withdraw (end == 0)
#endif

proctype end_of_connection(byte end)
{
    byte r, tag, attempt, seen;
    bool ok, claims, was_connected, withdraws;
end_unborn:
    connected[end];
    {
        if :: may_withdraw -> withdraws = true :: withdraws = false fi;
        begin();
        was_connected = connected[end];
end_waiting:
        do
        :: outcome[end] != WAITING -> break
        :: outcome[end] == WAITING && word[mine] != (my_tag | (claims -> CLAIMED : POSTED)) &&
           (claims || word[mine] != (my_tag | CLAIMING)) -> poll()
        :: outcome[end] == WAITING && withdraws -> cancel()
        od
    } unless { dead[end] };
    skip
}

inline lose(end)
{
    atomic { connected[end] -> connected[end] = false }
}

inline die(end)
{
    atomic { !dead[end] && deaths < DEATHS -> deaths++; dead[end] = true; connected[end] = false }
}

active proctype kernel()
{
    bool reused;
    atomic {
        connected[0] = true;
        connected[1] = EXISTS(1);
#ifndef REUSED
        connected[2] = EXISTS(2)
#endif
    }
    do
    :: lose(0)
#if ENDS == 2 || defined(REUSED)
    :: lose(1)
#endif
#if DEATHS > 0
    :: die(0)
    :: die(1)
    :: die(2)
    :: die(3)
#endif
#ifdef REUSED
    :: atomic { !reused && !connected[0] && !connected[1] && !dead[2] && !dead[3] ->
           reused = true; connected[2] = true; connected[3] = true }
#endif
    :: true -> break
    od
}

/* ---- when nothing more happens ---- */

inline check_pair(a)
{
    assert(outcome[a] != WAITING || outcome[a + 1] != WAITING || !connected[a] || !connected[a + 1]);
    assert(outcome[a] != MADE || dead[a + 1] || (outcome[a + 1] == MADE && mailbox[a] == mailbox[a + 1]));
    assert(outcome[a + 1] != MADE || dead[a] || (outcome[a] == MADE && mailbox[a] == mailbox[a + 1]))
}

#define waits_for(end, r) (outcome[end] == WAITING && !dead[end] && record[end] == (r))

active proctype judge()
{
    byte r, tag, seen, end;
    bool ok;
end_judge:
    timeout -> atomic {
        check_pair(0);
        check_pair(2);
        end = JUDGE;
        do
        :: r == RECORDS -> break
        :: r < RECORDS ->
#if DEATHS > 0
            sweep(); /* rendezvous_sweep(), by whoever lives */
#endif
            assert(state_of(word[r]) == FREE ||
                   waits_for(0, r) || waits_for(1, r) || waits_for(2, r) || waits_for(3, r));
            r++
        od
    }
}

init
{
    byte r;
    atomic {
        do
        :: r == RECORDS -> break
        :: r < RECORDS -> worker[r] = NOBODY; poster[r] = NOBODY; claimer[r] = NOBODY; r++
        od;
        r = 0;
        run end_of_connection(0);
        if :: EXISTS(1) -> run end_of_connection(1) :: else fi;
        if :: EXISTS(2) -> run end_of_connection(2) :: else fi;
        if :: EXISTS(3) -> run end_of_connection(3) :: else fi
    }
}
