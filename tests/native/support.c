#include "support.h"

/* ---- the queue's consumer ------------------------------------------------------------------------------------- */

struct seen take(struct inbox *inbox)
{
    struct seen seen = {0};
    zkc_item *item;

    while (inbox->items == NULL)
        inbox->items = zkc_queue_take(&inbox->session->queue, LONG_NS);
    item = inbox->items;
    inbox->items = item->next; /* before the request can be queued again */
    seen.kind = item->kind;
    if (item->kind == ZKC_ITEM_EVENT && !zkc_item_call(item))
        seen.kind = ZKC_ITEM_DROP;
    else if (item->kind == ZKC_ITEM_WATCH_EVENT && !zkc_event_call(item))
        seen.kind = REVOKED_EVENT;
    seen.type = item->type;
    seen.state = item->state;
    seen.zxid = item->zxid;
    seen.token = item->token;
    if (item->path != NULL)
        snprintf(seen.path, sizeof seen.path, "%s", item->path);
    CHECK(!inbox->stopped);
    if (item->kind == ZKC_ITEM_STOP)
        inbox->stopped = 1;
    if (item->kind == ZKC_ITEM_REQUEST || item->kind == ZKC_ITEM_EVENT || item->kind == ZKC_ITEM_DROP)
        CHECK(atomic_fetch_sub(&seen.token->out, 1) > 0);
    else if (item->kind == ZKC_ITEM_SESSION_BROADCAST)
        atomic_fetch_add(&seen.token->shown, 1);
    else if (item->kind == ZKC_ITEM_WATCH_EVENT)
        CHECK(atomic_load(&seen.token->out) > 0); /* borrowed from the watch, whose last item comes later */
    if (item->kind == ZKC_ITEM_REQUEST) {
        CHECK(zkc_request_done((zkc_request *)item));
        zkc_request_unref((zkc_request *)item); /* the token's */
    } else {
        zkc_item_free(item);
    }
    return seen;
}

int tell(zkc_request *request, struct token *token)
{
    atomic_fetch_add(&token->out, 1);
    atomic_fetch_add(&request->refs, 1); /* as Python's object, which the token stands for, has one */
    return zkc_request_notify(request, token);
}

int is_empty(struct inbox *inbox)
{
    if (inbox->items == NULL)
        inbox->items = zkc_queue_take(&inbox->session->queue, 0);
    return inbox->items == NULL;
}

struct seen expect(struct inbox *inbox, int kind, struct token *token)
{
    struct seen seen = take(inbox);

    CHECK_EQ(seen.kind, kind);
    CHECK(seen.token == token);
    return seen;
}

void expect_event(struct inbox *inbox, struct token *token, int type, int state, const char *path)
{
    struct seen seen = expect(inbox, ZKC_ITEM_EVENT, token);

    CHECK_EQ(seen.type, type);
    CHECK_EQ(seen.state, state);
    CHECK_TEXT(seen.path, path);
}

void expect_session_event(struct inbox *inbox, int state)
{
    struct seen seen = expect(inbox, ZKC_ITEM_SESSION, NULL);

    CHECK_EQ(seen.type, ZOO_SESSION_EVENT);
    CHECK_EQ(seen.state, state);
}

void expect_stop(struct inbox *inbox)
{
    expect_session_event(inbox, 0);
    expect(inbox, ZKC_ITEM_STOP, NULL);
    CHECK(is_empty(inbox));
}

static void *dispatch(void *argument)
{
    struct dispatcher *dispatcher = argument;

    while (!dispatcher->inbox.stopped) {
        switch (take(&dispatcher->inbox).kind) {
        case ZKC_ITEM_REQUEST: dispatcher->requests++; break;
        case ZKC_ITEM_EVENT: dispatcher->events++; break;
        case ZKC_ITEM_WATCH_EVENT: dispatcher->watch_events++; break;
        case ZKC_ITEM_DROP: dispatcher->drops++; break;
        case ZKC_ITEM_SESSION_BROADCAST: dispatcher->echoes++; break;
        case ZKC_ITEM_SESSION: dispatcher->session_events++; break;
        }
    }
    return NULL;
}

void dispatcher_start(struct dispatcher *dispatcher, zkc_session *session)
{
    memset(dispatcher, 0, sizeof *dispatcher);
    dispatcher->inbox.session = session;
    CHECK_EQ(pthread_create(&dispatcher->thread, NULL, dispatch, dispatcher), 0);
}

void dispatcher_join(struct dispatcher *dispatcher)
{
    pthread_join(dispatcher->thread, NULL);
    CHECK(is_empty(&dispatcher->inbox));
}

/* ---- sessions ------------------------------------------------------------------------------------------------- */

zkc_open_args *plain_args(void)
{
    zkc_open_args *args = zkc_open_args_new();

    CHECK(args != NULL);
    args->hosts = strdup("host:2181");
    args->timeout_ms = 10000;
    args->resolution_delay_ms = -1;
    return args;
}

