/* A session's beginning and end in every order: what closes comes once, what was lent comes home, STOP is the last. */
#include "support.h"

#include <errno.h>

static struct token tokens[4];
static struct token *const told = &tokens[0], *const watch = &tokens[1];

/* ---- opening -------------------------------------------------------------------------------------------------- */

static void the_library_gets_what_was_asked_for(void)
{
    zkc_session *session = zkc_session_new(10, 0);
    zkc_open_args *args = plain_args();

    args->timeout_ms = 1234;
    args->flags = 1;
    args->resolution_delay_ms = 77;
    args->has_client_id = 1;
    args->client_id.client_id = 99;
    CHECK_EQ(zkc_session_open(session, args), 0);
    wait_opened(session, ZKC_OPEN);
    CHECK_TEXT(fake.init_call, "plain host:2181 1234 1 99");
    CHECK_EQ(fake.resolution_delay, 77);
    close_session(session);
}

static void sasl_has_its_own_beginning(void)
{
#ifdef HAVE_CYRUS_SASL_H
    zkc_session *session = zkc_session_new(10, 0);
    zkc_open_args *args = plain_args();

    args->sasl_mechanisms = strdup("DIGEST-MD5");
    args->sasl_service = strdup("zookeeper");
    args->sasl_host = strdup("server");
    args->sasl_user = strdup("ann");
    args->sasl_password = strdup("secret");
    zkc_session_open(session, args);
    wait_opened(session, ZKC_OPEN);
    CHECK_TEXT(fake.init_call, "sasl DIGEST-MD5 ann 3 secret");
    close_session(session);
#endif
}

static void check_refused(int error, int expected)
{
    zkc_session *session = zkc_session_new(10, 0);

    atomic_store(&fake.init_errno, error);
    CHECK_EQ(zkc_session_open(session, plain_args()), 0);
    wait_opened(session, ZKC_OPEN_FAILED);
    atomic_store(&fake.init_errno, 0);
    CHECK_EQ(session->open_errno, expected);
    close_session(session);
}

static void a_failed_opening_says_why_and_can_be_closed(void)
{
    check_refused(ENOENT, ENOENT);
    check_refused(-1, EINVAL); /* the library has no reason to give: say something */
}

static void a_session_that_was_never_opened_leaves_nothing(void)
{
    zkc_session_unref(zkc_session_new(10, 0));
    zkc_open_args_free(plain_args());
    zkc_open_args_free(NULL);
    for (int at = 1; at <= 5; at++) { /* the session, and its last items with their paths */
        fail_allocation_at = at;
        CHECK(zkc_session_new(10, 0) == NULL);
    }
    fail_allocation_at = 0;
}

static void closing_waits_for_the_opening(void)
{
    zkc_session *session = zkc_session_new(10, 0);
    struct inbox inbox = {session, NULL, 0};

    gate_shut(&fake.init);
    CHECK_EQ(zkc_session_open(session, plain_args()), 0);
    WAIT_UNTIL(gate_waiting(&fake.init) == 1);
    zkc_session_close(session);
    CHECK_EQ(zkc_enter(session), ZKC_REFUSED_CLOSED);
    CHECK_EQ(zkc_word_get(&session->closing), ZKC_CLOSING);
    CHECK(is_empty(&inbox));
    gate_open(&fake.init);
    expect_stop(&inbox);
    release_session(session);
}

static void an_opening_that_takes_for_ever_can_be_abandoned(void)
{
    zkc_session *session = zkc_session_new(10, 0);
    struct inbox inbox = {session, NULL, 0};

    gate_shut(&fake.init);
    zkc_session_open(session, plain_args());
    zkc_session_close(session);
    zkc_session_abandon(session);
    expect_stop(&inbox);
    zkc_session_unref(session); /* the threads have references of their own */
    gate_open(&fake.init);
}

static void expect_opened(struct inbox *inbox, int error)
{
    struct seen seen = expect(inbox, ZKC_ITEM_SESSION, NULL);

    CHECK_EQ(seen.type, ZKC_OPENED_EVENT);
    CHECK_EQ(seen.state, error);
}

static void nothing_enters_before_it_is_open(void)
{
    zkc_session *session = zkc_session_new(10, 0);

    CHECK_EQ(zkc_enter(session), ZKC_REFUSED_UNOPENED);
    gate_shut(&fake.init);
    zkc_session_open(session, plain_args());
    CHECK_EQ(zkc_enter(session), ZKC_REFUSED_UNOPENED);
    gate_open(&fake.init);
    wait_opened(session, ZKC_OPEN);
    CHECK_EQ(zkc_enter(session), ZKC_ENTERED);
    zkc_leave(session);
    CHECK_EQ(atomic_load(&session->inside), 0);
    close_session(session);
}

