"""Groups of methods in the reference of the clients."""

from __future__ import annotations

# A public method that has no group here is shown under "More", so that none is missing.
GROUPS: dict[str, tuple[str, ...]] = {
    "Start and end": ("start", "close", "closed"),
    "Session": (
        "state",
        "connected",
        "session_id",
        "session_password",
        "negotiated_timeout",
        "hosts",
        "server",
        "wait_for",
        "add_listener",
        "remove_listener",
        "add_auth",
        "set_hosts",
        "session",
    ),
    "Znodes": (
        "create",
        "create_with_stat",
        "ensure_path",
        "get",
        "set",
        "exists",
        "delete",
        "children",
        "children_with_stat",
        "sync",
        "get_acl",
        "set_acl",
        "kept",
        "kept_znodes",
        "add_kept_listener",
        "remove_kept_listener",
    ),
    "Transactions": ("transaction",),
    "Watches": ("watch", "watch_data", "watch_children", "remove_watches"),
    "Futures": ("submit",),
    "Many at once": ("get_many", "exists_many", "children_many", "create_many", "set_many", "delete_many"),
    "Trees": ("walk", "tree", "delete_tree", "copy_tree", "export", "import_"),
    "Retry": ("retry",),
    "Ensemble": ("get_config", "reconfig"),
    "Metrics": ("metrics",),
}
OTHERS = "More"
