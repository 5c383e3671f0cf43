/* fdtab: the socket table: SOCKET -> index -> entry, one entry for every open socket made through this DLL.
 *
 * Entries are never returned to the system, so a thread may still look at one that has been given up; it finds out
 * under the stream's lock (transfer_t.socket).
 * Threads any; finding takes no lock. */
#ifndef VMMC_FDTAB_H
#define VMMC_FDTAB_H

#include "inspection.h"
#include "sock.h"

/* The entry of `handle`; NULL: the socket was not made here. */
sock_t *fdtab_get(uintptr_t handle);
/* A fresh entry for `handle`, in place of any older one, which is returned in *stale to be closed.  NULL: no memory,
 * or a handle beyond the table; the socket then stays unknown and is the system's alone. */
sock_t *fdtab_create(uintptr_t handle, sock_t **stale);
/* Take the entry out of the table; the caller closes it.  NULL: unknown. */
sock_t *fdtab_remove(uintptr_t handle);
/* Call `visit` for every open entry; entries may come and go meanwhile. */
void fdtab_each(void (*visit)(sock_t *sock, void *context), void *context);

/* Where the table is, for whoever reads this process's memory. */
extern const inspection_table_t fdtab_inspection;

#endif
