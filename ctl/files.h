/* files: paths and files, by UTF-8 names with backslashes. */
#ifndef CTL_FILES_H
#define CTL_FILES_H

#include "ctl.h"

#define FILES_NEW "vmmcctl.new" /* what is being written or copied, in the folder it is for */

typedef struct contents {
    uint8_t *bytes; /* NULL: it could not be read */
    size_t size;
    bool missing; /* since there is none */
} contents_t;

/* All of a file, with a zero behind it; free with files_free().  At most 256 MB. */
contents_t files_read(const char *path);
void files_free(contents_t *contents);
/* In place of what is there; nobody sees half of it, or none. */
bool files_write(const char *path, const void *bytes, size_t size);
bool files_exist(const char *path);
bool files_is_folder(const char *path);
/* Nobody sees half of it; never over a file that is there. */
bool files_copy(const char *from, const char *to);
/* False: nobody may make files there, or not this user. */
bool files_folder_is_writable(const char *folder);
bool files_remove(const char *path);
bool files_rename(const char *from, const char *to);
uint32_t files_checksum(const contents_t *contents);

/* The absolute path of `name`, which need not exist. */
bool files_absolute(char path[CTL_PATH], const char *name);
/* Join; cut if too long, which then does not exist. */
void files_join(char path[CTL_PATH], const char *folder, const char *name);
/* Split at the last backslash; the folder keeps none. */
void files_split(const char *path, char folder[CTL_PATH], char name[CTL_PATH]);
/* Of this program. */
void files_own_path(char path[CTL_PATH]);
/* A new folder below the user's temporary one. */
bool files_make_stage(char path[CTL_PATH], const char *name);
bool files_remove_folder(const char *path);

#endif
