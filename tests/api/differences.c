/* differences: what random sequences of calls (tests/diff) saw once that the builtin does not show, each by its name.
 * Both ends are in this process. */
#include "wire.h"

enum { ERROR_BEFORE = 777 };

/* A connection whose bytes go by the kernel and then, the receiver having looked, by a ring: both lie unread. */
static void leave_a_seam(SOCKET a, SOCKET b, const char *first, const char *second)
{
    u_long waiting = 0;
    send_all(a, first, strlen(first));
    while (waiting < strlen(first))
        CHECK_IS(0, ioctlsocket(b, FIONREAD, &waiting));
    send_all(a, second, strlen(second));
    while (waiting < strlen(first) + strlen(second))
        CHECK_IS(0, ioctlsocket(b, FIONREAD, &waiting));
}

static void a_receive_shows_no_seam(void **state)
{
    SOCKET a, b;
    char buffer[100];
    (void)state;
    tcp_pair(&a, &b);
    leave_a_seam(a, b, "first", "second");
    CHECK_IS(11, recv(b, buffer, sizeof buffer, 0));
    CHECK(memcmp(buffer, "firstsecond", 11) == 0);
    close_both(a, b);
}

static void read_file_shows_no_seam(void **state)
{
    SOCKET a, b;
    char buffer[100];
    DWORD count = 0;
    (void)state;
    tcp_pair(&a, &b);
    leave_a_seam(a, b, "first", "second");
    CHECK(ReadFile((HANDLE)b, buffer, sizeof buffer, &count, NULL));
    CHECK_IS(11, count);
    CHECK(memcmp(buffer, "firstsecond", 11) == 0);
    close_both(a, b);
}

static void a_peek_shows_no_seam(void **state)
{
    SOCKET a, b;
    char buffer[100];
    (void)state;
    tcp_pair(&a, &b);
    leave_a_seam(a, b, "first", "second");
    CHECK_IS(11, recv(b, buffer, sizeof buffer, MSG_PEEK));
    CHECK(memcmp(buffer, "firstsecond", 11) == 0);
    CHECK_IS(8, recv(b, buffer, 8, MSG_PEEK));
    recv_all(b, buffer, 11);
    close_both(a, b);
}

/* Kernel, ring, and the kernel again because the ring is full. */
static void a_peek_sees_three_carriers(void **state)
{
    enum { SIZE = 100000 };
    static char sent[SIZE], seen[SIZE + 1];
    SOCKET a, b;
    u_long waiting = 0;
    (void)state;
    for (int i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 7 + i / 256);
    tcp_pair(&a, &b);
    send_all(a, sent, 10);
    CHECK(is_ready(b, 'r', 5000));
    for (int at = 10; at < SIZE; at += 10)
        send_all(a, sent + at, 10);
    while (waiting < SIZE)
        CHECK_IS(0, ioctlsocket(b, FIONREAD, &waiting));
    CHECK_IS(SIZE, recv(b, seen, sizeof seen, MSG_PEEK));
    CHECK(memcmp(sent, seen, SIZE) == 0);
    CHECK_IS(SIZE, recv(b, seen, sizeof seen, 0));
    CHECK(memcmp(sent, seen, SIZE) == 0);
    close_both(a, b);
}

/* What lies unread when a socket is closed may be in the kernel connection while the other end sends by a ring. */
static void a_close_with_unread_bytes_is_a_reset(void **state)
{
    SOCKET a, b;
    (void)state;
    tcp_pair(&a, &b);
    leave_a_seam(a, b, "first", "second");
    CHECK_IS(0, closesocket(b));
    CHECK(is_ready(a, 'r', 5000));
    CHECK_FAILS(WSAECONNRESET, send(a, "more", 4, 0));
    CHECK_IS(0, closesocket(a));
}

/* The same, when this end has never received and the other never learnt of a ring. */
static void a_close_before_any_receive_is_a_reset(void **state)
{
    SOCKET a, b;
    (void)state;
    tcp_pair(&a, &b);
    send_all(a, "unread", 6);
    CHECK(is_ready(b, 'r', 5000));
    send_all(b, "1", 1);
    CHECK_IS(0, closesocket(b));
    CHECK(is_ready(a, 'r', 5000));
    CHECK_FAILS(WSAECONNRESET, send(a, "more", 4, 0));
    CHECK_IS(0, closesocket(a));
}

/* Two small sends: the kernel holds the second back until the first is acknowledged. */
static void what_is_pending_can_be_received(void **state)
{
    char buffer[1000];
    (void)state;
    for (int round = 0; round < 20; round++) {
        SOCKET a, b;
        u_long waiting = 0;
        tcp_pair(&a, &b);
        send_all(a, buffer, 186);
        send_all(a, buffer, 273);
        while (waiting < 459) {
            CHECK_IS(0, ioctlsocket(b, FIONREAD, &waiting));
            CHECK_IS(waiting, recv(b, buffer, (int)waiting, MSG_PEEK));
        }
        CHECK_IS(459, recv(b, buffer, sizeof buffer, 0));
        close_both(a, b);
    }
}

static void nothing_is_received_in_front_of_an_urgent_byte(void **state)
{
    SOCKET a, b;
    (void)state;
    tcp_pair(&a, &b);
    set_nonblocking(b, true);
    leave_a_seam(a, b, "first", "second");
    char buffer[100];
    CHECK_IS(11, recv(b, buffer, sizeof buffer, 0));
    CHECK_IS(1, send(a, "!", 1, MSG_OOB));
    CHECK(is_ready(b, 'x', 5000));
    CHECK_IS(0, recv(b, buffer, 0, 0));
    CHECK_IS(0, recv(b, buffer, 0, MSG_PEEK));
    CHECK_FAILS(WSAEWOULDBLOCK, recv(b, buffer, 1, MSG_PEEK));
    close_both(a, b);
}

