/* sock: one open socket's state, from creation to close, whatever carries its bytes.
 *
 * A socket begins as the kernel's.  A TCP connection that has lived for some calls (YOUNG until then) and whose two ends
 * are on this host posts in the rendezvous table (MEETING) and, when its other end has been found, becomes a USER socket;
 * everything else is the KERNEL's and only forwarded.
 * Threads any.
 * Errors  counts, or negative WSA codes; the thread's error is set by the api_*.c files alone. */
#ifndef VMMC_SOCK_H
#define VMMC_SOCK_H

#include "kpoll.h"
#include "rendezvous.h"
#include "stream.h"

typedef enum sock_mode {
    SOCK_KERNEL,   /* the kernel's, for good */
    SOCK_FRESH,   /* may become user-level once it is connected */
    SOCK_MEETING, /* connected; waits for the other end */
    SOCK_USER,
    SOCK_YOUNG    /* connected; most that are end soon, so nothing is done for it yet */
} sock_mode_t;

/* What may have connected a fresh socket by now. */
typedef enum sock_connecting { SOCK_IDLE, SOCK_CONNECTING, SOCK_ACCEPTING /* by AcceptEx */ } sock_connecting_t;

/* Of a connection whose other end too looks for this one with its first transfer. */
typedef enum sock_expects { EXPECTS_NOTHING, EXPECTS_MEETING, EXPECTS_RING /* for its first send */ } sock_expects_t;

/* Whether a listener looks for such connections. */
typedef enum sock_hears { HEARS_PERHAPS, HEARS_CALLS, HEARS_NOTHING } sock_hears_t;

struct async;

/* Why a socket is what it is, for whoever reads this process's memory (inspection.h); nothing here asks. */
typedef struct sock_story {
    const char *why;       /* it stays with the kernel, or has gone back there; NULL: no reason of this end's */
    uint64_t connected_us; /* when that was noticed, on os_now_us() */
    uint32_t peer_process; /* of a stream: the other end's */
} sock_story_t;

typedef struct sock {
    stream_t stream; /* first: its locks survive reuse, see stream_init() */
    uintptr_t handle;
    word_t mode;
    vmmc_lock_t lock; /* changes of mode */
    meeting_t meeting;
    word_t life;               /* another one after each reuse of the entry */
    word_t accepted;           /* a listener's connections, ... */
    word_t hears;              /* ... sock_hears_t, ... */
    word_t answered;           /* ... and how many of the calls for its port it has answered */
    word_t named;              /* accepted by a listener that has a whole name, which is: */
    endpoint_t own_name;       /* also a listener's, if it hears */
    uint32_t server;           /* prospects_key() of the end that listens; 0: not known */
    word_t expects;            /* sock_expects_t */
    uint32_t meet_calls;       /* no meeting is tried before so many calls, since there was no room for the last one */
    word_t nonblocking;        /* as the program set it */
    word_t connecting;         /* sock_connecting_t */
    word_t may_stream;         /* a listener's or a stream's; 0: it may be of another type */
    word_t listening;          /* it carries no bytes, so others may have its handle */
    uint32_t receive_timeout_ms, send_timeout_ms; /* 0: none */
    uint32_t receive_buffer, send_buffer;         /* bytes; 0: not set by the program */
    uint16_t linger_on, linger_seconds;
    kpoll_t kpoll;
    word_t select_looked;  /* wait_moment() of the last select that asked the kernel about it */
    word_t async_events;   /* what WSAAsyncSelect has selected; 0: nothing */
    struct async *async;   /* async.h */
    sock_story_t story;
    word_t promoted; /* set with a new stream, taken back by stray.c, to which the next three belong */
    uint32_t watch_phase, watch_later_us;
    uint64_t watch_due;
    struct sock *next_retired;
} sock_t;

/* For fdtab: make an entry new. */
void sock_reset(sock_t *sock, uintptr_t handle);
/* Take the settings of the listener that the connection came from. */
void sock_inherit(sock_t *sock, const sock_t *listener);
/* Ask the system for the linger setting, which more than one option changes, and not only on this socket. */
void sock_learn_linger(sock_t *sock);
void sock_learn_timeouts(sock_t *sock);
/* Before a connect to `name`, and after one that has succeeded: see whether the other end is to be met at once, with the
 * first transfer.  True: then that waits for the other end a little while (sock_await_other_ends()). */
bool sock_expect_at_connect(sock_t *sock, const void *name, int length);
void sock_expect_nothing(sock_t *sock); /* the connect that should be has failed */
void sock_note_connect(sock_t *sock, const void *name, int length);
/* The same for what `listener`, the socket `handle`, has accepted. */
void sock_expect_at_accept(sock_t *sock, sock_t *listener, uintptr_t handle);
static inline bool sock_expects(const sock_t *sock)
{
    return load_relaxed(&sock->expects) == EXPECTS_MEETING;
}
/* The first transfer of such sockets is about to begin on one of them, and may wait, until the deadline at the latest. */
void sock_await_other_ends(sock_t *const *socks, unsigned count, uint64_t deadline);
/* A socket goes to the kernel, has sent, or ends: see what became of what it expected. */
void sock_settle_expectation(sock_t *sock);
/* The socket is connected now. */
void sock_connected(sock_t *sock);
/* The same, if the system says so: of a socket that may have been connected since it was last looked at. */
void sock_notice_connection(sock_t *sock);
/* Begin the meeting, if that is to be expected and has not begun, however young the connection is. */
void sock_meet(sock_t *sock);
/* The system is about to close it: publishes the end of its stream. */
void sock_end(sock_t *sock);
/* See whether the other end has turned up; cheap when there is nothing to see. */
void sock_progress(sock_t *sock);
/* True while the other end is not looked for yet, and would not be with `sending` bytes more. */
bool sock_is_young(const sock_t *sock, uint32_t sending);
/* Before each call, or after a short send: a non-blocking connect may have completed, the connection may be old enough for
 * a meeting or about to be with the `sending` bytes of this call, the other end may have turned up. */
