/* Urgent data: scripts of calls on one connection, with the answers that the builtin gives.
 * Each runs on a fresh connection and on one that has carried bytes both ways, which ours has made user-level. */
#include "wire.h"

typedef enum deed {
    SEND,    /* text */
    URGENT,  /* text; its last byte is urgent */
    RECV,    /* `number`: room; text: what comes, or `code` */
    PEEK,
    ALL,     /* MSG_WAITALL on a blocking socket */
    TAKE,    /* the urgent byte aside */
    GLANCE,  /* the same with MSG_PEEK */
    UNREAD,  /* FIONREAD says `number` */
    MARK,    /* SIOCATMARK says `number` */
    READY,   /* text: which of the sets r and x */
    IN_LINE, /* `number` */
    SHUT     /* `number`: how, by the sender */
} deed_t;

typedef struct step {
    deed_t deed;
    const char *text;
    int number;
    int code;
} step_t;

typedef struct connection {
    SOCKET from, to;
} connection_t;

static void check_sent(SOCKET s, const char *text, int flags)
{
    CHECK_IS(strlen(text), send(s, text, (int)strlen(text), flags));
}

static void check_came(SOCKET s, const step_t *step, int flags)
{
    char text[16] = "";
    CHECK(step->number < (int)sizeof text);
    if (step->code) {
        CHECK_FAILS(step->code, recv(s, text, step->number, flags));
        return;
    }
    CHECK_IS(strlen(step->text), recv(s, text, step->number, flags));
    CHECK(memcmp(text, step->text, strlen(step->text)) == 0);
}

static void check_answer(SOCKET s, long command, int expected)
{
    u_long answer = 99;
    CHECK_IS(0, ioctlsocket(s, command, &answer));
    CHECK_IS(expected, answer);
}

/* What should be ready may take a moment; what should not is asked for afterwards. */
static void check_ready(SOCKET s, const char *sets)
{
    for (const char *set = "rx"; *set; set++) {
        if (strchr(sets, *set))
            CHECK(is_ready(s, *set, 5000));
    }
    for (const char *set = "rx"; *set; set++)
        CHECK_IS(strchr(sets, *set) != NULL, is_ready(s, *set, 0));
}

static void run_step(const connection_t *c, const step_t *step)
{
    switch (step->deed) {
    case SEND: check_sent(c->from, step->text, 0); break;
    case URGENT: check_sent(c->from, step->text, MSG_OOB); break;
    case RECV: check_came(c->to, step, 0); break;
    case PEEK: check_came(c->to, step, MSG_PEEK); break;
    case ALL:
        set_nonblocking(c->to, false);
        check_came(c->to, step, 8);
        set_nonblocking(c->to, true);
        break;
    case TAKE: check_came(c->to, step, MSG_OOB); break;
    case GLANCE: check_came(c->to, step, MSG_OOB | MSG_PEEK); break;
    case UNREAD: check_answer(c->to, FIONREAD, step->number); break;
    case MARK: check_answer(c->to, SIOCATMARK, step->number); break;
    case READY: check_ready(c->to, step->text); break;
    case IN_LINE:
        CHECK_IS(0, setsockopt(c->to, SOL_SOCKET, SO_OOBINLINE, (const char *)&step->number, sizeof step->number));
        break;
    case SHUT: CHECK_IS(0, shutdown(c->from, step->number)); break;
    }
}

static void run_script(const step_t *steps, size_t count)
{
    for (int warm = 0; warm < 2; warm++) {
        connection_t c;
        tcp_pair(&c.from, &c.to);
        send_promptly(c.from);
        if (warm)
            exchange(c.from, c.to);
        set_nonblocking(c.to, true);
        for (size_t i = 0; i < count; i++)
            run_step(&c, &steps[i]);
        close_both(c.from, c.to);
    }
}

#define WITH(deed, text) {deed, text, 0, 0}
#define SAYS(deed, number) {deed, "", number, 0}
#define COMES(deed, text, room) {deed, text, room, 0}
#define FAILS(deed, room, code) {deed, "", room, code}
#define SCRIPT(name, ...) \
    static void name(void **state) \
    { \
        static const step_t steps[] = {__VA_ARGS__}; \
        (void)state; \
        run_script(steps, ARRAY_SIZE(steps)); \
    }

SCRIPT(a_receive_stops_at_the_mark,
    WITH(SEND, "ab"), WITH(URGENT, "!"), WITH(SEND, "cd"), WITH(READY, "rx"), SAYS(UNREAD, 2), SAYS(MARK, 1),
    COMES(PEEK, "ab", 10), COMES(RECV, "ab", 10), SAYS(UNREAD, 0), SAYS(MARK, 0), WITH(READY, "rx"),
    COMES(PEEK, "cd", 10), COMES(GLANCE, "!", 10), COMES(TAKE, "!", 10), WITH(READY, "r"), COMES(RECV, "cd", 10),
    WITH(READY, ""), SAYS(MARK, 1), FAILS(TAKE, 10, WSAEWOULDBLOCK))

