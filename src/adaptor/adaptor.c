/* An adaptor of libzookeeper beside its own two: the API of the threaded one, on a single thread of ours.
 *
 * libzookeeper is a state machine that an adaptor drives: zookeeper_interest says what to wait for, zookeeper_process
 * does what can be done. Here one thread per handle does both, and runs the completions, which in zkc are C and never
 * block. So a reply goes from the socket to who waits for it without a second thread. Any thread may make calls, and
 * close the handle, this one too. Only a synchronous call from a completion would wait for ever: nobody would be left
 * to take its reply.
 *
 * A call puts its request into libzookeeper's queue and wakes the I/O thread, by the eventfd only if that sleeps: while
 * it works, a wake-up costs one atomic exchange (wakeup.c). What it sends is gathered and what the server sends
 * is read ahead (transport.c): both go through the system when nothing is left to do without it. Where there is only
 * one request, the calling thread can do all of this itself, and the I/O thread sleeps on (inline_io.c); it alone
 * connects, keeps the session alive and ends it.
 *
 * The handle is counted. The thread has a reference until it ends, and the adaptor one until adaptor_finish:
 * zookeeper_close says that it closes before it takes its own, and a thread that saw that at once would free the handle
 * under its feet.
 *
 * Compiled into libzookeeper instead of mt_adaptor.c, with its internal header: vendor/components.py. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "adaptor.h"
#include "zkc_adaptor.h"
#include "zookeeper_log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int zookeeper_interest(zhandle_t *zh, int *fd, int *interest, struct timeval *tv);
int zookeeper_process(zhandle_t *zh, int events);
void free_buffers(buffer_head_t *list);
void free_completions(zhandle_t *zh, int call_completion, int reason);

/* How many packets are taken from the read-ahead before what was gathered is sent all the same. */
enum { MOST_PACKETS = 128, ENOUGH_TO_SEND = ZKC_TRANSPORT_ROOM / 2 };

/* ---- connections that servers accept and close before they have answered the request for the session ---------------
 *
 * libzookeeper takes them for lost ones and tries without end. Servers do so without a quorum, and to a client that has
 * seen later transactions than they have. */

static int awaits_answer(const zhandle_t *zh)
{
    return zh->state == ZOO_ASSOCIATING_STATE && zh->input_buffer == &zh->primer_buffer;
}

/* On the I/O thread, with the turn. */
static void note_answer(zhandle_t *zh)
{
    zkc_adaptor *adaptor = adaptor_of(zh);
    void (*tell)(void *context, int count, int64_t zxid);

    if (awaits_answer(zh))
        return;
    if (zh->state != 0 || zh->primer_buffer.curr_offset > (int)sizeof(zh->primer_buffer.len)) {
        adaptor->unanswered = 0; /* it said something */
        return;
    }
    adaptor->unanswered++;
    tell = atomic_load(&adaptor->on_unanswered);
    if (tell != NULL)
        tell((void *)zoo_get_context(zh), adaptor->unanswered, zh->last_zxid);
}

void zkc_adaptor_set_on_unanswered(zhandle_t *zh, void (*tell)(void *context, int count, int64_t zxid))
{
    atomic_store(&adaptor_of(zh)->on_unanswered, tell);
}

/* ---- the I/O thread ---------------------------------------------------------------------------------------------- */

static int is_established(const zhandle_t *zh)
{
    return zkc_adaptor_is_up(zh) || zh->state == ZOO_ASSOCIATING_STATE;
}

static int events_of(int revents)
{
    /* A descriptor that somebody else has closed is for reading to find out: poll would never wait again. */
    return ((revents & (POLLIN | POLLERR | POLLHUP | POLLNVAL)) ? ZOOKEEPER_READ : 0) |
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
    if ((interest & ZOOKEEPER_WRITE) && !transport->stuck && zkc_transport_unsent(transport) < ENOUGH_TO_SEND)
        events |= ZOOKEEPER_WRITE;
    return events;
}

/* Give the turn away, sleep, and take it again: others may have used the connection meanwhile, or broken it. */
static int sleep_unlocked(zhandle_t *zh, zkc_adaptor *adaptor, int fd, short wanted, int milliseconds)
{
    int revents;

    zkc_adaptor_set_polled(adaptor, fd, wanted);
    /* A descriptor that somebody else has closed: who reads finds it out, who sleeps never would. */
    if (adaptor->fd_closed)
        return POLLNVAL;
    /* What is left to be sent, a ping maybe, is waited for here: not while another thread waits for the connection. */
    if (!zkc_adaptor_is_up(zh) || adaptor->transport.stuck)
        zkc_adaptor_kick_reader(adaptor);
    zkc_transport_use(NULL);
    pthread_mutex_unlock(&adaptor->io_lock);
    revents = zkc_adaptor_sleep(adaptor, milliseconds);
    pthread_mutex_lock(&adaptor->io_lock);
    zkc_transport_use(&adaptor->transport);
    return revents;
}

