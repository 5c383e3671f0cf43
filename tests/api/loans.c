/* loans: memory of the program's own, lent by the codes of vmmc_sockets.h. */
#include "wire.h"

#include <vmmc_sockets.h>

enum { LENGTH = 300000, MANY = 300, HELD = 10, MAY_GO = 11 };

/* ---- the codes ---- */

static int call(SOCKET s, long code, void *request)
{
    return ioctlsocket(s, code, request);
}

static vmmc_memory_t allocate(SOCKET s, uint64_t length, uint32_t access)
{
    vmmc_memory_t memory = {.size = sizeof memory, .access = access, .length = length};
    CHECK_IS(0, call(s, VMMC_IO_ALLOCATE, &memory));
    CHECK(memory.base != NULL && ((uintptr_t)memory.base & 4095) == 0 && memory.length == length);
    return memory;
}

static vmmc_memory_t open_file(SOCKET s, HANDLE file)
{
    vmmc_memory_t memory = {.size = sizeof memory, .file = file};
    CHECK_IS(0, call(s, VMMC_IO_OPEN_FILE, &memory));
    CHECK(memory.base == NULL);
    return memory;
}

static void free_memory(SOCKET s, const vmmc_memory_t *memory)
{
    vmmc_memory_t request = {.size = sizeof request, .id = memory->id};
    CHECK_IS(0, call(s, VMMC_IO_FREE, &request));
}

static int try_lend(SOCKET s, uint32_t memory, uint64_t offset, uint64_t length, vmmc_loan_t *loan)
{
    *loan = (vmmc_loan_t){.size = sizeof *loan, .memory = memory, .offset = offset, .length = length, .context = loan};
    return call(s, VMMC_IO_LEND, loan);
}

static void lend(SOCKET s, uint32_t memory, uint64_t offset, uint64_t length, vmmc_loan_t *loan)
{
    CHECK_IS(0, try_lend(s, memory, offset, length, loan));
    CHECK(loan->loan != 0);
}

/* loan->loan says which, 0: any. */
static int reclaim(SOCKET s, uint32_t number, vmmc_loan_t *loan)
{
    *loan = (vmmc_loan_t){.size = sizeof *loan, .loan = number};
    return call(s, VMMC_IO_RECLAIM, loan);
}

static void reclaim_this(SOCKET s, const vmmc_loan_t *loan)
{
    vmmc_loan_t back;
    CHECK_IS(0, reclaim(s, loan->loan, &back));
    CHECK_IS(loan->loan, back.loan);
    CHECK(back.context == loan);
}

static int try_accept(SOCKET s, const vmmc_token_t *token, vmmc_accepted_t *accepted)
{
    *accepted = (vmmc_accepted_t){.size = sizeof *accepted, .token = *token};
    return call(s, VMMC_IO_ACCEPT, accepted);
}

static void accept_loan(SOCKET s, const vmmc_token_t *token, vmmc_accepted_t *accepted)
{
    CHECK_IS(0, try_accept(s, token, accepted));
    CHECK(accepted->bytes != NULL && accepted->length > 0);
}

static int give_back(SOCKET s, const vmmc_accepted_t *accepted)
{
    vmmc_accepted_t request = *accepted;
    return call(s, VMMC_IO_RETURN, &request);
}

static void send_token(SOCKET s, const vmmc_loan_t *loan)
{
    send_all(s, &loan->token, sizeof loan->token);
}

static void accept_next(SOCKET s, vmmc_accepted_t *accepted)
{
    vmmc_token_t token;
    recv_all(s, &token, sizeof token);
    accept_loan(s, &token, accepted);
}

/* ---- connections and files ---- */

/* The end that connects speaks first; after a few messages both ends are user-level. */
static void warm_up(SOCKET s, bool first)
{
    char text[4];
    for (int i = 0; i < 3; i++) {
        if (first)
            send_all(s, "ping", 4);
        recv_all(s, text, 4);
        if (!first)
            send_all(s, "pong", 4);
    }
}

static SOCKET user_level_peer(peer_t *peer, const char *role)
{
    SOCKET s = link_to_peer(peer, PEER_CONNECTS, role, "%d", 0);
    warm_up(s, false);
    return s;
}

static SOCKET user_level_in_peer(char **argv)
{
    SOCKET s = link_in_peer(argv);
    warm_up(s, true);
    return s;
}

static HANDLE new_file(void)
{
    char folder[MAX_PATH], path[MAX_PATH];
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "api", 0, path) != 0);
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

