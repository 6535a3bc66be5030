/* State of the process: its generation, whether the interpreter is exiting, and the counts of live objects. */
#define _GNU_SOURCE
#include "internal.h"

#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

static _Atomic uint32_t generation = 1;

uint32_t zkc_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_relaxed);
}

/* After fork, in the child: only the forking thread is left, so every handle of the parent is dead here. Nothing is
 * closed or freed: that would write to the parent's socket, or wait for a lock that no thread will release. */
static void after_fork_in_child(void)
{
    atomic_fetch_add(&generation, 1);
}

void zkc_process_init(void)
{
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

static atomic_int quiet;

void zkc_shutdown_begin(void)
{
    atomic_store(&quiet, 1);
}

void zkc_block_if_shutdown(void)
{
    while (atomic_load(&quiet))
        pause();
}

static atomic_int alive[ZKC_COUNT_HANDLE + 1];

void zkc__count(enum zkc_counted what, int change)
{
    atomic_fetch_add_explicit(&alive[what], change, memory_order_relaxed);
}

void zkc_count_alive(zkc_counts *counts)
{
    counts->sessions = atomic_load(&alive[ZKC_COUNT_SESSION]);
    counts->requests = atomic_load(&alive[ZKC_COUNT_REQUEST]);
    counts->watches = atomic_load(&alive[ZKC_COUNT_WATCH]);
    counts->items = atomic_load(&alive[ZKC_COUNT_ITEM]);
    counts->handles = atomic_load(&alive[ZKC_COUNT_HANDLE]);
}

int zkc_is_main_thread(void)
{
#if defined(__linux__)
    return (pid_t)syscall(SYS_gettid) == getpid();
#elif defined(__APPLE__)
    return pthread_main_np();
#else
    return 0;
#endif
}
