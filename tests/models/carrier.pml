/* carrier: one direction of a stream, from the kernel connection into rings and back, with everything that may happen
 * to it on the way.  Each load and store of shared memory is a step of its own; what is done when is asked of carrier.h
 * itself.
 *
 * Models  stream.c         stream_attach(), announce(), stream_enter_kernel(), stream_leave_kernel(), close_sending()
 *         stream_tx.c      send_step(), shut_sending()
 *         stream_room.c    stream__take_offer(), publish_switch(), ask_for_ring(), ask_for_first_ring(),
 *                          stream__wait_for_ring()
 *         stream_rx.c      receive_step(), check_end()
 *         stream_follow.c  stream__consent(), stream__available(), follow(), stream__grow(), drop_old_ring()
 *         stream_leave.c   freeze(), restore(), stream_serve_peer(), leave_receiving_half(), return_unread(),
 *                          collect(), await_restored()
 *         stream_view.c    stream_reserve(), stream_commit()
 *         stream_stray.c   stream__keep_strays(), ask_sender_to_leave() on a wrong guess
 * Proves  Every byte is delivered once and in order, also when it was returned to the sender and sent again; nothing is
 *         read that has not been published; no record is overwritten before it was followed; no ring is stored into
 *         after it was given back; nobody waits for ever while both processes live; what a dead sender had committed
 *         is delivered before the end.
 *
 * The flag `never` is called no_ring here.  A hang is a deadlock: there are no time-outs, so the bounded patience of
 * the code is never needed.
 *
 * What is returned has to fit the kernel connection, or the receiver's patience is needed after all; with less room
 * there (KERNEL_ROOM, 2 if not given) a program that waits for answers is therefore left out.
 *
 * holds:
 * holds: -DKERNEL_ROOM=4 -DRECEIVER_LEAVES -DPATIENT: nobody waits for the sender's end
 * holds: -DBYTES=3 -DSENDER_LEAVES -DRECEIVER_LEAVES -DDRAINS -DPATIENT -DKERNEL_ROOM=3
 * holds: -DBYTES=3 -DSENDER_LEAVES -DRECEIVER_LEAVES
 * holds: -DBYTES=3 -DSENDER_LEAVES -DRECEIVER_LEAVES -DTSO: the sender's stores come late
 * holds: -DBYTES=3 -DSENDER_LEAVES -DRECEIVER_LEAVES -DRESERVES: its program stores into a ring by itself
 * holds: -DBYTES=3 -DRECEIVER_LEAVES -DSENDER_DIES
 * holds: -DBYTES=2 -DDRAINS -DSENDER_DIES
 * holds: -DBYTES=3 -DRECEIVER_LEAVES -DRECEIVER_CLOSES
 * broken: -DTAIL_FIRST: the tail is published before the switch that precedes it
 * broken: -DRECORD_LAST: a switch is counted before its record is there
 * broken: -DTHIRD_SWITCH: to a ring although a switch is not followed
 * broken: -DONE_TAIL: the tail is not loaded again when a switch has been seen
 * broken: -DEND_AFTER_TAIL: the end mark is loaded after the tail that it closes
 * broken: -DHEAD_FIRST: a cell is given back before it was read
 * broken: -DDROPS_EARLY: a ring is given back when a larger one is offered
 * broken: -DSTRAYS_AT_ONCE: strays are taken without a second look at the switches
 * broken: -DSENDER_DIES -DDEAD_LATE: death is asked for after the sight was taken
 * broken: -DRECEIVER_LEAVES -DENTERS_FROZEN: a plain kernel send begins although the sender holds still
 * broken: -DRECEIVER_LEAVES -DKEEPS_BOTH: bytes are kept, and those put back are read too
 * broken: -DRECEIVER_CLOSES -DUNEXPORTS_AT_CLOSE: a receiver that closes uses its rings' memory again at once
 * broken: -DBYTES=3 -DRECEIVER_LEAVES -DRESERVES -DHOLDS_UNSAID: a reservation is not told of
 * broken: -DRECEIVER_LEAVES -DWRONG_LEAVE: another answer in the table
 * broken: -DWRONG_SHUT: another */

