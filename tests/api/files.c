/* files: TransmitFile, AcceptEx and WSARecvEx, the calls that Microsoft added to WinSock 1.1. */
#include "wire.h"

enum { SMALL = 100, LARGE = 6 * 1000 * 1000, LEG = 5000, BULK = 100000, LARGEST = 16384, NAMES = sizeof(struct sockaddr_in) + 16 };

/* ---- what the cases need ---- */

/* A file with the next `size` bytes of a flow, to be read from its beginning. */
static HANDLE flow_file(flow_t *flow, size_t size)
{
    char folder[MAX_PATH], path[MAX_PATH], piece[4096];
    DWORD written;
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "api", 0, path) != 0);
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    for (size_t done = 0; done < size; done += written) {
        DWORD part = size - done < sizeof piece ? (DWORD)(size - done) : (DWORD)sizeof piece;
        flow_fill(flow, piece, part);
        CHECK(WriteFile(file, piece, part, &written, NULL) && written == part);
    }
    CHECK_IS(0, SetFilePointer(file, 0, NULL, FILE_BEGIN));
    return file;
}

static DWORD position(HANDLE file) { return SetFilePointer(file, 0, NULL, FILE_CURRENT); }

static void expect_text(SOCKET s, const char *text)
{
    char got[64];
    recv_all(s, got, strlen(text));
    CHECK(memcmp(got, text, strlen(text)) == 0);
}

static void expect_nothing(SOCKET s)
{
    u_long count = 1;
    CHECK_IS(0, ioctlsocket(s, FIONREAD, &count));
    CHECK_IS(0, count);
}

#define CHECK_REFUSED(code, call) \
    do { \
        CHECK(!(call)); \
        CHECK_IS(code, GetLastError()); \
    } while (0)

static TRANSMIT_FILE_BUFFERS head_and_tail = { "HEAD", 4, "TAIL", 4 };

/* ---- TransmitFile ---- */

static void transmit_sends_head_file_and_tail(void **state)
{
    SOCKET s, t;
    flow_t out = flow_start(1), in = flow_start(1);
    HANDLE file = flow_file(&out, SMALL);
    (void)state;
    tcp_used_pair(&s, &t);
    CHECK(TransmitFile(s, file, 0, 0, NULL, &head_and_tail, 0));
    CHECK_IS(SMALL, position(file));
    expect_text(t, "HEAD");
    flow_recv(t, &in, SMALL, SMALL);
    expect_text(t, "TAIL");
    CHECK(TransmitFile(s, file, 0, 0, NULL, &head_and_tail, 0));
    expect_text(t, "HEADTAIL");
    expect_nothing(t);
    CloseHandle(file);
    close_both(s, t);
}

/* Where it begins, how much is asked for, in what pieces; what comes. */
static const struct {
    DWORD from, count, piece, come;
} ranges[] = {
    { 0, 0, 0, 100 }, { 0, 0, 1, 100 }, { 0, 0, 7, 100 },    { 40, 0, 0, 60 },  { 40, 10, 0, 10 },  { 40, 10, 3, 10 },
    { 40, 60, 0, 60 }, { 40, 61, 0, 60 }, { 40, 1000, 9, 60 }, { 100, 0, 0, 0 }, { 100, 5, 0, 0 }, { 200, 5, 0, 0 },
};

static void transmit_sends_a_part_of_the_file(void **state)
{
    SOCKET s, t;
    flow_t out = flow_start(1);
    HANDLE file = flow_file(&out, SMALL);
    (void)state;
    tcp_used_pair(&s, &t);
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        flow_t in = flow_start(1);
        in.offset = ranges[i].from;
        SetFilePointer(file, (LONG)ranges[i].from, NULL, FILE_BEGIN);
        CHECK(TransmitFile(s, file, ranges[i].count, ranges[i].piece, NULL, NULL, 0));
        CHECK_IS(ranges[i].from + ranges[i].come, position(file));
        flow_recv(t, &in, ranges[i].come, SMALL);
        expect_nothing(t);
    }
    CloseHandle(file);
    close_both(s, t);
}

