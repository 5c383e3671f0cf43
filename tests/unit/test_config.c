/* test_config: settings from vmmc.ini and the environment, and what is said about wrong ones. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"

static const char *const variables[] = {"VMMC_ENABLED",  "VMMC_INCLUDE_PORTS", "VMMC_EXCLUDE_PORTS",
                                        "VMMC_RING_SIZE", "VMMC_RING_MAX",     "VMMC_SPIN",
                                        "VMMC_WAIT",     "VMMC_LOG_LEVEL",     "VMMC_LOG_FILE",
                                        "VMMC_MEET_AFTER", "VMMC_MEET_EARLY"};
static char ini_path[64], log_path[64];

static int fresh_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    strcpy(ini_path, "/tmp/vmmc-unit-ini-XXXXXX");
    strcpy(log_path, "/tmp/vmmc-unit-log-XXXXXX");
    close(mkstemp(ini_path));
    close(mkstemp(log_path));
    setenv("VMMC_LOG_LEVEL", "error", 1);
    setenv("VMMC_LOG_FILE", log_path, 1);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(ini_path);
    unlink(log_path);
    return 0;
}

static void write_ini(const char *text)
{
    FILE *file = fopen(ini_path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static unsigned log_lines(const char *with)
{
    char line[1024];
    unsigned count = 0;
    FILE *file = fopen(log_path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        count += strstr(line, with) != NULL;
    fclose(file);
    return count;
}

static void defaults_hold_without_any_source(void **state)
{
    config_t config;
    (void)state;
    unsetenv("VMMC_LOG_LEVEL");
    unsetenv("VMMC_LOG_FILE");
    config_load(&config, NULL);
    assert_true(config.enabled);
    assert_int_equal(config.ring_bytes, 16 << 10);
    assert_int_equal(config.ring_max_bytes, 4 << 20);
    assert_int_equal(config.meet_after, 4);
    assert_int_equal(config.meet_early, EARLY_LEARN);
    assert_int_equal(config.rings_mb, sizeof(void *) == 8 ? 1024 : 256);
    assert_int_equal(config.spin_us, 100);
    assert_int_equal(config.wait, WAIT_AUTO);
    assert_int_equal(config.blocking_hooks, HOOKS_AUTO);
    assert_int_equal(config.log_level, LOG_OFF);
    assert_true(config_allows_ports(&config, 1, 65535));
}

static void a_missing_file_is_no_error(void **state)
{
    config_t config;
    (void)state;
    config_load(&config, "/nonexistent/vmmc.ini");
    assert_true(config.enabled);
    assert_int_equal(log_lines(""), 0);
}

static void the_file_sets_every_value(void **state)
{
    config_t config;
    (void)state;
    write_ini("; a comment\r\n# another\r\n[vmmc]\r\n\r\nenabled=0\r\n  include_ports = 80, 8000-8999 \r\n"
              "exclude_ports=8080\r\nring_size=128K\r\nring_max=4m\r\nspin = 0\r\nwait = event\r\n"
              "blocking_hooks = 1\r\nmeet_early=off\r\n");
    config_load(&config, ini_path);
    assert_int_equal(log_lines(""), 0);
    assert_false(config.enabled);
    assert_int_equal(config.include.count, 2);
    assert_int_equal(config.include.ranges[1].first, 8000);
    assert_int_equal(config.include.ranges[1].last, 8999);
    assert_int_equal(config.exclude.count, 1);
    assert_int_equal(config.ring_bytes, 128 << 10);
    assert_int_equal(config.ring_max_bytes, 4 << 20);
    assert_int_equal(config.meet_early, EARLY_OFF);
    assert_int_equal(config.spin_us, 0);
    assert_int_equal(config.wait, WAIT_EVENT);
    assert_int_equal(config.blocking_hooks, HOOKS_ON);
}

static void the_environment_goes_before_the_file(void **state)
{
    config_t config;
    (void)state;
    write_ini("spin=5\nwait=event\nlog_level=debug\nenabled=0");
    setenv("VMMC_SPIN", "77", 1);
    setenv("VMMC_MEET_AFTER", "0", 1);
    setenv("VMMC_WAIT", "futex", 1);
    setenv("VMMC_ENABLED", "", 1); /* empty is not set */
    config_load(&config, ini_path);
    assert_int_equal(config.spin_us, 77);
    assert_int_equal(config.meet_after, 0);
    assert_int_equal(config.wait, WAIT_FUTEX);
    assert_int_equal(config.log_level, LOG_ERROR);
    assert_false(config.enabled);
}

typedef struct wrong_value {
    const char *name, *value;
} wrong_value_t;

