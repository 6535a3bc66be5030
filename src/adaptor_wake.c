/* Waking the I/O thread, and its sleep.
 *
 * The word `sleep` is what both sides exchange. A call that finds the thread awake leaves word there (NOTIFIED), and
 * the thread does not go to sleep before it has looked at the queue again. Only a thread that sleeps, in poll, costs a
 * write. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "adaptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

enum { AWAKE, ASLEEP, NOTIFIED };

int zkc_adaptor_open_wake(int wake[2])
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

void zkc_adaptor_close_wake(int wake[2])
{
    close(wake[0]);
    if (wake[1] != wake[0])
        close(wake[1]);
}

void zkc_adaptor_wake(zkc_adaptor *adaptor)
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
        zkc_adaptor_wake(adaptor);
    return ZOK;
}

/* At the beginning of a turn: what was queued until now it will see, and need not be woken for. */
void zkc_adaptor_look_around(zkc_adaptor *adaptor)
{
    /* An exchange, and no store: the queue must not be looked at before. */
    if (atomic_load_explicit(&adaptor->sleep, memory_order_relaxed) != AWAKE)
        atomic_exchange(&adaptor->sleep, AWAKE);
}

/* Poll the socket for what is wanted, or none with fd -1, for so long at the most, unless a wake-up is due. */
int zkc_adaptor_rest(zkc_adaptor *adaptor, int fd, short wanted, int milliseconds)
{
    struct pollfd fds[2] = {{.fd = adaptor->wake[0], .events = POLLIN}, {.fd = fd, .events = wanted}};
    int expected = AWAKE;

    /* A request that was queued before this is seen at the next look at the queue; one queued after it writes. */
    if (!atomic_compare_exchange_strong(&adaptor->sleep, &expected, ASLEEP))
        milliseconds = 0;
    if (poll(fds, fd >= 0 ? 2 : 1, milliseconds) < 0)
        fds[0].revents = fds[1].revents = 0;
    atomic_exchange(&adaptor->sleep, AWAKE);
    if (fds[0].revents & POLLIN)
        drain_wake(adaptor);
    return fd >= 0 ? fds[1].revents : 0;
}
