/* The bridge between libzookeeper's threads and Python's: pure C, no Python.h. This header declares what Cython uses;
 * internal.h declares what only the C files share.
 *
 * libzookeeper runs completions and watchers on threads of its own. The bridge runs no Python there and does not know
 * the GIL. A PyObject is an opaque `token` that C carries and never touches. Python lends a token when it submits a
 * request. Every token comes back through the session's queue and no other way. So only the queue's consumer, which
 * holds the GIL, does DECREF.
 *
 *   request   one call: the record that its reply is copied into, and that a thread waits on
 *   watch     one watch: armed by the reply of the call that set it, fired by an event
 *   queue     items for the queue's consumer, in order: callbacks, events, tokens to release
 *   session   the zhandle_t and everything that libzookeeper holds for it
 */
#ifndef ZKC_BRIDGE_H
#define ZKC_BRIDGE_H

#include "compat.h"
#include "metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* ---- waiting: a 32-bit word that threads sleep on (futex on Linux): futex.c -------------------------------------- */

typedef _Atomic uint32_t zkc_word;

enum zkc_wait { ZKC_WOKEN = 0, ZKC_TIMED_OUT = 1, ZKC_INTERRUPTED = 2 };

/* Sleep while *word == expected, at most `nanoseconds` (negative: no limit). Spurious returns are allowed.
 * ZKC_INTERRUPTED: a signal handler ran in this thread, so that the caller sees Ctrl-C at once. Call without the GIL.
 */
int zkc_word_wait(zkc_word *word, uint32_t expected, int64_t nanoseconds);
void zkc_word_wake(zkc_word *word);
uint32_t zkc_word_get(zkc_word *word);
int64_t zkc_now_ns(void); /* monotonic clock */

/* A word as a flag and as a lock, for Python's threads and greenlets. Lock: 0 free, 1 held, 2 held and waited for. */
void zkc_word_set(zkc_word *word, uint32_t value); /* and wake */
uint32_t zkc_word_swap(zkc_word *word, uint32_t value);
int zkc_word_try_lock(zkc_word *word); /* 0: the caller has the lock */

/* The same for greenlets, which must not put their thread to sleep (sleepers.c). An event loop polls a waker. A sleeper
 * is one greenlet that sleeps on a word. The caller owns the sleeper's memory, which must not be on a greenlet's stack:
 * that is moved while other greenlets run. Python's thread takes the woken sleepers from its waker, with the GIL. */
typedef struct zkc_waker {
    int fds[2];                /* as a notifier's */
    struct zkc_sleeper *fired; /* sleepers whose word was woken; the lock of sleepers.c protects it */
    uint32_t generation;       /* of the process that made it */
} zkc_waker;

typedef struct zkc_sleeper {
    struct zkc_sleeper *next, **link; /* in a bucket, then in `fired`, then in none */
    zkc_word *word;
    zkc_waker *waker;
    void *token; /* the sleeper's Python object, borrowed: zkc_waker_next returns it */
    uint32_t generation;
} zkc_sleeper;

int zkc_waker_open(zkc_waker *waker); /* errno on failure */
void zkc_waker_close(zkc_waker *waker);
void *zkc_waker_next(zkc_waker *waker); /* the token of a sleeper that was woken, once; NULL when there is none */
void zkc_sleep_begin(zkc_sleeper *sleeper, zkc_word *word, zkc_waker *waker, void *token); /* then look at the word */
void zkc_sleep_end(zkc_sleeper *sleeper); /* after any kind of wake-up; a second time does nothing */

/* ---- the queue: queue.c ------------------------------------------------------------------------------------------ */

enum zkc_item_kind {
    ZKC_ITEM_REQUEST, /* a request is done and its callbacks are due; `token` is its Python object, lent */
    ZKC_ITEM_EVENT,   /* a watch fired or ended; `token` is the watch's callable, lent: release it after the call */
    ZKC_ITEM_SESSION_BROADCAST, /* a session event for a watch that stays armed; `token` is borrowed: never release it
                                 */
    ZKC_ITEM_WATCH_EVENT,       /* an event of a persistent watch, a zkc_event; `token` is borrowed in the same way: the
                                 * watch's last item, a ZKC_ITEM_EVENT or ZKC_ITEM_DROP, comes later in the queue */
    ZKC_ITEM_SESSION,           /* a session event for the session's own watcher; no token */
    ZKC_ITEM_DROP,              /* a token without further use: release it */
    ZKC_ITEM_STOP               /* the last item */
};

