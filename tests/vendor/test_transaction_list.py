"""The lists and cases of transactions inside libzookeeper: what our patches to zoo_amulti() are for."""

from __future__ import annotations

import os
import shlex
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import components
from .scripted_server import DELETE, MULTI, Connection, ScriptedServer, reply

ROOT = Path(__file__).resolve().parents[2]
CHECK, ERROR = 13, -1
END = struct.pack(">i?i", -1, True, -1)
DONE = struct.pack(">i?i", CHECK, False, 0) + struct.pack(">i?i", DELETE, False, 0) + END
NOT_EMPTY, RUNTIME_INCONSISTENCY, CONNECTION_LOSS, CLOSING = -111, -2, -4, -116
REFUSED = b"".join(struct.pack(">i?ii", ERROR, False, code, code) for code in (RUNTIME_INCONSISTENCY, NOT_EMPTY)) + END


def test_transactions_lock_only_mutexes_that_were_initialized(
    serve: Callable[..., ScriptedServer], link_program: Callable[..., Path]
) -> None:
    answers = [(DONE, 0), (REFUSED, 0), (b"", NOT_EMPTY), (DONE, 0)]

    def script(connection: Connection) -> None:
        connection.begin(20000)
        while True:
            xid, kind, _ = connection.request()
            assert kind == MULTI
            if answers:  # the last one waits until the handle is closed
                body, error = answers.pop(0)
                connection.send(reply(xid, body, err=error))

    program = link_program("known_mutexes.c")
    done = subprocess.run([program, serve(script).hosts], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "done 0",
            f"refused {NOT_EMPTY}",
            f"failed {NOT_EMPTY}",
            "waited for 0",
            "not sent -8",
            f"closed {CLOSING}",
            "unknown mutexes 0",
        ],
    ), done.stderr


def test_no_case_of_libzookeeper_goes_on_into_the_next_by_mistake(
    libraries: Callable[[], Path], tmp_path: Path
) -> None:
    """The kind of a missing `break`, which need not show in what the library does: the compiler finds each."""
    built = libraries()
    client = next(built.glob("src/zookeeper-*/zookeeper-client/zookeeper-client-c"))
    found = []
    for source in components.ZOOKEEPER.sources:
        path = client.parents[1] / source
        command = [
            *shlex.split(os.environ.get("CC", "gcc")),
            *("-c", "-Wimplicit-fallthrough", "-fno-diagnostics-show-caret", '-DZKC_COMPONENT_VERSION="x"'),
            *(f"-D{name}" for name in components.FEATURES),
            *(f"-I{folder}" for folder in (components.ZOOKEEPER.config, built / "include")),
            *(f"-I{built / 'include' / 'zookeeper'}", f"-I{client / 'include'}", f"-I{client / 'src'}"),
            *(str(path), "-o", str(tmp_path / "object.o")),
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        lines = path.read_text(encoding="utf-8").splitlines()
        for line in run.stderr.splitlines():
            if "-Wimplicit-fallthrough" in line:
                number = int(line.split(":")[1])
                found.append(lines[number - 1].strip())
    # Both mean it: an end of the stream sets errno, and is a failure from there on.
    assert set(found) <= {"errno = EHOSTDOWN;"}
