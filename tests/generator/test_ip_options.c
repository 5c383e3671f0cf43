/* The IP options of winsock.h have other numbers than those of ws2_32: set here, they have to arrive there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <winsock.h>

enum { WINSOCK2_IP_TTL = 4, WINSOCK2_IP_MULTICAST_TTL = 10 };

typedef int (WINAPI *getsockopt_fn)(SOCKET, int, int, char *, int *);

static int udp_setup(void **state)
{
    static SOCKET udp;
    WSADATA data;
    if (WSAStartup(0x0101, &data) != 0)
        return -1;
    udp = socket(AF_INET, SOCK_DGRAM, 0);
    *state = &udp;
    return udp == INVALID_SOCKET ? -1 : 0;
}

static int udp_teardown(void **state)
{
    closesocket(*(SOCKET *)*state);
    return WSACleanup();
}

static int system_option(SOCKET s, int option)
{
    getsockopt_fn get = (getsockopt_fn)(void (*)(void))GetProcAddress(LoadLibraryA("ws2_32.dll"), "getsockopt");
    int value = -1;
    int length = sizeof(value);
    assert_int_equal(get(s, IPPROTO_IP, option, (char *)&value, &length), 0);
    return value;
}

static int own_option(SOCKET s, int option)
{
    int value = -1;
    int length = sizeof(value);
    assert_int_equal(getsockopt(s, IPPROTO_IP, option, (char *)&value, &length), 0);
    return value;
}

static void ttl_7_arrives_as_4(void **state)
{
    SOCKET s = *(SOCKET *)*state;
    int ttl = 77;
    assert_int_equal(setsockopt(s, IPPROTO_IP, IP_TTL, (char *)&ttl, sizeof(ttl)), 0);
    assert_int_equal(system_option(s, WINSOCK2_IP_TTL), 77);
    assert_int_equal(own_option(s, IP_TTL), 77);
}

static void multicast_ttl_3_arrives_as_10(void **state)
{
    SOCKET s = *(SOCKET *)*state;
    int ttl = 5;
    assert_int_equal(setsockopt(s, IPPROTO_IP, IP_MULTICAST_TTL, (char *)&ttl, sizeof(ttl)), 0);
    assert_int_equal((char)system_option(s, WINSOCK2_IP_MULTICAST_TTL), 5);
    assert_int_equal((char)own_option(s, IP_MULTICAST_TTL), 5);
}

static void membership_5_joins_and_6_leaves(void **state)
{
    SOCKET s = *(SOCKET *)*state;
    struct ip_mreq group;
    group.imr_multiaddr.s_addr = inet_addr("239.1.2.3");
    group.imr_interface.s_addr = inet_addr("127.0.0.1");
    assert_int_equal(setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, (char *)&group, sizeof(group)), 0);
    assert_int_equal(setsockopt(s, IPPROTO_IP, IP_DROP_MEMBERSHIP, (char *)&group, sizeof(group)), 0);
}

/* 10 to 14 never were options of 1.1, so a program that uses them means those of 2. */
static void numbers_beyond_those_of_1_1_are_left_alone(void **state)
{
    SOCKET s = *(SOCKET *)*state;
    int ttl = 6;
    assert_int_equal(setsockopt(s, IPPROTO_IP, WINSOCK2_IP_MULTICAST_TTL, (char *)&ttl, sizeof(ttl)), 0);
    assert_int_equal((char)system_option(s, WINSOCK2_IP_MULTICAST_TTL), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ttl_7_arrives_as_4),
        cmocka_unit_test(multicast_ttl_3_arrives_as_10),
        cmocka_unit_test(membership_5_joins_and_6_leaves),
        cmocka_unit_test(numbers_beyond_those_of_1_1_are_left_alone),
    };
    return cmocka_run_group_tests(tests, udp_setup, udp_teardown);
}
