"""Follows the settings, and opens the window that changes them. The window is made when it is wanted, and not kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication

from model_switcher.desktop.settings.errands import Errands
from model_switcher.desktop.theme import colours
from model_switcher.desktop.view_state.settings import Draft, Sources, typed, window_view
from model_switcher.desktop.view_state.settings.draft import typed_option
from model_switcher.desktop.view_state.settings.models import wanted
from model_switcher.desktop.view_state.settings.page import first_value
from model_switcher.domain.errors import Closing, SettingsError, SwitcherError
from model_switcher.domain.option_help import find

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Literal

    from model_switcher.desktop.bridge import Bridge
    from model_switcher.desktop.engine_side import SettingsDesk
    from model_switcher.desktop.settings.window import SettingsWindow
    from model_switcher.desktop.view_state.settings import FieldView, Key
    from model_switcher.desktop.windows import StartAtLogin
    from model_switcher.domain.settings import DesktopSettings
    from model_switcher.domain.settings_state import SettingsState
    from model_switcher.domain.snapshot import Snapshot

T = TypeVar("T")

TYPING_MS = 150
"""After the last key before what a model would take is worked out anew."""


class SettingsHost(QObject):
    """Knows what the settings are, and shows them.

    Signals:
        applied: The settings in force, whenever they may have changed.
    """

    applied = Signal(object)

    def __init__(
        self, *, theme: Literal["system", "light", "dark"], login: StartAtLogin | None = None
    ) -> None:
        super().__init__()
        self._theme: Literal["system", "light", "dark"] = theme
        self._login = login
        self._bridge: Bridge | None = None
        self._window: SettingsWindow | None = None
        self._draft: Draft | None = None
        self._sources = Sources(login=None if login is None else False)
        self._edition = -1
        self._at_login: bool | None = None
        self._errands = Errands(self._fail)
        self._do = self._errands.do
        self._typing = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._typing.timeout.connect(lambda: self._do(self._work_out()))
        self._asked = 0
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._dress)

    @property
    def window(self) -> SettingsWindow | None:
        """The window while it is open."""
        return self._window

    def connect_to(self, bridge: Bridge) -> None:
        """Begins to follow the settings."""
        self._bridge = bridge
        bridge.changed.connect(self.show_snapshot)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """The settings may be others, and so may what is told of models."""
        before = self._sources.snapshot
        self._sources = replace(self._sources, snapshot=snapshot)
        if snapshot.settings_edition != self._edition:
            self._edition = snapshot.settings_edition
            self._do(self._follow())
        if self._window is None:
            return
        seen = ("catalog", "outdated", "selected")
        if any(getattr(before, name) != getattr(snapshot, name) for name in seen):
            self._refresh()

    def open(self) -> None:
        """Shows the window, in front of the others where it is open already."""
        if self._window is not None:
            self._window.open()
            return
        self._sources = replace(self._sources, error=None, saved=False, tried={}, supposed=None)
        self._do(self._open())

    async def close(self) -> None:
        """Takes the window away, and returns when nothing is asked for any more."""
        self._typing.stop()
        if self._window is not None:
            self._window.close()
        await self._errands.close()

    # What is asked of the engine.

    async def _ask(self, what: Callable[[SettingsDesk], Coroutine[Any, Any, T]]) -> T:
        if self._bridge is None:
            raise Closing("The engine is not up yet")
        return await self._bridge.call(lambda intentions: what(intentions.desk))

    async def _follow(self) -> None:
        """The settings are others, or their problems are."""
        self._take(await self._ask(lambda desk: desk.state()))

    def _take(self, state: SettingsState) -> None:
        desktop = state.in_force.desktop
        self._theme = desktop.theme
        self.applied.emit(state.in_force)
        self._follow_login(desktop)
        if self._draft is not None:
            self._draft.rebase(state)
        self._dress()
        self._changed()

    def _follow_login(self, desktop: DesktopSettings) -> None:
        """What the settings say of the login becomes so, when they say something else than before."""
        before, self._at_login = self._at_login, desktop.start_at_login
        if self._login is None or before is None or before == self._at_login:
            return
        if self._login.is_on() != desktop.start_at_login:
            self._login.turn(on=desktop.start_at_login)

    async def _open(self) -> None:
        self._draft = Draft(await self._ask(lambda desk: desk.state()))
        if self._window is None:
            self._show_window()
        self._do(self._look_for_engines())
        await self._read_options()

    async def _look_for_engines(self) -> None:
        engines = await self._ask(lambda desk: desk.engines())
        self._sources = replace(self._sources, engines=engines)
        self._refresh()

    async def _read_options(self) -> None:
        if self._draft is None:
            return
        engine = str(self._draft.value(("server", "engine")) or "auto")
        try:
            options = await self._ask(lambda desk: desk.options(engine))
        except SwitcherError:  # the list of engines says why
            options = ()
        self._sources = replace(self._sources, options=options)
        self._changed()

    async def _save(self) -> None:
        if self._draft is None or not self._draft.changes:
            return
        changes = self._draft.changes
        try:
            state = await self._ask(lambda desk: desk.change(changes))
        except SettingsError as error:
            self._sources = replace(self._sources, error=error)
            self._refresh()
            return
        self._draft.discard()
        self._sources = replace(self._sources, saved=True, error=None)
        self._take(state)
        self._do(self._look_for_engines())

    async def _try(self, engine: str) -> None:
        tried = dict(self._sources.tried)
        self._sources = replace(self._sources, trying=engine)
        self._refresh()
        try:
            tried[engine] = await self._ask(lambda desk: desk.try_engine(engine))
        except Closing:
            raise
        except SwitcherError as error:
            tried[engine] = error
        finally:
            self._sources = replace(self._sources, trying="")
        self._sources = replace(self._sources, tried=tried)
        self._refresh()

    async def _work_out(self) -> None:
        """What the model that is looked at would take."""
        draft = self._draft
        if draft is None or self._window is None:
            return
        settings = draft.check(self._sources.options).settings
        model = self._sources.snapshot.catalog.get(window_view(draft, self._sources).model.id)
        if model is None:
            return
        self._asked += 1
        asked = self._asked
        options, engine = wanted(settings, model, draft)
        supposed = await self._ask(lambda desk: desk.suppose(model.id, options, engine))
        if asked == self._asked:
            self._sources = replace(self._sources, supposed=supposed)
            self._refresh()

    # What is done in the window.

    def _edit(self, view: FieldView, value: str | bool | tuple[str, ...]) -> None:
        self._set(view.key, typed(view, value))
        if view.key == ("server", "engine"):
            self._do(self._read_options())

    def _set(self, key: Key, value: Any) -> None:
        if self._draft is not None:
            self._draft.set(key, value)
            self._sources = replace(self._sources, saved=False, error=None)
            self._changed()

    def _edit_option(self, key: Key, text: str) -> None:
        self._set(key, typed_option(text, find(self._sources.options, key[-1])))

    def _add_option(self, table: Key, name: str) -> None:
        if self._draft is not None:
            self._set((*table, name), first_value(window_view(self._draft, self._sources), table, name))

    def _choose_engine(self, setting: str) -> None:
        self._set(("server", "engine"), None if setting == "auto" else setting)
        self._do(self._read_options())

    def _look_at(self, model: str) -> None:
        self._sources = replace(self._sources, model=model, supposed=None)
        self._changed()

    def _discard(self) -> None:
        if self._draft is not None:
            self._draft.discard()
            self._sources = replace(self._sources, error=None, saved=False)
            self._changed()

    def _open_file(self) -> None:
        if self._draft is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self._draft.state.path))

    def _changed(self) -> None:
        """The draft is another: so is what the model would take."""
        self._refresh()
        self._typing.start()

    def _refresh(self) -> None:
        if self._window is not None and self._draft is not None:
            self._window.show_view(window_view(self._draft, self._sources))

    # The window, and what is under way.

    def _show_window(self) -> None:
        if self._draft is None:
            return
        from model_switcher.desktop.settings.window import SettingsWindow  # noqa: PLC0415 - the icon waits for none of it

        view = window_view(self._draft, self._sources)
        self._window = window = SettingsWindow(colours(self._theme, QGuiApplication.styleHints()), view)
        window.edited.connect(self._edit)
        window.option_edited.connect(self._edit_option)
        window.option_removed.connect(lambda key: self._set(key, None))
        window.option_added.connect(self._add_option)
        window.engine_chosen.connect(self._choose_engine)
        window.try_asked.connect(lambda engine: self._do(self._try(engine)))
        window.model_asked.connect(self._look_at)
        window.reload_asked.connect(lambda model: self._do(self._ask(lambda desk: desk.reload(model))))
        window.save_asked.connect(lambda: self._do(self._save()))
        window.discard_asked.connect(self._discard)
        window.file_asked.connect(self._open_file)
        window.closed.connect(self._put_away)
        window.open()
        self._typing.start()

    def _put_away(self) -> None:
        window, self._window, self._draft = self._window, None, None
        if window is not None:
            window.deleteLater()

    def _dress(self) -> None:
        """Other colours: the window is made anew, where it was."""
        window = self._window
        palette = colours(self._theme, QGuiApplication.styleHints())
        if window is None or window.look.colours == palette or self._draft is None:
            return
        place, page = window.geometry(), window.list.currentRow()
        window.closed.disconnect(self._put_away)
        window.hide()
        window.deleteLater()
        self._show_window()
        if self._window is not None:
            self._window.setGeometry(place)
            self._window.list.setCurrentRow(page)

    def _fail(self, error: SwitcherError) -> None:
        """Why something could not be done stands at the foot of the window."""
        self._sources = replace(self._sources, error=error)
        self._refresh()
