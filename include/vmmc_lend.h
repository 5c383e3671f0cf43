/* vmmc_lend: exported memory that the program itself chooses, a buffer or a file, lent range by range.
 *
 * The lender makes memory that can be lent, and a loan of a range of it, whose token it sends to the other process by
 * whatever channel they share.  That one accepts the loan, which maps the very same pages, and returns it when it has
 * done with them; then the lender, which may wait for that, reclaims it.  A loan belongs to one connection, named by
 * its mailbox, between the two sides of one link.
 *
 * All calls may be made from any thread and give 0 or a VMMC_E* code. */
#ifndef VMMC_LEND_H
#define VMMC_LEND_H

#include "atomics.h"
#include "vmmc.h"

/* ---- memory of this process ---- */

typedef struct vmmc_lendable {
    uint32_t id; /* never 0 */
    void *base;  /* this process's view; NULL over a file */
    uint64_t length;
} vmmc_lendable_t;

/* Zeroed memory that others may read, or write too if `others_write`.  VMMC_EINVAL: a length of 0; VMMC_ENOMEM. */
int vmmc_lendable_allocate(uint64_t length, bool others_write, vmmc_lendable_t *lendable);
/* The whole of a file, for others to read; the handle may be closed afterwards.  VMMC_EINVAL: the system's own error
 * says why; VMMC_ENOMEM. */
int vmmc_lendable_open_file(uintptr_t file, vmmc_lendable_t *lendable);
/* Unmap it here.  Loans that nobody has accepted yet are back with that, what has been accepted stays until it is
 * returned.  Never waits.  VMMC_EINVAL: there is no such memory. */
int vmmc_lendable_free(uint32_t id);

/* ---- the lender ---- */

typedef struct vmmc_loan_token {
    uint8_t bytes[64];
} vmmc_loan_token_t;

typedef struct vmmc_lend_request {
    uint32_t memory; /* id */
    uint64_t offset, length;
    void *context; /* the caller's */
} vmmc_lend_request_t;

/* VMMC_EINVAL: no such memory, or a range outside of it; VMMC_ENOMEM: too many are out; VMMC_EPEER. */
int vmmc_lend(vmmc_link_t *link, uint32_t mailbox, const vmmc_lend_request_t *request, vmmc_loan_token_t *token,
              uint32_t *loan);
/* End a loan that is back; *loan 0: any of this connection.  VMMC_EAGAIN: still out; VMMC_EINVAL: there is none. */
int vmmc_reclaim(vmmc_link_t *link, uint32_t mailbox, uint32_t *loan, void **context);

/* What a reclaimer has seen of the comings back; taken before it looks, so that it sleeps only if none came since. */
typedef struct vmmc_returns {
    uint32_t changes, kicks;
} vmmc_returns_t;
vmmc_returns_t vmmc_returns(vmmc_link_t *link);
/* Sleep until something has come back to this side of the link since `seen`, *stop is not 0, `deadline` (on
 * os_now_us()) has passed, the other process is dead, or an interlude cancels the wait.  May return for nothing. */
void vmmc_await_return(vmmc_link_t *link, vmmc_returns_t seen, const word_t *stop, uint64_t deadline);
/* Have this process's threads look again that wait on the link. */
void vmmc_kick_reclaimers(vmmc_link_t *link);

/* ---- the borrower ---- */

typedef struct vmmc_borrowed {
    void *bytes;
    uint64_t length;
    bool writable;
} vmmc_borrowed_t;

/* VMMC_EACCES: the token is not for this connection, was accepted before, or its memory has been freed; VMMC_ENOMEM: no
 * address space. */
int vmmc_accept(vmmc_link_t *link, uint32_t mailbox, const vmmc_loan_token_t *token, vmmc_borrowed_t *borrowed);
/* Give back what was accepted by any link of this process.  VMMC_EINVAL: the token is not that of an accepted loan;
 * VMMC_EACCES: it is, but `bytes` is not what was given out for it. */
int vmmc_return(const vmmc_loan_token_t *token, const void *bytes);
/* Unmap what is not in use and whose memory has been freed, or whose lender has died; the watcher does that. */
void vmmc_forget_freed(void);

#endif
