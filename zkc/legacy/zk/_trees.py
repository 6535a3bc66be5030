"""Whole trees: import, export, deletion, walks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional, Union

from zkc.legacy import zookeeper
from zkc.legacy._core.values import encode_path, encode_text
from zkc.legacy.zk._data import OPEN_ACL_UNSAFE, Acl, Data, above, decode, encode, logger
from zkc.legacy.zk._links import Resolving
from zkc.legacy.zk._low_level import LowLevel
from zkc.legacy.zk._tree_text import ParseNode, parse_tree

__all__ = ["Trees"]

_LINK = " ->"
_STAYS = {False: "Not deleting", True: "wouldn't delete"}


class Trees(LowLevel, Resolving):
    """The calls that work on more than one node."""

    # --- import -------------------------------------------------------------------------------------------------------

    def import_tree(
        self,
        text: Data,
        path: Data = "/",
        trim: Optional[bool] = None,
        acl: Acl = OPEN_ACL_UNSAFE,
        dry_run: bool = False,
    ) -> None:
        """Make a tree as a text describes it, over what there is.

        Args:
            text: The description: see :func:`zc.zk.parse_tree`.
            path: Where the nodes at the left margin go.
            trim: Delete nodes that the text does not have, below those that it has. None prints them, False does not.
                Ephemeral ones, and those above them, always stay.
            acl: The ACL that the nodes get, a list of dicts.
            dry_run: Print what would be done, and do nothing.

        Raises:
            ValueError: The text cannot be read; nothing was done.
            TypeError: A property cannot be written as JSON; nothing was done.

        .. versionadded:: 0.1
        """
        root = parse_tree(text)
        path = encode_path(path).rstrip("/")
        encoded: dict[str, str] = {}
        for child_path, child in _descendants(path, root):
            try:
                encoded[child_path] = encode(child.properties)
            except TypeError as error:
                raise TypeError(f"{child_path}: {error}") from None
        self._import_tree(path, root, encoded, acl, trim, dry_run, True)

    def _import_tree(
        self,
        path: str,
        node: ParseNode,
        encoded: dict[str, str],
        acl: Acl,
        trim: Optional[bool],
        dry_run: bool,
        top: bool = False,
    ) -> None:
        if not top and trim is not False:
            for name in sorted(self.get_children(path)):
                if name in node.children:
                    continue
                if trim:
                    self.delete_recursive(f"{path}/{name}", dry_run, ignore_if_ephemeral=True)
                else:
                    print(f"extra path not trimmed: {path}/{name}")
        for name, child in sorted(node.children.items()):
            child_path = f"{path}/{name}"
            if not self.exists(child_path):
                if dry_run:
                    print("add", child_path)
                    continue
                self.create(child_path, encoded[child_path], acl)
            elif dry_run:
                self._print_changes(child_path, child.properties)
            else:
                self.set(child_path, encoded[child_path])
                meta, old_acl = self.get_acl(child_path)
                if acl != old_acl:
                    self.set_acl(child_path, meta["aversion"], acl)
            self._import_tree(child_path, child, encoded, acl, trim, dry_run)

    def _print_changes(self, path: str, new: dict[str, Any]) -> None:
        old = self.get_properties(path)
        for name, value in sorted(old.items()):
            link = name.endswith(_LINK)
            if name not in new:
                print(f"{path} remove link {name} {value}" if link else f"{path} remove property {name} = {value}")
            elif new[name] != value:
                shown = f"{name[: -len(_LINK)]} link" if link else name
                print(f"{path} {shown} change from {value} to {new[name]}")
        for name, value in sorted(new.items()):
            if name not in old:
                link = name.endswith(_LINK)
                print(f"{path} add link {name} {value}" if link else f"{path} add property {name} = {value}")

    # --- export -------------------------------------------------------------------------------------------------------

    def export_tree(self, path: Data = "/", ephemeral: bool = False, name: Optional[Data] = None) -> str:
        """Return a text that describes a tree, for :meth:`import_tree`.

        Args:
            path: The node at its top. That of ``/`` is left out without a name, and ``/zookeeper`` always is.
            ephemeral: Whether ephemeral nodes are part of it.
            name: The name to write for the node at the top.

        Returns:
            The text: properties, links and nodes, each sorted by name.

        .. versionadded:: 0.1
        """
        path = encode_path(path)
        name = None if name is None else encode_text(name, "name")
        lines: list[str] = []
        if path == "/":
            children = [child for child in self.get_children("/") if child != "zookeeper"]
            if name is not None:
                lines.append(f"/{name}")
            indent = "" if name is None else "  "
            for child in sorted(children):
                self._export(lines, f"/{child}", indent, ephemeral)
        else:
            self._export(lines, path, "", ephemeral, name, top=True)
        return "\n".join(lines) + "\n"

    def _export(
        self, lines: list[str], path: str, indent: str, ephemeral: bool, name: Optional[str] = None, top: bool = False
    ) -> None:
        try:
            children = self.get_children(path)
            data, meta = self.get(path)
        except zookeeper.NoNodeException:
            if top:
                raise
            return  # Deleted since the listing.
        if meta["ephemeralOwner"] and not ephemeral:
            return
        properties = decode(data, path)
        line = "/" + (above(path)[1] if name is None else name)
        type_ = properties.get("type")
        if isinstance(type_, str) and type_ and type_ == type_.strip() and "\n" not in type_:
            line += f" : {type_}"
            del properties["type"]
        lines.append(indent + line)
        indent += "  "
        links = []
        for key, value in sorted(properties.items()):
            if key.endswith(_LINK):
                links.append(f"{indent}{key} {value}")
            else:
                lines.append(f"{indent}{key} = {value!r}")
        lines += links
        for child in sorted(children):
            self._export(lines, f"{path}/{child}", indent, ephemeral)

    def print_tree(self, path: Data = "/") -> None:
        """Print a tree, with its ephemeral nodes.

        Args:
            path: The node at its top.

        .. versionadded:: 0.1
        """
        print(self.export_tree(path, True), end="")

    # --- deletion and creation ----------------------------------------------------------------------------------------

    def delete_recursive(
        self, path: Data, dry_run: bool = False, force: bool = False, ignore_if_ephemeral: bool = False
    ) -> None:
        """Delete a node and all below it, but no ephemeral ones, and none above them. What stays is printed.

        Args:
            path: The node at the top.
            dry_run: Print what would be deleted, and do nothing.
            force: Delete ephemeral nodes too.
            ignore_if_ephemeral: Print nothing about ``path`` if it is ephemeral.

        Raises:
            zookeeper.NoNodeException: There is no such node.

        .. versionadded:: 0.1
        """
        self._delete_recursive(encode_path(path), dry_run, force, ignore_if_ephemeral, True)

    def _delete_recursive(
        self, path: str, dry_run: bool, force: bool, ignore_if_ephemeral: bool, top: bool = False
    ) -> bool:
        """Return whether something ephemeral is in the way of what is above."""
        try:
            stays = False
            for name in sorted(self.get_children(path)):
                child = f"{path if path != '/' else ''}/{name}"
                stays = self._delete_recursive(child, dry_run, force, False) or stays
            if stays:
                print(f"{path} not deleted due to ephemeral descendent.")
                return True
            ephemeral = self.is_ephemeral(path) and not force
            if ephemeral and ignore_if_ephemeral:
                return False
            if ephemeral:
                print(f"{_STAYS[bool(dry_run)]} {path} because it's ephemeral.")
            elif dry_run:
                print(f"would delete {path}.")
            else:
                logger.info("deleting %s", path)
                self.delete(path)
        except zookeeper.NoNodeException:
            if top:
                raise
            return False  # Another client deleted it first.
        return ephemeral

    def create_recursive(self, path: Data, data: Data, acl: Acl) -> None:
        """Create a node, and those above it that do not exist, all with the same data and ACL.

        Args:
            path: Its path. If it exists it is left as it is.
            data: The data.
            acl: The ACL, a list of dicts.

        .. versionadded:: 0.1
        """
        path = encode_path(path)
        if self.exists(path):
            return
        base = above(path)[0]
        if base != "/":
            self.create_recursive(base, data, acl)
        if not self.exists(path):
            self.create(path, data, acl)

    # --- looking around -----------------------------------------------------------------------------------------------

    def is_ephemeral(self, path: Data) -> bool:
        """Return whether a node is ephemeral.

        Args:
            path: Its path.

        .. versionadded:: 0.1
        """
        return bool(self.get(encode_path(path))[1]["ephemeralOwner"])

    def walk(
        self, path: Data = "/", ephemeral: bool = True, children: bool = False
    ) -> Iterator[Union[str, tuple[str, list[str]]]]:
        """Go through a tree: a node comes before those below it, and these by name.

        As in the original, both flags are about the first node alone.

        Args:
            path: The first node.
            ephemeral: False: if the first node is ephemeral, yield nothing. Ephemeral nodes below it are yielded.
            children: Yield ``(path, names)`` for the first node, with the list of its children. The walk does not visit
                a child whose name the caller takes out of that list. For the nodes below it, yield plain paths.

        Yields:
            The paths. Nodes that are deleted during the walk are left out.

        .. versionadded:: 0.1
        """
        top = encode_path(path)
        waiting = [top]
        while waiting:
            path = waiting.pop()
            first = path is top
            try:
                if first and not ephemeral and self.is_ephemeral(path):
                    return
                names = sorted(self.get_children(path))
            except zookeeper.NoNodeException:
                continue
            yield (path, names) if first and children else path
            waiting += [f"{path if path != '/' else ''}/{name}" for name in reversed(names)]

    def ln(self, target: Data, source: Data) -> None:
        """Make a symbolic link.

        Args:
            target: The path that it leads to; if it ends with a slash, the name of the link is appended.
            source: The path of the link.

        .. versionadded:: 0.1
        """
        target, source = encode_text(target, "target"), encode_text(source, "source")
        base, name = above(source)
        if target.endswith("/"):
            target += name
        properties = self.get_properties(base)
        properties[name + _LINK] = target
        self._set(base, encode(properties))

    def get_properties(self, path: Data) -> dict[str, Any]:
        """Return the properties of a node as they are now, links unresolved.

        Args:
            path: Its path.

        Returns:
            A dict: a JSON object as it is, other text as ``{'string_value': text}``, ``{}`` for blank text.

        .. versionadded:: 0.1
        """
        path = encode_path(path)
        return decode(self.get(path)[0], path)

    def _set(self, path: str, data: Data) -> int:
        return self.set(path, data)


def _descendants(path: str, node: ParseNode) -> Iterator[tuple[str, ParseNode]]:
    for name, child in node.children.items():
        yield f"{path}/{name}", child
        yield from _descendants(f"{path}/{name}", child)
