/* address: how a netbench client learns the port its server was given, and connects to it. */
#include "netbench.h"

#include <stdio.h>
#include <string.h>

#define SERVER_WAIT_MS 10000

static bool read_port(const char *path, unsigned *port)
{
    char end = 0;
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    /* The server may have created the file and not yet filled it: only a whole line counts. */
    bool whole = fscanf(f, "%u%c", port, &end) == 2 && end == '\n';
    fclose(f);
    return whole;
}

static unsigned wait_for_port(const char *path)
{
    unsigned port = 0;
    for (unsigned waited = 0; !read_port(path, &port); waited += 2) {
        if (waited >= SERVER_WAIT_MS)
            peer_die("no server wrote its port into %s within %d s", path, SERVER_WAIT_MS / 1000);
        net_sleep_ms(2);
    }
    return port;
}

static struct sockaddr_in address_of(const char *host, unsigned port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)port);
    address.sin_addr.s_addr = inet_addr(host);
    return address;
}

struct sockaddr_in netbench_address(const netbench_options_t *options)
{
    unsigned port = options->port_file ? wait_for_port(options->port_file) : options->port;
    if (!port)
        peer_die("a client needs --port or --port-file");
    return address_of(options->host, port);
}

void netbench_bind(net_socket_t s, const netbench_options_t *options)
{
    struct sockaddr_in address = address_of(options->host, options->port_file ? 0 : options->port);
    if (bind(s, (struct sockaddr *)&address, sizeof address))
        peer_die("bind to %s failed", options->host);
}

void netbench_announce(net_socket_t s, const netbench_options_t *options)
{
    struct sockaddr_in address;
    net_len_t length = sizeof address;
    if (getsockname(s, (struct sockaddr *)&address, &length))
        peer_die("getsockname failed");
    FILE *f = options->port_file ? fopen(options->port_file, "w") : stdout;
    if (!f)
        peer_die("cannot write %s", options->port_file);
    fprintf(f, "%u\n", (unsigned)ntohs(address.sin_port));
    if (f == stdout)
        fflush(f);
    else
        fclose(f);
}

/* The server makes the path and listens at it in two steps. */
static net_socket_t connect_unix(const char *path)
{
    net_socket_t s;
    for (unsigned waited = 0; (s = net_unix_connect(path)) == NET_INVALID; waited += 2) {
        if (waited >= SERVER_WAIT_MS)
            peer_die("nobody listens at %s", path);
        net_sleep_ms(2);
    }
    return s;
}

net_socket_t netbench_connect(const netbench_options_t *options)
{
    if (options->unix_path)
        return connect_unix(options->unix_path);
    struct sockaddr_in address = netbench_address(options);
    net_socket_t s = socket(AF_INET, SOCK_STREAM, 0);
    if (s == NET_INVALID)
        peer_die("socket failed");
    if (connect(s, (struct sockaddr *)&address, sizeof address))
        peer_die("connect to %s:%u failed", options->host, (unsigned)ntohs(address.sin_port));
    return s;
}