static void transmit_without_a_file(void **state)
{
    SOCKET s, t;
    TRANSMIT_FILE_BUFFERS only_tail = { "HEAD", 0, "TAIL", 4 };
    (void)state;
    tcp_used_pair(&s, &t);
    CHECK(TransmitFile(s, NULL, 0, 0, NULL, &head_and_tail, 0));
    expect_text(t, "HEADTAIL");
    CHECK(TransmitFile(s, NULL, 10, 1, NULL, &only_tail, 0));
    expect_text(t, "TAIL");
    CHECK(TransmitFile(s, NULL, 0, 0, NULL, NULL, 0));
    expect_nothing(t);
    close_both(s, t);
}

static void transmit_is_refused(void **state)
{
    SOCKET s = tcp_socket(), t;
    TRANSMIT_FILE_BUFFERS nowhere = { NULL, 4, NULL, 0 };
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL), file = flow_file(&(flow_t){ 1, 0 }, SMALL);
    (void)state;
    CHECK_REFUSED(WSAENOTCONN, TransmitFile(s, file, 0, 0, NULL, &head_and_tail, 0));
    CHECK_REFUSED(WSAENOTSOCK, TransmitFile(INVALID_SOCKET, file, 0, 0, NULL, NULL, 0));
    CHECK_IS(0, closesocket(s));
    tcp_used_pair(&s, &t);
    CHECK_REFUSED(WSAEFAULT, TransmitFile(s, NULL, 0, 0, NULL, &nowhere, 0));
    CHECK_REFUSED(WSAENOTSOCK, TransmitFile(s, INVALID_HANDLE_VALUE, 0, 0, NULL, &head_and_tail, 0));
    CHECK_REFUSED(WSAENOTSOCK, TransmitFile(s, event, 0, 0, NULL, &head_and_tail, 0));
    CHECK_REFUSED(WSAEOPNOTSUPP, TransmitFile(s, (HANDLE)t, 1, 0, NULL, &head_and_tail, 0));
    expect_nothing(t);
    send_all(s, "goes on", 7);
    expect_text(t, "goes on");
    CHECK_IS(0, shutdown(s, 1));
    CHECK_REFUSED(WSAESHUTDOWN, TransmitFile(s, file, 0, 0, NULL, &head_and_tail, 0));
    CHECK_IS(0, position(file));
    close_both(s, t);
    CloseHandle(event);
    CloseHandle(file);
}

/* Of a head that is only half there what can be read may have gone, but nothing behind it. */
static void transmit_whose_head_is_half_there(void **state)
{
    enum { HALF = 128 * 1024 };
    static char got[HALF + 1];
    SOCKET s, t;
    DWORD before;
    int n, total = 0;
    (void)state;
    char *head = VirtualAlloc(NULL, 2 * HALF, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    CHECK(head != NULL && VirtualProtect(head + HALF, HALF, PAGE_NOACCESS, &before));
    TRANSMIT_FILE_BUFFERS around = { head, 2 * HALF, "TAIL", 4 };
    tcp_used_pair(&s, &t);
    CHECK_REFUSED(WSAEFAULT, TransmitFile(s, NULL, 0, 0, NULL, &around, 0));
    CHECK_IS(0, closesocket(s));
    while (total <= HALF && (n = recv(t, got + total, HALF + 1 - total, 0)) > 0)
        total += n;
    CHECK(total <= HALF && (total < 4 || memcmp(got + total - 4, "TAIL", 4) != 0));
    CHECK_IS(0, closesocket(t));
    CHECK(VirtualFree(head, 0, MEM_RELEASE));
}

static void transmit_after_the_other_end_has_closed(void **state)
{
    SOCKET s, t;
    char byte;
    (void)state;
    tcp_used_pair(&s, &t);
    CHECK_IS(0, closesocket(t));
    CHECK_IS(0, recv(s, &byte, 1, 0));
    CHECK(TransmitFile(s, NULL, 0, 0, NULL, &(TRANSMIT_FILE_BUFFERS){ "x", 1, NULL, 0 }, 0));
    while (send(s, "y", 1, 0) == 1)
        harness_mark(__FILE__, __LINE__);
    CHECK_REFUSED(WSAENOTCONN, TransmitFile(s, NULL, 0, 0, NULL, &head_and_tail, 0));
    CHECK_IS(0, closesocket(s));
}

typedef struct late_reader {
    SOCKET s;
    flow_t flow;
    size_t length;
} late_reader_t;

static void read_late(void *context)
{
    late_reader_t *reader = context;
    Sleep(50);
    flow_recv(reader->s, &reader->flow, reader->length, 65536);
}

/* Far more than is taken unread; neither the mode nor the time-out of the socket counts. */
static void transmit_waits_for_the_reader(void **state)
{
    int timeout_ms = 10;
    flow_t out = flow_start(1);
    HANDLE file = flow_file(&out, LARGE);
    (void)state;
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        SOCKET s, t;
        worker_t worker;
        tcp_used_pair(&s, &t);
        late_reader_t reader = { t, flow_start(1), LARGE };
        set_nonblocking(s, nonblocking);
        CHECK_IS(0, setsockopt(s, SOL_SOCKET, 0x1005, (char *)&timeout_ms, sizeof timeout_ms));
        SetFilePointer(file, 0, NULL, FILE_BEGIN);
        worker_start(&worker, read_late, &reader);
        CHECK(TransmitFile(s, file, 0, 0, NULL, NULL, 0));
        worker_join(&worker);
        CHECK_IS(LARGE, position(file));
        close_both(s, t);
    }
    CloseHandle(file);
}

