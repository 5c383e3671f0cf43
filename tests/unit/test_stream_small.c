/* test_stream_small: the short ways for small and large messages carry them whole, and keep their hands off everything
 * else. */
#include "unit.h"

#include "stream_private.h"
#include "unit_small.h"

#define RING 8192u
#define LARGEST 4096u /* what goes at once */

static const uint32_t sizes[] = {64, RING_SMALL + 1};
#define SIZES (sizeof sizes / sizeof *sizes)

static int send_small(unit_pair_t *pair, const void *bytes, uint32_t count)
{
    return unit_send_small(&pair->end[0], pair->end[0].socket, bytes, count);
}

static int receive_small(unit_pair_t *pair, void *bytes, uint32_t count)
{
    return unit_receive_small(&pair->end[1], pair->end[1].socket, bytes, count, false);
}

static void open_in_rings(unit_pair_t *pair)
{
    unit_pair_open(pair, RING, RING);
    unit_promote(pair);
}

static void messages_of_every_size_arrive_wherever_the_ring_wraps(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[LARGEST], back[LARGEST + 1];
    uint32_t random = 1;
    uint64_t offset = 0;
    (void)state;
    open_in_rings(&pair);
    for (uint32_t round = 0; round < 3 * LARGEST; round++) {
        uint32_t count = round < LARGEST ? round + 1 : 1 + unit_random(&random, LARGEST);
        unit_fill(bytes, 3, offset, count);
        back[count] = 0x5a;
        assert_int_equal(send_small(&pair, bytes, count), count);
        assert_int_equal(receive_small(&pair, back, count + 1), count);
        assert_memory_equal(bytes, back, count);
        assert_int_equal(back[count], 0x5a);
        offset += count;
    }
    unit_pair_close(&pair);
}

static void several_messages_are_received_in_pieces(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[3000], back[3000];
    (void)state;
    open_in_rings(&pair);
    unit_fill(bytes, 3, 0, sizeof bytes);
    for (uint32_t at = 0; at < sizeof bytes; at += 1000)
        assert_int_equal(send_small(&pair, bytes + at, 1000), 1000);
    assert_int_equal(receive_small(&pair, back, 1), 1);
    assert_int_equal(receive_small(&pair, back + 1, 1999), 1999);
    assert_int_equal(receive_small(&pair, back + 2000, 5000), 1000);
    assert_memory_equal(bytes, back, sizeof back);
    assert_int_equal(send_small(&pair, bytes, 3000), 3000);
    assert_int_equal(receive_small(&pair, back, 2500), 2500);
    assert_int_equal(send_small(&pair, bytes, 2500), 2500);
    assert_int_equal(receive_small(&pair, back + 2500, 500), 500);
    assert_memory_equal(bytes, back, sizeof back);
    assert_int_equal(receive_small(&pair, back, sizeof back), 2500);
    assert_memory_equal(bytes, back, 2500);
    unit_pair_close(&pair);
}

/* ---- what keeps it from doing anything ---- */

typedef struct obstacle {
    const char *name;
    void (*put)(unit_pair_t *pair);
    void (*remove)(unit_pair_t *pair);
} obstacle_t;

/* As whoever changes something leaves a half; nobody can while the lock is taken. */
static void let_somebody_take(half_t *half)
{
    if (load_acquire(&half->lock.taken))
        return;
    half_take(half);
    lock_release(&half->lock);
}

#define FLAG(function, place, on, off)                   \
    static void put_##function(unit_pair_t *pair)        \
    {                                                    \
        place = on;                                      \
    }                                                    \
    static void remove_##function(unit_pair_t *pair)     \
    {                                                    \
        place = off;                                     \
    }
#define WORD(function, word)                             \
    static void put_##function(unit_pair_t *pair)        \
    {                                                    \
        store_release(word, 1);                          \
    }                                                    \
    static void remove_##function(unit_pair_t *pair)     \
    {                                                    \
        store_release(word, 0);                          \
    }
/* As another thread leaves a half that it is in. */
#define TAKEN(function, half)                            \
    static void put_##function(unit_pair_t *pair)        \
    {                                                    \
        store_release(&(half).lock.taken, 1);            \
        atomic_store(&(half).bias.owner, 0);             \
    }                                                    \
    static void remove_##function(unit_pair_t *pair)     \
    {                                                    \
        store_release(&(half).lock.taken, 0);            \
    }
