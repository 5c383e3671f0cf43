/* memory, for fuzzing: included before each source of the layers.  To a sanitizer a large piece of memory is a mapping
 * made and taken down, which would be most of what a script does.  Here some places for such stay mapped, each before a
 * guard page; what is given back is poisoned as any other. */
#ifndef VMMC_FUZZ_MEMORY_H
#define VMMC_FUZZ_MEMORY_H

#include <stdlib.h>

void *fuzz_malloc(size_t size);
void *fuzz_calloc(size_t count, size_t size);
void fuzz_free(void *memory);

#ifndef FUZZ_MEMORY
#define malloc(size) fuzz_malloc(size)
#define calloc(count, size) fuzz_calloc(count, size)
#define free(memory) fuzz_free(memory)
#endif

#endif
