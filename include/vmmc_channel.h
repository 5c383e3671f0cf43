/* vmmc_channel: written once, a program runs with pointers, with copies, and without our wsock32.dll.
 *
 * A channel stands on a connected TCP socket and wraps the codes of vmmc_sockets.h. Where they do not apply, at this
 * moment or at all, the same calls work with a buffer of the channel's own and with send and recv. Everything is
 * inline: nothing to link but wsock32. There are three layers, and a program may use as much of them as it likes:
 *
 *   views     vmmc_reserve, vmmc_commit, vmmc_borrow, vmmc_release: bytes of the stream in place. The other end may
 *             be any program.
 *   parcels   vmmc_send_memory, vmmc_receive_parcel, vmmc_parcel_next: a range of a buffer or of a file crosses by
 *             loan where that is possible and worth it, else within the stream. Both ends use a channel, after
 *             vmmc_channel_greet.
 *   offers    vmmc_offer_buffer, vmmc_receive_offer, vmmc_send_filled, vmmc_receive_filled: a receiver names a buffer
 *             beforehand, and the sender stores into that. Both ends likewise.
 *
 * Errors    0, or SOCKET_ERROR and WSAGetLastError() as ioctlsocket has it, unless a call says otherwise. WSAENOBUFS:
 *           no memory. WSAECONNABORTED: the other end broke the protocol of parcels and offers. After any error of a
 *           parcel or an offer but WSAEWOULDBLOCK, WSAENOBUFS and WSAEINVAL, the channel can only be closed.
 * Waiting   Views wait as send and recv do. What moves "all" of something waits whatever the mode of the socket; the
 *           calls that say so give WSAEWOULDBLOCK on a non-blocking socket and are then simply called again.
 * Threads   One may send (reserve, commit, send, reclaim) while another receives; a program in which two do the same
 *           brings a lock. Who makes offers reclaims, and receives what is filled, in one thread.
 * Mixing    Whoever has borrowed or received through a channel goes on with it: it may have read ahead.
 *           vmmc_buffered() tells what select does not know of. Sending may be mixed at will. */
#ifndef VMMC_CHANNEL_H
#define VMMC_CHANNEL_H

#include "vmmc_sockets.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* What a program lets a channel use. */
enum vmmc_channel_ways {
    VMMC_BY_COPIES = 0, /* send and recv alone */
    VMMC_BY_VIEWS = 1,
    VMMC_BY_LOANS = 2
};

enum vmmc_channel_limits {
    VMMC_BUFFER_BYTES = 256 * 1024, /* of the channel's own, one each way, made when first needed; most of a view */
    VMMC_WINDOW_BYTES = 16 * 1024 * 1024, /* most that is lent in one piece: a 32-bit program has to find the room */
    VMMC_INLINE_BYTES = 4 * VMMC_BUFFER_BYTES - 24, /* most of another piece: with its header it fills whole buffers */
    VMMC_LOAN_LEAST = 64 * 1024,                    /* shorter ranges are cheaper to copy than to map */
    VMMC_LOANS_MOST = 64                            /* windows of one channel that are out at a time */
};

/* One range on its way to the other end; the channel's. */
typedef struct vmmc_sending {
    struct vmmc_sending *next;
    void *context;
    uint32_t out;  /* windows of it that are lent */
    uint32_t sent; /* not 0: it is complete, so `context` is back when nothing is out */
} vmmc_sending_t;

/* What precedes a piece of a parcel, an offer, or a filled buffer in the stream; little-endian. The token is there only
 * if the kind says so. */
enum vmmc_header_kind {
    VMMC_HEADER_HELLO = 0x564d4301, /* number: enum vmmc_channel_ways that this end takes */
    VMMC_HEADER_INLINE,             /* count bytes follow; left: bytes of the parcel behind these */
    VMMC_HEADER_FILLED,             /* count bytes of the buffer offered under `number`: they are in it */
    VMMC_HEADER_FILLED_INLINE,      /* the same: they follow */
    VMMC_HEADER_OFFER,              /* a buffer of count bytes under `number`; to be filled by copies */
    VMMC_HEADER_LENT,               /* as INLINE, but the token follows */
    VMMC_HEADER_OFFER_LENT          /* as OFFER, and its token follows */
};

typedef struct vmmc_header {
    uint32_t kind, number, count, reserved;
    uint64_t left;
    vmmc_token_t token;
} vmmc_header_t;

#define VMMC_PLAIN_HEADER_BYTES ((uint32_t)offsetof(vmmc_header_t, token))

/* A buffer for the other end to fill, see vmmc_offer_buffer. The program sets the first four. */
typedef struct vmmc_offer {
    vmmc_memory_t *memory; /* of vmmc_allocate_memory with VMMC_OTHERS_WRITE */
    uint64_t offset;
    uint32_t length; /* 1 to VMMC_WINDOW_BYTES */
    void *context;   /* the program's */
    uint32_t number; /* the rest is the channel's */
    uint32_t loan;   /* 0: to be filled by copies */
    uint32_t back;   /* not 0: the loan is over, though the other end has not said yet that the buffer is filled */
    struct vmmc_offer *next;
} vmmc_offer_t;

