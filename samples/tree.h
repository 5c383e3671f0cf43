/* tree: what is below a folder, with the digests of its files. */
#ifndef FILECOPY_TREE_H
#define FILECOPY_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <winsock.h>

typedef struct tree_node {
    char *name; /* below the folder */
    bool is_folder;
    uint64_t size, digest; /* of a file */
} tree_node_t;

typedef struct tree {
    const char *folder;
    tree_node_t *nodes; /* a folder stands before what is in it */
    size_t count, room;
    uint64_t files, bytes;
} tree_t;

/* Read the whole tree, and every file in it; links are left out, and what cannot be read, which is reported. Ends the
 * program if `folder` itself cannot be read. */
void tree_read(tree_t *tree, const char *folder);
/* INVALID_HANDLE_VALUE: it cannot be opened, GetLastError(). */
HANDLE tree_open(const tree_t *tree, const tree_node_t *node);
void tree_free(tree_t *tree);

#endif
