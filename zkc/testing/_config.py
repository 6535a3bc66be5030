"""A server's options, and the configuration files made from them."""

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Optional, TypedDict, Union

if TYPE_CHECKING:
    from .certificates import TLSFiles

_LOGBACK = """\
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{{ISO8601}} [%t] %-5p %c - %m%n</pattern></encoder>
  </appender>
  <root level="{level}"><appender-ref ref="out"/></root>
</configuration>
"""
_LOG4J = """\
log4j.rootLogger={level}, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{{ISO8601}} [%t] %-5p %c - %m%n
"""

# For a short start and little memory, at the price of peak speed. Later arguments win: see Options.jvm_args.
_JVM_ARGUMENTS = (
    "-Xms32m",
    "-Xss512k",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xshare:auto",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    # One thread reads all connections. With several, a server could lose track of one of two connections that ask for
    # one session at the same time. It would stay open without replies, and only its client's read timeout would end it.
    "-Dzookeeper.nio.numSelectorThreads=1",
    "-Dzookeeper.nio.numWorkerThreads=0",
)
_TIMES = (
    "tick_time",
    "min_session_timeout",
    "max_session_timeout",
    "init_limit",
    "sync_limit",
    "container_check_interval",
    "start_timeout",
)
_SASL_NAME = re.compile(r"[A-Za-z0-9_.$*-]+")


class ServerOptions(TypedDict, total=False):
    """The options that :class:`ZooKeeperServer` and :class:`Ensemble` both take, each one by keyword.

    .. versionadded:: 0.1
    """

    #: Folder of the ZooKeeper that runs: a release, or Debian's packages unpacked (default: the one that
    #: ``ZKC_ZOOKEEPER_HOME`` names, else Debian's installed package).
    home: Union[str, os.PathLike[str], None]
    #: Serve TLS too, on a second port. True makes certificates for it, TLSFiles names existing ones (default: False).
    tls: Union[bool, TLSFiles]
    #: Whether a TLS client has to show a certificate: "need" (default), "want" or "none".
    tls_client_auth: str
    #: Users and passwords for SASL DIGEST-MD5 (default: no SASL). With users, FIPS mode of servers since 3.9 is off.
    sasl: Optional[Mapping[str, str]]
    #: Refuse every session that has not authenticated with SASL (default: False).
    sasl_required: bool
    #: Password of the digest user "super", who passes every ACL (default: "super"). None: no such user.
    super_password: Optional[str]
    #: Check no ACL at all (default: False).
    skip_acl: bool
    #: Let a member without a quorum serve read-only sessions (default: False).
    read_only_mode: bool
    #: Length of a tick, in seconds (default: 0.2). Sessions expire with this granularity.
    tick_time: float
    #: Shortest session timeout that is granted, in seconds (default: two ticks).
    min_session_timeout: Optional[float]
    #: Longest session timeout that is granted, in seconds (default: 60).
    max_session_timeout: float
    #: How long a member may take to join its leader, in seconds (default: 10).
    init_limit: float
    #: How long a member may be silent before the others drop it, in seconds (default: 3).
    sync_limit: float
    #: Interval between checks of containers and of znodes with a time to live, in seconds (default: 0.2).
    container_check_interval: float
    #: Serve HTTP too, on a port of its own: the AdminServer, which needs Jetty (default: False).
    admin: bool
    #: Longest request or reply, in bytes (default: the server's own, 1 MiB).
    jute_maxbuffer: Optional[int]
    #: More entries of zoo.cfg; they override those of this package.
    config: Mapping[str, str]
    #: More Java system properties; they override those of this package.
    properties: Mapping[str, str]
    #: More arguments of the Java command; they override those of this package.
    jvm_args: Sequence[str]
    #: Largest heap, as Java's -Xmx takes it (default: "512m").
    heap: str
    #: How much the server logs: "DEBUG", "INFO" (default), "WARN", "ERROR".
    log_level: str
    #: How long a start may take, in seconds (default: 60).
    start_timeout: float


