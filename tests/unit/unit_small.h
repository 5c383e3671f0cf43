/* unit_small: messages as the layer above the streams moves them if nothing else is the matter: most of them small. */
#ifndef VMMC_UNIT_SMALL_H
#define VMMC_UNIT_SMALL_H

#include "stream_small.h"

/* `count`, or 0: something else is the matter. */
static inline int unit_send_small(stream_t *stream, uintptr_t socket, const void *bytes, uint32_t count)
{
    switch (stream_send_clear(stream, socket, bytes, count)) {
    case SMALL_UNCLEAR:
        return stream_send_unclear(stream, socket, bytes, count);
    case SMALL_WAKES:
        stream_sent_to_sleeper(stream);
        return (int)count;
    case SMALL_DONE:
        return (int)count;
    case SMALL_FAULT:
        return STREAM_FAULT;
    default:
        return stream_send_with_lock(stream, socket, bytes, count);
    }
}

/* Apart, so that the clear way saves no registers for it. */
__attribute__((noinline, unused)) static int unit_receive_in_exchange(stream_t *stream, uintptr_t socket, void *bytes,
                                                                      uint32_t count, bool blocking)
{
    uint32_t taken;
    switch (stream_receive_in_exchange(stream, socket, bytes, count, blocking, &taken)) {
    case SMALL_DONE:
        return (int)taken;
    case SMALL_WAKES:
        return stream_received_and_wanted(stream, taken);
    case SMALL_NOTHING:
        return 0;
    case SMALL_FAULT:
        return STREAM_FAULT;
    default:
        return stream_receive_by_looks(stream, socket, bytes, count, blocking);
    }
}

/* As many bytes as are there; 0, or STREAM_AGAIN. */
static inline int unit_receive_small(stream_t *stream, uintptr_t socket, void *bytes, uint32_t count, bool blocking)
{
    switch (stream_receive_clear(stream, socket, bytes, count)) {
    case SMALL_UNCLEAR:
        return unit_receive_in_exchange(stream, socket, bytes, count, blocking);
    case SMALL_WAKES:
        stream_received_from_sleeper(stream);
        return (int)count;
    case SMALL_DONE:
        return (int)count;
    case SMALL_FAULT:
        return STREAM_FAULT;
    default:
        return stream_receive_with_lock(stream, socket, bytes, count, blocking);
    }
}

#endif
