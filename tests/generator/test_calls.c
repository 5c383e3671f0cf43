/* Every export, by name and by ordinal: the same address, callable with harmless arguments, without an exception and
 * with the i386 stack as it was.  What Wine's mswsock only pretends to have has to fail as documented. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <winsock.h>

#include "call_guard.h"
#include "wsock32_exports.h"

typedef struct export_fact {
    const char *name;
    int ordinal;
    int bytes;
} export_fact_t;

typedef struct call {
    const char *name;
    intptr_t args[CALL_GUARD_MAX];
} call_t;

static const export_fact_t facts[] = {
#define FACT(name, ordinal, bytes) { name, ordinal, bytes },
    WSOCK32_EXPORTS(FACT)
#undef FACT
};

static const size_t fact_count = sizeof(facts) / sizeof(facts[0]);

static char buffer[4096];
static WSADATA wsadata;
static struct sockaddr_in address;
static int address_length = sizeof(address);
static int number;
static DWORD length = sizeof(buffer);
static int option_length = sizeof(int);
static struct timeval no_time;
static fd_set empty_set;
static OVERLAPPED overlapped;
static GUID guid;
static void *pointers[2];
static int lengths[2];
static unsigned char loopback[4] = { 127, 0, 0, 1 };
static char host[] = "127.0.0.1";
static char *host_pointer = host;

#define NO_SOCKET (intptr_t)INVALID_SOCKET
#define AT(object) (intptr_t)&(object)
#define TEXT_AT(text) (intptr_t)(text)

/* An export that is not listed here gets zeros. */
static const call_t calls[] = {
    { "accept", { NO_SOCKET } },
    { "bind", { NO_SOCKET, AT(address), sizeof(address) } },
    { "closesocket", { NO_SOCKET } },
    { "connect", { NO_SOCKET, AT(address), sizeof(address) } },
    { "getpeername", { NO_SOCKET, AT(address), AT(address_length) } },
    { "getsockname", { NO_SOCKET, AT(address), AT(address_length) } },
    { "getsockopt", { NO_SOCKET, SOL_SOCKET, SO_TYPE, AT(buffer), AT(option_length) } },
    { "setsockopt", { NO_SOCKET, SOL_SOCKET, SO_KEEPALIVE, AT(buffer), sizeof(int) } },
    { "inet_addr", { TEXT_AT("1.2.3.4") } },
    { "ioctlsocket", { NO_SOCKET, FIONREAD, AT(number) } },
    { "listen", { NO_SOCKET, 1 } },
    { "recv", { NO_SOCKET, AT(buffer), 1 } },
    { "recvfrom", { NO_SOCKET, AT(buffer), 1, 0, AT(address), AT(address_length) } },
    { "select", { 0, AT(empty_set), 0, 0, AT(no_time) } },
    { "send", { NO_SOCKET, AT(buffer), 1 } },
    { "sendto", { NO_SOCKET, AT(buffer), 1, 0, AT(address), sizeof(address) } },
    { "shutdown", { NO_SOCKET, 2 } },
    { "socket", { 99, 99, 99 } },
    { "gethostbyaddr", { AT(loopback), 4, AF_INET } },
    { "gethostbyname", { TEXT_AT(host) } },
    { "getprotobyname", { TEXT_AT("tcp") } },
    { "getprotobynumber", { IPPROTO_TCP } },
    { "getservbyname", { TEXT_AT("ftp"), TEXT_AT("tcp") } },
    { "getservbyport", { 0x1500, TEXT_AT("tcp") } },
    { "gethostname", { AT(buffer), sizeof(buffer) } },
    { "WSAAsyncSelect", { NO_SOCKET } },
    { "WSAAsyncGetHostByAddr", { 0, 0, AT(loopback), 4, AF_INET, AT(buffer), sizeof(buffer) } },
    { "WSAAsyncGetHostByName", { 0, 0, TEXT_AT(host), AT(buffer), sizeof(buffer) } },
    { "WSAAsyncGetProtoByNumber", { 0, 0, IPPROTO_TCP, AT(buffer), sizeof(buffer) } },
    { "WSAAsyncGetProtoByName", { 0, 0, TEXT_AT("tcp"), AT(buffer), sizeof(buffer) } },
    { "WSAAsyncGetServByPort", { 0, 0, 0x1500, TEXT_AT("tcp"), AT(buffer), sizeof(buffer) } },
    { "WSAAsyncGetServByName", { 0, 0, TEXT_AT("ftp"), TEXT_AT("tcp"), AT(buffer), sizeof(buffer) } },
    { "WSAStartup", { 0x0101, AT(wsadata) } },
    { "__WSAFDIsSet", { 4, AT(empty_set) } },
    { "WsControl", { IPPROTO_TCP, 0, AT(buffer), AT(length), AT(buffer), AT(length) } },
    { "inet_network", { TEXT_AT("1.2.3.4") } },
    { "getnetbyname", { TEXT_AT("loopback") } },
    { "rcmd", { AT(host_pointer), 514, TEXT_AT("a"), TEXT_AT("b"), TEXT_AT("c") } },
    { "rexec", { AT(host_pointer), 512, TEXT_AT("a"), TEXT_AT("b"), TEXT_AT("c") } },
    { "rresvport", { AT(number) } },
    { "sethostname", { AT(buffer), 0 } },
    { "dn_expand", { AT(buffer[0]), AT(buffer[64]), AT(buffer[0]), AT(buffer[128]), 64 } },
    { "WSARecvEx", { NO_SOCKET, AT(buffer), 1, AT(number) } },
    { "s_perror", { TEXT_AT("s_perror writes this"), WSAEINTR } },
    { "EnumProtocolsA", { 0, AT(buffer), AT(length) } },
    { "EnumProtocolsW", { 0, AT(buffer), AT(length) } },
    { "GetAddressByNameA", { 0, AT(guid), 0, 0, 0, 0, AT(buffer), AT(length), 0, 0 } },
    { "GetAddressByNameW", { 0, AT(guid), 0, 0, 0, 0, AT(buffer), AT(length), 0, 0 } },
    { "GetTypeByNameA", { TEXT_AT("none"), AT(guid) } },
    { "GetTypeByNameW", { TEXT_AT(L"none"), AT(guid) } },
    { "GetNameByTypeA", { AT(guid), AT(buffer), sizeof(buffer) } },
    { "GetNameByTypeW", { AT(guid), AT(buffer), sizeof(buffer) } },
    { "SetServiceA", { 0, 0, 0, AT(buffer), 0, AT(number) } },
    { "SetServiceW", { 0, 0, 0, AT(buffer), 0, AT(number) } },
    { "GetServiceA", { 0, AT(guid), TEXT_AT("none"), 0, AT(buffer), AT(length), 0 } },
    { "GetServiceW", { 0, AT(guid), TEXT_AT(L"none"), 0, AT(buffer), AT(length), 0 } },
    { "NPLoadNameSpaces", { AT(number), AT(buffer), AT(length) } },
    { "TransmitFile", { NO_SOCKET } },
    { "AcceptEx", { NO_SOCKET, NO_SOCKET, AT(buffer), 0, 32, 32, AT(length), AT(overlapped) } },
    { "GetAcceptExSockaddrs",
        { AT(buffer), 0, 32, 32, AT(pointers[0]), AT(lengths[0]), AT(pointers[1]), AT(lengths[1]) } },
};

