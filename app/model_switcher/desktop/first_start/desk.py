"""Asks what shall become of a llama-server that runs already, and sees to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from model_switcher.desktop.first_start.window import FirstStartWindow
from model_switcher.desktop.theme import colours
from model_switcher.desktop.view_state.first_start import (
    Choice,
    FirstStartView,
    first_start_view,
    port_taken_view,
)
from model_switcher.domain.foreign import Holder
from model_switcher.engine.background import in_background
from model_switcher.engine.first_start import server_of
from model_switcher.engine.foreign import stop_foreign

if TYPE_CHECKING:
    from typing import Literal

    from model_switcher.domain.errors import AddressInUse
    from model_switcher.engine.first_start import FirstStart, ForeignServer


class FirstStartDesk:
    """Lives on the desktop's loop, and asks before an engine is started.

    Args:
        first: Looks around and writes the settings.
        theme: The colours that the settings ask for.
    """

    def __init__(self, first: FirstStart, *, theme: Literal["system", "light", "dark"]) -> None:
        self._first = first
        self._theme: Literal["system", "light", "dark"] = theme
        self.window: FirstStartWindow | None = None

    @property
    def is_first(self) -> bool:
        """Whether the program was never started before, and this time by a person."""
        return self._first.is_first

    async def begin(self) -> None:
        """On the very first start: offer to take over a llama-server that runs.

        Raises:
            SwitcherError: That could not be done.
        """
        if not self.is_first:
            return
        server = await in_background(self._first.look)
        if server is not None:
            await self._carry_out(await self._ask(first_start_view(server)), server, None)

    async def make_room(self, error: AddressInUse) -> bool:
        """Ask what to do about the program that has our port; whether to try again.

        Raises:
            SwitcherError: It could not be done.
        """
        details = error.details
        holder, free_port = details.get("holder"), details.get("free_port")
        server = None
        if isinstance(holder, Holder) and holder.pid is not None:
            server = await in_background(server_of, holder.pid)
        view = port_taken_view(error.message, server, free_port=free_port, hint=error.hint)
        choice = await self._ask(view)
        await self._carry_out(choice, server, free_port)
        return choice is not Choice.LEAVE

    async def _carry_out(self, choice: Choice, server: ForeignServer | None, free_port: int | None) -> None:
        match choice:
            case Choice.TAKE_PLACE if server is not None:
                await in_background(self._first.take_over, server, port=server.port)
                await stop_foreign(server.holder)
            case Choice.TAKE_SETTINGS if server is not None:
                await in_background(self._first.take_over, server, port=None)
            case Choice.USE_PORT if free_port is not None:
                await in_background(self._first.use_port, free_port)

    async def _ask(self, view: FirstStartView) -> Choice:
        answer: asyncio.Future[Choice] = asyncio.get_running_loop().create_future()
        window = self.window = FirstStartWindow(view, colours(self._theme, QGuiApplication.styleHints()))
        window.chosen.connect(lambda choice: None if answer.done() else answer.set_result(choice))
        window.open()
        try:
            return await answer
        finally:
            self.window = None
            window.close()
            window.deleteLater()
