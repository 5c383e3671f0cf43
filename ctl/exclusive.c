/* exclusive: see exclusive.h. */
#include "exclusive.h"

#include <nt.h>

#define PATIENCE_MS 20000

static HANDLE mutex;

bool exclusive_begin(void)
{
    if (!mutex)
        mutex = CreateMutexA(NULL, FALSE, "Local\\vmmcctl-record");
    if (!mutex)
        return false;
    DWORD waited = WaitForSingleObject(mutex, PATIENCE_MS);
    return waited == WAIT_OBJECT_0 || waited == WAIT_ABANDONED; /* what a killed one has left, the record tells */
}

void exclusive_end(void)
{
    ReleaseMutex(mutex);
}
