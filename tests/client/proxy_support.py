"""A proxy that loses answers."""

import selectors

from zkc.testing import FaultProxy


class AnswersLost(FaultProxy):
    """A proxy that can bring requests to the server and keep the answers: they are carried out, and nobody hears of it.

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

    def _watch(self):
        super()._watch()
        for link in self._links if self._keeps else ():
            waits = link.server.outgoing or not link.server.connected
            self._select(link.server.socket, selectors.EVENT_WRITE if waits else 0, link)
