"""What is said of a client that cannot be had here."""


class Absent(Exception):  # noqa: N818 - no error: the comparison goes on without it
    """A client cannot take part; the text says why."""
