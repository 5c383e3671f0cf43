/* lending: see lending.h. */
#include "lending.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOANS 24u
#define RANGE 4096u /* of one loan */
#define OUT 3u      /* at a time */
#define PATIENCE_US 15000000

typedef struct lender {
    lending_t *lending;
    vmmc_lendable_t memory;
    unsigned out;
} lender_t;

/* A fault, unless the connection or the other process has come to its end. */
static void note(lending_t *lending, const char *what)
{
    uint64_t until = os_now_us() + 2000000;
    if (lending->may_close)
        return;
    while (!vmmc_link_probe(lending->link) && os_now_us() < until) /* its sockets are closed before it is gone */
        os_yield(UINT32_MAX);
    if (!vmmc_link_is_dead(lending->link) && !lending->fault)
        lending->fault = what;
}

/* ---- the lender ---- */

static bool lend(lender_t *lender, unsigned number, vmmc_loan_token_t *token)
{
    lending_t *lending = lender->lending;
    uint32_t loan;
    vmmc_lend_request_t request = {lender->memory.id, (uint64_t)number * RANGE, RANGE, lender};
    unit_fill((uint8_t *)lender->memory.base + request.offset, lending->seed + number, 0, RANGE);
    int result = vmmc_lend(lending->link, lending->mailbox, &request, token, &loan);
    if (result == 0)
        lender->out++;
    else
        note(lending, "a range cannot be lent");
    return result == 0;
}

static bool reclaim_one(lender_t *lender)
{
    static const word_t never;
    lending_t *lending = lender->lending;
    const uint64_t deadline = os_now_us() + PATIENCE_US;
    for (;;) {
        uint32_t any = 0;
        void *context;
        vmmc_returns_t seen = vmmc_returns(lending->link);
        int result = vmmc_reclaim(lending->link, lending->mailbox, &any, &context);
        if (result == 0) {
            lender->out--;
            return true;
        }
        if (result != VMMC_EAGAIN || os_now_us() > deadline) {
            note(lending, result == VMMC_EAGAIN ? "a loan does not come back" : "a loan is unknown");
            return false;
        }
        vmmc_await_return(lending->link, seen, &never, deadline);
    }
}

static void *lend_all(void *argument)
{
    lender_t lender = {.lending = argument};
    vmmc_loan_token_t token;
    bool fine = vmmc_lendable_allocate((LOANS + 1) * RANGE, lender.lending->seed % 2, &lender.memory) == 0;
    for (unsigned i = 0; fine && i < LOANS; i++) {
        fine = lend(&lender, i, &token) &&
               send(lender.lending->channel, &token, sizeof token, MSG_NOSIGNAL) == sizeof token;
        if (fine && lender.out == OUT)
            fine = reclaim_one(&lender);
    }
    if (fine)
        lend(&lender, LOANS, &token); /* nobody hears of it, so it is back when its memory goes */
    shutdown(lender.lending->channel, SHUT_WR);
    while (fine && lender.out > 1)
        fine = reclaim_one(&lender);
    vmmc_lendable_free(lender.memory.id);
    while (fine && lender.out)
        fine = reclaim_one(&lender);
    return NULL;
}

/* ---- the borrower ---- */

/* What has been accepted stays readable, whether its lender lives or not. */
static bool borrow(lending_t *lending, const vmmc_loan_token_t *token, unsigned number)
{
    vmmc_borrowed_t borrowed;
    if (vmmc_accept(lending->link, lending->mailbox, token, &borrowed) != 0) {
        note(lending, "a loan cannot be accepted");
        return false;
    }
    bool right = borrowed.length == RANGE && unit_fits(borrowed.bytes, lending->seed + number, 0, RANGE);
    os_yield(1);
    if (!right || !unit_fits(borrowed.bytes, lending->seed + number, 0, RANGE))
        lending->fault = "a loan has the wrong content";
    if (vmmc_return(token, borrowed.bytes) != 0)
        lending->fault = "a loan cannot be returned";
    return true;
}

static void *borrow_all(void *argument)
{
    lending_t *lending = argument;
    vmmc_loan_token_t token;
    unsigned number = 0;
    while (read(lending->channel, &token, sizeof token) == sizeof token && borrow(lending, &token, number))
        number++;
    vmmc_forget_freed();
    return NULL;
}

void lending_start(lending_t *lending)
{
    if (!lending->link)
        return;
    lending->lender = unit_thread(lend_all, lending);
    lending->borrower = unit_thread(borrow_all, lending);
}

void lending_end(lending_t *lending)
{
    if (!lending->link)
        return;
    unit_join(lending->lender);
    unit_join(lending->borrower);
}
