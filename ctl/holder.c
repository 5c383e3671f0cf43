/* holder: see holder.h. */
#include "holder.h"

#include <nt.h>
#include <os.h>

#include <stdio.h>

void holder_of_this_run(char holder[HOLDER_NAME])
{
    os_process_id_t self = os_process_self();
    snprintf(holder, HOLDER_NAME, "run-%lu-%lx-%lx", (unsigned long)self.pid, (unsigned long)self.start_high,
             (unsigned long)self.start_low);
}

bool holder_is_gone(const char *holder)
{
    unsigned long pid, high, low;
    if (sscanf(holder, "run-%lu-%lx-%lx", &pid, &high, &low) != 3)
        return false;
    os_process_id_t id = {(uint32_t)pid, (uint32_t)low, (uint32_t)high};
    SetLastError(0);
    uintptr_t watch = os_process_watch(&id);
    if (!watch)
        return GetLastError() != ERROR_ACCESS_DENIED; /* another user's: nobody can say */
    bool gone = os_process_is_dead(watch);
    os_process_unwatch(watch);
    return gone;
}
