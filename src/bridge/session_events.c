/* The watches and the events of a session, on their way from libzookeeper's threads to its queue. The session's
 * beginning and end are in session.c. */
#include "adaptor/zkc_adaptor.h"
#include "internal.h"

#include <string.h>

/* ---- watches and events ------------------------------------------------------------------------------------------ */

zkc_watch *zkc__end_watches(zkc_session *session, int state)
{
    zkc_watch *watches = zkc__watches_clear(&session->watches);

    session->ended = 1;
    session->end_state = state;
    for (zkc_watch *watch = watches; watch != NULL; watch = watch->next) {
        watch->item.type = ZOO_SESSION_EVENT;
        watch->item.state = state;
    }
    return watches;
}

void zkc__push_watches(zkc_session *session, zkc_watch *watches)
{
    for (zkc_watch *next; watches != NULL; watches = next) {
        next = watches->next;
        zkc_queue_push(&session->queue, &watches->item);
    }
}

void zkc__push_begin(zkc_session *session)
{
    atomic_fetch_add(&session->pushing, 1);
}

/* The last thread to leave pushes the last items. A stopped session begins no new push, so there is exactly one such
 * moment: requests are completed once, the watches are gone and events are refused. */
void zkc__push_end(zkc_session *session)
{
    zkc_item *last = NULL, *next;

    if (atomic_fetch_sub(&session->pushing, 1) != 1 || !atomic_load(&session->stopped))
        return;
    pthread_mutex_lock(&session->lock);
    if (atomic_load(&session->pushing) == 0) {
        last = session->last;
        session->last = NULL;
    }
    pthread_mutex_unlock(&session->lock);
    for (; last != NULL; last = next) {
        next = last->next;
        zkc_queue_push(&session->queue, last);
    }
}

/* The lock is held, and a push has begun: both end here. */
static void push_forgotten(zkc_session *session, zkc_watch *watches)
{
    pthread_mutex_unlock(&session->lock);
    for (zkc_watch *watch = watches; watch != NULL; watch = watch->next) {
        watch->item.type = ZOO_NOTWATCHING_EVENT;
        watch->item.state = ZOO_CONNECTED_STATE;
    }
    zkc__push_watches(session, watches);
    zkc__push_end(session);
}

void zkc_forget_watches(zkc_session *session, const char *path, unsigned kinds, void *token)
{
    pthread_mutex_lock(&session->lock);
    zkc__push_begin(session);
    push_forgotten(session, zkc__watches_remove(&session->watches, path, kinds, token));
}

void zkc__forget_removed(zkc_session *session, const zkc_request *request)
{
    pthread_mutex_lock(&session->lock);
    zkc__push_begin(session);
    push_forgotten(session, zkc__watches_remove_older(&session->watches, request->removal_path,
                                                      request->watches_to_remove, request->serial));
}

size_t zkc_count_watches(zkc_session *session, const char *path, unsigned kinds, void *token)
{
    size_t count;

    pthread_mutex_lock(&session->lock);
    count = path != NULL ? zkc__watches_count(&session->watches, path, kinds, token) : session->watches.watches;
    pthread_mutex_unlock(&session->lock);
    return count;
}

size_t zkc_list_watches(zkc_session *session, const char *path, unsigned kinds, void **tokens, size_t most,
                        void (*hold)(void *token))
{
    size_t count;

    pthread_mutex_lock(&session->lock);
    count = zkc__watches_list(&session->watches, path, kinds, tokens, most);
    for (size_t i = 0; i < count; i++)
        hold(tokens[i]);
    pthread_mutex_unlock(&session->lock);
    return count;
}

int zkc_has_other_watches(zkc_session *session, const char *path, unsigned kinds, void *token)
{
    int found;

    pthread_mutex_lock(&session->lock);
    found = zkc__watches_count(&session->watches, path, kinds, NULL) >
            zkc__watches_count(&session->watches, path, kinds, token);
    for (zkc_request *request = session->outstanding; request != NULL && !found; request = request->after)
        found = request->watch != NULL && (kinds & (1u << request->watch->kind)) != 0 &&
                strcmp(request->watch->item.path, path) == 0;
    pthread_mutex_unlock(&session->lock);
    return found;
}

