/* vmmc_export: exports, imports and mailboxes of one link.
 *
 * Each side carves its exports from its own half of the arena and keeps the books in private memory; the directory in
 * the arena only tells the other side where an export lies. */
#include "vmmc_private.h"

#include <stdlib.h>

#define HANDLE_INDEX(handle) (((handle) & 0xffffu) - 1)
#define HANDLE_GENERATION(handle) ((handle) >> 16)

/* What all heaps of this process hold in chunks, and may hold: in units of chunks. */
static struct {
    word_t used, most;
} budget = {.most = VMMC_BUDGET_DEFAULT / ARENA_CHUNK_BYTES};

void vmmc__heap_init(vmmc_link_t *link)
{
    link->heap.chunk_count = 1;
}

static void free_pieces(heap_t *heap)
{
    for (unsigned class = 0; class < HEAP_CLASSES; class ++) {
        while (heap->free[class]) {
            heap_piece_t *piece = heap->free[class];
            heap->free[class] = piece->next;
            free(piece);
        }
    }
    for (uint32_t i = 0; i < ARENA_EXPORTS; i++)
        free(heap->exports[i].piece);
}

void vmmc__heap_close(vmmc_link_t *link)
{
    free_pieces(&link->heap);
    for (unsigned chunk = 1; chunk < ARENA_CHUNKS; chunk++) {
        os_section_close(&link->heap.chunks[chunk]);
        os_section_close(&link->imports.chunks[chunk]);
    }
    word_add(&budget.used, 1 - link->heap.chunk_count);
}

/* ---- the heap of this side ---- */

static unsigned size_class(uint32_t size)
{
    return (unsigned)__builtin_ctz(size) - HEAP_MIN_SHIFT;
}

static uint32_t chunk_bytes(uint32_t chunk)
{
    return chunk == 0 ? ARENA_HEAP_BYTES : ARENA_CHUNK_BYTES;
}

void vmmc_set_budget(uint32_t megabytes)
{
    store_relaxed(&budget.most, megabytes / (ARENA_CHUNK_BYTES >> 20));
}

/* Large exports leave half of the budget to small ones: a connection is better off with a small ring than with none. */
static bool spend_budget(uint32_t size)
{
    uint32_t most = load_relaxed(&budget.most);
    if (word_add(&budget.used, 1) <= (size > VMMC_SMALL_EXPORT ? most / 2 : most))
        return true;
    word_add(&budget.used, (uint32_t)-1);
    return false;
}

static void give_piece(heap_t *heap, heap_piece_t *piece, uint32_t size)
{
    piece->next = heap->free[size_class(size)];
    heap->free[size_class(size)] = piece;
}

static heap_piece_t *carve(heap_t *heap, uint32_t size)
{
    heap_piece_t *piece = malloc(sizeof *piece);
    if (!piece)
        return NULL;
    *piece = (heap_piece_t){.chunk = heap->chunk_count - 1, .offset = heap->used};
    heap->used += size;
    return piece;
}

/* The rest of the last chunk, in the pieces that are its binary digits. */
static void carve_rest(heap_t *heap)
{
    uint32_t rest;
    while ((rest = chunk_bytes(heap->chunk_count - 1) - heap->used) >= 1u << HEAP_MIN_SHIFT) {
        uint32_t size = rest & (~rest + 1);
        heap_piece_t *piece = carve(heap, size);
        if (!piece)
            return;
        give_piece(heap, piece, size);
    }
}

/* Called with the heap locked. */
static bool add_chunk(vmmc_link_t *link, uint32_t size)
{
    char name[80];
    heap_t *heap = &link->heap;
    if (heap->chunk_count == ARENA_CHUNKS || !spend_budget(size))
        return false;
    vmmc__section_name(link, link->side, heap->chunk_count, name);
    if (os_section_create(&heap->chunks[heap->chunk_count], name, ARENA_CHUNK_BYTES) != 0) {
        word_add(&budget.used, (uint32_t)-1);
        return false;
    }
    carve_rest(heap);
    heap->chunk_count++;
    heap->used = 0;
    return true;
}

static heap_piece_t *take_piece(vmmc_link_t *link, uint32_t size)
{
    heap_t *heap = &link->heap;
    heap_piece_t *piece = heap->free[size_class(size)];
    if (piece) {
        heap->free[size_class(size)] = piece->next;
        return piece;
    }
    if (heap->used + size > chunk_bytes(heap->chunk_count - 1) && !add_chunk(link, size))
        return NULL;
    return carve(heap, size);
}

/* ---- export ---- */

