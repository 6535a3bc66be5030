"""The options that commands on trees share."""

from __future__ import annotations

from typing import Any, Optional

import click

from zkc.cli._types import parse_acl

__all__ = ["COPIED_ACL", "ephemerals_option", "exclude_option", "on_conflict_option", "parents_option", "system_option"]


class _CopiedAcl(click.ParamType):
    """``keep``, ``drop`` or an ACL."""

    name = "acl"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        if not isinstance(value, str) or value in ("keep", "drop"):
            return value
        try:
            return tuple(parse_acl(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


COPIED_ACL = _CopiedAcl()

exclude_option = click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Leave out znodes with names that fit, and all below them. With a slash, it is a pattern for paths below the"
    " root, such as /tmp/*. May be given more than once.",
)
system_option = click.option("--system", is_flag=True, help="Take /zookeeper, too, which is for the servers.")
parents_option = click.option("-P", "--parents", is_flag=True, help="Create missing parents of the target.")
on_conflict_option = click.option(
    "--on-conflict",
    type=click.Choice(["fail", "skip", "replace"]),
    default="fail",
    help="What to do about a znode that is there already: fail, skip it, or replace its data and ACL (fail).",
)
ephemerals_option = click.option(
    "--ephemerals",
    type=click.Choice(["skip", "as-persistent"]),
    default="skip",
    help="Whether to leave out ephemeral znodes, or to make persistent ones of them (skip).",
)
