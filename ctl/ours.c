/* ours: see ours.h. */
#include "ours.h"

#include "files.h"
#include "pe.h"
#include "text.h"

#include <inspection.h>

#include <stdio.h>
#include <string.h>

static bool has_block(const pe_image_t *image, inspection_block_t *block)
{
    const uint8_t *content;
    size_t size;
    if (!pe_section(image, INSPECTION_SECTION, &content, &size) || size < sizeof *block)
        return false;
    memcpy(block, content, sizeof *block);
    return memcmp(block->magic, INSPECTION_MAGIC, sizeof block->magic) == 0;
}

void ours_look(dll_t *dll, const char *path)
{
    pe_image_t image;
    inspection_block_t block;
    contents_t contents = files_read(path);
    *dll = (dll_t){.kind = contents.bytes || files_exist(path) ? DLL_FOREIGN : DLL_NONE};
    snprintf(dll->path, sizeof dll->path, "%s", path);
    if (!contents.bytes)
        return;
    pe_read(&image, contents.bytes, contents.size);
    dll->bits = pe_bits(&image);
    dll->checksum = files_checksum(&contents);
    if (dll->bits && has_block(&image, &block)) {
        dll->kind = DLL_OURS;
        memcpy(dll->release, block.release, sizeof dll->release);
        text_tame(dll->release, sizeof dll->release);
    }
    files_free(&contents);
}

bool ours_find(dll_t *dll, unsigned bits)
{
    static const char *const places[2][5] = {
        {"x86\\" CTL_DLL, "..\\x86\\" CTL_DLL, CTL_DLL, "..\\i686\\" CTL_DLL, "..\\..\\i686\\" CTL_DLL},
        {"x64\\" CTL_DLL, "..\\x64\\" CTL_DLL, CTL_DLL, "..\\x86_64\\" CTL_DLL, "..\\..\\x86_64\\" CTL_DLL}};
    char own[CTL_PATH], folder[CTL_PATH], name[CTL_PATH], path[CTL_PATH], full[CTL_PATH];
    files_own_path(own);
    files_split(own, folder, name);
    for (unsigned i = 0; i < 5; i++) {
        files_join(path, folder, places[bits == 64][i]);
        if (!files_absolute(full, path))
            continue;
        ours_look(dll, full);
        if (dll->kind == DLL_OURS && dll->bits == bits)
            return true;
    }
    *dll = (dll_t){0};
    return false;
}
