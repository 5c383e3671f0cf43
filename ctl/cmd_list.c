/* cmd_list: list and top: the connections of this user on this machine. */
#include "connections.h"
#include "json.h"
#include "text.h"

#include <nt.h>
#include <os.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- for people ---- */

static const char *carrier_name(const way_t *way)
{
    static const char *const names[] = {"kernel", "ring", "kernel for good"};
    return names[way->carrier];
}

static void say_way(const char *what, const way_t *way)
{
    char bytes[16], messages[16], ring[16], kernel[16];
    text_bytes(bytes, way->bytes);
    text_count(messages, way->messages);
    text_bytes(ring, way->ring_bytes);
    text_bytes(kernel, way->by_kernel);
    printf("    %-9s %7sB in %s messages", what, bytes, messages);
    if (way->carrier == CARRIER_RING)
        printf(", ring of %s %u%% full", ring,
               way->ring_bytes ? (unsigned)((uint64_t)(way->unread < way->ring_bytes ? way->unread : way->ring_bytes) *
                                            100 / way->ring_bytes)
                               : 0);
    else
        printf(", by the %s", carrier_name(way));
    if (way->by_kernel)
        printf(", %sB of it by the kernel", kernel);
    printf("; %lu stalls, %lu sleeps, %lu wakes\n", (unsigned long)way->waits, (unsigned long)way->sleeps,
           (unsigned long)way->wakes);
}

static void say_end(const char *mark, const end_t *end)
{
    char address[60];
    connection_address(&end->self, address);
    printf("  %s %s  %s (process %lu, %u-bit)\n", mark, address, end->name, (unsigned long)end->pid, end->bits);
    if (end->state == END_USER) {
        say_way("sent", &end->sends);
        say_way("received", &end->receives);
    }
}

static unsigned age_of(const end_t *end)
{
    uint64_t now = os_now_us();
    return end->connected_us && end->connected_us < now ? (unsigned)((now - end->connected_us) / 1000000u) : 0;
}

static void say_connection(const connection_t *connection)
{
    char address[60];
    printf("%s, %u s old%s%s\n", connection->user_level ? "user-level" : "by the kernel", age_of(connection->one),
           connection->reason[0] ? ": " : "", connection->reason);
    say_end("-", connection->one);
    if (connection->other) {
        say_end("-", connection->other);
        return;
    }
    if (connection->one->state == END_YOUNG)
        return; /* who is at its other end has not been asked */
    connection_address(&connection->one->peer, address);
    printf("  - %s  a process without our DLL, or one that cannot be read\n", address);
}

static void say_hosts(const survey_t *survey)
{
    for (unsigned i = 0; i < survey->host_count; i++) {
        const host_t *host = &survey->hosts[i];
        if (host->other_layout)
            printf("%s (process %lu) has a DLL of release %s, which this vmmcctl cannot read; use the one of that "
                   "release\n",
                   host->name, (unsigned long)host->pid, host->release);
        else if (host->reason[0])
            printf("%s (process %lu) has the DLL, but no user-level connections: %s\n", host->name,
                   (unsigned long)host->pid, host->reason);
    }
    if (survey->too_wide)
        printf("%u 64-bit processes can be read by the 64-bit vmmcctl only\n", survey->too_wide);
}

static void say_survey(const survey_t *survey, const connection_t *connections, unsigned count, bool all)
{
    unsigned shown = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!all && !connections[i].local)
            continue;
        say_connection(&connections[i]);
        shown++;
    }
    say_hosts(survey);
    if (!survey->host_count)
        printf(
            "no process of this user has our DLL loaded; `vmmcctl install` or `vmmcctl run` gives it to a program\n");
    else if (!shown)
        printf("%u process%s our DLL, and no connection within this machine\n", survey->host_count,
               survey->host_count == 1 ? " has" : "es have");
}

/* ---- for programs ---- */

static void tell_way(const char *key, const way_t *way)
{
    json_object(key);
    json_text("carrier", way->carrier == CARRIER_FINAL ? "kernel-for-good" : carrier_name(way));
    json_number("bytes", way->bytes);
    json_number("messages", way->messages);
    json_number("in_place", way->in_place);
    json_number("by_kernel", way->by_kernel);
    json_number("loans", way->loans);
    json_number("lent", way->lent);
    json_number("ring_bytes", way->ring_bytes);
    json_number("unread", way->unread);
    json_number("switches", way->switches);
    json_number("stalls", way->waits);
    json_number("sleeps", way->sleeps);
    json_number("wakes", way->wakes);
    json_end();
}