SCRIPT(a_receive_past_the_mark_loses_the_byte,
    WITH(SEND, "ab"), WITH(URGENT, "!"), WITH(SEND, "cd"), WITH(READY, "rx"), COMES(RECV, "a", 1), SAYS(UNREAD, 1),
    COMES(RECV, "b", 10), COMES(RECV, "c", 1), SAYS(UNREAD, 1), WITH(READY, "r"), FAILS(TAKE, 10, WSAEWOULDBLOCK),
    COMES(RECV, "d", 10))

SCRIPT(a_later_urgent_byte_makes_an_earlier_one_ordinary,
    WITH(SEND, "a"), WITH(URGENT, "1"), WITH(SEND, "b"), WITH(URGENT, "2"), WITH(SEND, "c"), WITH(READY, "rx"),
    SAYS(UNREAD, 3), COMES(RECV, "a1b", 10), SAYS(MARK, 0), COMES(TAKE, "2", 1), COMES(RECV, "c", 10),
    WITH(READY, ""))

SCRIPT(a_taken_byte_stays_in_the_stream_if_another_follows,
    WITH(SEND, "a"), WITH(URGENT, "1"), WITH(READY, "rx"), COMES(TAKE, "1", 1), WITH(SEND, "b"), WITH(URGENT, "2"),
    WITH(SEND, "c"), WITH(READY, "rx"), COMES(RECV, "a1b", 10), COMES(TAKE, "2", 1), COMES(RECV, "c", 10),
    WITH(READY, ""))

SCRIPT(two_in_a_row_leave_the_last,
    WITH(URGENT, "1"), WITH(READY, "x"), SAYS(UNREAD, 0), SAYS(MARK, 0), WITH(URGENT, "2"), WITH(READY, "x"),
    COMES(TAKE, "2", 1), FAILS(RECV, 10, WSAEWOULDBLOCK), SAYS(MARK, 1))

SCRIPT(alone_it_is_not_readable,
    WITH(URGENT, "!"), WITH(READY, "x"), FAILS(RECV, 10, WSAEWOULDBLOCK), FAILS(TAKE, 10, WSAEWOULDBLOCK),
    WITH(READY, ""), WITH(SEND, "c"), WITH(READY, "r"), COMES(RECV, "c", 10))

SCRIPT(only_the_last_byte_of_a_send_is_urgent,
    WITH(URGENT, "xyz"), WITH(READY, "rx"), SAYS(UNREAD, 2), COMES(RECV, "xy", 10), COMES(TAKE, "z", 10),
    WITH(READY, ""))

SCRIPT(no_room_loses_it,
    WITH(URGENT, "!"), WITH(SEND, "cd"), WITH(READY, "rx"), COMES(RECV, "", 0), FAILS(TAKE, 0, WSAEMSGSIZE),
    FAILS(GLANCE, 1, WSAEWOULDBLOCK), COMES(RECV, "cd", 10))

SCRIPT(in_line_it_has_its_place,
    SAYS(IN_LINE, 1), WITH(SEND, "ab"), WITH(URGENT, "!"), WITH(SEND, "cd"), WITH(READY, "r"), SAYS(UNREAD, 5),
    SAYS(MARK, 1), FAILS(TAKE, 10, WSAEINVAL), COMES(PEEK, "ab", 10), COMES(RECV, "ab", 10), SAYS(UNREAD, 3),
    COMES(RECV, "!cd", 10), WITH(READY, ""))

SCRIPT(in_line_from_then_on,
    WITH(SEND, "ab"), WITH(URGENT, "!"), WITH(SEND, "cd"), WITH(READY, "rx"), SAYS(IN_LINE, 1), WITH(READY, "r"),
    SAYS(UNREAD, 5), COMES(RECV, "ab", 10), COMES(RECV, "!cd", 10), WITH(READY, ""))

SCRIPT(aside_from_then_on,
    SAYS(IN_LINE, 1), WITH(SEND, "ab"), WITH(URGENT, "!"), WITH(SEND, "cd"), WITH(READY, "r"), SAYS(IN_LINE, 0),
    WITH(READY, "rx"), SAYS(UNREAD, 2), COMES(TAKE, "!", 10), COMES(RECV, "ab", 10), COMES(RECV, "cd", 10))

