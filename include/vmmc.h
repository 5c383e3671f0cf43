/* vmmc: virtual memory-mapped communication between two processes of one machine.
 *
 * The model is that of Princeton's VMMC on Myrinet, emulated over named shared memory:
 *
 *   export    a process offers a piece of memory for others to write into: its receive buffer
 *   import    the other process maps what was exported; from then on it can reach that memory by itself
 *   update    a deliberate update stores bytes into an imported buffer: data moves without the receiver's help
 *   notify    wakes a thread of the other process that sleeps until something has arrived
 *
 * Two processes that talk share one *arena*, reached by a *link* on either side.  Whatever lies in an arena can be
 * overwritten by the other process at any time; the calls below check every number they read from it.
 *
 * All calls may be made from any thread.  Those that can fail return 0 or one of the codes below and never print. */
#ifndef VMMC_H
#define VMMC_H

#include "vmmc_copy.h"

#define VMMC_EAGAIN (-1) /* not now: nothing there, or no room                       */
#define VMMC_EPEER (-2)  /* the other process is gone, or its memory is              */
#define VMMC_ENOMEM (-3) /* no memory, no address space, no free slot                */
#define VMMC_EEXIST (-4) /* an object of that name exists                            */
#define VMMC_EACCES (-5) /* the object belongs to another user                       */
#define VMMC_EINVAL (-6) /* an argument is out of range                              */
#define VMMC_EPROTO (-7) /* the other process wrote something that cannot be true    */

#define VMMC_KEY_BYTES 16

typedef struct vmmc_link vmmc_link_t;

/* Who a process is, as it tells others: enough to watch it, to wake its threads, and to know how. */
typedef struct vmmc_identity {
    uint32_t pid;
    uint32_t start_low, start_high; /* its creation time */
    uint32_t can_futex;             /* 1 if it can wake a futex sleeper */
    uint8_t page[VMMC_KEY_BYTES];   /* names its page of waiters */
} vmmc_identity_t;

/* What the maker of an arena gives to the other process, by whatever channel they share. */
typedef struct vmmc_ticket {
    uint8_t key[VMMC_KEY_BYTES]; /* unguessable; names the arena */
    uint32_t side;               /* the side (0 or 1) of whoever hands out the ticket */
} vmmc_ticket_t;

/* An exported buffer as its exporter or an importer sees it. */
typedef struct vmmc_region {
    uint8_t *base;
    uint32_t size;   /* bytes; a power of two */
    uint32_t handle; /* names the export within the link; never 0 */
} vmmc_region_t;

/* Start the layer in this process.  `use_futex`: sleepers of this process may be woken by futex (os_futex_works()).
 * Errors: VMMC_ENOMEM. */
int vmmc_start(bool use_futex);
/* After a protocol error this process makes no new links; existing ones go on. */
void vmmc_distrust(void);
bool vmmc_is_distrustful(void);
/* This process's identity; valid after vmmc_start(). */
const vmmc_identity_t *vmmc_self(void);

/* The link to `peer`, made now if there is none with room for another mailbox; takes a reference.  Errors: VMMC_ENOMEM;
 * VMMC_EPEER: the process is gone or may not be watched. */
int vmmc_link_open(const vmmc_identity_t *peer, vmmc_link_t **link, vmmc_ticket_t *ticket);
/* The other side of the link that `ticket` names; takes a reference.  Errors: VMMC_EPEER, VMMC_EACCES, VMMC_ENOMEM,
 * VMMC_EPROTO (another layout version, or not the process that was expected). */
int vmmc_link_join(const vmmc_identity_t *peer, const vmmc_ticket_t *ticket, vmmc_link_t **link);
void vmmc_link_release(vmmc_link_t *link);

unsigned vmmc_link_side(const vmmc_link_t *link);
/* True if both processes can sleep on and wake futexes. */
bool vmmc_link_has_futex(const vmmc_link_t *link);
/* True once the other process is known to be dead. */
bool vmmc_link_is_dead(const vmmc_link_t *link);
/* The word that says so, not 0, for who asks often; it stays as long as the link. */
const _Atomic uint32_t *vmmc_link_death(const vmmc_link_t *link);
/* Call `visit` for every link of this process (the watcher does, to look for deaths). */
void vmmc_each_link(void (*visit)(vmmc_link_t *link, void *context), void *context);
/* Ask the system whether the other process lives, and remember the answer.  True: it is dead. */
bool vmmc_link_probe(vmmc_link_t *link);
/* The system handle that is signalled when the other process dies; the link owns it. */
uintptr_t vmmc_link_watch(vmmc_link_t *link);
/* True once somebody has asked for that handle. */
bool vmmc_link_is_watched(const vmmc_link_t *link);
const vmmc_identity_t *vmmc_link_peer(const vmmc_link_t *link);

/* ---- export, import, update, notify ---- */

#define VMMC_SMALL_EXPORT 65536u /* bytes */
#define VMMC_BUDGET_DEFAULT (sizeof(void *) == 8 ? 1u << 30 : 256u << 20)
/* What the exports of this process may hold in all, in megabytes, apart from the first of each arena. */
void vmmc_set_budget(uint32_t megabytes);
/* Export `size` bytes (a power of two, 4 KB at least) for the other side to write into; the content is undefined.
 * Errors: VMMC_ENOMEM (no memory, or the budget is spent: half of it by exports above VMMC_SMALL_EXPORT, or all),
 * VMMC_EINVAL. */
int vmmc_export(vmmc_link_t *link, uint32_t size, vmmc_region_t *region);
/* Take an export back.  The other side may still write into the memory, but nobody looks. */
void vmmc_unexport(vmmc_link_t *link, uint32_t handle);
/* The same, but the memory is not used again before the other side has left `mailbox` (or died): it may still be
 * storing into the export. */
void vmmc_unexport_later(vmmc_link_t *link, uint32_t handle, uint32_t mailbox);
/* Map what the other side exported under `handle`.  Errors: VMMC_EPROTO: there is no such export. */
int vmmc_import(vmmc_link_t *link, uint32_t handle, vmmc_region_t *region);

/* Store `count` bytes at `offset` of an imported region; the caller keeps within the region and publishes the new
 * state of the buffer afterwards with a release store.  False: `bytes` may not be read. */
static inline bool vmmc_update(copy_way_t way, const vmmc_region_t *region, uint32_t offset, const void *bytes,
                               uint32_t count)
{
    return vmmc_copy(way, region->base + offset, bytes, count);
}

/* Wake the thread of the other process that sleeps as waiter number `waiter` (0: nobody). */
void vmmc_notify(vmmc_link_t *link, uint32_t waiter);

/* ---- mailboxes: small fixed slots of an arena that both sides write, each its own words ---- */

#define VMMC_MAILBOX_BYTES 512

/* Reserve a zeroed mailbox of `link`; `name` stands for this use of it on both sides.  Errors: VMMC_ENOMEM. */
int vmmc_mailbox_take(vmmc_link_t *link, uint32_t *name, void **memory);
/* The mailbox that the other side took.  Errors: VMMC_EPROTO: there is no such use (any more). */
int vmmc_mailbox_find(vmmc_link_t *link, uint32_t name, void **memory);
/* This side is done with it; it is reused when both are. */
void vmmc_mailbox_leave(vmmc_link_t *link, uint32_t name);
/* Undo vmmc_mailbox_take() although the other side has not left; should it come late, it finds nothing. */
void vmmc_mailbox_cancel(vmmc_link_t *link, uint32_t name);

#endif
