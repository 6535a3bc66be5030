/* An adaptor of libzookeeper beside its own two: the API of the threaded one, on a single thread of ours.
 *
 * libzookeeper is a state machine that an adaptor drives: zookeeper_interest says what to wait for, zookeeper_process does what
 * can be done. Here one thread per handle does both, and runs the completions, which in zkc are C and never block. So a
 * reply goes from the socket to who waits for it without a second thread. Any thread may make calls, synchronous ones
 * included, and close the handle, this one too.
 *
 * A call puts its request into libzookeeper's queue and wakes the I/O thread, by the eventfd only if that sleeps: while it
 * works, a wake-up costs one atomic exchange. What it sends is gathered and what the server sends is read ahead by
 * transport.c; both happen once per turn, and a turn ends where the thread would wait.
 *
 * Compiled into libzookeeper instead of mt_adaptor.c, with its internal header: vendor/components.py. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "adaptor.h"
#include "zookeeper_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

int zookeeper_interest(zhandle_t *zh, int *fd, int *interest, struct timeval *tv);
int zookeeper_process(zhandle_t *zh, int events);
int wakeup_io_thread(zhandle_t *zh);

enum { AWAKE, ASLEEP, NOTIFIED };
/* How many packets are taken from the read-ahead before what was gathered is sent all the same. */
enum { LONGEST_TURN = 128, ENOUGH_TO_SEND = ZKC_TRANSPORT_ROOM / 2 };

/* ---- waking and sleeping -------------------------------------------------------------------------------------------- */