#ifndef BYTES
#define BYTES 4
#endif
#ifndef KERNEL_ROOM
#define KERNEL_ROOM 2
#endif

#define KERNEL 0 /* carrier_t */
#define RING 1
#define FINAL 2

#define ANNOUNCING 1 /* enum flow_state_bits */
#define FIN 2
#define CLOSED 4
#define MARK_FINAL 16
#define FROZEN 32
#define RESTORED 64
#define HOLDS 128

#define READER_CLOSED 1 /* enum flow_reader_bits */
#define READER_LEAVES 2
#define READER_RETURNED 4
#define READER_DRAINS 8

c_decl {
    \#include "carrier.h"
    \#include "shm_layout.h"
    /* An expression of the model calls no function, so the answers are looked up. */
    static int tx_table[CARRIER_COUNT][TX_EVENT_COUNT], rx_table[CARRIER_COUNT][RX_EVENT_COUNT];
    __attribute__((constructor)) static void ask_carrier_h(void)
    {
        for (int carrier = 0; carrier < CARRIER_COUNT; carrier++) {
            for (int event = 0; event < TX_EVENT_COUNT; event++)
                tx_table[carrier][event] = tx_decide(carrier, event);
            for (int event = 0; event < RX_EVENT_COUNT; event++)
                rx_table[carrier][event] = rx_decide(carrier, event);
        }
#ifdef WRONG_LEAVE
        tx_table[CARRIER_RING][TX_PEER_LEAVES] = TX_MARK_FINAL;
#endif
#ifdef WRONG_SHUT
        tx_table[CARRIER_RING][TX_SHUT] = TX_FIN_KERNEL;
#endif
    }
    _Static_assert(KERNEL == CARRIER_KERNEL && RING == CARRIER_RING && FINAL == CARRIER_FINAL, "as in carrier.h");
    _Static_assert(ANNOUNCING == FLOW_ANNOUNCING && FIN == FLOW_FIN && CLOSED == FLOW_CLOSED, "as in shm_layout.h");
    _Static_assert(HOLDS == FLOW_HOLDS, "as in shm_layout.h");
    _Static_assert(MARK_FINAL == FLOW_FINAL && FROZEN == FLOW_FROZEN, "as in shm_layout.h");
    _Static_assert(RESTORED == FLOW_RESTORED, "as in shm_layout.h");
    _Static_assert(READER_CLOSED == FLOW_READER_CLOSED && READER_LEAVES == FLOW_READER_LEAVES, "as in shm_layout.h");
    _Static_assert(READER_RETURNED == FLOW_READER_RETURNED, "as in shm_layout.h");
    _Static_assert(READER_DRAINS == FLOW_READER_DRAINS, "as in shm_layout.h");
}
#define tx_does(event, action) c_expr { tx_table[now.tx_carrier][event] == action }
#define rx_does(event, action) c_expr { rx_table[now.rx_carrier][event] == action }

/* ---- memory that both see ---- */

#define TAIL 0 /* the sender's words */
#define STATE 1
#define SWITCHES 2
#define END 3      /* of record[0], record[1] */
#define CARRIER 5
#define WANTED 7
#define CELLS 8    /* ring 1 has one cell, ring 2 two; a byte is its place in the stream plus one */
#define HEAD 11    /* the receiver's */
#define FOLLOWED 12
#define OFFER 13
#define CONSUMER 14
#define RETURNED_BYTES 15
#define RETURNED 16
byte word[RETURNED + BYTES];

#define load(w) word[w]
#define size_of(ring) (ring)
#define LARGEST 2
#define cell(ring, place) (CELLS + (ring == 1 -> 0 : 1 + ((place) & 1)))

chan kernel = [KERNEL_ROOM] of { byte };
bool kernel_ended;

byte tx_carrier, rx_carrier;
bool sender_dead, link_dead, receiver_closed;

/* ---- what must be true ---- */

