/* This program imports from wsock32 by ordinal alone, as those linked with Microsoft's import library do.  The ordinals
 * are some that differ between wsock32 and ws2_32, and some that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <winsock.h>

typedef void (*any_fn)(void);

static void assert_is(const char *name, any_fn imported)
{
    any_fn named = (any_fn)GetProcAddress(GetModuleHandleA("wsock32.dll"), name);
    if (!named || imported != named)
        fail_msg("the ordinal of %s leads to %p, its name to %p", name, imported, named);
}

static void imported_ordinals_are_the_named_functions(void **state)
{
    (void)state;
    assert_is("accept", (any_fn)accept);
    assert_is("inet_addr", (any_fn)inet_addr);
    assert_is("inet_ntoa", (any_fn)inet_ntoa);
    assert_is("ioctlsocket", (any_fn)ioctlsocket);
    assert_is("send", (any_fn)send);
    assert_is("WSACleanup", (any_fn)WSACleanup);
}

static void functions_behind_ordinals_answer_as_theirs(void **state)
{
    u_long pending = 0;
    (void)state;
    assert_int_equal(inet_addr("1.2.3.4"), 0x04030201);
    assert_string_equal(inet_ntoa((struct in_addr){ .s_addr = 0x04030201 }), "1.2.3.4");
    assert_int_equal(ioctlsocket(INVALID_SOCKET, FIONREAD, &pending), SOCKET_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imported_ordinals_are_the_named_functions),
        cmocka_unit_test(functions_behind_ordinals_answer_as_theirs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
