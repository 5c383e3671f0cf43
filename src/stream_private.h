/* stream_private: what the three files of the stream share. */
#ifndef VMMC_STREAM_PRIVATE_H
#define VMMC_STREAM_PRIVATE_H

#include "log.h"
#include "stream.h"

#define STREAM_PATIENCE_US 250000 /* for the other side's cooperation; then reset */
#define WATCHER_NUMBER 1          /* the first waiter of each process is its watcher's */

/* What stops every transfer; 0: nothing.  Called with a lock of the stream held. */
static inline int stream__gone(const stream_t *stream, uintptr_t socket)
{
    if (load_relaxed(&stream->closing) || stream->socket != socket)
        return STREAM_CANCELLED;
    return load_relaxed(&stream->broken) ? STREAM_RESET : 0;
}

/* Something impossible was found in shared memory: the connection is reset, the log says what it was, and this process
 * takes no new streams. */
int stream__break(stream_t *stream, const char *what);
/* The other side did not do its part in time: the connection is reset. */
int stream__give_up(stream_t *stream, const char *what);
/* Wake whoever sleeps at the other end of a direction. */
void stream__wake_reader(stream_t *stream);
void stream__wake_writer(stream_t *stream);
/* Wake this process's threads on a half; called with its lock held. */
void stream__wake_local(half_t *half);
void stream__arm_locked(half_t *half, word_t *shared, sleeper_t *sleeper, uint32_t number);
void stream__disarm_locked(half_t *half, word_t *shared, sleeper_t *sleeper);
/* The shared word that tells the other side whom to wake for `half`. */
word_t *stream__waiter_word(stream_t *stream, half_t *half);

/* Shared words of one direction as a thread last saw them: it sleeps until one of them is different. */
typedef struct outlook {
    const word_t *words[4];
    uint32_t seen[4];
    unsigned count;
} outlook_t;

static inline void outlook_add(outlook_t *outlook, const word_t *word, uint32_t seen)
{
    outlook->words[outlook->count] = word;
    outlook->seen[outlook->count++] = seen;
}

static inline bool outlook_has_changed(const outlook_t *outlook)
{
    for (unsigned i = 0; i < outlook->count; i++) {
        if (load_acquire(outlook->words[i]) != outlook->seen[i])
            return true;
    }
    return false;
}

/* Sleep until the outlook changes, somebody wakes us or `deadline` passes.  Called and returns with half->lock held, by
 * a thread that holds the stream; false: the deadline has passed. */
bool stream__sleep(stream_t *stream, half_t *half, const outlook_t *outlook, uint64_t deadline);
/* A short look without sleeping, for at most `us`; true: the outlook changed. */
bool stream__look(half_t *half, const outlook_t *outlook, uint32_t us);

/* A thread that sleeps inside a stream keeps it from being torn down. */
void stream__hold(stream_t *stream);
void stream__let_go(stream_t *stream);

/* The sender has filled the kernel connection and nobody reads: let it have a ring, if that can be. */
void stream__consent_if_asked(stream_t *stream);
/* A frozen sender gives up on its receiver: the connection is reset.  Returns STREAM_RESET. */
int stream__thaw(stream_t *stream);
/* The socket is being closed: if the receiver has returned bytes, give them to the kernel now; tx.lock held. */
void stream__restore_now(stream_t *stream);
/* Take up to `room` bytes out of whatever carries them now; rx.lock held.  A count, STREAM_AGAIN, or 0: nothing. */
int stream__drain(stream_t *stream, uint8_t *bytes, uint32_t room);
/* Publish a switch from a ring to the kernel; called with tx.lock held. */
void stream__switch_to_kernel(stream_t *stream);
/* Add bits to the sender's state word. */
void stream__mark(half_t *tx, uint32_t bits);

#endif
