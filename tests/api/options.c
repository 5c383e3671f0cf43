/* options: what the calls that ask say of a stream in every state, and every option with every length.  The tables hold
 * what the builtin gives. */
#include "wire.h"

enum { BULK = 300000, LARGEST = 65536 };

/* ---- states ---- */

typedef struct ends {
    SOCKET s, t; /* `s` is asked; t: 0 if closed */
} ends_t;

/* Used, so that it is what it will be. */
static void make_connected(ends_t *e)
{
    char byte;
    tcp_pair(&e->s, &e->t);
    for (int i = 0; i < 3; i++) {
        send_all(e->s, "x", 1);
        recv_all(e->t, &byte, 1);
        send_all(e->t, "y", 1);
        recv_all(e->s, &byte, 1);
    }
}

static void close_other(ends_t *e)
{
    CHECK_IS(0, closesocket(e->t));
    e->t = 0;
}

static void await_gone(SOCKET s)
{
    struct sockaddr_in name;
    int length = sizeof name;
    while (getpeername(s, (struct sockaddr *)&name, &length) == 0)
        Sleep(1);
}

static void make_fresh(ends_t *e) { *e = (ends_t){ tcp_socket(), 0 }; }

static void make_bound(ends_t *e)
{
    struct sockaddr_in address = loopback(0);
    make_fresh(e);
    CHECK_IS(0, bind(e->s, (struct sockaddr *)&address, sizeof address));
}

static void make_listening(ends_t *e)
{
    make_bound(e);
    CHECK_IS(0, listen(e->s, 1));
}

static void make_refused(ends_t *e)
{
    struct sockaddr_in address = loopback(1);
    make_fresh(e);
    CHECK_FAILS(WSAECONNREFUSED, connect(e->s, (struct sockaddr *)&address, sizeof address));
}

static SOCKET connect_at_once(unsigned short port)
{
    struct sockaddr_in address = loopback(port);
    SOCKET s = tcp_socket();
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, connect(s, (struct sockaddr *)&address, sizeof address));
    return s;
}

/* A listener that nobody accepts from lets the connections that are too many wait. */
static unsigned short full_listener(void)
{
    static unsigned short port;
    if (port)
        return port;
    struct sockaddr_in address = loopback(0);
    SOCKET listener = tcp_socket();
    CHECK_IS(0, bind(listener, (struct sockaddr *)&address, sizeof address));
    CHECK_IS(0, listen(listener, 1));
    port = local_port(listener);
    while (is_ready(connect_at_once(port), 'w', 1000))
        harness_mark(__FILE__, __LINE__);
    return port;
}

static void make_connecting(ends_t *e) { *e = (ends_t){ connect_at_once(full_listener()), 0 }; }

static void make_own_shut(ends_t *e, int how)
{
    make_connected(e);
    CHECK_IS(0, shutdown(e->s, how));
    if (how != 0)
        CHECK(is_ready(e->t, 'r', 10000));
}

static void make_own_shut_0(ends_t *e) { make_own_shut(e, 0); }
static void make_own_shut_1(ends_t *e) { make_own_shut(e, 1); }
static void make_own_shut_2(ends_t *e) { make_own_shut(e, 2); }

static void make_other_shut_0(ends_t *e)
{
    make_connected(e);
    CHECK_IS(0, shutdown(e->t, 0));
}

static void make_other_shut_1(ends_t *e)
{
    make_connected(e);
    CHECK_IS(0, shutdown(e->t, 1));
    CHECK(is_ready(e->s, 'r', 10000));
}

static void make_both_shut_1(ends_t *e)
{
    make_own_shut_1(e);
    CHECK_IS(0, shutdown(e->t, 1));
    await_gone(e->s);
}

static void make_other_then_own_shut_1(ends_t *e)
{
    make_other_shut_1(e);
    CHECK_IS(0, shutdown(e->s, 1));
    await_gone(e->s);
}

