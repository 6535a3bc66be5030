"""The files of ``-O``: replaced when they are complete, and written directly where they are pipes or devices."""

from __future__ import annotations

import gzip
import os
import subprocess
import threading

import pytest

from .fix_cli import COMMAND


def limited(environment, *arguments, blocks):
    """Run a command that may write so many KiB to a file."""
    script = f'trap "" XFSZ; ulimit -f {blocks}; exec "$0" "$@"'
    environment = {**environment, "PYTHONDONTWRITEBYTECODE": "1"}  # A limited file of bytecode would be a broken one.
    return subprocess.run(["bash", "-c", script, *COMMAND, *arguments], env=environment, capture_output=True,
                          check=False)  # fmt: skip


@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize("command", ["get", "dump"])
def test_a_file_stays_as_it_was_when_the_new_one_cannot_be_written(cli_environment, client, tmp_path, command, name):
    client.create("/big", os.urandom(300_000))
    folder = tmp_path / "out"
    folder.mkdir()
    file = folder / name
    file.write_bytes(b"old")
    ended = limited(cli_environment, command, "/big", "-O", str(file), blocks=100)
    assert ended.returncode == 10
    assert ended.stderr.decode().splitlines()[-1] == f"zkc: error: {file} cannot be written: File too large"
    assert file.read_bytes() == b"old"
    assert os.listdir(folder) == [name]


def test_a_replaced_file_keeps_its_mode_and_its_links(cli, client, tmp_path):
    client.create("/a", b"new")
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"an old one that is longer")
    file.chmod(0o640)
    link.symlink_to("file")
    cli("get", "/a", "-O", str(link))
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o640
    mask = os.umask(0o022)
    os.umask(mask)
    cli("get", "/a", "-O", str(tmp_path / "fresh"))
    assert (tmp_path / "fresh").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_stdout_has_several_names(cli, client, name):
    client.create("/a", b"data")
    assert cli("get", "/a", "-O", name).out == b"data"
    dumped = cli("dump", "/a", "-O", name, "--json")
    assert dumped.lines[-1] == '{"znodes": 1}'
    assert dumped.out == cli("dump", "/a", "-O", "-").out


def test_what_stdout_had_stays(cli_environment, client, tmp_path):
    client.create("/a", b"data")
    file = tmp_path / "file"
    file.write_bytes(b"before ")
    with open(file, "ab") as output:
        subprocess.run([*COMMAND, "get", "/a", "-O", "/dev/stdout"], env=cli_environment, stdout=output,
                       stderr=subprocess.DEVNULL, check=True)  # fmt: skip
    assert file.read_bytes() == b"before data"


def test_a_named_pipe_is_written(cli, client, tmp_path):
    client.create("/a", b"data")
    pipe = tmp_path / "pipe.gz"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    cli("dump", "/a", "-O", str(pipe))
    reader.join(30)
    assert gzip.decompress(got[0]).splitlines()[-1] == b'{"znodes": 1}'
    assert pipe.is_fifo()


@pytest.mark.parametrize("command", ["get", "dump"])
def test_errors_name_the_file(cli, cli_environment, client, tmp_path, command):
    client.create("/a", b"data")
    for file, reason in ((str(tmp_path), "Is a directory"), ("/dev/full", "No space left on device"),
                         (str(tmp_path / "none" / "file"), "No such file or directory")):  # fmt: skip
        assert cli(command, "/a", "-O", file, code=10).err.splitlines()[-1] == (
            f"zkc: error: {file} cannot be written: {reason}"
        )
    assert "the name of the file to write is empty" in cli(command, "/a", "-O", "", code=2).err
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    ended = subprocess.run(["sh", "-c", script, str(gone), *COMMAND, command, "/a", "-O", "file"],
                           env={**cli_environment, "PYTHONSAFEPATH": "1"}, stdin=subprocess.DEVNULL,
                           capture_output=True, check=False)  # fmt: skip
    assert ended.returncode == 10
    assert "file cannot be written: No such file or directory" in ended.stderr.decode()


def test_stdout_is_the_pipe_or_the_file_of_a_line_of_the_shell(cli, client, tmp_path):
    client.create("/app", b"a")
    client.create("/app/b", b"b")
    ended = cli("shell", "-c", f"dump /app -O - | grep -c path.:; get /app -O - > {tmp_path}/file; get /app/b -O -")
    assert ended.text == "3\nb"
    assert (tmp_path / "file").read_bytes() == b"a"
