/* async: see async.h. */
#include "async.h"

#include "kernel.h"
#include "kpoll.h"
#include "log.h"
#include "watcher.h"

#include <forward.h>
#include <wsock32_real.h>

#include <stdlib.h>

#define INPUT_EVENTS (FD_READ | FD_CLOSE)

typedef struct async {
    struct async *next;
    sock_t *sock;
    HWND window;
    unsigned message;
    uint32_t reported; /* posted, and not enabled again */
    bool connecting;   /* the outcome is still to be reported */
    bool unread;       /* bytes were there when we looked; a poll would only say so again, until the program has read */
    bool ended;        /* so was the end, which a poll would say for ever */
    bool rx_armed, tx_armed, polled[3];
    sleeper_t rx, tx;
    kpoll_wait_t polls[3];
} async_t;

#define BLIND_LOOK_MS 10 /* where a kernel socket cannot be polled */

static struct {
    SRWLOCK lock;
    bool blind; /* in this round of the watcher's */
    async_t *list;
    _Atomic(BOOL(WINAPI *)(HWND, UINT, WPARAM, LPARAM)) post;
} all = {.lock = SRWLOCK_INIT};

static DWORD enter(void)
{
    DWORD error = GetLastError();
    AcquireSRWLockExclusive(&all.lock);
    return error;
}

static void leave(DWORD error)
{
    ReleaseSRWLockExclusive(&all.lock);
    SetLastError(error);
}

/* ---- posting ---- */

/* A program that has a window has user32, which we must not import. */
static bool find_user32(void)
{
    HMODULE user32 = all.post ? NULL : GetModuleHandleA("user32.dll");
    if (user32)
        all.post = (void *)GetProcAddress(user32, "PostMessageA");
    return all.post != NULL;
}

static void post(async_t *async, uint32_t event, int error)
{
    async->reported |= event;
    all.post(async->window, async->message, (WPARAM)async->sock->handle, WSAMAKESELECTREPLY(event, error));
}

/* ---- what is true now ---- */

/* What could be posted if it were true. */
static uint32_t open_events(const async_t *async)
{
    return load_relaxed(&async->sock->async_events) & ~async->reported;
}

static bool is_user_level(const sock_t *sock)
{
    return sock_mode(sock) == SOCK_USER;
}

/* What only the kernel can tell of the open events. */
static unsigned asked_of_kernel(const async_t *async)
{
    uint32_t events = open_events(async);
    sock_t *sock = async->sock;
    stream_t *stream = &sock->stream;
    bool user = is_user_level(sock);
    unsigned asked = 0;
    if (events & FD_ACCEPT && load_relaxed(&sock->listening))
        asked |= KERNEL_READS;
    if (sock_mode(sock) == SOCK_FRESH) /* not connected */
        return asked;
    bool seen = async->unread || async->ended;
    if (events & INPUT_EVENTS && !seen && (!user || stream_input(stream, sock->handle) == INPUT_BY_KERNEL))
        asked |= KERNEL_READS;
    if (events & FD_WRITE && (!user || stream_writable(stream, sock->handle) == STREAM_BY_KERNEL))
        asked |= KERNEL_WRITES;
    if (events & FD_OOB && (!user || stream_has_urgent(stream, sock->handle) == STREAM_BY_KERNEL))
        asked |= KERNEL_EXCEPTS;
    return asked;
}

/* Polls that have been armed and have not fired: there is no news. */
static unsigned quiet_polls(const async_t *async)
{
    unsigned quiet = 0;
    for (int kind = 0; kind < 3; kind++)
        quiet |= async->polled[kind] && !kpoll_fired(&async->polls[kind]) ? 1u << kind : 0;
    return quiet;
}

static input_t look_at_input(sock_t *sock, unsigned ready)
{
    input_t input = is_user_level(sock) ? stream_input(&sock->stream, sock->handle) : INPUT_BY_KERNEL;
    if (input != INPUT_BY_KERNEL)
        return input;
    return ready & KERNEL_READS ? kernel_input(sock->handle) : INPUT_NONE;
}

static bool is_writable(sock_t *sock, unsigned ready)
{
    if (sock->stream.tx.shut)
        return false; /* nobody can write, though a select would not wait */
    return ready & KERNEL_WRITES || (is_user_level(sock) && stream_writable(&sock->stream, sock->handle) == 1);
}

/* Wine's builtin announces an urgent byte even if it is in line. */
static bool has_urgent(sock_t *sock, unsigned ready)
{
    if (ready & KERNEL_EXCEPTS || !is_user_level(sock))
        return ready & KERNEL_EXCEPTS;
    int urgent = stream_has_urgent(&sock->stream, sock->handle);
    return urgent == 1 || (urgent == STREAM_INLINE && forward_on_wine());
}

/* Wine's builtin says of a reset what it says of an orderly end. */
static int error_of(input_t input)
{
    return input == INPUT_FAILED && !forward_on_wine() ? WSAECONNRESET : 0;
}