static void make_both_shut_2(ends_t *e)
{
    make_own_shut_2(e);
    CHECK_IS(0, shutdown(e->t, 2));
    await_gone(e->s);
}

static void make_other_closed(ends_t *e)
{
    make_connected(e);
    close_other(e);
    CHECK(is_ready(e->s, 'r', 10000));
}

static void make_end_seen(ends_t *e)
{
    make_other_closed(e);
    expect_end(e->s);
}

static void make_closed_then_shut_1(ends_t *e)
{
    make_other_closed(e);
    CHECK_IS(0, shutdown(e->s, 1));
    await_gone(e->s);
}

static void make_shut_1_then_closed(ends_t *e)
{
    make_own_shut_1(e);
    close_other(e);
    await_gone(e->s);
}

static void make_sent_after_close(ends_t *e)
{
    make_other_closed(e);
    CHECK_IS(1, send(e->s, "x", 1, 0));
    await_gone(e->s);
}

static void make_with_data(ends_t *e)
{
    make_connected(e);
    send_all(e->t, "hello", 5);
    CHECK(is_ready(e->s, 'r', 10000));
}

static void make_data_own_shut_0(ends_t *e)
{
    make_with_data(e);
    CHECK_IS(0, shutdown(e->s, 0));
}

static void make_closed_with_unread(ends_t *e)
{
    make_connected(e);
    send_all(e->s, "xx", 2);
    CHECK(is_ready(e->t, 'r', 10000));
    close_other(e);
    await_gone(e->s);
}

static void close_hard(ends_t *e)
{
    struct linger hard = { 1, 0 };
    CHECK_IS(0, setsockopt(e->t, SOL_SOCKET, SO_LINGER, (char *)&hard, sizeof hard));
    close_other(e);
    await_gone(e->s);
}

static void make_reset(ends_t *e)
{
    make_connected(e);
    close_hard(e);
}

static void make_reset_sent(ends_t *e)
{
    make_reset(e);
    CHECK_FAILS(WSAECONNRESET, send(e->s, "x", 1, 0));
}

static void make_reset_with_data(ends_t *e)
{
    make_with_data(e);
    close_hard(e);
}

/* ---- questions ---- */

/* Codes are written without their 10000, and negative. */
static int outcome(int result) { return result == SOCKET_ERROR ? 10000 - WSAGetLastError() : result; }

static int ask_own_name(SOCKET s)
{
    struct sockaddr_in name;
    int length = sizeof name;
    return outcome(getsockname(s, (struct sockaddr *)&name, &length));
}

static int ask_name(SOCKET s)
{
    struct sockaddr_in name;
    int length = sizeof name;
    return outcome(getpeername(s, (struct sockaddr *)&name, &length));
}

static int int_option(SOCKET s, int option)
{
    int value = -1, length = sizeof value;
    CHECK_IS(0, getsockopt(s, SOL_SOCKET, option, (char *)&value, &length));
    return value;
}

static int ask_error(SOCKET s) { return int_option(s, SO_ERROR); }
static int ask_connected(SOCKET s) { return int_option(s, 0x700C) != -1; }
static int ask_listening(SOCKET s) { return int_option(s, SO_ACCEPTCONN); }
static int ask_type(SOCKET s) { return int_option(s, SO_TYPE); }

static int ask_ioctl(SOCKET s, long command)
{
    u_long value = 77;
    int result = ioctlsocket(s, command, &value);
    return result == 0 ? (int)value : outcome(result);
}

static int ask_count(SOCKET s) { return ask_ioctl(s, (long)FIONREAD); }
static int ask_mark(SOCKET s) { return ask_ioctl(s, (long)SIOCATMARK); }
static int ask_read(SOCKET s) { return is_ready(s, 'r', 0); }
static int ask_write(SOCKET s) { return is_ready(s, 'w', 0); }
static int ask_except(SOCKET s) { return is_ready(s, 'x', 0); }

