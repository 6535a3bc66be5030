# Objects that hear of their end, without Python code at the end of all the others.

cdef class Finalized:
    """The base of an object whose method ``_finalize`` is called when it is freed while it is marked as live.

    Python code at the end of an object is a place where a signal handler may raise, and no caller gets what it raises.
    So an object that is not live is freed without any. The method may revive the object, as a ``__del__`` may do.

    .. versionadded:: 0.1
    """

    cdef bint live

    @property
    def _live(self):
        """Whether ``_finalize`` is called when the object is freed."""
        return self.live

    @_live.setter
    def _live(self, value):
        self.live = value

    def _finalize(self):
        """Take the end of a live object. The subclass defines it."""

    def __del__(self):
        if self.live:
            self._finalize()
