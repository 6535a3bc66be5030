/* Requests gathered and replies read ahead: see transport.h. No locks: one thread uses a transport at a time. */
#define _GNU_SOURCE
#include "transport.h"

#include <errno.h>
#ifdef HAVE_OPENSSL_H
#include <openssl/err.h>
#endif
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef MSG_NOSIGNAL
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0
#endif

static _Thread_local zkc_transport *here;

static void forget(zkc_transport *transport)
{
    transport->fd = -1;
    transport->broken = 0;
    transport->stuck = 0;
    transport->in_begin = transport->in_end = 0;
    transport->out_begin = transport->out_end = 0;
    transport->ssl = NULL;
    transport->read_wants = POLLIN;
    transport->write_wants = POLLOUT;
}

void zkc_transport_init(zkc_transport *transport)
{
    memset(transport, 0, sizeof *transport);
    forget(transport);
}

void zkc_transport_free(zkc_transport *transport)
{
    free(transport->in);
    free(transport->out);
    zkc_transport_init(transport);
}

void zkc_transport_use(zkc_transport *transport)
{
    here = transport;
}

int zkc_transport_is_used(const zkc_transport *transport)
{
    return here == transport;
}

void zkc_transport_bind(zkc_transport *transport, int fd)
{
    if (transport->fd == fd)
        return;
    forget(transport);
    transport->fd = fd;
}

int zkc_transport_readable(const zkc_transport *transport)
{
    return transport->in_begin < transport->in_end || transport->broken != 0;
}

/* Return the transport whose buffers a call on this descriptor goes through, or NULL. */
static zkc_transport *transport_of(int fd)
{
    return here != NULL && fd >= 0 && here->fd == fd ? here : NULL;
}

static int room(char **buffer)
{
    if (*buffer == NULL)
        *buffer = malloc(ZKC_TRANSPORT_ROOM);
    return *buffer != NULL;
}

static size_t take(zkc_transport *transport, void *bytes, size_t length)
{
    size_t there = transport->in_end - transport->in_begin;

    if (length > there)
        length = there;
    memcpy(bytes, transport->in + transport->in_begin, length);
    transport->in_begin += length;
    return length;
}

/* Append as much as there is room for. */
static size_t gather(zkc_transport *transport, const void *bytes, size_t length)
{
    size_t left;

    if (transport->out_begin > 0 && transport->out_begin == transport->out_end)
        transport->out_begin = transport->out_end = 0;
    left = ZKC_TRANSPORT_ROOM - transport->out_end;
    if (length > left)
        length = left;
    memcpy(transport->out + transport->out_end, bytes, length);
    transport->out_end += length;
    return length;
}

static void fail(zkc_transport *transport)
{
    /* A TLS failure sets no errno, and with "try again" the caller would retry without end. */
    transport->broken = errno == 0 || errno == EAGAIN ? EPIPE : errno;
    /* So that a reader gets the failure, too, also through TLS; bytes that came before the end can still be read. */
    shutdown(transport->fd, SHUT_RDWR);
}

#ifdef HAVE_OPENSSL_H
/* After it SSL_get_error still describes the last call on this thread. */
static int flush_ssl(zkc_transport *transport, int *result)
{
    while (zkc_transport_unsent(transport) > 0) {
        int error;

        ERR_clear_error(); /* otherwise an older error in the queue, maybe another connection's, would be taken for ours
                            */
        errno = 0;
        *result = SSL_write(transport->ssl, transport->out + transport->out_begin,
                            (int)zkc_transport_unsent(transport));
        if (*result > 0) {
            transport->out_begin += (size_t)*result;
            continue;
        }
        error = SSL_get_error(transport->ssl, *result);
        if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ)
            return -1;
        /* A renegotiation can want to read first; polling for room would return at once. */
        transport->write_wants = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return 1;
    }
    return 0;
}
#endif

static int flush_plain(zkc_transport *transport)
{
    while (zkc_transport_unsent(transport) > 0) {
        ssize_t sent = send(transport->fd, transport->out + transport->out_begin, zkc_transport_unsent(transport),
                            SEND_FLAGS);

        if (sent >= 0)
            transport->out_begin += (size_t)sent;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 1;
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

int zkc_transport_flush(zkc_transport *transport)
{
    int rc;

    if (transport->fd < 0 || zkc_transport_unsent(transport) == 0)
        return 0;
    if (transport->broken)
        return -1;
#ifdef HAVE_OPENSSL_H
    if (transport->ssl != NULL) {
        int result;

        rc = flush_ssl(transport, &result);
    } else
#endif
        rc = flush_plain(transport);
    if (rc < 0)
        fail(transport);
    transport->stuck = rc == 1;
    return rc;
}

static int milliseconds_since(const struct timespec *begun)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int)((now.tv_sec - begun->tv_sec) * 1000 + (now.tv_nsec - begun->tv_nsec) / 1000000);
}

int zkc_transport_flush_wait(zkc_transport *transport, int *milliseconds)
{
    const int limit = *milliseconds;
    struct timespec begun;
    int rc;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    while ((rc = zkc_transport_flush(transport)) == 1 && *milliseconds > 0) {
        struct pollfd waiting = {.fd = transport->fd, .events = transport->write_wants};

        poll(&waiting, 1, *milliseconds);
        *milliseconds = limit - milliseconds_since(&begun);
    }
    if (*milliseconds < 1)
        *milliseconds = 1; /* 0 would mean without waiting */
    return rc == 0 ? 0 : -1;
}

#ifdef HAVE_OPENSSL_H
static int read_ssl(zkc_transport *transport, SSL *ssl, void *bytes, int length)
{
    int got = SSL_read(ssl, bytes, length);

    /* A renegotiation can want to write first, which poll would not wait for otherwise. */
    transport->read_wants = got <= 0 && SSL_get_error(ssl, got) == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    return got;
}

