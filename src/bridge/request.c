/* A request's life: lent, settled once, and its end: the watch is armed, the waiter woken or the callback queued. What
 * comes from libzookeeper's threads is in completions.c. No Python, no blocking, and no lock of ours held while the
 * library is called. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- a request's life -------------------------------------------------------------------------------------------- */

zkc_request *zkc_request_new(void)
{
    zkc_request *request = calloc(1, sizeof *request);

    if (request == NULL)
        return NULL;
    atomic_init(&request->refs, 1);
    request->item.kind = ZKC_ITEM_REQUEST;
    zkc__count(ZKC_COUNT_REQUEST, 1);
    return request;
}

void zkc_request_unref(zkc_request *request)
{
    if (atomic_fetch_sub(&request->refs, 1) != 1)
        return;
    for (int i = 0; i < request->op_count; i++)
        free(request->result_paths[i]);
    free(request->result_paths);
    free(request->results);
    free(request->result_stats);
    free(request->removal_path);
    free(request->packet != NULL ? request->packet : request->bytes);
    if (request->armed != NULL)
        zkc_item_free(&request->armed->item);
    free(request);
    zkc__count(ZKC_COUNT_REQUEST, -1);
}

int zkc_request_done(zkc_request *request)
{
    return (atomic_load(&request->bits) & ZKC_DONE) != 0;
}

uint32_t zkc_request_mark_waiting(zkc_request *request)
{
    return atomic_fetch_or(&request->bits, ZKC_WAITING) | ZKC_WAITING;
}

int zkc_request_notify(zkc_request *request, void *token)
{
    request->item.token = token; /* before the bit: whoever sees the bit sees the token */
    return (atomic_fetch_or(&request->bits, ZKC_NOTIFY) & ZKC_DONE) != 0;
}

int zkc_request_abandoned(zkc_request *request)
{
    return (atomic_load(&request->bits) & ZKC_ABANDONED) != 0;
}

int zkc_request_reserve_results(zkc_request *request, int op_count)
{
    request->results = calloc((size_t)op_count + 1, sizeof *request->results);
    request->result_paths = calloc((size_t)op_count + 1, sizeof *request->result_paths);
    request->result_stats = calloc((size_t)op_count + 1, sizeof *request->result_stats);
    if (request->results == NULL || request->result_paths == NULL || request->result_stats == NULL)
        return -1;
    request->op_count = op_count;
    return 0;
}

/* ---- settling ---------------------------------------------------------------------------------------------------- */

/* The session's lock is held. */
static void unlist(zkc_request *request)
{
    if (!request->listed)
        return;
    request->listed = 0;
    if (request->before != NULL)
        request->before->after = request->after;
    else
        request->session->outstanding = request->after;
    if (request->after != NULL)
        request->after->before = request->before;
}

/* The watch goes into the table when its call succeeded, and back to Python when not: then it is returned. libzookeeper
 * arms its own watcher by the same rule, and delivers the reply before any event that follows it. A call that was given
 * up before this moment has no watch any more; its event finds no listener here. */
static zkc_watch *arm_watch(zkc_session *session, zkc_request *request)
{
    int wanted = request->rc == ZOK || (request->rc == ZNONODE && request->arm_on_missing);
    zkc_watch *watch;

    /* zkc_has_other_watches sees it in the list or in the table, never in neither */
    pthread_mutex_lock(&session->lock);
    watch = request->watch;
    request->watch = NULL;
    if (!request->in_library)
        unlist(request);
    if (watch != NULL && wanted) {
        request->armed = watch;            /* from here on it may be revoked */
        atomic_fetch_add(&watch->refs, 1); /* back in zkc_request_unref */
    }
    if (watch == NULL) {
        ;
    } else if (wanted && !session->ended && zkc__watches_add(&session->watches, watch) == 0) {
        watch = NULL;
    } else if (wanted && session->ended) {
        watch->item.type = ZOO_SESSION_EVENT;
        watch->item.state = session->end_state;
    } else {
        watch->item.kind = ZKC_ITEM_DROP;
    }
    pthread_mutex_unlock(&session->lock);
    return watch;
}

