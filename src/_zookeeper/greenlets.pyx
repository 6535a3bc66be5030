# Waiting in a program whose threads are greenlets: gevent and eventlet after monkey patching. There a thread that
# sleeps stops the hub, and every greenlet with it. So each wait here asks which hub runs on this thread. With a hub it
# sleeps as a greenlet, otherwise as a thread. The hubs, and how a greenlet sleeps, are in zkc/_green.py.
#
# A word is the same for both: it wakes threads by its futex, and greenlets by the descriptor of their hub's waker.

cdef extern from "pythread.h" nogil:
    unsigned long PyThread_get_thread_ident()

cdef object _world = None        # zkc._green's, from the first session in a patched program on
cdef bint _green = False         # whether there is one
cdef unsigned long _exit_thread = 0
cdef object _exit_greenlet = None


cdef int _find_hub() except -1:
    """Find out whether the program is patched. Called when an object is made, and not at each wait."""
    global _green, _world
    if _green or _exiting or ("gevent" not in sys.modules and "eventlet" not in sys.modules):
        return 0
    from zkc import _green as green

    world = green.find_world()
    if world is not None:
        _world = world
        _green = True
    return 0


cdef object _hub_here():
    """Return the hub that this thread's greenlets sleep in; None where the thread itself has to sleep.

    At exit, the greenlet of the exit handler sleeps as a thread: a hub would run greenlets of a program that has ended.
    A later exit handler may still run the hub, by a pause, for example. Greenlets that it wakes sleep in it again: if
    they slept as a thread, the process would not end.
    """
    if not _green:
        return None
    if _exiting and (PyThread_get_thread_ident() != _exit_thread or _world.getcurrent() is _exit_greenlet):
        return None
    return _world.here()


cdef int _sleep_on(zkc_word *word, uint32_t expected, int64_t left) except -1:
    """Sleep while the word has this value, at most so many nanoseconds (negative: no limit); it may return early."""
    cdef int64_t limit
    hub = _hub_here()
    if hub is not None:
        return _sleep_as_greenlet(hub, word, expected, left)
    limit = _SLICE if left < 0 else min(left, _SLICE)
    with nogil:
        zkc_word_wait(word, expected, limit)
        if PyThread_get_thread_ident() != _exit_thread:
            zkc_block_if_shutdown()
    PyErr_CheckSignals()
    return 0


cdef int _sleep_as_greenlet(object hub, zkc_word *word, uint32_t expected, int64_t left) except -1:
    cdef Sleeper sleeper = Sleeper.__new__(Sleeper)
    cdef int64_t deadline = zkc_slot_deadline()
    sleeper.waker = hub.waker
    zkc_uncork()  # Send this greenlet's corked request: the next call on this thread may be another greenlet's.
    zkc_set_slot_deadline(-1)
    zkc_sleep_begin(&sleeper.c, word, &sleeper.waker.c, <void *>sleeper)
    try:
        if zkc_word_get(word) == expected:
            hub.park(sleeper, None if left < 0 else left / 1e9)
    finally:
        zkc_sleep_end(&sleeper.c)
        zkc_set_slot_deadline(deadline)
    return 0


cdef int _sleep_until_done(object hub, Request request, int64_t limit) except -1:
    """Sleep until a request is done, as a greenlet, for at most so many nanoseconds; return whether it is."""
    cdef int64_t deadline = zkc_now_ns() + limit if limit >= 0 else 0
    cdef int64_t left = -1
    cdef uint32_t bits
    while True:
        if limit >= 0:
            left = deadline - zkc_now_ns()
            if left <= 0:
                return zkc_request_done(request.c)
        bits = zkc_request_mark_waiting(request.c)
        if zkc_request_done(request.c):
            return 1
        _sleep_as_greenlet(hub, &request.c.bits, bits, left)


cdef int _sleep_for_slot(Session session, uint32_t slots, int64_t left) except -1:
    """Sleep until a slot in flight may be free. Not inside the session: it can be closed during the sleep."""
    hub = _hub_here()
    if hub is not None:
        zkc_slot_wanted(session.c, 1)
        try:
            _sleep_as_greenlet(hub, &session.c.slots, slots, left)
        finally:
            zkc_slot_wanted(session.c, -1)
        return 0
    with nogil:
        zkc_slot_wait(session.c, slots, left)
    PyErr_CheckSignals()
    return 0


