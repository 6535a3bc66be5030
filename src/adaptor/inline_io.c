/* What calling threads do themselves, when the connection has nothing else to do.
 *
 * A lone synchronous call would cost two changes of threads: one to have the I/O thread send its request, and one
 * back, with the reply. So a thread that queues the only request there is sends it by itself, and a thread that waits
 * for the only reply there is reads it by itself. Who knows that it will wait does both in one (zkc_adaptor_cork):
 * first it says that it reads, then it sends. Whatever is more than that is the I/O thread's, which gathers: many
 * requests in one call of the system are cheaper than none of them delayed.
 *
 * Both need the turn (adaptor.h), and neither waits for it: who does not get it leaves its work to the I/O thread, as
 * if there were nothing here. */
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

/* How many packets a reader takes before it lets others have the turn. */
enum { MOST_PACKETS = 128 };
/* How many bytes it reads at a time, and how large a packet it takes, who looks without waiting: a few microseconds'
 * work. */
enum { SMALL = 16 * 1024 };
/* How long a reader looks before it sleeps, in nanoseconds; how often it does in vain before it sleeps at once; and how
 * many sleeps later it looks again. */
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

/* With the turn. Whether all of the queue is sent; a failure is for reading to find out: the connection was shut
 * down. */
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

    /* From a completion: the turn is this thread's, and what is queued is sent when it ends. */
    if (zkc_transport_is_used(transport) || !is_alone(zh) || pthread_mutex_trylock(&adaptor->io_lock) != 0)
        return 0;
    /* With nothing to send, the I/O thread was to be woken for something else. */
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

/* Become the reader. With the turn, then; 0: without. */
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
    zkc_adaptor_update_epoll(adaptor); /* no more; before the request goes, so that its reply wakes one thread */
    if (zh->to_send.head != NULL)
        send_queue(zh, transport);
    return 1;
}

/* With the turn, which goes. */
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

/* A server that is near answers within less time than it takes to fall asleep and be woken, above all in a virtual
 * machine whose processors halt. So look for that long, if looking has been worth it of late; and now and then to find
 * out. */
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

/* Wait until there is something to read, or a kick. The events of the connection; -1: an enum zkc_read in `why`. */
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

/* As the reader: take the turn again. If it is another's, who works, that one looks at the connection again when it
 * goes to sleep, and this is the reader no more: 0. */
static int resume_reading(zhandle_t *zh, zkc_adaptor *adaptor)
{
    if (pthread_mutex_trylock(&adaptor->io_lock) == 0)
        return 1;
    atomic_store(&adaptor->reader, 0);
    wakeup_io_thread(zh);
    return 0;
}

/* With the turn. Take one packet, if a small one is there whole. 1: taken; 0: nothing has come; -1: what has come is
 * for who may take the time: a large packet, a part of one, or the end of the connection, at which libzookeeper asks
 * for locks that another thread may hold while it resolves names. */
static int process_one_packet(zhandle_t *zh, zkc_adaptor *adaptor)
{
    zkc_transport *transport = &adaptor->transport;
    int filled;

#ifdef HAVE_OPENSSL_H
    if ((zh->fd->ssl_sock != NULL) != (transport->ssl != NULL))
        return -1; /* nothing was sent over this connection yet: so the transport does not know that it is TLS */
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

/* It keeps the turn for as long as it looks. The I/O thread may have to wait that long for it, which needs nothing that
 * the caller holds; and there is no other mutex here, nor in libzookeeper's step for a packet, under which a thread
 * does more than change a list. */
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
        if (taken < 0 || now() >= end) /* `nanoseconds` have what sending took in them */
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
            break;                                         /* connecting is the I/O thread's */
        if (zkc_transport_readable(&adaptor->transport)) { /* a look has read it ahead */
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
