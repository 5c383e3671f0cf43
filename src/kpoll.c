/* kpoll: see kpoll.h. */
#include "kpoll.h"

#include "lock.h"
#include "log.h"
#include "nt.h"

#include <stdlib.h>

#define IOCTL_AFD_POLL_CODE 0x00012024u
#define LEAVING_US 50000 /* a poll that does not wait takes a hundredth of that */
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
    afd_poll_t poll;
    IO_STATUS_BLOCK io;
} kpoll_op_t;

static struct {
    vmmc_lock_t lock;
    HANDLE device, event, glanced;
    kpoll_op_t *pending;
} driver;

static HANDLE open_device(void)
{
    static wchar_t name[] = L"\\Device\\Afd\\Vmmc";
    UNICODE_STRING path = {sizeof name - sizeof *name, sizeof name, name};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &path};
    IO_STATUS_BLOCK io;
    HANDLE device;
    const nt_calls_t *nt = nt_calls();
    if (!nt->create_file || !nt->device_io_control_file)
        return NULL;
    NTSTATUS status = nt->create_file(&device, SYNCHRONIZE, &attributes, &io, NULL, 0,
                                      FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0, NULL, 0);
    return status < 0 ? NULL : device;
}

bool kpoll_start(void)
{
    driver.event = CreateEventA(NULL, FALSE, FALSE, NULL);
    driver.glanced = CreateEventA(NULL, FALSE, FALSE, NULL);
    driver.device = open_device();
    if (!driver.device)
        log_info("the socket driver cannot be polled; mixed selects look at kernel sockets from time to time");
    return driver.event != NULL;
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

/* Called with the lock held.  A poll that completes at once has fired. */
static bool arm(kpoll_op_t *op, uintptr_t socket, kpoll_kind_t kind)
{
    op->poll = (afd_poll_t){.timeout.QuadPart = INT64_MAX, .count = 1,
                            .socket = {.socket = (HANDLE)socket, .events = events_of(kind)}};
    op->io.Status = STATUS_PENDING_CODE;
    store_relaxed(&op->fired, 0);
    NTSTATUS status = nt_calls()->device_io_control_file(driver.device, driver.event, NULL, op, &op->io,
                                                         IOCTL_AFD_POLL_CODE, &op->poll, sizeof op->poll, &op->poll,
                                                         sizeof op->poll);
    ring_again();
    if (status != STATUS_PENDING_CODE) {
        store_release(&op->fired, 1);
        return status >= 0;
    }
    op->pending = true;
    op->next = driver.pending;
    driver.pending = op;
    return true;
}

/* A time of 0: the driver looks and answers. */
static bool ask_driver(afd_glance_t *glance)
{
    IO_STATUS_BLOCK io = {.Status = STATUS_PENDING_CODE};
    ULONG bytes = (ULONG)offsetof(afd_glance_t, sockets[glance->count]);
    if (!driver.device || !driver.glanced)
        return false;
    NTSTATUS status = nt_calls()->device_io_control_file(driver.device, driver.glanced, NULL, NULL, &io,
                                                         IOCTL_AFD_POLL_CODE, glance, bytes, glance, bytes);
    if (status == STATUS_PENDING_CODE) {
        WaitForSingleObject(driver.glanced, INFINITE);
        status = io.Status;
    }
    return status >= 0;
}

bool kpoll_glance(kpoll_t *const *polled, unsigned count, bool *ready)
{
    afd_glance_t glance = {.count = 0};
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

/* The armed poll of that socket and kind, or NULL; called with the lock held. */
static kpoll_op_t *armed_op(kpoll_t *polled, kpoll_kind_t kind)
{
    kpoll_op_t *op = polled->ops[kind];
    if (!op && driver.device)
        op = polled->ops[kind] = calloc(1, sizeof *op);
    return op && (op->pending || arm(op, polled->socket, kind)) ? op : NULL;
}

bool kpoll_begin(kpoll_t *polled, uintptr_t socket, kpoll_kind_t kind, kpoll_wait_t *wait, const waiter_t *waiter)
{
    bool watched = false;
    lock_take(&driver.lock);
    bool open = load_relaxed(&polled->forgotten) == 0 && polled->socket == socket; /* both change under the lock */
    kpoll_op_t *op = open ? armed_op(polled, kind) : NULL;
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

static void free_if_done(kpoll_op_t *op)
{
    if (op->orphan && !op->pending && !op->waits)
        free(op);
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

static void fire(kpoll_op_t *op)
{
    op->pending = false;
    store_release(&op->fired, 1);
    for (const kpoll_wait_t *wait = op->waits; wait; wait = wait->next)
        wait_wake_own(wait->number);
    free_if_done(op);
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
            until = now + LEAVING_US;
        if (now >= until)
            return;
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
            nt_calls()->cancel_io_file_ex(driver.device, &op->io, &ignored);
        free_if_done(op);
    }
    lock_release(&driver.lock);
    await_leaving(polled);
}
