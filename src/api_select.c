/* api_select: select over user-level and kernel sockets in any mixture, and __WSAFDIsSet.
 *
 * User-level sockets are asked in user space.  A set without any goes straight to the kernel.  In a mixed set the kernel
 * sockets are looked at when nothing else is ready, and every half a millisecond when the rings are busy; what was not ready
 * is watched by kpoll from then on, and the kernel asked again when that has news.  For the sleep all are handed to kpoll, so
 * that the thread sleeps on its own waiter alone. */
#include "api.h"
#include "kpoll.h"
#include "sock_small.h"
#include "wait.h"

#include <assert.h>
#include <stdlib.h>

#define ASK_AGAIN (-2) /* the result of a round that has none */
#define FALLBACK_NAP_US 10000 /* where a kernel socket cannot be watched */
#define INLINE_MEMBERS 72
#define MEET_AT_ONCE 64

enum member_kind { READS, WRITES, EXCEPTS, KINDS };

/* One socket in one of the three sets. */
typedef struct member {
    SOCKET s;
    sock_t *sock; /* NULL: unknown here */
    uint8_t kind;
    bool by_kernel; /* in this round */
    bool ready;
    bool armed;
    bool entered; /* counted as inside the kernel */
    union {
        sleeper_t sleeper;
        kpoll_wait_t poll;
    };
} member_t;

/* An fd_set of any size. */
typedef struct wide_set {
    u_int count;
    SOCKET sockets[];
} wide_set_t;
static_assert(sizeof(wide_set_t) == sizeof(SOCKET), "inline_sets has room for the counts");

typedef struct selection {
    fd_set *sets[KINDS];
    wide_set_t *kernel_sets[KINDS];
    member_t *members;
    unsigned count, kernel_members;
    unsigned entered; /* members whose polls have been */
    bool strangers; /* handles that only the kernel can judge */
    bool halfway;   /* a stream with one direction by the kernel: it is one socket, and is not looked at by halves */
    sock_t *first_by_kernel; /* stands for all kernel members of the set: when they were looked at last; NULL: a stranger's */
    uint64_t deadline;
    void *memory; /* of a large selection */
    member_t inline_members[INLINE_MEMBERS];
    SOCKET inline_sets[INLINE_MEMBERS + 2 * KINDS];
} selection_t;

int WINAPI api___WSAFDIsSet(SOCKET s, fd_set *set)
{
    const wide_set_t *wide = (const void *)set;
    for (u_int i = 0; i < wide->count; i++) {
        if (wide->sockets[i] == s)
            return 1;
    }
    return 0;
}

/* ---- the members ---- */

static unsigned set_count(const fd_set *set)
{
    return set ? set->fd_count : 0;
}

static size_t set_bytes(const fd_set *set)
{
    return sizeof(wide_set_t) + (set_count(set) + 1) * sizeof(SOCKET);
}

/* Memory only for large sets: the kernel would not see what comes by a ring, so it cannot be asked instead. */
static bool allocate(selection_t *all)
{
    uint8_t *at = (uint8_t *)all->inline_sets;
    all->members = all->inline_members;
    all->memory = NULL;
    if (all->count > INLINE_MEMBERS) {
        size_t members = all->count * sizeof(member_t), sets = 0;
        for (int kind = 0; kind < KINDS; kind++)
            sets += set_bytes(all->sets[kind]);
        all->memory = malloc(members + sets);
        if (!all->memory)
            return false;
        all->members = all->memory;
        at = (uint8_t *)all->memory + members;
    }
    for (int kind = 0; kind < KINDS; kind++) {
        all->kernel_sets[kind] = (wide_set_t *)(void *)at;
        at += set_bytes(all->sets[kind]);
    }
    return true;
}

static void release(selection_t *all)
{
    free(all->memory);
}

/* False: there is a number that is no socket of the program's, whatever the system would say of it. */
static bool fill(selection_t *all)
{
    member_t *member = all->members;
    bool own = false;
    all->strangers = false;
    for (uint8_t kind = 0; kind < KINDS; kind++) {
        const wide_set_t *set = (const void *)all->sets[kind];
        for (u_int i = 0; i < set_count(all->sets[kind]); i++, member++) {
            *member = (member_t){.s = set->sockets[i], .sock = fdtab_get(set->sockets[i]), .kind = kind};
            all->strangers |= member->sock == NULL;
            own |= !member->sock && kpoll_owns(member->s);
        }
    }
    return !own;
}

