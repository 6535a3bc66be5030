/* A request's life: tracked while libzookeeper has it, claimed once, completed: the watch is armed, the waiter woken or
 * the callback queued. The completions are in completions.c. No Python, no blocking, and no lock of ours held while the
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
    for (int i = 0; i < request->part_count; i++)
        free(request->parts[i].packet != NULL ? request->parts[i].packet : request->parts[i].bytes);
    free(request->parts);
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
    request->item.token = token; /* before the bit: a thread that sees the bit sees the token */
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

int zkc_request_reserve_parts(zkc_request *request, int count)
{
    request->parts = calloc((size_t)count + 1, sizeof *request->parts);
    if (request->parts == NULL)
        return -1;
    request->part_count = count;
    return 0;
}

zkc_request *zkc_request_part(zkc_request *request, int index)
{
    return &request->parts[index];
}

/* ---- completing ----------------------------------------------------------------------------------------------------
 */

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

/* Put the watch into the table when its call succeeded. Otherwise return it, to go back to Python. libzookeeper arms
 * its own watcher by the same rule, and delivers the reply before any event that follows it. A call that was abandoned
 * before this has no watch any more; its event finds no watch here. */
static zkc_watch *arm_watch(zkc_session *session, zkc_request *request)
{
    int wanted = request->rc == ZOK || (request->rc == ZNONODE && request->arm_on_missing);
    zkc_watch *watch;

    /* so zkc_has_other_watches sees the watch either in the list or in the table */
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

static _Thread_local const zkc_request
    *awaited; /* the request for which this thread reads the connection: reply_wait.c */

void zkc__set_awaited(const zkc_request *request)
{
    awaited = request;
}

/* Wake the thread that reads the connection for this request, which is done; not if that is this thread. */
static void wake_reader(const zkc_request *request)
{
    if (awaited != request)
        zkc_notifier_wake(request->session->kick[1]);
}

/* Finish a request whose reply is written. The order matters. The watch is armed before ZKC_DONE: a caller that sees
 * the reply has its watch. The reply is queued before a watch that was not armed. Waiting threads are woken last. After
 * ZKC_DONE only an owner of a reference touches the request: the caller here has one, and its token keeps a queued
 * request. */
static void finish(zkc_request *request)
{
    zkc_session *session = request->session;
    zkc_watch *unarmed = request->watched ? arm_watch(session, request) : NULL;
    uint32_t before;

    if (request->watches_to_remove != 0 && request->rc == ZOK)
        zkc__forget_removed(session, request);
    zkc__metrics_ended(&session->metrics, request);
    zkc_slot_return(session);
    before = atomic_fetch_or(&request->bits, ZKC_DONE);
    if (before & ZKC_NOTIFY)
        zkc_queue_push(&session->queue, &request->item);
    if (unarmed != NULL)
        zkc_queue_push(&session->queue, &unarmed->item); /* after the reply of its call */
    /* Wake the waiter last. What it does next (it may close the session) then queues its items behind this one. */
    if (before & ZKC_WAITING)
        zkc_word_wake(&request->bits);
    if (before & ZKC_READING)
        wake_reader(request);
    zkc__push_end(session);
}

/* The lock is held. Revoke the watch of an abandoned request, wherever it is. It is unlinked and returned, to be
 * released; or it stays in the queue and is marked, so that the consumer does not call it. */
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
    if (ZKC_WATCHES_THAT_STAY & 1u << watch->kind)
        atomic_store(&watch->fate, ZKC_REVOKED); /* for its events that are in the queue */
    if (zkc__watches_take(&session->watches, watch))
        return watch;
    /* The queue's consumer and this thread decide in one atomic step: the first wins. */
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
    /* A watch that is in the queue before ZKC_DONE was ended by a close at the same time: too late, too. */
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

/* The lock is held. Returns 1 if the caller must write the reply and call finish(). */
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
    if (!first || request->watch == NULL) /* otherwise it stays in the list until its watch is armed */
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

/* A session that has expired is closed after that, and the close is not what ended the request. */
void zkc__complete(zkc_request *request, int rc)
{
    request->rc = rc == ZCLOSING && atomic_load(&request->session->expired) ? ZSESSIONEXPIRED : rc;
    finish(request);
    zkc_request_unref(request); /* libzookeeper's reference, taken by zkc_track */
}

int zkc_track(zkc_session *session, zkc_request *request)
{
    pthread_mutex_lock(&session->lock);
    if (session->stopped) {
        pthread_mutex_unlock(&session->lock);
        return -1;
    }
    atomic_fetch_add(&request->refs, 1); /* released in zkc__complete, in zkc_untrack or at close */
    request->session = session;
    zkc__metrics_sent(&session->metrics, request);
    request->serial = ++session->serials;
    if (request->watch != NULL)
        request->watch->serial = request->serial;
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
    if (!claimed) { /* otherwise the thread that claimed it has done that */
        zkc__metrics_refused(&session->metrics, request);
        zkc_slot_return(session);
    }
    zkc_request_unref(request);
    return claimed ? -1 : 0;
}

/* Complete all outstanding requests; libzookeeper still has them. Oldest first, as the replies would have come. */
void zkc__complete_outstanding(zkc_session *session, int rc)
{
    zkc_item *list = NULL, *next;

    pthread_mutex_lock(&session->lock);
    for (zkc_request *request = session->outstanding; request != NULL; request = request->after) {
        if (!claim_once(request))
            continue;
        atomic_fetch_add(&request->refs,
                         1); /* its completion may still come in the meantime, and release the library's reference */
        request->item.next = list; /* not done yet, so in no queue */
        list = &request->item;
    }
    pthread_mutex_unlock(&session->lock);
    for (; list != NULL; list = next) {
        zkc_request *request = (zkc_request *)list;

        next = list->next;
        zkc__complete(request, rc);
    }
}

/* libzookeeper has released everything: complete and untrack every request. */
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
        zkc_request_unref(request); /* libzookeeper's */
    }
}
