/* test_vmmc: links, exports, imports and mailboxes, with an honest and with a hostile other side. */
#include "unit.h"

#include <stdlib.h>

#include "vmmc_private.h"

#define BIG (4u << 20) /* a whole chunk */

/* Both sides of one arena, in this process. */
typedef struct sides {
    vmmc_link_t *link[2];
    vmmc_ticket_t ticket;
} sides_t;

static sides_t open_sides(void)
{
    sides_t sides;
    assert_int_equal(vmmc_link_open(vmmc_self(), &sides.link[0], &sides.ticket), 0);
    assert_int_equal(vmmc_link_join(vmmc_self(), &sides.ticket, &sides.link[1]), 0);
    return sides;
}

static void close_sides(sides_t *sides)
{
    vmmc_link_release(sides->link[0]);
    vmmc_link_release(sides->link[1]);
}

/* ---- links ---- */

static void a_link_is_made_once_and_joined_once(void **state)
{
    sides_t first = open_sides(), second = open_sides();
    (void)state;
    assert_ptr_equal(first.link[0], second.link[0]);
    assert_ptr_equal(first.link[1], second.link[1]);
    assert_ptr_not_equal(first.link[0], first.link[1]);
    assert_int_equal(vmmc_link_side(first.link[0]), 0);
    assert_int_equal(vmmc_link_side(first.link[1]), 1);
    assert_false(vmmc_link_probe(first.link[0]));
    assert_int_equal(vmmc_link_has_futex(first.link[0]), unit_uses_futex());
    close_sides(&first);
    close_sides(&second);
}

static void wrong_tickets_are_refused(void **state)
{
    sides_t sides = open_sides();
    vmmc_link_t *link;
    vmmc_ticket_t ticket = sides.ticket;
    vmmc_identity_t other = *vmmc_self();
    (void)state;
    ticket.side = 2;
    assert_int_equal(vmmc_link_join(vmmc_self(), &ticket, &link), VMMC_EPROTO);
    ticket.side = UINT32_MAX;
    assert_int_equal(vmmc_link_join(vmmc_self(), &ticket, &link), VMMC_EPROTO);
    ticket = sides.ticket;
    ticket.key[3] ^= 1;
    assert_int_equal(vmmc_link_join(vmmc_self(), &ticket, &link), VMMC_EPEER);
    ticket.side = 1;
    assert_int_equal(vmmc_link_join(vmmc_self(), &ticket, &link), VMMC_EPROTO);
    other.start_low++;
    assert_int_equal(vmmc_link_join(&other, &sides.ticket, &link), VMMC_EPROTO);
    assert_int_equal(vmmc_link_open(&other, &link, &ticket), VMMC_EPEER);
    other = *vmmc_self();
    other.page[0] ^= 1;
    other.pid = 1; /* lives, but has no page of waiters */
    assert_int_not_equal(vmmc_link_open(&other, &link, &ticket), 0);
    close_sides(&sides);
}

typedef struct joiner {
    const vmmc_ticket_t *ticket;
    word_t *gate;
    vmmc_link_t *link;
} joiner_t;

static void *join_now(void *argument)
{
    joiner_t *joiner = argument;
    while (!load_acquire(joiner->gate))
        cpu_pause();
    unit_check(vmmc_link_join(vmmc_self(), joiner->ticket, &joiner->link) == 0);
    return NULL;
}

/* A fresh arena each time: the old one is made to look full. */
static void threads_that_join_one_arena_at_once_share_a_link(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        vmmc_link_t *maker;
        vmmc_ticket_t ticket;
        word_t gate = 0;
        assert_int_equal(vmmc_link_open(vmmc_self(), &maker, &ticket), 0);
        joiner_t joiners[2] = {{&ticket, &gate, NULL}, {&ticket, &gate, NULL}};
        pthread_t threads[2] = {unit_thread(join_now, &joiners[0]), unit_thread(join_now, &joiners[1])};
        store_release(&gate, 1);
        unit_join(threads[0]);
        unit_join(threads[1]);
        assert_ptr_equal(joiners[0].link, joiners[1].link);
        vmmc_link_release(joiners[0].link);
        vmmc_link_release(joiners[1].link);
        maker->free_mailboxes = 0;
        vmmc_link_release(maker);
    }
}

/* ---- exports ---- */