typedef struct zkc_item {
    struct zkc_item *next;
    void *token;
    int kind;
    int type;     /* events: ZOO_…_EVENT */
    int state;    /* events: ZOO_…_STATE, 0 when the session was closed */
    char *path;   /* events: owned by the item, never NULL */
    int64_t zxid; /* events of a znode: the zxid of the change, -1 where the server does not tell it */
} zkc_item;

typedef struct zkc_queue {
    pthread_mutex_t lock;
    zkc_item *head, *tail;
    zkc_word wake; /* changes when the queue becomes non-empty */
    int notify_fd; /* -1, or the notifier's end that is written when the queue becomes non-empty */
} zkc_queue;

void zkc_queue_set_notify_fd(zkc_queue *queue, int fd); /* after it returns, the old descriptor may be closed */
void zkc_queue_push(zkc_queue *queue, zkc_item *item);
/* Take everything at once, oldest first; NULL when there is nothing after `nanoseconds` (0: do not wait). */
zkc_item *zkc_queue_take(zkc_queue *queue, int64_t nanoseconds);
void zkc_item_free(zkc_item *item); /* not for ZKC_ITEM_REQUEST: that is the request's own memory */

/* A descriptor for an event loop, and the end that wakes it (notifier.c); on Linux both are one eventfd. errno on
 * failure. */
int zkc_notifier_open(int fds[2]);
void zkc_notifier_wake(int fd);  /* -1: nothing */
void zkc_notifier_drain(int fd); /* -1: nothing */
void zkc_notifier_close(int fds[2]);

/* ---- watches: watches.c ------------------------------------------------------------------------------------------ */

/* The events that a watch waits for. get and exists wait for the same events. The configuration's watch has a kind of
 * its own because under a chroot its path can be that of another znode. */
enum zkc_watch_kind {
    ZKC_WATCH_DATA,
    ZKC_WATCH_CHILD,
    ZKC_WATCH_CONFIG,
    ZKC_WATCH_PERSISTENT, /* data and child events of its path; it stays armed */
    ZKC_WATCH_RECURSIVE,  /* data events of its path and of every path below; it stays armed */
    ZKC_WATCH_KINDS
};
#define ZKC_WATCHES_THAT_STAY (1u << ZKC_WATCH_PERSISTENT | 1u << ZKC_WATCH_RECURSIVE)
#define ZKC_GAP_EVENT \
    (-3) /* a persistent watch may have missed events before this one: ZOO_GAP_EVENT, or one of ours */

typedef struct zkc_watch {
    zkc_item item; /* so that firing allocates nothing: the watch itself goes into the queue */
    struct zkc_watch *next;
    int kind;
    int64_t serial; /* of the request that armed it: a removal leaves what later requests arm */
    int broadcast;  /* it also gets session events */
    int with_zxid;  /* its callable takes the zxid as a fourth argument */
    /* Persistent: twice the number of the gap event that is the watch's last in the queue, until its delivery begins;
     * odd while events are dropped behind it. 0: there is none. */
    atomic_uint gap;
    unsigned gaps;   /* persistent: its gap events so far; the session's lock protects it */
    atomic_int refs; /* 1 for the request, table or queue that has it, 1 for the request that armed it */
    int in_table;    /* the session's lock protects it */
    atomic_int fate; /* enum zkc_fate: whether its callable gets the event, decided once */
} zkc_watch;

enum zkc_fate { ZKC_UNDECIDED = 0, ZKC_CALLED = 1, ZKC_REVOKED = 2 };

/* An event of a persistent watch. It has a reference to the watch. */
typedef struct zkc_event {
    zkc_item item;
    zkc_watch *watch;
    struct zkc_session *session; /* borrowed: the queue's */
    unsigned gap;                /* its number, if it is a gap */
} zkc_event;

typedef struct zkc_watch_table {
    struct zkc_watch_entry **buckets;
    size_t size, entries, watches, persistent, recursive;
} zkc_watch_table;

zkc_watch *zkc_watch_new(int kind, const char *path, void *token);
/* The queue's consumer is about to call the callable of a ZKC_ITEM_EVENT. 0: its call was abandoned; do not call it. */
int zkc_item_call(zkc_item *item);
/* The same for a ZKC_ITEM_WATCH_EVENT, which is freed as any other item. */
int zkc_event_call(zkc_item *item);

/* ---- requests: request.c, reply_wait.c --------------------------------------------------------------------------- */