static void write_at(HANDLE file, uint64_t offset, const void *bytes, DWORD count)
{
    LARGE_INTEGER at = {.QuadPart = (LONGLONG)offset};
    DWORD written;
    CHECK(SetFilePointerEx(file, at, NULL, FILE_BEGIN));
    CHECK(WriteFile(file, bytes, count, &written, NULL) && written == count);
}

/* ---- contents ---- */

/* What the end that lends and the one that accepts agree on: loans of ever new contents, each announced by its seed. */
enum { ROUNDS = 60 };

static void lend_contents(SOCKET s)
{
    static char copy[LENGTH];
    uint64_t random = harness_seed(3);
    HANDLE file = new_file();
    write_at(file, 0, copy, LENGTH);
    vmmc_memory_t buffer = allocate(s, LENGTH, VMMC_OTHERS_READ), mapped = open_file(s, file);
    CHECK_IS(LENGTH, mapped.length);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t offset = random_below(&random, LENGTH), length = 1 + random_below(&random, LENGTH - offset);
        flow_t out = flow_start(i);
        vmmc_loan_t loan;
        flow_fill(&out, copy, length);
        if (i % 2)
            write_at(file, offset, copy, length);
        else
            memcpy((char *)buffer.base + offset, copy, length);
        lend(s, i % 2 ? mapped.id : buffer.id, offset, length, &loan);
        send_token(s, &loan);
        reclaim_this(s, &loan);
    }
    free_memory(s, &buffer);
    free_memory(s, &mapped);
    CloseHandle(file);
}

static void borrow_contents(SOCKET s)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        vmmc_accepted_t accepted;
        flow_t in = flow_start(i);
        accept_next(s, &accepted);
        CHECK_IS(0, accepted.writable);
        flow_check(&in, accepted.bytes, (size_t)accepted.length);
        CHECK_IS(0, give_back(s, &accepted));
    }
}

static void role_lender(int argc, char **argv)
{
    SOCKET s = user_level_in_peer(argv);
    (void)argc;
    lend_contents(s);
    expect_end(s);
    closesocket(s);
}

static void role_borrower(int argc, char **argv)
{
    SOCKET s = user_level_in_peer(argv);
    (void)argc;
    borrow_contents(s);
    expect_end(s);
    closesocket(s);
}

static void a_loan_is_the_lenders_own_bytes(void **state)
{
    peer_t peer;
    (void)state;
    SOCKET s = user_level_peer(&peer, "borrower");
    lend_contents(s);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
    s = user_level_peer(&peer, "lender");
    borrow_contents(s);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

static void role_storer(int argc, char **argv)
{
    SOCKET s = user_level_in_peer(argv);
    (void)argc;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        vmmc_accepted_t accepted;
        flow_t out = flow_start(i);
        accept_next(s, &accepted);
        CHECK_IS(1, accepted.writable);
        flow_fill(&out, accepted.bytes, (size_t)accepted.length);
        CHECK_IS(0, give_back(s, &accepted));
    }
    expect_end(s);
    closesocket(s);
}

/* A receive buffer that the other end stores into; what lies around it stays. */
static void what_is_lent_for_writing_is_a_receive_buffer(void **state)
{
    peer_t peer;
    uint64_t random = harness_seed(4);
    (void)state;
    SOCKET s = user_level_peer(&peer, "storer");
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_WRITE);
    char *base = memory.base;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t offset = 1 + random_below(&random, LENGTH - 2),
                 length = 1 + random_below(&random, LENGTH - 1 - offset);
        flow_t in = flow_start(i);
        vmmc_loan_t loan;
        base[offset - 1] = base[offset + length] = (char)i;
        lend(s, memory.id, offset, length, &loan);
        send_token(s, &loan);
        reclaim_this(s, &loan);
        flow_check(&in, base + offset, length);
        CHECK(base[offset - 1] == (char)i && base[offset + length] == (char)i);
    }
    free_memory(s, &memory);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

