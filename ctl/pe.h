/* pe: what the headers of a program tell.  The bytes may be anybody's: every offset is checked.  Knows no system
 * header. */
#ifndef CTL_PE_H
#define CTL_PE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum pe_kind {
    PE_NONE, /* not a program */
    PE_DOS,
    PE_16BIT,
    PE_X86,
    PE_X64,
    PE_OTHER /* ARM and what else there is */
} pe_kind_t;

typedef struct pe_image {
    const uint8_t *bytes;
    size_t size;
    pe_kind_t kind; /* the rest is there for X86 and X64 only */
    bool library;
    bool dotnet;                           /* it has a CLR header */
    bool dotnet_only;                      /* and no code of its own */
    bool signed_only;                      /* FORCE_INTEGRITY */
    uint16_t load_flags;                   /* where its imports may come from: LOAD_LIBRARY_SEARCH_*, 0: as usual */
    uint32_t base;                         /* where 32-bit code wants to lie */
    uint32_t sections, section_count;      /* offset of the table */
    uint32_t directories, directory_count; /* likewise */
} pe_image_t;

/* Read the headers of a whole file in memory, which stays the caller's and must outlive `image`. */
void pe_read(pe_image_t *image, const uint8_t *bytes, size_t size);
/* 32 or 64; 0 for what has neither. */
unsigned pe_bits(const pe_image_t *image);
/* Call `visit` for every library it imports, with a name of at most 255 bytes. */
typedef void (*pe_visit_t)(const char *library, bool delayed, void *context);
void pe_each_import(const pe_image_t *image, pe_visit_t visit, void *context);
/* True if the text occurs anywhere in the file, in any case, one byte or two to a letter. */
bool pe_mentions(const pe_image_t *image, const char *text);
/* The content of a section; false: there is none of that name. */
bool pe_section(const pe_image_t *image, const char *name, const uint8_t **content, size_t *size);
/* Where it lies once it is loaded, from the start of the image; headers are enough for this. */
bool pe_section_address(const pe_image_t *image, const char *name, uint32_t *address, uint32_t *size);

#endif
