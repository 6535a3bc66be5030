/* What the parts of our adaptor share: see adaptor.c. */
#ifndef ZKC_ADAPTOR_H
#define ZKC_ADAPTOR_H

#include "transport.h"
#include "zk_adaptor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

typedef struct zkc_adaptor {
    pthread_t io; /* for who joins it */

    /* Who has the turn does libzookeeper's steps and uses the transport: the I/O thread while it works, and a calling
     * thread for as long as it takes to send a request or to take replies. It is never held in a sleep. Only the I/O
     * thread waits for it; the others do without (inline_io.c). */
    pthread_mutex_t io_lock;
    zkc_transport transport;

    /* what the I/O thread sleeps on: wakeup.c */
    atomic_int sleep; /* AWAKE, ASLEEP, NOTIFIED: what a wake-up has to do */
    int wake[2];      /* to be polled, to be written; on Linux the same eventfd */
    int epoll;        /* epoll with `wake` and the connection; -1 where there is none */
    int polled_fd;    /* the connection that is to be is_reader at; -1: none. The turn protects it and what follows */
    short polled_events; /* what for */
    int epoll_fd;        /* what `poller` has been told, */
    short epoll_events;
    int fd_closed; /* and whether the system knows of no such descriptor */

    /* For gathering replies, when many are awaited: zkc_adaptor_coalesce. */
    const atomic_int *_Atomic in_flight; /* how many requests wait for a reply; NULL: nobody has said */
    int packets;                         /* packets since the last sleep */
    long coalesce_delay;                 /* in nanoseconds; 0: it is not worth it */

    /* A waiting thread reads the connection, and the I/O thread does not look at it meanwhile: inline_io.c. Set
     * with the turn. */
    atomic_int reader;
    int kick;            /* wakes the reader; the reader's, as are */
    int spin_credit;     /* how often of late a reply came before a sleep was worth its while */
    unsigned spin_skips; /* how often that was not is_reader at */

    /* Connections in a row that servers closed without an answer, and what is called then. */
    int unanswered;
    void (*_Atomic on_unanswered)(void *context, int count, int64_t zxid);

    /* What the I/O thread does last: zkc_adaptor_end. */
    void (*_Atomic end)(void *context);
    void *end_context;

    pthread_mutex_t critical; /* enter_critical */
    pthread_mutex_t reconfig;
    pthread_mutex_t watchers;
} zkc_adaptor;

int wakeup_io_thread(zhandle_t *zh); /* from any thread */

int zkc_adaptor_open_wake(zkc_adaptor *adaptor);
void zkc_adaptor_close_wake(zkc_adaptor *adaptor);
void zkc_adaptor_wake(zkc_adaptor *adaptor); /* whether or not it sleeps */
/* With the turn: what the next sleep is to look at; and, as who stops reading does, that it may be is_reader at again.
 */
void zkc_adaptor_set_polled(zkc_adaptor *adaptor, int fd, short wanted);
void zkc_adaptor_update_epoll(zkc_adaptor *adaptor);
/* of the I/O thread */
void zkc_adaptor_begin_iteration(zkc_adaptor *adaptor);
int zkc_adaptor_sleep(zkc_adaptor *adaptor, int milliseconds); /* without the turn */
void zkc_adaptor_coalesce(zkc_adaptor *adaptor);               /* with the turn, which it gives away meanwhile */

/* ---- what calling threads do themselves: inline_io.c ------------------------------------------------------------- */

/* See to it that the request that this thread has just queued is sent. */
void zkc_adaptor_send(zhandle_t *zh);
/* With the turn: have a reader look whether it still has something to read. */
void zkc_adaptor_kick_reader(zkc_adaptor *adaptor);

/* Whether the handle is being closed; said by another thread, as by zkc_adaptor_end. */
static inline int zkc_adaptor_is_closing(const zhandle_t *zh)
{
    return __atomic_load_n(&zh->close_requested, __ATOMIC_ACQUIRE);
}

/* Whether requests can be sent and replies come. */
static inline int zkc_adaptor_is_up(const zhandle_t *zh)
{
    return zh->state == ZOO_CONNECTED_STATE || zh->state == ZOO_READONLY_STATE;
}

/* Between two steps of libzookeeper: a watcher that hears of a lost connection finds it lost. */
static inline void zkc_adaptor_run_completions(zhandle_t *zh)
{
    if (zh->completions_to_process.head != NULL)
        process_completions(zh);
}

static inline zkc_adaptor *adaptor_of(zhandle_t *zh)
{
    return zh->adaptor_priv;
}

#endif
