/* session: a client that takes one test, or many in turn as lines on its standard input ask for them. */
#include "netbench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_CAPACITY 200000
#define LINE_MAX_BYTES 128

/* The words behind a question, as in select-c1000. */
static void take_words(netbench_options_t *options, char *words)
{
    options->wait = PEER_BLOCKS;
    for (char *word = strtok(words, "-"); word; word = strtok(NULL, "-"))
        if (!strcmp(word, "select"))
            options->wait = PEER_SELECTS;
        else if (!strcmp(word, "poll"))
            options->wait = PEER_POLLS;
        else if (!strcmp(word, "kernel"))
            options->kernel = true;
        else if (sscanf(word, "c%u", &options->crowd) != 1 && sscanf(word, "t%u", &options->pause_us) != 1)
            peer_die("unknown word '%s'", word);
}

static void open_socket(client_t *client, const netbench_options_t *options)
{
    if (options->udp)
        udp_open(client, options);
    else
        client->socket = netbench_connect(options);
}

static void close_socket(client_t *client, const netbench_options_t *options)
{
    if (client->socket == NET_INVALID)
        return;
    crowd_close(&client->crowd);
    crowd_close_pair(&client->pair);
    if (options->udp)
        udp_say_goodbye(client);
    net_close(client->socket);
    client->socket = NET_INVALID;
}

static void take(client_t *client, const netbench_options_t *options)
{
    if (client->socket == NET_INVALID)
        peer_die("asked for a test before connect");
    if (options->udp != (options->test == TEST_UDP))
        peer_die("datagrams are for the test udp, and for no other");
    if (options->udp)
        udp_take(client, options);
    else
        client_take(client, options);
}

static void take_line(client_t *client, const netbench_options_t *defaults, const char *line)
{
    netbench_options_t options = *defaults;
    char name[16], words[32] = "";
    if (sscanf(line, "%15s %u %u %31s", name, &options.size, &options.milliseconds, words) < 3 || !options.size ||
        !options.milliseconds || !netbench_find_test(name, &options.test))
        peer_die("cannot understand '%s'", line);
    take_words(&options, words);
    take(client, &options);
}

static void take_lines(client_t *client, const netbench_options_t *options)
{
    char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\r\n")] = 0;
        if (!strcmp(line, "connect")) {
            close_socket(client, options);
            open_socket(client, options);
            puts("{\"connected\":true}");
        } else {
            take_line(client, options, line);
        }
        fflush(stdout);
    }
}

int client_run(const netbench_options_t *options)
{
    client_t client = {.socket = NET_INVALID};
    if (!samples_init(&client.samples, SAMPLE_CAPACITY))
        peer_die("out of memory");
    if (options->session) {
        take_lines(&client, options);
    } else {
        open_socket(&client, options);
        take(&client, options);
    }
    close_socket(&client, options);
    samples_free(&client.samples);
    free(client.room.memory);
    return 0;
}