#define OBSTACLE(function) {#function, put_##function, remove_##function}

FLAG(kernel_carries_it, pair->end[0].tx.carrier, CARRIER_KERNEL, CARRIER_RING)
FLAG(another_send_is_under_way, pair->end[0].tx.busy, true, false)
FLAG(sending_is_shut, pair->end[0].tx.shut, true, false)
FLAG(parts_are_smaller, pair->end[0].tx.part, 10, 4096)
TAKEN(the_lock_is_taken, pair->end[0].tx)
WORD(the_socket_is_being_closed, &pair->end[0].closing)
WORD(the_receiver_has_a_wish, &pair->end[0].tx.flow->consumer)
WORD(the_receiver_is_dead, (word_t *)(uintptr_t)pair->end[0].link_death)

static void set_broken(stream_t *stream, bool broken)
{
    store_relaxed(&stream->broken, broken);
    atomic_store(&stream->open_for, broken ? 0 : stream->socket);
}

static void put_the_stream_is_broken(unit_pair_t *pair)
{
    set_broken(&pair->end[0], true);
}

static void remove_the_stream_is_broken(unit_pair_t *pair)
{
    set_broken(&pair->end[0], false);
}

static void put_another_ring_is_offered(unit_pair_t *pair)
{
    store_release(&pair->end[0].tx.flow->offer, pair->end[0].tx.ring.handle + 1);
}

static void remove_another_ring_is_offered(unit_pair_t *pair)
{
    store_release(&pair->end[0].tx.flow->offer, pair->end[0].tx.ring.handle);
}

static const obstacle_t in_the_senders_way[] = {
    OBSTACLE(kernel_carries_it),       OBSTACLE(another_send_is_under_way), OBSTACLE(sending_is_shut),
    OBSTACLE(parts_are_smaller),       OBSTACLE(the_lock_is_taken),         OBSTACLE(the_socket_is_being_closed),
    OBSTACLE(the_stream_is_broken),    OBSTACLE(the_receiver_has_a_wish),   OBSTACLE(the_receiver_is_dead),
    OBSTACLE(another_ring_is_offered),
};

static void what_is_in_a_senders_way_is_left_alone(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[LARGEST] = {1}, back[LARGEST];
    (void)state;
    open_in_rings(&pair);
    for (unsigned i = 0; i < SIZES * (sizeof in_the_senders_way / sizeof *in_the_senders_way); i++) {
        const obstacle_t *obstacle = &in_the_senders_way[i / SIZES];
        uint32_t size = sizes[i % SIZES], position = pair.end[0].tx.position;
        obstacle->put(&pair);
        let_somebody_take(&pair.end[0].tx);
        int sent = send_small(&pair, bytes, size);
        bool locked = load_acquire(&pair.end[0].tx.lock.taken);
        obstacle->remove(&pair);
        let_somebody_take(&pair.end[0].tx);
        if (sent || pair.end[0].tx.position != position || locked != (obstacle->put == put_the_lock_is_taken))
            fail_msg("%s, %u bytes", obstacle->name, size);
        assert_int_equal(receive_small(&pair, back, sizeof back), STREAM_AGAIN);
        assert_int_equal(send_small(&pair, bytes, size), size);
        assert_int_equal(receive_small(&pair, back, sizeof back), size);
    }
    for (unsigned i = 0; i < SIZES; i++)
        assert_int_equal(unit_send_small(&pair.end[0], pair.end[0].socket + 1, bytes, sizes[i]), 0);
    unit_pair_close(&pair);
}

static uint8_t aside;

FLAG(kernel_has_it, pair->end[1].rx.carrier, CARRIER_KERNEL, CARRIER_RING)
FLAG(it_is_leaving, pair->end[1].rx.busy, true, false)
FLAG(receiving_is_shut, pair->end[1].rx.shut, true, false)
FLAG(something_was_left, pair->end[1].rx.leftover, &aside, NULL)
FLAG(a_view_is_out, pair->end[1].rx.held.count, 5, 0)
FLAG(an_urgent_byte_waits, pair->end[1].rx.urgent.state, URGENT_WAITING, URGENT_NONE)
FLAG(an_urgent_byte_has_come, pair->end[1].rx.urgent.count, 1, 0)
FLAG(a_switch_lies_ahead, pair->end[1].rx.switches, 77, load_acquire(&pair->end[1].rx.flow->switches))
TAKEN(the_receivers_lock_is_taken, pair->end[1].rx)
WORD(the_receiver_is_being_closed, &pair->end[1].closing)

