/* handles: a socket is a handle: ReadFile and WriteFile, the C run-time's descriptors, children that inherit it, copies,
 * CloseHandle.  What the calls give and what the other end gets is as the builtin has it, in the middle of a stream. */
#include "wire.h"

#include <fcntl.h>
#include <io.h>

enum { UNTOUCHED = 1234 };

/* ---- results and errors ---- */

static DWORD last_moved;

static BOOL read_file(SOCKET s, void *bytes, DWORD count)
{
    last_moved = 77;
    SetLastError(UNTOUCHED);
    return ReadFile((HANDLE)s, bytes, count, &last_moved, NULL);
}

static BOOL write_file(SOCKET s, const void *bytes, DWORD count)
{
    last_moved = 77;
    SetLastError(UNTOUCHED);
    return WriteFile((HANDLE)s, bytes, count, &last_moved, NULL);
}

#define MOVES(count, call) \
    do { \
        CHECK(call); \
        CHECK_IS(UNTOUCHED, GetLastError()); \
        CHECK_IS(count, last_moved); \
    } while (0)
#define FAILS_AS_FILE(error, call) \
    do { \
        CHECK(!(call)); \
        CHECK_IS(error, GetLastError()); \
        CHECK_IS(0, last_moved); \
    } while (0)

static void reads_and_writes(void **state)
{
    SOCKET s, t;
    char text[16];
    (void)state;
    tcp_used_pair(&s, &t);
    send_all(t, "hello", 5);
    MOVES(0, read_file(s, text, 0));
    MOVES(2, read_file(s, text, 2));
    MOVES(3, read_file(s, text, sizeof text));
    CHECK(memcmp(text, "llo", 3) == 0);
    MOVES(4, write_file(s, "file", 4));
    MOVES(0, write_file(s, "", 0));
    recv_all(t, text, 4);
    CHECK(memcmp(text, "file", 4) == 0);
    FAILS_AS_FILE(ERROR_NOACCESS, read_file(s, NULL, 10));
    close_both(s, t);
    FAILS_AS_FILE(ERROR_INVALID_HANDLE, read_file(s, text, 1));
    FAILS_AS_FILE(ERROR_INVALID_HANDLE, write_file(s, text, 1));
}

static void unconnected_sockets_fail(void **state)
{
    char byte = 0;
    SOCKET s = tcp_socket();
    (void)state;
    FAILS_AS_FILE(ERROR_UNEXP_NET_ERR, read_file(s, &byte, 1));
    FAILS_AS_FILE(ERROR_NETNAME_DELETED, write_file(s, &byte, 1));
    CHECK_IS(0, closesocket(s));
}

static void the_end_is_no_failure(void **state)
{
    SOCKET s, t;
    char text[8];
    (void)state;
    tcp_used_pair(&s, &t);
    send_all(t, "last", 4);
    CHECK_IS(0, shutdown(t, 1));
    MOVES(4, read_file(s, text, sizeof text));
    MOVES(0, read_file(s, text, sizeof text));
    MOVES(0, read_file(s, text, 0));
    set_nonblocking(s, true);
    MOVES(0, read_file(s, text, sizeof text));
    MOVES(4, write_file(s, "more", 4));
    recv_all(t, text, 4);
    close_both(s, t);
}

static void shut_directions_fail(void **state)
{
    SOCKET s, t;
    char byte = 0;
    (void)state;
    tcp_used_pair(&s, &t);
    CHECK_IS(0, shutdown(s, 1));
    FAILS_AS_FILE(ERROR_PIPE_NOT_CONNECTED, write_file(s, &byte, 1));
    CHECK_IS(0, shutdown(s, 0));
    send_all(t, "x", 1);
    FAILS_AS_FILE(ERROR_PIPE_NOT_CONNECTED, read_file(s, &byte, 1));
    close_both(s, t);
}

static void writes_after_the_peers_close_fail(void **state)
{
    SOCKET s, t;
    char byte = 0;
    (void)state;
    tcp_used_pair(&s, &t);
    CHECK_IS(0, closesocket(t));
    MOVES(1, write_file(s, &byte, 1));
    while (write_file(s, &byte, 1)) /* the refusal of the first is on its way */
        ;
    CHECK_IS(ERROR_NETNAME_DELETED, GetLastError());
    CHECK_IS(0, last_moved);
    CHECK_IS(0, closesocket(s));
}