static int ask_receive(SOCKET s)
{
    char text[8];
    set_nonblocking(s, true);
    return outcome(recv(s, text, sizeof text, 0));
}

static int ask_peek(SOCKET s)
{
    char text[8];
    set_nonblocking(s, true);
    return outcome(recv(s, text, sizeof text, MSG_PEEK));
}

static int ask_urgent(SOCKET s)
{
    char byte;
    set_nonblocking(s, true);
    return outcome(recv(s, &byte, 1, MSG_OOB));
}

static int ask_send(SOCKET s)
{
    set_nonblocking(s, true);
    return outcome(send(s, "x", 1, 0));
}

static int ask_send_nothing(SOCKET s)
{
    set_nonblocking(s, true);
    return outcome(send(s, "x", 0, 0));
}

static int ask_shut_0(SOCKET s) { return outcome(shutdown(s, 0)); }
static int ask_shut_1(SOCKET s) { return outcome(shutdown(s, 1)); }

static int ask_shut_2(SOCKET s)
{
    int first = outcome(shutdown(s, 2));
    CHECK_IS(first, outcome(shutdown(s, 2)));
    return first;
}

static int ask_bind(SOCKET s)
{
    struct sockaddr_in address = loopback(0);
    return outcome(bind(s, (struct sockaddr *)&address, sizeof address));
}

static int ask_listen(SOCKET s) { return outcome(listen(s, 1)); }

static int ask_connect(SOCKET s)
{
    struct sockaddr_in address = loopback(1);
    set_nonblocking(s, true);
    return outcome(connect(s, (struct sockaddr *)&address, sizeof address));
}

static int ask_transmit(SOCKET s)
{
    TRANSMIT_FILE_BUFFERS head = { "x", 1, NULL, 0 };
    return TransmitFile(s, NULL, 0, 0, NULL, &head, 0) ? 1 : 10000 - (int)GetLastError();
}

static int ask_buffer(SOCKET s)
{
    int bytes = 8192;
    return outcome(setsockopt(s, SOL_SOCKET, SO_RCVBUF, (char *)&bytes, sizeof bytes));
}

static const struct {
    const char *name;
    int (*ask)(SOCKET s);
} questions[] = {
    { "getsockname", ask_own_name }, { "getpeername", ask_name },   { "SO_ERROR", ask_error },
    { "connected", ask_connected },  { "listening", ask_listening }, { "SO_TYPE", ask_type },
    { "FIONREAD", ask_count },       { "SIOCATMARK", ask_mark },    { "readable", ask_read },
    { "writable", ask_write },       { "exception", ask_except },   { "recv", ask_receive },
    { "peek", ask_peek },            { "send", ask_send },          { "send nothing", ask_send_nothing },
    { "shutdown 0", ask_shut_0 },    { "shutdown 1", ask_shut_1 },  { "shutdown 2", ask_shut_2 },
    { "bind", ask_bind },            { "listen", ask_listen },      { "connect", ask_connect },
    { "TransmitFile", ask_transmit }, { "SO_RCVBUF", ask_buffer },    { "urgent", ask_urgent },
};

/* The end after a reset: the builtin shows it as an orderly one, ours as the reset that Windows documents. */
enum { R = 1000 };