static uint8_t *chunk_base(vmmc_link_t *link, unsigned side, const os_section_t *chunks, uint32_t chunk)
{
    return chunk == 0 ? link->arena->heap[side] : chunks[chunk].base;
}

static uint32_t free_entry(const heap_t *heap)
{
    for (uint32_t step = 0; step < ARENA_EXPORTS; step++) {
        uint32_t index = (heap->next_export + step) % ARENA_EXPORTS;
        if (!heap->exports[index].piece)
            return index;
    }
    return ARENA_EXPORTS;
}

static uint32_t publish_entry(export_shm_t *entry, uint32_t index, const heap_piece_t *piece, uint32_t size)
{
    uint32_t generation = ((load_relaxed(&entry->generation) | 1u) + 2) & 0xffffu;
    store_relaxed(&entry->chunk, piece->chunk);
    store_relaxed(&entry->offset, piece->offset);
    store_relaxed(&entry->size, size);
    store_release(&entry->generation, generation); /* pairs with the acquire in vmmc_import() */
    return (generation << 16) | (index + 1);
}

/* Called with the heap locked. */
static void unexport(vmmc_link_t *link, uint32_t handle)
{
    heap_t *heap = &link->heap;
    uint32_t index = HANDLE_INDEX(handle);
    heap_piece_t *piece = index < ARENA_EXPORTS ? heap->exports[index].piece : NULL;
    if (!piece)
        return;
    store_release(&link->arena->exports[link->side][index].generation, (HANDLE_GENERATION(handle) + 1) & 0xffffu);
    heap->exports[index].piece = NULL;
    give_piece(heap, piece, heap->exports[index].size);
}

bool vmmc__has_left(vmmc_link_t *link, uint32_t mailbox, uint32_t use)
{
    uint32_t left = load_acquire(&link->arena->mailboxes[mailbox].left[1 - link->side]);
    return (int32_t)(left - use) >= 0 || link->mailboxes[mailbox].cancelled || vmmc_link_is_dead(link);
}

/* Called with the heap locked. */
static void sweep_late_exports(vmmc_link_t *link)
{
    heap_t *heap = &link->heap;
    uint32_t *at = &heap->late;
    while (*at) {
        uint32_t index = *at - 1;
        if (vmmc__has_left(link, heap->exports[index].mailbox, heap->exports[index].use)) {
            *at = heap->exports[index].next_late;
            heap->exports[index].is_late = false;
            unexport(link, heap->exports[index].handle);
        } else {
            at = &heap->exports[index].next_late;
        }
    }
}

int vmmc_export(vmmc_link_t *link, uint32_t size, vmmc_region_t *region)
{
    heap_t *heap = &link->heap;
    if (size < (1u << HEAP_MIN_SHIFT) || size > (1u << HEAP_MAX_SHIFT) || (size & (size - 1)) != 0)
        return VMMC_EINVAL;
    lock_take(&heap->lock);
    sweep_late_exports(link);
    uint32_t index = free_entry(heap);
    heap_piece_t *piece = index < ARENA_EXPORTS ? take_piece(link, size) : NULL;
    if (piece) {
        heap->exports[index].piece = piece;
        heap->exports[index].size = size;
        heap->next_export = index + 1;
        region->base = chunk_base(link, link->side, heap->chunks, piece->chunk) + piece->offset;
        region->size = size;
        region->handle = publish_entry(&link->arena->exports[link->side][index], index, piece, size);
    }
    lock_release(&heap->lock);
    return piece ? 0 : VMMC_ENOMEM;
}

void vmmc_unexport(vmmc_link_t *link, uint32_t handle)
{
    lock_take(&link->heap.lock);
    unexport(link, handle);
    lock_release(&link->heap.lock);
}

void vmmc_unexport_later(vmmc_link_t *link, uint32_t handle, uint32_t mailbox)
{
    heap_t *heap = &link->heap;
    uint32_t index = HANDLE_INDEX(handle), box = mailbox % ARENA_MAILBOXES;
    lock_take(&heap->lock);
    if (index < ARENA_EXPORTS && heap->exports[index].piece && !heap->exports[index].is_late) {
        heap->exports[index].handle = handle;
        heap->exports[index].mailbox = box;
        heap->exports[index].use = link->mailboxes[box].use;
        heap->exports[index].is_late = true;
        heap->exports[index].next_late = heap->late;
        heap->late = index + 1;
    }
    lock_release(&heap->lock);
}

/* ---- import ---- */

