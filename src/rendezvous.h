/* rendezvous: how the two processes that share a kernel connection find each other.
 *
 * Both ends post in one table, keyed by the pair of addresses.  Whoever comes second claims the first one's record and
 * the first confirms.  Each asks its kernel socket for its names again after it has seen the other's record (its own only
 * if that was not asked for a moment ago): only one live connection has that pair of names at a time, so both are ends of
 * the same one, and neither the record of a crashed process nor a reused port can join two connections.
 *
 * Owns    the table (mapped for the life of the process).
 * Threads any; one meeting is used by one thread at a time. */
#ifndef VMMC_RENDEZVOUS_H
#define VMMC_RENDEZVOUS_H

#include "shm_layout.h"

/* True if the kernel socket still is a connection between exactly these two ends.  `self` NULL: its own has been asked for a
 * moment ago, and nothing but a call of this library's, which would wait for the one under way, gives the socket another. */
typedef bool (*still_connected_t)(uintptr_t socket, const endpoint_t *self, const endpoint_t *peer);

typedef enum meeting_state {
    MEETING_NONE,
    MEETING_POSTED,  /* waiting for the other end */
    MEETING_CLAIMED, /* waiting for the other end's confirmation */
    MEETING_MADE,    /* link, mailbox and memory are valid */
    MEETING_FAILED   /* stays on the kernel */
} meeting_state_t;

typedef struct meeting {
    meeting_state_t state;
    uint32_t home; /* where the records of this connection may begin */
    const char *why; /* FAILED: why, for the log */
    bool was_full;   /* FAILED: there was no room for a record, which may be different soon */
    uint32_t record;
    uint32_t tag; /* the record's generation, as it stands in its state word */
    uintptr_t socket;
    uint64_t begun_us; /* on os_now_us() */
    endpoint_t self, peer;
    still_connected_t still_connected;
    uint32_t waiter;
    vmmc_link_t *link; /* CLAIMED and MADE: a reference, which the stream takes over */
    uint32_t mailbox;
    void *memory;
} meeting_t;

/* For tables of ends, of any size. */
uint32_t endpoint_hash(const endpoint_t *end);
/* Open the table of this user.  Errors: VMMC_ENOMEM; VMMC_EACCES: somebody else made it; VMMC_EPROTO: other version. */
int rendezvous_start(void);
/* Where all processes count how long their threads run (crowd.h). */
word_t *rendezvous_ran_us(void);
/* Free the records that dead processes have left: after a death, before somebody needs the room. */
void rendezvous_sweep(void);
/* This process is about to connect to `port` of this host, and will look for the other end with its first transfer. */
void rendezvous_call(uint16_t port);
/* How often that has been done, by all processes; any number to begin with. */
uint32_t rendezvous_calls(uint16_t port);
/* Look for the other end's record and claim it, or post one, between two names that have just been asked for.  The result is
 * in meeting->state.  `waiter`: the thread to be woken when the other end has moved (wait_number()), 0: none. */
void meeting_begin(meeting_t *meeting, uintptr_t socket, const endpoint_t *self, const endpoint_t *peer,
                   still_connected_t still_connected, uint32_t waiter);
/* See whether the other end has moved; one load of a shared word while it has not. */
meeting_state_t meeting_poll(meeting_t *meeting);
/* The socket goes away: withdraw.  The result is MADE if the other end had already confirmed; then the stream has to
 * be attached and closed like any other. */
meeting_state_t meeting_cancel(meeting_t *meeting);

#endif
