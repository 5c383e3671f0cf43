/* space: a 32-bit process without address space, from the beginning or while a stream is in use.  It goes on by the kernel.
 * The peer that runs out of space takes only static memory itself, and gives the space back before its threads end,
 * which Wine's could not do without. */
#include "wire.h"

#include "vmmc_sockets.h"

enum { BLOCKS = 4096, PIECE = 50000, UNREAD = 20000 };

static void *blocks[BLOCKS];
static unsigned block_count;

static void take_all_space(void)
{
    for (SIZE_T size = 1u << 28; size >= 65536; size /= 2) {
        while (block_count < BLOCKS && (blocks[block_count] = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_NOACCESS)) != NULL)
            block_count++;
    }
    CHECK(block_count > 0 && block_count < BLOCKS);
}

static void give_space_back(void)
{
    while (block_count)
        VirtualFree(blocks[--block_count], 0, MEM_RELEASE);
}

static bool is_user_level(SOCKET s)
{
    vmmc_ask_t ask = {.size = sizeof ask};
    return ioctlsocket(s, VMMC_IO_ASK, (u_long *)&ask) == 0 && ask.ways != 0;
}

static void push(SOCKET s, flow_t *flow, size_t length)
{
    static char bytes[PIECE];
    flow_fill(flow, bytes, length);
    send_all(s, bytes, length);
}

static void pull(SOCKET s, flow_t *flow, size_t length)
{
    static char bytes[PIECE];
    recv_all(s, bytes, length);
    flow_check(flow, bytes, length);
}

/* More than the first ring holds is left unread; then a second handle takes the stream to the kernel. */
static void live(SOCKET s, SOCKET t)
{
    HANDLE copy;
    flow_t out = flow_start(1), in = out;
    for (int i = 0; i < 4; i++)
        push(s, &out, PIECE);
    for (int i = 0; i < 4; i++)
        pull(t, &in, PIECE);
    push(s, &out, UNREAD);
    pull(t, &in, 100);
    CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)t, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    push(s, &out, 1000);
    pull(t, &in, UNREAD - 100 + 1000);
    CloseHandle(copy);
}

static void without_space(int argc, char **argv)
{
    SOCKET s, t;
    bool from_the_beginning = argc == 1 && strcmp(argv[0], "beginning") == 0;
    if (from_the_beginning)
        take_all_space();
    tcp_used_pair(&s, &t);
    CHECK_IS(!from_the_beginning, is_user_level(s));
    if (!from_the_beginning)
        take_all_space();
    live(s, t);
    give_space_back();
    close_both(s, t);
}

static void a_process_without_address_space_stays_on_the_kernel(void **state)
{
    (void)state;
    peer_t peer = peer_start("without_space", "beginning");
    peer_join(&peer);
}

static void a_process_that_runs_out_of_address_space_goes_on(void **state)
{
    (void)state;
    peer_t peer = peer_start("without_space", "later");
    peer_join(&peer);
}

static const role_t roles[] = {{"without_space", without_space}};

static const struct CMUnitTest tests[] = {CASE(a_process_without_address_space_stays_on_the_kernel),
                                          CASE(a_process_that_runs_out_of_address_space_goes_on)};

HARNESS_MAIN(roles, tests)
