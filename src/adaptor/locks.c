/* The locks, the counters and the synchronous calls that libzookeeper leaves to its adaptor. */
#include "adaptor.h"

#include <stdlib.h>
#include <time.h>

int32_t fetch_and_add(volatile int32_t *operand, int incr);

int zoo_lock_auth(zhandle_t *zh)
{
    return pthread_mutex_lock(&zh->auth_h.lock);
}

int zoo_unlock_auth(zhandle_t *zh)
{
    return pthread_mutex_unlock(&zh->auth_h.lock);
}

int lock_buffer_list(buffer_head_t *list)
{
    return pthread_mutex_lock(&list->lock);
}

int unlock_buffer_list(buffer_head_t *list)
{
    return pthread_mutex_unlock(&list->lock);
}

int lock_completion_list(completion_head_t *list)
{
    return pthread_mutex_lock(&list->lock);
}

int unlock_completion_list(completion_head_t *list)
{
    return pthread_mutex_unlock(&list->lock); /* without a completion thread, no thread waits for its condition */
}

/* Without an adaptor (at the beginning and at the end) there is only one thread. */
#define LOCK(name, member, operation)                                             \
    int name(zhandle_t *zh)                                                       \
    {                                                                             \
        zkc_adaptor *adaptor = adaptor_of(zh);                                    \
        return adaptor != NULL ? pthread_mutex_##operation(&adaptor->member) : 0; \
    }

LOCK(lock_reconfig, reconfig, lock)
LOCK(unlock_reconfig, reconfig, unlock)
LOCK(lock_watchers, watchers, lock)
LOCK(unlock_watchers, watchers, unlock)
LOCK(enter_critical, critical, lock)
LOCK(leave_critical, critical, unlock)

int32_t fetch_and_add(volatile int32_t *operand, int incr)
{
    return __atomic_fetch_add(operand, incr, __ATOMIC_SEQ_CST);
}

int32_t inc_ref_counter(zhandle_t *zh, int i)
{
    int incr = (i > 0) - (i < 0);

    return fetch_and_add(&zh->ref_counter, incr) + incr;
}

static atomic_uint next_xid;

__attribute__((constructor)) static void begin_xids(void)
{
    atomic_store(&next_xid, (unsigned)time(NULL));
}

/* Never negative: those numbers mean pings, events and so on. */
int32_t get_xid(void)
{
    return (int32_t)(atomic_fetch_add(&next_xid, 1) & 0x7fffffff);
}

struct sync_completion *alloc_sync_completion(void)
{
    struct sync_completion *sc = calloc(1, sizeof *sc);

    if (sc != NULL) {
        pthread_cond_init(&sc->cond, NULL);
        pthread_mutex_init(&sc->lock, NULL);
    }
    return sc;
}

int wait_sync_completion(struct sync_completion *sc)
{
    pthread_mutex_lock(&sc->lock);
    while (!sc->complete)
        pthread_cond_wait(&sc->cond, &sc->lock);
    pthread_mutex_unlock(&sc->lock);
    return 0;
}

void free_sync_completion(struct sync_completion *sc)
{
    if (sc == NULL)
        return;
    pthread_mutex_destroy(&sc->lock);
    pthread_cond_destroy(&sc->cond);
    free(sc);
}

void notify_sync_completion(struct sync_completion *sc)
{
    pthread_mutex_lock(&sc->lock);
    sc->complete = 1;
    pthread_cond_broadcast(&sc->cond);
    pthread_mutex_unlock(&sc->lock);
}
