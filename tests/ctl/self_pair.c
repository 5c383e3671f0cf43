/* self_pair: see self_pair.h. */
#include "self_pair.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>

void self_pair_fail(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

void self_pair(SOCKET pair[2])
{
    WSADATA data;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f};
    int size = sizeof address;
    char byte = 0;
    if (WSAStartup(MAKEWORD(1, 1), &data) != 0)
        self_pair_fail("WSAStartup");
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &size) ||
        connect(pair[0], (struct sockaddr *)&address, size))
        self_pair_fail("connect");
    pair[1] = accept(listener, NULL, NULL);
    for (int i = 0; i < 100; i++) {
        if (send(pair[0], &byte, 1, 0) != 1 || recv(pair[1], &byte, 1, 0) != 1)
            self_pair_fail("send and recv");
    }
}

void self_pair_rest(const char *ready)
{
    FILE *file = fopen(ready, "w");
    if (!file)
        self_pair_fail("opening the file");
    fputs("ready\n", file);
    fclose(file);
    Sleep(INFINITE);
}
