"""Proxies that lose replies, or change them."""

import contextlib
import selectors
import struct
import threading
import time

from zkc.testing import FaultProxy


class AnswersLost(FaultProxy):
    """A proxy that can forward requests and hold the replies: the server carries them out, and no client knows.

    The server applies nothing that it has not read when it learns that a connection is gone. So a test that cuts one
    before it has seen the change does not know whether there will be one.
    """

    _keeps = False

    def keep_answers(self):
        """Forward to the server only, until the connections are dropped."""
        self._do(lambda: setattr(self, "_keeps", True))

    def drop_connections(self):
        """Reset every connection, with the answers that were kept; new ones are forwarded both ways."""

        def drop():
            self._keeps = False
            self._drop_all()

        self._do(drop)

    def _update_selector(self):
        super()._update_selector()
        for link in self._links if self._keeps else ():
            waits = link.server.outgoing or not link.server.connected
            self._register(link.server.socket, selectors.EVENT_WRITE if waits else 0, link)


class Cut:
    """A cut of the connection behind the next request of a client; that one was sent, and has no answer.

    It begins when it is called, as a callback for progress, on the thread that sends the requests. It does so once.

    Args:
        zk: The client.
        proxy: The proxy that it connects through. It refuses connections afterwards.
    """

    def __init__(self, zk, proxy):
        self._zk = zk
        self._proxy = proxy
        self._sent = 0
        self._thread = None

    def __call__(self, _):
        if self._thread is None:
            self._proxy.pause()
            self._sent = self._zk.metrics().total
            self._thread = threading.Thread(target=self._cut)
            self._thread.start()

    def _cut(self):
        deadline = time.monotonic() + 30
        while self._zk.metrics().total == self._sent and time.monotonic() < deadline:
            time.sleep(0.001)  # until a request was sent that the proxy does not forward
        self._proxy.refuse()  # The client must not be connected again before it has missed the reply.
        self._proxy.drop_connections()
        self._proxy.resume()

    def end(self):
        """Wait until the connection is cut, and let the client connect again."""
        assert self._thread is not None
        self._thread.join()
        self._proxy.accept()


CREATE2, DELETE, SET, SET_ACL, MULTI = 15, 2, 5, 7, 14
# A server's answer to a client that wants to resume a session which is over.
_EXPIRED = struct.pack(">iiiqi16s?", 37, 0, 0, 0, 16, b"", False)


class Meddler(FaultProxy):
    """A proxy that says that sessions have expired which have not, and that acts when it sees a certain request.

    An old leader says so that was paused for longer than the session timeout: it cannot know of the others' sessions.
    """

    def __init__(self, target_host, target_port):
        super().__init__(target_host, target_port)
        self._lies = 0
        self._hooks = {}
        self._losing = set()

    def say_expired(self):
        """Reset every connection, and report to the next client that its session has expired."""

        def act():
            self.lie_next()
            self._drop_all()

        self._do(act)

    def lie_next(self):
        """Do the same from a hook, without a reset."""
        self._lies += 1

    def before(self, opcode, action):
        """Call a function, once, when a request arrives, before that is forwarded.

        The function returns None to have it forwarded, "drop" to reset the connection instead, or "lose" to forward the
        request, and to reset the connection when an answer comes.
        """
        self._do(lambda: self._hooks.update({opcode: action}))

    def hold(self):
        """Do what pause() does, from a hook."""
        self._paused = True

    def _accept(self):
        if not self._lies:
            super()._accept()
            return
        self._lies -= 1
        assert self._listener is not None
        client, _ = self._listener.accept()
        with client, contextlib.suppress(OSError):  # The client may have gone, with a reset.
            client.settimeout(20.0)
            client.recv(1024)
            client.sendall(_EXPIRED)
            client.recv(1024)  # Until the client has read that, and closes.

    def _forward(self, link, sock, events):
        before = len(link.server.outgoing)
        if link in self._losing and sock is link.server.socket and events & selectors.EVENT_READ:
            self._losing.discard(link)
            self._drop(link)
            return
        super()._forward(link, sock, events)
        if link in self._links and sock is link.client.socket and self._hooks:
            for opcode in _opcodes(bytes(link.server.outgoing[before:])):
                action = self._hooks.pop(opcode, None)
                verdict = None if action is None else action()
                if verdict == "drop":
                    self._drop(link)
                    return
                if verdict == "lose":
                    self._losing.add(link)


def _opcodes(data):
    """Return the opcodes of the requests that came together; a client's small requests come whole."""
    found = []
    while len(data) >= 12:
        length, _, opcode = struct.unpack_from(">iii", data)
        found.append(opcode)
        data = data[4 + length :]
    return found