static void put_the_receiver_is_broken(unit_pair_t *pair)
{
    set_broken(&pair->end[1], true);
}

static void remove_the_receiver_is_broken(unit_pair_t *pair)
{
    set_broken(&pair->end[1], false);
}

static void put_the_tail_is_impossible(unit_pair_t *pair)
{
    store_release(&pair->end[1].rx.flow->tail, pair->end[1].rx.position + RING + 1);
}

static void remove_the_tail_is_impossible(unit_pair_t *pair)
{
    store_release(&pair->end[1].rx.flow->tail, pair->end[0].tx.position);
}

static const obstacle_t in_the_receivers_way[] = {
    OBSTACLE(kernel_has_it),           OBSTACLE(it_is_leaving),
    OBSTACLE(receiving_is_shut),       OBSTACLE(something_was_left),
    OBSTACLE(a_view_is_out),           OBSTACLE(an_urgent_byte_waits),
    OBSTACLE(an_urgent_byte_has_come), OBSTACLE(a_switch_lies_ahead),
    OBSTACLE(the_receivers_lock_is_taken), OBSTACLE(the_receiver_is_being_closed),
    OBSTACLE(the_receiver_is_broken),  OBSTACLE(the_tail_is_impossible),
};

static void what_is_in_a_receivers_way_is_left_alone(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[LARGEST] = {1}, back[LARGEST];
    (void)state;
    open_in_rings(&pair);
    for (unsigned i = 0; i < SIZES * (sizeof in_the_receivers_way / sizeof *in_the_receivers_way); i++) {
        const obstacle_t *obstacle = &in_the_receivers_way[i / SIZES];
        uint32_t size = sizes[i % SIZES], position = pair.end[1].rx.position;
        assert_int_equal(send_small(&pair, bytes, size), size);
        obstacle->put(&pair);
        let_somebody_take(&pair.end[1].rx);
        int got = receive_small(&pair, back, sizeof back);
        bool readable = stream_readable_small(&pair.end[1], pair.end[1].socket, false);
        bool locked = load_acquire(&pair.end[1].rx.lock.taken);
        obstacle->remove(&pair);
        let_somebody_take(&pair.end[1].rx);
        if (got || readable || pair.end[1].rx.position != position || locked != (obstacle->put == put_the_receivers_lock_is_taken))
            fail_msg("%s, %u bytes", obstacle->name, size);
        assert_int_equal(unit_receive_small(&pair.end[1], pair.end[1].socket + 1, back, sizeof back, false), 0);
        assert_int_equal(receive_small(&pair, back, sizeof back), size);
    }
    unit_pair_close(&pair);
}

/* ---- nothing is there, for certain ---- */

WORD(an_urgent_byte_was_announced, &pair->end[0].tx.flow->urgents)
FLAG(kernel_carries, pair->end[1].rx.carrier, CARRIER_KERNEL, CARRIER_RING)
WORD(the_sender_is_dead, (word_t *)(uintptr_t)pair->end[1].link_death)
FLAG(a_switch_was_published, pair->end[1].rx.switches, 77, load_acquire(&pair->end[1].rx.flow->switches))

static void put_the_end_has_come(unit_pair_t *pair)
{
    store_release(&pair->end[0].tx.flow->state, FLOW_ANNOUNCING | FLOW_FIN);
}

static void remove_the_end_has_come(unit_pair_t *pair)
{
    store_release(&pair->end[0].tx.flow->state, FLOW_ANNOUNCING);
}

static void put_a_larger_ring_is_wanted(unit_pair_t *pair)
{
    store_release(&pair->end[0].tx.flow->wanted, 2 * RING);
}

static void remove_a_larger_ring_is_wanted(unit_pair_t *pair)
{
    store_release(&pair->end[0].tx.flow->wanted, 0);
}

