/* sections: what another process of this user may have made under a name that we open. */
#include "os.h"
#include "vmmc.h"

#include <windows.h>
#include <stdio.h>

enum { BYTES = 4 << 20 };

static int failures;

static void expect(bool good, const char *what)
{
    failures += !good;
    printf("%s - %s\n", good ? "ok" : "not ok", what);
}

/* Owned by this user, as what another process of ours makes. */
static HANDLE make(const char *name, DWORD kind, DWORD size)
{
    static union {
        TOKEN_USER user;
        char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } token_user;
    char full[128];
    HANDLE token;
    DWORD length;
    SECURITY_DESCRIPTOR descriptor;
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, &descriptor, FALSE};
    snprintf(full, sizeof full, "Local\\%s", name);
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) ||
        !GetTokenInformation(token, TokenUser, &token_user, sizeof token_user, &length))
        return NULL;
    CloseHandle(token);
    InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    SetSecurityDescriptorOwner(&descriptor, token_user.user.User.Sid, FALSE);
    SetSecurityDescriptorDacl(&descriptor, TRUE, NULL, FALSE);
    return CreateFileMappingA(INVALID_HANDLE_VALUE, &attributes, PAGE_READWRITE | kind, 0, size, full);
}

static int open_section(const char *name)
{
    os_section_t section;
    int error = os_section_open(&section, name, BYTES);
    if (!error)
        os_section_close(&section);
    return error;
}

static int open_window(const char *name)
{
    os_window_t window = {.offset = OS_WINDOW_STEP, .length = OS_WINDOW_STEP, .writable = true};
    int error = os_window_open(&window, name, BYTES);
    if (!error)
        os_window_close(&window);
    return error;
}

int main(void)
{
    char name[64];
    snprintf(name, sizeof name, "vmmc-test-%lu", (unsigned long)GetCurrentProcessId());
    expect(open_section(name) == VMMC_EPEER && open_window(name) == VMMC_EPEER, "there is none");

    HANDLE whole = make(name, SEC_COMMIT, BYTES);
    expect(open_section(name) == 0 && open_window(name) == 0, "memory that is there");
    CloseHandle(whole);

    HANDLE less = make(name, SEC_COMMIT, OS_WINDOW_STEP);
    expect(open_section(name) != 0 && open_window(name) != 0, "less than it has to be");
    CloseHandle(less);

    HANDLE reserved = make(name, SEC_RESERVE, BYTES);
    expect(open_section(name) != 0 && open_window(name) != 0, "memory that is only reserved");
    void *first = MapViewOfFile(reserved, FILE_MAP_WRITE, 0, 0, 0);
    expect(first && VirtualAlloc(first, OS_WINDOW_STEP, MEM_COMMIT, PAGE_READWRITE), "its maker can commit some");
    expect(open_section(name) != 0, "memory of which a part is only reserved");
    CloseHandle(reserved);
    return failures != 0;
}