static const intptr_t zeros[CALL_GUARD_MAX];

static const intptr_t *harmless_arguments(const char *name)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, name) == 0)
            return calls[i].args;
    return zeros;
}

static HMODULE wsock32(void)
{
    HMODULE module = LoadLibraryA("wsock32.dll");
    assert_non_null(module);
    return module;
}

static call_guard_fn export(const char *name)
{
    return (call_guard_fn)GetProcAddress(wsock32(), name);
}

static const export_fact_t *fact_of(const char *name)
{
    for (size_t i = 0; i < fact_count; i++)
        if (strcmp(facts[i].name, name) == 0)
            return &facts[i];
    fail_msg("%s is not in the list", name);
    return NULL;
}

static intptr_t guarded_call(const char *name)
{
    const export_fact_t *fact = fact_of(name);
    long drift = 0;
    length = sizeof(buffer);
    address_length = sizeof(address);
    option_length = sizeof(int);
    intptr_t result = call_guard_call(name, export(name), harmless_arguments(name), (size_t)fact->bytes / 4, &drift);
    if (drift != 0)
        fail_msg("%s leaves the stack pointer off by %ld", name, drift);
    return result;
}

static void the_dll_is_ours(void **state)
{
    (void)state;
    HMODULE ws2_32 = LoadLibraryA("ws2_32.dll");
    assert_ptr_not_equal(export("send"), GetProcAddress(ws2_32, "send"));
}

