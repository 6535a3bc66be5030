"""The components that are built, with the files of each and the way to compile them.

A release that adds a file, or a file replaced by one of ours, needs a change here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

CONFIG = Path(__file__).resolve().with_name("config")
PATCHES = Path(__file__).resolve().with_name("patches")

# The static library is complete only with all of these; zookeeper.h shows what each adds.
FEATURES = ("THREADED", "HAVE_OPENSSL_H", "HAVE_CYRUS_SASL_H")


@dataclass(frozen=True)
class Component:
    """One static library built from one archive."""

    name: str  # as in lock.json
    library: str  # lib<library>.a
    root: str  # the folder inside the archive, below its single top folder, that all paths here are relative to
    sources: tuple[str, ...]
    headers: tuple[str, ...]  # the headers that other code may include
    header_folder: str  # their folder below include/
    include_dirs: tuple[str, ...]
    defines: tuple[str, ...]
    config: Path  # the folder with our config.h
    interface: str = ""  # a .jute file to generate C from
    own_sources: tuple[str, ...] = ()  # files of src/adaptor/ compiled with it, and replacing files of the archive
    hooks: tuple[tuple[str, str], ...] = ()  # (source, header of src/adaptor/ to include before its first line)
    std: str = "gnu99"
    patched: bool = True  # False: the source as upstream released it

    @property
    def patches(self) -> list[Path]:
        """Our changes to the source, in the order of their names."""
        return sorted((PATCHES / self.name).glob("*.patch")) if self.patched else []


CYRUS_SASL = Component(
    name="cyrus-sasl",
    library="sasl2",
    root=".",
    sources=(
        *(
            f"lib/{name}.c"
            for name in ("auxprop", "canonusr", "checkpw", "client", "common", "config", "dlopen", "external")
        ),
        *(f"lib/{name}.c" for name in ("md5", "saslutil", "server", "seterror")),
        "common/plugin_common.c",
        *(f"plugins/{name}.c" for name in ("digestmd5", "plain", "scram")),
        *(f"plugins/{name}_init.c" for name in ("digestmd5", "plain", "scram")),
    ),
    headers=("include/sasl.h", "include/prop.h"),
    header_folder="sasl",
    include_dirs=("include", "lib", "common", "plugins"),
    # PIC must not be defined although the objects are position independent: to these sources it means "I am a plugin".
    defines=("LIBSASL_EXPORTS=1",),
    config=CONFIG / "sasl",
)

_CLIENT = "zookeeper-client/zookeeper-client-c"

ZOOKEEPER = Component(
    name="zookeeper",
    library="zookeeper_mt",
    root=".",
    sources=(
        *(
            f"{_CLIENT}/src/{name}.c"
            for name in ("addrvec", "recordio", "zk_hashtable", "zk_log", "zk_sasl", "zookeeper")
        ),
        f"{_CLIENT}/src/mt_adaptor.c",
        f"{_CLIENT}/src/hashtable/hashtable.c",
        f"{_CLIENT}/src/hashtable/hashtable_itr.c",
        "generated/zookeeper.jute.c",
    ),
    headers=(
        *(
            f"{_CLIENT}/include/{name}.h"
            for name in ("proto", "recordio", "zookeeper", "zookeeper_log", "zookeeper_version")
        ),
        "generated/zookeeper.jute.h",
    ),
    header_folder="zookeeper",
    include_dirs=(f"{_CLIENT}/include", f"{_CLIENT}/src", "generated"),
    defines=FEATURES,
    config=CONFIG / "zookeeper",
    interface="zookeeper-jute/src/main/resources/zookeeper.jute",
)

_STOCK_ADAPTOR = f"{_CLIENT}/src/mt_adaptor.c"


def with_own_adaptor(component: Component) -> Component:
    """Return libzookeeper with our adaptor instead of its own, and its socket calls redirected to our transport."""
    return replace(
        component,
        sources=tuple(name for name in component.sources if name != _STOCK_ADAPTOR),
        own_sources=(
            "adaptor.c",
            "inline_io.c",
            "locks.c",
            "transport.c",
            "wakeup.c",
        ),
        hooks=((f"{_CLIENT}/src/zookeeper.c", "transport_hooks.h"),),
    )


def unpatched(component: Component) -> Component:
    """Return libzookeeper as upstream released it: its own adaptor, none of our patches, and no SASL."""
    return replace(
        component,
        sources=tuple(name for name in component.sources if not name.endswith("/zk_sasl.c")),
        defines=tuple(name for name in component.defines if name != "HAVE_CYRUS_SASL_H"),
        patched=False,
    )


# In build order: libzookeeper includes Cyrus SASL's headers.
COMPONENTS = (CYRUS_SASL, ZOOKEEPER)
