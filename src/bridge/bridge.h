/* The bridge between libzookeeper's threads and Python's: pure C, no Python.h.
 *
 * libzookeeper answers on threads of its own. Nothing here runs Python or knows of the GIL; a PyObject is an opaque
 * `token` that C carries and never touches. Python lends a token when it submits, and takes every token back from the
 * session's queue: that is the only way home, so the queue's consumer (which holds the GIL) is the only one to DECREF.
 *
 *   request   one call: the record its reply is copied into; who waits, waits on it
 *   watch     one watch: armed by the reply of the call that set it, fired by an event
 *   queue     what the dispatcher thread has to do, in order: callbacks, events, tokens to give back
 *   session   the zhandle_t and everything lent to it
 */
#ifndef ZKC_BRIDGE_H
#define ZKC_BRIDGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "compat.h"
#include "metrics.h"

/* ---- waiting: a 32-bit word that threads sleep on (futex on Linux) ----------------------------------------------- */

typedef _Atomic uint32_t zkc_word;

enum zkc_wait { ZKC_WOKEN = 0, ZKC_TIMED_OUT = 1, ZKC_INTERRUPTED = 2 };

/* Sleep while *word == expected, at most `nanoseconds` (negative: no limit). Spurious returns are allowed.
 * ZKC_INTERRUPTED: a signal handler ran in this thread, so that Ctrl-C is seen at once. Call without the GIL. */
int zkc_word_wait(zkc_word *word, uint32_t expected, int64_t nanoseconds);
void zkc_word_wake(zkc_word *word);
uint32_t zkc_word_get(zkc_word *word);
int64_t zkc_now_ns(void); /* monotonic clock */

/* The same for greenlets, which must not put their thread to sleep (sleepers.c). A waker is what an event loop polls; a
 * sleeper is one greenlet that sleeps on a word. Its memory is the caller's, and must not be on a greenlet's stack,
 * which is moved while others run. Python's thread takes what has fired from its waker, and holds the GIL then. */
typedef struct zkc_waker {
    int fds[2];                /* as a notifier's */
    struct zkc_sleeper *fired; /* whose word was woken; the module's lock protects it */
    uint32_t generation;       /* of the process that made it */
} zkc_waker;

typedef struct zkc_sleeper {
    struct zkc_sleeper *next, **link; /* in a bucket, then in `fired`, then in none */
    zkc_word *word;
    zkc_waker *waker;
    void *token; /* what zkc_waker_next returns: borrowed, the sleeper's Python object */
    uint32_t generation;
} zkc_sleeper;

extern _Atomic uint32_t zkc_sleepers; /* how many there are */
int zkc_waker_open(zkc_waker *waker); /* errno on failure */
void zkc_waker_close(zkc_waker *waker);
void *zkc_waker_next(zkc_waker *waker); /* the token of one that was woken, once; NULL when there is none */
void zkc_sleep_begin(zkc_sleeper *sleeper, zkc_word *word, zkc_waker *waker, void *token); /* then look at the word */
void zkc_sleep_end(zkc_sleeper *sleeper); /* however it ended; a second time does nothing */
void zkc_sleepers_wake(const zkc_word *word);
/* A word as a flag and as a lock, for what Python's threads and greenlets share. Lock: 0 free, 1 held, 2 held and
 * wanted. */
void zkc_word_set(zkc_word *word, uint32_t value); /* and wake */
uint32_t zkc_word_swap(zkc_word *word, uint32_t value);
int zkc_word_try_lock(zkc_word *word); /* 0: it is the caller's now */
int zkc_is_main_thread(void);          /* of this process; 0 where the system cannot tell */

/* ---- the queue --------------------------------------------------------------------------------------------------- */

enum zkc_item_kind {
    ZKC_ITEM_REQUEST, /* a request is done and wants its callbacks run; `token` is its Python object, lent */
    ZKC_ITEM_EVENT,   /* a watch fired or ended; `token` is the watch's callable, lent: give it back after the call */
    ZKC_ITEM_ECHO,    /* a session event shown to a watch that stays armed; `token` is borrowed: do not give it back */
    ZKC_ITEM_SESSION, /* a session event for the session's own watcher; no token */
    ZKC_ITEM_DROP,    /* a token that is needed no more: give it back */
    ZKC_ITEM_STOP     /* nothing comes after this one */
};

