/* test_faults: every request for memory, sections, events and process handles that the portable layers make in a life of
 * one connection fails once, alone and together with all that follow.  Whatever fails, the program's bytes must arrive,
 * each once and in order; nothing hangs; and the address sanitizer's build finds nothing lost.
 *
 * Each attempt is a process of its own, with both ends of the connection in it.  A case ends when attempts have nothing
 * left to fail.  UNIT_SHOW in the environment: a line for each. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAULTS_OFF
#include "faults.h"
#include "rendezvous.h"
#include "vmmc_lend.h"

#define RING (64u << 10)
#define RING_MAX (1u << 20)
#define SECONDS 40
#define NOTHING_FAILED 3 /* exit code */
#define MOST_REQUESTS 1000
#define IN_A_ROW 4 /* threads make the number of requests differ a little */

static char own_tag[40];
static bool is_user_level;
void __wrap_os_user_tag(char tag[40]);

void __wrap_os_user_tag(char tag[40])
{
    memcpy(tag, own_tag, sizeof own_tag);
}

/* ---- one end of a connection, as a program uses it ---- */

typedef struct end {
    stream_t stream;
    meeting_t meeting;
    int fd;
    uint32_t sent, received; /* bytes of the pattern */
    uint32_t seed, peer_seed;
} end_t;

typedef struct connection {
    end_t end[2];
    unit_watcher_t watcher;
} connection_t;

static bool is_connected(uintptr_t socket, const endpoint_t *self, const endpoint_t *peer)
{
    (void)socket;
    return !self || self->port != peer->port;
}

static void begin_meeting(end_t *end, uint16_t self, uint16_t peer)
{
    endpoint_t mine = {.address = {[15] = 1}, .port = self}, other = {.address = {[15] = 1}, .port = peer};
    meeting_begin(&end->meeting, (uintptr_t)end->fd, &mine, &other, is_connected, 0);
}

static bool start(void)
{
    static waiter_t *doorbell;
    return vmmc_start(unit_uses_futex()) == 0 && rendezvous_start() == 0 && (doorbell = wait_reserve()) &&
           wait_event(doorbell);
}

static void meet(connection_t *connection)
{
    end_t *end = connection->end;
    begin_meeting(&end[0], 1000, 2000);
    begin_meeting(&end[1], 2000, 1000);
    for (int i = 0; i < 3; i++)
        meeting_poll(&end[i % 2].meeting);
    for (int i = 0; i < 2; i++)
        meeting_cancel(&end[i].meeting);
    unit_check((end[0].meeting.state == MEETING_MADE) == (end[1].meeting.state == MEETING_MADE));
    for (int i = 0; i < 2 && end[0].meeting.state == MEETING_MADE; i++)
        stream_attach(&end[i].stream, end[i].meeting.link, end[i].meeting.mailbox, end[i].meeting.memory);
}

static void open_connection(connection_t *connection, bool started)
{
    int fd[2];
    memset(connection, 0, sizeof *connection);
    unit_tcp_pair(fd);
    for (int i = 0; i < 2; i++) {
        end_t *end = &connection->end[i];
        end->fd = fd[i];
        end->seed = 5u + (uint32_t)i;
        end->peer_seed = 6u - (uint32_t)i;
        stream_init(&end->stream, &unit_kernel, (uintptr_t)fd[i], RING, RING_MAX);
    }
    if (started)
        meet(connection);
    unit_watch(&connection->watcher, &connection->end[0].stream, &connection->end[1].stream);
}

static int move(end_t *end, uint8_t *bytes, uint32_t count, bool sending)
{
    transfer_t transfer = {.socket = end->stream.socket, .bytes = bytes, .count = count, .blocking = true,
                           .deadline = os_now_us() + UNIT_PATIENCE_US};
    return unit_piece(&end->stream, &transfer, sending);
}

static void give(end_t *end, uint32_t count)
{
    uint8_t bytes[16384];
    while (count) {
        uint32_t part = count < sizeof bytes ? count : sizeof bytes;
        for (uint32_t i = 0; i < part; i++)
            bytes[i] = unit_pattern(end->seed, end->sent + i);
        int moved = move(end, bytes, part, true);
        unit_check(moved > 0 && (uint32_t)moved <= part);
        end->sent += (uint32_t)moved;
        count -= (uint32_t)moved;
    }
}

