/* absent: what a program that asks for pointers gets where there are none: a kernel socket, or no library of ours. */
#include "wire.h"

#include <vmmc_sockets.h>

enum { CODES = 13, LENGTH = 1000 };

typedef union request {
    uint32_t size;
    vmmc_ask_t ask;
    vmmc_counters_t counters;
    vmmc_view_t view;
    vmmc_memory_t memory;
    vmmc_loan_t loan;
    vmmc_accepted_t accepted;
} request_t;

static const uint32_t sizes[CODES + 1] = {
    0,
    sizeof(vmmc_ask_t),
    sizeof(vmmc_counters_t),
    sizeof(vmmc_view_t),
    sizeof(vmmc_view_t),
    sizeof(vmmc_view_t),
    sizeof(vmmc_view_t),
    sizeof(vmmc_memory_t),
    sizeof(vmmc_memory_t),
    sizeof(vmmc_memory_t),
    sizeof(vmmc_loan_t),
    sizeof(vmmc_loan_t),
    sizeof(vmmc_accepted_t),
    sizeof(vmmc_accepted_t),
};

/* Our library waits for the other end to turn up, and says so. */
static void try_asking(SOCKET s)
{
    vmmc_ask_t ask = {.size = sizeof ask, .ways = 99};
    if (ioctlsocket(s, VMMC_IO_ASK, (u_long *)&ask) == 0)
        CHECK_IS(0, ask.ways);
    else
        CHECK_IS(WSAEOPNOTSUPP, WSAGetLastError());
}

/* Memory is the process's, so where our library is, it looks at the request and finds it empty. */
static bool is_about_memory(uint32_t code)
{
    return code == (uint32_t)VMMC_IO_ALLOCATE || code == (uint32_t)VMMC_IO_FREE || code == (uint32_t)VMMC_IO_RETURN;
}

static void try_all_codes(SOCKET s)
{
    try_asking(s);
    for (uint32_t code = VMMC_IO_ASK + 1; code <= (uint32_t)VMMC_IO_RETURN; code++) {
        request_t request = {.size = sizes[code & 0xff]}, before = request;
        if (code == (uint32_t)VMMC_IO_OPEN_FILE)
            continue; /* fails for want of a file */
        int other = is_about_memory(code) ? WSAEINVAL : 0;
        CHECK_FAILS_EITHER(WSAEOPNOTSUPP, other, ioctlsocket(s, (long)code, (u_long *)&request));
        CHECK(memcmp(&before, &request, sizeof request) == 0);
    }
}

static void role_partner(int argc, char **argv)
{
    SOCKET s = link_in_peer(argv);
    flow_t in = flow_start(1), out = flow_start(2);
    (void)argc;
    flow_recv(s, &in, LENGTH, LENGTH);
    flow_send(s, &out, LENGTH, LENGTH);
    expect_end(s);
    closesocket(s);
}

static void every_code_fails_and_the_connection_goes_on(void **state)
{
    peer_t peer;
    flow_t out = flow_start(1), in = flow_start(2);
    SOCKET s = link_to_peer(&peer, PEER_CONNECTS, "partner", "%d", 0);
    (void)state;
    flow_send(s, &out, LENGTH / 2, LENGTH);
    try_all_codes(s);
    flow_send(s, &out, LENGTH / 2, LENGTH);
    try_all_codes(s);
    flow_recv(s, &in, LENGTH, LENGTH);
    try_all_codes(s);
    closesocket(s);
    peer_join(&peer);
}

static void so_they_do_on_other_sockets(void **state)
{
    SOCKET udp = socket(AF_INET, SOCK_DGRAM, 0);
    (void)state;
    try_all_codes(udp);
    closesocket(udp);
}

static const role_t roles[] = {{"partner", role_partner}};

static const struct CMUnitTest tests[] = {
    CASE(every_code_fails_and_the_connection_goes_on),
    CASE(so_they_do_on_other_sockets),
};

HARNESS_MAIN(roles, tests)