static const wrong_value_t wrong_values[] = {
    {"VMMC_ENABLED", "yes"},          {"VMMC_ENABLED", "2"},
    {"VMMC_RING_SIZE", "0"},          {"VMMC_RING_SIZE", "2K"},
    {"VMMC_RING_SIZE", "65537"},      {"VMMC_RING_SIZE", "100K"},
    {"VMMC_RING_SIZE", "64KB"},       {"VMMC_RING_SIZE", "-65536"},
    {"VMMC_RING_SIZE", "32M"},        {"VMMC_RING_SIZE", "4294967296M"},
    {"VMMC_RING_MAX", "1G"},          {"VMMC_RING_MAX", "99999999999999999999"},
    {"VMMC_RING_MAX", "18446744073709617152"}, {"VMMC_SPIN", "1e3"},
    {"VMMC_SPIN", "100001"},          {"VMMC_SPIN", "0x10"},
    {"VMMC_SPIN", "+1"},              {"VMMC_SPIN", "K"},
    {"VMMC_MEET_AFTER", "-1"},        {"VMMC_MEET_AFTER", "soon"},
    {"VMMC_MEET_EARLY", "1"},         {"VMMC_MEET_EARLY", "no"},
    {"VMMC_BLOCKING_HOOKS", "auto"},  {"VMMC_BLOCKING_HOOKS", "2"},
    {"VMMC_WAIT", "poll"},            {"VMMC_WAIT", "FUTEX"},
    {"VMMC_INCLUDE_PORTS", "0"},      {"VMMC_INCLUDE_PORTS", "65536"},
    {"VMMC_INCLUDE_PORTS", "90-80"},  {"VMMC_INCLUDE_PORTS", "80-"},
    {"VMMC_INCLUDE_PORTS", "-80"},    {"VMMC_INCLUDE_PORTS", "80;90"},
    {"VMMC_EXCLUDE_PORTS", "http"},   {"VMMC_EXCLUDE_PORTS", "1-2-3"},
    {"VMMC_EXCLUDE_PORTS", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33"},
    {"VMMC_EXCLUDE_PORTS", "111111111111111111111111"},
};

static void wrong_values_are_reported_and_the_defaults_used(void **state)
{
    config_t defaults, config;
    (void)state;
    config_load(&defaults, NULL);
    for (unsigned i = 0; i < sizeof wrong_values / sizeof *wrong_values; i++) {
        setenv(wrong_values[i].name, wrong_values[i].value, 1);
        config_load(&config, NULL);
        assert_memory_equal(&config, &defaults, sizeof config);
        assert_int_equal(log_lines(wrong_values[i].name), 1);
        assert_int_equal(log_lines(""), 1);
        unsetenv(wrong_values[i].name);
        assert_int_equal(truncate(log_path, 0), 0);
    }
}

static void wrong_lines_of_the_file_are_reported_with_its_name(void **state)
{
    config_t config;
    (void)state;
    write_ini("nonsense\nspin=lots\nunknown=1\nspin=12\n");
    config_load(&config, ini_path);
    assert_int_equal(config.spin_us, 12);
    assert_int_equal(log_lines(ini_path), 3);
    assert_int_equal(log_lines("unknown"), 1);
}

static void a_flood_of_wrong_lines_does_no_harm(void **state)
{
    config_t config;
    char *text = calloc(1, 100000);
    (void)state;
    for (int i = 0; i < 200; i++)
        memset(text + strlen(text), i % 2 ? '\n' : 'x', 1 + (size_t)i % 2 * 2 + (size_t)(i * 7) % 400);
    write_ini(text);
    config_load(&config, ini_path);
    assert_in_range(log_lines(""), 1, 8);
    free(text);
}

static void ports_are_included_and_excluded(void **state)
{
    config_t config;
    (void)state;
    setenv("VMMC_INCLUDE_PORTS", "80,8000-8010 9000", 1);
    setenv("VMMC_EXCLUDE_PORTS", "8005-8006", 1);
    config_load(&config, NULL);
    assert_true(config_allows_ports(&config, 80, 40000));
    assert_true(config_allows_ports(&config, 40000, 80));
    assert_true(config_allows_ports(&config, 8010, 40000));
    assert_true(config_allows_ports(&config, 40000, 9000));
    assert_false(config_allows_ports(&config, 7999, 8011));
    assert_false(config_allows_ports(&config, 8005, 40000));
    assert_false(config_allows_ports(&config, 80, 8006));
}

int main(int argc, char **argv)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh_files, remove_files)
    const struct CMUnitTest tests[] = {
        CASE(defaults_hold_without_any_source),
        CASE(a_missing_file_is_no_error),
        CASE(the_file_sets_every_value),
        CASE(the_environment_goes_before_the_file),
        CASE(wrong_values_are_reported_and_the_defaults_used),
        CASE(wrong_lines_of_the_file_are_reported_with_its_name),
        CASE(a_flood_of_wrong_lines_does_no_harm),
        CASE(ports_are_included_and_excluded),
    };
    return unit_main_bare(argc, argv, tests);
}
