# A session's counters as Python values.

cdef tuple _KIND_NAMES = (
    "create", "delete", "exists", "get", "set", "children", "get_acl", "set_acl", "sync", "multi", "add_auth", "config",
    "reconfig", "remove_watches", "add_watch", "multi_read", "get_ephemerals", "count_descendants", "whoami",
)  # by enum zkc_kind
cdef tuple _LATENCY_BOUNDS = tuple([2**i / 1e6 for i in range(ZKC_LATENCY_BOUNDS)])


cdef dict _metrics(zkc_session *c):
    cdef zkc_metrics *metrics = &c.metrics
    cdef int i
    cdef dict found = {}
    cdef dict requests = {}
    for i in range(ZKC_KINDS):
        requests[_KIND_NAMES[i]] = zkc_metric_get(&metrics.requests[i])
    for i in range(ZKC_ERROR_CODES):
        count = zkc_metric_get(&metrics.errors[i])
        if count:
            found[-i] = count
    return {
        "requests": requests,
        "errors": found,
        "latency": {
            "bounds": _LATENCY_BOUNDS,
            "counts": tuple([zkc_metric_get(&metrics.latency[i]) for i in range(ZKC_LATENCY_BUCKETS)]),
            "sum": zkc_metric_get(&metrics.latency_sum_ns) / 1e9,
        },
        "in_flight": zkc_in_flight(c),
        "watch_events": zkc_metric_get(&metrics.watch_events),
        "dropped_events": zkc_metric_get(&metrics.dropped_events),
        "connects": zkc_metric_get(&metrics.connects),
        "gil": {
            "kept": zkc_metric_get(&metrics.gil_kept),
            "given_up": zkc_metric_get(&metrics.gil_given_up),
            "seconds": zkc_metric_get(&metrics.gil_ns) / 1e9,
        },
        "bytes_sent": zkc_metric_get(&metrics.bytes_sent),
        "bytes_received": zkc_metric_get(&metrics.bytes_received),
    }