static void name_and_ordinal_give_one_address(void **state)
{
    (void)state;
    for (size_t i = 0; i < fact_count; i++) {
        call_guard_fn by_name = export(facts[i].name);
        call_guard_fn by_ordinal = (call_guard_fn)GetProcAddress(wsock32(), MAKEINTRESOURCEA(facts[i].ordinal));
        if (!by_name || by_name != by_ordinal)
            fail_msg("%s is %p by name, %p as ordinal %d", facts[i].name, by_name, by_ordinal, facts[i].ordinal);
    }
}

/* Before WSAStartup almost everything fails early; afterwards more code of each call runs. */
static void call_everything(void)
{
    for (size_t i = 0; i < fact_count; i++)
        if (strcmp(facts[i].name, "WSAStartup") != 0 && strcmp(facts[i].name, "WSACleanup") != 0)
            guarded_call(facts[i].name);
}

static void no_call_crashes_or_shifts_the_stack(void **state)
{
    (void)state;
    call_everything();
    assert_int_equal(guarded_call("WSAStartup"), 0);
    for (int round = 0; round < 3; round++)
        call_everything();
    assert_int_equal(guarded_call("WSACleanup"), 0);
}

static void first_call_keeps_the_last_error(void **state)
{
    (void)state;
    SetLastError(55);
    guarded_call("ntohs");
    assert_int_equal(guarded_call("WSAGetLastError"), 55);
}

static bool on_wine(void)
{
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL;
}

static void assert_fails(const char *name, int error)
{
    SetLastError(0);
    int result = (int)guarded_call(name);
    int got = (int)GetLastError();
    if (result != SOCKET_ERROR || got != error)
        fail_msg("%s returned %d with error %d instead of %d with %d", name, result, got, SOCKET_ERROR, error);
}

static void calls_absent_on_wine_fail_as_documented(void **state)
{
    static const char *const name_spaces[] = {
        "GetAddressByNameA", "GetAddressByNameW", "GetTypeByNameA", "GetTypeByNameW", "GetNameByTypeA",
        "GetNameByTypeW", "SetServiceA", "SetServiceW", "GetServiceA", "GetServiceW", "NPLoadNameSpaces" };
    static const char *const others[] = {
        "rcmd", "rexec", "rresvport", "sethostname", "dn_expand", "MigrateWinsockConfiguration" };
    (void)state;
    if (!on_wine())
        skip();
    for (size_t i = 0; i < sizeof(name_spaces) / sizeof(name_spaces[0]); i++)
        assert_fails(name_spaces[i], ERROR_CALL_NOT_IMPLEMENTED);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_fails(others[i], WSAEOPNOTSUPP);
}

static void local_bodies_answer(void **state)
{
    (void)state;
    assert_int_equal(guarded_call("inet_network"), 0x01020304);
    assert_int_equal(guarded_call("WEP"), TRUE);
    if (!on_wine())
        return;
    assert_int_equal(guarded_call("getnetbyname"), 0);
    assert_int_equal(GetLastError(), ERROR_PROC_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dll_is_ours),
        cmocka_unit_test(first_call_keeps_the_last_error),
        cmocka_unit_test(name_and_ordinal_give_one_address),
        cmocka_unit_test(no_call_crashes_or_shifts_the_stack),
        cmocka_unit_test(calls_absent_on_wine_fail_as_documented),
        cmocka_unit_test(local_bodies_answer),
    };
    call_guard_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
