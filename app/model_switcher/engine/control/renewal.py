"""Settings that change while models run: what counts at once, and what counts from the next start of a model on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from model_switcher.domain.errors import SwitchFailed
from model_switcher.domain.states import ServerState
from model_switcher.engine.control.preflight import Checked, check

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.launch import Launch
    from model_switcher.domain.plan import Limits
    from model_switcher.domain.settings import ServerSettings
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.control.admission import Admission
    from model_switcher.engine.control.book import Book
    from model_switcher.engine.control.choosing import Choosing
    from model_switcher.engine.control.fleet import Fleet
    from model_switcher.engine.control.leases import Leases
    from model_switcher.engine.control.outlook import Outlook
    from model_switcher.engine.control.preflight import Prepare
    from model_switcher.engine.hub import Hub


class Renewal:
    """The controller's counter for settings. Everything is carried out by the writer, in order.

    Args:
        post: Has a step done by the writer.
        prepare: Preflight of a model id.
    """

    def __init__(
        self,
        *,
        post: Callable[[Callable[[], None]], None],
        prepare: Prepare,
        book: Book,
        fleet: Fleet,
        admission: Admission,
        leases: Leases,
        choosing: Choosing,
        outlook: Outlook,
        hub: Hub,
    ) -> None:
        self._post = post
        self._prepare = prepare
        self._book = book
        self._fleet = fleet
        self._admission = admission
        self._leases = leases
        self._choosing = choosing
        self._outlook = outlook
        self._hub = hub
        self._looking: asyncio.Task[None] | None = None

    def apply(self, settings: ServerSettings, limits: Limits) -> None:
        """Go by these from now on. How models are started is looked up again: what runs goes on as it was started."""
        self._post(lambda: self._apply(settings, limits))

    async def reload(self, model: str) -> None:
        """Load a model again that would be started in another way by now. Returns when that is done.

        Requests for it wait. One that does not come up so is started again exactly as it was before.

        Raises:
            SwitchFailed: It did not come up; it is back as it was before.
        """
        aliases: list[str] = []
        begun = asyncio.Event()

        def begin() -> None:
            aliases.extend(self._begin(model))
            begun.set()

        self._post(begin)
        await begun.wait()
        if not aliases:
            return
        await self._hub.wait_for(lambda snapshot: self._is_settled(model, aliases[0], snapshot))
        failure = self._book.reload_failures.pop(model, None)
        self._post(lambda: self._book.end_reload(model))
        if failure is not None:
            raise SwitchFailed(
                f"{self._book.name_of(model)} does not come up with its new settings: {failure.sentence}",
                hint=f"It runs as it did before. {failure.hint}".strip(),
                details={"failure": failure},
            )

    async def close(self) -> None:
        """End what is looked up."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def _apply(self, settings: ServerSettings, limits: Limits) -> None:
        self._admission.limit = settings.hold_limit
        self._admission.timeout = settings.hold_timeout
        self._leases.limit = settings.lease_limit
        self._choosing.drain_timeout = settings.drain_timeout
        self._outlook.limits = limits
        if self._looking is not None:
            self._looking.cancel()
        self._looking = asyncio.create_task(self._look_up(tuple(self._book.launches)), name="renewal")

    async def _look_up(self, models: tuple[str, ...]) -> None:
        for model in models:
            checked = await check(self._prepare, model)
            if isinstance(checked, Checked):
                self._post(lambda launch=checked.launch: self._renewed(launch))  # type: ignore[misc]

    def _renewed(self, launch: Launch) -> None:
        model, book = launch.model.id, self._book
        known = book.launches.get(model)
        if known is None:
            return
        server = next((one for one in self._fleet if one.model == model), None)
        if server is None and not book.standing_by(model):
            book.launches[model] = launch
            book.renewed.pop(model, None)
            return
        book.launches[model] = known = replace(known, pinned=launch.pinned)
        if server is not None:
            server.launch = known = replace(server.launch, pinned=launch.pinned)
        if known.starts_as(launch):
            book.renewed.pop(model, None)
        else:
            book.renewed[model] = launch

    def _begin(self, model: str) -> list[str]:
        """Let it go, to come back renewed; the alias of what runs, if there is anything to be done."""
        server = self._fleet.ready(model)
        if server is None or model not in self._book.renewed:
            return []
        self._book.reload(model)
        return [server.alias]

    def _is_settled(self, model: str, alias: str, snapshot: Snapshot) -> bool:
        servers = [server for server in snapshot.servers if server.model == model]
        if any(server.alias == alias for server in servers):
            return model not in self._book.leaving and servers[0].state is ServerState.READY
        if any(server.state is ServerState.READY for server in servers):
            return True
        return model not in self._book.candidates or not snapshot.awake or snapshot.failure is not None
