/* odd: calls that no sensible program makes, and that must fail alike. */
#ifndef DIFF_ODD_H
#define DIFF_ODD_H

#include "say.h"

#include <winsock.h>

void odd_start(void);
/* 0 ... ODD_CALLS-1 never block; ODD_READS more do when there is nothing to read. */
void odd_on_socket(unsigned call, SOCKET s, unsigned number, say_t *say);
/* A call on a handle that is no socket (any more): 0 ... ODD_HANDLE_CALLS-1. */
void odd_on_handle(unsigned call, SOCKET s, say_t *say);
void odd_on_bad_handle(unsigned call, unsigned handle, say_t *say);
void odd_socket(unsigned which, say_t *say);

#endif
