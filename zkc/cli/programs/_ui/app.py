"""The screen: the tree on the left, the chosen znode on the right, and the keys."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from rich.text import Text
from textual import on, work
from textual.app import App as TextualApp
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Footer, Static, TabbedContent, TabPane, Tree

from zkc import AsyncClient, ClientState, NoNodeError, ZooKeeperError
from zkc.cli._connect import client_options
from zkc.cli._records import hex_text
from zkc.cli._text import shown
from zkc.cli.programs._ui.changes import Changes
from zkc.cli.programs._ui.dialogs import Ask, Help
from zkc.cli.programs._ui.live import Live
from zkc.cli.programs._ui.panes import acl_pane, data_pane, stat_pane
from zkc.cli.programs._ui.servers import ServersPane
from zkc.cli.programs._ui.tree import Znode, ZnodeTree

if TYPE_CHECKING:
    from zkc.cli._settings import Settings

__all__ = ["Browser"]

_KEYS = """\
↑ ↓ PgUp PgDn   move            Enter, →   open or close a znode
/               search names    n          the next match
g               go to a path    r          read again
1 2 3 4         data, stat, ACL, servers
e               edit the data   c          create a child
d               delete, with all below
?               these keys      q          leave
"""


class Browser(TextualApp[None]):
    """The screen of ``zkc ui``.

    Args:
        settings: How to connect.
        path: The root of the tree.
    """

    TITLE = "zkc"
    CSS = """
    #tree { width: 40%; min-width: 24; border-right: solid $primary-darken-2; }
    #state { height: 1; background: $panel; }
    TabPane { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "Leave"),
        ("question_mark", "help", "Keys"),
        ("slash", "search", "Search"),
        ("n", "next_match", ""),
        ("g", "go", "Go to"),
        ("r", "reload", "Read again"),
        ("e", "edit", "Edit"),
        ("c", "create", "Create"),
        ("d", "delete", "Delete"),
        ("1", "show('data')", ""),
        ("2", "show('stat')", ""),
        ("3", "show('acl')", ""),
        ("4", "show('servers')", "Servers"),
    ]

    def __init__(self, settings: Settings, path: str = "/") -> None:
        super().__init__()
        self.settings = settings
        self._root_path = path
        self.client = AsyncClient(settings.servers, **client_options(settings))
        self.tree_view = ZnodeTree(path, id="tree")
        self.live = Live(self.client, self._children_changed, self._data_changed)
        self.tree_view.client, self.tree_view.live = self.client, self.live
        self.chosen: Optional[str] = None
        self.changes = Changes(self)
        self._dirty: set[str] = set()
        self._pattern = ""
        self._session = 0

    def compose(self) -> ComposeResult:
        yield Static(id="state")
        with Horizontal():
            yield self.tree_view
            with TabbedContent(initial="data"):
                for name, title in (("data", "Data"), ("stat", "Stat"), ("acl", "ACL")):
                    with TabPane(title, id=name), VerticalScroll():
                        yield Static(id=f"{name}-text")
                with TabPane("Servers", id="servers"):
                    yield ServersPane(self.settings)
        yield Footer(compact=True)

    async def on_mount(self) -> None:
        """Connect, and open the root."""
        self._take_signals()
        self.client.add_listener(self._state_changed)
        await self.client.start()
        self._session = self.client.session_id
        self._show_state()
        self.tree_view.focus()
        self.tree_view.root.expand()
        await self.choose(self._root_path)

    def _take_signals(self) -> None:
        """Let SIGTERM and SIGHUP end the screen as a key does. One that is ignored, as by nohup, stays ignored."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)

    async def on_unmount(self) -> None:
        """Close the session."""
        await self.client.close()

    # ---- the chosen znode ------------------------------------------------------------------------------------------

    async def choose(self, path: str) -> None:
        """Show a znode in the panes, and follow its changes."""
        before, self.chosen = self.chosen, path
        if before == path:
            return
        if before is not None:
            self.live.leave(before)
        await self.live.want(path)
        await self.show_chosen()

    async def show_chosen(self) -> None:
        """Read the chosen znode, and show it."""
        path = self.chosen
        if path is None:
            return
        found: dict[str, Any] = {}
        try:
            data, stat = await self.client.get(path)
            found["data"], found["stat"] = data_pane(data, not self.no_color), stat_pane(stat)
            found["acl"] = acl_pane((await self.client.get_acl(path))[0])
        except NoNodeError:
            found = dict.fromkeys(("data", "stat", "acl"), Text("there is no such znode", style="italic"))
        except ZooKeeperError as error:
            for name in ("data", "stat", "acl"):
                found.setdefault(name, Text(shown(str(error)), style="italic"))
        if path == self.chosen and self.is_running:
            for name, content in found.items():
                self.query_one(f"#{name}-text", Static).update(content)
            self._show_state()

    @on(Tree.NodeHighlighted)
    def _highlighted(self, event: Tree.NodeHighlighted[Znode]) -> None:
        if event.node.data is not None and not event.node.data.more:
            self._choose_soon(event.node.data.path)

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def _choose_soon(self, path: str) -> None:
        await self.choose(path)

    @on(Tree.NodeExpanded)
    async def _expanded(self, event: Tree.NodeExpanded[Znode]) -> None:
        await self.tree_view.open(event.node)

    @on(Tree.NodeCollapsed)
    def _collapsed(self, event: Tree.NodeCollapsed[Znode]) -> None:
        self.tree_view.close(event.node)

    @on(Tree.NodeSelected)
    async def _selected(self, event: Tree.NodeSelected[Znode]) -> None:
        if event.node.data is not None and event.node.data.more:
            await self.tree_view.more(event.node)

    # ---- changes of other clients ----------------------------------------------------------------------------------

    def _children_changed(self, path: str) -> None:
        """Read the children again, once for all changes of the same moment."""
        if path not in self._dirty:
            self._dirty.add(path)
            self.set_timer(0.05, lambda: self._reload_children(path))

    @work(exit_on_error=False)
    async def _reload_children(self, path: str) -> None:
        self._dirty.discard(path)
        line = self.tree_view.line_of(path)
        if line is not None and line.data is not None and line.data.is_open:
            await self.tree_view.load(line)
        elif line is not None and line.data is not None:
            line.allow_expand = True

    def _data_changed(self, path: str) -> None:
        if path == self.chosen:
            self._show_soon()

    @work(exclusive=True, group="show", exit_on_error=False)
    async def _show_soon(self) -> None:
        await self.show_chosen()

    # ---- the session -----------------------------------------------------------------------------------------------

    def _state_changed(self, state: ClientState) -> None:
        if not self.is_running:
            return
        if state is ClientState.SUSPENDED:
            self.notify("the connection is lost; the client looks for a server", severity="warning")
        elif state is ClientState.LOST:
            self.notify("the session has expired; another follows", severity="warning")
        elif state is ClientState.CONNECTED and self._session and self._session != self.client.session_id:
            self._session = self.client.session_id
        self._show_state()

    def _show_state(self) -> None:
        client, settings = self.client, self.settings
        parts = [settings.profile or "zkc", client.server or settings.servers, client.state.name.lower()]
        if client.connected:
            parts.append(f"session {hex_text(client.session_id)}")
        if settings.read_only:
            parts.append("READ-ONLY")
        if self.live.one_shot:
            parts.append("one-shot watches")
        line = Text(" " + " · ".join(parts))
        if self.chosen:
            line.append(f"  {shown(self.chosen, lines=False)}", "bold")
        self.query_one("#state", Static).update(line)

    # ---- keys ------------------------------------------------------------------------------------------------------

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Help(_KEYS))

    def action_show(self, pane: str) -> None:
        """Show one of the panes."""
        self.query_one(TabbedContent).active = pane

    async def action_reload(self) -> None:
        """Read the chosen znode and its children again."""
        if self.chosen is not None:
            self._children_changed(self.chosen)
        await self.show_chosen()

    @work
    async def action_search(self) -> None:
        """Search the names that the tree shows."""
        pattern = await self.push_screen_wait(Ask("Search for a part of a name, among the znodes that are shown:"))
        if pattern:
            self._pattern = pattern.lower()
            self.action_next_match()

    def action_next_match(self) -> None:
        """Choose the next line whose name has the pattern."""
        lines = self.tree_view.all_lines()
        cursor = self.tree_view.cursor_node
        begin = lines.index(cursor) + 1 if cursor in lines else 0
        for line in lines[begin:] + lines[:begin]:
            if self._pattern and line.data and not line.data.more and self._pattern in line.data.name.lower():
                self.tree_view.move_cursor(line, animate=False)
                return
        if self._pattern:
            self.notify(f"no name has {self._pattern!r}", markup=False)

    @work
    async def action_go(self) -> None:
        """Go to a path."""
        path = await self.push_screen_wait(Ask("Go to the path:", self.chosen or "/"))
        if path and not await self.tree_view.go_to(path if path == "/" else path.rstrip("/")):
            self.notify(f"there is no znode {path}", severity="warning", markup=False)

    @work
    async def action_edit(self) -> None:
        """Edit the data of the chosen znode."""
        await self.changes.edit(self.chosen)

    @work
    async def action_create(self) -> None:
        """Create a child of the chosen znode."""
        await self.changes.create(self.chosen)

    @work
    async def action_delete(self) -> None:
        """Delete the chosen znode, with all below it."""
        await self.changes.delete(self.chosen)

    async def settled(self) -> None:
        """Wait until what was begun is done. For tests."""
        await self.workers.wait_for_complete()
        await asyncio.sleep(0)