static uint8_t *map_chunk(vmmc_link_t *link, uint32_t chunk)
{
    char name[80];
    imports_t *imports = &link->imports;
    if (chunk == 0)
        return link->arena->heap[1 - link->side];
    lock_take(&imports->lock);
    if (!imports->chunks[chunk].base) {
        vmmc__section_name(link, 1 - link->side, chunk, name);
        os_section_open(&imports->chunks[chunk], name, ARENA_CHUNK_BYTES);
    }
    uint8_t *base = imports->chunks[chunk].base;
    lock_release(&imports->lock);
    return base;
}

int vmmc_import(vmmc_link_t *link, uint32_t handle, vmmc_region_t *region)
{
    uint32_t index = HANDLE_INDEX(handle);
    if (index >= ARENA_EXPORTS)
        return VMMC_EPROTO;
    const export_shm_t *entry = &link->arena->exports[1 - link->side][index];
    if (HANDLE_GENERATION(handle) % 2 == 0 || load_acquire(&entry->generation) != HANDLE_GENERATION(handle))
        return VMMC_EPROTO;
    uint32_t chunk = load_relaxed(&entry->chunk), offset = load_relaxed(&entry->offset);
    uint32_t size = load_relaxed(&entry->size);
    if (chunk >= ARENA_CHUNKS || size < (1u << HEAP_MIN_SHIFT) || size > chunk_bytes(chunk) || (size & (size - 1)) != 0 ||
        offset > chunk_bytes(chunk) - size)
        return VMMC_EPROTO;
    uint8_t *base = map_chunk(link, chunk);
    if (!base)
        return VMMC_EPEER;
    *region = (vmmc_region_t){base + offset, size, handle};
    return 0;
}

/* ---- mailboxes ---- */

/* Called with mailbox_lock held. */
static uint32_t free_mailbox(vmmc_link_t *link)
{
    for (uint32_t index = link->side; index < ARENA_MAILBOXES; index += 2) {
        if (!link->mailboxes[index].taken && vmmc__has_left(link, index, link->mailboxes[index].use))
            return index;
    }
    return ARENA_MAILBOXES;
}

/* A name is the index and the low bits of the use, so that a late comer does not meet another use. */
static uint32_t mailbox_name(const vmmc_link_t *link, uint32_t index)
{
    return link->mailboxes[index].use * ARENA_MAILBOXES + index;
}

int vmmc_mailbox_take(vmmc_link_t *link, uint32_t *name, void **memory)
{
    lock_take(&link->mailbox_lock);
    uint32_t index = free_mailbox(link);
    if (index == ARENA_MAILBOXES) {
        link->free_mailboxes = 0;
        lock_release(&link->mailbox_lock);
        return VMMC_ENOMEM;
    }
    mailbox_shm_t *box = &link->arena->mailboxes[index];
    memset(box->body, 0, sizeof box->body);
    link->mailboxes[index].taken = true;
    link->mailboxes[index].cancelled = false;
    store_release(&box->use, ++link->mailboxes[index].use); /* pairs with vmmc_mailbox_find() */
    *name = mailbox_name(link, index);
    lock_release(&link->mailbox_lock);
    *memory = box->body;
    return 0;
}

int vmmc_mailbox_find(vmmc_link_t *link, uint32_t name, void **memory)
{
    uint32_t index = name % ARENA_MAILBOXES;
    if (index % 2 == link->side)
        return VMMC_EPROTO;
    lock_take(&link->mailbox_lock);
    uint32_t use = load_acquire(&link->arena->mailboxes[index].use);
    bool found = !link->mailboxes[index].taken && use * ARENA_MAILBOXES + index == name;
    if (found) {
        link->mailboxes[index].taken = true;
        link->mailboxes[index].use = use;
    }
    lock_release(&link->mailbox_lock);
    *memory = link->arena->mailboxes[index].body;
    return found ? 0 : VMMC_EPROTO;
}

void vmmc_mailbox_leave(vmmc_link_t *link, uint32_t name)
{
    uint32_t index = name % ARENA_MAILBOXES;
    lock_take(&link->mailbox_lock);
    if (link->mailboxes[index].taken && mailbox_name(link, index) == name) {
        link->mailboxes[index].taken = false;
        if (index % 2 == link->side)
            link->free_mailboxes = 1;
        /* Pairs with the acquire in vmmc__has_left(). */
        store_release(&link->arena->mailboxes[index].left[link->side], link->mailboxes[index].use);
    }
    lock_release(&link->mailbox_lock);
    vmmc__leave_loans(link, name);
}

void vmmc_mailbox_cancel(vmmc_link_t *link, uint32_t name)
{
    uint32_t index = name % ARENA_MAILBOXES;
    lock_take(&link->mailbox_lock);
    link->mailboxes[index].taken = false;
    link->mailboxes[index].cancelled = true;
    link->free_mailboxes = 1;
    lock_release(&link->mailbox_lock);
}
