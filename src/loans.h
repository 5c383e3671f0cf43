/* loans: lending and borrowing by a socket, whatever carries its bytes.
 *
 * A connection that has been user-level can lend until it is closed, also when its bytes have gone back to the kernel.
 * Owns    nothing: the books are the link's (vmmc_lend.h).
 * Threads any.
 * Errors  0 or negative WSA codes; -WSAEOPNOTSUPP: the other end is not user-level (yet). */
#ifndef VMMC_LOANS_H
#define VMMC_LOANS_H

#include "sock.h"
#include "vmmc_lend.h"

/* -WSAEINVAL: no such memory or range; -WSAENOBUFS: too many are out; -WSAECONNRESET: the other process is dead. */
int loan_lend(sock_t *sock, uintptr_t handle, const vmmc_lend_request_t *request, vmmc_loan_token_t *token,
              uint32_t *loan);
/* End a loan that is back, *loan 0: any; waits as a receive does.  -WSAEINVAL: there is none. */
int loan_reclaim(sock_t *sock, uintptr_t handle, uint32_t *loan, void **context);
/* -WSAEACCES: not for this connection, accepted before, or the memory has been freed; -WSAENOBUFS: no address space. */
int loan_accept(sock_t *sock, uintptr_t handle, const vmmc_loan_token_t *token, vmmc_borrowed_t *borrowed);
/* Whatever socket it was accepted by.  -WSAEINVAL: nothing to return; -WSAEFAULT: not what was given out. */
int loan_return(const vmmc_loan_token_t *token, const void *bytes);

#endif
