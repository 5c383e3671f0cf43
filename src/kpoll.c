/* kpoll: see kpoll.h. */
#include "kpoll.h"

#include "lock.h"
#include "log.h"
#include "nt.h"

#include <stdlib.h>

#define IOCTL_AFD_POLL_CODE 0x00012024u
#define PATIENT_US 500000  /* a poll that does not wait takes a thousandth of that, on a busy machine a tenth */
#define IMPATIENT_US 10000 /* once one has not left: its thread was ended in the middle of it */
#define TRUST_US 100000    /* then ask: a poll whose thread was ended may never tell */
#define STATUS_TIMEOUT_CODE ((NTSTATUS)0x102)
#define STATUS_PENDING_CODE ((NTSTATUS)0x103)

enum afd_event {
    AFD_RECEIVE = 0x1,
    AFD_RECEIVE_EXPEDITED = 0x2,
    AFD_SEND = 0x4,
    AFD_DISCONNECT = 0x8,
    AFD_ABORT = 0x10,
    AFD_LOCAL_CLOSE = 0x20,
    AFD_ACCEPT = 0x80,
    AFD_CONNECT_FAIL = 0x100
};

/* What the driver takes and gives back; its layout is the system's. */
typedef struct afd_socket {
    HANDLE socket;
    ULONG events;
    NTSTATUS status;
} afd_socket_t;

typedef struct afd_poll {
    LARGE_INTEGER timeout;
    ULONG count;
    ULONG exclusive;
    afd_socket_t socket;
} afd_poll_t;

typedef struct afd_glance {
    LARGE_INTEGER timeout;
    ULONG count;
    ULONG exclusive;
    afd_socket_t sockets[KPOLL_GLANCE];
} afd_glance_t;
static_assert(offsetof(afd_glance_t, sockets) == offsetof(afd_poll_t, socket), "one is the other with one socket");

/* One armed poll.  It belongs to its socket until that is forgotten, and to the list until the system has let go. */
typedef struct kpoll_op {
    struct kpoll_op *next;
    bool pending, orphan;
    word_t fired;
    kpoll_wait_t *waits;
    uint64_t watched_us; /* by kpoll_watch(), on os_now_us() */
    afd_poll_t poll;
    IO_STATUS_BLOCK io;
} kpoll_op_t;

static struct {
    vmmc_lock_t lock;
    HANDLE endpoint, event, glanced;
    bool on_wine;
    word_t patience_us; /* with a poll that does not leave; a hint, shared by all threads */
    kpoll_op_t *pending;
} driver = {.patience_us = PATIENT_US};

bool kpoll_start(void *endpoint)
{
    const nt_calls_t *nt = nt_calls();
    driver.event = CreateEventA(NULL, FALSE, FALSE, NULL);
    driver.glanced = CreateEventA(NULL, FALSE, FALSE, NULL);
    driver.endpoint = nt->device_io_control_file ? endpoint : NULL;
    driver.on_wine = nt_is_wine();
    if (!driver.endpoint)
        log_info("the socket driver cannot be polled; mixed selects look at kernel sockets from time to time");
    return driver.event != NULL;
}

bool kpoll_owns(uintptr_t number)
{
    return driver.endpoint && number == (uintptr_t)driver.endpoint;
}

void *kpoll_event(void)
{
    return driver.event;
}

static ULONG events_of(kpoll_kind_t kind)
{
    static const ULONG events[] = {
        [KPOLL_READ] = AFD_RECEIVE | AFD_DISCONNECT | AFD_ABORT | AFD_ACCEPT | AFD_LOCAL_CLOSE,
        [KPOLL_WRITE] = AFD_SEND | AFD_ABORT | AFD_LOCAL_CLOSE,
        [KPOLL_EXCEPT] = AFD_RECEIVE_EXPEDITED | AFD_CONNECT_FAIL | AFD_LOCAL_CLOSE,
    };
    return events[kind];
}

static bool is_complete(const kpoll_op_t *op)
{
    return *(const volatile NTSTATUS *)&op->io.Status != STATUS_PENDING_CODE;
}

/* All polls share one event, and the system resets it when a new one begins: what another had to tell would be lost.  A
 * poll's status is written before the event is set, so whoever was silenced is found here. */
