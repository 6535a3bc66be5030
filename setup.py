"""Build the extension module zkc._zookeeper. pyproject.toml describes the rest of the package."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    sys.exit(
        "zkc: error: this setuptools is too old: run `pip install .`, which brings one, or pip install 'setuptools>=77'"
    )

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "vendor"))

# After the line above: vendor/ is not a package, and is on the path only now.
import build as vendor_build  # noqa: E402
import bundled  # noqa: E402
from toolchain import BuildError  # noqa: E402

# For our own C. In the C that Cython generates, these warnings cannot be fixed, and would hide the others.
STRICT_WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wpointer-arith"]
GENERATED_WARNINGS = ["-Wno-unused-function", "-Wno-unused-parameter", "-Wno-deprecated-declarations"]


# For a Python that does not run here: its headers, and the suffix of its extension modules. See tools/wheels.
CROSS_INCLUDE, CROSS_SUFFIX = os.environ.get("ZKC_CROSS_INCLUDE"), os.environ.get("ZKC_CROSS_SUFFIX")
# "3.11": one extension for that Python and all later ones, by the stable ABI.
LIMITED = os.environ.get("ZKC_LIMITED_API", "")
if LIMITED not in ("", "3.11"):
    sys.exit(f"zkc: error: ZKC_LIMITED_API={LIMITED!r} is not '3.11', the only stable ABI that the extension supports")


class BuildExtension(build_ext):
    """The command that prepares libzookeeper, translates Cython to C, and reports in one sentence what is missing."""

    def run(self) -> None:
        # `./dev` builds in place, then lets pip install the metadata alone.
        if os.environ.get("ZKC_BUILD_EXTENSION") == "0":
            return
        with _in_one_sentence():
            self._configure()
        super().run()

    def _configure(self) -> None:
        settings = vendor_build.prepare()
        for extension in self.extensions:
            for name in (
                "define_macros",
                "extra_compile_args",
                "extra_link_args",
                "libraries",
                "library_dirs",
                "extra_objects",
            ):
                getattr(extension, name).extend(getattr(settings, name))
            extension.include_dirs += ["src", *settings.include_dirs, *([CROSS_INCLUDE] if CROSS_INCLUDE else [])]
            extension.depends += settings.extra_objects
        # Cython compares time stamps by itself, and its output does not depend on the settings.
        for extension, translated in zip(self.extensions, _cythonize(self.extensions, force=bool(self.force))):
            extension.sources = translated.sources
        self._rebuild_if_changed(json.dumps([dataclasses.asdict(settings), sys.version], sort_keys=True))

    def _rebuild_if_changed(self, settings: str) -> None:
        """Force a build when the settings differ from those of the last build: time stamps do not show that."""
        stamp = Path(self.build_temp, "zkc-settings.json")
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != settings:
            self.force = True
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(settings, encoding="utf-8")

    def get_ext_filename(self, fullname: str) -> str:
        name: str = super().get_ext_filename(fullname)
        return "/".join(fullname.split(".")) + CROSS_SUFFIX if CROSS_SUFFIX else name

    def build_extensions(self) -> None:
        compile_one = self.compiler._compile

        # setuptools' method has no types either.
        def compile_with_warnings(obj, src, ext, cc_args, extra_postargs, pp_opts):  # type: ignore[no-untyped-def]
            own = Path(src).parent.name == "bridge"
            warnings = STRICT_WARNINGS if own else GENERATED_WARNINGS
            compile_one(obj, src, ext, cc_args, [*extra_postargs, *warnings], pp_opts)

        self.compiler._compile = compile_with_warnings
        super().build_extensions()


class Wheel(bdist_wheel):
    """The command that adds the licences and a bill of materials of the libraries inside the extension."""

    def egg2dist(self, egginfo_path: str, distinfo_path: str) -> None:
        super().egg2dist(egginfo_path, distinfo_path)
        # pip also asks for the metadata alone, to find zkc's requirements: fetch no archive for that.
        with _in_one_sentence():
            if vendor_build.linkage() != "static":
                return
            names, expression = bundled.texts(), bundled.expression()
        metadata = Path(distinfo_path, "METADATA")
        listed = "".join(f"License-File: bundled/{name}\n" for name in names)
        text = metadata.read_text(encoding="utf-8")
        text = text.replace("License-Expression: Apache-2.0\n", f"License-Expression: {expression}\n", 1)
        text = text.replace("License-File: LICENSE\n", f"License-File: LICENSE\n{listed}", 1)
        metadata.write_text(text, encoding="utf-8")

    def write_wheelfile(self, wheelfile_base: str, *arguments: str, **options: str) -> None:
        super().write_wheelfile(wheelfile_base, *arguments, **options)
        with _in_one_sentence():
            if vendor_build.linkage() != "static":
                return
            texts = bundled.licences()
            bill = bundled.bill_of_materials(self.distribution.get_version())
        files = {f"licenses/bundled/{name}": text for name, text in texts.items()}
        for name, text in {**files, "sboms/zkc.cdx.json": bill.encode()}.items():
            target = Path(wheelfile_base, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)


@contextlib.contextmanager
def _in_one_sentence() -> Iterator[None]:
    """Exit with the message of a BuildError, without a traceback."""
    try:
        yield
    except BuildError as error:
        raise SystemExit(f"zkc: error: {error}") from None


def _cythonize(extensions: list[Extension], *, force: bool) -> list[Extension]:
    try:
        from Cython.Build import cythonize
        from Cython.Compiler.Errors import CompileError
        from Cython.Compiler.Version import version
    except ImportError:
        raise BuildError(
            "Cython is missing: run `pip install .`, which brings it for the build, or pip install 'cython>=3.1,<4'"
        ) from None
    if tuple(map(int, version.split(".")[:2])) < (3, 1):
        raise BuildError(
            f"Cython {version} is too old: run `pip install .`, which brings one for the build, or pip install "
            "'cython>=3.1,<4'"
        )
    _remove_stale_headers()
    try:
        cythonized: list[Extension] = cythonize(
            extensions, build_dir="build/cython", include_path=["src/_zookeeper"], force=force, nthreads=0, quiet=True
        )
    except CompileError as error:
        raise BuildError(f"Cython rejects the source ({error}); its message stands above") from None
    return cythonized


def _remove_stale_headers() -> None:
    """Remove the copies, which Cython made beside its C file, of headers that have moved since."""
    for copy in Path("build/cython").rglob("*.h"):
        if not (ROOT / copy.relative_to("build/cython")).exists():
            copy.unlink()


def _sources(*patterns: str) -> list[str]:
    """List files of src/, relative to this file, as setuptools requires."""
    return sorted(path.relative_to(ROOT).as_posix() for pattern in patterns for path in (ROOT / "src").glob(pattern))


setup(
    ext_modules=[
        Extension(
            "zkc._zookeeper",
            # One module: _zookeeper.pyx includes the files of _zookeeper/. The C of bridge/ knows nothing of Python.
            # adaptor/ is compiled into libzookeeper instead (vendor/components.py): it needs its internal header.
            sources=["src/_zookeeper.pyx", *_sources("bridge/*.c")],
            depends=_sources("bridge/*.h", "adaptor/*.h", "_zookeeper/*.h", "_zookeeper/*.pyx", "_zookeeper/*.pxd"),
            language="c",
            py_limited_api=bool(LIMITED),
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if LIMITED else [],
        )
    ],
    cmdclass={"build_ext": BuildExtension, "bdist_wheel": Wheel},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
)