void sock_look_around(sock_t *sock, uint32_t sending);

/* What a transfer is asked to do besides moving bytes. */
enum sock_transfer_flags { SOCK_PEEK = 1, SOCK_WAIT_ALL = 2, SOCK_URGENT = 4 };

/* `handle` is the socket that the program named: the entry may have become another socket's meanwhile. */
int sock_send(sock_t *sock, uintptr_t handle, const void *bytes, int count, unsigned flags);
int sock_receive(sock_t *sock, uintptr_t handle, void *bytes, int count, unsigned flags);
/* The same as ReadFile and WriteFile have it: they wait for ever, whatever the program has set. */
int sock_read(sock_t *sock, uintptr_t handle, void *bytes, int count);
int sock_write(sock_t *sock, uintptr_t handle, const void *bytes, int count);
/* In a thread with a blocking hook: run it until the kernel socket is ready.  0: ready, or there is no hook; otherwise
 * -WSAEINTR, -WSAETIMEDOUT or -WSAENOTSOCK. */
int sock_await(sock_t *sock, uintptr_t handle, bool writable, uint64_t deadline);
/* Several sends of one thread that no other thread's bytes come between; blocking, whatever the socket's mode.  Begin
 * gives SOCK_TURN_OURS: use sock_send_in_turn(), whose result is `count` or the error, then sock_end_turn(); or
 * SOCK_TURN_KERNEL: use one call of the system, then tell sock_end_kernel_turn() how many bytes it moved, negative: not
 * known; or an error. */
enum sock_turn { SOCK_TURN_OURS, SOCK_TURN_KERNEL };
int sock_begin_turn(sock_t *sock, uintptr_t handle);
int sock_send_in_turn(sock_t *sock, uintptr_t handle, const void *bytes, int count);
/* The same, but as long as the socket's own sends wait: perhaps only a part, or -WSAEWOULDBLOCK. */
int sock_send_held(sock_t *sock, uintptr_t handle, const void *bytes, int count);
void sock_end_turn(sock_t *sock);
void sock_end_kernel_turn(sock_t *sock, int64_t moved);
/* Views (stream.h): a count, or the error; -WSAEOPNOTSUPP: not by a ring now.  They wait as the socket's own sends and
 * receives do; `in_turn`, for ever. */
int sock_reserve(sock_t *sock, uintptr_t handle, uint32_t most, bool in_turn, view_t *view);
/* `view`: in, what was reserved; out, what is left of it where fewer than `count` bytes could be sent. */
int sock_commit(sock_t *sock, uintptr_t handle, uint32_t count, bool in_turn, view_t *view);
int sock_borrow(sock_t *sock, uintptr_t handle, uint32_t most, view_t *view);
int sock_release(sock_t *sock, uintptr_t handle, void *first, uint32_t count);
/* True if the connection has come to its end in both directions at user level, of which the kernel knows nothing. */
bool sock_is_over(sock_t *sock);
/* Bytes waiting, or -WSAEOPNOTSUPP if the kernel knows. */
int sock_pending(sock_t *sock, uintptr_t handle);
/* 1 if the next byte is an urgent one that is not in line, else 0; or -WSAEOPNOTSUPP if the kernel knows. */
int sock_at_mark(sock_t *sock, uintptr_t handle);
/* 0; or -WSAEOPNOTSUPP if the kernel has to do it. */
int sock_shutdown(sock_t *sock, uintptr_t handle, int how);
int sock_set_nonblocking(sock_t *sock, bool on);

/* Give the socket back to the kernel for good, because of `why`.  Afterwards the system's calls on it are right. */
void sock_demote(sock_t *sock, const char *why);
/* A stream that has left, on whosever wish: the kernel socket blocks again if the program wants that. */
void sock_settle(sock_t *sock);

/* 0: for ever.  On os_now_us(). */
static inline uint64_t sock_deadline(uint32_t timeout_ms)
{
    return timeout_ms ? os_now_us() + timeout_ms * 1000ull : STREAM_NEVER;
}

static inline sock_mode_t sock_mode(const sock_t *sock)
{
    return (sock_mode_t)load_acquire(&sock->mode);
}

/* A connected stream, or what may be one: its bytes have to be counted. */
static inline bool sock_may_move_bytes(const sock_t *sock)
{
    sock_mode_t mode = sock_mode(sock);
    return mode != SOCK_KERNEL && (mode != SOCK_FRESH || load_relaxed(&sock->connecting));
}

#endif
