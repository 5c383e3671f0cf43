/* test_pair: a stream between two real processes: traffic while carriers change, leaving, and sudden death. */
#include "peer.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "vmmc_private.h"

#define TOTAL 3000000u

/* ---- traffic both ways ---- */

/* Neither closes before both have received everything. */
static void finish_together(const peer_t *peer)
{
    char mine = 0, theirs;
    peer_exchange(peer, &mine, &theirs, 1);
}

static void exchange(peer_t *peer, uint32_t total, uint32_t most)
{
    unit_program_t out = {.stream = &peer->stream, .seed = peer->seed + peer->side, .total = total, .most = most};
    unit_program_t in = {.stream = &peer->stream, .seed = peer->seed + 1 - peer->side, .total = total, .most = most};
    pthread_t sender = unit_thread(unit_sender, &out);
    unit_receiver(&in);
    unit_join(sender);
}

static void exchange_much(peer_t *peer)
{
    exchange(peer, TOTAL, 30000);
}

static void exchange_small_messages(peer_t *peer)
{
    exchange(peer, 300000, 64);
}

static void bytes_arrive_in_order_while_rings_overflow(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 6; seed++)
        peer_run(exchange_much, exchange_much, seed, 4096, 16384);
}

static void bytes_arrive_in_order_while_rings_grow(void **state)
{
    (void)state;
    for (uint32_t seed = 11; seed < 16; seed++)
        peer_run(exchange_much, exchange_much, seed, 8192, 4 << 20);
}

static void small_messages_arrive_in_order(void **state)
{
    (void)state;
    for (uint32_t seed = 21; seed < 24; seed++)
        peer_run(exchange_small_messages, exchange_small_messages, seed, 4096, 4096);
}

/* ---- a turn each: every byte may find the other side asleep ---- */

static void take_turns(peer_t *peer)
{
    for (uint32_t i = 0; i < 400; i++) {
        if (i % 2 == peer->side) {
            if (i % 50 < 2)
                usleep(20000);
            unit_check(unit_send(&peer->stream, 1, i, 1, true) == 1);
        } else {
            unit_expect(&peer->stream, 1, i, 1);
        }
    }
}

static void sleeping_receivers_are_woken_across_processes(void **state)
{
    (void)state;
    peer_run(take_turns, take_turns, 1, 4096, 4096);
}

/* ---- leaving ---- */

static void *leave_soon(void *argument)
{
    peer_t *peer = argument;
    uint32_t random = peer->seed * 31 + peer->side;
    usleep(unit_random(&random, 8000));
    int result = stream_demote(&peer->stream);
    unit_check(result == 0 || result == STREAM_AGAIN);
    return NULL;
}

static void exchange_and_leave(peer_t *peer)
{
    pthread_t leaver = unit_thread(leave_soon, peer);
    exchange(peer, 1000000, 30000);
    unit_join(leaver);
    finish_together(peer);
}

static void exchange_some(peer_t *peer)
{
    exchange(peer, 1000000, 30000);
    finish_together(peer);
}

/* A server that answers and is gone. */
static void send_and_close(peer_t *peer)
{
    unit_program_t out = {.stream = &peer->stream, .seed = peer->seed, .total = 3000, .most = 500};
    unit_sender(&out);
    stream_close(&peer->stream, false);
}

/* Every byte has to come, by whatever carries it. */
static void receive_and_leave(peer_t *peer)
{
    uint8_t byte;
    uint32_t random = peer->seed;
    unit_program_t in = {.stream = &peer->stream, .seed = peer->seed, .total = 3000, .most = 500};
    if (unit_receive(&peer->stream, &byte, 0, false) == 0) /* consents */
        usleep(unit_random(&random, 3000));
    stream_demote(&peer->stream);
    unit_receiver(&in);
}

static void either_process_may_leave_in_traffic(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 8; seed++) {
        uint32_t most = seed % 2 ? 4096 : 1 << 20;
        peer_run(exchange_and_leave, exchange_some, seed, 4096, most);
        peer_run(exchange_some, exchange_and_leave, seed, 4096, most);
    }
}

static void both_processes_may_leave_in_traffic(void **state)
{
    (void)state;
    for (uint32_t seed = 50; seed < 58; seed++)
        peer_run(exchange_and_leave, exchange_and_leave, seed, 4096, 65536);
}

static void a_process_that_closes_loses_nothing_to_one_that_leaves(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 30; seed++)
        peer_run(send_and_close, receive_and_leave, seed, 4096, 4096);
}

/* ---- death ---- */

