/* Between libzookeeper and the socket: what it sends is gathered, what the server sends is read ahead.
 *
 * A transport belongs to one handle and is used by one thread at a time: who has the turn (adaptor.h). libzookeeper's
 * own calls of send, recv, SSL_write, SSL_read and close come here (transport_hooks.h). On that thread, for the
 * descriptor that the adaptor has named, they go through the buffers; everything else (another thread, another socket)
 * goes straight to the system. */
#ifndef ZKC_TRANSPORT_H
#define ZKC_TRANSPORT_H

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#ifdef HAVE_OPENSSL_H
#include <openssl/ssl.h>
#endif

typedef struct zkc_transport {
    int fd;     /* the connection that the buffers belong to; -1: none */
    int broken; /* errno of a flush that failed: what is asked of this connection next fails with it */
    int stuck;  /* the last flush left something: there may be no room for more */
    /* What to poll for before reading, and before sending what is left: renegotiating, TLS can want the other one. */
    short read_wants, write_wants;
    char *in, *out;               /* both of ZKC_TRANSPORT_ROOM bytes, made at first use */
    size_t in_begin, in_end;      /* what was read ahead and not taken yet */
    size_t out_begin, out_end;    /* what was gathered and not sent yet */
    void *ssl;                    /* SSL *: what `out` goes through; NULL: the bare socket */
    void (*closing)(void *owner); /* told before the connection is closed */
    void *owner;
} zkc_transport;

enum { ZKC_TRANSPORT_ROOM = 64 * 1024 };

void zkc_transport_init(zkc_transport *transport);
void zkc_transport_free(zkc_transport *transport);
/* Say whose calls go through the buffers on this thread; NULL: nobody's. */
void zkc_transport_use(zkc_transport *transport);
int zkc_transport_is_used(const zkc_transport *transport); /* on this thread */
/* Name the connection. Another one than before starts with empty buffers. */
void zkc_transport_bind(zkc_transport *transport, int fd);
/* Whether something can be taken without asking the system; an error, too. */
int zkc_transport_readable(const zkc_transport *transport);
/* Read ahead what has come, `most` bytes at the most, without waiting. 1: something can be taken; 0: nothing has come;
 * -1: the connection has ended or failed, as the next read says, or there is no memory. */
int zkc_transport_fill(zkc_transport *transport, size_t most);
/* Whether a whole packet of the protocol can be taken. */
static inline int zkc_transport_has_packet(const zkc_transport *transport)
{
    size_t there = transport->in_end - transport->in_begin;
    uint32_t length;

    if (there < sizeof length)
        return 0;
    memcpy(&length, transport->in + transport->in_begin, sizeof length);
    return ntohl(length) <= there - sizeof length;
}

/* How many bytes are gathered. */
static inline size_t zkc_transport_unsent(const zkc_transport *transport)
{
    return transport->out_end - transport->out_begin;
}

/* Send what is gathered, as far as the system takes it. 0: all; 1: some is left; -1: broken. */
int zkc_transport_flush(zkc_transport *transport);
/* The same, waiting for so many milliseconds, which become what is left of them. 0: all; -1: broken, or not in time. */
int zkc_transport_flush_wait(zkc_transport *transport, int *milliseconds);

ssize_t zkc_hook_send(int fd, const void *bytes, size_t length, int flags);
ssize_t zkc_hook_recv(int fd, void *bytes, size_t length, int flags);
int zkc_hook_close(int fd);
#ifdef HAVE_OPENSSL_H
int zkc_hook_ssl_write(SSL *ssl, const void *bytes, int length);
int zkc_hook_ssl_read(SSL *ssl, void *bytes, int length);
int zkc_hook_ssl_pending(const SSL *ssl);
#endif

#endif
