/* fixture: a program that reaches wsock32 in one of several ways, and ends with 0 if it could call it.
 * usage: fixture [beside]      3: the one of an importing program does not lie beside it */
#if defined FIXTURE_WINSOCK2
#include <winsock2.h>
#elif defined FIXTURE_DELAYED
int WSAGetLastError(void); /* by a plain name, which both widths share; without arguments the convention is one */
#else
#include <winsock.h>
#endif

#include <windows.h>

#include <string.h>

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

#if defined FIXTURE_IMPORT
static int is_elsewhere(void)
{
    char own[MAX_PATH], library[MAX_PATH];
    DWORD length = GetModuleFileNameA(NULL, own, sizeof own);
    while (length && own[length - 1] != '\\')
        length--;
    return !GetModuleFileNameA(GetModuleHandleA("wsock32.dll"), library, sizeof library) ||
           strncmp(own, library, length) != 0;
}
#else
#define is_elsewhere() 0 /* without the name in it, which is looked for */
#endif

int main(int argc, char **argv)
{
    (void)argv;
    SetLastError(0); /* where starting a program has left one, as Wine's 32-bit loader does, WSAGetLastError() returns it */
    int failed = CALL + (fixture_room[0] == 0);
    return argc > 1 && is_elsewhere() ? 3 : failed;
}
