/* Threads asleep on a word. On Linux a futex: one system call to sleep. It returns when a signal handler has run, which
 * makes Ctrl-C immediate in a blocked call. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

int64_t zkc_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint32_t zkc_word_get(zkc_word *word)
{
    return atomic_load(word);
}

#ifdef __linux__

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif

int zkc_word_wait(zkc_word *word, uint32_t expected, int64_t nanoseconds)
{
    struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nanoseconds < 0 ? NULL : &limit, NULL, 0);

    if (rc == 0 || errno == EAGAIN)
        return ZKC_WOKEN;
    return errno == ETIMEDOUT ? ZKC_TIMED_OUT : ZKC_INTERRUPTED;
}

void zkc_word_wake(zkc_word *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    if (atomic_load(&zkc__sleeper_count) != 0)
        zkc__sleepers_wake(word);
}

#else

/* Elsewhere: a few condition variables shared by address. A signal does not end the wait. So waits are short, and the
 * caller, which looks for signals after each, sees it a moment later. */
#define SHARES 32
#define LONGEST_NS 50000000

static struct share {
    pthread_mutex_t lock;
    pthread_cond_t changed;
} shares[SHARES];
static pthread_once_t shares_once = PTHREAD_ONCE_INIT;

static void init_shares(void)
{
    for (int i = 0; i < SHARES; i++) {
        pthread_mutex_init(&shares[i].lock, NULL);
        pthread_cond_init(&shares[i].changed, NULL);
    }
}

static struct share *share_of(zkc_word *word)
{
    pthread_once(&shares_once, init_shares);
    return &shares[((uintptr_t)word >> 4) % SHARES];
}

int zkc_word_wait(zkc_word *word, uint32_t expected, int64_t nanoseconds)
{
    struct share *share = share_of(word);
    int64_t slice = nanoseconds < 0 || nanoseconds > LONGEST_NS ? LONGEST_NS : nanoseconds;
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += slice;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&share->lock);
    if (atomic_load(word) == expected)
        rc = pthread_cond_timedwait(&share->changed, &share->lock, &until);
    pthread_mutex_unlock(&share->lock);
    if (rc == ETIMEDOUT)
        return slice == nanoseconds ? ZKC_TIMED_OUT : ZKC_INTERRUPTED;
    return ZKC_WOKEN;
}

void zkc_word_wake(zkc_word *word)
{
    struct share *share = share_of(word);

    pthread_mutex_lock(&share->lock);
    pthread_cond_broadcast(&share->changed);
    pthread_mutex_unlock(&share->lock);
    if (atomic_load(&zkc__sleeper_count) != 0)
        zkc__sleepers_wake(word);
}

#endif

/* ---- a word as a flag and as a lock ------------------------------------------------------------------------------ */

void zkc_word_set(zkc_word *word, uint32_t value)
{
    atomic_store(word, value);
    zkc_word_wake(word);
}

uint32_t zkc_word_swap(zkc_word *word, uint32_t value)
{
    return atomic_exchange(word, value);
}

int zkc_word_try_lock(zkc_word *word)
{
    uint32_t unlocked = 0;

    return atomic_compare_exchange_strong(word, &unlocked, 1) ? 0 : -1;
}
