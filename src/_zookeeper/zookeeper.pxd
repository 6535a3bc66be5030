# zookeeper.h as the core uses it. All nogil, and nothing else here.
from libc.stdint cimport int32_t, int64_t


cdef extern from "bridge/compat.h" nogil:
    const char *ZOO_VERSION
    const int ZKC_HAS_TLS
    const int ZKC_BUNDLED_OPENSSL
    const int ZKC_HAS_SASL
    const int ZKC_IS_SYSTEM
    const char *ZKC_ADAPTOR
    const int ZKC_HAS_MULTI_CREATE2
    const int ZKC_HAS_PERSISTENT_WATCHES, ZKC_READ_DATA, ZKC_READ_CHILDREN
    const char *zkc_openssl_version()

    ctypedef struct zhandle_t
    ctypedef struct clientid_t:
        int64_t client_id
        char passwd[16]

    struct Stat_c "Stat":
        int64_t czxid
        int64_t mzxid
        int64_t ctime
        int64_t mtime
        int32_t version
        int32_t cversion
        int32_t aversion
        int64_t ephemeralOwner
        int32_t dataLength
        int32_t numChildren
        int64_t pzxid

    struct Id_c "Id":
        char *scheme
        char *id

    struct ACL_c "ACL":
        int32_t perms
        Id_c id

    struct ACL_vector:
        int32_t count
        ACL_c *data

    struct String_vector:
        int32_t count
        char **data

    struct ClientInfo_vector:
        pass

    ctypedef struct zoo_op_t:
        pass

    ctypedef struct zoo_op_result_t:
        int err
        char *value
        int valuelen
        Stat_c *stat

    ctypedef void (*watcher_fn)(zhandle_t *, int, int, const char *, void *) noexcept
    ctypedef void (*void_completion_t)(int, const void *) noexcept
    ctypedef void (*stat_completion_t)(int, const Stat_c *, const void *) noexcept
    ctypedef void (*data_completion_t)(int, const char *, int, const Stat_c *, const void *) noexcept
    ctypedef void (*string_completion_t)(int, const char *, const void *) noexcept
    ctypedef void (*string_stat_completion_t)(int, const char *, const Stat_c *, const void *) noexcept
    ctypedef void (*strings_completion_t)(int, const String_vector *, const void *) noexcept
    ctypedef void (*strings_stat_completion_t)(int, const String_vector *, const Stat_c *, const void *) noexcept
    ctypedef void (*acl_completion_t)(int, ACL_vector *, Stat_c *, const void *) noexcept

    ctypedef void (*int_completion_t)(int, int, const void *) noexcept
    ctypedef void (*client_info_completion_t)(int, const ClientInfo_vector *, const void *) noexcept

    ctypedef struct zoo_read_op_t:
        int type
        const char *path
        data_completion_t data_completion
        strings_completion_t strings_completion
        const void *data

    ctypedef enum ZooLogLevel:
        pass
    ctypedef enum ZooWatcherType:
        pass

    const int ZOK, ZSYSTEMERROR, ZCONNECTIONLOSS, ZMARSHALLINGERROR, ZUNIMPLEMENTED, ZOPERATIONTIMEOUT
    const int ZRUNTIMEINCONSISTENCY
    const int ZBADARGUMENTS, ZINVALIDSTATE, ZNONODE, ZSESSIONEXPIRED, ZAUTHFAILED, ZCLOSING, ZNOWATCHER
    const int ZOO_READONLY, ZOO_NO_LOG_CLIENTENV, ZOO_SESSION_EVENT
    const int ZOO_CONNECTING_STATE, ZOO_CONNECTED_STATE, ZOO_READONLY_STATE
    const int ZOO_EXPIRED_SESSION_STATE, ZOO_AUTH_FAILED_STATE

    int zoo_set_servers(zhandle_t *, const char *)
    int zoo_set_servers_resolution_delay(zhandle_t *, int)
    void zoo_cycle_next_server(zhandle_t *)
    const char *zoo_get_current_server(zhandle_t *)
    const clientid_t *zoo_client_id(zhandle_t *)
    int zoo_recv_timeout(zhandle_t *)
    int zoo_state(zhandle_t *)
    int is_unrecoverable(zhandle_t *)
    const char *zerror(int)
    void zoo_set_debug_level(ZooLogLevel)
    void zoo_deterministic_conn_order(int)

    int zoo_acreate_ttl(zhandle_t *, const char *, const char *, int, const ACL_vector *, int, int64_t,
                        string_completion_t, const void *)
    int zoo_acreate2_ttl(zhandle_t *, const char *, const char *, int, const ACL_vector *, int, int64_t,
                         string_stat_completion_t, const void *)
    int zoo_adelete(zhandle_t *, const char *, int, void_completion_t, const void *)
    int zoo_awexists(zhandle_t *, const char *, watcher_fn, void *, stat_completion_t, const void *)
    int zoo_awget(zhandle_t *, const char *, watcher_fn, void *, data_completion_t, const void *)
    int zoo_awgetconfig(zhandle_t *, watcher_fn, void *, data_completion_t, const void *)
    int zoo_areconfig(zhandle_t *, const char *, const char *, const char *, int64_t, data_completion_t, const void *)
    int zoo_aset(zhandle_t *, const char *, const char *, int, int, stat_completion_t, const void *)
    int zoo_awget_children(zhandle_t *, const char *, watcher_fn, void *, strings_completion_t, const void *)
    int zoo_awget_children2(zhandle_t *, const char *, watcher_fn, void *, strings_stat_completion_t, const void *)
    int zoo_async(zhandle_t *, const char *, string_completion_t, const void *)
    int zoo_aget_acl(zhandle_t *, const char *, acl_completion_t, const void *)
    int zoo_aset_acl(zhandle_t *, const char *, int, ACL_vector *, void_completion_t, const void *)
    int zoo_amulti(zhandle_t *, int, const zoo_op_t *, zoo_op_result_t *, void_completion_t, const void *)
    int zoo_add_auth(zhandle_t *, const char *, const char *, int, void_completion_t, const void *)
    int zoo_aremove_all_watches(zhandle_t *, const char *, ZooWatcherType, int, void_completion_t *, const void *)
    void zoo_create_op_init(zoo_op_t *, const char *, const char *, int, const ACL_vector *, int, char *, int)
    int zoo_aadd_watch(zhandle_t *, const char *, int, watcher_fn, void *, void_completion_t, const void *)
    int zoo_amultiread(zhandle_t *, int, const zoo_read_op_t *, void_completion_t, const void *)
    int zoo_aget_ephemerals(zhandle_t *, const char *, strings_completion_t, const void *)
    int zoo_aget_all_children_number(zhandle_t *, const char *, int_completion_t, const void *)
    int zoo_awhoami(zhandle_t *, client_info_completion_t, const void *)
    void zkc_forget_watches_of(zhandle_t *, const char *, int)
    int64_t zkc_last_answered(zhandle_t *)
    void zkc_create2_op_init(zoo_op_t *, const char *, const char *, int, const ACL_vector *, int, char *, int,
                             Stat_c *)
    void zoo_delete_op_init(zoo_op_t *, const char *, int)
    void zoo_set_op_init(zoo_op_t *, const char *, const char *, int, int, Stat_c *)
    void zoo_check_op_init(zoo_op_t *, const char *, int)
