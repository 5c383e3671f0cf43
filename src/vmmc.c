/* vmmc: see vmmc.h.  Links and arenas; exports are in vmmc_export.c, loans in vmmc_lend.c and
 * vmmc_borrow.c. */
#include "vmmc_private.h"

#include "log.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
    vmmc_identity_t self;
    vmmc_lock_t lock; /* guards the list and the counts in it */
    vmmc_link_t *links;
    word_t distrustful;
} node;

void vmmc_distrust(void)
{
    if (word_swap(&node.distrustful, 1) == 0)
        log_error("another process broke the protocol; no new user-level streams in this process");
}

bool vmmc_is_distrustful(void)
{
    return load_relaxed(&node.distrustful) != 0;
}

int vmmc_start(bool use_futex)
{
    os_process_id_t id = os_process_self();
    vmmc_copy_start();
    node.self = (vmmc_identity_t){.pid = id.pid, .start_low = id.start_low, .start_high = id.start_high};
    node.self.can_futex = use_futex;
    return wait_start(node.self.page);
}

const vmmc_identity_t *vmmc_self(void)
{
    return &node.self;
}

static bool same_process(const vmmc_identity_t *a, const vmmc_identity_t *b)
{
    return a->pid == b->pid && a->start_low == b->start_low && a->start_high == b->start_high;
}

void vmmc__section_name(const vmmc_link_t *link, unsigned side, unsigned chunk, char name[80])
{
    char hex[2 * VMMC_KEY_BYTES + 1];
    key_to_hex(link->ticket.key, hex);
    if (chunk == 0)
        snprintf(name, 80, "vmmc-a-%s", hex);
    else
        snprintf(name, 80, "vmmc-a-%s-%u-%u", hex, side, chunk);
}

/* ---- making and unmaking a link ---- */

static void destroy(vmmc_link_t *link)
{
    vmmc__windows_close(link);
    vmmc__heap_close(link);
    os_section_close(&link->section);
    wait_page_close(link->page);
    if (link->watch)
        os_process_unwatch(link->watch);
    free(link);
}

static vmmc_link_t *new_link(const vmmc_identity_t *peer, unsigned side)
{
    os_process_id_t id = {peer->pid, peer->start_low, peer->start_high};
    vmmc_link_t *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->side = side;
    link->peer = *peer;
    link->watch = os_process_watch(&id);
    link->page = wait_page_open(peer->page);
    link->free_mailboxes = ARENA_MAILBOXES / 2;
    vmmc__heap_init(link);
    return link;
}

static int create_arena(vmmc_link_t *link)
{
    char name[80];
    if (!link->watch || !link->page)
        return VMMC_EPEER;
    os_random(link->ticket.key, sizeof link->ticket.key);
    link->ticket.side = 0;
    vmmc__section_name(link, 0, 0, name);
    int error = os_section_create(&link->section, name, sizeof(arena_shm_t));
    if (error)
        return error;
    link->arena = link->section.base;
    store_plain(link->arena->version, SHM_VERSION);
    store_plain(link->arena->creator, node.self);
    store_release(&link->arena->magic, ARENA_MAGIC); /* pairs with the acquire in join_arena() */
    return 0;
}

static int join_arena(vmmc_link_t *link, const vmmc_ticket_t *ticket)
{
    char name[80];
    if (!link->watch || !link->page)
        return VMMC_EPEER;
    link->ticket = (vmmc_ticket_t){.side = link->side};
    memcpy(link->ticket.key, ticket->key, sizeof link->ticket.key);
    vmmc__section_name(link, 0, 0, name);
    int error = os_section_open(&link->section, name, sizeof(arena_shm_t));
    if (error)
        return error;
    link->arena = link->section.base;
    if (load_acquire(&link->arena->magic) != ARENA_MAGIC || link->arena->version != SHM_VERSION)
        return VMMC_EPROTO;
    vmmc_identity_t creator = link->arena->creator;
    return same_process(&creator, &link->peer) ? 0 : VMMC_EPROTO;
}

/* Called with node.lock held. */
static vmmc_link_t *find_open(const vmmc_identity_t *peer)
{
    for (vmmc_link_t *link = node.links; link; link = link->next) {
        if (!load_relaxed(&link->dead) && link->free_mailboxes > 0 && same_process(&link->peer, peer) &&
            !(same_process(peer, &node.self) && link->side == 1))
            return link;
    }
    return NULL;
}

static vmmc_link_t *find_joined(const vmmc_ticket_t *ticket)
{
    for (vmmc_link_t *link = node.links; link; link = link->next) {
        if (link->side != ticket->side && memcmp(link->ticket.key, ticket->key, VMMC_KEY_BYTES) == 0)
            return link;
    }
    return NULL;
}

