/* nt: the one door to <windows.h> and to the ntdll calls that KERNEL32 does not offer.
 * The DLL imports nothing but KERNEL32 and msvcrt, so ntdll's calls are found at run time. */
#ifndef VMMC_NT_H
#define VMMC_NT_H

#include <windows.h>
#include <winternl.h>

#include <stdbool.h>
#include <stddef.h>

#ifndef SECURITY_MAX_SID_SIZE
#define SECURITY_MAX_SID_SIZE 68
#endif

typedef struct nt_calls {
    NTSTATUS(NTAPI *open_process_token)(HANDLE process, ACCESS_MASK access, HANDLE *token);
    NTSTATUS(NTAPI *query_information_token)(HANDLE token, int what, void *buffer, ULONG size, ULONG *needed);
    NTSTATUS(NTAPI *query_security_object)(HANDLE object, ULONG what, void *buffer, ULONG size, ULONG *needed);
    NTSTATUS(NTAPI *query_section)(HANDLE section, ULONG what, void *buffer, SIZE_T size, SIZE_T *needed);
    NTSTATUS(NTAPI *device_io_control_file)(HANDLE, HANDLE, void *, void *, IO_STATUS_BLOCK *, ULONG, void *, ULONG,
                                            void *, ULONG);
    NTSTATUS(NTAPI *cancel_io_file_ex)(HANDLE file, IO_STATUS_BLOCK *request, IO_STATUS_BLOCK *result);
} nt_calls_t;

/* Never NULL; the security calls are always there, the others may be NULL on a system that lacks them. */
const nt_calls_t *nt_calls(void);
/* By what its ntdll says of itself: its exports can be hidden from programs by a setting. */
bool nt_is_wine(void);
/* "Linux", "Darwin" ... under Wine; NULL on Windows, and where the export that tells is hidden. */
const char *nt_wine_host(void);
/* Another handle of this process for the same object, which children do not inherit; NULL: none. */
HANDLE nt_copy_handle(HANDLE handle);
/* Unpredictable bytes from the system's generator. */
void nt_random(void *bytes, size_t count);

#endif