static void send_late(void *context)
{
    Sleep(150); /* longer than the time-out that must not matter */
    send_all(*(SOCKET *)context, "late", 4);
}

static void reads_wait_whatever_is_set(void **state)
{
    (void)state;
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        SOCKET s, t;
        char text[8];
        int timeout = 50;
        worker_t worker;
        tcp_used_pair(&s, &t);
        set_nonblocking(s, nonblocking != 0);
        CHECK_IS(0, setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, (char *)&timeout, sizeof timeout));
        worker_start(&worker, send_late, &t);
        MOVES(4, read_file(s, text, sizeof text));
        worker_join(&worker);
        close_both(s, t);
    }
}

/* ---- much ---- */

/* Wine 8's own WriteFile never goes on once the kernel connection was full, whoever reads. */
static DWORD how_much(void)
{
    return has_streams() ? 8 << 20 : 1 << 20;
}

static void take_much(void *context)
{
    flow_t in = flow_start(3);
    flow_recv(*(SOCKET *)context, &in, how_much(), 65536);
}

static void a_large_write_is_whole(void **state)
{
    SOCKET s, t;
    worker_t worker;
    flow_t out = flow_start(3);
    DWORD much = how_much();
    char *bytes = malloc(much);
    (void)state;
    CHECK(bytes != NULL);
    tcp_used_pair(&s, &t);
    worker_start(&worker, take_much, &t);
    flow_fill(&out, bytes, much);
    MOVES(much, write_file(s, bytes, much));
    worker_join(&worker);
    free(bytes);
    close_both(s, t);
}

/* ---- the C run-time ---- */

static void descriptors_read_and_write(void **state)
{
    SOCKET s, t;
    char text[8];
    (void)state;
    tcp_used_pair(&s, &t);
    int fd = _open_osfhandle((intptr_t)s, _O_RDWR | _O_BINARY);
    CHECK(fd >= 0);
    CHECK_IS(5, _write(fd, "stdio", 5));
    recv_all(t, text, 5);
    CHECK(memcmp(text, "stdio", 5) == 0);
    send_all(t, "back", 4);
    CHECK_IS(4, _read(fd, text, sizeof text));
    send_all(s, "send", 4);
    recv_all(t, text, 4);
    CHECK(memcmp(text, "send", 4) == 0);
    CHECK_IS(0, _close(fd)); /* which closes the socket */
    expect_end(t);
    CHECK_IS(0, closesocket(t));
}

/* ---- after the stream has gone home ---- */

static void overlapped_write(SOCKET s, const char *text, DWORD count)
{
    OVERLAPPED request = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    DWORD moved = 0;
    if (!WriteFile((HANDLE)s, text, count, NULL, &request))
        CHECK_IS(ERROR_IO_PENDING, GetLastError());
    CHECK(GetOverlappedResult((HANDLE)s, &request, &moved, TRUE));
    CHECK_IS(count, moved);
    CloseHandle(request.hEvent);
}

static void modes_still_change_after_overlapped_use(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++) {
        SOCKET s, t;
        char text[8];
        tcp_used_pair(&s, &t);
        set_nonblocking(s, before != 0);
        overlapped_write(s, "over", 4);
        recv_all(t, text, 4);
        set_nonblocking(s, true);
        CHECK_FAILS(WSAEWOULDBLOCK, recv(s, text, sizeof text, 0));
        set_nonblocking(s, false);
        send_all(t, "back", 4);
        recv_all(s, text, 4);
        CHECK(memcmp(text, "back", 4) == 0);
        close_both(s, t);
    }
}

static DWORD routine_moved;

static void CALLBACK on_done(DWORD error, DWORD moved, OVERLAPPED *request)
{
    (void)request;
    CHECK_IS(0, error);
    routine_moved = moved;
}