/* The urgent byte is the last of the kernel's, and what follows lies in a ring. */
static void a_peek_past_the_mark_leaves_it(void **state)
{
    SOCKET a, b;
    char buffer[100];
    (void)state;
    tcp_pair(&a, &b);
    send_all(b, "1", 1);
    CHECK(is_ready(a, 'r', 5000));
    CHECK_IS(3, send(a, "ab!", 3, MSG_OOB));
    CHECK(is_ready(b, 'x', 5000));
    CHECK(is_ready(b, 'r', 5000));
    send_all(a, "after", 5);
    recv_all(b, buffer, 2);
    CHECK(is_ready(b, 'r', 5000));
    CHECK_IS(5, recv(b, buffer, sizeof buffer, MSG_PEEK));
    CHECK(memcmp(buffer, "after", 5) == 0);
    CHECK(is_ready(b, 'x', 5000));
    CHECK_IS(1, recv(b, buffer, 1, MSG_OOB));
    CHECK_IS('!', buffer[0]);
    recv_all(b, buffer, 5);
    CHECK(memcmp(buffer, "after", 5) == 0);
    close_both(a, b);
}

static void an_urgent_byte_outlives_the_end_of_the_stream(void **state)
{
    SOCKET a, b;
    char byte;
    (void)state;
    tcp_pair(&a, &b);
    send_all(b, "1", 1);
    CHECK(is_ready(a, 'r', 5000));
    CHECK_IS(1, send(a, "!", 1, MSG_OOB));
    CHECK(is_ready(b, 'x', 5000));
    CHECK_IS(0, shutdown(a, 1));
    CHECK(is_ready(b, 'r', 5000));
    CHECK(is_ready(b, 'x', 5000));
    CHECK_IS(1, recv(b, &byte, 1, MSG_OOB));
    CHECK_IS('!', byte);
    expect_end(b);
    close_both(a, b);
}

static void shutdown_of_receiving_hides_nothing_from_select(void **state)
{
    (void)state;
    for (int how = 0; how <= 2; how += 2) {
        SOCKET a, b;
        char buffer[20];
        tcp_pair(&a, &b);
        leave_a_seam(a, b, "first", "second");
        recv_all(b, buffer, 11);
        CHECK_IS(0, shutdown(b, how));
        CHECK(!is_ready(b, 'r', 0));
        send_all(a, "after", 5);
        CHECK(is_ready(b, 'r', 5000));
        CHECK_FAILS(WSAESHUTDOWN, recv(b, buffer, sizeof buffer, 0));
        CHECK(is_ready(b, 'r', 5000));
        close_both(a, b);
    }
}

static void the_state_is_wrong_before_the_arguments(void **state)
{
    SOCKET a, b;
    (void)state;
    tcp_pair(&a, &b);
    leave_a_seam(a, b, "first", "second");
    CHECK_FAILS(WSAEFAULT, send(a, NULL, 5, 0));
    CHECK_IS(0, shutdown(a, 1));
    CHECK_FAILS(WSAESHUTDOWN, send(a, NULL, 5, 0));
    close_both(a, b);
}

/* The receiving half is the kernel's until the first receive, the sending half is not. */
static void select_looks_at_both_halves(void **state)
{
    SOCKET a, b;
    (void)state;
    tcp_pair(&a, &b);
    send_all(a, "1", 1);
    CHECK(is_ready(b, 'r', 5000));
    send_all(b, "2", 1);
    CHECK(is_ready(a, 'r', 5000));
    fd_set reads = {.fd_count = 1, .fd_array = {b}}, writes = reads;
    struct timeval at_once = {0, 0};
    CHECK_IS(2, select(0, &reads, &writes, NULL, &at_once));
    close_both(a, b);
}

static void a_close_leaves_the_error_alone(void **state)
{
    SOCKET a, b;
    (void)state;
    tcp_pair(&a, &b);
    leave_a_seam(a, b, "first", "second");
    WSASetLastError(ERROR_BEFORE);
    CHECK_IS(0, closesocket(b));
    CHECK_IS(ERROR_BEFORE, WSAGetLastError());
    CHECK_IS(0, closesocket(a));
    CHECK_IS(ERROR_BEFORE, WSAGetLastError());
}

static const struct CMUnitTest tests[] = {
    CASE(a_receive_shows_no_seam),
    CASE(read_file_shows_no_seam),
    CASE(a_peek_shows_no_seam),
    CASE(a_peek_sees_three_carriers),
    CASE(a_close_with_unread_bytes_is_a_reset),
    CASE(a_close_before_any_receive_is_a_reset),
    CASE(what_is_pending_can_be_received),
    CASE(nothing_is_received_in_front_of_an_urgent_byte),
    CASE(a_peek_past_the_mark_leaves_it),
    CASE(an_urgent_byte_outlives_the_end_of_the_stream),
    CASE(shutdown_of_receiving_hides_nothing_from_select),
    CASE(the_state_is_wrong_before_the_arguments),
    CASE(select_looks_at_both_halves),
    CASE(a_close_leaves_the_error_alone),
};

static const role_t roles[] = {{NULL, NULL}};

HARNESS_MAIN(roles, tests)
