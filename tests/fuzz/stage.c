/* stage: see stage.h. */
#include "stage.h"

#include "os_fuzz.h"
#include "vmmc_private.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS_OF_ENTRIES 4 /* directory entries of each side that are lied about */

stage_t stage;

static struct {
    stream_t end[2];
    connection_end_t wire[2];
    uint32_t done[2]; /* bytes from end[i] on */
} honest;

static waiter_page_shm_t *page;
static uint64_t call_began;

/* ---- building ---- */

static void open_page(void)
{
    static os_section_t section;
    char hex[2 * VMMC_KEY_BYTES + 1], name[64];
    key_to_hex(vmmc_self()->page, hex);
    snprintf(name, sizeof name, "vmmc-w-%s", hex);
    fuzz_check(os_section_open(&section, name, sizeof *page) == 0);
    page = section.base;
}

/* Two links in this process to one arena, told to be shared with process `pid`. */
static void link_pair(uint32_t pid, vmmc_link_t *links[2])
{
    vmmc_identity_t peer = *vmmc_self();
    vmmc_ticket_t ticket;
    peer.pid = pid;
    fuzz_check(vmmc_link_open(&peer, &links[0], &ticket) == 0);
    fuzz_check(vmmc_link_join(vmmc_self(), &ticket, &links[1]) == 0);
}

static void take_reference(vmmc_link_t *link)
{
    link->references++; /* nobody else runs */
}

static void attach(stream_t *stream, vmmc_link_t *link, uint32_t mailbox, void *memory)
{
    take_reference(link);
    stream_attach(stream, link, mailbox, memory);
}

static void open_honest_pair(void)
{
    vmmc_link_t *links[2];
    uint32_t mailbox;
    void *memory;
    link_pair(3, links);
    fuzz_check(vmmc_mailbox_take(links[0], &mailbox, &memory) == 0);
    fuzz_check(vmmc_mailbox_find(links[1], mailbox, &memory) == 0);
    connection_open(honest.wire);
    for (int i = 0; i < 2; i++) {
        stream_init(&honest.end[i], &connection_calls, connection_socket(&honest.wire[i]), STAGE_RING, STAGE_RING);
        attach(&honest.end[i], links[i], mailbox, memory);
    }
}

static void lie_about_flow(flow_shm_t *flow)
{
    word_t *const words[] = {&flow->tail, &flow->state, &flow->switches, &flow->record[0].end, &flow->record[0].carrier,
                             &flow->record[1].end, &flow->record[1].carrier, &flow->urgents, &flow->writer,
                             &flow->wanted, &flow->head, &flow->reader, &flow->followed, &flow->offer, &flow->consumer,
                             &flow->returned, &flow->returned_bytes, &flow->returned_urgent};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        falsify_add(words[i]);
    for (unsigned i = 0; i < FLOW_URGENTS; i++) {
        falsify_add(&flow->urgent[i].at);
        falsify_add(&flow->urgent[i].byte);
    }
}

static void lie_about_entry(export_shm_t *entry)
{
    falsify_add(&entry->generation);
    falsify_add(&entry->chunk);
    falsify_add(&entry->offset);
    falsify_add(&entry->size);
}

/* Side 0 takes the first mailbox each time, and each side its first exports. */
static void lie_about_arena(arena_shm_t *arena)
{
    mailbox_shm_t *box = &arena->mailboxes[0];
    stream_shm_t *shm = (stream_shm_t *)(void *)box->body;
    for (int side = 0; side < 2; side++) {
        lie_about_flow(&shm->flow[side]);
        falsify_add(&box->left[side]);
        for (unsigned i = 0; i < WORDS_OF_ENTRIES; i++)
            lie_about_entry(&arena->exports[side][i]);
    }
    falsify_add(&box->use);
    falsify_add(&arena->magic);
    for (unsigned slot = 0; slot < 3; slot++)
        falsify_add(&page->slots[slot].state);
}

static void tell_truths_of(const stream_t *stream)
{
    const half_t *tx = &stream->tx, *rx = &stream->rx;
    const uint32_t *const truths[] = {&tx->position, &rx->position, &tx->switches, &rx->switches, &tx->ring.handle,
                                      &rx->ring.handle, &rx->offered.handle, &tx->seen, &rx->urgent.at};
    for (size_t i = 0; i < sizeof truths / sizeof *truths; i++)
        falsify_add_truth(truths[i]);
}