/* ---- asking user-level sockets ---- */

/* To ask for bytes is as good as a first receive: all that expect their other ends look for them now and, unless the program
 * does not wait, are waited for together.  None of them is user-level yet.  True: they may have something to tell now. */
static bool meet_the_expected(const selection_t *all, bool waits)
{
    sock_t *expecting[MEET_AT_ONCE];
    unsigned reads = set_count(all->sets[READS]), count = 0;
    for (unsigned i = 0; i < reads && count < MEET_AT_ONCE; i++) {
        sock_t *sock = all->members[i].sock;
        if (!all->members[i].by_kernel || !sock || !sock_expects(sock) || sock_mode(sock) == SOCK_FRESH)
            continue;
        sock_look_around(sock, 0);
        expecting[count++] = sock;
        for (unsigned before = 0; before < count; before++)
            sock_progress(expecting[before]); /* each meeting takes some requests, and the others go on meanwhile */
    }
    if (count && waits)
        sock_await_other_ends(expecting, count, all->deadline);
    return count && waits;
}

/* 1, 0, or STREAM_BY_KERNEL. */
static int ask_stream(const member_t *member)
{
    sock_t *sock = member->sock;
    if (!sock)
        return STREAM_BY_KERNEL;
    sock_progress(sock);
    if (sock_mode(sock) != SOCK_USER)
        return STREAM_BY_KERNEL;
    if (member->kind == READS)
        return stream_readable(&sock->stream, member->s);
    if (member->kind == WRITES)
        return stream_writable(&sock->stream, member->s);
    int urgent = stream_has_urgent(&sock->stream, member->s);
    return urgent == STREAM_INLINE ? 0 : urgent;
}

static bool is_halfway(const sock_t *sock)
{
    return sock && sock_mode(sock) == SOCK_USER && !stream_is_final(&sock->stream);
}

static unsigned ask_streams(selection_t *all)
{
    unsigned ready = 0;
    all->kernel_members = 0;
    all->first_by_kernel = NULL;
    all->halfway = false;
    full_fence(); /* stream_readable() wants one, of which a set needs no more */
    for (unsigned i = 0; i < all->count; i++) {
        member_t *member = &all->members[i];
        int answer = ask_stream(member);
        member->by_kernel = answer == STREAM_BY_KERNEL;
        all->halfway |= member->by_kernel && is_halfway(member->sock);
        if (member->by_kernel && all->kernel_members == 0)
            all->first_by_kernel = member->sock;
        member->ready = answer == 1;
        all->kernel_members += member->by_kernel;
        ready += member->ready;
    }
    return ready;
}

/* ---- asking the kernel ---- */

static void make_kernel_sets(selection_t *all)
{
    for (int kind = 0; kind < KINDS; kind++)
        all->kernel_sets[kind]->count = 0;
    for (unsigned i = 0; i < all->count; i++) {
        const member_t *member = &all->members[i];
        wide_set_t *set = all->kernel_sets[member->kind];
        if (member->by_kernel)
            set->sockets[set->count++] = member->s;
    }
}

static fd_set *kernel_set(const selection_t *all, int kind)
{
    return all->kernel_sets[kind]->count ? (fd_set *)(void *)all->kernel_sets[kind] : NULL;
}

static void note_kernel_look(const selection_t *all)
{
    if (all->first_by_kernel)
        store_relaxed(&all->first_by_kernel->select_looked, wait_moment());
}

static kpoll_t *polled_by_kernel(const member_t *member)
{
    return member->by_kernel && member->sock ? &member->sock->kpoll : NULL;
}

/* False, with the error set: another thread has closed one, whose number may be another socket's by now. */
static bool enter_polls(selection_t *all)
{
    for (all->entered = 0; all->entered < all->count; all->entered++) {
        const member_t *member = &all->members[all->entered];
        kpoll_t *polled = polled_by_kernel(member);
        if (polled && !kpoll_enter(polled, member->s)) {
            SetLastError(WSAENOTSOCK);
            return false;
        }
    }
    return true;
}

