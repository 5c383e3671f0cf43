/* access: who may open what we share, and what becomes of connections when somebody has been at the only name that can be
 * guessed, that of the rendezvous table: it was taken before us, or its records lie.  docs/security.md has the rules. */
#include "wire.h"

#include "nt.h"
#include "os.h"
#include "shm_layout.h"
#include "vmmc_sockets.h"

enum { HANDLES = 8192, NAME_BYTES = 600, PATIENCE_MS = 10000 };

static bool is_user_level(SOCKET s)
{
    vmmc_ask_t ask = {.size = sizeof ask};
    return ioctlsocket(s, VMMC_IO_ASK, (u_long *)&ask) == 0 && ask.ways != 0;
}

/* Bytes both ways, more than a ring holds. */
static void talk(SOCKET s, SOCKET t)
{
    flow_t there = flow_start(1), back = flow_start(2), there_in = there, back_in = back;
    exchange(s, t);
    flow_send(s, &there, 100000, 20000);
    flow_recv(t, &there_in, 100000, 20000);
    flow_send(t, &back, 100000, 20000);
    flow_recv(s, &back_in, 100000, 20000);
}

/* ---- what we make ---- */

typedef struct own_sid {
    TOKEN_USER user;
    uint8_t rest[SECURITY_MAX_SID_SIZE];
} own_sid_t;

