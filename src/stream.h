/* stream: one TCP connection whose bytes may leave the kernel's path, as one of its two processes sees it.
 *
 * Each direction is a chain of carriers (carrier.h): the kernel connection, then rings in the receiver's exported
 * memory, the kernel again when a ring overflows or a program needs the kernel socket.  A stream knows nothing of
 * WinSock; the kernel connection is a set of calls handed in.
 *
 * Owns    two half_t, the rings exported by this side, one mailbox and one reference to the link.
 * Threads any; each half has a lock that is never held over a sleep.
 * Errors  a count, or one of STREAM_*. */
#ifndef VMMC_STREAM_H
#define VMMC_STREAM_H

#include "bias.h"
#include "carrier.h"
#include "copy_choice.h"
#include "lock.h"
#include "moderation.h"
#include "shm_layout.h"
#include "wait.h"

#define STREAM_AGAIN (-1)     /* would block */
#define STREAM_RESET (-2)     /* the connection is gone, bytes may be lost */
#define STREAM_SHUT (-3)      /* this direction was shut down by this side */
#define STREAM_CANCELLED (-4) /* the socket was closed by another thread */
#define STREAM_TIMEOUT (-5)   /* the caller's deadline has passed */
#define STREAM_BY_KERNEL (-6) /* this direction is not user-level (now): use the kernel's own call */
#define STREAM_INLINE (-7)    /* urgent bytes are delivered in line, so there is none to ask for */
#define STREAM_NO_SPACE (-8)  /* an urgent byte was dropped for lack of a buffer */

#define STREAM_INTERRUPTED (-9) /* the program has called the wait off */
#define STREAM_INVALID (-10)    /* there is nothing to commit or release, or not that much */
#define STREAM_FAULT (-11)      /* memory that may not be touched, or not the view that was given out */
#define STREAM_HELD (-12)       /* the calling thread would wait for the view that it has itself */

#define STREAM_NEVER UINT64_MAX

/* The kernel connection below a stream; every call gets `socket` and none of them blocks, except wait(). */
typedef struct kernel_calls {
    /* Before the first send, receive or peek: from now on they must not block. */
    void (*unblock)(uintptr_t socket);
    /* Bytes moved; 0 (receive only): end of file; STREAM_AGAIN; STREAM_FAULT; STREAM_RESET for every other failure. */
    int (*send)(uintptr_t socket, const void *bytes, uint32_t count);
    int (*receive)(uintptr_t socket, void *bytes, uint32_t count);
    int (*peek)(uintptr_t socket, void *bytes, uint32_t count);
    /* Bytes that can be received now. */
    uint32_t (*pending)(uintptr_t socket);
    /* Sleep until the socket is writable (or readable), at most `ms`. */
    void (*wait)(uintptr_t socket, bool writable, unsigned ms);
    /* The same as send, for one byte that is urgent. */
    int (*send_urgent)(uintptr_t socket, const void *byte);
    /* Send the kernel's end of stream. */
    void (*shut)(uintptr_t socket);
} kernel_calls_t;

/* A thread that sleeps on a half; it lives on that thread's stack. */
typedef struct sleeper {
    struct sleeper *next;
    uint32_t number;
} sleeper_t;

/* The last urgent byte of a direction, as its receiver sees it (TCP's model: the byte has its place in the stream). */
typedef enum urgent_state { URGENT_NONE, URGENT_WAITING, URGENT_TAKEN } urgent_state_t;

typedef struct urgent {
    urgent_state_t state; /* not NONE: `at` has not been passed yet */
    bool in_line;         /* the byte is delivered in its place, otherwise skipped there */
    uint8_t byte;
    uint32_t at;
    uint32_t count; /* sender: published; receiver: seen */
} urgent_t;

typedef struct span {
    void *bytes;
    uint32_t count;
} span_t;

/* Bytes of a ring in place: two spans where it wraps, otherwise the second is empty. */
typedef struct view {
    span_t spans[2];
    uint32_t count;
} view_t;

/* What has gone through one direction, as the public header describes it. */
typedef struct counters {
    uint64_t bytes, in_place, by_kernel, calls, waits, sleeps, wakes, loans, lent;
} counters_t;