typedef struct zkc_item {
    struct zkc_item *next;
    void *token;
    int kind;
    int type;   /* events: ZOO_…_EVENT */
    int state;  /* events: ZOO_…_STATE, 0 when the session was closed */
    char *path; /* events: owned by the item, never NULL */
} zkc_item;

typedef struct zkc_queue {
    pthread_mutex_t lock;
    zkc_item *head, *tail;
    zkc_word wake; /* changes when the queue becomes non-empty */
    int notify_fd; /* -1, or the notifier's end that is written when the queue becomes non-empty */
} zkc_queue;

void zkc_queue_init(zkc_queue *queue);
void zkc_queue_destroy(zkc_queue *queue);               /* must be empty */
void zkc_queue_set_notify_fd(zkc_queue *queue, int fd); /* once it has returned the old one may be closed */
void zkc_queue_push(zkc_queue *queue, zkc_item *item);
/* Take everything at once, oldest first; NULL when there is nothing after `nanoseconds` (0: do not wait). */
zkc_item *zkc_queue_take(zkc_queue *queue, int64_t nanoseconds);
/* Not for ZKC_ITEM_EVENT and ZKC_ITEM_DROP, which are watches (zkc_watch_new). It copies the path. */
zkc_item *zkc_item_new(int kind, void *token, int type, int state, const char *path);
void zkc_item_free(zkc_item *item); /* not for ZKC_ITEM_REQUEST: that is a request's own memory */

/* A descriptor for an event loop, and the end that wakes it; on Linux both are one eventfd. errno on failure. */
int zkc_notifier_open(int fds[2]);
void zkc_notifier_wake(int fd);  /* -1: nothing */
void zkc_notifier_drain(int fd); /* -1: nothing */
void zkc_notifier_close(int fds[2]);

/* ---- watches ----------------------------------------------------------------------------------------------------- */

/* What a watch waits for. get and exists wait for the same events; the configuration's watch is told apart because
 * under a chroot its path can be that of another znode. */
enum zkc_watch_kind { ZKC_WATCH_DATA, ZKC_WATCH_CHILD, ZKC_WATCH_CONFIG, ZKC_WATCH_KINDS };

typedef struct zkc_watch {
    zkc_item item; /* so that firing allocates nothing: the watch itself goes into the queue */
    struct zkc_watch *next;
    int kind;
    int echo;        /* it is shown session events, too */
    atomic_int refs; /* 1 for the request, table or queue that has it, 1 for the request that armed it */
    int in_table;    /* the session's lock protects it */
    atomic_int fate; /* enum zkc_fate: whether its callable gets the event, decided once */
} zkc_watch;

enum zkc_fate { ZKC_UNDECIDED = 0, ZKC_CALLED = 1, ZKC_REVOKED = 2 };

typedef struct zkc_watch_table {
    struct zkc_watch_entry **buckets;
    size_t size, entries, watches;
} zkc_watch_table;

zkc_watch *zkc_watch_new(int kind, const char *path, void *token);
/* The consumer of the queue is about to call the callable of a ZKC_ITEM_EVENT. 0: its call was abandoned; do not. */
int zkc_item_call(zkc_item *item);

/* The table has no lock of its own: its session's protects it. */
void zkc_watches_init(zkc_watch_table *table);
void zkc_watches_destroy(zkc_watch_table *table);              /* must be empty */
int zkc_watches_add(zkc_watch_table *table, zkc_watch *watch); /* takes it over; -1 without memory: caller keeps it */
/* Unlink and return (as a list) the watches that an event consumes. */
zkc_watch *zkc_watches_fire(zkc_watch_table *table, const char *path, int type, int config);
/* Unlink and return the watches of these kinds (bit mask 1 << kind) on a path; token NULL: all of them. */
zkc_watch *zkc_watches_remove(zkc_watch_table *table, const char *path, unsigned kinds, void *token);
/* Unlink this one; 0 when it is not in the table. */
int zkc_watches_take(zkc_watch_table *table, zkc_watch *watch);
/* How many watches of these kinds are on a path; with a token, how many of that one. */
size_t zkc_watches_count(const zkc_watch_table *table, const char *path, unsigned kinds, void *token);
size_t zkc_watches_list(const zkc_watch_table *table, const char *path, unsigned kinds, void **tokens, size_t most);
zkc_watch *zkc_watches_clear(zkc_watch_table *table);
/* Call `visit` for each watch. */
void zkc_watches_each(const zkc_watch_table *table, void (*visit)(const zkc_watch *watch, void *context),
                      void *context);

