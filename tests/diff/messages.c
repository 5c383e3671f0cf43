/* messages: see messages.h. */
#include "messages.h"

#include "lockstep.h"
#include "message_window.h"

#include <stdbool.h>
#include <stdlib.h>

enum { MESSAGE = WM_USER + 1, BEACON, PATIENCE_MS = 3000, MOST = 64 };

typedef struct news {
    int sock, event, error;
} news_t;

static struct {
    HWND window;
    SOCKET beacon_from, beacon_to;
    bool used;
    news_t news[MOST];
    unsigned count;
} self;

static void make_beacon(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    int length = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);
    self.beacon_from = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&name, sizeof name) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&name, &length) != 0 ||
        connect(self.beacon_from, (struct sockaddr *)&name, sizeof name) != 0)
        lockstep_fail("no beacon");
    self.beacon_to = accept(listener, NULL, NULL);
    closesocket(listener);
}

void messages_start(void)
{
    self.window = message_window();
    if (!self.window)
        lockstep_fail("no window");
    make_beacon();
    if (WSAAsyncSelect(self.beacon_to, self.window, BEACON, FD_READ) != 0)
        lockstep_fail("no beacon: error %d", WSAGetLastError());
}

int messages_select(SOCKET s, long events)
{
    self.used = true;
    return WSAAsyncSelect(s, self.window, MESSAGE, events);
}

/* ---- taking ---- */

static void keep(const MSG *message, int (*number_of)(SOCKET s))
{
    if (self.count < MOST)
        self.news[self.count++] = (news_t){number_of ? number_of(message->wParam) : -1, WSAGETSELECTEVENT(message->lParam),
                                           WSAGETSELECTERROR(message->lParam)};
}

/* Everything up to the next beacon. */
static bool collect(int (*number_of)(SOCKET s))
{
    MSG message;
    DWORD start = GetTickCount();
    for (;;) {
        DWORD waited = GetTickCount() - start;
        if (PeekMessageA(&message, self.window, WM_USER, WM_USER + 99, PM_REMOVE)) {
            if (message.message == BEACON)
                return true;
            keep(&message, number_of);
        } else if (waited >= PATIENCE_MS) {
            return false;
        } else {
            MsgWaitForMultipleObjects(0, NULL, FALSE, PATIENCE_MS - waited, QS_ALLINPUT);
        }
    }
}

static bool collect_all(int (*number_of)(SOCKET s))
{
    char byte;
    self.count = 0;
    for (int round = 0; round < 2; round++) {
        if (send(self.beacon_from, "b", 1, 0) != 1 || !collect(number_of) || recv(self.beacon_to, &byte, 1, 0) != 1)
            return false;
    }
    return true;
}

static int compare(const void *left, const void *right)
{
    const news_t *a = left, *b = right;
    if (a->sock != b->sock)
        return a->sock - b->sock;
    return a->event != b->event ? a->event - b->event : a->error - b->error;
}

void messages_say(say_t *say, int (*number_of)(SOCKET s))
{
    static const char *const names[] = {"READ", "WRITE", "OOB", "ACCEPT", "CONNECT", "CLOSE"};
    bool complete = collect_all(number_of);
    qsort(self.news, self.count, sizeof self.news[0], compare);
    for (unsigned i = 0; i < self.count; i++) {
        const news_t *news = &self.news[i];
        unsigned bit = 0;
        while (bit < 5 && !(news->event & 1 << bit))
            bit++;
        say_text(say, " s%d %s", news->sock, names[bit]);
        if (news->error)
            say_text(say, "/%d", news->error);
    }
    if (!complete)
        say_text(say, " (the beacon was lost)");
}

void messages_drop(void)
{
    if (self.used)
        collect_all(NULL);
    self.used = false;
}
