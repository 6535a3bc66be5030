"""The exception for a client that is not available on this machine."""


class Unavailable(Exception):  # noqa: N818 - no error: the comparison continues without the client
    """Raised when a client cannot take part; the text is the reason."""