/* What a sender that does not wait remembers of its full ring. */
typedef struct full_ring {
    uint32_t at;         /* position when it was found full last, */
    uint32_t head;       /* ... how far the receiver had read, */
    uint64_t since;      /* ... and when, on os_now_us() */
    uint32_t wanted;     /* room for the message that was refused there */
    uint64_t rest_until; /* so long the call under way may look for room for the rest of its message; 0: has not yet */
    uint32_t promised_at;
    bool promised; /* at that position: who asked was told that there is room, if not here then in the kernel */
    bool stalled;  /* the last one became full because nobody read */
} full_ring_t;

/* One direction.  `position` counts the bytes that went through this side; stream offsets are that, modulo 2^32.
 *
 * `plain` says that nothing but bytes is going on, as far as this side knows: they are in a ring, and no other thread, no
 * view, mark, shutdown or leaving is in their way.  `clear` is how many bytes may be moved next without a look at anything
 * else: there is room for them, or they are there, up to the end of the ring's memory.  Who has found that, with the lock
 * held, sets them; half_take() ends them, so what they were found from cannot change under them.  Within the clear
 * stretch the thread that has the half (bias.h) goes in without the lock. */
typedef struct half {
    bias_t bias;
    vmmc_lock_t lock;
    carrier_t carrier;
    uint32_t position;
    uint32_t clear; /* not 0: `plain` */
    bool plain;
    uint32_t seen;     /* sender: last head seen; receiver: last tail seen */
    uint32_t known;    /* receiver: bytes up to here are known to lie in the present ring */
    uint32_t switches; /* sender: published; receiver: followed */
    vmmc_region_t ring;
    flow_shm_t *flow; /* NULL until attached */
    urgent_t urgent;
    sleeper_t *sleepers;
    uint32_t shown;     /* the number that stands where the other side looks whom to wake, */
    word_t shown_since; /* ... and since when: wait_moment() */
    word_t kicks;       /* raised by this process to make spinning threads look again */
    uint32_t learnt_spin;
    moderation_t moderation; /* receiver */
    bool patient;       /* its waits are long of late, so a sleeper does not look twice */
    uint32_t kernel_calls; /* threads inside kernel calls that are not announced */
    uint32_t next_wanted;  /* sender: the ring that it would like; receiver: the largest wish that it has seen to */
    uint32_t ring_began;   /* sender: position at which the present ring did */
    full_ring_t full;      /* sender */
    uint32_t part;         /* sender: larger pieces are published in parts of that size */
    vmmc_region_t offered; /* receiver: the ring on offer; equals `ring` when in use */
    bool consented;        /* receiver */
    uint32_t told_to;      /* receiver: the program has been told of bytes up to here before they were announced, */
    uint8_t looks_left;    /* ... and so often a receive still waits for that */
    bool awaited;          /* receiver: a thread has waited for the other end's attachment */
    bool never;            /* no ring for this direction, ever */
    bool shut;             /* by this side */
    bool strayed;          /* receiver: bytes came around us, and the sender has been asked to leave */
    uint32_t turn;         /* the waiter of the thread that has set `busy` */
    bool busy;             /* sender: a blocking send is under way; receiver: leaving */
    bool frozen;           /* sender: the receiver is leaving */
    bool swallowed;        /* sender: one send after the peer's close has been accepted, as TCP does */
    uint32_t restored;     /* sender: returned bytes already given to the kernel */
    uint64_t frozen_since; /* sender: on os_now_us(), as for the next */
    view_t held;           /* out with the program: reserved or borrowed; count 0: nothing */
    uint32_t holder;       /* the waiter of the thread that asked for it */
    counters_t counters;
    uint8_t *leftover;     /* receiver: taken out of the carriers, but not accepted back by the sender */
    uint32_t leftover_at, leftover_end;
    copy_choices_t copying; /* sender */
} half_t;

/* If the lock is free, go in with it, to move bytes and do nothing else. */
static inline bool half_try(half_t *half)
{
    if (!lock_take_free(&half->lock))
        return false;
    bias_end(&half->bias);
    return true;
}

