/* fuzz_stream: every call of a stream, at either end, in any order, while any word that the two share is falsified
 * between the calls and in the middle of them.  A reset is allowed.  What is not: a fault that a sanitizer sees, a call
 * that does not end, a count larger than what was asked for, memory or entries that are not given back, and harm to
 * the streams with other processes. */
#include "stage.h"

#include "os_fuzz.h"
#include "unit_small.h"
#include "vmmc_private.h"

#include <sanitizer/asan_interface.h>

#define QUICK_US 150000  /* a call that does not wait, or for 5 ms at most */
#define LEAVE_US 8000000 /* a demotion: three times the patience, twice */

typedef void step_t(unsigned end, script_t *script);

static uint32_t read_count(script_t *script)
{
    uint32_t byte = script_byte(script);
    return byte < 128 ? byte : (byte - 127) * 50;
}

/* ---- buffers of any size with nothing around them that may be touched, faster than malloc ---- */

#define LARGEST 6400u

typedef struct buffer {
    _Alignas(64) uint8_t before[64], bytes[LARGEST], after[64];
} buffer_t;

static buffer_t buffers[2];
static unsigned buffers_out;

static void *take_buffer(uint32_t count)
{
    buffer_t *buffer = &buffers[buffers_out++];
    fuzz_check(buffers_out <= 2 && count <= LARGEST);
    ASAN_UNPOISON_MEMORY_REGION(buffer->bytes, count);
    return buffer->bytes;
}

static void return_buffers(void)
{
    while (buffers_out)
        ASAN_POISON_MEMORY_REGION(&buffers[--buffers_out], sizeof(buffer_t));
}

static transfer_t request(const stream_t *stream, script_t *script, bool blocking)
{
    uint32_t count = read_count(script);
    return (transfer_t){.socket = stream->socket, .bytes = take_buffer(count), .count = count, .blocking = blocking,
                        .deadline = blocking ? os_now_us() + 5000 : STREAM_NEVER};
}

/* ---- what is expected ---- */

static void check_result(int result, uint32_t most)
{
    stage_call_ends(QUICK_US);
    fuzz_check(result >= STREAM_HELD && result <= (int)most);
}

/* ---- transfers ---- */

/* Plain transfers go the short way first, as those of programs do. */
static bool is_plain(const transfer_t *transfer)
{
    return transfer->count && !transfer->urgent && !transfer->in_turn && !transfer->peek;
}

static void send_with(stream_t *stream, transfer_t transfer)
{
    int sent = 0;
    stage_call_begins();
    if (is_plain(&transfer))
        sent = unit_send_small(stream, transfer.socket, transfer.bytes, transfer.count);
    check_result(sent ? sent : stream_send(stream, &transfer), transfer.count);
}

static void receive_with(stream_t *stream, transfer_t transfer)
{
    int got = 0;
    stage_call_begins();
    if (is_plain(&transfer))
        got = unit_receive_small(stream, transfer.socket, transfer.bytes, transfer.count, transfer.blocking);
    check_result(got ? got : stream_receive(stream, &transfer), transfer.count);
}

static void send_now(unsigned end, script_t *script)
{
    send_with(&stage.end[end], request(&stage.end[end], script, false));
}

static void send_waiting(unsigned end, script_t *script)
{
    send_with(&stage.end[end], request(&stage.end[end], script, true));
}

static void send_urgently(unsigned end, script_t *script)
{
    transfer_t transfer = request(&stage.end[end], script, true);
    transfer.urgent = transfer.count > 0;
    send_with(&stage.end[end], transfer);
}

static void receive_now(unsigned end, script_t *script)
{
    receive_with(&stage.end[end], request(&stage.end[end], script, false));
}

static void receive_waiting(unsigned end, script_t *script)
{
    receive_with(&stage.end[end], request(&stage.end[end], script, true));
}

static void peek(unsigned end, script_t *script)
{
    transfer_t transfer = request(&stage.end[end], script, false);
    transfer.peek = true;
    receive_with(&stage.end[end], transfer);
}

static void receive_urgent(unsigned end, script_t *script)
{
    transfer_t transfer = request(&stage.end[end], script, false);
    transfer.peek = script_byte(script) & 1;
    stage_call_begins();
    check_result(stream_receive_urgent(&stage.end[end], &transfer), 1);
}

static void send_in_turn(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    stage_call_begins();
    int turn = stream_begin_turn(stream, stream->socket);
    check_result(turn, 0);
    if (turn != 0)
        return;
    transfer_t transfer = request(stream, script, true);
    transfer.in_turn = true;
    send_with(stream, transfer);
    stream_end_turn(stream);
}

