/* Sending and reading on the calling threads, when the connection has no other work.
 *
 * A lone synchronous call would cost two switches of threads: to the I/O thread, which sends its request, and back,
 * with the reply. So a thread that queues the only request sends it by itself, and a thread that waits for the only
 * reply reads it by itself. A thread that is about to wait does both in one step (zkc_adaptor_cork): first it becomes
 * the reader, then it sends. With more requests in flight the I/O thread does the work. It gathers: many requests in
 * one system call cost less than sending each at once.
 *
 * Both need io_lock (adaptor.h), and neither waits for it. A thread that does not get it leaves the work to the I/O
 * thread. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "adaptor.h"
#include "zkc_adaptor.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

int flush_send_queue(zhandle_t *zh, int timeout);
int zookeeper_process(zhandle_t *zh, int events);

/* How many packets a reader takes before it releases io_lock. */
enum { MOST_PACKETS = 128 };
/* How many bytes a thread reads at a time, and how large a packet it takes, while it polls without waiting: a few
 * microseconds' work. */
enum { SMALL = 16 * 1024 };
/* How long a reader polls before it sleeps, in nanoseconds. How often without a reply before it sleeps at once, and
 * after how many sleeps it polls again. */
enum { SPIN_NS = 30000, MOST_CREDIT = 8, SPIN_AGAIN = 32 };

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* Whether no more than one request waits for a reply; the one that this thread has just queued is among them. */
static int is_alone(zhandle_t *zh)
{
    int alone;

    lock_completion_list(&zh->sent_requests);
    alone = zh->sent_requests.head == zh->sent_requests.last;
    unlock_completion_list(&zh->sent_requests);
    return alone;
}

static int is_usable(zhandle_t *zh, const zkc_transport *transport)
{
    return zkc_adaptor_is_up(zh) && !zkc_adaptor_is_closing(zh) && transport->fd >= 0 &&
           transport->fd == zh->fd->sock && !transport->broken && !transport->stuck;
}

/* With io_lock held. Returns whether all of the queue is sent. After a failure the connection is shut down: the next
 * read reports it. */
static int send_queue(zhandle_t *zh, zkc_transport *transport)
{
    int sent;

    zkc_transport_use(transport);
    sent = flush_send_queue(zh, 0) == ZOK && zkc_transport_flush(transport) == 0 && zh->to_send.head == NULL;
    zkc_transport_use(NULL);
    return sent;
}

/* 1: sent. 0: the I/O thread has to do it. */
static int send_here(zhandle_t *zh)
{
    zkc_adaptor *adaptor = adaptor_of(zh);
    zkc_transport *transport = &adaptor->transport;
    int sent = 0;

    /* In a completion this thread holds io_lock already, and the queue is sent at the end of the iteration. */
    if (zkc_transport_is_used(transport) || !is_alone(zh) || pthread_mutex_trylock(&adaptor->io_lock) != 0)
        return 0;
    /* With nothing to send, the caller wakes the I/O thread for another reason. */
    if (is_usable(zh, transport) && zh->to_send.head != NULL)
        sent = send_queue(zh, transport);
    pthread_mutex_unlock(&adaptor->io_lock);
    return sent;
}

/* Of this thread: whether its next request is to be corked, and whether one is. */
static _Thread_local int corking, corked;

void zkc_adaptor_cork(int on)
{
    corking = on;
    corked = 0;
}

int zkc_adaptor_take_corked(void)
{
    int was_corked = corked;

    zkc_adaptor_cork(0);
    return was_corked;
}

void zkc_adaptor_uncork(zhandle_t *zh)
{
    if (!send_here(zh))
        wakeup_io_thread(zh);
}

