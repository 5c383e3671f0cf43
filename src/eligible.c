/* eligible: see eligible.h. */
#include "eligible.h"

#include "modules.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct data_call {
    const char *name;
    unsigned ordinal; /* in ws2_32; 0: not known by ordinal */
} data_call_t;

/* What moves bytes or watches readiness of a socket. */
static const data_call_t data_calls[] = {
    {"accept", 1},           {"recv", 16},           {"recvfrom", 17},          {"select", 18},
    {"send", 19},            {"sendto", 20},         {"WSAAsyncSelect", 101},   {"WSARecv", 0},
    {"WSARecvFrom", 0},      {"WSASend", 0},         {"WSASendTo", 0},          {"WSASendMsg", 0},
    {"WSASendDisconnect", 0}, {"WSARecvDisconnect", 0}, {"WSAEventSelect", 0},   {"WSAEnumNetworkEvents", 0},
    {"WSAPoll", 0},          {"WSAAccept", 0},       {"WSADuplicateSocketA", 0}, {"WSADuplicateSocketW", 0},
    {"WSAIoctl", 0}};

typedef struct finding {
    bool found;
    char reason[160];
} finding_t;

static bool is_data_call(const char *name, unsigned ordinal)
{
    for (size_t i = 0; i < sizeof data_calls / sizeof *data_calls; i++) {
        if (name ? strcmp(name, data_calls[i].name) == 0
                 : data_calls[i].ordinal && data_calls[i].ordinal == ordinal)
            return true;
    }
    return false;
}

bool eligible_is_data_call(const char *name)
{
    uintptr_t number = (uintptr_t)name;
    return number >> 16 ? is_data_call(name, 0) : is_data_call(NULL, (unsigned)number);
}

static void inspect(const module_import_t *import, void *context)
{
    finding_t *finding = context;
    char name[64];
    if (finding->found || _stricmp(import->dll, "ws2_32.dll") != 0 || !is_data_call(import->name, import->ordinal) ||
        module_is_system(import->module))
        return;
    module_name(import->module, name);
    finding->found = true;
    snprintf(finding->reason, sizeof finding->reason, "%s imports ws2_32's %s itself", name,
             import->name ? import->name : "data calls");
}

/* Written once by whoever finds something first; the process is ineligible from then on. */
static finding_t verdict;

const char *eligible_check_modules(void)
{
    modules_each_import(inspect, &verdict);
    return verdict.found ? verdict.reason : NULL;
}

const char *eligible_check_module(HMODULE module)
{
    module_each_import(module, inspect, &verdict);
    return verdict.found ? verdict.reason : NULL;
}
