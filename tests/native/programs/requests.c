/* One request: the copy of its reply, and the meeting of its threads: one answers, one waits, one wants a notice. */
#include "support.h"

#include <limits.h>

static struct token token;

static zkc_request *lent(zkc_session *session)
{
    zkc_request *request = submit(session, NULL);

    CHECK(request != NULL);
    return request;
}

/* ---- replies -------------------------------------------------------------------------------------------------- */

static void check_data(zkc_session *session, const char *value, int length, int64_t expected)
{
    zkc_request *request = lent(session);
    const struct Stat stat = {.version = 7, .dataLength = length};

    zkc_on_data(ZOK, value, length, &stat, request);
    CHECK(zkc_request_done(request));
    CHECK_EQ(request->length, expected);
    CHECK_EQ(request->has_stat, 1);
    CHECK_EQ(request->stat.version, 7);
    if (expected >= 0) {
        CHECK(request->bytes != value);
        CHECK(expected == 0 || memcmp(request->bytes, value, (size_t)expected) == 0);
        CHECK_EQ(request->bytes[expected], 0);
    } else {
        CHECK(request->bytes == NULL);
    }
    finish_request(request, ZOK);
}

static void data_is_copied_whole(zkc_session *session)
{
    const int big = 1 << 20;
    char *value = malloc((size_t)big);

    memset(value, 0x5a, (size_t)big);
    check_data(session, "a\0b", 3, 3);
    check_data(session, value, big, big);
    check_data(session, "", 0, 0); /* empty is not NULL */
    check_data(session, NULL, -1, -1);
    check_data(session, NULL, 0, -1); /* without a pointer there is no data */
    free(value);
}

static void a_failed_call_has_no_reply(zkc_session *session)
{
    zkc_request *request = lent(session);

    zkc_on_data(ZNONODE, "junk", 4, NULL, request);
    CHECK(request->bytes == NULL);
    CHECK_EQ(request->has_stat, 0);
    finish_request(request, ZNONODE);
    request = lent(session);
    zkc_on_strings(ZNONODE, NULL, request);
    finish_request(request, ZNONODE);
    request = lent(session);
    zkc_on_acl(ZNOAUTH, NULL, NULL, request);
    finish_request(request, ZNOAUTH);
    request = lent(session);
    zkc_on_string_stat(ZCONNECTIONLOSS, NULL, NULL, request);
    finish_request(request, ZCONNECTIONLOSS);
}

static void paths_and_stats_are_copied(zkc_session *session)
{
    struct Stat stat = {.czxid = INT64_MAX, .numChildren = 3};
    char path[] = "/made0000000001";

    zkc_request *request = lent(session);

    zkc_on_string_stat(ZOK, path, &stat, request);
    path[1] = 'x';
    stat.czxid = 0;
    CHECK_TEXT(request->bytes, "/made0000000001");
    CHECK_EQ(request->length, 15);
    CHECK_EQ(request->stat.czxid, INT64_MAX);
    finish_request(request, ZOK);
    request = lent(session);
    zkc_on_string(ZOK, NULL, request);
    CHECK_EQ(request->length, -1);
    finish_request(request, ZOK);
    request = lent(session);
    zkc_on_string(ZOK, "", request);
    CHECK_EQ(request->length, 0);
    finish_request(request, ZOK);
    request = lent(session);
    zkc_on_stat(ZOK, &stat, request);
    CHECK_EQ(request->stat.numChildren, 3);
    finish_request(request, ZOK);
}

static void check_unpacked(const char **cursor, const char *expected)
{
    int32_t length;
    const char *text = zkc_unpack(cursor, &length);

    if (expected == NULL) {
        CHECK_EQ(length, -1);
        return;
    }
    CHECK_EQ(length, strlen(expected));
    CHECK(memcmp(text, expected, strlen(expected)) == 0);
}

static void strings_are_packed_and_unpacked(zkc_session *session)
{
    char *names[] = {"b", NULL, "", "a longer name with \xc3\xa9", "c"};
    struct String_vector strings = {5, names};
    const struct String_vector none = {0, NULL};
    struct Stat stat = {.cversion = 9};

    zkc_request *request = lent(session);
    const char *cursor;

    zkc_on_strings_stat(ZOK, &strings, &stat, request);
    CHECK_EQ(request->count, 5);
    cursor = request->bytes;
    for (int i = 0; i < 5; i++)
        check_unpacked(&cursor, names[i]);
    CHECK_EQ(cursor - request->bytes, request->length);
    CHECK_EQ(request->stat.cversion, 9);
    finish_request(request, ZOK);
    request = lent(session);
    zkc_on_strings(ZOK, &none, request);
    CHECK_EQ(request->count, 0);
    CHECK_EQ(request->length, 0);
    finish_request(request, ZOK);
}

