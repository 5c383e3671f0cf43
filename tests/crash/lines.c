/* lines: see lines.h. */
#include "lines.h"

#include "os.h"

#include <limits.h>
#include <vmmc_sockets.h>

enum { LARGEST = 60000, LATE_MS = 15 };

void line_begin(line_t *line, SOCKET s, bool victim, uint64_t salt, uint64_t to_send, unsigned traits)
{
    *line = (line_t){ .s = s, .to_send = to_send, .traits = traits, .sends = true, .reads = true };
    line->out = flow_start(2 * salt + victim);
    line->in = flow_start(2 * salt + !victim);
    line->random = harness_seed(4 * salt + victim) | 1;
    const int patience = LINE_PATIENCE_S * 1000;
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, (const char *)&patience, sizeof patience));
    CHECK_IS(0, setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, (const char *)&patience, sizeof patience));
}

static void end_reading(line_t *line, int error)
{
    line->reads = false;
    line->error = error;
    line->ended = (uint32_t)os_now_us();
}

static void commit_count(line_t *line)
{
    if (line->committed != NULL)
        InterlockedExchange(line->committed, (LONG)line->out.offset);
}

/* ---- pieces ---- */

static int send_in_place(line_t *line, uint32_t most)
{
    vmmc_view_t view = { .size = sizeof view, .count = most };
    uint64_t start = line->out.offset;
    if (ioctlsocket(line->s, VMMC_IO_RESERVE, (u_long *)&view) != 0)
        return SOCKET_ERROR;
    flow_fill(&line->out, view.spans[0].bytes, view.spans[0].count);
    flow_fill(&line->out, view.spans[1].bytes, view.spans[1].count);
    if (ioctlsocket(line->s, VMMC_IO_COMMIT, (u_long *)&view) != 0) {
        int error = WSAGetLastError();
        view.count = 0;
        line->out.offset = start;
        ioctlsocket(line->s, VMMC_IO_COMMIT, (u_long *)&view);
        WSASetLastError(error);
        return SOCKET_ERROR;
    }
    line->out.offset = start + view.count;
    return (int)view.count;
}

static int send_plain(line_t *line, char *buffer, uint32_t most)
{
    uint64_t start = line->out.offset;
    flow_fill(&line->out, buffer, most);
    int sent = send(line->s, buffer, (int)most, 0);
    line->out.offset = start + (sent > 0 ? (uint64_t)sent : 0);
    return sent;
}

static uint32_t piece(line_t *line, uint64_t left)
{
    uint32_t most = 1u << random_below(&line->random, 17), size = 1 + random_below(&line->random, most);
    size = size < LARGEST ? size : LARGEST;
    return size < left ? size : (uint32_t)left;
}

bool line_send(line_t *line)
{
    char buffer[LARGEST];
    uint64_t left = line->to_send > line->out.offset ? line->to_send - line->out.offset : 0;
    if (left == 0) {
        shutdown(line->s, 1);
        return line->sends = false;
    }
    uint32_t most = piece(line, left);
    int sent = (line->traits & LINE_VIEWS) && random_below(&line->random, 2) ? send_in_place(line, most) : SOCKET_ERROR;
    if (sent < 0)
        sent = send_plain(line, buffer, most);
    commit_count(line);
    if (sent < 0 && WSAGetLastError() != WSAEWOULDBLOCK)
        line->sends = false;
    return line->sends;
}

static int receive_in_place(line_t *line, uint32_t most)
{
    vmmc_view_t view = { .size = sizeof view, .count = most };
    if (ioctlsocket(line->s, VMMC_IO_BORROW, (u_long *)&view) != 0)
        return SOCKET_ERROR;
    flow_check(&line->in, view.spans[0].bytes, view.spans[0].count);
    flow_check(&line->in, view.spans[1].bytes, view.spans[1].count);
    int count = (int)view.count;
    if (count)
        CHECK_IS(0, ioctlsocket(line->s, VMMC_IO_RELEASE, (u_long *)&view));
    return count;
}

bool line_receive(line_t *line)
{
    char buffer[LARGEST];
    bool in_place = (line->traits & LINE_VIEWS) && random_below(&line->random, 2);
    uint32_t most = piece(line, LARGEST);
    int got = in_place ? receive_in_place(line, most) : SOCKET_ERROR;
    if (!in_place || (got < 0 && WSAGetLastError() == WSAEOPNOTSUPP)) {
        got = recv(line->s, buffer, (int)most, 0);
        if (got > 0)
            flow_check(&line->in, buffer, (size_t)got);
    }
    if (got == 0)
        end_reading(line, 0);
    else if (got < 0 && WSAGetLastError() != WSAEWOULDBLOCK)
        end_reading(line, WSAGetLastError());
    return line->reads;
}

