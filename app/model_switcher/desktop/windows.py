"""What opens beside tray and panel, and what else the program offers where somebody provides it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from model_switcher.desktop.ask import Ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.desktop.bridge import Bridge


class StartAtLogin(Protocol):
    """Whether the program starts when the user logs in. Both are quick: a file or a key of the registry."""

    def is_on(self) -> bool:
        """Whether it does."""
        ...

    def turn(self, *, on: bool) -> None:
        """Lets it, or lets it not any more.

        Raises:
            SwitcherError: That could not be written.
        """
        ...


class Windows:
    """The doors to other windows. Menu and panel have an entry for each that is offered, and for no other.

    A door makes its window when it is first opened, not before: most starts never want one.

    Args:
        login: None where the program cannot be started at login.
    """

    def __init__(self, login: StartAtLogin | None = None) -> None:
        self.login = login
        self._doors: dict[Ask, Callable[[], None]] = {}
        self._listeners: list[Callable[[Bridge], None]] = []

    def add(
        self, ask: Ask, open_: Callable[[], None], connect: Callable[[Bridge], None] | None = None
    ) -> None:
        """Offers a window; `open_` shows it, in front of the others where it is open already.

        `connect` is called with the bridge to the engine, whenever there is a new one.
        """
        self._doors[ask] = open_
        if connect is not None:
            self._listeners.append(connect)

    def connect(self, bridge: Bridge) -> None:
        """Tells all of them of the bridge."""
        for listener in self._listeners:
            listener(bridge)

    @property
    def offered(self) -> frozenset[Ask]:
        """What menu and panel have an entry for."""
        return frozenset(self._doors) | (frozenset() if self.login is None else {Ask.LOGIN})

    def open(self, ask: Ask) -> None:
        """Opens the window that is asked for, if there is one."""
        door = self._doors.get(ask)
        if door is not None:
            door()
