/* fuzz_link: exports, imports and mailboxes of a link, while the directory and the mailboxes' words are falsified.
 * Whatever is imported lies in the other side's memory, exports of one side never overlap, and all comes back. */
#include "os_fuzz.h"
#include "script.h"
#include "vmmc_private.h"

#define MOST 24 /* exports that a script makes on a side */
#define WORDS_OF 4

static vmmc_link_t *links[2];
static vmmc_region_t live[2][MOST];
static uint32_t names[WORDS_OF]; /* of mailboxes, newest last */

/* ---- exports ---- */

static bool overlap(const vmmc_region_t *a, const vmmc_region_t *b)
{
    return a->handle && b->handle && a->base < b->base + b->size && b->base < a->base + a->size;
}

static vmmc_region_t *free_region(unsigned side)
{
    for (unsigned i = 0; i < MOST; i++) {
        if (!live[side][i].handle)
            return &live[side][i];
    }
    return NULL;
}

static void touch(const vmmc_region_t *region)
{
    region->base[0] = region->base[region->size - 1] = 1;
}

static void export(unsigned side, script_t *script)
{
    vmmc_region_t *region = free_region(side), made;
    uint32_t size = 1u << script_byte(script) % 24;
    if (!region)
        return;
    int error = vmmc_export(links[side], size, &made);
    fuzz_check(error == 0 || error == VMMC_EINVAL || error == VMMC_ENOMEM);
    if (error)
        return;
    fuzz_check(made.size == size && made.handle);
    touch(&made);
    for (unsigned i = 0; i < MOST; i++)
        fuzz_check(!overlap(&live[side][i], &made));
    *region = made;
}

static void unexport(unsigned side, script_t *script)
{
    vmmc_region_t *region = &live[side][script_byte(script) % MOST];
    vmmc_unexport(links[side], region->handle);
    region->handle = 0;
}

/* What is given up so may stay out of use for long, so it is no longer looked at. */
static void unexport_later(unsigned side, script_t *script)
{
    vmmc_region_t *region = &live[side][script_byte(script) % MOST];
    if (region->handle)
        vmmc_unexport_later(links[side], region->handle, script_word(script, 2));
    region->handle = 0;
}

static bool lies_in(const vmmc_region_t *region, const uint8_t *memory, size_t size)
{
    return memory && region->base >= memory && region->base + region->size <= memory + size;
}

static void check_import(unsigned side, const vmmc_region_t *region)
{
    const vmmc_link_t *link = links[side];
    bool inside = lies_in(region, link->arena->heap[1 - side], ARENA_HEAP_BYTES);
    for (unsigned chunk = 1; chunk < ARENA_CHUNKS && !inside; chunk++)
        inside = lies_in(region, link->imports.chunks[chunk].base, ARENA_CHUNK_BYTES);
    fuzz_check(inside && region->size >= 4096 && (region->size & (region->size - 1)) == 0);
    touch(region);
}

static void import(unsigned side, script_t *script)
{
    vmmc_region_t region;
    uint32_t which = script_byte(script);
    uint32_t handle = which < MOST ? live[1 - side][which].handle : script_word(script, 4);
    int error = vmmc_import(links[side], handle, &region);
    fuzz_check(error == 0 || error == VMMC_EPROTO || error == VMMC_EPEER);
    if (!error)
        check_import(side, &region);
}

/* ---- mailboxes ---- */

static void check_mailbox(unsigned side, void *memory)
{
    const uint8_t *boxes = (uint8_t *)links[side]->arena->mailboxes, *box = memory;
    fuzz_check(box >= boxes && box + VMMC_MAILBOX_BYTES <= boxes + sizeof links[side]->arena->mailboxes);
    memset(memory, 1, VMMC_MAILBOX_BYTES);
}

static uint32_t name_from(script_t *script)
{
    uint32_t which = script_byte(script);
    return which < WORDS_OF ? names[which] : script_word(script, 4);
}

static void take(unsigned side, script_t *script)
{
    uint32_t name;
    void *memory;
    int error = vmmc_mailbox_take(links[side], &name, &memory);
    fuzz_check(error == 0 || error == VMMC_ENOMEM);
    if (error)
        return;
    check_mailbox(side, memory);
    names[script_byte(script) % WORDS_OF] = name;
}

