/* unit: see unit.h. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmmc_private.h"

static bool use_futex = true;

/* The C library keeps its list of named semaphores under a lock that the thread sanitizer does not see. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:tsearch\nrace:tdelete\nrace:tfind\n";
}

_Noreturn void unit_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: process %d: not true: %s\n", file, line, (int)getpid(), what);
    fflush(NULL);
    unit_clean();
    _exit(9);
}

uint32_t unit_random(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)*state * below) >> 32);
}

/* ---- a test program ---- */

static void remove_names(const char *prefix, const uint8_t key[VMMC_KEY_BYTES])
{
    char hex[2 * VMMC_KEY_BYTES + 1], pattern[128];
    glob_t found;
    key_to_hex(key, hex);
    snprintf(pattern, sizeof pattern, "/dev/shm/%s%s*", prefix, hex);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]);
        globfree(&found);
    }
}

static void remove_page(const vmmc_identity_t *identity)
{
    remove_names("vmmc-w-", identity->page);
    remove_names("sem.vmmc-e-", identity->page);
}

static void clean_link(vmmc_link_t *link, void *only_dead)
{
    bool dead = vmmc_link_probe(link);
    if (dead)
        remove_page(vmmc_link_peer(link));
    if (dead || !only_dead)
        remove_names("vmmc-a-", link->ticket.key);
}

void unit_clean_dead(void)
{
    bool only_dead = true;
    vmmc_each_link(clean_link, &only_dead);
}

void unit_clean(void)
{
    vmmc_each_link(clean_link, NULL);
    remove_page(vmmc_self());
}

void unit_start(void)
{
    static waiter_t *doorbell;
    log_start(getenv("UNIT_LOG") ? LOG_DEBUG : LOG_OFF, NULL);
    if (vmmc_start(use_futex) != 0 || wait_number(doorbell = wait_reserve()) != 1)
        unit_fail(__FILE__, __LINE__, "the layers start");
}

void unit_set_futex(bool on)
{
    use_futex = on;
}

bool unit_uses_futex(void)
{
    return use_futex;
}

static int run_cases(const char *name, unit_cases_t cases)
{
    size_t count = cases.count;
    while (count && !cases.cases[count - 1].name)
        count--;
    return _cmocka_run_group_tests(name, cases.cases, count, NULL, NULL);
}

int unit_run(int argc, char **argv, unit_cases_t tests, bool start)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "event") == 0)
            use_futex = false;
        else
            cmocka_set_test_filter(argv[i]);
    }
    alarm(100);
    if (start)
        unit_start();
    int failed = run_cases(argv[0], tests);
    unit_clean();
    return failed;
}

typedef struct start {
    void *(*body)(void *);
    void *argument;
} start_t;

static void *run_body(void *argument)
{
    start_t start = *(start_t *)argument;
    free(argument);
    void *result = start.body(start.argument);
    wait_thread_ends();
    return result;
}

pthread_t unit_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    start_t *start = malloc(sizeof *start);
    unit_check(start);
    *start = (start_t){body, argument};
    unit_check(pthread_create(&thread, NULL, run_body, start) == 0);
    return thread;
}

void unit_join(pthread_t thread)
{
    unit_check(pthread_join(thread, NULL) == 0);
}

/* ---- the kernel connection ---- */

static int kernel_result(ssize_t moved)
{
    if (moved >= 0)
        return (int)moved;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? STREAM_AGAIN : STREAM_RESET;
}

static int kernel_send(uintptr_t socket, const void *bytes, uint32_t count)
{
    return kernel_result(send((int)socket, bytes, count, MSG_NOSIGNAL));
}

static int kernel_send_urgent(uintptr_t socket, const void *byte)
{
    return kernel_result(send((int)socket, byte, 1, MSG_NOSIGNAL | MSG_OOB));
}

static int kernel_receive(uintptr_t socket, void *bytes, uint32_t count)
{
    return kernel_result(recv((int)socket, bytes, count, 0));
}

static int kernel_peek(uintptr_t socket, void *bytes, uint32_t count)
{
    return kernel_result(recv((int)socket, bytes, count, MSG_PEEK));
}

static void kernel_wait(uintptr_t socket, bool writable, unsigned ms)
{
    struct pollfd waiting = {.fd = (int)socket, .events = writable ? POLLOUT : POLLIN};
    poll(&waiting, 1, (int)ms);
}

static void kernel_shut(uintptr_t socket)
{
    shutdown((int)socket, SHUT_WR);
}

static uint32_t kernel_pending(uintptr_t socket)
{
    int waiting = 0;
    return ioctl((int)socket, FIONREAD, &waiting) == 0 ? (uint32_t)waiting : 0;
}

/* They never block. */
static void kernel_unblock(uintptr_t socket)
{
    (void)socket;
}

const kernel_calls_t unit_kernel = {.unblock = kernel_unblock,
                                    .send = kernel_send,
                                    .send_urgent = kernel_send_urgent,
                                    .receive = kernel_receive,
                                    .peek = kernel_peek,
                                    .pending = kernel_pending,
                                    .wait = kernel_wait,
                                    .shut = kernel_shut};

