"""The C side without Python: the programs of programs/, linked with src/bridge/*.c and a fake libzookeeper, sanitized.

What is compiled into libzookeeper is no part of the bridge: programs whose names begin with "transport" are linked with
the transport alone; the adaptor is tested in tests/vendor.

A program ends with 0 when all that it checks holds and nothing is left alive; a sanitizer that has something to say
ends it with another status, and is looked for in what was printed as well.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SRC = ROOT / "src"
BRIDGE = sorted((SRC / "bridge").glob("*.c"))
TRANSPORT = SRC / "adaptor" / "transport.c"
INCLUDES = [f"-I{SRC}", f"-I{SRC / 'bridge'}", f"-I{SRC / 'adaptor'}"]
PROGRAMS = sorted(path.stem for path in (HERE / "programs").glob("*.c"))
SANITIZERS = {"address": "address,undefined", "thread": "thread"}

# The names of pthread_create and the allocation functions in the bridge here: interpose.c can make them fail.
INTERPOSED = [f"-D{name}=zkc_test_{name}" for name in ("pthread_create", "malloc", "calloc", "strdup")]
FLAGS = ["-std=gnu11", "-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all", "-pthread"]
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes"]
# It asks what setup.py asks; the libraries are built at most once, and are there already when the extension is.
ASK_VENDOR = """
import dataclasses, json, sys
sys.path.insert(0, sys.argv[1])
import build, toolchain
print(json.dumps([toolchain.Toolchain.from_environment().cc, dataclasses.asdict(build.prepare())]))
"""


@dataclass(frozen=True)
class Compiler:
    """How C is compiled here: the command, and the flags that zookeeper.h needs."""

    command: list[str]
    flags: list[str]
    library_source: Path | None  # of libzookeeper, when it was built from source
    transport_libraries: list[str]

    def run(self, *arguments: str) -> None:
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def compiler() -> Compiler:
    environment = {name: value for name, value in os.environ.items() if name not in ("ZKC_SANITIZE", "LD_PRELOAD")}
    done = subprocess.run(
        [sys.executable, "-c", ASK_VENDOR, str(ROOT / "vendor")],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    command, settings = json.loads(done.stdout)
    # The programs link with a fake of the library: it has no adaptor to read for, and no packets to keep.
    lacking = ("ZKC_OWN_ADAPTOR", "ZKC_PATCHED_KEEP_PACKET")
    flags = [f"-D{name}={value}" for name, value in settings["define_macros"] if name not in lacking]
    flags += [f"-I{folder}" for folder in settings["include_dirs"]]
    built = Path(settings["include_dirs"][0]).parent
    source = next(built.glob("src/zookeeper-*/**/zookeeper.c"), None) if settings["linkage"] == "static" else None
    assert settings["linkage"] != "static" or source is not None
    # The system's libzookeeper is used as if it had no TLS, and OpenSSL's headers need not be there.
    return Compiler(command, flags, source, ["-lssl", "-lcrypto"] if settings["linkage"] == "static" else [])


def _library_rule(source: Path) -> str:
    """Cut the library's rule for paths out of its source: the tests compare ours with it."""
    text = source.read_text(encoding="utf-8")
    constants = re.findall(r"^const (int ZOO_\w*SEQUENTIAL\w* = \d+;)", text, re.MULTILINE)
    macro = re.search(r"^#define ZOOKEEPER_IS_SEQUENCE\(.*?[^\\]\n", text, re.MULTILINE | re.DOTALL)
    function = re.search(r"^static int isValidPath\([^;]*?\{.*?^\}", text, re.MULTILINE | re.DOTALL)
    assert constants
    assert macro
    assert function
    return "\n".join(
        [
            "#include <string.h>",
            *(f"static const {constant}" for constant in constants),
            macro.group(),
            function.group(),
            "int library_rule(const char *path, int mode);",
            "int library_rule(const char *path, int mode) { return isValidPath(path, mode); }",
        ]
    )


