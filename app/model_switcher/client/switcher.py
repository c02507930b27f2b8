"""The typed client of a running instance."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

import httpx
import msgspec

from model_switcher.client.finding import find, find_or_start
from model_switcher.domain.catalog import Catalog
from model_switcher.domain.errors import NoInstance, SwitcherError, UpstreamLost
from model_switcher.domain.snapshot import Outcome, Snapshot
from model_switcher.domain.wire import decode, decode_state, error_from
from model_switcher.places import places

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

_QUICK = httpx.Timeout(10.0)
_AS_LONG_AS_IT_TAKES = httpx.Timeout(10.0, read=None)


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
        self._http: httpx.AsyncClient | None = None

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
        self._http = httpx.AsyncClient(
            base_url=record.address,
            headers={"Authorization": f"Bearer {record.key}"},
            timeout=_QUICK,
            trust_env=False,
            verify=False,  # noqa: S501 - plain HTTP on this machine; a TLS context would cost 35 ms
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()

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
        answer = await self._send("POST", "/switcher/select", json=body, timeout=_AS_LONG_AS_IT_TAKES)
        return msgspec.convert(msgspec.json.decode(answer)["outcome"], Outcome)

    async def state(self) -> Snapshot:
        """What is the case now; its catalog is left empty, `models` has that."""
        return decode_state(await self._send("GET", "/switcher/state"))

    async def raw_state(self) -> dict[str, Any]:
        """The same as `state`, as the plain JSON object that the instance sent."""
        return dict(msgspec.json.decode(await self._send("GET", "/switcher/state")))

    async def models(self) -> Catalog:
        """Every model, and the files that were rejected."""
        return decode(await self._send("GET", "/switcher/models"), Catalog)

    async def events(self) -> AsyncIterator[Snapshot]:
        """The current state, then every change."""
        async for data in self.raw_events():
            yield decode_state(data)

    async def raw_events(self) -> AsyncIterator[str]:
        """The same as `events`, as the plain JSON objects that the instance sent."""
        async for line in self._lines("/switcher/events"):
            if line.startswith("data:"):
                yield line.removeprefix("data:").strip()

    async def log(self, *, follow: bool = False) -> AsyncIterator[str]:
        """What the engines wrote, line by line."""
        async for line in self._lines("/switcher/log", params={"follow": "1"} if follow else None):
            yield line

    async def chat(self, system_prompt: str, user_prompt: str, **options: Any) -> str:
        """Ask the selected model; `options` go into the request as they are (`max_tokens`, `grammar`, …)."""
        body = {
            "messages": [
                {"role": "system", "content": system_prompt},
                {"role": "user", "content": user_prompt},
            ],
            **options,
        }
        answer = await self._send("POST", "/v1/chat/completions", json=body, timeout=_AS_LONG_AS_IT_TAKES)
        return str(msgspec.json.decode(answer)["choices"][0]["message"]["content"])

    async def cancel(self) -> None:
        """Give up the switch under way; the model before it comes back."""
        await self._send("POST", "/switcher/cancel")

    async def stop(self, *, pause: bool = False) -> None:
        """Unload everything; with `pause` requests wake nothing until `resume`."""
        path = "/switcher/pause" if pause else "/switcher/stop"
        await self._send("POST", path, timeout=_AS_LONG_AS_IT_TAKES)

    async def resume(self) -> None:
        """End a pause and load the selected model."""
        await self._send("POST", "/switcher/resume")

    async def rescan(self) -> None:
        """Look for models again."""
        await self._send("POST", "/switcher/rescan", timeout=_AS_LONG_AS_IT_TAKES)

    async def show(self) -> None:
        """Ask the tray to show itself."""
        await self._send("POST", "/switcher/show")

    async def quit(self, *, hand_over: bool = False) -> None:
        """End the instance; with `hand_over` after its running requests, the address being given up at once."""
        await self._send("POST", "/switcher/quit", json={"hand_over": hand_over})

    @property
    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            raise NoInstance(
                "The client is not connected", hint="Use it as `async with Switcher() as switcher:`."
            )
        return self._http

    async def _send(self, method: str, path: str, **options: Any) -> bytes:
        try:
            answer = await self._client.request(method, path, **options)
        except httpx.ConnectError as error:
            raise NoInstance(f"The instance at {self.address} does not answer") from error
        except httpx.HTTPError as error:
            raise UpstreamLost(
                f"The connection to {self.address} broke: {error or type(error).__name__}"
            ) from error
        if answer.is_error:
            raise error_from(answer.content)
        return answer.content

    async def _lines(self, path: str, **options: Any) -> AsyncIterator[str]:
        try:
            async with self._client.stream("GET", path, timeout=_AS_LONG_AS_IT_TAKES, **options) as answer:
                if answer.is_error:
                    raise error_from(await answer.aread())
                async for line in answer.aiter_lines():
                    yield line
        except httpx.HTTPError as error:
            raise SwitcherError(
                f"The stream from {self.address} broke: {error or type(error).__name__}"
            ) from error


def _from_anywhere(model: str) -> str:
    """The whole path where `model` is that of a file; else it is a name, and stays as it is."""
    looks_like_a_path = model.casefold().endswith(".gguf") or os.sep in model or "/" in model
    path = os.path.expanduser(model)  # noqa: PTH111 - Path.expanduser raises where there is no home
    return os.path.abspath(path) if looks_like_a_path and os.path.isfile(path) else model  # noqa: PTH100, PTH113 - resolve() would follow links, and is_file() raises