static const obstacle_t against_silence[] = {
    OBSTACLE(it_is_leaving),          OBSTACLE(receiving_is_shut),     OBSTACLE(something_was_left),
    OBSTACLE(a_view_is_out),          OBSTACLE(an_urgent_byte_waits),  OBSTACLE(the_receivers_lock_is_taken),
    OBSTACLE(the_receiver_is_broken), OBSTACLE(kernel_carries),        OBSTACLE(the_receiver_is_being_closed),
    OBSTACLE(an_urgent_byte_was_announced),     OBSTACLE(a_switch_was_published), OBSTACLE(the_sender_is_dead),
    OBSTACLE(the_end_has_come),       OBSTACLE(a_larger_ring_is_wanted),
};

static void nothing_is_told_at_once_only_where_nothing_else_is_the_matter(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    open_in_rings(&pair);
    for (unsigned i = 0; i < sizeof against_silence / sizeof *against_silence; i++) {
        against_silence[i].put(&pair);
        let_somebody_take(&pair.end[1].rx);
        int got = receive_small(&pair, &byte, 1);
        against_silence[i].remove(&pair);
        let_somebody_take(&pair.end[1].rx);
        if (got)
            fail_msg("%s", against_silence[i].name);
        assert_int_equal(receive_small(&pair, &byte, 1), STREAM_AGAIN);
        assert_false(stream_readable_small(&pair.end[1], pair.end[1].socket, true));
    }
    assert_int_equal(send_small(&pair, "x", 1), 1);
    assert_true(stream_readable_small(&pair.end[1], pair.end[1].socket, false));
    assert_int_equal(receive_small(&pair, &byte, 1), 1);
    unit_pair_close(&pair);
}

/* What a select learns of a member, with the half and without it. */
static const struct {
    obstacle_t obstacle;
    int readable;
} members[] = {
    {OBSTACLE(the_end_has_come), 1},        {OBSTACLE(the_receiver_is_broken), 1},
    {OBSTACLE(something_was_left), 1},      {OBSTACLE(the_receiver_is_being_closed), 1},
    {OBSTACLE(a_larger_ring_is_wanted), 0}, {OBSTACLE(receiving_is_shut), 0},
    {OBSTACLE(it_is_leaving), 0},
};

static void a_member_of_a_set_is_told_from_one_that_something_else_is_the_matter_with(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    open_in_rings(&pair);
    stream_t *stream = &pair.end[1];
    for (unsigned i = 0; i < 2 * sizeof members / sizeof *members; i++) {
        const obstacle_t *obstacle = &members[i / 2].obstacle;
        if (i % 2)
            let_somebody_take(&stream->rx);
        else
            assert_int_equal(stream_readable(stream, stream->socket), 0);
        obstacle->put(&pair);
        if (!(i % 2)) /* as a half_take() would, with which this side's reasons come */
            stream->rx.plain = false;
        int readable = stream_readable(stream, stream->socket);
        obstacle->remove(&pair);
        if (readable != members[i / 2].readable)
            fail_msg("%s: %d", obstacle->name, readable);
        let_somebody_take(&stream->rx);
    }
    assert_int_equal(stream_readable(stream, stream->socket), 0);
    assert_int_equal(send_small(&pair, "xy", 2), 2);
    assert_int_equal(stream_readable(stream, stream->socket), 1);
    assert_int_equal(receive_small(&pair, &byte, 1), 1);
    assert_int_equal(stream->rx.clear, 1);
    assert_int_equal(stream_readable(stream, stream->socket), 1);
    assert_int_equal(stream->rx.clear, 1); /* who asks takes no way away */
    assert_int_equal(receive_small(&pair, &byte, 1), 1);
    assert_int_equal(stream_readable(stream, stream->socket), 0);
    assert_true(stream->rx.plain);
    unit_pair_close(&pair);
}

static void a_message_that_has_no_room_is_not_begun(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[LARGEST] = {0}, back[RING_SMALL];
    (void)state;
    open_in_rings(&pair);
    uint32_t sent = 0;
    while (send_small(&pair, bytes, 1500))
        sent += 1500;
    assert_int_equal(sent, RING / 1500 * 1500);
    assert_int_equal(send_small(&pair, bytes, RING - sent), RING - sent);
    assert_int_equal(send_small(&pair, bytes, 1), 0);
    assert_int_equal(receive_small(&pair, back, 1500), 1500);
    assert_int_equal(send_small(&pair, bytes, 1501), 0);
    assert_int_equal(send_small(&pair, bytes, RING_SMALL + 1), 0);
    assert_int_equal(send_small(&pair, bytes, 1500), 1500);
    unit_pair_close(&pair);
}

