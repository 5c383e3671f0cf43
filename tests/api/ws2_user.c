/* ws2_user: a DLL that imports its calls from ws2_32, as the modules of many programs do, whatever the program uses. */
#include <winsock2.h>

__declspec(dllexport) int ws2_user_send(SOCKET s, const char *bytes, int count);
__declspec(dllexport) int ws2_user_recv(SOCKET s, char *bytes, int count);

int ws2_user_send(SOCKET s, const char *bytes, int count)
{
    return send(s, bytes, count, 0);
}

int ws2_user_recv(SOCKET s, char *bytes, int count)
{
    return recv(s, bytes, count, 0);
}