byte committed;               /* bytes that the sender has put where they survive it */
byte delivered;
byte rx_switches;
byte switch_end[8], switch_to[8];
bool exported[3];

inline deliver(value)
{
    atomic { assert(value == delivered + 1); delivered++ }
}

#ifdef TSO
/* The sender's stores, on their way. */
chan stores = [4] of { byte, byte };
#define store(w, v) stores!(w), (v)
#define drained (len(stores) == 0)
active proctype processor()
{
    byte w, v;
end:
    do
    :: atomic { stores?w, v ->
           assert(w < CELLS || w >= HEAD || exported[(w == CELLS -> 1 : 2)]);
           word[w] = v; w = 0; v = 0 }
    od
}
#define store_cell(ring, place) store(cell(ring, place), place + 1)
#else
#define store(w, v) word[w] = v
#define drained true
#define store_cell(ring, place) atomic { assert(exported[ring]); word[cell(ring, place)] = place + 1 }
#endif

/* Where a program's thread is: outside, told to use the kernel's call, in it. */
#define IDLE 0
#define BY_KERNEL 1
#define IN_KERNEL 2

/* ---- the sender's process ---- */

#define mark(bits) atomic { state = state | (bits); store(STATE, state) }

inline publish_switch(to, end)
{
    atomic {
        switches++;
        assert(switches <= rx_switches + 2); /* else a record is overwritten that nobody has followed */
        switch_end[switches] = end;
        switch_to[switches] = to
    }
#ifdef RECORD_LAST
    store(SWITCHES, switches);
#endif
    store(END + (switches & 1), end);
    store(CARRIER + (switches & 1), to);
#ifndef RECORD_LAST
    store(SWITCHES, switches)
#endif
}

inline switch_to_kernel()
{
    publish_switch(KERNEL, position);
    tx_carrier = KERNEL
}

inline announce()
{
    store(TAIL, position);
    mark(ANNOUNCING | (no_ring -> MARK_FINAL : 0));
    if :: no_ring -> tx_carrier = FINAL :: else fi
}

#define kernel_shut() atomic { drained -> kernel_ended = true }

/* A macro, since an inline's arguments do not get into tx_does(). */
#define leave_sending(event) \
    if \
    :: tx_does(event, TX_NOTHING) \
    :: else -> \
        if :: tx_does(event, TX_TO_FINAL) -> switch_to_kernel() :: else fi; \
        mark(MARK_FINAL); \
        tx_carrier = FINAL; \
        if :: shut && !frozen -> kernel_shut() :: else fi \
    fi

inline freeze()
{
    frozen = (tx_carrier != FINAL);
    leave_sending(TX_PEER_LEAVES);
    if :: frozen -> mark(FROZEN) :: else -> mark(FROZEN | RESTORED) fi
}

inline restore()
{
    do
    :: atomic { restored < load(RETURNED_BYTES) && nfull(kernel) && drained ->
           kernel!load(RETURNED + restored); restored++ }
    :: restored < load(RETURNED_BYTES) && full(kernel) -> break
    :: restored == load(RETURNED_BYTES) ->
        frozen = false;
        if :: shut -> kernel_shut() :: else fi
        mark(RESTORED);
        break
    od
}

inline serve_peer()
{
    wish = load(CONSUMER);
    if :: (wish & READER_LEAVES) && (state & ANNOUNCING) && !(state & FROZEN) -> freeze() :: else fi;
    if :: (wish & READER_DRAINS) && (state & ANNOUNCING) -> leave_sending(TX_PEER_LEAVES) :: else fi;
    if :: (wish & READER_RETURNED) && frozen -> restore() :: else fi;
    wish = 0
}

#ifdef THIRD_SWITCH
#define all_followed true
#else
#define all_followed (load(FOLLOWED) == switches)
#endif
#define offer_is_new (!no_ring && all_followed && load(OFFER) != 0 && \
                      !(tx_carrier == RING && load(OFFER) == ring))
