"""The menu of the tray icon. Panels show it by themselves over D-Bus, or Qt draws it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup

from model_switcher.desktop.ask import Ask
from model_switcher.desktop.language import number, tr
from model_switcher.desktop.menu_look import LookMenu

if TYPE_CHECKING:
    from collections.abc import Collection

    from PySide6.QtWidgets import QMenu

    from model_switcher.desktop.view_state import ModelEntry, PlaceEntries, ViewState

OPEN_AT_MOST_MS = 30_000
"""Some panels never say that the menu was closed (xfce): after this time it is taken to be."""


class Drawn(StrEnum):
    """Who draws the menu: Qt, or the panel, which is sent plain texts over D-Bus."""

    BY_QT = "by Qt"
    BY_PANEL = "by the panel"


class Menu(LookMenu):
    """Shows a view state; while it is open only texts, marks and what is enabled change.

    Args:
        drawn: Who draws it.
        offered: Of log, settings and start at login: what there is an entry for.

    Signals:
        chosen: Load the model of that id.
        asked: What a fixed entry asks for.
    """

    chosen = Signal(str)
    asked = Signal(Ask)

    def __init__(self, *, drawn: Drawn = Drawn.BY_QT, offered: Collection[Ask] = ()) -> None:
        super().__init__()
        self._drawn = drawn
        self._state: ViewState | None = None
        self._short_entries: object = None
        self._long_entries: object = None
        self._places = _Places()
        # The long lists are a thousand entries: they are not made anew whenever another model comes to the front.
        self._short, self._long = _Part(), _Part()
        self._header, self._gauge = self._line(), self._line()
        self._end_of_header = self.addSeparator()
        self._end_of_models = self.addSeparator()
        self._control = self._entry(tr("Stop server"), Ask.CONTROL)
        self._pause = self._entry(tr("Free the memory until resumed"), Ask.PAUSE)
        self._copy = self._entry(tr("Copy endpoint address"), Ask.COPY)
        self._web_ui = self._entry(tr("Open web UI"), Ask.WEB_UI)
        self._entry(tr("Show log"), Ask.LOG, there=Ask.LOG in offered)
        self._entry(tr("Rescan models"), Ask.RESCAN)
        self.addSeparator()
        self._entry(tr("Open panel"), Ask.PANEL)
        self._entry(tr("Settings…"), Ask.SETTINGS, there=Ask.SETTINGS in offered)
        self._login = self._entry(tr("Start at login"), Ask.LOGIN, there=Ask.LOGIN in offered)
        self._login.setCheckable(True)
        self.addSeparator()
        self._entry(tr("Quit"), Ask.QUIT)
        self._open = QTimer(self, singleShot=True, interval=OPEN_AT_MOST_MS)
        self._open.timeout.connect(self._catch_up)
        self.aboutToShow.connect(self._opened)
        # Not at once: the action that was clicked is triggered after this, and must still be there.
        self.aboutToHide.connect(lambda: self._open.start(0))
        self.triggered.connect(lambda _: self._open.start(0))

    @property
    def is_open(self) -> bool:
        """Whether somebody looks at it, as far as the panel tells."""
        return self._open.isActive()

    def show_state(self, state: ViewState) -> None:
        """Shows `state`: at once what may change in an open menu, the rest when it is closed."""
        self._state = state
        if not self.is_open:
            if self._long.differs((self._places.of(state.all_models), state.total, state.rejected)):
                self._build_long(state)
            if self._short.differs(([entry.id for entry in state.models], state.empty, state.messages)):
                self._build_short(state)
            self._end_of_models.setVisible(
                bool(state.models or state.empty or state.all_models or state.rejected)
            )
        self._refresh(state)

    def show_login(self, *, on: bool) -> None:
        """Shows whether the program starts at login."""
        _mark(self._login, checked=on)

    def _opened(self) -> None:
        # What is opened had been closed, whether or not the panel said so: what waited for that is built now.
        self._open.stop()
        self._catch_up()
        self._open.start()

    def _catch_up(self) -> None:
        if self._state is not None:
            self.show_state(self._state)

    def _refresh(self, state: ViewState) -> None:
        self._header.setText(self._plain(state.header))
        self._gauge.setText(self._plain(state.gauge))
        for action, control in ((self._control, state.control), (self._pause, state.pause)):
            action.setText(control.text)
            action.setEnabled(control.enabled)
        self._copy.setEnabled(bool(state.endpoint))
        self._web_ui.setEnabled(bool(state.web_ui))
        # A new state comes every second, and a thousand entries with it, which are the same ones as a rule.
        if self._long_entries is not state.all_models or self._short_entries != state.models:
            self._short_entries, self._long_entries = state.models, state.all_models
            self._refresh_entries(state)

    def _refresh_entries(self, state: ViewState) -> None:
        known = {entry.id: entry for entry in _all_entries(state)}
        for model_id, action in (*self._short.models, *self._long.models):
            entry = known.get(model_id)
            action.setEnabled(entry is not None)  # the file went away while the menu is open
            if entry is not None:
                action.setText(self._text(entry))
                _mark(action, checked=entry.chosen)

    def _build_long(self, state: ViewState) -> None:
        self._begin(self._long)
        if state.all_models:
            self._long.actions.append(self._all_models(state).menuAction())
        if state.rejected:
            self._long.actions.append(self._rejected(state).menuAction())
        self.insertActions(self._end_of_models, self._long.actions)

    def _build_short(self, state: ViewState) -> None:
        self._begin(self._short)
        actions = self._model_actions(self._short, self, state.models)
        if state.empty:
            actions.append(self._words(state.empty, self))
        self.insertActions(next(iter(self._long.actions), self._end_of_models), actions)
        messages = [self._words(line, self) for line in state.messages]
        self.insertActions(self._end_of_header, messages)
        self._short.actions += messages + actions

    def _begin(self, part: _Part) -> None:
        part.clear(self)
        self._short_entries = None

    def _all_models(self, state: ViewState) -> QMenu:
        menu = self._new_menu(tr("All models ({count})").format(count=number(state.total)))
        if len(state.all_models) == 1:
            menu.addActions(self._model_actions(self._long, menu, state.all_models[0].models))
            return menu
        menu.setProperty("places", True)  # its arrows stand behind the words
        for place in state.all_models:
            inner = self._new_menu(f"{place.place} ({len(place.models)})")
            inner.addActions(self._model_actions(self._long, inner, place.models))
            menu.addMenu(inner)
        return menu

    def _rejected(self, state: ViewState) -> QMenu:
        menu = self._new_menu(tr("Cannot be served ({count})").format(count=number(len(state.rejected))))
        menu.addActions([self._words(line, menu) for line in state.rejected])
        return menu

    def _words(self, text: str, owner: QMenu) -> QAction:
        """An entry that is only read."""
        return QAction(self._plain(text), owner, enabled=False)

    def _new_menu(self, title: str) -> QMenu:
        menu = LookMenu(self._plain(title), self)
        self._long.menus.append(menu)
        return menu

    def _model_actions(self, part: _Part, owner: QMenu, entries: tuple[ModelEntry, ...]) -> list[QAction]:
        # A group for each list: a model may stand in two of them, and be marked in both.
        group = QActionGroup(self, exclusionPolicy=QActionGroup.ExclusionPolicy.ExclusiveOptional)
        part.groups.append(group)
        actions = [QAction(self._text(entry), owner, checkable=True) for entry in entries]
        for entry, action in zip(entries, actions, strict=True):
            group.addAction(action)
            action.triggered.connect(lambda _=False, model=entry.id: self._choose(model))
            part.models.append((entry.id, action))
        return actions

    def _choose(self, model_id: str) -> None:
        # The click moved the mark; what is chosen is for the engine to say.
        if self._state is not None:
            self._refresh_entries(self._state)
        self.chosen.emit(model_id)

    def _text(self, entry: ModelEntry) -> str:
        # Qt puts what follows a tab at the right edge; panels know no right edge.
        between = "\t" if self._drawn is Drawn.BY_QT else "  ·  "
        return self._plain(f"{entry.name}{between}{entry.detail}")

    def _plain(self, text: str) -> str:
        """`text` so that no character of it is taken for the mark of a keyboard shortcut."""
        if self._drawn is Drawn.BY_QT:
            return text.replace("&", "&&")
        # Qt turns the first ampersand into the underscore that marks a letter for panels, and lets all others,
        # and underscores that were there before, through as they are.
        return text.replace("_", "__").replace("&", "&&", 1)

    def _line(self) -> QAction:
        action = QAction("…", self, enabled=False)
        self.addAction(action)
        return action

    def _entry(self, text: str, ask: Ask, *, there: bool = True) -> QAction:
        action = QAction(text, self)
        action.triggered.connect(lambda _=False: self.asked.emit(ask))
        if there:
            self.addAction(action)
        return action


class _Part:
    """Entries that are made together, and anew when something about them is other than texts and marks.

    Attributes:
        actions: Those that stand in the menu itself.
        menus: Those below it.
        groups: Of which one entry is marked at most.
        models: The entries of models, by the models' ids.
    """

    def __init__(self) -> None:
        self._structure: object = None
        self.actions: list[QAction] = []
        self.menus: list[QMenu] = []
        self.groups: list[QActionGroup] = []
        self.models: list[tuple[str, QAction]] = []

    def differs(self, structure: object) -> bool:
        """Whether `structure` is another than the last time."""
        before, self._structure = self._structure, structure
        return before != structure

    def clear(self, menu: QMenu) -> None:
        """Take it out of the menu."""
        for action in self.actions:
            menu.removeAction(action)
        for inner in self.menus:
            # One by one: what goes with its menu stays in what Qt shows panels of it, for good.
            for action in inner.actions():
                inner.removeAction(action)
        for thing in (*self.actions, *self.menus, *self.groups):
            thing.deleteLater()
        self.actions, self.menus, self.groups, self.models = [], [], [], []


class _Places:
    """Places and ids of the long list, looked at once for each of them."""

    def __init__(self) -> None:
        self._list: tuple[PlaceEntries, ...] = ()
        self._places: list[tuple[str, list[str]]] = []

    def of(self, places: tuple[PlaceEntries, ...]) -> list[tuple[str, list[str]]]:
        if places is not self._list:
            self._list = places
            self._places = [(place.place, [entry.id for entry in place.models]) for place in places]
        return self._places


def _all_entries(state: ViewState) -> list[ModelEntry]:
    return [*state.models, *(entry for place in state.all_models for entry in place.models)]


def _mark(action: QAction, *, checked: bool) -> None:
    if action.isChecked() != checked:
        action.setChecked(checked)