/* A 32-bit process cannot map it as a whole. */
static void a_part_of_a_large_file_is_lent(void **state)
{
    const uint64_t size = 5ull << 30;
    const uint64_t offsets[] = {0, 4096 * 5 + 7, (1ull << 30) - 3, (3ull << 30) + 12345, size - 8};
    peer_t peer;
    char reply[8];
    vmmc_loan_t loans[ARRAY_SIZE(offsets)];
    HANDLE file = new_file();
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
        write_at(file, offsets[i], "contents", 8);
    SOCKET s = user_level_peer(&peer, "repeater");
    vmmc_memory_t memory = open_file(s, file);
    CloseHandle(file);
    CHECK(memory.length == size);
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        lend(s, memory.id, offsets[i], 8, &loans[i]);
        send_token(s, &loans[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        recv_all(s, reply, 8);
        CHECK(memcmp(reply, "contents", 8) == 0);
        reclaim_this(s, &loans[i]);
    }
    free_memory(s, &memory);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

/* Sends what was lent by the stream; returns it before that. */
static void role_repeater(int argc, char **argv)
{
    SOCKET s = user_level_in_peer(argv);
    vmmc_token_t token;
    (void)argc;
    while (recv(s, (char *)&token, sizeof token, 0) == sizeof token) {
        vmmc_accepted_t accepted;
        char copy[4096];
        accept_loan(s, &token, &accepted);
        CHECK(accepted.length <= sizeof copy);
        memcpy(copy, accepted.bytes, (size_t)accepted.length);
        CHECK_IS(0, give_back(s, &accepted));
        send_all(s, copy, (size_t)accepted.length);
    }
    closesocket(s);
}

/* ---- many at once ---- */

static void role_hoarder(int argc, char **argv)
{
    static vmmc_accepted_t accepted[MANY];
    uint64_t random = harness_seed(6);
    SOCKET s = user_level_in_peer(argv);
    (void)argc;
    for (uint32_t i = 0; i < MANY; i++)
        accept_next(s, &accepted[i]);
    for (uint32_t left = MANY; left > 0; left--) {
        uint32_t which = random_below(&random, left);
        CHECK_IS('a' + accepted[which].length % 7, *(char *)accepted[which].bytes);
        CHECK_IS(0, give_back(s, &accepted[which]));
        accepted[which] = accepted[left - 1];
    }
    expect_end(s);
    closesocket(s);
}

/* Of overlapping ranges; whichever comes back is told with its context. */
static void many_loans_come_back_in_any_order(void **state)
{
    static vmmc_loan_t loans[MANY];
    static char back[MANY];
    peer_t peer;
    vmmc_loan_t any;
    (void)state;
    SOCKET s = user_level_peer(&peer, "hoarder");
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    memset(back, 0, sizeof back);
    for (uint32_t i = 0; i < 7; i++)
        ((char *)memory.base)[i] = (char)('a' + i);
    for (uint32_t i = 0; i < MANY; i++)
        lend(s, memory.id, i % 7, 7 * i + i % 7 + 7, &loans[i]);
    for (uint32_t i = 0; i < MANY; i++)
        send_token(s, &loans[i]);
    for (uint32_t i = 0; i < MANY; i++) {
        CHECK_IS(0, reclaim(s, 0, &any));
        vmmc_loan_t *loan = any.context;
        CHECK(loan >= loans && loan < loans + MANY && loan->loan == any.loan);
        CHECK_IS(0, back[loan - loans]);
        back[loan - loans] = 1;
    }
    CHECK_FAILS(WSAEINVAL, reclaim(s, 0, &any));
    free_memory(s, &memory);
    CHECK_IS(0, closesocket(s));
    peer_join(&peer);
}

static void loans_are_counted(void **state)
{
    SOCKET s, t;
    vmmc_loan_t loan;
    vmmc_accepted_t accepted;
    vmmc_counters_t of_s = {.size = sizeof of_s}, of_t = of_s;
    (void)state;
    tcp_used_pair(&s, &t);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    for (uint32_t i = 1; i <= 3; i++) {
        lend(s, memory.id, 0, 100 * i, &loan);
        if (i < 3)
            accept_loan(t, &loan.token, &accepted);
        CHECK_FAILS(WSAEACCES, try_accept(s, &loan.token, &accepted));
    }
    CHECK_IS(0, call(s, VMMC_IO_COUNT, &of_s));
    CHECK_IS(0, call(t, VMMC_IO_COUNT, &of_t));
    CHECK_IS(3, of_s.sent.loans);
    CHECK_IS(600, of_s.sent.lent);
    CHECK_IS(2, of_t.received.loans);
    CHECK_IS(300, of_t.received.lent);
    CHECK_IS(0, of_s.received.loans + of_t.sent.loans);
    free_memory(s, &memory);
    close_both(s, t);
}

/* ---- waiting ---- */

typedef struct returner {
    SOCKET s;
    vmmc_accepted_t accepted;
    HANDLE begin;
} returner_t;

static void run_returner(void *context)
{
    returner_t *returner = context;
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(returner->begin, INFINITE));
    CHECK_IS(0, give_back(returner->s, &returner->accepted));
}

static void reclaim_waits_as_recv_does(void **state)
{
    SOCKET s, t;
    int timeout = 30;
    vmmc_loan_t loan, back;
    returner_t returner = {.begin = CreateEventA(NULL, FALSE, FALSE, NULL)};
    worker_t worker;
    (void)state;
    tcp_used_pair(&s, &t);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    CHECK_FAILS(WSAEINVAL, reclaim(s, 0, &back));
    lend(s, memory.id, 0, 100, &loan);
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, reclaim(s, 0, &back));
    CHECK_FAILS(WSAEWOULDBLOCK, reclaim(s, loan.loan, &back));
    CHECK_FAILS(WSAEINVAL, reclaim(s, loan.loan + 1, &back));
    CHECK_FAILS(WSAEINVAL, reclaim(t, loan.loan, &back));
    set_nonblocking(s, false);
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, (char *)&timeout, sizeof timeout));
    CHECK_FAILS(WSAETIMEDOUT, reclaim(s, 0, &back));
    CHECK_FAILS(WSAETIMEDOUT, reclaim(s, loan.loan, &back));
    timeout = 0;
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, (char *)&timeout, sizeof timeout));
    returner.s = t;
    accept_loan(t, &loan.token, &returner.accepted);
    worker_start(&worker, run_returner, &returner);
    SetEvent(returner.begin);
    reclaim_this(s, &loan);
    worker_join(&worker);
    CHECK_FAILS(WSAEINVAL, reclaim(s, loan.loan, &back));
    free_memory(t, &memory); /* by any socket */
    CloseHandle(returner.begin);
    close_both(s, t);
}

