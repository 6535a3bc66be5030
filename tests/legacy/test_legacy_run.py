"""python -m zkc.legacy: a program runs with the drop-ins, and else as python itself runs it."""

import os
import signal
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import pytest

from zkc.legacy import _run

from .legacy_process import python

COMMAND = ("-m", "zkc.legacy")


@pytest.fixture
def folder(tmp_path):
    """An empty folder to be in: `python -m` puts it first into sys.path."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def outcome(done):
    return done.returncode, done.stdout, done.stderr


def both(folder, *arguments, options=()):
    """Run it with python itself and with ours, and return both outcomes."""
    plain = outcome(python(*options, *arguments, cwd=folder))
    return plain, outcome(python(*options, *COMMAND, *arguments, cwd=folder))


SHOW = """
import sys
shown = {name: value for name, value in globals().items() if name not in ("__builtins__", "__loader__", "__spec__")}
print(sorted((name, value) for name, value in shown.items() if name.startswith("__")))
print(getattr(__spec__, "name", None), getattr(__loader__, "path", None), __builtins__.__name__)
print(sys.argv, sys.path[0], vars(sys.modules["__main__"]) is globals())
"""


@pytest.mark.parametrize("options", [(), ("-P",)])
@pytest.mark.parametrize(
    "arguments",
    [
        ("scripts/show.py", "a", "-m", "--force"),
        ("link.py",),
        ("../here/link.py",),
        ("scripts",),
        ("scripts.zip", "x"),
        ("-m", "scripts.show", "x"),
        ("-m", "scripts"),
        ("-c", SHOW, "x", "-c"),
    ],
    ids=lambda arguments: " ".join(arguments)[:20],
)
def test_a_program_sees_what_it_sees_without_us(folder, arguments, options):
    if options and sys.version_info < (3, 11):
        pytest.skip("this Python has no -P")
    scripts = folder / "scripts"
    scripts.mkdir()
    for name in ("show.py", "__main__.py"):
        (scripts / name).write_text(SHOW)
    (folder / "link.py").symlink_to(scripts / "show.py")
    with zipfile.ZipFile(folder / "scripts.zip", "w") as archive:
        archive.write(scripts / "__main__.py", "__main__.py")
    plain, ours = both(folder, *arguments, options=options)
    assert ours == plain
    assert plain[0] == 0 or options  # with -P there is no module scripts


ENDS = {
    "the end": "print('done')",
    "a status": "import sys; sys.exit(7)",
    "no status": "raise SystemExit",
    "a message": "import sys; sys.exit('a message')",
    "at once": "import os; os._exit(9)",
    "an error": "def f():\n    raise ValueError('wrong')\n\nf()\n",
    "an error from another": "try:\n    1/0\nexcept ZeroDivisionError as error:\n    raise KeyError('x') from error\n",
    "an error in a library": "import json\njson.loads('{')\n",
    "source that no Python takes": "x = 1\ny = = 2\n",
    "an import that fails": "import nosuch\n",
    "a hook": """
import sys, traceback
sys.excepthook = lambda *error: traceback.print_exception(*error, file=sys.stdout)
1 / 0
""",
    "a hook that fails": """
import sys
def hook(*error):
    print(len(error))
    1 / 0
sys.excepthook = hook
raise ValueError
""",
    "Ctrl-C": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True:\n    pass\n",
    "Ctrl-C, caught": "try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    raise SystemExit(5)\n",
    "a signal": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "exit handlers": "import atexit, sys\natexit.register(lambda: print(sys.modules['__main__'].f, sys.argv))\nf = 1\n",
    "a thread that goes on": """
import pickle, sys, threading
class Mine:
    pass
def work():
    threading.main_thread().join()
    print(type(pickle.loads(pickle.dumps(Mine()))) is Mine, sys.argv, sys.path[0])
