/* Persistent watches: what they are shown, in which order and up to which number, and what comes last. */
#include "support.h"

#include <sys/wait.h>
#include <unistd.h>

#define STAY ZKC_WATCHES_THAT_STAY
#define MOST 300 /* watches of the random table */

static struct token tokens[8];
static struct token *const first = &tokens[0], *const second = &tokens[1];

static size_t armed(zkc_session *session)
{
    return zkc_count_watches(session, NULL, 0, NULL);
}

/* An event of a server; zxid -1: of one before 3.9. */
struct change {
    zkc_session *session;
    int type;
    int64_t zxid;
    const char *path;
};

static void deliver(void *argument)
{
    const struct change *change = argument;

    atomic_store(&fake.zxid, change->zxid);
    zkc_on_watch(change->session->handle, change->type, ZOO_CONNECTED_STATE, change->path, change->session);
}

static void event(zkc_session *session, int type, const char *path, int64_t zxid)
{
    struct change change = {session, type, zxid, path};

    fake_post(session->handle, FAKE_COMPLETION, deliver, &change);
    fake_settle(session->handle);
}

static void expect_shown(struct inbox *inbox, struct token *token, int type, const char *path, int64_t zxid)
{
    struct seen seen = expect(inbox, ZKC_ITEM_WATCH_EVENT, token);

    CHECK_EQ(seen.type, type);
    CHECK_TEXT(seen.path, path);
    CHECK_EQ(seen.zxid, zxid);
}

static void expect_gap(struct inbox *inbox, struct token *token, const char *path)
{
    expect_shown(inbox, token, ZKC_GAP_EVENT, path, -1);
}

/* ---- which events --------------------------------------------------------------------------------------------- */

static void each_event_is_shown_and_the_watch_stays(zkc_session *session)
{
    const int types[] = {ZOO_CREATED_EVENT, ZOO_CHANGED_EVENT, ZOO_CHILD_EVENT, ZOO_DELETED_EVENT};
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_PERSISTENT, "/a", first);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 4; i++) {
            event(session, types[i], "/a", 7 + i);
            expect_shown(&inbox, first, types[i], "/a", 7 + i);
        }
    event(session, ZOO_CHANGED_EVENT, "/a/b", 20);
    event(session, ZOO_CHANGED_EVENT, "/b", 21);
    fake_event(session->handle, zkc_on_watch, ZOO_SESSION_EVENT, ZOO_CONNECTING_STATE, "");
    fake_settle(session->handle);
    CHECK(is_empty(&inbox));
    CHECK_EQ(armed(session), 1);
    CHECK_EQ(atomic_load(&session->queued_events), 0);
}

static void a_recursive_watch_is_shown_what_is_below_it(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_RECURSIVE, "/a", first);
    event(session, ZOO_CREATED_EVENT, "/a", 1);
    event(session, ZOO_CREATED_EVENT, "/a/b", 2);
    event(session, ZOO_CHANGED_EVENT, "/a/b/c", 3);
    event(session, ZOO_CHILD_EVENT, "/a/b", 4); /* for another watch of the session */
    event(session, ZOO_CHANGED_EVENT, "/ab", 5);
    event(session, ZOO_DELETED_EVENT, "/a/b/c", 6);
    expect_shown(&inbox, first, ZOO_CREATED_EVENT, "/a", 1);
    expect_shown(&inbox, first, ZOO_CREATED_EVENT, "/a/b", 2);
    expect_shown(&inbox, first, ZOO_CHANGED_EVENT, "/a/b/c", 3);
    expect_shown(&inbox, first, ZOO_DELETED_EVENT, "/a/b/c", 6);
    CHECK(is_empty(&inbox));
}

