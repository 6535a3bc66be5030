# bridge.h as the core uses it: the C side of a session. All nogil.
from libc.stdint cimport int32_t, int64_t, uint32_t
from zookeeper cimport (
    ACL_vector, ClientInfo_vector, Stat_c, String_vector, clientid_t, zhandle_t, zoo_op_result_t, zoo_op_t,
)


cdef extern from "bridge/bridge.h" nogil:
    ctypedef struct zkc_word:
        pass

    const int ZKC_WOKEN, ZKC_TIMED_OUT, ZKC_INTERRUPTED
    int zkc_word_wait(zkc_word *, uint32_t, int64_t)
    void zkc_word_wake(zkc_word *)
    uint32_t zkc_word_get(zkc_word *)
    int64_t zkc_now_ns()

    ctypedef struct zkc_waker:
        int fds[2]
        uint32_t generation

    ctypedef struct zkc_sleeper:
        pass

    int zkc_waker_open(zkc_waker *)
    void zkc_waker_close(zkc_waker *)
    void *zkc_waker_next(zkc_waker *)
    void zkc_sleep_begin(zkc_sleeper *, zkc_word *, zkc_waker *, void *)
    void zkc_sleep_end(zkc_sleeper *)
    void zkc_word_set(zkc_word *, uint32_t)
    uint32_t zkc_word_swap(zkc_word *, uint32_t)
    int zkc_word_try_lock(zkc_word *)
    int zkc_is_main_thread()

    const int ZKC_ITEM_REQUEST, ZKC_ITEM_EVENT, ZKC_ITEM_SESSION_BROADCAST, ZKC_ITEM_SESSION, ZKC_ITEM_DROP
    const int ZKC_ITEM_STOP, ZKC_ITEM_WATCH_EVENT

    ctypedef struct zkc_item:
        zkc_item *next
        void *token
        int kind
        int type
        int state
        char *path
        int64_t zxid

    ctypedef struct zkc_queue:
        zkc_word wake

    void zkc_queue_push(zkc_queue *, zkc_item *)
    zkc_item *zkc_queue_take(zkc_queue *, int64_t)
    void zkc_queue_set_notify_fd(zkc_queue *, int)
    int zkc_notifier_open(int *)
    void zkc_notifier_wake(int)
    void zkc_notifier_drain(int)
    void zkc_notifier_close(int *)
    void zkc_item_free(zkc_item *)

    const int ZKC_WATCH_DATA, ZKC_WATCH_CHILD, ZKC_WATCH_CONFIG, ZKC_WATCH_PERSISTENT, ZKC_WATCH_RECURSIVE
    const unsigned ZKC_WATCHES_THAT_STAY
    const int ZKC_GAP_EVENT

    ctypedef struct zkc_watch:
        zkc_item item
        int with_zxid

    zkc_watch *zkc_watch_new(int, const char *, void *)
    int zkc_item_call(zkc_item *)
    int zkc_event_call(zkc_item *)
    ctypedef struct zkc_watch_table:
        size_t watches

    ctypedef struct zkc_request:
        zkc_item item
        zkc_word bits
        zkc_watch *watch
        int watched
        int arm_on_missing
        unsigned watches_to_remove
        char *removal_path
        int metric
        int64_t sent_bytes
        int rc
        int has_stat
        Stat_c stat
        char *bytes
        int64_t length
        int32_t count
        int op_count
        zoo_op_result_t *results
        char **result_paths
        Stat_c *result_stats
        int part_count
        int error_each

    zkc_request *zkc_request_new()
    void zkc_request_unref(zkc_request *)
    int zkc_request_done(zkc_request *)
    int zkc_request_wait(zkc_request *, int64_t)
    int zkc_is_polling(const zkc_request *)
    const int ZKC_GIL_POLL_DONE, ZKC_GIL_POLL_AGAIN, ZKC_GIL_POLL_OVER
    int zkc_poll_with_gil(zkc_request *, int *, int64_t)
    const int ZKC_DONE, ZKC_ABANDONED
    uint32_t zkc_request_mark_waiting(zkc_request *)
    int zkc_request_abandoned(zkc_request *)
    int zkc_request_notify(zkc_request *, void *)
    int zkc_request_abandon(zkc_request *)
    int zkc_request_abandon_pending(zkc_request *)
    int zkc_request_reserve_results(zkc_request *, int)
    int zkc_request_reserve_parts(zkc_request *, int)
    zkc_request *zkc_request_part(zkc_request *, int)
    const char *zkc_unpack(const char **, int32_t *)

    void zkc_on_void(int, const void *) noexcept
    void zkc_on_stat(int, const Stat_c *, const void *) noexcept
    void zkc_on_data(int, const char *, int, const Stat_c *, const void *) noexcept
    void zkc_on_string(int, const char *, const void *) noexcept
    void zkc_on_string_stat(int, const char *, const Stat_c *, const void *) noexcept
    void zkc_on_strings(int, const String_vector *, const void *) noexcept
    void zkc_on_strings_stat(int, const String_vector *, const Stat_c *, const void *) noexcept
    void zkc_on_acl(int, ACL_vector *, Stat_c *, const void *) noexcept
    void zkc_on_int(int, int, const void *) noexcept
    void zkc_on_client_info(int, const ClientInfo_vector *, const void *) noexcept
    void zkc_on_part_data(int, const char *, int, const Stat_c *, const void *) noexcept
    void zkc_on_part_strings(int, const String_vector *, const void *) noexcept

    const int ZKC_ENTERED, ZKC_REFUSED_CLOSED, ZKC_REFUSED_FORKED, ZKC_REFUSED_UNOPENED
    const int ZKC_OPENED_EVENT
    const int ZKC_OPENING, ZKC_OPEN, ZKC_OPEN_FAILED
    const int ZKC_NOT_CLOSING, ZKC_CLOSING, ZKC_CLOSED

    const int ZKC_KIND_CREATE, ZKC_KIND_DELETE, ZKC_KIND_EXISTS, ZKC_KIND_GET, ZKC_KIND_SET, ZKC_KIND_CHILDREN
    const int ZKC_KIND_GET_ACL, ZKC_KIND_SET_ACL, ZKC_KIND_SYNC, ZKC_KIND_MULTI, ZKC_KIND_ADD_AUTH, ZKC_KIND_CONFIG
    const int ZKC_KIND_RECONFIG, ZKC_KIND_REMOVE_WATCHES, ZKC_KIND_ADD_WATCH, ZKC_KIND_MULTI_READ
    const int ZKC_KIND_GET_EPHEMERALS, ZKC_KIND_COUNT_DESCENDANTS, ZKC_KIND_WHOAMI, ZKC_KINDS
    const int ZKC_LATENCY_BOUNDS, ZKC_LATENCY_BUCKETS, ZKC_ERROR_CODES

    ctypedef struct zkc_counter:
        pass

    ctypedef struct zkc_metrics:
        zkc_counter *requests
        zkc_counter *errors
        zkc_counter *latency
        zkc_counter latency_sum_ns
        zkc_counter watch_events
        zkc_counter dropped_events
        zkc_counter connects
        zkc_counter gil_kept
        zkc_counter gil_given_up
        zkc_counter gil_ns
        zkc_counter bytes_sent
        zkc_counter bytes_received

    int64_t zkc_metric_get(zkc_counter *)

    ctypedef struct zkc_session:
        uint32_t generation
        zhandle_t *handle
        zkc_word opened
        int open_errno
        zkc_word closing
        zkc_queue queue
        zkc_metrics metrics
        zkc_word events
        zkc_word slots
        zkc_watch_table watches
        int max_in_flight
        int max_queued_events
        int overdraft

    ctypedef struct zkc_tls_state:
        const char *reason
        char text[640]
        int failures
        int all_refused

    const int ZKC_EVENT_UNANSWERED
    void zkc_unanswered(zkc_session *, int *, int64_t *)
    const int ZKC_EVENT_TLS_FAILED

    ctypedef struct zkc_tls_options:
        char *ca
        char *certificate
        char *key
        char *password
        char *server_name
        int verify
        int check_hostname

    ctypedef struct zkc_open_args:
        char *hosts
        int timeout_ms
        int flags
        int resolution_delay_ms
        int has_client_id
        clientid_t client_id
        zkc_tls_options *tls
        char *sasl_service
        char *sasl_host
        char *sasl_mechanisms
        char *sasl_user
        char *sasl_realm
        char *sasl_password

    zkc_open_args *zkc_open_args_new()
    void zkc_open_args_free(zkc_open_args *)
    zkc_tls_options *zkc_tls_options_new()
    void zkc_tls_new_servers(zkc_session *)
    void zkc_tls_copy(zkc_session *, zkc_tls_state *)
    zkc_session *zkc_session_new(int, int)
    void zkc_session_unref(zkc_session *)
    int zkc_session_announce(zkc_session *)
    int zkc_session_open(zkc_session *, zkc_open_args *)
    void zkc_session_cancel(zkc_session *)
    void zkc_session_close(zkc_session *)
    void zkc_session_abandon(zkc_session *)
    int zkc_enter(zkc_session *)
    void zkc_leave(zkc_session *)
    void zkc_cork()
    void zkc_leave_corked(zkc_session *)
    void zkc_uncork()
    int zkc_slot_take(zkc_session *, uint32_t *)
    int zkc_slot_wait(zkc_session *, uint32_t, int64_t)
    void zkc_slot_wanted(zkc_session *, int)
    void zkc_set_slot_deadline(int64_t)
    int64_t zkc_slot_deadline()
    void zkc_slot_return(zkc_session *)
    int zkc_in_flight(zkc_session *)
    int zkc_has_expired(zkc_session *)
    int zkc_track(zkc_session *, zkc_request *)
    int zkc_untrack(zkc_session *, zkc_request *)
    void zkc_complete_once(zkc_request *, int)
    void zkc_show_session_events(zkc_session *, zkc_watch *)
    void zkc_forget_watches(zkc_session *, const char *, unsigned, void *)
    size_t zkc_count_watches(zkc_session *, const char *, unsigned, void *)
    size_t zkc_list_watches(zkc_session *, const char *, unsigned, void **, size_t, void (*)(void *) noexcept)
    int zkc_has_other_watches(zkc_session *, const char *, unsigned, void *)
    int zkc_connected_address(zkc_session *, char *, size_t, int *)
    int zkc_valid_path(const char *, int)
    void zkc_copy_text(char *, size_t, const char *)
    size_t zkc_sizeof_op()
    void zkc_op_set_ttl(zoo_op_t *, int64_t)
    zoo_op_t *zkc_op_at(zoo_op_t *, int)
    void zkc_on_watch(zhandle_t *, int, int, const char *, void *) noexcept
    void zkc_on_config_watch(zhandle_t *, int, int, const char *, void *) noexcept

    uint32_t zkc_generation()
    void zkc_process_init()
    void zkc_shutdown_begin()
    void zkc_block_if_shutdown()

    ctypedef struct zkc_gil_wait:
        pass
    void zkc_set_gil_hold(int64_t, int)
    void zkc_gil_wait_begin(zkc_gil_wait *)
    int64_t zkc_gil_wait_ns(const zkc_gil_wait *)
    void zkc_gil_wait_end(const zkc_gil_wait *, int64_t, int64_t, int)

    ctypedef struct zkc_counts:
        int sessions
        int requests
        int watches
        int items
        int handles
    void zkc_count_alive(zkc_counts *)

    ctypedef struct zkc_log_line:
        zkc_log_line *next
        int level
        char text[1]
    void zkc_log_init()
    void zkc_log_set_level(int)
    zkc_log_line *zkc_log_take(int64_t, unsigned *)
    zkc_word *zkc_log_word()
    void zkc_log_wake()

    const char *zkc_sasl_mechanisms()
