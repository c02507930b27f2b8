"""Every way of being told to quit ends in one callback."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class QuitFilter(QObject):
    """Turns Qt's own ways of quitting (a session that ends, Cmd+Q) into a callback, so that work can be finished."""

    def __init__(self, asked: Callable[[], None]) -> None:
        super().__init__()
        self._asked = asked

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is not QEvent.Type.Quit:
            return super().eventFilter(watched, event)
        event.ignore()
        self._asked()
        return True


def on_signals(loop: asyncio.AbstractEventLoop, asked: Callable[[], None]) -> None:
    """Calls back on SIGINT, SIGTERM and SIGHUP; Windows sends a program without a console none of them."""
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, asked)