/* `inside`: without the lock. */
static inline void half_leave(half_t *half, bool inside)
{
    if (inside)
        bias_leave();
    else
        lock_release(&half->lock);
}

/* This thread would come in without the lock from now on.  Who has done so has the half, or is just losing it. */
static inline void half_offer(half_t *half, bool inside)
{
    if (!inside)
        bias_offer(&half->bias);
}

/* Take the lock for more than that. */
static inline void half_take(half_t *half)
{
    lock_take(&half->lock);
    bias_end(&half->bias);
    half->clear = 0;
    half->plain = false;
    half->known = half->position; /* not what was true 4 GB ago */
}

typedef struct stream {
    half_t tx, rx;
    vmmc_link_t *link;
    const word_t *link_death; /* of that link: not 0 once the other process is dead */
    uint32_t mailbox;
    const kernel_calls_t *kernel;
    word_t unblocked; /* the kernel connection is, for the stream's calls */
    uintptr_t socket;
    _Atomic(uintptr_t) open_for; /* the socket; 0 once the stream is broken */
    uint32_t ring_bytes, ring_max_bytes;
    uint64_t new_until; /* on os_now_us() */
    word_t expects_ring; /* until a first send has waited for it */
    word_t missed_ring;
    word_t send_buffer;
    word_t attached;
    word_t closing;
    word_t broken; /* the other side wrote something impossible, or did not answer: reset */
    word_t users;  /* threads that may be asleep inside, plus one for the owner */
    word_t gone;   /* the last of them has left and cleaned up */
} stream_t;

/* True once this side has reset the stream by itself. */
static inline bool stream_is_broken(const stream_t *stream)
{
    return load_relaxed(&stream->broken) != 0;
}

/* True once the owner has closed the stream and the last thread has left it. */
static inline bool stream_is_gone(const stream_t *stream)
{
    return load_acquire(&stream->gone) != 0;
}

/* Make `stream` new, for the kernel connection `socket`.  Its memory must have been a stream, or zero, before: threads
 * that come late may still take its locks, so these are never reset. */
void stream_init(stream_t *stream, const kernel_calls_t *kernel, uintptr_t socket, uint32_t ring_bytes,
                 uint32_t ring_max_bytes);
/* Before the attachment, for streams that are to begin with other rings than usual: bytes, powers of two, 0: as usual.
 * `sending` is a wish that the other side grants if that is more than it would offer.  Rings still grow. */
void stream_size_rings(stream_t *stream, uint32_t receiving, uint32_t sending);
/* Before the attachment: the other end has been met with the connection's first transfer, so a first send waits a
 * moment for the ring that it is about to offer.  Until `new_until` (os_now_us()) nobody else can have sent anything here. */
static inline void stream_expect_ring(stream_t *stream, uint64_t new_until)
{
    store_relaxed(&stream->expects_ring, 1);
    stream->new_until = new_until;
}
/* True if one that blocks has done so in vain. */
static inline bool stream_has_missed_ring(const stream_t *stream)
{
    return load_relaxed(&stream->missed_ring) != 0;
}
/* How many bytes the program wants to send ahead of who reads them (SO_SNDBUF), 0: no wish; at any time. */
static inline void stream_set_send_buffer(stream_t *stream, uint32_t bytes)
{
    store_relaxed(&stream->send_buffer, bytes);
}
/* Give the stream its shared memory: `link` (a reference is taken over) and mailbox.  The kernel connection must be
 * non-blocking from here on. */
void stream_attach(stream_t *stream, vmmc_link_t *link, uint32_t mailbox, void *memory);
bool stream_is_attached(const stream_t *stream);

/* The link and the mailbox below an attached stream, for what belongs to the connection but is not in its bytes.  They stay
 * until stream_leave_link(), whoever closes the stream meanwhile.  0, STREAM_CANCELLED, or STREAM_BY_KERNEL: it is not
 * attached. */