/* Keeps the error. */
static void leave_polls(selection_t *all)
{
    while (all->entered > 0) {
        kpoll_t *polled = polled_by_kernel(&all->members[--all->entered]);
        if (polled)
            kpoll_leave(polled);
    }
}

/* Ready kernel sockets now, without waiting; or SOCKET_ERROR. */
static int ask_kernel(selection_t *all)
{
    struct timeval none = {0, 0};
    if (!all->kernel_members)
        return 0;
    note_kernel_look(all);
    make_kernel_sets(all);
    int ready = SOCKET_ERROR;
    if (enter_polls(all)) /* this call may ask many times, and a socket be closed in between */
        ready = real_select(0, kernel_set(all, READS), kernel_set(all, WRITES), kernel_set(all, EXCEPTS), &none);
    leave_polls(all);
    for (unsigned i = 0; ready >= 0 && i < all->count; i++) {
        member_t *member = &all->members[i];
        if (!member->by_kernel)
            continue;
        member->ready = ready > 0 && api___WSAFDIsSet(member->s, (fd_set *)(void *)all->kernel_sets[member->kind]);
        if (!member->ready && member->sock && load_relaxed(&member->sock->may_stream))
            kpoll_watch(&member->sock->kpoll, member->s, (kpoll_kind_t)member->kind);
    }
    return ready;
}

/* True if the kernel has nothing to tell that it had not told before.  Not for a program that does not want to wait: it may
 * know from elsewhere that there is something, and the news may be on its way. */
static bool is_kernel_quiet(const selection_t *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        const member_t *member = &all->members[i];
        if (member->by_kernel &&
            !(member->sock && kpoll_is_quiet(&member->sock->kpoll, member->s, (kpoll_kind_t)member->kind)))
            return false;
    }
    return true;
}

/* A non-blocking connect shows its success in a select. */
static void notice_connections(const wide_set_t *writable)
{
    for (u_int i = 0; writable && i < writable->count; i++) {
        sock_t *sock = fdtab_get(writable->sockets[i]);
        if (sock && sock_mode(sock) == SOCK_FRESH)
            sock_look_around(sock, 0);
    }
}

/* While a thread sleeps in the kernel on a socket, that socket must not become user-level under it.  False: one has
 * become so just now, and has to be asked again. */
static bool enter_all(selection_t *all)
{
    bool complete = true;
    for (unsigned i = 0; i < all->count; i++) {
        member_t *member = &all->members[i];
        if (!member->by_kernel || !member->sock || sock_mode(member->sock) == SOCK_KERNEL || member->kind == WRITES)
            continue;
        member->entered = stream_enter_kernel(&member->sock->stream, &member->sock->stream.rx, member->s);
        complete &= member->entered;
    }
    return complete;
}

static void leave_all(selection_t *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        member_t *member = &all->members[i];
        if (member->entered)
            stream_leave_kernel(&member->sock->stream, &member->sock->stream.rx, 0);
        member->entered = false;
    }
}

static struct timeval *time_left(const selection_t *all, struct timeval *time)
{
    if (all->deadline == STREAM_NEVER)
        return NULL;
    uint64_t now = os_now_us(), left = all->deadline > now ? all->deadline - now : 0;
    *time = (struct timeval){(long)(left / 1000000u), (long)(left % 1000000u)};
    return time;
}

/* No user-level socket in the sets: the kernel does it all. */
static int select_by_kernel(selection_t *all)
{
    struct timeval time;
    if (!enter_all(all)) {
        leave_all(all);
        return ASK_AGAIN;
    }
    bool open = enter_polls(all); /* what closed a stream has woken us too; but a poll that waits cannot be waited for */
    leave_polls(all);
    if (!open) {
        leave_all(all);
        return SOCKET_ERROR;
    }
    int result = real_select(0, all->sets[READS], all->sets[WRITES], all->sets[EXCEPTS], time_left(all, &time));
    DWORD error = GetLastError();
    leave_all(all);
    if (result > 0)
        notice_connections((const void *)all->sets[WRITES]);
    SetLastError(error);
    return result;
}

/* ---- sleeping ---- */

