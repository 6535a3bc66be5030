"""Build the libraries that the extension links against, or find them on the machine.

``prepare()`` returns compiler and linker settings to setup.py, for one of two linkages:

- *static* (the default): libzookeeper and Cyrus SASL from the archives that lock.json pins, compiled into
  build/vendor/<key>/. The key is a hash of all inputs. So a second build reuses the result of the first, and a changed
  patch or flag makes a new build.
- *system* (``ZKC_LIBZOOKEEPER=system``): an installed libzookeeper_mt, without TLS and SASL as the distributions build
  it.

About assertions: NDEBUG is **not** defined. The patches add error handling for every ``assert`` of libzookeeper that
bytes from a server can reach (a surplus reply, a multi reply that disagrees with its request). They do the same for a
failed thread creation. The remaining assertions check the consistency of the library's own lists. If one of them
fails, continuing would be worse than ending with the place of the failure.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import components
import fetch
import jute
import openssl
import patching
from components import Component
from staging import publish, staging_folder
from toolchain import BuildError, Toolchain

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ADAPTOR = ROOT / "src" / "adaptor"
_OWN_WARNINGS = ["-Wall", "-Wextra"]

# Most functions of the bundled libraries are never called: the linker drops them. Apple's has another option for it.
_DROP_UNUSED = "-Wl,-dead_strip" if sys.platform == "darwin" else "-Wl,--gc-sections"
# Code that reads bytes from a network ends the process instead of returning through an overwritten stack.
_GUARD = "-fstack-protector-strong"

# Bump when the build changes in a way that its other inputs do not show.
_RECIPE = 2

# The mechanisms of Cyrus SASL with config/sasl/config.h; a test compares them with the library's own list.
MECHANISMS = "DIGEST-MD5 EXTERNAL PLAIN SCRAM-SHA-1 SCRAM-SHA-224 SCRAM-SHA-256 SCRAM-SHA-384 SCRAM-SHA-512"


@dataclass(frozen=True)
class LinkSettings:
    """Settings that setup.py passes to setuptools for the extension."""

    linkage: str  # "static" or "system"
    include_dirs: list[str]
    define_macros: list[tuple[str, str]]
    extra_compile_args: list[str]
    extra_link_args: list[str]
    libraries: list[str]
    library_dirs: list[str] = field(default_factory=list)
    extra_objects: list[str] = field(default_factory=list)


def prepare() -> LinkSettings:
    """Prepare the libraries and return the settings to compile and link against them.

    Returns:
        The settings for the extension.

    Raises:
        BuildError: something is missing; the message is one sentence that names it and the remedy.
    """
    wanted = linkage()
    tools = Toolchain.from_environment()
    tools.require()
    return _system(tools) if wanted == "system" else _static(tools)


def linkage() -> str:
    """Return the linkage of libzookeeper: ``static`` for the bundled one, or ``system``.

    Raises:
        BuildError: ``ZKC_LIBZOOKEEPER`` is neither.
    """
    wanted = os.environ.get("ZKC_LIBZOOKEEPER", "static")
    if wanted not in ("static", "system"):
        raise BuildError(f"ZKC_LIBZOOKEEPER={wanted!r} is neither 'static' (the default) nor 'system'")
    return wanted


def _static(tools: Toolchain) -> LinkSettings:
    folder = build_libraries(tools)
    macros = [(name, "1") for name in components.FEATURES]
    lock = fetch.read_lock()
    bundled = build_openssl(tools)
    return LinkSettings(
        linkage="static",
        include_dirs=[
            *(str(path / "include") for path in (folder, bundled) if path),
            str(folder / "include" / "zookeeper"),
        ],
        define_macros=[
            *macros,
            ("ZKC_LINKAGE", '"static"'),
            ("ZKC_ADAPTOR", f'"{adaptor()}"'),
            *([("ZKC_OWN_ADAPTOR", "1")] if adaptor() == "own" else []),
            # patches/zookeeper/0006, for src/bridge/compat.h
            ("ZKC_PATCHED_MULTI_CREATE2", "1"),
            # patches/zookeeper/0028, for the same header
            ("ZKC_PATCHED_KEEP_PACKET", "1"),
            # patches/zookeeper/0039, for the same header
            ("ZKC_PATCHED_LAST_ANSWERED", "1"),
            # The calls of 3.6 and later: patches 0040 and 0041.
            ("ZKC_PATCHED_PERSISTENT_WATCHES", "1"),
            ("ZKC_SASL_VERSION", f'"{lock["cyrus-sasl"]["version"]}"'),
            ("ZKC_SASL_MECHANISMS", f'"{MECHANISMS}"'),
            *([("ZKC_BUNDLED_OPENSSL", "1")] if bundled else []),
        ],
        extra_compile_args=_own_flags(tools),
        extra_link_args=[*_export_flags(), _DROP_UNUSED, *tools.link_flags],
        libraries=["pthread"] if bundled else ["ssl", "crypto", "pthread"],
        # libzookeeper first, because it needs the others.
        extra_objects=[
            *(str(folder / "lib" / f"lib{component.library}.a") for component in reversed(components.COMPONENTS)),
            *(str(bundled / "lib" / name) for name in ("libssl.a", "libcrypto.a") if bundled),
        ],
    )


def _system(tools: Toolchain) -> LinkSettings:
    prefix = os.environ.get("ZKC_LIBZOOKEEPER_PREFIX", "/usr")
    include = Path(prefix, "include", "zookeeper")
    flags = [f"-I{include}", "-DTHREADED"]
    # zoo_aremove_watches and TTL came with 3.5: older versions lack calls that the extension offers.
    probe = (
        "#include <zookeeper.h>\n#include <zookeeper_version.h>\n"
        "#if ZOO_MAJOR_VERSION < 3 || (ZOO_MAJOR_VERSION == 3 && ZOO_MINOR_VERSION < 5)\n#error libzookeeper is "
        "older than 3.5\n#endif\n"
        "int main(void) { return zookeeper_init(0, 0, 0, 0, 0, 0) != 0; }\n"
    )
    probe = probe if _version_is_numeric(include) else probe.replace("#if ZOO_MAJOR", "#if 0 && ZOO_MAJOR")
    complaint = tools.compiles(probe, *flags, link=(f"-L{prefix}/lib", "-lzookeeper_mt"))
    if complaint is not None:
        raise BuildError(
            f"ZKC_LIBZOOKEEPER=system, but no libzookeeper_mt of 3.5 or later can be linked "
            f"({complaint.splitlines()[0]}): install its development "
            "files (Debian and Ubuntu: apt-get install libzookeeper-mt-dev), set ZKC_LIBZOOKEEPER_PREFIX, or "
            "unset ZKC_LIBZOOKEEPER to build it"
        )
    return LinkSettings(
        linkage="system",
        include_dirs=[str(include)],
        define_macros=[("THREADED", "1"), ("ZKC_LINKAGE", '"system"'), ("ZKC_SYSTEM_LIBZOOKEEPER", "1")],
        extra_compile_args=_own_flags(tools),
        extra_link_args=[*_export_flags(), *tools.link_flags],
        libraries=["zookeeper_mt", "pthread"],
        library_dirs=[] if prefix == "/usr" else [str(Path(prefix, "lib"))],
    )


def _version_is_numeric(include: Path) -> bool:
    header = include / "zookeeper_version.h"
    return (
        header.is_file()
        and re.search(r"#define\s+ZOO_MAJOR_VERSION\s+\d", header.read_text(encoding="utf-8")) is not None
    )


def _own_flags(tools: Toolchain) -> list[str]:
    return [*tools.flags, _GUARD, "-std=gnu11"]


def _export_flags() -> list[str]:
    if sys.platform == "darwin":
        return ["-Wl,-exported_symbol,_PyInit__zookeeper"]
    return [f"-Wl,--version-script={components.CONFIG / 'exports.map'}"]


def adaptor() -> str:
    """Return the adaptor that libzookeeper is built with: ``own``, or ``stock`` for libzookeeper's.

    Raises:
        BuildError: ``ZKC_ADAPTOR`` is neither.
    """
    wanted = os.environ.get("ZKC_ADAPTOR", "own")
    if wanted not in ("own", "stock"):
        raise BuildError(f"ZKC_ADAPTOR={wanted!r} is neither 'own' (the default) nor 'stock'")
    return wanted


def _components() -> list[Component]:
    own = adaptor() == "own"
    return [
        components.with_own_adaptor(component) if own and component is components.ZOOKEEPER else component
        for component in components.COMPONENTS
    ]


def _own_files() -> list[Path]:
    """List the files of src/adaptor/ that are compiled into a component, and their headers."""
    names = {name for component in _components() for name in component.own_sources}
    return [*(ADAPTOR / name for name in sorted(names)), *sorted(ADAPTOR.glob("*.h"))]


def build_key(tools: Toolchain, lock: dict[str, Any]) -> str:
    """Compute the name of a build: a hash of everything that goes into it."""
    sha = hashlib.sha256()

    def add(*parts: object) -> None:
        sha.update(json.dumps([str(part) for part in parts]).encode())

    add("recipe", _RECIPE, tools.identity, shlex.join(tools.flags), json.dumps(lock, sort_keys=True), adaptor())
    for path in sorted(
        [*components.CONFIG.rglob("*"), *components.PATCHES.rglob("*.patch"), HERE / "jute.py", HERE / "components.py"]
    ):
        if path.is_file():
            add(path.relative_to(HERE), path.read_text(encoding="utf-8"))
    for path in _own_files():
        add(path.name, path.read_text(encoding="utf-8"))
    if openssl.is_static():
        add(openssl.target(), (HERE / "openssl.py").read_text(encoding="utf-8"))
    return sha.hexdigest()[:16]


def _base() -> Path:
    return Path(os.environ.get("ZKC_BUILD_DIR", ROOT / "build")) / "vendor"


def build_openssl(tools: Toolchain) -> Optional[Path]:
    """Build OpenSSL if it is to be part of the extension; else check that the machine has it.

    Returns:
        A folder with ``include/`` and ``lib/``, or None for the machine's.

    Raises:
        BuildError: OpenSSL cannot be fetched or built, or the machine has none.
    """
    if openssl.is_static():
        return openssl.build(tools, fetch.read_lock(), _base())
    tools.require_openssl()
    return None


def build_libraries(tools: Optional[Toolchain] = None) -> Path:
    """Build the static libraries, or reuse a build with the same inputs.

    Returns:
        A folder with ``include/`` and ``lib/``.

    Raises:
        BuildError: a source cannot be fetched, a patch does not apply, or a file does not compile.
    """
    tools = tools or Toolchain.from_environment()
    lock = fetch.read_lock()
    return _build_into(_base() / build_key(tools, lock), _components(), lock, tools)


def build_unpatched(tools: Optional[Toolchain] = None) -> Path:
    """Build libzookeeper as upstream released it, or reuse a build with the same inputs; benchmarks compare with it.

    Args:
        tools: the compiler and its flags; those of the environment if None.

    Returns:
        A folder with ``include/`` and ``lib/``.

    Raises:
        BuildError: a source cannot be fetched, or a file does not compile.
    """
    tools = tools or Toolchain.from_environment()
    lock = fetch.read_lock()
    target = _base() / f"{build_key(tools, lock)}-unpatched"
    return _build_into(target, [components.unpatched(components.ZOOKEEPER)], lock, tools)


def _build_into(target: Path, wanted: list[Component], lock: dict[str, Any], tools: Toolchain) -> Path:
    """Build components into a folder, unless it exists."""
    if target.is_dir():
        return target
    bundled = build_openssl(tools)
    try:
        with staging_folder(target.parent) as working:
            fetcher = fetch.Fetcher(lock)
            (working / "lib").mkdir()
            for component in wanted:
                version = lock[component.name]["version"]
                _build(component, version, fetcher.fetch(component.name), working, tools, bundled)
            publish(working, target)
    except (fetch.FetchError, patching.PatchError, jute.JuteError) as error:
        raise BuildError(str(error)) from error
    return target


def _build(
    component: Component, version: str, archive: Path, working: Path, tools: Toolchain, bundled: Optional[Path]
) -> None:
    fetch.say(f"building {component.name} {version}{f' with {tools.sanitizer} sanitizer' if tools.sanitizer else ''}")
    tree = working / "src" / f"{component.name}-{version}"
    _unpack(component, archive, tree)
    for patch in component.patches:
        patching.apply(patch, tree)
    if component.interface:
        source = tree / component.interface
        (tree / "generated").mkdir()
        for name, text in jute.generate(source.read_text(encoding="utf-8"), source.name, hardened=True).items():
            (tree / "generated" / name).write_text(text, encoding="utf-8")
    headers = working / "include" / component.header_folder
    headers.mkdir(parents=True)
    for header in component.headers:
        shutil.copy(tree / header, headers)
    flags = [
        f"-std={component.std}",
        f"-I{component.config}",
        *(f"-I{tree / folder}" for folder in component.include_dirs),
    ]
    flags += [
        f"-I{working / 'include'}",
        *([f"-I{bundled / 'include'}"] if bundled else []),
        f'-DZKC_COMPONENT_VERSION="{version}"',
        *(f"-D{name}" for name in component.defines),
    ]
    # Traces and debuggers show the component's path, not the name of a temporary folder.
    flags += [f"-ffile-prefix-map={working / 'src'}=vendor", "-Wno-deprecated-declarations", "-Wno-attributes"]
    flags += ["-Werror=implicit-function-declaration", _GUARD]
    objects = working / "objects" / component.name
    objects.mkdir(parents=True)
    hooks = {source: [f"-I{ADAPTOR}", "-include", str(ADAPTOR / header)] for source, header in component.hooks}
    jobs = [
        ([*flags, *hooks.get(name, [])], tree / name, objects / (Path(name).stem + ".o")) for name in component.sources
    ]
    jobs += [
        ([*flags, "-std=gnu11", *_OWN_WARNINGS], ADAPTOR / name, objects / f"own-{Path(name).stem}.o")
        for name in component.own_sources
    ]
    tools.compile_all(jobs)
    tools.archive(working / "lib" / f"lib{component.library}.a", [target for _, _, target in jobs])


def _unpack(component: Component, archive: Path, target: Path) -> None:
    """Unpack an archive's C sources, without its top folder and the files that are not compiled."""
    wanted = (".c", ".h", ".jute")
    roots = {name.split("/")[0] for name in (*component.sources, *component.headers, component.interface) if name}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = Path(*Path(member.name).parts[1:])
                if not member.isfile() or name.suffix not in wanted or name.parts[0] not in roots or ".." in name.parts:
                    continue
                content = tar.extractfile(member)
                assert content is not None  # a regular file has content
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).write_bytes(content.read())
    except tarfile.TarError as error:
        raise BuildError(
            f"{archive} cannot be unpacked ({error}): this Python may lack the lzma module; install liblzma's headers "
            f"and build Python again"
        ) from error


def main() -> None:
    """Build the static libraries, or OpenSSL alone with the argument ``openssl``, and print their folder."""
    only_openssl = sys.argv[1:] == ["openssl"]
    try:
        print(build_openssl(Toolchain.from_environment()) if only_openssl else build_libraries())
    except BuildError as error:
        sys.exit(f"zkc: error: {error}")


if __name__ == "__main__":
    main()