void unit_tcp_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    unit_check(bind(listener, (struct sockaddr *)&address, size) == 0);
    unit_check(listen(listener, 1) == 0);
    unit_check(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    unit_check(connect(pair[0], (struct sockaddr *)&address, size) == 0);
    pair[1] = accept(listener, NULL, NULL);
    unit_check(pair[1] >= 0);
    close(listener);
    for (int i = 0; i < 2; i++)
        fcntl(pair[i], F_SETFL, O_NONBLOCK);
}

/* ---- both ends in one process ---- */

void unit_pair_prepare(unit_pair_t *pair, uint32_t ring_bytes, uint32_t ring_max_bytes)
{
    vmmc_ticket_t ticket;
    memset(pair, 0, sizeof *pair);
    unit_tcp_pair(pair->fd);
    unit_check(vmmc_link_open(vmmc_self(), &pair->link[0], &ticket) == 0);
    unit_check(vmmc_mailbox_take(pair->link[0], &pair->mailbox, &pair->memory[0]) == 0);
    unit_check(vmmc_link_join(vmmc_self(), &ticket, &pair->link[1]) == 0);
    unit_check(vmmc_mailbox_find(pair->link[1], pair->mailbox, &pair->memory[1]) == 0);
    for (int i = 0; i < 2; i++)
        stream_init(&pair->end[i], &unit_kernel, (uintptr_t)pair->fd[i], ring_bytes, ring_max_bytes);
}

void unit_pair_attach(unit_pair_t *pair, int end)
{
    stream_attach(&pair->end[end], pair->link[end], pair->mailbox, pair->memory[end]);
}

void unit_pair_open(unit_pair_t *pair, uint32_t ring_bytes, uint32_t ring_max_bytes)
{
    unit_pair_prepare(pair, ring_bytes, ring_max_bytes);
    unit_pair_attach(pair, 0);
    unit_pair_attach(pair, 1);
}

void unit_pair_close(unit_pair_t *pair)
{
    for (int i = 0; i < 2; i++) {
        if (!load_relaxed(&pair->end[i].closing))
            stream_close(&pair->end[i], false);
        if (pair->fd[i] >= 0)
            close(pair->fd[i]);
    }
}

void unit_promote(unit_pair_t *pair)
{
    for (int from = 0; from < 2; from++) {
        for (uint32_t i = 0; i < 2; i++) {
            unit_check(unit_send(&pair->end[from], 9, i, 1, true) == 1);
            unit_expect(&pair->end[1 - from], 9, i, 1);
        }
        unit_check(pair->end[from].tx.carrier == CARRIER_RING);
    }
}

/* ---- calls of the stream ---- */

UNIT_UNWATCHED void unit_fill(void *bytes, uint32_t seed, uint64_t offset, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        ((uint8_t *)bytes)[i] = unit_pattern(seed, offset + i);
}

UNIT_UNWATCHED bool unit_fits(const void *bytes, uint32_t seed, uint64_t offset, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (((const uint8_t *)bytes)[i] != unit_pattern(seed, offset + i))
            return false;
    }
    return true;
}

static transfer_t request(const stream_t *stream, void *bytes, uint32_t count, bool blocking)
{
    return (transfer_t){.socket = stream->socket, .bytes = bytes, .count = count, .blocking = blocking,
                        .deadline = os_now_us() + UNIT_PATIENCE_US};
}

int unit_send(stream_t *stream, uint32_t seed, uint64_t offset, uint32_t count, bool blocking)
{
    uint8_t *bytes = malloc(count + 1);
    unit_fill(bytes, seed, offset, count);
    transfer_t transfer = request(stream, bytes, count, blocking);
    int result = stream_send(stream, &transfer);
    free(bytes);
    unit_check(result <= (int)count);
    return result;
}

int unit_receive(stream_t *stream, void *bytes, uint32_t count, bool blocking)
{
    transfer_t transfer = request(stream, bytes, count, blocking);
    int result = stream_receive(stream, &transfer);
    unit_check(result <= (int)count);
    return result;
}

void unit_shut(stream_t *stream)
{
    stream_shut_sending(stream, stream->socket);
}

void unit_expect(stream_t *stream, uint32_t seed, uint64_t offset, uint32_t count)
{
    uint8_t bytes[65536];
    while (count) {
        int got = unit_receive(stream, bytes, count < sizeof bytes ? count : sizeof bytes, true);
        unit_check(got > 0);
        unit_check(unit_fits(bytes, seed, offset, (uint32_t)got));
        offset += (uint32_t)got;
        count -= (uint32_t)got;
    }
}