/* ---- requests ---------------------------------------------------------------------------------------------------- */

enum zkc_request_bits {
    ZKC_DONE = 1,      /* rc and the reply are there and change no more */
    ZKC_WAITING = 2,   /* a thread sleeps on the word */
    ZKC_NOTIFY = 4,    /* the queue is to get the request when it is done */
    ZKC_ABANDONED = 8, /* nobody wants the reply: it is not copied, and arms no watch */
    ZKC_READING = 16   /* a thread that waits for it reads the connection: reply_wait.c */
};

typedef struct zkc_request {
    zkc_item item; /* must be first: a queued request is found by its item */
    zkc_word bits;
    atomic_int refs;                    /* 1 for Python's object, 1 for libzookeeper while the request is lent to it */
    struct zkc_session *session;        /* borrowed: Python's object keeps the session, and so does the loan */
    struct zkc_request *before, *after; /* the session's list of what is lent; its lock protects them */
    int listed, lent, settled;          /* the same: in that list, at libzookeeper, given its end */
    zkc_watch *watch;                   /* armed on success; owned until then. From the loan on the lock protects it */
    zkc_watch *armed;      /* the same watch afterwards, to be revoked; a reference. The lock protects it */
    int watched;           /* it has or had a watch: constant from before the loan on */
    int arm_on_missing;    /* exists arms its watch on ZNONODE too */
    unsigned doomed_kinds; /* remove_watches: the kinds to forget on `doomed_path`; 0: none */
    char *doomed_path;
    int metric;         /* enum zkc_kind: what it counts as */
    int64_t sent_bytes; /* of paths and data */
    int64_t sent_ns;    /* zkc_now_ns() when it was lent */

    /* the reply, written once by whoever settles the request, before ZKC_DONE */
    int rc;
    int has_stat;
    struct Stat stat;
    char *bytes;    /* data, path, or packed strings; owned, unless there is a packet */
    void *packet;   /* what the data are in, kept instead of copied; owned */
    int64_t length; /* of `bytes`; data: -1 for NULL */
    int32_t count;  /* packed strings and ACLs: how many */

    /* multi: written by libzookeeper before the completion; freed with the request */
    int op_count;
    zoo_op_result_t *results;
    char **result_paths; /* where results[i].value points, until the library clears it for an operation that failed */
    struct Stat *result_stats;
} zkc_request;

zkc_request *zkc_request_new(void); /* one reference: the caller's */
void zkc_request_unref(zkc_request *request);
int zkc_request_done(zkc_request *request);
/* Before a greenlet sleeps on `bits`: have who settles it wake the word. The bits by then; look for ZKC_DONE. */
uint32_t zkc_request_await(zkc_request *request);
/* ZKC_WOKEN: done. Otherwise look for signals and the deadline, and call again. Call without the GIL. */
int zkc_request_wait(zkc_request *request, int64_t nanoseconds);
/* Send and look for the reply for so long at the most, without ever waiting for anything else. If the request is not
 * done then, the thread goes on soon, with the same or with zkc_request_wait. */
enum zkc_look { ZKC_LOOKED_AND_DONE, ZKC_LOOKED_IN_VAIN, ZKC_LOOK_REFUSED };
enum zkc_look zkc_look_for_reply(zkc_request *request, int64_t nanoseconds);
int zkc_has_looked(const zkc_request *request); /* in vain, and has to go on */
/* zkc_look_for_reply with the GIL, if that is worth it: gil_hold.c. Begin with `times` 0; ZKC_LOOK_AGAIN: give the GIL
 * up and ask for it again at once, then call this again. Else the request is done, or zkc_request_wait comes next. */
enum zkc_request_looked { ZKC_LOOK_DONE, ZKC_LOOK_AGAIN, ZKC_LOOK_NO_MORE };
enum zkc_request_looked zkc_request_look(zkc_request *request, int *times, int64_t nanoseconds);
/* Ask for the request to be queued when it is done, lending it `token`. 0: it will be; 1: it is done already, and
 * the caller keeps the token. */
int zkc_request_notify(zkc_request *request, void *token);
/* Give the reply up, and with it the watch. 1: the callable of the watch is not called from here on (or there is none);
 * 0: it is being called, or was. */
