/* What the parts of our adaptor share: see adaptor.c. */
#ifndef ZKC_ADAPTOR_H
#define ZKC_ADAPTOR_H

#include "transport.h"
#include "zk_adaptor.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct zkc_adaptor {
    pthread_t io;
    atomic_int sleep;         /* AWAKE, ASLEEP, NOTIFIED: what a wake-up has to do */
    atomic_int ended;         /* the I/O thread has done its last turn */
    int wake[2];              /* to be polled, to be written; on Linux the same eventfd */
    zkc_transport transport;  /* the I/O thread's, after its end the closing one's */
    pthread_mutex_t critical; /* enter_critical */
    pthread_mutex_t reconfig;
    pthread_mutex_t watchers;
} zkc_adaptor;

static inline zkc_adaptor *adaptor_of(zhandle_t *zh)
{
    return zh->adaptor_priv;
}

#endif
