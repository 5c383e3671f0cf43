/* pairs: see pairs.h. */
#include "pairs.h"

#include "lending.h"
#include "rendezvous.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OBJECTS 256      /* names of shared objects that one run may make */
#define HUNG_US 20000000 /* a survivor that takes longer hangs */

enum who { VICTIM, SURVIVOR, SUCCESSOR };

/* What the three processes and their parent share. */
typedef struct board {
    word_t committed[PAIRS_ROUNDS][PAIRS_STREAMS]; /* bytes that the victim's finished calls have sent */
    word_t closing;                                /* the victim has begun to close */
    word_t ended;                                  /* microseconds, low word: the survivor's last stream has ended */
    word_t by_kernel;
    word_t stopped;    /* the victim is */
    word_t looked;     /* the survivor has done meanwhile what it had to */
    word_t longest_us; /* its longest call, ... */
    char longest[64];  /* ... and which that was */
    word_t objects;
    char names[OBJECTS][128];
    char fault[256];
} board_t;

/* A process's view of the run. */
typedef struct run {
    const workload_t *load;
    enum who who;
    bool posts;
    meanwhile_t meanwhile;
    pid_t victim; /* for the two others */
    uint32_t seed;
    kill_table_t *table;
    board_t *board;
    int fds[PAIRS_ROUNDS][PAIRS_STREAMS];
    int channel;       /* victim and survivor */
    int tokens[PAIRS_ROUNDS]; /* the same, for loans */
    int heir_fd, heir; /* survivor and successor: a connection, and a channel */
    stream_t streams[PAIRS_STREAMS];
    meeting_t meetings[PAIRS_STREAMS];
    unsigned busy_streams; /* those with traffic */
    bool closed[PAIRS_STREAMS]; /* while the victim was stopped */
    bool reset[PAIRS_STREAMS];  /* closed after that */
} run_t;

static char own_tag[40];
static board_t *names_board;
static pthread_mutex_t in_call = PTHREAD_MUTEX_INITIALIZER; /* whoever gets it knows that no call under it is stuck */

/* ---- what the linker puts around the seam: a table of our own, and a list of what has to be removed ---- */

void __wrap_os_user_tag(char tag[40]);
void __wrap_os_user_tag(char tag[40])
{
    memcpy(tag, own_tag, sizeof own_tag);
}

static void remember(const char *name)
{
    uint32_t index = names_board ? word_add(&names_board->objects, 1) - 1 : OBJECTS;
    if (index < OBJECTS)
        snprintf(names_board->names[index], sizeof names_board->names[index], "/%s", name);
}

int __real_os_section_create(os_section_t *section, const char *name, size_t size);
int __wrap_os_section_create(os_section_t *section, const char *name, size_t size);
int __wrap_os_section_create(os_section_t *section, const char *name, size_t size)
{
    remember(name);
    return __real_os_section_create(section, name, size);
}

int __real_os_memory_create(os_memory_t *memory, const char *name, uint64_t length, bool others_write);
int __wrap_os_memory_create(os_memory_t *memory, const char *name, uint64_t length, bool others_write);
int __wrap_os_memory_create(os_memory_t *memory, const char *name, uint64_t length, bool others_write)
{
    remember(name);
    return __real_os_memory_create(memory, name, length, others_write);
}

uintptr_t __real_os_event_create(const char *name);
uintptr_t __wrap_os_event_create(const char *name);
uintptr_t __wrap_os_event_create(const char *name)
{
    char semaphore[100];
    snprintf(semaphore, sizeof semaphore, "sem.%s", name);
    remember(semaphore);
    return __real_os_event_create(name);
}

static void remove_objects(const board_t *board)
{
    for (uint32_t i = 0; i < load_relaxed(&board->objects) && i < OBJECTS; i++)
        shm_unlink(board->names[i]);
}

void *pairs_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unit_check(memory != MAP_FAILED);
    return memory;
}

/* ---- faults ---- */

#define NOTE(run, ...) \
    do { \
        if (!(run)->board->fault[0]) \
            snprintf((run)->board->fault, sizeof (run)->board->fault, __VA_ARGS__); \
    } while (0)

/* ---- meeting ---- */

static endpoint_t end_of(struct sockaddr_in address)
{
    endpoint_t end = {.address = {[10] = 0xff, [11] = 0xff}, .port = ntohs(address.sin_port)};
    memcpy(end.address + 12, &address.sin_addr, 4);
    return end;
}