def _build(compiler: Compiler, sanitizer: str, folder: Path) -> None:
    """Compile the bridge, the fake and every program, two at a time."""
    flags = [*compiler.flags, *FLAGS, f"-fsanitize={SANITIZERS[sanitizer]}"]
    jobs = [[*WARNINGS, *INTERPOSED, "-c", str(path)] for path in BRIDGE]
    jobs += [[*WARNINGS, "-c", str(path)] for path in sorted(HERE.glob("*.c"))]
    rule = []
    if compiler.library_source is not None:
        (folder / "library_rule.c").write_text(_library_rule(compiler.library_source), encoding="utf-8")
        jobs.append(["-c", str(folder / "library_rule.c")])
        rule = ["-DLIBRARY_RULE"]
    programs = [[*WARNINGS, *rule, "-c", str(HERE / "programs" / f"{name}.c")] for name in PROGRAMS]
    transport = folder / "transport-alone.o"
    compiler.run(*flags, *WARNINGS, *INCLUDES, "-c", str(TRANSPORT), "-o", str(transport))

    def compile_one(job: list[str]) -> Path:
        source = Path(job[-1])
        target = folder / f"{source.parent.name}-{source.stem}.o"
        compiler.run(*flags, *INCLUDES, f"-I{HERE}", *job, "-o", str(target))
        return target

    def link_one(compiled: Path, objects: list[Path]) -> None:
        program = folder / compiled.stem.split("-")[-1]
        libraries = []
        if program.name.startswith("transport"):
            objects, libraries = [transport], compiler.transport_libraries
        compiler.run(*flags, str(compiled), *map(str, objects), *libraries, "-o", str(program))

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        objects = list(pool.map(compile_one, jobs))
        for _ in pool.map(lambda job: link_one(compile_one(job), objects), programs):
            pass


@dataclass(frozen=True)
class Runner:
    """Built programs, and how they are started."""

    folder: Path
    prefix: list[str]

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        environment.update(
            ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1",
            UBSAN_OPTIONS="print_stacktrace=1",
            TSAN_OPTIONS="second_deadlock_stack=1",
        )
        return subprocess.run(
            [*self.prefix, str(self.folder / name)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=100,
            check=False,
        )


def _prefix_that_works(compiler: Compiler, sanitizer: str, folder: Path) -> list[str] | str:
    """Find out how a program with this sanitizer can be run here; a str says why it cannot."""
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }\n", encoding="utf-8")
    flag = f"-fsanitize={SANITIZERS[sanitizer]}"
    built = subprocess.run(
        [*compiler.command, flag, str(probe), "-o", str(folder / "probe")], capture_output=True, text=True, check=False
    )
    if built.returncode != 0:
        return f"{compiler.command[0]} has no runtime for {flag}: {built.stderr.strip().splitlines()[-1]}"
    said = ""
    # Older runtimes find no room for their shadow where the kernel scatters addresses widely: then without that.
    for prefix in ([], ["setarch", "--addr-no-randomize"]):
        if prefix and shutil.which(prefix[0]) is None:
            continue
        ran = subprocess.run([*prefix, str(folder / "probe")], capture_output=True, text=True, check=False)
        if ran.returncode == 0:
            return prefix
        said = ran.stderr.strip()
    return f"a program with {flag} does not run here: {said}"


@pytest.fixture(scope="session")
def runner(compiler: Compiler, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Runner]:
    """Return a function that builds all programs with a sanitizer, once."""
    made: dict[str, Runner | str] = {}

    def runner_of(sanitizer: str) -> Runner:
        if sanitizer not in made:
            folder = tmp_path_factory.mktemp(sanitizer)
            prefix = _prefix_that_works(compiler, sanitizer, folder)
            if not isinstance(prefix, str):
                _build(compiler, sanitizer, folder)
            made[sanitizer] = prefix if isinstance(prefix, str) else Runner(folder, prefix)
        found = made[sanitizer]
        if isinstance(found, str):
            pytest.skip(found)
        return found

    return runner_of


@pytest.mark.parametrize("sanitizer", SANITIZERS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_program(runner: Callable[[str], Runner], sanitizer: str, program: str) -> None:
    done = runner(sanitizer).run(program)
    assert done.returncode == 0, done.stderr
    assert "Sanitizer" not in done.stderr
    assert "runtime error" not in done.stderr


def test_a_sanitizer_that_speaks_is_heard(runner: Callable[[str], Runner], compiler: Compiler) -> None:
    """Make the mistake that each sanitizer is there for: otherwise silence would prove nothing."""
    mistakes = {
        "address": "#include <stdlib.h>\nint main(void) { char *volatile p = malloc(1); free(p); return p[0]; }\n",
        "thread": "#include <pthread.h>\nstatic int shared;\nstatic void *add(void *a) { shared++; return a; }\n"
        "int main(void) { pthread_t t; pthread_create(&t, 0, add, 0); shared++; return pthread_join(t, 0); }\n",
    }
    for sanitizer, text in mistakes.items():
        built = runner(sanitizer)
        source = built.folder / "mistake.c"
        source.write_text(text, encoding="utf-8")
        compiler.run(*FLAGS, f"-fsanitize={SANITIZERS[sanitizer]}", str(source), "-o", str(built.folder / "mistake"))
        done = built.run("mistake")
        assert done.returncode != 0
        assert "Sanitizer" in done.stderr
