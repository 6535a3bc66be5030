/* The counters of a session: what is sent, answered and refused, and how long it took. */
#include "support.h"

static int64_t latencies(zkc_session *session)
{
    int64_t all = 0;

    for (int i = 0; i < ZKC_LATENCY_BUCKETS; i++)
        all += zkc_metric_get(&session->metrics.latency[i]);
    return all;
}

static void buckets_end_at_powers_of_two(void)
{
    CHECK_EQ(zkc__latency_bucket(-1), 0);
    CHECK_EQ(zkc__latency_bucket(0), 0);
    CHECK_EQ(zkc__latency_bucket(1000), 0);
    CHECK_EQ(zkc__latency_bucket(1001), 1);
    CHECK_EQ(zkc__latency_bucket(2000), 1);
    CHECK_EQ(zkc__latency_bucket(2001), 2);
    for (int i = 1; i < ZKC_LATENCY_BOUNDS; i++) {
        CHECK_EQ(zkc__latency_bucket((int64_t)1000 << i), i);
        CHECK_EQ(zkc__latency_bucket(((int64_t)1000 << i) + 1), i + 1);
    }
    CHECK_EQ(zkc__latency_bucket(INT64_MAX), ZKC_LATENCY_BOUNDS);
}

static zkc_request *lent(zkc_session *session, int kind, int64_t bytes)
{
    zkc_request *request = new_request(0, NULL, NULL);

    request->metric = kind;
    request->sent_bytes = bytes;
    return lend(session, request, NULL);
}

static void a_request_counts_when_it_is_sent_and_when_it_ends(zkc_session *session)
{
    zkc_metrics *metrics = &session->metrics;
    zkc_request *request = lent(session, ZKC_KIND_GET, 5);

    zkc_leave(session);
    CHECK_EQ(zkc_metric_get(&metrics->requests[ZKC_KIND_GET]), 1);
    CHECK_EQ(zkc_metric_get(&metrics->bytes_sent), 5);
    CHECK_EQ(latencies(session), 0);
    zkc_on_data(ZOK, "data", 4, NULL, request);
    finish_request(request, ZOK);
    CHECK_EQ(latencies(session), 1);
    CHECK(zkc_metric_get(&metrics->latency_sum_ns) > 0);
    CHECK_EQ(zkc_metric_get(&metrics->bytes_received), 4);
    CHECK_EQ(zkc_metric_get(&metrics->errors[-ZNONODE]), 0);
    request = lent(session, ZKC_KIND_SET, 0);
    zkc_leave(session);
    zkc_on_stat(ZNONODE, NULL, request);
    finish_request(request, ZNONODE);
    request = lent(session, ZKC_KIND_SET, 0);
    zkc_leave(session);
    zkc_on_stat(-100000, NULL, request); /* no code that we know */
    finish_request(request, -100000);
    CHECK_EQ(zkc_metric_get(&metrics->errors[-ZNONODE]), 1);
    CHECK_EQ(zkc_metric_get(&metrics->errors[0]), 1);
    CHECK_EQ(latencies(session), 3);
}

static void a_refused_call_does_not_count(zkc_session *session)
{
    zkc_request *request = lent(session, ZKC_KIND_CREATE, 7);

    CHECK_EQ(zkc_untrack(session, request), 0);
    zkc_leave(session);
    zkc_request_unref(request);
    CHECK_EQ(zkc_metric_get(&session->metrics.requests[ZKC_KIND_CREATE]), 0);
    CHECK_EQ(zkc_metric_get(&session->metrics.bytes_sent), 0);
    CHECK_EQ(latencies(session), 0);
}

static void events_count(zkc_session *session)
{
    struct token token = {0};
    struct inbox inbox = {session, NULL, 0};

    arm(session, ZKC_WATCH_DATA, "/a", &token);
    arm(session, ZKC_WATCH_DATA, "/a", &token);
    zkc_on_watch(NULL, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/a", session);
    zkc__on_event(NULL, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, "", session);
    zkc__on_event(NULL, ZOO_SESSION_EVENT, ZOO_CONNECTING_STATE, "", session);
    zkc__on_event(NULL, ZOO_SESSION_EVENT, ZOO_READONLY_STATE, "", session);
    CHECK_EQ(zkc_metric_get(&session->metrics.watch_events), 2);
    CHECK_EQ(zkc_metric_get(&session->metrics.connects), 2);
    for (int i = 0; i < 5; i++)
        take(&inbox);
}

int main(void)
{
    RUN(buckets_end_at_powers_of_two);
    RUN_IN_SESSION(a_request_counts_when_it_is_sent_and_when_it_ends, 10, 0);
    RUN_IN_SESSION(a_refused_call_does_not_count, 10, 0);
    RUN_IN_SESSION(events_count, 10, 0);
    return 0;
}
