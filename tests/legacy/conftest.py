"""The fixtures of this folder's tests."""

from .fix_handles import (  # noqa: F401
    bytes_out,
    h,
    hosts,
    make_handle,
    no_handle_is_left,
    proxied,
    proxy,
    watcher,
)
from .fix_zk import (  # noqa: F401
    _lasting_pipe,
    fake,
    fake_zk,
    log,
    log_pipe,
    make_fake,
    make_zk,
    zk,
)