static bool names_of(int fd, endpoint_t *self, endpoint_t *peer)
{
    struct sockaddr_in mine, other;
    socklen_t size = sizeof mine, other_size = sizeof other;
    if (getsockname(fd, (struct sockaddr *)&mine, &size) != 0 ||
        getpeername(fd, (struct sockaddr *)&other, &other_size) != 0)
        return false;
    *self = end_of(mine);
    *peer = end_of(other);
    return true;
}

static bool still_connected(uintptr_t socket, const endpoint_t *self, const endpoint_t *peer)
{
    endpoint_t mine, other;
    return names_of((int)socket, &mine, &other) && (!self || memcmp(&mine, self, sizeof mine) == 0) &&
           memcmp(&other, peer, sizeof other) == 0;
}

/* The other process has written a byte: it is as far as we are.  False: it is dead. */
static bool await_other(int channel)
{
    char byte;
    return read(channel, &byte, 1) == 1;
}

static void tell_other(int channel)
{
    char byte = 0;
    send(channel, &byte, 1, MSG_NOSIGNAL);
}

static bool is_gone(int channel)
{
    char byte;
    return recv(channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void begin(meeting_t *meeting, int fd)
{
    endpoint_t self, peer;
    *meeting = (meeting_t){.state = MEETING_FAILED};
    pthread_mutex_lock(&in_call);
    if (names_of(fd, &self, &peer))
        meeting_begin(meeting, (uintptr_t)fd, &self, &peer, still_connected, 0);
    pthread_mutex_unlock(&in_call);
}

/* Nobody waits for a process that was stopped, and so for none that gave it up. */
static bool gives_up(const run_t *run, int channel)
{
    return run->meanwhile == MEANWHILE_CLOSES && channel == run->channel && load_acquire(&run->board->stopped);
}

static bool is_pending(const meeting_t *meeting)
{
    return meeting->state == MEETING_POSTED || meeting->state == MEETING_CLAIMED;
}

/* Until the two have met, or the other process is gone; a byte on the channel says nothing here. */
static void finish(const run_t *run, meeting_t *meeting, int channel)
{
    for (unsigned round = 0; is_pending(meeting); round++) {
        pthread_mutex_lock(&in_call);
        meeting_poll(meeting);
        if (is_pending(meeting) && (is_gone(channel) || gives_up(run, channel)))
            meeting_cancel(meeting);
        pthread_mutex_unlock(&in_call);
        os_yield(round);
    }
}

static void attach(stream_t *stream, const workload_t *load, int fd, meeting_t *meeting)
{
    stream_init(stream, &unit_kernel, (uintptr_t)fd, load->ring_bytes, load->ring_max_bytes);
    if (load->traits & LOAD_URGENT)
        stream_set_in_line(stream, true);
    if (meeting->state == MEETING_MADE)
        stream_attach(stream, meeting->link, meeting->mailbox, meeting->memory);
}

/* Whoever posts goes first.  The streams of a round; those that have not met stay with the kernel. */
static void meet(run_t *run, unsigned round)
{
    if (!run->posts)
        await_other(run->channel);
    for (unsigned i = 0; i < run->load->streams; i++) {
        begin(&run->meetings[i], run->fds[round][i]);
        if ((run->load->traits & LOAD_CANCELS) && i % 2)
            meeting_cancel(&run->meetings[i]);
    }
    if (run->posts)
        tell_other(run->channel);
    for (unsigned i = 0; i < run->load->streams; i++) {
        finish(run, &run->meetings[i], run->channel);
        attach(&run->streams[i], run->load, run->fds[round][i], &run->meetings[i]);
    }
}

/* ---- traffic ---- */

typedef struct flow {
    run_t *run;
    stream_t *stream;
    uint32_t seed, random, done;
    word_t *committed;
    int result;
    pthread_t thread;
} flow_t;

/* Says which bytes of the stream those are instead, if any. */
static void note_wrong(const flow_t *flow, const uint8_t *bytes, uint32_t count)
{
    const uint32_t total = flow->run->load->total, look = count < 6 ? count : 6;
    uint32_t first = 0, other = 0;
    while (first < count && bytes[first] == unit_pattern(flow->seed, flow->done + first))
        first++;
    while (other < total && !unit_fits(bytes + first, flow->seed, other, look < count - first ? look : count - first))
        other++;
    NOTE(flow->run, "process %d: wrong bytes at %u, %u received, from the %u-th on they are those at %u of %u; carrier %d",
         flow->run->who, flow->done, count, first, other, total, flow->stream->rx.carrier);
}

static transfer_t request(const flow_t *flow, void *bytes, uint32_t count)
{
    return (transfer_t){.socket = flow->stream->socket, .bytes = bytes, .count = count, .blocking = true,
                        .deadline = os_now_us() + HUNG_US};
}

static int send_plain(flow_t *flow, uint8_t *bytes, uint32_t count)
{
    transfer_t transfer = request(flow, bytes, count);
    transfer.urgent = (flow->run->load->traits & LOAD_URGENT) && unit_random(&flow->random, 8) == 0;
    unit_fill(bytes, flow->seed, flow->done, count);
    return unit_piece(flow->stream, &transfer, true);
}

/* Some of what was reserved is given up again. */
static int send_in_place(flow_t *flow, uint32_t count)
{
    view_t view;
    transfer_t transfer = request(flow, NULL, count);
    int result = stream_reserve(flow->stream, &transfer, &view);
    if (result < 0)
        return result;
    unit_fill(view.spans[0].bytes, flow->seed, flow->done, view.spans[0].count);
    unit_fill(view.spans[1].bytes, flow->seed, flow->done + view.spans[0].count, view.spans[1].count);
    transfer.bytes = view.spans[0].bytes;
    transfer.count = unit_random(&flow->random, view.count + 1);
    result = stream_commit(flow->stream, &transfer);
    if (result != STREAM_BY_KERNEL)
        return result;
    transfer.count = 0;
    stream_commit(flow->stream, &transfer);
    return result;
}

static int send_some(flow_t *flow, uint8_t *bytes, uint32_t count)
{
    if ((flow->run->load->traits & LOAD_VIEWS) && unit_random(&flow->random, 2)) {
        int result = send_in_place(flow, count);
        if (result != STREAM_BY_KERNEL)
            return result;
    }
    return send_plain(flow, bytes, count);
}

static uint32_t next_size(flow_t *flow, uint32_t left)
{
    uint32_t most = flow->run->load->most, part = unit_random(&flow->random, unit_random(&flow->random, 4) ? most : 200) + 1;
    part = part < most ? part : most;
    return part < left ? part : left;
}

static void *send_all(void *argument)
{
    flow_t *flow = argument;
    uint32_t total = flow->run->load->total;
    uint8_t *bytes = malloc(flow->run->load->most);
    while (flow->result >= 0 && flow->done < total) {
        flow->result = send_some(flow, bytes, next_size(flow, total - flow->done));
        if (flow->result > 0)
            flow->done += (uint32_t)flow->result;
        if (flow->committed)
            store_release(flow->committed, flow->done);
    }
    free(bytes);
    if (flow->result >= 0 && !(flow->run->load->traits & LOAD_CLOSE_EARLY))
        unit_shut(flow->stream);
    return NULL;
}

static int receive_plain(flow_t *flow, uint8_t *bytes, uint32_t count, bool *right)
{
    transfer_t transfer = request(flow, bytes, count);
    int result = unit_piece(flow->stream, &transfer, false);
    *right = result <= 0 || unit_fits(bytes, flow->seed, flow->done, (uint32_t)result);
    if (!*right)
        note_wrong(flow, bytes, (uint32_t)result);
    return result;
}

static int receive_in_place(flow_t *flow, uint32_t count, bool *right)
{
    view_t view;
    transfer_t transfer = request(flow, NULL, count);
    int result = stream_borrow(flow->stream, &transfer, &view);
    if (result <= 0)
        return result;
    *right = unit_fits(view.spans[0].bytes, flow->seed, flow->done, view.spans[0].count) &&
             unit_fits(view.spans[1].bytes, flow->seed, flow->done + view.spans[0].count, view.spans[1].count);
    transfer.bytes = view.spans[0].bytes;
    transfer.count = (uint32_t)result;
    return stream_release(flow->stream, &transfer);
}

static int receive_some(flow_t *flow, uint8_t *bytes, uint32_t count, bool *right)
{
    *right = true;
    if ((flow->run->load->traits & LOAD_VIEWS) && unit_random(&flow->random, 2)) {
        int result = receive_in_place(flow, count, right);
        if (result != STREAM_BY_KERNEL)
            return result;
    }
    return receive_plain(flow, bytes, count, right);
}

static void *receive_all(void *argument)
{
    flow_t *flow = argument;
    bool right = true;
    uint8_t *bytes = malloc(flow->run->load->most);
    if (flow->run->load->traits & LOAD_LATE_READER)
        usleep(5000);
    do {
        flow->result = receive_some(flow, bytes, next_size(flow, UINT32_MAX), &right);
        if (!right)
            NOTE(flow->run, "process %d: wrong bytes at %u", flow->run->who, flow->done);
        if (flow->result > 0)
            flow->done += (uint32_t)flow->result;
    } while (flow->result > 0);
    free(bytes);
    return NULL;
}

/* ---- leaving, besides ---- */

static void *leave(void *argument)
{
    run_t *run = argument;
    usleep(unit_random(&run->seed, 3000));
    for (unsigned i = 0; i < run->load->streams; i++)
        stream_demote(&run->streams[i]);
    return NULL;
}

/* ---- one process's part in a round ---- */

typedef struct traffic {
    flow_t out[PAIRS_STREAMS], in[PAIRS_STREAMS];
    unit_watcher_t watcher;
    pthread_t leaver;
    bool leaves;
    lending_t lending;
} traffic_t;

static uint32_t seed_of(const run_t *run, enum who sender, unsigned round, unsigned stream)
{
    (void)run;
    return 1 + stream + 16 * round + 256 * (unsigned)sender;
}

static void start_traffic(run_t *run, traffic_t *traffic, unsigned round)
{
    unsigned traits = run->load->traits;
    memset(traffic, 0, sizeof *traffic);
    unit_watch(&traffic->watcher, NULL, NULL);
    for (unsigned i = 0; i < run->load->streams; i++) {
        stream_t *stream = &run->streams[i];
        word_t *committed = run->who == VICTIM ? &run->board->committed[round][i] : NULL;
        enum who other = run->who == VICTIM ? SURVIVOR : VICTIM;
        traffic->watcher.streams[i] = stream;
        traffic->out[i] = (flow_t){.run = run, .stream = stream, .seed = seed_of(run, run->who, round, i),
                                   .random = run->seed + i, .committed = committed};
        traffic->in[i] = (flow_t){.run = run, .stream = stream, .seed = seed_of(run, other, round, i),
                                  .random = run->seed + 100 + i};
        traffic->out[i].thread = unit_thread(send_all, &traffic->out[i]);
        if (run->who == SURVIVOR || !(traits & LOAD_CLOSE_EARLY))
            traffic->in[i].thread = unit_thread(receive_all, &traffic->in[i]);
    }
    traffic->leaves = traits & (run->who == VICTIM ? LOAD_VICTIM_LEAVES : LOAD_SURVIVOR_LEAVES);
    if (traffic->leaves)
        traffic->leaver = unit_thread(leave, run);
    if ((traits & LOAD_LENDS) && run->meetings[0].state == MEETING_MADE)
        traffic->lending = (lending_t){.link = run->meetings[0].link, .mailbox = run->meetings[0].mailbox,
                                       .channel = run->tokens[round], .seed = 7 + round,
                                       .may_close = load_relaxed(&run->table->way) == KILL_NOT &&
                                                    run->meanwhile == MEANWHILE_CLOSES};
    lending_start(&traffic->lending);
    pthread_mutex_lock(&in_call);
    run->busy_streams = run->load->streams;
    pthread_mutex_unlock(&in_call);
}

/* As closing with a linger of 0 s does, but the number stays: the kernel's reset reaches a sender that waits for room,
 * which a shutdown does not. */
static void reset_connection(int fd)
{
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    connect(fd, &nowhere, sizeof nowhere);
}

/* As a program does that is told of a reset; the other end may know nothing of it, and wait.  Loans need the link, and so
 * the streams, until they have come to their end. */
static void close_after_reset(run_t *run, const traffic_t *traffic, unsigned i)
{
    bool was_reset = traffic->in[i].result == STREAM_RESET || traffic->out[i].result == STREAM_RESET;
    if (!was_reset || (run->load->traits & LOAD_LENDS))
        return;
    pthread_mutex_lock(&in_call);
    if (!run->closed[i]) {
        run->reset[i] = true;
        stream_close(&run->streams[i], false);
        reset_connection((int)run->streams[i].socket);
    }
    pthread_mutex_unlock(&in_call);
}

static void end_traffic(run_t *run, traffic_t *traffic)
{
    for (unsigned i = 0; i < run->load->streams; i++) {
        unit_join(traffic->out[i].thread);
        if (traffic->in[i].thread)
            unit_join(traffic->in[i].thread);
        close_after_reset(run, traffic, i);
    }
    if (run->who == SURVIVOR)
        store_release(&run->board->ended, (uint32_t)os_now_us());
    if (traffic->leaves)
        unit_join(traffic->leaver);
    lending_end(&traffic->lending);
    if (traffic->lending.fault)
        NOTE(run, "process %d: %s", run->who, traffic->lending.fault);
}

static void close_all(run_t *run, traffic_t *traffic, unsigned round)
{
    pthread_mutex_lock(&in_call);
    run->busy_streams = 0;
    for (unsigned i = 0; i < run->load->streams; i++) {
        if (!run->closed[i] && !run->reset[i])
            stream_close(&run->streams[i], false);
        close(run->fds[round][i]);
    }
    memset(run->closed, 0, sizeof run->closed);
    memset(run->reset, 0, sizeof run->reset);
    pthread_mutex_unlock(&in_call);
    unit_unwatch(&traffic->watcher);
}

/* Dying, being stopped and being late are no lies, and whoever is taken for a liar stays with the kernel for good. */
static void check_trust(run_t *run)
{
    if (vmmc_is_distrustful())
        NOTE(run, "process %d distrusts one that only died or was late", run->who);
}

static void be_victim(run_t *run)
{
    traffic_t traffic;
    kill_volunteer(run->table, true);
    unit_start();
    unit_check(rendezvous_start() == 0);
    for (unsigned round = 0; round < run->load->rounds; round++) {
        meet(run, round);
        start_traffic(run, &traffic, round);
        end_traffic(run, &traffic);
        if (run->load->traits & LOAD_CLOSE_EARLY)
            store_release(&run->board->closing, 1);
        else
            unit_check(await_other(run->channel));
        close_all(run, &traffic, round);
        if (run->load->traits & LOAD_CLOSE_EARLY)
            unit_check(await_other(run->channel));
        else
            tell_other(run->channel);
    }
    kill_volunteer(run->table, false);
    check_trust(run);
}

/* ---- while the victim is stopped ---- */

static void note_call(run_t *run, const char *name, uint64_t began)
{
    uint32_t took = (uint32_t)(os_now_us() - began);
    if (took <= load_relaxed(&run->board->longest_us))
        return;
    store_relaxed(&run->board->longest_us, took);
    snprintf(run->board->longest, sizeof run->board->longest, "%s", name);
}

#define TIMED(run, call) \
    do { \
        uint64_t began_ = os_now_us(); \
        call; \
        note_call(run, #call, began_); \
    } while (0)

/* Calls that wait for nothing, and one that waits for a moment. */
static void look(run_t *run, stream_t *stream)
{
    uint8_t byte;
    transfer_t peek = {.socket = stream->socket, .bytes = &byte, .count = 1, .peek = true};
    for (int i = 0; i < 20; i++) {
        TIMED(run, stream_pending(stream, stream->socket));
        TIMED(run, stream_readable(stream, stream->socket));
        TIMED(run, stream_writable(stream, stream->socket));
        TIMED(run, stream_receive(stream, &peek));
        TIMED(run, stream_is_over(stream));
    }
    peek.blocking = true;
    peek.deadline = os_now_us() + 2000;
    TIMED(run, stream_receive(stream, &peek));
}

static void act(run_t *run, unsigned i)
{
    stream_t *stream = &run->streams[i];
    int socket = (int)stream->socket;
    if (run->reset[i])
        return;
    if (run->meanwhile == MEANWHILE_LOOKS) {
        look(run, stream);
    } else if (run->meanwhile == MEANWHILE_LEAVES) {
        TIMED(run, stream_demote(stream));
    } else {
        run->closed[i] = true; /* before its threads come back: they are joined before this is looked at */
        TIMED(run, stream_close(stream, false));
        shutdown(socket, SHUT_RDWR); /* its threads may still want to use it */
    }
}

static void *act_meanwhile(void *argument)
{
    run_t *run = argument;
    while (!load_acquire(&run->board->stopped)) {
        if (load_acquire(&run->board->looked))
            return NULL;
        usleep(100);
    }
    pthread_mutex_lock(&in_call);
    for (unsigned i = 0; i < run->busy_streams; i++)
        act(run, i);
    pthread_mutex_unlock(&in_call);
    store_release(&run->board->looked, 1);
    return NULL;
}

/* A process that only stood still for a while has lost nothing, unless somebody left meanwhile: that has a limit. */
static void check_unharmed(run_t *run, const flow_t *in, unsigned i)
{
    const unsigned others = LOAD_VICTIM_LEAVES | LOAD_SURVIVOR_LEAVES | LOAD_CLOSE_EARLY;
    if (load_relaxed(&run->table->way) != KILL_NOT || run->meanwhile != MEANWHILE_LOOKS || (run->load->traits & others))
        return;
    if (in->result != 0 || in->done != run->load->total)
        NOTE(run, "stream %u ended with %d after %u bytes though nobody died", i, in->result, in->done);
}

/* ---- the survivor ---- */

static void check_stream(run_t *run, const flow_t *in, unsigned round, unsigned i)
{
    if (run->closed[i])
        return;
    check_unharmed(run, in, i);
    uint32_t committed = load_acquire(&run->board->committed[round][i]);
    bool leaves = run->meanwhile == MEANWHILE_LEAVES || (run->load->traits & (LOAD_VICTIM_LEAVES | LOAD_SURVIVOR_LEAVES));
    bool closed = load_acquire(&run->board->closing) || (leaves && load_acquire(&run->board->stopped));
    if (in->result != 0 && in->result != STREAM_RESET)
        NOTE(run, "stream %u ended with %d", i, in->result);
    if (in->done >= committed || (closed && in->result == STREAM_RESET))
        return;
    /* A process that dies with unread bytes has its kernel connections reset, with what it has sent.  The kernel tells of
     * that to whoever asks first, perhaps to a sender. */
    const half_t *rx = &in->stream->rx;
    bool may_lose = rx->carrier == CARRIER_FINAL || !rx->consented ||
                    (rx->carrier == CARRIER_KERNEL && in->result == STREAM_RESET);
    if (may_lose && unit_kernel.pending(in->stream->socket) == 0)
        word_add(&run->board->by_kernel, 1);
    else
        NOTE(run, "stream %u of round %u: %u bytes of %u committed, then %d, carrier %d, broken %u", i, round, in->done,
             committed, in->result, in->stream->rx.carrier, load_relaxed(&in->stream->broken));
}

static void count_link(vmmc_link_t *link, void *count)
{
    vmmc_link_probe(link);
    ++*(unsigned *)count;
}

static void check_links(run_t *run)
{
    unsigned links;
    uint64_t until = os_now_us() + 2000000;
    do { /* its sockets were closed before the process was gone */
        links = 0;
        vmmc_each_link(count_link, &links);
    } while (links && os_now_us() < until);
    if (links)
        NOTE(run, "%u links to dead processes are left", links);
}

/* All of `count` bytes, one way or the other. */
static bool move(stream_t *stream, bool sending, uint8_t *bytes, uint32_t count)
{
    uint32_t done = 0;
    while (done < count) {
        transfer_t transfer = {.socket = stream->socket, .bytes = bytes + done, .count = count - done, .blocking = true,
                               .deadline = os_now_us() + HUNG_US};
        int moved = unit_piece(stream, &transfer, sending);
        if (moved <= 0)
            return false;
        done += (uint32_t)moved;
    }
    return true;
}

/* A new process at the other end: user-level at once. */
static void meet_successor(run_t *run)
{
    static stream_t stream;
    unit_watcher_t watcher;
    meeting_t meeting;
    uint8_t bytes[600] = {0};
    bool first = run->who == SURVIVOR, moved = true;
    begin(&meeting, run->heir_fd);
    tell_other(run->heir);
    finish(run, &meeting, run->heir);
    attach(&stream, run->load, run->heir_fd, &meeting);
    unit_watch(&watcher, &stream, NULL);
    for (unsigned turn = 0; turn < 8 && moved; turn++)
        moved = move(&stream, (turn % 2 == 0) == first, bytes, sizeof bytes);
    if (!moved || stream.tx.carrier != CARRIER_RING || stream.rx.carrier != CARRIER_RING)
        NOTE(run, "process %d: no user-level stream with the successor: meeting %d, moved %d, carriers %d %d", run->who,
             meeting.state, moved, stream.tx.carrier, stream.rx.carrier);
    unit_unwatch(&watcher);
    tell_other(run->heir);
    await_other(run->heir); /* the first byte is from before the meeting */
    await_other(run->heir);
    stream_close(&stream, false);
    close(run->heir_fd);
}

/* Of what was closed while the victim was stopped the kernel's end comes when its threads have left it. */
static void close_early(run_t *run, unsigned round, unsigned i)
{
    if (run->closed[i]) {
        close(run->fds[round][i]);
        run->fds[round][i] = -1;
    }
}

static void be_survivor(run_t *run)
{
    traffic_t traffic;
    unit_start();
    unit_check(rendezvous_start() == 0);
    pthread_t meanwhile = unit_thread(act_meanwhile, run);
    for (unsigned round = 0; round < run->load->rounds && !is_gone(run->channel); round++) {
        meet(run, round);
        start_traffic(run, &traffic, round);
        end_traffic(run, &traffic);
        for (unsigned i = 0; i < run->load->streams; i++) {
            check_stream(run, &traffic.in[i], round, i);
            close_early(run, round, i);
        }
        tell_other(run->channel);
        await_other(run->channel);
        close_all(run, &traffic, round);
    }
    while (!is_gone(run->channel) || os_process_exists((uint32_t)run->victim))
        usleep(100); /* a process closes its ends a moment before it is dead, and then its successor would find it living */
    store_release(&run->board->looked, 1);
    unit_join(meanwhile);
    check_links(run);
    check_trust(run);
    meet_successor(run);
}

static void be_successor(run_t *run)
{
    if (!await_other(run->heir))
        return; /* the survivor has failed */
    unit_start();
    unit_check(rendezvous_start() == 0);
    send(run->heir, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    meet_successor(run);
}

/* ---- the parent ---- */

static unsigned records_in_use(bool forget)
{
    os_section_t section;
    char name[80];
    unsigned count = 0;
    snprintf(name, sizeof name, "vmmc-rendezvous-%u-%s", SHM_VERSION, own_tag);
    unit_check(os_section_share(&section, name, sizeof(rendezvous_table_shm_t)) == 0);
    rendezvous_table_shm_t *table = section.base;
    for (unsigned i = 0; i < RENDEZVOUS_RECORDS; i++)
        count += (load_relaxed(&table->records[i].state) & 0xff) != RENDEZVOUS_FREE;
    if (forget && count)
        memset(table->records, 0, sizeof table->records);
    os_section_close(&section);
    return count;
}

static _Noreturn void be(run_t *run)
{
    alarm(HUNG_US / 1000000 + 10);
    names_board = run->board;
    if (run->who == VICTIM)
        be_victim(run);
    else if (run->who == SURVIVOR)
        be_survivor(run);
    else
        be_successor(run);
    _exit(0);
}

typedef struct ends {
    int pairs[PAIRS_ROUNDS][PAIRS_STREAMS][2];
    int tokens[PAIRS_ROUNDS][2];
    int channel[2], heir_fd[2], heir[2];
} ends_t;

/* Every process keeps its own ends only: what another one holds would not end with it. */
static void keep_own_ends(run_t *run, const ends_t *ends)
{
    unsigned end = run->who == VICTIM ? 0 : 1;
    for (unsigned round = 0; round < run->load->rounds; round++) {
        for (unsigned i = 0; i < run->load->streams; i++) {
            run->fds[round][i] = ends->pairs[round][i][end];
            close(ends->pairs[round][i][1 - end]);
            if (run->who == SUCCESSOR)
                close(ends->pairs[round][i][end]);
        }
        run->tokens[round] = ends->tokens[round][end];
        close(ends->tokens[round][1 - end]);
        if (run->who == SUCCESSOR)
            close(ends->tokens[round][end]);
    }
    run->channel = ends->channel[end];
    close(ends->channel[1 - end]);
    if (run->who == SUCCESSOR)
        close(ends->channel[end]);
    run->heir_fd = ends->heir_fd[run->who == SURVIVOR];
    run->heir = ends->heir[run->who == SURVIVOR];
    for (int i = 0; i < 2; i++) {
        if (run->who == VICTIM || i != (run->who == SURVIVOR)) {
            close(ends->heir_fd[i]);
            close(ends->heir[i]);
        }
    }
}

static void set_options(const workload_t *load, int fd)
{
    int on = 1, small = 65536;
    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    if (!(load->traits & LOAD_LATE_READER))
        return;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
}

static void open_ends(const workload_t *load, ends_t *ends)
{
    for (unsigned round = 0; round < load->rounds; round++) {
        for (unsigned i = 0; i < load->streams; i++) {
            unit_tcp_pair(ends->pairs[round][i]);
            for (int end = 0; end < 2; end++)
                set_options(load, ends->pairs[round][i][end]);
        }
        unit_check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends->tokens[round]) == 0);
    }
    unit_tcp_pair(ends->heir_fd);
    unit_check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends->channel) == 0);
    unit_check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends->heir) == 0);
}

