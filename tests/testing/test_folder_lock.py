"""A folder with data serves one server at a time."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from zkc.testing import TestingError, ZooKeeperServer, _folder_lock
from zkc.testing._folder_lock import FolderLock


def test_two_servers_do_not_share_a_folder(tmp_path):
    with ZooKeeperServer(data_dir=tmp_path / "data") as server:
        with pytest.raises(TestingError, match=f"data is in use: process {os.getpid()} serves it"):
            ZooKeeperServer(data_dir=tmp_path / "data").start()
        server.stop()
        with pytest.raises(TestingError, match="choose another folder"):
            ZooKeeperServer(data_dir=tmp_path / "data").start()
        server.start()
        server.restart()
    with ZooKeeperServer(data_dir=tmp_path / "data"):
        pass


def test_a_folder_is_free_at_once_after_a_server_that_was_killed(tmp_path):
    script = (
        "import sys, time; from zkc.testing import ZooKeeperServer\n"
        "server = ZooKeeperServer(data_dir=sys.argv[1])\n"
        "server.start()\n"
        "server.create('/kept')\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as process:
        first = int(process.stdout.readline())
        # The server of a process that was killed holds the lock until it has ended, too.
        os.kill(first, signal.SIGSTOP)
        process.kill()
        process.wait()
        with ZooKeeperServer(data_dir=tmp_path) as server:
            server.create("/more")
            assert server.pid != first


def test_a_lock_whose_owner_has_ended_is_waited_for_longer(tmp_path, monkeypatch):
    """On a busy machine the server that the owner has left is killed some seconds later."""
    monkeypatch.setattr(_folder_lock, "_PATIENCE", 0.0)
    with subprocess.Popen(["true"]) as ended:
        pass
    script = (
        "import fcntl, sys\n"
        "with open(sys.argv[1], 'w') as file:\n"
        "    fcntl.flock(file, fcntl.LOCK_EX)\n"
        "    print(sys.argv[2], file=file, flush=True)\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "zkc.lock"), str(ended.pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as left:
        assert left.stdout.readline() == b"locked\n"
        release = threading.Timer(0.5, left.stdin.close)
        release.start()
        FolderLock(tmp_path).release()
        release.join()


def test_a_lock_is_that_of_the_process_which_took_it(tmp_path):
    lock = FolderLock(tmp_path)
    child = os.fork()
    if child == 0:
        lock.release()  # The parent's.
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(TestingError, match="is in use"):
        FolderLock(tmp_path)
    lock.release()
    lock.release()
    reader, writer = os.pipe()
    lock = FolderLock(tmp_path)
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)  # Until the parent has tested that this process holds nothing.
        os._exit(0)
    os.close(reader)
    try:
        lock.release()
        FolderLock(tmp_path).release()
    finally:
        os.close(writer)
        os.waitpid(child, 0)


@pytest.mark.parametrize("folder", ["/proc/zkc-data", "/dev/null/data"])
def test_a_folder_that_cannot_be_made_is_named(folder):
    with pytest.raises(TestingError, match=f"The folder {folder} for the data cannot be used"):
        ZooKeeperServer(data_dir=folder).start()
