"""The fixtures, seen from a project that uses them."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def arguments(pytestconfig):
    """Arguments of pytest that load the plugin, unless an installed zkc brings it by itself."""
    installed = {plugin.__name__ for plugin, _ in pytestconfig.pluginmanager.list_plugin_distinfo()}
    plugin = () if "zkc.testing.plugin" in installed else ("-p", "zkc.testing.plugin")
    return (*plugin, "-p", "no:cacheprovider", "-W", "error")


@pytest.fixture
def run(pytester, arguments):
    """Run pytest on a test file, in a process of its own."""

    def run(source):
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess(*arguments)

    return run


def test_a_server_is_shared_and_each_test_has_its_own_root(run):
    run(
        """
        hosts, chroots = set(), set()

        def test_one(zookeeper_server, zookeeper_chroot):
            hosts.add(zookeeper_server.hosts)
            chroots.add(zookeeper_chroot)

        def test_two(zookeeper_server, zookeeper_chroot):
            hosts.add(zookeeper_server.hosts)
            chroots.add(zookeeper_chroot)
            assert len(hosts) == 1
            assert len(chroots) == 2
            assert all(chroot.startswith(hosts.copy().pop() + "/") for chroot in chroots)
        """
    ).assert_outcomes(passed=2)


def test_what_a_test_left_broken_is_brought_back_before_the_next(run):
    run(
        """
        def test_1_kill(zookeeper_server):
            zookeeper_server.kill()

        def test_2_pause(zookeeper_server):
            assert zookeeper_server.mode == "standalone"
            zookeeper_server.pause()

        def test_3(zookeeper_server, zookeeper_chroot):
            assert zookeeper_server.mode == "standalone"

        def test_4_break_the_ensemble(zookeeper_ensemble):
            zookeeper_ensemble.members[0].kill()
            zookeeper_ensemble.members[1].pause()

        def test_5(zookeeper_ensemble):
            assert sorted(member.mode for member in zookeeper_ensemble.members) == ["follower", "follower", "leader"]
        """
    ).assert_outcomes(passed=5)


def test_a_failed_test_shows_what_its_servers_logged(run):
    result = run(
        """
        from zkc.testing import ZooKeeperServer

        def test_shared(zookeeper_server):
            zookeeper_server.restart()
            assert False

        def test_own():
            with ZooKeeperServer():
                assert False

        def test_unrelated():  # The shared server runs on, and is asked nothing that it would log.
            assert False
        """
    )
    result.assert_outcomes(failed=3)
    shown = [line for line in result.outlines if "ZooKeeper's log: <ZooKeeperServer zookeeper 127.0.0.1:" in line]
    assert ["closed" in line for line in shown] == [False, True]
    result.stdout.fnmatch_lines(["*ContainerManager*"])


def test_nothing_starts_for_tests_that_use_no_server(run):
    run(
        """
        import threading

        def test_plain(request):
            from zkc.testing import _process
            assert not _process._live
            assert not _process._folders
        """
    ).assert_outcomes(passed=1)


def test_sessions_at_the_same_time_have_a_server_each(pytester, arguments):
    """As the workers of pytest-xdist do."""
    pytester.makepyfile(
        """
        import pathlib, time

        def test_it(zookeeper_server):
            assert zookeeper_server.mode == "standalone"
            mine = pathlib.Path(str(zookeeper_server.port))
            mine.touch()
            deadline = time.monotonic() + 60
            while len([path for path in mine.absolute().parent.iterdir() if path.name.isdigit()]) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        """
    )
    command = [sys.executable, "-m", "pytest", *arguments]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    sessions = [pytester.popen(command, **streams) for _ in range(2)]
    outputs = [session.communicate(timeout=100)[0] for session in sessions]
    assert [session.returncode for session in sessions] == [0, 0], outputs
