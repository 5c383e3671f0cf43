/* vmmc_private: what vmmc.c and vmmc_export.c share. */
#ifndef VMMC_PRIVATE_H
#define VMMC_PRIVATE_H

#include "lock.h"
#include "os.h"
#include "shm_layout.h"
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
    } exports[ARENA_EXPORTS];
    uint32_t next_export;
    struct late_export *late;
} heap_t;

/* An export whose memory the other side may still be writing to, until it has left that use of that mailbox. */
typedef struct late_export {
    struct late_export *next;
    uint32_t handle, mailbox, use;
} late_export_t;

typedef struct imports {
    vmmc_lock_t lock;
    os_section_t chunks[ARENA_CHUNKS]; /* the other side's, mapped when first needed */
} imports_t;

struct vmmc_link {
    struct vmmc_link *next;
    uint32_t references;
    unsigned side;
    vmmc_ticket_t ticket; /* as this side would hand it out */
    vmmc_identity_t peer;
    uintptr_t watch;
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
};

void vmmc__section_name(const vmmc_link_t *link, unsigned side, unsigned chunk, char name[80]);
void vmmc__heap_init(vmmc_link_t *link);
void vmmc__heap_close(vmmc_link_t *link);

#endif
