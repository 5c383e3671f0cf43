/* shm_layout: every structure that another process can see.
 *
 * Offsets are ABI: 32- and 64-bit processes share these bytes.  Change one, raise SHM_VERSION; processes of different
 * versions stay on the kernel.  Every word has one writer; "sender" and "receiver" are those of one direction. */
#ifndef VMMC_SHM_LAYOUT_H
#define VMMC_SHM_LAYOUT_H

#include "atomics.h"
#include "vmmc.h"

#include <assert.h>
#include <stddef.h>

#define SHM_VERSION 7u
#define SHM_AT(type, field, offset) static_assert(offsetof(type, field) == (offset), #type "." #field " is ABI")
#define SHM_SIZE(type, size) static_assert(sizeof(type) == (size), #type " is ABI")

/* ---- a process's page of waiters: created by the process, mapped by everyone who may have to wake it ---- */

#define WAITER_SLOTS 1023
#define WAITER_MAGIC 0x54494157u

enum waiter_state { WAITER_RUNNING, WAITER_IN_FUTEX, WAITER_IN_EVENT, WAITER_WOKEN };

/* `state`: the sleeper swaps RUNNING for IN_*, whoever wakes it swaps anything for WOKEN and acts on what it found. */
typedef struct waiter_shm {
    _Alignas(SHM_LINE) word_t state;
} waiter_shm_t;
SHM_SIZE(waiter_shm_t, 64);

typedef struct waiter_page_shm {
    _Alignas(SHM_LINE) word_t magic; /* creator, last */
    uint32_t version;
    waiter_shm_t slots[WAITER_SLOTS];
} waiter_page_shm_t;
SHM_AT(waiter_page_shm_t, slots, 64);
SHM_SIZE(waiter_page_shm_t, 65536);

/* ---- the arena of two processes ---- */

#define ARENA_MAGIC 0x434d4d56u
#define ARENA_EXPORTS 4096  /* per side */
#define ARENA_MAILBOXES 2048 /* even ones are taken by side 0, odd ones by side 1 */
#define ARENA_HEAP_BYTES (1u << 20) /* per side, within the arena's own section: chunk 0 */
#define ARENA_CHUNK_BYTES (4u << 20)
#define ARENA_CHUNKS 256 /* per side; all but the first are sections of their own */

/* Written by the exporter: the fields, then `generation` with release; read by the importer. */
typedef struct export_shm {
    word_t generation; /* even: free */
    word_t chunk;
    word_t offset;
    word_t size;
} export_shm_t;
SHM_SIZE(export_shm_t, 16);

/* `use` is written by the side that may take the mailbox; `left[side]` by that side alone: the last use it is done
 * with. */
typedef struct mailbox_shm {
    _Alignas(128) uint8_t body[VMMC_MAILBOX_BYTES];
    word_t use;
    word_t left[2];
} mailbox_shm_t;
SHM_SIZE(mailbox_shm_t, 640);

/* ---- lending: what each side has lent to the other ----
 *
 *   field            writer    read by   ordering
 *   memories[slot]   lender    borrower  the memory's generation while it lives, an even number once it has been freed; then a
 *                                        full fence, and the lender looks at `accepted`
 *   lent[n]          lender    borrower  the loan's token, word by word, its generation last with release; even: not out
 *   reclaimer        lender    borrower  waiter number of a thread that waits for loans, 0: none
 *   accepted         borrower  lender    generation of loan n; then a full fence, and the borrower looks at `memories`: of
 *                                        a freed memory either the lender sees that the loan was accepted, or the borrower
 *                                        that it is too late
 *   returned         borrower  lender    generation of loan n; release after the last access to the pages
 *   changes          borrower  lender    raised after `returned`, and when a connection has been left */
#define ARENA_LOANS 1024    /* out at a time, per side */
#define ARENA_MEMORIES 1024 /* per process */
#define LOAN_WORDS 16

typedef struct lent_shm {
    word_t words[LOAN_WORDS]; /* as loan_token_t; the first is the generation */
} lent_shm_t;
SHM_SIZE(lent_shm_t, 64);

typedef struct borrowed_shm {
    word_t accepted;
    word_t returned;
} borrowed_shm_t;

typedef struct lending_shm {
    _Alignas(SHM_LINE) word_t memories[ARENA_MEMORIES];
    _Alignas(SHM_LINE) lent_shm_t lent[ARENA_LOANS];
    _Alignas(SHM_LINE) word_t reclaimer;
    _Alignas(SHM_LINE) borrowed_shm_t borrowed[ARENA_LOANS];
    _Alignas(SHM_LINE) word_t changes;
} lending_shm_t;
SHM_AT(lending_shm_t, lent, 4096);
SHM_AT(lending_shm_t, reclaimer, 69632);
SHM_AT(lending_shm_t, borrowed, 69696);
SHM_AT(lending_shm_t, changes, 77888);

