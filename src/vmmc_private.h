/* vmmc_private: what the vmmc*.c files share. */
#ifndef VMMC_PRIVATE_H
#define VMMC_PRIVATE_H

#include "lock.h"
#include "os.h"
#include "shm_layout.h"
#include "vmmc_lend.h"
#include "wait.h"

#define HEAP_MIN_SHIFT 12 /* 4 KB */
#define HEAP_MAX_SHIFT 22 /* a chunk */
#define HEAP_CLASSES (HEAP_MAX_SHIFT - HEAP_MIN_SHIFT + 1)

/* A free piece of this side's heap; the list is private, since what lies in the arena cannot be trusted. */
typedef struct heap_piece {
    struct heap_piece *next;
    uint32_t chunk, offset;
} heap_piece_t;

typedef struct heap {
    vmmc_lock_t lock;
    os_section_t chunks[ARENA_CHUNKS]; /* [0] is the arena's own section and stays empty here */
    uint32_t chunk_count;              /* chunks in use, at least 1 */
    uint32_t used;                     /* bytes carved from the last chunk */
    heap_piece_t *free[HEAP_CLASSES];
    struct {
        heap_piece_t *piece; /* NULL: not exported */
        uint32_t size;
        bool is_late; /* in the list */
        uint32_t next_late;
        uint32_t handle, mailbox, use; /* the other side may write to it until it has left that use of that mailbox */
    } exports[ARENA_EXPORTS];
    uint32_t next_export;
    uint32_t late; /* index of an export that is to go, plus one; 0: none.  Giving up memory must not take any */
} heap_t;

typedef struct imports {
    vmmc_lock_t lock;
    os_section_t chunks[ARENA_CHUNKS]; /* the other side's, mapped when first needed */
} imports_t;

/* What this side has lent, out of the other's reach. */
typedef struct lent {
    uint32_t generation; /* odd: out */
    uint32_t memory;     /* its id */
    uint32_t mailbox, use;
    bool revoked;   /* the memory has been freed: it cannot be accepted any more */
    bool abandoned; /* its socket has been closed: nobody will reclaim it */
    void *context;
} lent_t;

typedef struct reclaimer {
    struct reclaimer *next;
    uint32_t number;
} reclaimer_t;

typedef struct lending {
    vmmc_lock_t lock;
    lent_t loans[ARENA_LOANS];
    uint32_t used;      /* all beyond are free */
    uint32_t free_from; /* none below is free */
    uint32_t next;      /* to be looked at by whoever reclaims any */
    reclaimer_t *reclaimers;
    uint32_t learnt_spin;
    word_t kicks;
} lending_t;

/* A mapped window of memory that the other side has lent.  Those that nobody uses are kept for a while. */
typedef struct window {
    struct window *next; /* the last one used comes first */
    uint8_t key[VMMC_KEY_BYTES];
    uint32_t memory, memory_generation;
    uint32_t users;
    bool listed;
    os_window_t view;
} window_t;

typedef struct borrowing {
    vmmc_lock_t lock;
    struct {
        uint32_t generation; /* last accepted */
        window_t *window;    /* NULL: returned */
        void *bytes;
    } loans[ARENA_LOANS];
    window_t *windows;
    uint32_t changes;
} borrowing_t;

struct vmmc_link {
    struct vmmc_link *next;
    uint32_t references;
    unsigned side;
    vmmc_ticket_t ticket; /* as this side would hand it out */
    vmmc_identity_t peer;
    uintptr_t watch;
    word_t watched;
    word_t dead;
    os_section_t section;
    arena_shm_t *arena;
    waiter_page_t *page;
    vmmc_lock_t mailbox_lock;
    uint32_t free_mailboxes; /* of those that this side may take; a hint for vmmc_link_open() */
    struct {
        uint32_t use;
        bool taken;     /* this side has not left it */
        bool cancelled; /* the other side never entered this use */
    } mailboxes[ARENA_MAILBOXES];
    heap_t heap;
    imports_t imports;
    lending_t lending;
    borrowing_t borrowing;
};

void vmmc__section_name(const vmmc_link_t *link, unsigned side, unsigned chunk, char name[80]);
/* True if the other side has left that use of a mailbox, or died. */
bool vmmc__has_left(vmmc_link_t *link, uint32_t mailbox, uint32_t use);

/* ---- lending ---- */

/* Of the arena's key, for tokens. */
uint32_t vmmc__link_hash(const vmmc_link_t *link);
void vmmc__memory_name(const uint8_t key[VMMC_KEY_BYTES], char name[80]);
/* This side leaves a mailbox: its loans are nobody's from now on, and the other side may have waited for ours. */
void vmmc__leave_loans(vmmc_link_t *link, uint32_t mailbox);
/* Tell the other side that loans of it may be back. */
void vmmc__tell_lender(vmmc_link_t *link);
void vmmc__windows_close(vmmc_link_t *link);

void vmmc__heap_init(vmmc_link_t *link);
void vmmc__heap_close(vmmc_link_t *link);

#endif