/* ---- exchanges ---- */

enum { EXCHANGES = 20000, LONGEST = 700 };

static int await_small(stream_t *stream, void *bytes, uint32_t count)
{
    int got;
    while ((got = unit_receive_small(stream, stream->socket, bytes, count, true)) == 0)
        os_yield(0);
    return got;
}

static void *answer_all(void *argument)
{
    stream_t *stream = argument;
    uint8_t bytes[LONGEST];
    for (int i = 0; i < EXCHANGES; i++) {
        int got = await_small(stream, bytes, sizeof bytes);
        unit_check(got > 0 && unit_send_small(stream, stream->socket, bytes, (uint32_t)got) == got);
    }
    return NULL;
}

static void answers_come_back_whole_whoever_waits_how_long(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[LONGEST], back[LONGEST + 1];
    uint32_t random = 1;
    uint64_t offset = 0;
    (void)state;
    open_in_rings(&pair);
    pthread_t answerer = unit_thread(answer_all, &pair.end[1]);
    for (int i = 0; i < EXCHANGES; i++) {
        uint32_t count = 1 + unit_random(&random, unit_random(&random, 4) ? 64 : LONGEST);
        unit_fill(bytes, 3, offset, count);
        assert_int_equal(send_small(&pair, bytes, count), count);
        assert_int_equal(await_small(&pair.end[0], back, sizeof back), count);
        assert_memory_equal(bytes, back, count);
        offset += count;
    }
    unit_join(answerer);
    unit_pair_close(&pair);
}