static const struct {
    const char *name;
    void (*make)(ends_t *e);
    int answers[ARRAY_SIZE(questions)];
} states[] = {
    /*  own name  peer  error  con  lst  type  cnt  mark  r  w  x  recv peek send nothing  shut 0,1,2  bind  listen  connect
     *  transmit  buffer  urgent */
    { "fresh", make_fresh,
      { -22, -57, 0, 0, 0, 1, 0, 1, 0, 0, 0, -57, -57, -54, -54, -57, -57, -57, 0, -22, -35, -57, 0, -35 } },
    { "bound", make_bound,
      { 0, -57, 0, 0, 0, 1, 0, 1, 0, 0, 0, -57, -57, -54, -54, -57, -57, -57, -22, 0, -35, -57, 0, -35 } },
    { "listening", make_listening,
      { 0, -57, 0, 0, 1, 1, 0, 1, 0, 0, 0, -57, -57, -54, -54, -57, -57, -57, -22, 0, -22, -57, 0, -57 } },
    { "refused", make_refused,
      { 0, -57, 10061, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, -54, -54, -57, -57, -57, -22, -22, -53, -57, 0, -35 } },
    { "connecting", make_connecting,
      { 0, -57, 0, 0, 0, 1, 0, 1, 0, 0, 0, -35, -35, -35, -35, -57, -57, -57, -22, -22, -37, -57, 0, -35 } },
    { "connected", make_connected,
      { 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, -35, -35, 1, 0, 0, 0, 0, -22, -22, -56, 1, 0, -35 } },
    { "own shutdown 0", make_own_shut_0,
      { 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, -58, -58, 1, 0, 0, 0, 0, -22, -22, -56, 1, 0, -58 } },
    { "own shutdown 1", make_own_shut_1,
      { 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, -35, -35, -58, -58, 0, 0, 0, -22, -22, -56, -58, 0, -35 } },
    { "own shutdown 2", make_own_shut_2,
      { 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, -58, -58, -58, -58, 0, 0, 0, -22, -22, -56, -58, 0, -58 } },
    { "other's shutdown 0", make_other_shut_0,
      { 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, -35, -35, 1, 0, 0, 0, 0, -22, -22, -56, 1, 0, -35 } },
    { "other's shutdown 1", make_other_shut_1,
      { 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, -22, -22, -56, 1, 0, -35 } },
    { "shutdown 1 by both", make_both_shut_1,
      { 0, -57, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, -58, -58, 0, 0, 0, -22, -22, -56, -57, 0, -35 } },
    { "shutdown 1 by the other first", make_other_then_own_shut_1,
      { 0, -57, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, -58, -58, 0, 0, 0, -22, -22, -56, -57, 0, -35 } },
    { "shutdown 2 by both", make_both_shut_2,
      { 0, -57, 0, 1, 0, 1, 0, 1, 1, 1, 0, -58, -58, -58, -58, 0, 0, 0, -22, -22, -56, -57, 0, -58 } },
    { "other closed", make_other_closed,
      { 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, -22, -22, -56, 1, 0, -35 } },
    { "end seen", make_end_seen,
      { 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, -22, -22, -56, 1, 0, -35 } },
    { "closed, then shutdown 1", make_closed_then_shut_1,
      { 0, -57, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, -58, -58, 0, 0, 0, -22, -22, -56, -57, 0, -35 } },
    { "shutdown 1, then closed", make_shut_1_then_closed,
      { 0, -57, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, -58, -58, 0, 0, 0, -22, -22, -56, -57, 0, -35 } },
    { "sent after close", make_sent_after_close,
      { 0, -57, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, -54, -54, 0, 0, 0, -22, -22, -56, -57, 0, -35 } },
    { "with data", make_with_data,
      { 0, 0, 0, 1, 0, 1, 5, 1, 1, 1, 0, 5, 5, 1, 0, 0, 0, 0, -22, -22, -56, 1, 0, -35 } },
    { "with data, own shutdown 0", make_data_own_shut_0,
      { 0, 0, 0, 1, 0, 1, 5, 1, 1, 1, 0, -58, -58, 1, 0, 0, 0, 0, -22, -22, -56, 1, 0, -58 } },
    { "closed with unread bytes", make_closed_with_unread,
      { 0, -57, 0, 1, 0, 1, 0, 1, 1, 1, 0, R, R, -54, -54, 0, 0, 0, -22, -22, -56, -57, 0, -35 } },
    { "reset", make_reset,
      { 0, -57, 0, 1, 0, 1, 0, 1, 1, 1, 0, R, R, -54, -54, 0, 0, 0, -22, -22, -56, -57, 0, -35 } },
    { "reset and sent", make_reset_sent,
      { 0, -57, 0, 1, 0, 1, 0, 1, 1, 1, 0, R, R, -54, -54, 0, 0, 0, -22, -22, -56, -57, 0, -35 } },
    { "reset with data", make_reset_with_data,
      { 0, -57, 0, 1, 0, 1, 5, 1, 1, 1, 0, 5, 5, -54, -54, 0, 0, 0, -22, -22, -56, -57, 0, -35 } },
};

