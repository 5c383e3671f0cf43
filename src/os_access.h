/* os_access: who may open what we create: this user's processes of this integrity level or a higher one, nobody else.
 * Part of the seam's Windows body. */
#ifndef VMMC_OS_ACCESS_H
#define VMMC_OS_ACCESS_H

#include "nt.h"

#include <stdint.h>

typedef struct owner_acl {
    ACL acl;
    ACCESS_ALLOWED_ACE ace;
    uint8_t rest_of_sid[SECURITY_MAX_SID_SIZE];
} owner_acl_t;

typedef struct label_acl {
    ACL acl;
    SYSTEM_MANDATORY_LABEL_ACE ace;
    uint8_t rest_of_sid[sizeof(SID)];
} label_acl_t;

typedef struct owner_only {
    SECURITY_ATTRIBUTES attributes;
    SECURITY_DESCRIPTOR descriptor;
    owner_acl_t dacl;
    label_acl_t label;
    uint8_t user[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
} owner_only_t;

/* `access`: what those get who open the object; the creator has all anyway.  NULL: the system does not say who we are. */
SECURITY_ATTRIBUTES *owner_only(owner_only_t *out, ACCESS_MASK access);
/* An object could not be created, and the thread's error says why: true if that may be due to the label, which is then left
 * out, and it should be tried again. */
bool owner_only_unlabelled(owner_only_t *security);
/* True if an object that somebody else may have made is this user's and of a level that could have made ours.  The handle
 * needs READ_CONTROL. */
bool owned_by_us(HANDLE object);

#endif
