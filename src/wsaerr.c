/* wsaerr: see wsaerr.h. */
#include "wsaerr.h"

#include "stream.h"

#include <winsock.h>

int wsaerr_from_stream(int result)
{
    switch (result) {
    case STREAM_AGAIN:
        return -WSAEWOULDBLOCK;
    case STREAM_SHUT:
        return -WSAESHUTDOWN;
    case STREAM_CANCELLED:
        return -WSAENOTSOCK; /* what Wine's builtin gives; Windows may say WSAEINTR */
    case STREAM_INTERRUPTED:
        return -WSAEINTR;
    case STREAM_TIMEOUT:
        return -WSAETIMEDOUT;
    case STREAM_INLINE:
    case STREAM_INVALID:
        return -WSAEINVAL;
    case STREAM_FAULT:
        return -WSAEFAULT;
    case STREAM_HELD:
        return -WSAEINPROGRESS;
    case STREAM_BY_KERNEL: /* where there is no other road */
        return -WSAEOPNOTSUPP;
    case STREAM_NO_SPACE:
        return -WSAEMSGSIZE;
    default:
        return -WSAECONNRESET;
    }
}

int wsaerr_from_system(void)
{
    DWORD code = GetLastError();
    return code ? -(int)code : -WSAENETDOWN;
}

DWORD wsaerr_as_file_error(int code)
{
    switch (-code) {
    case WSAESHUTDOWN:
        return ERROR_PIPE_NOT_CONNECTED;
    case WSAENOTSOCK:
        return ERROR_INVALID_HANDLE;
    case WSAECONNRESET:
    case WSAECONNABORTED:
        return ERROR_NETNAME_DELETED;
    case WSAEFAULT:
        return ERROR_NOACCESS;
    default:
        return (DWORD)-code;
    }
}

int wsaerr_fail(int code)
{
    SetLastError((DWORD)-code);
    return SOCKET_ERROR;
}
