"""The screen: the tree on the left, the chosen znode on the right, and the keys."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from rich.text import Text
from textual import events, on, work
from textual.app import App as TextualApp
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Footer, Static, TabbedContent, TabPane, Tree

from zkc import AsyncClient, ClientState, NoNodeError, ZooKeeperError
from zkc.cli._connect import client_options
from zkc.cli._text import shown
from zkc.cli.programs._ui.age import Age
from zkc.cli.programs._ui.changes import Changes
from zkc.cli.programs._ui.dialogs import Edit, Help
from zkc.cli.programs._ui.ends import ALONE, leave_if_alone, take_signals
from zkc.cli.programs._ui.finding import Finding
from zkc.cli.programs._ui.header import header, session_parts
from zkc.cli.programs._ui.keys import Handled, Hold, KeyQueue
from zkc.cli.programs._ui.live import Live
from zkc.cli.programs._ui.panes import acl_pane, data_pane, stat_pane
from zkc.cli.programs._ui.reader import Reader
from zkc.cli.programs._ui.reasons import UNCONNECTED, reason
from zkc.cli.programs._ui.servers import ServersPane
from zkc.cli.programs._ui.talk import Talk
from zkc.cli.programs._ui.tree import Znode, ZnodeTree

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel
    from textual.worker import Worker

    from zkc.cli._settings import Settings

__all__ = ["Browser"]

_PANE_EDGES = 4  # The columns of a pane's padding and its scroll bar.
_MOMENT = 1.0  # Seconds that keys wait for the children of a znode that is being opened.


class Browser(TextualApp[None]):
    """The screen of ``zkc ui``.

    Args:
        settings: How to connect.
        path: The root of the tree.
    """

    TITLE = "zkc"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #tree { width: 40%; min-width: 24; border-right: solid $primary-darken-2; }
    #state { height: 1; background: $panel; }
    #state.old { text-style: reverse; }
    TabPane { padding: 0 1; }
    TabbedContent { width: 1fr; }
    TabPane Static { width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "Leave"),
        ("question_mark", "help", "Keys"),
        ("slash", "search", "Search"),
        ("n", "next_match", ""),
        ("g", "go", "Go to"),
        ("r", "reload", ""),
        ("e", "edit", "Edit"),
        ("c", "create", "Create"),
        ("d", "delete", "Delete"),
        ("1", "show('data')", ""),
        ("2", "show('stat')", ""),
        ("3", "show('acl')", ""),
        ("4", "show('servers')", ""),
        ("ctrl+z", "suspend_process", ""),
    ]

    def __init__(self, settings: Settings, path: str = "/") -> None:
        super().__init__()
        self.settings = settings
        self.client = AsyncClient(settings.servers, **client_options(settings))
        self.tree_view = ZnodeTree(path, id="tree")
        self.keys = KeyQueue(self)
        self.age = Age(self.client, self._show_state)
        self._children = Reader(self._reload_children, self.age)
        self._chosen_data = Reader(self._reload_chosen, self.age)
        self.live = Live(self.client, self._children.ask, self._data_changed)
        self.tree_view.client, self.tree_view.live = self.client, self.live
        self.chosen: Optional[str] = None
        self._told, self._told_at = "", 0.0
        self._unseen = False  # Whether the panes do not show the chosen znode yet.
        self.changes, self.finding = Changes(self), Finding(self)
        self._talk: Optional[Talk] = None
        self._talking: Optional[Worker[None]] = None

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
        take_signals(self)
        if self.is_web:
            self.set_interval(ALONE, lambda: leave_if_alone(self))
        self.client.add_listener(self._state_changed)
        await self.client.start()
        self._show_state()
        self.tree_view.focus()
        self.tree_view.root.expand()
        self.choose_soon()

    async def on_unmount(self) -> None:
        """Close the session."""
        self.keys.close()
        self._children.close()
        self._chosen_data.close()
        await self.client.close()

    async def on_event(self, event: events.Event) -> None:
        """Take the keys into the queue; handle all else, and the key that leaves the queue."""
        if isinstance(event, (events.Key, events.Paste)) and not self.screen_stack:
            return  # The screen is going.
        if event.is_forwarded or not self.keys.put(event):
            target = self.focused or self.screen if self.keys.is_next(event) else None
            await super().on_event(event)
            if target is not None:
                self.keys.follow(target)

    def on_handled(self, message: Handled) -> None:
        """Give the next key."""
        self.keys.handled(message)

    def tell(self, text: str, severity: SeverityLevel = "information") -> None:
        """Show a message for some seconds. The same one again takes the place of those that are shown."""
        now = time.monotonic()
        if text == self._told and now - self._told_at < self.NOTIFICATION_TIMEOUT:
            self.clear_notifications()
        self._told, self._told_at = text, now
        self.notify(shown(text), severity=severity, markup=False)

    # ---- the chosen znode ------------------------------------------------------------------------------------------

    async def choose(self, path: str) -> None:
        """Show a znode in the panes, and follow its changes."""
        before, self.chosen = self.chosen, path
        if before != path:
            self._unseen = True
            self._show_state()
            if before is not None:
                self.live.leave(before)
            await self.live.want(path)
        elif not self._unseen:
            return
        await self.live.started(path)  # The next key may have cancelled the wait above.
        await self.show_chosen()

    async def show_chosen(self) -> None:
        """Read the chosen znode, and show it."""
        path = self.chosen
        if path is None:
            return
        found: dict[str, Any] = {}
        try:
            data, stat = await self.client.get(path)
            found["data"], found["stat"] = data_pane(data, not self.no_color, self._pane_width), stat_pane(stat)
            found["acl"] = acl_pane((await self.client.get_acl(path))[0])
        except NoNodeError:
            none = Text(f"there is no znode {shown(path, lines=False)}", style="italic")
            found = dict.fromkeys(("data", "stat", "acl"), none)
        except ZooKeeperError as error:
            with contextlib.suppress(ZooKeeperError):
                known = await self.client.exists(path)  # It needs no right to read.
                if known is not None:
                    found["stat"] = stat_pane(known)
            for name in ("data", "stat", "acl"):
                found.setdefault(name, Text(shown(reason(self.client, error)), style="italic"))
        if path == self.chosen and self.is_running:
            self._unseen = False
            for name, content in found.items():
                self.screen_stack[0].query_one(f"#{name}-text", Static).update(content)
            self._show_state()

    @property
    def _pane_width(self) -> int:
        """The columns of a pane beside its scroll bar."""
        return self.screen_stack[0].query_one(TabbedContent).size.width - _PANE_EDGES

    @on(Tree.NodeHighlighted)
    def _highlighted(self) -> None:
        self.choose_soon()

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def choose_soon(self) -> None:
        """Choose the znode under the cursor; on the line "… more" its parent."""
        line = self.tree_view.cursor_node or self.tree_view.root
        if line.data is not None:
            await self.choose(line.data.path)

    @on(Tree.NodeExpanded)
    def _expanded(self, event: Tree.NodeExpanded[Znode]) -> None:
        self._busy(self.tree_view.open(event.node))

    @on(Tree.NodeCollapsed)
    def _collapsed(self, event: Tree.NodeCollapsed[Znode]) -> None:
        self.tree_view.close(event.node)

    @on(Tree.NodeSelected)
    def _selected(self, event: Tree.NodeSelected[Znode]) -> None:
        if event.node.data is not None and event.node.data.more:
            self._busy(self.tree_view.more(event.node))

    def _busy(self, body: Awaitable[object]) -> None:
        """Read in the background. The keys wait a moment for it: "Enter, Down" goes to the first child."""
        hold = Hold(self.keys, limit=_MOMENT)
        hold.take()
        self._read(body, hold)

    @work(exit_on_error=False)
    async def _read(self, body: Awaitable[object], hold: Hold) -> None:
        try:
            await body
        finally:
            hold.release()

    # ---- changes of other clients ----------------------------------------------------------------------------------

    async def _reload_children(self, path: str) -> bool:
        view = self.tree_view
        line, before = view.line_of(path), view.target
        try:
            if line is not None and line.data is not None and line.data.is_open:
                await view.load(line)
            elif line is not None:
                await view.describe(path)
            lost = before is not None and view.line_of(before) is None and not self.changes.covers(before)
            gone = lost and before is not None and await self.client.exists(before) is None
        except ZooKeeperError:
            return False  # No connection: the next one reads all again.
        if gone:
            self.tell(f"{before} was deleted by another client", "warning")
        return True

    def _data_changed(self, path: str) -> None:
        if path == self.chosen:
            self._chosen_data.ask(path)

    async def _reload_chosen(self, path: str) -> bool:
        if path == self.chosen:
            await self.show_chosen()
        return True

    # ---- the session -----------------------------------------------------------------------------------------------

    def _state_changed(self, state: ClientState) -> None:
        if not self.is_running:
            return
        if state is ClientState.SUSPENDED:
            self.tell("the connection is lost; the client looks for a server", "warning")
        elif state is ClientState.LOST:
            self.tell("the session has expired; another follows", "warning")
        self.age.note(state)
        if state.connected:
            self.live.retry()
            self._read_all()
        self._show_state()

    def _read_all(self) -> None:
        """Read all again that is shown."""
        lines = self.tree_view.all_lines()
        self.age.ask(self._children, [each.data.path for each in lines if each.data is not None and each.data.is_open])
        self.age.ask(self._chosen_data, [] if self.chosen is None else [self.chosen])
        self.age.look()

    def _show_state(self) -> None:
        parts = session_parts(self.client, self.settings, one_shot=self.live.one_shot, age=self.age.text)
        below = self.screen_stack[0]  # The screen of the dialogs has no such line.
        line = below.query_one("#state", Static).set_class(self.age.is_old, "old")
        line.update(header(self.size.width, parts, shown(self.chosen or "", lines=False)))
        below.call_after_refresh(self._redraw_dialogs)

    def _redraw_dialogs(self) -> None:
        """Draw again what is seen below a dialog over a dialog: textual keeps the picture that the lower one has."""
        for screen in self.screen_stack[1:]:
            screen.refresh()

    def on_resize(self) -> None:
        """Fit the line of the session, and the dump of the data."""
        if self.screen_stack and self.screen_stack[0].query("#state"):
            self._show_state()
            if self.chosen is not None:
                self._chosen_data.ask(self.chosen)

    # ---- keys ------------------------------------------------------------------------------------------------------

    def _command(self, body: Callable[[Talk], Awaitable[None]]) -> None:
        """Run a command that may talk with the user, unless one is on its way to its dialog."""
        if self._talk is None or not self._talk.hold.taken:
            self._talk = Talk(self)
            self._talking = self._converse(body, self._talk)

    @work(exit_on_error=False)
    async def _converse(self, body: Callable[[Talk], Awaitable[None]], talk: Talk) -> None:
        try:
            await body(talk)
        except ZooKeeperError as error:
            talk.tell(reason(self.client, error), "error")
        finally:
            talk.end()

    def stop_command(self, patience: float) -> bool:
        """Stop a command that has not shown its dialog for some seconds; return False if there is none."""
        talk, worker = self._talk, self._talking
        if talk is None or worker is None or not talk.hold.taken or talk.asked:
            return False
        if time.monotonic() - talk.hold.since < patience:
            return False
        worker.cancel()
        talk.end()
        self.tell("stopped")
        return True

    @property
    def unsaved(self) -> Optional[Edit]:
        """The editor that has a text that is not saved."""
        return next((each for each in self.screen_stack if isinstance(each, Edit) and each.changed), None)

    async def action_quit(self) -> None:
        """Leave; from an editor with a text that is not saved, ask first."""
        if self.unsaved is None:
            self.exit()
        elif self.unsaved is self.screen:
            self.unsaved.action_leave()

    def action_help(self) -> None:
        """Show the keys."""

        async def body(talk: Talk) -> None:
            await talk.ask(Help())

        self._command(body)

    def action_show(self, pane: str) -> None:
        """Show one of the panes."""
        self.screen_stack[0].query_one(TabbedContent).active = pane

    def action_reload(self) -> None:
        """Read again what is shown."""
        if self.is_connected():
            self._read_all()

    def is_connected(self) -> bool:
        """Return whether there is a connection, and say at once if there is none: a request would wait for one."""
        if not self.client.connected:
            self.tell(UNCONNECTED, "warning")
        return self.client.connected

    def action_help_quit(self) -> None:
        """Say how to leave, for Ctrl-C. A dialog does not ask for this."""
        self.tell("q leaves")

    def action_search(self) -> None:
        """Search the names that the tree shows."""
        self._command(self.finding.search)

    def action_next_match(self) -> None:
        """Choose the next line whose name has the pattern."""
        self.finding.next_match()

    def action_go(self) -> None:
        """Go to a path."""
        self._command(self.finding.go)

    def action_edit(self) -> None:
        """Edit the data of the znode under the cursor."""
        path = self.tree_view.target
        self._command(lambda talk: self.changes.edit(talk, path))

    def action_create(self) -> None:
        """Create a child of the znode under the cursor."""
        path = self.tree_view.target
        self._command(lambda talk: self.changes.create(talk, path))

    def action_delete(self) -> None:
        """Delete the znode under the cursor, with all below it."""
        path = self.tree_view.target
        self._command(lambda talk: self.changes.delete(talk, path))
