/* Waking the I/O thread, and its sleep.
 *
 * Both sides exchange the word `sleep`. A call that finds the thread awake sets NOTIFIED, and the thread looks at the
 * queue again before it sleeps. Only waking a sleeping thread costs a write.
 *
 * It sleeps in epoll, because other threads change the set of descriptors while it sleeps. A thread that waits for a
 * reply reads the connection itself, and the same bytes must not wake two threads. Without epoll it uses poll(), and
 * only the I/O thread reads.
 *
 * A server that answers many requests one by one would wake this thread for each, and this thread the consumer of the
 * replies. So when many requests wait and few replies came at once, it delays before it polls. Then the replies arrive
 * together, and the next requests are sent together. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "adaptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif

enum { AWAKE, ASLEEP, NOTIFIED };
enum { WAKE, CONNECTION };                                          /* the data of an epoll event */
enum { MANY_IN_FLIGHT = 128, FEW_PACKETS = 16, MANY_PACKETS = 64 }; /* requests in flight; packets taken at once */
enum { SHORTEST_DELAY = 50000, LONGEST_DELAY = 400000 };            /* in nanoseconds */

#ifdef __linux__

static int control(zkc_adaptor *adaptor, int operation, int fd, short wanted, int about)
{
    struct epoll_event event = {.events = (uint32_t)wanted, .data.u32 = (uint32_t)about};

    return epoll_ctl(adaptor->epoll, operation, fd, &event);
}

static int open_epoll(zkc_adaptor *adaptor)
{
    adaptor->epoll = epoll_create1(EPOLL_CLOEXEC);
    return adaptor->epoll < 0 ? -1 : control(adaptor, EPOLL_CTL_ADD, adaptor->wake[0], POLLIN, WAKE);
}

#endif