/* Post what has become true, in the order in which the system does. */
static void post_news(async_t *async)
{
    sock_t *sock = async->sock;
    uint32_t events = open_events(async);
    unsigned ready = kernel_ready(sock->handle, asked_of_kernel(async) & ~quiet_polls(async));
    if (events & FD_ACCEPT && load_relaxed(&sock->listening)) {
        if (ready & KERNEL_READS)
            post(async, FD_ACCEPT, 0);
        return;
    }
    if (sock_mode(sock) == SOCK_FRESH)
        return;
    input_t input = events & INPUT_EVENTS ? look_at_input(sock, ready) : INPUT_NONE;
    async->unread |= input == INPUT_BYTES;
    async->ended |= input == INPUT_END || input == INPUT_FAILED;
    if (events & FD_OOB && has_urgent(sock, ready))
        post(async, FD_OOB, 0);
    if (events & FD_WRITE && is_writable(sock, ready))
        post(async, FD_WRITE, 0);
    if (events & FD_READ && input == INPUT_BYTES)
        post(async, FD_READ, 0);
    if (events & FD_CLOSE && (input == INPUT_END || input == INPUT_FAILED))
        post(async, FD_CLOSE, error_of(input));
}

/* False: the connect is still under way. */
static bool report_connect(async_t *async)
{
    sock_t *sock = async->sock;
    unsigned ready = kernel_ready(sock->handle, (KERNEL_WRITES | KERNEL_EXCEPTS) & ~quiet_polls(async));
    if (!ready)
        return false;
    int error = ready & KERNEL_EXCEPTS ? kernel_error(sock->handle) : 0;
    async->connecting = false;
    if (!error)
        sock_connected(sock);
    if (open_events(async) & FD_CONNECT)
        post(async, FD_CONNECT, error);
    return true;
}

static void pump(async_t *async)
{
    if (!async->connecting || report_connect(async))
        post_news(async);
}

/* ---- arming, by the watcher alone ---- */

/* True: there is news already. */
static bool poll_kernel(async_t *async, kpoll_kind_t kind, bool wanted, const waiter_t *watcher)
{
    bool *polled = &async->polled[kind];
    if (*polled && (!wanted || kpoll_fired(&async->polls[kind]))) {
        kpoll_end(&async->polls[kind]);
        *polled = false;
    }
    if (wanted && !*polled)
        *polled = kpoll_begin(&async->sock->kpoll, async->sock->handle, kind, &async->polls[kind], watcher);
    all.blind |= wanted && !*polled;
    return *polled && kpoll_fired(&async->polls[kind]);
}

/* A stream's receiving half stays armed, so that no call of the program's has to arm it anew.  True: it is armed from
 * now on only, and has to be looked at once more (wait.h). */
static bool arm_half(async_t *async, half_t *half, sleeper_t *sleeper, bool *armed, const waiter_t *watcher)
{
    if (*armed)
        return false;
    *armed = stream_arm(&async->sock->stream, half, async->sock->handle, sleeper, watcher);
    return *armed;
}

static void disarm_half(async_t *async, half_t *half, sleeper_t *sleeper, bool *armed)
{
    if (*armed)
        stream_disarm(&async->sock->stream, half, sleeper);
    *armed = false;
}

static bool arm(async_t *async, const waiter_t *watcher)
{
    sock_t *sock = async->sock;
    unsigned asked = async->connecting ? KERNEL_WRITES | KERNEL_EXCEPTS : asked_of_kernel(async);
    bool news = poll_kernel(async, KPOLL_READ, asked & KERNEL_READS, watcher);
    news |= poll_kernel(async, KPOLL_WRITE, asked & KERNEL_WRITES, watcher);
    news |= poll_kernel(async, KPOLL_EXCEPT, asked & KERNEL_EXCEPTS, watcher);
    if (!is_user_level(sock))
        return news;
    if (load_relaxed(&sock->async_events) & (INPUT_EVENTS | FD_OOB))
        news |= arm_half(async, &sock->stream.rx, &async->rx, &async->rx_armed, watcher);
    if (open_events(async) & FD_WRITE)
        news |= arm_half(async, &sock->stream.tx, &async->tx, &async->tx_armed, watcher);
    else
        disarm_half(async, &sock->stream.tx, &async->tx, &async->tx_armed);
    return news;
}

static void disarm(async_t *async)
{
    for (int kind = 0; kind < 3; kind++) {
        if (async->polled[kind])
            kpoll_end(&async->polls[kind]);
        async->polled[kind] = false;
    }
    disarm_half(async, &async->sock->stream.rx, &async->rx, &async->rx_armed);
    disarm_half(async, &async->sock->stream.tx, &async->tx, &async->tx_armed);
}

/* A full ring says when it has room, but not when its reader stops reading: that may be by now. */
static bool waits_for_room(const async_t *async)
{
    sock_t *sock = async->sock;
    return open_events(async) & FD_WRITE && is_user_level(sock) && !sock->stream.tx.shut &&
           stream_writable(&sock->stream, sock->handle) != STREAM_BY_KERNEL;
}

