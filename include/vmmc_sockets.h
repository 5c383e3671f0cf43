/* vmmc_sockets: pointers instead of copies, for WinSock programs that are willing to change a line.
 *
 * All calls go through ioctlsocket(), so a program needs nothing but this header: no library to link, and without our
 * wsock32.dll beside it the system answers every code with an error.  vmmc_channel.h wraps them and falls back to send
 * and recv by itself; docs/extension-api.md has the rules with a picture.
 *
 *     vmmc_view_t view = {.size = sizeof view, .count = 65536};
 *     if (ioctlsocket(s, VMMC_IO_RESERVE, (u_long *)&view) == 0) {
 *         ... fill view.spans[0], and view.spans[1] if the ring wraps, with up to view.count bytes ...
 *         ioctlsocket(s, VMMC_IO_COMMIT, (u_long *)&view);
 *     }
 *
 * There are two roads without copies:
 *
 *   views   the sender reserves room in the receiver's ring, fills it in place and commits; the receiver borrows received
 *           bytes in place and releases them.  The bytes are ordinary bytes of the stream: either end may use send and
 *           recv instead, and need not know what the other one does.
 *   loans   the sender exports memory of its own, a buffer or a file, by lending a range of it; it sends the loan's token, as
 *           ordinary bytes, to the receiver, which accepts it and then has the very same pages.  Lent for writing, it is
 *           a receive buffer that the other end stores into directly (VMMC's redirected transfer).
 *
 * Every request is a structure whose `size` is set to its sizeof.  ioctlsocket returns 0, or SOCKET_ERROR and
 *
 *   WSAEOPNOTSUPP   not by pointers now: a UDP or remote connection, one that the kernel carries at this moment, or for good.
 *                   Carry on with send and recv; VMMC_IO_ASK tells whether it is for good
 *   WSAEINVAL       a wrong size or count, or there is nothing to commit, release, reclaim or return
 *   WSAEFAULT       NULL, or a pointer that is not the one that was given out
 *   WSAEINPROGRESS  this thread itself holds what the call would have to wait for
 *
 * and whatever send or recv would report: WSAEWOULDBLOCK, WSAETIMEDOUT, WSAECONNRESET, WSAESHUTDOWN, WSAENOTSOCK...
 * A request that fails changes nothing.  All calls may be made from any thread. */
#ifndef VMMC_SOCKETS_H
#define VMMC_SOCKETS_H

#if !defined(_WINSOCKAPI_) && !defined(_WINSOCK2API_)
#include <winsock.h>
#endif
#include <stdint.h>

#define VMMC_INTERFACE_VERSION 1u

/* In the range that WinSock leaves to vendors, in and out. */
#define VMMC_IO_CODE(number) ((long)(0xd8560000u | (number)))
#define VMMC_IO_ASK VMMC_IO_CODE(1)        /* vmmc_ask_t */
#define VMMC_IO_COUNT VMMC_IO_CODE(2)      /* vmmc_counters_t */
#define VMMC_IO_RESERVE VMMC_IO_CODE(3)    /* vmmc_view_t */
#define VMMC_IO_COMMIT VMMC_IO_CODE(4)     /* vmmc_view_t */
#define VMMC_IO_BORROW VMMC_IO_CODE(5)     /* vmmc_view_t */
#define VMMC_IO_RELEASE VMMC_IO_CODE(6)    /* vmmc_view_t */
#define VMMC_IO_ALLOCATE VMMC_IO_CODE(7)   /* vmmc_memory_t */
#define VMMC_IO_OPEN_FILE VMMC_IO_CODE(8)  /* vmmc_memory_t */
#define VMMC_IO_FREE VMMC_IO_CODE(9)       /* vmmc_memory_t */
#define VMMC_IO_LEND VMMC_IO_CODE(10)      /* vmmc_loan_t */
#define VMMC_IO_RECLAIM VMMC_IO_CODE(11)   /* vmmc_loan_t */
#define VMMC_IO_ACCEPT VMMC_IO_CODE(12)    /* vmmc_accepted_t */
#define VMMC_IO_RETURN VMMC_IO_CODE(13)    /* vmmc_accepted_t */

