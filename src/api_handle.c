/* api_handle: kernel32's and advapi32's calls on a SOCKET: a socket is a handle.
 *
 * Plain reads and writes work on a stream as on the kernel's connection; CloseHandle is its end.  Overlapped ones, and
 * whatever gives the handle to somebody else, take the stream back to the kernel first. */
#include "api.h"
#include "async.h"
#include "redirect.h"

/* ---- reading and writing ---- */

/* The selection may be ours though the socket is the system's. */
static BOOL read_by_system(sock_t *sock, HANDLE file, void *bytes, DWORD count, DWORD *moved, OVERLAPPED *overlapped)
{
    BOOL good = ReadFile(file, bytes, count, moved, overlapped);
    async_received(sock, !good && GetLastError() == ERROR_NOACCESS ? -WSAEFAULT : 0, false);
    return good;
}

static BOOL file_result(int result, DWORD *moved)
{
    if (moved)
        *moved = result < 0 ? 0 : (DWORD)result;
    if (result < 0)
        SetLastError(wsaerr_as_file_error(result));
    return result >= 0;
}

static bool is_no_buffer(const void *bytes, DWORD count)
{
    return (!bytes && count) || count > INT32_MAX;
}

static BOOL WINAPI file_read(HANDLE file, void *bytes, DWORD count, DWORD *moved, OVERLAPPED *overlapped)
{
    sock_t *sock = fdtab_get((uintptr_t)file);
    if (!sock || !sock_may_move_bytes(sock))
        return read_by_system(sock, file, bytes, count, moved, overlapped);
    if (is_no_buffer(bytes, count))
        return file_result(-ERROR_NOACCESS, moved);
    if (overlapped) {
        sock_demote(sock, "ReadFile with OVERLAPPED");
        return read_by_system(sock, file, bytes, count, moved, overlapped);
    }
    DWORD error = GetLastError();
    int done = sock_read(sock, (uintptr_t)file, bytes, (int)count);
    async_received(sock, done, false);
    SetLastError(error);
    return file_result(done, moved);
}

static BOOL WINAPI file_write(HANDLE file, const void *bytes, DWORD count, DWORD *moved, OVERLAPPED *overlapped)
{
    sock_t *sock = fdtab_get((uintptr_t)file);
    if (!sock || !sock_may_move_bytes(sock))
        return WriteFile(file, bytes, count, moved, overlapped);
    if (is_no_buffer(bytes, count))
        return file_result(-ERROR_NOACCESS, moved);
    if (overlapped) {
        sock_demote(sock, "WriteFile with OVERLAPPED");
        return WriteFile(file, bytes, count, moved, overlapped);
    }
    DWORD error = GetLastError();
    int done = sock_write(sock, (uintptr_t)file, bytes, (int)count);
    SetLastError(error);
    return file_result(done == -WSAEFAULT ? -ERROR_INVALID_USER_BUFFER : done, moved);
}

static BOOL WINAPI file_read_ex(HANDLE file, void *bytes, DWORD count, OVERLAPPED *overlapped,
                                LPOVERLAPPED_COMPLETION_ROUTINE routine)
{
    sockets_demote((uintptr_t)file, "ReadFileEx");
    return ReadFileEx(file, bytes, count, overlapped, routine);
}

static BOOL WINAPI file_write_ex(HANDLE file, const void *bytes, DWORD count, OVERLAPPED *overlapped,
                                 LPOVERLAPPED_COMPLETION_ROUTINE routine)
{
    sockets_demote((uintptr_t)file, "WriteFileEx");
    return WriteFileEx(file, bytes, count, overlapped, routine);
}

/* ---- what 16-bit Windows left behind ---- */

static LONG WINAPI legacy_read(HFILE file, void *bytes, LONG count)
{
    DWORD moved;
    return file_read((HANDLE)(intptr_t)file, bytes, (DWORD)count, &moved, NULL) ? (LONG)moved : HFILE_ERROR;
}