typedef struct reclaimer {
    SOCKET s;
    HANDLE begins;
    int result, error;
} reclaimer_t;

static void run_reclaimer(void *context)
{
    reclaimer_t *reclaimer = context;
    vmmc_loan_t back;
    SetEvent(reclaimer->begins);
    reclaimer->result = reclaim(reclaimer->s, 0, &back);
    reclaimer->error = WSAGetLastError();
}

/* What ends a wait besides a return.  Whether the thread sleeps already does not matter. */
static void a_wait_ends_when_a_socket_is_closed(void **state)
{
    for (int which = 0; which < 2; which++) {
        SOCKET s, t;
        vmmc_loan_t loan;
        worker_t worker;
        (void)state;
        tcp_used_pair(&s, &t);
        vmmc_memory_t memory = allocate(s, 1, VMMC_OTHERS_READ);
        reclaimer_t reclaimer = {.s = s, .begins = CreateEventA(NULL, FALSE, FALSE, NULL)};
        lend(s, memory.id, 0, 1, &loan);
        worker_start(&worker, run_reclaimer, &reclaimer);
        CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(reclaimer.begins, INFINITE));
        CHECK_IS(0, closesocket(which ? s : t));
        worker_join(&worker);
        CHECK_IS(which ? SOCKET_ERROR : 0, reclaimer.result);
        if (which)
            CHECK_IS(WSAENOTSOCK, reclaimer.error);
        free_memory(which ? t : s, &memory);
        CHECK_IS(0, closesocket(which ? t : s));
        CloseHandle(reclaimer.begins);
    }
}

static void CALLBACK end_thread(ULONG_PTR code)
{
    worker_forget();
    ExitThread((DWORD)code);
}

/* The stream that it waited on is let go of, and others still reclaim. */
static void a_thread_ends_inside_reclaim(void **state)
{
    SOCKET s, t;
    vmmc_loan_t loan;
    vmmc_accepted_t accepted;
    worker_t worker;
    (void)state;
    tcp_used_pair(&s, &t);
    vmmc_memory_t memory = allocate(s, 1, VMMC_OTHERS_READ);
    reclaimer_t reclaimer = {.s = s, .begins = CreateEventA(NULL, FALSE, FALSE, NULL)};
    lend(s, memory.id, 0, 1, &loan);
    accept_loan(t, &loan.token, &accepted);
    worker_start(&worker, run_reclaimer, &reclaimer);
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(reclaimer.begins, INFINITE));
    CHECK(QueueUserAPC(end_thread, worker.thread, 7));
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(worker.thread, INFINITE));
    worker_join(&worker);
    CHECK_IS(0, give_back(t, &accepted));
    reclaim_this(s, &loan);
    free_memory(s, &memory);
    CloseHandle(reclaimer.begins);
    close_both(s, t);
}

/* ---- wrong use ---- */

