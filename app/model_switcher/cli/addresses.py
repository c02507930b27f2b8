"""Where an instance listens: the stable address, and the ports of their own that models may have."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.errors import SwitcherError
from model_switcher.engine.ports import bind_stable

if TYPE_CHECKING:
    import socket

    from model_switcher.domain.settings import Settings

LOOK_AGAIN_SECONDS = 0.05


@dataclass(slots=True)
class Addresses:
    """Listening sockets, those of the stable address first.

    Attributes:
        sockets: All of them.
        ports: Ports that always mean one model, with what the settings call it.
        notice: Which of these could not be had, and why; None if none failed.
    """

    sockets: list[socket.socket]
    ports: dict[int, str] = field(default_factory=dict)
    notice: str | None = None

    @property
    def stable(self) -> str:
        """The stable address as a URL."""
        host, port = self.sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def close(self) -> None:
        """Close those that nobody has taken over."""
        for each in self.sockets:
            each.close()


async def listen(settings: Settings, *, patience: float = 0.0) -> Addresses:
    """Listen where the settings say. A model's own port that cannot be had is no reason not to serve.

    Args:
        settings: The whole settings.
        patience: Seconds that another instance may need to close its listeners.

    Raises:
        AddressInUse, InstanceError, UsageError: The stable address cannot be had.
    """
    deadline = time.monotonic() + patience
    server = settings.server
    found = Addresses(await _bind(server.host, server.port, deadline))
    try:
        await _add_ports(found, settings, deadline)
    except BaseException:
        found.close()
        raise
    return found


async def _add_ports(found: Addresses, settings: Settings, deadline: float) -> None:
    problems: list[str] = []
    taken = {found.sockets[0].getsockname()[1]: "all models"}
    for name, model in settings.models.items():
        if model.port is None:
            continue
        if model.port in taken:
            problems.append(f"{name} has no port of its own: {model.port} is that of {taken[model.port]}.")
            continue
        try:
            found.sockets += await _bind(settings.server.host, model.port, deadline)
        except SwitcherError as error:
            problems.append(f"{name} has no port of its own: {error.message}.")
        else:
            found.ports[model.port] = taken[model.port] = name
    found.notice = " ".join(problems) or None


async def _bind(host: str, port: int, deadline: float) -> list[socket.socket]:
    while True:
        try:
            return bind_stable(host, port)
        except SwitcherError:
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