static LONG WINAPI legacy_write(HFILE file, const void *bytes, LONG count)
{
    DWORD moved;
    return file_write((HANDLE)(intptr_t)file, bytes, (DWORD)count, &moved, NULL) ? (LONG)moved : HFILE_ERROR;
}

/* ---- overlapped use to come ---- */

/* A listener carries no bytes: what it accepts may still be user-level. */
static void expect_overlapped(HANDLE file, const char *why)
{
    sock_t *sock = fdtab_get((uintptr_t)file);
    if (sock && !load_relaxed(&sock->listening))
        sock_demote(sock, why);
}

static HANDLE WINAPI port_create(HANDLE file, HANDLE port, ULONG_PTR key, DWORD threads)
{
    expect_overlapped(file, "CreateIoCompletionPort");
    return CreateIoCompletionPort(file, port, key, threads);
}

static BOOL WINAPI callback_bind(HANDLE file, LPOVERLAPPED_COMPLETION_ROUTINE routine, ULONG flags)
{
    expect_overlapped(file, "BindIoCompletionCallback");
    return BindIoCompletionCallback(file, routine, flags);
}

static void *(WINAPI *system_CreateThreadpoolIo)(HANDLE, void *, void *, void *);

static void *WINAPI pool_create(HANDLE file, void *routine, void *context, void *environment)
{
    expect_overlapped(file, "CreateThreadpoolIo");
    return system_CreateThreadpoolIo(file, routine, context, environment);
}

static BOOL WINAPI device_control(HANDLE file, DWORD code, void *in, DWORD in_bytes, void *out, DWORD out_bytes,
                                  DWORD *moved, OVERLAPPED *overlapped)
{
    sockets_demote((uintptr_t)file, "DeviceIoControl");
    return DeviceIoControl(file, code, in, in_bytes, out, out_bytes, moved, overlapped);
}

/* ---- closing and sharing ---- */

/* A handle that must not be closed stays, and so does its stream. */
static bool is_protected(HANDLE handle)
{
    DWORD flags;
    return GetHandleInformation(handle, &flags) && (flags & HANDLE_FLAG_PROTECT_FROM_CLOSE);
}

static BOOL WINAPI handle_close(HANDLE handle)
{
    if (fdtab_get((uintptr_t)handle) && !is_protected(handle))
        sockets_close((uintptr_t)handle);
    return CloseHandle(handle);
}

static HFILE WINAPI legacy_close(HFILE file)
{
    return handle_close((HANDLE)(intptr_t)file) ? 0 : HFILE_ERROR;
}

/* A listening socket carries no bytes, so others may have its handle. */
static void demote_connection(sock_t *sock, const char *why)
{
    if (sock_mode(sock) != SOCK_KERNEL && !load_relaxed(&sock->listening))
        sock_demote(sock, why);
}

static BOOL WINAPI handle_duplicate(HANDLE from, HANDLE handle, HANDLE to, HANDLE *copy, DWORD access, BOOL inherit,
                                    DWORD options)
{
    sock_t *sock = GetProcessId(from) == GetCurrentProcessId() ? fdtab_get((uintptr_t)handle) : NULL;
    if (sock)
        demote_connection(sock, "DuplicateHandle");
    if (sock && (options & DUPLICATE_CLOSE_SOURCE) && !is_protected(handle))
        sockets_close((uintptr_t)handle);
    return DuplicateHandle(from, handle, to, copy, access, inherit, options);
}

/* ---- children ---- */

static void demote_inheritable(sock_t *sock, void *context)
{
    DWORD flags = 0;
    (void)context;
    if (GetHandleInformation((HANDLE)sock->handle, &flags) && (flags & HANDLE_FLAG_INHERIT))
        demote_connection(sock, "CreateProcess with inheritance");
}

static void before_child(BOOL inherits)
{
    if (inherits)
        fdtab_each(demote_inheritable, NULL);
}

