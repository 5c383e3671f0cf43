/* os_access: see os_access.h. */
#include "os_access.h"

#include "os.h"

#include <stdio.h>
#include <string.h>

#define NO_LEVEL UINT32_MAX /* the system has no such thing */

static bool query_token(TOKEN_INFORMATION_CLASS what, void *buffer, ULONG size)
{
    const nt_calls_t *nt = nt_calls();
    HANDLE token;
    ULONG needed;
    if (nt->open_process_token(GetCurrentProcess(), TOKEN_QUERY, &token) < 0)
        return false;
    NTSTATUS status = nt->query_information_token(token, what, buffer, size, &needed);
    CloseHandle(token);
    return status >= 0;
}

static size_t sid_size(const SID *sid)
{
    return offsetof(SID, SubAuthority) + 4u * sid->SubAuthorityCount;
}

static const SID *user_sid(uint8_t *buffer, ULONG size)
{
    return query_token(TokenUser, buffer, size) ? ((TOKEN_USER *)(void *)buffer)->User.Sid : NULL;
}

static uint32_t own_level(void)
{
    struct {
        TOKEN_MANDATORY_LABEL label;
        uint8_t sid[SECURITY_MAX_SID_SIZE];
    } found;
    if (!query_token(TokenIntegrityLevel, &found, sizeof found))
        return NO_LEVEL;
    const SID *sid = found.label.Label.Sid;
    return sid->SubAuthorityCount ? sid->SubAuthority[sid->SubAuthorityCount - 1] : NO_LEVEL;
}

/* ---- what we create ---- */

static void let_in(owner_acl_t *dacl, const SID *sid, ACCESS_MASK access)
{
    size_t size = offsetof(ACCESS_ALLOWED_ACE, SidStart) + sid_size(sid);
    dacl->acl = (ACL){.AclRevision = ACL_REVISION, .AclSize = (WORD)(sizeof(ACL) + size), .AceCount = 1};
    dacl->ace.Header = (ACE_HEADER){.AceType = ACCESS_ALLOWED_ACE_TYPE, .AceSize = (WORD)size};
    dacl->ace.Mask = access;
    memcpy(&dacl->ace.SidStart, sid, sid_size(sid));
}

/* Without a label an object is "medium, no write up", and could be read from below. */
static void keep_out_lower(label_acl_t *label, uint32_t level)
{
    SID sid = {.Revision = SID_REVISION, .SubAuthorityCount = 1, .IdentifierAuthority = {SECURITY_MANDATORY_LABEL_AUTHORITY},
               .SubAuthority = {level}};
    size_t size = offsetof(SYSTEM_MANDATORY_LABEL_ACE, SidStart) + sizeof sid;
    label->acl = (ACL){.AclRevision = ACL_REVISION, .AclSize = (WORD)(sizeof(ACL) + size), .AceCount = 1};
    label->ace.Header = (ACE_HEADER){.AceType = SYSTEM_MANDATORY_LABEL_ACE_TYPE, .AceSize = (WORD)size};
    label->ace.Mask = SYSTEM_MANDATORY_LABEL_NO_READ_UP | SYSTEM_MANDATORY_LABEL_NO_WRITE_UP;
    memcpy(&label->ace.SidStart, &sid, sizeof sid);
}

SECURITY_ATTRIBUTES *owner_only(owner_only_t *out, ACCESS_MASK access)
{
    memset(out, 0, sizeof *out);
    const SID *sid = user_sid(out->user, sizeof out->user);
    uint32_t level = own_level();
    if (!sid)
        return NULL;
    let_in(&out->dacl, sid, access);
    out->descriptor.Revision = SECURITY_DESCRIPTOR_REVISION;
    out->descriptor.Control = SE_DACL_PRESENT | SE_DACL_PROTECTED;
    out->descriptor.Owner = (SID *)sid;
    out->descriptor.Dacl = &out->dacl.acl;
    if (level != NO_LEVEL) {
        keep_out_lower(&out->label, level);
        out->descriptor.Control |= SE_SACL_PRESENT | SE_SACL_PROTECTED;
        out->descriptor.Sacl = &out->label.acl;
    }
    out->attributes.nLength = sizeof out->attributes;
    out->attributes.lpSecurityDescriptor = &out->descriptor;
    return &out->attributes;
}

bool owner_only_unlabelled(owner_only_t *security)
{
    static const DWORD refusals[] = {ERROR_PRIVILEGE_NOT_HELD, ERROR_ACCESS_DENIED, ERROR_INVALID_ACL,
                                     ERROR_INVALID_SECURITY_DESCR};
    DWORD error = GetLastError();
    for (size_t i = 0; security->descriptor.Sacl && i < sizeof refusals / sizeof *refusals; i++) {
        if (error != refusals[i])
            continue;
        security->descriptor.Control &= (WORD)~(SE_SACL_PRESENT | SE_SACL_PROTECTED);
        security->descriptor.Sacl = NULL;
        return true;
    }
    return false;
}

/* ---- what others have created ---- */

typedef struct found_security {
    SECURITY_DESCRIPTOR_RELATIVE header;
    uint8_t rest[256];
} found_security_t;

static const void *part_of(const found_security_t *found, DWORD at, size_t size)
{
    return at >= sizeof found->header && at <= sizeof *found - size ? (const uint8_t *)found + at : NULL;
}

static uint32_t level_of(const found_security_t *found)
{
    const label_acl_t *label = part_of(found, found->header.Sacl, offsetof(label_acl_t, rest_of_sid) + sizeof(SID));
    if (!label || label->acl.AceCount == 0 || label->ace.Header.AceType != SYSTEM_MANDATORY_LABEL_ACE_TYPE)
        return nt_is_wine() ? NO_LEVEL : SECURITY_MANDATORY_MEDIUM_RID; /* Wine keeps nobody out by it */
    SID sid;
    memcpy(&sid, &label->ace.SidStart, sizeof sid);
    return sid.SubAuthorityCount == 1 ? sid.SubAuthority[0] : 0;
}

bool owned_by_us(HANDLE object)
{
    uint8_t user[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    found_security_t found = {0};
    ULONG needed;
    uint32_t own = own_level();
    ULONG what = OWNER_SECURITY_INFORMATION | (own == NO_LEVEL ? 0 : LABEL_SECURITY_INFORMATION);
    const SID *sid = user_sid(user, sizeof user);
    if (!sid || nt_calls()->query_security_object(object, what, &found, sizeof found, &needed) < 0)
        return false;
    const void *owner = part_of(&found, found.header.Owner, SECURITY_MAX_SID_SIZE);
    return owner && memcmp(owner, sid, sid_size(sid)) == 0 && (own == NO_LEVEL || level_of(&found) >= own);
}

/* Also of one level: see docs/security.md. */
void os_user_tag(char tag[40])
{
    uint8_t user[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    const SID *sid = user_sid(user, sizeof user);
    uint64_t hash = 0xcbf29ce484222325u ^ own_level();
    for (size_t i = 0; sid && i < sid_size(sid); i++)
        hash = (hash ^ ((const uint8_t *)sid)[i]) * 0x100000001b3u;
    snprintf(tag, 40, "%08x%08x", (unsigned)(hash >> 32), (unsigned)hash);
}