static void what_is_stored_into_an_import_is_in_the_export(void **state)
{
    sides_t sides = open_sides();
    (void)state;
    for (int exporter = 0; exporter < 2; exporter++) {
        for (uint32_t size = 4096; size <= BIG; size *= 2) {
            vmmc_region_t region, import;
            assert_int_equal(vmmc_export(sides.link[exporter], size, &region), 0);
            assert_int_equal(vmmc_import(sides.link[1 - exporter], region.handle, &import), 0);
            assert_int_equal(region.size, size);
            assert_int_equal(import.size, size);
            memset(region.base, 0, size);
            vmmc_update(COPY_PLAIN, &import, 0, "first", 5);
            vmmc_update(COPY_PLAIN, &import, size - 4, "last", 4);
            assert_memory_equal(region.base, "first", 5);
            assert_memory_equal(region.base + size - 4, "last", 4);
            vmmc_unexport(sides.link[exporter], region.handle);
        }
    }
    close_sides(&sides);
}

static void wrong_sizes_are_refused(void **state)
{
    const uint32_t sizes[] = {0, 1, 2048, 4095, 4097, 12288, BIG + 1, BIG * 2, UINT32_MAX, 1u << 31};
    sides_t sides = open_sides();
    vmmc_region_t region;
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_int_equal(vmmc_export(sides.link[0], sizes[i], &region), VMMC_EINVAL);
    close_sides(&sides);
}

static void exports_that_live_together_do_not_overlap(void **state)
{
    enum { COUNT = 60 };
    sides_t sides = open_sides();
    vmmc_region_t regions[COUNT], import;
    uint32_t random = 1;
    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(vmmc_export(sides.link[1], 4096u << unit_random(&random, 9), &regions[i]), 0);
        memset(regions[i].base, (int)i, regions[i].size);
    }
    assert_true(sides.link[1]->heap.chunk_count > 2);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(vmmc_import(sides.link[0], regions[i].handle, &import), 0);
        for (uint32_t at = 0; at < import.size; at += 1024)
            assert_int_equal(import.base[at], i);
        vmmc_unexport(sides.link[1], regions[i].handle);
    }
    close_sides(&sides);
}

/* Links of this process live as long as it does, so what other cases took is taken from the budget. */
static void the_budget_keeps_half_for_small_exports(void **state)
{
    sides_t sides = open_sides();
    vmmc_region_t region, large[100], small[4000];
    uint32_t larges = 0, smalls = 0;
    (void)state;
    vmmc_set_budget(200);
    while (larges < 100 && vmmc_export(sides.link[0], 4 << 20, &large[larges]) == 0)
        larges++;
    assert_in_range(larges, 1, 25);
    while (smalls < 4000 && vmmc_export(sides.link[0], VMMC_SMALL_EXPORT, &small[smalls]) == 0)
        smalls++;
    assert_in_range(smalls, 25 * 64, 50 * 64);
    vmmc_set_budget(0);
    assert_int_equal(vmmc_export(sides.link[0], 4 << 20, &region), VMMC_ENOMEM);
    vmmc_unexport(sides.link[0], large[0].handle); /* what a heap has it keeps, and gives out again */
    assert_int_equal(vmmc_export(sides.link[0], 4 << 20, &large[0]), 0);
    vmmc_set_budget(VMMC_BUDGET_DEFAULT >> 20);
    while (larges)
        vmmc_unexport(sides.link[0], large[--larges].handle);
    while (smalls)
        vmmc_unexport(sides.link[0], small[--smalls].handle);
    close_sides(&sides);
}

static void memory_that_was_taken_back_is_used_again(void **state)
{
    sides_t sides = open_sides();
    vmmc_region_t region;
    (void)state;
    assert_int_equal(vmmc_export(sides.link[0], BIG, &region), 0);
    vmmc_unexport(sides.link[0], region.handle);
    uint32_t chunks = sides.link[0]->heap.chunk_count;
    for (int i = 0; i < 10000; i++) {
        uint32_t handle = region.handle;
        assert_int_equal(vmmc_export(sides.link[0], BIG, &region), 0);
        assert_int_not_equal(region.handle, handle);
        vmmc_unexport(sides.link[0], region.handle);
    }
    assert_int_equal(sides.link[0]->heap.chunk_count, chunks);
    close_sides(&sides);
}

static void the_directory_fills_up_and_recovers(void **state)
{
    sides_t sides = open_sides();
    static uint32_t handles[ARENA_EXPORTS];
    vmmc_region_t region;
    uint32_t count = 0;
    (void)state;
    while (count < ARENA_EXPORTS && vmmc_export(sides.link[0], 4096, &region) == 0)
        handles[count++] = region.handle;
    assert_int_equal(count, ARENA_EXPORTS);
    assert_int_equal(vmmc_export(sides.link[0], 4096, &region), VMMC_ENOMEM);
    vmmc_unexport(sides.link[0], handles[1234]);
    assert_int_equal(vmmc_export(sides.link[0], 4096, &region), 0);
    handles[1234] = region.handle;
    for (uint32_t i = 0; i < count; i++)
        vmmc_unexport(sides.link[0], handles[i]);
    close_sides(&sides);
}

