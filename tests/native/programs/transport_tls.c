/* The transport under TLS, over a socket pair: writes of a buffer that grows, read-ahead, renegotiation, the end. */
#include "check.h"
#include "transport.h"

#ifndef HAVE_OPENSSL_H
int main(void)
{
    return 0; /* libzookeeper is built without it, and so is the transport */
}
#else

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = ZKC_TRANSPORT_ROOM, MEGABYTE = 1 << 20 };

struct tls_pair {
    zkc_transport transport;
    SSL_CTX *contexts[2];
    SSL *ours, *theirs;
    int fds[2]; /* neither blocks */
};

static char pattern[MEGABYTE], copy[MEGABYTE];

static unsigned give_key(unsigned char *key, unsigned most)
{
    CHECK(most >= 16);
    memset(key, 7, 16);
    return 16;
}

static unsigned client_key(SSL *ssl, const char *hint, char *identity, unsigned most_identity, unsigned char *key,
                           unsigned most)
{
    (void)ssl, (void)hint;
    snprintf(identity, most_identity, "client");
    return give_key(key, most);
}

static unsigned server_key(SSL *ssl, const char *identity, unsigned char *key, unsigned most)
{
    (void)ssl, (void)identity;
    return give_key(key, most);
}

/* A key that both know instead of certificates; TLS 1.2, which can renegotiate. The modes are libzookeeper's. */
static SSL *make_end(SSL_CTX **context, const SSL_METHOD *method, int fd)
{
    SSL *ssl;

    *context = SSL_CTX_new(method);
    SSL_CTX_set_max_proto_version(*context, TLS1_2_VERSION);
    CHECK_EQ(SSL_CTX_set_cipher_list(*context, "PSK-AES128-GCM-SHA256"), 1);
    SSL_CTX_set_psk_client_callback(*context, client_key);
    SSL_CTX_set_psk_server_callback(*context, server_key);
    SSL_CTX_set_mode(*context, SSL_MODE_AUTO_RETRY | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    ssl = SSL_new(*context);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    CHECK_EQ(SSL_set_fd(ssl, fd), 1);
    return ssl;
}

static void open_pair(struct tls_pair *pair)
{
    int size = 4096, done = 0;

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair->fds), 0);
    setsockopt(pair->fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    pair->ours = make_end(&pair->contexts[0], TLS_client_method(), pair->fds[0]);
    pair->theirs = make_end(&pair->contexts[1], TLS_server_method(), pair->fds[1]);
    SSL_set_connect_state(pair->ours);
    SSL_set_accept_state(pair->theirs);
    while (done != 3)
        done |= (SSL_do_handshake(pair->ours) == 1) | (SSL_do_handshake(pair->theirs) == 1) << 1;
    ERR_clear_error();
    zkc_transport_init(&pair->transport);
    zkc_transport_use(&pair->transport);
    zkc_transport_bind(&pair->transport, pair->fds[0]);
}

static void close_pair(struct tls_pair *pair)
{
    SSL_free(pair->ours);
    SSL_free(pair->theirs);
    SSL_CTX_free(pair->contexts[0]);
    SSL_CTX_free(pair->contexts[1]);
    CHECK_EQ(zkc_hook_close(pair->fds[0]), 0);
    CHECK(pair->transport.ssl == NULL);
    if (pair->fds[1] >= 0)
        close(pair->fds[1]);
    zkc_transport_use(NULL);
    zkc_transport_free(&pair->transport);
    ERR_clear_error();
}

/* As libzookeeper does: what was not taken is offered again, until then nothing else is. */
static void send_through(struct tls_pair *pair, size_t length, size_t piece)
{
    size_t begun = 0, received = 0;
    int waited = 0;

    while (received < length) {
        size_t most = length - begun < piece ? length - begun : piece;
        int taken = most > 0 ? zkc_hook_ssl_write(pair->ours, pattern + begun, (int)most) : 0;
        int left = 0, got;

        if (taken < 0)
            CHECK_EQ(SSL_get_error(pair->ours, taken), SSL_ERROR_WANT_WRITE);
        else
            begun += (size_t)taken;
        CHECK(taken == (int)most || zkc_transport_unsent(&pair->transport) > 0);
        CHECK(zkc_transport_unsent(&pair->transport) <= ROOM);
        /* Flushed in the middle, so that what is tried again is more than before. */
        if (taken < (int)most || begun == length || begun % (3 * piece) == 0)
            left = zkc_transport_flush(&pair->transport);
        CHECK(left == 0 || (left == 1 && pair->transport.stuck && pair->transport.write_wants == POLLOUT));
        waited += left;
        got = 0;
        if (waited % 2 == 1 || begun == length)
            got = SSL_read(pair->theirs, copy + received, (int)(MEGABYTE - received));
        received += got > 0 ? (size_t)got : 0;
        ERR_clear_error();
    }
    CHECK_EQ(begun, length);
    CHECK(waited > 0);
    CHECK_EQ(memcmp(copy, pattern, length), 0);
    CHECK_EQ(zkc_transport_flush(&pair->transport), 0);
}

static void a_buffer_that_grows_while_a_write_waits(void)
{
    static const size_t pieces[] = {7, 1000, 20000, ROOM - 1, ROOM + 1, MEGABYTE / 2};
    struct tls_pair pair;

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        open_pair(&pair);
        send_through(&pair, pieces[i] < 100 ? 70000 : MEGABYTE / 2, pieces[i]);
        close_pair(&pair);
    }
}