static const SID *user_of_process(own_sid_t *sid)
{
    HANDLE token;
    DWORD needed;
    CHECK(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    CHECK(GetTokenInformation(token, TokenUser, sid, sizeof *sid, &needed));
    CloseHandle(token);
    return sid->user.User.Sid;
}

/* True if the handle's object has a name; the part of it after the folder. */
static bool object_name(HANDLE handle, char *name, size_t size)
{
    struct {
        UNICODE_STRING name;
        wchar_t text[NAME_BYTES];
    } found;
    ULONG needed;
    NTSTATUS(NTAPI * query)(HANDLE, int, void *, ULONG, ULONG *) =
        (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtQueryObject");
    if (query(handle, 1 /* ObjectNameInformation */, &found, sizeof found, &needed) < 0 || !found.name.Length)
        return false;
    size_t length = found.name.Length / sizeof(wchar_t), at = length, n = 0;
    while (at > 0 && found.name.Buffer[at - 1] != '\\')
        at--;
    for (; at < length && n + 1 < size; at++)
        name[n++] = (char)found.name.Buffer[at];
    name[n] = 0;
    return true;
}

static SECURITY_DESCRIPTOR *security_of(HANDLE handle, SECURITY_INFORMATION what, uint8_t descriptor[1024])
{
    DWORD needed;
    if (GetKernelObjectSecurity(handle, what, descriptor, 1024, &needed))
        return (SECURITY_DESCRIPTOR *)(void *)descriptor;
    CHECK_IS(ERROR_ACCESS_DENIED, GetLastError());
    return NULL;
}

/* ---- the level: whoever is below must not even read ---- */

static DWORD level_of_process(void)
{
    struct {
        TOKEN_MANDATORY_LABEL label;
        uint8_t sid[SECURITY_MAX_SID_SIZE];
    } found;
    HANDLE token;
    DWORD needed;
    CHECK(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    CHECK(GetTokenInformation(token, TokenIntegrityLevel, &found, sizeof found, &needed));
    CloseHandle(token);
    return *GetSidSubAuthority(found.label.Label.Sid, 0);
}

static void check_label(HANDLE handle, const char *name)
{
    uint8_t buffer[1024];
    BOOL present, defaulted;
    ACL *acl;
    SYSTEM_MANDATORY_LABEL_ACE *entry;
    SECURITY_DESCRIPTOR *descriptor = security_of(handle, LABEL_SECURITY_INFORMATION, buffer);
    CHECK(descriptor != NULL);
    CHECK(GetSecurityDescriptorSacl(descriptor, &present, &acl, &defaulted));
    if (!present || !acl || acl->AceCount != 1)
        FAIL("%s has no label", name);
    CHECK(GetAce(acl, 0, (void **)&entry));
    CHECK_IS(SYSTEM_MANDATORY_LABEL_ACE_TYPE, entry->Header.AceType);
    CHECK_IS(SYSTEM_MANDATORY_LABEL_NO_READ_UP | SYSTEM_MANDATORY_LABEL_NO_WRITE_UP, entry->Mask);
    CHECK_IS(level_of_process(), *GetSidSubAuthority(&entry->SidStart, 0));
}

/* False: this handle is one that was opened for less than that; its maker's is another. */
static bool check_security(HANDLE handle, const char *name, const SID *user)
{
    uint8_t buffer[1024];
    BOOL present, defaulted;
    PSID owner;
    ACL *acl;
    ACCESS_ALLOWED_ACE *entry;
    SECURITY_DESCRIPTOR_CONTROL control;
    DWORD revision;
    SECURITY_DESCRIPTOR *descriptor = security_of(handle, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, buffer);
    if (!descriptor)
        return false;
    CHECK(GetSecurityDescriptorOwner(descriptor, &owner, &defaulted));
    if (!EqualSid(owner, (SID *)user))
        FAIL("%s has another owner", name);
    CHECK(GetSecurityDescriptorDacl(descriptor, &present, &acl, &defaulted));
    if (!present || !acl || acl->AceCount != 1)
        FAIL("%s lets in %d", name, present && acl ? acl->AceCount : -1);
    CHECK(GetAce(acl, 0, (void **)&entry));
    CHECK_IS(ACCESS_ALLOWED_ACE_TYPE, entry->Header.AceType);
    if (!EqualSid(&entry->SidStart, (SID *)user))
        FAIL("%s lets in somebody else", name);
    CHECK(GetSecurityDescriptorControl(descriptor, &control, &revision));
    CHECK(control & SE_DACL_PRESENT);
    check_label(handle, name);
    return true;
}

/* Of each kind that this process holds. */
static void everything_we_make_is_for_its_owner_alone(void **state)
{
    static const char *const kinds[] = {"vmmc-rendezvous-", "vmmc-w-", "vmmc-e-", "vmmc-a-", "vmmc-m-"};
    unsigned found[ARRAY_SIZE(kinds)] = {0};
    own_sid_t sid;
    SOCKET s, t;
    vmmc_memory_t memory = {.size = sizeof memory, .length = 100000};
    (void)state;
    const SID *user = user_of_process(&sid);
    tcp_used_pair(&s, &t);
    CHECK(is_user_level(s));
    CHECK_IS(0, ioctlsocket(s, VMMC_IO_ALLOCATE, (u_long *)&memory));
    for (uintptr_t value = 4; value < HANDLES; value += 4) {
        char name[NAME_BYTES];
        if (!object_name((HANDLE)value, name, sizeof name))
            continue;
        for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
            if (strncmp(name, kinds[kind], strlen(kinds[kind])) != 0)
                continue;
            found[kind] += check_security((HANDLE)value, name, user);
        }
    }
    for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
        if (!found[kind])
            FAIL("nothing called %s... was found", kinds[kind]);
    }
    CHECK_IS(0, ioctlsocket(s, VMMC_IO_FREE, (u_long *)&memory));
    close_both(s, t);
}

/* ---- the table's name is taken ---- */

static void table_name(char name[96])
{
    char tag[40];
    os_user_tag(tag);
    snprintf(name, 96, "Local\\vmmc-rendezvous-%u-%s", SHM_VERSION, tag);
}

/* Another test's processes may be on their way out. */
static void await_free_name(const char *name)
{
    for (int waited = 0;; waited += 50) {
        HANDLE table = OpenFileMappingA(FILE_MAP_READ, FALSE, name);
        if (!table)
            return;
        CloseHandle(table);
        if (waited >= PATIENCE_MS)
            skip();
        Sleep(50);
    }
}

static void talk_by_kernel(int argc, char **argv)
{
    SOCKET s, t;
    (void)argc;
    (void)argv;
    tcp_used_pair(&s, &t);
    CHECK(!is_user_level(s) && !is_user_level(t));
    talk(s, t);
    close_both(s, t);
}

/* What a process of a lower level would make. */
static HANDLE create_low(const char *name, DWORD size)
{
    struct {
        ACL acl;
        SYSTEM_MANDATORY_LABEL_ACE entry;
        uint8_t rest_of_sid[sizeof(SID)];
    } label = {.acl = {.AclRevision = ACL_REVISION, .AclSize = sizeof(ACL) + 20, .AceCount = 1}};
    SID low = {SID_REVISION, 1, {SECURITY_MANDATORY_LABEL_AUTHORITY}, {SECURITY_MANDATORY_LOW_RID}};
    SECURITY_DESCRIPTOR descriptor = {.Revision = SECURITY_DESCRIPTOR_REVISION, .Control = SE_SACL_PRESENT,
                                      .Sacl = &label.acl};
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, &descriptor, FALSE};
    label.entry.Header = (ACE_HEADER){.AceType = SYSTEM_MANDATORY_LABEL_ACE_TYPE, .AceSize = 20};
    label.entry.Mask = SYSTEM_MANDATORY_LABEL_NO_WRITE_UP;
    memcpy(&label.entry.SidStart, &low, sizeof low);
    return CreateFileMappingA(INVALID_HANDLE_VALUE, &attributes, PAGE_READWRITE, 0, size, name);
}