int zkc_request_abandon(zkc_request *request);
/* The same, unless the reply is there. 0: it is, or will be in a moment, and the call has succeeded or failed by it. */
int zkc_request_give_up(zkc_request *request);
int zkc_request_abandoned(zkc_request *request);
int zkc_request_reserve_results(zkc_request *request, int op_count);

/* Packed strings: for each a 32-bit length (-1: NULL), then the bytes. Cursor over zkc_request.bytes. */
const char *zkc_unpack(const char **cursor, int32_t *length);

void zkc_set_awaited(const zkc_request *request); /* what this thread reads the connection for; NULL: nothing */

/* What a completion does: end the loan; when that is 1, write the reply and answer, which finishes the request and
 * releases the loan's reference. 0: close has settled the request already, and only the reference is to be released. */
int zkc_claim(zkc_request *request);
void zkc_answer(zkc_request *request, int rc);

/* libzookeeper's completions. `data` is the zkc_request, whose loan they end. Any thread, no locks of ours held. */
void zkc_on_void(int rc, const void *data);
void zkc_on_stat(int rc, const struct Stat *stat, const void *data);
void zkc_on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data);
void zkc_on_string(int rc, const char *value, const void *data);
void zkc_on_string_stat(int rc, const char *value, const struct Stat *stat, const void *data);
void zkc_on_strings(int rc, const struct String_vector *strings, const void *data);
void zkc_on_strings_stat(int rc, const struct String_vector *strings, const struct Stat *stat, const void *data);
void zkc_on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data);

/* ---- the session ------------------------------------------------------------------------------------------------- */

enum zkc_enter { ZKC_ENTERED = 0, ZKC_REFUSED_CLOSED = 1, ZKC_REFUSED_FORKED = 2, ZKC_REFUSED_UNOPENED = 3 };
enum zkc_open_state { ZKC_OPENING = 0, ZKC_OPEN = 1, ZKC_OPEN_FAILED = 2 };
enum { ZKC_OPENED_EVENT = -100 }; /* type of the session event that tells how opening ended: `state` is 0 or an errno */
enum zkc_close_state { ZKC_NOT_CLOSING = 0, ZKC_CLOSING = 1, ZKC_CLOSED = 2 };

/* What TLS has come to: of the attempts since the session was last established. */
typedef struct zkc_tls_state {
    const char *reason; /* of the last failure, as Python calls it; NULL: none. Not to be freed */
    char text[640];     /* the same in a sentence */
    int failures;       /* in a row */
    int futile;         /* every server of the list failed for a certificate, and nothing else happened since */
} zkc_tls_state;

#define ZKC_EVENT_UNANSWERED \
    (-102) /* the same for connections that servers closed before they answered, now and then */
#define ZKC_EVENT_TLS_FAILED (-101) /* type of the session event for a failure; its state is their number in a row */

typedef struct zkc_tls_options {
    char *ca, *certificate, *key, *password, *server_name; /* owned; all may be NULL */
    int verify, check_hostname;
} zkc_tls_options;

