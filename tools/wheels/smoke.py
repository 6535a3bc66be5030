"""Check that an installed wheel of zkc works; cibuildwheel runs this in each environment, without a server."""

import importlib.util
import json
import subprocess
import sys

import zkc
from zkc import _zookeeper as core

info = zkc.build_info()
assert info["linkage"] == "static", info
assert info["openssl_bundled"], info
assert info["tls"], info
assert "DIGEST-MD5" in info["sasl_mechanisms"], info
# A session without a server: its threads start and end, with TLS and without.
for tls in (None, {"verify": False}):
    session = core.Session("127.0.0.1:1", tls=tls)
    assert session.close(10)
try:
    zkc.Client("127.0.0.1:1", connect_timeout=0.2).start()
except zkc.ConnectTimeoutError:
    pass
else:
    raise AssertionError("a client connected to 127.0.0.1:1, where no server should listen")
# The command line: without its extra, and with it if that is installed.
_WITHOUT = "import sys; sys.modules['click'] = None; from zkc.cli import main; sys.exit(main(['--version']))"
ended = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=False)
assert ended.returncode == 2, ended
assert "pip install 'zkc[cli]'" in ended.stderr, ended
if importlib.util.find_spec("click") is not None:
    ended = subprocess.run([sys.executable, "-m", "zkc", "--version"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, f"zkc {zkc.__version__}\n"), ended
print(json.dumps(info))
