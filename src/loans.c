/* loans: see loans.h. */
#include "loans.h"

#include "wsaerr.h"

#include <winsock.h>

static int enter(sock_t *sock, uintptr_t handle, vmmc_link_t **link, uint32_t *mailbox)
{
    sock_look_around(sock, 0);
    int result = stream_enter_link(&sock->stream, handle, link, mailbox);
    if (result == STREAM_BY_KERNEL)
        return -WSAEOPNOTSUPP;
    return result ? wsaerr_from_stream(result) : 0;
}

static int lending_error(int error)
{
    switch (error) {
    case 0:
        return 0;
    case VMMC_EINVAL:
        return -WSAEINVAL;
    case VMMC_ENOMEM:
        return -WSAENOBUFS;
    case VMMC_EACCES:
        return -WSAEACCES;
    default:
        return -WSAECONNRESET;
    }
}

int loan_lend(sock_t *sock, uintptr_t handle, const vmmc_lend_request_t *request, vmmc_loan_token_t *token,
              uint32_t *loan)
{
    vmmc_link_t *link;
    uint32_t mailbox;
    int error = enter(sock, handle, &link, &mailbox);
    if (error)
        return error;
    error = lending_error(vmmc_lend(link, mailbox, request, token, loan));
    if (!error)
        stream_count_loan(&sock->stream.tx, request->length);
    stream_leave_link(&sock->stream);
    return error;
}

int loan_accept(sock_t *sock, uintptr_t handle, const vmmc_loan_token_t *token, vmmc_borrowed_t *borrowed)
{
    vmmc_link_t *link;
    uint32_t mailbox;
    int error = enter(sock, handle, &link, &mailbox);
    if (error)
        return error;
    error = lending_error(vmmc_accept(link, mailbox, token, borrowed));
    if (!error)
        stream_count_loan(&sock->stream.rx, borrowed->length);
    stream_leave_link(&sock->stream);
    return error;
}

int loan_return(const vmmc_loan_token_t *token, const void *bytes)
{
    int error = vmmc_return(token, bytes);
    return error == VMMC_EACCES ? -WSAEFAULT : lending_error(error);
}

/* ---- reclaiming ---- */

typedef struct reclaim_guard {
    wait_guard_t guard; /* first */
    stream_t *stream;
} reclaim_guard_t;

static void abandon(wait_guard_t *guard)
{
    stream_leave_link(((reclaim_guard_t *)guard)->stream);
}

static int await_return(sock_t *sock, vmmc_link_t *link, vmmc_returns_t seen, uint64_t deadline)
{
    reclaim_guard_t guard = {{NULL, abandon}, &sock->stream};
    waiter_t *waiter = wait_mine();
    if (load_acquire(&sock->stream.closing))
        return -WSAENOTSOCK;
    if (os_now_us() >= deadline)
        return -WSAETIMEDOUT;
    wait_guard(waiter, &guard.guard);
    vmmc_await_return(link, seen, &sock->stream.closing, deadline);
    wait_unguard(waiter);
    return wait_is_cancelled() ? -WSAEINTR : 0;
}

static int reclaim(sock_t *sock, vmmc_link_t *link, uint32_t mailbox, uint32_t *loan, void **context)
{
    uint32_t timeout = sock->receive_timeout_ms;
    uint64_t deadline = timeout ? os_now_us() + timeout * 1000ull : STREAM_NEVER;
    for (;;) {
        vmmc_returns_t seen = vmmc_returns(link);
        int error = vmmc_reclaim(link, mailbox, loan, context);
        if (error != VMMC_EAGAIN)
            return lending_error(error);
        if (load_relaxed(&sock->nonblocking))
            return -WSAEWOULDBLOCK;
        error = await_return(sock, link, seen, deadline);
        if (error)
            return error;
    }
}

int loan_reclaim(sock_t *sock, uintptr_t handle, uint32_t *loan, void **context)
{
    vmmc_link_t *link;
    uint32_t mailbox;
    int error = enter(sock, handle, &link, &mailbox);
    if (error)
        return error;
    error = reclaim(sock, link, mailbox, loan, context);
    stream_leave_link(&sock->stream);
    return error;
}
