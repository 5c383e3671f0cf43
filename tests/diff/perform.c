/* perform: see perform.h. */
#include "perform.h"

#include "lockstep.h"
#include "messages.h"
#include "odd.h"
#include "say.h"

#include <stdio.h>
#include <string.h>

enum { GUARD = 16, BUFFER = PLAN_BULK + GUARD, AWAIT_MS = 3000, NO_ERROR_YET = 20001 };

static struct {
    SOCKET handles[PLAN_SOCKETS], closed[PLAN_SOCKETS]; /* a closed one's messages may still come */
    SOCKET nobody; /* bound, and never listening */
    HANDLE file;
    char letter;
    char bytes[BUFFER];
} self;

static SOCKET handle_of(uint8_t sock)
{
    return sock < PLAN_SOCKETS ? self.handles[sock] : INVALID_SOCKET;
}

static struct sockaddr_in loopback(unsigned port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((u_short)port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return name;
}

static unsigned own_port(SOCKET s)
{
    struct sockaddr_in name = {0};
    int length = sizeof name;
    return getsockname(s, (struct sockaddr *)&name, &length) == 0 ? ntohs(name.sin_port) : 0;
}

static HANDLE temporary_file(void)
{
    char folder[MAX_PATH], path[MAX_PATH];
    if (!GetTempPathA(sizeof folder, folder) || !GetTempFileNameA(folder, "dif", 0, path))
        return INVALID_HANDLE_VALUE;
    return CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                       FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
}

static unsigned index_of(const plan_t *plan, const step_t *step)
{
    return (unsigned)(step - plan->steps);
}

void perform_start(unsigned actor)
{
    struct sockaddr_in name = loopback(0);
    DWORD written;
    self.letter = (char)('A' + actor);
    for (unsigned i = 0; i < PLAN_SOCKETS; i++)
        self.handles[i] = self.closed[i] = INVALID_SOCKET;
    self.nobody = socket(AF_INET, SOCK_STREAM, 0);
    self.file = temporary_file();
    for (unsigned i = 0; i < BUFFER; i++)
        self.bytes[i] = (char)(i * 7 + i / 251);
    if (bind(self.nobody, (struct sockaddr *)&name, sizeof name) != 0 || self.file == INVALID_HANDLE_VALUE ||
        !WriteFile(self.file, self.bytes, 1 << 16, &written, NULL))
        lockstep_fail("no socket or no file to begin with");
    odd_start();
    messages_start();
}

/* ---- bytes ---- */

static void fill_bytes(const plan_t *plan, const step_t *step, size_t count)
{
    uint32_t x = plan->number * 2654435761u + index_of(plan, step) * 40503u;
    for (size_t i = 0; i < count; i++) {
        x = x * 1664525u + 1013904223u;
        self.bytes[i] = (char)(x >> 24);
    }
}

/* A receive's memory: what it must not touch is part of what is compared. */
static char *blank(size_t count)
{
    memset(self.bytes, 0xCC, count + GUARD);
    return self.bytes;
}

/* ---- waiting for what others did ---- */

static bool selects(SOCKET s, await_kind_t kind)
{
    fd_set set = {.fd_count = 1, .fd_array = {s}};
    struct timeval time = {AWAIT_MS / 1000, 0};
    return select(0, kind == AWAIT_READABLE ? &set : NULL, kind == AWAIT_WRITABLE ? &set : NULL,
                  kind == AWAIT_EXCEPTION ? &set : NULL, &time) == 1;
}

static bool has_arrived(const await_t *await, SOCKET s)
{
    struct sockaddr_in name;
    int length = sizeof name;
    u_long waiting = 0;
    if (await->kind == AWAIT_NAMED)
        return getpeername(s, (struct sockaddr *)&name, &length) == 0;
    return ioctlsocket(s, FIONREAD, &waiting) == 0 && waiting >= await->bytes;
}

static bool arrives(const await_t *await)
{
    SOCKET s = handle_of(await->sock);
    if (s == INVALID_SOCKET)
        return true; /* already reported as the failure that lost it */
    if (await->kind != AWAIT_BYTES && await->kind != AWAIT_NAMED)
        return selects(s, (await_kind_t)await->kind);
    DWORD since = GetTickCount();
    for (unsigned tries = 0; !has_arrived(await, s); tries++) {
        if (GetTickCount() - since > AWAIT_MS)
            return false;
        Sleep(tries < 100 ? 0 : 1);
    }
    return true;
}

/* ---- saying what happened ---- */

static void begin(void)
{
    WSASetLastError(NO_ERROR_YET);
}

/* The result of a call, and the thread's error after it. */
static void say_result(say_t *say, long result)
{
    int error = WSAGetLastError();
    say_text(say, " = %ld", result);
    if (error == NO_ERROR_YET)
        say_text(say, " error same");
    else
        say_text(say, " error %d", error);
}

static void say_name(say_t *say, const struct sockaddr_in *name, int length)
{
    say_text(say, " length %d", length);
    if ((uint16_t)name->sin_family != 0xCCCC)
        say_text(say, " name %d %s @%u@", name->sin_family, inet_ntoa(name->sin_addr), ntohs(name->sin_port));
}

static void say_socket(say_t *say, const char *call, const step_t *step)
{
    if (step->sock == NO_SOCKET)
        say_text(say, "%s(", call);
    else
        say_text(say, "%s(s%u", call, step->sock);
}

/* ---- life of a socket ---- */

static void remember(uint8_t sock, SOCKET s, unsigned step)
{
    if (sock == NO_SOCKET) {
        if (s != INVALID_SOCKET)
            closesocket(s); /* nobody expected it; the result has been said */
        return;
    }
    self.handles[sock] = s;
    if (s == INVALID_SOCKET)
        return;
    InterlockedExchange(&board->named[sock], (LONG)step);
    InterlockedExchange(&board->ports[sock], (LONG)own_port(s));
}

static void do_socket(const step_t *step, say_t *say)
{
    say_socket(say, "socket", step);
    begin();
    SOCKET s = socket(AF_INET, step->a ? SOCK_DGRAM : SOCK_STREAM, 0);
    say_text(say, ", %s)", step->a ? "UDP" : "TCP");
    say_result(say, s == INVALID_SOCKET ? -1 : 0);
    self.handles[step->sock] = s;
}

static void do_bind(const plan_t *plan, const step_t *step, say_t *say)
{
    struct sockaddr_in name = loopback(0);
    if (step->a)
        name.sin_addr.s_addr = INADDR_ANY;
    say_socket(say, "bind", step);
    say_text(say, ", %s)", step->a ? "any" : "loopback");
    begin();
    say_result(say, bind(handle_of(step->sock), (struct sockaddr *)&name, sizeof name));
    remember(step->sock, handle_of(step->sock), index_of(plan, step));
}

static void do_listen(const step_t *step, say_t *say)
{
    say_socket(say, "listen", step);
    say_text(say, ", %d)", step->a);
    begin();
    say_result(say, listen(handle_of(step->sock), step->a));
}

static void do_connect(const plan_t *plan, const step_t *step, say_t *say)
{
    struct sockaddr_in name =
        loopback(step->other == NO_SOCKET ? own_port(self.nobody) : (unsigned)board->ports[step->other]);
    say_socket(say, "connect", step);
    say_text(say, ", s%d)", step->other);
    begin();
    say_result(say, connect(handle_of(step->sock), (struct sockaddr *)&name, sizeof name));
    remember(step->sock, handle_of(step->sock), index_of(plan, step));
}

static void do_accept(const plan_t *plan, const step_t *step, say_t *say)
{
    struct sockaddr_in name;
    int length = sizeof name;
    memset(&name, 0xCC, sizeof name);
    say_socket(say, "accept", step);
    say_text(say, ")");
    begin();
    SOCKET s = step->a ? accept(handle_of(step->sock), (struct sockaddr *)&name, &length)
                       : accept(handle_of(step->sock), NULL, NULL);
    say_result(say, s == INVALID_SOCKET ? -1 : 0);
    say_name(say, &name, length);
    remember(step->other, s, index_of(plan, step));
}

static void do_shutdown(const step_t *step, say_t *say)
{
    say_socket(say, "shutdown", step);
    say_text(say, ", %d)", step->a);
    begin();
    say_result(say, shutdown(handle_of(step->sock), step->a));
}

static void do_close(const step_t *step, say_t *say)
{
    SOCKET s = handle_of(step->sock);
    say_socket(say, "closesocket", step);
    say_text(say, ")");
    begin();
    say_result(say, closesocket(s));
    self.handles[step->sock] = INVALID_SOCKET;
    self.closed[step->sock] = s;
    if (step->a)
        odd_on_handle((unsigned)step->b, s, say);
}

/* ---- transfers ---- */

static const char *const send_names[FORM_COUNT] = {"send", "sendto", "", "WriteFile"};
static const char *const receive_names[FORM_COUNT] = {"recv", "recvfrom", "WSARecvEx", "ReadFile"};

static int send_by(const step_t *step, SOCKET s)
{
    struct sockaddr_in to = loopback(9);
    DWORD written = 0;
    switch (step->c) {
    case FORM_ADDRESS: return sendto(s, self.bytes, step->a, step->b, (struct sockaddr *)&to, sizeof to);
    case FORM_FILE: return WriteFile((HANDLE)s, self.bytes, (DWORD)step->a, &written, NULL) ? (int)written : -1;
    default: return send(s, self.bytes, step->a, step->b);
    }
}

static void do_send(const plan_t *plan, const step_t *step, say_t *say)
{
    fill_bytes(plan, step, (size_t)step->a);
    say_socket(say, send_names[step->c], step);
    say_text(say, ", %d, %#x)", step->a, (unsigned)step->b);
    begin();
    say_result(say, send_by(step, handle_of(step->sock)));
}

static int receive_by(const step_t *step, SOCKET s, struct sockaddr_in *from, int *length)
{
    DWORD got = 0;
    int flags = step->b;
    switch (step->c) {
    case FORM_ADDRESS: return recvfrom(s, self.bytes, step->a, flags, (struct sockaddr *)from, length);
    case FORM_EX: return WSARecvEx(s, self.bytes, step->a, &flags);
    case FORM_FILE: return ReadFile((HANDLE)s, self.bytes, (DWORD)step->a, &got, NULL) ? (int)got : -1;
    default: return recv(s, self.bytes, step->a, flags);
    }
}

static void do_receive(const step_t *step, say_t *say)
{
    struct sockaddr_in from;
    int length = sizeof from;
    memset(&from, 0xCC, sizeof from);
    blank((size_t)step->a);
    say_socket(say, receive_names[step->c], step);
    say_text(say, ", %d, %#x)", step->a, (unsigned)step->b);
    begin();
    say_result(say, receive_by(step, handle_of(step->sock), &from, &length));
    say_bytes(say, self.bytes, (size_t)step->a + GUARD);
    if (step->c == FORM_ADDRESS)
        say_name(say, &from, length);
}

static void do_sendto(const plan_t *plan, const step_t *step, say_t *say)
{
    struct sockaddr_in to = loopback((unsigned)board->ports[step->other]);
    fill_bytes(plan, step, (size_t)step->a);
    say_socket(say, "sendto", step);
    say_text(say, ", %d, s%u)", step->a, step->other);
    begin();
    say_result(say, sendto(handle_of(step->sock), self.bytes, step->a, 0, (struct sockaddr *)&to, sizeof to));
}

/* ---- much at once: only the sum is compared ---- */

static bool wait_if_would_block(SOCKET s, await_kind_t kind)
{
    return WSAGetLastError() == WSAEWOULDBLOCK && selects(s, kind);
}

static void do_send_all(const plan_t *plan, const step_t *step, say_t *say)
{
    SOCKET s = handle_of(step->sock);
    int done = 0, sent = 0;
    fill_bytes(plan, step, (size_t)step->a);
    while (done < step->a) {
        int left = step->a - done;
        sent = send(s, self.bytes + done, left < step->b ? left : step->b, 0);
        if (sent < 0 && wait_if_would_block(s, AWAIT_WRITABLE))
            continue;
        if (sent <= 0)
            break;
        done += sent;
    }
    say_socket(say, "send all", step);
    say_text(say, ", %d by %d): %d, last %s", step->a, step->b, done, sent > 0 ? "well" : "failed");
}

static void do_recv_all(const step_t *step, say_t *say)
{
    SOCKET s = handle_of(step->sock);
    int done = 0, got = 0;
    blank((size_t)step->a);
    while (done < step->a) {
        int left = step->a - done;
        got = recv(s, self.bytes + done, left < step->b ? left : step->b, 0);
        if (got < 0 && wait_if_would_block(s, AWAIT_READABLE))
            continue;
        if (got <= 0)
            break;
        done += got;
    }
    say_socket(say, "recv all", step);
    say_text(say, ", %d by %d): %d, last %s", step->a, step->b, done, got > 0 ? "well" : "failed");
    say_bytes(say, self.bytes, (size_t)step->a + GUARD);
}

/* How much fits is nobody's business; that it ends with WSAEWOULDBLOCK is. */
static void do_fill(const plan_t *plan, const step_t *step, say_t *say)
{
    SOCKET s = handle_of(step->sock);
    int filled = 0, sent;
    fill_bytes(plan, step, (size_t)step->a);
    begin();
    while ((sent = send(s, self.bytes, step->a, 0)) > 0)
        filled += sent;
    InterlockedExchange(&board->filled[step->sock], filled);
    say_socket(say, "fill", step);
    say_text(say, ")%s", filled > 4096 ? "" : " hardly anything");
    say_result(say, sent);
}

static void do_drain(const step_t *step, say_t *say)
{
    SOCKET s = handle_of(step->sock);
    int left = board->filled[step->other], got = 1;
    while (left > 0) {
        got = recv(s, self.bytes, left < PLAN_BULK ? left : PLAN_BULK, 0);
        if (got < 0 && wait_if_would_block(s, AWAIT_READABLE))
            continue;
        if (got <= 0)
            break;
        left -= got;
    }
    say_socket(say, "drain", step);
    say_text(say, "): %s, last %s", left ? "not all" : "all", got > 0 ? "well" : "failed");
}

static void do_transmit(const plan_t *plan, const step_t *step, say_t *say)
{
    fill_bytes(plan, step, (size_t)(step->b + step->c));
    TRANSMIT_FILE_BUFFERS around = {self.bytes, (DWORD)step->b, self.bytes + step->b, (DWORD)step->c};
    SetFilePointer(self.file, (LONG)(plan->number % 100), NULL, FILE_BEGIN);
    say_socket(say, "TransmitFile", step);
    say_text(say, ", %d + %d + %d)", step->b, step->a, step->c);
    begin();
    /* 0 would mean the whole file. */
    say_result(say, TransmitFile(handle_of(step->sock), step->a ? self.file : NULL, (DWORD)step->a, 0, NULL, &around, 0));
    say_text(say, " at %lu", SetFilePointer(self.file, 0, NULL, FILE_CURRENT));
}

/* ---- select ---- */

static void load_set(fd_set *set, const uint8_t *members, unsigned count)
{
    set->fd_count = count;
    for (unsigned i = 0; i < count; i++)
        set->fd_array[i] = handle_of(members[i]);
}

static void say_set(say_t *say, const fd_set *set, const uint8_t *members, unsigned count)
{
    say_text(say, " {");
    for (u_int i = 0; i < set->fd_count; i++) {
        unsigned k = 0;
        while (k < count && handle_of(members[k]) != set->fd_array[i])
            k++;
        say_text(say, k < count ? " s%u" : " ?", members[k < count ? k : 0]);
    }
    say_text(say, " }");
}

static void do_select(const step_t *step, say_t *say)
{
    fd_set sets[3], *given[3];
    struct timeval time = {step->a / 1000, step->a % 1000 * 1000};
    say_text(say, "select(");
    for (unsigned k = 0; k < 3; k++) {
        load_set(&sets[k], step->sets[k], step->set_counts[k]);
        given[k] = step->set_counts[k] ? &sets[k] : NULL;
        say_text(say, k ? ", " : "");
        say_set(say, &sets[k], step->sets[k], step->set_counts[k]);
    }
    say_text(say, ", %d ms)", step->a);
    begin();
    say_result(say, select(0, given[0], given[1], given[2], step->a < 0 ? NULL : &time));
    for (unsigned k = 0; k < 3; k++)
        say_set(say, &sets[k], step->sets[k], step->set_counts[k]);
}

/* ---- ioctls, options, names ---- */

static void do_ioctl(const step_t *step, say_t *say)
{
    u_long value = (u_long)step->b;
    say_socket(say, "ioctlsocket", step);
    say_text(say, ", %s, %d)", plan_ioctls[step->a].name, step->b);
    begin();
    say_result(say, ioctlsocket(handle_of(step->sock), (long)plan_ioctls[step->a].command, &value));
    say_text(say, " value %lu", value);
}

static void do_getsockopt(const step_t *step, say_t *say)
{
    const plan_option_t *option = &plan_options[step->a];
    int length = step->b;
    char value[32];
    memset(value, 0xCC, sizeof value);
    say_socket(say, "getsockopt", step);
    say_text(say, ", %s, %d)", option->name, step->b);
    begin();
    say_result(say, getsockopt(handle_of(step->sock), option->level, option->option, value, &length));
    say_text(say, " length %d", length);
    say_hex(say, value, sizeof value / 2);
}

static void do_setsockopt(const step_t *step, say_t *say)
{
    const plan_option_t *option = &plan_options[step->a];
    struct linger linger = {(u_short)step->c, (u_short)step->d};
    int32_t values[4] = {step->c, 0, 0, 0};
    if (option->option == SO_LINGER && option->level == SOL_SOCKET)
        memcpy(values, &linger, sizeof linger);
    say_socket(say, "setsockopt", step);
    say_text(say, ", %s, %#x, %d)", option->name, (unsigned)values[0], step->b);
    begin();
    say_result(say, setsockopt(handle_of(step->sock), option->level, option->option, (char *)values, step->b));
}

static void do_name(const step_t *step, say_t *say)
{
    struct sockaddr_in name[2];
    int length = step->b;
    memset(name, 0xCC, sizeof name);
    say_socket(say, step->a ? "getpeername" : "getsockname", step);
    say_text(say, ", %d)", step->b);
    begin();
    say_result(say, step->a ? getpeername(handle_of(step->sock), (struct sockaddr *)name, &length)
                            : getsockname(handle_of(step->sock), (struct sockaddr *)name, &length));
    say_name(say, name, length);
}

/* ---- window messages ---- */

static int number_of(SOCKET s)
{
    for (int i = 0; i < PLAN_SOCKETS; i++) {
        if (self.handles[i] == s)
            return i;
    }
    for (int i = PLAN_SOCKETS - 1; i >= 0; i--) {
        if (self.closed[i] == s)
            return i;
    }
    return -1;
}

static void do_async(const step_t *step, say_t *say)
{
    say_socket(say, "WSAAsyncSelect", step);
    say_text(say, ", %#x)", (unsigned)step->a);
    begin();
    say_result(say, messages_select(handle_of(step->sock), step->a));
}

/* ---- the step ---- */

unsigned perform_clean(void)
{
    unsigned left = 0;
    for (unsigned i = 0; i < PLAN_SOCKETS; i++) {
        if (self.handles[i] != INVALID_SOCKET) {
            closesocket(self.handles[i]);
            left++;
        }
        self.handles[i] = self.closed[i] = INVALID_SOCKET;
    }
    messages_drop();
    return left;
}

static void perform_call(const plan_t *plan, const step_t *step, say_t *say)
{
    switch ((op_t)step->op) {
    case OP_SOCKET: do_socket(step, say); break;
    case OP_BIND: do_bind(plan, step, say); break;
    case OP_LISTEN: do_listen(step, say); break;
    case OP_CONNECT: do_connect(plan, step, say); break;
    case OP_ACCEPT: do_accept(plan, step, say); break;
    case OP_SEND: do_send(plan, step, say); break;
    case OP_RECV: do_receive(step, say); break;
    case OP_SENDTO: do_sendto(plan, step, say); break;
    case OP_RECVFROM: do_receive(step, say); break;
    case OP_SELECT: do_select(step, say); break;
    case OP_SHUTDOWN: do_shutdown(step, say); break;
    case OP_CLOSE: do_close(step, say); break;
    case OP_IOCTL: do_ioctl(step, say); break;
    case OP_GETSOCKOPT: do_getsockopt(step, say); break;
    case OP_SETSOCKOPT: do_setsockopt(step, say); break;
    case OP_NAME: do_name(step, say); break;
    case OP_ODD: odd_on_socket((unsigned)step->a, handle_of(step->sock), step->sock, say); break;
    case OP_ODD_HANDLE: odd_on_bad_handle((unsigned)step->a, (unsigned)step->b, say); break;
    case OP_ODD_SOCKET: odd_socket((unsigned)step->a, say); break;
    case OP_SEND_ALL: do_send_all(plan, step, say); break;
    case OP_RECV_ALL: do_recv_all(step, say); break;
    case OP_FILL: do_fill(plan, step, say); break;
    case OP_DRAIN: do_drain(step, say); break;
    case OP_TRANSMIT: do_transmit(plan, step, say); break;
    case OP_ASYNC: do_async(step, say); break;
    case OP_MESSAGES:
        say_text(say, step->a ? "messages of the past:" : "messages:");
        messages_say(say, number_of);
        break;
    case OP_AWAIT: say_text(say, "await s%u", step->sock); break;
    case OP_JOIN: say_text(say, "join"); break;
    case OP_CLEAN: say_text(say, "clean: %u left", perform_clean()); break;
    case OP_COUNT: break;
    }
}

void perform(const plan_t *plan, const step_t *step, bool falsify, char *line, size_t size)
{
    say_t say = {line, size, 0};
    say_text(&say, "%3u %c%s ", index_of(plan, step), self.letter, step->early ? " early" : "");
    for (unsigned i = 0; i < step->awaits_count && !board->lost; i++) {
        const await_t *await = &step->awaits[i];
        if (arrives(await))
            continue;
        say_text(&say, "[s%u awaited in vain: kind %u] ", await->sock, await->kind);
        InterlockedExchange(&board->lost, 1);
    }
    perform_call(plan, step, &say);
    if (falsify)
        say_text(&say, " (falsified)");
}