int stream_enter_link(stream_t *stream, uintptr_t socket, vmmc_link_t **link, uint32_t *mailbox);
void stream_leave_link(stream_t *stream);
/* For the counters of that direction: `bytes` have been lent, or accepted. */
void stream_count_loan(half_t *half, uint64_t bytes);

/* A kernel call may have sent a part of its bytes before it failed: nobody knows how many, so no ring for sending. */
void stream_forbid_sending(stream_t *stream);
/* Around every kernel call that may take or give bytes of this stream without the stream's knowledge; enter fails
 * (false) if the direction has become user-level or holds still, in which case the caller asks the stream again. */
bool stream_enter_kernel(stream_t *stream, half_t *half, uintptr_t socket);
void stream_leave_kernel(stream_t *stream, half_t *half, int moved);

/* One request to move bytes. */
typedef struct transfer {
    uintptr_t socket; /* must still be the stream's: its memory is reused for other sockets */
    void *bytes;
    uint32_t count;
    bool blocking;
    bool peek;         /* receive only: leave the bytes */
    bool urgent;       /* send only: the last byte is */
    bool in_turn;      /* send only: between stream_begin_turn() and stream_end_turn() */
    bool tearable;     /* send only: a part is as welcome as the whole */
    view_t *view;      /* receive only: lend the bytes in place instead of copying them; see stream_borrow() */
    uint64_t deadline; /* on os_now_us(), or STREAM_NEVER */
} transfer_t;

/* Send; fewer bytes than asked for are accepted only if !blocking, or if the stream fails later. */
int stream_send(stream_t *stream, const transfer_t *transfer);
/* Around several sends of one thread (with transfer_t.in_turn) that no other thread's bytes may come between.  Begin
 * waits for sends under way, without a limit.  0, or STREAM_*: there is no turn to end. */
int stream_begin_turn(stream_t *stream, uintptr_t socket);
void stream_end_turn(stream_t *stream);
/* Receive what is there, up to `count`; 0: end of stream. */
int stream_receive(stream_t *stream, const transfer_t *transfer);
/* Take the urgent byte that waits (STREAM_AGAIN: none).  It is lost, with STREAM_NO_SPACE, if the transfer has no room. */
int stream_receive_urgent(stream_t *stream, const transfer_t *transfer);
/* Deliver urgent bytes in line (SO_OOBINLINE), or aside. */
void stream_set_in_line(stream_t *stream, bool in_line);
/* True if the sender has left the carrier that is being received from: what it sent since lies behind. */
bool stream_goes_on(const stream_t *stream);
/* Bytes that a receive would return now; STREAM_BY_KERNEL if only the kernel knows. */
int stream_pending(stream_t *stream, uintptr_t socket);
/* 1 if the next byte is the urgent one, STREAM_INLINE if it is that and in line; otherwise 0 or STREAM_BY_KERNEL. */
int stream_at_mark(stream_t *stream, uintptr_t socket);
void stream_shut_sending(stream_t *stream, uintptr_t socket);
void stream_shut_receiving(stream_t *stream, uintptr_t socket);
/* True if both sides have ended what they send, or the connection was reset. */
bool stream_is_over(stream_t *stream);
/* Publish the end and let go of everything once no thread is inside.  `hard`: as a reset. */
void stream_close(stream_t *stream, bool hard);

/* ---- views: the ring itself instead of a copy (stream_view.c) ---- */

/* All four give a count, or STREAM_*: BY_KERNEL where no ring carries the direction at this moment, HELD, INVALID and FAULT
 * for what the program did wrong; what fails changes nothing.
 *
 * Reserve up to `request->count` bytes of room behind the last byte sent, in this sender's turn, which the reservation
 * keeps until it is over; waits for a useful amount as a send does. */
int stream_reserve(stream_t *stream, const transfer_t *request, view_t *view);
/* Send the first `request->count` of the reserved bytes, `request->bytes` being the first one; 0 gives the reservation up.
 * BY_KERNEL: the stream has left that ring, so they have to be sent as bytes that lie anywhere, in turn, and stream_spend()
 * told: the same request, how many were, and it gives what stays reserved, nothing once `request->count` is reached. */