static void receiving_reads_a_record_ahead(void)
{
    struct tls_pair pair;

    open_pair(&pair);
    CHECK_EQ(zkc_hook_ssl_pending(pair.ours), 0);
    CHECK_EQ(SSL_write(pair.theirs, pattern, 1000), 1000);
    for (int i = 0; i < 1000; i += 10) {
        CHECK_EQ(zkc_hook_ssl_read(pair.ours, copy + i, 10), 10);
        CHECK_EQ(zkc_hook_ssl_pending(pair.ours), 990 - i); /* it makes no socket readable */
        CHECK_EQ(zkc_transport_readable(&pair.transport), i < 990);
    }
    CHECK_EQ(memcmp(copy, pattern, 1000), 0);
    CHECK_EQ(zkc_hook_ssl_read(pair.ours, copy, 10), -1);
    CHECK_EQ(SSL_get_error(pair.ours, -1), SSL_ERROR_WANT_READ);
    CHECK_EQ(pair.transport.read_wants, POLLIN);
    close_pair(&pair);
}

static void fill(struct tls_pair *pair)
{
    do
        CHECK_EQ(zkc_hook_ssl_write(pair->ours, pattern, 30000), 30000);
    while (zkc_transport_flush(&pair->transport) == 0);
}

/* An error left in OpenSSL's list by another connection of this thread is no error of this one. */
static void an_old_error_is_not_taken_for_a_new_one(void)
{
    struct tls_pair pair;

    open_pair(&pair);
    fill(&pair);
    ERR_put_error(ERR_LIB_SSL, 0, SSL_R_CERTIFICATE_VERIFY_FAILED, __FILE__, __LINE__);
    CHECK_EQ(zkc_transport_flush(&pair.transport), 1);
    CHECK_EQ(pair.transport.broken, 0);
    close_pair(&pair);
}

/* In the midst of a renegotiation there is room to write, and nothing can be written: to wait for room would be not to
 * wait. */
static void a_renegotiation_waits_for_what_it_needs(void)
{
    struct tls_pair pair;
    char byte;

    open_pair(&pair);
    CHECK_EQ(SSL_renegotiate(pair.theirs), 1);
    SSL_do_handshake(pair.theirs);
    CHECK_EQ(zkc_hook_ssl_read(pair.ours, copy, 10), -1); /* it was asked for, and begins */
    CHECK_EQ(zkc_hook_ssl_write(pair.ours, pattern, 10), 10);
    CHECK_EQ(zkc_transport_flush(&pair.transport), 1);
    CHECK_EQ(pair.transport.write_wants, POLLIN);
    for (int turn = 0; turn < 100 && zkc_transport_flush(&pair.transport) == 1; turn++) {
        SSL_read(pair.theirs, &byte, 0);
        SSL_do_handshake(pair.theirs);
        ERR_clear_error();
    }
    CHECK_EQ(zkc_transport_unsent(&pair.transport), 0);
    CHECK_EQ(SSL_read(pair.theirs, copy, 100), 10);
    fill(&pair);
    CHECK_EQ(pair.transport.write_wants, POLLOUT);
    close_pair(&pair);
}

static void a_peer_that_is_gone_is_told_to_who_sends_and_who_reads(void)
{
    struct tls_pair pair;
    int result;

    open_pair(&pair);
    CHECK_EQ(SSL_write(pair.theirs, pattern, 100), 100);
    close(pair.fds[1]);
    pair.fds[1] = -1;
    CHECK_EQ(zkc_hook_ssl_write(pair.ours, pattern, 10), 10);
    CHECK_EQ(zkc_transport_flush(&pair.transport), -1);
    CHECK(pair.transport.broken != 0 && pair.transport.broken != EAGAIN);
    CHECK_EQ(zkc_transport_readable(&pair.transport), 1);
    result = zkc_hook_ssl_write(pair.ours, pattern, 10);
    CHECK(result <= 0);
    result = SSL_get_error(pair.ours, result);
    CHECK(result != SSL_ERROR_WANT_READ && result != SSL_ERROR_WANT_WRITE);
    ERR_clear_error();
    do /* an alert that came before the end is still to be read; in the end there is an end */
        result = zkc_hook_ssl_read(pair.ours, copy, 10);
    while (result > 0);
    result = SSL_get_error(pair.ours, result);
    CHECK(result != SSL_ERROR_WANT_READ && result != SSL_ERROR_WANT_WRITE);
    close_pair(&pair);
}

#define RUN(test)                         \
    do {                                  \
        fprintf(stderr, "  %s\n", #test); \
        test();                           \
    } while (0)

int main(void)
{
    uint64_t state = 7;

    signal(SIGPIPE, SIG_IGN); /* which libzookeeper's I/O thread blocks */
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (char)next_random(&state);
    RUN(a_buffer_that_grows_while_a_write_waits);
    RUN(receiving_reads_a_record_ahead);
    RUN(an_old_error_is_not_taken_for_a_new_one);
    RUN(a_renegotiation_waits_for_what_it_needs);
    RUN(a_peer_that_is_gone_is_told_to_who_sends_and_who_reads);
    return 0;
}
#endif
