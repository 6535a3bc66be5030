"""Functions that make the error to raise from the codes of a reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from zkc.errors import _system_ca
from zkc.errors._base import BY_CODE, READS, ZooKeeperError, where
from zkc.errors._codes import ConnectionLossError, RuntimeInconsistencyError, UnknownError
from zkc.errors._tls import CertificateError, TLSError

__all__ = [
    "MAX_BUFFER",
    "TLS_ADVICE",
    "error_class",
    "error_for",
    "late_text",
    "lost",
    "multi_error",
    "no_slot",
    "tls_error",
    "too_large",
    "without_front",
]

# Default of the servers' jute.maxbuffer, in bytes: they close a connection that sends a larger request.
MAX_BUFFER = 0xFFFFF
_LARGE = 128 * 1024  # In bytes. Few servers have a smaller jute.maxbuffer.

# Advice by the reason that the native core gives. Those of the second group are about a certificate.
_TLS_ADVICE = {
    "handshake": "see the server's log",
    "timeout": "check that the port is the servers' secure one, and that the server is well",
    "closed": "check that the port is the servers' secure one, and see the server's log",
    "protocol": "connect to the servers' secure port (secureClientPort)",
    "files": "give files in PEM format that belong together, and the key's password",
}
_CERTIFICATE_ADVICE = {
    "hostname": "connect by a name that the certificate is for, or give its name as server_name",
    "expired": "have it renewed; or this machine's clock is wrong",
    "not_yet_valid": "check this machine's clock",
    "unknown_ca": "give the certificate of the servers' authority as ca",
    "self_signed": "give that certificate as ca if it is the right one",
    "certificate": "have it replaced",
    "client_certificate": "give a certificate, and its key, of an authority that the server trusts",
}
TLS_ADVICE = {**_TLS_ADVICE, **_CERTIFICATE_ADVICE}


def error_class(code: int) -> type[ZooKeeperError]:
    """Return the class for a code of ZooKeeper, :class:`UnknownError` if there is none.

    Args:
        code: A code of zookeeper.h, or of a server.

    .. versionadded:: 0.1
    """
    return BY_CODE.get(code, UnknownError)


def error_for(
    code: int,
    operation: Optional[str] = None,
    path: Optional[str] = None,
    message: Optional[str] = None,
    maybe_applied: Optional[bool] = None,
) -> ZooKeeperError:
    """Make the error for a code of ZooKeeper.

    Args:
        code: A code of zookeeper.h, or of a server. One without a class gives an :class:`UnknownError` that keeps it.
        operation: Name of the operation that failed.
        path: Path of the znode concerned.
        message: What happened and what to do, instead of the class's own words. Operation, path and code are added.
        maybe_applied: Whether the data perhaps changed: False for a request that was never sent. By class if None.

    Returns:
        The error, to be raised.

    .. versionadded:: 0.1
    """
    cls = error_class(code)
    text = message and cls.describe(operation, path, message, code)
    if cls is not UnknownError:
        return cls(text, operation=operation, path=path, maybe_applied=maybe_applied)
    text = text or cls.describe(operation, path, code=code)
    error = cls(text, operation=operation, path=path, maybe_applied=maybe_applied)
    error.code = code
    return error


def lost(operation: Optional[str], path: Optional[str], why: Optional[str], size: int) -> ConnectionLossError:
    """Make the error of a request that was lost with its connection; for a large one it names the size as well.

    Args:
        operation: Name of the operation that failed.
        path: Path of the znode concerned.
        why: What happened, instead of the class's own words.
        size: Size of the request in bytes, as the servers count it.

    Returns:
        The error, to be raised.

    .. versionadded:: 0.1
    """
    cls = ConnectionLossError
    text = why
    if size > _LARGE:
        limit = f"their jute.maxbuffer ({MAX_BUFFER:,} bytes by default)"
        text = (
            f"{why or cls.what}. The request has {size:,} bytes, and servers close a connection that sends more than "
        )
        text += limit
        if size > MAX_BUFFER:
            text += ": store less, or set jute.maxbuffer on the servers"
        else:
            text += f". {cls.advice[0].upper()}{cls.advice[1:]}"
    error = cls(text and cls.describe(operation, path, text), operation=operation, path=path)
    if size > _LARGE:
        error.request_size = size
    return error


def late_text(limit: float, operation: Optional[str], changed: bool = False) -> str:
    """Return the message for an answer that did not come in time.

    Args:
        limit: How long the caller waited, in seconds.
        operation: Name of the operation. Only one that changes data may still be carried out.
        changed: Whether an earlier request of the same call has perhaps changed the data.

    .. versionadded:: 0.1
    """
    after = "; the request may still be carried out" if changed or operation not in READS else ""
    return f"no answer within {limit:.10g} s{after}"


def no_slot(slots: int, limit: Optional[float]) -> str:
    """Return the message for a call that was not sent: all in-flight slots of the session were in use.

    Args:
        slots: Number of slots: the client's ``max_in_flight``.
        limit: How long the call waited, in seconds; None if that is not known.

    .. versionadded:: 0.1
    """
    when = "in time" if limit is None else f"within {limit:.10g} s"
    return (
        f"none of the {slots} in-flight slots (max_in_flight) became free {when}; the request was never sent. "
        "Give a longer timeout, or the client a larger max_in_flight"
    )


def too_large(operation: Optional[str], path: Optional[str], size: int, limit: int) -> str:
    """Return the message for a request that has more bytes than the client's ``max_data``.

    Args:
        operation: Name of the operation.
        path: Path of the znode concerned.
        size: Size of the request in bytes, as the servers count it, or of its data.
        limit: What is allowed, in bytes.

    .. versionadded:: 0.1
    """
    place = where(operation, path)
    before = f"{place}: " if place else ""
    return (
        f"{before}the request has {size:,} bytes, which is more than max_data, {limit:,} bytes, so it was not sent: "
        f"servers close a connection that sends more than their jute.maxbuffer ({MAX_BUFFER:,} bytes by default). "
        "Store less, or set jute.maxbuffer on the servers and max_data of the client"
    )


def multi_error(codes: Sequence[int], operations: Sequence[tuple[str, Optional[str]]]) -> ZooKeeperError:
    """Make the error for a transaction that the servers refused.

    The error has the class of the operation that failed, so ``except NoNodeError`` catches it. Nothing of the
    transaction was applied.

    Args:
        codes: The code of each operation, as answered: 0 and -2 (runtime inconsistency) for those not carried out.
        operations: Name and path of each operation, in the same order.

    Returns:
        The error, to be raised. Its ``index`` is the position of the operation that failed, and its ``results`` has
        one error per operation: :class:`RuntimeInconsistencyError` for those not carried out.

    .. versionadded:: 0.1
    """
    if len(codes) != len(operations) or not codes:
        raise ValueError(f"there must be one code per operation, not {len(codes)} for {len(operations)}")
    skipped = (0, RuntimeInconsistencyError.code)
    index = next((i for i, code in enumerate(codes) if code not in skipped), None)
    if index is None:  # No reply names a culprit: take the first operation with any code but 0.
        index = next((i for i, code in enumerate(codes) if code), 0)
    name, path = operations[index]
    code = codes[index] or RuntimeInconsistencyError.code
    cause = error_for(code, name, path, maybe_applied=False)
    error = error_for(code, name, path, maybe_applied=False)
    error.args = (f"operation {index} of {len(codes)} failed, so none was applied: {cause}",)
    reason = f"not carried out, because operation {index} ({where(name, path)}) failed"
    error.index = index
    # The failing entry is a second error and not `error` itself, which would refer to itself through its results.
    error.results = tuple(
        cause
        if i == index
        else RuntimeInconsistencyError(f"{where(*op)}: {reason}", operation=op[0], path=op[1], maybe_applied=False)
        for i, op in enumerate(operations)
    )
    return error


def tls_error(reason: str, text: str, operation: Optional[str] = None) -> TLSError:
    """Make the error for a TLS connection that was not made.

    Args:
        reason: The failed step in one word, as in :attr:`TLSError.reason`.
        text: What happened.
        operation: Name of the operation that failed.

    Returns:
        The error, to be raised; a :class:`CertificateError` if it is about a certificate.

    .. versionadded:: 0.1
    """
    cls = CertificateError if reason in _CERTIFICATE_ADVICE else TLSError
    advice = TLS_ADVICE.get(reason, cls.advice)
    nowhere = _system_ca.missing() if reason in ("unknown_ca", "self_signed") else None
    if nowhere is not None:
        advice += f"; without one, OpenSSL uses {nowhere}, and no certificate is there"
    message = cls.describe(operation, None, f"{text}. {advice[0].upper()}{advice[1:]}")
    error = cls(message, operation=operation, maybe_applied=False)
    error.reason = reason
    return error


def without_front(error: ZooKeeperError, front: int) -> None:
    """Count the operations of a failed transaction without those that a recipe has put in front of the caller's.

    Args:
        error: The error of the whole transaction. It is changed.
        front: The number of operations in front. The operation that failed is behind them.

    .. versionadded:: 0.1
    """
    assert error.index is not None
    error.index -= front
    if error.results is not None:
        behind = error.results[front:]
        counted = multi_error(
            [each.code or 0 for each in behind], [(each.operation or "", each.path) for each in behind]
        )
        error.results = counted.results
        error.args = counted.args
