/* api_file: the calls that Microsoft added to WinSock 1.1: TransmitFile, AcceptEx and WSARecvEx. */
#include "api.h"

#include <forward.h>
#include <stdlib.h>

#define ASK_SYSTEM 2
#define PIECE_BYTES 65536u /* of a file, unless the program wants smaller ones */
#define FEW_BYTES 2048u    /* where there is no memory for a piece */

/* ---- TransmitFile ---- */

typedef struct file_request {
    HANDLE file; /* NULL: none */
    DWORD bytes; /* 0: to the end */
    DWORD bytes_per_send;
    const TRANSMIT_FILE_BUFFERS *around; /* NULL: nothing */
    DWORD flags;
} file_request_t;

/* A file on its way. */
typedef struct file_source {
    HANDLE file;
    DWORD left, piece;
    uint8_t *buffer; /* of `piece` bytes; NULL until one is needed */
} file_source_t;

/* Before anything is sent, so that the system can still be asked about what cannot be read.  False: it must be. */
static bool open_source(const file_request_t *request, file_source_t *source)
{
    uint8_t none;
    DWORD count;
    bool small = request->bytes_per_send && request->bytes_per_send < PIECE_BYTES;
    *source = (file_source_t){.file = request->file, .piece = small ? request->bytes_per_send : PIECE_BYTES};
    if (!request->file)
        return true;
    source->left = request->bytes ? request->bytes : MAXDWORD;
    return GetFileType(request->file) == FILE_TYPE_DISK && ReadFile(request->file, &none, 0, &count, NULL);
}

/* Bytes read, fewer at the end of the file; or an error. */
static int read_file(file_source_t *source, void *bytes, DWORD count)
{
    DWORD done = 0;
    if (count && !ReadFile(source->file, bytes, count, &done, NULL) && GetLastError() != ERROR_HANDLE_EOF)
        return wsaerr_from_system();
    return (int)done;
}

static int fill_view(file_source_t *source, const view_t *view)
{
    int first = read_file(source, view->spans[0].bytes, view->spans[0].count);
    if (first < (int)view->spans[0].count || view->spans[1].count == 0)
        return first;
    int second = read_file(source, view->spans[1].bytes, view->spans[1].count);
    return second < 0 ? second : first + second;
}

/* The file's next bytes straight into the other end's ring. */
static int send_in_place(sock_t *sock, SOCKET s, file_source_t *source, DWORD wanted)
{
    view_t view;
    int result = sock_reserve(sock, s, wanted, true, &view);
    if (result < 0)
        return result;
    int count = fill_view(source, &view);
    result = sock_commit(sock, s, count < 0 ? 0 : (uint32_t)count, true, &view);
    return count < 0 ? count : result;
}

static int send_by_copy(sock_t *sock, SOCKET s, file_source_t *source, DWORD wanted)
{
    uint8_t few[FEW_BYTES];
    if (!source->buffer)
        source->buffer = malloc(source->piece);
    if (!source->buffer && wanted > sizeof few)
        wanted = sizeof few;
    uint8_t *buffer = source->buffer ? source->buffer : few;
    int count = read_file(source, buffer, wanted);
    return count > 0 ? sock_send_in_turn(sock, s, buffer, count) : count;
}

static int send_file(sock_t *sock, SOCKET s, file_source_t *source)
{
    while (source->left) {
        DWORD wanted = source->left < source->piece ? source->left : source->piece;
        int sent = send_in_place(sock, s, source, wanted);
        if (sent == -WSAEOPNOTSUPP)
            sent = send_by_copy(sock, s, source, wanted);
        if (sent <= 0)
            return sent;
        source->left -= (DWORD)sent;
    }
    return 0;
}

static int send_buffer(sock_t *sock, SOCKET s, const void *bytes, DWORD count)
{
    int sent = count ? sock_send_in_turn(sock, s, bytes, (int)count) : 0;
    return sent < 0 ? sent : 0;
}

static int send_all_parts(sock_t *sock, SOCKET s, const TRANSMIT_FILE_BUFFERS *around, file_source_t *source)
{
    int result = around ? send_buffer(sock, s, around->Head, around->HeadLength) : 0;
    if (result == 0)
        result = send_file(sock, s, source);
    if (result == 0 && around)
        result = send_buffer(sock, s, around->Tail, around->TailLength);
    return result;
}

static bool has_bad_buffer(const TRANSMIT_FILE_BUFFERS *around)
{
    return around && ((around->HeadLength && !around->Head) || (around->TailLength && !around->Tail) ||
                      around->HeadLength > INT32_MAX || around->TailLength > INT32_MAX);
}

static int64_t file_position(HANDLE file)
{
    LARGE_INTEGER none = {.QuadPart = 0}, position = {.QuadPart = 0};
    return file && SetFilePointerEx(file, none, &position, FILE_CURRENT) ? position.QuadPart : 0;
}