enum squatter { OTHER_KIND, TOO_SHORT, NONSENSE, LOW_LEVEL, SQUATTERS };

static HANDLE squat(const char *name, enum squatter how)
{
    if (how == OTHER_KIND)
        return CreateMutexA(NULL, FALSE, name);
    DWORD size = how == TOO_SHORT ? 4096 : sizeof(rendezvous_table_shm_t);
    HANDLE section = how == LOW_LEVEL ? create_low(name, size)
                                      : CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, size, name);
    void *base = section ? MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, size) : NULL;
    CHECK(base != NULL);
    memset(base, how == NONSENSE ? 0x5a : 0, size);
    UnmapViewOfFile(base);
    return section;
}

/* By an object of another kind, a table that is too short, one full of nonsense, and a good one of a lower level. */
static void a_table_whose_name_is_taken_leaves_connections_on_the_kernel(void **state)
{
    char name[96];
    (void)state;
    table_name(name);
    for (enum squatter how = 0; how < SQUATTERS; how++) {
        await_free_name(name);
        HANDLE squatter = squat(name, how);
        CHECK(squatter != NULL);
        peer_t peer = peer_start("talk_by_kernel", "-");
        peer_join(&peer);
        CloseHandle(squatter);
    }
}

/* ---- records that lie ---- */

static rendezvous_table_shm_t *open_table(void)
{
    char name[96];
    table_name(name);
    HANDLE section = OpenFileMappingA(FILE_MAP_READ | FILE_MAP_WRITE, FALSE, name);
    CHECK(section != NULL);
    rendezvous_table_shm_t *table = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, sizeof *table);
    CHECK(table != NULL);
    CloseHandle(section);
    return table;
}

enum lie { NO_SUCH_PROCESS, OTHER_START, OTHER_PAGE, ALL_AT_WORK, LIES };

static vmmc_identity_t liar(enum lie lie)
{
    os_process_id_t self = os_process_self();
    vmmc_identity_t identity = {.pid = self.pid, .start_low = self.start_low, .start_high = self.start_high};
    if (lie == NO_SUCH_PROCESS)
        identity.pid = 0xfffffff0;
    else if (lie == OTHER_START)
        identity.start_low ^= 1;
    memset(identity.page, 0x77, sizeof identity.page);
    return identity;
}

static endpoint_t end_at(unsigned short port)
{
    return (endpoint_t){.address = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}, .port = port};
}