static void wrong_handles_are_refused(void **state)
{
    sides_t sides = open_sides();
    vmmc_region_t region, import;
    (void)state;
    assert_int_equal(vmmc_export(sides.link[0], 4096, &region), 0);
    uint32_t index = region.handle & 0xffff, generation = region.handle >> 16;
    assert_int_equal(vmmc_import(sides.link[1], 0, &import), VMMC_EPROTO);
    assert_int_equal(vmmc_import(sides.link[1], UINT32_MAX, &import), VMMC_EPROTO);
    assert_int_equal(vmmc_import(sides.link[1], index, &import), VMMC_EPROTO);
    assert_int_equal(vmmc_import(sides.link[1], (generation + 1) << 16 | index, &import), VMMC_EPROTO);
    assert_int_equal(vmmc_import(sides.link[1], (generation + 2) << 16 | index, &import), VMMC_EPROTO);
    assert_int_equal(vmmc_import(sides.link[1], (generation - 1) << 16 | index, &import), VMMC_EPROTO);
    assert_int_equal(vmmc_import(sides.link[1], generation << 16 | (ARENA_EXPORTS + 1), &import), VMMC_EPROTO);
    assert_int_equal(vmmc_import(sides.link[1], generation << 16, &import), VMMC_EPROTO);
    assert_int_equal(vmmc_import(sides.link[0], region.handle, &import), VMMC_EPROTO); /* the other's, not our own */
    vmmc_unexport(sides.link[0], region.handle);
    assert_int_equal(vmmc_import(sides.link[1], region.handle, &import), VMMC_EPROTO);
    vmmc_unexport(sides.link[0], 0);
    vmmc_unexport(sides.link[0], region.handle);
    close_sides(&sides);
}

static void an_entry_that_was_taken_back_has_no_handle_at_all(void **state)
{
    sides_t sides = open_sides();
    vmmc_region_t region, import;
    (void)state;
    assert_int_equal(vmmc_export(sides.link[0], 4096, &region), 0);
    vmmc_unexport(sides.link[0], region.handle);
    assert_int_equal(vmmc_import(sides.link[1], region.handle + 0x10000, &import), VMMC_EPROTO);
    close_sides(&sides);
}

/* ---- a hostile directory ---- */

/* Whatever the entry says, an import is refused or lies within the exporter's memory: reading all of it is safe. */
static void try_entry(sides_t *sides, export_shm_t *entry, uint32_t handle)
{
    vmmc_region_t import = {0};
    int error = vmmc_import(sides->link[1], handle, &import);
    if (error) {
        assert_true(error == VMMC_EPROTO || error == VMMC_EPEER);
        return;
    }
    assert_true(import.size >= 4096 && import.size <= BIG && (import.size & (import.size - 1)) == 0);
    const uint8_t *heap = sides->link[1]->arena->heap[0];
    if (load_relaxed(&entry->chunk) == 0)
        assert_true(import.base >= heap && import.base + import.size <= heap + ARENA_HEAP_BYTES);
    volatile uint8_t sum = 0;
    for (uint32_t at = 0; at < import.size; at += 4095)
        sum = (uint8_t)(sum + import.base[at]);
    sum = (uint8_t)(sum + import.base[import.size - 1]);
}

static void a_hostile_entry_leads_nowhere_else(void **state)
{
    const uint32_t wild[] = {0, 1, 2, 3, 4095, 4096, 4097, 8192, ARENA_HEAP_BYTES - 4096, ARENA_HEAP_BYTES - 1,
                             ARENA_HEAP_BYTES, ARENA_HEAP_BYTES * 2, BIG - 4096, BIG, BIG * 2, ARENA_CHUNKS - 1,
                             ARENA_CHUNKS, 1u << 31, UINT32_MAX - 4095, UINT32_MAX};
    const size_t count = sizeof wild / sizeof *wild;
    sides_t sides = open_sides();
    vmmc_region_t small, big;
    (void)state;
    assert_int_equal(vmmc_export(sides.link[0], 4096, &small), 0);
    assert_int_equal(vmmc_export(sides.link[0], BIG, &big), 0); /* so that chunk 1 exists */
    export_shm_t *entry = &sides.link[0]->arena->exports[0][(small.handle & 0xffff) - 1];
    export_shm_t honest = *entry;
    for (size_t i = 0; i < count * count * count; i++) {
        store_relaxed(&entry->chunk, wild[i % count]);
        store_relaxed(&entry->offset, wild[i / count % count]);
        store_relaxed(&entry->size, wild[i / count / count]);
        try_entry(&sides, entry, small.handle);
    }
    store_relaxed(&entry->chunk, load_relaxed(&honest.chunk));
    store_relaxed(&entry->offset, load_relaxed(&honest.offset));
    store_relaxed(&entry->size, load_relaxed(&honest.size));
    for (size_t i = 0; i < count; i++) {
        store_relaxed(&entry->generation, wild[i]);
        try_entry(&sides, entry, small.handle);
        vmmc_unexport(sides.link[0], small.handle);
        assert_int_equal(vmmc_export(sides.link[0], 4096, &small), 0);
        entry = &sides.link[0]->arena->exports[0][(small.handle & 0xffff) - 1];
    }
    vmmc_unexport(sides.link[0], small.handle);
    vmmc_unexport(sides.link[0], big.handle);
    close_sides(&sides);
}

