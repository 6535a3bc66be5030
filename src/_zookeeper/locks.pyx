# What Python's threads and greenlets share in zkc. Those of threading may be patched, and are then of no use among real
# threads; these sleep as greenlets.pyx does.

@cython.final
cdef class Flag:
    """What :class:`threading.Event` is, for threads and greenlets alike.

    .. versionadded:: 0.1
    """

    cdef zkc_word word

    def is_set(self):
        """Return whether it is set.

        .. versionadded:: 0.1
        """
        return zkc_word_get(&self.word) != 0

    def set(self):
        """Set it, and wake who waits.

        .. versionadded:: 0.1
        """
        zkc_word_set(&self.word, 1)

    def clear(self):
        """Take it back.

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
    """What :class:`threading.RLock` is; it is held by a thread, or by one greenlet of it.

    .. versionadded:: 0.1
    """

    cdef zkc_word word
    cdef unsigned long thread    # who holds it
    cdef object greenlet         # None unless the program is patched; read by its own thread only
    cdef int depth

    cdef bint mine(self) except -1:
        if self.depth == 0 or self.thread != PyThread_get_thread_ident():
            return False
        return self.greenlet is None or self.greenlet is _world.getcurrent()

    def acquire(self, blocking=True, timeout=-1.0):
        """Take it; a thread or greenlet that has it takes it once more.

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
        """Give it back, as often as it was taken.

        Raises:
            RuntimeError: Somebody else has it.

        .. versionadded:: 0.1
        """
        if not self.mine():
            raise RuntimeError("cannot release un-acquired lock")
        self.depth -= 1
        if self.depth == 0:
            self.give()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *error):
        self.release()

    cdef bint take(self, int64_t most) except -1:
        """Take it, waiting so many nanoseconds at most; if negative, as long as it takes. Tell whether it was taken."""
        cdef int64_t deadline = zkc_now_ns() + most
        cdef int64_t left = -1
        if zkc_word_try_lock(&self.word) != 0:
            # The 2 says that a thread may sleep. One that gives up leaves it, which costs a wake-up that nothing needs.
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
    """What :class:`threading.Condition` is, with a lock that can be taken again.

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
        """Give the lock back until somebody notifies, and take it again.

        Args:
            timeout: How long to wait, in seconds; None: as long as it takes.

        Returns:
            Whether somebody did.

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
        """Wake one that waits. The lock is held.

        .. versionadded:: 0.1
        """
        if self.waiting:
            self.waiting.pop(0).set()

    def notify_all(self):
        """Wake all that wait. The lock is held.

        .. versionadded:: 0.1
        """
        while self.waiting:
            self.waiting.pop(0).set()
