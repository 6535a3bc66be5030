# Flags, locks and conditions for Python's threads and greenlets. Those of threading may be patched, and then do not
# work among real threads. These sleep as greenlets.pyx does.

@cython.final
cdef class Flag:
    """A :class:`threading.Event` for threads and greenlets alike.

    .. versionadded:: 0.1
    """

    cdef zkc_word word

    def is_set(self):
        """Return whether it is set.

        .. versionadded:: 0.1
        """
        return zkc_word_get(&self.word) != 0

    def set(self):
        """Set it, and wake all waiters.

        .. versionadded:: 0.1
        """
        zkc_word_set(&self.word, 1)

    def clear(self):
        """Clear it.

        .. versionadded:: 0.1
        """
        zkc_word_set(&self.word, 0)

    def wait(self, timeout=None):
        """Wait until it is set.

        Args:
            timeout: How long to wait, in seconds; None: as long as it takes.

        Returns:
            Whether it is set.

        .. versionadded:: 0.1
        """
        cdef int64_t deadline = 0
        cdef int64_t left = -1
        if timeout is not None:
            deadline = zkc_now_ns() + <int64_t>(1e9 * min(max(timeout, 0.0), 1e9))
        while zkc_word_get(&self.word) == 0:
            if timeout is not None:
                left = deadline - zkc_now_ns()
                if left <= 0:
                    return False
            _sleep_on(&self.word, 0, left)
        return True


@cython.final
cdef class RLock:
    """A :class:`threading.RLock` that a thread holds, or one greenlet of a thread.

    .. versionadded:: 0.1
    """

    cdef zkc_word word
    cdef unsigned long thread    # the holder's thread
    cdef object greenlet         # None unless the program is patched; read by its own thread only
    cdef int depth

    cdef bint mine(self) except -1:
        if self.depth == 0 or self.thread != PyThread_get_thread_ident():
            return False
        return self.greenlet is None or self.greenlet is _world.getcurrent()

    def acquire(self, blocking=True, timeout=-1.0):
        """Acquire it; its holder may acquire it again.

        Args:
            blocking: Whether to wait for it.
            timeout: How long to wait, in seconds; -1: as long as it takes.

        Returns:
            Whether it was taken.

        .. versionadded:: 0.1
        """
        if self.mine():
            self.depth += 1
            return True
        cdef int64_t most = 0
        if blocking:
            most = -1 if timeout < 0 else <int64_t>(1e9 * min(timeout, 1e9))
        if not self.take(most):
            return False
        self.depth = 1
        return True

    def release(self):
        """Release it, once for each acquire.

        Raises:
            RuntimeError: Another thread or greenlet holds it, or none.

        .. versionadded:: 0.1
        """
        if not self.mine():
            raise RuntimeError("cannot release un-acquired lock")
        self.depth -= 1
        if self.depth == 0:
            self.give()

    def held(self):
        """Return whether the caller holds it.

        .. versionadded:: 0.1
        """
        return self.mine()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *error):
        self.release()

    cdef bint take(self, int64_t most) except -1:
        """Take it, waiting at most so many nanoseconds; negative: no limit. Return whether it was taken."""
        cdef int64_t deadline = zkc_now_ns() + most
        cdef int64_t left = -1
        if zkc_word_try_lock(&self.word) != 0:
            # The 2 says that a thread may sleep. A thread that gives up leaves the 2, which costs one needless wake-up.
            while most != 0 and zkc_word_swap(&self.word, 2) != 0:
                if most > 0:
                    left = deadline - zkc_now_ns()
                    if left <= 0:
                        return False
                _sleep_on(&self.word, 2, left)
            if most == 0:
                return False
        self.greenlet = _world.getcurrent() if _green else None
        self.thread = PyThread_get_thread_ident()
        return True

    cdef int give(self) except -1:
        self.thread = 0
        self.greenlet = None
        if zkc_word_swap(&self.word, 0) == 2:
            zkc_word_wake(&self.word)
        return 0


@cython.final
cdef class Condition:
    """A :class:`threading.Condition` with an RLock.

    .. versionadded:: 0.1
    """

    cdef RLock lock
    cdef list waiting

    def __cinit__(self):
        self.lock = RLock()
        self.waiting = []

    def acquire(self, blocking=True, timeout=-1.0):
        """Take the lock.

        .. versionadded:: 0.1
        """
        return self.lock.acquire(blocking, timeout)

    def release(self):
        """Give the lock back.

        .. versionadded:: 0.1
        """
        self.lock.release()

    def __enter__(self):
        return self.lock.acquire()

    def __exit__(self, *error):
        self.lock.release()

    def wait(self, timeout=None):
        """Release the lock until a notification, and take it again.

        Args:
            timeout: How long to wait, in seconds; None: as long as it takes.

        Returns:
            Whether there was a notification.

        .. versionadded:: 0.1
        """
        cdef Flag flag = Flag()
        cdef int depth = self.lock.depth
        if not self.lock.mine():
            raise RuntimeError("cannot wait on un-acquired lock")
        self.waiting.append(flag)
        self.lock.depth = 0
        self.lock.give()
        try:
            return flag.wait(timeout)
        finally:
            self.lock.take(-1)
            self.lock.depth = depth
            if flag in self.waiting:
                self.waiting.remove(flag)

    def notify(self):
        """Wake one waiter. The caller holds the lock.

        .. versionadded:: 0.1
        """
        if self.waiting:
            self.waiting.pop(0).set()

    def notify_all(self):
        """Wake all waiters. The caller holds the lock.

        .. versionadded:: 0.1
        """
        while self.waiting:
            self.waiting.pop(0).set()
