/* The counters of a session, always on: relaxed atomics, no lock. A reader sees each number whole, but not all numbers
 * at one moment. */
#ifndef ZKC_METRICS_H
#define ZKC_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

enum zkc_kind {
    ZKC_KIND_CREATE,
    ZKC_KIND_DELETE,
    ZKC_KIND_EXISTS,
    ZKC_KIND_GET,
    ZKC_KIND_SET,
    ZKC_KIND_CHILDREN,
    ZKC_KIND_GET_ACL,
    ZKC_KIND_SET_ACL,
    ZKC_KIND_SYNC,
    ZKC_KIND_MULTI,
    ZKC_KIND_ADD_AUTH,
    ZKC_KIND_CONFIG,
    ZKC_KIND_RECONFIG,
    ZKC_KIND_REMOVE_WATCHES,
    ZKC_KIND_ADD_WATCH,
    ZKC_KIND_MULTI_READ,
    ZKC_KIND_GET_EPHEMERALS,
    ZKC_KIND_COUNT_DESCENDANTS,
    ZKC_KIND_WHOAMI,
    ZKC_KINDS
};

enum {
    ZKC_LATENCY_BOUNDS = 27, /* bucket i counts requests of at most 2^i microseconds; one bucket more counts the rest */
    ZKC_LATENCY_BUCKETS = ZKC_LATENCY_BOUNDS + 1,
    ZKC_ERROR_CODES = 256 /* -code is the index; 0 counts codes beyond */
};

typedef _Atomic int64_t zkc_counter;

typedef struct zkc_metrics {
    zkc_counter requests[ZKC_KINDS]; /* sent; not a call that was refused at once */
    zkc_counter errors[ZKC_ERROR_CODES];
    zkc_counter latency[ZKC_LATENCY_BUCKETS]; /* from zkc_track to the end of the request, with or without a reply */
    zkc_counter latency_sum_ns;
    zkc_counter watch_events;   /* watches that an event of their znode fired */
    zkc_counter dropped_events; /* events of persistent watches that found the queue full */
    zkc_counter connects;
    zkc_counter gil_kept, gil_given_up;     /* replies that came while a call kept the GIL, and polls without one */
    zkc_counter gil_ns;                     /* how long calls have kept it for that */
    zkc_counter bytes_sent, bytes_received; /* of paths, data and credentials; of copied replies */
} zkc_metrics;

static inline void zkc_metric_add(zkc_counter *counter, int64_t change)
{
    atomic_fetch_add_explicit(counter, change, memory_order_relaxed);
}

int64_t zkc_metric_get(zkc_counter *counter);

#endif
