/* returning: has a user-level connection with itself and takes it back to the kernel, by giving one end a second
 * handle. usage: returning READY-FILE */
#include "self_pair.h"

#include <windows.h>

int main(int argc, char **argv)
{
    SOCKET pair[2];
    HANDLE second, self = GetCurrentProcess();
    if (argc != 2)
        return 2;
    self_pair(pair);
    if (!DuplicateHandle(self, (HANDLE)pair[1], self, &second, 0, FALSE, DUPLICATE_SAME_ACCESS))
        self_pair_fail("DuplicateHandle");
    self_pair_rest(argv[1]);
}