/* Over a connection that is made: events for libzookeeper, which knows nothing of what is gathered. */
static int wait_established(zhandle_t *zh, zkc_adaptor *adaptor, int fd, int interest, int milliseconds)
{
    zkc_transport *transport = &adaptor->transport;
    int left = zkc_transport_flush(transport);
    int revents, events = 0;
    short wanted = (interest & ZOOKEEPER_READ) ? transport->read_wants : 0;

    if (zkc_transport_readable(transport))
        return ZOOKEEPER_READ; /* it broke: reading says so */
    if (left == 1) {
        wanted |= transport->write_wants; /* what waits in libzookeeper's queue waits for the same */
    } else if (interest & ZOOKEEPER_WRITE) {
        events = ZOOKEEPER_WRITE;
        milliseconds = 0; /* but a look all the same: who only sends would never read */
    }
    revents = sleep_unlocked(zh, adaptor, fd, wanted, milliseconds);
    if (left == 1 && (revents & transport->write_wants))
        zkc_transport_flush(transport);
    if (revents & (transport->read_wants | POLLERR | POLLHUP | POLLNVAL))
        events |= ZOOKEEPER_READ;
    return events;
}

static int wait_for_events(zhandle_t *zh, zkc_adaptor *adaptor, int fd, int interest, const struct timeval *tv)
{
    int milliseconds = (int)(tv->tv_sec * 1000 + tv->tv_usec / 1000);
    short wanted = 0;

    if (fd >= 0 && is_established(zh))
        return wait_established(zh, adaptor, fd, interest, milliseconds);
    if (interest & ZOOKEEPER_READ)
        wanted |= POLLIN;
    if (interest & ZOOKEEPER_WRITE)
        wanted |= POLLOUT;
    return events_of(sleep_unlocked(zh, adaptor, fd, wanted, milliseconds));
}

static void io_loop(zhandle_t *zh, zkc_adaptor *adaptor)
{
    zkc_transport *transport = &adaptor->transport;
    int packets = 0, held_back = 0;

    while (!zkc_adaptor_is_closing(zh) && !is_unrecoverable(zh)) {
        struct timeval tv;
        int fd, interest, awaited, events = 0;
        size_t unsent;

        zh->io_count++;
        zkc_adaptor_begin_iteration(adaptor);
        zookeeper_interest(zh, &fd, &interest, &tv);
        zkc_transport_bind(transport, zh->fd->sock); /* not fd: that is -1 also while names are not resolved */
        zkc_adaptor_run_completions(zh);
        if (zkc_adaptor_is_closing(zh))
            break; /* one of them did: who should wake us? */
        if (held_back)
            interest &= ~ZOOKEEPER_WRITE;
        if (fd != -1)
            events = events_at_hand(zh, transport, interest);
        if (events == 0) {
            packets = 0;
            if (fd >= 0 && is_established(zh))
                zkc_adaptor_coalesce(adaptor);
            events = wait_for_events(zh, adaptor, fd, interest, &tv);
        } else if (++packets >= MOST_PACKETS) {
            packets = 0;
            zkc_transport_flush(transport);
        }
        adaptor->packets += (events & ZOOKEEPER_READ) != 0;
        unsent = zkc_transport_unsent(transport);
        awaited = awaits_answer(zh);
        zookeeper_process(zh, events);
        if (awaited)
            note_answer(zh);
        zkc_adaptor_run_completions(zh);
        /* While SASL negotiates, libzookeeper wants to write what it does not write yet: only an answer helps. */
        held_back = events == ZOOKEEPER_WRITE && zh->state == ZOO_ASSOCIATING_STATE &&
                    zkc_transport_unsent(transport) == unsent;
        /* Before the next look at interests: that can resolve names, or ask other servers, and take its time. */
        if (zh->to_send.head == NULL && !transport->stuck && !zkc_transport_readable(transport))
            zkc_transport_flush(transport);
    }
}

/* The session is over, the handle still open: a call that was being made when the end came is queued after it. */
static void fail_late_requests(zhandle_t *zh, zkc_adaptor *adaptor)
{
    int reason = zh->state == ZOO_EXPIRED_SESSION_STATE ? ZSESSIONEXPIRED : ZAUTHFAILED;

    while (!zkc_adaptor_is_closing(zh)) {
        zkc_adaptor_begin_iteration(adaptor);
        enter_critical(zh);
        free_buffers(&zh->to_send);
        free_completions(zh, 1, reason);
        leave_critical(zh);
        process_completions(zh);
        if (!zkc_adaptor_is_closing(zh))
            sleep_unlocked(zh, adaptor, -1, 0, -1);
    }
}