@cython.final
cdef class Sleeper:
    """A greenlet asleep. Its hub sets ``wake``, and calls it with None when the word was woken.

    .. versionadded:: 0.1
    """

    cdef zkc_sleeper c           # linked from the beginning of a sleep to its end; this object lives longer
    cdef Waker waker             # keeps the descriptor that is written
    cdef public object wake


@cython.final
cdef class Waker:
    """The descriptor that a hub polls to learn which of its sleeping greenlets to wake. It belongs to one thread.

    .. versionadded:: 0.1
    """

    cdef zkc_waker c
    cdef public object failed  # called with what was raised when a greenlet was woken

    def __cinit__(self):
        self.c.fds[0] = self.c.fds[1] = -1
        cdef int error = zkc_waker_open(&self.c)
        if error:
            raise OSError(error, os.strerror(error))

    def __dealloc__(self):
        zkc_waker_close(&self.c)

    def fileno(self):
        """Return the descriptor that is readable when a greenlet is to be woken.

        .. versionadded:: 0.1
        """
        return self.c.fds[0]

    @property
    def forked(self):
        """Return whether it is the parent process's: it must not be read then."""
        return self.c.generation != zkc_generation()

    def wake(self, *_):
        """Wake the sleepers that are to be woken, once each. The hub calls this when the descriptor is readable.

        Ctrl-C cannot raise KeyboardInterrupt in here, as it could in a function in Python: the other sleepers would
        never be woken, and gevent would not call it again. An error that ends a woken greenlet comes here under
        eventlet, and is handed to ``failed`` when the others are woken.

        .. versionadded:: 0.1
        """
        cdef list woken = []
        cdef void *token
        cdef list errors = []
        cdef Sleeper sleeper
        if self.c.generation != zkc_generation():
            return
        zkc_notifier_drain(self.c.fds[0])  # before the list is read: a later wake-up writes again
        token = zkc_waker_next(&self.c)
        while token != NULL:
            woken.append(<Sleeper>token)  # alive: only its own greenlet, on this thread, ends it
            token = zkc_waker_next(&self.c)
        for sleeper in woken:
            wake = sleeper.wake
            if wake is not None:  # It may have left since, for a reason of its own.
                try:
                    wake(None)
                except BaseException as error:
                    errors.append(error)
        for error in errors:
            self.failed(error)


def is_main_thread():
    """Return whether this is the main thread of the process.

    .. versionadded:: 0.1
    """
    return bool(zkc_is_main_thread())


def await_readable(int descriptor):
    """Wait until a descriptor can be read, as a greenlet; return at once on a thread, which waits by reading.

    .. versionadded:: 0.1
    """
    hub = _hub_here()
    if hub is not None:
        hub.await_readable(descriptor)


def new_worker(target, tuple arguments, str name):
    """Make a worker that runs a function beside the program: a daemon :class:`threading.Thread`, not started.

    In a patched program it is a greenlet of this thread's hub, or a real thread where no hub runs.

    Args:
        target: The function to run.
        arguments: The arguments of the call.
        name: The name of the thread.

    .. versionadded:: 0.1
    """
    _find_hub()
    if _green:
        return _world.worker(target, arguments, name)
    return _ThreadWorker(target=target, args=arguments, name=name, daemon=True)


class _ThreadWorker(threading.Thread):
    """A thread that runs a function beside the program, and stays a thread when the program is patched later.

    After the patching, threading has wrong idents for older threads. So this class keeps its own ident, from C.
    """

    on_hub = False
    _own_ident = None  # the ident of the running thread; after its end another thread may get the same

    def run(self):
        self._own_ident = PyThread_get_thread_ident()
        try:
            super().run()
        finally:
            self._own_ident = None

    def is_current(self):
        """Return whether this is the calling thread."""
        return self._own_ident == PyThread_get_thread_ident()

    def _delete(self):
        """Take the thread off the list of threads; threading calls this at its end, from Python 3.11 on."""
        try:
            super()._delete()
        except KeyError:  # threading looked for the ident of a greenlet
            threading._active.pop(self.ident, None)


cdef bint _runs_here(object worker) except -1:
    """Return whether a worker is the calling thread."""
    return worker is not None and worker.is_current()


# Real threads, if zkc was imported before the patching. Otherwise `_world` has them.
cdef object _start_new_thread = _thread.start_new_thread


cdef int _start_thread(object function, tuple arguments) except -1:
    """Run a function on a real thread of its own, also in a patched program."""
    if _world is not None:
        _world.start_thread(function, arguments)
    else:
        _start_new_thread(function, arguments)
    return 0


cdef bint _is_greenlet(object worker) except -1:
    return worker.on_hub
