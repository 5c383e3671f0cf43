/* registry: see registry.h. */
#include "registry.h"

#include "text.h"

#include <nt.h>

#include <stdio.h>
#include <string.h>

static HKEY open_key(HKEY root, const char *key, REGSAM access)
{
    HKEY opened;
    wide_t name = text_wide(key);
    return RegOpenKeyExW(root, name.text, 0, access, &opened) == ERROR_SUCCESS ? opened : NULL;
}

bool registry_get(const char *key, const char *name, char *value, size_t size)
{
    wide_t wide_name = text_wide(name), text;
    DWORD type, bytes = sizeof text.text - sizeof text.text[0];
    HKEY opened = open_key(HKEY_CURRENT_USER, key, KEY_QUERY_VALUE);
    if (!opened)
        return false;
    LSTATUS status = RegQueryValueExW(opened, wide_name.text, NULL, &type, (BYTE *)text.text, &bytes);
    RegCloseKey(opened);
    if (status != ERROR_SUCCESS || type != REG_SZ)
        return false;
    text.text[bytes / sizeof text.text[0]] = 0;
    text_narrow(value, size, text.text);
    return true;
}

bool registry_set(const char *key, const char *name, const char *value)
{
    wide_t wide_key = text_wide(key), wide_name = text_wide(name), text = text_wide(value);
    HKEY opened;
    if (RegCreateKeyExW(HKEY_CURRENT_USER, wide_key.text, 0, NULL, 0, KEY_SET_VALUE, NULL, &opened, NULL) !=
        ERROR_SUCCESS)
        return false;
    DWORD bytes = (DWORD)((wcslen(text.text) + 1) * sizeof text.text[0]);
    LSTATUS status = RegSetValueExW(opened, wide_name.text, 0, REG_SZ, (const BYTE *)text.text, bytes);
    RegCloseKey(opened);
    return status == ERROR_SUCCESS;
}

bool registry_delete(const char *key, const char *name)
{
    wide_t wide_name = text_wide(name);
    HKEY opened = open_key(HKEY_CURRENT_USER, key, KEY_SET_VALUE);
    if (!opened)
        return false;
    LSTATUS status = RegDeleteValueW(opened, wide_name.text);
    RegCloseKey(opened);
    return status == ERROR_SUCCESS;
}

bool registry_has_key(const char *key)
{
    HKEY opened = open_key(HKEY_CURRENT_USER, key, KEY_QUERY_VALUE);
    if (opened)
        RegCloseKey(opened);
    return opened != NULL;
}

static bool name_in(HKEY opened, unsigned index, char *name, size_t size)
{
    wide_t wide;
    DWORD length = CTL_PATH;
    if (!opened || RegEnumValueW(opened, index, wide.text, &length, NULL, NULL, NULL, NULL) != ERROR_SUCCESS)
        return false;
    text_narrow(name, size, wide.text);
    return true;
}

bool registry_name(const char *key, unsigned index, char *name, size_t size)
{
    HKEY opened = open_key(HKEY_CURRENT_USER, key, KEY_QUERY_VALUE);
    bool found = name_in(opened, index, name, size);
    if (opened)
        RegCloseKey(opened);
    return found;
}

static bool is_empty(const char *key)
{
    DWORD keys = 1, values = 1;
    HKEY opened = open_key(HKEY_CURRENT_USER, key, KEY_QUERY_VALUE);
    if (!opened)
        return false;
    RegQueryInfoKeyW(opened, NULL, NULL, NULL, &keys, NULL, NULL, &values, NULL, NULL, NULL, NULL);
    RegCloseKey(opened);
    return keys == 0 && values == 0;
}

void registry_prune(const char *key, unsigned levels)
{
    char path[CTL_PATH];
    snprintf(path, sizeof path, "%s", key);
    for (; levels && is_empty(path); levels--) {
        wide_t wide = text_wide(path);
        char *last = strrchr(path, '\\');
        if (RegDeleteKeyW(HKEY_CURRENT_USER, wide.text) != ERROR_SUCCESS || !last)
            return;
        *last = 0;
    }
}

size_t registry_machine_bytes(const char *key, const char *name, void *bytes, size_t size)
{
    wide_t wide_name = text_wide(name);
    DWORD got = (DWORD)size;
    HKEY opened = open_key(HKEY_LOCAL_MACHINE, key, KEY_QUERY_VALUE | KEY_WOW64_64KEY);
    if (!opened)
        return 0;
    LSTATUS status = RegQueryValueExW(opened, wide_name.text, NULL, NULL, bytes, &got);
    RegCloseKey(opened);
    return status == ERROR_SUCCESS ? got : 0;
}

bool registry_machine_lists(const char *key, const char *text)
{
    char name[256], value[256];
    bool found = false;
    HKEY opened = open_key(HKEY_LOCAL_MACHINE, key, KEY_QUERY_VALUE | KEY_WOW64_64KEY);
    for (unsigned i = 0; !found && name_in(opened, i, name, sizeof name); i++) {
        wide_t wide_name = text_wide(name), wide;
        DWORD bytes = sizeof wide.text - sizeof wide.text[0];
        if (RegQueryValueExW(opened, wide_name.text, NULL, NULL, (BYTE *)wide.text, &bytes) != ERROR_SUCCESS)
            continue;
        wide.text[bytes / sizeof wide.text[0]] = 0;
        text_narrow(value, sizeof value, wide.text);
        found = text_same_name(value, text);
    }
    if (opened)
        RegCloseKey(opened);
    return found;
}
