/* api_lend: ioctlsocket's codes for memory that can be lent, and for loans of it. */
#include "api.h"

#include "loans.h"
#include "transport.h"

#include <vmmc_sockets.h>

static_assert(sizeof(vmmc_token_t) == sizeof(vmmc_loan_token_t), "a token is a token");

/* ---- memory ---- */

static int describe(vmmc_memory_t *request, const vmmc_lendable_t *lendable)
{
    request->id = lendable->id;
    request->base = lendable->base;
    request->length = lendable->length;
    return 0;
}

static int allocate(vmmc_memory_t *request)
{
    vmmc_lendable_t lendable;
    if (request->size != sizeof *request || request->access > VMMC_OTHERS_WRITE)
        return -WSAEINVAL;
    if (transport_start() != NULL)
        return -WSAEOPNOTSUPP;
    int error = vmmc_lendable_allocate(request->length, request->access == VMMC_OTHERS_WRITE, &lendable);
    if (error)
        return error == VMMC_EINVAL ? -WSAEINVAL : -WSAENOBUFS;
    return describe(request, &lendable);
}

static int open_file(vmmc_memory_t *request)
{
    vmmc_lendable_t lendable;
    if (request->size != sizeof *request || request->access != VMMC_OTHERS_READ)
        return -WSAEINVAL;
    if (transport_start() != NULL)
        return -WSAEOPNOTSUPP;
    if (!request->file || request->file == INVALID_HANDLE_VALUE)
        return -ERROR_INVALID_HANDLE;
    int error = vmmc_lendable_open_file((uintptr_t)request->file, &lendable);
    if (error)
        return error == VMMC_EINVAL ? wsaerr_from_system() : -WSAENOBUFS;
    return describe(request, &lendable);
}

static int free_memory(const vmmc_memory_t *request)
{
    return request->size == sizeof *request && vmmc_lendable_free(request->id) == 0 ? 0 : -WSAEINVAL;
}

/* ---- loans ---- */

static int lend(sock_t *sock, SOCKET s, vmmc_loan_t *request)
{
    vmmc_lend_request_t range = {request->memory, request->offset, request->length, request->context};
    vmmc_loan_token_t token;
    uint32_t loan;
    if (request->size != sizeof *request)
        return -WSAEINVAL;
    int error = loan_lend(sock, s, &range, &token, &loan);
    if (error)
        return error;
    memcpy(&request->token, &token, sizeof token);
    request->loan = loan;
    return 0;
}

static int reclaim(sock_t *sock, SOCKET s, vmmc_loan_t *request)
{
    if (request->size != sizeof *request)
        return -WSAEINVAL;
    uint32_t loan = request->loan;
    void *context;
    int error = loan_reclaim(sock, s, &loan, &context);
    if (error)
        return error;
    request->loan = loan;
    request->context = context;
    return 0;
}

static int accept_loan(sock_t *sock, SOCKET s, vmmc_accepted_t *request)
{
    vmmc_loan_token_t token;
    vmmc_borrowed_t borrowed;
    if (request->size != sizeof *request)
        return -WSAEINVAL;
    memcpy(&token, &request->token, sizeof token);
    int error = loan_accept(sock, s, &token, &borrowed);
    if (error)
        return error;
    request->bytes = borrowed.bytes;
    request->length = borrowed.length;
    request->writable = borrowed.writable;
    return 0;
}

static int return_loan(const vmmc_accepted_t *request)
{
    vmmc_loan_token_t token;
    if (request->size != sizeof *request)
        return -WSAEINVAL;
    memcpy(&token, &request->token, sizeof token);
    return loan_return(&token, request->bytes);
}

bool api_is_loan_request(long command)
{
    return (u_long)command >= (u_long)VMMC_IO_ALLOCATE && (u_long)command <= (u_long)VMMC_IO_RETURN;
}

int api_loan_request(sock_t *sock, SOCKET s, long command, void *request)
{
    if (!request)
        return -WSAEFAULT;
    switch (command) {
    case VMMC_IO_ALLOCATE:
        return allocate(request);
    case VMMC_IO_OPEN_FILE:
        return open_file(request);
    case VMMC_IO_FREE:
        return free_memory(request);
    case VMMC_IO_LEND:
        return lend(sock, s, request);
    case VMMC_IO_RECLAIM:
        return reclaim(sock, s, request);
    case VMMC_IO_ACCEPT:
        return accept_loan(sock, s, request);
    default:
        return return_loan(request);
    }
}