static BOOL by_system(SOCKET s, const file_request_t *request, OVERLAPPED *overlapped)
{
    return real_TransmitFile(s, request->file, request->bytes, request->bytes_per_send, overlapped,
                             (TRANSMIT_FILE_BUFFERS *)request->around, request->flags);
}

/* The direction is the kernel's, perhaps not for long: what goes is counted. */
static BOOL by_system_counted(sock_t *sock, SOCKET s, const file_request_t *request)
{
    const TRANSMIT_FILE_BUFFERS *around = request->around;
    int64_t before = file_position(request->file);
    BOOL sent = by_system(s, request, NULL);
    DWORD error = GetLastError();
    int64_t count = file_position(request->file) - before;
    if (around)
        count += (int64_t)around->HeadLength + around->TailLength;
    sock_end_kernel_turn(sock, sent ? count : -1);
    SetLastError(error);
    return sent;
}

/* In our turn: 0, a negative WSA code, or ASK_SYSTEM before anything was sent. */
static int by_stream(sock_t *sock, SOCKET s, const file_request_t *request)
{
    file_source_t source;
    if (!open_source(request, &source))
        return ASK_SYSTEM;
    int result = send_all_parts(sock, s, request->around, &source);
    free(source.buffer);
    /* Wine's own takes no notice of the flags; in Windows the end follows the last byte. */
    if (result == 0 && (request->flags & TF_DISCONNECT) && !forward_on_wine())
        sock_shutdown(sock, s, 1);
    return result;
}

/* Overlapped requests complete by the handle, and a socket to be used again is the system's business. */
static bool needs_system(DWORD flags, const OVERLAPPED *overlapped)
{
    return overlapped || ((flags & TF_REUSE_SOCKET) && !forward_on_wine());
}

/* It blocks whatever the socket's mode, and no time-out applies, as with the system's. */
BOOL WINAPI api_TransmitFile(SOCKET s, HANDLE file, DWORD bytes, DWORD bytes_per_send, OVERLAPPED *overlapped,
                             TRANSMIT_FILE_BUFFERS *around, DWORD flags)
{
    if (api_refuses())
        return FALSE;
    const file_request_t request = {file, bytes, bytes_per_send, around, flags};
    sock_t *sock = fdtab_get(s);
    if (!sock || !sock_may_move_bytes(sock))
        return by_system(s, &request, overlapped);
    int result = ASK_SYSTEM;
    if (!needs_system(flags, overlapped)) {
        bool bad = has_bad_buffer(around); /* nobody waits yet, should it not be there at all */
        result = sock_is_over(sock) ? -WSAENOTCONN : bad ? -WSAEFAULT : sock_begin_turn(sock, s);
        if (result == SOCK_TURN_KERNEL)
            return by_system_counted(sock, s, &request);
        if (result == SOCK_TURN_OURS) {
            result = by_stream(sock, s, &request);
            sock_end_turn(sock);
        }
    }
    if (result == ASK_SYSTEM) {
        sock_demote(sock, overlapped ? "overlapped TransmitFile" : "TransmitFile of what is not a plain file");
        return by_system(s, &request, overlapped);
    }
    return api_result(result) == 0;
}

/* ---- AcceptEx ---- */

/* When the connection completes nobody calls us, so the next transfer on the accepted socket looks.  Bytes that the
 * system puts into the program's buffer are never counted: that connection stays with the kernel. */
BOOL WINAPI api_AcceptEx(SOCKET listener, SOCKET accepted, void *output, DWORD data_length, DWORD local_length,
                         DWORD remote_length, DWORD *received, OVERLAPPED *overlapped)
{
    if (api_refuses())
        return FALSE;
    sock_t *sock = fdtab_get(accepted);
    const sock_t *from = fdtab_get(listener);
    if (sock && data_length)
        sock_demote(sock, "AcceptEx that takes the first bytes itself");
    else if (sock && from && sock_mode(from) == SOCK_FRESH && sock_mode(sock) == SOCK_FRESH)
        store_release(&sock->connecting, SOCK_ACCEPTING);
    return real_AcceptEx(listener, accepted, output, data_length, local_length, remote_length, received, overlapped);
}

/* ---- WSARecvEx ---- */

/* On a stream it is recv with its flags handed in by reference; MSG_PARTIAL never comes out.  Wine's mswsock has only a
 * stub that receives nothing. */
int WINAPI api_WSARecvEx(SOCKET s, char *bytes, int count, int *flags)
{
    if (api_refuses())
        return SOCKET_ERROR;
    const sock_t *sock = fdtab_get(s);
    if (!flags || !((sock && sock_may_move_bytes(sock)) || forward_on_wine()))
        return real_WSARecvEx(s, bytes, count, flags);
    return api_recv(s, bytes, count, *flags);
}
