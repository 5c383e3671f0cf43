/* message_window: a window of this thread for messages alone. */
#ifndef VMMC_TESTS_MESSAGE_WINDOW_H
#define VMMC_TESTS_MESSAGE_WINDOW_H

#include <windows.h>

/* NULL if there is none in ten seconds. */
HWND message_window(void);

#endif