void zkc_adaptor_send(zhandle_t *zh)
{
    if (corking && !zkc_transport_is_used(&adaptor_of(zh)->transport))
        corked = 1;
    else
        zkc_adaptor_uncork(zh);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

#ifdef __linux__

static void drain(int fd)
{
    uint64_t ignored;

    while (read(fd, &ignored, sizeof ignored) < 0 && errno == EINTR)
        ;
}

void zkc_adaptor_kick_reader(zkc_adaptor *adaptor)
{
    uint64_t one = 1;

    if (atomic_load(&adaptor->reader))
        while (write(adaptor->kick, &one, sizeof one) < 0 && errno == EINTR)
            ;
}

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Become the reader. 1: with io_lock held; 0: not the reader, and without it. */
static int begin_reading(zhandle_t *zh, zkc_adaptor *adaptor, int kick)
{
    zkc_transport *transport = &adaptor->transport;

    if (adaptor->epoll < 0 || pthread_mutex_trylock(&adaptor->io_lock) != 0)
        return 0;
    if (!is_usable(zh, transport) || atomic_load(&adaptor->reader) || zkc_transport_readable(transport) ||
        zkc_transport_unsent(transport) > 0) {
        pthread_mutex_unlock(&adaptor->io_lock);
        return 0;
    }
    adaptor->kick = kick;
    atomic_store(&adaptor->reader, 1);
    zkc_adaptor_update_epoll(
        adaptor); /* poll no more; before the request is sent, so that its reply wakes one thread */
    if (zh->to_send.head != NULL)
        send_queue(zh, transport);
    return 1;
}

/* With io_lock held, which it releases. */
static void end_reading(zhandle_t *zh, zkc_adaptor *adaptor)
{
    zkc_transport *transport = &adaptor->transport;
    int left;

    atomic_store(&adaptor->reader, 0);
    zkc_adaptor_update_epoll(adaptor);
    left = !is_usable(zh, transport) || zkc_transport_readable(transport) || zkc_transport_unsent(transport) > 0 ||
           zh->to_send.head != NULL || adaptor->fd_closed;
    pthread_mutex_unlock(&adaptor->io_lock);
    if (left)
        wakeup_io_thread(zh);
}

static void take_replies(zhandle_t *zh, zkc_adaptor *adaptor)
{
    zkc_transport *transport = &adaptor->transport;
    int packets = 0;

    zkc_transport_use(transport);
    do {
        zookeeper_process(zh, ZOOKEEPER_READ);
        zkc_adaptor_run_completions(zh);
    } while (is_usable(zh, transport) && zkc_transport_readable(transport) && ++packets < MOST_PACKETS);
    zkc_transport_use(NULL);
}

/* A near server answers in less time than a thread takes to fall asleep and be woken, above all where a virtual
 * machine's processors halt. So poll for that long as long as recent polls got replies, and now and then to find out.
 */
static int busy_poll(zkc_adaptor *adaptor, struct pollfd fds[2])
{
    int64_t end;
    int count;

    if (adaptor->spin_credit == 0 && ++adaptor->spin_skips % SPIN_AGAIN != 0)
        return 0;
    end = now() + SPIN_NS;
    do
        count = poll(fds, 2, 0);
    while (count == 0 && now() < end);
    if (count > 0)
        adaptor->spin_credit = adaptor->spin_credit < MOST_CREDIT ? adaptor->spin_credit + 2 : MOST_CREDIT;
    else if (adaptor->spin_credit > 0)
        adaptor->spin_credit--;
    return count;
}

/* Wait until there is something to read, or a kick. Returns the events of the connection; -1: `why` has an enum
 * zkc_read. */
static int wait_for_connection(zkc_adaptor *adaptor, int is_reader, int fd, short wanted, int kick, int64_t nanoseconds,
                               int *why)
{
    struct pollfd fds[2] = {{.fd = fd, .events = wanted}, {.fd = kick, .events = POLLIN}};
    struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int count = is_reader ? 0 : busy_poll(adaptor, fds);

    if (count == 0)
        count = ppoll(fds, 2, nanoseconds < 0 ? NULL : &limit, NULL);
    if (count <= 0) {
        *why = count == 0 ? ZKC_READ_TIMED_OUT : ZKC_READ_INTERRUPTED;
        return -1;
    }
    if (fds[1].revents != 0)
        drain(kick);
    return fds[0].revents;
}

/* As the reader: take io_lock again. 0: another thread works with it. Then this thread is not the reader any more, and
 * the I/O thread polls the connection again when it sleeps. */
static int resume_reading(zhandle_t *zh, zkc_adaptor *adaptor)
{
    if (pthread_mutex_trylock(&adaptor->io_lock) == 0)
        return 1;
    atomic_store(&adaptor->reader, 0);
    wakeup_io_thread(zh);
    return 0;
}

/* With io_lock held. Take one packet, if a small packet has arrived whole. 1: taken; 0: nothing has arrived; -1: only a
 * thread that may wait can take it. That is a large packet, a part of a packet, or the end of the connection. There
 * libzookeeper takes locks that another thread may hold while it resolves names. */
static int process_one_packet(zhandle_t *zh, zkc_adaptor *adaptor)
{
    zkc_transport *transport = &adaptor->transport;
    int filled;

#ifdef HAVE_OPENSSL_H
    if ((zh->fd->ssl_sock != NULL) != (transport->ssl != NULL))
        return -1; /* nothing was sent over this connection yet, so the transport does not know that it uses TLS */
#endif
    filled = zkc_transport_fill(transport, SMALL);
    if (filled <= 0)
        return filled;
    if (transport->broken || !zkc_transport_has_packet(transport) ||
        (zh->input_buffer != NULL && zh->input_buffer->curr_offset > 0))
        return -1;
    zkc_transport_use(transport);
    zookeeper_process(zh, ZOOKEEPER_READ);
    zkc_adaptor_run_completions(zh);
    zkc_transport_use(NULL);
    return 1;
}

/* It keeps io_lock for as long as it polls. The I/O thread may have to wait that long, and needs nothing that the
 * caller holds. No other mutex here, nor in libzookeeper's step for a packet, is held for more than the change of a
 * list. */
int zkc_adaptor_peek(zhandle_t *zh, int is_reader, int kick, int (*enough)(void *context), void *context,
                     int64_t nanoseconds)
{
    zkc_adaptor *adaptor = adaptor_of(zh);
    int64_t end = now() + nanoseconds;
    int fd, taken = 0;

    if (!(is_reader ? resume_reading(zh, adaptor) : begin_reading(zh, adaptor, kick)))
        return ZKC_READ_REFUSED;
    fd = adaptor->transport.fd;
    for (;;) {
        int done = enough(context);

        if (done || !is_usable(zh, &adaptor->transport) || adaptor->transport.fd != fd) {
            end_reading(zh, adaptor);
            return done ? ZKC_READ_ENOUGH : ZKC_READ_REFUSED;
        }
        if (taken < 0 || now() >= end) /* `nanoseconds` include the time for sending */
            break;
        taken = process_one_packet(zh, adaptor);
    }
    pthread_mutex_unlock(&adaptor->io_lock);
    return ZKC_READ_NOT_YET;
}

int zkc_adaptor_read(zhandle_t *zh, int is_reader, int kick, int (*enough)(void *context), void *context,
                     int64_t nanoseconds)
{
    zkc_adaptor *adaptor = adaptor_of(zh);
    int64_t deadline = nanoseconds < 0 ? 0 : now() + nanoseconds;
    int fd, outcome = ZKC_READ_REFUSED;

    if (!(is_reader ? resume_reading(zh, adaptor) : begin_reading(zh, adaptor, kick)))
        return ZKC_READ_REFUSED;
    fd = adaptor->transport.fd;
    for (;;) {
        short wanted = adaptor->transport.read_wants;
        int64_t left = nanoseconds < 0 ? -1 : deadline - now();
        int events;

        if (enough(context)) {
            outcome = ZKC_READ_ENOUGH;
            break;
        }
        if (!is_usable(zh, &adaptor->transport) || adaptor->transport.fd != fd)
            break;                                         /* only the I/O thread connects */
        if (zkc_transport_readable(&adaptor->transport)) { /* a poll has read it ahead */
            take_replies(zh, adaptor);
            continue;
        }
        pthread_mutex_unlock(&adaptor->io_lock);
        events = wait_for_connection(adaptor, is_reader, fd, wanted, kick, left > 0 || nanoseconds < 0 ? left : 0,
                                     &outcome);
        is_reader = 0;
        if (!resume_reading(zh, adaptor))
            return enough(context) ? ZKC_READ_ENOUGH : outcome;
        if (events < 0)
            break;
        if (events > 0 && is_usable(zh, &adaptor->transport) && adaptor->transport.fd == fd)
            take_replies(zh, adaptor);
    }
    end_reading(zh, adaptor);
    return outcome;
}

#else

void zkc_adaptor_kick_reader(zkc_adaptor *adaptor)
{
    (void)adaptor;
}

int zkc_adaptor_peek(zhandle_t *zh, int is_reader, int kick, int (*enough)(void *context), void *context,
                     int64_t nanoseconds)
{
    (void)zh, (void)is_reader, (void)kick, (void)enough, (void)context, (void)nanoseconds;
    return ZKC_READ_REFUSED;
}

int zkc_adaptor_read(zhandle_t *zh, int is_reader, int kick, int (*enough)(void *context), void *context,
                     int64_t nanoseconds)
{
    (void)zh, (void)is_reader, (void)kick, (void)enough, (void)context, (void)nanoseconds;
    return ZKC_READ_REFUSED;
}

#endif