static void find(unsigned side, script_t *script)
{
    void *memory;
    uint32_t name = name_from(script);
    int error = vmmc_mailbox_find(links[side], name, &memory);
    fuzz_check(error == 0 || error == VMMC_EPROTO);
    if (!error)
        check_mailbox(side, memory);
}

static void leave(unsigned side, script_t *script)
{
    vmmc_mailbox_leave(links[side], name_from(script));
}

static void cancel(unsigned side, script_t *script)
{
    uint32_t name = name_from(script);
    if (name % 2 == side) /* one that it took */
        vmmc_mailbox_cancel(links[side], name);
}

static void notify(unsigned side, script_t *script)
{
    vmmc_notify(links[side], script_word(script, 4));
}

/* ---- lies ---- */

static void lie_now(unsigned side, script_t *script)
{
    (void)side;
    falsify_now(script);
}

static void lie_later(unsigned side, script_t *script)
{
    (void)side;
    falsify_later(script);
}

static void (*const steps[])(unsigned side, script_t *script) = {lie_now, lie_later, export, unexport, unexport_later,
                                                                 import, import, take, find, leave, cancel, notify};

static void build(void)
{
    static waiter_t *watcher;
    vmmc_identity_t peer;
    vmmc_ticket_t ticket;
    fuzz_check(vmmc_start(true) == 0);
    fuzz_check((watcher = wait_reserve()) != NULL);
    peer = *vmmc_self();
    peer.pid = 2;
    fuzz_check(vmmc_link_open(&peer, &links[0], &ticket) == 0);
    fuzz_check(vmmc_link_join(vmmc_self(), &ticket, &links[1]) == 0);
    os_fuzz_lend_sections(ARENA_CHUNK_BYTES);
    arena_shm_t *arena = links[0]->arena;
    for (unsigned i = 0; i < WORDS_OF; i++) {
        for (unsigned side = 0; side < 2; side++) {
            export_shm_t *entry = &arena->exports[side][i];
            falsify_add(&entry->generation);
            falsify_add(&entry->chunk);
            falsify_add(&entry->offset);
            falsify_add(&entry->size);
            falsify_add(&arena->mailboxes[i].left[side]);
            falsify_add_truth(&live[side][i].handle);
        }
        falsify_add(&arena->mailboxes[i].use);
        falsify_add_truth(&names[i]);
    }
}

/* All is given back; what waits for the other side is when that has left every use there was. */
static void give_back(unsigned side)
{
    vmmc_link_t *link = links[side];
    for (unsigned i = 0; i < MOST; i++)
        vmmc_unexport(link, live[side][i].handle);
    store_relaxed(&link->dead, 1);
    vmmc_region_t region;
    fuzz_check(vmmc_export(link, 4096, &region) == 0);
    vmmc_unexport(link, region.handle);
    store_relaxed(&link->dead, 0);
    fuzz_check(!link->heap.late);
    for (unsigned i = 0; i < ARENA_EXPORTS; i += i < 2 * MOST ? 1 : 64)
        fuzz_check(!link->heap.exports[i].piece);
    link->heap.next_export = 0;
    memset(link->mailboxes, 0, 2 * MOST * sizeof link->mailboxes[0]);
    link->free_mailboxes = 1;
    memset(live[side], 0, sizeof live[side]);
    memset(links[0]->arena->exports[side], 0, 2 * MOST * sizeof(export_shm_t));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    script_t script = {bytes, bytes + count};
    if (!links[0])
        build();
    ambush_begin();
    for (unsigned step = 0; script_goes_on(&script) && step < 2 * MOST; step++) {
        uint32_t what = script_byte(&script);
        ambush_call();
        steps[(what >> 1) % (sizeof steps / sizeof *steps)](what & 1, &script);
    }
    ambush_begin();
    for (unsigned i = 0; i < WORDS_OF; i++) {
        mailbox_shm_t *box = &links[0]->arena->mailboxes[i];
        store_relaxed(&box->left[0], 0);
        store_relaxed(&box->left[1], 0);
    }
    give_back(0);
    give_back(1);
    memset(names, 0, sizeof names);
    return 0;
}
