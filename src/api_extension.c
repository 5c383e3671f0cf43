/* api_extension: the codes of vmmc_sockets.h, from the program's structures to the sockets and back. */
#include "api_extension.h"

#include "api.h"
#include "async.h"

#include <vmmc_sockets.h>

#define CODE_MASK 0xffff0000u

bool api_is_extension(long command)
{
    return ((uint32_t)command & CODE_MASK) == ((uint32_t)VMMC_IO_CODE(0) & CODE_MASK);
}

/* ---- questions ---- */

static int ask(sock_t *sock, uintptr_t handle, void *request)
{
    vmmc_ask_t *out = request;
    stream_facts_t facts = {0};
    (void)handle;
    sock_look_around(sock, 0);
    bool streaming = sock_mode(sock) == SOCK_USER;
    if (streaming)
        stream_describe(&sock->stream, &facts);
    if (sock_mode(sock) == SOCK_KERNEL || (streaming && stream_is_final(&sock->stream) && !facts.has_peer))
        return -WSAEOPNOTSUPP;
    out->version = VMMC_INTERFACE_VERSION;
    out->ways = (facts.send_ring ? VMMC_SENDS_BY_RING : 0u) | (facts.receive_ring ? VMMC_RECEIVES_BY_RING : 0u) |
                (facts.has_peer ? VMMC_CAN_LEND : 0u);
    out->send_ring = facts.send_ring;
    out->receive_ring = facts.receive_ring;
    return 0;
}

static vmmc_way_counters_t counters_of(const counters_t *counted, uint32_t switches)
{
    return (vmmc_way_counters_t){.bytes = counted->bytes,
                                 .in_place = counted->in_place,
                                 .by_kernel = counted->by_kernel,
                                 .calls = counted->calls,
                                 .waits = counted->waits,
                                 .sleeps = counted->sleeps,
                                 .switches = switches,
                                 .loans = counted->loans,
                                 .lent = counted->lent};
}

static int count(sock_t *sock, uintptr_t handle, void *request)
{
    vmmc_counters_t *out = request;
    stream_facts_t facts;
    (void)handle;
    sock_look_around(sock, 0);
    if (sock_mode(sock) != SOCK_USER)
        return -WSAEOPNOTSUPP;
    stream_describe(&sock->stream, &facts);
    out->sent = counters_of(&facts.sent, facts.send_switches);
    out->received = counters_of(&facts.received, facts.receive_switches);
    return 0;
}

/* ---- views ---- */

static view_t view_from(const vmmc_view_t *request)
{
    const vmmc_piece_t *spans = request->spans;
    return (view_t){{{spans[0].bytes, spans[0].count}, {spans[1].bytes, spans[1].count}}, request->count};
}

static void give_view(vmmc_view_t *request, const view_t *view)
{
    request->count = view->count;
    for (int i = 0; i < 2; i++)
        request->spans[i] = (vmmc_piece_t){view->spans[i].bytes, view->spans[i].count};
}

static int reserve(sock_t *sock, uintptr_t handle, void *request)
{
    view_t view;
    int result = sock_reserve(sock, handle, ((vmmc_view_t *)request)->count, false, &view);
    if (result == -WSAEWOULDBLOCK)
        async_enable(sock, FD_WRITE);
    if (result < 0)
        return result;
    give_view(request, &view);
    return 0;
}

static int commit(sock_t *sock, uintptr_t handle, void *request)
{
    vmmc_view_t *asked = request;
    view_t view = view_from(asked);
    int sent = sock_commit(sock, handle, asked->count, false, &view);
    if (sent < 0)
        return sent;
    if ((uint32_t)sent < asked->count)
        give_view(asked, &view);
    asked->count = (uint32_t)sent;
    return 0;
}

static int borrow(sock_t *sock, uintptr_t handle, void *request)
{
    view_t view;
    int result = sock_borrow(sock, handle, ((vmmc_view_t *)request)->count, &view);
    if (result < 0)
        return result;
    give_view(request, &view);
    return 0;
}

static int release(sock_t *sock, uintptr_t handle, void *request)
{
    const vmmc_view_t *asked = request;
    int result = sock_release(sock, handle, asked->spans[0].bytes, asked->count);
    return result < 0 ? result : 0;
}

/* ---- the codes ---- */

typedef struct extension {
    long code;
    uint32_t size; /* of the request, which begins with its own idea of that */
    int (*run)(sock_t *sock, uintptr_t handle, void *request);
} extension_t;

static const extension_t extensions[] = {
    {VMMC_IO_ASK, sizeof(vmmc_ask_t), ask},          {VMMC_IO_COUNT, sizeof(vmmc_counters_t), count},
    {VMMC_IO_RESERVE, sizeof(vmmc_view_t), reserve}, {VMMC_IO_COMMIT, sizeof(vmmc_view_t), commit},
    {VMMC_IO_BORROW, sizeof(vmmc_view_t), borrow},   {VMMC_IO_RELEASE, sizeof(vmmc_view_t), release},
};

/* Not in the table: no socket at all, or one that we have nothing to do with. */
static int refuse_stranger(uintptr_t handle)
{
    int type, length = sizeof type;
    bool exists = real_getsockopt(handle, SOL_SOCKET, SO_TYPE, (char *)&type, &length) == 0;
    return exists ? -WSAEOPNOTSUPP : wsaerr_from_system();
}

int api_extension(sock_t *sock, uintptr_t handle, long command, void *request)
{
    if (!sock)
        return refuse_stranger(handle);
    if (!request)
        return -WSAEFAULT;
    sock_meet(sock); /* whoever asks has plans with the connection */
    if (api_is_loan_request(command))
        return api_loan_request(sock, handle, command, request);
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        const extension_t *extension = &extensions[i];
        if (extension->code == command)
            return *(const uint32_t *)request == extension->size ? extension->run(sock, handle, request) : -WSAEINVAL;
    }
    return -WSAEOPNOTSUPP;
}
