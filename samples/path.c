/* path: a name from the wire is taken apart and each part has to be harmless on every Windows file system: it must not
 * lead out of the folder, name a device or a stream of a file, or be taken for another name. */
#include "path.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

static bool is_device(const char *part, size_t length)
{
    static const char *const devices[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
    const char *dot = memchr(part, '.', length);
    size_t stem = dot ? (size_t)(dot - part) : length;
    while (stem && part[stem - 1] == ' ')
        stem--;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (strlen(devices[i]) == stem && !_strnicmp(part, devices[i], stem))
            return true;
    /* COM1, LPT9, and with superscript digits, which are two bytes here */
    return stem >= 4 && stem <= 5 && (!_strnicmp(part, "COM", 3) || !_strnicmp(part, "LPT", 3)) &&
           (stem == 5 ? (unsigned char)part[3] == 0xC2 : isdigit((unsigned char)part[3]));
}

static const char *part_refusal(const char *part, size_t length)
{
    if (!length)
        return "a part of it is empty";
    if ((length == 1 || length == 2) && !memcmp(part, "..", length))
        return "it leads to another folder";
    if (part[length - 1] == '.' || part[length - 1] == ' ')
        return "a part of it ends with a dot or a space";
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)part[i] < 32 || strchr("\\:*?\"<>|", part[i]))
            return "it has a character that names must not have";
    return is_device(part, length) ? "a part of it names a device" : NULL;
}

const char *path_refusal(const char *name)
{
    for (;;) {
        size_t length = strcspn(name, "/");
        const char *refusal = part_refusal(name, length);
        if (refusal || !name[length])
            return refusal;
        name += length + 1;
    }
}

bool path_join(wchar_t path[PATH_MOST], const char *folder, const char *name)
{
    char whole[2 * PATH_MOST];
    int length = snprintf(whole, sizeof whole, "%s%s%s", folder, *name ? "/" : "", name);
    if (length < 0 || length >= (int)sizeof whole)
        return false;
    if (!MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, whole, -1, path, PATH_MOST))
        return false;
    for (wchar_t *at = path; *at; at++)
        if (*at == L'/')
            *at = L'\\';
    return true;
}

bool path_from_wide(char name[PATH_MOST], const wchar_t *wide)
{
    if (!WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide, -1, name, PATH_MOST, NULL, NULL))
        return false;
    for (char *at = name; *at; at++)
        if (*at == '\\')
            *at = '/';
    return true;
}
