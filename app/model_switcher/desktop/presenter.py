"""Between views and bridge: snapshots become what tray and panel show, and notices; clicks become intentions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from model_switcher.desktop.ask import Ask
from model_switcher.desktop.intents import Intents
from model_switcher.desktop.language import tr
from model_switcher.desktop.notices import Notice, notices
from model_switcher.desktop.pickers import engine_picker, folder_picker
from model_switcher.desktop.quit_question import QuitQuestion
from model_switcher.desktop.view_state import Command, remember, view_state
from model_switcher.desktop.view_state.trail import Trail
from model_switcher.domain.errors import SwitcherError
from model_switcher.domain.paths import module_for
from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.desktop.bridge import Bridge
    from model_switcher.desktop.engine_side import Intentions
    from model_switcher.desktop.panel_host import PanelHost
    from model_switcher.desktop.tray import Tray
    from model_switcher.desktop.view_state import ViewState
    from model_switcher.desktop.windows import Windows
    from model_switcher.domain.settings import DesktopSettings

RELEASES = "https://github.com/ggml-org/llama.cpp/releases"
PREPARE_MS = 1_500
"""After the engine is up; until then the start needs the processor."""


class Presenter:
    """Keeps tray and panel up to date and carries out what is clicked."""

    def __init__(
        self,
        tray: Tray,
        panel: PanelHost,
        settings: DesktopSettings,
        *,
        windows: Windows,
        quit_: Callable[[], None],
        quiet: bool = False,
    ) -> None:
        self._tray, self._panel = tray, panel
        self._settings = settings
        self._windows = windows
        self._quitting = QuitQuestion(quit_)
        self._snapshot: Snapshot | None = None
        self._recent: tuple[str, ...] = ()
        self._trail = Trail()
        self._folders, self._engines = folder_picker(), engine_picker()
        self._intents = Intents(tray.tell, lambda: self._snapshot or Snapshot())
        tray.chosen.connect(self._intents.select)
        tray.asked.connect(self._do)
        tray.opening.connect(self._show_login)
        tray.notice_clicked.connect(self._follow)
        tray.clicked.connect(lambda: panel.toggle(tray.place(clicked=True)))
        if not quiet:
            tray.missing.connect(lambda: panel.open(None, framed=True))
        panel.chosen.connect(self._intents.select)
        panel.now_asked.connect(self._intents.select_now)
        panel.rested.connect(self._intents.foresee)
        panel.commanded.connect(self._press)
        self._folders.chosen.connect(self._add_folder)
        self._engines.chosen.connect(self._use_engine)
        panel.asked.connect(self._do)
        panel.folder_asked.connect(self._open_folder)
        panel.closing.connect(self._close_panel)
        panel.history_wanted.connect(self._fetch_history)

    def connect(self, bridge: Bridge) -> None:
        """Begins to show what the engine says, and to send it what is clicked."""
        self._intents.bridge = bridge
        bridge.changed.connect(self.show)
        self._windows.connect(bridge)
        self._show_login()
        # Later: first comes what the user waits for.
        QTimer.singleShot(PREPARE_MS, self._panel, self._panel.prepare)

    def show(self, snapshot: Snapshot) -> None:
        """Shows a snapshot, and tells what changed since the last one."""
        self._recent = remember(self._recent, snapshot)
        self._trail.record(snapshot)
        self._tray.show_state(view_state(snapshot, recent=self._recent))
        self._panel.show_snapshot(snapshot, self._recent, self._trail)
        for notice in notices(self._snapshot, snapshot, self._settings.notifications):
            self._tray.tell(notice)
        self._snapshot = snapshot
        self._quitting.show_snapshot(snapshot)

    def apply(self, settings: DesktopSettings) -> None:
        """Goes by this `[desktop]` table from now on."""
        self._settings = settings
        self._tray.set_theme(settings.theme)
        self._panel.set_theme(settings.theme)
        self._show_login()

    def show_panel(self) -> None:
        """Opens the panel: a second start of the program, or a menu, wants to see it."""
        self._panel.open(self._tray.place(), framed=not self._tray.is_shown)

    async def close(self) -> None:
        """Returns when every click has been carried out or called off."""
        self._quitting.close()
        await self._intents.close()

    def _do(self, ask: Ask) -> None:
        match ask:
            case Ask.CONTROL:
                self._intents.press(self._view().control.command)
            case Ask.PAUSE:
                self._intents.press(self._view().pause.command)
            case Ask.COPY:
                QGuiApplication.clipboard().setText(self._view().endpoint)
            case Ask.WEB_UI:
                self._open(QUrl(self._view().web_ui))
            case Ask.RESCAN:
                self._intents.press(Command.RESCAN)
            case Ask.PANEL:
                self.show_panel()
            case Ask.LOG | Ask.SETTINGS:
                self._windows.open(ask)
            case Ask.LOGIN:
                self._turn_login()
            case Ask.QUIT:
                self._quitting.ask(self._snapshot or Snapshot())

    def _turn_login(self) -> None:
        login = self._windows.login
        if login is None:
            return
        try:
            login.turn(on=not login.is_on())
        except SwitcherError as error:
            self._tray.tell(Notice("instance", error.message, error.hint))
        self._show_login()

    def _show_login(self) -> None:
        """What is so counts: it can be changed from elsewhere too."""
        if self._windows.login is not None:
            self._tray.show_login(on=self._windows.login.is_on())

    def _fetch_history(self) -> None:
        self._intents.ask(lambda engine: engine.history(), self._panel.show_history)

    def _close_panel(self) -> None:
        """Without a tray that window is the program: nobody finds it again who cannot see it."""
        if self._tray.is_shown:
            self._panel.dismiss()
        else:
            self._do(Ask.QUIT)

    def _follow(self, notice: Notice) -> None:
        """A message was clicked."""
        if notice.action is None:
            self.show_panel()
        else:
            self._press(notice.action, notice.target)

    def _press(self, command: Command, target: str) -> None:
        if command is Command.SHOW_FILE:
            self._open_folder(target)
        elif command is Command.SHOW_LOG:
            self._windows.open(Ask.LOG)
        elif command is Command.GET_ENGINE:
            self._open(QUrl(RELEASES))
        elif command is Command.CHOOSE_FOLDER:
            self._folders.choose()
        elif command is Command.CHOOSE_ENGINE:
            self._engines.choose()
        elif command is Command.USE_ENGINE:
            self._use_engine(target)
        else:
            self._intents.press(command, target)

    def _add_folder(self, folder: str) -> None:
        """Looks for models there too, from now on."""

        async def add(engine: Intentions) -> None:
            desk = engine.desk
            folders = (await desk.state()).file.model_folders
            if folder not in folders:
                await desk.change({("model-folders",): [*folders, folder]})

        self._intents.carry_out(add)
        self.show_panel()

    def _use_engine(self, setting: str) -> None:
        """Runs models with that engine, from now on."""
        self._intents.carry_out(lambda engine: engine.desk.change({("server", "engine"): setting}))
        self.show_panel()

    def _open_folder(self, path: str) -> None:
        """Opens the folder that a file lies in."""
        self._open(QUrl.fromLocalFile(str(module_for(path).dirname(path))))

    def _view(self) -> ViewState:
        return view_state(self._snapshot or Snapshot(), recent=self._recent)

    def _open(self, url: QUrl) -> None:
        if not QDesktopServices.openUrl(url):
            text = tr("Your desktop has no program for it. The address is {address}")
            self._tray.tell(
                Notice("instance", tr("It could not be opened"), text.format(address=url.toDisplayString()))
            )