/* ---- several threads transmit ---- */

enum { SENDERS = 3, RECORDS = 4, RECORD = 150000 };

typedef struct record_sender {
    worker_t worker;
    SOCKET s;
    char mark;
} record_sender_t;

static HANDLE marked_file(char mark)
{
    static const flow_t none = { 0, 0 };
    char *bytes = malloc(RECORD);
    DWORD written;
    flow_t flow = none;
    HANDLE file = flow_file(&flow, 0);
    CHECK(bytes != NULL);
    memset(bytes, mark, RECORD);
    CHECK(WriteFile(file, bytes, RECORD, &written, NULL) && written == RECORD);
    free(bytes);
    return file;
}

static void send_records(void *context)
{
    record_sender_t *sender = context;
    char head = sender->mark, tail = (char)(sender->mark + 32);
    TRANSMIT_FILE_BUFFERS around = { &head, 1, &tail, 1 };
    HANDLE file = marked_file(sender->mark);
    for (int i = 0; i < RECORDS; i++) {
        SetFilePointer(file, 0, NULL, FILE_BEGIN);
        CHECK(TransmitFile(sender->s, file, 0, 0, NULL, &around, 0));
    }
    CloseHandle(file);
}

static void expect_record(SOCKET s, char *buffer)
{
    recv_all(s, buffer, RECORD + 2);
    for (int i = 1; i <= RECORD; i++) {
        if (buffer[i] != buffer[0])
            FAIL("byte %d of a record is '%c', not '%c'", i, buffer[i], buffer[0]);
    }
    CHECK_IS(buffer[0] + 32, buffer[RECORD + 1]);
}

static void read_records_role(int argc, char **argv)
{
    char *buffer = malloc(RECORD + 2);
    (void)argc;
    CHECK(buffer != NULL);
    SOCKET s = link_in_peer(argv);
    for (int i = 0; i < SENDERS * RECORDS; i++)
        expect_record(s, buffer);
    CHECK_IS(0, shutdown(s, 1));
    expect_end(s);
    CHECK_IS(0, closesocket(s));
    free(buffer);
}