/* The program's own calls of the kernel, while the stream lets it. */
static void use_kernel(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    transfer_t transfer = request(stream, script, false);
    half_t *half = script_byte(script) & 1 ? &stream->tx : &stream->rx;
    stage_call_begins();
    if (stream_enter_kernel(stream, half, stream->socket)) {
        int moved = half == &stream->tx ? connection_calls.send(stream->socket, transfer.bytes, transfer.count)
                                        : connection_calls.receive(stream->socket, transfer.bytes, transfer.count);
        stream_leave_kernel(stream, half, moved);
    }
    stage_call_ends(QUICK_US);
}

/* ---- views: the program may touch what it has been given, until it has given it back ---- */

static struct {
    view_t reserved, borrowed;
} out[2];

static bool lies_in(const span_t *span, const uint8_t *memory, uint32_t size)
{
    const uint8_t *from = span->bytes;
    return span->count == 0 || (from >= memory && from + span->count <= memory + size);
}

static void check_view(const half_t *half, const view_t *view, int result, uint32_t most)
{
    check_result(result, most);
    if (result <= 0)
        return;
    fuzz_check(view->count == (uint32_t)result && view->spans[0].count + view->spans[1].count == view->count);
    for (int i = 0; i < 2; i++)
        fuzz_check(half->leftover ? lies_in(&view->spans[i], half->leftover, half->leftover_end)
                                  : lies_in(&view->spans[i], half->ring.base, half->ring.size));
}

static void touch(const view_t *view, bool write)
{
    uint8_t copy[STAGE_RING_MAX];
    for (int i = 0; i < 2; i++) {
        fuzz_check(view->spans[i].count <= sizeof copy);
        if (write && view->spans[i].count)
            memset(view->spans[i].bytes, 7, view->spans[i].count);
        else if (view->spans[i].count)
            memcpy(copy, view->spans[i].bytes, view->spans[i].count);
    }
}

static void reserve(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    transfer_t request = {.socket = stream->socket, .count = read_count(script), .blocking = script_byte(script) & 1};
    view_t view = {.count = 0};
    request.deadline = os_now_us() + 5000;
    stage_call_begins();
    int result = stream_reserve(stream, &request, &view);
    check_view(&stream->tx, &view, result, request.count);
    if (result > 0)
        out[end].reserved = view;
}

static void commit(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    view_t *view = &out[end].reserved;
    transfer_t request = {.socket = stream->socket, .bytes = view->spans[0].bytes, .count = read_count(script)};
    touch(view, true);
    stage_call_begins();
    int result = stream_commit(stream, &request);
    check_result(result, request.count);
    if (result >= 0)
        *view = (view_t){.count = 0};
    else if (result == STREAM_BY_KERNEL)
        stream_spend(stream, &request, request.count / 2, view);
    touch(view, true);
}

static void borrow(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    transfer_t request = {.socket = stream->socket, .count = read_count(script), .blocking = script_byte(script) & 1};
    view_t view;
    request.deadline = os_now_us() + 5000;
    stage_call_begins();
    int result = stream_borrow(stream, &request, &view);
    check_view(&stream->rx, &view, result, request.count);
    if (result > 0)
        out[end].borrowed = view;
    touch(&out[end].borrowed, false);
}

static void release(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    view_t *view = &out[end].borrowed;
    transfer_t request = {.socket = stream->socket, .bytes = view->spans[0].bytes, .count = read_count(script)};
    touch(view, false);
    stage_call_begins();
    int result = stream_release(stream, &request);
    check_result(result, request.count);
    if (result >= 0)
        *view = (view_t){.count = 0};
}

static void describe(unsigned end, script_t *script)
{
    stream_facts_t facts;
    (void)script;
    stage_call_begins();
    stream_describe(&stage.end[end], &facts);
    stage_call_ends(QUICK_US);
}

/* ---- questions ---- */

/* More than all rings and the kernel connection hold cannot be there. */
static void ask_pending(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    uint32_t most = 2 * STAGE_RING_MAX + CONNECTION_BYTES;
    (void)script;
    if (stream->rx.leftover)
        most = stream->rx.leftover_end - stream->rx.leftover_at;
    stage_call_begins();
    check_result(stream_pending(stream, stream->socket), most);
}

static void ask_ready(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    (void)script;
    stage_call_begins();
    check_result(stream_readable(stream, stream->socket), 1);
    check_result(stream_writable(stream, stream->socket), 1);
    check_result((int)stream_input(stream, stream->socket), INPUT_BY_KERNEL);
}

static void ask_urgent(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    uint32_t which = script_byte(script);
    stage_call_begins();
    check_result(which & 1 ? stream_at_mark(stream, stream->socket) : stream_has_urgent(stream, stream->socket), 1);
    if (which & 2)
        stream_set_in_line(stream, which & 4);
    stage_call_ends(QUICK_US);
}

static void ask_state(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    (void)script;
    if (load_relaxed(&stream->closing))
        return;
    stage_call_begins();
    stream_is_over(stream);
    stream_goes_on(stream);
    stage_call_ends(QUICK_US);
}