void unit_kernel_expect(int fd, uint32_t seed, uint64_t offset, uint32_t count)
{
    uint8_t bytes[65536];
    uint64_t until = os_now_us() + UNIT_PATIENCE_US;
    while (count) {
        int got = unit_kernel.receive((uintptr_t)fd, bytes, count < sizeof bytes ? count : sizeof bytes);
        unit_check(os_now_us() < until);
        if (got == STREAM_AGAIN) {
            unit_kernel.wait((uintptr_t)fd, false, 100);
            continue;
        }
        unit_check(got > 0);
        unit_check(unit_fits(bytes, seed, offset, (uint32_t)got));
        offset += (uint32_t)got;
        count -= (uint32_t)got;
    }
}

/* ---- programs ---- */

/* One piece by the kernel's own call; STREAM_AGAIN: ask the stream again. */
static int piece_by_kernel(stream_t *stream, transfer_t *transfer, bool sending)
{
    half_t *half = sending ? &stream->tx : &stream->rx;
    if (!stream_enter_kernel(stream, half, transfer->socket))
        return load_relaxed(&stream->closing) ? STREAM_CANCELLED : STREAM_AGAIN;
    int moved = sending ? unit_kernel.send(transfer->socket, transfer->bytes, transfer->count)
                        : unit_kernel.receive(transfer->socket, transfer->bytes, transfer->count);
    if (moved == STREAM_AGAIN)
        unit_kernel.wait(transfer->socket, sending, 10);
    stream_leave_kernel(stream, half, moved > 0 ? moved : 0);
    return moved;
}

int unit_piece(stream_t *stream, transfer_t *transfer, bool sending)
{
    for (;;) {
        int moved = sending ? stream_send(stream, transfer) : stream_receive(stream, transfer);
        if (moved == STREAM_BY_KERNEL)
            moved = piece_by_kernel(stream, transfer, sending);
        if (moved != STREAM_AGAIN)
            return moved;
        unit_check(os_now_us() < transfer->deadline);
    }
}

/* All of it, or the reason why not. */
static int send_all(unit_program_t *program, uint8_t *bytes, uint32_t count)
{
    while (count) {
        transfer_t transfer = request(program->stream, bytes, count, true);
        int moved = unit_piece(program->stream, &transfer, true);
        if (moved < 0)
            return moved;
        unit_check((uint32_t)moved <= count);
        bytes += moved;
        count -= (uint32_t)moved;
        program->done += (uint32_t)moved;
        if (program->published)
            store_release(program->published, (uint32_t)program->done);
    }
    return 0;
}

void *unit_sender(void *argument)
{
    unit_program_t *program = argument;
    uint32_t random = program->seed * 7919 + 1;
    uint8_t *bytes = malloc(program->most);
    while (program->result == 0 && program->done < program->total) {
        uint32_t left = (uint32_t)(program->total - program->done);
        uint32_t part = unit_random(&random, unit_random(&random, 4) ? program->most : 200) + 1;
        part = part < left ? part : left;
        part = part < program->most ? part : program->most;
        unit_fill(bytes, program->seed, program->done, part);
        program->result = send_all(program, bytes, part);
    }
    free(bytes);
    unit_check(program->result == 0 || program->stop_on_failure);
    if (program->result == 0 && !program->stays_open)
        unit_shut(program->stream);
    return NULL;
}

void *unit_receiver(void *argument)
{
    unit_program_t *program = argument;
    uint32_t random = program->seed * 104729 + 1;
    uint8_t *bytes = malloc(program->most);
    for (;;) {
        uint32_t part = unit_random(&random, unit_random(&random, 4) ? program->most : 200) + 1;
        part = part < program->most ? part : program->most;
        transfer_t transfer = request(program->stream, bytes, part, true);
        int moved = unit_piece(program->stream, &transfer, false);
        if (moved <= 0) {
            program->result = moved;
            break;
        }
        unit_check((uint32_t)moved <= part);
        unit_check(unit_fits(bytes, program->seed, program->done, (uint32_t)moved));
        program->done += (uint32_t)moved;
    }
    free(bytes);
    unit_check(program->stop_on_failure || (program->result == 0 && program->done == program->total));
    return NULL;
}

/* ---- the watcher of a process ---- */

static void look_for_death(vmmc_link_t *link, void *context)
{
    unit_watcher_t *watcher = context;
    if (vmmc_link_is_dead(link) || !vmmc_link_probe(link))
        return;
    for (unsigned i = 0; i < UNIT_WATCHED; i++) {
        if (watcher->streams[i])
            stream_kick(watcher->streams[i]);
    }
}

static void *watch(void *argument)
{
    unit_watcher_t *watcher = argument;
    while (!load_acquire(&watcher->stop)) {
        vmmc_each_link(look_for_death, watcher);
        for (unsigned i = 0; i < UNIT_WATCHED; i++) {
            if (watcher->streams[i])
                stream_serve_peer(watcher->streams[i]);
        }
        usleep(1000);
    }
    return NULL;
}

void unit_watch(unit_watcher_t *watcher, stream_t *first, stream_t *second)
{
    *watcher = (unit_watcher_t){.streams = {first, second}};
    watcher->thread = unit_thread(watch, watcher);
}

void unit_unwatch(unit_watcher_t *watcher)
{
    store_release(&watcher->stop, 1);
    unit_join(watcher->thread);
}
