# What a session and its queue's consumer share: the dispatcher thread, or a Delivery.

cdef class _Line:
    """The end of the queue that its consumer holds.

    It owns a reference to the C side, and only a weak one to the session: a running thread, or an event
    loop, must not keep a session that everybody else has forgotten.
    """

    cdef zkc_session *c
    cdef object session
    cdef zkc_item *rest          # taken from the queue and not delivered yet: manual delivery only
    cdef bint manual
    cdef object interrupt        # a KeyboardInterrupt or SystemExit, for who called deliver()
    cdef bint stopped
    cdef object __weakref__

    def __dealloc__(self):
        if self.c == NULL or self.c.generation != zkc_generation():
            return  # in a forked child nothing of the parent's session is touched, not even its locks
        _give_all_back(self.rest)
        _give_all_back(zkc_queue_take(&self.c.queue, 0))
        zkc_session_unref(self.c)
