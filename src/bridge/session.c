/* A session's beginning and end: opening and closing the handle.
 *
 * Opening resolves names and closing waits for a server. Both can take seconds, and closing joins libzookeeper's
 * threads. So each runs on a short-lived thread of ours. A Python thread that waits for it can be interrupted, or stop
 * waiting, without leaving the handle half made. Opening without a name to resolve does not wait, and runs on the
 * calling thread. Our own adaptor's I/O thread closes the handle itself, when there is one. */
#define _GNU_SOURCE
#include "adaptor/zkc_adaptor.h"
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- life -------------------------------------------------------------------------------------------------------- */

zkc_open_args *zkc_open_args_new(void)
{
    return calloc(1, sizeof(zkc_open_args));
}

void zkc_open_args_free(zkc_open_args *args)
{
    if (args == NULL)
        return;
    zkc__sasl_free(args);
    free(args->hosts);
    zkc__tls_options_free(args->tls);
    free(args->sasl_service);
    free(args->sasl_host);
    free(args->sasl_mechanisms);
    free(args->sasl_user);
    free(args->sasl_realm);
    free(args->sasl_password);
    free(args);
}

/* The last items of the queue, allocated in advance, because a dispatcher waits for them. */
static zkc_item *last_items(void)
{
    zkc_item *event = zkc__item_new(ZKC_ITEM_SESSION, NULL, ZOO_SESSION_EVENT, 0, NULL);
    zkc_item *stop = zkc__item_new(ZKC_ITEM_STOP, NULL, 0, 0, NULL);

    if (event != NULL && stop != NULL) {
        event->next = stop;
        return event;
    }
    if (event != NULL)
        zkc_item_free(event);
    if (stop != NULL)
        zkc_item_free(stop);
    return NULL;
}

/* Only our adaptor lets other threads than its own read the connection. */
static void open_kick(zkc_session *session)
{
#ifdef ZKC_OWN_ADAPTOR
    if (zkc_notifier_open(session->kick) != 0)
#endif
        session->kick[0] = session->kick[1] = -1; /* only the I/O thread reads then */
}

zkc_session *zkc_session_new(int max_in_flight, int broadcast)
{
    zkc_session *session = calloc(1, sizeof *session);

    if (session == NULL)
        return NULL;
    atomic_init(&session->refs, 1);
    session->generation = zkc_generation();
    session->last = last_items();
    if (session->last == NULL) {
        free(session);
        return NULL;
    }
    session->max_queued_events = ZKC_MAX_QUEUED_EVENTS;
    session->max_in_flight = max_in_flight;
    session->broadcast_all = broadcast;
    pthread_mutex_init(&session->lock, NULL);
    zkc__watches_init(&session->watches);
    zkc__queue_init(&session->queue);
    open_kick(session);
    zkc__count(ZKC_COUNT_SESSION, 1);
    return session;
}

void zkc__session_ref(zkc_session *session)
{
    atomic_fetch_add(&session->refs, 1);
}

void zkc_session_unref(zkc_session *session)
{
    if (atomic_fetch_sub(&session->refs, 1) != 1)
        return;
    if (session->last != NULL) { /* never opened, so never closed */
        zkc_item_free(session->last->next);
        zkc_item_free(session->last);
    }
    for (zkc_item *next; session->deferred_events != NULL;
         session->deferred_events = next) { /* abandoned before it was open */
        next = session->deferred_events->next;
        zkc_item_free(session->deferred_events);
    }
    if (session->opened_item != NULL)
        zkc_item_free(session->opened_item);
    zkc_open_args_free(session->args);
    zkc__watches_destroy(&session->watches);
    zkc__queue_destroy(&session->queue);
    zkc_notifier_close(session->kick);
    pthread_mutex_destroy(&session->lock);
    free(session);
    zkc__count(ZKC_COUNT_SESSION, -1);
}

/* Run `body` on a detached thread that takes no signals. libzookeeper's threads inherit its mask, so Python's handlers
 * never run there. The thread owns a reference to the session. */
static int run_detached(void *(*body)(void *), zkc_session *session)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    zkc__session_ref(session); /* released at the end of the thread */
    sigfillset(&all);
    zkc_thread_attributes(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, body, session);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error != 0)
        zkc_session_unref(session);
    return error;
}

