/* tree: walks a folder, and reads each file once for its digest; which also leaves it in the system's cache. */
#include "tree.h"

#include "digest.h"
#include "path.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 1 << 20 };

static void *must_have(void *memory)
{
    if (!memory)
        die("there is no memory for the list of files");
    return memory;
}

HANDLE tree_open(const tree_t *tree, const tree_node_t *node)
{
    wchar_t path[PATH_MOST];
    if (!path_join(path, tree->folder, node->name)) {
        SetLastError(ERROR_FILENAME_EXCED_RANGE);
        return INVALID_HANDLE_VALUE;
    }
    return CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_FLAG_SEQUENTIAL_SCAN, NULL);
}

static bool read_through(HANDLE file, tree_node_t *node)
{
    static char buffer[READ_BYTES];
    digest_t digest;
    DWORD count;
    digest_begin(&digest);
    for (;;) {
        if (!ReadFile(file, buffer, sizeof buffer, &count, NULL))
            return false;
        if (!count)
            break;
        digest_add(&digest, buffer, count);
    }
    node->size = digest.length;
    node->digest = digest_end(&digest);
    return true;
}

static bool look_into(tree_t *tree, tree_node_t *node)
{
    HANDLE file = tree_open(tree, node);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    bool done = read_through(file, node);
    CloseHandle(file);
    tree->files += done;
    tree->bytes += done ? node->size : 0;
    return done;
}

static tree_node_t *add(tree_t *tree, const char *name, bool is_folder)
{
    if (tree->count == tree->room) {
        tree->room = tree->room ? 2 * tree->room : 256;
        tree->nodes = must_have(realloc(tree->nodes, tree->room * sizeof *tree->nodes));
    }
    tree_node_t *node = &tree->nodes[tree->count++];
    *node = (tree_node_t){.name = must_have(_strdup(name)), .is_folder = is_folder};
    return node;
}

static void walk(tree_t *tree, const char *name);

static void take(tree_t *tree, const char *folder, const WIN32_FIND_DATAW *found)
{
    char name[PATH_MOST], whole[PATH_MOST];
    bool is_folder = found->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
    if (!wcscmp(found->cFileName, L".") || !wcscmp(found->cFileName, L"..") ||
        (found->dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT))
        return;
    int length = path_from_wide(name, found->cFileName)
                     ? snprintf(whole, sizeof whole, "%s%s%s", folder, *folder ? "/" : "", name)
                     : PATH_MOST;
    if (length >= PATH_MOST) {
        report("a name in '%s' is too long, or not Unicode; it is left out", folder);
        return;
    }
    tree_node_t *node = add(tree, whole, is_folder);
    if (is_folder) {
        walk(tree, whole);
    } else if (!look_into(tree, node)) {
        report_error("'%s' cannot be read and is left out", whole);
        free(tree->nodes[--tree->count].name);
    }
}

/* As deep as names may be long. */
static void walk(tree_t *tree, const char *name)
{
    wchar_t pattern[PATH_MOST];
    char below[PATH_MOST + 2];
    WIN32_FIND_DATAW found;
    snprintf(below, sizeof below, "%s%s*", name, *name ? "/" : "");
    HANDLE search = path_join(pattern, tree->folder, below) ? FindFirstFileW(pattern, &found) : INVALID_HANDLE_VALUE;
    if (search == INVALID_HANDLE_VALUE) {
        if (!*name)
            die_of_error("the folder '%s' cannot be read", tree->folder);
        report_error("the folder '%s' cannot be read and is left out", name);
        return;
    }
    do
        take(tree, name, &found);
    while (FindNextFileW(search, &found));
    FindClose(search);
}

void tree_read(tree_t *tree, const char *folder)
{
    *tree = (tree_t){.folder = folder};
    walk(tree, "");
}

void tree_free(tree_t *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        free(tree->nodes[i].name);
    free(tree->nodes);
    *tree = (tree_t){0};
}
