/* Greenlets asleep on a word. Their thread must not sleep with them: its event loop polls the waker's descriptor, and
 * the thread that wakes the word writes it. zkc_word_wake calls this after it has woken threads. While no greenlet
 * sleeps, that costs one load of a counter. */
#include "internal.h"

#include <string.h>

#define BUCKETS 64

_Atomic uint32_t zkc__sleeper_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for all below, and for every waker's list */
static zkc_sleeper *buckets[BUCKETS];

static zkc_sleeper **bucket_of(const zkc_word *word)
{
    return &buckets[((uintptr_t)word >> 3) % BUCKETS];
}

static void link_in(zkc_sleeper **list, zkc_sleeper *sleeper)
{
    sleeper->next = *list;
    sleeper->link = list;
    if (sleeper->next != NULL)
        sleeper->next->link = &sleeper->next;
    *list = sleeper;
}

static void unlink_from_list(zkc_sleeper *sleeper)
{
    *sleeper->link = sleeper->next;
    if (sleeper->next != NULL)
        sleeper->next->link = sleeper->link;
    sleeper->next = NULL;
    sleeper->link = NULL;
}

/* In a forked child: another thread of the parent may have held the lock, and no word of the parent wakes a sleeper. */
static void after_fork_in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    memset(buckets, 0, sizeof buckets);
    atomic_store(&zkc__sleeper_count, 0);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

int zkc_waker_open(zkc_waker *waker)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch_forks);
    waker->fired = NULL;
    waker->generation = zkc_generation();
    return zkc_notifier_open(waker->fds);
}

void zkc_waker_close(zkc_waker *waker)
{
    pthread_mutex_lock(
        &lock); /* a waking thread writes the descriptor under the lock; afterwards its number may be another file's */
    zkc_notifier_close(waker->fds);
    pthread_mutex_unlock(&lock);
}

void zkc_sleep_begin(zkc_sleeper *sleeper, zkc_word *word, zkc_waker *waker, void *token)
{
    sleeper->word = word;
    sleeper->waker = waker;
    sleeper->token = token;
    sleeper->generation = zkc_generation();
    pthread_mutex_lock(&lock);
    link_in(bucket_of(word), sleeper);
    pthread_mutex_unlock(&lock);
    atomic_fetch_add(&zkc__sleeper_count,
                     1); /* the caller reads the word after this; a thread that changes it reads the count after that */
}

void zkc_sleep_end(zkc_sleeper *sleeper)
{
    if (sleeper->waker == NULL || sleeper->generation != zkc_generation())
        return; /* a forked child has forgotten the parent's sleepers */
    pthread_mutex_lock(&lock);
    if (sleeper->link != NULL)
        unlink_from_list(sleeper);
    pthread_mutex_unlock(&lock);
    sleeper->waker = NULL;
    atomic_fetch_sub(&zkc__sleeper_count, 1);
}

void zkc__sleepers_wake(const zkc_word *word)
{
    zkc_sleeper *sleeper, *next;

    pthread_mutex_lock(&lock);
    for (sleeper = *bucket_of(word); sleeper != NULL; sleeper = next) {
        next = sleeper->next;
        if (sleeper->word != word)
            continue;
        unlink_from_list(sleeper);
        if (sleeper->waker->fired == NULL)
            zkc_notifier_wake(sleeper->waker->fds[1]);
        link_in(&sleeper->waker->fired, sleeper);
    }
    pthread_mutex_unlock(&lock);
}

void *zkc_waker_next(zkc_waker *waker)
{
    zkc_sleeper *sleeper;

    pthread_mutex_lock(&lock);
    sleeper = waker->generation == zkc_generation() ? waker->fired : NULL;
    if (sleeper != NULL)
        unlink_from_list(sleeper);
    pthread_mutex_unlock(&lock);
    return sleeper == NULL ? NULL : sleeper->token;
}