enum zkc_request_bits {
    ZKC_DONE = 1,      /* rc and the reply are there and change no more */
    ZKC_WAITING = 2,   /* a thread sleeps on the word */
    ZKC_NOTIFY = 4,    /* the queue gets the request when it is done */
    ZKC_ABANDONED = 8, /* the caller gave up: the reply is not copied, and arms no watch */
    ZKC_READING = 16   /* a thread that waits for it reads the connection: reply_wait.c */
};

typedef struct zkc_request {
    zkc_item item; /* must be first: a queued request is found by its item */
    zkc_word bits;
    atomic_int refs;             /* 1 for Python's object, 1 for libzookeeper while it has the request */
    struct zkc_session *session; /* borrowed: Python's object keeps the session, and so does the tracked request */
    struct zkc_request *before, *after; /* the session's list of outstanding requests; its lock protects them */
    int listed, in_library, claimed;    /* the same lock: in that list; at libzookeeper; completed by a thread */
    zkc_watch *watch;                   /* armed on success; owned until then. From zkc_track on the lock protects it */
    zkc_watch *armed;           /* the same watch afterwards, to be revoked; a reference. The lock protects it */
    int watched;                /* it has or had a watch: constant from before zkc_track on */
    int arm_on_missing;         /* exists arms its watch on ZNONODE too */
    unsigned watches_to_remove; /* remove_watches: the kinds to forget on `removal_path`; 0: none */
    char *removal_path;
    int64_t serial;     /* its place among the session's requests, from zkc_track on */
    int metric;         /* enum zkc_kind: what it counts as */
    int64_t sent_bytes; /* of paths and data */
    int64_t sent_ns;    /* zkc_now_ns() at zkc_track */

    /* the reply, written once by the thread that claimed the request, before ZKC_DONE */
    int rc;
    int has_stat;
    struct Stat stat;
    char *bytes;    /* data, path, or packed strings; owned, unless there is a packet */
    void *packet;   /* the packet with the data, kept instead of copied; owned */
    int64_t length; /* of `bytes`; data: -1 for NULL */
    int32_t count;  /* packed strings and ACLs: how many */

    /* multi: written by libzookeeper before the completion; freed with the request */
    int op_count;
    zoo_op_result_t *results;
    char **result_paths; /* where results[i].value points, until the library clears it for an operation that failed */
    struct Stat *result_stats;

    struct zkc_request *parts; /* a read of many: the reply of each read; freed with the request */
    int part_count;
    int error_each; /* when it fails as a whole, each of the parts counts as an error */
} zkc_request;

zkc_request *zkc_request_new(void); /* one reference: the caller's */
void zkc_request_unref(zkc_request *request);
int zkc_request_done(zkc_request *request);
/* Before a greenlet sleeps on `bits`: have the completing thread wake the word. Returns the bits; look for ZKC_DONE. */
uint32_t zkc_request_mark_waiting(zkc_request *request);
/* ZKC_WOKEN: done. Otherwise look for signals and the deadline, and call again. Call without the GIL. */
int zkc_request_wait(zkc_request *request, int64_t nanoseconds);
int zkc_is_polling(const zkc_request *request); /* this thread polled for it, got no reply, and must go on soon */
/* Poll for the reply with the GIL, if that pays: gil_hold.c. Begin with `times` 0. ZKC_GIL_POLL_AGAIN: give the GIL up,
 * ask for it again at once, then call this again. Otherwise the request is done, or zkc_request_wait comes next. */
enum zkc_gil_poll { ZKC_GIL_POLL_DONE, ZKC_GIL_POLL_AGAIN, ZKC_GIL_POLL_OVER };
enum zkc_gil_poll zkc_poll_with_gil(zkc_request *request, int *times, int64_t nanoseconds);
/* Have the request queued when it is done, and lend it `token`. 0: it will be; 1: it is done already, and the caller
 * keeps the token. */
int zkc_request_notify(zkc_request *request, void *token);
/* Give the reply up, and with it the watch. 1: the callable of the watch is not called from here on (or there is none);
 * 0: its call has begun. */
int zkc_request_abandon(zkc_request *request);
/* The same, unless the reply is there. 0: it is, or will be in a moment; it decides whether the call succeeded. */
int zkc_request_abandon_pending(zkc_request *request);
int zkc_request_abandoned(zkc_request *request);
int zkc_request_reserve_results(zkc_request *request, int op_count);
int zkc_request_reserve_parts(zkc_request *request, int count);
zkc_request *zkc_request_part(zkc_request *request, int index);