static void completion_routines_run(void **state)
{
    SOCKET s, t;
    char text[8];
    OVERLAPPED request = {0};
    (void)state;
    tcp_used_pair(&s, &t);
    routine_moved = 0;
    CHECK(ReadFileEx((HANDLE)s, text, sizeof text, &request, on_done));
    send_all(t, "routine", 7);
    while (!routine_moved)
        SleepEx(INFINITE, TRUE);
    CHECK(routine_moved <= 7 && memcmp(text, "routine", routine_moved) == 0);
    recv_all(s, text, 7 - routine_moved);
    routine_moved = 0;
    CHECK(WriteFileEx((HANDLE)s, "written", 7, &request, on_done));
    while (!routine_moved)
        SleepEx(INFINITE, TRUE);
    recv_all(t, text, 7);
    CHECK(memcmp(text, "written", 7) == 0);
    close_both(s, t);
}

/* ---- copies ---- */

static void a_copy_takes_the_place_of_its_source(void **state)
{
    SOCKET s, t;
    HANDLE copy, self = GetCurrentProcess();
    char text[8];
    (void)state;
    tcp_used_pair(&s, &t);
    send_all(t, "unread", 6);
    CHECK(DuplicateHandle(self, (HANDLE)s, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    recv_all((SOCKET)copy, text, 6);
    CHECK(memcmp(text, "unread", 6) == 0);
    send_all((SOCKET)copy, "copy", 4);
    recv_all(t, text, 4);
    CHECK_IS(0, closesocket((SOCKET)copy));
    expect_end(t);
    CHECK_IS(0, closesocket(t));
}

static void use_copy_role(int argc, char **argv)
{
    char text[8];
    (void)argc, (void)argv;
    HANDLE copy = (HANDLE)(intptr_t)slot_await(1);
    CHECK(write_file((SOCKET)copy, "from child", 10));
    for (DWORD got = 0; got < 8; got += last_moved)
        CHECK(read_file((SOCKET)copy, text, 8 - got) && last_moved);
    CHECK(CloseHandle(copy));
}

/* As a supervisor hands a connection to a worker that runs already. */
static void a_copy_for_another_process_works_there(void **state)
{
    SOCKET s, t;
    HANDLE copy;
    char text[10];
    (void)state;
    tcp_used_pair(&s, &t);
    peer_t peer = peer_start("use_copy", " ");
    CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)s, peer.process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK_IS(0, closesocket(s));
    slot_post(1, (long)(intptr_t)copy);
    recv_all(t, text, 10);
    CHECK(memcmp(text, "from child", 10) == 0);
    send_all(t, "to child", 8);
    peer_join(&peer);
    expect_end(t);
    CHECK_IS(0, closesocket(t));
}

static void a_protected_handle_stays_open(void **state)
{
    SOCKET s, t;
    char text[8];
    (void)state;
    tcp_used_pair(&s, &t);
    CHECK(SetHandleInformation((HANDLE)s, HANDLE_FLAG_PROTECT_FROM_CLOSE, HANDLE_FLAG_PROTECT_FROM_CLOSE));
    CHECK(!CloseHandle((HANDLE)s));
    send_all(s, "open", 4);
    recv_all(t, text, 4);
    send_all(t, "open", 4);
    recv_all(s, text, 4);
    CHECK(SetHandleInformation((HANDLE)s, HANDLE_FLAG_PROTECT_FROM_CLOSE, 0));
    CHECK(CloseHandle((HANDLE)s));
    expect_end(t);
    CHECK_IS(0, closesocket(t));
}

/* ---- children ---- */

static void run_with_output(const char *line, SOCKET output)
{
    STARTUPINFOA startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES, .hStdOutput = (HANDLE)output};
    PROCESS_INFORMATION child;
    char command[256];
    snprintf(command, sizeof command, "%s", line);
    CHECK(CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &child));
    CHECK_IS(WAIT_OBJECT_0, WaitForSingleObject(child.hProcess, INFINITE));
    CloseHandle(child.hProcess);
    CloseHandle(child.hThread);
}