static void check_answer(size_t state, size_t question)
{
    ends_t e;
    int expected = states[state].answers[question];
    states[state].make(&e);
    int answer = questions[question].ask(e.s);
    if (answer != expected && !(expected == R && (answer == 0 || answer == -54)))
        FAIL("%s, %s: %d, expected %d", states[state].name, questions[question].name, answer, expected);
    CHECK_IS(0, closesocket(e.s));
    if (e.t)
        CHECK_IS(0, closesocket(e.t));
}

static void every_question_in_every_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(questions); j++)
            check_answer(i, j);
    }
}

/* ---- lengths ---- */

/* How much a successful getsockopt says it has written. */
enum { AS_GIVEN = -1, AT_MOST_4 = -2 };

static const struct {
    int level, option;
    int get_least; /* the shortest length that does; negative: never, with this code */
    int written;
    int set_least;
} lengths[] = {
    { SOL_SOCKET, SO_DEBUG, 1, AS_GIVEN, 0 },
    { SOL_SOCKET, SO_ACCEPTCONN, 4, 4, -WSAENOPROTOOPT },
    { SOL_SOCKET, SO_KEEPALIVE, 1, 1, 1 },
    { SOL_SOCKET, SO_DONTROUTE, 1, 1, 1 },
    { SOL_SOCKET, SO_BROADCAST, 1, AT_MOST_4, 0 },
    { SOL_SOCKET, SO_USELOOPBACK, -WSAENOPROTOOPT, 0, -WSAENOPROTOOPT },
    { SOL_SOCKET, SO_LINGER, 4, 4, 4 },
    { SOL_SOCKET, (int)SO_DONTLINGER, 1, AT_MOST_4, 0 },
    { SOL_SOCKET, SO_OOBINLINE, 1, AT_MOST_4, 0 },
    { SOL_SOCKET, SO_REUSEADDR, 1, AT_MOST_4, 0 },
    { SOL_SOCKET, SO_SNDBUF, 4, 4, 4 },
    { SOL_SOCKET, SO_RCVBUF, 4, 4, 4 },
    { SOL_SOCKET, SO_SNDLOWAT, -WSAENOPROTOOPT, 0, -WSAENOPROTOOPT },
    { SOL_SOCKET, SO_RCVLOWAT, -WSAENOPROTOOPT, 0, -WSAENOPROTOOPT },
    { SOL_SOCKET, 0x1005 /* SO_SNDTIMEO */, 4, 4, 4 },
    { SOL_SOCKET, 0x1006 /* SO_RCVTIMEO */, 4, 4, 4 },
    { SOL_SOCKET, SO_ERROR, 4, 4, 0 },
    { SOL_SOCKET, SO_TYPE, 4, AS_GIVEN, -WSAENOPROTOOPT },
    { SOL_SOCKET, 0x7008 /* SO_OPENTYPE */, 4, 4, 4 },
    { SOL_SOCKET, 0x7009 /* SO_MAXDG */, -WSAENOPROTOOPT, 0, -WSAENOPROTOOPT },
    { SOL_SOCKET, 0x700B /* SO_UPDATE_ACCEPT_CONTEXT */, -WSAENOPROTOOPT, 0, 0 },
    { SOL_SOCKET, 0x700C /* SO_CONNECT_TIME */, 4, 4, -WSAENOPROTOOPT },
    { SOL_SOCKET, 0x4321, -WSAENOPROTOOPT, 0, -WSAENOPROTOOPT },
    { IPPROTO_TCP, TCP_NODELAY, 1, 1, 1 },
    { IPPROTO_TCP, 0x7000, -WSAENOPROTOOPT, 0, -WSAENOPROTOOPT },
    { 77, 1, -WSAEINVAL, 0, -WSAEINVAL },
};