static void wrong_requests_are_refused(void **state)
{
    static const struct {
        uint64_t offset, length;
    } wrong[] = {{0, 0}, {0, LENGTH + 1}, {LENGTH, 1}, {1, LENGTH}, {UINT64_MAX, 2}, {2, UINT64_MAX}};
    SOCKET s, t;
    vmmc_loan_t loan;
    (void)state;
    tcp_used_pair(&s, &t);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ), request = {.size = sizeof request};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        CHECK_FAILS(WSAEINVAL, try_lend(s, memory.id, wrong[i].offset, wrong[i].length, &loan));
    CHECK_FAILS(WSAEINVAL, try_lend(s, memory.id + 1, 0, 1, &loan));
    CHECK_FAILS(WSAEINVAL, try_lend(s, 0, 0, 1, &loan));
    CHECK_FAILS(WSAEINVAL, call(s, VMMC_IO_ALLOCATE, &request));
    request.length = 1;
    request.access = 2;
    CHECK_FAILS(WSAEINVAL, call(s, VMMC_IO_ALLOCATE, &request));
    request.access = VMMC_OTHERS_WRITE;
    request.file = GetStdHandle(STD_OUTPUT_HANDLE);
    CHECK_FAILS(WSAEINVAL, call(s, VMMC_IO_OPEN_FILE, &request));
    request.access = VMMC_OTHERS_READ;
    request.file = NULL;
    CHECK_FAILS(ERROR_INVALID_HANDLE, call(s, VMMC_IO_OPEN_FILE, &request));
    request.file = (HANDLE)(uintptr_t)0x7ffc;
    CHECK_FAILS(ERROR_INVALID_HANDLE, call(s, VMMC_IO_OPEN_FILE, &request));
    request.file = new_file();
    CHECK_FAILS(ERROR_FILE_INVALID, call(s, VMMC_IO_OPEN_FILE, &request)); /* an empty file cannot be mapped */
    CloseHandle(request.file);
    request.length = UINT64_MAX / 2;
    CHECK_FAILS(WSAENOBUFS, call(s, VMMC_IO_ALLOCATE, &request));
    CHECK_FAILS(WSAEINVAL, call(s, VMMC_IO_FREE, &request));
    free_memory(s, &memory);
    CHECK_FAILS(WSAEINVAL, call(s, VMMC_IO_FREE, &memory));
    for (uint32_t code = VMMC_IO_ALLOCATE; code <= (uint32_t)VMMC_IO_RETURN; code++) {
        uint32_t size = 7;
        CHECK_FAILS(WSAEINVAL, call(s, (long)code, &size));
        CHECK_FAILS(WSAEFAULT, call(s, (long)code, NULL));
    }
    close_both(s, t);
}

static void what_is_done_twice_is_refused(void **state)
{
    SOCKET s, t;
    vmmc_loan_t loan;
    vmmc_accepted_t accepted, wrong;
    (void)state;
    tcp_used_pair(&s, &t);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    lend(s, memory.id, 0, LENGTH, &loan);
    CHECK_FAILS(WSAEACCES, try_accept(s, &loan.token, &accepted)); /* the lender's own end */
    accept_loan(t, &loan.token, &accepted);
    CHECK_FAILS(WSAEACCES, try_accept(t, &loan.token, &wrong));
    wrong = accepted;
    wrong.bytes = memory.base;
    CHECK_FAILS(WSAEFAULT, give_back(t, &wrong));
    wrong.bytes = (char *)accepted.bytes + 1;
    CHECK_FAILS(WSAEFAULT, give_back(t, &wrong));
    wrong.bytes = NULL;
    CHECK_FAILS(WSAEFAULT, give_back(t, &wrong));
    CHECK_IS(0, give_back(t, &accepted));
    CHECK_FAILS(WSAEINVAL, give_back(t, &accepted));
    CHECK_FAILS(WSAEACCES, try_accept(t, &loan.token, &wrong));
    reclaim_this(s, &loan);
    CHECK_FAILS(WSAEACCES, try_accept(t, &loan.token, &wrong));
    free_memory(s, &memory);
    close_both(s, t);
}

static void a_token_is_of_use_on_its_connection_alone(void **state)
{
    SOCKET s, t, u, v;
    vmmc_loan_t loan;
    vmmc_accepted_t accepted;
    (void)state;
    tcp_used_pair(&s, &t);
    tcp_used_pair(&u, &v);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    lend(s, memory.id, 0, LENGTH, &loan);
    CHECK_FAILS(WSAEACCES, try_accept(u, &loan.token, &accepted));
    CHECK_FAILS(WSAEACCES, try_accept(v, &loan.token, &accepted));
    accept_loan(t, &loan.token, &accepted);
    CHECK_IS(0, give_back(u, &accepted)); /* by any socket */
    reclaim_this(s, &loan);
    free_memory(s, &memory);
    close_both(s, t);
    close_both(u, v);
}

