/* test_stream_urgent: urgent bytes, compared call by call with the kernel's TCP, which is the model for them. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <unistd.h>

#define LARGEST 12

/* A stream and a kernel connection that get the same calls. */
typedef struct twins {
    unit_pair_t pair;
    int fd[2];
    uint32_t sent;
} twins_t;

static void twins_open(twins_t *twins, uint32_t ring_bytes)
{
    memset(twins, 0, sizeof *twins);
    unit_pair_open(&twins->pair, ring_bytes, ring_bytes);
    unit_promote(&twins->pair);
    unit_tcp_pair(twins->fd);
    int on = 1;
    unit_check(setsockopt(twins->fd[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
}

static void twins_close(twins_t *twins)
{
    close(twins->fd[0]);
    close(twins->fd[1]);
    unit_pair_close(&twins->pair);
}

static stream_t *receiver(twins_t *twins)
{
    return &twins->pair.end[1];
}

static uintptr_t socket_of(twins_t *twins, int end)
{
    return (uintptr_t)twins->pair.fd[end];
}

static void send_both(twins_t *twins, uint32_t count, bool urgent)
{
    uint8_t bytes[LARGEST];
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = unit_pattern(3, twins->sent + i);
    transfer_t transfer = {
        .socket = socket_of(twins, 0), .bytes = bytes, .count = count, .urgent = urgent, .deadline = STREAM_NEVER};
    unit_check(stream_send(&twins->pair.end[0], &transfer) == (int)count);
    unit_check(send(twins->fd[0], bytes, count, urgent ? MSG_OOB : 0) == (int)count);
    twins->sent += count;
}

/* The kernel takes a moment to deliver what was just sent. */
static void settle(twins_t *twins)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    while (info.tcpi_bytes_received < twins->sent)
        unit_check(getsockopt(twins->fd[1], IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
}

static int as_stream_result(ssize_t moved)
{
    if (moved >= 0)
        return (int)moved;
    return errno == EINVAL || errno == EAGAIN ? STREAM_AGAIN : STREAM_RESET;
}

static void receive_both(twins_t *twins, uint32_t count, bool peek, bool urgent)
{
    uint8_t ours[LARGEST] = {0}, theirs[LARGEST] = {0};
    transfer_t transfer = {.socket = socket_of(twins, 1), .bytes = ours, .count = count, .peek = peek};
    int flags = (peek ? MSG_PEEK : 0) | (urgent ? MSG_OOB : 0);
    int moved = urgent ? stream_receive_urgent(receiver(twins), &transfer) : stream_receive(receiver(twins), &transfer);
    int expected = as_stream_result(recv(twins->fd[1], theirs, count, flags));
    if (moved == STREAM_INLINE)
        moved = STREAM_AGAIN; /* the kernel does not tell the two apart */
    assert_int_equal(moved, expected);
    assert_memory_equal(ours, theirs, LARGEST);
}

static void compare_answers(twins_t *twins)
{
    int unread, at_mark;
    struct pollfd polled = {.fd = twins->fd[1], .events = POLLPRI | POLLIN};
    unit_check(ioctl(twins->fd[1], FIONREAD, &unread) == 0);
    unit_check(ioctl(twins->fd[1], SIOCATMARK, &at_mark) == 0);
    unit_check(poll(&polled, 1, 0) >= 0);
    assert_int_equal(stream_pending(receiver(twins), socket_of(twins, 1)), unread);
    int mark = stream_at_mark(receiver(twins), socket_of(twins, 1));
    assert_int_equal(mark == 1 || mark == STREAM_INLINE, at_mark);
    assert_int_equal(stream_readable(receiver(twins), socket_of(twins, 1)), (polled.revents & POLLIN) != 0);
    if (!receiver(twins)->rx.urgent.in_line) /* WinSock's answer then differs from poll's */
        assert_int_equal(stream_has_urgent(receiver(twins), socket_of(twins, 1)), (polled.revents & POLLPRI) != 0);
}

static void set_in_line(twins_t *twins, int in_line)
{
    stream_set_in_line(receiver(twins), in_line != 0);
    unit_check(setsockopt(twins->fd[1], SOL_SOCKET, SO_OOBINLINE, &in_line, sizeof in_line) == 0);
}

/* One call on both; `urgents` counts those that the receiver has not looked at. */
static void random_call(twins_t *twins, uint32_t *random, unsigned *urgents)
{
    uint32_t call = unit_random(random, 10), count = 1 + unit_random(random, LARGEST);
    bool may_send = twins->sent < 100000;
    if (call < 3 && may_send) {
        send_both(twins, count, false);
    } else if (call < 5 && may_send && *urgents < FLOW_URGENTS) {
        ++*urgents;
        send_both(twins, unit_random(random, 3) ? 1 : count, true);
    } else if (call < 9) {
        receive_both(twins, count, call == 8, false);
    } else {
        receive_both(twins, 1, unit_random(random, 2), true);
    }
    settle(twins);
    if (unit_random(random, 3) == 0)
        set_in_line(twins, unit_random(random, 8) == 0);
    if (*urgents == FLOW_URGENTS || unit_random(random, 2)) {
        compare_answers(twins);
        *urgents = 0;
    }
}

static void every_call_answers_as_the_kernel_does(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        twins_t twins;
        uint32_t random = seed;
        unsigned urgents = 0;
        twins_open(&twins, seed % 2 ? 4096 : 65536);
        for (int i = 0; i < 300; i++)
            random_call(&twins, &random, &urgents);
        twins_close(&twins);
    }
}

/* The ring overflows, so that marks lie behind switches and in the kernel connection. */
static void marks_keep_their_place_behind_switches(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        twins_t twins;
        uint32_t random = seed;
        twins_open(&twins, 4096);
        for (int i = 0; i < 1000 + (int)seed; i++)
            send_both(&twins, LARGEST, i % 199 == 100);
        settle(&twins);
        assert_int_equal(twins.pair.end[0].tx.carrier, CARRIER_KERNEL);
        uint8_t byte, other;
        transfer_t transfer = {.socket = socket_of(&twins, 1), .bytes = &byte, .count = 1};
        assert_int_equal(stream_receive_urgent(receiver(&twins), &transfer), 1);
        unit_check(recv(twins.fd[1], &other, 1, MSG_OOB) == 1);
        assert_int_equal(byte, other);
        for (uint32_t taken = 0; taken < twins.sent; taken++)
            receive_both(&twins, 1, unit_random(&random, 9) == 0, false);
        twins_close(&twins);
    }
}

/* ---- demotion ---- */

typedef struct rest {
    uint32_t before; /* bytes that the receiver takes first */
    bool taken;      /* the urgent byte, aside */
    bool in_line;
} rest_t;

/* 3 bytes, an urgent one, 4 bytes; then the receiver's side leaves, and the kernel has what it had not read. */
static void leave_with_a_mark(rest_t rest)
{
    twins_t twins;
    unit_watcher_t watcher;
    uint8_t ours[LARGEST], theirs[LARGEST];
    twins_open(&twins, 4096);
    send_both(&twins, 3, false);
    send_both(&twins, 1, true);
    send_both(&twins, 4, false);
    settle(&twins);
    set_in_line(&twins, rest.in_line);
    if (rest.before)
        receive_both(&twins, rest.before, false, false);
    if (rest.taken)
        receive_both(&twins, 1, false, true);
    int on = rest.in_line;
    unit_check(setsockopt(twins.pair.fd[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on) == 0);
    unit_watch(&watcher, &twins.pair.end[0], NULL);
    assert_int_equal(stream_demote(receiver(&twins)), 0);
    unit_unwatch(&watcher);
    for (int i = 0; i < 3; i++) {
        int flags = i == 1 && !rest.in_line ? MSG_OOB : 0;
        ssize_t moved = recv(twins.fd[1], theirs, LARGEST, flags);
        if (rest.taken && i == 1)
            continue; /* the hole it leaves stops the kernel's receive, but need not stop ours */
        if (rest.taken && i == 0) {
            moved += recv(twins.fd[1], theirs + moved, LARGEST - (size_t)moved, 0);
        }
        assert_int_equal(recv(twins.pair.fd[1], ours, LARGEST, flags), moved);
        assert_memory_equal(ours, theirs, moved < 0 ? 0 : (size_t)moved);
    }
    twins_close(&twins);
}

static void a_mark_goes_home_with_its_stream(void **state)
{
    (void)state;
    leave_with_a_mark((rest_t){.before = 0});
    leave_with_a_mark((rest_t){.before = 2});
    leave_with_a_mark((rest_t){.before = 3});
    leave_with_a_mark((rest_t){.before = 2, .in_line = true});
    leave_with_a_mark((rest_t){.before = 2, .taken = true});
    leave_with_a_mark((rest_t){.before = 0, .taken = true});
}

static transfer_t urgent_byte(const unit_pair_t *pair, uint8_t *byte)
{
    return (transfer_t){
        .socket = (uintptr_t)pair->fd[0], .bytes = byte, .count = 1, .urgent = true, .deadline = STREAM_NEVER};
}

static void without_the_receivers_consent_it_goes_by_the_kernel(void **state)
{
    unit_pair_t pair;
    uint8_t byte = 0;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    transfer_t urgent = urgent_byte(&pair, &byte);
    assert_int_equal(stream_send(&pair.end[0], &urgent), STREAM_BY_KERNEL);
    assert_int_equal(stream_receive(&pair.end[1], &(transfer_t){.socket = (uintptr_t)pair.fd[1], .bytes = &byte}),
                     STREAM_BY_KERNEL);
    assert_int_equal(unit_send(&pair.end[1], 1, 0, 5, true), 5); /* the other direction is not concerned */
    unit_expect(&pair.end[0], 1, 0, 5);
    unit_pair_close(&pair);
}

static void the_watcher_can_consent_to_it(void **state)
{
    unit_pair_t pair;
    unit_watcher_t watcher;
    uint8_t byte = 'u';
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_watch(&watcher, &pair.end[1], NULL);
    transfer_t urgent = urgent_byte(&pair, &byte);
    assert_int_equal(stream_send(&pair.end[0], &urgent), 1);
    byte = 0;
    transfer_t wanted = {.socket = (uintptr_t)pair.fd[1], .bytes = &byte, .count = 1};
    assert_int_equal(stream_receive_urgent(&pair.end[1], &wanted), 1);
    assert_int_equal(byte, 'u');
    unit_unwatch(&watcher);
    unit_pair_close(&pair);
}

/* An urgent byte found no consent in time, which came right after: announced bytes lie before it. */
static void behind_the_last_announced_bytes_it_is_the_kernels(void **state)
{
    unit_pair_t pair;
    uint8_t byte = 0;
    (void)state;
    for (uint32_t unread = 0; unread < 4; unread += 3) {
        unit_pair_open(&pair, 4096, 4096);
        unit_send(&pair.end[0], 1, 0, 5 + unread, true);
        unit_expect(&pair.end[1], 1, 0, 5); /* which consents */
        unit_send(&pair.end[1], 2, 0, 5, true);
        unit_expect(&pair.end[0], 2, 0, 5);
        stream_leave_to_strays(&pair.end[0]); /* its sending half at once */
        assert_int_equal(stream_at_mark(&pair.end[1], (uintptr_t)pair.fd[1]), STREAM_BY_KERNEL);
        assert_false(stream_is_final(&pair.end[1])); /* to be asked changes nothing, but for a wait */
        assert_int_equal(stream_has_urgent(&pair.end[1], (uintptr_t)pair.fd[1]), STREAM_BY_KERNEL);
        assert_int_equal(send(pair.fd[0], "!", 1, MSG_OOB), 1);
        assert_int_equal(stream_pending(&pair.end[1], (uintptr_t)pair.fd[1]), STREAM_BY_KERNEL);
        assert_int_equal(stream_receive(&pair.end[1], &(transfer_t){.socket = (uintptr_t)pair.fd[1], .bytes = &byte}),
                         STREAM_BY_KERNEL);
        unit_kernel_expect(pair.fd[1], 1, 5, unread);
        assert_int_equal(recv(pair.fd[1], &byte, 1, MSG_OOB), 1);
        assert_int_equal(byte, '!');
        stream_close(&pair.end[1], false);
        assert_false(load_acquire(&pair.end[0].rx.flow->state) & FLOW_RESET); /* all has been read */
        unit_pair_close(&pair);
    }
}

/* ---- a sender that lies ---- */

static void impossible_marks_do_no_harm(void **state)
{
    static const uint32_t places[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 50};
    unit_pair_t pair;
    (void)state;
    unit_pair_open(&pair, 4096, 4096);
    unit_promote(&pair);
    flow_shm_t *flow = pair.end[0].tx.flow;
    uint32_t sent = 0;
    for (uint32_t i = 0; i < 600; i++) {
        uint32_t n = i * 0x01010101u;
        store_release(&flow->urgent[i % FLOW_URGENTS].at, places[i % 6] + (i % 5) * pair.end[1].rx.position);
        store_release(&flow->urgent[i % FLOW_URGENTS].byte, n);
        store_release(&flow->urgents, i % 2 ? n : i);
        uint8_t bytes[LARGEST];
        unit_send(&pair.end[0], 1, sent, LARGEST, false);
        sent += LARGEST;
        (void)stream_pending(&pair.end[1], (uintptr_t)pair.fd[1]);
        (void)stream_has_urgent(&pair.end[1], (uintptr_t)pair.fd[1]);
        int moved = unit_receive(&pair.end[1], bytes, LARGEST, false);
        assert_in_range(moved + 1, 0, LARGEST + 1);
    }
    assert_false(load_relaxed(&pair.end[1].broken));
    unit_pair_close(&pair);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_answers_as_the_kernel_does),
        cmocka_unit_test(marks_keep_their_place_behind_switches),
        cmocka_unit_test(a_mark_goes_home_with_its_stream),
        cmocka_unit_test(without_the_receivers_consent_it_goes_by_the_kernel),
        cmocka_unit_test(the_watcher_can_consent_to_it),
        cmocka_unit_test(behind_the_last_announced_bytes_it_is_the_kernels),
        cmocka_unit_test(impossible_marks_do_no_harm),
    };
    return unit_main(argc, argv, tests);
}