SCRIPT(waiting_for_all_ends_at_the_mark,
    WITH(SEND, "ab"), WITH(URGENT, "!"), WITH(SEND, "cd"), WITH(READY, "rx"), COMES(ALL, "ab", 4), SAYS(MARK, 0),
    COMES(ALL, "cd", 2), WITH(READY, ""))

SCRIPT(the_end_of_the_stream_comes_behind_the_mark,
    WITH(SEND, "a"), WITH(URGENT, "!"), SAYS(SHUT, 1), WITH(READY, "rx"), COMES(RECV, "a", 10),
    COMES(GLANCE, "!", 1), COMES(RECV, "", 10), FAILS(TAKE, 1, WSAEWOULDBLOCK), WITH(READY, "r"))

SCRIPT(data_after_a_taken_byte_makes_it_readable,
    WITH(SEND, "a"), WITH(URGENT, "1"), WITH(READY, "rx"), COMES(RECV, "a", 10), COMES(TAKE, "1", 1),
    WITH(READY, ""), SAYS(MARK, 0), WITH(SEND, "b"), WITH(READY, "r"), SAYS(MARK, 0), COMES(RECV, "b", 10),
    SAYS(MARK, 1))

/* ---- between processes ---- */

enum { ROUNDS = 200, PIECE = 3000 };

static void sender(int argc, char **argv)
{
    SOCKET s = link_in_peer(argv);
    flow_t flow = flow_start(7);
    (void)argc;
    for (int round = 0; round < ROUNDS; round++) {
        char mark = (char)round;
        flow_send(s, &flow, PIECE, PIECE);
        CHECK_IS(1, send(s, &mark, 1, MSG_OOB));
        recv_all(s, &mark, 1);
    }
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

/* A select sleeps for the urgent byte although ordinary bytes are there. */
static void marks_wake_a_select_in_another_process(void **state)
{
    peer_t peer;
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "sender", "x");
    flow_t flow = flow_start(7);
    for (int round = 0; round < ROUNDS; round++) {
        char mark = 0;
        CHECK(is_ready(s, 'x', 20000));
        CHECK_IS(1, recv(s, &mark, 1, MSG_OOB));
        CHECK_IS((char)round, mark);
        flow_recv(s, &flow, PIECE, PIECE);
        send_all(s, &mark, 1);
    }
    CHECK_IS(0, shutdown(s, 1));
    expect_end(s);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

/* ---- a select that sleeps while its stream becomes user-level ---- */

typedef struct waiting {
    SOCKET s;
    volatile LONG about_to;
    bool came;
} waiting_t;

static void wait_for_urgent(void *argument)
{
    waiting_t *waiting = argument;
    InterlockedExchange(&waiting->about_to, 1);
    waiting->came = is_ready(waiting->s, 'x', 5000);
}

/* Nothing tells when the thread is inside, so this is done often enough. */
static void a_sleeping_select_sees_the_first_urgent_byte(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        connection_t c;
        worker_t worker;
        waiting_t waiting = {0};
        tcp_pair(&c.to, &c.from);
        send_all(c.to, "a", 1); /* one end knows of the other, which has not done anything yet */
        waiting.s = c.to;
        worker_start(&worker, wait_for_urgent, &waiting);
        while (!waiting.about_to)
            Sleep(0);
        for (int turn = 0; turn < 30 * round; turn++)
            Sleep(0);
        CHECK_IS(1, send(c.from, "!", 1, MSG_OOB));
        worker_join(&worker);
        CHECK(waiting.came);
        char byte = 0;
        CHECK_IS(1, recv(c.to, &byte, 1, MSG_OOB));
        CHECK_IS('!', byte);
        recv_all(c.from, &byte, 1);
        close_both(c.from, c.to);
    }
}

static const role_t roles[] = {{"sender", sender}};

static const struct CMUnitTest tests[] = {
    CASE(a_receive_stops_at_the_mark),
    CASE(a_receive_past_the_mark_loses_the_byte),
    CASE(a_later_urgent_byte_makes_an_earlier_one_ordinary),
    CASE(a_taken_byte_stays_in_the_stream_if_another_follows),
    CASE(two_in_a_row_leave_the_last),
    CASE(alone_it_is_not_readable),
    CASE(only_the_last_byte_of_a_send_is_urgent),
    CASE(no_room_loses_it),
    CASE(in_line_it_has_its_place),
    CASE(in_line_from_then_on),
    CASE(aside_from_then_on),
    CASE(waiting_for_all_ends_at_the_mark),
    CASE(the_end_of_the_stream_comes_behind_the_mark),
    CASE(data_after_a_taken_byte_makes_it_readable),
    CASE(marks_wake_a_select_in_another_process),
    CASE(a_sleeping_select_sees_the_first_urgent_byte),
};

HARNESS_MAIN(roles, tests)
