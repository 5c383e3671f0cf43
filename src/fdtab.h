/* fdtab: the socket table: SOCKET -> index -> entry, one entry for every open socket made through this DLL.
 *
 * Entries are never returned to the system, so a thread may still look at one that has been given up; it finds out
 * under the stream's lock (transfer_t.socket).
 * Threads any; finding takes no lock. */
#ifndef VMMC_FDTAB_H
#define VMMC_FDTAB_H

#include "inspection.h"
#include "sock.h"

#define FDTAB_PAGE_BITS 10
#define FDTAB_PAGE_SLOTS (1u << FDTAB_PAGE_BITS)
#define FDTAB_PAGES 4096 /* handles are multiples of four: up to 16 million */

typedef struct fdtab_page {
    _Atomic(sock_t *) slots[FDTAB_PAGE_SLOTS];
} fdtab_page_t;

extern _Atomic(fdtab_page_t *) fdtab__pages[FDTAB_PAGES];

/* Where the entry of `handle` stands; NULL: the table has no place for it. */
static inline _Atomic(sock_t *) *fdtab__slot(uintptr_t handle)
{
    uintptr_t index = handle >> 2;
    if (index >> FDTAB_PAGE_BITS >= FDTAB_PAGES)
        return NULL;
    fdtab_page_t *page = atomic_load_explicit(&fdtab__pages[index >> FDTAB_PAGE_BITS], memory_order_acquire);
    return page ? &page->slots[index & (FDTAB_PAGE_SLOTS - 1)] : NULL;
}

/* The entry of `handle`; NULL: the socket was not made here. */
static inline sock_t *fdtab_get(uintptr_t handle)
{
    _Atomic(sock_t *) *slot = fdtab__slot(handle);
    return slot ? atomic_load_explicit(slot, memory_order_acquire) : NULL;
}
/* A fresh entry for `handle`, in place of any older one, which is returned in *stale to be closed.  NULL: no memory,
 * or a handle beyond the table; the socket then stays unknown and is the system's alone. */
sock_t *fdtab_create(uintptr_t handle, sock_t **stale);
/* Take the entry out of the table; the caller closes it.  NULL: unknown. */
sock_t *fdtab_remove(uintptr_t handle);
/* Call `visit` for every open entry; entries may come and go meanwhile. */
void fdtab_each(void (*visit)(sock_t *sock, void *context), void *context);

/* Where the table is, for whoever reads this process's memory. */
extern const inspection_table_t fdtab_inspection;

#endif