static void acls_are_packed_and_unpacked(zkc_session *session)
{
    struct ACL entries[] = {{31, {"world", "anyone"}}, {INT_MIN, {"", NULL}}, {-1, {"digest", "user:hash="}}};
    struct ACL_vector acl = {3, entries};
    struct Stat stat = {.aversion = 2};

    zkc_request *request = lent(session);
    const char *cursor;

    zkc_on_acl(ZOK, &acl, &stat, request);
    CHECK_EQ(request->count, 3);
    cursor = request->bytes;
    for (int i = 0; i < 3; i++) {
        int32_t perms;

        memcpy(&perms, cursor, sizeof perms);
        cursor += sizeof perms;
        CHECK_EQ(perms, entries[i].perms);
        check_unpacked(&cursor, entries[i].id.scheme);
        check_unpacked(&cursor, entries[i].id.id);
    }
    CHECK_EQ(cursor - request->bytes, request->length);
    CHECK_EQ(request->stat.aversion, 2);
    finish_request(request, ZOK);
}

static void without_memory_the_call_fails(zkc_session *session)
{
    char *names[] = {"a"};
    struct String_vector strings = {1, names};
    struct ACL entries[] = {{31, {"world", "anyone"}}};
    struct ACL_vector acl = {1, entries};
    struct Stat stat = {0};

    for (int which = 0; which < 6; which++) {
        zkc_request *request = lent(session);

        fail_allocation_at = 1;
        switch (which) {
        case 0: zkc_on_data(ZOK, "a", 1, &stat, request); break;
        case 1: zkc_on_string(ZOK, "/a", request); break;
        case 2: zkc_on_string_stat(ZOK, "/a", &stat, request); break;
        case 3: zkc_on_strings(ZOK, &strings, request); break;
        case 4: zkc_on_strings_stat(ZOK, &strings, &stat, request); break;
        case 5: zkc_on_acl(ZOK, &acl, &stat, request); break;
        }
        CHECK_EQ(fail_allocation_at, 0);
        finish_request(request, ZSYSTEMERROR);
    }
    fail_allocation_at = 1;
    CHECK(zkc_request_new() == NULL);
}

static void results_of_a_transaction_belong_to_the_request(void)
{
    zkc_request *request = zkc_request_new();

    CHECK_EQ(zkc_request_reserve_results(request, 3), 0);
    request->result_paths[1] = malloc(100);
    zkc_request_unref(request);
    for (int at = 1; at <= 3; at++) {
        request = zkc_request_new();
        fail_allocation_at = at;
        CHECK_EQ(zkc_request_reserve_results(request, 3), -1);
        zkc_request_unref(request);
    }
}

/* ---- meetings ------------------------------------------------------------------------------------------------- */

static void waiting_ends_at_its_limit(zkc_session *session)
{
    zkc_request *request = lent(session);

    CHECK_EQ(zkc_request_wait(request, 0), ZKC_TIMED_OUT);
    CHECK_EQ(zkc_request_wait(request, 1000000), ZKC_TIMED_OUT);
    CHECK(!zkc_request_done(request));
    zkc_on_void(ZOK, request);
    CHECK_EQ(zkc_request_wait(request, 0), ZKC_WOKEN);
    finish_request(request, ZOK);
}

static void *waiter(void *argument)
{
    wait_done(argument);
    CHECK_EQ(((zkc_request *)argument)->rc, ZNONODE);
    return NULL;
}

static void one_reply_wakes_every_waiter(zkc_session *session)
{
    pthread_t threads[6];

    for (int round = 0; round < 60; round++) {
        zkc_request *request = lent(session);

        for (int i = 0; i < 6; i++)
            pthread_create(&threads[i], NULL, waiter, request);
        fake_post(session->handle, FAKE_COMPLETION, reply_no_node, request);
        for (int i = 0; i < 6; i++)
            pthread_join(threads[i], NULL);
        finish_request(request, ZNONODE);
    }
}