static void one_event_is_shown_to_each_watch_above_it(zkc_session *session)
{
    static const char *const paths[] = {"/a/b/c", "/a/b", "/a", "/"};
    struct inbox inbox = {session, NULL, 0};

    for (int i = 0; i < 4; i++)
        arm(session, ZKC_WATCH_RECURSIVE, paths[i], &tokens[i]);
    arm(session, ZKC_WATCH_PERSISTENT, "/a/b/c", &tokens[4]);
    arm(session, ZKC_WATCH_DATA, "/a/b/c", &tokens[5]);
    event(session, ZOO_CHANGED_EVENT, "/a/b/c", 9);
    expect_shown(&inbox, &tokens[4], ZOO_CHANGED_EVENT, "/a/b/c", 9);
    for (int i = 0; i < 4; i++)
        expect_shown(&inbox, &tokens[i], ZOO_CHANGED_EVENT, "/a/b/c", 9);
    expect_event(&inbox, &tokens[5], ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/a/b/c");
    CHECK(is_empty(&inbox));
    CHECK_EQ(armed(session), 5);
}

/* A server before 3.9 sends no child events for a persistent watch beside a recursive one on its path. */
static void child_events_are_made_where_a_server_sends_none(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_PERSISTENT, "/a", first);
    event(session, ZOO_CREATED_EVENT, "/a/b", -1);
    CHECK(is_empty(&inbox));
    arm(session, ZKC_WATCH_RECURSIVE, "/a", second);
    event(session, ZOO_CREATED_EVENT, "/a/b", -1);
    expect_shown(&inbox, second, ZOO_CREATED_EVENT, "/a/b", -1);
    expect_shown(&inbox, first, ZOO_CHILD_EVENT, "/a", -1);
    event(session, ZOO_CHILD_EVENT, "/a", -1); /* a one-shot watch's, a second time */
    CHECK(is_empty(&inbox));
    event(session, ZOO_CREATED_EVENT, "/a/b", 5);
    event(session, ZOO_CHILD_EVENT, "/a", 5);
    expect_shown(&inbox, second, ZOO_CREATED_EVENT, "/a/b", 5);
    expect_shown(&inbox, first, ZOO_CHILD_EVENT, "/a", 5);
    CHECK(is_empty(&inbox));
}

/* ---- the table ------------------------------------------------------------------------------------------------ */

static void random_path(char *path, uint64_t *random)
{
    int depth = (int)(next_random(random) % 7);

    strcpy(path, depth == 0 ? "/" : "");
    for (int i = 0; i < depth; i++)
        sprintf(path + strlen(path), "/%.*s", 1 + (int)(next_random(random) % 2),
                next_random(random) % 2 ? "xx" : "yy");
}

static int is_above(const char *above, const char *path)
{
    size_t length = strlen(above);

    return length == 1 || (strncmp(above, path, length) == 0 && (path[length] == '\0' || path[length] == '/'));
}

static zkc_watch *found[MOST];
static int found_size;

static void note(zkc_watch *watch, void *context)
{
    CHECK(context == &found_size);
    found[found_size++] = watch;
}

static void the_watches_above_a_path_are_found(void)
{
    zkc_watch *watches[MOST];
    zkc_watch_table table;
    uint64_t random = 15;
    char path[64];

    zkc__watches_init(&table);
    CHECK_EQ(zkc__watches_above(&table, "/a/b", note, &found_size), 0);
    for (int i = 0; i < MOST; i++) {
        random_path(path, &random);
        watches[i] = zkc_watch_new(i % 3 ? ZKC_WATCH_RECURSIVE : ZKC_WATCH_PERSISTENT, path, first);
        CHECK_EQ(zkc__watches_add(&table, watches[i]), 0);
    }
    CHECK_EQ(table.persistent, MOST / 3);
    CHECK_EQ(table.recursive, MOST - MOST / 3);
    for (int left = MOST; left > 0; left -= 10) {
        for (int round = 0; round < 50; round++) {
            int expected = 0;

            random_path(path, &random);
            for (int i = 0; i < left; i++)
                expected += watches[i]->kind == ZKC_WATCH_RECURSIVE && is_above(watches[i]->item.path, path);
            found_size = 0;
            CHECK_EQ(zkc__watches_above(&table, path, note, &found_size), 0);
            CHECK_EQ(found_size, expected);
            for (int i = 0; i < found_size; i++) {
                CHECK(is_above(found[i]->item.path, path));
                /* The lowest first, and each once: paths do not get longer, and those of one path are linked. */
                CHECK(i == 0 || strlen(found[i]->item.path) <= strlen(found[i - 1]->item.path));
                for (int j = 0; j < i; j++)
                    CHECK(found[j] != found[i]);
            }
        }
        for (int i = left - 10; i < left; i++) {
            CHECK_EQ(zkc__watches_take(&table, watches[i]), 1);
            CHECK_EQ(zkc__watches_take(&table, watches[i]), 0);
            zkc_item_free(&watches[i]->item);
        }
    }
    CHECK_EQ(table.persistent + table.recursive + table.entries, 0);
    zkc__watches_destroy(&table);
}