void wait_opened(zkc_session *session, enum zkc_open_state expected)
{
    while (zkc_word_get(&session->opened) == ZKC_OPENING)
        zkc_word_wait(&session->opened, ZKC_OPENING, LONG_NS);
    CHECK_EQ(zkc_word_get(&session->opened), expected);
}

zkc_session *open_session(int max_in_flight, int broadcast)
{
    zkc_session *session = zkc_session_new(max_in_flight, broadcast);

    CHECK(session != NULL);
    CHECK_EQ(zkc_session_open(session, plain_args()), 0);
    wait_opened(session, ZKC_OPEN);
    return session;
}

void wait_closed(zkc_session *session)
{
    while (zkc_word_get(&session->closing) != ZKC_CLOSED)
        zkc_word_wait(&session->closing, ZKC_CLOSING, LONG_NS);
}

void close_session(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    zkc_session_close(session);
    wait_closed(session);
    while (!inbox.stopped)
        take(&inbox);
    CHECK(is_empty(&inbox));
    release_session(session);
}

void release_session(zkc_session *session)
{
    wait_closed(session);
    CHECK_EQ(zkc_in_flight(session), 0);
    CHECK_EQ(zkc_count_watches(session, NULL, 0, NULL), 0);
    zkc_session_unref(session);
}

/* ---- requests ------------------------------------------------------------------------------------------------- */

/* Take back what a refused request would have lent. */
static zkc_request *undo(zkc_request *request, struct token *notified)
{
    if (request->watch != NULL) {
        atomic_fetch_sub(&((struct token *)request->watch->item.token)->out, 1);
        zkc_item_free(&request->watch->item);
    }
    if (notified != NULL) {
        atomic_fetch_sub(&notified->out, 1);
        zkc_request_unref(request);
    }
    zkc_request_unref(request);
    return NULL;
}

/* A zoo_ call, between enter and leave, as the Python side makes it. */
zkc_request *lend(zkc_session *session, zkc_request *request, struct token *notified)
{
    uint32_t slots;

    if (notified != NULL)
        CHECK_EQ(tell(request, notified), 0);
    for (;;) {
        if (zkc_enter(session) != ZKC_ENTERED)
            return undo(request, notified);
        if (!zkc_slot_take(session, &slots))
            break;
        zkc_leave(session);
        zkc_slot_wait(session, slots, LONG_NS);
    }
    if (zkc_track(session, request) < 0) {
        zkc_slot_return(session);
        zkc_leave(session);
        return undo(request, notified);
    }
    return request;
}

zkc_request *new_request(int kind, const char *path, struct token *watch)
{
    zkc_request *request = zkc_request_new();

    CHECK(request != NULL);
    if (watch != NULL) {
        request->watch = zkc_watch_new(kind, path, watch);
        CHECK(request->watch != NULL);
        request->watched = 1;
        atomic_fetch_add(&watch->out, 1);
    }
    return request;
}

zkc_request *submit(zkc_session *session, struct token *notified)
{
    zkc_request *request = lend(session, new_request(0, NULL, NULL), notified);

    if (request != NULL)
        zkc_leave(session);
    return request;
}

zkc_request *submit_watch(zkc_session *session, int kind, const char *path, struct token *watch)
{
    zkc_request *request = lend(session, new_request(kind, path, watch), NULL);

    if (request != NULL)
        zkc_leave(session);
    return request;
}

void arm(zkc_session *session, int kind, const char *path, struct token *watch)
{
    zkc_request *request = submit_watch(session, kind, path, watch);

    CHECK(request != NULL);
    fake_post(session->handle, FAKE_COMPLETION, reply_ok, request);
    finish_request(request, ZOK);
}

void wait_done(zkc_request *request)
{
    while (zkc_request_wait(request, LONG_NS) != ZKC_WOKEN)
        ;
}

void finish_request(zkc_request *request, int rc)
{
    wait_done(request);
    CHECK_EQ(request->rc, rc);
    zkc_request_unref(request);
}

void reply_ok(void *request)
{
    zkc_on_void(ZOK, request);
}

void reply_no_node(void *request)
{
    zkc_on_stat(ZNONODE, NULL, request);
}

void reply_connection_loss(void *request)
{
    zkc_on_void(ZCONNECTIONLOSS, request);
}

void check_nothing_alive(void)
{
    zkc_counts counts;
    unsigned dropped;

    for (zkc_log_line *line = zkc_log_take(0, &dropped), *next; line != NULL; line = next) {
        next = line->next;
        free(line);
    }
    /* A detached thread releases its session as the last thing it does. */
    WAIT_UNTIL((zkc_count_alive(&counts), counts.sessions == 0));
    CHECK_EQ(counts.requests, 0);
    CHECK_EQ(counts.watches, 0);
    CHECK_EQ(counts.items, 0);
    CHECK_EQ(counts.handles, 0);
    CHECK_EQ(atomic_load(&fake.handles), 0);
}