static void wake_for_event(zkc_session *session)
{
    atomic_fetch_add(&session->events, 1);
    zkc_word_wake(&session->events);
}

/* The handle can be used before its opening is announced, and its events are deferred until then. So a watcher that
 * gets the announcement may call at once, and gets no event before it. */
void zkc__opened(zkc_session *session, enum zkc_open_state outcome)
{
    zkc_item *item, *next;
    int stopped;

    pthread_mutex_lock(&session->lock);
    stopped = atomic_load(&session->stopped);
    if (!stopped)
        zkc__push_begin(session); /* a close that begins after this ends after the announcement */
    pthread_mutex_unlock(&session->lock);
    atomic_store(&session->opened, outcome);
    zkc_word_wake(&session->opened);
    if (!stopped) {
        pthread_mutex_lock(&session->lock);
        item = session->opened_item;
        if (item != NULL) {
            item->state = outcome == ZKC_OPEN ? 0 : session->open_errno;
            item->next = session->deferred_events;
        }
        session->opened_item = session->deferred_events = NULL;
        for (; item != NULL; item = next) { /* under the lock, so that the next event comes after them */
            next = item->next;
            zkc_queue_push(&session->queue, item);
        }
        pthread_mutex_unlock(&session->lock);
        zkc__push_end(session);
    }
    wake_for_event(session);
}

/* The lock is held. */
static void defer_event(zkc_session *session, zkc_item *item)
{
    zkc_item **last = &session->deferred_events;

    while (*last != NULL)
        last = &(*last)->next;
    item->next = NULL;
    *last = item;
}

void zkc__push_event(zkc_session *session, int type, int state)
{
    zkc_item *item = zkc__item_new(ZKC_ITEM_SESSION, NULL, type, state, NULL); /* without memory the event is lost */
    int stopped;

    if (item == NULL)
        return;
    pthread_mutex_lock(&session->lock);
    stopped = atomic_load(&session->stopped);
    if (!stopped)
        zkc__push_begin(session);
    if (!stopped && session->opened_item != NULL) {
        defer_event(session, item);
        item = NULL;
    }
    pthread_mutex_unlock(&session->lock);
    if (!stopped) {
        if (item != NULL)
            zkc_queue_push(&session->queue, item);
        zkc__push_end(session);
    } else {
        zkc_item_free(item);
    }
}

/* ---- persistent watches: each event is an item of its own -------------------------------------------------------- */

struct happening {
    zkc_session *session;
    const char *path; /* NULL: that of the watch */
    int64_t zxid;
    int type, state;
};

/* Whether a gap event is the watch's last in the queue, whose delivery has not begun: it tells of what is missing now.
 * With ``drop``, events are dropped from here on until that begins. */
static int has_gap_at_end(zkc_watch *watch, int drop)
{
    unsigned gap = atomic_load(&watch->gap);

    return gap != 0 && (!drop || atomic_compare_exchange_strong(&watch->gap, &gap, gap | 1));
}

/* The session's lock is held. When the queue has too many events, the watch gets a gap event instead, and then nothing
 * until the consumer has come to that: so the gap event stands where events are missing, and the queue does not grow.
 * Other gaps drop nothing, and one is enough until an event follows it. */
static void push_happening(zkc_watch *watch, void *context)
{
    const struct happening *happening = context;
    zkc_session *session = happening->session;
    int type = happening->type, full = 0;
    int64_t zxid = happening->zxid;
    zkc_item *item;

    if (atomic_load(&watch->gap) & 1) {
        zkc_metric_add(&session->metrics.dropped_events, type != ZKC_GAP_EVENT);
        return;
    }
    if (type != ZKC_GAP_EVENT && atomic_load(&session->queued_events) >= session->max_queued_events) {
        zkc_metric_add(&session->metrics.dropped_events, 1);
        full = 1;
        type = ZKC_GAP_EVENT;
        zxid = -1;
    }
    if (type == ZKC_GAP_EVENT && has_gap_at_end(watch, full))
        return;
    item = zkc__event_new(session, watch, type, happening->state,
                          type == ZKC_GAP_EVENT || happening->path == NULL ? watch->item.path : happening->path, zxid);
    if (item == NULL)
        return; /* without memory the event is lost */
    if (type == ZKC_GAP_EVENT)
        ((zkc_event *)item)->gap = ++watch->gaps;
    atomic_store(&watch->gap, type == ZKC_GAP_EVENT ? 2 * watch->gaps + full : 0); /* before the consumer may see it */
    zkc_queue_push(&session->queue, item);
    zkc_metric_add(&session->metrics.watch_events, type != ZKC_GAP_EVENT);
}

