/* test_filecopy: the parts of filecopy that have to be right whatever the other end says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "digest.h"
#include "path.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void good_names_are_taken(void **state)
{
    static const char *const names[] = {
        "a",        "a/b/c.txt",        ".hidden", "a..b", "...x", "CONSOLE", "com", "com10", "with space/x",
        "\xC3\xA4", "a/nil.d/x.y/COMA", "lpt"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        if (path_refusal(names[i]))
            fail_msg("'%s' is refused: %s", names[i], path_refusal(names[i]));
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
    static const char *const names[] = {
        "",
        "/",
        "/etc",
        "//server/share",
        "a//b",
        "a/",
        "..",
        "a/../../b",
        ".",
        "a/./b",
        "C:",
        "C:/x",
        "C:x",
        "a\\..\\b",
        "\\\\server",
        "a:b",
        "f::$DATA",
        "...",
        "a. ",
        "x./y",
        "x /y",
        "a\nb",
        "a\x1b[2J",
        "*",
        "a?",
        "a|b",
        "<",
        "NUL",
        "nul.txt",
        "a/CON",
        "con .x",
        "COM1",
        "lpt9.log",
        "CONIN$",
        "aux/x",
        "a\"b",
        "com\xC2\xB9",
        "PRN",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        if (!path_refusal(names[i]))
            fail_msg("'%s' is taken", names[i]);
}

static void paths_have_their_limits(void **state)
{
    wchar_t path[PATH_MOST];
    char name[PATH_MOST], back[PATH_MOST];
    (void)state;
    assert_true(path_join(path, "Z:/x", "a/\xC3\xA4"));
    assert_true(!wcscmp(path, L"Z:\\x\\a\\\x00E4"));
    assert_true(path_from_wide(back, path));
    assert_string_equal("Z:/x/a/\xC3\xA4", back);
    assert_true(path_join(path, "Z:/x", ""));
    assert_true(!wcscmp(path, L"Z:\\x"));
    assert_false(path_join(path, "Z:/x", "\xFF"));
    memset(name, 'n', sizeof name);
    name[PATH_MOST - 1] = 0;
    assert_false(path_join(path, "Z:/x", name));
}

static uint64_t digest_of(const uint8_t *bytes, size_t count, size_t piece)
{
    digest_t digest;
    digest_begin(&digest);
    for (size_t at = 0; at < count; at += piece)
        digest_add(&digest, bytes + at, count - at < piece ? count - at : piece);
    return digest_end(&digest);
}

enum { SAMPLE = 5000 };

static uint8_t *sample(void)
{
    uint8_t *bytes = malloc(SAMPLE);
    assert_non_null(bytes);
    for (uint32_t i = 0, x = 1; i < SAMPLE; i++, x = x * 1664525 + 1013904223)
        bytes[i] = (uint8_t)(x >> 24);
    return bytes;
}

static void a_digest_does_not_depend_on_the_pieces(void **state)
{
    uint8_t *bytes = sample();
    (void)state;
    for (size_t count = 0; count < SAMPLE; count += count < 200 ? 1 : 777)
        for (size_t piece = 1; piece < 200; piece += 13)
            assert_true(digest_of(bytes, count, SAMPLE) == digest_of(bytes, count, piece));
    free(bytes);
}

static void swap_blocks(uint8_t *bytes, size_t a, size_t b, size_t count)
{
    uint8_t kept[SAMPLE];
    memcpy(kept, bytes + a, count);
    memcpy(bytes + a, bytes + b, count);
    memcpy(bytes + b, kept, count);
}

static void a_digest_sees_damage(void **state)
{
    uint8_t *bytes = sample(), zeros[SAMPLE] = {0};
    const uint64_t sound = digest_of(bytes, SAMPLE, SAMPLE);
    (void)state;
    for (int i = 0; i < SAMPLE; i++) {
        bytes[i] ^= (uint8_t)(1 << i % 8);
        assert_true(digest_of(bytes, SAMPLE, SAMPLE) != sound);
        bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t block = 8; block <= 1024; block *= 2) {
        swap_blocks(bytes, block, 3 * block, block);
        assert_true(digest_of(bytes, SAMPLE, SAMPLE) != sound);
        swap_blocks(bytes, block, 3 * block, block);
    }
    assert_true(digest_of(bytes, SAMPLE, SAMPLE) == sound);
    for (size_t i = 0; i < 200; i++)
        assert_true(digest_of(zeros, i, SAMPLE) != digest_of(zeros, i + 1, SAMPLE));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names_are_taken),    cmocka_unit_test(names_that_lead_elsewhere_are_refused),
        cmocka_unit_test(paths_have_their_limits), cmocka_unit_test(a_digest_does_not_depend_on_the_pieces),
        cmocka_unit_test(a_digest_sees_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