static void forged_tokens_are_refused(void **state)
{
    SOCKET s, t;
    vmmc_loan_t loan;
    vmmc_accepted_t accepted;
    uint64_t random = harness_seed(7);
    (void)state;
    tcp_used_pair(&s, &t);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_WRITE);
    lend(s, memory.id, 0, LENGTH, &loan);
    for (unsigned bit = 0; bit < 8 * VMMC_TOKEN_BYTES; bit++) {
        vmmc_token_t forged = loan.token;
        forged.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_FAILS(WSAEACCES, try_accept(t, &forged, &accepted));
    }
    for (int i = 0; i < 10000; i++) {
        vmmc_token_t forged;
        for (size_t at = 0; at < sizeof forged; at++)
            forged.bytes[at] = (uint8_t)random_below(&random, 256);
        CHECK_FAILS(WSAEACCES, try_accept(t, &forged, &accepted));
        accepted.bytes = memory.base;
        CHECK_FAILS(WSAEINVAL, give_back(t, &accepted));
    }
    accept_loan(t, &loan.token, &accepted);
    CHECK_IS(0, give_back(t, &accepted));
    reclaim_this(s, &loan);
    free_memory(s, &memory);
    close_both(s, t);
}

static void freed_memory_is_readable_where_it_was_accepted(void **state)
{
    SOCKET s, t;
    vmmc_loan_t loan, late;
    vmmc_accepted_t accepted, none;
    flow_t out = flow_start(1), in = flow_start(1);
    (void)state;
    tcp_used_pair(&s, &t);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    flow_fill(&out, memory.base, LENGTH);
    lend(s, memory.id, 0, LENGTH, &loan);
    lend(s, memory.id, 0, LENGTH, &late);
    accept_loan(t, &loan.token, &accepted);
    free_memory(s, &memory);
    CHECK_FAILS(WSAEACCES, try_accept(t, &late.token, &none));
    reclaim_this(s, &late);
    CHECK_FAILS(WSAEINVAL, try_lend(s, memory.id, 0, 1, &late));
    flow_check(&in, accepted.bytes, LENGTH);
    CHECK_IS(0, give_back(t, &accepted));
    reclaim_this(s, &loan);
    close_both(s, t);
}

/* ---- the borrower may only read ---- */

static void pages_lent_for_reading_cannot_be_stored_into(void **state)
{
    SOCKET s, t;
    char name[64] = "Local\\vmmc-m-";
    vmmc_loan_t loan;
    vmmc_accepted_t accepted;
    MEMORY_BASIC_INFORMATION info;
    (void)state;
    tcp_used_pair(&s, &t);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    lend(s, memory.id, 0, LENGTH, &loan);
    accept_loan(t, &loan.token, &accepted);
    CHECK(VirtualQuery(accepted.bytes, &info, sizeof info) == sizeof info);
    CHECK_IS(PAGE_READONLY, info.Protect);
    CHECK(IsBadWritePtr(accepted.bytes, 1));
    for (int i = 0; i < 16; i++) /* whoever knows the token finds the memory, but not for writing */
        snprintf(name + strlen(name), 3, "%02x", loan.token.bytes[16 + i]);
    HANDLE readable = OpenFileMappingA(FILE_MAP_READ, FALSE, name);
    CHECK(readable != NULL);
    CHECK(MapViewOfFile(readable, FILE_MAP_WRITE, 0, 0, 0) == NULL);
    CloseHandle(readable);
    CHECK(OpenFileMappingA(FILE_MAP_WRITE, FALSE, name) == NULL);
    CHECK_IS(0, give_back(t, &accepted));
    reclaim_this(s, &loan);
    free_memory(s, &memory);
    close_both(s, t);
}

/* ---- connections and processes that end ---- */

static void accepted_pages_outlive_the_borrowers_socket(void **state)
{
    SOCKET s, t, u, v;
    vmmc_loan_t loan, late;
    vmmc_accepted_t accepted;
    flow_t out = flow_start(1), in = flow_start(1);
    (void)state;
    tcp_used_pair(&s, &t);
    tcp_used_pair(&u, &v);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    flow_fill(&out, memory.base, LENGTH);
    lend(s, memory.id, 0, LENGTH, &loan);
    lend(s, memory.id, 0, LENGTH, &late);
    accept_loan(t, &loan.token, &accepted);
    CHECK_IS(0, closesocket(t));
    reclaim_this(s, &late);
    set_nonblocking(s, true);
    CHECK_FAILS(WSAEWOULDBLOCK, reclaim(s, 0, &late));
    flow_check(&in, accepted.bytes, LENGTH);
    CHECK_IS(0, give_back(u, &accepted));
    reclaim_this(s, &loan);
    free_memory(s, &memory);
    CHECK_IS(0, closesocket(s));
    close_both(u, v);
}