/* Nothing but the receiver can let the sender go on. */
#define sender_waits (frozen || (tx_carrier == KERNEL && (state & ANNOUNCING) && len(kernel) == KERNEL_ROOM && \
                                 !offer_is_new && load(CONSUMER) == 0 && (switches != 0 || load(WANTED) != 0)))
#define is_asked ((!(state & FROZEN) && (load(CONSUMER) & READER_LEAVES)) || \
                  (tx_carrier != FINAL && (load(CONSUMER) & READER_DRAINS)) || \
                  (frozen && (load(CONSUMER) & READER_RETURNED) && \
                   (restored == load(RETURNED_BYTES) || len(kernel) < KERNEL_ROOM)))

inline take_offer()
{
    if
    :: !no_ring && all_followed ->
        offer = load(OFFER);
        if
        :: offer != 0 && !(tx_carrier == RING && offer == ring) && tx_does(TX_OFFERED, TX_TO_RING) ->
            assert(exported[offer]);
            publish_switch(offer, position);
            tx_carrier = RING;
            ring = offer;
            seen = position
        :: else
        fi
        offer = 0
    :: else
    fi
}

inline look_for_room()
{
    if
    :: position - seen == size_of(ring) && load(HEAD) > seen -> seen = load(HEAD); assert(seen <= position)
    :: else
    fi
}

inline send_by_ring()
{
    look_for_room();
    if
    :: position - seen < size_of(ring) ->
        store_cell(ring, position);
        atomic { position++; store(TAIL, position); committed++ }
    :: else ->
        if :: size_of(ring) < LARGEST -> store(WANTED, LARGEST) :: else fi
        if
#ifdef TAIL_FIRST
        :: len(kernel) < KERNEL_ROOM ->
            atomic { drained -> kernel!position + 1; committed++ }
            atomic { position++; store(TAIL, position) }
            publish_switch(KERNEL, position - 1);
            tx_carrier = KERNEL
#else
        :: tx_does(TX_FULL, TX_TO_KERNEL) -> switch_to_kernel()
#endif
        :: load(HEAD) > seen /* there was room in time */
        fi
    fi
}

inline send_by_kernel()
{
    if
    :: atomic { nfull(kernel) && drained -> kernel!position + 1; committed++ }
        atomic { position++; store(TAIL, position) }
    :: full(kernel) ->
        if :: switches == 0 -> store(WANTED, LARGEST) :: else fi
    fi
}

#define by_kernel (tx_carrier == FINAL || !(state & ANNOUNCING))
#ifdef ENTERS_FROZEN
#define may_enter true
#else
#define may_enter !frozen
#endif

inline send_step()
{
    if
    :: by_kernel -> pc = BY_KERNEL
    :: else ->
        if
        :: load(CONSUMER) != 0 -> serve_peer()
        :: else ->
            take_offer();
            if :: tx_carrier == RING -> send_by_ring() :: else -> send_by_kernel() fi
        fi
    fi
}

inline shut_sending()
{
    if
    :: tx_does(TX_SHUT, TX_FIN_RING) -> mark(FIN)
    :: else ->
        no_ring = true;
        if :: attached -> mark(MARK_FINAL) :: else fi
        tx_carrier = FINAL;
        if :: !frozen -> kernel_shut() :: else fi
    fi
    shut = true
}

inline close_sending()
{
    if
    :: attached ->
        if :: frozen && (load(CONSUMER) & READER_RETURNED) -> restore() :: else fi
        if
        :: (state & ANNOUNCING) && !tx_does(TX_CLOSE, TX_CLOSE_RING) -> mark(CLOSED | MARK_FINAL)
        :: else -> mark(CLOSED)
        fi
    :: else
    fi
    atomic { drained -> kernel_ended = true }
}

/* A program that waits for an answer before it ends: then nothing may depend on its end. */
#ifdef PATIENT
#define may_end (delivered == position)
#else
#define may_end true
#endif

