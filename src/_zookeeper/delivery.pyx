# A session's queue as its consumer sees it. With manual delivery the consumer is the caller of deliver(), as a rule an
# event loop, and no thread of ours.

cdef class _QueueConsumer:
    """The consumer's end of a session's queue.

    It owns a reference to the C side, and only a weak reference to the session. A running thread, or an event loop,
    must not keep a session that the program has dropped.
    """

    cdef zkc_session *c
    cdef object session
    cdef zkc_item *pending          # taken from the queue and not delivered yet: manual delivery only
    cdef bint manual
    cdef object interrupt        # a KeyboardInterrupt or SystemExit, for the caller of deliver()
    cdef bint stopped
    cdef object __weakref__

    def __dealloc__(self):
        if self.c == NULL or self.c.generation != zkc_generation():
            return  # in a forked child nothing of the parent's session is touched, not even its locks
        _release_items(self.pending)
        _release_items(zkc_queue_take(&self.c.queue, 0))
        zkc_session_unref(self.c)


@cython.final
cdef class Delivery:
    """Delivery of a session with ``deliver="manual"``, on the calling thread.

    :meth:`fileno` is readable when there are items. :meth:`deliver` runs callbacks and watches, calls the session's
    watcher for events, and resolves futures. It holds no reference to the session. If the session is dropped,
    delivery continues until the session has ended, so the event loop keeps this object until :attr:`stopped`.

    >>> loop.add_reader(session.delivery.fileno(), session.delivery.deliver)

    .. versionadded:: 0.1
    """

    cdef _QueueConsumer consumer
    cdef int[2] fds              # the polled end and the end that wakes it: closed by close(), or at the end
    cdef bint delivering
    cdef object __weakref__

    def __cinit__(self):
        self.fds[0] = self.fds[1] = -1

    def __init__(self, *args, **kwargs):
        raise TypeError("a Delivery is made by Session(deliver='manual')")

    def __del__(self):
        cdef _QueueConsumer consumer = self.consumer
        if consumer is None:
            return  # made by __new__ alone
        self.close()
        if consumer.stopped or consumer.c == NULL or consumer.c.generation != zkc_generation() or _exiting:
            return
        # Without a caller of deliver() the session still has to end: a thread releases its tokens.
        _start_thread(_release_until_stopped, ([consumer],))

    cdef _QueueConsumer checked_line(self):
        if self.consumer is None:
            raise TypeError("a Delivery is made by Session(deliver='manual')")
        return self.consumer

    @property
    def stopped(self):
        """Return whether the last item was delivered: the descriptor need not be watched any more."""
        return self.checked_line().stopped

    def fileno(self):
        """Return the descriptor that is readable when there is an item to deliver; -1 when closed.

        .. versionadded:: 0.1
        """
        return self.fds[0]

    def deliver(self, limit=1000):
        """Run the callbacks that are due, on the calling thread.

        Exceptions of a callback are logged, apart from KeyboardInterrupt and SystemExit: these are raised here, and the
        remaining items stay for the next call. A call from a callback, or while another thread delivers, does nothing.

        Args:
            limit: Largest number of items to deliver in this call, so that a loop has time for other work.

        Returns:
            Whether items are left; the descriptor is readable then.

        Raises:
            ForkedError: The session belongs to the parent process.

        .. versionadded:: 0.1
        """
        cdef int left = _int32("limit", limit)
        cdef _QueueConsumer consumer = self.checked_line()
        if left < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        if consumer.c.generation != zkc_generation():
            raise errors.ForkedError(operation="deliver")
        if self.delivering:
            return False
        self.delivering = True
        while left > 0 and consumer.interrupt is None:
            if consumer.pending == NULL:
                # Only now: while items are pending, new items keep the wake-up.
                zkc_notifier_drain(self.fds[0])  # before the queue is taken: an item that comes later wakes again
                consumer.pending = zkc_queue_take(&consumer.c.queue, 0)
                if consumer.pending == NULL:
                    break
            _deliver_next(consumer)
            left -= 1
        self.delivering = False
        if consumer.pending != NULL:
            zkc_notifier_wake(self.fds[1])
        if consumer.interrupt is not None:
            interrupt, consumer.interrupt = consumer.interrupt, None
            raise interrupt
        return consumer.pending != NULL

    def close(self):
        """Close the descriptor; :meth:`deliver` still works.

        .. versionadded:: 0.1
        """
        cdef _QueueConsumer consumer = self.checked_line()
        # Not in a forked child: another thread of the parent may have held the queue's lock.
        if self.fds[0] >= 0 and consumer.c.generation == zkc_generation():
            zkc_queue_set_notify_fd(&consumer.c.queue, -1)
        zkc_notifier_close(self.fds)

    def __repr__(self):
        return f"<zkc delivery, {'stopped' if self.checked_line().stopped else 'running'}>"


cdef Delivery _new_delivery(_QueueConsumer consumer):
    cdef Delivery delivery = Delivery.__new__(Delivery)
    cdef int error = zkc_notifier_open(delivery.fds)
    if error:
        raise OSError(error, os.strerror(error))
    consumer.manual = True
    delivery.consumer = consumer
    zkc_queue_set_notify_fd(&consumer.c.queue, delivery.fds[1])
    return delivery


cdef void _deliver_next(_QueueConsumer consumer) noexcept:
    cdef zkc_item *item = consumer.pending
    cdef zkc_item **end = &consumer.pending
    cdef bint last = item.kind == ZKC_ITEM_STOP
    consumer.pending = item.next  # before the delivery: a request may be queued again, or freed
    _deliver(consumer, item)
    if last:
        consumer.stopped = True
        # A callback that was added just before `stopped` was set may have put its request into the queue.
        while end[0] != NULL:
            end = &end[0].next
        end[0] = zkc_queue_take(&consumer.c.queue, 0)


def _release_until_stopped(list handed not None):
    """Release every token until the session has stopped, on a thread of its own, without calling a callback."""
    cdef zkc_item *items
    cdef zkc_item *item
    cdef _QueueConsumer consumer = handed.pop()
    cdef bint stopped = False
    items, consumer.pending = consumer.pending, NULL
    while True:
        item = items
        while item != NULL:
            stopped = stopped or item.kind == ZKC_ITEM_STOP
            item = item.next
        _release_items(items)
        if stopped:
            break
        with nogil:
            items = zkc_queue_take(&consumer.c.queue, -1)
            zkc_block_if_shutdown()
    consumer.stopped = True