/* A half that a thread is still in could never be taken away from it. */
static void a_receiver_that_nothing_comes_for_is_out_of_the_half(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[64] = {1};
    (void)state;
    open_in_rings(&pair);
    stream_t *stream = &pair.end[1];
    for (int i = 0; i < 4; i++) { /* then the half is this thread's */
        assert_int_equal(send_small(&pair, bytes, sizeof bytes), sizeof bytes);
        assert_int_equal(receive_small(&pair, bytes, sizeof bytes), sizeof bytes);
    }
    assert_true(bias__is_of(&stream->rx.bias, wait_own()));
    assert_int_equal(unit_receive_small(stream, stream->socket, bytes, 1, true), 0);
    assert_int_equal(atomic_load(&wait_own()->inside), 0);
    stream->rx.shown = 1; /* as whoever has slept leaves it: others look after that */
    assert_int_equal(unit_receive_small(stream, stream->socket, bytes, 1, true), 0);
    assert_int_equal(atomic_load(&wait_own()->inside), 0);
    stream->rx.shown = 0;
    assert_int_equal(send_small(&pair, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(unit_receive_small(stream, stream->socket, bytes, sizeof bytes, true), sizeof bytes);
    assert_int_equal(atomic_load(&wait_own()->inside), 0);
    unit_pair_close(&pair);
}

/* ---- clear stretches ---- */

/* Three bytes are sent, and one is received; both halves are clear after that. */
static void open_clear(unit_pair_t *pair)
{
    uint8_t byte;
    open_in_rings(pair);
    assert_int_equal(send_small(pair, "abc", 3), 3);
    assert_int_equal(receive_small(pair, &byte, 1), 1);
}

static void messages_use_a_stretch_up(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[RING_SMALL] = {0};
    (void)state;
    open_clear(&pair);
    uint32_t clear = pair.end[0].tx.clear;
    assert_int_equal(pair.end[1].rx.clear, 2);
    assert_int_equal(send_small(&pair, bytes, 500), 500);
    assert_int_equal(pair.end[0].tx.clear, clear - 500);
    assert_int_equal(receive_small(&pair, bytes, 2), 2);
    assert_int_equal(pair.end[1].rx.clear, 0);
    assert_int_equal(receive_small(&pair, bytes, 100), 100); /* looks again */
    assert_int_equal(pair.end[1].rx.clear, 400);
    unit_pair_close(&pair);
}

/* The bytes lie at the beginning of the ring again, where the receiver has not made room yet. */
static void a_stretch_ends_where_the_ring_does(void **state)
{
    unit_pair_t pair;
    uint8_t bytes[RING_SMALL] = {0};
    (void)state;
    open_in_rings(&pair);
    for (uint32_t left = RING - pair.end[0].tx.position % RING - 512, part; left; left -= part) {
        part = left < 512 ? left : 512;
        assert_int_equal(send_small(&pair, bytes, part), part);
        assert_int_equal(receive_small(&pair, bytes, part), part);
    }
    let_somebody_take(&pair.end[0].tx);
    assert_int_equal(send_small(&pair, bytes, 12), 12);
    assert_in_range(pair.end[0].tx.clear, 1, 500);
    assert_int_equal(send_small(&pair, bytes, 501), 501);
    assert_int_equal(receive_small(&pair, bytes, 1), 1);
    assert_int_equal(pair.end[1].rx.clear, 511);
    assert_int_equal(receive_small(&pair, bytes, 512), 512);
    unit_pair_close(&pair);
}

static void look_at_send(stream_t *stream)
{
    assert_int_equal(stream_writable(stream, stream->socket), 1);
}

static void shut_sending(stream_t *stream)
{
    stream_shut_sending(stream, stream->socket);
}

static void reserve(stream_t *stream)
{
    view_t view;
    const transfer_t request = {.socket = stream->socket, .count = 10, .deadline = STREAM_NEVER};
    assert_int_equal(stream_reserve(stream, &request, &view), 10);
}

static void kick(stream_t *stream)
{
    stream_kick(stream);
}

static void whatever_a_sender_does_besides_ends_its_stretch(void **state)
{
    void (*const deeds[])(stream_t *) = {look_at_send, kick, reserve, shut_sending};
    (void)state;
    for (unsigned i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        unit_pair_t pair;
        open_clear(&pair);
        deeds[i](&pair.end[0]);
        assert_int_equal(pair.end[0].tx.clear, 0);
        assert_false(pair.end[0].tx.plain);
        assert_int_equal(send_small(&pair, "d", 1), i < 2);
        unit_pair_close(&pair);
    }
}

static void look_at_receive(stream_t *stream)
{
    assert_int_equal(stream_pending(stream, stream->socket), 2);
}

static void borrow(stream_t *stream)
{
    view_t view;
    const transfer_t request = {.socket = stream->socket, .count = 1, .deadline = STREAM_NEVER};
    assert_int_equal(stream_borrow(stream, &request, &view), 1);
}

static void shut_receiving(stream_t *stream)
{
    stream_shut_receiving(stream, stream->socket);
}

static void whatever_a_receiver_does_besides_ends_its_stretch(void **state)
{
    void (*const deeds[])(stream_t *) = {look_at_receive, kick, borrow, shut_receiving};
    (void)state;
    for (unsigned i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        unit_pair_t pair;
        uint8_t byte;
        open_clear(&pair);
        deeds[i](&pair.end[1]);
        assert_int_equal(pair.end[1].rx.clear, 0);
        assert_false(pair.end[1].rx.plain);
        assert_int_equal(receive_small(&pair, &byte, 1), i < 2);
        unit_pair_close(&pair);
    }
}

/* What takes no lock of the half, or comes from the other side, is looked at within a stretch too. */
static void a_stretch_is_no_way_around_a_break_a_close_or_another_socket(void **state)
{
    unit_pair_t pair;
    uint8_t byte;
    (void)state;
    open_clear(&pair);
    assert_int_equal(unit_send_small(&pair.end[0], pair.end[0].socket + 1, "d", 1), 0);
    assert_int_equal(unit_receive_small(&pair.end[1], pair.end[1].socket + 1, &byte, 1, false), 0);
    assert_int_equal(send_small(&pair, "d", 1), 1);
    stream__give_up(&pair.end[0], "tried by a test");
    stream__give_up(&pair.end[1], "tried by a test");
    assert_int_not_equal(pair.end[0].tx.clear, 0);
    assert_int_not_equal(pair.end[1].rx.clear, 0);
    assert_int_equal(send_small(&pair, "d", 1), 0);
    assert_int_equal(receive_small(&pair, &byte, 1), 0);
    unit_pair_close(&pair);

    open_clear(&pair);
    stream_close(&pair.end[1], false);
    assert_int_not_equal(pair.end[0].tx.clear, 0);
    assert_int_equal(send_small(&pair, "d", 1), 0);
    unit_pair_close(&pair);
}

/* ---- several threads at one end ---- */

#define SENDERS 2
#define NUMBERS 40000u

typedef struct talker {
    stream_t *stream;
    uint32_t id;
} talker_t;

static void *send_numbers(void *argument)
{
    talker_t *talker = argument;
    stream_t *stream = talker->stream;
    for (uint32_t i = 0; i < NUMBERS; i++) {
        uint32_t number = i * SENDERS + talker->id;
        if (unit_send_small(stream, stream->socket, &number, sizeof number) == 0) {
            transfer_t transfer = {.socket = stream->socket, .bytes = (uint8_t *)&number, .count = sizeof number,
                                   .blocking = true, .deadline = STREAM_NEVER};
            unit_check(stream_send(stream, &transfer) == sizeof number);
        }
        if (i % 1024 == 0)
            os_yield(0); /* or each would send all at once */
    }
    return NULL;
}

static word_t all_is_sent;

/* What takes the lock for something else, and so the half from who has it. */
static void *disturb(void *argument)
{
    unit_pair_t *pair = argument;
    while (!load_acquire(&all_is_sent)) {
        stream_writable(&pair->end[0], pair->end[0].socket); /* whatever it says */
        stream_count_loan(&pair->end[1].rx, 1);
        os_yield(1000);
    }
    return NULL;
}

static uint32_t receive_number(stream_t *stream)
{
    uint32_t number;
    uint8_t *at = (uint8_t *)&number;
    for (uint32_t got = 0, part; got < sizeof number; got += part) {
        int moved = unit_receive_small(stream, stream->socket, at + got, sizeof number - got, true);
        if (moved == 0)
            moved = unit_receive(stream, at + got, sizeof number - got, true);
        assert_true(moved > 0);
        part = (uint32_t)moved;
    }
    return number;
}

static void threads_of_one_end_do_not_disturb_each_other(void **state)
{
    unit_pair_t pair;
    talker_t talker[SENDERS];
    pthread_t thread[SENDERS], disturber;
    uint32_t next[SENDERS] = {0};
    (void)state;
    open_in_rings(&pair);
    store_release(&all_is_sent, 0);
    for (uint32_t i = 0; i < SENDERS; i++) {
        talker[i] = (talker_t){&pair.end[0], i};
        thread[i] = unit_thread(send_numbers, &talker[i]);
    }
    disturber = unit_thread(disturb, &pair);
    for (uint32_t i = 0; i < SENDERS * NUMBERS; i++) {
        uint32_t number = receive_number(&pair.end[1]);
        assert_int_equal(number / SENDERS, next[number % SENDERS]++);
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        unit_join(thread[i]);
    store_release(&all_is_sent, 1);
    unit_join(disturber);
    unit_pair_close(&pair);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_every_size_arrive_wherever_the_ring_wraps),
        cmocka_unit_test(several_messages_are_received_in_pieces),
        cmocka_unit_test(what_is_in_a_senders_way_is_left_alone),
        cmocka_unit_test(what_is_in_a_receivers_way_is_left_alone),
        cmocka_unit_test(nothing_is_told_at_once_only_where_nothing_else_is_the_matter),
        cmocka_unit_test(a_member_of_a_set_is_told_from_one_that_something_else_is_the_matter_with),
        cmocka_unit_test(a_message_that_has_no_room_is_not_begun),
        cmocka_unit_test(answers_come_back_whole_whoever_waits_how_long),
        cmocka_unit_test(a_receiver_that_nothing_comes_for_is_out_of_the_half),
        cmocka_unit_test(messages_use_a_stretch_up),
        cmocka_unit_test(a_stretch_ends_where_the_ring_does),
        cmocka_unit_test(whatever_a_sender_does_besides_ends_its_stretch),
        cmocka_unit_test(whatever_a_receiver_does_besides_ends_its_stretch),
        cmocka_unit_test(threads_of_one_end_do_not_disturb_each_other),
        cmocka_unit_test(a_stretch_is_no_way_around_a_break_a_close_or_another_socket),
    };
    return unit_main(argc, argv, tests);
}
