"""The servers that run, and what can be told about them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from model_switcher.domain.states import COMING_UP, ENDED, ServerState
from model_switcher.engine.control.pulse import Signs
from model_switcher.engine.control.server import Listener, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from model_switcher.domain.launch import Launch
    from model_switcher.domain.snapshot import ServerView
    from model_switcher.engine.control.deadlines import Deadlines
    from model_switcher.engine.log import LogRing


class Fleet:
    """Every server from its start until its end was noted. Only the writer adds and removes.

    Args:
        on_change: Hears of every change of every server.
        log: Takes what the engines write.
        deadlines: Of each server's steps.
        signs: Signs of life of a model's server that others have seen.
    """

    def __init__(
        self,
        *,
        on_change: Listener,
        log: LogRing,
        deadlines: Deadlines | None,
        signs: Callable[[str], Signs] = lambda _: Signs(),
    ) -> None:
        self._servers: list[Server] = []
        self._on_change = on_change
        self._log = log
        self._deadlines = deadlines
        self._signs = signs

    def __iter__(self) -> Iterator[Server]:
        return iter(self._servers)

    def __len__(self) -> int:
        return len(self._servers)

    def __contains__(self, model: str) -> bool:
        return any(server.model == model for server in self._servers)

    def start(self, launch: Launch) -> None:
        """Start a server; what becomes of it comes to the listener."""
        server = Server(
            launch,
            on_change=self._on_change,
            log=self._log,
            deadlines=self._deadlines,
            signs=lambda: self._signs(launch.model.id),
        )
        self._servers.append(server)
        server.start()

    def stop(self, model: str) -> None:
        """Stop the server of that model."""
        next(server for server in self._servers if server.model == model).stop()

    def remove(self, server: Server) -> None:
        """Forget a server that ended."""
        self._servers.remove(server)

    def ready(self, model: str | None) -> Server | None:
        """The server of that model, if it can serve."""
        return next((s for s in self._servers if s.model == model and s.state is ServerState.READY), None)

    def is_stopping(self, model: str) -> bool:
        """Whether the server of that model ends, or has ended and its memory is not proven free yet."""
        leaving = (ServerState.STOPPING, *ENDED)
        return any(server.model == model and server.state in leaving for server in self._servers)

    @property
    def serving(self) -> Server | None:
        """A server that can serve, whatever its model."""
        return next((server for server in self._servers if server.state is ServerState.READY), None)

    @property
    def coming_up(self) -> Server | None:
        """The one that starts or loads."""
        return next((server for server in self._servers if server.state in COMING_UP), None)

    @property
    def models(self) -> set[str]:
        """What the servers hold."""
        return {server.model for server in self._servers}

    def views(
        self, first: str | None, in_flight: Mapping[str, int], draining: Collection[str]
    ) -> tuple[ServerView, ...]:
        """All of them, that of the model `first` at the beginning."""
        ordered = sorted(self._servers, key=lambda server: server.model != first)
        return tuple(
            server.view(in_flight=in_flight[server.model], draining=server.model in draining)
            for server in ordered
        )

    async def wait_ended(self) -> None:
        """Wait until every process is gone."""
        while running := [server for server in self._servers if server.state not in ENDED]:
            await asyncio.gather(*(server.wait_ended() for server in running))