static void ring_again(void)
{
    for (const kpoll_op_t *op = driver.pending; op; op = op->next) {
        if (is_complete(op)) {
            SetEvent(driver.event);
            return;
        }
    }
}

static void free_if_done(kpoll_op_t *op)
{
    if (op->orphan && !op->pending && !op->waits)
        free(op);
}

static void fire(kpoll_op_t *op)
{
    op->pending = false;
    store_release(&op->fired, 1);
    for (const kpoll_wait_t *wait = op->waits; wait; wait = wait->next)
        wait_wake_own(wait->number);
    free_if_done(op);
}

/* Called with the lock held.  A poll that completes at once has fired. */
static bool arm(kpoll_op_t *op, uintptr_t socket, kpoll_kind_t kind)
{
    op->poll = (afd_poll_t){.timeout.QuadPart = INT64_MAX, .count = 1,
                            .socket = {.socket = (HANDLE)socket, .events = events_of(kind)}};
    op->io.Status = STATUS_PENDING_CODE;
    store_relaxed(&op->fired, 0);
    NTSTATUS status = nt_calls()->device_io_control_file(driver.endpoint, driver.event, NULL, op, &op->io,
                                                         IOCTL_AFD_POLL_CODE, &op->poll, sizeof op->poll, &op->poll,
                                                         sizeof op->poll);
    ring_again();
    if (status != STATUS_PENDING_CODE) {
        fire(op);
        return status >= 0;
    }
    op->pending = true;
    op->next = driver.pending;
    driver.pending = op;
    return true;
}

void kpoll_collect(void)
{
    lock_take(&driver.lock);
    kpoll_op_t **at = &driver.pending;
    while (*at) {
        kpoll_op_t *op = *at;
        if (is_complete(op)) {
            *at = op->next;
            fire(op);
        } else {
            at = &op->next;
        }
    }
    lock_release(&driver.lock);
}

/* Of a poll that completes at once Wine's server keeps the sockets for ever, and spins on them, if the program ends between
 * the answer and its thread's next request; not of one that has to wait.  So there it waits: for the shortest time there is.
 * Elsewhere that would be a tick of the clock, and the driver looks and answers. */
static LARGE_INTEGER glance_time(void)
{
    return (LARGE_INTEGER){.QuadPart = driver.on_wine ? -1 : 0};
}

static bool ask_driver(afd_glance_t *glance)
{
    IO_STATUS_BLOCK io = {.Status = STATUS_PENDING_CODE};
    ULONG bytes = (ULONG)offsetof(afd_glance_t, sockets[glance->count]);
    if (!driver.endpoint || !driver.glanced)
        return false;
    NTSTATUS status = nt_calls()->device_io_control_file(driver.endpoint, driver.glanced, NULL, NULL, &io,
                                                         IOCTL_AFD_POLL_CODE, glance, bytes, glance, bytes);
    if (status == STATUS_PENDING_CODE) {
        HANDLE events[] = {driver.glanced, driver.event};
        while (WaitForMultipleObjects(2, events, FALSE, INFINITE) != WAIT_OBJECT_0)
            kpoll_collect(); /* who sleeps on those does not wait for this, which may take a millisecond */
        status = io.Status;
    }
    if (status == STATUS_TIMEOUT_CODE)
        glance->count = 0;
    return status >= 0;
}

bool kpoll_glance(kpoll_t *const *polled, unsigned count, bool *ready)
{
    afd_glance_t glance = {.timeout = glance_time()};
    unsigned asked[KPOLL_GLANCE];
    for (unsigned i = 0; i < count; i++) {
        uintptr_t socket = polled[i]->socket;
        ready[i] = false;
        if (!kpoll_enter(polled[i], socket))
            continue;
        asked[glance.count] = i;
        glance.sockets[glance.count++] = (afd_socket_t){.socket = (HANDLE)socket, .events = events_of(KPOLL_READ)};
    }
    unsigned all = glance.count;
    afd_glance_t answer = glance;
    bool told = all == 0 || (ask_driver(&answer) && answer.count <= all);
    for (unsigned i = 0, found = 0; i < all; i++) { /* the ready ones come in the order in which they were asked for */
        if (told && found < answer.count && answer.sockets[found].socket == glance.sockets[i].socket) {
            ready[asked[i]] = true;
            found++;
        }
        kpoll_leave(polled[asked[i]]);
    }
    return told;
}

