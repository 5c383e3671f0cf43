/* inspect: see inspect.h. */
#include "inspect.h"

#include "remote.h"
#include "text.h"

#include <inspection.h>
#include <os.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS 8 /* at one entry */
#define LARGEST_ENTRY 4096
#define LARGEST_FLOW 1024
#define STEADY 0x40000000u /* between two looks no counter moves as far; a torn one does */

typedef struct target {
    remote_t remote;
    inspection_block_t block;
    inspection_table_t table;
    survey_t *survey;
    const char *name;
    unsigned sockets;
    uint64_t until;
} target_t;

/* One look at an entry, with the shared words of both directions. */
typedef struct look {
    uint8_t entry[LARGEST_ENTRY];
    uint8_t flow[2][LARGEST_FLOW];
    bool has_flow[2];
} look_t;

/* ---- fields ---- */

static uint64_t value_in(const uint8_t *bytes, const inspection_field_at_t *field)
{
    uint64_t value = 0;
    memcpy(&value, bytes + field->offset, field->size > 8 ? 8 : field->size);
    return value;
}

static uint64_t field_of(const target_t *target, const look_t *look, unsigned field)
{
    return value_in(look->entry, &target->block.fields[field]);
}

static uint32_t flow_word(const target_t *target, const look_t *look, unsigned side, unsigned field)
{
    return look->has_flow[side] ? (uint32_t)value_in(look->flow[side], &target->block.fields[field]) : 0;
}

/* Every field within what it belongs to, so that nothing below has to ask again. */
static bool is_understood(const inspection_block_t *block, const remote_t *remote)
{
    if (memcmp(block->magic, INSPECTION_MAGIC, sizeof block->magic) != 0 || block->version != INSPECTION_VERSION ||
        block->block_bytes != sizeof *block || block->field_count != INSPECTION_FIELDS ||
        block->pointer_bytes != remote->bits / 8 || block->sock_bytes > LARGEST_ENTRY ||
        block->flow_bytes > LARGEST_FLOW)
        return false;
    for (unsigned i = 0; i < INSPECTION_FIELDS; i++) {
        const inspection_field_at_t *field = &block->fields[i];
        uint32_t limit = i < FIELD_FLOW_TAIL ? block->sock_bytes : block->flow_bytes;
        if ((uint32_t)field->offset + field->size > limit)
            return false;
    }
    return block->fields[FIELD_SELF].size == sizeof(endpoint_t) && block->fields[FIELD_PEER].size == sizeof(endpoint_t);
}

/* ---- looking at an entry ---- */

static bool take_look(const target_t *target, uint64_t entry, look_t *look)
{
    static const unsigned flows[2] = {FIELD_TX_FLOW, FIELD_RX_FLOW};
    if (!remote_read(&target->remote, entry, look->entry, target->block.sock_bytes))
        return false;
    for (unsigned side = 0; side < 2; side++) {
        uint64_t flow = field_of(target, look, flows[side]);
        look->has_flow[side] = flow && remote_read(&target->remote, flow, look->flow[side], target->block.flow_bytes);
    }
    return true;
}

static bool is_counter(unsigned field)
{
    return (field >= FIELD_TX_BYTES && field <= FIELD_TX_LENT) || (field >= FIELD_RX_BYTES && field <= FIELD_RX_LENT);
}

/* Positions, spins and the like are always in motion; what says which connection it is, and in which state, is not, and
 * counters only grow. */
static bool agree(const target_t *target, const look_t *before, const look_t *after)
{
    for (unsigned i = 0; i < FIELD_FLOW_TAIL; i++) {
        const inspection_field_at_t *field = &target->block.fields[i];
        if (i == FIELD_TX_POSITION || i == FIELD_RX_POSITION)
            continue;
        if (is_counter(i) && field_of(target, after, i) - field_of(target, before, i) > STEADY)
            return false;
        if (!is_counter(i) && memcmp(before->entry + field->offset, after->entry + field->offset, field->size) != 0)
            return false;
    }
    return true;
}

/* What is unread must not seem more than it was: of the way out, `head` was read after the entry's position; of the way
 * in, `tail` is taken from the look before. */
