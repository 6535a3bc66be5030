/* The bridge is compiled with pthread_create and the allocation functions renamed to these, which can be made to
 * fail. */
#ifndef INTERPOSE_H
#define INTERPOSE_H

#include <stdatomic.h>

extern atomic_int fail_threads;              /* how many of the next threads cannot be created */
extern _Thread_local int fail_allocation_at; /* 1: this thread's next allocation fails, 2: the one after it; 0: none */
extern void (*_Atomic on_malloc)(void);      /* called by malloc, to hold a thread up there; NULL: none */

#endif