@dataclass(frozen=True)
class Options:
    """The options with their defaults; the names and types are those of :class:`ServerOptions`."""

    home: Union[str, os.PathLike[str], None] = None
    tls: Union[bool, TLSFiles] = False
    tls_client_auth: str = "need"
    sasl: Optional[Mapping[str, str]] = None
    sasl_required: bool = False
    super_password: Optional[str] = "super"
    skip_acl: bool = False
    read_only_mode: bool = False
    tick_time: float = 0.2
    min_session_timeout: Optional[float] = None
    max_session_timeout: float = 60.0
    init_limit: float = 10.0
    sync_limit: float = 3.0
    container_check_interval: float = 0.2
    admin: bool = False
    jute_maxbuffer: Optional[int] = None
    config: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    jvm_args: Sequence[str] = ()
    heap: str = "512m"
    log_level: str = "INFO"
    start_timeout: float = 60.0

    def __post_init__(self) -> None:
        if self.tls_client_auth not in ("need", "want", "none"):
            raise ValueError(f"tls_client_auth must be 'need', 'want' or 'none', not {self.tls_client_auth!r}.")
        for name in _TIMES:
            value = getattr(self, name)
            if value is None and name == "min_session_timeout":
                continue
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}.")
            if not 0.001 <= value < math.inf:
                raise ValueError(f"{name} must be at least 0.001 seconds and finite, not {value!r}.")
        limit: object = self.jute_maxbuffer
        if limit is not None:
            if not isinstance(limit, int) or isinstance(limit, bool):
                raise TypeError(f"jute_maxbuffer must be an int of bytes or None, not {type(limit).__name__}.")
            if not 1 <= limit < 2**31:
                raise ValueError(f"jute_maxbuffer must be from 1 to 2,147,483,647 bytes, not {limit!r}.")
        for user in self.sasl or ():
            # The syntax of the JAAS file has no quoting for other names.
            if not _SASL_NAME.fullmatch(user):
                raise ValueError(f"The name of a SASL user may contain letters, digits and _.$*- only, not {user!r}.")
        if self.sasl_required and not self.sasl:
            raise ValueError("sasl_required needs users: pass sasl={'name': 'password'} too.")

    def zoo_cfg(self, data: Path) -> dict[str, str]:
        """Return the entries of zoo.cfg that do not depend on ports.

        :param data: the data folder.
        """
        tick = _milliseconds(self.tick_time)
        entries = {
            "tickTime": str(tick),
            "minSessionTimeout": str(2 * tick if self.min_session_timeout is None
                                     else _milliseconds(self.min_session_timeout)),
            "maxSessionTimeout": str(_milliseconds(self.max_session_timeout)),
            "initLimit": str(max(1, round(self.init_limit / self.tick_time))),
            "syncLimit": str(max(1, round(self.sync_limit / self.tick_time))),
            "dataDir": str(data),
            "maxClientCnxns": "0",
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "*",
            "reconfigEnabled": "true",
            "extendedTypesEnabled": "true",
        }  # fmt: skip
        if self.read_only_mode:
            # Without a quorum a server makes local sessions only. Only an upgraded session may own ephemerals.
            entries["localSessionsEnabled"] = "true"
            entries["localSessionsUpgradingEnabled"] = "true"
        if self.sasl:
            entries["authProvider.sasl"] = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"
        if self.sasl_required:
            entries["sessionRequireClientSASLAuth"] = "true"
        return entries

    def tls_cfg(self, keystore: Path, truststore: Path) -> dict[str, str]:
        """Return the entries of zoo.cfg for TLS.

        :param keystore: PEM file with the server's certificate and key.
        :param truststore: PEM file with the authority of the clients' certificates.
        """
        return {
            # The default factory, NIO, does not support TLS.
            "serverCnxnFactory": "org.apache.zookeeper.server.NettyServerCnxnFactory",
            "ssl.keyStore.location": str(keystore),
            "ssl.keyStore.type": "PEM",
            "ssl.trustStore.location": str(truststore),
            "ssl.trustStore.type": "PEM",
            "ssl.clientAuth": self.tls_client_auth,
        }

    def system_properties(self) -> dict[str, str]:
        """Return the Java system properties; the server reads some settings only there."""
        properties = {
            "zookeeper.forceSync": "no",
            # No room in advance: a server of 3.9.6 forgets what of a batch is in the file already, and can end the room
            # with a zero within a transaction (since ZOOKEEPER-4714). Its next start fails: "CRC check failed".
            "zookeeper.preAllocSize": "0",
            "zookeeper.jmx.log4j.disable": "true",
            "zookeeper.skipACL": "yes" if self.skip_acl else "no",
            "znode.container.checkIntervalMs": str(_milliseconds(self.container_check_interval)),
            "readonlymode.enabled": str(self.read_only_mode).lower(),
            "org.slf4j.simpleLogger.defaultLogLevel": self.log_level.lower(),
            "org.slf4j.simpleLogger.showDateTime": "true",
            "org.slf4j.simpleLogger.dateTimeFormat": "yyyy-MM-dd HH:mm:ss,SSS",
        }
        if self.sasl:
            # Servers since 3.9 have FIPS mode on, in which they refuse DIGEST-MD5. Older ones do not know the property.
            properties["zookeeper.fips-mode"] = "false"
        if self.jute_maxbuffer is not None:
            properties["jute.maxbuffer"] = str(self.jute_maxbuffer)
        if self.super_password is not None:
            digest = base64.b64encode(hashlib.sha1(f"super:{self.super_password}".encode()).digest()).decode()
            properties["zookeeper.DigestAuthenticationProvider.superDigest"] = f"super:{digest}"
        properties.update(self.properties)
        return properties

    def java_arguments(self, class_path: str, conf: Path) -> list[str]:
        """Return the arguments of the Java command, up to the path of zoo.cfg.

        :param class_path: where ZooKeeper's jars are.
        :param conf: the folder with the files of :meth:`write_conf`.
        """
        properties = self.system_properties()
        if self.sasl:
            properties.setdefault("java.security.auth.login.config", str(conf / "jaas.conf"))
        return [
            *_JVM_ARGUMENTS,
            f"-Xmx{self.heap}",
            *(f"-D{name}={value}" for name, value in properties.items()),
            *self.jvm_args,
            "-cp",
            f"{conf}:{class_path}",
            "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        ]

    def write_conf(self, conf: Path, zoo_cfg: Mapping[str, str]) -> None:
        """Write zoo.cfg, and the files of logging and SASL.

        :param conf: an existing folder.
        :param zoo_cfg: the entries of zoo.cfg; those of the option ``config`` override them.
        """
        entries = {**zoo_cfg, **self.config}
        lines = [f"{name}={value}\n" for name, value in entries.items()]
        (conf / "zoo.cfg").write_text("".join(lines), encoding="utf-8")
        # The logging backend of an unpacked release reads one of these two. Debian's backend reads system properties.
        (conf / "logback.xml").write_text(_LOGBACK.format(level=self.log_level), encoding="utf-8")
        (conf / "log4j.properties").write_text(_LOG4J.format(level=self.log_level), encoding="utf-8")
        if self.sasl:
            jaas = conf / "jaas.conf"
            jaas.touch(mode=0o600)
            jaas.write_text(_jaas(self.sasl), encoding="utf-8")


def _jaas(users: Mapping[str, str]) -> str:
    """Return the JAAS file that gives the server its SASL users."""
    lines = [f"  user_{name}={_quoted(password)}" for name, password in users.items()]
    module = "org.apache.zookeeper.server.auth.DigestLoginModule"
    return "\n".join(["Server {", f"  {module} required", *lines, "  ;", "};", ""])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