/* ---- asking ---- */

/* VMMC_IO_ASK: what this socket can do.  Succeeds on every TCP socket that is, or may yet become, user-level, or
 * can lend although its bytes have gone back to the kernel for good. */
enum vmmc_ways {
    VMMC_SENDS_BY_RING = 1,    /* the next send goes by a ring */
    VMMC_RECEIVES_BY_RING = 2, /* so does the next receive */
    VMMC_CAN_LEND = 4          /* both ends are user-level: loans are possible, whatever carries the bytes */
};

typedef struct vmmc_ask {
    uint32_t size;
    uint32_t version;      /* out: VMMC_INTERFACE_VERSION of the library */
    uint32_t ways;         /* out: enum vmmc_ways */
    uint32_t send_ring;    /* out: capacity in bytes, 0: none; rings grow */
    uint32_t receive_ring; /* out */
} vmmc_ask_t;

/* VMMC_IO_COUNT: what has gone through this socket since it became user-level.  A byte that went by a ring was copied by
 * us once at either end, except in place, where the program's own store or load is the only one. */
typedef struct vmmc_way_counters {
    uint64_t bytes;         /* in all */
    uint64_t in_place;      /* of these: reserved and committed, or borrowed and released */
    uint64_t by_kernel;     /* of these: by the kernel connection, as far as the stream has counted them */
    uint64_t calls;         /* that moved bytes */
    uint64_t waits;         /* for room, or for bytes: how often a call had to look again */
    uint64_t sleeps;        /* of these: how often the thread gave its processor away */
    uint64_t switches;      /* of carrier */
    uint64_t loans, lent;   /* lent out (sent) or accepted (received): how many, and their bytes */
} vmmc_way_counters_t;

typedef struct vmmc_counters {
    uint32_t size;
    uint32_t reserved;
    vmmc_way_counters_t sent, received;
} vmmc_counters_t;

/* ---- views ---- */

typedef struct vmmc_piece {
    void *bytes;
    uint32_t count;
} vmmc_piece_t;

/* VMMC_IO_RESERVE  in: `count`, the most that is wanted, 1 or more.  Out: `count`, what is granted, and where it lies; the
 *                  second span is empty (count 0) unless the ring wraps.  Waits as send does: a blocking socket until there is
 *                  room, at most SO_SNDTIMEO.  Until the commit, other threads' sends wait for it (non-blocking:
 *                  WSAEWOULDBLOCK); this thread's own get WSAEINPROGRESS.
 * VMMC_IO_COMMIT   in: the view, `count`: how many of its first bytes to send, 0: none, which gives the reservation up.  Out:
 *                  how many were.  Fewer than asked for (non-blocking, and the stream has left the ring meanwhile): the
 *                  rest stays reserved, and the view is about that.  Otherwise the reservation is over.
 * VMMC_IO_BORROW   in: `count`, the most that is wanted, 1 or more.  Out: the bytes that are there, as for reserve; `count`
 *                  0: the end of the stream, and nothing is borrowed.  Waits as recv does.  The bytes stay unread until they
 *                  are released; to borrow again before that gives a view from the same first byte on, now with what
 *                  has come since.  Other threads' receives wait, or get WSAEWOULDBLOCK; this thread's own get
 *                  WSAEINPROGRESS.
 * VMMC_IO_RELEASE  in: the view, `count`: how many of its first bytes have been read, 0: none.  The borrowing is over; bytes
 *                  that were not released are received again.
 *
 * There is one reservation and one borrowing at a time, and any thread may end it.  A view stays valid until then, whether
 * the other end closes, its process dies or the stream moves to the kernel; closesocket ends it. */
typedef struct vmmc_view {
    uint32_t size;
    uint32_t count;
    vmmc_piece_t spans[2];
} vmmc_view_t;

/* ---- memory that can be lent ---- */