threading.Thread(target=work).start()
""",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_program_ends_as_it_does_without_us(folder, end):
    (folder / "script.py").write_text(ENDS[end])
    plain, ours = both(folder, "script.py")
    if end == "a hook that fails":  # the interpreter prints both errors itself, and the line that called the hook
        assert ours[:2] == plain[:2]
        assert ours[2].splitlines()[-4:] == plain[2].splitlines()[-4:]
    else:
        assert ours == plain


def test_the_traceback_of_a_module_begins_with_its_own_lines(folder):
    (folder / "script.py").write_text("def f():\n    raise ValueError('wrong')\n\nf()\n")
    assert outcome(python(*COMMAND, "-m", "script", cwd=folder)) == outcome(python("script.py", cwd=folder))


def test_ctrl_c_while_the_program_waits(folder):
    (folder / "script.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)\n")

    def interrupt(*command):
        process = subprocess.Popen(
            [sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=60)
        first, where, *_, last = error.splitlines()
        assert str(folder / "script.py") in where
        return process.returncode, first, last

    ended = interrupt(*COMMAND, "script.py")
    assert ended == interrupt("script.py")
    assert ended[0] == -signal.SIGINT


# --- what is different ----------------------------------------------------------------------------------------------

IMPORTS = """
import sys
import zookeeper, zc.zk, zc.zk.testing
from zc import zk
assert "zkc.legacy" in zookeeper.__name__ and "zkc.legacy" in zk.__name__
print("imported", sys.argv[1:])
"""


@pytest.mark.parametrize("arguments", [("script.py", "x"), ("-m", "script", "x"), ("-c", IMPORTS, "x")])
def test_the_drop_ins_are_there(folder, arguments):
    (folder / "script.py").write_text(IMPORTS)
    assert outcome(python(*COMMAND, *arguments, cwd=folder)) == (0, "imported ['x']\n", "")
    assert python(*arguments, cwd=folder).returncode == 1


READS = """
import sys, zookeeper
handle = zookeeper.init(sys.argv[1])
zookeeper.create(handle, "/n", "data", [{"perms": zookeeper.PERM_ALL, "scheme": "world", "id": "anyone"}])
print(zookeeper.get(handle, "/n")[0])
zookeeper.delete(handle, "/n")
zookeeper.close(handle)
"""


def test_an_old_script_runs_and_bytes_are_an_option(folder, zookeeper_chroot):
    (folder / "script.py").write_text(READS)
    for options, expected in (((), "data\n"), (("--bytes",), "b'data'\n")):
        assert outcome(python(*COMMAND, *options, "script.py", zookeeper_chroot, cwd=folder)) == (0, expected, "")


def test_a_real_package_is_shadowed_only_with_force(folder):
    (folder / "zookeeper.py").write_text("raise AssertionError")
    (folder / "script.py").write_text(IMPORTS)
    status, out, error = outcome(python(*COMMAND, "script.py", cwd=folder))
    assert (status, out) == (2, "")
    assert error.startswith(f"python -m zkc.legacy: error: a real zookeeper is installed ({folder / 'zookeeper.py'})")
    assert outcome(python(*COMMAND, "--bytes", "--force", "script.py", cwd=folder)) == (0, "imported []\n", "")


PYTHON_2 = {
    "print": 'print "x"\n',
    "print after if": 'if 1: print "x"\n',
    "exec": 'exec "x = 1"\n',
    "except": "try:\n    pass\nexcept (OSError, ValueError), e:\n    pass\n",
    "raise": 'raise ValueError, "x"\n',
    "octal": "mode = 0755\n",
    "long": "x = 10L\n",
    "backquotes": "x = `1`\n",
    "unequal": "x = 1 <> 2\n",
    "raw unicode": 'x = ur"x"\n',
    "tabs": "if 1:\n        x = 1\n\ty = 2\n",
}


@pytest.mark.parametrize("what", PYTHON_2)
def test_python_2_source_is_distinguished_from_other_wrong_source(folder, what):
    script = folder / "old script.py"
    script.write_text(PYTHON_2[what])
    plain, ours = both(folder, "old script.py")
    assert ours[:2] == plain[:2] == (1, "")
    assert ours[2].startswith(plain[2])
    note = ours[2][len(plain[2]) :]
    assert "Python 2 source" in note
    assert note.endswith(f"    python -m zkc.legacy check '{script}'\n")


@pytest.mark.parametrize("line", ["zookeeper.async(handle, '/')", "from zookeeper import async"])
def test_async_is_a_keyword_now(folder, line):
    (folder / "old.py").write_text(f"import zookeeper\n{line}\n")
    (folder / "script.py").write_text("import old\n")
    ours = outcome(python(*COMMAND, "script.py", cwd=folder))
    note = ours[2].split("\nNote: ")[1]
    assert "async is a keyword" in note
    assert "zookeeper.async_(" in note
    assert "getattr(zookeeper, 'async')" in note
    assert note.endswith(f"python -m zkc.legacy check {folder / 'old.py'}\n")
    assert "import old" in ours[2]
    assert "_run.py" not in ours[2]


def test_code_of_the_command_line_has_no_path(folder):
    done = python(*COMMAND, "-c", "print 'x'", cwd=folder)
    assert done.returncode == 1
    assert done.stderr.endswith("    python -m zkc.legacy check PATH\n")


# --- the command itself ---------------------------------------------------------------------------------------------


def test_check_is_given_its_arguments(monkeypatch):
    given = []
    fake = SimpleNamespace(main=lambda arguments: given.append(arguments) or 3)
    monkeypatch.setitem(sys.modules, "zkc.legacy.check", fake)
    with pytest.raises(SystemExit) as ended:
        _run.main(["check", "some", "--paths"])
    assert ended.value.code == 3
    assert given == [["some", "--paths"]]


def test_a_script_of_that_name_is_run(folder):
    (folder / "check").write_text("print('a script')")
    assert outcome(python(*COMMAND, os.path.join(".", "check"), cwd=folder)) == (0, "a script\n", "")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(folder, option):
    status, out, error = outcome(python(*COMMAND, option, cwd=folder))
    assert (status, error) == (0, "")
    for word in ("usage: python -m zkc.legacy", "--force", "--bytes", "check PATH", "-m MODULE", "-c CODE"):
        assert word in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "a program is missing"),
        (("--force",), "a program is missing"),
        (("-m",), "-m needs an argument"),
        (("--bytes", "-c"), "-c needs an argument"),
        (("--nosuch", "script.py"), "there is no option --nosuch"),
    ],
)
def test_wrong_usage(folder, arguments, message):
    status, out, error = outcome(python(*COMMAND, *arguments, cwd=folder))
    assert (status, out) == (2, "")
    assert error.startswith(f"python -m zkc.legacy: error: {message}\nusage: ")


@pytest.mark.parametrize(
    "arguments", [("nosuch.py",), ("-m", "nosuch"), ("empty",), ("nosuch/",), ("secret/script.py",)]
)
def test_a_program_that_cannot_be_run(folder, arguments):
    (folder / "secret").write_text("no folder")
    (folder / "empty").mkdir()
    plain, ours = both(folder, *arguments)
    assert ours[:2] == plain[:2]
    assert ours[0] != 0
    assert ours[2].split(": ", 1)[1].replace("error: ", "") == plain[2].split(": ", 1)[1]
