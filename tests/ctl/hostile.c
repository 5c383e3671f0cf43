/* hostile: has our DLL and one connection to itself, then tells lies about them to whoever reads its memory.
 * usage: hostile LIE READY-FILE      writes the file when the lie is told, then sleeps until it is killed */
#include "self_pair.h"

#include <inspection.h>

#include <windows.h>
#include <winternl.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- something to lie about ---- */

static inspection_block_t *find_block(void)
{
    uint8_t *base = (uint8_t *)GetModuleHandleA("wsock32.dll");
    IMAGE_NT_HEADERS *headers = (IMAGE_NT_HEADERS *)(void *)(base + ((IMAGE_DOS_HEADER *)(void *)base)->e_lfanew);
    IMAGE_SECTION_HEADER *section = IMAGE_FIRST_SECTION(headers);
    for (unsigned i = 0; i < headers->FileHeader.NumberOfSections; i++) {
        DWORD before;
        if (strncmp((char *)section[i].Name, INSPECTION_SECTION, 8) == 0 &&
            VirtualProtect(base + section[i].VirtualAddress, sizeof(inspection_block_t), PAGE_READWRITE, &before))
            return (inspection_block_t *)(void *)(base + section[i].VirtualAddress);
    }
    self_pair_fail("finding the block");
    return NULL;
}

/* ---- lies ---- */

static inspection_table_t false_table;
static inspection_process_t false_process;
static uint32_t many = 0xffffffff;

static void tell_garbage(inspection_block_t *block)
{
    for (size_t i = 0; i < sizeof *block; i++)
        ((uint8_t *)block)[i] = (uint8_t)rand();
}

static void point_nowhere(inspection_block_t *block)
{
    block->table.there = 0xfffffffffffffff0u;
    block->process.there = 1;
}

/* Every slot of 65,536 pages is the same entry, of whatever the memory here holds. */
static void be_endless(inspection_block_t *block)
{
    static void *page[1024], *pages[65536];
    for (unsigned i = 0; i < 1024; i++)
        page[i] = block;
    for (unsigned i = 0; i < 65536; i++)
        pages[i] = page;
    false_table = (inspection_table_t){{pages}, {&many}, 0xffffffff, 1024};
    block->table.here = &false_table;
}

static void point_outside(inspection_block_t *block)
{
    for (unsigned i = 0; i < INSPECTION_FIELDS; i++)
        block->fields[i] = (inspection_field_at_t){0xfff0, 0xffff};
}

static void tell_a_long_reason(inspection_block_t *block)
{
    static char endless[1 << 16];
    static const char *reason = endless;
    memset(endless, 0x1b, sizeof endless);
    false_process = (inspection_process_t){{&many}, {&many}, {&reason}};
    block->process.here = &false_process;
}

/* The list of modules leads back to itself, past its own head. */
static void turn_modules_round(inspection_block_t *block)
{
    PROCESS_BASIC_INFORMATION basic;
    NTSTATUS(NTAPI * query)
    (HANDLE, int, void *, ULONG, ULONG *) =
        (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtQueryInformationProcess");
    (void)block;
    if (query(GetCurrentProcess(), 0, &basic, sizeof basic, NULL) < 0)
        self_pair_fail("asking for the environment block");
    LIST_ENTRY *order = basic.PebBaseAddress->Ldr->InMemoryOrderModuleList.Flink;
    LIST_ENTRY *load = order - 1; /* the other list's entry lies before this one's */
    load->Flink = load;
}

static const struct {
    const char *name;
    void (*tell)(inspection_block_t *block);
} lies[] = {{"garbage", tell_garbage},  {"nowhere", point_nowhere},     {"endless", be_endless},
            {"outside", point_outside}, {"reason", tell_a_long_reason}, {"modules", turn_modules_round}};

int main(int argc, char **argv)
{
    SOCKET pair[2];
    bool told = false;
    if (argc != 3)
        return 2;
    self_pair(pair);
    inspection_block_t *block = find_block();
    for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
        if (strcmp(argv[1], lies[i].name) == 0) {
            lies[i].tell(block);
            told = true;
        }
    }
    if (!told)
        self_pair_fail("telling that lie");
    self_pair_rest(argv[2]);
}
