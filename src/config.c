/* config: see config.h. */
#include "config.h"

#include "vmmc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

static bool parse_bool(const char *text, bool *out)
{
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
        return false;
    *out = text[0] == '1';
    return true;
}

/* A number, perhaps with K or M behind it. */
static bool parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *out)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    unsigned long value = strtoul(text, &end, 10);
    unsigned shift = *end == 'K' || *end == 'k' ? 10 : *end == 'M' || *end == 'm' ? 20 : 0;
    if (shift)
        end++;
    if (*end || value > (most >> shift) || (value << shift) < least)
        return false;
    *out = (uint32_t)(value << shift);
    return true;
}

static bool parse_ring(const char *text, uint32_t *out)
{
    uint32_t value;
    if (!parse_number(text, 4096, 4u << 20, &value) || (value & (value - 1)) != 0)
        return false;
    *out = value;
    return true;
}

static bool parse_word(const char *text, const char *const *words, int *out)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool parse_range(const char *text, port_range_t *out)
{
    uint32_t first, last;
    char copy[16];
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    char *dash = strchr(copy, '-');
    if (dash)
        *dash = 0;
    if (!parse_number(copy, 1, 65535, &first) || !parse_number(dash ? dash + 1 : copy, first, 65535, &last))
        return false;
    *out = (port_range_t){(uint16_t)first, (uint16_t)last};
    return true;
}

static bool parse_ports(const char *text, port_set_t *out)
{
    port_set_t set = {0};
    char copy[512];
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    for (char *item = strtok(copy, ", "); item; item = strtok(NULL, ", ")) {
        if (set.count == CONFIG_MAX_RANGES || !parse_range(item, &set.ranges[set.count++]))
            return false;
    }
    *out = set;
    return true;
}

/* ---- settings by name ---- */

static bool set_value(config_t *config, const char *name, const char *text)
{
    static const char *const waits[] = {"auto", "futex", "event", NULL};
    static const char *const earlies[] = {"off", "learn", "always", NULL};
    static const char *const levels[] = {"off", "error", "info", "debug", NULL};
    int choice;
    bool wanted;
    if (strcmp(name, "enabled") == 0)
        return parse_bool(text, &config->enabled);
    if (strcmp(name, "include_ports") == 0)
        return parse_ports(text, &config->include);
    if (strcmp(name, "exclude_ports") == 0)
        return parse_ports(text, &config->exclude);
    if (strcmp(name, "ring_size") == 0)
        return parse_ring(text, &config->ring_bytes);
    if (strcmp(name, "ring_max") == 0)
        return parse_ring(text, &config->ring_max_bytes);
    if (strcmp(name, "rings") == 0)
        return parse_number(text, 4, 65536, &config->rings_mb);
    if (strcmp(name, "meet_after") == 0)
        return parse_number(text, 0, 1000000, &config->meet_after);
    if (strcmp(name, "meet_early") == 0 && parse_word(text, earlies, &choice)) {
        config->meet_early = (early_choice_t)choice;
        return true;
    }
    if (strcmp(name, "spin") == 0)
        return parse_number(text, 0, 100000, &config->spin_us);
    if (strcmp(name, "wait") == 0 && parse_word(text, waits, &choice)) {
        config->wait = (wait_choice_t)choice;
        return true;
    }
    if (strcmp(name, "blocking_hooks") == 0 && parse_bool(text, &wanted)) {
        config->blocking_hooks = wanted ? HOOKS_ON : HOOKS_OFF;
        return true;
    }
    if (strcmp(name, "log_level") == 0 && parse_word(text, levels, &choice)) {
        config->log_level = (log_level_t)choice;
        return true;
    }
    if (strcmp(name, "log_file") == 0 && strlen(text) < sizeof config->log_file) {
        strcpy(config->log_file, text);
        return true;
    }
    return false;
}

static const char *const setting_names[] = {"enabled", "include_ports", "exclude_ports", "ring_size", "ring_max",
                                            "rings",   "spin",          "wait",          "log_level", "log_file",
                                            "blocking_hooks", "meet_after", "meet_early", NULL};

static bool is_setting(const char *name)
{
    int ignored;
    return parse_word(name, setting_names, &ignored);
}

/* ---- sources ---- */

typedef struct complaints {
    unsigned count;
    char text[8][256];
} complaints_t;

static void complain(complaints_t *complaints, const char *where, const char *name, const char *text)
{
    if (complaints->count == 8)
        return;
    snprintf(complaints->text[complaints->count++], sizeof complaints->text[0],
             "setting %.40s = %.60s (%.60s) is not valid; the default is used", name, text, where);
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        text[--length] = 0;
    return text;
}

static void read_line(config_t *config, char *line, const char *path, complaints_t *complaints)
{
    char *text = trim(line);
    if (!*text || *text == ';' || *text == '#' || *text == '[')
        return;
    char *equals = strchr(text, '=');
    if (!equals) {
        complain(complaints, path, text, "");
        return;
    }
    *equals = 0;
    char *name = trim(text), *value = trim(equals + 1);
    if (!is_setting(name) || !set_value(config, name, value))
        complain(complaints, path, name, value);
}

static void read_ini(config_t *config, const char *path, complaints_t *complaints)
{
    char line[640];
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file)
        return;
    while (fgets(line, sizeof line, file))
        read_line(config, line, path, complaints);
    fclose(file);
}

static void read_environment(config_t *config, complaints_t *complaints)
{
    for (int i = 0; setting_names[i]; i++) {
        char variable[40] = "VMMC_";
        size_t used = 5;
        for (const char *c = setting_names[i]; *c; c++)
            variable[used++] = (char)toupper((unsigned char)*c);
        variable[used] = 0;
        const char *text = getenv(variable);
        if (text && *text && !set_value(config, setting_names[i], text))
            complain(complaints, "environment", variable, text);
    }
}

void config_load(config_t *config, const char *ini_path)
{
    complaints_t complaints = {0};
    *config = (config_t){.enabled = true,
                         .ring_bytes = 16 << 10,
                         .ring_max_bytes = 4 << 20,
                         .rings_mb = VMMC_BUDGET_DEFAULT >> 20,
                         .meet_after = 4,
                         .meet_early = EARLY_LEARN,
                         .spin_us = 100,
                         .wait = WAIT_AUTO,
                         .log_level = LOG_OFF};
    read_ini(config, ini_path, &complaints);
    read_environment(config, &complaints);
    log_start(config->log_level, config->log_file);
    for (unsigned i = 0; i < complaints.count; i++)
        log_error("%s", complaints.text[i]);
}

/* ---- questions ---- */

bool config_accepts(const char *name, const char *value)
{
    config_t ignored;
    return is_setting(name) && set_value(&ignored, name, value);
}

static bool holds(const port_set_t *set, uint16_t port)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (port >= set->ranges[i].first && port <= set->ranges[i].last)
            return true;
    }
    return false;
}

bool config_allows_ports(const config_t *config, uint16_t port, uint16_t other)
{
    if (holds(&config->exclude, port) || holds(&config->exclude, other))
        return false;
    return config->include.count == 0 || holds(&config->include, port) || holds(&config->include, other);
}