/* No bytes of one come between those of another, from the first on, when the carrier has yet to be found. */
static void transmits_of_several_threads_do_not_mix(void **state)
{
    peer_t peer;
    record_sender_t senders[SENDERS];
    (void)state;
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "read_records", " ");
    for (int i = 0; i < SENDERS; i++) {
        senders[i].s = s;
        senders[i].mark = (char)('A' + i);
        worker_start(&senders[i].worker, send_records, &senders[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        worker_join(&senders[i].worker);
    expect_end(s);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

/* ---- overlapped, and flags ---- */

static void transmit_overlapped_in_mid_stream(void **state)
{
    SOCKET s, t;
    OVERLAPPED overlapped = { .Offset = 10, .hEvent = CreateEventA(NULL, TRUE, FALSE, NULL) };
    flow_t out = flow_start(1), in = flow_start(1);
    HANDLE file = flow_file(&out, SMALL);
    (void)state;
    tcp_used_pair(&s, &t);
    send_all(s, "before", 6);
    if (!TransmitFile(s, file, 0, 0, &overlapped, &head_and_tail, 0))
        CHECK_IS(ERROR_IO_PENDING, GetLastError());
    CHECK(WaitForSingleObject(overlapped.hEvent, INFINITE) == WAIT_OBJECT_0);
    send_all(s, "after", 5);
    expect_text(t, "beforeHEAD");
    in.offset = 10;
    flow_recv(t, &in, SMALL - 10, SMALL);
    expect_text(t, "TAILafter");
    send_all(t, "back", 4);
    expect_text(s, "back");
    CloseHandle(overlapped.hEvent);
    CloseHandle(file);
    close_both(s, t);
}

/* Wine takes no notice of them: the connection goes on. */
static void transmit_with_flags(void **state)
{
    SOCKET s, t;
    const DWORD flags[] = { TF_DISCONNECT, TF_REUSE_SOCKET, TF_DISCONNECT | TF_REUSE_SOCKET, TF_WRITE_BEHIND };
    (void)state;
    tcp_used_pair(&s, &t);
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        CHECK(TransmitFile(s, NULL, 0, 0, NULL, &head_and_tail, flags[i]));
        send_all(s, "on", 2);
        expect_text(t, "HEADTAILon");
    }
    close_both(s, t);
}

/* ---- AcceptEx ---- */

typedef struct acceptance {
    SOCKET listener, accepted;
    unsigned short port;
    char names[256];
    DWORD received;
    OVERLAPPED overlapped;
} acceptance_t;

static void accept_begin(acceptance_t *a, DWORD data)
{
    a->accepted = tcp_socket();
    a->received = 0;
    if (!AcceptEx(a->listener, a->accepted, a->names, data, NAMES, NAMES, &a->received, &a->overlapped))
        CHECK_IS(ERROR_IO_PENDING, GetLastError());
}

static void accept_start(acceptance_t *a, DWORD data)
{
    *a = (acceptance_t){ .overlapped.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL) };
    a->listener = tcp_listen(&a->port);
    accept_begin(a, data);
}

static void accept_end(acceptance_t *a)
{
    CHECK(WaitForSingleObject(a->overlapped.hEvent, INFINITE) == WAIT_OBJECT_0);
    CHECK_IS(0, setsockopt(a->accepted, SOL_SOCKET, 0x700B, (char *)&a->listener, sizeof a->listener));
    CloseHandle(a->overlapped.hEvent);
}

static void expect_names(acceptance_t *a, DWORD data, SOCKET client)
{
    struct sockaddr *local, *remote;
    int local_length, remote_length;
    GetAcceptExSockaddrs(a->names, data, NAMES, NAMES, &local, &local_length, &remote, &remote_length);
    CHECK_IS(sizeof(struct sockaddr_in), local_length);
    CHECK_IS(sizeof(struct sockaddr_in), remote_length);
    CHECK_IS(a->port, ntohs(((struct sockaddr_in *)(void *)local)->sin_port));
    CHECK_IS(local_port(client), ntohs(((struct sockaddr_in *)(void *)remote)->sin_port));
    CHECK_IS(a->port, local_port(a->accepted));
}

/* Both ways, each end in turn. */
static void exchange_flows(SOCKET s, SOCKET t)
{
    flow_t out = flow_start(1), in = flow_start(1), back_out = flow_start(2), back_in = flow_start(2);
    for (int i = 0; i < 10; i++) {
        flow_send(s, &out, LEG, LEG);
        flow_recv(t, &in, LEG, LEG);
        flow_send(t, &back_out, LEG, LEG);
        flow_recv(s, &back_in, LEG, LEG);
    }
}

static void acceptex_without_data(void **state)
{
    acceptance_t a;
    (void)state;
    accept_start(&a, 0);
    SOCKET s = tcp_connect(a.port);
    accept_end(&a);
    expect_names(&a, 0, s);
    exchange_flows(s, a.accepted);
    CHECK_IS(0, shutdown(s, 1));
    expect_end(a.accepted);
    close_both(s, a.accepted);
    CHECK_IS(0, closesocket(a.listener));
}

static void acceptex_that_takes_the_first_bytes(void **state)
{
    acceptance_t a;
    (void)state;
    accept_start(&a, 50);
    SOCKET s = tcp_connect(a.port);
    send_all(s, "first", 5);
    accept_end(&a);
    CHECK_IS(5, a.overlapped.InternalHigh);
    CHECK(memcmp(a.names, "first", 5) == 0);
    expect_names(&a, 50, s);
    exchange_flows(s, a.accepted);
    close_both(s, a.accepted);
    CHECK_IS(0, closesocket(a.listener));
}

static void call_in_role(int argc, char **argv)
{
    CHECK_IS(1, argc);
    flow_t in = flow_start(1), out = flow_start(2);
    SOCKET s = tcp_connect((unsigned short)atoi(argv[0]));
    flow_recv(s, &in, BULK, LARGEST);
    flow_send(s, &out, BULK, LARGEST);
    expect_end(s);
    CHECK_IS(0, closesocket(s));
}

static void acceptex_of_another_process(void **state)
{
    acceptance_t a;
    flow_t out = flow_start(1), in = flow_start(2);
    (void)state;
    accept_start(&a, 0);
    peer_t peer = peer_start("call_in", "%u", a.port);
    accept_end(&a);
    flow_send(a.accepted, &out, BULK, LARGEST);
    flow_recv(a.accepted, &in, BULK, LARGEST);
    close_both(a.accepted, a.listener);
    peer_join(&peer);
}

static void acceptex_leaves_the_mode_of_its_socket(void **state)
{
    char byte;
    (void)state;
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        acceptance_t a;
        accept_start(&a, 0);
        set_nonblocking(a.accepted, nonblocking);
        SOCKET s = tcp_connect(a.port);
        accept_end(&a);
        if (nonblocking)
            CHECK_FAILS(WSAEWOULDBLOCK, recv(a.accepted, &byte, 1, 0));
        set_nonblocking(a.accepted, false);
        exchange_flows(s, a.accepted);
        close_both(s, a.accepted);
        CHECK_IS(0, closesocket(a.listener));
    }
}

