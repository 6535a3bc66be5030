/* Declarations that only the C files of the bridge share; Cython does not see them. Which file may call which is in
 * tests/native/test_layers.py: session → request → session_events → queue, watches, slots → futex. */
#ifndef ZKC_INTERNAL_H
#define ZKC_INTERNAL_H

#include "bridge.h"

/* ---- process.c: what is alive ------------------------------------------------------------------------------------ */

enum zkc_counted { ZKC_COUNT_SESSION, ZKC_COUNT_REQUEST, ZKC_COUNT_WATCH, ZKC_COUNT_ITEM, ZKC_COUNT_HANDLE };
void zkc__count(enum zkc_counted what, int change);

/* ---- sleepers.c: for zkc_word_wake ------------------------------------------------------------------------------- */

extern _Atomic uint32_t zkc__sleeper_count;
void zkc__sleepers_wake(const zkc_word *word);

/* ---- queue.c ----------------------------------------------------------------------------------------------------- */

void zkc__queue_init(zkc_queue *queue);
void zkc__queue_destroy(zkc_queue *queue); /* must be empty */
/* Not for ZKC_ITEM_EVENT and ZKC_ITEM_DROP, which are watches (zkc_watch_new). It copies the path. */
zkc_item *zkc__item_new(int kind, void *token, int type, int state, const char *path);
/* An event of a persistent watch; NULL without memory. */
zkc_item *zkc__event_new(zkc_session *session, zkc_watch *watch, int type, int state, const char *path, int64_t zxid);

/* ---- watches.c: the table has no lock of its own; its session's protects it -------------------------------------- */

void zkc__watches_init(zkc_watch_table *table);
void zkc__watches_destroy(zkc_watch_table *table);              /* must be empty */
int zkc__watches_add(zkc_watch_table *table, zkc_watch *watch); /* takes it over; -1 without memory: caller keeps it */
/* Unlink and return (as a list) the watches that an event consumes. */
zkc_watch *zkc__watches_fire(zkc_watch_table *table, const char *path, int type, int config);
/* Unlink and return the watches of these kinds (bit mask 1 << kind) on a path; token NULL: all of them. */
zkc_watch *zkc__watches_remove(zkc_watch_table *table, const char *path, unsigned kinds, void *token);
/* Those whose requests came before the one with the serial. */
zkc_watch *zkc__watches_remove_older(zkc_watch_table *table, const char *path, unsigned kinds, int64_t serial);
/* Unlink this watch; 0 when it is not in the table. */
int zkc__watches_take(zkc_watch_table *table, zkc_watch *watch);
/* How many watches of these kinds are on a path; with a token, how many of that token. */
size_t zkc__watches_count(const zkc_watch_table *table, const char *path, unsigned kinds, void *token);
/* Call `visit` for each persistent watch (of the one kind) on a path, which stays. */
void zkc__watches_at(const zkc_watch_table *table, const char *path, int kind,
                     void (*visit)(zkc_watch *watch, void *context), void *context);
/* The same for the recursive watches on a path and on the paths above it: one look-up a level, if there are any. -1
 * without memory. */
int zkc__watches_above(const zkc_watch_table *table, const char *path, void (*visit)(zkc_watch *watch, void *context),
                       void *context);
size_t zkc__watches_list(const zkc_watch_table *table, const char *path, unsigned kinds, void **tokens, size_t most);
zkc_watch *zkc__watches_clear(zkc_watch_table *table);
/* Call `visit` for each watch. */
void zkc__watches_each(const zkc_watch_table *table, void (*visit)(const zkc_watch *watch, void *context),
                       void *context);

/* ---- metrics.c: the counters of a session at the steps of a request ---------------------------------------------- */

int zkc__latency_bucket(int64_t nanoseconds);
void zkc__metrics_sent(zkc_metrics *metrics, zkc_request *request);
void zkc__metrics_refused(zkc_metrics *metrics, const zkc_request *request);
void zkc__metrics_ended(zkc_metrics *metrics, const zkc_request *request);

/* ---- session_events.c -------------------------------------------------------------------------------------------- */

/* Unlink every watch and set its last event. The caller holds the session's lock, and pushes the watches afterwards. */
zkc_watch *zkc__end_watches(zkc_session *session, int state);
void zkc__push_watches(zkc_session *session, zkc_watch *watches);
/* A request to remove all watches of a path has succeeded: forget those that requests before it have armed. */
void zkc__forget_removed(zkc_session *session, const zkc_request *request);
/* A session event for the session's watcher; deferred until the opening is announced. */
void zkc__push_event(zkc_session *session, int type, int state);
/* Bracket all pushes to the session's queue, so that ZKC_ITEM_STOP comes after them. Begin with the lock held. */
void zkc__push_begin(zkc_session *session);
void zkc__push_end(zkc_session *session);
/* Opening has ended: wake the threads that wait for it, and push the event if that was asked for. */
void zkc__opened(zkc_session *session, enum zkc_open_state outcome);
/* libzookeeper's watcher for session events. */
void zkc__on_event(zhandle_t *handle, int type, int state, const char *path, void *context);
void zkc__set_up_adaptor(zkc_session *session); /* once it has a handle */

/* ---- request.c --------------------------------------------------------------------------------------------------- */

/* The two steps of a completion. Claim the request, which takes it back from the library. 1: write the reply and
 * complete, which releases the library's reference. 0: close has completed the request already, and only the reference
 * is to be released.
 */
int zkc__claim(zkc_request *request);
void zkc__complete(zkc_request *request, int rc);
void zkc__complete_outstanding(zkc_session *session, int rc); /* libzookeeper still has them, and may complete them */
void zkc__release_outstanding(zkc_session *session); /* complete the rest; libzookeeper calls no completion any more */
void zkc__set_awaited(const zkc_request *request);   /* what this thread reads the connection for; NULL: nothing */

/* ---- reply_wait.c ------------------------------------------------------------------------------------------------ */

/* Send and poll for the reply for so long at most, without waiting for anything else. ZKC_POLL_NOT_YET: the thread goes
 * on soon, with the same or with zkc_request_wait. */
enum zkc_poll { ZKC_POLL_DONE, ZKC_POLL_NOT_YET, ZKC_POLL_REFUSED };
enum zkc_poll zkc__poll_reply(zkc_request *request, int64_t nanoseconds);

/* ---- session.c --------------------------------------------------------------------------------------------------- */

void zkc__session_ref(zkc_session *session);

/* ---- text.c, log.c, sasl.c, tls.c -------------------------------------------------------------------------------- */

int zkc__hosts_are_addresses(const char *hosts); /* whether a connection string has no names but addresses */
void zkc__on_log(const char *message);           /* log_callback_fn */
#ifdef HAVE_CYRUS_SASL_H
int zkc__sasl_prepare(zkc_open_args *args, zoo_sasl_params_t *params); /* -1 and errno */
#endif
void zkc__sasl_free(zkc_open_args *args);
void zkc__tls_options_free(zkc_tls_options *tls);
/* Open a handle with TLS, and with SASL unless `sasl_params` is NULL. */
zhandle_t *zkc__tls_open(zkc_session *session, const zkc_open_args *args, const clientid_t *client_id,
                         void *sasl_params);

#endif