int stream_commit(stream_t *stream, const transfer_t *request);
void stream_spend(stream_t *stream, const transfer_t *request, uint32_t sent, view_t *rest);
/* What a receive would have copied, in place, up to `request->count`; 0: end of stream.  The bytes stay unread, and this
 * direction is the borrower's, until they are released. */
int stream_borrow(stream_t *stream, const transfer_t *request, view_t *view);
/* The first `request->count` of the borrowed bytes have been read. */
int stream_release(stream_t *stream, const transfer_t *request);

/* What a stream is doing: ring capacities in bytes, 0: that direction has none now; and its counters. */
typedef struct stream_facts {
    uint32_t send_ring, receive_ring;
    uint32_t send_switches, receive_switches;
    bool has_peer; /* the other process is there and can be lent to, whatever carries the bytes */
    counters_t sent, received;
} stream_facts_t;
void stream_describe(stream_t *stream, stream_facts_t *facts);

/* ---- readiness ---- */

/* 1 ready, 0 not, STREAM_BY_KERNEL: ask the kernel.  A readable stream has bytes, an end or an error.  Of two programs that
 * send and then ask whether there is something to be read, as with TCP, one at least finds something if a full_fence() lies
 * between the two. */
int stream_readable(stream_t *stream, uintptr_t socket);
int stream_writable(stream_t *stream, uintptr_t socket);
#define STREAM_FULL_US 20000 /* what was not writable may be so for want of a reader after that, and has to be asked again */
/* 1 if an urgent byte waits, STREAM_INLINE if it waits in line; otherwise 0 or STREAM_BY_KERNEL. */
int stream_has_urgent(stream_t *stream, uintptr_t socket);
/* What a receive would find, whether or not this side has been shut: bytes, the end, a failure, or nothing yet. */
typedef enum input { INPUT_NONE, INPUT_BYTES, INPUT_END, INPUT_FAILED, INPUT_BY_KERNEL } input_t;
input_t stream_input(stream_t *stream, uintptr_t socket);
/* Register the calling thread's waiter so that a change of that direction wakes it, and take it back.  In between the
 * stream cannot be torn down.  False: it is closed already, or another socket's. */
bool stream_arm(stream_t *stream, half_t *half, uintptr_t socket, sleeper_t *sleeper, const waiter_t *waiter);
void stream_disarm(stream_t *stream, half_t *half, sleeper_t *sleeper);

/* ---- demotion ---- */

/* Wake this process's threads that sleep in the stream, to look at it again. */
void stream_kick(stream_t *stream);
/* Move both directions to the kernel for good.  Waits for the other side at most 2 x 250 ms, then resets.  0, or
 * STREAM_RESET; STREAM_AGAIN: the other side is gone and unread bytes stay in this process. */
int stream_demote(stream_t *stream);
/* True if both directions are the kernel's for good. */
static inline bool stream_is_final(const stream_t *stream)
{
    return stream->tx.carrier == CARRIER_FINAL && stream->rx.carrier == CARRIER_FINAL;
}

/* What the kernel connection of a stream that should be silent there has to say. */
typedef enum stray {
    STRAY_NONE,    /* nothing */
    STRAY_LATER,   /* not to be told now: announced bytes are there, or nobody has begun to read */
    STRAY_SEEN,    /* bytes or an end that nobody announced; of bytes, their announcement may follow in an instant */
    STRAY_LEAVING, /* the stream is the kernel's, or about to be */
    STRAY_NEVER    /* nothing more is to be expected */
} stray_t;
stray_t stream_look_for_strays(stream_t *stream);
/* False: STRAY_NEVER, whatever the kernel connection has.  Does not ask it. */
bool stream_may_have_strays(stream_t *stream);
/* The strays are there to stay: have both halves leave, as soon as the ring's bytes have been read.  Waits for nobody. */
void stream_leave_to_strays(stream_t *stream);

/* Answer the other side's wishes, to leave or for a ring, if it has any; the watcher and senders call it.  True: call
 * again soon. */
bool stream_serve_peer(stream_t *stream);
/* No call of the kernel's on this socket may block from here on. */
void stream_unblock_kernel(stream_t *stream);

#endif