static void a_program_writes_to_a_socket_as_its_output(void **state)
{
    SOCKET s, t, other_s, other_t;
    char text[8];
    (void)state;
    tcp_used_pair(&s, &t);
    tcp_used_pair(&other_s, &other_t);
    send_all(s, "before ", 7);
    run_with_output("cmd.exe /c echo hello", s);
    send_all(s, "after", 5);
    recv_all(t, text, 7);
    recv_all(t, text, 7);
    CHECK(memcmp(text, "hello\r\n", 7) == 0);
    recv_all(t, text, 5);
    CHECK(memcmp(text, "after", 5) == 0);
    send_all(other_s, "other", 5);
    recv_all(other_t, text, 5);
    close_both(other_s, other_t);
    CHECK_IS(0, closesocket(s));
    expect_end(t);
    CHECK_IS(0, closesocket(t));
    tcp_used_pair(&s, &t); /* and new ones are made as before */
    close_both(s, t);
}

enum { CHILD_BYTES = 300000, PARENT_BYTES = 200000 };

/* The child writes and reads the inherited socket as a file. */
static void child_role(int argc, char **argv)
{
    static char bytes[10000];
    CHECK_IS(1, argc);
    SOCKET s = (SOCKET)strtoul(argv[0], NULL, 10);
    flow_t out = flow_start(4), in = flow_start(5);
    for (int i = 0; i < CHILD_BYTES / (int)sizeof bytes; i++) {
        flow_fill(&out, bytes, sizeof bytes);
        MOVES(sizeof bytes, write_file(s, bytes, sizeof bytes));
    }
    while (in.offset < PARENT_BYTES) {
        CHECK(read_file(s, bytes, sizeof bytes) && last_moved);
        flow_check(&in, bytes, last_moved);
    }
}

/* `bare`: a child that has not got our DLL. */
static peer_t start_child(SOCKET s, bool bare)
{
    return (bare ? peer_start_inheriting_bare : peer_start_inheriting)("child", "%lu", (unsigned long)s);
}

static void serve_by_child(bool bare)
{
    SOCKET s, t, other_s, other_t;
    tcp_used_pair(&s, &t);
    tcp_used_pair(&other_s, &other_t);
    flow_t in = flow_start(4), out = flow_start(5), other_out = flow_start(6), other_in = flow_start(6);
    peer_t child = start_child(s, bare);
    CHECK_IS(0, closesocket(s));
    flow_send(other_s, &other_out, 50000, 5000); /* the parent goes on with what it has */
    flow_recv(other_t, &other_in, 50000, 5000);
    flow_recv(t, &in, CHILD_BYTES, 20000);
    flow_send(t, &out, PARENT_BYTES, 20000);
    peer_join(&child);
    expect_end(t);
    CHECK_IS(0, closesocket(t));
    close_both(other_s, other_t);
}

static void a_child_serves_the_inherited_connection(void **state)
{
    (void)state;
    serve_by_child(false);
}

static void a_child_without_the_dll_serves_it(void **state)
{
    (void)state;
    serve_by_child(true);
}

/* What is not inheritable is not the child's business. */
static void uninheritable_sockets_are_left_alone(void **state)
{
    SOCKET s, t;
    char text[8];
    (void)state;
    tcp_used_pair(&s, &t);
    CHECK(SetHandleInformation((HANDLE)s, HANDLE_FLAG_INHERIT, 0));
    CHECK(SetHandleInformation((HANDLE)t, HANDLE_FLAG_INHERIT, 0));
    send_all(s, "unread", 6);
    run_with_output("cmd.exe /c rem", INVALID_SOCKET);
    recv_all(t, text, 6);
    close_both(s, t);
}

static const role_t roles[] = {{"use_copy", use_copy_role}, {"child", child_role}};

static const struct CMUnitTest tests[] = {
    CASE(reads_and_writes),
    CASE(unconnected_sockets_fail),
    CASE(the_end_is_no_failure),
    CASE(shut_directions_fail),
    CASE(writes_after_the_peers_close_fail),
    CASE(reads_wait_whatever_is_set),
    CASE(a_large_write_is_whole),
    CASE(descriptors_read_and_write),
    CASE(modes_still_change_after_overlapped_use),
    CASE(completion_routines_run),
    CASE(a_copy_takes_the_place_of_its_source),
    CASE(a_copy_for_another_process_works_there),
    CASE(a_protected_handle_stays_open),
    CASE(a_program_writes_to_a_socket_as_its_output),
    CASE(a_child_serves_the_inherited_connection),
    CASE(a_child_without_the_dll_serves_it),
    CASE(uninheritable_sockets_are_left_alone),
};

HARNESS_MAIN(roles, tests)
