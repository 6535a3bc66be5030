/* A session's end in every order: what closes comes once, what was lent is returned, STOP is the last. */
#include "support.h"

static struct token tokens[4];
static struct token *const told = &tokens[0], *const watch = &tokens[1];

/* ---- closing -------------------------------------------------------------------------------------------------- */

static void close_settles_what_the_library_never_answered(void)
{
    zkc_session *session = open_session(10, 0);
    struct inbox inbox = {session, NULL, 0};
    zkc_request *requests[5];

    for (int i = 0; i < 5; i++)
        requests[i] = submit(session, told);
    arm(session, ZKC_WATCH_DATA, "/a", watch);
    zkc_session_close(session);
    zkc_session_close(session); /* again: nothing more */
    for (int i = 0; i < 5; i++) {
        CHECK(take(&inbox).token == told);
        finish_request(requests[i], ZCLOSING);
    }
    expect_event(&inbox, watch, ZOO_SESSION_EVENT, 0, "/a");
    expect_stop(&inbox);
    zkc_session_close(session);
    zkc_session_abandon(session);
    CHECK(is_empty(&inbox));
    release_session(session);
}

static void requests_end_in_the_order_they_were_made(void)
{
    zkc_session *session = open_session(100, 0);
    struct inbox inbox = {session, NULL, 0};
    zkc_request *requests[20];

    gate_shut(&fake.close);
    for (int i = 0; i < 20; i++)
        requests[i] = submit(session, told);
    zkc_session_close(session);
    zkc_session_abandon(session);
    for (int i = 0; i < 20; i++) {
        if (inbox.items == NULL)
            inbox.items = zkc_queue_take(&session->queue, LONG_NS);
        CHECK((zkc_request *)inbox.items == requests[i]);
        expect(&inbox, ZKC_ITEM_REQUEST, told);
        finish_request(requests[i], ZCLOSING);
    }
    expect_stop(&inbox);
    gate_open(&fake.close);
    release_session(session);
}

static void after_close_nothing_enters(void)
{
    zkc_session *session = open_session(10, 0);
    struct inbox inbox = {session, NULL, 0};

    CHECK_EQ(zkc_enter(session), ZKC_ENTERED);
    zkc_session_close(session);
    CHECK_EQ(zkc_enter(session), ZKC_REFUSED_CLOSED);
    CHECK(submit(session, told) == NULL);
    CHECK_EQ(zkc_word_get(&session->closing), ZKC_CLOSING); /* this thread is inside: the handle stays */
    CHECK_EQ(atomic_load(&fake.handles), 1);
    zkc_leave(session);
    expect_stop(&inbox);
    release_session(session);
}

static void a_hanging_close_can_be_abandoned(void)
{
    zkc_session *session = open_session(10, 0);
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request, *waited = submit(session, NULL);

    request = submit(session, told);
    arm(session, ZKC_WATCH_DATA, "/a", watch);
    gate_shut(&fake.close);
    zkc_session_close(session);
    WAIT_UNTIL(gate_waiting(&fake.close) == 1);
    CHECK(!zkc_request_done(waited));
    zkc_session_abandon(session);
    finish_request(waited, ZCLOSING);
    expect_event(&inbox, watch, ZOO_SESSION_EVENT, 0, "/a");
    expect(&inbox, ZKC_ITEM_REQUEST, told);
    expect_stop(&inbox);
    zkc_session_abandon(session);
    CHECK(is_empty(&inbox));
    CHECK_EQ(zkc_in_flight(session), 0);
    gate_open(&fake.close);
    wait_closed(session);
    CHECK(is_empty(&inbox));
    finish_request(request, ZCLOSING);
    release_session(session);
}