/* What names a loan.  It travels through the programs, so whoever gets one back compares all of it with `lent`. */
typedef struct loan_token {
    uint32_t generation; /* of the loan; odd */
    uint16_t index;
    uint16_t flags;
    uint32_t mailbox;    /* the connection that it was made for */
    uint32_t link;       /* a hash of the arena's key: another pair of processes has another */
    uint8_t key[VMMC_KEY_BYTES]; /* names the memory */
    uint32_t memory;             /* its slot ... */
    uint32_t memory_generation;  /* ... and use of that; odd */
    uint64_t memory_length;
    uint64_t offset, length;
} loan_token_t;
SHM_AT(loan_token_t, key, 16);
SHM_AT(loan_token_t, memory_length, 40);
SHM_SIZE(loan_token_t, 64);

enum loan_flags { LOAN_WRITABLE = 1 };

typedef struct arena_shm {
    _Alignas(4096) word_t magic; /* creator, last, with release */
    uint32_t version;
    vmmc_identity_t creator;
    _Alignas(4096) export_shm_t exports[2][ARENA_EXPORTS];
    _Alignas(4096) mailbox_shm_t mailboxes[ARENA_MAILBOXES];
    _Alignas(4096) uint8_t heap[2][ARENA_HEAP_BYTES];
    _Alignas(4096) lending_shm_t lending[2]; /* by the lender's side */
} arena_shm_t;
SHM_AT(arena_shm_t, creator, 8);
SHM_AT(arena_shm_t, exports, 4096);
SHM_AT(arena_shm_t, mailboxes, 4096 + 131072);
SHM_AT(arena_shm_t, heap, 4096 + 131072 + 1310720);
SHM_AT(arena_shm_t, lending, 4096 + 131072 + 1310720 + 2097152);

/* ---- one direction of a stream: half a mailbox ----
 *
 * All positions are stream offsets modulo 2^32: the bytes of this direction since the connection began, whatever
 * carried them.  A carrier is the kernel connection or a ring; switch number n ends carrier n-1 and begins carrier n.
 * The sender looks at `head` only when a ring seems full, and the receiver at `tail` only when it has taken all it knew
 * of, so the words that each reads at every call have lines of their own that seldom change.
 *
 *   field            writer    read by   ordering
 *   tail             sender    receiver  release after the payload (or after the kernel took it); acquire before reading
 *   state            sender    receiver  release; FLOW_FIN and FLOW_CLOSED come after the last tail
 *   switches         sender    receiver  release after `record`; and before the first tail beyond the switch
 *   record[n & 1]    sender    receiver  covered by `switches`; not reused before `followed` has reached n
 *   urgents          sender    receiver  urgent bytes sent; release after `urgent`, and before the tail that covers the byte
 *   urgent[n & 3]    sender    receiver  where urgent byte n lies, and its value; of more than four the oldest are lost
 *   writer           sender    receiver  waiter number of a sleeping sender, 0: none
 *   wanted           sender    receiver  a hint: ring capacity in bytes that would have avoided a stall
 *   in_kernel        sender    receiver  1: in a kernel call, begun before there was an `offer`, whose bytes `tail` will tell of;
 *                                        release before the call, and 0 after `tail`
 *   head             receiver  sender    release after copying out; acquire before overwriting
 *   reader           receiver  sender    waiter number of a sleeping receiver, 0: none
 *   followed         receiver  sender    switches acted upon; release after `offer`
 *   offer            receiver  sender    the ring (an export) the sender may move to; 0: none
 *   consumer         receiver  sender    FLOW_READER_* bits
 *   returned*        receiver  sender    bytes handed back when the receiver leaves, and how many of them come up to
 *                                        and with the urgent one, 0: none; covered by FLOW_READER_RETURNED */
enum flow_state_bits {
    FLOW_ANNOUNCING = 1, /* from here on `tail` counts every byte the sender gives to the kernel */
    FLOW_FIN = 2,        /* no more bytes will follow tail */
    FLOW_CLOSED = 4,     /* the sender closed its socket */
    FLOW_RESET = 8,      /* and threw away bytes of the other direction, or asked for a hard close */
    FLOW_FINAL = 16,     /* the last carrier is the kernel, for good and unannounced */
    FLOW_FROZEN = 32,    /* the sender holds still until the receiver has returned what it had not read */
    FLOW_RESTORED = 64,  /* the returned bytes are in the kernel connection */
    FLOW_HOLDS = 128,    /* its program may store into a ring after the switch that ended it, so that memory is not used again */
    FLOW_REFUSED = 256, /* with RESTORED: the sender has no memory for the returned bytes; the receiver keeps them */
    FLOW_FRESH = 512, /* before the first switch: the connection was so new then that nobody can have sent by the kernel */
};
enum flow_reader_bits {
    FLOW_READER_CLOSED = 1,
    FLOW_READER_LEAVES = 2, /* wants the rest by the kernel */
    FLOW_READER_RETURNED = 4,
    FLOW_READER_DRAINS = 8 /* wants the rest by the kernel, but takes what is in the ring from there */
};

