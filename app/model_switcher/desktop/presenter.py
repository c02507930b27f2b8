"""Between tray and bridge: snapshots become view states and notices, clicks become intentions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from model_switcher.desktop.menu import Ask
from model_switcher.desktop.notices import Notice, notices
from model_switcher.desktop.view_state import Command, remember, view_state
from model_switcher.domain.errors import Closing, SwitcherError, SwitchError
from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from model_switcher.desktop.bridge import Bridge
    from model_switcher.desktop.engine_side import Intentions
    from model_switcher.desktop.tray import Tray
    from model_switcher.desktop.view_state import ViewState
    from model_switcher.domain.settings import DesktopSettings


class Presenter:
    """Keeps the tray up to date and carries out what is clicked."""

    def __init__(
        self, tray: Tray, settings: DesktopSettings, *, log_folder: Path | None, quit_: Callable[[], None]
    ) -> None:
        self._tray = tray
        self._settings = settings
        self._log_folder = log_folder
        self._quit = quit_
        self._bridge: Bridge | None = None
        self._snapshot: Snapshot | None = None
        self._recent: tuple[str, ...] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        tray.chosen.connect(self._choose)
        tray.asked.connect(self._do)

    def connect(self, bridge: Bridge) -> None:
        """Begins to show what the engine says, and to send it what is clicked."""
        self._bridge = bridge
        bridge.changed.connect(self.show)

    def show(self, snapshot: Snapshot) -> None:
        """Shows a snapshot, and tells what changed since the last one."""
        self._recent = remember(self._recent, snapshot)
        self._tray.show_state(view_state(snapshot, recent=self._recent))
        for notice in notices(self._snapshot, snapshot, self._settings.notifications):
            self._tray.tell(notice)
        self._snapshot = snapshot

    async def close(self) -> None:
        """Returns when every click has been carried out or called off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _choose(self, model_id: str) -> None:
        self._intend(lambda engine: engine.select(model_id))

    def _do(self, ask: Ask) -> None:
        match ask:
            case Ask.CONTROL:
                self._press(self._view().control.command)
            case Ask.PAUSE:
                self._press(self._view().pause.command)
            case Ask.COPY:
                QGuiApplication.clipboard().setText(self._view().endpoint)
            case Ask.WEB_UI:
                self._open(QUrl(self._view().web_ui))
            case Ask.LOGS if self._log_folder is not None:
                self._log_folder.mkdir(parents=True, exist_ok=True)
                self._open(QUrl.fromLocalFile(str(self._log_folder)))
            case Ask.RESCAN:
                self._intend(lambda engine: engine.rescan())
            case Ask.QUIT:
                self._quit()

    def _press(self, command: Command) -> None:
        selected = self._snapshot.selected if self._snapshot is not None else None
        match command:
            case Command.STOP:
                self._intend(lambda engine: engine.stop())
            case Command.CANCEL:
                self._intend(lambda engine: engine.cancel())
            case Command.PAUSE:
                self._intend(lambda engine: engine.pause())
            case Command.RESUME:
                self._intend(lambda engine: engine.resume())
            case Command.START if selected is not None:
                self._intend(lambda engine: engine.select(selected))

    def _view(self) -> ViewState:
        return view_state(self._snapshot or Snapshot(), recent=self._recent)

    def _open(self, url: QUrl) -> None:
        if not QDesktopServices.openUrl(url):
            text = f"Your desktop has no program for it. The address is {url.toDisplayString()}"
            self._tray.tell(Notice("instance", "It could not be opened", text))

    def _intend(self, intention: Callable[[Intentions], Coroutine[Any, Any, object]]) -> None:
        task = asyncio.get_running_loop().create_task(self._carry_out(intention))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, intention: Callable[[Intentions], Coroutine[Any, Any, object]]) -> None:
        if self._bridge is None:
            return
        try:
            await self._bridge.call(intention)
        except (SwitchError, Closing):
            return  # a switch that failed is told with its outcome; a closing program has nothing to add
        except SwitcherError as error:
            outcome = self._snapshot.outcome if self._snapshot is not None else None
            told = (
                outcome is not None
                and outcome.failure is not None
                and outcome.failure.sentence == error.message
            )
            if not told:
                self._tray.tell(Notice("instance", error.message, error.hint))
