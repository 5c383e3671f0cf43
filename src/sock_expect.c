/* sock_expect: connections that meet their other end with their first transfer, as those before them did; see sock.h. */
#include "kernel.h"
#include "prospects.h"
#include "settings.h"
#include "sock.h"
#include "transport.h"

#define AWAIT_US 1000u /* an exchange by the kernel takes a quarter of that; what is waited for in vain is learnt from */
#define POLITE_SPINS 3u /* as long as spins that keep the processor; the other end has some requests to make meanwhile */
#define QUEUE_MOST 200u
#define SOME_CONNECTIONS 3u /* one that makes fewer pays for no transport */

/* Who meets with the connect and the accept already needs no expectations. */
static bool is_switched_on(void)
{
    return settings()->meet_early != EARLY_OFF && settings()->meet_after > 0;
}

/* For tests, and for who knows that all connections are between programs that have the library. */
static bool is_always(void)
{
    return settings()->meet_early == EARLY_ALWAYS;
}

/* To sleep in an event and be woken costs as many requests on Wine as are saved: 0.8 times the builtin's connections.  Once
 * the transport runs. */
static bool is_worthwhile(void)
{
    return vmmc_self()->can_futex == 1 || is_always();
}

static bool is_wanted(const sock_t *sock, const endpoint_t *server)
{
    return sock_mode(sock) == SOCK_FRESH && is_switched_on() &&
           config_allows_ports(settings(), server->port, server->port);
}

/* The other host's names are nobody's here to know; whether an address that does not loop back is this host's shows when
 * a connection to it has met. */
static bool tries(const sock_t *sock, const endpoint_t *server)
{
    if (is_always() && kernel_is_loopback(server))
        return true;
    return prospects_try(sock->server, kernel_is_loopback(server) ? SOME_CONNECTIONS : PROSPECTS_NEVER);
}

static bool note_server(sock_t *sock, const void *name, int length, endpoint_t *server)
{
    if (sock->server || !kernel_endpoint(name, length, server) || !is_wanted(sock, server))
        return false;
    sock->server = prospects_key(server);
    return true;
}

bool sock_expect_at_connect(sock_t *sock, const void *name, int length)
{
    endpoint_t server;
    bool runs = is_always() ? !transport_start() : transport_runs();
    if (!runs || !is_worthwhile() || load_relaxed(&sock->nonblocking) || !note_server(sock, name, length, &server) ||
        !tries(sock, &server))
        return false;
    store_relaxed(&sock->expects, EXPECTS_MEETING);
    rendezvous_call(server.port); /* before the connect, since the other end may return from its accept first */
    return true;
}

void sock_expect_nothing(sock_t *sock)
{
    sock->server = 0;
    store_relaxed(&sock->expects, EXPECTS_NOTHING);
}

/* What starts the transport is for the next connection to that server. */
void sock_note_connect(sock_t *sock, const void *name, int length)
{
    endpoint_t server;
    if (note_server(sock, name, length, &server) && !transport_runs() && tries(sock, &server))
        transport_start();
}

/* Under the lock: another thread may have closed the listener, and its entry may be another socket's by now. */
static void begin_to_hear(sock_t *listener, uintptr_t handle, const endpoint_t *name, bool hears)
{
    lock_take(&listener->lock);
    if (load_relaxed(&listener->hears) == HEARS_PERHAPS && listener->handle == handle && load_relaxed(&listener->listening)) {
        uint32_t calls = rendezvous_calls(name->port);
        listener->own_name = *name;
        store_relaxed(&listener->answered, calls ? calls - 1 : 0); /* this connection may be the last one */
        store_release(&listener->hears, hears ? HEARS_CALLS : HEARS_NOTHING);
    }
    lock_release(&listener->lock);
}

/* A server that accepts nobody from this host loses what it costs to start the transport, once. */
static bool hears(sock_t *listener, uintptr_t handle)
{
    endpoint_t name = {.port = 0};
    bool enough = word_add(&listener->accepted, 1) > SOME_CONNECTIONS || is_always();
    if (enough && load_acquire(&listener->hears) == HEARS_PERHAPS) {
        bool wanted = kernel_own_name(handle, &name) && is_wanted(listener, &name) && !transport_start() && is_worthwhile();
        begin_to_hear(listener, handle, &name, wanted);
    }
    return load_acquire(&listener->hears) == HEARS_CALLS;
}

