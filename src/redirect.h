/* redirect: calls that go to a SOCKET around the library are made to pass by it.
 *
 * Every loaded module's imports of certain calls of kernel32, advapi32, ws2_32 and mswsock are replaced, found by the
 * address they resolved to; modules loaded later are treated before their code runs, and so is what GetProcAddress and
 * delayed imports find.  The system's own layers below keep theirs.
 * A pointer that was taken before the start stays what it is, and so does a direct call of ntdll: see stray.h. */
#ifndef VMMC_REDIRECT_H
#define VMMC_REDIRECT_H

/* One call to be replaced. */
typedef struct redirection {
    const char *name; /* NULL ends a table */
    void *ours;
    void **system; /* where to put the system's function for `ours` to call; NULL: it has another way */
} redirection_t;

/* What the calls of kernel32 and advapi32 on handles become, and those of ws2_32 and mswsock. */
extern const redirection_t handle_redirections[], winsock2_redirections[];

/* Patch what is loaded and whatever comes; the first call does it, later ones return at once.  Not from DllMain. */
void redirect_start(void);

#endif