/* However the completion and the wish for a notice meet, the request is queued exactly once. */
static void a_wish_to_be_told_meets_the_completion(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    int early = 0;

    for (int round = 0; round < 3000; round++) {
        zkc_request *request = lent(session);

        fake_post(session->handle, round % 2 ? FAKE_COMPLETION : FAKE_IO, reply_ok, request);
        if (round % 3 == 0)
            sched_yield();
        if (tell(request, &token))
            zkc_queue_push(&session->queue, &request->item);
        else
            early++;
        CHECK(expect(&inbox, ZKC_ITEM_REQUEST, &token).kind == ZKC_ITEM_REQUEST);
        CHECK(is_empty(&inbox));
        CHECK_EQ(atomic_load(&token.out), 0);
        finish_request(request, ZOK);
    }
    fprintf(stderr, "    %d of 3000 before the reply\n", early);
}

static void a_request_can_be_queued_again(zkc_session *session)
{
    struct inbox inbox = {session, NULL, 0};
    zkc_request *request = submit(session, &token);

    fake_post(session->handle, FAKE_COMPLETION, reply_ok, request);
    for (int i = 0; i < 3; i++) {
        expect(&inbox, ZKC_ITEM_REQUEST, &token);
        CHECK_EQ(tell(request, &token), 1);
        zkc_queue_push(&session->queue, &request->item);
    }
    expect(&inbox, ZKC_ITEM_REQUEST, &token);
    finish_request(request, ZOK);
}

static void an_abandoned_request_is_freed_by_its_completion(zkc_session *session)
{
    zkc_counts counts;

    for (int round = 0; round < 2000; round++) {
        zkc_request *request = lent(session);

        if (round % 2)
            zkc_request_unref(request);
        fake_post(session->handle, FAKE_COMPLETION, reply_ok, request);
        if (round % 2 == 0) {
            zkc_request_wait(request, 1000);
            zkc_request_unref(request); /* perhaps while the completion is at it */
        }
    }
    fake_settle(session->handle);
    zkc_count_alive(&counts);
    CHECK_EQ(counts.requests, 0);
    CHECK_EQ(zkc_in_flight(session), 0);
}

static void a_reply_that_nobody_wants_is_not_copied(zkc_session *session)
{
    zkc_request *request = submit(session, &token);
    struct inbox inbox = {session, NULL, 0};

    zkc_request_abandon(request);
    CHECK(!zkc_request_done(request));
    zkc_on_data(ZOK, "data", 4, NULL, request);
    CHECK(zkc_request_done(request));
    CHECK(request->bytes == NULL);
    expect(&inbox, ZKC_ITEM_REQUEST, &token); /* the token is still returned */
    CHECK_EQ(zkc_metric_get(&session->metrics.bytes_received), 0);
    finish_request(request, ZOK);
}

static void completions_come_from_several_threads(void)
{
    zkc_session *session = open_session(1024, 0);
    struct dispatcher dispatcher;
    zkc_request *requests[200];

    dispatcher_start(&dispatcher, session);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 200; i++) {
            requests[i] = submit(session, &token);
            fake_post(session->handle, i % 2 ? FAKE_COMPLETION : FAKE_IO, reply_ok, requests[i]);
        }
        for (int i = 0; i < 200; i++)
            finish_request(requests[i], ZOK);
    }
    zkc_session_close(session);
    dispatcher_join(&dispatcher);
    CHECK_EQ(dispatcher.requests, 2000);
    CHECK_EQ(atomic_load(&token.out), 0);
    release_session(session);
}

int main(void)
{
    RUN_IN_SESSION(data_is_copied_whole, 1024, 0);
    RUN_IN_SESSION(a_failed_call_has_no_reply, 1024, 0);
    RUN_IN_SESSION(paths_and_stats_are_copied, 1024, 0);
    RUN_IN_SESSION(strings_are_packed_and_unpacked, 1024, 0);
    RUN_IN_SESSION(acls_are_packed_and_unpacked, 1024, 0);
    RUN_IN_SESSION(without_memory_the_call_fails, 1024, 0);
    RUN(results_of_a_transaction_belong_to_the_request);
    RUN_IN_SESSION(waiting_ends_at_its_limit, 1024, 0);
    RUN_IN_SESSION(one_reply_wakes_every_waiter, 1024, 0);
    RUN_IN_SESSION(a_wish_to_be_told_meets_the_completion, 1024, 0);
    RUN_IN_SESSION(a_request_can_be_queued_again, 1024, 0);
    RUN_IN_SESSION(an_abandoned_request_is_freed_by_its_completion, 1024, 0);
    RUN_IN_SESSION(a_reply_that_nobody_wants_is_not_copied, 1024, 0);
    RUN(completions_come_from_several_threads);
    return 0;
}