static void take(end_t *end, uint32_t count)
{
    uint8_t bytes[16384];
    while (count) {
        int moved = move(end, bytes, count < sizeof bytes ? count : sizeof bytes, false);
        unit_check(moved > 0 && (uint32_t)moved <= count);
        for (int i = 0; i < moved; i++)
            unit_check(bytes[i] == unit_pattern(end->peer_seed, end->received + (uint32_t)i));
        end->received += (uint32_t)moved;
        count -= (uint32_t)moved;
    }
}

static void expect_end(end_t *end)
{
    uint8_t byte;
    unit_check(move(end, &byte, 1, false) == 0);
}

/* ---- a life ---- */

typedef struct errand {
    end_t *end;
    uint32_t count;
} errand_t;

static void *give_in_thread(void *argument)
{
    errand_t *errand = argument;
    give(errand->end, errand->count);
    return NULL;
}

/* Sender and receiver sleep and wake each other. */
static void pump(connection_t *connection, unsigned from, uint32_t count)
{
    errand_t errand = {&connection->end[from], count};
    pthread_t thread = unit_thread(give_in_thread, &errand);
    take(&connection->end[1 - from], count);
    unit_join(thread);
}

/* Small turns bring both directions into rings; what is left unread makes them overflow and grow. */
static void talk(connection_t *connection)
{
    end_t *end = connection->end;
    for (unsigned i = 0; i < 8; i++) {
        give(&end[i % 2], 100);
        take(&end[1 - i % 2], 100);
    }
    is_user_level = end[0].stream.tx.carrier == CARRIER_RING && end[1].stream.tx.carrier == CARRIER_RING;
    for (unsigned from = 0; from < 2; from++) {
        give(&end[from], 900000);
        take(&end[1 - from], 900000);
        pump(connection, from, 500000);
    }
}

static void leave_with_bytes_unread(connection_t *connection)
{
    end_t *end = connection->end;
    give(&end[0], 20000);
    take(&end[1], 100);
    unit_check(stream_demote(&end[1].stream) != STREAM_RESET);
    give(&end[0], 5000);
    take(&end[1], 24900);
    give(&end[1], 3000);
    take(&end[0], 3000);
}

static void close_end(end_t *end)
{
    stream_close(&end->stream, false);
    close(end->fd);
    end->fd = -1;
}

/* Nobody can send again what is unread. */
static void close_with_bytes_unread(connection_t *connection)
{
    end_t *end = connection->end;
    give(&end[0], 1000);
    take(&end[1], 1000);
    give(&end[0], 30000);
    close_end(&end[0]);
    stream_demote(&end[1].stream);
    take(&end[1], 30000);
    expect_end(&end[1]);
    close_end(&end[1]);
    unit_unwatch(&connection->watcher);
}

/* Either both sides have the pages, or the lender is told that there is no memory. */
static void lend(connection_t *connection)
{
    stream_t *lender = &connection->end[0].stream, *borrower = &connection->end[1].stream;
    vmmc_lendable_t memory;
    vmmc_loan_token_t token;
    vmmc_borrowed_t borrowed;
    uint32_t loan = 0;
    void *context;
    int error = vmmc_lendable_allocate(100000, false, &memory);
    unit_check(error == 0 || error == VMMC_ENOMEM);
    if (error)
        return;
    memset(memory.base, 7, memory.length);
    vmmc_lend_request_t request = {.memory = memory.id, .offset = 10, .length = 99990};
    if (lender->link && vmmc_lend(lender->link, lender->mailbox, &request, &token, &loan) == 0) {
        error = vmmc_accept(borrower->link, borrower->mailbox, &token, &borrowed);
        unit_check(error == 0 || error == VMMC_ENOMEM);
        unit_check(error || (((uint8_t *)borrowed.bytes)[99989] == 7 && vmmc_return(&token, borrowed.bytes) == 0));
        unit_check(vmmc_reclaim(lender->link, lender->mailbox, &loan, &context) == (error ? VMMC_EAGAIN : 0));
    }
    unit_check(vmmc_lendable_free(memory.id) == 0);
}