/* ---- the beginning ---- */

static bool greet_once(line_t *line, bool sending)
{
    char bytes[HELLO];
    for (int done = 0, moved; done < HELLO; done += moved) {
        if (sending) {
            uint64_t start = line->out.offset;
            flow_fill(&line->out, bytes, (size_t)(HELLO - done));
            moved = send(line->s, bytes, HELLO - done, 0);
            line->out.offset = start + (moved > 0 ? (uint64_t)moved : 0);
            commit_count(line);
        } else {
            moved = recv(line->s, bytes, HELLO - done, 0);
            if (moved > 0)
                flow_check(&line->in, bytes, (size_t)moved);
            else
                end_reading(line, moved == 0 ? 0 : WSAGetLastError());
        }
        if (moved <= 0)
            return false;
    }
    return true;
}

bool line_greet(line_t *line, bool first)
{
    for (int i = 0; i < 2 * HELLOS; i++) {
        if (!greet_once(line, (i % 2 == 0) == first))
            return false;
    }
    return true;
}

/* ---- all of them ---- */

static void leave_first(line_t *lines)
{
    HANDLE copy, self = GetCurrentProcess();
    if (DuplicateHandle(self, (HANDLE)lines[0].s, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
        CloseHandle(copy);
}

static unsigned collect(line_t *lines, unsigned count, fd_set *readable, fd_set *writable)
{
    FD_ZERO(readable);
    FD_ZERO(writable);
    for (unsigned i = 0; i < count; i++) {
        if (lines[i].reads)
            FD_SET(lines[i].s, readable);
        if (lines[i].sends)
            FD_SET(lines[i].s, writable);
    }
    return readable->fd_count + writable->fd_count;
}

static void give_up(line_t *lines, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (lines[i].reads)
            end_reading(&lines[i], WSAETIMEDOUT);
        lines[i].sends = false;
    }
}

static void run_by_select(line_t *lines, unsigned count, unsigned leave_after)
{
    fd_set readable, writable;
    for (unsigned round = 0; collect(lines, count, &readable, &writable); round++) {
        struct timeval patience = { LINE_PATIENCE_S, 0 };
        if (round == leave_after)
            leave_first(lines);
        int ready = select(0, &readable, writable.fd_count ? &writable : NULL, NULL, &patience);
        if (ready < 0)
            FAIL("select of %u streams failed in round %u", count, round);
        if (ready == 0)
            give_up(lines, count);
        for (unsigned i = 0; i < count; i++) {
            if (FD_ISSET(lines[i].s, &readable))
                line_receive(&lines[i]);
            if (FD_ISSET(lines[i].s, &writable))
                line_send(&lines[i]);
        }
    }
}

static void send_all_of(void *line)
{
    while (line_send(line))
        ;
}

static void receive_all_of(void *line)
{
    while (line_receive(line))
        ;
}

static void run_by_threads(line_t *lines, unsigned count, bool leaves)
{
    worker_t senders[LINES] = { 0 }, receivers[LINES] = { 0 };
    for (unsigned i = 0; i < count; i++) {
        if (!lines[i].reads)
            continue; /* its greeting has failed */
        worker_start(&senders[i], send_all_of, &lines[i]);
        worker_start(&receivers[i], receive_all_of, &lines[i]);
    }
    if (leaves)
        leave_first(lines);
    for (unsigned i = 0; i < count; i++) {
        if (senders[i].thread == NULL)
            continue;
        worker_join(&senders[i]);
        worker_join(&receivers[i]);
    }
}

void lines_run(line_t *lines, unsigned count, unsigned traits, bool victim)
{
    bool leaves = traits & (victim ? LINE_VICTIM_LEAVES : LINE_SURVIVOR_LEAVES);
    if ((traits & LINE_LATE) && !victim)
        Sleep(LATE_MS);
    if ((traits & LINE_BLOCKED) && !victim && count <= 6) {
        run_by_threads(lines, count, leaves);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        set_nonblocking(lines[i].s, true);
    run_by_select(lines, count, leaves ? 8 : UINT_MAX);
}
