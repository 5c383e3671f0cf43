/* two_stacks: netbench's client in a program that also imports ws2_32's WSASend, as a program that mixes both libraries
 * does.  The call is never made; that it could be is what counts. */
#include <windows.h>
#include <stdint.h>

__declspec(dllimport) int WINAPI WSASend(uintptr_t, void *, DWORD, DWORD *, DWORD, void *, void *);
int netbench_run(int argc, char **argv);

int main(int argc, char **argv)
{
    if (argc < 0)
        WSASend(0, NULL, 0, NULL, 0, NULL, NULL);
    return netbench_run(argc, argv);
}
