/* An adaptor of libzookeeper beside its own two: the API of the threaded one, on a single thread of ours.
 *
 * libzookeeper is a state machine that an adaptor drives: zookeeper_interest says what to wait for, zookeeper_process
 * does what can be done. Here one thread per handle does both, and runs the completions, which in zkc are C and never
 * block. So a reply goes from the socket to the waiting caller without a second thread. Any thread may make calls and
 * close the handle, this thread too. Only a synchronous call from a completion would never return: no thread would be
 * left to take its reply.
 *
 * A call puts its request into libzookeeper's queue and wakes the I/O thread, by the eventfd only if that thread
 * sleeps. While it works, a wake-up costs one atomic exchange (wakeup.c). Requests to send are gathered and replies are
 * read ahead (transport.c). The system is called when nothing is left to do without it. With only one request, the
 * calling thread can do all of this itself, and the I/O thread sleeps on (inline_io.c). Only the I/O thread connects,
 * keeps the session alive and ends it.
 *
 * The handle is counted. The thread has a reference until it ends, and the adaptor one until adaptor_finish:
 * zookeeper_close sets close_requested before it takes a reference of its own. A thread that saw the flag at once would
 * otherwise free the handle while zookeeper_close uses it.
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

/* How many packets are taken from the read-ahead before the gathered requests are sent in any case. */
enum { MOST_PACKETS = 128, ENOUGH_TO_SEND = ZKC_TRANSPORT_ROOM / 2 };

/* ---- connections that servers accept and close before they have answered the request for the session ---------------
 *
 * libzookeeper takes them for lost connections and retries without a limit. A server closes like that while it has no
 * quorum, and when the client has seen later transactions than the server has. */

static int awaits_answer(const zhandle_t *zh)
{
    return zh->state == ZOO_ASSOCIATING_STATE && zh->input_buffer == &zh->primer_buffer;
}

/* On the I/O thread, with io_lock held. */
static void note_answer(zhandle_t *zh)
{
    zkc_adaptor *adaptor = adaptor_of(zh);
    void (*callback)(void *context, int count, int64_t zxid);

    if (awaits_answer(zh))
        return;
    if (zh->state != 0 || zh->primer_buffer.curr_offset > (int)sizeof(zh->primer_buffer.len)) {
        adaptor->unanswered = 0; /* the server answered */
        return;
    }
    adaptor->unanswered++;
    callback = atomic_load(&adaptor->on_unanswered);
    if (callback != NULL)
        callback((void *)zoo_get_context(zh), adaptor->unanswered, zh->last_zxid);
}

void zkc_adaptor_set_on_unanswered(zhandle_t *zh, void (*callback)(void *context, int count, int64_t zxid))
{
    atomic_store(&adaptor_of(zh)->on_unanswered, callback);
}

/* ---- the I/O thread ---------------------------------------------------------------------------------------------- */

static int is_established(const zhandle_t *zh)
{
    return zkc_adaptor_is_up(zh) || zh->state == ZOO_ASSOCIATING_STATE;
}

static int events_of(int revents)
{
    /* Report a closed descriptor as readable: the read fails and clears it. Otherwise poll() would return at once,
     * again and again. */
    return ((revents & (POLLIN | POLLERR | POLLHUP | POLLNVAL)) ? ZOOKEEPER_READ : 0) |
           ((revents & (POLLOUT | POLLHUP)) ? ZOOKEEPER_WRITE : 0);
}

/* The events that need no system call. */
static int events_at_hand(const zhandle_t *zh, const zkc_transport *transport, int interest)
{
    int events = 0;

    if (!is_established(zh))
        return 0; /* while connecting, being writable means that the connection was made */
    if (zkc_transport_readable(transport))
        events |= ZOOKEEPER_READ;
    if ((interest & ZOOKEEPER_WRITE) && !transport->stuck && zkc_transport_unsent(transport) < ENOUGH_TO_SEND)
        events |= ZOOKEEPER_WRITE;
    return events;
}

/* Release io_lock, sleep, and take it again. In the meantime other threads may have used the connection, or broken it.
 */
