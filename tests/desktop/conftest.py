"""Desktop tests draw off screen; those that need a real panel start one with the `private_screen` fixture."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QRect

from fakes import panel_states
from fakes.opened_panel import Opened
from fakes.screen import Screen, screen
from model_switcher.desktop.ask import Ask
from model_switcher.desktop.panel_host import PanelHost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot


@pytest.fixture(scope="module")
def private_screen() -> Iterator[Screen]:
    """A virtual screen with xfce's panel, shared by the tests of one file."""
    with screen("xfce4-panel") as private:
        yield private


@pytest.fixture(autouse=True)
def _no_qt_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collects what a test leaves of Qt in the thread that made it: qasync's loops are cycles with timers in
    them, and the next collection may run in any thread.
    """
    yield
    if "qapp" in request.fixturenames:
        gc.collect()


@pytest.fixture
def panel(qtbot: QtBot) -> Iterator[Opened]:
    """The panel, open and with the keyboard, which shows a machine that serves and does nothing else."""
    host = PanelHost(theme="dark", offered=(Ask.LOG, Ask.SETTINGS), options=lambda _: {"ctx-size": 16384})
    opened = Opened(host)
    opened.show(panel_states.idle())
    host.open(QRect(790, 590, 1, 1))
    assert host.window is not None
    qtbot.waitUntil(host.window.isActiveWindow)
    yield opened
    host.close()
