/* fixture: a program that reaches wsock32 in one of several ways, and ends with 0 if it could call it. */
#if defined FIXTURE_WINSOCK2
#include <winsock2.h>
#elif defined FIXTURE_DELAYED
int WSAGetLastError(void); /* by a plain name, which both widths share; without arguments the convention is one */
#else
#include <winsock.h>
#endif

#include <windows.h>

/* Room for a load configuration: a test that wants one points the header here. */
extern const volatile char fixture_room[160];
const volatile char fixture_room[160] = "room for a load configuration";

#if defined FIXTURE_LIBRARY
__declspec(dllimport) int library_call(void);
#define CALL library_call()
#elif defined FIXTURE_LOAD
static int load(void)
{
    HMODULE module = LoadLibraryA("wsock32.dll");
    return module && GetProcAddress(module, "WSAGetLastError") ? 0 : 1;
}
#define CALL load()
#elif defined FIXTURE_NOTHING
#define CALL 0
#else
#define CALL WSAGetLastError()
#endif

int main(void)
{
    return CALL + (fixture_room[0] == 0);
}
