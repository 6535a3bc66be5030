"""The settings by their names, and what each may be: in a profile, a variable or an option."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["COLORS", "NAMES", "check_member", "parse_ports"]

# Each setting has an option, a variable ZKC_… and a member of a profile, all of the same name.
NAMES = (
    "servers", "chroot", "auth", "tls", "ca", "cert", "key", "key_password_file", "tls_server_name", "insecure", "sasl",
    "user", "password_file", "timeout", "session_timeout", "read_only", "confirm", "color", "admin_port",
)  # fmt: skip
COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_WORDS = {"confirm": ("ask", "name"), "color": COLORS}
_FLAGS = ("tls", "insecure", "read_only")
# Seconds, the largest that the client takes: a session timeout is 32 bits of milliseconds in the protocol.
_NUMBERS = {"timeout": 11_000 * 86_400, "session_timeout": (2**31 - 1) / 1000}
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def check_member(name: str, value: object) -> Any:
    """Return a setting's value in its type.

    Raises:
        ValueError: It has another type, or is none of the values that the setting may have.
    """
    if name in _FLAGS:
        return _flag(name, value)
    if name in _NUMBERS:
        return _number(name, value)
    if name == "admin_port":
        parse_ports(value)
        return value
    if name == "auth" and isinstance(value, (list, tuple)):
        return [_text(name, each) for each in value]
    text = _text(name, value)
    words = _WORDS.get(name)
    if words is not None and text not in words:
        raise ValueError(f"{name} must be {', '.join(words[:-1])} or {words[-1]}, not {value!r}")
    return text


def _text(name: str, value: object) -> str:
    example = ' such as "zk1:2181,zk2:2181/app"' if name == "servers" else ""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text{example}, not {value!r}")  # noqa: TRY004 - one error for a bad value
    if not value.strip() and name != "chroot":
        raise ValueError(f"{name} must not be empty")
    return value


def _flag(name: str, value: object) -> bool:
    text = str(value).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError(f"{name} must be true or false, not {value!r}")


def _number(name: str, value: object) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be a positive number, not {value!r}")
    if number > _NUMBERS[name]:
        raise ValueError(f"{name} is too large, {value!r}: the largest is {_NUMBERS[name]} seconds")
    return number


def parse_ports(value: object) -> tuple[int, ...]:
    """Return the ports of ``8080``, or ``8080,8081,8082``, or a list of them in a profile.

    Raises:
        ValueError: One is no port.
    """
    each = [str(port).strip() for port in (value if isinstance(value, (list, tuple)) else str(value).split(","))]
    if not each or not all(port.isascii() and port.isdigit() and 0 < int(port) < 65536 for port in each):
        raise ValueError(f"admin_port must be a port, or ports separated by commas, not {value!r}")
    return tuple(map(int, each))
