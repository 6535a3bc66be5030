"""How to connect: the options, the environment, the profile and the defaults, in this order."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

from zkc.cli import _members
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._members import NAMES, check_member
from zkc.cli._profiles import config_file, default_profile, read_profile
from zkc.cli._secrets import check_private, read_secret

if TYPE_CHECKING:
    from zkc import SASL, TLS

__all__ = ["NAMES", "Settings", "check_auth", "check_secret_file", "parse_ports", "read_auth", "resolve"]

DEFAULT_SERVERS = "localhost:2181"


@dataclass(frozen=True)
class Settings:
    """How to connect to one ensemble."""

    servers: str
    profile: Optional[str] = None
    ensemble: Optional[str] = None
    """The profile whose ensemble this is: None when an option or a variable gives other servers than the profile."""
    timeout: float = 10.0
    """The longest wait for a connection and for each reply, in seconds."""
    session_timeout: float = 10.0
    read_only: bool = False
    read_only_by: str = ""
    """The option, variable or profile that forbids changes, in words."""
    confirm: str = "ask"
    """``name``: a dangerous change asks for the path instead of a yes."""
    prompt_color: Optional[str] = None
    admin_ports: tuple[int, ...] = (8080,)
    """The ports of AdminServer: one for all servers, or one for each."""
    auth: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tls: Optional[TLS] = None
    sasl: Optional[SASL] = None

    @property
    def chroot(self) -> str:
        """The chroot of the servers, ``/`` if there is none."""
        _, slash, rest = self.servers.partition("/")
        return f"/{rest.rstrip('/')}" if slash and rest.strip("/") else "/"

    @property
    def addresses(self) -> list[str]:
        """The addresses of the servers, as ``host:port``, without the chroot."""
        return [each.strip() for each in self.servers.partition("/")[0].split(",") if each.strip()]

    @property
    def name(self) -> str:
        """The name to show for the ensemble: that of its profile, or the servers."""
        return self.ensemble or self.servers


def resolve(
    given: Mapping[str, Any], profile: Optional[str] = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Return how to connect.

    Args:
        given: The options of the command line.
        profile: The profile of a path such as ``prod:/app``. Its members win over the command line's and the
            environment's connection, which belong to the command's own ensemble.
        environment: The environment.

    Raises:
        CommandError: There is no such profile, a value is malformed, or a secret file is readable for others.
    """
    values: dict[str, Any] = {}
    name = profile or given.get("profile") or environment.get("ZKC_PROFILE") or default_profile(environment)
    if name is not None:
        values = _checked_profile(name, environment)
    own, read_only_by = values, f"the profile {name!r} is read-only"
    if profile is None:
        options = {key: given[key] for key in NAMES if key in given and key != "color"}
        options = {key: _checked(key, value, f"the option --{key.replace('_', '-')}") for key, value in options.items()}
        # An empty variable is none, as in a shell's ${ZKC_TLS:-}.
        texts = {key: environment.get(f"ZKC_{key.upper()}") for key in NAMES if key != "color"}
        variables = {key: _checked(key, text, f"the variable ZKC_{key.upper()}") for key, text in texts.items() if text}
        # --profile is an option, and wins over variables: ZKC_SERVERS must not turn a command to another ensemble.
        layers = [variables, values, options] if given.get("profile") else [values, variables, options]
        values = {}
        for layer in layers:
            if "servers" in layer:
                values.pop("chroot", None)  # It belongs to the servers of a weaker source.
            values.update(layer)
            if "read_only" in layer and layer is not own:
                read_only_by = "--read-only was given" if layer is options else "the variable ZKC_READ_ONLY is set"
        for key in ("user", "password_file"):
            if key in options and not values.get("sasl"):
                text = f"--{key.replace('_', '-')} is for SASL: give the mechanism, too, such as --sasl DIGEST-MD5"
                raise CommandError(text, ExitCode.USAGE, name="usage")
    elif given.get("read_only"):
        values = {**values, "read_only": True}
        read_only_by = "--read-only was given"
    for key in ("timeout", "session_timeout"):
        if key in given:
            values[key] = given[key]
    settings = _settings(values, name)
    is_own = name is not None and settings.servers == _with_chroot(own)
    return dataclasses.replace(settings, ensemble=name if is_own else None, read_only_by=read_only_by)


def _checked(key: str, value: object, place: str) -> Any:
    """Return a value of an option or a variable in its type."""
    try:
        return check_member(key, value)
    except ValueError as error:
        raise CommandError(f"{error} ({place})", ExitCode.USAGE, name="usage") from None


