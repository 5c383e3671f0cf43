/* pointers: transfers without copies, by the codes of vmmc_sockets.h, and by TransmitFile; for Windows builds. */
#ifndef BENCH_POINTERS_H
#define BENCH_POINTERS_H

#include "netbench.h"

/* How a client sends a piece whose first byte is PEER_MORE or PEER_LAST. */
typedef struct {
    void (*send)(void *context, char *piece, unsigned size);
    void *context;
} one_way_t;

/* For options->test; the other end must be of the same kind. What goes wrong ends the program. */
one_way_t pointers_begin(net_socket_t s, const netbench_options_t *options);
void pointers_end(one_way_t way);

/* The server's halves. */
void pointers_borrow(net_socket_t s, const peer_request_t *request, char *buffer);
void pointers_accept(net_socket_t s, const peer_request_t *request, char *buffer);

/* How far the receiver of pieces has come. */
typedef struct {
    peer_report_t report;
    uint32_t piece, missing; /* of the piece that has begun */
    bool last;
} drain_t;

static inline bool drain_is_over(const drain_t *drain)
{
    return drain->last && drain->missing == 0;
}

/* `got` more bytes; `head`: the first byte of a new piece, if it is among them. */
static inline void drain_count(drain_t *drain, uint32_t got, const char *head)
{
    drain->report.bytes += got;
    if (got > drain->missing) {
        drain->last = *head == PEER_LAST;
        drain->missing += drain->piece;
    }
    drain->missing -= got;
}

#endif
