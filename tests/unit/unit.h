/* unit: what the native tests share: cmocka in the order it wants, streams over real TCP connections, programs that
 * send and receive patterns through them, a watcher, and the way a test program starts and ends.
 *
 * unit_check() is for threads and child processes, where cmocka's own asserts cannot be used. */
#ifndef VMMC_TESTS_UNIT_H
#define VMMC_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "log.h"
#include "stream.h"

#define UNIT_PATIENCE_US 20000000 /* a transfer that takes longer hangs */
#define UNIT_WATCHED 4            /* streams that the watcher serves */

#define unit_check(condition) ((condition) ? (void)0 : unit_fail(__FILE__, __LINE__, #condition))
_Noreturn void unit_fail(const char *file, int line, const char *what);
/* A number below `below`; the same state gives the same numbers everywhere. */
uint32_t unit_random(uint32_t *state, uint32_t below);

/* ---- a test program ---- */

/* Run the cases and leave nothing in shared memory.  Arguments: `event`: sleep on events instead of futexes;
 * anything else is a pattern for the names of cases.
 * UNIT_LOG in the environment turns the log on.  unit_main_bare() does not start the layers: for programs whose
 * children do. */
#define unit_main(argc, argv, tests) UNIT_RUN(argc, argv, tests, true)
#define unit_main_bare(argc, argv, tests) UNIT_RUN(argc, argv, tests, false)
#define UNIT_RUN(argc, argv, tests, start) \
    unit_run(argc, argv, (unit_cases_t){tests, sizeof(tests) / sizeof *(tests)}, start)
typedef struct unit_cases {
    const struct CMUnitTest *cases;
    size_t count;
} unit_cases_t;
int unit_run(int argc, char **argv, unit_cases_t tests, bool start);
bool unit_uses_futex(void);
/* Before unit_start(). */
void unit_set_futex(bool on);
/* Start the layers in this process, with the first waiter kept for the watcher as in a real process. */
void unit_start(void);
/* Remove the names of this process's shared objects, and of dead processes it had links to. */
void unit_clean(void);
/* The names of dead processes alone; before their links are released, since nobody knows them afterwards. */
void unit_clean_dead(void);
/* A thread that gives its waiter back when it ends. */
pthread_t unit_thread(void *(*body)(void *), void *argument);
void unit_join(pthread_t thread);

/* ---- streams ---- */

/* Non-blocking calls on a file descriptor. */
extern const kernel_calls_t unit_kernel;
/* A connected pair of TCP sockets on loopback, both non-blocking. */
void unit_tcp_pair(int pair[2]);
/* Not watched by ThreadSanitizer, which would look at each byte: what one thread does with its own buffers. */
#define UNIT_UNWATCHED __attribute__((no_sanitize("thread")))
/* Byte number `offset` of the stream with this seed. */
UNIT_UNWATCHED static inline uint8_t unit_pattern(uint32_t seed, uint64_t offset)
{
    uint64_t x = (offset + 1) * 0x9e3779b97f4a7c15u + seed;
    return (uint8_t)((x ^ (x >> 29)) >> 13);
}

/* Bytes of that stream from `offset` on: write them; are these they? */
void unit_fill(void *bytes, uint32_t seed, uint64_t offset, uint64_t count);
bool unit_fits(const void *bytes, uint32_t seed, uint64_t offset, uint64_t count);

/* Both ends of a stream in this process: `end[0]` claims, `end[1]` joins; kernel sockets in `fd`. */
typedef struct unit_pair {
    stream_t end[2];
    int fd[2];
    vmmc_link_t *link[2];
    uint32_t mailbox;
    void *memory[2];
} unit_pair_t;
void unit_pair_open(unit_pair_t *pair, uint32_t ring_bytes, uint32_t ring_max_bytes);
/* The same in steps: everything but the attachments, then those. */
void unit_pair_prepare(unit_pair_t *pair, uint32_t ring_bytes, uint32_t ring_max_bytes);
void unit_pair_attach(unit_pair_t *pair, int end);
void unit_pair_close(unit_pair_t *pair);
/* Bring both directions into their rings, which takes two bytes each way. */
void unit_promote(unit_pair_t *pair);

/* One call of the stream, with bytes of the pattern. */
int unit_send(stream_t *stream, uint32_t seed, uint64_t offset, uint32_t count, bool blocking);
int unit_receive(stream_t *stream, void *bytes, uint32_t count, bool blocking);
/* One piece by whatever carries the direction; a count, or the reason why not. */
int unit_piece(stream_t *stream, transfer_t *transfer, bool sending);
/* No more bytes will be sent. */
void unit_shut(stream_t *stream);
/* Receive exactly these bytes, by the stream or straight from the kernel. */
void unit_expect(stream_t *stream, uint32_t seed, uint64_t offset, uint32_t count);
void unit_kernel_expect(int fd, uint32_t seed, uint64_t offset, uint32_t count);

/* ---- programs: they use whatever carries the stream, as the layer above does ---- */

typedef struct unit_program {
    stream_t *stream;
    uint32_t seed;
    uint32_t total;       /* sender: bytes to send, then the end */
    uint32_t most;        /* largest single call */
    uint64_t done;        /* bytes moved */
    word_t *published;    /* sender: where to keep `done` for others to see, or NULL */
    bool stays_open;      /* sender: no end after the last byte */
    bool stop_on_failure; /* a reset is an end, not a failure of the test */
    int result;           /* 0: all moved, or end of stream; otherwise STREAM_* */
} unit_program_t;

/* Bodies of threads; the argument is a unit_program_t.  The receiver checks each byte until the end of the stream. */
void *unit_sender(void *program);
void *unit_receiver(void *program);

/* ---- the watcher of a process ---- */

typedef struct unit_watcher {
    stream_t *streams[UNIT_WATCHED];
    word_t stop;
    pthread_t thread;
} unit_watcher_t;

void unit_watch(unit_watcher_t *watcher, stream_t *first, stream_t *second);
void unit_unwatch(unit_watcher_t *watcher);

#endif