/* Packed strings: for each a 32-bit length (-1: NULL), then the bytes. Cursor over zkc_request.bytes. */
const char *zkc_unpack(const char **cursor, int32_t *length);

/* libzookeeper's completions (completions.c). `data` is the zkc_request, which they take back from the library. Any
 * thread, no locks of ours held. */
void zkc_on_void(int rc, const void *data);
void zkc_on_stat(int rc, const struct Stat *stat, const void *data);
void zkc_on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data);
void zkc_on_string(int rc, const char *value, const void *data);
void zkc_on_string_stat(int rc, const char *value, const struct Stat *stat, const void *data);
void zkc_on_strings(int rc, const struct String_vector *strings, const void *data);
void zkc_on_strings_stat(int rc, const struct String_vector *strings, const struct Stat *stat, const void *data);
void zkc_on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data);
void zkc_on_int(int rc, int value, const void *data);
void zkc_on_client_info(int rc, const struct ClientInfo_vector *identities, const void *data);
/* A read of many: `data` is a part of the request, whose own completion follows. */
void zkc_on_part_data(int rc, const char *value, int length, const struct Stat *stat, const void *data);
void zkc_on_part_strings(int rc, const struct String_vector *strings, const void *data);

/* ---- the session: session.c, session_events.c, slots.c ----------------------------------------------------------- */

enum { ZKC_MAX_QUEUED_EVENTS = 100000 }; /* unless the opener sets another limit */

enum zkc_enter { ZKC_ENTERED = 0, ZKC_REFUSED_CLOSED = 1, ZKC_REFUSED_FORKED = 2, ZKC_REFUSED_UNOPENED = 3 };
enum zkc_open_state { ZKC_OPENING = 0, ZKC_OPEN = 1, ZKC_OPEN_FAILED = 2 };
enum zkc_close_state { ZKC_NOT_CLOSING = 0, ZKC_CLOSING = 1, ZKC_CLOSED = 2 };

/* Types of our own session events, beside ZOO_SESSION_EVENT. */
enum { ZKC_OPENED_EVENT = -100 };   /* opening has ended: `state` is 0 or an errno */
#define ZKC_EVENT_TLS_FAILED (-101) /* a TLS failure: `state` is their number in a row */
#define ZKC_EVENT_UNANSWERED (-102) /* a server closed a connection without an answer: at every fifth in a row */

/* The TLS failures of the attempts since the session was last established. */
typedef struct zkc_tls_state {
    const char *reason; /* of the last failure, as Python calls it; NULL: none. Not to be freed */
    char text[640];     /* the same in a sentence */
    int failures;       /* in a row */
    int all_refused;    /* each server of the list failed for a certificate, with no other outcome since */
} zkc_tls_state;

typedef struct zkc_tls_options {
    char *ca, *certificate, *key, *password, *server_name; /* owned; all may be NULL */
    int verify, check_hostname;
} zkc_tls_options;

typedef struct zkc_session {
    atomic_int refs;     /* 1 for Python's object, 1 for each of our short-lived threads, 1 for the handle while open */
    uint32_t generation; /* of the process that made it: another process's is a forked child */
    zhandle_t *handle;   /* written by the opening thread before `opened`; freed by the closing thread */
    zkc_word opened;     /* enum zkc_open_state */
    int open_errno;
    zkc_word closing;          /* enum zkc_close_state */
    atomic_int inside;         /* threads inside a zoo_… call: the handle is not freed before they leave */
    atomic_int poll_credit;    /* gil_hold.c: grows when a reply arrives while a call keeps the GIL, else shrinks */
    atomic_uint polls_skipped; /* how many calls did not poll for lack of credit */
    int kick[2]; /* wakes the thread that reads the connection; -1: only the I/O thread may read. Open until the end */

    pthread_mutex_t lock;     /* for the list of requests and the watch table; never held while calling libzookeeper */
    zkc_request *outstanding; /* tracked requests, newest first */
    int64_t serials;          /* that of the newest; the lock protects it */
    zkc_watch_table watches;
    atomic_int expired;        /* the servers have ended it, whether or not it was closed after that */
    int ended;                 /* expired, refused or closed: no watch is armed any more */
    int end_state;             /* the state of each watch's last event */
    atomic_int stopped;        /* no request is tracked any more; set under the lock */
    atomic_int pushing;        /* threads with items for the queue that must precede the last items */
    zkc_item *last;            /* the session's last event and ZKC_ITEM_STOP, until they are pushed */
    zkc_item *opened_item;     /* ZKC_OPENED_EVENT, if asked for, until the opening thread pushes it */
    zkc_item *deferred_events; /* session events that came before that, oldest first */
    zkc_queue queue;
    zkc_metrics metrics;
    zkc_word events; /* changes with every session event */
    zkc_word slots;  /* changes when a request is done */
    atomic_int slot_waiters;
    atomic_int in_flight;
    int max_in_flight;
    int overdraft;              /* slots beyond max_in_flight before a call waits: an event loop must not wait */
    atomic_int queued_events;   /* events of persistent watches in the queue */
    int max_queued_events;      /* beyond, they are dropped, and their watches get a gap event */
    int broadcast_all;          /* all watches get session events */
    atomic_int broadcast_some;  /* some may: those with `broadcast` */
    zkc_tls_state tls;          /* `lock` protects it, and these two: */
    int unanswered;             /* connections in a row that servers closed without an answer, */
    int64_t seen_zxid;          /* and the last zxid of the session then */
    struct zkc_open_args *args; /* zookeeper_init borrows them for as long as the handle lives */
} zkc_session;