/* The whole life, from the start of the layers. */
static void live(unsigned at, faults_mode_t mode)
{
    connection_t connection;
    faults_arm(at, mode);
    bool started = start();
    open_connection(&connection, started);
    talk(&connection);
    if (started)
        lend(&connection);
    leave_with_bytes_unread(&connection);
    close_end(&connection.end[0]);
    expect_end(&connection.end[1]);
    close_end(&connection.end[1]);
    unit_unwatch(&connection.watcher);
    open_connection(&connection, started);
    close_with_bytes_unread(&connection);
}

/* A demotion alone, by a receiver whose part of the arena is used up. */
static void leave(unsigned at, faults_mode_t mode)
{
    connection_t connection;
    unit_check(start());
    open_connection(&connection, true);
    for (unsigned i = 0; i < 8; i++) {
        give(&connection.end[i % 2], 100);
        take(&connection.end[1 - i % 2], 100);
    }
    vmmc_region_t region;
    for (unsigned i = 0; i < (1u << 20) / RING - 1; i++)
        unit_check(vmmc_export(connection.end[1].stream.link, RING, &region) == 0);
    faults_arm(at, mode);
    leave_with_bytes_unread(&connection);
    close_end(&connection.end[0]);
    close_end(&connection.end[1]);
    unit_unwatch(&connection.watcher);
}

/* ---- the attempts ---- */

typedef void (*life_t)(unsigned at, faults_mode_t mode);

static _Noreturn void attempt(life_t life, unsigned at, faults_mode_t mode)
{
    alarm(SECONDS);
    life(at, mode);
    unsigned requests = faults_disarm();
    if (getenv("UNIT_SHOW"))
        printf("%u of %u: %u failed, first at %s; %s\n", at, requests, faults_struck(),
               faults_struck() ? faults_first() : "-", is_user_level ? "user-level" : "kernel");
    unit_clean();
    wait_thread_ends();
    exit(faults_struck() ? 0 : NOTHING_FAILED);
}

static int run(life_t life, unsigned at, faults_mode_t mode)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        attempt(life, at, mode);
    unit_check(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == NOTHING_FAILED))
        return WEXITSTATUS(status);
    printf("request %u: exit code %d, signal %d\n", at, WEXITSTATUS(status), WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return -1;
}

static void run_all(life_t life, faults_mode_t mode, unsigned at_least)
{
    unsigned failures = 0, struck = 0, untouched = 0;
    for (unsigned at = 1; untouched < IN_A_ROW; at++) {
        int result = run(life, at, mode);
        untouched = result == NOTHING_FAILED ? untouched + 1 : 0;
        struck += result != NOTHING_FAILED;
        failures += result < 0;
        assert_in_range(at, 1, MOST_REQUESTS);
    }
    print_message("%u requests failed in their turn\n", struck);
    assert_int_equal(failures, 0);
    assert_in_range(struck, at_least, MOST_REQUESTS);
}

static void any_one_request_may_fail(void **state)
{
    (void)state;
    run_all(live, FAULTS_ONE, 30);
}

static void all_requests_from_any_moment_on_may_fail(void **state)
{
    (void)state;
    run_all(live, FAULTS_FROM_THERE_ON, 30);
}

static void a_demotion_needs_no_memory(void **state)
{
    (void)state;
    run_all(leave, FAULTS_ONE, 3);
    run_all(leave, FAULTS_FROM_THERE_ON, 3);
}

static void a_full_disk_ends_the_log(void **state)
{
    (void)state;
    log_start(LOG_INFO, "/dev/full");
    assert_true(log_wants(LOG_INFO));
    log_info("nobody will read this");
    assert_false(log_wants(LOG_ERROR));
}

static void remove_table(void)
{
    char path[96];
    snprintf(path, sizeof path, "/dev/shm/vmmc-rendezvous-%u-%s", SHM_VERSION, own_tag);
    unlink(path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_one_request_may_fail),
        cmocka_unit_test(all_requests_from_any_moment_on_may_fail),
        cmocka_unit_test(a_demotion_needs_no_memory),
        cmocka_unit_test(a_full_disk_ends_the_log),
    };
    snprintf(own_tag, sizeof own_tag, "faults%d", (int)getpid());
    int failed = unit_main_bare(argc, argv, tests);
    remove_table();
    return failed;
}
