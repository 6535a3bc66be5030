"""The list of wheels: the Pythons and the machines that they are for."""

from __future__ import annotations

from dataclasses import dataclass

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
"""The Pythons that get a separate wheel on every platform."""

LIMITED = "3.11"
"""The Python whose stable ABI the wheel for later Pythons uses."""


@dataclass(frozen=True)
class Platform:
    """A kind of machine that a wheel is for."""

    tag: str  # of the wheel
    zig: str  # the compiler's name for it
    openssl: str  # OpenSSL's name for it
    soabi: str  # the end of the names of its extension modules

    @property
    def short(self) -> str:
        """Its name in messages."""
        return f"{self.machine} with {self.libc}"

    @property
    def machine(self) -> str:
        """Its processor, as ``uname -m`` prints it."""
        return self.zig.split("-")[0]

    @property
    def libc(self) -> str:
        """``glibc`` or ``musl``."""
        return "musl" if "musl" in self.zig else "glibc"

    @property
    def glibc(self) -> str:
        """The oldest glibc that it runs with; empty for musl."""
        return self.zig.partition("gnu.")[2]


PLATFORMS = (
    Platform("manylinux2014_x86_64.manylinux_2_17_x86_64", "x86_64-linux-gnu.2.17", "linux-x86_64", "x86_64-linux-gnu"),
    Platform(
        "manylinux2014_aarch64.manylinux_2_17_aarch64", "aarch64-linux-gnu.2.17", "linux-aarch64", "aarch64-linux-gnu"
    ),
    Platform("musllinux_1_2_x86_64", "x86_64-linux-musl", "linux-x86_64", "x86_64-linux-musl"),
    Platform("musllinux_1_2_aarch64", "aarch64-linux-musl", "linux-aarch64", "aarch64-linux-musl"),
)


@dataclass(frozen=True)
class Variant:
    """One wheel: a Python, or the stable ABI, on a platform."""

    platform: Platform
    python: str  # "3.12"
    limited: bool = False

    @property
    def interpreter(self) -> str:
        """The Python tag."""
        return "cp" + self.python.replace(".", "")

    @property
    def abi(self) -> str:
        """The ABI tag."""
        return "abi3" if self.limited else self.interpreter

    @property
    def tag(self) -> str:
        """All tags, as in the wheel's name."""
        return f"{self.interpreter}-{self.abi}-{self.platform.tag}"

    @property
    def suffix(self) -> str:
        """The end of the extension module's name.

        A module of the stable ABI has one name on all platforms. Before 3.11, Python itself calls musl "gnu" in these
        names, but Alpine's builds of the same Pythons do not. Both find the name ``.so`` without either.
        """
        if self.limited:
            return ".abi3.so"
        if self.platform.libc == "musl" and self.python in ("3.9", "3.10"):
            return ".so"
        return f".cpython-{self.python.replace('.', '')}-{self.platform.soabi}.so"


def variants(platforms: tuple[Platform, ...] = PLATFORMS) -> list[Variant]:
    """List all wheels of these platforms."""
    return [
        variant
        for platform in platforms
        for variant in (*(Variant(platform, python) for python in PYTHONS), Variant(platform, LIMITED, limited=True))
    ]
