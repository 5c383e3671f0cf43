/* connection: see connection.h. */
#include "connection.h"

#include "os_fuzz.h"

void connection_open(connection_end_t ends[2])
{
    for (int i = 0; i < 2; i++) {
        ends[i].other = &ends[1 - i];
        ends[i].count = 0;
        ends[i].room = CONNECTION_BYTES;
        ends[i].ended = ends[i].reset = false;
    }
}

static int send_bytes(uintptr_t socket, const void *bytes, uint32_t count)
{
    connection_end_t *to = ((connection_end_t *)socket)->other;
    uint32_t room = to->room > to->count ? to->room - to->count : 0, part = count < room ? count : room;
    if (to->other->reset || to->ended)
        return STREAM_RESET;
    if (count && !part)
        return STREAM_AGAIN;
    memcpy(to->unread + to->count, bytes, part);
    to->count += part;
    return (int)part;
}

static int send_urgent(uintptr_t socket, const void *byte)
{
    return send_bytes(socket, byte, 1);
}

static int peek_bytes(uintptr_t socket, void *bytes, uint32_t count)
{
    connection_end_t *from = (connection_end_t *)socket;
    uint32_t part = count < from->count ? count : from->count;
    if (from->reset)
        return STREAM_RESET;
    if (from->count == 0)
        return from->ended ? 0 : STREAM_AGAIN;
    memcpy(bytes, from->unread, part);
    return (int)part;
}

static int receive_bytes(uintptr_t socket, void *bytes, uint32_t count)
{
    connection_end_t *from = (connection_end_t *)socket;
    int moved = peek_bytes(socket, bytes, count);
    if (moved > 0) {
        from->count -= (uint32_t)moved;
        memmove(from->unread, from->unread + moved, from->count);
    }
    return moved;
}

static uint32_t pending_bytes(uintptr_t socket)
{
    return ((connection_end_t *)socket)->count;
}

static void wait_for(uintptr_t socket, bool writable, unsigned ms)
{
    const connection_end_t *end = (connection_end_t *)socket;
    bool ready = writable ? end->other->count < end->other->room : end->count || end->ended || end->reset;
    os_fuzz_pass(ready ? 10 : ms * 1000);
}

static void shut(uintptr_t socket)
{
    ((connection_end_t *)socket)->other->ended = true;
}

/* It never blocks. */
static void unblock(uintptr_t socket)
{
    (void)socket;
}

const kernel_calls_t connection_calls = {.unblock = unblock,
                                         .send = send_bytes,
                                         .send_urgent = send_urgent,
                                         .receive = receive_bytes,
                                         .peek = peek_bytes,
                                         .pending = pending_bytes,
                                         .wait = wait_for,
                                         .shut = shut};
