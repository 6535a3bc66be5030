/* Compiled before the first line of zookeeper.c (vendor/components.py): its socket calls become ours. */
#ifndef ZKC_TRANSPORT_HOOKS_H
#define ZKC_TRANSPORT_HOOKS_H

#include <sys/socket.h>
#include <unistd.h>

#include "transport.h"

#define send(fd, bytes, length, flags) zkc_hook_send(fd, bytes, length, flags)
#define recv(fd, bytes, length, flags) zkc_hook_recv(fd, bytes, length, flags)
#define close(fd) zkc_hook_close(fd)
#ifdef HAVE_OPENSSL_H
#define SSL_write(ssl, bytes, length) zkc_hook_ssl_write(ssl, bytes, length)
#define SSL_read(ssl, bytes, length) zkc_hook_ssl_read(ssl, bytes, length)
#define SSL_pending(ssl) zkc_hook_ssl_pending(ssl)
#endif

#endif
