/* What the parts of our adaptor share: see adaptor.c. */
#ifndef ZKC_ADAPTOR_H
#define ZKC_ADAPTOR_H

#include "transport.h"
#include "zk_adaptor.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct zkc_adaptor {
    pthread_t io;             /* for who joins it */
    atomic_int sleep;         /* AWAKE, ASLEEP, NOTIFIED: what a wake-up has to do */
    int wake[2];              /* to be polled, to be written; on Linux the same eventfd */
    zkc_transport transport;  /* the I/O thread's, after its end the closing one's */
    pthread_mutex_t critical; /* enter_critical */
    pthread_mutex_t reconfig;
    pthread_mutex_t watchers;
} zkc_adaptor;

int wakeup_io_thread(zhandle_t *zh); /* from any thread */

/* of the I/O thread, but for the first three: see adaptor_wake.c */
int zkc_adaptor_open_wake(int wake[2]);
void zkc_adaptor_close_wake(int wake[2]);
void zkc_adaptor_wake(zkc_adaptor *adaptor); /* whether or not it sleeps */
void zkc_adaptor_look_around(zkc_adaptor *adaptor);
int zkc_adaptor_rest(zkc_adaptor *adaptor, int fd, short wanted, int milliseconds);

static inline zkc_adaptor *adaptor_of(zhandle_t *zh)
{
    return zh->adaptor_priv;
}

#endif