int zkc_adaptor_open_wake(zkc_adaptor *adaptor)
{
    int *wake = adaptor->wake;

    adaptor->epoll = adaptor->polled_fd = adaptor->epoll_fd = -1;
#ifdef __linux__
    wake[0] = wake[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake[0] < 0)
        return -1;
    if (open_epoll(adaptor) < 0) {
        int error = errno;

        zkc_adaptor_close_wake(adaptor);
        errno = error;
        return -1;
    }
    return 0;
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

void zkc_adaptor_close_wake(zkc_adaptor *adaptor)
{
    close(adaptor->wake[0]);
    if (adaptor->wake[1] != adaptor->wake[0])
        close(adaptor->wake[1]);
    if (adaptor->epoll >= 0)
        close(adaptor->epoll);
}

void zkc_adaptor_wake(zkc_adaptor *adaptor)
{
    uint64_t one = 1;
    ssize_t written;

    /* Full is enough: the thread has not read the last wake-up yet. */
    do
        written = write(adaptor->wake[1], &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

static void drain_wake(zkc_adaptor *adaptor)
{
    uint64_t ignored;
    ssize_t got;

    do
        got = read(adaptor->wake[0], &ignored, sizeof ignored);
    while (got > 0 && adaptor->wake[0] != adaptor->wake[1]);
}

int wakeup_io_thread(zhandle_t *zh)
{
    zkc_adaptor *adaptor = adaptor_of(zh);

    if (atomic_exchange(&adaptor->sleep, NOTIFIED) == ASLEEP)
        zkc_adaptor_wake(adaptor);
    return ZOK;
}

/* At the beginning of an iteration: the requests queued so far are seen in it, and need no wake-up. */
void zkc_adaptor_begin_iteration(zkc_adaptor *adaptor)
{
    /* An exchange, not a store: the queue must not be read before it. */
    if (atomic_load_explicit(&adaptor->sleep, memory_order_relaxed) != AWAKE)
        atomic_exchange(&adaptor->sleep, AWAKE);
}

void zkc_adaptor_set_polled(zkc_adaptor *adaptor, int fd, short wanted)
{
    adaptor->polled_fd = fd;
    adaptor->polled_events = wanted;
    zkc_adaptor_update_epoll(adaptor);
}

#ifdef __linux__

/* Register the connection and its events in epoll, if they have changed. epoll reports an error of the connection even
 * when no event is registered. */
void zkc_adaptor_update_epoll(zkc_adaptor *adaptor)
{
    short wanted = atomic_load(&adaptor->reader) ? 0 : adaptor->polled_events;
    int fd = adaptor->polled_fd, operation = EPOLL_CTL_MOD;

    if (fd == adaptor->epoll_fd && wanted == adaptor->epoll_events)
        return;
    if (fd != adaptor->epoll_fd) {
        if (adaptor->epoll_fd >= 0)
            control(adaptor, EPOLL_CTL_DEL, adaptor->epoll_fd, 0, CONNECTION);
        operation = EPOLL_CTL_ADD;
    }
    adaptor->fd_closed = fd >= 0 && control(adaptor, operation, fd, wanted, CONNECTION) < 0;
    adaptor->epoll_fd = adaptor->fd_closed ? -1 : fd;
    adaptor->epoll_events = wanted;
}

static int sleep_on_epoll(zkc_adaptor *adaptor, int milliseconds)
{
    struct epoll_event events[2];
    int revents = 0, count = epoll_wait(adaptor->epoll, events, 2, milliseconds);

    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == CONNECTION)
            revents = (int)events[i].events;
        else
            drain_wake(adaptor);
    }
    return revents;
}

#else

void zkc_adaptor_update_epoll(zkc_adaptor *adaptor)
{
    (void)adaptor;
}

static int sleep_on_epoll(zkc_adaptor *adaptor, int milliseconds)
{
    struct pollfd fds[2] = {{.fd = adaptor->wake[0], .events = POLLIN},
                            {.fd = adaptor->polled_fd, .events = adaptor->polled_events}};

    if (poll(fds, adaptor->polled_fd >= 0 ? 2 : 1, milliseconds) < 0)
        return 0;
    if (fds[0].revents & POLLIN)
        drain_wake(adaptor);
    return adaptor->polled_fd >= 0 ? fds[1].revents : 0;
}

#endif

/* Wait for the events of zkc_adaptor_set_polled, a wake-up, or the timeout; not at all if a wake-up came before. */
int zkc_adaptor_sleep(zkc_adaptor *adaptor, int milliseconds)
{
    int expected = AWAKE, revents;

    /* A request queued before this is seen when the queue is read next; a request queued after it writes the eventfd.
     */
    if (!atomic_compare_exchange_strong(&adaptor->sleep, &expected, ASLEEP))
        milliseconds = 0;
    revents = sleep_on_epoll(adaptor, milliseconds);
    atomic_exchange(&adaptor->sleep, AWAKE);
    return revents;
}

void zkc_adaptor_set_load(zhandle_t *zh, const atomic_int *in_flight)
{
    atomic_store(&adaptor_of(zh)->in_flight, in_flight);
}

/* Compute the next delay. It grows while few packets arrive in it and shrinks when many do, so that it is short where
 * the server is quick. With a quarter of the requests answered in one delay, the server never runs out of them. */
static long next_coalesce_delay(zkc_adaptor *adaptor)
{
    const atomic_int *in_flight = atomic_load_explicit(&adaptor->in_flight, memory_order_acquire);
    int taken = adaptor->packets,
        waiting = in_flight != NULL ? atomic_load_explicit(in_flight, memory_order_relaxed) : 0;

    adaptor->packets = 0;
    if (waiting < MANY_IN_FLIGHT)
        return adaptor->coalesce_delay = 0;
    if (taken >= MANY_PACKETS || taken > waiting / 4)
        adaptor->coalesce_delay /= 2;
    else if (taken < FEW_PACKETS)
        adaptor->coalesce_delay = adaptor->coalesce_delay > 0 ? adaptor->coalesce_delay * 2 : SHORTEST_DELAY;
    if (adaptor->coalesce_delay > LONGEST_DELAY)
        adaptor->coalesce_delay = LONGEST_DELAY;
    if (adaptor->coalesce_delay < SHORTEST_DELAY)
        adaptor->coalesce_delay = 0;
    return adaptor->coalesce_delay;
}

/* Before the sleep: give replies, and requests, time to arrive together. */
void zkc_adaptor_coalesce(zkc_adaptor *adaptor)
{
    const struct timespec moment = {.tv_nsec = next_coalesce_delay(adaptor)};

    if (moment.tv_nsec == 0)
        return;
    zkc_transport_use(NULL);
    pthread_mutex_unlock(&adaptor->io_lock);
    nanosleep(&moment, NULL);
    pthread_mutex_lock(&adaptor->io_lock);
    zkc_transport_use(&adaptor->transport);
}
