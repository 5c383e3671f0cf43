/* filecopy: what both ends share. The server, whose client trusts nothing that it says, sends after the greeting of the
 * channels:
 *
 *     welcome_t, then for each folder and file: entry_t, its name, and of a file the contents as one parcel
 *     entry_t with ENTRY_END
 *
 * and waits until the client closes. All numbers are little-endian. */
#ifndef FILECOPY_H
#define FILECOPY_H

#include <stdbool.h>

#include "vmmc_channel.h"

#define FILECOPY_MAGIC 0x31594346u /* "FCY1" */

typedef struct options {
    const char *folder;    /* serve: to be copied; fetch: to copy to, NULL: nowhere */
    const char *port_file; /* or NULL */
    unsigned port;         /* 0: any, in port_file */
    unsigned clients;      /* serve: end after so many, 0: never */
    unsigned ways;         /* enum vmmc_channel_ways */
    bool progress;         /* fetch: even if standard error is no console */
} options_t;

typedef struct welcome {
    uint32_t magic, reserved;
    uint64_t files, bytes; /* that are to come */
} welcome_t;

enum entry_kind { ENTRY_FOLDER = 1, ENTRY_FILE, ENTRY_END };

typedef struct entry {
    uint32_t kind;
    uint32_t name_bytes; /* 1 to PATH_MOST - 1, without a terminating 0 */
    uint64_t digest;     /* ENTRY_FILE; at the ENTRY_END: bytes that the server's end has copied */
} entry_t;

int serve(const options_t *options);
int fetch(const options_t *options);

/* Small pieces must not wait for each other. */
void promptly(SOCKET s);
/* Bytes that were copied at this end of the channel, by it, the library or the system, to get the stream's bytes
 * across. */
uint64_t copied(const vmmc_channel_t *channel);

#endif
