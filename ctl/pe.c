/* pe: see pe.h. */
#include "pe.h"

#include <ctype.h>
#include <string.h>

#define MACHINE_X86 0x14c
#define MACHINE_X64 0x8664
#define CHARACTERISTICS_DLL 0x2000
#define DLL_FORCE_INTEGRITY 0x80
#define CLR_IL_ONLY 1
#define DELAYED_RELATIVE 1
#define SECTION_HEADER 40
#define FILE_HEADER 24 /* with the signature */
#define MOST_LIBRARIES 4096

enum directory { DIRECTORY_IMPORT = 1, DIRECTORY_LOAD_CONFIG = 10, DIRECTORY_DELAYED = 13, DIRECTORY_CLR = 14 };

/* ---- numbers in the file; what lies outside of it is 0 ---- */

static uint64_t number_at(const pe_image_t *image, uint64_t offset, unsigned bytes)
{
    uint64_t value = 0;
    if (offset > image->size || image->size - offset < bytes)
        return 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)image->bytes[offset + i] << (8 * i);
    return value;
}

static uint16_t u16(const pe_image_t *image, uint64_t offset)
{
    return (uint16_t)number_at(image, offset, 2);
}

static uint32_t u32(const pe_image_t *image, uint64_t offset)
{
    return (uint32_t)number_at(image, offset, 4);
}

/* ---- headers ---- */

static pe_kind_t kind_of(const pe_image_t *image, uint32_t header)
{
    if (u16(image, 0) != 0x5a4d)
        return PE_NONE;
    if (u16(image, header) == 0x454e)
        return PE_16BIT;
    if (u32(image, header) != 0x4550)
        return PE_DOS;
    uint16_t machine = u16(image, header + 4u);
    return machine == MACHINE_X86 ? PE_X86 : machine == MACHINE_X64 ? PE_X64 : PE_OTHER;
}

/* Where the bytes of an address lie in the file; 0: nowhere. */
static uint64_t offset_of(const pe_image_t *image, uint32_t address)
{
    for (uint32_t i = 0; i < image->section_count; i++) {
        uint64_t at = image->sections + (uint64_t)i * SECTION_HEADER;
        uint32_t start = u32(image, at + 12), length = u32(image, at + 16), raw = u32(image, at + 20);
        if (address >= start && address - start < length)
            return (uint64_t)raw + (address - start);
    }
    return 0;
}

static uint64_t directory(const pe_image_t *image, enum directory which)
{
    if ((uint32_t)which >= image->directory_count)
        return 0;
    uint32_t address = u32(image, image->directories + 8u * (unsigned)which);
    return address ? offset_of(image, address) : 0;
}

static void read_directories(pe_image_t *image)
{
    uint64_t clr = directory(image, DIRECTORY_CLR), config = directory(image, DIRECTORY_LOAD_CONFIG);
    unsigned flags_at = image->kind == PE_X64 ? 78 : 54;
    image->dotnet = clr != 0;
    image->dotnet_only = clr && (u32(image, clr + 16) & CLR_IL_ONLY);
    if (config && u32(image, config) >= flags_at + 2)
        image->load_flags = u16(image, config + flags_at);
}

void pe_read(pe_image_t *image, const uint8_t *bytes, size_t size)
{
    *image = (pe_image_t){.bytes = bytes, .size = size};
    uint32_t header = u32(image, 0x3c);
    image->kind = kind_of(image, header);
    if (!pe_bits(image))
        return;
    uint64_t optional = (uint64_t)header + FILE_HEADER;
    uint32_t fixed = image->kind == PE_X64 ? 112 : 96;
    image->library = u16(image, header + 22u) & CHARACTERISTICS_DLL;
    image->signed_only = u16(image, optional + 70) & DLL_FORCE_INTEGRITY;
    image->base = image->kind == PE_X86 ? u32(image, optional + 28) : 0;
    image->section_count = u16(image, header + 6u);
    image->sections = (uint32_t)(optional + u16(image, header + 20u));
    image->directories = (uint32_t)optional + fixed;
    image->directory_count = u32(image, optional + fixed - 4);
    read_directories(image);
}

unsigned pe_bits(const pe_image_t *image)
{
    return image->kind == PE_X86 ? 32 : image->kind == PE_X64 ? 64 : 0;
}

/* ---- imports ---- */

static void visit_name(const pe_image_t *image, uint32_t address, bool delayed, pe_visit_t visit, void *context)
{
    char name[256];
    uint64_t at = offset_of(image, address);
    size_t length = 0;
    while (at && length < sizeof name - 1 && at + length < image->size && image->bytes[at + length]) {
        name[length] = (char)image->bytes[at + length];
        length++;
    }
    name[length] = 0;
    if (length)
        visit(name, delayed, context);
}

static void each_of(const pe_image_t *image, enum directory which, unsigned step, unsigned name_at, pe_visit_t visit,
                    void *context)
{
    uint64_t at = directory(image, which);
    for (unsigned i = 0; at && i < MOST_LIBRARIES && u32(image, at + name_at); i++, at += step) {
        bool delayed = which == DIRECTORY_DELAYED;
        bool absolute = delayed && !(u32(image, at) & DELAYED_RELATIVE); /* as the first compilers wrote them */
        visit_name(image, u32(image, at + name_at) - (absolute ? image->base : 0), delayed, visit, context);
    }
}

void pe_each_import(const pe_image_t *image, pe_visit_t visit, void *context)
{
    each_of(image, DIRECTORY_IMPORT, 20, 12, visit, context);
    each_of(image, DIRECTORY_DELAYED, 32, 4, visit, context);
}

/* ---- contents ---- */

static bool is_text_at(const uint8_t *at, const char *text, unsigned step)
{
    for (; *text; text++, at += step) {
        if (tolower(*at) != tolower((unsigned char)*text) || (step == 2 && at[1]))
            return false;
    }
    return true;
}

bool pe_mentions(const pe_image_t *image, const char *text)
{
    size_t length = strlen(text);
    for (size_t at = 0; at + length <= image->size; at++) {
        if (is_text_at(image->bytes + at, text, 1))
            return true;
        if (at + 2 * length <= image->size && is_text_at(image->bytes + at, text, 2))
            return true;
    }
    return false;
}

/* Offset of the section's header; 0: there is none. */
static uint64_t find_section(const pe_image_t *image, const char *name)
{
    for (uint32_t i = 0; i < image->section_count; i++) {
        uint64_t at = image->sections + (uint64_t)i * SECTION_HEADER;
        if (at + SECTION_HEADER > image->size)
            return 0;
        if (strncmp((const char *)image->bytes + at, name, 8) == 0)
            return at;
    }
    return 0;
}

bool pe_section(const pe_image_t *image, const char *name, const uint8_t **content, size_t *size)
{
    uint64_t header = find_section(image, name);
    uint32_t length = u32(image, header + 16), raw = u32(image, header + 20);
    if (!header || raw > image->size || image->size - raw < length)
        return false;
    *content = image->bytes + raw;
    *size = length;
    return true;
}

bool pe_section_address(const pe_image_t *image, const char *name, uint32_t *address, uint32_t *size)
{
    uint64_t header = find_section(image, name);
    *size = u32(image, header + 8);
    *address = u32(image, header + 12);
    return header != 0;
}
