/* stream_turn: one thread at a time is inside a send, so that no two blocking ones mix their bytes. */
#include "stream_private.h"

#define TURN_LOOK_US 250000 /* who waits for a turn looks that often whether there is a stream left */

static int wait_for_turn(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    outlook_t outlook = {.interludes = true};
    if (!transfer->blocking)
        return STREAM_AGAIN;
    uint64_t soon = os_now_us() + TURN_LOOK_US;
    stream__sleep(stream, tx, &outlook, soon < transfer->deadline ? soon : transfer->deadline);
    if (wait_is_cancelled())
        return STREAM_INTERRUPTED;
    int gone = stream__gone(stream, transfer->socket);
    if (gone == 0 && stream__receiver_died(stream))
        gone = STREAM_RESET;
    return gone == 0 && os_now_us() >= transfer->deadline ? STREAM_TIMEOUT : gone;
}

/* Called with the lock held; 0: no other thread sends until stream__end_turn(). */
int stream__take_turn(stream_t *stream, const transfer_t *transfer)
{
    half_t *tx = &stream->tx;
    int result = 0;
    while (tx->busy && result == 0)
        result = stream__is_mine(tx) ? STREAM_HELD : wait_for_turn(stream, transfer);
    if (result == 0) {
        tx->busy = true;
        tx->turn = wait_number(wait_mine());
    }
    return result;
}

void stream__end_turn(half_t *tx)
{
    tx->busy = false;
    tx->held.count = 0;
    if (tx->sleepers)
        stream__wake_local(tx);
}

int stream_begin_turn(stream_t *stream, uintptr_t socket)
{
    half_t *tx = &stream->tx;
    const transfer_t turn = {.socket = socket, .blocking = true, .deadline = STREAM_NEVER};
    half_take(tx);
    int result = stream__enter(stream, tx, socket);
    if (result)
        return result;
    result = stream__take_turn(stream, &turn);
    if (result == 0) {
        result = stream__check_sender(stream, &turn);
        if (result)
            stream__end_turn(tx);
    }
    lock_release(&tx->lock);
    if (result)
        stream__let_go(stream);
    return result;
}

void stream_end_turn(stream_t *stream)
{
    half_take(&stream->tx);
    stream__end_turn(&stream->tx);
    lock_release(&stream->tx.lock);
    stream__let_go(stream);
}