static bool look_steadily(const target_t *target, uint64_t entry, look_t *look)
{
    look_t before;
    if (!take_look(target, entry, &before))
        return false;
    for (unsigned i = 0; i < LOOKS; i++) {
        if (!take_look(target, entry, look))
            return false;
        bool steady = agree(target, &before, look);
        if (steady || i == LOOKS - 1) { /* if it never holds still, the last look has to do */
            memcpy(look->flow[1], before.flow[1], sizeof look->flow[1]);
            return true;
        }
        before = *look;
    }
    return true;
}

/* ---- what a look shows ---- */

static void show_way(const target_t *target, const look_t *look, bool sending, way_t *way)
{
    unsigned first = sending ? FIELD_TX_CARRIER : FIELD_RX_CARRIER, side = !sending;
#define HALF(name) field_of(target, look, first + FIELD_TX_##name - FIELD_TX_CARRIER)
    uint64_t carrier = HALF(CARRIER);
    *way = (way_t){.carrier = carrier < CARRIER_COUNT ? (carrier_t)carrier : CARRIER_KERNEL,
                   .never = HALF(NEVER),
                   .consented = HALF(CONSENTED),
                   .shut = HALF(SHUT),
                   .switches = (uint32_t)HALF(SWITCHES),
                   .bytes = HALF(BYTES),
                   .messages = HALF(CALLS),
                   .in_place = HALF(IN_PLACE),
                   .by_kernel = HALF(BY_KERNEL),
                   .waits = HALF(WAITS),
                   .sleeps = HALF(SLEEPS),
                   .wakes = HALF(WAKES),
                   .loans = HALF(LOANS),
                   .lent = HALF(LENT)};
    uint32_t position = (uint32_t)HALF(POSITION), ring = (uint32_t)HALF(RING_BYTES);
#undef HALF
    if (way->carrier == CARRIER_RING)
        way->ring_bytes = ring;
    /* The words of one direction are not of one instant: what seems less than nothing is nothing. */
    int32_t unread = sending ? (int32_t)(position - flow_word(target, look, side, FIELD_FLOW_HEAD))
                             : (int32_t)(flow_word(target, look, side, FIELD_FLOW_TAIL) - position);
    if (look->has_flow[side] && way->carrier != CARRIER_FINAL && unread > 0)
        way->unread = (uint32_t)unread;
}

/* The numbers of sock_mode_t, which are part of the block's version. */
static end_state_t state_of(const target_t *target, const look_t *look)
{
    static const end_state_t modes[] = {END_KERNEL, END_OPEN, END_MEETING, END_USER, END_YOUNG};
    uint64_t mode = field_of(target, look, FIELD_MODE);
    if (field_of(target, look, FIELD_LISTENING))
        return END_LISTENS;
    return mode < sizeof modes / sizeof *modes ? modes[mode] : END_OPEN;
}

static void show_end(const target_t *target, const look_t *look, end_t *end)
{
    *end = (end_t){.pid = target->remote.pid,
                   .bits = target->remote.bits,
                   .layout = target->block.layout,
                   .handle = field_of(target, look, FIELD_HANDLE),
                   .state = state_of(target, look),
                   .broken = field_of(target, look, FIELD_BROKEN),
                   .peer_pid = (uint32_t)field_of(target, look, FIELD_PEER_PROCESS),
                   .connected_us = field_of(target, look, FIELD_SINCE)};
    snprintf(end->name, sizeof end->name, "%s", target->name);
    memcpy(&end->self, look->entry + target->block.fields[FIELD_SELF].offset, sizeof end->self);
    memcpy(&end->peer, look->entry + target->block.fields[FIELD_PEER].offset, sizeof end->peer);
    if (field_of(target, look, FIELD_WHY))
        remote_text(&target->remote, field_of(target, look, FIELD_WHY), end->why, sizeof end->why);
    show_way(target, look, true, &end->sends);
    show_way(target, look, false, &end->receives);
}

/* ---- the table ---- */

static void add_end(target_t *target, uint64_t entry)
{
    survey_t *survey = target->survey;
    look_t look;
    if (!look_steadily(target, entry, &look))
        return;
    end_t *ends = realloc(survey->ends, (survey->end_count + 1u) * sizeof *ends);
    if (!ends)
        return;
    survey->ends = ends;
    show_end(target, &look, &ends[survey->end_count++]);
}