static void without_memory_an_event_is_lost_and_the_watch_stays(zkc_session *session)
{
    struct change change = {session, ZOO_CHANGED_EVENT, 1, "/a/b"};
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_RECURSIVE, "/a", first);
    for (int at = 1; at <= 3; at++) { /* the path that is cut, the event, the event's path */
        fail_allocation_at = at;
        deliver(&change);
        CHECK_EQ(fail_allocation_at, 0);
        CHECK(is_empty(&inbox));
    }
    deliver(&change);
    expect_shown(&inbox, first, ZOO_CHANGED_EVENT, "/a/b", 1);
    CHECK_EQ(atomic_load(&session->queued_events), 0);
}

/* ---- gaps ----------------------------------------------------------------------------------------------------- */

static void a_full_queue_gets_a_gap_and_then_nothing(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    session->max_queued_events = 4;
    arm(session, ZKC_WATCH_RECURSIVE, "/a", first);
    arm(session, ZKC_WATCH_RECURSIVE, "/b", second);
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i <= 50; i++)
            event(session, ZOO_CHANGED_EVENT, "/a/b", i);
        event(session, ZOO_CHANGED_EVENT, "/b", 51);
        event(session, ZOO_CHANGED_EVENT, "/b", 52);
        for (int i = 1; i <= 4; i++)
            expect_shown(&inbox, first, ZOO_CHANGED_EVENT, "/a/b", i);
        expect_gap(&inbox, first, "/a"); /* each watch of its own */
        expect_gap(&inbox, second, "/b");
        CHECK(is_empty(&inbox));
        CHECK_EQ(atomic_load(&session->queued_events), 0);
        CHECK_EQ(zkc_metric_get(&session->metrics.dropped_events), (round + 1) * 48);
    }
    event(session, ZOO_CHANGED_EVENT, "/b", 53);
    expect_shown(&inbox, second, ZOO_CHANGED_EVENT, "/b", 53);
}

static void a_new_connection_is_a_gap(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_RECURSIVE, "/a", first);
    arm(session, ZKC_WATCH_DATA, "/a", second);
    for (int i = 0; i < 2; i++) {
        fake_event(session->handle, zkc__on_event, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "");
        fake_settle(session->handle);
    }
    expect_session_event(&inbox, ZOO_CONNECTED_STATE);
    expect_gap(&inbox, first, "/a");
    expect_session_event(&inbox, ZOO_CONNECTED_STATE); /* the gap before it was not taken: one is enough */
    CHECK(is_empty(&inbox));
    event(session, ZOO_CREATED_EVENT, "/a/b", 1);
    event(session, ZKC_GAP_EVENT, "/a", -1); /* libzookeeper's, after a watch was set again */
    expect_shown(&inbox, first, ZOO_CREATED_EVENT, "/a/b", 1);
    expect_gap(&inbox, first, "/a");
    CHECK(is_empty(&inbox));
}

static void a_gap_of_a_connection_drops_nothing(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    session->max_queued_events = 3;
    arm(session, ZKC_WATCH_RECURSIVE, "/a", first);
    event(session, ZKC_GAP_EVENT, "/a", -1);
    event(session, ZOO_CREATED_EVENT, "/a/b", 1);
    event(session, ZKC_GAP_EVENT, "/a", -1); /* what follows an event gets a gap of its own */
    event(session, ZKC_GAP_EVENT, "/a", -1);
    event(session, ZOO_CHANGED_EVENT, "/a/b", 2); /* the queue is full: the gap at its end stands for this one */
    event(session, ZOO_CHANGED_EVENT, "/a/b", 3);
    expect_gap(&inbox, first, "/a");
    event(session, ZOO_CHANGED_EVENT, "/a/b", 4); /* the first gap was taken, the last one was not */
    expect_shown(&inbox, first, ZOO_CREATED_EVENT, "/a/b", 1);
    expect_gap(&inbox, first, "/a");
    CHECK(is_empty(&inbox));
    CHECK_EQ(zkc_metric_get(&session->metrics.dropped_events), 3);
    event(session, ZOO_CHANGED_EVENT, "/a/b", 5);
    expect_shown(&inbox, first, ZOO_CHANGED_EVENT, "/a/b", 5);
    CHECK(is_empty(&inbox));
}

