"""Borrowing models over HTTP, at `/switcher/leases`.

There are two ways. With a stream of events, the open connection shows that the owner lives: when it closes, the lease
ends. With a plain answer, which comes once the model is there, the owner has to renew the lease.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from model_switcher.domain.errors import LeaseEnded, NothingServed, SwitchFailed, UsageError
from model_switcher.domain.leases import LEASES, LeaseAnswer, LeaseBody, LeaseForm, OwnerBody
from model_switcher.domain.states import ServerState
from model_switcher.engine.control import leases
from model_switcher.engine.control.leases import Owner
from model_switcher.gateway.answers import decoded_body, json_answer, wrong_method
from model_switcher.gateway.lease_events import LeaseEvents
from model_switcher.processes import process_created

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from model_switcher.domain.errors import SwitcherError
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.control.leases import Lease
    from model_switcher.gateway.backend import Backend
    from model_switcher.gateway.callers import Callers
    from model_switcher.gateway.streams import Streams

LONGEST_OWNER = 80
SOMEBODY = "a program"


class LendingRoutes:
    """Handlers of the lease routes.

    Args:
        backend: The runtime.
        streams: The gateway's endless answers, of which those to owners are some.
        callers: Tells whether an owner is who he says.
    """

    def __init__(self, backend: Backend, streams: Streams, callers: Callers) -> None:
        self._backend = backend
        self._streams = streams
        self._callers = callers

    async def answer(
        self, request: web.BaseRequest, path: str, ours: Mapping[str, str]
    ) -> web.StreamResponse:
        """The answer to whatever is asked at or below `LEASES`.

        Raises:
            SwitcherError: The model cannot be borrowed, or the lease has ended.
        """
        lease_id = path.removeprefix(LEASES).removeprefix("/")
        match request.method:
            case "POST" if not lease_id:
                return await self._borrow(request, ours)
            case "PUT" if lease_id:
                return json_answer(LeaseAnswer(lease=self._form(self._renewed(lease_id))))
            case "DELETE" if lease_id:
                lease = self._renewed(lease_id)
                self._backend.lending.give_back(lease)
                await asyncio.wait([lease.ended])
                return json_answer(LeaseAnswer(lease=None))
        return wrong_method(path, request.method, self.methods(path))

    @staticmethod
    def methods(path: str) -> tuple[str, ...]:
        """The methods that a lease route knows."""
        return ("POST", "OPTIONS") if path.rstrip("/") == LEASES else ("PUT", "DELETE", "OPTIONS")

    async def _borrow(self, request: web.BaseRequest, ours: Mapping[str, str]) -> web.StreamResponse:
        body = await decoded_body(request, LeaseBody)
        model = await self._backend.resolve(body.model)
        owner = await self._owner(body.owner, request)

        def claim() -> Lease:
            # While it waits, the open connection shows that the owner lives, in both ways.
            return self._backend.lending.claim(model.id, owner, connected=True)

        if body.stream or "text/event-stream" in request.headers.get("Accept", ""):
            return await self._follow(request, claim, ours)
        lease = claim()
        try:
            await self._granted(lease)
        except asyncio.CancelledError:
            self._backend.lending.give_back(lease)
            raise
        self._backend.lending.entrust(lease)
        return json_answer(LeaseAnswer(lease=self._form(lease)))

    async def _follow(
        self, request: web.BaseRequest, claim: Callable[[], Lease], ours: Mapping[str, str]
    ) -> web.StreamResponse:
        events = LeaseEvents(self._backend, claim=claim, granted=self._granted, form=self._form)
        return await self._streams.stream(
            request,
            events.pending,
            bytes,
            subscribe=events.begin,
            ping=b": ping\n\n",
            last=events.closing,
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", **ours},
        )

    async def _granted(self, lease: Lease) -> None:
        """Return once the model is there for its owner.

        Raises:
            SwitchFailed: It cannot be served; it is told once it is clear what is served instead.
            SwitcherError: The lease ended before it was granted.
        """
        await asyncio.wait([lease.granted])  # cancelled only if we are
        if lease.granted.cancelled():
            raise LeaseEnded("The lease was given back before its model was there")
        error = lease.granted.exception()
        if isinstance(error, NothingServed):
            raise _failed(lease, error, await self._settled())
        if error is not None:
            raise error

    async def _owner(self, body: OwnerBody, request: web.BaseRequest) -> Owner:
        """Who borrows.

        Raises:
            UsageError: The process that he says he is does not run, or is not the one that asks.
        """
        name = "".join(filter(str.isprintable, body.name)).strip()[:LONGEST_OWNER] or SOMEBODY
        if body.pid is None:
            return Owner(name)
        created = process_created(body.pid)
        if created is None:
            raise UsageError(f"There is no process {body.pid}")
        if (
            request.transport is not None
            and await self._callers.is_from(request.transport, body.pid) is False
        ):
            raise UsageError(
                f"Process {body.pid} is not the one that asks, and has not started it",
                hint="A lease can be had without `pid`: then it ends with the connection, or when it is not renewed.",
            )
        return Owner(name, body.pid, created)

    def _renewed(self, lease_id: str) -> Lease:
        """The lease of that id; its owner has just shown that he lives.

        Raises:
            LeaseEnded: There is none any more.
        """
        return self._backend.lending.renew(lease_id)

    def _form(self, lease: Lease) -> LeaseForm:
        return LeaseForm(
            id=lease.id,
            model=lease.model,
            address=self._backend.snapshot.address,
            expires_in=max(0.0, (lease.expires or 0.0) - time.monotonic()),
            heartbeat=None if lease.connected else leases.HEARTBEAT_SECONDS,
        )

    async def _settled(self) -> Snapshot:
        """The first snapshot in which no model comes or goes."""
        found: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()

        def look(snapshot: Snapshot) -> None:
            still = snapshot.switch is None and all(s.state is ServerState.READY for s in snapshot.servers)
            if still and not found.done():
                found.set_result(snapshot)

        unsubscribe = self._backend.subscribe(look)
        try:
            return await found
        finally:
            unsubscribe()


def _failed(lease: Lease, error: SwitcherError, now: Snapshot) -> SwitchFailed:
    serving = next((server.model for server in now.servers), None)
    model = now.catalog.get(serving)
    what = f"{model.name if model else serving} is serving" if serving else "nothing is serving"
    return SwitchFailed(
        f"{error.message}; {what}",
        hint=error.hint,
        details={**error.details, "target": lease.model, "serving": serving},
    )