static void note_recursive(zkc_watch *watch, void *context)
{
    (void)watch;
    *(int *)context = 1;
}

/* Whether a persistent watch of the path gets child events that are made of the events of the children. A server before
 * 3.9 keeps one mode per path, and sends a child event beside a recursive watch for a one-shot one alone. */
static int makes_child_events(const zkc_watch_table *watches, const char *path)
{
    int recursive = 0;

    zkc__watches_at(watches, path, ZKC_WATCH_RECURSIVE, note_recursive, &recursive);
    return recursive;
}

static void push_child_event(zkc_session *session, const struct happening *happening)
{
    struct happening child = *happening;
    char *parent = strdup(happening->path), *slash;

    if (parent == NULL)
        return;
    slash = strrchr(parent, '/');
    if (slash != NULL && parent[1] != '\0') {
        slash[slash == parent] = '\0';
        child.type = ZOO_CHILD_EVENT;
        child.path = parent;
        if (makes_child_events(&session->watches, parent))
            zkc__watches_at(&session->watches, parent, ZKC_WATCH_PERSISTENT, push_happening, &child);
    }
    free(parent);
}

/* The session's lock is held. */
static void push_to_persistent(zkc_session *session, const struct happening *happening)
{
    int type = happening->type;

    if (session->watches.persistent == 0 && session->watches.recursive == 0)
        return;
    /* The zxid is that of a server before 3.9, or of a replay after a reconnect, which a gap has announced. */
    if (type != ZOO_CHILD_EVENT || happening->zxid >= 0 || !makes_child_events(&session->watches, happening->path))
        zkc__watches_at(&session->watches, happening->path, ZKC_WATCH_PERSISTENT, push_happening, (void *)happening);
    if (type == ZKC_GAP_EVENT)
        zkc__watches_at(&session->watches, happening->path, ZKC_WATCH_RECURSIVE, push_happening, (void *)happening);
    else if (type != ZOO_CHILD_EVENT)
        zkc__watches_above(&session->watches, happening->path, push_happening, (void *)happening);
    if (happening->zxid < 0 && (type == ZOO_CREATED_EVENT || type == ZOO_DELETED_EVENT) &&
        session->watches.persistent != 0 && session->watches.recursive != 0)
        push_child_event(session, happening);
}

static void push_gap(const zkc_watch *watch, void *context)
{
    if (ZKC_WATCHES_THAT_STAY & 1u << watch->kind)
        push_happening((zkc_watch *)watch, context);
}

/* A connection was made: the persistent watches that there are were set on an earlier one, and missed what happened in
 * between. What the program reads now comes after they were set again. */
static void push_gaps(zkc_session *session, int state)
{
    struct happening gap = {session, NULL, -1, ZKC_GAP_EVENT, state};

    pthread_mutex_lock(&session->lock);
    if (session->watches.persistent != 0 || session->watches.recursive != 0)
        zkc__watches_each(&session->watches, push_gap, &gap);
    pthread_mutex_unlock(&session->lock);
}

/* A session event, for the session's own watcher. */
void zkc__on_event(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    zkc_session *session = context;
    zkc_watch *watches = NULL;

    (void)handle;
    (void)path;
    if (state == ZOO_CONNECTED_STATE || state == ZOO_READONLY_STATE)
        zkc_metric_add(&session->metrics.connects, 1);
    if (state == ZOO_EXPIRED_SESSION_STATE)
        atomic_store(&session->expired, 1);
    pthread_mutex_lock(&session->lock);
    if (state == ZOO_CONNECTED_STATE || state == ZOO_READONLY_STATE)
        session->unanswered = 0;
    zkc__push_begin(session);
    if (state < 0 && !session->ended) /* expired or refused: libzookeeper never fires these */
        watches = zkc__end_watches(session, state);
    pthread_mutex_unlock(&session->lock);
    zkc__push_watches(session, watches);
    zkc__push_event(session, type, state);
    if (state == ZOO_CONNECTED_STATE || state == ZOO_READONLY_STATE)
        push_gaps(session, state);
    zkc__push_end(session);
    wake_for_event(session);
}