static void *do_io(void *argument)
{
    zhandle_t *zh = argument;
    zkc_adaptor *adaptor = adaptor_of(zh);
    void (*end)(void *context);

#ifdef __linux__
    pthread_setname_np(pthread_self(), "zkc-io");
#endif
    pthread_mutex_lock(&adaptor->io_lock);
    zkc_transport_use(&adaptor->transport);
    io_loop(zh, adaptor);
    fail_late_requests(zh, adaptor);
    process_completions(zh);
    zkc_transport_flush(&adaptor->transport);
    zkc_transport_use(NULL);
    pthread_mutex_unlock(&adaptor->io_lock);
    end = atomic_load(&adaptor->end);
    if (end != NULL)
        end(adaptor->end_context);
    else
        api_epilog(zh, 0); /* may free the handle, when a completion has closed it */
    return NULL;
}

static int start_thread(zhandle_t *zh, zkc_adaptor *adaptor)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int rc;

    /* It inherits the mask: no signal of the program's is handled on a thread that knows nothing of it. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    api_prolog(zh); /* the thread's */
    api_prolog(zh); /* the adaptor's */
    zkc_thread_attributes(&attributes);
    rc = pthread_create(&adaptor->io, &attributes, do_io, zh);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        LOG_ERROR(LOGCALLBACK(zh), "pthread_create() failed: %s", strerror(rc));
        inc_ref_counter(zh, -1); /* not api_epilog(): zookeeper_init() frees the handle */
        inc_ref_counter(zh, -1);
        errno = rc;
        return -1;
    }
    return 0;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

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

/* Before it is closed: a forked child may have it still, and then epoll would tell of it for ever. */
static void forget_connection(void *adaptor)
{
    zkc_adaptor_set_polled(adaptor, -1, 0);
}

int adaptor_init(zhandle_t *zh)
{
    zkc_adaptor *adaptor = calloc(1, sizeof *adaptor);

    if (adaptor == NULL) {
        LOG_ERROR(LOGCALLBACK(zh), "Out of memory");
        return -1;
    }
    if (zkc_adaptor_open_wake(adaptor) < 0) {
        int error = errno;

        LOG_ERROR(LOGCALLBACK(zh), "Can't make what wakes the IO thread: %s", strerror(error));
        free(adaptor);
        errno = error;
        return -1;
    }
    zkc_transport_init(&adaptor->transport);
    adaptor->transport.closing = forget_connection;
    adaptor->transport.owner = adaptor;
    pthread_mutex_init(&adaptor->io_lock, NULL);
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
    if (zkc_transport_is_used(&adaptor->transport)) {
        pthread_detach(pthread_self()); /* a completion closes the handle: the thread ends when that has returned */
    } else if (pthread_equal(pthread_self(), adaptor->io)) {
        pthread_detach(pthread_self());
        process_completions(zh); /* as below */
    } else {
        zkc_adaptor_wake(adaptor);
        pthread_join(adaptor->io, NULL);
        pthread_mutex_lock(&adaptor->io_lock); /* a call that is being made has still to leave it */
        pthread_mutex_unlock(&adaptor->io_lock);
        process_completions(zh); /* those of zookeeper_close itself, which came after the thread's last turn */
    }
    inc_ref_counter(zh, -1); /* the adaptor's; the last is zookeeper_close's, or the thread's */
}

void zkc_adaptor_end(zhandle_t *zh, void (*end)(void *context), void *context)
{
    zkc_adaptor *adaptor = adaptor_of(zh);

    adaptor->end_context = context;
    atomic_store(&adaptor->end, end);
    __atomic_store_n(&zh->close_requested, 1, __ATOMIC_SEQ_CST); /* what libzookeeper looks at in long steps */
    wakeup_io_thread(zh);
}

void zkc_adaptor_close(zhandle_t *zh)
{
    zookeeper_close(zh);
    api_epilog(zh, 0); /* the thread's: the last */
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
    pthread_mutex_destroy(&adaptor->io_lock);
    pthread_mutex_destroy(&adaptor->critical);
    pthread_mutex_destroy(&adaptor->reconfig);
    pthread_mutex_destroy(&adaptor->watchers);
    zkc_transport_free(&adaptor->transport);
    zkc_adaptor_close_wake(adaptor);
    free(adaptor);
    zh->adaptor_priv = NULL;
}

int adaptor_send_queue(zhandle_t *zh, int timeout)
{
    if (!zkc_adaptor_is_closing(zh)) {
        zkc_adaptor_send(zh);
        return ZOK;
    }
    /* Who cannot wait need not: zookeeper_close, which can, sends everything when the thread has ended. */
    if (timeout == 0)
        return ZOK;
    /* What was gathered goes before what is still queued. */
    if (zkc_transport_flush_wait(&adaptor_of(zh)->transport, &timeout) != 0)
        return ZCONNECTIONLOSS;
    return flush_send_queue(zh, timeout);
}

/* Whether libzookeeper runs completions where it queues them, in the middle of its work: run_completions does it. */
int process_async(int outstanding_sync)
{
    (void)outstanding_sync;
    return 0;
}