static half_t *half_of(const member_t *member)
{
    return member->kind == WRITES ? &member->sock->stream.tx : &member->sock->stream.rx;
}

/* Arms every member; false: some kernel socket cannot be watched. */
static bool arm_all(selection_t *all, const waiter_t *waiter, bool *futex)
{
    bool complete = true;
    *futex = os_futex_works();
    for (unsigned i = 0; i < all->count; i++) {
        member_t *member = &all->members[i];
        if (member->by_kernel)
            member->armed = member->sock && kpoll_begin(&member->sock->kpoll, member->s, (kpoll_kind_t)member->kind,
                                                        &member->poll, waiter);
        else
            member->armed = stream_arm(&member->sock->stream, half_of(member), member->s, &member->sleeper, waiter);
        if (!member->armed)
            complete = false;
        else if (!member->by_kernel && !vmmc_link_has_futex(member->sock->stream.link))
            *futex = false;
    }
    return complete;
}

static void disarm_all(selection_t *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        member_t *member = &all->members[i];
        if (member->armed && member->by_kernel)
            kpoll_end(&member->poll);
        else if (member->armed)
            stream_disarm(&member->sock->stream, half_of(member), &member->sleeper);
        member->armed = false;
    }
}

/* True if anything has changed; kernel members are judged by their polls. */
static bool has_news(const selection_t *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        const member_t *member = &all->members[i];
        if (member->by_kernel ? member->armed && kpoll_fired(&member->poll) : ask_stream(member) != 0)
            return true;
    }
    return false;
}

static bool look_for_news(const selection_t *all, spin_t *spin)
{
    do {
        if (has_news(all))
            return true;
        spin->rounds |= 15; /* one look is dear here: let every one count as a block */
    } while (spin_goes_on(spin));
    return false;
}

static bool spin_for_news(const selection_t *all, uint32_t microseconds)
{
    spin_t spin;
    spin_begin(&spin, microseconds);
    return look_for_news(all, &spin);
}

static bool look_armed(const selection_t *all, uint32_t armed)
{
    spin_t spin;
    spin_begin_look(&spin, armed);
    return look_for_news(all, &spin);
}

/* For a thread that ends in its sleep. */
typedef struct select_guard {
    wait_guard_t guard; /* first */
    selection_t *all;
} select_guard_t;

static void abandon(wait_guard_t *guard)
{
    selection_t *all = ((select_guard_t *)guard)->all;
    disarm_all(all);
    leave_all(all);
    release(all);
}

/* A full ring says when it has room, but not when its reader stops reading. */
static bool waits_for_room(const selection_t *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        if (all->members[i].kind == WRITES && !all->members[i].by_kernel)
            return true;
    }
    return false;
}

static void sleep_armed(selection_t *all)
{
    waiter_t *waiter = wait_mine();
    select_guard_t guard = {{NULL, abandon}, all};
    uint64_t now = os_now_us();
    bool futex, entered = enter_all(all), complete = arm_all(all, waiter, &futex);
    uint32_t armed = wait_moment();
    wait_guard(waiter, &guard.guard);
    while (entered && !look_armed(all, armed) && now < all->deadline) {
        uint64_t limit = !complete ? FALLBACK_NAP_US : waits_for_room(all) ? STREAM_FULL_US : WAIT_FOREVER;
        if (wait_interlude() && limit > WAIT_INTERLUDE_US)
            limit = WAIT_INTERLUDE_US;
        if (wait_is_cancelled())
            break;
        wait_sleep(waiter, futex, all->deadline - now < limit ? all->deadline - now : limit);
        now = os_now_us();
        if (!complete)
            break;
    }
    wait_unguard(waiter);
    if (complete)
        note_kernel_look(all); /* a kernel socket would have ended the sleep */
    disarm_all(all);
    leave_all(all);
}

/* ---- the call ---- */

static uint64_t deadline_of(const struct timeval *timeout)
{
    if (!timeout)
        return STREAM_NEVER;
    if (timeout->tv_sec < 0 || timeout->tv_usec < 0 || (timeout->tv_sec == 0 && timeout->tv_usec == 0))
        return 0;
    return os_now_us() + (uint64_t)timeout->tv_sec * 1000000u + (uint64_t)timeout->tv_usec;
}