void zkc_show_session_events(zkc_session *session, zkc_watch *watch)
{
    watch->broadcast = 1;
    atomic_store(&session->broadcast_some, 1);
}

struct broadcast {
    zkc_session *session;
    int state;
};

static void broadcast_to(const zkc_watch *watch, void *context)
{
    const struct broadcast *broadcast = context;
    zkc_item *item;

    if (!watch->broadcast && !broadcast->session->broadcast_all)
        return;
    item = zkc__item_new(ZKC_ITEM_SESSION_BROADCAST, watch->item.token, ZOO_SESSION_EVENT, broadcast->state, "");
    if (item != NULL)
        zkc_queue_push(&broadcast->session->queue, item);
}

static void deliver_event(zkc_session *session, int type, int state, const char *path, int config)
{
    struct broadcast broadcast = {session, state};
    struct happening happening = {session, path, zkc_event_zxid(), type, state};
    zkc_watch *watches = NULL;

    pthread_mutex_lock(&session->lock);
    zkc__push_begin(session);
    if (type == ZOO_NOTWATCHING_EVENT && path != NULL) {
        watches = zkc__watches_remove(&session->watches, path, ZKC_WATCHES_THAT_STAY, NULL);
    } else if (type != ZOO_SESSION_EVENT && path != NULL) {
        watches = zkc__watches_fire(&session->watches, path, type, config);
        if (!config)
            push_to_persistent(session, &happening);
    } else if ((session->broadcast_all || atomic_load(&session->broadcast_some)) && state >= 0) {
        zkc__watches_each(&session->watches, broadcast_to, &broadcast);
    }
    pthread_mutex_unlock(&session->lock);
    for (zkc_watch *watch = watches; watch != NULL; watch = watch->next) {
        watch->item.type = type;
        watch->item.state = state;
        watch->item.zxid = happening.zxid;
        zkc_metric_add(&session->metrics.watch_events, 1);
    }
    zkc__push_watches(session, watches);
    zkc__push_end(session);
}

void zkc_on_watch(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle;
    deliver_event(context, type, state, path, 0);
}

void zkc_on_config_watch(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle;
    (void)path; /* With a chroot the path differs between servers and libzookeeper; there is only one configuration. */
    /* Session events reach zkc_on_watch too, unless only the configuration is watched. Then only a broadcast is lost.
     * Only the legacy layer asks for broadcasts, and it has no configuration watch. */
    if (type != ZOO_SESSION_EVENT)
        deliver_event(context, type, state, ZOO_CONFIG_NODE, 1);
}

/* ---- connections that servers close before they have answered: the adaptor notices them -------------------------- */

enum { SOME = 5 }; /* so many in a row cause an event, and again as many */

#ifdef ZKC_OWN_ADAPTOR

/* On the I/O thread. */
static void on_unanswered(void *context, int count, int64_t zxid)
{
    zkc_session *session = context;

    pthread_mutex_lock(&session->lock);
    session->unanswered = count;
    session->seen_zxid = zxid;
    pthread_mutex_unlock(&session->lock);
    if (count % SOME == 0)
        zkc__push_event(session, ZKC_EVENT_UNANSWERED, count);
}

#endif

void zkc__set_up_adaptor(zkc_session *session)
{
#ifdef ZKC_OWN_ADAPTOR
    zkc_adaptor_set_load(session->handle, &session->in_flight);
    zkc_adaptor_set_on_unanswered(session->handle, on_unanswered);
#else
    (void)session;
#endif
}

void zkc_unanswered(zkc_session *session, int *count, int64_t *zxid)
{
    pthread_mutex_lock(&session->lock);
    *count = session->unanswered;
    *zxid = session->seen_zxid;
    pthread_mutex_unlock(&session->lock);
}