static void set_word(zkc_word *word, uint32_t value)
{
    atomic_store(word, value);
    zkc_word_wake(word);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static zhandle_t *open_handle(zkc_session *session, zkc_open_args *args)
{
    const clientid_t *client_id = args->has_client_id ? &args->client_id : NULL;

    void *sasl = NULL;

#ifdef HAVE_CYRUS_SASL_H
    zoo_sasl_params_t params;

    if (args->sasl_mechanisms != NULL) {
        if (zkc__sasl_prepare(args, &params) < 0)
            return NULL;
        sasl = &params;
    }
#endif
    if (args->tls != NULL)
        return zkc__tls_open(session, args, client_id, sasl);
#ifdef HAVE_CYRUS_SASL_H
    if (sasl != NULL)
        return zookeeper_init_sasl(args->hosts, zkc__on_event, args->timeout_ms, client_id, session, args->flags,
                                   zkc__on_log, sasl);
#endif
    return zookeeper_init2(args->hosts, zkc__on_event, args->timeout_ms, client_id, session, args->flags, zkc__on_log);
}

static void open_in_this_thread(zkc_session *session)
{
    zhandle_t *handle;

    errno = 0;
    handle = open_handle(session, session->args);
    if (handle == NULL) {
        session->open_errno = errno != 0 ? errno : EINVAL;
        zkc__opened(session, ZKC_OPEN_FAILED);
    } else {
        zoo_set_log_callback(handle, zkc__on_log);
        zoo_set_servers_resolution_delay(handle, session->args->resolution_delay_ms);
        zkc__session_ref(session); /* the handle's: released in closed() */
        zkc__count(ZKC_COUNT_HANDLE, 1);
        session->handle = handle;
        zkc__set_up_adaptor(session);
        zkc__opened(session, ZKC_OPEN);
    }
}

static void *opening_thread(void *argument)
{
#ifdef __linux__
    pthread_setname_np(pthread_self(), "zkc-io"); /* libzookeeper's threads inherit it */
#endif
    open_in_this_thread(argument);
    zkc_session_unref(argument);
    return NULL;
}

/* Whether opening does not wait: every server is an address, and no file is read. (With libzookeeper's own adaptor
 * opening needs the thread, because the library's threads inherit its name.) */
static int opens_at_once(const zkc_open_args *args)
{
#ifdef ZKC_OWN_ADAPTOR
    return args->tls == NULL && args->sasl_mechanisms == NULL && zkc__hosts_are_addresses(args->hosts);
#else
    (void)args;
    return 0;
#endif
}

int zkc_session_announce(zkc_session *session)
{
    session->opened_item = zkc__item_new(ZKC_ITEM_SESSION, NULL, ZKC_OPENED_EVENT, 0, NULL);
    return session->opened_item != NULL ? 0 : -1;
}

int zkc_session_open(zkc_session *session, zkc_open_args *args)
{
    int error;

    session->args = args;
    if (opens_at_once(args)) {
        open_in_this_thread(session);
        return 0;
    }
    error = run_detached(opening_thread, session);
    if (error != 0) {
        session->open_errno = error;
        zkc__opened(session, ZKC_OPEN_FAILED);
    }
    return error;
}

void zkc_session_cancel(zkc_session *session)
{
    session->open_errno = EINTR;
    set_word(&session->opened, ZKC_OPEN_FAILED);
    zkc_session_close(session);
}

/* ---- closing ----------------------------------------------------------------------------------------------------- */

/* Complete the outstanding requests, end the watches, stop the queue: once. */
static void stop(zkc_session *session)
{
    zkc_watch *watches;

    pthread_mutex_lock(&session->lock);
    zkc__push_begin(session);
    atomic_store(&session->stopped, 1); /* no request is tracked any more */
    watches = zkc__end_watches(session, 0);
    pthread_mutex_unlock(&session->lock);
    zkc__push_watches(session, watches);
    zkc__complete_outstanding(session, ZCLOSING);
    zkc__push_end(session);
}

static void wait_until_no_call_is_inside(zkc_session *session)
{
    const struct timespec moment = {.tv_nsec = 50000};

    while (atomic_load(&session->inside) != 0) /* calls take microseconds, but set_servers resolves names */
        nanosleep(&moment, NULL);
}

static void closed(zkc_session *session)
{
    if (session->handle != NULL) { /* no completion of it runs any more */
        session->handle = NULL;
        zkc__count(ZKC_COUNT_HANDLE, -1);
        zkc__release_outstanding(session);
        zkc_session_unref(session); /* the handle's */
    }
    stop(session);
    set_word(&session->closing, ZKC_CLOSED);
}

static void close_handle(zkc_session *session)
{
    while (atomic_load(&session->opened) == ZKC_OPENING)
        zkc_word_wait(&session->opened, ZKC_OPENING, -1);
    wait_until_no_call_is_inside(session);
    if (session->handle != NULL)
        zookeeper_close(session->handle); /* it joins the threads of the library */
    closed(session);
}

static void *closing_thread(void *argument)
{
#ifdef __linux__
    pthread_setname_np(pthread_self(), "zkc-close");
#endif
    close_handle(argument);
    zkc_session_unref(argument);
    return NULL;
}

#ifdef ZKC_OWN_ADAPTOR

/* On the I/O thread, as its last act. */
static void close_on_io_thread(void *context)
{
    zkc_session *session = context;

    wait_until_no_call_is_inside(session);
    zkc_adaptor_close(session->handle);
    closed(session);
    zkc_session_unref(session);
}

#endif

/* Whether the I/O thread closes: yes, if there is one and it is our adaptor's. */
static int closes_itself(zkc_session *session)
{
    int closes = 0;

#ifdef ZKC_OWN_ADAPTOR
    atomic_fetch_add(&session->inside, 1); /* keeps the handle until the thread is woken */
    closes = atomic_load(&session->opened) == ZKC_OPEN;
    if (closes) {
        zkc__session_ref(session); /* released in close_on_io_thread */
        zkc_adaptor_end(session->handle, close_on_io_thread, session);
    }
    zkc_leave(session);
#endif
    (void)session;
    return closes;
}

void zkc_session_close(zkc_session *session)
{
    uint32_t open = ZKC_NOT_CLOSING;

    if (!atomic_compare_exchange_strong(&session->closing, &open, ZKC_CLOSING))
        return;
    atomic_fetch_add(&session->slots, 1);
    zkc_word_wake(&session->slots); /* callers that wait for a slot */
    atomic_fetch_add(&session->events, 1);
    zkc_word_wake(&session->events);     /* threads that wait for the connection */
    zkc_notifier_wake(session->kick[1]); /* the thread that reads the connection */
    if (closes_itself(session))
        return;
    if (run_detached(closing_thread, session) != 0)
        close_handle(session); /* no thread available: close here */
}

void zkc_session_abandon(zkc_session *session)
{
    stop(session);
}
