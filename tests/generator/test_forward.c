/* Finding the system's functions: missing ones fail with the slot's code, present ones leave the last error alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <winsock.h>

#include "forward.h"

static forward_module_t no_such_dll = FORWARD_MODULE("vmmc_no_such_dll");

static void a_missing_function_sets_the_slots_error(void **state)
{
    forward_slot_t slot = FORWARD_SLOT(FORWARD_WS2_32, "vmmc_no_such_function", WSAEOPNOTSUPP);
    (void)state;
    SetLastError(0);
    assert_null(forward_target(&slot));
    assert_int_equal(GetLastError(), WSAEOPNOTSUPP);
    SetLastError(0);
    assert_null(forward_target(&slot));
    assert_int_equal(GetLastError(), WSAEOPNOTSUPP);
}

static void a_missing_dll_sets_the_slots_error(void **state)
{
    forward_slot_t slot = FORWARD_SLOT(&no_such_dll, "send", ERROR_CALL_NOT_IMPLEMENTED);
    (void)state;
    assert_null(forward_target(&slot));
    assert_int_equal(GetLastError(), ERROR_CALL_NOT_IMPLEMENTED);
}

static void a_found_function_keeps_the_last_error(void **state)
{
    forward_slot_t slot = FORWARD_SLOT(FORWARD_MSWSOCK, "WSARecvEx", WSAEOPNOTSUPP);
    (void)state;
    SetLastError(55);
    assert_non_null(forward_target(&slot));
    assert_int_equal(GetLastError(), 55);
    assert_ptr_equal(forward_target(&slot), slot.target);
}

static void an_ordinal_is_found_too(void **state)
{
    forward_slot_t by_name = FORWARD_SLOT(FORWARD_WS2_32, "ioctlsocket", WSAEOPNOTSUPP);
    forward_slot_t by_ordinal = FORWARD_SLOT(FORWARD_WS2_32, "#10", WSAEOPNOTSUPP);
    (void)state;
    assert_ptr_equal(forward_target(&by_name), forward_target(&by_ordinal));
}

static void an_nt_only_function_is_missing_on_wine(void **state)
{
    forward_slot_t slot = FORWARD_SLOT_NT(FORWARD_MSWSOCK, "rcmd", WSAEOPNOTSUPP);
    (void)state;
    assert_int_equal(forward_target(&slot) == NULL, forward_on_wine());
}

static void the_system_dll_is_loaded_from_the_systems_folder(void **state)
{
    char system[MAX_PATH];
    char path[MAX_PATH];
    (void)state;
    assert_non_null(forward_symbol(FORWARD_WS2_32, "WSAIoctl"));
    UINT length = GetSystemDirectoryA(system, sizeof(system));
    assert_true(GetModuleFileNameA((HMODULE)FORWARD_WS2_32->handle, path, sizeof(path)) > length);
    path[length] = '\0';
    assert_int_equal(lstrcmpiA(path, system), 0);
}

static void an_unknown_symbol_is_null_and_keeps_the_last_error(void **state)
{
    (void)state;
    SetLastError(55);
    assert_null(forward_symbol(FORWARD_WS2_32, "vmmc_no_such_function"));
    assert_int_equal(GetLastError(), 55);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_function_sets_the_slots_error),
        cmocka_unit_test(a_missing_dll_sets_the_slots_error),
        cmocka_unit_test(a_found_function_keeps_the_last_error),
        cmocka_unit_test(an_ordinal_is_found_too),
        cmocka_unit_test(an_nt_only_function_is_missing_on_wine),
        cmocka_unit_test(the_system_dll_is_loaded_from_the_systems_folder),
        cmocka_unit_test(an_unknown_symbol_is_null_and_keeps_the_last_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
