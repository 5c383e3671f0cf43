/* modules: the loaded modules of this process and the functions they import. */
#ifndef VMMC_MODULES_H
#define VMMC_MODULES_H

#include "nt.h"

typedef void (*module_visitor_t)(HMODULE module, void *context);
/* `slot` is where the address of an imported function lies. */
typedef void (*import_visitor_t)(void **slot, void *context);

void modules_each(module_visitor_t visit, void *context);
/* Call `visit` for each import of `module`, the delayed ones included, resolved or not. */
void module_each_import(HMODULE module, import_visitor_t visit, void *context);
/* Store into an import slot, whatever protects its page; threads that call through it see the old or the new value. */
void module_write_import(void **slot, void *function);
/* This DLL, and keeping it loaded until the process ends. */
HMODULE module_self(void);
void module_pin(void);

#endif