active proctype sender()
{
    byte position, switches, ring, seen, restored, state, pc, wish, offer, held;
    bool attached, no_ring, frozen, shut;
    {
        do
        /* Each of these is what some thread does while it holds the half's lock. */
        :: drained && pc == IDLE && position < BYTES && !shut && !held && !sender_waits -> send_step()
        :: drained && pc == BY_KERNEL ->
            if
            :: by_kernel && may_enter -> pc = IN_KERNEL
            :: else -> pc = IDLE
            fi
        :: atomic { pc == IN_KERNEL && nfull(kernel) -> kernel!position + 1; committed++ }
            atomic { position++; pc = IDLE }
            if :: attached && !(state & ANNOUNCING) -> announce() :: else fi
        :: drained && !attached ->
            if :: pc != IN_KERNEL -> announce() :: else fi
            attached = true
        :: drained && (state & ANNOUNCING) && is_asked -> serve_peer()
#ifdef RECEIVER_CLOSES
        :: drained && receiver_closed && !held -> break /* the kernel says so, or READER_CLOSED */
#endif
#ifdef RESERVES
        :: drained && pc == IDLE && position < BYTES && !shut && !frozen && !held && tx_carrier == RING &&
           load(CONSUMER) == 0 && (position - seen < size_of(ring) || load(HEAD) > seen) ->
            look_for_room();
#ifndef HOLDS_UNSAID
            if :: !(state & HOLDS) -> mark(HOLDS) :: else fi
#endif
            held = ring
        :: held -> store_cell(held, position)
        :: drained && held && pc == IDLE ->
            if
            :: tx_carrier == RING ->
                store_cell(ring, position);
                atomic { position++; store(TAIL, position); committed++ }
            :: else
            fi
            held = 0
#endif
#ifdef SENDER_LEAVES
        :: drained && attached && !frozen && !no_ring && (state & ANNOUNCING) -> no_ring = true; leave_sending(TX_LEAVE)
#endif
        :: drained && pc == IDLE && !shut && !held && may_end -> shut_sending()
        :: drained && pc == IDLE && (shut || position == BYTES) && !held && may_end -> close_sending(); break
        od
    } unless { sender_dead };
    skip
}

/* ---- the receiver's process ---- */

#define NOTHING 0
#define ASKED 1    /* waits for FROZEN */
#define GAVE_BACK 2 /* waits for RESTORED */

inline offer_ring(handle)
{
    exported[handle] = true;
    offered = handle;
    word[OFFER] = handle
}

#define may_consent (attached && !consented && !no_ring && pc != IN_KERNEL && \
                     (load(STATE) & ANNOUNCING) && !(load(STATE) & MARK_FINAL))

inline consent()
{
    if
    :: may_consent ->
        if :: load(WANTED) == LARGEST -> offer_ring(2) :: else -> offer_ring(1) fi
        consented = true
    :: else
    fi
}

inline drop_old_ring()
{
    if :: ring != 0 && ring != offered && !(load(STATE) & HOLDS) -> exported[ring] = false :: else fi
    ring = 0
}

inline keep_strays()
{
    if
    :: !busy && len(kernel) != 0 ->
#ifdef STRAYS_AT_ONCE
        assert(false);
#endif
        assert(load(SWITCHES) - rx_switches != 1) /* there are no strays in this model */
    :: else
    fi
}

inline follow(to)
{
    if
    :: to != KERNEL ->
        assert(rx_does(RX_SWITCH_TO_RING, RX_FOLLOW_RING) && to == offered);
        if :: rx_carrier == KERNEL -> keep_strays() :: else fi
        drop_old_ring();
        atomic { ring = offered; rx_carrier = RING }
    :: else ->
        assert(rx_does(RX_SWITCH_TO_KERNEL, RX_FOLLOW_KERNEL));
        if
        :: !busy && offered == ring && size_of(ring) < load(WANTED) -> offer_ring(LARGEST)
        :: else
        fi
        drop_old_ring();
        rx_carrier = KERNEL
    fi
    atomic { rx_switches++; word[FOLLOWED] = rx_switches }
}