bool kpoll_enter(kpoll_t *polled, uintptr_t socket)
{
    word_add(&polled->entered, 1); /* a locked instruction: before the look at `forgotten`; pairs with kpoll_forget() */
    if (load_acquire(&polled->forgotten) == 0 && polled->socket == socket)
        return true;
    kpoll_leave(polled);
    return false;
}

void kpoll_leave(kpoll_t *polled)
{
    word_add(&polled->entered, (uint32_t)-1);
}

/* Called with the lock held, under which both change. */
static bool is_open(const kpoll_t *polled, uintptr_t socket)
{
    return load_relaxed(&polled->forgotten) == 0 && polled->socket == socket;
}

/* The armed poll of that socket and kind, or NULL; called with the lock held. */
static kpoll_op_t *armed_op(kpoll_t *polled, uintptr_t socket, kpoll_kind_t kind)
{
    if (!is_open(polled, socket))
        return NULL;
    kpoll_op_t *op = polled->ops[kind];
    if (!op && driver.endpoint)
        op = polled->ops[kind] = calloc(1, sizeof *op);
    return op && (op->pending || arm(op, socket, kind)) ? op : NULL;
}

void kpoll_watch(kpoll_t *polled, uintptr_t socket, kpoll_kind_t kind)
{
    lock_take(&driver.lock);
    kpoll_op_t *op = armed_op(polled, socket, kind);
    if (op)
        op->watched_us = os_now_us();
    lock_release(&driver.lock);
}

bool kpoll_is_quiet(const kpoll_t *polled, uintptr_t socket, kpoll_kind_t kind)
{
    lock_take(&driver.lock);
    const kpoll_op_t *op = is_open(polled, socket) ? polled->ops[kind] : NULL;
    bool quiet = op && op->pending && !is_complete(op) && os_now_us() - op->watched_us < TRUST_US;
    lock_release(&driver.lock);
    return quiet;
}

bool kpoll_begin(kpoll_t *polled, uintptr_t socket, kpoll_kind_t kind, kpoll_wait_t *wait, const waiter_t *waiter)
{
    bool watched = false;
    lock_take(&driver.lock);
    kpoll_op_t *op = armed_op(polled, socket, kind);
    if (op) {
        wait->op = op;
        wait->number = wait_number(waiter);
        wait->next = op->waits;
        op->waits = wait;
        watched = true;
    }
    lock_release(&driver.lock);
    return watched;
}

bool kpoll_fired(const kpoll_wait_t *wait)
{
    return load_acquire(&wait->op->fired) != 0;
}

void kpoll_end(kpoll_wait_t *wait)
{
    lock_take(&driver.lock);
    kpoll_wait_t **at = &wait->op->waits;
    while (*at != wait)
        at = &(*at)->next;
    *at = wait->next;
    free_if_done(wait->op);
    lock_release(&driver.lock);
}

void kpoll_open(kpoll_t *polled, uintptr_t socket)
{
    lock_take(&driver.lock);
    polled->socket = socket;
    memset(polled->ops, 0, sizeof polled->ops);
    store_release(&polled->forgotten, 0); /* pairs with the acquire in kpoll_enter() */
    lock_release(&driver.lock);
}

static void await_leaving(const kpoll_t *polled)
{
    uint64_t until = 0;
    for (unsigned round = 1; load_acquire(&polled->entered) != 0; round++) {
        uint64_t now = os_now_us();
        if (!until)
            until = now + load_relaxed(&driver.patience_us);
        if (now >= until) {
            store_relaxed(&driver.patience_us, IMPATIENT_US);
            return;
        }
        os_yield(round);
    }
}

void kpoll_forget(kpoll_t *polled)
{
    lock_take(&driver.lock);
    word_swap(&polled->forgotten, 1);
    for (int kind = 0; kind < KPOLL_KINDS; kind++) {
        kpoll_op_t *op = polled->ops[kind];
        polled->ops[kind] = NULL;
        if (!op)
            continue;
        op->orphan = true;
        IO_STATUS_BLOCK ignored;
        if (op->pending && nt_calls()->cancel_io_file_ex)
            nt_calls()->cancel_io_file_ex(driver.endpoint, &op->io, &ignored);
        free_if_done(op);
    }
    lock_release(&driver.lock);
    await_leaving(polled);
}