def _checked_profile(name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the members of a profile in their types."""
    members = read_profile(name, environment, NAMES)
    try:
        checked = {key: check_member(key, value) for key, value in members.items()}
        _with_chroot(checked)
    except ValueError as error:
        raise CommandError(
            f"{config_file(environment)}: the profile {name!r}: {error}", ExitCode.USAGE, name="bad_config"
        ) from None
    return checked


def _with_chroot(values: Mapping[str, Any]) -> str:
    """Return the servers with their chroot, without a slash at its end.

    Raises:
        ValueError: There are two chroots.
    """
    addresses, _, own = values.get("servers", DEFAULT_SERVERS).partition("/")
    own = own[:-1] if own.endswith("/") else own
    other = values.get("chroot", "").strip("/")
    if own and other and own != other:
        raise ValueError(f"servers has the chroot /{own}, and chroot is /{other}: give one of them")
    return f"{addresses}/{own or other}" if own or other else addresses


def _settings(values: dict[str, Any], profile: Optional[str]) -> Settings:
    try:
        servers = _with_chroot(values)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE, name="usage") from None
    return Settings(
        servers,
        profile=profile,
        timeout=values.get("timeout", 10.0),
        session_timeout=values.get("session_timeout", 10.0),
        read_only=values.get("read_only", False),
        confirm=values.get("confirm", "ask"),
        prompt_color=values.get("color"),
        admin_ports=parse_ports(values.get("admin_port", 8080)),
        auth=_auth(values.get("auth")),
        tls=_tls(values),
        sasl=_sasl(values),
    )


def parse_ports(value: object) -> tuple[int, ...]:
    """Return the ports of ``8080``, or ``8080,8081,8082``, or a list of them in a profile.

    Raises:
        CommandError: One is no port.
    """
    try:
        return _members.parse_ports(value)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE, name="usage") from None


def _auth(value: object) -> tuple[tuple[str, str], ...]:
    """Read credentials: ``digest:USER:FILE``, or a list of them in a profile."""
    if not value:
        return ()
    texts = [str(each) for each in value] if isinstance(value, (list, tuple)) else [str(value)]
    return tuple(map(read_auth, texts))


def read_auth(text: str) -> tuple[str, str]:
    """Return the scheme and the credentials of ``digest:USER:FILE``, with the password from the file.

    Raises:
        CommandError: The text is malformed, or the file cannot be read.
    """
    scheme, user, file = check_auth(text)
    return scheme, f"{user}:{read_secret(file, f'Password of {user}')}"


def _expanded(file: Optional[str]) -> Optional[str]:
    return os.path.expanduser(file) if file else None


def check_auth(text: str) -> tuple[str, str, str]:
    """Split credentials into the scheme, the user and the file with the password.

    Raises:
        CommandError: They are malformed.
    """
    scheme, _, rest = text.partition(":")
    user, colon, file = rest.partition(":")
    if scheme != "digest" or not colon or not user or not file:
        raise CommandError(
            "auth must be digest:USER:FILE, with the password in FILE (- for a question)", ExitCode.USAGE, name="usage"
        )
    return scheme, user, file


def check_secret_file(file: str) -> None:
    """Raise when others than the owner can read a file with a secret. It may be missing for now.

    Raises:
        CommandError: Others can read it.
    """
    from pathlib import Path

    with contextlib.suppress(FileNotFoundError):
        check_private(Path(file))


def _tls(values: dict[str, Any]) -> Optional[TLS]:
    given = [key for key in ("ca", "cert", "key", "key_password_file", "tls_server_name") if values.get(key)]
    if not (values.get("tls") or values.get("insecure") or given):
        return None
    from zkc.cli._tls_files import check_files
    from zkc.credentials import TLS

    password = values.get("key_password_file")
    ca, certificate, key = (_expanded(values.get(name)) for name in ("ca", "cert", "key"))
    if certificate is None and (key or password):
        option = "--key" if key else "--key-password-file"
        raise CommandError(f"{option} is for a certificate: give its file with --cert", ExitCode.USAGE, name="usage")
    check_files(ca, certificate, key)
    try:
        return TLS(
            ca,
            certificate,
            key,
            read_secret(str(password), "Password of the key") if password else None,
            verify=not values.get("insecure"),
            server_name=values.get("tls_server_name"),
        )
    except ValueError as error:
        raise CommandError(f"the TLS settings: {error}", ExitCode.USAGE, name="usage") from None


def _sasl(values: dict[str, Any]) -> Optional[SASL]:
    mechanism = values.get("sasl")
    if not mechanism:
        return None
    from zkc import build_info
    from zkc.credentials import SASL

    known = build_info()["sasl_mechanisms"]
    unknown = [each for each in str(mechanism).split() if each.upper() not in known]
    if unknown:
        has = f"has {', '.join(known)}" if known else "has none"
        text = f"there is no SASL mechanism {unknown[0]}: this build of the client {has}"
        raise CommandError(text, ExitCode.USAGE, name="usage")
    user, file = values.get("user"), values.get("password_file")
    password = read_secret(str(file), f"Password of {user}") if file else None
    return SASL(str(mechanism), user, password)