static int sleep_unlocked(zhandle_t *zh, zkc_adaptor *adaptor, int fd, short wanted, int milliseconds)
{
    int revents;

    zkc_adaptor_set_polled(adaptor, fd, wanted);
    /* The program closed the descriptor: a read finds that out, a sleep would not end. */
    if (adaptor->fd_closed)
        return POLLNVAL;
    /* The unsent rest, a ping maybe, is waited for here, so no other thread may wait for the connection. */
    if (!zkc_adaptor_is_up(zh) || adaptor->transport.stuck)
        zkc_adaptor_kick_reader(adaptor);
    zkc_transport_use(NULL);
    pthread_mutex_unlock(&adaptor->io_lock);
    revents = zkc_adaptor_sleep(adaptor, milliseconds);
    pthread_mutex_lock(&adaptor->io_lock);
    zkc_transport_use(&adaptor->transport);
    return revents;
}

/* Wait on an established connection. Returns events for libzookeeper, which does not know of gathered bytes. */
static int wait_established(zhandle_t *zh, zkc_adaptor *adaptor, int fd, int interest, int milliseconds)
{
    zkc_transport *transport = &adaptor->transport;
    int left = zkc_transport_flush(transport);
    int revents, events = 0;
    short wanted = (interest & ZOOKEEPER_READ) ? transport->read_wants : 0;

    if (zkc_transport_readable(transport))
        return ZOOKEEPER_READ; /* it broke: the next read reports that */
    if (left == 1) {
        wanted |= transport->write_wants; /* libzookeeper's queue waits for the same */
    } else if (interest & ZOOKEEPER_WRITE) {
        events = ZOOKEEPER_WRITE;
        milliseconds = 0; /* but poll once: a client that only sends would never read */
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
            break; /* a completion closed the handle: nothing would wake this thread */
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
        /* While SASL negotiates, libzookeeper asks to write and writes nothing: the server must answer first. */
        held_back = events == ZOOKEEPER_WRITE && zh->state == ZOO_ASSOCIATING_STATE &&
                    zkc_transport_unsent(transport) == unsent;
        /* Before zookeeper_interest is called again: that can resolve names, or ask other servers, and take long. */
        if (zh->to_send.head == NULL && !transport->stuck && !zkc_transport_readable(transport))
            zkc_transport_flush(transport);
    }
}

/* The session has ended and the handle is still open. Fail the requests that calls queue after the end. */
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
        api_epilog(zh, 0); /* frees the handle if a completion has closed it */
    return NULL;
}

static int start_thread(zhandle_t *zh, zkc_adaptor *adaptor)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int rc;

    /* The thread inherits the mask, so that no signal handler of the program runs there. */
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

/* Before the descriptor is closed: a forked child may still have it open, and epoll would go on reporting it. */
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

/* End the I/O thread. zookeeper_close calls this, on the closing thread. */
void adaptor_finish(zhandle_t *zh)
{
    zkc_adaptor *adaptor = adaptor_of(zh);

    if (adaptor == NULL)
        return;
    if (zkc_transport_is_used(&adaptor->transport)) {
        pthread_detach(
            pthread_self()); /* a completion closes the handle: the thread ends when the completion has returned */
    } else if (pthread_equal(pthread_self(), adaptor->io)) {
        pthread_detach(pthread_self());
        process_completions(zh); /* as below */
    } else {
        zkc_adaptor_wake(adaptor);
        pthread_join(adaptor->io, NULL);
        pthread_mutex_lock(&adaptor->io_lock); /* wait until calls under way have released it */
        pthread_mutex_unlock(&adaptor->io_lock);
        process_completions(zh); /* those of zookeeper_close itself, which came after the thread's last iteration */
    }
    inc_ref_counter(zh, -1); /* the adaptor's; zookeeper_close or the thread releases the last */
}

void zkc_adaptor_end(zhandle_t *zh, void (*end)(void *context), void *context)
{
    zkc_adaptor *adaptor = adaptor_of(zh);

    adaptor->end_context = context;
    atomic_store(&adaptor->end, end);
    __atomic_store_n(&zh->close_requested, 1, __ATOMIC_SEQ_CST); /* libzookeeper reads it during long steps */
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
    /* A caller that cannot wait does not send: zookeeper_close sends everything after the thread has ended. */
    if (timeout == 0)
        return ZOK;
    /* The gathered bytes go before the queued requests. */
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