/* Puts a link in the list and gives the first reference to it away. */
static void adopt(vmmc_link_t *link)
{
    lock_take(&node.lock);
    link->references = 1;
    link->next = node.links;
    node.links = link;
    lock_release(&node.lock);
}

/* The same for a joined link.  Two threads may have joined one arena at the same moment: a second set of books about
 * one heap would be fatal, so the later link is dropped for the earlier one. */
static vmmc_link_t *adopt_joined(vmmc_link_t *link, const vmmc_ticket_t *ticket)
{
    lock_take(&node.lock);
    vmmc_link_t *earlier = find_joined(ticket);
    if (!earlier) {
        link->next = node.links;
        node.links = link;
    }
    vmmc_link_t *winner = earlier ? earlier : link;
    winner->references++;
    lock_release(&node.lock);
    if (earlier)
        destroy(link);
    return winner;
}

int vmmc_link_open(const vmmc_identity_t *peer, vmmc_link_t **out, vmmc_ticket_t *ticket)
{
    lock_take(&node.lock);
    vmmc_link_t *link = find_open(peer);
    if (link)
        link->references++;
    lock_release(&node.lock);
    if (!link) {
        link = new_link(peer, 0);
        int error = link ? create_arena(link) : VMMC_ENOMEM;
        if (error) {
            if (link)
                destroy(link);
            return error;
        }
        adopt(link);
        log_debug("new arena shared with process %lu", (unsigned long)peer->pid);
    }
    *ticket = link->ticket;
    *out = link;
    return 0;
}

int vmmc_link_join(const vmmc_identity_t *peer, const vmmc_ticket_t *ticket, vmmc_link_t **out)
{
    if (ticket->side > 1)
        return VMMC_EPROTO;
    lock_take(&node.lock);
    vmmc_link_t *link = find_joined(ticket);
    if (link && same_process(&link->peer, peer))
        link->references++;
    lock_release(&node.lock);
    if (!link) {
        if (ticket->side != 0)
            return VMMC_EPROTO; /* only the maker of an arena is its side 0, and this one is not ours */
        link = new_link(peer, 1);
        int error = link ? join_arena(link, ticket) : VMMC_ENOMEM;
        if (error) {
            if (link)
                destroy(link);
            return error;
        }
        link = adopt_joined(link, ticket);
    } else if (!same_process(&link->peer, peer)) {
        return VMMC_EPROTO;
    }
    *out = link;
    return 0;
}

/* A link without streams is kept while the other process lives: its arena is warm. */
void vmmc_link_release(vmmc_link_t *link)
{
    lock_take(&node.lock);
    bool last = --link->references == 0 && load_relaxed(&link->dead);
    if (last) {
        vmmc_link_t **at = &node.links;
        while (*at != link)
            at = &(*at)->next;
        *at = link->next;
    }
    lock_release(&node.lock);
    if (last)
        destroy(link);
}

/* ---- the other process ---- */

unsigned vmmc_link_side(const vmmc_link_t *link)
{
    return link->side;
}

bool vmmc_link_has_futex(const vmmc_link_t *link)
{
    return node.self.can_futex == 1 && link->peer.can_futex == 1;
}

bool vmmc_link_is_dead(const vmmc_link_t *link)
{
    return load_acquire(&link->dead) != 0;
}

const word_t *vmmc_link_death(const vmmc_link_t *link)
{
    return &link->dead;
}

bool vmmc_link_probe(vmmc_link_t *link)
{
    if (!vmmc_link_is_dead(link) && os_process_is_dead(link->watch)) {
        store_release(&link->dead, 1);
        vmmc_kick_reclaimers(link);
        log_info("process %lu, the other end of an arena, is dead", (unsigned long)link->peer.pid);
    }
    return vmmc_link_is_dead(link);
}

uintptr_t vmmc_link_watch(vmmc_link_t *link)
{
    store_release(&link->watched, 1);
    return link->watch;
}

bool vmmc_link_is_watched(const vmmc_link_t *link)
{
    return load_acquire(&link->watched) != 0;
}

const vmmc_identity_t *vmmc_link_peer(const vmmc_link_t *link)
{
    return &link->peer;
}

void vmmc_each_link(void (*visit)(vmmc_link_t *, void *), void *context)
{
    lock_take(&node.lock);
    vmmc_link_t *link = node.links;
    if (link)
        link->references++;
    lock_release(&node.lock);
    while (link) {
        visit(link, context);
        lock_take(&node.lock);
        vmmc_link_t *next = link->next;
        if (next)
            next->references++;
        lock_release(&node.lock);
        vmmc_link_release(link);
        link = next;
    }
}

void vmmc_notify(vmmc_link_t *link, uint32_t waiter)
{
    wait_page_wake(link->page, waiter);
}
