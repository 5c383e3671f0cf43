/* redirect: kernel32 calls on a SOCKET handle go around the library; here they are made to pass by it.
 *
 * Every loaded module's import of ReadFile, WriteFile, CloseHandle, DuplicateHandle, CreateProcess and GetProcAddress is
 * replaced, found by the address it resolved to; modules loaded later are treated as they arrive. */
#ifndef VMMC_REDIRECT_H
#define VMMC_REDIRECT_H

void redirect_start(void);

#endif