/* In every free record, for both ends. */
static unsigned post_lies(rendezvous_table_shm_t *table, enum lie lie, const unsigned short ports[2])
{
    unsigned posted = 0;
    for (unsigned i = 0; i < RENDEZVOUS_RECORDS; i++) {
        rendezvous_shm_t *record = &table->records[i];
        uint32_t word = load_acquire(&record->state);
        if ((word & 0xff) != RENDEZVOUS_FREE || !word_replace(&record->state, word, word + 0x100 + RENDEZVOUS_FILLING))
            continue;
        record->poster_end = end_at(ports[i % 2]);
        record->claimer_end = end_at(ports[1 - i % 2]);
        record->poster = record->claimer = liar(lie);
        store_release(&record->state, (word + 0x100) | (lie == ALL_AT_WORK ? RENDEZVOUS_CLAIMED : RENDEZVOUS_POSTED));
        posted++;
    }
    return posted;
}

static void take_lies_back(rendezvous_table_shm_t *table, enum lie lie)
{
    vmmc_identity_t identity = liar(lie);
    for (unsigned i = 0; i < RENDEZVOUS_RECORDS; i++) {
        uint32_t word = load_acquire(&table->records[i].state);
        if (memcmp(&table->records[i].poster, &identity, sizeof identity) == 0)
            word_replace(&table->records[i].state, word, ((word & ~0xffu) + 0x100) | RENDEZVOUS_FREE);
    }
}

static void records_that_lie_join_nobody(void **state)
{
    SOCKET s, t;
    (void)state;
    tcp_used_pair(&s, &t);
    rendezvous_table_shm_t *table = open_table();
    for (enum lie lie = 0; lie < LIES; lie++) {
        unsigned short ports[2];
        struct sockaddr_in any = loopback(0), to;
        SOCKET listener = tcp_listen(&ports[0]), client = tcp_socket();
        CHECK_IS(0, bind(client, (struct sockaddr *)&any, sizeof any));
        ports[1] = local_port(client);
        CHECK(post_lies(table, lie, ports) > RENDEZVOUS_RECORDS / 2);
        to = loopback(ports[0]);
        CHECK_IS(0, connect(client, (struct sockaddr *)&to, sizeof to));
        SOCKET server = tcp_accept(listener);
        talk(client, server);
        take_lies_back(table, lie);
        close_both(client, server);
        CHECK_IS(0, closesocket(listener));
        talk(s, t);
    }
    UnmapViewOfFile(table);
    close_both(s, t);
    tcp_used_pair(&s, &t);
    CHECK(is_user_level(s));
    close_both(s, t);
}

/* As when thousands of connections are made at a time, whose other ends come a moment later. */
static void a_full_table_only_delays_streams(void **state)
{
    const unsigned short nobody[2] = {1, 2};
    SOCKET s, t, client, server;
    (void)state;
    tcp_used_pair(&s, &t);
    rendezvous_table_shm_t *table = open_table();
    CHECK(post_lies(table, ALL_AT_WORK, nobody) > RENDEZVOUS_RECORDS / 2);
    tcp_pair(&client, &server);
    talk(client, server);
    CHECK(!is_user_level(client));
    take_lies_back(table, ALL_AT_WORK);
    for (int turn = 0; turn < 100 && !(is_user_level(client) && is_user_level(server)); turn++)
        talk(client, server);
    CHECK(is_user_level(client) && is_user_level(server));
    UnmapViewOfFile(table);
    close_both(client, server);
    close_both(s, t);
}

static const role_t roles[] = {{"talk_by_kernel", talk_by_kernel}};

/* The first case must not hold the table. */
static const struct CMUnitTest tests[] = {
    CASE(a_table_whose_name_is_taken_leaves_connections_on_the_kernel),
    CASE(everything_we_make_is_for_its_owner_alone),
    CASE(records_that_lie_join_nobody),
    CASE(a_full_table_only_delays_streams),
};

HARNESS_MAIN(roles, tests)