/* Writes the ready sockets back, compacted in their order, each once per set. */
static int report(selection_t *all)
{
    int total = 0;
    for (uint8_t kind = 0; kind < KINDS; kind++) {
        wide_set_t *set = (void *)all->sets[kind];
        if (set)
            set->count = 0;
    }
    for (unsigned i = 0; i < all->count; i++) {
        const member_t *member = &all->members[i];
        wide_set_t *set = (void *)all->sets[member->kind];
        if (member->ready && !api___WSAFDIsSet(member->s, (fd_set *)(void *)set)) {
            set->sockets[set->count++] = member->s;
            total++;
        }
    }
    notice_connections((const void *)all->sets[WRITES]);
    SetLastError(0);
    return total;
}

/* Where user-level sockets are ready, the kernel is asked about the others only if that was not done for a while and there is
 * something to be told: it takes fifty times as long. */
static bool is_time_for_kernel(selection_t *all)
{
    if (all->strangers || all->halfway)
        return true;
    if (!all->kernel_members || !wait_has_been_long(load_relaxed(&all->first_by_kernel->select_looked)))
        return false;
    if (!is_kernel_quiet(all))
        return true;
    note_kernel_look(all);
    return false;
}

/* One round: a result, or ASK_AGAIN. */
static int select_round(selection_t *all, uint32_t *learnt_spin)
{
    unsigned ready = ask_streams(all);
    if (all->kernel_members && meet_the_expected(all, !ready && all->deadline))
        return ASK_AGAIN;
    if (all->kernel_members == all->count)
        return select_by_kernel(all);
    if (ready)
        return is_time_for_kernel(all) && ask_kernel(all) < 0 ? SOCKET_ERROR : report(all);
    uint64_t now = all->deadline ? os_now_us() : 0; /* who does not wait need not know the time */
    if (now < all->deadline && spin_for_news(all, spin_budget_us(learnt_spin))) {
        spin_learn(learnt_spin, true);
        return ASK_AGAIN;
    }
    int found = now < all->deadline && is_kernel_quiet(all) ? 0 : ask_kernel(all);
    if (found)
        return found < 0 ? SOCKET_ERROR : report(all);
    if (now >= all->deadline)
        return report(all);
    spin_learn(learnt_spin, false);
    sleep_armed(all);
    return ASK_AGAIN;
}

/* One socket to be read from, which has bytes: what most programs ask before each receive.  False says nothing. */
static bool is_readable_at_once(const fd_set *reads, const fd_set *writes, const fd_set *excepts, const struct timeval *timeout)
{
    if (set_count(reads) != 1 || set_count(writes) || set_count(excepts))
        return false;
    SOCKET s = reads->fd_array[0];
    sock_t *sock = fdtab_get(s);
    return sock && sock_readable_small(sock, s, !timeout || timeout->tv_sec > 0 || timeout->tv_usec > 0);
}

int WINAPI api_select(int ignored, fd_set *reads, fd_set *writes, fd_set *excepts, const PTIMEVAL timeout)
{
    if (api_refuses())
        return SOCKET_ERROR;
    if (is_readable_at_once(reads, writes, excepts, timeout))
        return api_result(1);
    static uint32_t learnt_spin; /* a hint shared by all threads; a torn value would do no harm */
    selection_t all;
    all.sets[READS] = reads;
    all.sets[WRITES] = writes;
    all.sets[EXCEPTS] = excepts;
    all.count = set_count(reads) + set_count(writes) + set_count(excepts);
    if (all.count == 0)
        return real_select(ignored, reads, writes, excepts, timeout);
    if (!allocate(&all))
        return wsaerr_fail(-WSAENOBUFS); /* which the system's own call may do as well */
    int result = fill(&all) ? ASK_AGAIN : wsaerr_fail(-WSAENOTSOCK);
    all.deadline = deadline_of(timeout);
    while (result == ASK_AGAIN) {
        result = select_round(&all, &learnt_spin);
        if (result == ASK_AGAIN && wait_is_cancelled())
            result = wsaerr_fail(-WSAEINTR);
    }
    DWORD error = GetLastError();
    release(&all);
    SetLastError(error);
    return result;
}