static void walk_page(target_t *target, uint64_t page)
{
    unsigned width = target->remote.bits / 8;
    uint8_t slots[8 * 64];
    for (uint32_t first = 0; first < target->table.page_slots; first += 64) {
        if (os_now_us() >= target->until ||
            !remote_read(&target->remote, page + (uint64_t)first * width, slots, 64u * width))
            return;
        for (unsigned i = 0; i < 64; i++) {
            uint64_t entry = 0;
            memcpy(&entry, slots + i * width, width);
            if (!entry)
                continue;
            if (target->sockets++ >= INSPECT_SOCKETS || os_now_us() >= target->until)
                return;
            add_end(target, entry);
        }
    }
}

static void walk_table(target_t *target)
{
    uint32_t used = 0;
    uint64_t page;
    target->until = os_now_us() + INSPECT_LONGEST_US;
    if (!remote_read(&target->remote, target->block.table.there, &target->table, sizeof target->table) ||
        !remote_read(&target->remote, target->table.used.there, &used, sizeof used))
        return;
    for (uint32_t i = 0; i < used && i < target->table.page_count && target->sockets < INSPECT_SOCKETS; i++) {
        if (os_now_us() >= target->until ||
            !remote_pointer(&target->remote, target->table.pages.there + (uint64_t)i * (target->remote.bits / 8),
                            &page))
            return;
        if (page)
            walk_page(target, page);
    }
}

/* ---- a process ---- */

static uint32_t word_at(const target_t *target, const inspection_address_t *address)
{
    uint32_t word = 0;
    remote_read(&target->remote, address->there, &word, sizeof word);
    return word;
}

static void show_host(const target_t *target, host_t *host)
{
    inspection_process_t process;
    uint64_t reason;
    if (!remote_read(&target->remote, target->block.process.there, &process, sizeof process))
        return;
    host->started = word_at(target, &process.started);
    host->futex = word_at(target, &process.futex);
    if (remote_pointer(&target->remote, process.reason.there, &reason) && reason)
        remote_text(&target->remote, reason, host->reason, sizeof host->reason);
}

static host_t *add_host(target_t *target)
{
    survey_t *survey = target->survey;
    host_t *hosts = realloc(survey->hosts, (survey->host_count + 1u) * sizeof *hosts);
    if (!hosts)
        return NULL;
    survey->hosts = hosts;
    host_t *host = &hosts[survey->host_count++];
    *host = (host_t){.pid = target->remote.pid, .bits = target->remote.bits};
    snprintf(host->name, sizeof host->name, "%s", target->name);
    memcpy(host->release, target->block.release, sizeof host->release);
    text_tame(host->release, sizeof host->release);
    return host;
}

/* True: this module is one of ours. */
static bool look_at_module(const remote_t *remote, uint64_t base, void *context)
{
    target_t *target = context;
    uint64_t at;
    uint32_t size;
    if (!remote_section(remote, base, INSPECTION_SECTION, &at, &size))
        return false;
    if (!remote_read(remote, at, &target->block, sizeof target->block))
        memset(&target->block, 0, sizeof target->block);
    host_t *host = add_host(target);
    if (!host)
        return true;
    host->other_layout = !is_understood(&target->block, remote);
    if (host->other_layout)
        return true;
    show_host(target, host);
    walk_table(target);
    return true;
}

static void look_at_process(uint32_t pid, const char *name, void *context)
{
    survey_t *survey = context;
    target_t target = {.survey = survey, .name = name};
    switch (remote_open(&target.remote, pid)) {
    case REMOTE_OPEN:
        remote_each_module(&target.remote, CTL_DLL, look_at_module, &target);
        remote_close(&target.remote);
        break;
    case REMOTE_REFUSED:
        survey->refused++;
        break;
    case REMOTE_TOO_WIDE:
        survey->too_wide++;
        break;
    }
}

void inspect_all(survey_t *survey)
{
    *survey = (survey_t){0};
    remote_each_process(look_at_process, survey);
}

void inspect_free(survey_t *survey)
{
    free(survey->hosts);
    free(survey->ends);
    *survey = (survey_t){0};
}
