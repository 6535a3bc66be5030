/* How a session begins: what is passed to the library, what is announced, and how a beginning that fails or is given up
 * ends. */
#include "support.h"

#include <errno.h>

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
    zkc__on_event(NULL, ZOO_SESSION_EVENT, ZOO_ASSOCIATING_STATE, "", session); /* the library is quicker than we are */
    zkc__on_event(NULL, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "", session);
    CHECK(is_empty(&inbox));
    gate_open(&fake.init);
    expect_opened(&inbox, 0);
    CHECK_EQ(zkc_enter(session), ZKC_ENTERED);
    zkc_leave(session);
    expect_session_event(&inbox, ZOO_ASSOCIATING_STATE);
    expect_session_event(&inbox, ZOO_CONNECTED_STATE);
    zkc__on_event(NULL, ZOO_SESSION_EVENT, ZOO_CONNECTING_STATE, "", session);
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
    zkc__on_event(NULL, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "", session);
    zkc_session_close(session);
    zkc_session_abandon(session);
    zkc__on_event(NULL, ZOO_SESSION_EVENT, ZOO_CONNECTING_STATE, "", session);
    expect_stop(&inbox);
    zkc_session_unref(session);
    gate_open(&fake.init);
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
    return 0;
}
