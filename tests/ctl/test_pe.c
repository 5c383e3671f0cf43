/* test_pe: the reader of program headers, on small programs made here, whole and damaged. */
#include "pe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_BYTES 4096u
#define HEADER 0x80u
#define OPTIONAL (HEADER + 24u)
#define SECTION_AT 0x400u       /* in the file ... */
#define SECTION_ADDRESS 0x3000u /* ... and in memory */
#define HERE(offset) ((uint32_t)(offset)-SECTION_AT + SECTION_ADDRESS)

static uint8_t file[FILE_BYTES];

static void put(unsigned at, unsigned bytes, uint64_t value)
{
    memcpy(file + at, &value, bytes);
}

static void put_directory(bool wide, unsigned which, unsigned offset)
{
    put(OPTIONAL + (wide ? 112 : 96) + 8 * which, 4, HERE(offset));
}

/* A program that imports one library, and another when it needs it. */
static void make_program(bool wide)
{
    unsigned optional_size = (wide ? 112 : 96) + 16 * 8;
    memset(file, 0, sizeof file);
    memcpy(file, "MZ", 2);
    put(0x3c, 4, HEADER);
    memcpy(file + HEADER, "PE", 2);
    put(HEADER + 4, 2, wide ? 0x8664 : 0x14c);
    put(HEADER + 6, 2, 1);
    put(HEADER + 20, 2, optional_size);
    put(OPTIONAL + (wide ? 108 : 92), 4, 16);
    unsigned section = OPTIONAL + optional_size;
    memcpy(file + section, ".vmmc", 5);
    put(section + 8, 4, 0x200);
    put(section + 12, 4, SECTION_ADDRESS);
    put(section + 16, 4, 0x800);
    put(section + 20, 4, SECTION_AT);
    put_directory(wide, 1, 0x500);
    put(0x500 + 12, 4, HERE(0x600));
    memcpy(file + 0x600, "plain.dll", 9);
    put_directory(wide, 13, 0x540);
    put(0x540, 4, 1);
    put(0x540 + 4, 4, HERE(0x620));
    memcpy(file + 0x620, "later.dll", 9);
}

static char seen[400];

static void note(const char *library, bool delayed, void *context)
{
    (void)context;
    size_t used = strlen(seen);
    snprintf(seen + used, sizeof seen - used, "%s%s ", library, delayed ? "?" : "");
}

static const char *imports_of(pe_image_t *image)
{
    seen[0] = 0;
    pe_read(image, file, sizeof file);
    pe_each_import(image, note, NULL);
    return seen;
}

static void imports_of_both_kinds_are_found(void **state)
{
    pe_image_t image;
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        make_program(wide);
        assert_string_equal(imports_of(&image), "plain.dll later.dll? ");
        assert_int_equal(pe_bits(&image), wide ? 64 : 32);
        assert_false(image.library);
    }
}

static void delayed_imports_of_the_first_kind_have_addresses(void **state)
{
    pe_image_t image;
    (void)state;
    make_program(false);
    put(OPTIONAL + 28, 4, 0x400000);
    put(0x540, 4, 0);
    put(0x540 + 4, 4, 0x400000 + HERE(0x620));
    assert_string_equal(imports_of(&image), "plain.dll later.dll? ");
}

static void flags_are_read(void **state)
{
    pe_image_t image;
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        make_program(wide);
        put(HEADER + 22, 2, 0x2000);
        put(OPTIONAL + 70, 2, 0x80);
        put_directory(wide, 10, 0x700);
        put(0x700, 4, 148);
        put(0x700 + (wide ? 78 : 54), 2, 0x800);
        put_directory(wide, 14, 0x7c0);
        put(0x7c0 + 16, 4, 1);
        pe_read(&image, file, sizeof file);
        assert_true(image.library && image.signed_only && image.dotnet && image.dotnet_only);
        assert_int_equal(image.load_flags, 0x800);
        put(0x700, 4, 40); /* one too short to have the flags */
        pe_read(&image, file, sizeof file);
        assert_int_equal(image.load_flags, 0);
    }
}

static void names_are_found_in_both_widths(void **state)
{
    pe_image_t image;
    (void)state;
    make_program(true);
    pe_read(&image, file, sizeof file);
    assert_true(pe_mentions(&image, "PLAIN"));
    assert_false(pe_mentions(&image, "wsock32"));
    for (unsigned i = 0; i < 7; i++)
        file[sizeof file - 14 + 2 * i] = (uint8_t) "WSock32"[i]; /* up to the last byte */
    assert_true(pe_mentions(&image, "wsock32"));
    assert_false(pe_mentions(&image, "wsock32x"));
}

static void sections_are_found(void **state)
{
    pe_image_t image;
    const uint8_t *content;
    size_t size;
    uint32_t address, length;
    (void)state;
    make_program(true);
    pe_read(&image, file, sizeof file);
    assert_true(pe_section(&image, ".vmmc", &content, &size));
    assert_ptr_equal(content, file + SECTION_AT);
    assert_int_equal(size, 0x800);
    assert_true(pe_section_address(&image, ".vmmc", &address, &length));
    assert_int_equal(address, SECTION_ADDRESS);
    assert_false(pe_section(&image, ".none", &content, &size));
    assert_false(pe_section_address(&image, ".none", &address, &length));
}

/* The bytes lie at the end of memory of their own, so that a sanitizer sees one step too far. */
static void read_all(const uint8_t *bytes, size_t size)
{
    pe_image_t image;
    const uint8_t *content;
    size_t length;
    uint32_t address, count;
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    seen[0] = 0;
    pe_read(&image, copy, size);
    pe_each_import(&image, note, NULL);
    pe_mentions(&image, "wsock32");
    if (pe_section(&image, ".vmmc", &content, &length))
        assert_true(content >= copy && length <= size && (size_t)(content - copy) <= size - length);
    pe_section_address(&image, ".vmmc", &address, &count);
    free(copy);
}

static void cut_off_programs_do_no_harm(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        make_program(wide);
        for (size_t size = 0; size < sizeof file; size += size < 0x700 ? 1 : 61)
            read_all(file, size);
    }
}

static void damaged_programs_do_no_harm(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 20000; round++) {
        make_program(round & 1);
        for (int change = 0; change < 1 + round % 8; change++)
            file[rand() % 0x620] = (uint8_t)(rand() % 3 ? rand() : 0xff);
        read_all(file, sizeof file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(imports_of_both_kinds_are_found),
                                       cmocka_unit_test(delayed_imports_of_the_first_kind_have_addresses),
                                       cmocka_unit_test(flags_are_read),
                                       cmocka_unit_test(names_are_found_in_both_widths),
                                       cmocka_unit_test(sections_are_found),
                                       cmocka_unit_test(cut_off_programs_do_no_harm),
                                       cmocka_unit_test(damaged_programs_do_no_harm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