static void tell_end(const end_t *end)
{
    static const char *const states[] = {"open", "listens", "young", "meeting", "user-level", "kernel"};
    char address[60];
    connection_address(&end->self, address);
    json_object(NULL);
    json_text("address", address);
    json_number("pid", end->pid);
    json_text("process", end->name);
    json_number("bits", end->bits);
    json_number("socket", end->handle);
    json_text("state", states[end->state]);
    json_text("why", end->why[0] ? end->why : NULL);
    json_number("age_seconds", age_of(end));
    tell_way("sent", &end->sends);
    tell_way("received", &end->receives);
    json_end();
}

static void tell_connection(const connection_t *connection)
{
    char address[60];
    json_object(NULL);
    json_flag("user_level", connection->user_level);
    json_flag("local", connection->local);
    json_text("reason", connection->reason[0] ? connection->reason : NULL);
    json_array("ends");
    tell_end(connection->one);
    if (connection->other)
        tell_end(connection->other);
    json_end();
    connection_address(&connection->one->peer, address);
    json_text("peer", address);
    json_number("peer_pid", connection->other ? connection->other->pid : connection->one->peer_pid);
    json_end();
}

static void tell_survey(const survey_t *survey, const connection_t *connections, unsigned count, bool all)
{
    json_object(NULL);
    json_array("connections");
    for (unsigned i = 0; i < count; i++) {
        if (all || connections[i].local)
            tell_connection(&connections[i]);
    }
    json_end();
    json_array("processes");
    for (unsigned i = 0; i < survey->host_count; i++) {
        const host_t *host = &survey->hosts[i];
        json_object(NULL);
        json_number("pid", host->pid);
        json_text("process", host->name);
        json_number("bits", host->bits);
        json_text("release", host->release);
        json_flag("readable", !host->other_layout);
        json_flag("started", host->started);
        json_text("sleeps_by", host->started ? host->futex ? "futex" : "event" : NULL);
        json_text("reason", host->reason[0] ? host->reason : NULL);
        json_end();
    }
    json_end();
    json_number("refused", survey->refused);
    json_number("too_wide", survey->too_wide);
    json_end();
}

/* ---- list ---- */

static int run_list(int argc, char **argv)
{
    survey_t survey;
    unsigned count;
    bool json = ctl_take_flag(&argc, argv, "--json"), all = ctl_take_flag(&argc, argv, "--all");
    if (argc > 1)
        return ctl_usage(&list_command, "it has no argument %s", argv[1]);
    inspect_all(&survey);
    connection_t *connections = connections_of(&survey, &count);
    if (json)
        tell_survey(&survey, connections, count, all);
    else
        say_survey(&survey, connections, count, all);
    free(connections);
    inspect_free(&survey);
    return CTL_FINE;
}

const command_t list_command = {
    "list", run_list, "every connection of programs with the DLL; why one is not user-level",
    "usage: vmmcctl list [--json] [--all]\n\n"
    "Shows the TCP connections within this machine of all programs of this user that have the DLL loaded. For each:\n"
    "whether it is user-level or why not; its two ends with their programs; and for each direction\n\n"
    "  bytes and messages  since it was connected (a message is a call that moved bytes)\n"
    "  ring of 16K 3% full what carries it now, and how much of that waits to be read; or: by the kernel\n"
    "  by the kernel       bytes that went through the kernel connection: the first ones, and when a ring was full\n"
    "  stalls              waits for the other end, most of them microseconds of spinning\n"
    "  sleeps, wakes       of these, the sleeps; and how often this end woke the other one\n\n"
    "A connection with only one end shown has a program without the DLL at its other end: install it there too.\n"
    "  --all   also connections to other machines, which are the kernel's always\n\n"
    "The programs are not disturbed: their memory is read, nothing in them is called or stopped, but for the moment "
    "that\n"
    "Wine takes to read it. The 32-bit vmmcctl sees 32-bit programs only, the 64-bit one both.\n"};

/* ---- top ---- */

typedef struct row {
    const connection_t *connection;
    uint64_t sent, received, messages; /* since the last look */
} row_t;

static const end_t *find_end(const survey_t *survey, const end_t *wanted)
{
    for (unsigned i = 0; i < survey->end_count; i++) {
        const end_t *end = &survey->ends[i];
        if (end->pid == wanted->pid && end->handle == wanted->handle && end->connected_us == wanted->connected_us)
            return end;
    }
    return NULL;
}