static void what_the_library_says_after_that_is_harmless(void)
{
    zkc_session *session = open_session(10, 0);
    struct inbox inbox = {session, NULL, 0};
    zkc_request *answered = submit(session, told), *watched = submit_watch(session, ZKC_WATCH_DATA, "/a", watch);
    zkc_request *given_up = submit(session, NULL), *dropped = submit(session, NULL);

    gate_shut(&fake.close);
    zkc_session_close(session);
    zkc_session_abandon(session);
    expect(&inbox, ZKC_ITEM_REQUEST, told);
    expect(&inbox, ZKC_ITEM_DROP, watch);
    expect_stop(&inbox);
    zkc_request_unref(given_up);
    fake_post(session->handle, FAKE_COMPLETION, reply_ok, answered);
    fake_post(session->handle, FAKE_COMPLETION, reply_ok, watched);
    fake_post(session->handle, FAKE_IO, reply_ok, given_up);
    fake_event(session->handle, zkc_on_watch, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/a");
    fake_event(session->handle, zkc__on_event, ZOO_SESSION_EVENT, ZOO_EXPIRED_SESSION_STATE, "");
    fake_settle(session->handle);
    CHECK(is_empty(&inbox));
    CHECK_EQ(answered->rc, ZCLOSING); /* the first end stays */
    gate_open(&fake.close);
    finish_request(answered, ZCLOSING);
    finish_request(watched, ZCLOSING);
    finish_request(dropped, ZCLOSING);
    CHECK(is_empty(&inbox));
    release_session(session);
}

static void nothing_is_lent_after_the_stop(void)
{
    zkc_session *session = open_session(10, 0);
    zkc_request *request;

    CHECK_EQ(zkc_enter(session), ZKC_ENTERED);
    zkc_session_abandon(session); /* a thread inside, between its slot and its loan */
    request = zkc_request_new();
    CHECK_EQ(zkc_track(session, request), -1);
    zkc_request_unref(request);
    zkc_leave(session);
    CHECK(submit(session, told) == NULL);
    CHECK_EQ(atomic_load(&told->out), 0);
    close_session(session);
}

static void reply_data(void *request)
{
    const struct Stat stat = {.version = 1};

    zkc_on_data(ZOK, "data", 4, &stat, request);
}

static struct gate copying = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void hold_copying(void)
{
    gate_pass(&copying);
}

/* The library's thread is held up in the middle of a reply: what it began comes before the stop, or never. */
static void a_reply_that_is_under_way_comes_before_the_stop(void)
{
    zkc_session *session = open_session(10, 0);
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request = lend(session, new_request(ZKC_WATCH_DATA, "/a", watch), told);

    zkc_leave(session);
    gate_shut(&copying);
    atomic_store(&on_malloc, hold_copying);
    fake_post(session->handle, FAKE_COMPLETION, reply_data, request);
    WAIT_UNTIL(gate_waiting(&copying) == 1);
    CHECK(zkc_has_other_watches(session, "/a", 1u << ZKC_WATCH_DATA, NULL)); /* it is about to be armed */
    zkc_session_abandon(session);
    CHECK(is_empty(&inbox));
    atomic_store(&on_malloc, NULL);
    gate_open(&copying);
    expect(&inbox, ZKC_ITEM_REQUEST, told);
    expect_event(&inbox, watch, ZOO_SESSION_EVENT, 0, "/a");
    expect_stop(&inbox);
    finish_request(request, ZOK);
    zkc_session_close(session);
    release_session(session);
}

/* The library refuses a call while the session is being abandoned: it has an end already, and its slot is back. */
static void a_refused_call_may_have_its_end_already(void)
{
    zkc_session *session = open_session(10, 0);
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request = lend(session, new_request(ZKC_WATCH_DATA, "/a", watch), told);

    zkc_session_abandon(session);
    CHECK_EQ(zkc_untrack(session, request), -1);
    zkc_leave(session);
    CHECK_EQ(zkc_in_flight(session), 0);
    expect(&inbox, ZKC_ITEM_REQUEST, told);
    expect(&inbox, ZKC_ITEM_DROP, watch);
    expect_stop(&inbox);
    finish_request(request, ZCLOSING);
    zkc_session_close(session);
    release_session(session);
}

static void a_settled_request_waits_for_its_completion(void)
{
    zkc_session *session = open_session(10, 0);
    zkc_request *request = submit(session, NULL);

    zkc_complete_once(request, ZMARSHALLINGERROR);
    zkc_complete_once(request, ZOK);
    CHECK_EQ(zkc_in_flight(session), 0);
    fake_post(session->handle, FAKE_COMPLETION, reply_ok, request);
    fake_settle(session->handle);
    finish_request(request, ZMARSHALLINGERROR);
    request = submit(session, NULL); /* and this one's never comes */
    zkc_complete_once(request, ZMARSHALLINGERROR);
    finish_request(request, ZMARSHALLINGERROR);
    close_session(session);
}

int main(void)
{
    RUN(close_settles_what_the_library_never_answered);
    RUN(requests_end_in_the_order_they_were_made);
    RUN(after_close_nothing_enters);
    RUN(a_hanging_close_can_be_abandoned);
    RUN(what_the_library_says_after_that_is_harmless);
    RUN(nothing_is_lent_after_the_stop);
    RUN(a_reply_that_is_under_way_comes_before_the_stop);
    RUN(a_refused_call_may_have_its_end_already);
    RUN(a_settled_request_waits_for_its_completion);
    return 0;
}