/* A connection that was made meanwhile may have been inherited as well. */
static BOOL after_child(BOOL inherits, BOOL created)
{
    DWORD error = GetLastError();
    if (inherits && created)
        fdtab_each(demote_inheritable, NULL);
    SetLastError(error);
    return created;
}

static BOOL WINAPI process_create_a(const char *program, char *line, SECURITY_ATTRIBUTES *process,
                                    SECURITY_ATTRIBUTES *thread, BOOL inherit, DWORD flags, void *environment,
                                    const char *folder, STARTUPINFOA *startup, PROCESS_INFORMATION *information)
{
    before_child(inherit);
    return after_child(inherit, CreateProcessA(program, line, process, thread, inherit, flags, environment, folder,
                                               startup, information));
}

static BOOL WINAPI process_create_w(const WCHAR *program, WCHAR *line, SECURITY_ATTRIBUTES *process,
                                    SECURITY_ATTRIBUTES *thread, BOOL inherit, DWORD flags, void *environment,
                                    const WCHAR *folder, STARTUPINFOW *startup, PROCESS_INFORMATION *information)
{
    before_child(inherit);
    return after_child(inherit, CreateProcessW(program, line, process, thread, inherit, flags, environment, folder,
                                               startup, information));
}

typedef BOOL(WINAPI *create_as_user_t)(HANDLE, const void *, void *, SECURITY_ATTRIBUTES *, SECURITY_ATTRIBUTES *, BOOL,
                                       DWORD, void *, const void *, void *, PROCESS_INFORMATION *);
static create_as_user_t system_CreateProcessAsUserA, system_CreateProcessAsUserW;

static BOOL WINAPI process_create_as_user_a(HANDLE user, const void *program, void *line, SECURITY_ATTRIBUTES *process,
                                            SECURITY_ATTRIBUTES *thread, BOOL inherit, DWORD flags, void *environment,
                                            const void *folder, void *startup, PROCESS_INFORMATION *information)
{
    before_child(inherit);
    return after_child(inherit, system_CreateProcessAsUserA(user, program, line, process, thread, inherit, flags,
                                                            environment, folder, startup, information));
}

static BOOL WINAPI process_create_as_user_w(HANDLE user, const void *program, void *line, SECURITY_ATTRIBUTES *process,
                                            SECURITY_ATTRIBUTES *thread, BOOL inherit, DWORD flags, void *environment,
                                            const void *folder, void *startup, PROCESS_INFORMATION *information)
{
    before_child(inherit);
    return after_child(inherit, system_CreateProcessAsUserW(user, program, line, process, thread, inherit, flags,
                                                            environment, folder, startup, information));
}

const redirection_t handle_redirections[] = {
    {"ReadFile", file_read, NULL},
    {"WriteFile", file_write, NULL},
    {"ReadFileEx", file_read_ex, NULL},
    {"WriteFileEx", file_write_ex, NULL},
    {"_lread", legacy_read, NULL},
    {"_hread", legacy_read, NULL},
    {"_lwrite", legacy_write, NULL},
    {"_hwrite", legacy_write, NULL},
    {"_lclose", legacy_close, NULL},
    {"CreateIoCompletionPort", port_create, NULL},
    {"BindIoCompletionCallback", callback_bind, NULL},
    {"CreateThreadpoolIo", pool_create, (void **)&system_CreateThreadpoolIo},
    {"DeviceIoControl", device_control, NULL},
    {"CloseHandle", handle_close, NULL},
    {"DuplicateHandle", handle_duplicate, NULL},
    {"CreateProcessA", process_create_a, NULL},
    {"CreateProcessW", process_create_w, NULL},
    {"CreateProcessAsUserA", process_create_as_user_a, (void **)&system_CreateProcessAsUserA},
    {"CreateProcessAsUserW", process_create_as_user_w, (void **)&system_CreateProcessAsUserW},
    {NULL, NULL, NULL}};