typedef struct zkc_open_args {
    char *hosts;
    int timeout_ms;
    int flags;
    int resolution_delay_ms;
    int has_client_id;
    clientid_t client_id;
    zkc_tls_options *tls; /* NULL: plain text */
    char *sasl_service, *sasl_host, *sasl_mechanisms, *sasl_user, *sasl_realm, *sasl_password;
    void *sasl_callbacks; /* built by the opening thread */
    void *sasl_secret;
} zkc_open_args;

zkc_open_args *zkc_open_args_new(void);
void zkc_open_args_free(zkc_open_args *args); /* before zkc_session_open: that takes them over */
zkc_tls_options *zkc_tls_options_new(void);
void zkc_tls_copy(zkc_session *session, zkc_tls_state *copy);
void zkc_tls_new_servers(zkc_session *session); /* forget what the old servers refused */
/* The SASL mechanisms that this build can use, separated by spaces; "" without SASL. */
const char *zkc_sasl_mechanisms(void);
void zkc_unanswered(zkc_session *session, int *count, int64_t *zxid);

zkc_session *zkc_session_new(int max_in_flight, int broadcast); /* one reference: the caller's */
void zkc_session_unref(zkc_session *session);
/* Before opening: have its end announced by ZKC_OPENED_EVENT, before any other event. -1 without memory. */
int zkc_session_announce(zkc_session *session);
/* Open: on a thread of its own if there are names to resolve. Takes over the arguments. errno when there is no thread.
 * Call without the GIL. */
int zkc_session_open(zkc_session *session, zkc_open_args *args);
/* Instead of opening: stop the queue. */
void zkc_session_cancel(zkc_session *session);
/* Begin closing, once; never blocks beyond starting a thread. */
void zkc_session_close(zkc_session *session);
/* After a close that takes too long: fail the outstanding requests, end the watches and stop the queue now. The closing
 * thread frees the handle later, and with it what libzookeeper still holds. */
void zkc_session_abandon(zkc_session *session);

/* Bracket every zoo_… call: between them the handle stays. */
int zkc_enter(zkc_session *session);
void zkc_leave(zkc_session *session);
/* Cork this thread's next call: its request is sent when the thread begins to wait for the reply, or by zkc_uncork. The
 * uncork must follow in any case. A corked call ends with zkc_leave_corked instead of zkc_leave. */
void zkc_cork(void);
void zkc_leave_corked(zkc_session *session);
void zkc_uncork(void);
/* Take one of the slots in flight. 0: taken. 1: all are in use; wait on `slots` (its value is stored) and retry. */
int zkc_slot_take(zkc_session *session, uint32_t *slots);
/* Until when calls of this thread wait for a slot (zkc_now_ns); -1: no limit. */
void zkc_set_slot_deadline(int64_t deadline);
int64_t zkc_slot_deadline(void);
int zkc_slot_wait(zkc_session *session, uint32_t slots, int64_t nanoseconds);
void zkc_slot_wanted(zkc_session *session, int change); /* while a greenlet sleeps on `slots`: +1, then -1 */
void zkc_slot_return(zkc_session *session);
int zkc_in_flight(zkc_session *session);
int zkc_has_expired(zkc_session *session);
/* Track a request, with the slot taken for it, before libzookeeper gets it: from here on its completion ends it, or
 * close does. -1: the session has ended, and nothing is tracked. Untrack it when the call refused it at once: 0, or -1
 * when close completed it in the meantime, like any other request. */