/* ---- ends ----------------------------------------------------------------------------------------------------- */

static void a_removed_watch_is_told_last(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_PERSISTENT, "/a", first);
    arm(session, ZKC_WATCH_RECURSIVE, "/a", second);
    event(session, ZOO_CHANGED_EVENT, "/a", 1);
    zkc_forget_watches(session, "/a", 1u << ZKC_WATCH_PERSISTENT, first);
    event(session, ZOO_CHANGED_EVENT, "/a", 2);
    expect_shown(&inbox, first, ZOO_CHANGED_EVENT, "/a", 1);
    expect_shown(&inbox, second, ZOO_CHANGED_EVENT, "/a", 1);
    expect_event(&inbox, first, ZOO_NOTWATCHING_EVENT, ZOO_CONNECTED_STATE, "/a");
    expect_shown(&inbox, second, ZOO_CHANGED_EVENT, "/a", 2);
    /* A server without persistent watches, after a reconnect. */
    event(session, ZOO_NOTWATCHING_EVENT, "/a", -1);
    expect_event(&inbox, second, ZOO_NOTWATCHING_EVENT, ZOO_CONNECTED_STATE, "/a");
    CHECK(is_empty(&inbox));
    CHECK_EQ(armed(session), 0);
}

static void an_abandoned_call_takes_its_events_back(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request = submit_watch(session, ZKC_WATCH_RECURSIVE, "/a", first);

    fake_post(session->handle, FAKE_COMPLETION, reply_ok, request);
    wait_done(request);
    event(session, ZOO_CHANGED_EVENT, "/a", 1);
    event(session, ZOO_CHANGED_EVENT, "/a/b", 2);
    CHECK_EQ(zkc_request_abandon(request), 1);
    event(session, ZOO_CHANGED_EVENT, "/a", 3);
    expect(&inbox, REVOKED_EVENT, first);
    expect(&inbox, REVOKED_EVENT, first);
    expect(&inbox, ZKC_ITEM_DROP, first);
    CHECK(is_empty(&inbox));
    CHECK_EQ(armed(session), 0);
    finish_request(request, ZOK);
}

static void expiry_ends_it_behind_its_events(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_RECURSIVE, "/a", first);
    event(session, ZOO_CHANGED_EVENT, "/a", 1);
    fake_event(session->handle, zkc__on_event, ZOO_SESSION_EVENT, ZOO_EXPIRED_SESSION_STATE, "");
    expect_shown(&inbox, first, ZOO_CHANGED_EVENT, "/a", 1);
    expect_event(&inbox, first, ZOO_SESSION_EVENT, ZOO_EXPIRED_SESSION_STATE, "/a");
    expect_session_event(&inbox, ZOO_EXPIRED_SESSION_STATE);
    CHECK_EQ(armed(session), 0);
}

/* ---- with threads --------------------------------------------------------------------------------------------- */

/* A flood of events on the library's thread. */
struct flood {
    zkc_session *session;
    const char *path;
    int64_t count;
    _Atomic int64_t at; /* the number of the present one */
};

static void pour(void *argument)
{
    struct flood *flood = argument;

    for (int64_t number = 1; number <= flood->count; number++) {
        struct change change = {flood->session, ZOO_CHANGED_EVENT, number, flood->path};

        atomic_store(&flood->at, number);
        deliver(&change);
    }
}

/* A consumer that checks what it sees: zxids ascend by one, but for gaps, and nothing follows a watch's last event. */
struct consumer {
    pthread_t thread;
    struct inbox inbox;
    int64_t last[8];
    int ended[8], shown, gaps, revoked;
};

