/* files: see files.h. */
#include "files.h"

#include "text.h"

#include <nt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_FILE (256u << 20)

static HANDLE open_file(const char *path, DWORD access, DWORD how)
{
    wide_t name = text_wide(path);
    return CreateFileW(name.text, access, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, how, FILE_ATTRIBUTE_NORMAL, NULL);
}

contents_t files_read(const char *path)
{
    contents_t contents = {0};
    LARGE_INTEGER size;
    DWORD got;
    HANDLE file = open_file(path, GENERIC_READ, OPEN_EXISTING);
    if (file == INVALID_HANDLE_VALUE) {
        contents.missing = GetLastError() == ERROR_FILE_NOT_FOUND || GetLastError() == ERROR_PATH_NOT_FOUND;
        return contents;
    }
    if (GetFileSizeEx(file, &size) && size.QuadPart <= LARGEST_FILE)
        contents.bytes = malloc((size_t)size.QuadPart + 1);
    if (contents.bytes && ReadFile(file, contents.bytes, (DWORD)size.QuadPart, &got, NULL)) {
        contents.size = got;
        contents.bytes[got] = 0;
    } else {
        files_free(&contents);
    }
    CloseHandle(file);
    return contents;
}

void files_free(contents_t *contents)
{
    free(contents->bytes);
    *contents = (contents_t){0};
}

/* The temporary file that becomes `path` when it is complete. */
static void name_new(char name[CTL_PATH], const char *path)
{
    char folder[CTL_PATH], own[CTL_PATH];
    files_split(path, folder, own);
    files_join(name, folder, FILES_NEW);
}

/* The error is the thread's. */
static bool put_in_place(const char *new, const char *path, bool complete, DWORD how)
{
    wide_t from = text_wide(new), to = text_wide(path);
    if (complete && MoveFileExW(from.text, to.text, how))
        return true;
    DWORD error = GetLastError();
    DeleteFileW(from.text);
    SetLastError(error);
    return false;
}

bool files_write(const char *path, const void *bytes, size_t size)
{
    char new[CTL_PATH];
    DWORD put = 0;
    name_new(new, path);
    HANDLE file = open_file(new, GENERIC_WRITE, CREATE_ALWAYS);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    bool written = WriteFile(file, bytes, (DWORD)size, &put, NULL) && put == size;
    CloseHandle(file);
    return put_in_place(new, path, written, MOVEFILE_REPLACE_EXISTING);
}

bool files_exist(const char *path)
{
    wide_t name = text_wide(path);
    return GetFileAttributesW(name.text) != INVALID_FILE_ATTRIBUTES;
}

bool files_is_folder(const char *path)
{
    wide_t name = text_wide(path);
    DWORD attributes = GetFileAttributesW(name.text);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

bool files_copy(const char *from, const char *to)
{
    char new[CTL_PATH];
    name_new(new, to);
    wide_t source = text_wide(from), target = text_wide(new);
    return put_in_place(new, to, CopyFileW(source.text, target.text, FALSE), 0);
}

bool files_folder_is_writable(const char *folder)
{
    char probe[CTL_PATH];
    files_join(probe, folder, "vmmcctl.probe");
    wide_t name = text_wide(probe);
    HANDLE file = CreateFileW(name.text, GENERIC_WRITE | DELETE, 0, NULL, CREATE_NEW,
                              FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return file != INVALID_HANDLE_VALUE || GetLastError() == ERROR_FILE_EXISTS;
}

bool files_remove(const char *path)
{
    wide_t name = text_wide(path);
    return DeleteFileW(name.text) || GetLastError() == ERROR_FILE_NOT_FOUND || GetLastError() == ERROR_PATH_NOT_FOUND;
}

bool files_rename(const char *from, const char *to)
{
    wide_t old = text_wide(from), new = text_wide(to);
    return MoveFileExW(old.text, new.text, 0);
}

uint32_t files_checksum(const contents_t *contents)
{
    uint32_t sum = 2166136261u; /* FNV-1a: to notice a file that is not the one we put there, not to stop a forger */
    for (size_t i = 0; i < contents->size; i++)
        sum = (sum ^ contents->bytes[i]) * 16777619u;
    return sum;
}

bool files_absolute(char path[CTL_PATH], const char *name)
{
    wide_t wide = text_wide(name), full;
    DWORD length = GetFullPathNameW(wide.text, CTL_PATH, full.text, NULL);
    if (!wide.text[0] || !length || length >= CTL_PATH)
        return false;
    text_narrow(path, CTL_PATH, full.text);
    return path[0] != 0;
}

void files_join(char path[CTL_PATH], const char *folder, const char *name)
{
    snprintf(path, CTL_PATH, "%s\\%s", folder, name);
}

void files_split(const char *path, char folder[CTL_PATH], char name[CTL_PATH])
{
    const char *last = strrchr(path, '\\');
    snprintf(name, CTL_PATH, "%s", last ? last + 1 : path);
    snprintf(folder, CTL_PATH, "%.*s", last ? (int)(last - path) : 0, path);
}

void files_own_path(char path[CTL_PATH])
{
    wide_t own;
    DWORD length = GetModuleFileNameW(NULL, own.text, CTL_PATH);
    own.text[length < CTL_PATH ? length : 0] = 0;
    text_narrow(path, CTL_PATH, own.text);
}

bool files_make_stage(char path[CTL_PATH], const char *name)
{
    wide_t temporary;
    char folder[CTL_PATH], own[CTL_PATH];
    DWORD length = GetTempPathW(CTL_PATH, temporary.text);
    if (!length || length >= CTL_PATH)
        return false;
    temporary.text[length - 1] = 0;
    text_narrow(folder, sizeof folder, temporary.text);
    snprintf(own, sizeof own, "vmmcctl-%s", name);
    files_join(path, folder, own);
    wide_t stage = text_wide(path);
    return CreateDirectoryW(stage.text, NULL);
}

bool files_remove_folder(const char *path)
{
    wide_t name = text_wide(path);
    return RemoveDirectoryW(name.text) || GetLastError() == ERROR_FILE_NOT_FOUND ||
           GetLastError() == ERROR_PATH_NOT_FOUND;
}
