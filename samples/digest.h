/* digest: 64 bits that tell a damaged file from a sound one, at the speed of memory. For accidents, not for enemies:
 * bytes that changed, are missing, or changed places. */
#ifndef FILECOPY_DIGEST_H
#define FILECOPY_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BLOCK = 64 };

typedef struct digest {
    uint64_t lanes[DIGEST_BLOCK / 8], keys[DIGEST_BLOCK / 8];
    uint64_t length;
    uint8_t rest[DIGEST_BLOCK]; /* length % DIGEST_BLOCK bytes that wait for a whole block */
} digest_t;

void digest_begin(digest_t *digest);
void digest_add(digest_t *digest, const void *bytes, size_t count);
uint64_t digest_end(digest_t *digest);

#endif
