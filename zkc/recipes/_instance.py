"""Instances of services, as znodes hold them: the JSON of Curator's service discovery."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Optional, Protocol

__all__ = ["Instance", "InstanceFormatError", "PayloadCodec", "ServiceType", "decode_instance", "encode_instance"]

_CLASS = "@class"  # The key that Jackson writes into an object for its Java class.
_CLASS_NAME = re.compile(r"(\[L)?[A-Za-z_$][\w$]*(\.[\w$]+)+;?$")
_PART = re.compile(r"\{([^{}]*)\}|([^{}]+)|(.)", re.DOTALL)
_BRACE, _BRACES = re.compile(r"[{}]"), {"{": "{[}", "}": "{]}"}
_INT32, _INT64 = 2**31, 2**63


class ServiceType(Enum):
    """The kind of the znode of an instance.

    .. versionadded:: 0.1
    """

    DYNAMIC = "DYNAMIC"
    """An ephemeral znode, which the client re-creates after an expiry."""
    STATIC = "STATIC"
    """A persistent znode, which stays until it is unregistered."""
    PERMANENT = "PERMANENT"
    """A persistent znode, as of ``STATIC``."""
    DYNAMIC_SEQUENTIAL = "DYNAMIC_SEQUENTIAL"
    """An ephemeral znode to whose name the servers append a counter, so that instances may share an id."""

    @property
    def is_dynamic(self) -> bool:
        """Whether the instance ends with its client.

        .. versionadded:: 0.1
        """
        return self in (ServiceType.DYNAMIC, ServiceType.DYNAMIC_SEQUENTIAL)


class PayloadCodec(Protocol):
    """The translation of payloads to values of JSON, and back. Any object with these two methods is a codec.

    .. versionadded:: 0.1
    """

    def encode(self, payload: Any, /) -> Any:
        """Return the value of JSON for a payload.

        .. versionadded:: 0.1
        """

    def decode(self, value: Any, /) -> Any:
        """Return the payload of a value of JSON. After an exception, the instance counts as unparsable.

        .. versionadded:: 0.1
        """


class InstanceFormatError(ValueError):
    """The data of a znode are no instance."""


def _new_id() -> str:
    return str(uuid.uuid4())


def _now() -> float:
    return int(time.time() * 1000) / 1000


@dataclass(frozen=True)
class Instance:
    """An instance of a service: where it is, and what it says of itself.

    To change a registered instance, make another with ``dataclasses.replace()``, and give it to
    :meth:`Registration.update`.

    .. versionadded:: 0.1
    """

    name: str
    """The name of the service."""
    address: Optional[str] = None
    """The host name or address."""
    port: Optional[int] = None
    """The port without TLS."""
    ssl_port: Optional[int] = None
    """The port with TLS."""
    id: str = field(default_factory=_new_id)
    """The id of the instance in its service; a random UUID by default."""
    payload: Any = field(default=None, hash=False)
    """Anything that JSON can hold, or that the registry's codec encodes."""
    payload_class: Optional[str] = None
    """The Java class of the payload; None for one without a class, such as a str."""
    registered_at: float = field(default_factory=_now)
    """When the program made the instance, by its own clock, in seconds since the epoch."""
    type: ServiceType = ServiceType.DYNAMIC
    """The kind of its znode."""
    uri_spec: Optional[str] = None
    """The template of its URI, such as ``"{scheme}://{address}:{port}"``."""
    enabled: bool = True
    """Whether clients shall use it. Providers skip instances that are not enabled."""
    tags: frozenset[str] = frozenset()
    """Words to select instances by. Programs with Curator ignore them."""

    def __post_init__(self) -> None:
        for name in ("name", "id"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value or "/" in value or value in (".", ".."):
                raise ValueError(f"{name} must be a non-empty str without a slash, not {value!r}")
        if self.address is not None and not isinstance(self.address, str):
            raise TypeError(f"address must be a str or None, not {type(self.address).__name__}")
        for name in ("port", "ssl_port"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
                raise TypeError(f"{name} must be an int or None, not {type(value).__name__}")
            if value is not None and not -_INT32 <= value < _INT32:
                raise ValueError(f"{name} must be in the range of a Java int, not {value}")
        if not isinstance(self.type, ServiceType):
            raise TypeError(f"type must be a ServiceType, not {type(self.type).__name__}")
        tags: Any = self.tags
        if isinstance(tags, str):
            raise TypeError("tags must be several str, not one")
        object.__setattr__(self, "tags", frozenset(tags))
        for _ in _parts(self.uri_spec or ""):  # It raises for a malformed template.
            pass

    def uri(self, **variables: object) -> str:
        """Return the URI that its ``uri_spec`` makes, as Curator does.

        The variables of a template are ``scheme`` (``https`` with an ``ssl_port``, else ``http``), ``name``, ``id``,
        ``address``, ``port``, ``ssl-port``, ``registration-time-utc`` and ``service-type``. An unknown variable is
        empty. ``{[}`` and ``{]}`` are braces.

        >>> Instance("web", "10.0.0.7", 8080, uri_spec="{scheme}://{address}:{port}/").uri()
        'http://10.0.0.7:8080/'

        Args:
            variables: Further variables, or others in place of these.

        Raises:
            ValueError: The instance has no ``uri_spec``.

        .. versionadded:: 0.1
        """
        if self.uri_spec is None:
            raise ValueError(f"the instance {self.id!r} of {self.name!r} has no uri_spec")
        known: dict[str, object] = {
            "[": "{",
            "]": "}",
            "scheme": "http" if self.ssl_port is None else "https",
            "name": self.name,
            "id": self.id,
            "address": self.address,
            "port": self.port,
            "ssl-port": self.ssl_port,
            "registration-time-utc": round(self.registered_at * 1000),
            "service-type": self.type.value.lower(),
            **variables,
        }
        values = ((known.get(text) if variable else text) for text, variable in _parts(self.uri_spec))
        return "".join("" if value is None else str(value) for value in values)


def _parts(template: str) -> Iterator[tuple[str, bool]]:
    """Return the parts of a template of URIs, and whether each is a variable."""
    for found in _PART.finditer(template):
        if found[3] is not None:
            raise ValueError(f"uri_spec has a brace without its partner at {found.start()}: {template!r}")
        if found[2] is not None:
            yield found[2], False
        elif found[1]:
            yield found[1].strip(), True


# ---- to JSON --------------------------------------------------------------------------------------------------------


def encode_instance(instance: Instance, codec: Optional[PayloadCodec]) -> bytes:
    """Return the data of an instance's znode.

    Raises:
        TypeError: JSON cannot hold the payload.
        ValueError: The payload has the key ``@class`` and no class, or has no value in JSON.
    """
    payload = instance.payload if codec is None else codec.encode(instance.payload)
    spec: Optional[dict[str, Any]] = None
    if instance.uri_spec is not None:
        spec = {"parts": [{"value": text, "variable": variable} for text, variable in _parts(instance.uri_spec)]}
    values: dict[str, Any] = {
        "name": instance.name,
        "id": instance.id,
        "address": instance.address,
        "port": instance.port,
        "sslPort": instance.ssl_port,
        "payload": _typed(payload, instance.payload_class),
        "registrationTimeUTC": round(instance.registered_at * 1000),
        "serviceType": instance.type.value,
        "uriSpec": spec,
    }
    # Programs with old versions of Curator do not read what has other keys.
    if not instance.enabled:
        values["enabled"] = False
    if instance.tags:
        values["tags"] = sorted(instance.tags)
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _typed(payload: Any, java_class: Optional[str]) -> Any:
    """Return the value of JSON that names the class of a payload where Jackson expects one."""
    if payload is None:
        return None
    if isinstance(payload, dict):
        if _CLASS in payload:
            raise ValueError(f"the payload must not have the key {_CLASS!r}: give payload_class")
        return payload if java_class is None else {_CLASS: java_class, **payload}
    if java_class is None:
        if isinstance(payload, (list, tuple)):
            java_class = "java.util.ArrayList"
        elif isinstance(payload, int) and not -_INT32 <= payload < _INT32:
            java_class = "java.lang.Long" if -_INT64 <= payload < _INT64 else "java.math.BigInteger"
    return payload if java_class is None else [java_class, payload]


# ---- from JSON ------------------------------------------------------------------------------------------------------


def decode_instance(data: bytes, service: str, node: str, codec: Optional[PayloadCodec]) -> Instance:
    """Return the instance that a znode has.

    Args:
        data: The data of the znode.
        service: The name of the service, for data that do not name it.
        node: The name of the znode, likewise.
        codec: The codec of payloads.

    Raises:
        InstanceFormatError: The data are no instance.
    """
    try:
        values = json.loads(data)
        if not isinstance(values, dict):
            raise InstanceFormatError(f"an object is expected, not {type(values).__name__}")
        payload, java_class = _untyped(values.get("payload"))
        return Instance(
            _text(values, "name") or service,
            _text(values, "address"),
            _number(values, "port"),
            _number(values, "sslPort"),
            id=_text(values, "id") or node,
            payload=payload if codec is None else codec.decode(payload),
            payload_class=java_class,
            registered_at=(_number(values, "registrationTimeUTC") or 0) / 1000,
            type=ServiceType(values.get("serviceType") or "DYNAMIC"),
            uri_spec=_template(values.get("uriSpec")),
            enabled=values.get("enabled", True) is not False,
            tags=frozenset(map(str, values.get("tags") or ())),
        )
    except InstanceFormatError:
        raise
    except Exception as error:
        raise InstanceFormatError(f"{type(error).__name__}: {error}") from error


def _text(values: dict[str, Any], key: str) -> Optional[str]:
    value = values.get(key)
    if value is None or isinstance(value, str):
        return value
    raise InstanceFormatError(f"{key} is no text: {value!r}")


def _number(values: dict[str, Any], key: str) -> Optional[int]:
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return int(value)  # Jackson takes the text of a number, too.
    raise InstanceFormatError(f"{key} is no number: {value!r}")


def _untyped(value: Any) -> tuple[Any, Optional[str]]:
    """Return a payload without its class, and the class. Those that zkc adds by itself are left out."""
    if isinstance(value, dict):
        java_class = value.pop(_CLASS, None)
        return value, java_class if isinstance(java_class, str) else None
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and _CLASS_NAME.match(value[0]):
        payload, java_class = value[1], value[0]
        return payload, None if _typed(payload, None) == value else java_class
    return value, None


def _template(spec: Any) -> Optional[str]:
    if spec is None:
        return None
    texts = []
    for part in spec["parts"]:
        text = str(part["value"])
        if part["variable"]:
            texts.append("{" + text + "}")
        else:
            texts.append(_BRACE.sub(lambda found: _BRACES[found[0]], text))
    return "".join(texts)
