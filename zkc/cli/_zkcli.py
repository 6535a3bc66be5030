"""The commands of zkCli.sh that zkc has under other names, and what to type instead.

docs/cli/from_zkcli.md has the same commands in its table; a test compares the two.
"""

from __future__ import annotations

from typing import Optional

__all__ = ["ONE_PATH_SYNC", "WORDS", "advice_about"]

WORDS: dict[str, str] = {
    "addauth": (
        "`--auth digest:USER:FILE`, in the options, a variable or a profile, or `auth digest:USER:FILE` in `zkc shell`"
    ),
    "addWatch": "`zkc watch -r PATH`",
    "close": "Ctrl-D or `exit` in `zkc shell`",
    "connect": "`zkc -s HOST:PORT shell`",
    "delete": "`zkc rm PATH`",
    "deleteall": "`zkc rm -r PATH`",
    "delquota": "`zkc quota rm PATH`",
    "getAcl": "`zkc acl get PATH`",
    "getAllChildrenNumber": "`zkc count PATH`",
    "getEphemerals": "`zkc ephemerals PATH`",
    "history": "`history` in `zkc shell`",
    "listquota": "`zkc quota get PATH`",
    "ls2": "`zkc ls -l PATH` for the children, and `zkc stat PATH`",
    "printwatches": "`watch PATH &` in `zkc shell`: changes appear above the prompt, and `jobs` lists the watches",
    "quit": "Ctrl-D or `exit` in `zkc shell`",
    "redo": "`redo N` in `zkc shell`",
    "removewatches": "`unwatch PATH` in `zkc shell`",
    "rmr": "`zkc rm -r PATH`",
    "setAcl": "`zkc acl set PATH ENTRY`",
    "setquota": "`zkc quota set PATH`",
}
"""The words of zkCli.sh that are no commands of zkc."""

ONE_PATH_SYNC = "`zkc sync SRC DST` makes a tree equal to another. zkCli's `sync PATH` is `--fresh` with any command"
"""The difference between the two commands with the name sync."""

_LOWER = {word.lower(): word for word in WORDS}


def advice_about(name: str, *, in_shell: bool = False) -> Optional[str]:
    """Return what to type instead of a word of zkCli.sh, as a sentence; None for any other word.

    Args:
        name: The word, in upper or lower case.
        in_shell: Whether it was typed in ``zkc shell``, where commands have no ``zkc`` in front.
    """
    word = _LOWER.get(name.lower())
    if word is None:
        return None
    text = WORDS[word]
    if in_shell:
        text = text.replace(" in `zkc shell`", "").replace("`zkc ", "`")
    return f"{word!r} is a command of zkCli.sh: here it is {text}"
