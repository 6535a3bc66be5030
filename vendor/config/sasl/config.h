/* Cyrus SASL's configuration, for Linux with glibc or musl, and the choice of its features.
 *
 * Included: the client side of DIGEST-MD5, PLAIN and SCRAM, compiled in; EXTERNAL is always part of the library.
 * Excluded:
 * - Loading of plugins (DO_DLOPEN stays undefined): no plugin of the machine may enter a Python process.
 * - DIGEST-MD5's ciphers (WITH_RC4 and WITH_DES stay undefined). ZooKeeper uses SASL to authenticate, without a
 * security layer. And RC4 and DES would need OpenSSL's legacy provider.
 * - syslog (HAVE_SYSLOG stays undefined): a library does not write to the machine's log.
 */
#ifndef ZKC_SASL_CONFIG_H
#define ZKC_SASL_CONFIG_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#define STATIC_DIGESTMD5 1
#define STATIC_PLAIN 1
#define STATIC_SCRAM 1
#define HAVE_SHA512 1

#define VERSION ZKC_COMPONENT_VERSION
#define CONFIGDIR "/nonexistent"
#define PLUGINDIR "/nonexistent"
#define SASL_DEV_RANDOM "/dev/urandom"
#define DEV_RANDOM SASL_DEV_RANDOM

#define HAVE_ASPRINTF 1
#define HAVE_GETADDRINFO 1
#define HAVE_GETHOSTNAME 1
#define HAVE_GETNAMEINFO 1
#define HAVE_GETPID 1
#define HAVE_GETTIMEOFDAY 1
#define HAVE_INTTYPES_H 1
#define HAVE_JRAND48 1
#define HAVE_LIMITS_H 1
#define HAVE_PWD_H 1
#define HAVE_SNPRINTF 1
#define HAVE_SOCKLEN_T 1
#define HAVE_STDARG_H 1
#define HAVE_STRDUP 1
#define HAVE_STRUCT_SOCKADDR_STORAGE 1
#define HAVE_SYS_PARAM_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_SYS_UIO_H 1
#define HAVE_TIME_H 1
#define HAVE_UNISTD_H 1
#define HAVE_VSNPRINTF 1

/* The sources rely on config.h to bring these in. */
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef HIER_DELIMITER
#define HIER_DELIMITER '/'
#endif
#define SASL_PATH_ENV_VAR "ZKC_NO_SASL_PATH"
#define SASL_CONF_PATH_ENV_VAR "ZKC_NO_SASL_CONF_PATH"

#define GCC_FALLTHROUGH __attribute__((fallthrough));

#endif
