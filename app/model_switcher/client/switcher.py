"""The typed client of a running instance."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

import msgspec

from model_switcher.client.conversation import ask, complete
from model_switcher.client.finding import find, find_or_start
from model_switcher.client.lease import Lease
from model_switcher.client.link import AS_LONG_AS_IT_TAKES, Link
from model_switcher.domain.catalog import Catalog
from model_switcher.domain.errors import NoInstance, UpstreamLost
from model_switcher.domain.history import HistoryReport
from model_switcher.domain.snapshot import Outcome, Snapshot
from model_switcher.domain.wire import decode, decode_state
from model_switcher.places import places

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType


class Switcher:
    """Talks to the running instance, and starts a headless one where none runs.

        async with Switcher() as switcher:
            await switcher.switch("phinance")

    Args:
        config: Settings file of the instance; the user's own if None.
        start: Whether to start a headless instance where none runs.

    Attributes:
        started: Whether this client had to start the instance.
        address: Where it listens.

    All methods raise the errors of `model_switcher.domain.errors`.
    """

    def __init__(self, *, config: str | os.PathLike[str] | None = None, start: bool = True) -> None:
        self.started = False
        self.address = ""
        self._places = places(config)
        self._start = start
        self._connected: Link | None = None

    async def __aenter__(self) -> Self:
        if self._start:
            record, self.started = await find_or_start(self._places)
        else:
            found = find(self._places)
            if found is None:
                raise NoInstance(
                    "No instance is running", hint="Start one: `model-switcher` or `model-switcher serve`."
                )
            record = found
        self.address = record.address
        self._connected = Link(record)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connected is not None:
            await self._connected.close()

    async def switch(self, model: str, *, now: bool = False) -> Outcome:
        """Serve `model` (an id, a name, an alias or a path) from now on; returns when it is ready.

        Args:
            model: What to serve. A relative path of a file counts from our working folder, not the instance's.
            now: Cut running answers after the grace of `drain-timeout`.

        Raises:
            UnknownModel, AmbiguousModel, UnusableModel: Nothing was changed.
            SwitchFailed: Another model, or none, is serving; `details["serving"]` says which.
        """
        body = {"model": _from_anywhere(model), "when": "now" if now else "idle"}
        answer = await self._link.send("POST", "/switcher/select", json=body, timeout=AS_LONG_AS_IT_TAKES)
        return msgspec.convert(msgspec.json.decode(answer)["outcome"], Outcome)

    async def state(self) -> Snapshot:
        """What is the case now; its catalog is left empty, `models` has that."""
        return decode_state(await self._link.send("GET", "/switcher/state"))

    async def raw_state(self) -> dict[str, Any]:
        """The same as `state`, as the plain JSON object that the instance sent."""
        return dict(msgspec.json.decode(await self._link.send("GET", "/switcher/state")))

    async def models(self) -> Catalog:
        """Every model, and the files that were rejected."""
        return decode(await self._link.send("GET", "/switcher/models"), Catalog)

    async def raw_models(self) -> dict[str, Any]:
        """The same as `models`, with what each takes and whether it fits, as the plain JSON object that was sent."""
        return dict(msgspec.json.decode(await self._link.send("GET", "/switcher/models")))

    async def history(self, *, limit: int | None = None) -> HistoryReport:
        """Every load that is kept, the newest `limit` of them one by one."""
        params = {} if limit is None else {"limit": limit}
        return decode(await self._link.send("GET", "/switcher/history", params=params), HistoryReport)

    async def events(self) -> AsyncIterator[Snapshot]:
        """The current state, then every change."""
        async for data in self.raw_events():
            yield decode_state(data)

    async def raw_events(self) -> AsyncIterator[str]:
        """The same as `events`, as the plain JSON objects that the instance sent."""
        last = ""
        while True:
            began_after = last
            headers = {"Last-Event-ID": last} if last else {}
            try:
                async for event in self._link.events("GET", "/switcher/events", headers=headers):
                    last = event.id
                    yield event.data
            except UpstreamLost:
                if last == began_after:  # nothing came of it since it broke the last time
                    raise
            else:
                return

    async def log(self, *, follow: bool = False) -> AsyncIterator[str]:
        """What the engines wrote, line by line."""
        params = {"follow": "1"} if follow else {}
        async for line in self._link.lines("GET", "/switcher/log", params=params):
            yield line

    async def chat(self, system_prompt: str, user_prompt: str, **options: Any) -> str:
        """Ask the selected model; `options` go into the request as they are (`max_tokens`, `grammar`, …)."""
        return await ask(self._link, system_prompt, user_prompt, options)

    async def complete(self, prompt: str, **options: Any) -> str:
        """What the selected model continues `prompt` with; `options` as llama-server's `/completion` takes them."""
        return await complete(self._link, prompt, options)

    def lease(self, model: str) -> Lease:
        """Borrow `model` (an id, a name, an alias or a path) for the time of a block.

            async with switcher.lease("phinance") as lease:
                text = await lease.chat("You are a financial analyst.", "…")

        Leases are granted first in, first out, over all programs; the selected model returns when none is left.

        Raises, on entering the block:
            UnknownModel, AmbiguousModel, UnusableModel: Nothing was changed.
            SwitchFailed: It did not come up; `details["serving"]` says what is served.
            Paused: The memory was freed by the user.
        """
        return Lease(self._link, _from_anywhere(model))

    async def cancel(self) -> None:
        """Give up the switch under way; the model before it comes back."""
        await self._link.send("POST", "/switcher/cancel")

    async def stop(self, *, pause: bool = False) -> None:
        """Unload everything; with `pause` requests wake nothing until `resume`."""
        path = "/switcher/pause" if pause else "/switcher/stop"
        await self._link.send("POST", path, timeout=AS_LONG_AS_IT_TAKES)

    async def resume(self) -> None:
        """End a pause and load the selected model."""
        await self._link.send("POST", "/switcher/resume")

    async def rescan(self) -> None:
        """Look for models again."""
        await self._link.send("POST", "/switcher/rescan", timeout=AS_LONG_AS_IT_TAKES)

    async def show(self) -> None:
        """Ask the tray to show itself."""
        await self._link.send("POST", "/switcher/show")

    async def quit(self, *, hand_over: bool = False) -> None:
        """End the instance; with `hand_over` after its running requests, the address being given up at once."""
        await self._link.send("POST", "/switcher/quit", json={"hand_over": hand_over})

    @property
    def _link(self) -> Link:
        if self._connected is None:
            raise NoInstance(
                "The client is not connected", hint="Use it as `async with Switcher() as switcher:`."
            )
        return self._connected


def _from_anywhere(model: str) -> str:
    """The whole path where `model` is that of a file; else it is a name, and stays as it is."""
    looks_like_a_path = model.casefold().endswith(".gguf") or os.sep in model or "/" in model
    path = os.path.expanduser(model)  # noqa: PTH111 - Path.expanduser raises where there is no home
    return os.path.abspath(path) if looks_like_a_path and os.path.isfile(path) else model  # noqa: PTH100, PTH113 - resolve() would follow links, and is_file() raises
