/* inspection: see inspection.h. */
#include "inspection.h"

#include "fdtab.h"
#include "transport.h"

#include <stddef.h>

#define PLACE(type, member) {offsetof(type, member), sizeof(((type *)0)->member)},
#define SOCK_FIELD(name, member) PLACE(sock_t, member)
#define TX_FIELD(name, member) PLACE(sock_t, stream.tx.member)
#define RX_FIELD(name, member) PLACE(sock_t, stream.rx.member)
#define FLOW_FIELD(name, member) PLACE(flow_shm_t, member)

extern const inspection_block_t inspection_block;

/* Two builds of one version agree on the layout in every byte: a reader of either bitness finds it by its magic. */
static_assert(sizeof(inspection_address_t) == 8, "addresses have 64 bits everywhere");
static_assert(sizeof(sock_t) <= UINT16_MAX, "a field's place fits its word");

__attribute__((section(INSPECTION_SECTION), used)) const inspection_block_t inspection_block = {
    .magic = INSPECTION_MAGIC,
    .version = INSPECTION_VERSION,
    .block_bytes = sizeof(inspection_block_t),
    .pointer_bytes = sizeof(void *),
    .sock_bytes = sizeof(sock_t),
    .flow_bytes = sizeof(flow_shm_t),
    .field_count = INSPECTION_FIELDS,
    .layout = SHM_VERSION,
    .release = VMMC_RELEASE,
    .table = {&fdtab_inspection},
    .process = {&transport_inspection},
    .fields = {INSPECTION_SOCK_FIELDS(SOCK_FIELD) INSPECTION_HALF_FIELDS(TX_FIELD) INSPECTION_HALF_FIELDS(RX_FIELD)
                   INSPECTION_FLOW_FIELDS(FLOW_FIELD)}};
