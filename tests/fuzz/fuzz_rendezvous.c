/* fuzz_rendezvous: both ends of a connection meet, poll and withdraw while anything is written into the records they look
 * at.  What has been made is memory of a mailbox, everything is given back, and another connection's ends, whose
 * records are left alone, always meet. */
#include "os_fuzz.h"
#include "rendezvous.h"
#include "script.h"
#include "vmmc_private.h"

#include <stdio.h>

#define LIED_RECORDS 3

static rendezvous_table_shm_t *table;
static unsigned lasting_sections;
static meeting_t meetings[2];
static bool connected[2];

static bool still_connected(uintptr_t socket, const endpoint_t *self, const endpoint_t *peer)
{
    (void)self;
    (void)peer;
    return socket >= 2 || connected[socket];
}

static endpoint_t endpoint(uint16_t port)
{
    return (endpoint_t){.address = {127, 0, 0, 1}, .port = port};
}

/* ---- what was made ---- */

static void use(meeting_t *meeting)
{
    const mailbox_shm_t *boxes = meeting->link->arena->mailboxes;
    const uint8_t *memory = meeting->memory, *first = (uint8_t *)boxes;
    fuzz_check(memory >= first && memory + VMMC_MAILBOX_BYTES <= first + sizeof meeting->link->arena->mailboxes);
    memset(meeting->memory, 1, VMMC_MAILBOX_BYTES);
    vmmc_mailbox_leave(meeting->link, meeting->mailbox);
    vmmc_link_release(meeting->link);
    meeting->state = MEETING_NONE;
}

static void check(meeting_t *meeting)
{
    fuzz_check(meeting->state <= MEETING_FAILED);
    if (meeting->state == MEETING_MADE)
        use(meeting);
}

static void cancel_meeting(meeting_t *meeting)
{
    meeting_cancel(meeting);
    fuzz_check(meeting->state != MEETING_POSTED && meeting->state != MEETING_CLAIMED);
    check(meeting);
}

/* ---- steps ---- */

static void begin(unsigned end, script_t *script)
{
    endpoint_t ends[2] = {endpoint(1000), endpoint(2000)};
    (void)script;
    cancel_meeting(&meetings[end]);
    ambush_call();
    meeting_begin(&meetings[end], end, &ends[end], &ends[1 - end], still_connected, 0);
    check(&meetings[end]);
}

static void poll(unsigned end, script_t *script)
{
    (void)script;
    meeting_poll(&meetings[end]);
    check(&meetings[end]);
}

static void cancel(unsigned end, script_t *script)
{
    (void)script;
    cancel_meeting(&meetings[end]);
}

static void disconnect(unsigned end, script_t *script)
{
    connected[end] = script_byte(script) & 1;
}

static void kill_or_wake(unsigned end, script_t *script)
{
    os_fuzz_set_dead(2 + end, script_byte(script) & 1);
}

/* Another connection, of this process with itself. */
static void meet_honestly(unsigned end, script_t *script)
{
    meeting_t first, second;
    endpoint_t ends[2] = {endpoint(3001), endpoint(4004)};
    (void)end;
    (void)script;
    meeting_begin(&first, 2, &ends[0], &ends[1], still_connected, 0);
    meeting_begin(&second, 3, &ends[1], &ends[0], still_connected, 0);
    fuzz_check(first.state == MEETING_POSTED && second.state == MEETING_CLAIMED);
    fuzz_check(meeting_poll(&first) == MEETING_MADE && meeting_poll(&second) == MEETING_MADE);
    fuzz_check(first.link->arena == second.link->arena && first.memory == second.memory);
    use(&first);
    use(&second);
}

static void lie_now(unsigned end, script_t *script)
{
    (void)end;
    falsify_now(script);
}

static void lie_later(unsigned end, script_t *script)
{
    (void)end;
    falsify_later(script);
}

static void (*const steps[])(unsigned end, script_t *script) = {
    lie_now, lie_later, lie_now, begin, poll, begin, poll, cancel, disconnect, kill_or_wake, meet_honestly};

/* ---- the whole ---- */

/* The records where the two ends look first: found by posting there. */
static void lie_about_records(void)
{
    endpoint_t ends[2] = {endpoint(1000), endpoint(2000)};
    connected[0] = true;
    meeting_begin(&meetings[0], 0, &ends[0], &ends[1], still_connected, 0);
    fuzz_check(meetings[0].state == MEETING_POSTED);
    for (unsigned i = 0; i < LIED_RECORDS; i++) {
        word_t *words = (word_t *)&table->records[(meetings[0].record + i) % RENDEZVOUS_RECORDS];
        for (unsigned word = 0; word < sizeof(rendezvous_shm_t) / sizeof *words; word++)
            falsify_add(&words[word]);
    }
    cancel_meeting(&meetings[0]);
}

static void build(void)
{
    static waiter_t *watcher;
    static os_section_t section;
    fuzz_check(vmmc_start(true) == 0);
    fuzz_check((watcher = wait_reserve()) != NULL);
    fuzz_check(rendezvous_start() == 0);
    char name[80];
    snprintf(name, sizeof name, "vmmc-rendezvous-%u-fuzz", SHM_VERSION);
    fuzz_check(os_section_open(&section, name, sizeof *table) == 0);
    table = section.base;
    lie_about_records();
    lasting_sections = os_fuzz_open_sections();
}

/* Nobody but vmmc_each_link() has a reference any more. */
static void check_link(vmmc_link_t *link, void *bury)
{
    fuzz_check(link->references == 1);
    if (bury)
        store_relaxed(&link->dead, 1);
}

/* Links are dear to make, so they live for some scripts. */
static void check_links(void)
{
    static unsigned scripts;
    bool bury = ++scripts % 64 == 0;
    vmmc_each_link(check_link, bury ? &bury : NULL);
    fuzz_check(!bury || os_fuzz_open_sections() == lasting_sections);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    script_t script = {bytes, bytes + count};
    if (!table)
        build();
    ambush_begin();
    memset(meetings, 0, sizeof meetings);
    connected[0] = connected[1] = true;
    for (unsigned step = 0; script_goes_on(&script) && step < 40; step++) {
        uint32_t what = script_byte(&script);
        ambush_call();
        steps[(what >> 1) % (sizeof steps / sizeof *steps)](what & 1, &script);
    }
    ambush_begin();
    for (unsigned end = 0; end < 2; end++) {
        cancel_meeting(&meetings[end]);
        os_fuzz_set_dead(2 + end, false);
    }
    check_links();
    for (unsigned word = 0; word < falsify.word_count; word++)
        store_relaxed(falsify.words[word], 0);
    return 0;
}