static void acceptex_ends_with_its_listener(void **state)
{
    acceptance_t a;
    char byte;
    (void)state;
    accept_start(&a, 0);
    CHECK_FAILS(WSAENOTCONN, recv(a.accepted, &byte, 1, 0));
    CHECK_IS(0, closesocket(a.listener));
    CHECK(WaitForSingleObject(a.overlapped.hEvent, INFINITE) == WAIT_OBJECT_0);
    CHECK(a.overlapped.Internal != 0);
    CHECK_IS(0, closesocket(a.accepted));
    CloseHandle(a.overlapped.hEvent);
}

/* ---- completion ports ---- */

static void expect_completion(HANDLE port, ULONG_PTR expected_key, DWORD expected_bytes, const OVERLAPPED *expected)
{
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED *overlapped;
    CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, INFINITE));
    CHECK_IS(expected_key, key);
    CHECK_IS(expected_bytes, bytes);
    CHECK(overlapped == expected);
}

static void read_by_port(SOCKET s, HANDLE port, SOCKET other)
{
    char text[8];
    DWORD count;
    OVERLAPPED overlapped = { 0 };
    if (!ReadFile((HANDLE)s, text, sizeof text, &count, &overlapped))
        CHECK_IS(ERROR_IO_PENDING, GetLastError());
    send_all(other, "by port", 7);
    expect_completion(port, 2, 7, &overlapped);
    CHECK(memcmp(text, "by port", 7) == 0);
    OVERLAPPED again = { 0 };
    if (!WriteFile((HANDLE)s, "and back", 8, &count, &again))
        CHECK_IS(ERROR_IO_PENDING, GetLastError());
    expect_completion(port, 2, 8, &again);
    expect_text(other, "and back");
}

