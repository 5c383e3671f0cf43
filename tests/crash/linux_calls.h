/* linux_calls: what a Windows program under Wine asks Linux for itself.  Only where os_futex_works(), the proof that raw
 * calls reach Linux. */
#ifndef CRASH_LINUX_CALLS_H
#define CRASH_LINUX_CALLS_H

#include <stdint.h>

/* The number of this process in /proc. */
static inline int linux_own_number(void)
{
#ifdef _WIN64
    int64_t pid;
    __asm__ volatile("syscall" : "=a"(pid) : "a"(39) : "rcx", "r11", "memory");
    return (int)pid;
#else
    int pid;
    __asm__ volatile("int $0x80" : "=a"(pid) : "a"(20) : "memory");
    return pid;
#endif
}

/* SIGKILL for a process by its number in /proc: not even Wine sees it coming. */
static inline void linux_kill(int number)
{
#ifdef _WIN64
    int64_t ignored;
    __asm__ volatile("syscall" : "=a"(ignored) : "a"(62), "D"((int64_t)number), "S"(9) : "rcx", "r11", "memory");
#else
    int ignored;
    __asm__ volatile("int $0x80" : "=a"(ignored) : "a"(37), "b"(number), "c"(9) : "memory");
#endif
}

#endif