typedef struct zkc_session {
    atomic_int refs;     /* 1 for Python's object, 1 for each of our short-lived threads, 1 for the handle while open */
    uint32_t generation; /* of the process that made it: another one's is a forked child */
    zhandle_t *handle;   /* written by the opening thread before `opened`; freed by the closing one */
    zkc_word opened;     /* enum zkc_open_state */
    int open_errno;
    zkc_word closing;  /* enum zkc_close_state */
    atomic_int inside; /* threads inside a zoo_… call: the handle is not freed under them */
    atomic_int worth;  /* gil_hold.c: whether replies of late came while a call kept the GIL; how often not tried */
    atomic_uint untried;
    int kick[2]; /* wakes who reads the connection; -1: nobody may. From opening to the end */

    pthread_mutex_t lock; /* for the list of loans and the watch table; never held while calling libzookeeper */
    zkc_request *loans;
    zkc_watch_table watches;
    int ended;              /* expired, refused or closed: no watch is armed any more */
    int end_state;          /* what a watch is told last */
    atomic_int stopped;     /* nothing is lent any more; set under the lock */
    atomic_int pushing;     /* threads with something for the queue that must come before the last items */
    zkc_item *last;         /* the session's last event and ZKC_ITEM_STOP, until they are pushed */
    zkc_item *announcement; /* ZKC_OPENED_EVENT, if asked for, until the opening thread pushes it */
    zkc_item *held;         /* session events that came before that, oldest first */
    zkc_queue queue;
    zkc_metrics metrics;
    zkc_word events; /* changes with every session event */
    zkc_word slots;  /* changes when a request is settled */
    atomic_int slot_waiters;
    atomic_int in_flight;
    int max_in_flight;
    int overdraft;              /* how many more a call takes before it waits: for an event loop, which must not */
    int echo;                   /* all watches are shown session events */
    atomic_int echoing;         /* some may be: those with an `echo` of their own */
    zkc_tls_state tls;          /* `lock` protects it, and these two: */
    int unanswered;             /* connections in a row that servers closed without an answer, */
    int64_t seen_zxid;          /* and the last zxid of the session then */
    struct zkc_open_args *args; /* what zookeeper_init borrows for as long as the handle lives */
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
void zkc_tls_options_free(zkc_tls_options *tls);
void zkc_tell_adaptor(zkc_session *session); /* once it has a handle */
void zkc_unanswered(zkc_session *session, int *count, int64_t *zxid);
void zkc_tls_look(zkc_session *session, zkc_tls_state *copy);
void zkc_tls_new_servers(zkc_session *session);            /* what the old ones did says nothing of these */
zkc_session *zkc_session_new(int max_in_flight, int echo); /* one reference: the caller's */
void zkc_session_ref(zkc_session *session);
void zkc_session_unref(zkc_session *session);
/* Before opening: have its end announced by ZKC_OPENED_EVENT, before any other event. -1 without memory. */
int zkc_session_announce(zkc_session *session);
/* Open: on a thread of its own if there are names to be resolved. Takes over the arguments. errno when there is no
 * thread. Call without the GIL. */
int zkc_session_open(zkc_session *session, zkc_open_args *args);
/* Instead of opening: nothing will come, and the queue is stopped. */
void zkc_session_give_up(zkc_session *session);
/* Begin closing, once; never blocks beyond starting a thread. */
void zkc_session_close(zkc_session *session);
/* After a close that takes too long: fail what is lent, end the watches and stop the queue now. The handle and what
 * it still holds are freed by the closing thread when libzookeeper lets go. */
void zkc_session_abandon(zkc_session *session);

/* Bracket every zoo_… call: between them the handle stays. */
int zkc_enter(zkc_session *session);
void zkc_leave(zkc_session *session);
/* This thread is about to make a call and to wait for it: the request need not be sent before it waits. What is made
 * then ends with zkc_leave_called; waiting sends it, or zkc_let_go, which comes after it in any case. */
void zkc_hold(void);
void zkc_leave_called(zkc_session *session);
void zkc_let_go(void);
/* Take a place among the requests in flight. 0: taken. 1: full now; wait on `slots` (its value is stored) and retry. */
int zkc_slot_take(zkc_session *session, uint32_t *slots);
/* Until when calls of this thread wait for a place (zkc_now_ns); -1: as long as it takes. */
void zkc_set_place_deadline(int64_t deadline);
int64_t zkc_place_deadline(void);
int zkc_slot_wait(zkc_session *session, uint32_t slots, int64_t nanoseconds);
void zkc_slot_wanted(zkc_session *session, int change); /* while a greenlet sleeps on `slots`: +1, then -1 */
void zkc_slot_return(zkc_session *session);
int zkc_in_flight(zkc_session *session);
/* Lend a request, with the slot taken for it, to libzookeeper: from here on its completion ends the loan, or close
 * does. -1: the session has ended, nothing was lent. Take it back when the call refused it at once:
 * 0, or -1 when close has settled it meanwhile and it has an end like any other. */
int zkc_lend(zkc_session *session, zkc_request *request);
int zkc_take_back(zkc_session *session, zkc_request *request);
/* Give the request its end unless it has one: the first to settle it writes the reply. */
void zkc_settle(zkc_request *request, int rc);
void zkc_settle_loans(zkc_session *session, int rc); /* each that libzookeeper has; their completions may still come */
void zkc_end_loans(zkc_session *session);            /* settle what has no end; no completion comes any more */
/* Unlink every watch and tell each its end. The session's lock is held by the caller, who pushes them after it. */
zkc_watch *zkc_end_watches(zkc_session *session, int state);
void zkc_push_watches(zkc_session *session, zkc_watch *watches);
/* A session event for the session's watcher; held back until the opening is announced. */
void zkc_push_event(zkc_session *session, int type, int state);
/* Bracket what pushes to the session's queue, so that ZKC_ITEM_STOP comes after it. Begin with the lock held. */
void zkc_push_begin(zkc_session *session);
void zkc_push_end(zkc_session *session);
/* Opening has ended: tell those who wait for it, and the queue if that was asked for. */
void zkc_opened(zkc_session *session, enum zkc_open_state outcome);
/* Before a watch is armed: it is to be shown session events, which do not consume it. */
void zkc_show_session_events(zkc_session *session, zkc_watch *watch);
/* Forget watches: each gets a last event of type ZOO_NOTWATCHING_EVENT. */
void zkc_forget_watches(zkc_session *session, const char *path, unsigned kinds, void *token);
/* How many watches are armed; path NULL: in all, token NULL: whoever's. */
size_t zkc_count_watches(zkc_session *session, const char *path, unsigned kinds, void *token);
/* The tokens of at most `most` watches on the path. They belong to the watches, which are armed while the lock is held:
 * `hold` takes a reference of the caller's to each meanwhile, and does nothing else. Returns how many there are. */
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
/* libzookeeper's own rule for paths: it must be kept before zoo_amulti, which in a system library frees a path twice
 * that it refuses. */
int zkc_valid_path(const char *path, int sequential);
/* Whether a connection string has no names of servers but addresses. */
int zkc_hosts_are_addresses(const char *hosts);

/* libzookeeper's watchers: one function and one context (the session) for every watch, so that the library stores
 * one per path and a session event costs it no search; which watches an event consumes is this side's knowledge. */
void zkc_on_event(zhandle_t *handle, int type, int state, const char *path, void *context);
void zkc_on_watch(zhandle_t *handle, int type, int state, const char *path, void *context);
void zkc_on_config_watch(zhandle_t *handle, int type, int state, const char *path, void *context);

/* ---- the process ------------------------------------------------------------------------------------------------- */

uint32_t zkc_generation(void); /* grows in every forked child */
void zkc_process_init(void);   /* once, before the first session: the fork handler */
/* The interpreter is going: from here on a thread of ours that waits below never returns to Python. */
void zkc_quiesce(void);
void zkc_rest_if_quiet(void);

/* How long a call may keep the GIL at a stretch while it looks for its reply, in nanoseconds (0: not at all), and how
 * often. */
void zkc_set_gil_hold(int64_t nanoseconds, int times);
/* A thread asks for the GIL that it gave up; and has it. `interval` is the interpreter's switch interval, and `tried`
 * whether it gave the GIL up for long enough that another thread would have taken it. */
typedef struct zkc_gil_asked {
    int64_t at, kept;
} zkc_gil_asked;
void zkc_gil_ask(zkc_gil_asked *asked);
int64_t zkc_gil_waited(const zkc_gil_asked *asked);
void zkc_gil_came(const zkc_gil_asked *asked, int64_t waited, int64_t interval, int tried);

typedef struct zkc_counts {
    int sessions, requests, watches, items, handles;
} zkc_counts;
void zkc_count_alive(zkc_counts *counts);
enum zkc_counted { ZKC_COUNT_SESSION, ZKC_COUNT_REQUEST, ZKC_COUNT_WATCH, ZKC_COUNT_ITEM, ZKC_COUNT_HANDLE };
void zkc_count(enum zkc_counted what, int change);

/* libzookeeper's log lines: copied into a bounded queue by whatever thread logs, read by one Python thread. */
typedef struct zkc_log_line {
    struct zkc_log_line *next;
    int level; /* which lines were wanted when it came: zkc_log_set_level */
    char text[];
} zkc_log_line;
void zkc_log_init(void);              /* once, before the first session: lines without a handle come here too */
void zkc_on_log(const char *message); /* log_callback_fn */
zkc_log_line *zkc_log_take(int64_t nanoseconds, unsigned *dropped); /* a list, oldest first; free() each */
void zkc_log_set_level(int level);                                  /* 0 nothing … 4 debugging; noted in each line */
zkc_word *zkc_log_word(void); /* woken for the first line; look, then take without a wait, then sleep */
void zkc_log_wake(void);      /* make zkc_log_take return, the waiting one or the next */

#endif
