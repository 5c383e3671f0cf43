/* fdtab: see fdtab.h. */
#include "fdtab.h"

#include <stdlib.h>

_Atomic(fdtab_page_t *) fdtab__pages[FDTAB_PAGES];

static struct {
    vmmc_lock_t lock; /* changes of pages and of the list */
    word_t used;      /* pages up to the highest that exists */
    sock_t *retired;  /* closed entries; reused once no thread is inside */
} fdtab;

const inspection_table_t fdtab_inspection = {{fdtab__pages}, {&fdtab.used}, FDTAB_PAGES, FDTAB_PAGE_SLOTS};

/* The same as fdtab__slot(), but the table is made to have a place; NULL: no memory, or beyond the table.  Locked. */
static _Atomic(sock_t *) *make_slot(uintptr_t handle)
{
    uintptr_t number = handle >> 2 >> FDTAB_PAGE_BITS;
    if (number < FDTAB_PAGES && !fdtab__slot(handle)) {
        atomic_store_explicit(&fdtab__pages[number], calloc(1, sizeof(fdtab_page_t)), memory_order_release);
        if (fdtab__slot(handle) && number >= load_relaxed(&fdtab.used))
            store_release(&fdtab.used, (uint32_t)number + 1);
    }
    return fdtab__slot(handle);
}

static sock_t *take_retired(void)
{
    for (sock_t **at = &fdtab.retired; *at; at = &(*at)->next_retired) {
        sock_t *sock = *at;
        if (stream_is_gone(&sock->stream)) {
            *at = sock->next_retired;
            return sock;
        }
    }
    return NULL;
}

sock_t *fdtab_create(uintptr_t handle, sock_t **stale)
{
    *stale = NULL;
    lock_take(&fdtab.lock);
    _Atomic(sock_t *) *slot = make_slot(handle);
    sock_t *sock = slot ? take_retired() : NULL;
    if (slot && !sock)
        sock = calloc(1, sizeof *sock);
    if (sock)
        sock_reset(sock, handle);
    if (slot)
        *stale = atomic_exchange_explicit(slot, sock, memory_order_acq_rel);
    if (*stale) {
        (*stale)->next_retired = fdtab.retired;
        fdtab.retired = *stale;
    }
    lock_release(&fdtab.lock);
    return sock;
}

sock_t *fdtab_remove(uintptr_t handle)
{
    lock_take(&fdtab.lock);
    _Atomic(sock_t *) *slot = fdtab__slot(handle);
    sock_t *sock = slot ? atomic_exchange_explicit(slot, NULL, memory_order_acq_rel) : NULL;
    if (sock) {
        sock->next_retired = fdtab.retired;
        fdtab.retired = sock;
    }
    lock_release(&fdtab.lock);
    return sock;
}

void fdtab_each(void (*visit)(sock_t *, void *), void *context)
{
    for (unsigned p = 0; p < load_acquire(&fdtab.used); p++) {
        fdtab_page_t *page = atomic_load_explicit(&fdtab__pages[p], memory_order_acquire);
        for (unsigned i = 0; page && i < FDTAB_PAGE_SLOTS; i++) {
            sock_t *sock = atomic_load_explicit(&page->slots[i], memory_order_acquire);
            if (sock)
                visit(sock, context);
        }
    }
}