static void *consume(void *argument)
{
    struct consumer *consumer = argument;

    while (!consumer->inbox.stopped) {
        struct seen seen = take(&consumer->inbox);
        int number = (int)(seen.token - tokens);

        if (seen.kind == ZKC_ITEM_WATCH_EVENT && seen.type == ZKC_GAP_EVENT) {
            CHECK(!consumer->ended[number]);
            consumer->last[number] = -1;
            consumer->gaps++;
        } else if (seen.kind == ZKC_ITEM_WATCH_EVENT) {
            CHECK(!consumer->ended[number]);
            CHECK(consumer->last[number] <= 0 || seen.zxid == consumer->last[number] + 1);
            consumer->last[number] = seen.zxid;
            consumer->shown++;
        } else if (seen.kind == REVOKED_EVENT) {
            consumer->revoked++;
        } else if (seen.kind == ZKC_ITEM_EVENT || seen.kind == ZKC_ITEM_DROP) {
            CHECK(!consumer->ended[number]);
            consumer->ended[number] = 1;
        }
    }
    return NULL;
}

static void consumer_start(struct consumer *consumer, zkc_session *session)
{
    memset(consumer, 0, sizeof *consumer);
    consumer->inbox.session = session;
    CHECK_EQ(pthread_create(&consumer->thread, NULL, consume, consumer), 0);
}

static void the_queue_stays_bounded_before_a_slow_consumer(void)
{
    zkc_session *session = open_session(10, 0);
    struct flood flood = {session, "/a/b/c", 20000, 0};
    struct consumer consumer;
    int most = 0;

    session->max_queued_events = 100;
    arm(session, ZKC_WATCH_RECURSIVE, "/a", first);
    arm(session, ZKC_WATCH_RECURSIVE, "/a/b", second);
    consumer_start(&consumer, session);
    fake_post(session->handle, FAKE_COMPLETION, pour, &flood);
    while (atomic_load(&flood.at) < flood.count) {
        int queued = atomic_load(&session->queued_events);

        most = queued > most ? queued : most;
    }
    zkc_session_close(session);
    pthread_join(consumer.thread, NULL);
    CHECK(most <= 100 + 4); /* and a gap for each watch, or another one beside one that is being taken */
    CHECK_EQ(consumer.shown + zkc_metric_get(&session->metrics.dropped_events), 2 * 20000);
    CHECK_EQ(consumer.ended[0] + consumer.ended[1], 2);
    CHECK_EQ(atomic_load(&first->out) + atomic_load(&second->out), 0);
    fprintf(stderr, "    shown: %d, gaps: %d, most queued: %d\n", consumer.shown, consumer.gaps, most);
    release_session(session);
}

static void a_watch_is_removed_while_its_events_are_in_flight(void)
{
    int shown = 0, revoked = 0;

    for (int round = 0; round < 60; round++) {
        zkc_session *session = open_session(10, 0);
        struct flood flood = {session, "/a/b", 400, 0};
        struct consumer consumer;
        zkc_request *request;

        session->max_queued_events = round % 2 ? 1000000 : 20;
        arm(session, ZKC_WATCH_RECURSIVE, "/a", first);
        arm(session, ZKC_WATCH_PERSISTENT, "/a/b", second);
        request = submit_watch(session, ZKC_WATCH_RECURSIVE, "/", &tokens[2]);
        fake_post(session->handle, FAKE_COMPLETION, reply_ok, request);
        wait_done(request);
        consumer_start(&consumer, session);
        fake_post(session->handle, FAKE_COMPLETION, pour, &flood);
        WAIT_UNTIL(atomic_load(&flood.at) > round * 6);
        zkc_forget_watches(session, "/a", STAY, first);
        zkc_request_abandon(request);
        finish_request(request, ZOK);
        zkc_forget_watches(session, "/a/b", STAY, NULL);
        CHECK_EQ(armed(session), 0);
        if (round % 3)
            fake_settle(session->handle);
        zkc_session_close(session);
        pthread_join(consumer.thread, NULL);
        CHECK_EQ(consumer.ended[0] + consumer.ended[1] + consumer.ended[2], 3);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(atomic_load(&tokens[i].out), 0);
        CHECK_EQ(atomic_load(&session->queued_events), 0);
        shown += consumer.shown;
        revoked += consumer.revoked;
        release_session(session);
    }
    fprintf(stderr, "    shown: %d, revoked: %d of %d\n", shown, revoked, 3 * 60 * 400);
}