/* ---- mailboxes ---- */

static void both_sides_see_one_mailbox_and_it_begins_empty(void **state)
{
    sides_t sides = open_sides();
    uint32_t index, again;
    void *taken, *found;
    (void)state;
    for (int taker = 0; taker < 2; taker++) {
        assert_int_equal(vmmc_mailbox_take(sides.link[taker], &index, &taken), 0);
        assert_int_equal(index % 2, taker);
        assert_int_equal(vmmc_mailbox_find(sides.link[1 - taker], index, &found), 0);
        strcpy(taken, "hello");
        assert_string_equal(found, "hello");
        vmmc_mailbox_leave(sides.link[0], index);
        vmmc_mailbox_leave(sides.link[1], index);
        assert_int_equal(vmmc_mailbox_take(sides.link[taker], &again, &taken), 0);
        assert_int_equal(again, index + ARENA_MAILBOXES); /* the next use of the same one */
        assert_string_equal(taken, "");
        vmmc_mailbox_cancel(sides.link[taker], again);
    }
    close_sides(&sides);
}

static void wrong_mailboxes_are_refused(void **state)
{
    sides_t sides = open_sides();
    uint32_t index;
    void *memory;
    (void)state;
    assert_int_equal(vmmc_mailbox_take(sides.link[0], &index, &memory), 0);
    assert_int_equal(vmmc_mailbox_find(sides.link[0], index, &memory), VMMC_EPROTO); /* one's own */
    assert_int_equal(vmmc_mailbox_find(sides.link[1], index + ARENA_MAILBOXES, &memory), VMMC_EPROTO); /* a use to come */
    assert_int_equal(vmmc_mailbox_find(sides.link[1], UINT32_MAX - 1, &memory), VMMC_EPROTO);
    assert_int_equal(vmmc_mailbox_find(sides.link[1], index, &memory), 0);
    assert_int_equal(vmmc_mailbox_find(sides.link[1], index, &memory), VMMC_EPROTO); /* twice */
    vmmc_mailbox_leave(sides.link[0], index);
    vmmc_mailbox_leave(sides.link[1], index);
    vmmc_mailbox_leave(sides.link[1], index + ARENA_MAILBOXES);
    close_sides(&sides);
}

static void a_mailbox_is_used_again_only_when_both_have_left(void **state)
{
    sides_t sides = open_sides();
    uint32_t index, other;
    void *memory;
    (void)state;
    for (int first = 0; first < 2; first++) {
        assert_int_equal(vmmc_mailbox_take(sides.link[0], &index, &memory), 0);
        assert_int_equal(vmmc_mailbox_find(sides.link[1], index, &memory), 0);
        vmmc_mailbox_leave(sides.link[first], index);
        assert_int_equal(vmmc_mailbox_take(sides.link[0], &other, &memory), 0);
        assert_int_not_equal(other % ARENA_MAILBOXES, index % ARENA_MAILBOXES);
        vmmc_mailbox_cancel(sides.link[0], other);
        vmmc_mailbox_leave(sides.link[1 - first], index);
    }
    close_sides(&sides);
}

static void full_mailboxes_lead_to_another_arena(void **state)
{
    sides_t sides = open_sides(), next;
    static uint32_t taken[ARENA_MAILBOXES];
    uint32_t count = 0;
    void *memory;
    (void)state;
    while (vmmc_mailbox_take(sides.link[0], &taken[count], &memory) == 0)
        count++;
    assert_int_equal(count, ARENA_MAILBOXES / 2);
    next = open_sides();
    assert_ptr_not_equal(next.link[0], sides.link[0]);
    while (count)
        vmmc_mailbox_cancel(sides.link[0], taken[--count]);
    close_sides(&next);
    close_sides(&sides);
}