/* `count`: bytes of the present carrier that can be taken; the sight is in `state`, `tail` and `switches`. */
inline available()
{
    do
    :: true ->
#ifndef END_AFTER_TAIL
        state = load(STATE);
#endif
        tail = load(TAIL);
        switches = load(SWITCHES);
#ifdef END_AFTER_TAIL
        state = load(STATE);
#endif
        assert(switches - rx_switches <= 2);
        if
        :: switches != rx_switches ->
            limit = load(END + ((rx_switches + 1) & 1));
            to = load(CARRIER + ((rx_switches + 1) & 1));
            assert(limit == switch_end[rx_switches + 1] && to == switch_to[rx_switches + 1]);
#ifndef ONE_TAIL
            tail = load(TAIL);
#endif
            assert(limit <= tail)
        :: else -> limit = tail
        fi
        if
        :: rx_carrier == KERNEL && limit < position && switches == rx_switches -> count = 0; break
        :: else
        fi
        assert(limit >= position && (rx_carrier != RING || limit - position <= size_of(ring)));
        count = limit - position;
        if
        :: count != 0 || switches == rx_switches -> break
        :: else -> follow(to)
        fi
    od;
    atomic { to = 0; limit = 0 }
}

/* One byte of the present carrier, 0 if it has not come yet. */
inline take_one()
{
    if
    :: rx_carrier == RING ->
#ifdef HEAD_FIRST
        atomic { position++; word[HEAD] = position }
        value = load(cell(ring, position - 1));
#else
        value = load(cell(ring, position));
        atomic { position++; word[HEAD] = position }
#endif
        if
        :: load(WANTED) > size_of(ring) && offered == ring ->
            offer_ring(LARGEST);
#ifdef DROPS_EARLY
            exported[ring] = false
#endif
        :: else
        fi
    :: else ->
        if
        :: kernel?value -> atomic { position++; word[HEAD] = position }
        :: empty(kernel) -> assert(!kernel_ended)
        fi
    fi
}

inline check_end()
{
    if
    :: state & MARK_FINAL ->
        assert(rx_does(RX_FINAL_MARK, RX_TO_FINAL));
        rx_carrier = FINAL
    :: !(state & MARK_FINAL) && (state & (FIN | CLOSED)) ->
        if
        :: rx_does(RX_END, RX_TO_FINAL) -> rx_carrier = FINAL
        :: else -> assert(rx_does(RX_END, RX_EOF)); ended = true
        fi
    :: else ->
        if
        :: !dead
        :: dead && rx_does(RX_PEER_DEAD, RX_TO_FINAL) ->
            if :: rx_switches != 0 && empty(kernel) && !kernel_ended -> ended = true :: else -> rx_carrier = FINAL fi
        :: else ->
            assert(rx_does(RX_PEER_DEAD, RX_EOF));
            if :: len(kernel) != 0 -> rx_carrier = FINAL :: else -> ended = true fi
        fi
    fi
}

inline receive_step()
{
    if
    :: leftover_at < leftover_end -> deliver(load(RETURNED + leftover_at)); leftover_at++
    :: else ->
        consent();
        if
        :: rx_carrier == FINAL || !consented -> pc = BY_KERNEL
        :: else ->
#ifdef DEAD_LATE
            available();
            dead = link_dead;
#else
            dead = link_dead;
            available();
#endif
            if
            :: count != 0 ->
                take_one();
                if :: value != 0 -> deliver(value); value = 0 :: else fi
            :: else -> check_end()
            fi
            atomic { dead = false; count = 0; state = 0; tail = 0; switches = 0 }
        fi
    fi
}

inline tell_sender(bits)
{
    word[CONSUMER] = word[CONSUMER] | (bits)
}

inline return_unread()
{
    available();
    unread = load(TAIL) - position;
    do
    :: unread != 0 ->
        available();
        assert(count != 0);
        take_one();
        if
        :: value != 0 -> atomic { word[RETURNED + taken] = value; taken++; value = 0; unread-- }
        fi
    :: else -> break
    od;
    word[RETURNED_BYTES] = taken;
    tell_sender(READER_RETURNED);
    atomic { phase = GAVE_BACK; count = 0; state = 0; tail = 0; switches = 0 }
}

