/* connections: see connections.h. */
#include "connections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_endpoint(const endpoint_t *a, const endpoint_t *b)
{
    return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

static const end_t *find_other(const survey_t *survey, const end_t *one)
{
    for (unsigned i = 0; i < survey->end_count; i++) {
        const end_t *end = &survey->ends[i];
        if (end != one && end->self.port && same_endpoint(&end->self, &one->peer) &&
            same_endpoint(&end->peer, &one->self))
            return end;
    }
    return NULL;
}

/* ---- reasons ---- */

static bool is_final(const end_t *end)
{
    return end->sends.carrier == CARRIER_FINAL && end->receives.carrier == CARRIER_FINAL;
}

static bool is_user_level(const end_t *end)
{
    return end->state == END_USER && !end->broken && !is_final(end);
}

/* NULL: this end gives none. */
static const char *own_reason(const end_t *end, char text[200])
{
    if (end->broken)
        return "the connection was reset: the other end broke a rule or did not answer in time";
    if (end->state == END_KERNEL || (end->state == END_USER && is_final(end))) {
        if (!end->why[0])
            return NULL;
        snprintf(text, 200, "%s%s", end->state == END_USER ? "it went back to the kernel because of " : "", end->why);
        return text;
    }
    if (end->state == END_YOUNG) {
        snprintf(text, 200, "it is too young: %llu calls so far that moved bytes (the setting meet_after)",
                 (unsigned long long)(end->sends.messages + end->receives.messages));
        return text;
    }
    if (end->state == END_MEETING)
        return "its other end has not turned up: no DLL there, another user, session or Wine prefix, or it is too young "
               "there (fewer calls than meet_after), or has not called accept yet";
    return NULL;
}

static const char *not_yet(const end_t *end)
{
    if (!end->receives.consented && !end->sends.switches)
        return "its ends have met; each direction goes on by a ring once its receiver has called recv, select or the "
               "like";
    return "";
}

/* Both ends have the DLL, and at least one waits for the other. */
static const char *not_met(const connection_t *connection)
{
    if (connection->one->layout != connection->other->layout)
        return "the DLLs of its two ends are of different releases; give both the same";
    return "its ends have not met yet: each has to call send, recv or the like once more";
}

static void explain(connection_t *connection)
{
    const end_t *one = connection->one, *other = connection->other;
    char text[200];
    const char *reason = own_reason(one, text);
    char name[64] = "";
    if ((!reason || one->state == END_MEETING) && other && own_reason(other, text) && other->state != END_MEETING) {
        reason = own_reason(other, text);
        snprintf(name, sizeof name, "%.50s says: ", other->name);
    }
    if (other && one->state == END_MEETING && !name[0])
        reason = not_met(connection);
    if (!reason && connection->user_level)
        reason = not_yet(one);
    if (!reason)
        reason = one->state == END_USER ? "the other end took it back to the kernel" : "this end does not say why";
    snprintf(connection->reason, sizeof connection->reason, "%s%s", name, reason);
}

/* ---- which are local ---- */

static bool is_loopback(const endpoint_t *end)
{
    static const uint8_t v4[13] = {[10] = 0xff, [11] = 0xff, [12] = 127}, v6[16] = {[15] = 1};
    return memcmp(end->address, v4, sizeof v4) == 0 || memcmp(end->address, v6, sizeof v6) == 0;
}

static bool is_local(const connection_t *connection)
{
    const end_t *one = connection->one;
    return connection->other || one->state == END_USER || one->state == END_MEETING || one->state == END_YOUNG ||
           is_loopback(&one->peer) || memcmp(one->self.address, one->peer.address, sizeof one->self.address) == 0;
}

/* ---- all of them ---- */

static int compare(const void *a, const void *b)
{
    const end_t *first = ((const connection_t *)a)->one, *second = ((const connection_t *)b)->one;
    int order = memcmp(first->self.address, second->self.address, sizeof first->self.address);
    if (!order)
        order = (first->self.port > second->self.port) - (first->self.port < second->self.port);
    return order ? order : (first->pid > second->pid) - (first->pid < second->pid);
}

static bool is_connected(const end_t *end)
{
    return end->state == END_YOUNG ||
           (end->state != END_OPEN && end->state != END_LISTENS && end->self.port && end->peer.port);
}

connection_t *connections_of(const survey_t *survey, unsigned *count)
{
    connection_t *found = calloc(survey->end_count + 1u, sizeof *found);
    *count = 0;
    for (unsigned i = 0; found && i < survey->end_count; i++) {
        connection_t *connection = &found[*count];
        connection->one = &survey->ends[i];
        if (!is_connected(connection->one))
            continue;
        connection->other = find_other(survey, connection->one);
        if (connection->other && connection->other < connection->one && is_connected(connection->other))
            continue; /* it stands there as the other one's other end */
        connection->user_level =
            is_user_level(connection->one) && (!connection->other || is_user_level(connection->other));
        connection->local = is_local(connection);
        explain(connection);
        (*count)++;
    }
    if (found)
        qsort(found, *count, sizeof *found, compare);
    return found;
}

void connection_address(const endpoint_t *end, char text[60])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *a = end->address;
    if (!end->port) {
        snprintf(text, 60, "not asked yet");
        return;
    }
    if (memcmp(a, mapped, sizeof mapped) == 0) {
        snprintf(text, 60, "%u.%u.%u.%u:%u", a[12], a[13], a[14], a[15], end->port);
        return;
    }
    int used = snprintf(text, 60, "[");
    for (unsigned i = 0; i < 16; i += 2)
        used += snprintf(text + used, 60 - (size_t)used, i ? ":%x" : "%x", (unsigned)(a[i] << 8 | a[i + 1]));
    snprintf(text + used, 60 - (size_t)used, "]:%u", end->port);
}