typedef struct vmmc_channel {
    SOCKET socket;
    uint32_t ways;        /* enum vmmc_channel_ways: allowed, and not known to be in vain */
    uint32_t peer_ways;   /* what the other end takes, once greeted */
    uint64_t sent_copied; /* bytes that were copied here on their way: sent by the system's calls or from our buffer, */
    uint64_t received_copied; /* received likewise, */
    uint64_t read_from_files; /* and copied out of files by vmmc_send_memory */

    char *out; /* VMMC_BUFFER_BYTES; reserved of it: from out_at on, out_left bytes */
    uint32_t out_at, out_left;
    vmmc_sending_t *sendings;
    uint32_t loans; /* windows out */

    char *in; /* VMMC_BUFFER_BYTES; received and not released: in_at to in_end */
    uint32_t in_at, in_end, in_held;
    uint32_t head_count; /* bytes of `head` that have come */
    vmmc_header_t head;

    vmmc_offer_t *offers;
    uint32_t next_offer;
} vmmc_channel_t;

static inline int vmmc__fail(int error)
{
    WSASetLastError(error);
    return SOCKET_ERROR;
}

static inline uint32_t vmmc__least(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

static inline int vmmc__ask(const vmmc_channel_t *c, long code, void *request)
{
    return ioctlsocket(c->socket, code, (u_long *)request);
}

/* A request did not apply now, so that copies have to do. */
static inline int vmmc__is_unsupported(void)
{
    return WSAGetLastError() == WSAEOPNOTSUPP;
}

/* ---- the channel ---- */

/* Make `c` a channel on `s`, using at most `ways`. Asks the library once; where it is missing, or the socket is the
 * kernel's for good, the channel never asks again, since an unknown request costs a system call or worse. The socket
 * stays the program's, and so do its mode, its time-outs and its options. Cannot fail. */
static inline void vmmc_channel_open(vmmc_channel_t *c, SOCKET s, uint32_t ways)
{
    vmmc_ask_t ask = {.size = sizeof ask};
    memset(c, 0, sizeof *c);
    c->socket = s;
    if (ways && ioctlsocket(s, VMMC_IO_ASK, (u_long *)&ask) == 0 && ask.version == VMMC_INTERFACE_VERSION)
        c->ways = ways & (VMMC_BY_VIEWS | VMMC_BY_LOANS);
}

/* Give back what the channel has; not the socket, which is closed before or afterwards. Contexts that vmmc_reclaim has
 * not given are forgotten, views of the channel's own buffers end. */
static inline void vmmc_channel_close(vmmc_channel_t *c)
{
    while (c->sendings) {
        vmmc_sending_t *sending = c->sendings;
        c->sendings = sending->next;
        free(sending);
    }
    free(c->out);
    free(c->in);
    memset(c, 0, sizeof *c);
    c->socket = INVALID_SOCKET;
}

/* ---- views: sending ---- */

static inline int vmmc__have_buffer(char **buffer)
{
    if (!*buffer)
        *buffer = (char *)malloc(VMMC_BUFFER_BYTES);
    return *buffer ? 0 : vmmc__fail(WSAENOBUFS);
}

static inline void vmmc__set_view(vmmc_view_t *view, char *bytes, uint32_t count)
{
    memset(view, 0, sizeof *view);
    view->size = sizeof *view;
    view->count = count;
    view->spans[0].bytes = bytes;
    view->spans[0].count = count;
}

/* VMMC_IO_RESERVE. In: view->count, 1 or more. Out: the view, of fewer bytes perhaps. Without the library it never
 * waits: the commit does. Errors besides: WSAEINPROGRESS, there is a reservation. */
static inline int vmmc_reserve(vmmc_channel_t *c, vmmc_view_t *view)
{
    view->size = sizeof *view;
    if (!view->count)
        return vmmc__fail(WSAEINVAL);
    if (c->out_left)
        return vmmc__fail(WSAEINPROGRESS);
    if (c->ways & VMMC_BY_VIEWS) {
        if (vmmc__ask(c, VMMC_IO_RESERVE, view) == 0)
            return 0;
        if (!vmmc__is_unsupported())
            return SOCKET_ERROR;
    }
    if (vmmc__have_buffer(&c->out))
        return SOCKET_ERROR;
    c->out_at = 0;
    c->out_left = vmmc__least(view->count, VMMC_BUFFER_BYTES);
    vmmc__set_view(view, c->out, c->out_left);
    return 0;
}

/* As many as the socket's mode lets through: fewer than `count`, but not 0, if it would block or fails later. */
static inline int vmmc__send_some(vmmc_channel_t *c, const char *bytes, uint32_t count)
{
    uint32_t done = 0;
    while (done < count) {
        int n = send(c->socket, bytes + done, (int)vmmc__least(count - done, 1u << 30), 0);
        if (n <= 0)
            break;
        done += (uint32_t)n;
    }
    c->sent_copied += done;
    return done ? (int)done : SOCKET_ERROR;
}

/* VMMC_IO_COMMIT. In: the view, view->count: how many of its first bytes to send, 0: none. Out: view->count: how many
 * were. Fewer than asked for: the view is about the rest of them, which stays reserved. */
static inline int vmmc_commit(vmmc_channel_t *c, vmmc_view_t *view)
{
    uint32_t wanted = view->count;
    int sent;
    if (!c->out_left)
        return c->ways & VMMC_BY_VIEWS ? vmmc__ask(c, VMMC_IO_COMMIT, view) : vmmc__fail(WSAEINVAL);
    if (view->spans[0].bytes != c->out + c->out_at)
        return vmmc__fail(WSAEFAULT);
    if (wanted > c->out_left)
        return vmmc__fail(WSAEINVAL);
    sent = wanted ? vmmc__send_some(c, c->out + c->out_at, wanted) : 0;
    if (sent < 0)
        return SOCKET_ERROR;
    c->out_at += (uint32_t)sent;
    c->out_left = wanted - (uint32_t)sent;
    vmmc__set_view(view, c->out + c->out_at, c->out_left);
    view->count = (uint32_t)sent;
    return 0;
}

/* For what sends or receives all of something, on a socket that does not block. */
static inline int vmmc__wait(const vmmc_channel_t *c, int writable)
{
    fd_set one;
    if (WSAGetLastError() != WSAEWOULDBLOCK)
        return SOCKET_ERROR;
    one.fd_count = 1;
    one.fd_array[0] = c->socket;
    return select(0, writable ? NULL : &one, writable ? &one : NULL, NULL, NULL) < 0 ? SOCKET_ERROR : 0;
}

/* Send all of it. */
static inline int vmmc_send_all(vmmc_channel_t *c, const void *bytes, uint32_t count)
{
    const char *at = (const char *)bytes;
    while (count) {
        int n = vmmc__send_some(c, at, vmmc__least(count, 1u << 30));
        if (n > 0) {
            at += n;
            count -= (uint32_t)n;
        } else if (vmmc__wait(c, 1)) {
            return SOCKET_ERROR;
        }
    }
    return 0;
}

/* ---- views: receiving ---- */

/* Received ahead, bytes: select knows nothing of them. */
static inline uint32_t vmmc_buffered(const vmmc_channel_t *c)
{
    return c->in_end - c->in_at;
}

static inline void vmmc__consume(vmmc_channel_t *c, uint32_t count)
{
    c->in_at += count;
    if (c->in_at == c->in_end)
        c->in_at = c->in_end = 0;
}

/* Receive behind what is there, with one call. */
static inline int vmmc__read_ahead(vmmc_channel_t *c)
{
    int n;
    if (vmmc__have_buffer(&c->in))
        return SOCKET_ERROR;
    if (c->in_at && c->in_end == VMMC_BUFFER_BYTES) {
        memmove(c->in, c->in + c->in_at, c->in_end - c->in_at);
        c->in_end -= c->in_at;
        c->in_at = 0;
    }
    n = recv(c->socket, c->in + c->in_end, (int)(VMMC_BUFFER_BYTES - c->in_end), 0);
    if (n > 0) {
        c->in_end += (uint32_t)n;
        c->received_copied += (uint32_t)n;
    }
    return n < 0 ? SOCKET_ERROR : 0;
}

static inline int vmmc__borrow_own(vmmc_channel_t *c, vmmc_view_t *view)
{
    u_long more = 0;
    if (!vmmc_buffered(c) && vmmc__read_ahead(c))
        return SOCKET_ERROR;
    /* To borrow again is to ask for more than was there. */
    if (c->in_held && vmmc_buffered(c) < vmmc__least(view->count, VMMC_BUFFER_BYTES) &&
        ioctlsocket(c->socket, FIONREAD, &more) == 0 && more && vmmc__read_ahead(c))
        return SOCKET_ERROR;
    vmmc__set_view(view, c->in + c->in_at, vmmc__least(view->count, vmmc_buffered(c)));
    c->in_held = view->count != 0;
    return 0;
}

/* VMMC_IO_BORROW. In: view->count, the most that is wanted, 1 or more. Out: the view; view->count 0: the end of the
 * stream. To borrow again before the release gives a view from the same first byte on, which replaces the former. */
static inline int vmmc_borrow(vmmc_channel_t *c, vmmc_view_t *view)
{
    view->size = sizeof *view;
    if (!view->count)
        return vmmc__fail(WSAEINVAL);
    if (!vmmc_buffered(c) && (c->ways & VMMC_BY_VIEWS)) {
        if (vmmc__ask(c, VMMC_IO_BORROW, view) == 0)
            return 0;
        if (!vmmc__is_unsupported())
            return SOCKET_ERROR;
    }
    return vmmc__borrow_own(c, view);
}

/* VMMC_IO_RELEASE. In: the view, view->count: how many of its first bytes are done with; others are received again. */
static inline int vmmc_release(vmmc_channel_t *c, vmmc_view_t *view)
{
    if (!c->in_held)
        return c->ways & VMMC_BY_VIEWS ? vmmc__ask(c, VMMC_IO_RELEASE, view) : vmmc__fail(WSAEINVAL);
    if (view->spans[0].bytes != c->in + c->in_at)
        return vmmc__fail(WSAEFAULT);
    if (view->count > vmmc_buffered(c))
        return vmmc__fail(WSAEINVAL);
    c->in_held = 0;
    vmmc__consume(c, view->count);
    return 0;
}

/* recv, with what was received ahead: a count, 0 at the end of the stream, or SOCKET_ERROR. Not between a borrow and
 * its release (WSAEINPROGRESS). */
static inline int vmmc_receive(vmmc_channel_t *c, void *bytes, uint32_t count)
{
    uint32_t there;
    if (c->in_held)
        return vmmc__fail(WSAEINPROGRESS);
    if (!vmmc_buffered(c) && ((c->ways & VMMC_BY_VIEWS) || count >= VMMC_BUFFER_BYTES / 8)) {
        int n = recv(c->socket, (char *)bytes, (int)vmmc__least(count, 1u << 30), 0);
        c->received_copied += n > 0 ? (uint32_t)n : 0;
        return n;
    }
    /* Without rings a call is dearer than the copy of a few bytes. */
    if (!vmmc_buffered(c) && vmmc__read_ahead(c))
        return SOCKET_ERROR;
    there = vmmc__least(count, vmmc_buffered(c));
    memcpy(bytes, c->in + c->in_at, there);
    vmmc__consume(c, there);
    return (int)there;
}

/* Receive all of it. Errors besides: WSAECONNRESET, the stream ended before. */
static inline int vmmc_receive_all(vmmc_channel_t *c, void *bytes, uint32_t count)
{
    char *at = (char *)bytes;
    while (count) {
        int n = vmmc_receive(c, at, count);
        if (n == 0)
            return vmmc__fail(WSAECONNRESET);
        if (n > 0) {
            at += n;
            count -= (uint32_t)n;
        } else if (vmmc__wait(c, 0)) {
            return SOCKET_ERROR;
        }
    }
    return 0;
}

/* ---- memory ---- */

/* VMMC_IO_ALLOCATE: `length` bytes, 1 or more, zeroed and page-aligned, at memory->base. `access`: VMMC_OTHERS_READ for
 * what is sent, VMMC_OTHERS_WRITE for what is offered. Without the library it is plain memory. Any channel will do. */
static inline int vmmc_allocate_memory(const vmmc_channel_t *c, vmmc_memory_t *memory, uint64_t length, uint32_t access)
{
    memset(memory, 0, sizeof *memory);
    memory->size = sizeof *memory;
    memory->length = length;
    memory->access = access;
    if (!length || length > SIZE_MAX)
        return vmmc__fail(length ? WSAENOBUFS : WSAEINVAL);
    if ((c->ways & VMMC_BY_LOANS) && vmmc__ask(c, VMMC_IO_ALLOCATE, memory) == 0)
        return 0;
    memory->id = 0;
    memory->base = VirtualAlloc(NULL, (SIZE_T)length, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    return memory->base ? 0 : vmmc__fail(WSAENOBUFS);
}

/* A file to be sent: `file` has GENERIC_READ and no FILE_FLAG_OVERLAPPED, and belongs to the memory from now on. Out:
 * memory->length; memory->base stays NULL. The library gets to know of it (VMMC_IO_OPEN_FILE) when it is first lent, so
 * that small files cost no more than their bytes. Errors: the system's own; the handle is then still the program's. */
static inline int vmmc_open_file(vmmc_memory_t *memory, HANDLE file)
{
    ULARGE_INTEGER length;
    memset(memory, 0, sizeof *memory);
    memory->size = sizeof *memory;
    SetLastError(NO_ERROR);
    length.LowPart = GetFileSize(file, &length.HighPart);
    if (length.LowPart == INVALID_FILE_SIZE && GetLastError() != NO_ERROR)
        return SOCKET_ERROR;
    memory->length = length.QuadPart;
    memory->file = file;
    return 0;
}

/* VMMC_IO_FREE, by any channel that is open; closes a file. What is lent meanwhile stays with its borrowers. */
static inline int vmmc_free_memory(const vmmc_channel_t *c, vmmc_memory_t *memory)
{
    int result = 0;
    if (memory->id)
        result = vmmc__ask(c, VMMC_IO_FREE, memory);
    else if (memory->base)
        VirtualFree(memory->base, 0, MEM_RELEASE);
    if (memory->file)
        CloseHandle(memory->file);
    memset(memory, 0, sizeof *memory);
    return result;
}

/* Read `count` bytes of a buffer or a file into `to`. */
static inline int vmmc__read_memory(vmmc_channel_t *c, const vmmc_memory_t *memory, uint64_t offset, char *to,
                                    uint32_t count)
{
    if (memory->base) {
        memcpy(to, (const char *)memory->base + offset, count);
        return 0;
    }
    while (count) {
        OVERLAPPED place;
        DWORD n = 0;
        memset(&place, 0, sizeof place);
        place.Offset = (DWORD)offset;
        place.OffsetHigh = (DWORD)(offset >> 32);
        if (!ReadFile(memory->file, to, count, &n, &place))
            return SOCKET_ERROR;
        if (!n)
            return vmmc__fail(ERROR_HANDLE_EOF);
        c->read_from_files += n;
        to += n;
        offset += n;
        count -= n;
    }
    return 0;
}

/* ---- headers ---- */

static inline uint32_t vmmc__header_bytes(const vmmc_header_t *header)
{
    int with_token = header->kind == VMMC_HEADER_LENT || header->kind == VMMC_HEADER_OFFER_LENT;
    return with_token ? (uint32_t)sizeof *header : VMMC_PLAIN_HEADER_BYTES;
}

static inline int vmmc__send_header(vmmc_channel_t *c, const vmmc_header_t *header)
{
    return vmmc_send_all(c, header, vmmc__header_bytes(header));
}

static inline int vmmc__gather(vmmc_channel_t *c, uint32_t count)
{
    while (c->head_count < count) {
        int n = vmmc_receive(c, (char *)&c->head + c->head_count, count - c->head_count);
        if (n <= 0)
            return n ? SOCKET_ERROR : vmmc__fail(WSAECONNRESET);
        c->head_count += (uint32_t)n;
    }
    return 0;
}

/* The next header, which has to be of one of two kinds. What has come of it stays in the channel if the rest would
 * block. */
static inline int vmmc__receive_header(vmmc_channel_t *c, vmmc_header_t *header, uint32_t kind, uint32_t other)
{
    if (vmmc__gather(c, VMMC_PLAIN_HEADER_BYTES))
        return SOCKET_ERROR;
    if (c->head.kind != kind && c->head.kind != other)
        return vmmc__fail(WSAECONNABORTED);
    if (vmmc__gather(c, vmmc__header_bytes(&c->head)))
        return SOCKET_ERROR;
    *header = c->head;
    c->head_count = 0;
    return 0;
}

/* Tell the other end what this one takes, and hear the same; both call it once, before the first parcel or offer.
 * Without it nothing is lent. Waits. */
static inline int vmmc_channel_greet(vmmc_channel_t *c)
{
    vmmc_header_t hello = {.kind = VMMC_HEADER_HELLO, .number = c->ways};
    if (vmmc__send_header(c, &hello))
        return SOCKET_ERROR;
    while (vmmc__receive_header(c, &hello, VMMC_HEADER_HELLO, VMMC_HEADER_HELLO))
        if (vmmc__wait(c, 0))
            return SOCKET_ERROR;
    c->peer_ways = hello.number;
    return 0;
}

/* ---- parcels: sending ---- */

/* Wait for any loan to come back. It may be an offer's, which have no context. */
static inline int vmmc__take_back(vmmc_channel_t *c)
{
    vmmc_loan_t loan = {.size = sizeof loan};
    vmmc_offer_t *offer;
    if (vmmc__ask(c, VMMC_IO_RECLAIM, &loan))
        return SOCKET_ERROR;
    if (loan.context) {
        c->loans--;
        ((vmmc_sending_t *)loan.context)->out--;
        return 0;
    }
    for (offer = c->offers; offer; offer = offer->next)
        if (offer->loan == loan.loan && !offer->back) {
            offer->back = 1;
            break;
        }
    return 0;
}

static inline int vmmc__is_lendable(vmmc_channel_t *c, vmmc_memory_t *memory, uint32_t access)
{
    if (!(c->ways & c->peer_ways & VMMC_BY_LOANS) || memory->access != access)
        return 0;
    return memory->id || (memory->file && vmmc__ask(c, VMMC_IO_OPEN_FILE, memory) == 0);
}

/* True: it is lent, and the header has its token. False: it has to go by copies. */
static inline int vmmc__lend(vmmc_channel_t *c, vmmc_memory_t *memory, uint64_t offset, uint32_t count,
                             vmmc_sending_t *sending, vmmc_header_t *header)
{
    vmmc_loan_t loan = {.size = sizeof loan, .offset = offset, .length = count, .context = sending};
    if (count < VMMC_LOAN_LEAST || !vmmc__is_lendable(c, memory, VMMC_OTHERS_READ))
        return 0;
    while (c->loans >= VMMC_LOANS_MOST)
        if (vmmc__take_back(c))
            return 0;
    loan.memory = memory->id;
    if (vmmc__ask(c, VMMC_IO_LEND, &loan))
        return 0;
    c->loans++;
    sending->out++;
    header->kind = VMMC_HEADER_LENT;
    header->token = loan.token;
    return 1;
}

/* Fill `count` bytes at `to` with what stands at `at` in a message: a header, and then memory from `offset` on. */
static inline int vmmc__fill(vmmc_channel_t *c, char *to, uint32_t count, const vmmc_header_t *header, uint32_t at,
                             const vmmc_memory_t *memory, uint64_t offset)
{
    if (count && at < VMMC_PLAIN_HEADER_BYTES) {
        uint32_t n = vmmc__least(count, VMMC_PLAIN_HEADER_BYTES - at);
        memcpy(to, (const char *)header + at, n);
        to += n;
        at += n;
        count -= n;
    }
    return count ? vmmc__read_memory(c, memory, offset + at - VMMC_PLAIN_HEADER_BYTES, to, count) : 0;
}

static inline int vmmc__commit_all(vmmc_channel_t *c, vmmc_view_t *view)
{
    uint32_t left = view->count;
    while (left) {
        view->count = left;
        if (vmmc_commit(c, view) == 0)
            left -= view->count;
        else if (vmmc__wait(c, 1))
            return SOCKET_ERROR;
    }
    return 0;
}

/* Reserve room for `most` bytes of such a message, fill and commit it: how many bytes, or SOCKET_ERROR. */
static inline int vmmc__send_view(vmmc_channel_t *c, uint32_t most, const vmmc_header_t *header, uint32_t at,
                                  const vmmc_memory_t *memory, uint64_t offset)
{
    vmmc_view_t view;
    uint32_t granted, first;
    for (view.count = most; vmmc_reserve(c, &view); view.count = most)
        if (vmmc__wait(c, 1))
            return SOCKET_ERROR;
    granted = view.count;
    first = view.spans[0].count;
    if (vmmc__fill(c, (char *)view.spans[0].bytes, first, header, at, memory, offset) ||
        vmmc__fill(c, (char *)view.spans[1].bytes, granted - first, header, at + first, memory, offset)) {
        int error = WSAGetLastError();
        view.count = 0;
        vmmc_commit(c, &view);
        return vmmc__fail(error);
    }
    return vmmc__commit_all(c, &view) ? SOCKET_ERROR : (int)granted;
}

/* A piece within the stream. Its header goes together with its first bytes, so that a small one is one call. A file is
 * read straight into the ring, if views apply; a buffer can as well be sent from where it is. */
static inline int vmmc__send_inline(vmmc_channel_t *c, const vmmc_header_t *header, const vmmc_memory_t *memory,
                                    uint64_t offset)
{
    uint32_t at = 0, total = VMMC_PLAIN_HEADER_BYTES + header->count;
    const uint32_t most = memory->base ? 4096 : VMMC_BUFFER_BYTES;
    while (at < total) {
        int n;
        if (memory->base && at >= VMMC_PLAIN_HEADER_BYTES)
            return vmmc_send_all(c, (const char *)memory->base + offset + at - VMMC_PLAIN_HEADER_BYTES, total - at);
        n = vmmc__send_view(c, vmmc__least(total - at, most), header, at, memory, offset);
        if (n < 0)
            return SOCKET_ERROR;
        at += (uint32_t)n;
    }
    return 0;
}

/* By loan if that works now; else a shorter piece goes within the stream, and it is tried again. */
static inline int vmmc__send_pieces(vmmc_channel_t *c, vmmc_memory_t *memory, uint64_t offset, uint64_t length,
                                    vmmc_sending_t *sending)
{
    do {
        vmmc_header_t header = {.kind = VMMC_HEADER_INLINE};
        uint32_t count = vmmc__least(length, VMMC_WINDOW_BYTES);
        int lent = vmmc__lend(c, memory, offset, count, sending, &header);
        header.count = lent ? count : vmmc__least(count, VMMC_INLINE_BYTES);
        header.left = length - header.count;
        if (lent ? vmmc__send_header(c, &header) : vmmc__send_inline(c, &header, memory, offset))
            return SOCKET_ERROR;
        offset += header.count;
        length -= header.count;
    } while (length);
    return 0;
}

/* Send `length` bytes, 0 or more, of the memory as one parcel. The range must not change, nor the memory be freed,
 * until vmmc_reclaim gives `context` back; after an error it never does. Waits for the other end as send does; on a
 * blocking socket also, when VMMC_LOANS_MOST windows are out, for one to come back: so a receiver that keeps lent pages
 * keeps fewer. Errors besides: WSAEINVAL, beyond the memory; for a file the system's own. */
static inline int vmmc_send_memory(vmmc_channel_t *c, vmmc_memory_t *memory, uint64_t offset, uint64_t length,
                                   void *context)
{
    vmmc_sending_t *sending;
    if (offset > memory->length || length > memory->length - offset)
        return vmmc__fail(WSAEINVAL);
    sending = (vmmc_sending_t *)calloc(1, sizeof *sending);
    if (!sending)
        return vmmc__fail(WSAENOBUFS);
    sending->context = context;
    sending->next = c->sendings;
    c->sendings = sending;
    if (vmmc__send_pieces(c, memory, offset, length, sending))
        return SOCKET_ERROR;
    sending->sent = 1;
    return 0;
}

/* Out: the context of a parcel that this end has sent and the other one is done with, in any order; what went by copies
 * is back at once. Waits as VMMC_IO_RECLAIM does: on a non-blocking socket WSAEWOULDBLOCK. Errors besides: WSAEINVAL,
 * nothing is out. If the other process dies, all is back. */
static inline int vmmc_reclaim(vmmc_channel_t *c, void **context)
{
    *context = NULL;
    for (;;) {
        vmmc_sending_t **at, *sending;
        for (at = &c->sendings; (sending = *at) != NULL; at = &sending->next) {
            if (!sending->sent || sending->out)
                continue;
            *context = sending->context;
            *at = sending->next;
            free(sending);
            return 0;
        }
        if (!c->sendings)
            return vmmc__fail(WSAEINVAL);
        if (vmmc__take_back(c))
            return SOCKET_ERROR;
    }
}

/* ---- parcels: receiving ---- */

/* `length` and `left` are for the program to read. */
typedef struct vmmc_parcel {
    uint64_t length; /* in all */
    uint64_t left;   /* not handed out yet */
    uint32_t here;   /* of the present piece, likewise */
    uint32_t lent;   /* not 0: the present piece is the loan `token` */
    void *accepted;  /* lent pages that have been handed out */
    uint32_t viewed; /* bytes of `view` that have been handed out */
    vmmc_view_t view;
    vmmc_token_t token;
} vmmc_parcel_t;

static inline int vmmc__next_piece(vmmc_channel_t *c, vmmc_parcel_t *parcel)
{
    vmmc_header_t header;
    if (vmmc__receive_header(c, &header, VMMC_HEADER_INLINE, VMMC_HEADER_LENT))
        return SOCKET_ERROR;
    if (header.count > VMMC_WINDOW_BYTES || (!header.count && header.left))
        return vmmc__fail(WSAECONNABORTED);
    if (header.left > UINT64_MAX - header.count || (parcel->length && header.count + header.left != parcel->left))
        return vmmc__fail(WSAECONNABORTED);
    parcel->left = header.count + header.left;
    parcel->here = header.count;
    parcel->lent = header.kind == VMMC_HEADER_LENT;
    parcel->token = header.token;
    return 0;
}

/* Receive the beginning of the next parcel. Out: parcel->length. WSAEWOULDBLOCK: call again. */
static inline int vmmc_receive_parcel(vmmc_channel_t *c, vmmc_parcel_t *parcel)
{
    memset(parcel, 0, sizeof *parcel);
    if (vmmc__next_piece(c, parcel))
        return SOCKET_ERROR;
    parcel->length = parcel->left;
    return 0;
}

/* End what the last vmmc_parcel_next has handed out: lent pages go back, borrowed bytes are released. */
static inline int vmmc__parcel_give_back(vmmc_channel_t *c, vmmc_parcel_t *parcel)
{
    if (parcel->viewed) {
        parcel->view.count = parcel->viewed;
        parcel->viewed = 0;
        return vmmc_release(c, &parcel->view);
    }
    if (parcel->accepted) {
        vmmc_accepted_t accepted = {.size = sizeof accepted, .token = parcel->token, .bytes = parcel->accepted};
        parcel->accepted = NULL;
        return vmmc__ask(c, VMMC_IO_RETURN, &accepted);
    }
    return 0;
}

static inline int vmmc__parcel_accept(vmmc_channel_t *c, vmmc_parcel_t *parcel)
{
    vmmc_accepted_t accepted = {.size = sizeof accepted, .token = parcel->token};
    if (vmmc__ask(c, VMMC_IO_ACCEPT, &accepted))
        return SOCKET_ERROR;
    if (accepted.length != parcel->here) {
        vmmc__ask(c, VMMC_IO_RETURN, &accepted);
        return vmmc__fail(WSAECONNABORTED);
    }
    parcel->accepted = accepted.bytes;
    return 0;
}

static inline int vmmc__parcel_borrow(vmmc_channel_t *c, vmmc_parcel_t *parcel)
{
    parcel->view.count = vmmc__least(parcel->here, VMMC_BUFFER_BYTES);
    if (vmmc_borrow(c, &parcel->view))
        return SOCKET_ERROR;
    parcel->viewed = parcel->view.spans[0].count; /* a second span is borrowed again next time */
    return parcel->viewed ? 0 : vmmc__fail(WSAECONNRESET);
}

/* Out: the parcel's next bytes, to be read in place, at most VMMC_WINDOW_BYTES; count 0: there are no more. They stay
 * until the next call with this parcel. If they are lent, other parcels can be received meanwhile, otherwise nothing
 * else can. Whoever lends may still write to them: what must not change between a check and its use has to be copied.
 * Who cuts a lent file short makes reading there an exception, as with any mapped file.
 * WSAEWOULDBLOCK: call again. WSAENOBUFS: no address space for lent pages; call again when there is, or close. */
static inline int vmmc_parcel_next(vmmc_channel_t *c, vmmc_parcel_t *parcel, const void **bytes, uint32_t *count)
{
    *bytes = NULL;
    *count = 0;
    if (vmmc__parcel_give_back(c, parcel))
        return SOCKET_ERROR;
    if (!parcel->left)
        return 0;
    if (!parcel->here && vmmc__next_piece(c, parcel))
        return SOCKET_ERROR;
    if (parcel->lent ? vmmc__parcel_accept(c, parcel) : vmmc__parcel_borrow(c, parcel))
        return SOCKET_ERROR;
    *bytes = parcel->lent ? parcel->accepted : parcel->view.spans[0].bytes;
    *count = parcel->lent ? parcel->here : parcel->viewed;
    parcel->here -= *count;
    parcel->left -= *count;
    return 0;
}

/* The program is done with the parcel: what it has not read is thrown away, what was lent goes back. WSAEWOULDBLOCK:
 * call again. */
static inline int vmmc_parcel_done(vmmc_channel_t *c, vmmc_parcel_t *parcel)
{
    const void *bytes;
    uint32_t count;
    do
        if (vmmc_parcel_next(c, parcel, &bytes, &count))
            return SOCKET_ERROR;
    while (count);
    return 0;
}

/* ---- offers: the end that receives ---- */

/* Name a buffer to the other end, which gets it by vmmc_receive_offer. What is to be put there, a request of the
 * program's own tells, sent before. The program keeps `offer` in place, and does not touch the bytes, until
 * vmmc_receive_filled gives it back. Many may be out, and they come back in any order. Errors besides: WSAEINVAL. */
static inline int vmmc_offer_buffer(vmmc_channel_t *c, vmmc_offer_t *offer)
{
    vmmc_memory_t *memory = offer->memory;
    vmmc_header_t header = {.kind = VMMC_HEADER_OFFER, .number = ++c->next_offer, .count = offer->length};
    vmmc_loan_t loan = {.size = sizeof loan, .memory = memory->id, .offset = offer->offset, .length = offer->length};
    if (!memory->base || !offer->length || offer->length > VMMC_WINDOW_BYTES || offer->offset > memory->length ||
        offer->length > memory->length - offer->offset)
        return vmmc__fail(WSAEINVAL);
    offer->number = header.number;
    offer->loan = offer->back = 0;
    if (vmmc__is_lendable(c, memory, VMMC_OTHERS_WRITE) && vmmc__ask(c, VMMC_IO_LEND, &loan) == 0) {
        offer->loan = loan.loan;
        header.kind = VMMC_HEADER_OFFER_LENT;
        header.token = loan.token;
    }
    offer->next = c->offers;
    c->offers = offer;
    return vmmc__send_header(c, &header);
}

/* The offers are this end's own books; what the other end says is only looked up in them. */
static inline vmmc_offer_t *vmmc__take_offer(vmmc_channel_t *c, uint32_t number)
{
    vmmc_offer_t **at, *offer;
    for (at = &c->offers; (offer = *at) != NULL; at = &offer->next)
        if (offer->number == number) {
            *at = offer->next;
            return offer;
        }
    return NULL;
}

static inline int vmmc__take_filled(vmmc_channel_t *c, const vmmc_offer_t *offer, const vmmc_header_t *header)
{
    vmmc_loan_t loan = {.size = sizeof loan, .loan = offer->loan};
    if (header->count > offer->length || (header->kind == VMMC_HEADER_FILLED) != (offer->loan != 0))
        return vmmc__fail(WSAECONNABORTED);
    if (offer->loan)
        return offer->back ? 0 : vmmc__ask(c, VMMC_IO_RECLAIM, &loan);
    return vmmc_receive_all(c, (char *)offer->memory->base + offer->offset, header->count);
}

/* Out: an offer that is over, and how many of its first bytes the other end has filled. WSAEWOULDBLOCK: call again,
 * unless the bytes are on their way by copies, which are waited for. */
static inline int vmmc_receive_filled(vmmc_channel_t *c, vmmc_offer_t **offer, uint32_t *count)
{
    vmmc_header_t header;
    *offer = NULL;
    *count = 0;
    if (vmmc__receive_header(c, &header, VMMC_HEADER_FILLED, VMMC_HEADER_FILLED_INLINE))
        return SOCKET_ERROR;
    *count = header.count;
    *offer = vmmc__take_offer(c, header.number);
    return *offer ? vmmc__take_filled(c, *offer, &header) : vmmc__fail(WSAECONNABORTED);
}

/* ---- offers: the end that sends ---- */

/* A buffer of the other end's; `bytes` and `length` are for the program, which stores there. */
typedef struct vmmc_filling {
    void *bytes;
    uint32_t length;
    uint32_t number, lent; /* not 0: the pages are the loan `token` */
    vmmc_token_t token;
} vmmc_filling_t;

/* Receive the next offer. Out: filling->bytes: the other end's own pages, or a buffer of the channel's making.
 * WSAEWOULDBLOCK: call again. */
static inline int vmmc_receive_offer(vmmc_channel_t *c, vmmc_filling_t *filling)
{
    vmmc_header_t header;
    memset(filling, 0, sizeof *filling);
    if (vmmc__receive_header(c, &header, VMMC_HEADER_OFFER, VMMC_HEADER_OFFER_LENT))
        return SOCKET_ERROR;
    if (!header.count || header.count > VMMC_WINDOW_BYTES)
        return vmmc__fail(WSAECONNABORTED);
    filling->length = header.count;
    filling->number = header.number;
    filling->lent = header.kind == VMMC_HEADER_OFFER_LENT;
    filling->token = header.token;
    if (filling->lent) {
        vmmc_accepted_t accepted = {.size = sizeof accepted, .token = header.token};
        if (vmmc__ask(c, VMMC_IO_ACCEPT, &accepted))
            return SOCKET_ERROR;
        filling->bytes = accepted.bytes;
        return accepted.writable && accepted.length == header.count ? 0 : vmmc__fail(WSAECONNABORTED);
    }
    filling->bytes = malloc(filling->length);
    return filling->bytes ? 0 : vmmc__fail(WSAENOBUFS);
}

/* Give the buffer back with `count` of its first bytes filled, 0: none. It must not be touched any more. Errors
 * besides: WSAEINVAL. */
static inline int vmmc_send_filled(vmmc_channel_t *c, vmmc_filling_t *filling, uint32_t count)
{
    vmmc_header_t header = {.kind = VMMC_HEADER_FILLED_INLINE, .number = filling->number, .count = count};
    int result;
    if (!filling->bytes || count > filling->length)
        return vmmc__fail(WSAEINVAL);
    if (filling->lent) {
        vmmc_accepted_t accepted = {.size = sizeof accepted, .token = filling->token, .bytes = filling->bytes};
        header.kind = VMMC_HEADER_FILLED;
        result = vmmc__ask(c, VMMC_IO_RETURN, &accepted) || vmmc__send_header(c, &header) ? SOCKET_ERROR : 0;
    } else {
        result = vmmc__send_header(c, &header) || vmmc_send_all(c, filling->bytes, count) ? SOCKET_ERROR : 0;
        free(filling->bytes);
    }
    memset(filling, 0, sizeof *filling);
    return result;
}

#endif
