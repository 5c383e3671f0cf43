/* os_linux: Linux' futex, membarrier and files, called from PE code under Wine.
 *
 * A raw system call is a bet on what lies below.  It is made only where Wine says that its host is Linux and a call
 * with a number that Linux does not have answers "no such call" (-38): newer Wines route raw calls of PE code to their
 * own dispatcher, where the same numbers mean something else.  The 32-bit entry (int 0x80) is proved by itself, since
 * each build of this file contains only its own. */
#include "os.h"
#include "nt.h"

#include <string.h>

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define PRIVATE_EXPEDITED 8
#define REGISTER_PRIVATE_EXPEDITED 16
#define OPEN_TO_READ 02000000 /* and not by programs that this one starts */
#define IMPOSSIBLE_CALL 0xFFF
#define NO_SUCH_CALL (-38)
#define TIMED_OUT (-110)

#ifdef _WIN64
#define READ_CALL 0
#define OPEN_CALL 2
#define CLOSE_CALL 3
#define FUTEX_CALL 202
#define MEMBARRIER_CALL 324
typedef int64_t native_t;

static native_t raw_call(native_t number, const void *a, native_t b, native_t c, const void *d)
{
    register const void *fourth __asm__("r10") = d;
    native_t result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}

static void skip_call(CONTEXT *context)
{
    context->Rip += 2;
    context->Rax = 0;
}

#else
#define READ_CALL 3
#define OPEN_CALL 5
#define CLOSE_CALL 6
#define FUTEX_CALL 240
#define MEMBARRIER_CALL 375
typedef int32_t native_t;

static native_t raw_call(native_t number, const void *a, native_t b, native_t c, const void *d)
{
    native_t result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
    return result;
}

static void skip_call(CONTEXT *context)
{
    context->Eip += 2;
    context->Eax = 0;
}
#endif

static word_t probing_thread;

/* Both entries are two bytes long: a trap in the probe is answered by stepping over it with result 0. */
static LONG CALLBACK survive_probe(EXCEPTION_POINTERS *trap)
{
    if (load_relaxed(&probing_thread) != GetCurrentThreadId())
        return EXCEPTION_CONTINUE_SEARCH;
    skip_call(trap->ContextRecord);
    return EXCEPTION_CONTINUE_EXECUTION;
}

static bool probe(void)
{
    const char *host = nt_wine_host();
    if (!host || strcmp(host, "Linux") != 0)
        return false;
    void *handler = AddVectoredExceptionHandler(1, survive_probe);
    if (!handler)
        return false;
    store_relaxed(&probing_thread, GetCurrentThreadId());
    native_t answer = raw_call(IMPOSSIBLE_CALL, NULL, 0, 0, NULL);
    store_relaxed(&probing_thread, 0);
    RemoveVectoredExceptionHandler(handler);
    return answer == NO_SUCH_CALL;
}

bool os_futex_works(void)
{
    static word_t verdict; /* 0 not asked, 1 no, 2 yes */
    uint32_t known = load_acquire(&verdict);
    if (!known) {
        known = probe() ? 2 : 1;
        store_release(&verdict, known);
    }
    return known == 2;
}

bool os_futex_wait(word_t *word, uint32_t seen, uint64_t timeout_us)
{
    native_t timeout[2] = {(native_t)(timeout_us / 1000000u), (native_t)(timeout_us % 1000000u * 1000u)};
    return raw_call(FUTEX_CALL, (const void *)word, FUTEX_WAIT, (native_t)seen, timeout) == TIMED_OUT;
}

void os_futex_wake(word_t *word)
{
    raw_call(FUTEX_CALL, (const void *)word, FUTEX_WAKE, 1, NULL);
}

bool os_host_file(const char *path, char *text, size_t size)
{
    native_t fd = os_futex_works() ? raw_call(OPEN_CALL, path, OPEN_TO_READ, 0, NULL) : -1;
    if (fd < 0)
        return false;
    native_t count = raw_call(READ_CALL, (const void *)fd, (native_t)(uintptr_t)text, (native_t)size - 1, NULL);
    raw_call(CLOSE_CALL, (const void *)fd, 0, 0, NULL);
    text[count > 0 ? count : 0] = 0;
    return count > 0;
}

static native_t membarrier(native_t command)
{
    return raw_call(MEMBARRIER_CALL, (const void *)command, 0, 0, NULL);
}

static enum fence { FENCE_UNKNOWN, FENCE_NONE, FENCE_OF_WINDOWS, FENCE_OF_LINUX } find_fence(void)
{
    if (!nt_is_wine())
        return FENCE_OF_WINDOWS;
    /* Wine 8's FlushProcessWriteBuffers() does nothing, and does not say so. */
    return os_futex_works() && membarrier(REGISTER_PRIVATE_EXPEDITED) == 0 ? FENCE_OF_LINUX : FENCE_NONE;
}

static word_t fence; /* an enum fence */

bool os_fence_everywhere_works(void)
{
    if (load_acquire(&fence) == FENCE_UNKNOWN)
        store_release(&fence, find_fence());
    return load_acquire(&fence) != FENCE_NONE;
}

/* Called with spin locks held, so nothing may be asked of the loader here. */
void os_fence_everywhere(void)
{
    if (load_acquire(&fence) == FENCE_OF_WINDOWS)
        FlushProcessWriteBuffers();
    else
        while (membarrier(PRIVATE_EXPEDITED) != 0)
            os_yield(UINT32_MAX); /* it may want for memory */
}