/* The other side looked at a claim that was then cancelled: leaving that must not count for the mailbox's next use. */
static void leaving_a_cancelled_use_does_not_leave_the_next(void **state)
{
    sides_t sides = open_sides();
    uint32_t first, second, third;
    void *memory;
    (void)state;
    assert_int_equal(vmmc_mailbox_take(sides.link[0], &first, &memory), 0);
    vmmc_mailbox_cancel(sides.link[0], first);
    assert_int_equal(vmmc_mailbox_take(sides.link[0], &second, &memory), 0);
    if (vmmc_mailbox_find(sides.link[1], first, &memory) == 0) /* late, for the cancelled claim */
        vmmc_mailbox_leave(sides.link[1], first);
    if (vmmc_mailbox_find(sides.link[1], second, &memory) == 0) {
        vmmc_mailbox_leave(sides.link[0], second);
        assert_int_equal(vmmc_mailbox_take(sides.link[0], &third, &memory), 0);
        assert_int_not_equal(third % ARENA_MAILBOXES, second % ARENA_MAILBOXES);
        vmmc_mailbox_cancel(sides.link[0], third);
        vmmc_mailbox_leave(sides.link[1], second);
    }
    close_sides(&sides);
}

/* ---- taking back late ---- */

static void a_late_unexport_waits_until_the_other_side_has_left(void **state)
{
    sides_t sides = open_sides();
    vmmc_region_t region, import, next;
    uint32_t mailbox;
    void *memory;
    (void)state;
    assert_int_equal(vmmc_mailbox_take(sides.link[0], &mailbox, &memory), 0);
    assert_int_equal(vmmc_mailbox_find(sides.link[1], mailbox, &memory), 0);
    {
        assert_int_equal(vmmc_export(sides.link[0], 16384, &region), 0);
        vmmc_unexport_later(sides.link[0], region.handle, mailbox);
        vmmc_mailbox_leave(sides.link[0], mailbox);
        assert_int_equal(vmmc_export(sides.link[0], 16384, &next), 0);
        assert_ptr_not_equal(next.base, region.base);
        assert_int_equal(vmmc_import(sides.link[1], region.handle, &import), 0);
        vmmc_mailbox_leave(sides.link[1], mailbox);
        vmmc_unexport(sides.link[0], next.handle);
        assert_int_equal(vmmc_export(sides.link[0], 16384, &next), 0);
        assert_int_equal(vmmc_import(sides.link[1], region.handle, &import), VMMC_EPROTO);
        vmmc_unexport(sides.link[0], next.handle);
    }
    close_sides(&sides);
}

static void notifying_wild_numbers_does_nothing(void **state)
{
    sides_t sides = open_sides();
    (void)state;
    vmmc_notify(sides.link[0], 0);
    vmmc_notify(sides.link[0], WAITER_SLOTS + 1);
    vmmc_notify(sides.link[0], UINT32_MAX);
    close_sides(&sides);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_made_once_and_joined_once),
        cmocka_unit_test(wrong_tickets_are_refused),
        cmocka_unit_test(what_is_stored_into_an_import_is_in_the_export),
        cmocka_unit_test(wrong_sizes_are_refused),
        cmocka_unit_test(exports_that_live_together_do_not_overlap),
        cmocka_unit_test(the_budget_keeps_half_for_small_exports),
        cmocka_unit_test(memory_that_was_taken_back_is_used_again),
        cmocka_unit_test(the_directory_fills_up_and_recovers),
        cmocka_unit_test(wrong_handles_are_refused),
        cmocka_unit_test(a_hostile_entry_leads_nowhere_else),
        cmocka_unit_test(both_sides_see_one_mailbox_and_it_begins_empty),
        cmocka_unit_test(wrong_mailboxes_are_refused),
        cmocka_unit_test(a_mailbox_is_used_again_only_when_both_have_left),
        cmocka_unit_test(a_late_unexport_waits_until_the_other_side_has_left),
        cmocka_unit_test(full_mailboxes_lead_to_another_arena),
        cmocka_unit_test(notifying_wild_numbers_does_nothing),
        cmocka_unit_test(threads_that_join_one_arena_at_once_share_a_link),
        cmocka_unit_test(an_entry_that_was_taken_back_has_no_handle_at_all),
        cmocka_unit_test(leaving_a_cancelled_use_does_not_leave_the_next),
    };
    return unit_main(argc, argv, tests);
}