inline finish_leaving()
{
    atomic { busy = false; phase = NOTHING }
}

inline leave_when_frozen()
{
    state = load(STATE);
    if
    :: !(state & (FROZEN | CLOSED)) || (state & CLOSED) -> finish_leaving()
    :: else ->
        if
        :: state & RESTORED ->
            if
            :: load(TAIL) == position || (rx_carrier == KERNEL && load(SWITCHES) == rx_switches) -> rx_carrier = FINAL
            :: else
            fi
            finish_leaving()
        :: else -> return_unread()
        fi
    fi;
    state = 0
}

inline leave_when_restored()
{
    state = load(STATE);
    if
    :: state & RESTORED -> rx_carrier = FINAL
    :: else ->
#ifndef KEEPS_BOTH
        /* What the sender has put back is a part of what is kept here. */
        do
        :: nempty(kernel) -> atomic { kernel?value; value = 0 }
        :: empty(kernel) && (kernel_ended || link_dead) -> break
        od;
#endif
        leftover_end = taken
    fi
    finish_leaving();
    state = 0
}

/* Nothing but the sender can let the receiver go on. */
#define receiver_waits (busy || (leftover_at == leftover_end && consented && rx_carrier != FINAL && !link_dead && \
                                 load(SWITCHES) == rx_switches && !(load(STATE) & (FIN | CLOSED | MARK_FINAL)) && \
                                 (load(TAIL) <= position || (rx_carrier == KERNEL && len(kernel) == 0))))

active proctype receiver()
{
    byte position, ring, offered, pc, phase, state, tail, switches, limit, to, count, value, unread, taken;
    byte leftover_at, leftover_end;
    bool attached, consented, no_ring, busy, dead, ended;
    do
    :: ended -> break
    /* Each of these is what some thread does while it holds the half's lock. */
    :: !ended && pc == IDLE && !receiver_waits -> receive_step()
    :: !ended && pc == BY_KERNEL ->
        if
        :: rx_carrier == FINAL || !consented -> pc = IN_KERNEL
        :: else -> pc = IDLE
        fi
    :: pc == IN_KERNEL && nempty(kernel) ->
        kernel?value;
        deliver(value);
        value = 0;
        if :: rx_carrier != FINAL -> position++ :: else fi
        pc = IDLE
    :: pc == IN_KERNEL && empty(kernel) && (kernel_ended || link_dead) -> ended = true
    :: !attached -> word[HEAD] = position; attached = true
    :: load(WANTED) != 0 && may_consent -> consent()
#ifdef RECEIVER_CLOSES
    :: attached && pc != IN_KERNEL && !busy ->
        tell_sender(READER_CLOSED);
        receiver_closed = true;
#ifdef UNEXPORTS_AT_CLOSE
        exported[1] = false;
        exported[2] = false;
#endif
        break
#endif
#ifdef RECEIVER_LEAVES
    :: attached && !no_ring && !busy ->
        no_ring = true;
        if
        :: consented && rx_carrier != FINAL -> atomic { busy = true; phase = ASKED }; tell_sender(READER_LEAVES)
        :: else
        fi
#endif
#ifdef DRAINS
    :: consented && !no_ring && !busy -> no_ring = true; tell_sender(READER_DRAINS)
#endif
    :: phase == ASKED && ((load(STATE) & (FROZEN | CLOSED)) || link_dead) -> leave_when_frozen()
    :: phase == GAVE_BACK && ((load(STATE) & (RESTORED | CLOSED)) || link_dead) -> leave_when_restored()
    od;
    assert(receiver_closed || delivered == committed)
}

#ifdef SENDER_DIES
/* A kernel connection may outlive its process: then whoever has been left to it waits for ever. */
active proctype killer()
{
    atomic { drained -> sender_dead = true; if :: kernel_ended = true :: true fi }
    link_dead = true /* the receiver's watcher has noticed */
}
#endif
