/* Declarations that the files of our adaptor share: see adaptor.c. */
#ifndef ZKC_ADAPTOR_H
#define ZKC_ADAPTOR_H

#include "transport.h"
#include "zk_adaptor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

typedef struct zkc_adaptor {
    pthread_t io; /* for the thread that joins it */

    /* Its holder runs libzookeeper's steps and uses the transport: the I/O thread while it works, a calling thread
     * while it sends or takes replies. It is never held in a sleep. Only the I/O thread waits for it; calling threads
     * only try it (inline_io.c). */
    pthread_mutex_t io_lock;
    zkc_transport transport;

    /* the sleep of the I/O thread: wakeup.c */
    atomic_int sleep;    /* AWAKE, ASLEEP, NOTIFIED: what a wake-up finds */
    int wake[2];         /* to be polled, to be written; on Linux the same eventfd */
    int epoll;           /* epoll with `wake` and the connection; -1 where there is none */
    int polled_fd;       /* the connection to poll; -1: none. io_lock protects it and the fields below */
    short polled_events; /* and for which events */
    int epoll_fd;        /* the descriptor registered in `epoll`, with these events */
    short epoll_events;
    int fd_closed; /* the system knows no such descriptor: the program has closed it */

    /* For gathering replies when many requests wait: zkc_adaptor_coalesce. */
    const atomic_int *_Atomic in_flight; /* how many requests wait for a reply; NULL: not known */
    int packets;                         /* packets since the last sleep */
    long coalesce_delay;                 /* in nanoseconds; 0: no delay */

    /* A waiting thread reads the connection, and the I/O thread does not poll it until then: inline_io.c. Set with
     * io_lock held. */
    atomic_int reader;
    int kick;            /* eventfd that wakes the reader; the reader owns it */
    int spin_credit;     /* grows when a reply comes during a busy poll, else shrinks */
    unsigned spin_skips; /* how often the reader slept without a busy poll, for lack of credit */

    /* Connections in a row that servers closed without an answer, and the callback for them. */
    int unanswered;
    void (*_Atomic on_unanswered)(void *context, int count, int64_t zxid);

    /* The last act of the I/O thread: zkc_adaptor_end. */
    void (*_Atomic end)(void *context);
    void *end_context;

    pthread_mutex_t critical; /* enter_critical */
    pthread_mutex_t reconfig;
    pthread_mutex_t watchers;
} zkc_adaptor;

int wakeup_io_thread(zhandle_t *zh); /* from any thread */

int zkc_adaptor_open_wake(zkc_adaptor *adaptor);
void zkc_adaptor_close_wake(zkc_adaptor *adaptor);
void zkc_adaptor_wake(zkc_adaptor *adaptor); /* also when it does not sleep */
/* With io_lock held: set what the next sleep polls; and register it in epoll, as the reader does when it begins and
 * ends.
 */
void zkc_adaptor_set_polled(zkc_adaptor *adaptor, int fd, short wanted);
void zkc_adaptor_update_epoll(zkc_adaptor *adaptor);
/* for the I/O thread */
void zkc_adaptor_begin_iteration(zkc_adaptor *adaptor);
int zkc_adaptor_sleep(zkc_adaptor *adaptor, int milliseconds); /* without io_lock */
void zkc_adaptor_coalesce(zkc_adaptor *adaptor);               /* with io_lock, which it releases during the delay */

/* ---- I/O on the calling threads: inline_io.c ------------------------------------------------------------- */

/* Have the request sent that this thread has just queued. */
void zkc_adaptor_send(zhandle_t *zh);
/* With io_lock held: have the reader check whether it still has something to read. */
void zkc_adaptor_kick_reader(zkc_adaptor *adaptor);

/* Whether the handle is being closed; another thread sets that, for example in zkc_adaptor_end. */
static inline int zkc_adaptor_is_closing(const zhandle_t *zh)
{
    return __atomic_load_n(&zh->close_requested, __ATOMIC_ACQUIRE);
}

/* Whether requests can be sent and replies come. */
static inline int zkc_adaptor_is_up(const zhandle_t *zh)
{
    return zh->state == ZOO_CONNECTED_STATE || zh->state == ZOO_READONLY_STATE;
}

/* Between two steps of libzookeeper, so that a watcher that gets the event of a lost connection finds it lost. */
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
