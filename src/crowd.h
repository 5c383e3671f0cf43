/* crowd: whether others want the processors that this library's threads would spin on.
 *
 * Two ends of a stream that run at once take two processors from everybody else.  Where somebody else wants them, a
 * thread that waits is to sleep at once, or a third program gets less than beside connections that never spin.  Streams
 * that only keep each other from running are better off spinning: the same work takes a quarter of the time.
 *
 * So there is a crowd for a thread that has spent a good part of the last twentieth of a second in the queue for a
 * processor, while threads that do not belong to this library had a good part of one.  The latter is what is left of
 * all processors' time after what they idled, and what the threads of all processes here have run, which they add up in
 * one shared word.  Only Linux tells; elsewhere there never is a crowd.
 *
 * Owns    the place of that word.
 * Threads any; a crowd_t belongs to one. */
#ifndef VMMC_CROWD_H
#define VMMC_CROWD_H

#include "atomics.h"

#define CROWD_LOOK_US 50000u    /* between two looks, which take some twenty microseconds */
#define CROWD_FORGET_US 200000u /* what was found so long ago is not compared with */
#define CROWD_QUEUED 3u         /* in the queue for a third of the time, or longer */
#define CROWD_OTHERS 500u       /* thousandths of one processor that others have had, or more */

typedef struct crowd {
    uint64_t looked;      /* us, on the caller's clock; 0: never */
    uint64_t ran, queued; /* this thread, by then */
    uint64_t idle;        /* all processors, by then */
    uint32_t ours;        /* all threads of ours, by then */
    uint32_t others;      /* thousandths of one processor, lately */
    bool is_here;
} crowd_t;

/* Where the threads of all processes count the microseconds that they run, modulo 2^32.  Until then there is no crowd.
 */
void crowd_count_in(word_t *ran_us);
/* What is known about the calling thread, whose `crowd` is, asking the system if it is time to. */
bool crowd_look(crowd_t *crowd, uint64_t now_us);

#endif