static void accepted_pages_outlive_the_lenders_socket(void **state)
{
    SOCKET s, t;
    vmmc_loan_t loan, late;
    vmmc_accepted_t accepted, second;
    flow_t out = flow_start(1), in = flow_start(1);
    (void)state;
    tcp_used_pair(&s, &t);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    flow_fill(&out, memory.base, LENGTH);
    lend(s, memory.id, 0, LENGTH, &loan);
    lend(s, memory.id, 1000, 1, &late);
    accept_loan(t, &loan.token, &accepted);
    CHECK_IS(0, closesocket(s));
    accept_loan(t, &late.token, &second);
    flow_check(&in, accepted.bytes, LENGTH);
    CHECK_IS(0, give_back(t, &accepted));
    CHECK_IS(0, give_back(t, &second));
    free_memory(t, &memory);
    CHECK_IS(0, closesocket(t));
}

static void role_holder(int argc, char **argv)
{
    SOCKET s = user_level_in_peer(argv);
    vmmc_accepted_t accepted;
    (void)argc;
    accept_next(s, &accepted);
    slot_post(HELD, 0);
    slot_await(MAY_GO);
    closesocket(s);
}

/* It dies with one accepted and the other not. */
static void all_is_back_when_the_borrower_is_killed(void **state)
{
    peer_t peer;
    vmmc_loan_t loans[2], any;
    (void)state;
    SOCKET s = user_level_peer(&peer, "holder");
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    lend(s, memory.id, 0, LENGTH, &loans[0]);
    lend(s, memory.id, 0, LENGTH, &loans[1]);
    send_token(s, &loans[0]);
    slot_await(HELD);
    peer_kill(&peer);
    reclaim_this(s, &loans[0]);
    reclaim_this(s, &loans[1]);
    CHECK_FAILS(WSAEINVAL, reclaim(s, 0, &any));
    CHECK_FAILS(WSAECONNRESET, try_lend(s, memory.id, 0, 1, &any));
    free_memory(s, &memory);
    CHECK_IS(0, closesocket(s));
}

static void role_doomed_lender(int argc, char **argv)
{
    static char bytes[LENGTH];
    SOCKET s = user_level_in_peer(argv);
    flow_t out = flow_start(1);
    HANDLE file = new_file();
    vmmc_loan_t loans[3];
    (void)argc;
    flow_fill(&out, bytes, LENGTH);
    write_at(file, 0, bytes, LENGTH);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ), mapped = open_file(s, file);
    memcpy(memory.base, bytes, LENGTH);
    lend(s, memory.id, 0, LENGTH, &loans[0]);
    lend(s, mapped.id, 0, LENGTH, &loans[1]);
    lend(s, memory.id, 0, LENGTH, &loans[2]);
    for (int i = 0; i < 3; i++)
        send_token(s, &loans[i]);
    slot_await(MAY_GO);
}

static void accepted_pages_outlive_a_killed_lender(void **state)
{
    peer_t peer;
    vmmc_accepted_t accepted[2], late;
    vmmc_token_t token;
    (void)state;
    SOCKET s = user_level_peer(&peer, "doomed_lender");
    accept_next(s, &accepted[0]);
    accept_next(s, &accepted[1]);
    recv_all(s, &token, sizeof token);
    flow_t in = flow_start(1);
    flow_check(&in, accepted[0].bytes, LENGTH / 2);
    peer_kill(&peer);
    expect_end_or_reset(s);
    flow_check(&in, (char *)accepted[0].bytes + LENGTH / 2, LENGTH - LENGTH / 2);
    in = flow_start(1);
    flow_check(&in, accepted[1].bytes, LENGTH);
    CHECK_FAILS(WSAEACCES, try_accept(s, &token, &late));
    CHECK_IS(0, give_back(s, &accepted[0]));
    CHECK_IS(0, give_back(s, &accepted[1]));
    CHECK_FAILS(WSAEINVAL, give_back(s, &accepted[0]));
    CHECK_IS(0, closesocket(s));
}

/* ---- where the bytes go does not matter ---- */

