/* fdtab: see fdtab.h. */
#include "fdtab.h"

#include <stdlib.h>

#define PAGE_BITS 10
#define PAGE_SLOTS (1u << PAGE_BITS)
#define PAGES 4096 /* handles are multiples of four: up to 16 million */

typedef struct fdtab_page {
    _Atomic(sock_t *) slots[PAGE_SLOTS];
} fdtab_page_t;

static struct {
    _Atomic(fdtab_page_t *) pages[PAGES];
    vmmc_lock_t lock; /* changes of pages and of the list */
    word_t used;      /* pages up to the highest that exists */
    sock_t *retired;  /* closed entries; reused once no thread is inside */
} fdtab;

const inspection_table_t fdtab_inspection = {{fdtab.pages}, {&fdtab.used}, PAGES, PAGE_SLOTS};

static _Atomic(sock_t *) *slot_of(uintptr_t handle, bool create)
{
    uintptr_t index = handle >> 2;
    if (index >> PAGE_BITS >= PAGES)
        return NULL;
    _Atomic(fdtab_page_t *) *at = &fdtab.pages[index >> PAGE_BITS];
    fdtab_page_t *page = atomic_load_explicit(at, memory_order_acquire);
    if (!page && create) {
        page = calloc(1, sizeof *page);
        atomic_store_explicit(at, page, memory_order_release);
        if (page && index >> PAGE_BITS >= load_relaxed(&fdtab.used))
            store_release(&fdtab.used, (uint32_t)(index >> PAGE_BITS) + 1);
    }
    return page ? &page->slots[index & (PAGE_SLOTS - 1)] : NULL;
}

sock_t *fdtab_get(uintptr_t handle)
{
    _Atomic(sock_t *) *slot = slot_of(handle, false);
    return slot ? atomic_load_explicit(slot, memory_order_acquire) : NULL;
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
    _Atomic(sock_t *) *slot = slot_of(handle, true);
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
    _Atomic(sock_t *) *slot = slot_of(handle, false);
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
        fdtab_page_t *page = atomic_load_explicit(&fdtab.pages[p], memory_order_acquire);
        for (unsigned i = 0; page && i < PAGE_SLOTS; i++) {
            sock_t *sock = atomic_load_explicit(&page->slots[i], memory_order_acquire);
            if (sock)
                visit(sock, context);
        }
    }
}