static void *kill_other_soon(void *argument)
{
    peer_t *peer = argument;
    uint32_t random = peer->seed * 17 + 3;
    usleep(unit_random(&random, 20000) + 500);
    kill(peer->other, SIGKILL);
    return NULL;
}

static void send_until_killed(peer_t *peer)
{
    unit_program_t out = {.stream = &peer->stream, .seed = peer->seed, .total = UINT32_MAX, .most = 20000,
                          .published = &peer->board->published[peer->side], .stop_on_failure = true};
    unit_sender(&out);
    pause();
}

static void receive_until_killed(peer_t *peer)
{
    unit_program_t in = {.stream = &peer->stream, .seed = peer->seed, .most = 20000, .stop_on_failure = true};
    unit_receiver(&in);
    pause();
}

static void stay_until_killed(peer_t *peer)
{
    (void)peer;
    for (;;)
        pause();
}

static void kill_and_receive(peer_t *peer)
{
    pthread_t killer = unit_thread(kill_other_soon, peer);
    unit_program_t in = {.stream = &peer->stream, .seed = peer->seed, .most = 20000, .stop_on_failure = true};
    unit_receiver(&in);
    unit_join(killer);
    unit_check(in.result == 0 || in.result == STREAM_RESET);
    unit_check(in.done >= load_acquire(&peer->board->published[1 - peer->side]));
}

static void kill_and_send(peer_t *peer)
{
    pthread_t killer = unit_thread(kill_other_soon, peer);
    unit_program_t out = {.stream = &peer->stream, .seed = peer->seed, .total = UINT32_MAX, .most = 20000,
                          .stop_on_failure = true};
    unit_sender(&out);
    unit_join(killer);
    unit_check(out.result == STREAM_RESET);
}

static void every_published_byte_survives_its_sender(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 25; seed++) {
        uint32_t most = seed % 3 ? 4096 : 1 << 20;
        if (seed % 2)
            peer_run(kill_and_receive, send_until_killed, seed, 4096, most);
        else
            peer_run(send_until_killed, kill_and_receive, seed, 4096, most);
    }
}

static void a_sender_survives_its_receiver(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 12; seed++) {
        peer_run(kill_and_send, receive_until_killed, seed, 4096, seed % 2 ? 4096 : 1 << 20);
        peer_run(kill_and_send, stay_until_killed, seed, 4096, 4096);
    }
}

static void kill_and_wait(peer_t *peer)
{
    uint8_t byte;
    pthread_t killer = unit_thread(kill_other_soon, peer);
    uint64_t before = os_now_us();
    int result = unit_receive(&peer->stream, &byte, 1, true);
    if (result == STREAM_BY_KERNEL) {
        unit_kernel.wait((uintptr_t)peer->fd, false, 5000);
        result = unit_kernel.receive((uintptr_t)peer->fd, &byte, 1);
    }
    unit_join(killer);
    unit_check(result == 0 || result == STREAM_RESET);
    unit_check(os_now_us() - before < 5000000);
}

static void a_sleeping_receiver_notices_the_death_of_the_sender(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 6; seed++)
        peer_run(kill_and_wait, stay_until_killed, seed, 4096, 4096);
}

/* The killed process dies in the middle of its own leaving, or ours. */
static void kill_and_leave(peer_t *peer)
{
    uint32_t random = peer->seed;
    pthread_t killer = unit_thread(kill_other_soon, peer);
    usleep(unit_random(&random, 20000));
    uint64_t before = os_now_us();
    int result = stream_demote(&peer->stream);
    unit_check(result == 0 || result == STREAM_AGAIN || result == STREAM_RESET);
    unit_check(os_now_us() - before < 3000000);
    unit_join(killer);
}

static void leaving_ends_when_the_other_process_dies(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 10; seed++)
        peer_run(kill_and_leave, send_until_killed, seed, 4096, 65536);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_in_order_while_rings_overflow),
        cmocka_unit_test(bytes_arrive_in_order_while_rings_grow),
        cmocka_unit_test(small_messages_arrive_in_order),
        cmocka_unit_test(sleeping_receivers_are_woken_across_processes),
        cmocka_unit_test(either_process_may_leave_in_traffic),
        cmocka_unit_test(both_processes_may_leave_in_traffic),
        cmocka_unit_test(every_published_byte_survives_its_sender),
        cmocka_unit_test(a_sender_survives_its_receiver),
        cmocka_unit_test(a_sleeping_receiver_notices_the_death_of_the_sender),
        cmocka_unit_test(leaving_ends_when_the_other_process_dies),
        cmocka_unit_test(a_process_that_closes_loses_nothing_to_one_that_leaves),
    };
    return unit_main_bare(argc, argv, tests);
}