#define FLOW_KERNEL 0u /* in a record's `carrier`: the kernel; anything else is the handle of a ring */

typedef struct switch_shm {
    word_t end;
    word_t carrier;
} switch_shm_t;

#define FLOW_URGENTS 4u

typedef struct urgent_shm {
    word_t at;
    word_t byte;
} urgent_shm_t;

typedef struct flow_shm {
    _Alignas(SHM_LINE) word_t tail;
    word_t state;
    word_t switches;
    switch_shm_t record[2];
    word_t urgents;
    urgent_shm_t urgent[FLOW_URGENTS];
    _Alignas(SHM_LINE) word_t writer;
    word_t wanted;
    word_t in_kernel;
    _Alignas(SHM_LINE) word_t head;
    _Alignas(SHM_LINE) word_t reader;
    word_t followed;
    word_t offer;
    word_t consumer;
    word_t returned; /* handle of an export of the receiver's */
    word_t returned_bytes;
    word_t returned_urgent;
} flow_shm_t;
SHM_AT(flow_shm_t, urgents, 28);
SHM_AT(flow_shm_t, writer, 64);
SHM_AT(flow_shm_t, head, 128);
SHM_AT(flow_shm_t, reader, 192);
SHM_SIZE(flow_shm_t, 256);

/* flow[0] goes from side 0 to side 1. */
typedef struct stream_shm {
    flow_shm_t flow[2];
} stream_shm_t;
static_assert(sizeof(stream_shm_t) <= VMMC_MAILBOX_BYTES, "a stream fits its mailbox");

/* ---- the rendezvous table: one per user, the only object whose name can be derived ---- */

#define RENDEZVOUS_MAGIC 0x53564452u
#define RENDEZVOUS_RECORDS 4096
#define RENDEZVOUS_PROBES 64

/* FREE -> FILLING -> POSTED (first end) -> CLAIMING -> CLAIMED (second end) -> CONFIRMED (first) -> FREE (second).
 * WITHDRAWN: the first end does not want it after all; the second frees it.
 * Every change is a compare-and-swap; FILLING and CLAIMING belong to the process whose number stands in `worker`.  It is
 * there before the change and until after the next one, so that the record of a process that dies in between is known. */
enum rendezvous_state {
    RENDEZVOUS_FREE,
    RENDEZVOUS_FILLING,
    RENDEZVOUS_POSTED,
    RENDEZVOUS_CLAIMING,
    RENDEZVOUS_CLAIMED,
    RENDEZVOUS_CONFIRMED,
    RENDEZVOUS_WITHDRAWN
};

/* One end of a TCP connection: IPv4 addresses are written in their IPv6-mapped form. */
typedef struct endpoint {
    uint8_t address[16];
    uint16_t port; /* host order */
    uint16_t reserved;
} endpoint_t;
SHM_SIZE(endpoint_t, 20);

typedef struct rendezvous_shm {
    _Alignas(SHM_LINE) word_t state; /* generation << 8 | rendezvous_state, so that a reused record is noticed */
    word_t worker;                   /* process number, by compare-and-swap; 0: nobody */
    endpoint_t poster_end;           /* poster: its own end */
    endpoint_t claimer_end;          /* poster: the end it expects */
    vmmc_identity_t poster;          /* poster */
    word_t poster_waiter;            /* poster: whom to wake when the record is claimed; 0: nobody */
    word_t claimer_waiter;           /* claimer, as all that follows: the same when it is confirmed */
    vmmc_identity_t claimer;
    vmmc_ticket_t ticket;
    uint32_t mailbox;
} rendezvous_shm_t;
SHM_SIZE(rendezvous_shm_t, 192);

#define RENDEZVOUS_PORTS 65536

typedef struct rendezvous_table_shm {
    _Alignas(SHM_LINE) word_t version; /* 0 until somebody has opened the fresh table */
    word_t ran_us; /* all processes: what their threads have run, added now and then; a hint (crowd.h) */
    /* By port of the end that accepts: how many connections have been begun whose first transfer looks for the other end.
     * Raised by who connects, before it does; read by who accepts, afterwards.  A hint: what comes of it is measured. */
    _Alignas(SHM_LINE) word_t calls[RENDEZVOUS_PORTS];
    _Alignas(SHM_LINE) rendezvous_shm_t records[RENDEZVOUS_RECORDS];
} rendezvous_table_shm_t;
SHM_AT(rendezvous_table_shm_t, ran_us, 4);
SHM_AT(rendezvous_table_shm_t, calls, 64);
SHM_AT(rendezvous_table_shm_t, records, 64 + 4 * RENDEZVOUS_PORTS);

#endif
