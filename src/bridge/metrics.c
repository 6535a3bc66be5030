/* The counters of a session, updated when a request is tracked and when it has ended. */
#include "internal.h"

int64_t zkc_metric_get(zkc_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

int zkc__latency_bucket(int64_t nanoseconds)
{
    uint64_t microseconds = nanoseconds > 0 ? ((uint64_t)nanoseconds + 999) / 1000 : 0;
    int bucket = microseconds <= 1 ? 0 : 64 - __builtin_clzll(microseconds - 1);

    return bucket < ZKC_LATENCY_BOUNDS ? bucket : ZKC_LATENCY_BOUNDS;
}

void zkc__metrics_sent(zkc_metrics *metrics, zkc_request *request)
{
    request->sent_ns = zkc_now_ns();
    zkc_metric_add(&metrics->requests[request->metric], 1);
    zkc_metric_add(&metrics->bytes_sent, request->sent_bytes);
}

void zkc__metrics_refused(zkc_metrics *metrics, const zkc_request *request)
{
    zkc_metric_add(&metrics->requests[request->metric], -1);
    zkc_metric_add(&metrics->bytes_sent, -request->sent_bytes);
}

static void count_errors(zkc_metrics *metrics, int rc, int64_t number)
{
    zkc_metric_add(&metrics->errors[rc < 0 && rc > -ZKC_ERROR_CODES ? -rc : 0], number);
}

void zkc__metrics_ended(zkc_metrics *metrics, const zkc_request *request)
{
    int64_t taken = zkc_now_ns() - request->sent_ns;

    zkc_metric_add(&metrics->latency[zkc__latency_bucket(taken)], 1);
    zkc_metric_add(&metrics->latency_sum_ns, taken);
    if (request->rc != ZOK)
        /* a server that does not know a read of many has read nothing: the reads are sent again */
        count_errors(metrics, request->rc,
                     request->error_each && request->rc != ZUNIMPLEMENTED ? request->part_count : 1);
    else if (request->bytes != NULL)
        zkc_metric_add(&metrics->bytes_received, request->length);
    for (int i = 0; request->rc == ZOK && i < request->part_count; i++) {
        if (request->parts[i].rc != ZOK)
            count_errors(metrics, request->parts[i].rc, 1);
        else if (request->parts[i].bytes != NULL)
            zkc_metric_add(&metrics->bytes_received, request->parts[i].length);
    }
}
