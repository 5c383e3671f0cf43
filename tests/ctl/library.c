/* library: imports wsock32 on behalf of a program beside it. */
#include <winsock.h>

__declspec(dllexport) int library_call(void);

int library_call(void)
{
    return WSAGetLastError();
}