static _Thread_local const zkc_request *awaited; /* what this thread reads the connection for: reply_wait.c */

void zkc__set_awaited(const zkc_request *request)
{
    awaited = request;
}

/* Another thread reads the connection for this request, which is done. Not for what the reader itself has just got. */
static void wake_reader(const zkc_request *request)
{
    if (awaited != request)
        zkc_notifier_wake(request->session->kick[1]);
}

/* The reply is written. Nothing of the request is touched after ZKC_DONE but by who still owns a reference: the
 * caller here does, and a queued request is kept by its token. */
static void finish(zkc_request *request)
{
    zkc_session *session = request->session;
    zkc_watch *unarmed = request->watched ? arm_watch(session, request) : NULL;
    uint32_t before;

    if (request->watches_to_remove != 0 && request->rc == ZOK)
        zkc_forget_watches(session, request->removal_path, request->watches_to_remove, NULL);
    zkc__metrics_ended(&session->metrics, request);
    zkc_slot_return(session);
    before = atomic_fetch_or(&request->bits, ZKC_DONE);
    if (before & ZKC_NOTIFY)
        zkc_queue_push(&session->queue, &request->item);
    if (unarmed != NULL)
        zkc_queue_push(&session->queue, &unarmed->item); /* after the reply of the call that brought it */
    /* Last: what a waiter does next, closing the session say, comes after it in the queue. The caller has a
     * reference. */
    if (before & ZKC_WAITING)
        zkc_word_wake(&request->bits);
    if (before & ZKC_READING)
        wake_reader(request);
    zkc__push_end(session);
}

/* The lock is held. The watch of a request whose reply nobody wants, wherever it is: unlinked and returned, to be given
 * back; or left in the queue and marked, so that the consumer calls nobody. */
static zkc_watch *revoke(zkc_session *session, zkc_request *request, int *called)
{
    zkc_watch *watch = request->watch;
    int undecided = ZKC_UNDECIDED;

    *called = 0;
    if (watch != NULL) {
        request->watch = NULL;
        return watch;
    }
    watch = request->armed;
    if (watch == NULL)
        return NULL;
    if (zkc__watches_take(&session->watches, watch))
        return watch;
    /* The queue's consumer and this decide in one step: whichever is first. */
    *called = !atomic_compare_exchange_strong(&watch->fate, &undecided, ZKC_REVOKED) && undecided == ZKC_CALLED;
    return NULL;
}

static uint32_t mark_abandoned(zkc_request *request)
{
    uint32_t before = atomic_fetch_or(&request->bits, ZKC_ABANDONED);

    if (before & ZKC_WAITING)
        zkc_word_wake(&request->bits);
    return before;
}

static int abandon(zkc_request *request, int even_done)
{
    zkc_session *session = request->session;
    zkc_watch *watch = NULL;
    int called = 0, given_up = 1;

    if (session == NULL || !request->watched)
        return !(mark_abandoned(request) & ZKC_DONE) || even_done;
    pthread_mutex_lock(&session->lock); /* arm_watch, under the same lock, comes before this or after it */
    zkc__push_begin(session);
    /* A watch that is in the queue before ZKC_DONE was ended by a close at this moment: it is too late, too. */
    if (!even_done && (zkc_request_done(request) || (request->armed != NULL && !request->armed->in_table)))
        given_up = 0;
    if (given_up) {
        mark_abandoned(request);
        watch = revoke(session, request, &called);
    }
    pthread_mutex_unlock(&session->lock);
    if (watch != NULL) {
        watch->item.kind = ZKC_ITEM_DROP;
        zkc_queue_push(&session->queue, &watch->item);
    }
    zkc__push_end(session);
    return given_up && !called;
}