/* Which connection of those in the queue it came from is not known: all that call are answered in their order, and a wrong
 * guess is a try that fails.  More calls than a queue holds were others': for another address, or answered by another process. */
static bool answers_call(sock_t *listener)
{
    uint32_t answered, now_answered, calls = rendezvous_calls(listener->own_name.port);
    do {
        answered = load_relaxed(&listener->answered);
        uint32_t open = calls - answered;
        if (open == 0)
            return false;
        now_answered = open <= QUEUE_MOST ? answered + 1 : calls;
    } while (!word_replace(&listener->answered, answered, now_answered));
    return true;
}

void sock_expect_at_accept(sock_t *sock, sock_t *listener, uintptr_t handle)
{
    if (sock_mode(sock) != SOCK_FRESH || !is_switched_on() || !hears(listener, handle))
        return;
    sock->own_name = listener->own_name;
    store_release(&sock->named, kernel_is_specific(&sock->own_name));
    sock->server = prospects_key(&sock->own_name);
    /* Counted with every connection, or this end would still hold back when the other one tries again. */
    bool may_try = prospects_try(sock->server, 0) || is_always();
    if (answers_call(listener) && may_try)
        store_relaxed(&sock->expects, EXPECTS_MEETING);
}

/* ---- waiting for it ---- */

/* True while there is one that may meet yet. */
static bool goes_on(sock_t *const *socks, unsigned count)
{
    bool some = false;
    for (unsigned i = 0; i < count; i++) {
        if (!sock_expects(socks[i]))
            continue;
        sock_progress(socks[i]);
        some |= sock_mode(socks[i]) == SOCK_MEETING;
    }
    return some;
}

/* The processor is offered to others between looks: on a shared one, the other end and the kernel's helpers can run only then. */
static bool look_for(sock_t *const *socks, unsigned count, uint32_t us)
{
    uint64_t until = os_now_us() + us;
    while (goes_on(socks, count)) {
        if (os_now_us() >= until)
            return false;
        os_yield(0);
    }
    return true;
}

static void abandon(wait_guard_t *guard)
{
    (void)guard; /* a meeting under way is the socket's, and not the thread's */
}

/* Whoever moves a meeting wakes this thread (rendezvous.h). */
static void sleep_until(sock_t *const *socks, unsigned count, uint64_t until)
{
    waiter_t *waiter = wait_mine();
    wait_guard_t guard = {NULL, abandon};
    bool futex = vmmc_self()->can_futex == 1;
    uint64_t now;
    wait_guard(waiter, &guard);
    while (goes_on(socks, count) && (now = os_now_us()) < until) {
        if (waiter && futex)
            wait_sleep(waiter, true, until - now);
        else
            os_yield(0); /* an event may be waited for by the tick of a clock */
    }
    wait_unguard(waiter);
}

void sock_await_other_ends(sock_t *const *socks, unsigned count, uint64_t deadline)
{
    static uint32_t learnt_spin; /* a hint shared by all threads; a torn value would do no harm */
    uint64_t until = os_now_us() + AWAIT_US;
    bool paid = look_for(socks, count, POLITE_SPINS * spin_budget_us(&learnt_spin));
    spin_learn(&learnt_spin, paid);
    if (!paid)
        sleep_until(socks, count, until < deadline ? until : deadline);
    for (unsigned i = 0; i < count; i++)
        if (sock_expects(socks[i])) /* also where no meeting could begin: nothing is expected any more */
            sock_settle_expectation(socks[i]);
}

/* ---- what became of it ---- */

/* One that has met has succeeded once a first send has found its ring, or has not had to wait for it. */
void sock_settle_expectation(sock_t *sock)
{
    uint32_t expected = load_relaxed(&sock->expects);
    bool has_sent = sock->stream.tx.counters.calls != 0;
    if (expected == EXPECTS_NOTHING || (expected == EXPECTS_RING && sock_mode(sock) == SOCK_USER && !has_sent))
        return;
    expected = word_swap(&sock->expects, EXPECTS_NOTHING);
    if (expected != EXPECTS_NOTHING)
        prospects_tried(sock->server, expected == EXPECTS_RING && !stream_has_missed_ring(&sock->stream));
}
