/* From the call that sets a watch to the watch's last event: what arms it, what fires it, and how it ends. */
#include "support.h"

#define DATA (1u << ZKC_WATCH_DATA)
#define CHILD (1u << ZKC_WATCH_CHILD)

static struct token tokens[8];
static struct token *const first = &tokens[0], *const second = &tokens[1];

static void post(zkc_session *session, void (*reply)(void *), zkc_request *request)
{
    fake_post(session->handle, FAKE_COMPLETION, reply, request);
}

static size_t armed(zkc_session *session)
{
    return zkc_count_watches(session, NULL, 0, NULL);
}

/* ---- what arms ------------------------------------------------------------------------------------------------ */

static void a_call_that_succeeds_arms(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request = submit_watch(session, ZKC_WATCH_DATA, "/a", first);

    CHECK_EQ(armed(session), 0);
    post(session, reply_ok, request);
    finish_request(request, ZOK);
    CHECK_EQ(armed(session), 1); /* before the caller has the reply */
    CHECK(is_empty(&inbox));
    fake_event(session->handle, zkc_on_watch, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/a");
    expect_event(&inbox, first, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/a");
    CHECK_EQ(armed(session), 0);
}

static void exists_arms_on_a_missing_node_too(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request = new_request(ZKC_WATCH_DATA, "/a", first);

    request->arm_on_missing = 1;
    CHECK(lend(session, request, NULL) != NULL);
    zkc_leave(session);
    post(session, reply_no_node, request);
    finish_request(request, ZNONODE);
    CHECK_EQ(armed(session), 1);
    fake_event(session->handle, zkc_on_watch, ZOO_CREATED_EVENT, ZOO_CONNECTED_STATE, "/a");
    expect_event(&inbox, first, ZOO_CREATED_EVENT, ZOO_CONNECTED_STATE, "/a");
}

static void a_call_that_fails_gives_the_watch_back_unseen(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request = submit_watch(session, ZKC_WATCH_DATA, "/a", first);

    post(session, reply_no_node, request); /* get: a missing node is a failure */
    finish_request(request, ZNONODE);
    expect(&inbox, ZKC_ITEM_DROP, first);
    request = new_request(ZKC_WATCH_DATA, "/a", second);
    request->arm_on_missing = 1;
    lend(session, request, NULL);
    zkc_leave(session);
    post(session, reply_connection_loss, request);
    finish_request(request, ZCONNECTIONLOSS);
    expect(&inbox, ZKC_ITEM_DROP, second);
    CHECK_EQ(armed(session), 0);
}

static void without_memory_a_watch_is_given_back(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request = submit_watch(session, ZKC_WATCH_DATA, "/a", first);

    fail_allocation_at = 1;
    reply_ok(request); /* on this thread, which is the one without memory */
    CHECK_EQ(fail_allocation_at, 0);
    finish_request(request, ZOK);
    expect(&inbox, ZKC_ITEM_DROP, first);
}

static void a_call_taken_back_keeps_its_watch(zkc_session *session)
{
    zkc_request *request = lend(session, new_request(ZKC_WATCH_DATA, "/a", first), NULL);

    CHECK_EQ(zkc_untrack(session, request), 0);
    zkc_leave(session);
    CHECK(request->watch != NULL);
    CHECK_EQ(zkc_in_flight(session), 0);
    CHECK(!zkc_request_done(request));
    atomic_fetch_sub(&first->out, 1);
    zkc_item_free(&request->watch->item);
    zkc_request_unref(request);
}

static void the_reply_comes_before_the_event(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    for (int i = 0; i < 500; i++) {
        zkc_request *request = lend(session, new_request(ZKC_WATCH_CHILD, "/a", first), second);

        zkc_leave(session);
        post(session, reply_ok, request);
        fake_event(session->handle, zkc_on_watch, ZOO_CHILD_EVENT, ZOO_CONNECTED_STATE, "/a");
        expect(&inbox, ZKC_ITEM_REQUEST, second);
        expect_event(&inbox, first, ZOO_CHILD_EVENT, ZOO_CONNECTED_STATE, "/a");
        zkc_request_unref(request);
    }
}

/* ---- events --------------------------------------------------------------------------------------------------- */

static void watches_of_a_path_fire_in_the_order_they_were_set(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    for (int i = 0; i < 8; i++)
        arm(session, ZKC_WATCH_DATA, "/a", &tokens[i]);
    arm(session, ZKC_WATCH_DATA, "/b", first);
    fake_event(session->handle, zkc_on_watch, ZOO_DELETED_EVENT, ZOO_CONNECTED_STATE, "/a");
    for (int i = 0; i < 8; i++)
        expect_event(&inbox, &tokens[i], ZOO_DELETED_EVENT, ZOO_CONNECTED_STATE, "/a");
    CHECK_EQ(armed(session), 1);
}

static void the_configuration_is_watched_apart(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_DATA, "/zookeeper/config", first);
    arm(session, ZKC_WATCH_CONFIG, "/zookeeper/config", second);
    fake_event(session->handle, zkc_on_watch, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/zookeeper/config");
    expect_event(&inbox, first, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/zookeeper/config");
    fake_event(session->handle, zkc_on_config_watch, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "");
    fake_event(session->handle, zkc_on_config_watch, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/zookeeper/config");
    expect_event(&inbox, second, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/zookeeper/config");
    CHECK(is_empty(&inbox));
}

static void a_session_event_is_for_the_session(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    uint32_t events = zkc_word_get(&session->events);

    arm(session, ZKC_WATCH_DATA, "/a", first);
    fake_event(session->handle, zkc__on_event, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "");
    fake_event(session->handle, zkc_on_watch, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "");
    fake_settle(session->handle);
    expect_session_event(&inbox, ZOO_CONNECTED_STATE);
    CHECK(is_empty(&inbox));
    CHECK(zkc_word_get(&session->events) != events);
    CHECK_EQ(armed(session), 1);
}

static void an_echo_shows_it_to_each_watch_and_consumes_none(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    atomic_store(&first->shown, 0);
    arm(session, ZKC_WATCH_DATA, "/a", first);
    arm(session, ZKC_WATCH_CHILD, "/b", first);
    fake_event(session->handle, zkc_on_watch, ZOO_SESSION_EVENT, ZOO_CONNECTING_STATE, "");
    for (int i = 0; i < 2; i++) {
        struct seen seen = expect(&inbox, ZKC_ITEM_SESSION_BROADCAST, first);

        CHECK_EQ(seen.state, ZOO_CONNECTING_STATE);
        CHECK_TEXT(seen.path, "");
    }
    CHECK_EQ(atomic_load(&first->shown), 2);
    CHECK_EQ(atomic_load(&first->out), 2);
    /* The end is no broadcast. */
    fake_event(session->handle, zkc_on_watch, ZOO_SESSION_EVENT, ZOO_EXPIRED_SESSION_STATE, "");
    fake_settle(session->handle);
    CHECK(is_empty(&inbox));
    CHECK_EQ(armed(session), 2);
}

/* ---- ends ----------------------------------------------------------------------------------------------------- */

static void check_end_by(int state)
{
    zkc_session *session = open_session(10, 0);
    struct inbox inbox = {session, NULL, 0};
    zkc_request *late = submit_watch(session, ZKC_WATCH_DATA, "/late", second), *told;

    told = lend(session, new_request(ZKC_WATCH_DATA, "/told", second), &tokens[2]);
    zkc_leave(session);
    arm(session, ZKC_WATCH_DATA, "/a", first);
    fake_event(session->handle, zkc__on_event, ZOO_SESSION_EVENT, state, "");
    expect_event(&inbox, first, ZOO_SESSION_EVENT, state, "/a");
    expect_session_event(&inbox, state);
    CHECK_EQ(armed(session), 0);
    /* A reply that was under way: its watch will not fire either. The reply is delivered before the watch's end. */
    post(session, reply_ok, late);
    finish_request(late, ZOK);
    expect_event(&inbox, second, ZOO_SESSION_EVENT, state, "/late");
    post(session, reply_ok, told);
    finish_request(told, ZOK);
    expect(&inbox, ZKC_ITEM_REQUEST, &tokens[2]);
    expect_event(&inbox, second, ZOO_SESSION_EVENT, state, "/told");
    late = submit_watch(session, ZKC_WATCH_DATA, "/failed", second);
    post(session, reply_connection_loss, late);
    finish_request(late, ZCONNECTIONLOSS);
    expect(&inbox, ZKC_ITEM_DROP, second);
    zkc_session_close(session);
    expect_stop(&inbox);
    release_session(session);
}

static void expiry_ends_every_watch(void)
{
    check_end_by(ZOO_EXPIRED_SESSION_STATE);
    check_end_by(ZOO_AUTH_FAILED_STATE);
}

static void close_ends_every_watch(void)
{
    zkc_session *session = open_session(10, 0);
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request;

    arm(session, ZKC_WATCH_CHILD, "/a", first);
    request = submit_watch(session, ZKC_WATCH_DATA, "/b", second);
    zkc_session_close(session);
    finish_request(request, ZCLOSING);
    expect(&inbox, ZKC_ITEM_DROP, second); /* never armed: no event is due */
    expect_event(&inbox, first, ZOO_SESSION_EVENT, 0, "/a");
    expect_stop(&inbox);
    release_session(session);
}

static void a_forgotten_watch_is_told(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_DATA, "/a", first);
    arm(session, ZKC_WATCH_DATA, "/a", second);
    arm(session, ZKC_WATCH_CHILD, "/a", first);
    CHECK_EQ(zkc_count_watches(session, "/a", DATA | CHILD, first), 2);
    CHECK_EQ(zkc_count_watches(session, "/a", DATA, NULL), 2);
    zkc_forget_watches(session, "/a", DATA, first);
    expect_event(&inbox, first, ZOO_NOTWATCHING_EVENT, ZOO_CONNECTED_STATE, "/a");
    CHECK(is_empty(&inbox));
    zkc_forget_watches(session, "/a", DATA | CHILD, NULL);
    expect_event(&inbox, second, ZOO_NOTWATCHING_EVENT, ZOO_CONNECTED_STATE, "/a");
    expect_event(&inbox, first, ZOO_NOTWATCHING_EVENT, ZOO_CONNECTED_STATE, "/a");
    zkc_forget_watches(session, "/a", DATA | CHILD, NULL);
    zkc_forget_watches(session, "/never", DATA, NULL);
    CHECK(is_empty(&inbox));
}

static void check_doomed(zkc_session *session, void (*reply)(void *), int rc, size_t left)
{
    zkc_request *request = new_request(0, NULL, NULL);

    request->watches_to_remove = DATA;
    request->removal_path = strdup("/a");
    lend(session, request, NULL);
    zkc_leave(session);
    CHECK_EQ(armed(session), 2);
    post(session, reply, request);
    finish_request(request, rc);
    CHECK_EQ(armed(session), left);
}

static void removing_forgets_when_the_server_has_agreed(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_DATA, "/a", first);
    arm(session, ZKC_WATCH_CHILD, "/a", second);
    check_doomed(session, reply_connection_loss, ZCONNECTIONLOSS, 2);
    CHECK(is_empty(&inbox));
    check_doomed(session, reply_ok, ZOK, 1);
    expect_event(&inbox, first, ZOO_NOTWATCHING_EVENT, ZOO_CONNECTED_STATE, "/a");
}

static void other_watches_are_seen_before_they_are_armed(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request;

    arm(session, ZKC_WATCH_DATA, "/a", first);
    CHECK(!zkc_has_other_watches(session, "/a", DATA, first));
    CHECK(zkc_has_other_watches(session, "/a", DATA, second));
    request = submit_watch(session, ZKC_WATCH_DATA, "/a", second);
    CHECK(zkc_has_other_watches(session, "/a", DATA, first));
    CHECK(!zkc_has_other_watches(session, "/a", CHILD, first));
    CHECK(!zkc_has_other_watches(session, "/b", DATA, first));
    post(session, reply_no_node, request);
    finish_request(request, ZNONODE);
    expect(&inbox, ZKC_ITEM_DROP, second);
    CHECK(!zkc_has_other_watches(session, "/a", DATA, first));
}

/* On its way from the request into the table a watch is in one or the other, whenever one looks. */
static void a_watch_is_never_out_of_sight(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    for (int i = 0; i < 2000; i++) {
        zkc_request *request = submit_watch(session, ZKC_WATCH_DATA, "/a", second);

        post(session, reply_ok, request);
        do
            CHECK(zkc_has_other_watches(session, "/a", DATA, first));
        while (!zkc_request_done(request));
        CHECK(zkc_has_other_watches(session, "/a", DATA, first));
        finish_request(request, ZOK);
        zkc_forget_watches(session, "/a", DATA, NULL);
        expect_event(&inbox, second, ZOO_NOTWATCHING_EVENT, ZOO_CONNECTED_STATE, "/a");
    }
}

/* ---- calls that are given up ---------------------------------------------------------------------------------- */

static void change(zkc_session *session)
{
    fake_event(session->handle, zkc_on_watch, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/a");
}

static void a_call_given_up_before_its_reply_arms_nothing(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    for (int round = 0; round < 2; round++) {
        zkc_request *request = submit_watch(session, ZKC_WATCH_DATA, "/a", first);

        CHECK_EQ(round ? zkc_request_abandon(request) : zkc_request_abandon_pending(request), 1);
        expect(&inbox, ZKC_ITEM_DROP, first); /* it does not wait for the reply */
        CHECK(!zkc_has_other_watches(session, "/a", DATA, second));
        CHECK(!zkc_request_done(request));
        post(session, reply_ok, request);
        change(session);
        finish_request(request, ZOK);
        fake_settle(session->handle);
        CHECK_EQ(armed(session), 0);
        CHECK(is_empty(&inbox));
    }
}

static void a_call_that_has_its_reply_is_not_given_up(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request = submit_watch(session, ZKC_WATCH_DATA, "/a", first);

    post(session, reply_ok, request);
    wait_done(request);
    CHECK_EQ(zkc_request_abandon_pending(request), 0);
    CHECK(!zkc_request_abandoned(request));
    finish_request(request, ZOK);
    CHECK_EQ(armed(session), 1);
    change(session);
    expect_event(&inbox, first, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/a");
}

static void abandoned_later_its_watch_goes_wherever_it_is(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    zkc_request *armed_one = submit_watch(session, ZKC_WATCH_DATA, "/a", first), *queued, *called, *failed;

    arm(session, ZKC_WATCH_DATA, "/a", first); /* the same token on the same path: another call's */
    post(session, reply_ok, armed_one);
    wait_done(armed_one);
    CHECK_EQ(armed(session), 2);
    CHECK_EQ(zkc_request_abandon(armed_one), 1);
    CHECK_EQ(zkc_request_abandon(armed_one), 1);
    expect(&inbox, ZKC_ITEM_DROP, first);
    CHECK_EQ(armed(session), 1);
    finish_request(armed_one, ZOK);

    queued = submit_watch(session, ZKC_WATCH_DATA, "/a", second);
    post(session, reply_ok, queued);
    wait_done(queued);
    change(session);
    fake_settle(session->handle);
    CHECK_EQ(zkc_request_abandon(queued), 1);
    expect_event(&inbox, first, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/a");
    expect(&inbox, ZKC_ITEM_DROP, second); /* in its place in the queue, and not called */
    CHECK_EQ(zkc_request_abandon(queued), 1);
    finish_request(queued, ZOK);

    called = submit_watch(session, ZKC_WATCH_DATA, "/a", second);
    post(session, reply_ok, called);
    change(session);
    expect_event(&inbox, second, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/a");
    CHECK_EQ(zkc_request_abandon(called), 0);
    finish_request(called, ZOK);

    failed = submit_watch(session, ZKC_WATCH_DATA, "/a", second);
    post(session, reply_connection_loss, failed);
    expect(&inbox, ZKC_ITEM_DROP, second);
    CHECK_EQ(zkc_request_abandon(failed), 1);
    finish_request(failed, ZCONNECTIONLOSS);
    CHECK(is_empty(&inbox));
}

static void a_call_abandoned_at_the_end_gives_its_watch_back_once(void)
{
    for (int round = 0; round < 300; round++) {
        zkc_session *session = open_session(10, 0);
        struct dispatcher dispatcher;
        zkc_request *waiting, *done;

        dispatcher_start(&dispatcher, session);
        waiting = submit_watch(session, ZKC_WATCH_DATA, "/a", first);
        done = submit_watch(session, ZKC_WATCH_DATA, "/a", second);
        post(session, reply_ok, done);
        zkc_session_close(session);
        zkc_request_abandon_pending(waiting);
        zkc_request_abandon(done);
        wait_closed(session);
        dispatcher_join(&dispatcher);
        CHECK_EQ(dispatcher.events + dispatcher.drops, 2);
        CHECK_EQ(atomic_load(&first->out), 0);
        CHECK_EQ(atomic_load(&second->out), 0);
        zkc_request_unref(waiting);
        zkc_request_unref(done);
        release_session(session);
    }
}

/* Reply and event come on the library's threads while this one gives up: it gets the event if and only if zkc reported
 * that it is too late to give up. */
static void giving_up_and_the_reply_are_decided_in_one_step(zkc_session *session)
{
    int given_up = 0;

    for (int round = 0; round < 4000; round++) {
        struct inbox inbox = {session, NULL, 0};
        zkc_request *request = submit_watch(session, ZKC_WATCH_DATA, "/a", first);
        int done;

        post(session, reply_ok, request);
        change(session);
        for (volatile int i = 0; i < round % 400 * 10; i++)
            ;
        done = !zkc_request_abandon_pending(request);
        given_up += !done;
        finish_request(request, ZOK);
        fake_settle(session->handle);
        expect(&inbox, done ? ZKC_ITEM_EVENT : ZKC_ITEM_DROP, first);
        CHECK(is_empty(&inbox));
        CHECK_EQ(armed(session), 0);
    }
    fprintf(stderr, "    given up: %d of 4000\n", given_up);
}

static void abandoning_and_the_event_are_decided_in_one_step(void)
{
    zkc_session *session = open_session(10, 0);
    struct dispatcher dispatcher;
    int dropped = 0;

    dispatcher_start(&dispatcher, session);
    for (int round = 0; round < 2000; round++) {
        zkc_request *request = submit_watch(session, ZKC_WATCH_DATA, "/a", first);

        post(session, reply_ok, request);
        change(session);
        wait_done(request);
        for (volatile int i = 0; i < round % 400 * 10; i++)
            ;
        dropped += zkc_request_abandon(request);
        finish_request(request, ZOK);
        fake_settle(session->handle);
    }
    zkc_session_close(session);
    dispatcher_join(&dispatcher);
    CHECK_EQ(dispatcher.drops, dropped);
    CHECK_EQ(dispatcher.events, 2000 - dropped);
    CHECK_EQ(atomic_load(&first->out), 0);
    release_session(session);
}

int main(void)
{
    RUN_IN_SESSION(a_call_that_succeeds_arms, 10, 0);
    RUN_IN_SESSION(exists_arms_on_a_missing_node_too, 10, 0);
    RUN_IN_SESSION(a_call_that_fails_gives_the_watch_back_unseen, 10, 0);
    RUN_IN_SESSION(without_memory_a_watch_is_given_back, 10, 0);
    RUN_IN_SESSION(a_call_taken_back_keeps_its_watch, 10, 0);
    RUN_IN_SESSION(the_reply_comes_before_the_event, 10, 0);
    RUN_IN_SESSION(watches_of_a_path_fire_in_the_order_they_were_set, 10, 0);
    RUN_IN_SESSION(the_configuration_is_watched_apart, 10, 0);
    RUN_IN_SESSION(a_session_event_is_for_the_session, 10, 0);
    RUN_IN_SESSION(an_echo_shows_it_to_each_watch_and_consumes_none, 10, 1);
    RUN(expiry_ends_every_watch);
    RUN(close_ends_every_watch);
    RUN_IN_SESSION(a_forgotten_watch_is_told, 10, 0);
    RUN_IN_SESSION(removing_forgets_when_the_server_has_agreed, 10, 0);
    RUN_IN_SESSION(other_watches_are_seen_before_they_are_armed, 10, 0);
    RUN_IN_SESSION(a_watch_is_never_out_of_sight, 10, 0);
    RUN_IN_SESSION(a_call_given_up_before_its_reply_arms_nothing, 10, 0);
    RUN_IN_SESSION(a_call_that_has_its_reply_is_not_given_up, 10, 0);
    RUN_IN_SESSION(abandoned_later_its_watch_goes_wherever_it_is, 10, 0);
    RUN(a_call_abandoned_at_the_end_gives_its_watch_back_once);
    RUN_IN_SESSION(giving_up_and_the_reply_are_decided_in_one_step, 10, 0);
    RUN(abandoning_and_the_event_are_decided_in_one_step);
    return 0;
}
