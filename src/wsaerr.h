/* wsaerr: every table that yields a WSA code, and the only setter of the thread's error besides the system's own.
 *
 * Below the api_*.c files a failure is a negative WSA code; there it becomes SOCKET_ERROR. */
#ifndef VMMC_WSAERR_H
#define VMMC_WSAERR_H

#include "nt.h"

/* The negative WSA code for a STREAM_* result. */
int wsaerr_from_stream(int result);
/* The negative WSA code that the system's last call left. */
int wsaerr_from_system(void);
/* What ReadFile and WriteFile say where recv and send give the negative WSA code `code`. */
DWORD wsaerr_as_file_error(int code);
/* SetLastError(0), which would be a tenth of a small send.  Where the error lies is as old as the processor's mode. */
static inline void wsaerr_none(void)
{
#ifdef _WIN64
    __asm__ volatile("movl $0, %%gs:0x68" ::: "memory");
#else
    __asm__ volatile("movl $0, %%fs:0x34" ::: "memory");
#endif
}
/* Set the thread's error to -`code` and return SOCKET_ERROR. */
int wsaerr_fail(int code);

#endif
