"""Opens the log window, and brings it what the engines write for as long as it is open."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from model_switcher.desktop.language import tr
from model_switcher.desktop.machine import machine
from model_switcher.desktop.theme import colours
from model_switcher.desktop.view_state.report import bug_report, copied_lines
from model_switcher.domain.errors import Closing
from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from model_switcher.desktop.bridge import Bridge
    from model_switcher.desktop.log.window import LogWindow
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Options
    from model_switcher.engine.log import LogLine

PAUSE_SECONDS = 0.05
"""Between two looks for lines: what comes meanwhile comes together."""
REPORTED_LINES = 2_000


class LogHost(QObject):
    """The log window, whether or not there is one.

    Args:
        theme: The colours that the settings ask for.
        options: What a model would be started with.
        secrets: What must not be copied.
    """

    def __init__(
        self,
        *,
        theme: Literal["system", "light", "dark"],
        options: Callable[[Model], Options],
        secrets: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self._theme: Literal["system", "light", "dark"] = theme
        self._options, self._secrets = options, secrets
        self._snapshot = Snapshot()
        self._bridge: Bridge | None = None
        self._feed: asyncio.Task[None] | None = None
        self.window: LogWindow | None = None
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._dress)

    def connect_to(self, bridge: Bridge) -> None:
        """Begins to read from there when the window is open."""
        self._bridge = bridge
        bridge.changed.connect(self.show_snapshot)
        if self.window is not None:
            self._begin()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Knows what is the case, for names and for a report."""
        if self.window is not None and snapshot.catalog is not self._snapshot.catalog:
            self.window.show_names(_names(snapshot))
        self._snapshot = snapshot

    def open(self) -> None:
        """Opens the window, or brings it to the front."""
        if self.window is None:
            from model_switcher.desktop.log.window import LogWindow  # noqa: PLC0415 - the icon waits for none of it

            self.window = LogWindow(colours(self._theme, QGuiApplication.styleHints()))
            self.window.closed.connect(self._forget)
            self.window.report_asked.connect(self._copy_report)
            self.window.lines_copied.connect(self._copy_lines)
            self.window.show_names(_names(self._snapshot))
            self._begin()
        self.window.open()

    def close(self) -> None:
        """Takes the window away."""
        if self.window is not None:
            self.window.close()

    def set_theme(self, theme: Literal["system", "light", "dark"]) -> None:
        """Takes on what the settings ask for now."""
        self._theme = theme
        self._dress()

    def keep_secret(self, secrets: tuple[str, ...]) -> None:
        """Neither these may be copied, from now on; what was secret before stays so."""
        self._secrets = tuple(dict.fromkeys((*self._secrets, *secrets)))

    def _begin(self) -> None:
        if self._feed is not None:
            self._feed.cancel()
        if self._bridge is not None and self.window is not None:
            reading = _read(self._bridge, self.window)
            self._feed = asyncio.get_running_loop().create_task(reading, name="log")

    def _forget(self) -> None:
        """The window was closed: its lines take memory for nothing."""
        if self._feed is not None:
            self._feed.cancel()
            self._feed = None
        if self.window is not None:
            self.window.deleteLater()
            self.window = None

    def _copy_report(self) -> None:
        window, model = self.window, self._snapshot.selected_model
        if window is None:
            return
        options = {} if model is None else self._options(model)
        lines = window.model.lines.last(REPORTED_LINES)
        QGuiApplication.clipboard().setText(
            bug_report(self._snapshot, lines, machine(self._secrets), options)
        )
        window.say_copied(tr("Copied, without keys and passwords. Read it once before you post it."))

    def _copy_lines(self, lines: list[LogLine]) -> None:
        QGuiApplication.clipboard().setText(copied_lines(lines, machine(self._secrets)))
        if self.window is not None:
            self.window.say_copied(tr("%n line(s) copied, without keys and passwords", "", len(lines)))

    def _dress(self) -> None:
        if self.window is not None:
            self.window.dress(colours(self._theme, QGuiApplication.styleHints()))


def _names(snapshot: Snapshot) -> dict[str, str]:
    return {model.id: model.name for model in snapshot.catalog.models}


async def _read(bridge: Bridge, window: LogWindow) -> None:
    """Brings the window all lines, and every new one, until it is called off or the engine is gone."""
    number = window.model.lines.end
    with contextlib.suppress(Closing):
        while True:
            wanted = number
            page = await bridge.call(lambda engine: engine.log_after(wanted))  # noqa: B023 - awaited at once
            number = page.end
            window.add(page)
            await asyncio.sleep(PAUSE_SECONDS)
