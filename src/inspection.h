/* inspection: what a process shows of its sockets to whoever may read its memory (ctl/inspect.c).
 *
 * The DLL has one constant *block* in a section of its own, found through the module's headers.  It says where the
 * socket table is and where in an entry each *field* lies, so a reader needs no knowledge of this build's structures,
 * nor of its bitness.  Nothing is written for the reader, no lock is there to be taken, and no path of ours is longer
 * for it: the reader looks twice until both looks agree. */
#ifndef VMMC_INSPECTION_H
#define VMMC_INSPECTION_H

#include <stdint.h>

#define INSPECTION_SECTION ".vmmc"
#define INSPECTION_MAGIC "vmmc inspection" /* 16 bytes with its end */
#define INSPECTION_VERSION 2u              /* raised when a structure below, or the meaning of a field, changes */

/* An address of the process that has the block, in 64 bits whatever its own have. */
typedef union inspection_address {
    const volatile void *here;
    uint64_t there;
} inspection_address_t;

/* The socket table: `used` counts the pages that may exist; a page is an array of pointers to entries. */
typedef struct inspection_table {
    inspection_address_t pages; /* an array of pointers */
    inspection_address_t used;  /* a 32-bit word */
    uint32_t page_count, page_slots;
} inspection_table_t;

/* What holds for the whole process: 32-bit words, and a pointer to a text, NULL: streams are possible. */
typedef struct inspection_process {
    inspection_address_t started, futex, reason;
} inspection_process_t;

/* Of one direction: NAME, member of half_t. */
#define INSPECTION_HALF_FIELDS(X)                                                                                      \
    X(CARRIER, carrier)                                                                                                \
    X(POSITION, position)                                                                                              \
    X(SWITCHES, switches)                                                                                              \
    X(RING_BYTES, ring.size)                                                                                           \
    X(FLOW, flow)                                                                                                      \
    X(NEVER, never)                                                                                                    \
    X(CONSENTED, consented)                                                                                            \
    X(SHUT, shut)                                                                                                      \
    X(STRAYED, strayed)                                                                                                \
    X(BYTES, counters.bytes)                                                                                           \
    X(IN_PLACE, counters.in_place)                                                                                     \
    X(BY_KERNEL, counters.by_kernel)                                                                                   \
    X(CALLS, counters.calls)                                                                                           \
    X(WAITS, counters.waits)                                                                                           \
    X(SLEEPS, counters.sleeps)                                                                                         \
    X(WAKES, counters.wakes)                                                                                           \
    X(LOANS, counters.loans)                                                                                           \
    X(LENT, counters.lent)

/* Of an entry: NAME, member of sock_t. */
#define INSPECTION_SOCK_FIELDS(X)                                                                                      \
    X(HANDLE, handle)                                                                                                  \
    X(MODE, mode)                                                                                                      \
    X(CONNECTING, connecting)                                                                                          \
    X(LISTENING, listening)                                                                                            \
    X(SELF, meeting.self)                                                                                              \
    X(PEER, meeting.peer)                                                                                              \
    X(WHY, story.why)                                                                                                  \
    X(SINCE, story.connected_us)                                                                                       \
    X(PEER_PROCESS, story.peer_process)                                                                                \
    X(ATTACHED, stream.attached)                                                                                       \
    X(BROKEN, stream.broken)

/* Of the shared words of one direction (FLOW points to them): NAME, member of flow_shm_t. */
#define INSPECTION_FLOW_FIELDS(X)                                                                                      \
    X(TAIL, tail)                                                                                                      \
    X(STATE, state)                                                                                                    \
    X(HEAD, head)                                                                                                      \
    X(CONSUMER, consumer)

#define INSPECTION_NUMBER_SOCK(name, member) FIELD_##name,
#define INSPECTION_NUMBER_TX(name, member) FIELD_TX_##name,
#define INSPECTION_NUMBER_RX(name, member) FIELD_RX_##name,
#define INSPECTION_NUMBER_FLOW(name, member) FIELD_FLOW_##name,
enum inspection_field {
    INSPECTION_SOCK_FIELDS(INSPECTION_NUMBER_SOCK) INSPECTION_HALF_FIELDS(INSPECTION_NUMBER_TX)
        INSPECTION_HALF_FIELDS(INSPECTION_NUMBER_RX) INSPECTION_FLOW_FIELDS(INSPECTION_NUMBER_FLOW) INSPECTION_FIELDS
};

typedef struct inspection_field_at {
    uint16_t offset, size; /* bytes, from the start of the entry; of FLOW fields, from where FLOW points */
} inspection_field_at_t;

typedef struct inspection_block {
    char magic[16];
    uint32_t version;
    uint32_t block_bytes;
    uint32_t pointer_bytes;
    uint32_t sock_bytes, flow_bytes;
    uint32_t field_count;
    uint32_t layout; /* SHM_VERSION: processes of different ones do not meet */
    uint32_t reserved;
    char release[16];             /* the project's version, as text */
    inspection_address_t table;   /* inspection_table_t */
    inspection_address_t process; /* inspection_process_t */
    inspection_field_at_t fields[INSPECTION_FIELDS];
} inspection_block_t;

#endif
