/* filecopy: copies a folder tree from one process of this machine to another, and checks every byte. Written once
 * against vmmc_channel.h, it runs with pointers, with copies, and without our wsock32.dll. */
#include "filecopy.h"

#include "path.h"
#include "report.h"

#include <stdio.h>

static const char usage[] =
    "usage: filecopy serve FOLDER [options]      lets clients of this machine copy all that is in the folder\n"
    "       filecopy fetch FOLDER [options]      copies it into FOLDER, which may exist already\n"
    "       filecopy fetch --discard [options]   reads and checks it only\n"
    "options: --with=loans | views | copies   the most that this end uses (loans, which includes views)\n"
    "         --port=N (28100)                --port-file=PATH   the server chooses, and the client reads it there\n"
    "         --clients=N                     the server ends after so many\n"
    "         --progress                      show progress even if standard error is not a console\n"
    "The client prints one line: how much was copied, and how often each byte was copied on its way.\n";

static void fail_usage(const char *argument)
{
    if (argument)
        fprintf(stderr, "filecopy: the argument '%s' is not understood\n%s", argument, usage);
    else
        fprintf(stderr, "filecopy: something is missing\n%s", usage);
    exit(2);
}

static unsigned number_of(const char *text, unsigned low, unsigned high)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (!*text || *end || n < low || n > high)
        fail_usage(text);
    return (unsigned)n;
}

static unsigned ways_of(const char *text)
{
    if (!strcmp(text, "loans"))
        return VMMC_BY_VIEWS | VMMC_BY_LOANS;
    if (!strcmp(text, "views"))
        return VMMC_BY_VIEWS;
    if (strcmp(text, "copies"))
        fail_usage(text);
    return VMMC_BY_COPIES;
}

/* The value of --NAME=VALUE, or NULL. */
static const char *value_of(const char *argument, const char *name)
{
    size_t length = strlen(name);
    return !strncmp(argument, name, length) && argument[length] == '=' ? argument + length + 1 : NULL;
}

static void take_option(options_t *o, const char *argument, bool *discard)
{
    const char *value;
    if ((value = value_of(argument, "--with")))
        o->ways = ways_of(value);
    else if ((value = value_of(argument, "--port")))
        o->port = number_of(value, 1, 65535);
    else if ((value = value_of(argument, "--port-file")))
        o->port_file = value;
    else if ((value = value_of(argument, "--clients")))
        o->clients = number_of(value, 1, 1000000);
    else if (!strcmp(argument, "--progress"))
        o->progress = true;
    else if (!strcmp(argument, "--discard"))
        *discard = true;
    else if (*argument == '-' || o->folder)
        fail_usage(argument);
    else
        o->folder = argument;
}

static int run(int argc, char **argv)
{
    options_t options = {.port = 28100, .ways = VMMC_BY_VIEWS | VMMC_BY_LOANS};
    bool discard = false, serves = argc > 1 && !strcmp(argv[1], "serve");
    WSADATA data;
    if (!serves && (argc < 2 || strcmp(argv[1], "fetch")))
        fail_usage(argc < 2 ? NULL : argv[1]);
    for (int i = 2; i < argc; i++)
        take_option(&options, argv[i], &discard);
    if (discard == (options.folder != NULL) || (discard && serves))
        fail_usage(discard ? "--discard" : NULL);
    if (WSAStartup(MAKEWORD(1, 1), &data))
        die("WinSock does not start");
    return serves ? serve(&options) : fetch(&options);
}

int wmain(int argc, wchar_t **argv);
int wmain(int argc, wchar_t **argv)
{
    char **arguments = calloc((size_t)argc + 1, sizeof *arguments);
    for (int i = 0; i < argc; i++) {
        char text[PATH_MOST];
        if (!WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, argv[i], -1, text, sizeof text, NULL, NULL))
            die("an argument is too long, or not Unicode");
        arguments[i] = _strdup(text);
    }
    return run(argc, arguments);
}

void promptly(SOCKET s)
{
    BOOL on = TRUE;
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The channel knows what it sent and received by calls that copy; the library, of each byte, whether it stayed in
 * place. */
uint64_t copied(const vmmc_channel_t *channel)
{
    vmmc_counters_t counters = {.size = sizeof counters};
    uint64_t sent = channel->sent_copied, received = channel->received_copied;
    if (channel->ways && ioctlsocket(channel->socket, VMMC_IO_COUNT, (u_long *)&counters) == 0) {
        sent = larger(sent, counters.sent.bytes - counters.sent.in_place);
        received = larger(received, counters.received.bytes - counters.received.in_place);
    }
    return channel->read_from_files + sent + received;
}
