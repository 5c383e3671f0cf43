/* harness: what every API test program shares.
 * A program is its own peer: it starts itself again with a role, in another process that inherits nothing, and the
 * two meet at numbered slots (a value and an event each) on a shared board.  No test sleeps to let something happen.
 * A failed check fails the case, or ends the process when it is in a thread or in a peer; the peer's complaint is
 * printed by the process that waits for it.  A watchdog ends a process that hangs, and says where.
 * Environment: EXPECT_DLL     ours or builtin: which wsock32 has to be loaded
 *              API_PEER       program to start as the peer (default: this one)
 *              API_PEER_DLL   ours or builtin: which wsock32 the peer has to have, when that differs
 *              API_BARE       a copy of this program that has not got our DLL beside it
 *              API_SEED       number that varies sizes and data
 *              API_ONLY       run only the cases that match this pattern
 *              API_SECONDS    how long a case may take (default: 30)
 * With the argument --list a program names its cases and ends. */
#ifndef API_HARNESS_H
#define API_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winsock.h>
#include <cmocka.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Checks.  Each leaves a mark, so that a hang inside its expression is found by the watchdog. */
#define CHECK(cond) (harness_mark(__FILE__, __LINE__), (cond) ? (void)0 : harness_fail(__FILE__, __LINE__, #cond))
#define CHECK_IS(expected, actual) \
    (harness_mark(__FILE__, __LINE__), \
     harness_check_is(__FILE__, __LINE__, #actual, (long long)(expected), (long long)(actual)))
/* The call yields SOCKET_ERROR (or INVALID_SOCKET) and exactly this code. */
#define CHECK_FAILS(code, call) \
    (harness_mark(__FILE__, __LINE__), harness_check_fails(__FILE__, __LINE__, #call, (code), 0, (int)(intptr_t)(call)))
#define CHECK_FAILS_EITHER(code, other, call) \
    (harness_mark(__FILE__, __LINE__), \
     harness_check_fails(__FILE__, __LINE__, #call, (code), (other), (int)(intptr_t)(call)))
#define FAIL(...) harness_fail(__FILE__, __LINE__, __VA_ARGS__)

void harness_mark(const char *file, int line);
void harness_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(__MINGW_PRINTF_FORMAT, 3, 4)));
void harness_check_is(const char *file, int line, const char *what, long long expected, long long actual);
void harness_check_fails(const char *file, int line, const char *what, int code, int other, int result);

/* Slots: one-shot within a case, shared by all its processes. */
enum { SLOT_COUNT = 128 };
void slot_post(int slot, long value);
long slot_await(int slot);
/* Awaits it and empties it, so that it can be posted once more; for one that waits alone. */
long slot_take(int slot);
/* A count that others may read at any time, also after its writer was killed. */
void slot_set(int slot, long value);
long slot_get(int slot);

/* Unused slots again, for a case that repeats itself after all its peers have been joined. */
void slots_renew(void);

/* Peers. */
typedef struct peer {
    HANDLE process;
    char role[32];
} peer_t;

typedef struct role {
    const char *name;
    void (*run)(int argc, char **argv);
} role_t;

peer_t peer_start(const char *role, const char *format, ...) __attribute__((format(__MINGW_PRINTF_FORMAT, 2, 3)));
/* The same, but with the handles of this process inherited, and always by this program with this DLL. */
peer_t peer_start_inheriting(const char *role, const char *format, ...)
    __attribute__((format(__MINGW_PRINTF_FORMAT, 2, 3)));
/* The same by the copy of this program that has not got our DLL beside it, where there is one. */
peer_t peer_start_inheriting_bare(const char *role, const char *format, ...)
    __attribute__((format(__MINGW_PRINTF_FORMAT, 2, 3)));
void peer_join(peer_t *peer);
/* For one that may be killed: its exit code. */
unsigned long peer_reap(peer_t *peer);
void peer_kill(peer_t *peer);

/* Threads. */
typedef struct worker {
    HANDLE thread;
    void (*run)(void *context);
    void *context;
} worker_t;

void worker_start(worker_t *worker, void (*run)(void *context), void *context);
void worker_join(worker_t *worker);
/* For a worker that ends by ExitThread. */
void worker_forget(void);
bool worker_is_done(const worker_t *worker);

/* Small deterministic random numbers; `state` is the caller's. */
uint64_t harness_seed(uint64_t salt);
uint32_t random_below(uint64_t *state, uint32_t limit);

int harness_main(int argc, char **argv, const role_t *roles, size_t role_count, const struct CMUnitTest *tests,
                 size_t test_count);
int harness_case_setup(void **state);
int harness_case_teardown(void **state);

#define CASE(function) cmocka_unit_test_setup_teardown(function, harness_case_setup, harness_case_teardown)
#define HARNESS_MAIN(roles, tests) \
    int main(int argc, char **argv) \
    { \
        return harness_main(argc, argv, (roles), ARRAY_SIZE(roles), (tests), ARRAY_SIZE(tests)); \
    }

#endif
