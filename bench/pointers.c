/* pointers: see pointers.h. */
#include "pointers.h"

#include <stdlib.h>
#include <string.h>

#include <vmmc_sockets.h>

#define LOANS_OUT_MAX 16

static bool call(SOCKET s, long code, void *request)
{
    if (ioctlsocket(s, code, (u_long *)request) == 0)
        return true;
    if (WSAGetLastError() != WSAEOPNOTSUPP)
        peer_die("ioctlsocket %lx failed: %d", (unsigned long)code, WSAGetLastError());
    return false;
}

static void must(SOCKET s, long code, void *request)
{
    if (!call(s, code, request))
        peer_die("no pointers on this connection: both ends need our wsock32.dll");
}

/* ---- what a client keeps ---- */

typedef struct {
    SOCKET s;
    vmmc_memory_t memory;
    unsigned out; /* loans */
    HANDLE file;
} sender_t;

/* As much as a program does that produces the bytes in place costs the same everywhere: nothing is stored but the flag. */
static void send_views(void *context, char *piece, unsigned size)
{
    sender_t *sender = context;
    for (unsigned done = 0; done < size;) {
        vmmc_view_t view = {.size = sizeof view, .count = size - done};
        if (!call(sender->s, VMMC_IO_RESERVE, &view)) {
            peer_send(sender->s, piece + done, size - done);
            return;
        }
        if (done == 0)
            *(char *)view.spans[0].bytes = piece[0];
        must(sender->s, VMMC_IO_COMMIT, &view);
        done += view.count;
    }
}

static void reclaim(sender_t *sender, unsigned leave)
{
    for (; sender->out > leave; sender->out--) {
        vmmc_loan_t loan = {.size = sizeof loan};
        must(sender->s, VMMC_IO_RECLAIM, &loan);
    }
}

static void lend(void *context, char *piece, unsigned size)
{
    sender_t *sender = context;
    char *flag = sender->memory.base;
    vmmc_loan_t loan = {.size = sizeof loan, .memory = sender->memory.id, .length = size};
    if (*flag != piece[0]) {
        reclaim(sender, 0);
        *flag = piece[0];
    }
    reclaim(sender, LOANS_OUT_MAX - 1);
    must(sender->s, VMMC_IO_LEND, &loan);
    peer_send(sender->s, &loan.token, sizeof loan.token);
    sender->out++;
}

static void transmit(void *context, char *piece, unsigned size)
{
    sender_t *sender = context;
    if (piece[0] == PEER_LAST)
        peer_send(sender->s, piece, size);
    else if (SetFilePointer(sender->file, 0, NULL, FILE_BEGIN) != 0 ||
             !TransmitFile(sender->s, sender->file, 0, 0, NULL, NULL, 0))
        peer_die("TransmitFile failed: %d", WSAGetLastError());
}

/* A file of one piece, in the system's cache from now on. */
static HANDLE piece_file(unsigned size)
{
    char folder[MAX_PATH], path[MAX_PATH];
    DWORD written;
    char *piece = peer_buffer(size);
    if (!GetTempPathA(sizeof folder, folder) || !GetTempFileNameA(folder, "net", 0, path))
        peer_die("no place for a file");
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    if (file == INVALID_HANDLE_VALUE || !WriteFile(file, piece, size, &written, NULL) || written != size)
        peer_die("cannot write a file of %u bytes", size);
    free(piece);
    return file;
}

static void allocate(sender_t *sender, unsigned size)
{
    sender->memory = (vmmc_memory_t){.size = sizeof sender->memory, .length = size};
    must(sender->s, VMMC_IO_ALLOCATE, &sender->memory);
    memset(sender->memory.base, PEER_MORE, size);
}

one_way_t pointers_begin(net_socket_t s, const netbench_options_t *options)
{
    sender_t *sender = calloc(1, sizeof *sender);
    if (!sender)
        peer_die("out of memory");
    sender->s = s;
    if (options->test == TEST_LEND)
        allocate(sender, options->size);
    if (options->test == TEST_TRANSMIT)
        sender->file = piece_file(options->size);
    return (one_way_t){options->test == TEST_LEND    ? lend
                       : options->test == TEST_VIEWS ? send_views
                                                     : transmit,
                       sender};
}

void pointers_end(one_way_t way)
{
    sender_t *sender = way.context;
    if (sender->memory.id) {
        reclaim(sender, 0);
        must(sender->s, VMMC_IO_FREE, &sender->memory);
    }
    if (sender->file)
        CloseHandle(sender->file);
    free(sender);
}

/* ---- the server ---- */

static const char *byte_at(const vmmc_view_t *view, uint32_t at)
{
    const vmmc_piece_t *first = &view->spans[0];
    return at < first->count ? (char *)first->bytes + at : (char *)view->spans[1].bytes + (at - first->count);
}

static void drain_copy(net_socket_t s, drain_t *progress, char *buffer)
{
    int n = recv(s, buffer, (int)progress->piece, 0);
    if (n <= 0)
        peer_die("recv failed");
    drain_count(progress, (uint32_t)n, (uint32_t)n > progress->missing ? buffer + progress->missing : NULL);
}

void pointers_borrow(net_socket_t s, const peer_request_t *request, char *buffer)
{
    drain_t progress = {.piece = request->piece};
    while (!drain_is_over(&progress)) {
        vmmc_view_t view = {.size = sizeof view, .count = request->piece};
        if (!call(s, VMMC_IO_BORROW, &view)) {
            drain_copy(s, &progress, buffer);
            continue;
        }
        if (view.count == 0)
            peer_die("the stream ended early");
        drain_count(&progress, view.count, view.count > progress.missing ? byte_at(&view, progress.missing) : NULL);
        must(s, VMMC_IO_RELEASE, &view);
    }
    peer_send(s, &progress.report, sizeof progress.report);
}

void pointers_accept(net_socket_t s, const peer_request_t *request, char *buffer)
{
    peer_report_t report = {0};
    bool last = false;
    (void)request;
    (void)buffer;
    while (!last) {
        vmmc_accepted_t loan = {.size = sizeof loan};
        peer_receive_all(s, &loan.token, sizeof loan.token, NULL);
        must(s, VMMC_IO_ACCEPT, &loan);
        last = *(const char *)loan.bytes == PEER_LAST;
        report.bytes += loan.length;
        must(s, VMMC_IO_RETURN, &loan);
    }
    peer_send(s, &report, sizeof report);
}
