"""The fixtures of this folder's tests: the command line as users start it, against real servers.

pytest finds a fixture by its name in this module: the imports are all that uses them.
"""

from .fix_admin import _admin_ensemble, admin_ensemble  # noqa: F401
from .fix_cli import (  # noqa: F401
    bytecode,
    cli,
    cli_environment,
    client,
    hosts,
    in_terminal,
    measured,
    open_terminal,
    start_cli,
    start_seconds,
)
from .fix_offline import here  # noqa: F401
from .fix_ui import browse  # noqa: F401
