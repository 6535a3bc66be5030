# What a session and its dispatcher thread share.

cdef class _Line:
    """The end of the queue that the dispatcher thread holds.

    It owns a reference to the C side, and only a weak one to the session: a running thread must not keep a session
    that everybody else has forgotten.
    """

    cdef zkc_session *c
    cdef object session
    cdef bint stopped
    cdef object __weakref__

    def __dealloc__(self):
        cdef zkc_item *item
        cdef zkc_item *after
        if self.c == NULL or self.c.generation != zkc_generation():
            return  # in a forked child nothing of the parent's session is touched, not even its locks
        item = zkc_queue_take(&self.c.queue, 0)
        while item != NULL:
            after = item.next
            _give_back(item)
            item = after
        zkc_session_unref(self.c)