/* ---- what the watcher and the layers above do ---- */

static void serve(unsigned end, script_t *script)
{
    (void)script;
    stage_call_begins();
    stream_serve_peer(&stage.end[end]);
    stage_call_ends(QUICK_US);
}

static void demote(unsigned end, script_t *script)
{
    (void)script;
    stage_call_begins();
    int result = stream_demote(&stage.end[end]);
    stage_call_ends(LEAVE_US);
    fuzz_check(result == 0 || result == STREAM_RESET || result == STREAM_AGAIN);
}

static void shut(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    uint32_t how = script_byte(script);
    stage_call_begins();
    if (how & 1)
        stream_shut_sending(stream, stream->socket);
    if (how & 2)
        stream_shut_receiving(stream, stream->socket);
    stage_call_ends(QUICK_US);
}

static void close_end(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    if (load_relaxed(&stream->closing))
        return;
    stage_attach(end);
    memset(&out[end], 0, sizeof out[end]);
    stage_call_begins();
    stream_close(stream, script_byte(script) & 1);
    stage_call_ends(QUICK_US);
}

static void look_for_strays(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    stage_call_begins();
    stream_look_for_strays(stream);
    if (script_byte(script) & 1)
        stream_leave_to_strays(stream);
    stage_call_ends(QUICK_US);
}

static void arm(unsigned end, script_t *script)
{
    stream_t *stream = &stage.end[end];
    half_t *half = script_byte(script) & 1 ? &stream->tx : &stream->rx;
    sleeper_t sleeper;
    stage_call_begins();
    if (stream_arm(stream, half, stream->socket, &sleeper, wait_mine())) {
        falsify_now(script);
        stream_disarm(stream, half, &sleeper);
    }
    stream_kick(stream);
    stage_call_ends(QUICK_US);
}

static void attach(unsigned end, script_t *script)
{
    stage_call_begins();
    if (script_byte(script) & 1)
        stream_forbid_sending(&stage.end[end]);
    if (!stream_is_attached(&stage.end[end]))
        stream_size_rings(&stage.end[end], 1u << (12 + script_byte(script) % 3), 1u << (12 + script_byte(script) % 3));
    stage_attach(end);
    stage_call_ends(QUICK_US);
}

/* ---- what happens around them ---- */

static void spoil_wire(unsigned end, script_t *script)
{
    connection_end_t *wire = &stage.wire[end];
    uint32_t how = script_byte(script);
    switch (how % 4) {
    case 0: /* bytes that go around us */
        connection_calls.send(connection_socket(wire->other), "somebody else's", how / 16);
        break;
    case 1: /* somebody else takes some */
        wire->count -= wire->count < how ? wire->count : how;
        break;
    case 2:
        wire->room = how * 8;
        break;
    default:
        wire->ended |= (how & 8) != 0;
        wire->reset |= (how & 16) != 0;
    }
}

static void die(unsigned end, script_t *script)
{
    (void)script;
    store_relaxed(&stage.link[end]->dead, 1);
}

static void pass_time(unsigned end, script_t *script)
{
    (void)end;
    os_fuzz_pass(script_byte(script) * 4000);
}

static void be_honest(unsigned end, script_t *script)
{
    (void)end;
    stage_call_begins();
    stage_honest_traffic(script_byte(script) % 200 + 1);
    stage_call_ends(QUICK_US);
}

static void lie_now(unsigned end, script_t *script)
{
    (void)end;
    falsify_now(script);
}

static void lie_later(unsigned end, script_t *script)
{
    (void)end;
    falsify_later(script);
}

/* What rings hold is never looked at; only that nobody trips over it. */
static void scribble(unsigned end, script_t *script)
{
    uint32_t at = script_word(script, 2);
    memset(stage.link[0]->arena->heap[end] + at, (int)at, 64);
}

static step_t *const steps[] = {
    lie_now, lie_later, send_now, receive_now, lie_now, lie_later, send_waiting, receive_waiting, peek, serve, demote,
    ask_pending, ask_ready, send_urgently, receive_urgent, ask_urgent, shut, close_end, look_for_strays,
    send_in_turn, use_kernel, ask_state, arm, attach, spoil_wire, die, pass_time, be_honest, scribble,
    reserve, commit, borrow, release, describe};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    stage_build();
    ASAN_POISON_MEMORY_REGION(buffers, sizeof buffers);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    script_t script = {bytes, bytes + count};
    uint32_t scene = script_byte(&script);
    memset(out, 0, sizeof out);
    stage_open(scene & 1, scene & 2);
    for (unsigned step = 0; script_goes_on(&script) && step < 64; step++) {
        uint32_t what = script_byte(&script);
        steps[(what >> 1) % (sizeof steps / sizeof *steps)](what & 1, &script);
        return_buffers();
    }
    stage_close();
    stage_honest_traffic(1);
    return 0;
}