/* The accepted socket may belong to the port before it is accepted, after that, or after bytes have come. */
static void acceptex_by_completion_port(void **state)
{
    (void)state;
    for (int moment = 0; moment < 3; moment++) {
        acceptance_t a = { 0 };
        a.listener = tcp_listen(&a.port);
        HANDLE port = CreateIoCompletionPort((HANDLE)a.listener, NULL, 1, 0);
        CHECK(port != NULL);
        accept_begin(&a, 0);
        if (moment == 0)
            CHECK(CreateIoCompletionPort((HANDLE)a.accepted, port, 2, 0) == port);
        SOCKET s = tcp_connect(a.port);
        expect_completion(port, 1, 0, &a.overlapped);
        CHECK_IS(0, setsockopt(a.accepted, SOL_SOCKET, 0x700B, (char *)&a.listener, sizeof a.listener));
        if (moment == 1)
            CHECK(CreateIoCompletionPort((HANDLE)a.accepted, port, 2, 0) == port);
        exchange_flows(s, a.accepted);
        if (moment == 2)
            CHECK(CreateIoCompletionPort((HANDLE)a.accepted, port, 2, 0) == port);
        read_by_port(a.accepted, port, s);
        exchange_flows(a.accepted, s);
        close_both(s, a.accepted);
        CHECK_IS(0, closesocket(a.listener));
        CloseHandle(port);
    }
}

/* ---- linger of the listener ---- */

/* A hard close of the accepted socket shows at the other end: its very first send fails. */
static void acceptex_takes_over_the_linger_of_the_listener(void **state)
{
    struct linger hard = { 1, 0 };
    acceptance_t a = { .overlapped.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL) };
    (void)state;
    a.listener = tcp_listen(&a.port);
    CHECK_IS(0, setsockopt(a.listener, SOL_SOCKET, SO_LINGER, (char *)&hard, sizeof hard));
    accept_begin(&a, 0);
    SOCKET s = tcp_connect(a.port);
    accept_end(&a);
    exchange_flows(s, a.accepted);
    CHECK_IS(0, closesocket(a.accepted));
    CHECK(is_ready(s, 'r', 10000));
    CHECK_FAILS(WSAECONNRESET, send(s, "x", 1, 0));
    close_both(s, a.listener);
}

/* ---- WSARecvEx ---- */

static int recv_ex(SOCKET s, char *bytes, int count, int flags)
{
    int given = flags, result = WSARecvEx(s, bytes, count, &flags);
    CHECK_IS(given, flags);
    return result;
}

static void recv_ex_takes_its_flags_by_reference(void **state)
{
    SOCKET s = tcp_socket(), t;
    char text[8];
    (void)state;
    CHECK_FAILS(WSAENOTCONN, recv_ex(s, text, sizeof text, 0));
    CHECK_IS(0, closesocket(s));
    tcp_used_pair(&s, &t);
    send_all(t, "peekaboo", 8);
    CHECK_IS(4, recv_ex(s, text, 4, MSG_PEEK));
    CHECK(memcmp(text, "peek", 4) == 0);
    CHECK_IS(5, recv_ex(s, text, 5, 0));
    CHECK_IS(3, recv_ex(s, text, 8, 0));
    CHECK(memcmp(text, "boo", 3) == 0);
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, recv_ex(s, text, 8, 0));
    CHECK_IS(0, shutdown(t, 1));
    CHECK(is_ready(s, 'r', 10000));
    CHECK_IS(0, recv_ex(s, text, 8, 0));
    CHECK_IS(0, shutdown(s, 0));
    CHECK_FAILS(WSAESHUTDOWN, recv_ex(s, text, 8, 0));
    close_both(s, t);
}

static const role_t roles[] = {
    { "read_records", read_records_role },
    { "call_in", call_in_role },
};

static const struct CMUnitTest tests[] = {
    CASE(transmit_sends_head_file_and_tail),
    CASE(transmit_sends_a_part_of_the_file),
    CASE(transmit_without_a_file),
    CASE(transmit_is_refused),
    CASE(transmit_whose_head_is_half_there),
    CASE(transmit_after_the_other_end_has_closed),
    CASE(transmit_waits_for_the_reader),
    CASE(transmits_of_several_threads_do_not_mix),
    CASE(transmit_overlapped_in_mid_stream),
    CASE(transmit_with_flags),
    CASE(acceptex_without_data),
    CASE(acceptex_that_takes_the_first_bytes),
    CASE(acceptex_of_another_process),
    CASE(acceptex_leaves_the_mode_of_its_socket),
    CASE(acceptex_ends_with_its_listener),
    CASE(acceptex_by_completion_port),
    CASE(acceptex_takes_over_the_linger_of_the_listener),
    CASE(recv_ex_takes_its_flags_by_reference),
};

HARNESS_MAIN(roles, tests)
