/* trap: see trap.h.  The handler is called for every exception of the process, before those of the program, so it looks at
 * the exception's kind and place first and leaves all others alone. */
#include "trap.h"

#include <vmmc_guard.h>
#include <windows.h>

extern const char __ImageBase[]; /* the linker puts it at the image's header */

static struct {
    const guard_entry_t *entries;
    size_t count;
    uint32_t code_end; /* no code of ours lies behind */
} trap;

static const void *image(uint32_t address)
{
    return __ImageBase + address;
}

static const guard_entry_t *entry_for(uintptr_t place)
{
    uintptr_t address = place - (uintptr_t)image(0);
    if (address >= trap.code_end)
        return NULL;
    for (const guard_entry_t *entry = trap.entries; entry < trap.entries + trap.count; entry++)
        if (address >= entry->text + entry->begin && address < entry->text + entry->end)
            return entry;
    return NULL;
}

/* Wine takes an impossible address that is based on a stack register for a fault of the stack. */
static bool is_of_memory(DWORD code)
{
    return code == EXCEPTION_ACCESS_VIOLATION || code == EXCEPTION_IN_PAGE_ERROR || code == EXCEPTION_GUARD_PAGE ||
           code == EXCEPTION_STACK_OVERFLOW;
}

static LONG CALLBACK go_on_where_the_table_says(EXCEPTION_POINTERS *fault)
{
    if (!is_of_memory(fault->ExceptionRecord->ExceptionCode))
        return EXCEPTION_CONTINUE_SEARCH;
#ifdef _WIN64
    DWORD64 *place = &fault->ContextRecord->Rip;
#else
    DWORD *place = &fault->ContextRecord->Eip;
#endif
    const guard_entry_t *entry = entry_for(*place);
    if (!entry)
        return EXCEPTION_CONTINUE_SEARCH;
    *place = (uintptr_t)image(entry->text + entry->fault);
    return EXCEPTION_CONTINUE_EXECUTION;
}

bool trap_start(void)
{
    const IMAGE_DOS_HEADER *start = image(0);
    const IMAGE_NT_HEADERS *header = image((uint32_t)start->e_lfanew);
    const IMAGE_SECTION_HEADER *section = IMAGE_FIRST_SECTION(header);
    for (WORD i = 0; i < header->FileHeader.NumberOfSections; i++) {
        if (strncmp((const char *)section[i].Name, GUARD_SECTION, sizeof section[i].Name) == 0) {
            trap.entries = image(section[i].VirtualAddress);
            trap.count = section[i].Misc.VirtualSize / sizeof *trap.entries;
        }
    }
    trap.code_end = header->OptionalHeader.SizeOfImage;
    return trap.count && AddVectoredExceptionHandler(1, go_on_where_the_table_says);
}