static void close_ends(const workload_t *load, ends_t *ends)
{
    for (int end = 0; end < 2; end++) {
        for (unsigned i = 0; i < load->rounds * load->streams; i++)
            close(ends->pairs[i / load->streams][i % load->streams][end]);
        for (unsigned round = 0; round < load->rounds; round++)
            close(ends->tokens[round][end]);
        close(ends->channel[end]);
        close(ends->heir_fd[end]);
        close(ends->heir[end]);
    }
}

static void describe_end(board_t *board, enum who who, int status)
{
    static const char *const names[] = {"victim", "survivor", "successor"};
    if (status == 0 || board->fault[0])
        return;
    snprintf(board->fault, sizeof board->fault, "the %s %s", names[who],
             WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "hangs" : "failed, see above");
}

static void judge(const board_t *board, const kill_table_t *table, outcome_t *outcome)
{
    unsigned records = records_in_use(true);
    memcpy(outcome->fault, board->fault, sizeof outcome->fault);
    if (records && !outcome->fault[0])
        snprintf(outcome->fault, sizeof outcome->fault, "%u records of the rendezvous table are left", records);
    uint32_t ended = load_relaxed(&board->ended), after = ended - load_relaxed(&table->died);
    if (outcome->killed && ended && (int32_t)after > 0) /* or there was none, or all had ended before */
        outcome->notice_us = after;
    outcome->by_kernel = load_relaxed(&board->by_kernel);
    outcome->longest_us = load_relaxed(&board->longest_us);
    memcpy(outcome->longest, board->longest, sizeof outcome->longest);
}

