/* counts: the fast paths below winsock, each in a function of its own, so that a profiler that counts instructions can
 * tell them apart.  Both ends are in this process, in their rings, and nobody ever waits.
 * usage: counts ROUNDS */
#include "unit.h"
#include "unit_small.h"

#include <stdlib.h>

#define APART __attribute__((noinline))
#define SMALL 64
#define LARGE 4096

static unit_pair_t pair;
static uint8_t bytes[LARGE];

static transfer_t transfer_of(int end, void *at, uint32_t count)
{
    return (transfer_t){.socket = pair.end[end].socket, .bytes = at, .count = count, .deadline = STREAM_NEVER};
}

/* The first message after something else has a row of looks taken; one that comes alone, as in an exchange, is looked for;
 * others find the way clear. */
static APART void count_send_64_first(void)
{
    unit_check(unit_send_small(&pair.end[0], pair.end[0].socket, bytes, SMALL) == SMALL);
}

static APART void count_send_64(void)
{
    unit_check(unit_send_small(&pair.end[0], pair.end[0].socket, bytes, SMALL) == SMALL);
}

static APART void count_receive_64_first(void)
{
    unit_check(unit_receive_small(&pair.end[1], pair.end[1].socket, bytes, SMALL, true) == SMALL);
}

static APART void count_receive_64_alone(void)
{
    unit_check(unit_receive_small(&pair.end[1], pair.end[1].socket, bytes, SMALL, true) == SMALL);
}

static APART void count_receive_64(void)
{
    unit_check(unit_receive_small(&pair.end[1], pair.end[1].socket, bytes, SMALL, true) == SMALL);
}

static APART void count_send_4096(void)
{
    transfer_t transfer = transfer_of(0, bytes, LARGE);
    unit_check(stream_send(&pair.end[0], &transfer) == LARGE);
}

static APART void count_receive_4096(void)
{
    transfer_t transfer = transfer_of(1, bytes, LARGE);
    unit_check(stream_receive(&pair.end[1], &transfer) == LARGE);
}

/* What a program that polls does most of the time. */
static APART void count_receive_nothing(void)
{
    unit_check(unit_receive_small(&pair.end[1], pair.end[1].socket, bytes, SMALL, false) == STREAM_AGAIN);
}

/* What a select of one socket asks first. */
static APART void count_ready(void)
{
    unit_check(stream_readable_small(&pair.end[1], pair.end[1].socket, false));
}

static APART void count_readable_yes(void)
{
    unit_check(stream_readable(&pair.end[1], pair.end[1].socket) == 1);
}

static APART void count_readable_no(void)
{
    unit_check(stream_readable(&pair.end[1], pair.end[1].socket) == 0);
}

static APART void count_writable_yes(void)
{
    unit_check(stream_writable(&pair.end[0], pair.end[0].socket) == 1);
}

static APART void count_reserve(view_t *view)
{
    transfer_t request = transfer_of(0, NULL, SMALL);
    unit_check(stream_reserve(&pair.end[0], &request, view) == SMALL);
}

static APART void count_commit(const view_t *view)
{
    transfer_t request = transfer_of(0, view->spans[0].bytes, SMALL);
    unit_check(stream_commit(&pair.end[0], &request) == SMALL);
}

static APART void count_borrow(view_t *view)
{
    transfer_t request = transfer_of(1, NULL, SMALL);
    unit_check(stream_borrow(&pair.end[1], &request, view) == SMALL);
}

static APART void count_release(const view_t *view)
{
    transfer_t request = transfer_of(1, view->spans[0].bytes, SMALL);
    unit_check(stream_release(&pair.end[1], &request) == SMALL);
}

static void take_round(void)
{
    view_t view;
    count_writable_yes();
    count_receive_nothing();
    count_readable_no();
    count_send_64_first();
    count_send_64();
    count_ready();
    count_readable_yes();
    unit_check(stream_pending(&pair.end[1], pair.end[1].socket) == 2 * SMALL);
    count_receive_64_first();
    count_receive_64();
    unit_check(unit_send_small(&pair.end[0], pair.end[0].socket, bytes, SMALL) == SMALL);
    count_receive_64_alone();
    count_send_4096();
    count_receive_4096();
    count_reserve(&view);
    count_commit(&view);
    count_borrow(&view);
    count_release(&view);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    unit_start();
    unit_pair_open(&pair, 65536, 65536);
    unit_promote(&pair);
    for (long i = atol(argv[1]); i > 0; i--)
        take_round();
    unit_pair_close(&pair);
    unit_clean();
    return 0;
}