static void a_session_ends_while_events_are_in_flight(void)
{
    for (int round = 0; round < 60; round++) {
        zkc_session *session = open_session(10, 0);
        struct flood flood = {session, "/a/b", 400, 0};
        struct consumer consumer;

        arm(session, ZKC_WATCH_RECURSIVE, "/a", first);
        arm(session, ZKC_WATCH_RECURSIVE, "/a", second);
        consumer_start(&consumer, session);
        fake_post(session->handle, FAKE_COMPLETION, pour, &flood);
        WAIT_UNTIL(atomic_load(&flood.at) > round * 6);
        if (round % 2) /* on the I/O thread, beside the events */
            zkc__on_event(session->handle, ZOO_SESSION_EVENT, ZOO_EXPIRED_SESSION_STATE, "", session);
        zkc_session_close(session);
        pthread_join(consumer.thread, NULL);
        CHECK_EQ(consumer.ended[0] + consumer.ended[1], 2);
        CHECK_EQ(atomic_load(&first->out) + atomic_load(&second->out), 0);
        release_session(session);
    }
}

/* ---- fork ----------------------------------------------------------------------------------------------------- */

/* The locks of the session and of its queue may stay locked in the child, which is refused without a look at them. */
static void a_fork_between_events_leaves_the_parent_its_watch(void)
{
    zkc_session *session = open_session(10, 0);
    struct flood flood = {session, "/a/b", 20000, 0};
    struct consumer consumer;

    session->max_queued_events = 1000000;
    arm(session, ZKC_WATCH_RECURSIVE, "/a", first);
    consumer_start(&consumer, session);
    fake_post(session->handle, FAKE_COMPLETION, pour, &flood);
    WAIT_UNTIL(atomic_load(&flood.at) > 0);
    for (int i = 0; i < 10; i++) {
        int status;
        pid_t child = fork();

        CHECK(child >= 0);
        if (child == 0) {
            CHECK(zkc_generation() != session->generation);
            CHECK_EQ(zkc_enter(session), ZKC_REFUSED_FORKED);
            _exit(0);
        }
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(status, 0);
    }
    fake_settle(session->handle);
    CHECK_EQ(armed(session), 1);
    zkc_session_close(session);
    pthread_join(consumer.thread, NULL);
    CHECK_EQ(consumer.shown, 20000);
    CHECK_EQ(consumer.gaps, 0);
    release_session(session);
}

int main(void)
{
    zkc_process_init(); /* its fork handler */
    RUN_IN_SESSION(each_event_is_shown_and_the_watch_stays, 10, 0);
    RUN_IN_SESSION(a_recursive_watch_is_shown_what_is_below_it, 10, 0);
    RUN_IN_SESSION(one_event_is_shown_to_each_watch_above_it, 10, 0);
    RUN_IN_SESSION(child_events_are_made_where_a_server_sends_none, 10, 0);
    RUN(the_watches_above_a_path_are_found);
    RUN_IN_SESSION(without_memory_an_event_is_lost_and_the_watch_stays, 10, 0);
    RUN_IN_SESSION(a_full_queue_gets_a_gap_and_then_nothing, 10, 0);
    RUN_IN_SESSION(a_new_connection_is_a_gap, 10, 0);
    RUN_IN_SESSION(a_gap_of_a_connection_drops_nothing, 10, 0);
    RUN_IN_SESSION(a_removed_watch_is_told_last, 10, 0);
    RUN_IN_SESSION(an_abandoned_call_takes_its_events_back, 10, 0);
    RUN_IN_SESSION(expiry_ends_it_behind_its_events, 10, 0);
    RUN(the_queue_stays_bounded_before_a_slow_consumer);
    RUN(a_watch_is_removed_while_its_events_are_in_flight);
    RUN(a_session_ends_while_events_are_in_flight);
    RUN(a_fork_between_events_leaves_the_parent_its_watch);
    return 0;
}