static int expected_length(size_t i, int given)
{
    int written = lengths[i].written;
    return written == AS_GIVEN ? given : written == AT_MOST_4 ? (given < 4 ? 1 : 4) : written;
}

/* Too short is WSAEFAULT, as is no length at all even for what is not known. */
static void check_get(SOCKET s, size_t i, int given)
{
    char value[16];
    int length = given, least = lengths[i].get_least;
    int result = getsockopt(s, lengths[i].level, lengths[i].option, value, &length);
    int code = given == 0 || (least > 0 && given < least) ? WSAEFAULT : least < 0 ? -least : 0;
    if (result != (code ? SOCKET_ERROR : 0) || (code && WSAGetLastError() != code))
        FAIL("getsockopt %d, %#x with length %d: %d", lengths[i].level, lengths[i].option, given, result);
    CHECK_IS(code ? given : expected_length(i, given), length);
}

static void check_set(SOCKET s, size_t i, int given)
{
    const char value[16] = { 1 };
    int least = lengths[i].set_least;
    int result = setsockopt(s, lengths[i].level, lengths[i].option, value, given);
    int code = least < 0 ? -least : given < least ? WSAEFAULT : 0;
    if (result != (code ? SOCKET_ERROR : 0) || (code && WSAGetLastError() != code))
        FAIL("setsockopt %d, %#x with length %d: %d", lengths[i].level, lengths[i].option, given, result);
}

static void check_lengths(SOCKET s)
{
    static const int given[] = { 0, 1, 2, 3, 4, 5, 8 };
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(given); j++)
            check_get(s, i, given[j]);
        for (size_t j = 0; j < ARRAY_SIZE(given); j++)
            check_set(s, i, given[j]);
    }
}

static void every_option_with_every_length(void **state)
{
    void (*const made[])(ends_t *e) = { make_fresh,      make_connecting,  make_connected, make_own_shut_1,
                                        make_other_closed, make_both_shut_2, make_reset };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
        ends_t e;
        made[i](&e);
        check_lengths(e.s);
        CHECK_IS(0, closesocket(e.s));
        if (e.t)
            CHECK_IS(0, closesocket(e.t));
    }
}

/* ---- values ---- */

static struct linger linger_of(SOCKET s)
{
    struct linger value;
    int length = sizeof value;
    CHECK_IS(0, getsockopt(s, SOL_SOCKET, SO_LINGER, (char *)&value, &length));
    return value;
}

static void set_option(SOCKET s, int option, const void *value, int length)
{
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, option, value, length));
}

static void linger_and_its_reverse(void **state)
{
    ends_t e;
    int off = 0, on = 1;
    (void)state;
    make_connected(&e);
    set_option(e.s, SO_LINGER, &(struct linger){ 7, 3 }, sizeof(struct linger));
    CHECK_IS(1, linger_of(e.s).l_onoff);
    CHECK_IS(3, linger_of(e.s).l_linger);
    set_option(e.s, (int)SO_DONTLINGER, &on, sizeof on);
    CHECK_IS(0, linger_of(e.s).l_onoff);
    set_option(e.s, (int)SO_DONTLINGER, &off, sizeof off);
    CHECK_IS(1, linger_of(e.s).l_onoff);
    CHECK_IS(0, linger_of(e.s).l_linger);
    CHECK_IS(0, int_option(e.s, (int)SO_DONTLINGER));
    close_both(e.s, e.t);
}

