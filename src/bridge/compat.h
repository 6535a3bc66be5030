/* zookeeper.h as this build has it: functions that a build lacks are declared here, so that one Cython source serves
 * all builds. */
#ifndef ZKC_COMPAT_H
#define ZKC_COMPAT_H

#include <zookeeper.h>
#include <zookeeper_version.h>

#ifdef HAVE_OPENSSL_H
#include <openssl/crypto.h>
#define ZKC_HAS_TLS 1
#define zkc_openssl_version() OpenSSL_version(OPENSSL_VERSION)
#else
#define ZKC_HAS_TLS 0
#define zkc_openssl_version() ""
#endif

/* Whether OpenSSL is ours: the system's would know where the system's authorities are. */
#ifndef ZKC_BUNDLED_OPENSSL
#define ZKC_BUNDLED_OPENSSL 0
#endif

#ifdef HAVE_CYRUS_SASL_H
#define ZKC_HAS_SASL 1
#else
#define ZKC_HAS_SASL 0
#endif

#ifdef ZKC_SYSTEM_LIBZOOKEEPER
#define ZKC_IS_SYSTEM 1
#define ZKC_ADAPTOR "stock"
#else
#define ZKC_IS_SYSTEM 0
#endif

/* Transactions with create-and-stat: stock libzookeeper refuses the sub-operation; a patch of ours adds it. */
#ifdef ZKC_PATCHED_MULTI_CREATE2
#define ZKC_HAS_MULTI_CREATE2 1
void zkc_create2_op_init(zoo_op_t *op, const char *path, const char *value, int valuelen, const struct ACL_vector *acl,
                         int mode, char *path_buffer, int path_buffer_len, struct Stat *stat);
#else
#define ZKC_HAS_MULTI_CREATE2 0
#define zkc_create2_op_init(op, path, value, valuelen, acl, mode, buffer, length, stat) \
    zoo_create_op_init(op, path, value, valuelen, acl, mode, buffer, length)
#endif

/* In the completion of a reply with data: keep the packet that contains them; NULL where that is not possible. */
#ifdef ZKC_PATCHED_KEEP_PACKET
void *zkc_keep_packet(void);
#else
#define zkc_keep_packet() ((void *)0)
#endif

/* The protocol's calls since 3.6, which stock libzookeeper lacks; patches of ours add them. */
#ifdef ZKC_PATCHED_PERSISTENT_WATCHES
#define ZKC_HAS_PERSISTENT_WATCHES 1
int64_t zkc_event_zxid(void);
void zkc_forget_watches_of(zhandle_t *zh, const char *path, int type);
#else
#define ZKC_HAS_PERSISTENT_WATCHES 0
#define zkc_event_zxid() ((int64_t)-1)
#define zkc_forget_watches_of(zh, path, type) ((void)0)
typedef struct zoo_read_op {
    int type;
    const char *path;
    data_completion_t data_completion;
    strings_completion_t strings_completion;
    const void *data;
} zoo_read_op_t;
struct ClientInfo {
    char *authScheme, *user;
};
struct ClientInfo_vector {
    int32_t count;
    struct ClientInfo *data;
};
#define zoo_aadd_watch(zh, path, mode, watcher, context, completion, data) ZUNIMPLEMENTED
#define zoo_amultiread(zh, count, ops, completion, data) ZUNIMPLEMENTED
#define zoo_aget_ephemerals(zh, prefix, completion, data) ZUNIMPLEMENTED
#define zoo_aget_all_children_number(zh, path, completion, data) ZUNIMPLEMENTED
#define zoo_awhoami(zh, completion, data) ZUNIMPLEMENTED
#endif
#define ZKC_READ_DATA 4 /* types of zoo_read_op_t: operations of the protocol */
#define ZKC_READ_CHILDREN 8

/* When the last answered message was sent, in nanoseconds by CLOCK_BOOTTIME; 0 where that is not known. */
#ifdef ZKC_PATCHED_LAST_ANSWERED
int64_t zkc_last_answered(zhandle_t *zh);
#else
#define zkc_last_answered(zh) ((int64_t)0)
#endif

#endif
