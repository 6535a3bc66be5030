/* libzookeeper's configuration, for Linux with glibc or musl. Upstream's autotools would write this file. */
#ifndef ZKC_ZOOKEEPER_CONFIG_H
#define ZKC_ZOOKEEPER_CONFIG_H

#define HAVE_ARPA_INET_H 1
#define HAVE_GETCWD 1
#define HAVE_GETHOSTNAME 1
#define HAVE_GETLOGIN 1
#define HAVE_GETPWUID_R 1
#define HAVE_GETUID 1
#define HAVE_NETDB_H 1
#define HAVE_NETINET_IN_H 1
#define HAVE_POLL 1
#define HAVE_STRING_H 1
#define HAVE_SYS_SOCKET_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_SYS_UTSNAME_H 1
#define HAVE_UNISTD_H 1

/* A child that Python starts must not inherit the session's socket: it would keep the connection open after our
 * close. */
#define SOCK_CLOEXEC_ENABLED 1

/* For the log line that the library writes at start. The build takes the version from lock.json. */
#define PACKAGE_STRING "zookeeper C client " ZKC_COMPONENT_VERSION

#endif