/* An orderly end is followed by one send that works, a hard one is not.  SO_DONTLINGER forgets the seconds. */
static const struct {
    struct linger linger;
    int dont; /* SO_DONTLINGER set afterwards; -1: not */
    bool hard;
} closings[] = {
    { { 0, 0 }, -1, false }, { { 1, 0 }, -1, true }, { { 1, 5 }, -1, false }, { { 0, 5 }, -1, false },
    { { 1, 0 }, 1, false },  { { 0, 0 }, 0, true },  { { 0, 5 }, 0, true },   { { 1, 5 }, 0, true },
};

static void closing_as_linger_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(closings); i++) {
        ends_t e;
        make_connected(&e);
        set_option(e.t, SO_LINGER, &closings[i].linger, sizeof closings[i].linger);
        if (closings[i].dont >= 0)
            set_option(e.t, (int)SO_DONTLINGER, &closings[i].dont, sizeof closings[i].dont);
        send_all(e.t, "last", 4);
        if (!closings[i].hard)
            CHECK_IS(0, shutdown(e.t, 1));
        close_other(&e);
        CHECK(is_ready(e.s, 'r', 10000));
        if (closings[i].hard)
            await_gone(e.s);
        int sent = send(e.s, "x", 1, 0);
        if (sent != (closings[i].hard ? SOCKET_ERROR : 1))
            FAIL("closing %d: send gave %d", (int)i, sent);
        CHECK_IS(0, closesocket(e.s));
    }
}

static void buffer_sizes_are_read_back(void **state)
{
    static const int sizes[] = { 0, 1, 1000, 8192, 65536, 100000, 1 << 20, 10000000 };
    ends_t e;
    (void)state;
    make_connected(&e);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        set_option(e.s, SO_RCVBUF, &sizes[i], sizeof sizes[i]);
        set_option(e.s, SO_SNDBUF, &sizes[i], sizeof sizes[i]);
        CHECK_IS(sizes[i], int_option(e.s, SO_RCVBUF));
        CHECK_IS(sizes[i], int_option(e.s, SO_SNDBUF));
    }
    close_both(e.s, e.t);
}

static void echo_role(int argc, char **argv)
{
    (void)argc;
    echo_until_end(link_in_peer(argv));
}

static void exchange_with_sizes(int receive, int send)
{
    peer_t peer = peer_start("echo", "listen %d", LINK_SLOT);
    struct sockaddr_in address = loopback((unsigned short)slot_await(LINK_SLOT));
    flow_t out = flow_start(1), in = flow_start(1);
    SOCKET s = tcp_socket();
    set_option(s, SO_RCVBUF, &receive, sizeof receive);
    set_option(s, SO_SNDBUF, &send, sizeof send);
    CHECK_IS(0, connect(s, (struct sockaddr *)&address, sizeof address));
    for (int i = 0; i < 10; i++) {
        flow_send(s, &out, BULK / 10, LARGEST);
        flow_recv(s, &in, BULK / 10, LARGEST);
    }
    CHECK_IS(receive, int_option(s, SO_RCVBUF));
    CHECK_IS(send, int_option(s, SO_SNDBUF));
    CHECK_IS(0, shutdown(s, 1));
    expect_end(s);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
    slots_renew();
}

static void streams_with_small_and_large_buffers(void **state)
{
    (void)state;
    exchange_with_sizes(2048, 2048);
    exchange_with_sizes(200000, 300000);
    exchange_with_sizes(4 << 20, 4 << 20);
}

static const role_t roles[] = {
    { "echo", echo_role },
};

static const struct CMUnitTest tests[] = {
    CASE(every_question_in_every_state),
    CASE(every_option_with_every_length),
    CASE(linger_and_its_reverse),
    CASE(closing_as_linger_says),
    CASE(buffer_sizes_are_read_back),
    CASE(streams_with_small_and_large_buffers),
};

HARNESS_MAIN(roles, tests)