int zkc_track(zkc_session *session, zkc_request *request);
int zkc_untrack(zkc_session *session, zkc_request *request);
/* Complete the request unless another thread has claimed it: the first writes the reply. */
void zkc_complete_once(zkc_request *request, int rc);
/* Before a watch is armed: have it get session events, which do not consume it. */
void zkc_show_session_events(zkc_session *session, zkc_watch *watch);
/* Forget watches: each gets a last event of type ZOO_NOTWATCHING_EVENT. */
void zkc_forget_watches(zkc_session *session, const char *path, unsigned kinds, void *token);
/* How many watches are armed; path NULL: in all, token NULL: of any token. */
size_t zkc_count_watches(zkc_session *session, const char *path, unsigned kinds, void *token);
/* The tokens of at most `most` watches on the path. The watches own them, and stay armed while the lock is held. Under
 * the lock, `hold` takes a reference to each for the caller, and does nothing else. Returns how many there are. */
size_t zkc_list_watches(zkc_session *session, const char *path, unsigned kinds, void **tokens, size_t most,
                        void (*hold)(void *token));
/* 1 when a watch of these kinds other than `token` is armed on the path or is about to be. */
int zkc_has_other_watches(zkc_session *session, const char *path, unsigned kinds, void *token);

/* The connected server's address as text. 0, or -1 when there is none. Between zkc_enter and zkc_leave. */
int zkc_connected_address(zkc_session *session, char *host, size_t size, int *port);
void zkc_copy_text(char *to, size_t size, const char *from); /* cuts; always ends with NUL */
void zkc_op_set_ttl(zoo_op_t *op, int64_t ttl_ms);
size_t zkc_sizeof_op(void); /* zoo_op_t has an anonymous union, which Cython cannot declare */
zoo_op_t *zkc_op_at(zoo_op_t *ops, int index);
/* libzookeeper's own rule for paths. Apply it before zoo_amulti: a system library frees a refused path twice. */
int zkc_valid_path(const char *path, int sequential);

/* libzookeeper's watchers: one function and one context (the session) for every watch. So the library stores one per
 * path, and a session event costs it no search. The bridge knows which watches an event consumes. */
void zkc_on_watch(zhandle_t *handle, int type, int state, const char *path, void *context);
void zkc_on_config_watch(zhandle_t *handle, int type, int state, const char *path, void *context);

/* ---- the process: process.c, gil_hold.c, log.c ------------------------------------------------------------------- */

uint32_t zkc_generation(void); /* grows in every forked child */
void zkc_process_init(void);   /* once, before the first session: the fork handler */
int zkc_is_main_thread(void);  /* of this process; 0 where the system cannot tell */
/* The interpreter is exiting: from here on a thread that calls the second never returns to Python. */
void zkc_shutdown_begin(void);
void zkc_block_if_shutdown(void);

/* How long a call may keep the GIL in one poll for its reply, in nanoseconds (0: not at all), and how often it polls.
 */
void zkc_set_gil_hold(int64_t nanoseconds, int times);
/* A thread's wait for the GIL that it gave up: from asking for it to having it. `interval` is the interpreter's switch
 * interval. `tried`: the thread gave the GIL up for long enough that another thread would have taken it. */
typedef struct zkc_gil_wait {
    int64_t at, kept;
} zkc_gil_wait;
void zkc_gil_wait_begin(zkc_gil_wait *wait);
int64_t zkc_gil_wait_ns(const zkc_gil_wait *wait);
void zkc_gil_wait_end(const zkc_gil_wait *wait, int64_t waited, int64_t interval, int tried);

typedef struct zkc_counts {
    int sessions, requests, watches, items, handles;
} zkc_counts;
void zkc_count_alive(zkc_counts *counts);

/* libzookeeper's log lines: copied into a bounded queue by any thread that logs, read by one Python thread. */
typedef struct zkc_log_line {
    struct zkc_log_line *next;
    int level; /* the level of zkc_log_set_level when the line was logged */
    char text[];
} zkc_log_line;
void zkc_log_init(void); /* once, before the first session: lines without a handle come here too; a fork handler */
zkc_log_line *zkc_log_take(int64_t nanoseconds, unsigned *dropped); /* a list, oldest first; free() each */
void zkc_log_set_level(int level);                                  /* 0 nothing … 4 debugging; noted in each line */
zkc_word *zkc_log_word(void); /* woken for the first line; look, then take without a wait, then sleep */
void zkc_log_wake(void);      /* make zkc_log_take return, the waiting call or the next */

#endif
