/* Buffers between libzookeeper and the socket: requests are gathered, and replies are read ahead.
 *
 * A transport belongs to one handle. One thread at a time uses it: the holder of io_lock (adaptor.h). libzookeeper's
 * own calls of send, recv, SSL_write, SSL_read and close come here (transport_hooks.h). On that thread, for the
 * descriptor that the adaptor has named, they go through the buffers. All other calls (another thread, another socket)
 * go straight to the system. */
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
    int broken; /* errno of a flush that failed: the next call for this connection fails with it */
    int stuck;  /* the last flush left bytes: there may be no room for more */
    /* Events to poll for before reading, and before sending the rest. During a renegotiation TLS can want the opposite
     * event. */
    short read_wants, write_wants;
    char *in, *out;               /* both of ZKC_TRANSPORT_ROOM bytes, made at first use */
    size_t in_begin, in_end;      /* bytes read ahead and not taken yet */
    size_t out_begin, out_end;    /* bytes gathered and not sent yet */
    void *ssl;                    /* SSL *: `out` goes through it; NULL: the bare socket */
    void (*closing)(void *owner); /* called before the connection is closed */
    void *owner;
} zkc_transport;

enum { ZKC_TRANSPORT_ROOM = 64 * 1024 };

void zkc_transport_init(zkc_transport *transport);
void zkc_transport_free(zkc_transport *transport);
/* Set the transport whose buffers the calls of this thread go through; NULL: none. */
void zkc_transport_use(zkc_transport *transport);
int zkc_transport_is_used(const zkc_transport *transport); /* on this thread */
/* Name the connection. A connection other than before starts with empty buffers. */
void zkc_transport_bind(zkc_transport *transport, int fd);
/* Whether bytes, or an error, can be taken without a system call. */
int zkc_transport_readable(const zkc_transport *transport);
/* Read ahead what has arrived, at most `most` bytes, without waiting. 1: bytes can be taken; 0: nothing has arrived;
 * -1: the connection has ended or failed, as the next read reports, or there is no memory. */
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

/* Send the gathered bytes, as far as the system takes them. 0: all; 1: some are left; -1: broken. */
int zkc_transport_flush(zkc_transport *transport);
/* The same, waiting for at most so many milliseconds; they are reduced by the time spent. 0: all; -1: broken, or not in
 * time. */
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
