"""Fixtures of the tests of vendor/: libraries, C programs and scripted servers."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .adaptor_support import CONNECTED
from .scripted_server import Connection, ScriptedServer, SteeredClient

ROOT = Path(__file__).resolve().parents[2]

# Not ZKC_ADAPTOR: it says which of the two libraries is tested.
STEERING = (
    "CC",
    "CFLAGS",
    "LDFLAGS",
    "AR",
    "ZKC_LIBZOOKEEPER",
    "ZKC_LIBZOOKEEPER_PREFIX",
    "ZKC_SANITIZE",
    "ZKC_BUILD_DIR",
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test without the variables that steer a build."""
    for name in (*STEERING, "ZKC_VENDOR_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def libraries() -> Callable[[str], Path]:
    """Return a function that builds the static libraries, plain or with a sanitizer, once."""
    made: dict[str, Path] = {}

    def build(sanitizer: str = "") -> Path:
        if sanitizer not in made:
            environment = {name: value for name, value in os.environ.items() if name not in STEERING}
            run = subprocess.run(
                [sys.executable, str(ROOT / "vendor" / "build.py")],
                env={**environment, "ZKC_SANITIZE": sanitizer},
                capture_output=True,
                text=True,
                check=False,
            )
            assert run.returncode == 0, run.stderr
            made[sanitizer] = Path(run.stdout.strip())
        return made[sanitizer]

    return build


@pytest.fixture(scope="session")
def link_program(
    libraries: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """Return a function that compiles a C program of this folder against the static libraries."""

    def link(name: str, sanitizer: str = "") -> Path:
        import components

        built = libraries(sanitizer)
        program = tmp_path_factory.mktemp("program") / Path(name).stem
        command = [
            *shlex.split(os.environ.get("CC", "gcc")),
            *(["-fsanitize=" + sanitizer] if sanitizer else []),
            *(f"-D{feature}" for feature in components.FEATURES),
            "-Wall",
            "-g",
            f"-I{built / 'include'}",
            f"-I{built / 'include' / 'zookeeper'}",
            f"-I{ROOT / 'src' / 'adaptor'}",
            # its internal header, for a program that looks inside
            *(f"-I{folder}" for folder in built.glob("src/zookeeper-*/zookeeper-client/zookeeper-client-c/src")),
            str(Path(__file__).with_name(name)),
            *(str(built / "lib" / f"lib{component.library}.a") for component in reversed(components.COMPONENTS)),
            "-lssl",
            "-lcrypto",
            "-lpthread",
            "-o",
            str(program),
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return program

    return link


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Return a function that starts a scripted server, closed at the end."""
    servers: list[ScriptedServer] = []

    def start(script: Callable[[Connection], None], **options: Any) -> ScriptedServer:
        servers.append(ScriptedServer(script, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def steered_client(link_program: Callable[..., Path]) -> Path:
    """The program, with AddressSanitizer, which also looks for leaks at its end."""
    return link_program("steered_client.c", "address")


@pytest.fixture
def steer(steered_client: Path) -> Iterator[Callable[..., SteeredClient]]:
    """Return a function that starts a steered client, ended at the end."""
    clients: list[SteeredClient] = []

    def start(hosts: str, *arguments: str, timeout: int = 20000) -> SteeredClient:
        clients.append(SteeredClient(steered_client, hosts, timeout, *arguments))
        return clients[-1]

    yield start
    for client in clients:
        client.end()


@pytest.fixture(scope="session")
def adaptor_client(link_program: Callable[..., Path]) -> Path:
    """The program, with AddressSanitizer."""
    return link_program("adaptor_client.c", "address")


@pytest.fixture
def start(adaptor_client: Path) -> Iterator[Callable[..., SteeredClient]]:
    """Return a function that starts an adaptor client, connected unless asked otherwise, and ended at the end."""
    clients: list[SteeredClient] = []

    def start_one(hosts: str, *arguments: str, timeout: int = 20000, connected: bool = True) -> SteeredClient:
        clients.append(SteeredClient(adaptor_client, hosts, timeout, *arguments))
        if connected:
            clients[-1].hears(f"state {CONNECTED}")
        return clients[-1]

    yield start_one
    for client in clients:
        client.end()