unsigned async_serve(const waiter_t *watcher)
{
    bool again = false, full = false;
    DWORD error = enter();
    all.blind = false;
    for (async_t *async = all.list; async; async = async->next) {
        pump(async);
        again |= arm(async, watcher);
        full |= waits_for_room(async);
    }
    unsigned idle = all.blind ? BLIND_LOOK_MS : full ? STREAM_FULL_US / 1000 + 1 : WATCHER_IDLE;
    leave(error);
    return again ? 1 : idle;
}

/* ---- the program's calls ---- */

static async_t *find_or_make(sock_t *sock)
{
    async_t *async = sock->async;
    if (!async && find_user32())
        async = calloc(1, sizeof *async);
    if (async && !sock->async) {
        async->sock = sock;
        async->next = all.list;
        all.list = sock->async = async;
    }
    return async;
}

static void drop(sock_t *sock)
{
    async_t *async = sock->async, **at = &all.list;
    if (!async)
        return;
    disarm(async);
    while (*at != async)
        at = &(*at)->next;
    *at = async->next;
    sock->async = NULL;
    store_relaxed(&sock->async_events, 0);
    free(async);
}

/* True: a connect is under way.  Of one that has succeeded already nothing is reported, as by Wine's builtin. */
static bool is_connecting(sock_t *sock)
{
    if (sock_mode(sock) != SOCK_FRESH || load_relaxed(&sock->connecting) != SOCK_CONNECTING)
        return false;
    unsigned ready = kernel_ready(sock->handle, KERNEL_WRITES | KERNEL_EXCEPTS);
    if (ready == KERNEL_WRITES)
        sock_connected(sock);
    return !ready;
}

bool async_select(sock_t *sock, HWND window, unsigned message, uint32_t events)
{
    DWORD error = enter();
    async_t *async = events ? find_or_make(sock) : NULL;
    if (async) {
        async->window = window;
        async->message = message;
        async->reported = 0; /* whatever is true is posted again */
        async->unread = async->ended = false;
        async->connecting = is_connecting(sock);
        store_relaxed(&sock->async_events, events);
        pump(async);
        watcher_look();
    } else {
        drop(sock);
    }
    leave(error);
    return async || !events;
}

int async_select_by_system(sock_t *sock, uintptr_t handle, HWND window, unsigned message, uint32_t events)
{
    if (sock)
        sock_demote(sock, "WSAAsyncSelect");
    int result = real_WSAAsyncSelect(handle, window, message, (__LONG32)events);
    if (sock && result == 0)
        store_release(&sock->nonblocking, 1); /* which that call has made it */
    return result;
}

/* The system knows nothing of the listener's selection. */
static void inherit_by_system(sock_t *sock, uintptr_t handle, const async_t *from, uint32_t events)
{
    log_error("socket %lu: no memory for its window messages", (unsigned long)handle);
    async_select_by_system(sock, handle, from->window, from->message, events);
}

void async_inherit(sock_t *sock, uintptr_t handle, const sock_t *listener)
{
    DWORD error = enter();
    const async_t *from = listener->async;
    async_t wanted = {.window = NULL}, *async = from && sock ? find_or_make(sock) : NULL;
    if (from && !async)
        wanted = *from;
    if (async) {
        async->window = from->window;
        async->message = from->message;
        store_relaxed(&sock->async_events, load_relaxed(&listener->async_events));
        pump(async);
        watcher_look();
    }
    leave(error);
    if (wanted.window)
        inherit_by_system(sock, handle, &wanted, load_relaxed(&listener->async_events));
    SetLastError(error);
}

void async_connecting(sock_t *sock)
{
    DWORD error = enter();
    if (sock->async) {
        sock->async->connecting = true;
        sock->async->reported = 0;
        watcher_look();
    }
    leave(error);
}

/* What is not there yet, a poll of the kernel has to tell of; a stream is armed all the time. */
static bool needs_arming(const async_t *async)
{
    return (asked_of_kernel(async) & ~quiet_polls(async)) || (open_events(async) & FD_WRITE && !async->tx_armed);
}

void async_enable_selected(sock_t *sock, uint32_t events)
{
    DWORD error = enter();
    async_t *async = sock->async;
    if (async) {
        async->reported &= ~events;
        async->unread &= !(events & FD_READ);
        pump(async);
        if (needs_arming(async))
            watcher_look();
    }
    leave(error);
}

/* The documents say that each kind of receive enables both; Wine's builtin does it one by one. */
void async_received_selected(sock_t *sock, bool urgent)
{
    uint32_t one = urgent ? FD_OOB : FD_READ;
    async_enable_selected(sock, forward_on_wine() ? one : FD_READ | FD_OOB);
}

void async_forget(sock_t *sock)
{
    if (!load_relaxed(&sock->async_events))
        return;
    DWORD error = enter();
    drop(sock);
    leave(error);
}
