# The consumer of the queue: it runs callbacks and watches, in order, and releases every token. It is one Python thread
# per session, the dispatcher, unless delivery is manual (delivery.pyx).

cdef object _callback_log = logging.getLogger("zkc.callback")


def _dispatch(list handed not None):
    """Run on the dispatcher thread until the session has stopped its queue; ``handed`` holds the session's consumer."""
    cdef zkc_item *items
    cdef bint stopped = False
    cdef _QueueConsumer consumer
    if not handed:
        return  # opening failed before this thread began
    consumer = handed.pop()
    try:
        while not stopped:
            items = _await_items(consumer)
            stopped = _deliver_all(consumer, items)
    except BaseException:  # a greenlet can be killed in its sleep: a thread releases the tokens, and calls no callback
        if consumer.c.generation == zkc_generation() and not _exiting:
            _start_thread(_release_until_stopped, ([consumer],))
        return
    consumer.stopped = True
    # A callback that was added just before `stopped` was set may have queued its request.
    _deliver_all(consumer, zkc_queue_take(&consumer.c.queue, 0))


cdef zkc_item *_await_items(_QueueConsumer consumer) except? NULL:
    """Sleep until the queue has items, and take them; NULL when it is still empty."""
    cdef zkc_item *items
    cdef uint32_t seen
    hub = _hub_here()
    if hub is not None:
        seen = zkc_word_get(&consumer.c.queue.wake)
        items = zkc_queue_take(&consumer.c.queue, 0)
        if items != NULL:
            return items
        _sleep_as_greenlet(hub, &consumer.c.queue.wake, seen, -1)
        return zkc_queue_take(&consumer.c.queue, 0)
    with nogil:
        items = zkc_queue_take(&consumer.c.queue, -1)
        zkc_block_if_shutdown()
    return items


cdef bint _deliver_all(_QueueConsumer consumer, zkc_item *item):
    cdef zkc_item *after
    cdef bint stopped = False
    while item != NULL:
        after = item.next  # a request may be queued again, or freed, as soon as it is delivered
        if item.kind == ZKC_ITEM_STOP:
            stopped = True
        _deliver(consumer, item)
        item = after
    return stopped


cdef void _deliver(_QueueConsumer consumer, zkc_item *item) noexcept:
    """Deliver one item. Its token, if lent, and its memory are released here."""
    cdef int kind = item.kind
    cdef Request request
    if kind == ZKC_ITEM_REQUEST:
        request = <Request>item.token
        Py_DECREF(request)  # the token; `request` is a reference of its own
        request.run_callbacks(consumer)
        return
    if _exiting:
        pass  # the script has ended: its callbacks have no use any more
    elif kind == ZKC_ITEM_EVENT and not zkc_item_call(item):
        pass  # the call that set the watch was abandoned
    elif kind == ZKC_ITEM_WATCH_EVENT:
        if zkc_event_call(item):
            _call_logged(<object>item.token, _event_arguments(item), consumer)
    elif kind == ZKC_ITEM_EVENT and (<zkc_watch *>item).with_zxid:
        _call_logged(<object>item.token, _event_arguments(item), consumer)
    elif kind == ZKC_ITEM_EVENT or kind == ZKC_ITEM_SESSION_BROADCAST:
        _call_logged(<object>item.token, (item.type, item.state, _c_text(item.path)), consumer)
    elif kind == ZKC_ITEM_SESSION:
        session = consumer.session()
        if session is not None and (<_SessionBase>session).watcher is not None:
            _call_logged((<_SessionBase>session).watcher, (item.type, item.state, ""), consumer)
        session = None  # do not keep the session while this thread waits
    _release_item(item)


cdef tuple _event_arguments(zkc_item *item):
    return item.type, item.state, _c_text(item.path), item.zxid if item.zxid >= 0 else None


cdef void _release_item(zkc_item *item) noexcept:
    """Release the token of an item, if it has a lent token, and free the item."""
    if item.kind == ZKC_ITEM_REQUEST:
        Py_DECREF(<Request>item.token)
        return
    if item.kind == ZKC_ITEM_EVENT or item.kind == ZKC_ITEM_DROP:
        Py_DECREF(<object>item.token)
    zkc_item_free(item)


cdef void _release_items(zkc_item *item) noexcept:
    cdef zkc_item *after
    while item != NULL:
        after = item.next
        _release_item(item)
        item = after


cdef int _call_logged(object callback, tuple arguments, _QueueConsumer consumer) except -1:
    """Call a callback of the program; log what it raises."""
    try:
        callback(*arguments)
    except BaseException as error:
        if consumer is not None and consumer.manual and isinstance(error, (KeyboardInterrupt, SystemExit)):
            consumer.interrupt = error  # for the calling thread: deliver() raises it
            return 0
        # A watch that gets its last event and tries to watch again is no error worth a report.
        level = logging.DEBUG if isinstance(error, errors.ClosingError) else logging.ERROR
        try:
            _callback_log.log(level, "a callback raised: %r", callback, exc_info=True)
        except BaseException:
            pass
    return 0