enum vmmc_memory_access {
    VMMC_OTHERS_READ = 0,
    VMMC_OTHERS_WRITE = 1 /* loans of it are for writing: a receive buffer */
};

/* Memory belongs to the process, not to the socket that the call was made by, and outlives it; any TCP socket will do.
 * A process may have 1,024 pieces.
 *
 * VMMC_IO_ALLOCATE   in: `length` in bytes, 1 or more, and `access`.  Out: `base`, zeroed and page-aligned, and `id`.
 * VMMC_IO_OPEN_FILE  in: `file`, a handle with GENERIC_READ (it may be closed afterwards).  Out: `length`, the whole
 *                    file, `base` NULL (this process does not map it) and `id`.  To others it is read-only.
 * VMMC_IO_FREE       in: `id`.  The memory is unmapped here; what others have accepted of it stays theirs.
 *
 * Besides the errors above: WSAENOBUFS, no memory or address space, or too many pieces; for a file the system's own error. */
typedef struct vmmc_memory {
    uint32_t size;
    uint32_t access;
    uint64_t length;
    void *base;
    void *file;
    uint32_t id;
} vmmc_memory_t;

/* ---- loans ---- */

#define VMMC_TOKEN_BYTES 64

/* What names a loan to the other end; send it there by whatever protocol the program has.  It is the same for 32- and
 * 64-bit programs, of use only on the connection that it was made for, and to be treated as opaque. */
typedef struct vmmc_token {
    uint8_t bytes[VMMC_TOKEN_BYTES];
} vmmc_token_t;

/* VMMC_IO_LEND     in: `memory` (an id), `offset`, `length` (1 or more), `context`.  Out: `token`, `loan`.
 *                  Order: what the lender stored into the memory before it sent the token is seen by whoever has received the
 *                  token.  It must not change a range that is lent for reading before that is back.
 * VMMC_IO_RECLAIM  in: `loan`, or 0: any loan of this connection that is back.  Out: `loan`, `context`; the loan is over, its
 *                  number may be used again.  A blocking socket waits, at most SO_RCVTIMEO, a non-blocking one gets
 *                  WSAEWOULDBLOCK; WSAEINVAL: there is none to wait for.  All is back if the other process has died.  What
 *                  has not been accepted is back too if the other end has closed its socket, or the memory was freed.
 *                  Order: what the borrower stored before it returned the loan is seen afterwards.
 *
 * Many loans may be out at once, and of overlapping ranges; they come back in any order.  WSAENOBUFS: too many (1,024 per
 * pair of processes and direction).  The lender's closesocket ends none: the other end may still accept and return, but
 * nobody is told.  A program that wants the range again afterwards frees the memory and allocates anew. */
typedef struct vmmc_loan {
    uint32_t size;
    uint32_t memory;
    uint64_t offset, length;
    void *context; /* the program's; comes back with the loan */
    uint32_t loan;
    vmmc_token_t token;
} vmmc_loan_t;

/* VMMC_IO_ACCEPT  in: `token`.  Out: `bytes`, `length`, `writable`: the lent pages themselves.  Once per loan.  Errors:
 *                 WSAEACCES: it is not for this connection, was accepted before, its memory has been freed or its lender has
 *                 died; WSAENOBUFS: no address space.
 * VMMC_IO_RETURN  in: the request as accept left it: `token` and `bytes`.  The pages may be gone afterwards.  Until then they
 *                 stay, though the other process dies, frees the memory or closes the socket; a program returns what it has
 *                 accepted after its own closesocket by any other socket.  WSAEINVAL: the token's loan is not held by this
 *                 process (any more); WSAEFAULT: it is, but not at `bytes`.
 *
 * Pages lent for reading cannot be stored into.  Those of a file show what becomes of the file; if somebody cuts it short,
 * touching what was there raises an exception, as with any mapped file. */
typedef struct vmmc_accepted {
    uint32_t size;
    uint32_t writable;
    vmmc_token_t token;
    uint64_t length;
    void *bytes;
} vmmc_accepted_t;

#endif