static int fill_ssl(zkc_transport *transport, int most)
{
    int got, error;

    ERR_clear_error(); /* as in flush_ssl */
    errno = 0;
    got = read_ssl(transport, transport->ssl, transport->in, most);
    error = got > 0 ? SSL_ERROR_NONE : SSL_get_error(transport->ssl, got);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return 0;
    if (got <= 0)
        fail(transport);
    return got > 0 ? got : -1;
}
#endif

static int fill_plain(zkc_transport *transport, size_t most)
{
    ssize_t got = recv(transport->fd, transport->in, most, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    if (got < 0)
        fail(transport); /* the system reports it once, and the next read gets it from here */
    return got > 0 ? (int)got : -1;
}

int zkc_transport_fill(zkc_transport *transport, size_t most)
{
    int got;

    if (zkc_transport_readable(transport))
        return 1;
    if (transport->fd < 0 || !room(&transport->in))
        return -1;
#ifdef HAVE_OPENSSL_H
    if (transport->ssl != NULL)
        got = fill_ssl(transport, (int)most);
    else
#endif
        got = fill_plain(transport, most);
    if (got <= 0)
        return got;
    transport->in_begin = 0;
    transport->in_end = (size_t)got;
    return 1;
}

/* ---- the calls of libzookeeper -------------------------------------------------------------------------------------
 */

ssize_t zkc_hook_send(int fd, const void *bytes, size_t length, int flags)
{
    zkc_transport *transport = transport_of(fd);
    size_t taken;

    if (transport == NULL || !room(&transport->out))
        return send(fd, bytes, length, flags);
    if (transport->broken) {
        errno = transport->broken;
        return -1;
    }
    taken = length < ZKC_TRANSPORT_ROOM ? gather(transport, bytes, length) : 0;
    if (taken < length) { /* it does not fit: send the gathered bytes first */
        int rc = zkc_transport_flush(transport);

        if (rc == 0 && length >= ZKC_TRANSPORT_ROOM) {
            ssize_t sent = send(fd, bytes, length, flags); /* not worth a copy */

            if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
                return -1;
            taken = sent > 0 ? (size_t)sent : 0;
        }
        if (rc < 0) {
            errno = transport->broken;
            return -1;
        }
        /* Gather what the system has no room for; it waits like other gathered bytes. */
        if (rc == 0)
            taken += gather(transport, (const char *)bytes + taken, length - taken);
        if (taken == 0) {
            errno = EAGAIN;
            return -1;
        }
    }
    return (ssize_t)taken;
}

ssize_t zkc_hook_recv(int fd, void *bytes, size_t length, int flags)
{
    zkc_transport *transport = transport_of(fd);
    ssize_t got;

    if (transport == NULL)
        return recv(fd, bytes, length, flags);
    if (transport->in_begin < transport->in_end)
        return (ssize_t)take(transport, bytes, length);
    if (transport->broken) {
        errno = transport->broken;
        return -1;
    }
    /* A read larger than the buffer goes straight to its destination. */
    if (length >= ZKC_TRANSPORT_ROOM || !room(&transport->in))
        return recv(fd, bytes, length, flags);
    got = recv(fd, transport->in, ZKC_TRANSPORT_ROOM, flags);
    if (got <= 0)
        return got;
    transport->in_begin = 0;
    transport->in_end = (size_t)got;
    return (ssize_t)take(transport, bytes, length);
}

int zkc_hook_close(int fd)
{
    zkc_transport *transport = transport_of(fd);

    if (transport != NULL) {
        if (transport->closing != NULL)
            transport->closing(transport->owner);
        forget(transport); /* the next connection may get the same number */
    }
    return close(fd);
}

#ifdef HAVE_OPENSSL_H
int zkc_hook_ssl_write(SSL *ssl, const void *bytes, int length)
{
    zkc_transport *transport = transport_of(SSL_get_fd(ssl));
    size_t taken, wanted = length > 0 ? (size_t)length : 0;
    int result = -1;

    if (transport == NULL || !room(&transport->out))
        return SSL_write(ssl, bytes, length);
    transport->ssl = ssl;
    taken = transport->broken ? 0 : gather(transport, bytes, wanted);
    if (taken < wanted) {
        int rc = flush_ssl(transport, &result);

        transport->stuck = rc == 1;
        if (rc < 0) {
            fail(transport);
            return result;
        }
        if (rc == 0)
            taken += gather(transport, (const char *)bytes + taken, wanted - taken);
        if (taken == 0)
            return result; /* it would block, as SSL_get_error reports for the last call */
    }
    return (int)taken;
}

int zkc_hook_ssl_read(SSL *ssl, void *bytes, int length)
{
    zkc_transport *transport = transport_of(SSL_get_fd(ssl));
    int got;

    if (transport == NULL || length <= 0)
        return SSL_read(ssl, bytes, length);
    if (transport->in_begin < transport->in_end)
        return (int)take(transport, bytes, (size_t)length);
    if (length >= ZKC_TRANSPORT_ROOM || !room(&transport->in))
        return read_ssl(transport, ssl, bytes, length);
    got = read_ssl(transport, ssl, transport->in, ZKC_TRANSPORT_ROOM);
    if (got <= 0)
        return got;
    transport->in_begin = 0;
    transport->in_end = (size_t)got;
    return (int)take(transport, bytes, (size_t)length);
}

int zkc_hook_ssl_pending(const SSL *ssl)
{
    zkc_transport *transport = transport_of(SSL_get_fd(ssl));
    int there = transport != NULL ? (int)(transport->in_end - transport->in_begin) : 0;

    return there > 0 ? there : SSL_pending(ssl);
}
#endif