void stage_build(void)
{
    static waiter_t *watcher;
    fuzz_check(vmmc_start(true) == 0);
    fuzz_check(wait_number(watcher = wait_reserve()) == 1);
    os_fuzz_lend_sections(ARENA_CHUNK_BYTES);
    wait_set_spin(1);
    open_page();
    link_pair(2, stage.link);
    open_honest_pair();
    lie_about_arena(stage.link[0]->arena);
    tell_truths_of(&stage.end[0]);
    tell_truths_of(&stage.end[1]);
}

/* ---- one script ---- */

static void forget_lies(void)
{
    for (int side = 0; side < 2; side++) {
        vmmc_link_t *link = stage.link[side];
        memset(link->arena->exports[side], 0, 2 * WORDS_OF_ENTRIES * sizeof(export_shm_t));
        link->heap.next_export = 0;
        store_relaxed(&link->dead, 0);
        link->mailboxes[0].use = 0;
        store_relaxed(&link->arena->mailboxes[0].left[side], 0);
    }
    for (unsigned slot = 0; slot < 3; slot++)
        store_relaxed(&page->slots[slot].state, WAITER_RUNNING);
}

void stage_attach(unsigned end)
{
    if (!stream_is_attached(&stage.end[end]))
        attach(&stage.end[end], stage.link[end], stage.mailbox, stage.memory);
}

static int move(stream_t *stream, void *bytes, uint32_t count, bool send)
{
    transfer_t transfer = {.socket = stream->socket, .bytes = bytes, .count = count};
    return send ? stream_send(stream, &transfer) : stream_receive(stream, &transfer);
}

static void promote(void)
{
    uint8_t byte = 1;
    for (int i = 0; i < 4; i++) {
        fuzz_check(move(&stage.end[i % 2], &byte, 1, true) == 1);
        fuzz_check(move(&stage.end[1 - i % 2], &byte, 1, false) == 1);
    }
}

void stage_open(bool attached, bool promoted)
{
    ambush_begin();
    forget_lies();
    connection_open(stage.wire);
    fuzz_check(vmmc_mailbox_take(stage.link[0], &stage.mailbox, &stage.memory) == 0);
    fuzz_check(vmmc_mailbox_find(stage.link[1], stage.mailbox, &stage.memory) == 0);
    for (unsigned i = 0; i < 2; i++) {
        stream_init(&stage.end[i], &connection_calls, connection_socket(&stage.wire[i]), STAGE_RING, STAGE_RING_MAX);
        if (attached)
            stage_attach(i);
    }
    if (attached && promoted)
        promote();
}

/* With both sides gone, an export sweeps up what waited for that. */
static void check_exports(vmmc_link_t *link)
{
    vmmc_region_t region;
    store_relaxed(&link->arena->mailboxes[0].left[1 - link->side], link->mailboxes[0].use);
    fuzz_check(vmmc_export(link, 4096, &region) == 0);
    vmmc_unexport(link, region.handle);
    fuzz_check(!link->heap.late);
    for (unsigned i = 0; i < 2 * WORDS_OF_ENTRIES; i++)
        fuzz_check(!link->heap.exports[i].piece);
}

void stage_close(void)
{
    ambush_begin();
    for (unsigned i = 0; i < 2; i++) {
        stage_attach(i);
        if (!load_relaxed(&stage.end[i].closing))
            stream_close(&stage.end[i], false);
        fuzz_check(stream_is_gone(&stage.end[i]));
    }
    for (unsigned i = 0; i < 2; i++)
        check_exports(stage.link[i]);
}

/* ---- the honest pair ---- */

void stage_honest_traffic(uint32_t count)
{
    uint8_t bytes[256];
    for (int from = 0; from < 2; from++) {
        for (uint32_t i = 0; i < count; i++)
            bytes[i] = (uint8_t)((honest.done[from] + i) * 7 + (uint32_t)from);
        fuzz_check(move(&honest.end[from], bytes, count, true) == (int)count);
        memset(bytes, 0, count);
        fuzz_check(move(&honest.end[1 - from], bytes, count, false) == (int)count);
        for (uint32_t i = 0; i < count; i++)
            fuzz_check(bytes[i] == (uint8_t)((honest.done[from] + i) * 7 + (uint32_t)from));
        honest.done[from] += count;
    }
}

/* ---- time ---- */

void stage_call_begins(void)
{
    ambush_call();
    call_began = os_now_us();
}

void stage_call_ends(uint64_t most_us)
{
    fuzz_check(os_now_us() - call_began <= most_us);
}