static void demoted_connections_lend_too(void **state)
{
    SOCKET s, t;
    HANDLE copy, self = GetCurrentProcess();
    vmmc_loan_t before, after;
    vmmc_accepted_t accepted;
    char text[4];
    (void)state;
    tcp_used_pair(&s, &t);
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    lend(s, memory.id, 0, LENGTH, &before);
    CHECK(DuplicateHandle(self, (HANDLE)s, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    send_all(s, "kern", 4);
    recv_all(t, text, 4);
    lend(s, memory.id, 0, LENGTH, &after);
    accept_loan(t, &before.token, &accepted);
    CHECK_IS(0, give_back(t, &accepted));
    accept_loan(t, &after.token, &accepted);
    CHECK_IS(0, give_back(t, &accepted));
    reclaim_this(s, &before);
    reclaim_this(s, &after);
    free_memory(s, &memory);
    CloseHandle(copy);
    close_both(s, t);
}

static void sockets_that_are_not_user_level_do_not_lend(void **state)
{
    SOCKET s = tcp_socket(), udp = socket(AF_INET, SOCK_DGRAM, 0), used, other;
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    vmmc_loan_t loan;
    vmmc_accepted_t accepted;
    (void)state;
    tcp_used_pair(&used, &other);
    lend(used, memory.id, 0, 1, &loan);
    for (int i = 0; i < 2; i++) {
        vmmc_loan_t none;
        CHECK_FAILS(WSAEOPNOTSUPP, try_lend(i ? udp : s, memory.id, 0, 1, &none));
        CHECK_FAILS(WSAEOPNOTSUPP, reclaim(i ? udp : s, 0, &none));
        CHECK_FAILS(WSAEOPNOTSUPP, try_accept(i ? udp : s, &loan.token, &accepted));
    }
    free_memory(s, &memory);
    CHECK_IS(0, closesocket(s));
    CHECK_IS(0, closesocket(udp));
    close_both(used, other);
}

/* ---- nothing is left ---- */

static DWORD handle_count(void)
{
    DWORD count = 0;
    CHECK(GetProcessHandleCount(GetCurrentProcess(), &count));
    return count;
}

static void lend_and_forget(SOCKET s, SOCKET t)
{
    HANDLE file = new_file();
    write_at(file, 0, "file", 4);
    for (int i = 0; i < 50; i++) {
        vmmc_memory_t memory = i % 2 ? open_file(s, file) : allocate(s, 70000, VMMC_OTHERS_WRITE);
        vmmc_loan_t loan;
        vmmc_accepted_t accepted;
        lend(s, memory.id, 0, 4, &loan);
        accept_loan(t, &loan.token, &accepted);
        if (i % 3)
            free_memory(s, &memory);
        CHECK_IS(0, give_back(t, &accepted));
        reclaim_this(s, &loan);
        if (i % 3 == 0)
            free_memory(s, &memory);
    }
    CloseHandle(file);
}

/* Nor an address: what is freed is not mapped any more once the watcher has been round. */
static void handles_and_pages_are_given_back(void **state)
{
    SOCKET s, t;
    MEMORY_BASIC_INFORMATION info;
    vmmc_loan_t loan;
    vmmc_accepted_t accepted;
    (void)state;
    tcp_used_pair(&s, &t);
    lend_and_forget(s, t);
    DWORD before = handle_count();
    lend_and_forget(s, t);
    CHECK_IS(before, handle_count());
    vmmc_memory_t memory = allocate(s, LENGTH, VMMC_OTHERS_READ);
    lend(s, memory.id, 0, LENGTH, &loan);
    accept_loan(t, &loan.token, &accepted);
    CHECK_IS(0, give_back(t, &accepted));
    free_memory(s, &memory);
    do {
        CHECK(VirtualQuery(accepted.bytes, &info, sizeof info) == sizeof info);
    } while (info.State == MEM_COMMIT && info.Type == MEM_MAPPED && (Sleep(1), true));
    close_both(s, t);
}

static const role_t roles[] = {
    {"lender", role_lender},
    {"borrower", role_borrower},
    {"storer", role_storer},
    {"repeater", role_repeater},
    {"hoarder", role_hoarder},
    {"holder", role_holder},
    {"doomed_lender", role_doomed_lender},
};

static const struct CMUnitTest tests[] = {
    CASE(a_loan_is_the_lenders_own_bytes),
    CASE(what_is_lent_for_writing_is_a_receive_buffer),
    CASE(a_part_of_a_large_file_is_lent),
    CASE(many_loans_come_back_in_any_order),
    CASE(loans_are_counted),
    CASE(reclaim_waits_as_recv_does),
    CASE(a_wait_ends_when_a_socket_is_closed),
    CASE(a_thread_ends_inside_reclaim),
    CASE(wrong_requests_are_refused),
    CASE(what_is_done_twice_is_refused),
    CASE(a_token_is_of_use_on_its_connection_alone),
    CASE(forged_tokens_are_refused),
    CASE(freed_memory_is_readable_where_it_was_accepted),
    CASE(pages_lent_for_reading_cannot_be_stored_into),
    CASE(accepted_pages_outlive_the_borrowers_socket),
    CASE(accepted_pages_outlive_the_lenders_socket),
    CASE(all_is_back_when_the_borrower_is_killed),
    CASE(accepted_pages_outlive_a_killed_lender),
    CASE(demoted_connections_lend_too),
    CASE(sockets_that_are_not_user_level_do_not_lend),
    CASE(handles_and_pages_are_given_back),
};

HARNESS_MAIN(roles, tests)