static uint64_t growth(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static row_t row_of(const connection_t *connection, const survey_t *before)
{
    const end_t *now = connection->one, *then = find_end(before, now);
    row_t row = {.connection = connection};
    if (then) {
        row.sent = growth(now->sends.bytes, then->sends.bytes);
        row.received = growth(now->receives.bytes, then->receives.bytes);
        row.messages =
            growth(now->sends.messages, then->sends.messages) + growth(now->receives.messages, then->receives.messages);
    }
    return row;
}

static int busiest_first(const void *a, const void *b)
{
    const row_t *first = a, *second = b;
    uint64_t one = first->sent + first->received, other = second->sent + second->received;
    return (one < other) - (one > other);
}

static void say_row(const row_t *row, double seconds)
{
    char own[60], peer[60], sent[16], received[16], messages[16];
    const connection_t *connection = row->connection;
    connection_address(&connection->one->self, own);
    connection_address(&connection->one->peer, peer);
    text_bytes(sent, (uint64_t)((double)row->sent / seconds));
    text_bytes(received, (uint64_t)((double)row->received / seconds));
    text_count(messages, (uint64_t)((double)row->messages / seconds));
    printf("%-6s %7s %7s %7s  %-16.16s %-21s %-16.16s %-21s\n", connection->user_level ? "user" : "kernel", sent,
           received, messages, connection->one->name, own, connection->other ? connection->other->name : "?", peer);
}

static void clear_screen(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    HANDLE console = GetStdHandle(STD_OUTPUT_HANDLE);
    DWORD done;
    if (!GetConsoleScreenBufferInfo(console, &info))
        return; /* into a file: one table after the other */
    DWORD cells = (DWORD)info.dwSize.X * (DWORD)info.dwSize.Y;
    FillConsoleOutputCharacterW(console, ' ', cells, (COORD){0, 0}, &done);
    SetConsoleCursorPosition(console, (COORD){0, 0});
}

static void say_table(const survey_t *survey, const survey_t *before, const connection_t *connections, unsigned count,
                      double seconds)
{
    row_t *rows = calloc(count + 1u, sizeof *rows);
    unsigned shown = 0;
    for (unsigned i = 0; rows && i < count; i++) {
        if (connections[i].local)
            rows[shown++] = row_of(&connections[i], before);
    }
    clear_screen();
    printf("%u program%s with the DLL, %u connection%s within this machine; Ctrl-C ends this\n\n", survey->host_count,
           survey->host_count == 1 ? "" : "s", shown, shown == 1 ? "" : "s");
    printf("%-6s %7s %7s %7s  %-16s %-21s %-16s %-21s\n", "by", "sent/s", "recvd/s", "msgs/s", "program", "address",
           "other end", "address");
    if (rows)
        qsort(rows, shown, sizeof *rows, busiest_first);
    for (unsigned i = 0; i < shown; i++)
        say_row(&rows[i], seconds);
    fflush(stdout);
    free(rows);
}

static void look_again(survey_t *before, double seconds, bool json)
{
    survey_t now;
    unsigned count;
    inspect_all(&now);
    connection_t *connections = connections_of(&now, &count);
    if (json)
        tell_survey(&now, connections, count, false);
    else
        say_table(&now, before, connections, count, seconds);
    free(connections);
    inspect_free(before);
    *before = now;
}

static int run_top(int argc, char **argv)
{
    bool json = ctl_take_flag(&argc, argv, "--json");
    const char *interval = ctl_take_value(&argc, argv, "--interval"), *rounds = ctl_take_value(&argc, argv, "--rounds");
    double seconds = interval ? atof(interval) : 1;
    long left = rounds ? atol(rounds) : -1;
    if (argc > 1)
        return ctl_usage(&top_command, "it has no argument %s, or its value is missing", argv[1]);
    if (seconds < 0.1 || seconds > 3600 || left == 0)
        return ctl_usage(&top_command, "--interval is 0.1 to 3600 seconds, --rounds 1 or more");
    survey_t before;
    inspect_all(&before);
    for (; left != 0; left -= left > 0) {
        uint64_t start = os_now_us();
        Sleep((DWORD)(seconds * 1000));
        look_again(&before, (double)(os_now_us() - start) / 1e6, json);
    }
    inspect_free(&before);
    return CTL_FINE;
}

const command_t top_command = {
    "top", run_top, "the same, live: who moves how much",
    "usage: vmmcctl top [--interval SECONDS] [--rounds N] [--json]\n\n"
    "Looks every second (or --interval) and shows what each connection has moved since: bytes sent and received per\n"
    "second and messages of both, as the program in the first column of names sees it; the busiest first. `by` is "
    "user\n"
    "for a user-level connection, kernel otherwise: `vmmcctl list` says why. Ctrl-C ends it, or --rounds.\n\n"
    "With --json it writes one line for each look, with the counters of `vmmcctl list --json`.\n"};