static bool has_ended(pid_t child)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

/* As waitpid(); a victim that has stopped goes on when the survivor has acted. */
static int await_child(const pid_t *children, enum who who, board_t *board, outcome_t *outcome)
{
    int status;
    while (waitpid(children[who], &status, WUNTRACED) == children[who] && WIFSTOPPED(status)) {
        store_release(&board->stopped, 1);
        while (!load_acquire(&board->looked) && !has_ended(children[SURVIVOR]))
            usleep(100);
        outcome->stopped = true;
        kill(children[who], SIGCONT);
    }
    return status;
}

void pairs_run(const workload_t *load, part_t part, meanwhile_t meanwhile, uint32_t seed, kill_table_t *table,
               outcome_t *outcome)
{
    static board_t *board;
    static run_t run;
    ends_t ends;
    pid_t children[3];
    if (!board)
        board = pairs_memory(sizeof *board);
    memset(board, 0, sizeof *board);
    snprintf(own_tag, sizeof own_tag, "crash%d", (int)getpid());
    store_release(&table->victim, 0);
    unit_set_futex(!load->event);
    open_ends(load, &ends);
    fflush(NULL);
    for (int who = VICTIM; who <= SUCCESSOR; who++) {
        children[who] = fork();
        if (children[who] == 0) {
            run = (run_t){.load = load, .who = (enum who)who, .seed = seed, .table = table, .board = board,
                          .posts = (who == VICTIM) == (part == VICTIM_POSTS), .meanwhile = meanwhile,
                          .victim = children[VICTIM]};
            keep_own_ends(&run, &ends);
            be(&run);
        }
    }
    close_ends(load, &ends);
    *outcome = (outcome_t){0};
    for (int who = VICTIM; who <= SUCCESSOR; who++) {
        int status = await_child(children, (enum who)who, board, outcome);
        if (who == VICTIM && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
            outcome->killed = true;
        else
            describe_end(board, (enum who)who, status);
    }
    remove_objects(board);
    judge(board, table, outcome);
}

void pairs_end(void)
{
    char name[80];
    snprintf(name, sizeof name, "/vmmc-rendezvous-%u-%s", SHM_VERSION, own_tag);
    shm_unlink(name);
}