int zkc_request_abandon(zkc_request *request)
{
    return abandon(request, 1);
}

int zkc_request_abandon_pending(zkc_request *request)
{
    return abandon(request, 0);
}

/* The lock is held. 1: to the caller it falls to write the reply and to finish. */
static int claim_once(zkc_request *request)
{
    if (request->claimed)
        return 0;
    request->claimed = 1;
    zkc__push_begin(request->session);
    return 1;
}

int zkc__claim(zkc_request *request)
{
    zkc_session *session = request->session;
    int first;

    pthread_mutex_lock(&session->lock);
    first = claim_once(request);
    request->in_library = 0;
    if (!first || request->watch == NULL) /* else it stays in the list until its watch is armed */
        unlist(request);
    pthread_mutex_unlock(&session->lock);
    return first;
}

void zkc_complete_once(zkc_request *request, int rc)
{
    zkc_session *session = request->session;
    int first;

    pthread_mutex_lock(&session->lock);
    first = claim_once(request);
    pthread_mutex_unlock(&session->lock);
    if (!first)
        return;
    request->rc = rc;
    finish(request);
}

void zkc__complete(zkc_request *request, int rc)
{
    request->rc = rc;
    finish(request);
    zkc_request_unref(request); /* the reference that came with the request: the loan's, taken by zkc_track */
}

int zkc_track(zkc_session *session, zkc_request *request)
{
    pthread_mutex_lock(&session->lock);
    if (session->stopped) {
        pthread_mutex_unlock(&session->lock);
        return -1;
    }
    atomic_fetch_add(&request->refs, 1); /* back in zkc__complete, zkc_untrack or at close */
    request->session = session;
    zkc__metrics_sent(&session->metrics, request);
    request->in_library = request->listed = 1;
    request->before = NULL;
    request->after = session->outstanding;
    if (session->outstanding != NULL)
        session->outstanding->before = request;
    session->outstanding = request;
    pthread_mutex_unlock(&session->lock);
    return 0;
}

int zkc_untrack(zkc_session *session, zkc_request *request)
{
    int claimed;

    pthread_mutex_lock(&session->lock);
    claimed = request->claimed;
    request->claimed = 1;
    request->in_library = 0;
    unlist(request);
    pthread_mutex_unlock(&session->lock);
    if (!claimed) { /* else whoever settled it has done that */
        zkc__metrics_refused(&session->metrics, request);
        zkc_slot_return(session);
    }
    zkc_request_unref(request);
    return claimed ? -1 : 0;
}

/* Settle all that is lent; libzookeeper still has it. Oldest first, as the replies would have come. */
void zkc__complete_outstanding(zkc_session *session, int rc)
{
    zkc_item *list = NULL, *next;

    pthread_mutex_lock(&session->lock);
    for (zkc_request *request = session->outstanding; request != NULL; request = request->after) {
        if (!claim_once(request))
            continue;
        atomic_fetch_add(&request->refs, 1); /* its completion may still come, and end the loan, meanwhile */
        request->item.next = list;           /* not done yet, so it is in no queue */
        list = &request->item;
    }
    pthread_mutex_unlock(&session->lock);
    for (; list != NULL; list = next) {
        zkc_request *request = (zkc_request *)list;

        next = list->next;
        zkc__complete(request, rc);
    }
}

/* libzookeeper has let go of everything: end every loan. */
void zkc__release_outstanding(zkc_session *session)
{
    zkc_request *request, *after;

    zkc__complete_outstanding(session, ZCLOSING);
    pthread_mutex_lock(&session->lock);
    request = session->outstanding;
    session->outstanding = NULL;
    for (zkc_request *each = request; each != NULL; each = each->after)
        each->in_library = each->listed = 0;
    pthread_mutex_unlock(&session->lock);
    for (; request != NULL; request = after) {
        after = request->after;
        zkc_request_unref(request); /* the loan's */
    }
}