static void an_opening_is_announced_before_any_event(void)
{
    zkc_session *session = zkc_session_new(10, 0);
    struct inbox inbox = {session, NULL, 0};

    CHECK_EQ(zkc_session_announce(session), 0);
    gate_shut(&fake.init);
    zkc_session_open(session, plain_args());
    zkc_on_event(NULL, ZOO_SESSION_EVENT, ZOO_ASSOCIATING_STATE, "", session); /* the library is quicker than we are */
    zkc_on_event(NULL, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "", session);
    CHECK(is_empty(&inbox));
    gate_open(&fake.init);
    expect_opened(&inbox, 0);
    CHECK_EQ(zkc_enter(session), ZKC_ENTERED);
    zkc_leave(session);
    expect_session_event(&inbox, ZOO_ASSOCIATING_STATE);
    expect_session_event(&inbox, ZOO_CONNECTED_STATE);
    zkc_on_event(NULL, ZOO_SESSION_EVENT, ZOO_CONNECTING_STATE, "", session);
    expect_session_event(&inbox, ZOO_CONNECTING_STATE);
    close_session(session);
}

static void a_failed_opening_is_announced(void)
{
    zkc_session *session = zkc_session_new(10, 0);
    struct inbox inbox = {session, NULL, 0};

    zkc_session_announce(session);
    atomic_store(&fake.init_errno, ENOENT);
    zkc_session_open(session, plain_args());
    expect_opened(&inbox, ENOENT);
    atomic_store(&fake.init_errno, 0);
    CHECK_EQ(zkc_enter(session), ZKC_REFUSED_UNOPENED);
    close_session(session);
    session = zkc_session_new(10, 0);
    inbox.session = session;
    zkc_session_announce(session);
    atomic_store(&fail_threads, 1);
    CHECK_EQ(zkc_session_open(session, plain_args()), EAGAIN);
    expect_opened(&inbox, EAGAIN);
    close_session(session);
    session = zkc_session_new(10, 0);
    fail_allocation_at = 1;
    CHECK_EQ(zkc_session_announce(session), -1);
    zkc_session_unref(session);
}

static void a_close_while_opening_comes_after_the_announcement(void)
{
    zkc_session *session = zkc_session_new(10, 0);
    struct inbox inbox = {session, NULL, 0};

    zkc_session_announce(session);
    gate_shut(&fake.init);
    zkc_session_open(session, plain_args());
    zkc_session_close(session);
    gate_open(&fake.init);
    expect_opened(&inbox, 0);
    expect_stop(&inbox);
    release_session(session);
    session = zkc_session_new(10, 0); /* and abandoned: there is no announcement */
    inbox = (struct inbox){session, NULL, 0};
    zkc_session_announce(session);
    gate_shut(&fake.init);
    zkc_session_open(session, plain_args());
    zkc_on_event(NULL, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "", session);
    zkc_session_close(session);
    zkc_session_abandon(session);
    zkc_on_event(NULL, ZOO_SESSION_EVENT, ZOO_CONNECTING_STATE, "", session);
    expect_stop(&inbox);
    zkc_session_unref(session);
    gate_open(&fake.init);
}

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
    fake_event(session->handle, zkc_on_event, ZOO_SESSION_EVENT, ZOO_EXPIRED_SESSION_STATE, "");
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
    CHECK_EQ(zkc_lend(session, request), -1);
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

/* The library's thread is held up in the middle of a reply: what it began comes before the stop, or nobody hears it. */
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
    CHECK_EQ(zkc_take_back(session, request), -1);
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

    zkc_settle(request, ZMARSHALLINGERROR);
    zkc_settle(request, ZOK);
    CHECK_EQ(zkc_in_flight(session), 0);
    fake_post(session->handle, FAKE_COMPLETION, reply_ok, request);
    fake_settle(session->handle);
    finish_request(request, ZMARSHALLINGERROR);
    request = submit(session, NULL); /* and this one's never comes */
    zkc_settle(request, ZMARSHALLINGERROR);
    finish_request(request, ZMARSHALLINGERROR);
    close_session(session);
}

int main(void)
{
    RUN(the_library_gets_what_was_asked_for);
    RUN(sasl_has_its_own_beginning);
    RUN(a_failed_opening_says_why_and_can_be_closed);
    RUN(a_session_that_was_never_opened_leaves_nothing);
    RUN(closing_waits_for_the_opening);
    RUN(an_opening_that_takes_for_ever_can_be_abandoned);
    RUN(nothing_enters_before_it_is_open);
    RUN(an_opening_is_announced_before_any_event);
    RUN(a_failed_opening_is_announced);
    RUN(a_close_while_opening_comes_after_the_announcement);
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