static int open_wake(int wake[2])
{
#ifdef __linux__
    wake[0] = wake[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return wake[0] < 0 ? -1 : 0;
#else
    if (pipe(wake) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        fcntl(wake[i], F_SETFD, FD_CLOEXEC);
        fcntl(wake[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
#endif
}

static void close_wake(int wake[2])
{
    close(wake[0]);
    if (wake[1] != wake[0])
        close(wake[1]);
}

static void write_wake(zkc_adaptor *adaptor)
{
    uint64_t one = 1;
    ssize_t written;

    /* Full is as good as written: nobody has read what woke the thread last time. */
    do
        written = write(adaptor->wake[1], &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

static void drain_wake(zkc_adaptor *adaptor)
{
    uint64_t scrap;
    ssize_t got;

    do
        got = read(adaptor->wake[0], &scrap, sizeof scrap);
    while (got > 0 && adaptor->wake[0] != adaptor->wake[1]);
}

int wakeup_io_thread(zhandle_t *zh)
{
    zkc_adaptor *adaptor = adaptor_of(zh);

    if (atomic_exchange(&adaptor->sleep, NOTIFIED) == ASLEEP)
        write_wake(adaptor);
    return ZOK;
}

/* Poll the socket for what is wanted (0 with fd -1), for so long at the most, unless a wake-up is due. */
static int rest(zkc_adaptor *adaptor, int fd, short wanted, int milliseconds)
{
    struct pollfd fds[2] = {{.fd = adaptor->wake[0], .events = POLLIN}, {.fd = fd, .events = wanted}};
    int expected = AWAKE;

    /* A request that was queued before this is seen by the look at the queue that follows; one queued after it writes. */
    if (!atomic_compare_exchange_strong(&adaptor->sleep, &expected, ASLEEP))
        milliseconds = 0;
    if (poll(fds, fd >= 0 ? 2 : 1, milliseconds) < 0)
        fds[0].revents = fds[1].revents = 0;
    atomic_exchange(&adaptor->sleep, AWAKE);
    if (fds[0].revents & POLLIN)
        drain_wake(adaptor);
    return fd >= 0 ? fds[1].revents : 0;
}

/* ---- the I/O thread ------------------------------------------------------------------------------------------------- */

static int is_established(const zhandle_t *zh)
{
    int state = zh->state;

    return state == ZOO_CONNECTED_STATE || state == ZOO_READONLY_STATE || state == ZOO_ASSOCIATING_STATE;
}

static int events_of(int revents)
{
    return ((revents & (POLLIN | POLLERR | POLLHUP)) ? ZOOKEEPER_READ : 0) |
           ((revents & (POLLOUT | POLLHUP)) ? ZOOKEEPER_WRITE : 0);
}

/* What can be done without asking the system. */
static int events_at_hand(const zhandle_t *zh, const zkc_transport *transport, int interest)
{
    int events = 0;

    if (!is_established(zh))
        return 0; /* being writable means more then: that the connection was made */
    if (zkc_transport_readable(transport))
        events |= ZOOKEEPER_READ;
    if ((interest & ZOOKEEPER_WRITE) && zkc_transport_unsent(transport) < ENOUGH_TO_SEND)
        events |= ZOOKEEPER_WRITE;
    return events;
}

static int wait_for_events(zhandle_t *zh, zkc_adaptor *adaptor, int fd, int interest, const struct timeval *tv)
{
    zkc_transport *transport = &adaptor->transport;
    int left = zkc_transport_flush(transport);
    int revents;
    short wanted = 0;

    if (zkc_transport_readable(transport))
        return ZOOKEEPER_READ; /* it broke: reading says so */
    if (interest & ZOOKEEPER_READ)
        wanted |= POLLIN;
    /* What waits in libzookeeper's queue for room in our buffer waits for the same. */
    if (left == 1 || ((interest & ZOOKEEPER_WRITE) && !is_established(zh)))
        wanted |= POLLOUT;
    else if (interest & ZOOKEEPER_WRITE)
        return ZOOKEEPER_WRITE;
    revents = rest(adaptor, fd, wanted, (int)(tv->tv_sec * 1000 + tv->tv_usec / 1000));
    if (left == 1 && is_established(zh)) {
        if (revents & POLLOUT)
            zkc_transport_flush(transport);
        revents &= ~POLLOUT;
    }
    return events_of(revents);
}

static void *do_io(void *argument)
{
    zhandle_t *zh = argument;
    zkc_adaptor *adaptor = adaptor_of(zh);
    zkc_transport *transport = &adaptor->transport;
    int packets = 0, held_back = 0;

    zkc_transport_use(transport);
    while (!zh->close_requested) {
        struct timeval tv;
        int fd, interest, events = 0;
        size_t unsent;

        zh->io_count++;
        zookeeper_interest(zh, &fd, &interest, &tv);
        zkc_transport_bind(transport, fd);
        if (held_back && is_established(zh))
            interest &= ~ZOOKEEPER_WRITE;
        if (fd != -1)
            events = events_at_hand(zh, transport, interest);
        if (events == 0) {
            packets = 0;
            events = wait_for_events(zh, adaptor, fd, interest, &tv);
        } else if (++packets >= LONGEST_TURN) {
            packets = 0;
            zkc_transport_flush(transport);
        }
        unsent = zkc_transport_unsent(transport);
        zookeeper_process(zh, events);
        if (is_unrecoverable(zh))
            break;
        /* While SASL negotiates, libzookeeper wants to write what it does not write yet: only an answer changes that. */
        held_back = events == ZOOKEEPER_WRITE && is_established(zh) && zkc_transport_unsent(transport) == unsent;
    }
    process_completions(zh);
    zkc_transport_flush(transport);
    zkc_transport_use(NULL);
    atomic_store(&adaptor->ended, 1);
    api_epilog(zh, 0); /* the prolog is in start_thread; this may free the handle */
    return NULL;
}

static int start_thread(zhandle_t *zh, zkc_adaptor *adaptor)
{
    sigset_t all, before;
    int rc;

    /* It inherits the mask: no signal of the program's is handled on a thread that knows nothing of it. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    api_prolog(zh); /* the thread's: from its beginning on, the handle stays */
    rc = pthread_create(&adaptor->io, NULL, do_io, zh);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        LOG_ERROR(LOGCALLBACK(zh), "pthread_create() failed: %s", strerror(rc));
        inc_ref_counter(zh, -1); /* not api_epilog(): zookeeper_init() frees the handle */
        errno = rc;
        return -1;
    }
#ifdef __linux__
    pthread_setname_np(adaptor->io, "zkc-io");
#endif
    return 0;
}

/* ---- beginning and end ---------------------------------------------------------------------------------------------- */

static void init_lists(zhandle_t *zh)
{
    pthread_mutexattr_t recursive;

    pthread_mutex_init(&zh->auth_h.lock, NULL);
    pthread_mutex_init(&zh->to_process.lock, NULL);
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&zh->to_send.lock, &recursive); /* flush_send_queue() locks it twice */
    pthread_mutexattr_destroy(&recursive);
    pthread_mutex_init(&zh->sent_requests.lock, NULL);
    pthread_cond_init(&zh->sent_requests.cond, NULL);
    pthread_mutex_init(&zh->completions_to_process.lock, NULL);
    pthread_cond_init(&zh->completions_to_process.cond, NULL);
}

int adaptor_init(zhandle_t *zh)
{
    zkc_adaptor *adaptor = calloc(1, sizeof *adaptor);

    if (adaptor == NULL) {
        LOG_ERROR(LOGCALLBACK(zh), "Out of memory");
        return -1;
    }
    if (open_wake(adaptor->wake) < 0) {
        int error = errno;

        LOG_ERROR(LOGCALLBACK(zh), "Can't make what wakes the IO thread: %s", strerror(error));
        free(adaptor);
        errno = error;
        return -1;
    }
    zkc_transport_init(&adaptor->transport);
    pthread_mutex_init(&adaptor->critical, NULL);
    pthread_mutex_init(&adaptor->reconfig, NULL);
    pthread_mutex_init(&adaptor->watchers, NULL);
    init_lists(zh);
    zh->adaptor_priv = adaptor;
    if (start_thread(zh, adaptor) < 0) {
        int error = errno;

        adaptor_destroy(zh);
        errno = error;
        return -1;
    }
    return 0;
}

/* Called by zookeeper_close, on the thread that closes: end the I/O thread. */
void adaptor_finish(zhandle_t *zh)
{
    zkc_adaptor *adaptor = adaptor_of(zh);

    if (adaptor == NULL)
        return;
    api_prolog(zh); /* the thread's epilog must not free what is used below */
    if (pthread_equal(adaptor->io, pthread_self())) {
        pthread_detach(adaptor->io); /* a completion closes the handle: the thread ends when it has returned */
    } else {
        write_wake(adaptor);
        pthread_join(adaptor->io, NULL);
        process_completions(zh); /* those of zookeeper_close itself, which came after the thread's last turn */
    }
    api_epilog(zh, 0);
}

void adaptor_destroy(zhandle_t *zh)
{
    zkc_adaptor *adaptor = adaptor_of(zh);

    if (adaptor == NULL)
        return;
    pthread_mutex_destroy(&zh->to_process.lock);
    pthread_mutex_destroy(&zh->to_send.lock);
    pthread_mutex_destroy(&zh->sent_requests.lock);
    pthread_cond_destroy(&zh->sent_requests.cond);
    pthread_mutex_destroy(&zh->completions_to_process.lock);
    pthread_cond_destroy(&zh->completions_to_process.cond);
    pthread_mutex_destroy(&zh->auth_h.lock);
    pthread_mutex_destroy(&adaptor->critical);
    pthread_mutex_destroy(&adaptor->reconfig);
    pthread_mutex_destroy(&adaptor->watchers);
    zkc_transport_free(&adaptor->transport);
    close_wake(adaptor->wake);
    free(adaptor);
    zh->adaptor_priv = NULL;
}

int adaptor_send_queue(zhandle_t *zh, int timeout)
{
    zkc_adaptor *adaptor = adaptor_of(zh);

    if (!zh->close_requested)
        return wakeup_io_thread(zh);
    if (!atomic_load(&adaptor->ended))
        return ZOK; /* the thread's last turn is not over; what is queued now, zookeeper_close sends after it */
    /* What was gathered goes before what is still queued. */
    if (zkc_transport_flush_wait(&adaptor->transport, timeout) != 0)
        return ZCONNECTIONLOSS;
    return flush_send_queue(zh, timeout);
}

/* Whether completions run on the thread that got the replies: always. */
int process_async(int outstanding_sync)
{
    (void)outstanding_sync;
    return 1;
}
