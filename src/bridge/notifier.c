/* The descriptor that an event loop polls when there is no dispatcher thread: an eventfd, or a pipe. Both ends are
 * non-blocking, because the writer holds the queue's lock. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#ifdef __linux__

#include <sys/eventfd.h>

int zkc_notifier_open(int fds[2])
{
    fds[0] = fds[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fds[0] < 0 ? errno : 0;
}

#else

int zkc_notifier_open(int fds[2])
{
    int error;

    if (pipe(fds) == 0) {
        for (int i = 0; i < 2; i++)
            if (fcntl(fds[i], F_SETFL, O_NONBLOCK) < 0 || fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0)
                goto failed;
        return 0;
    }
    error = errno;
    fds[0] = fds[1] = -1;
    return error;
failed:
    error = errno;
    zkc_notifier_close(fds);
    return error;
}

#endif

void zkc_notifier_wake(int fd)
{
    uint64_t one = 1;
    ssize_t ignored = fd >= 0 ? write(fd, &one, sizeof one) : 0; /* full means: a wake-up is pending already */

    (void)ignored;
}

void zkc_notifier_drain(int fd)
{
    uint64_t wakes[64];

    /* An eventfd is empty after one read; of a pipe, a short read was the last. */
    while (fd >= 0 && read(fd, wakes, sizeof wakes) == (ssize_t)sizeof wakes)
        ;
}

void zkc_notifier_close(int fds[2])
{
    if (fds[0] >= 0)
        close(fds[0]);
    if (fds[1] >= 0 && fds[1] != fds[0])
        close(fds[1]);
    fds[0] = fds[1] = -1;
}
