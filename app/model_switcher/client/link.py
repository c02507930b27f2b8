"""The connection of a client to one instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from model_switcher.domain.errors import NoInstance, UpstreamLost
from model_switcher.domain.wire import error_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from model_switcher.domain.instance import InstanceRecord

QUICK = httpx.Timeout(10.0)
AS_LONG_AS_IT_TAKES = httpx.Timeout(10.0, read=None)


class Event(NamedTuple):
    """One server-sent event."""

    kind: str
    data: str
    id: str


class Link:
    """Sends requests to an instance, and raises what it says went wrong."""

    def __init__(self, record: InstanceRecord) -> None:
        self.address = record.address
        self._http = httpx.AsyncClient(
            base_url=record.address,
            headers={"Authorization": f"Bearer {record.key}"},
            timeout=QUICK,
            trust_env=False,
            verify=False,  # noqa: S501 - plain HTTP on this machine; a TLS context would cost 35 ms
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, method: str, path: str, **options: Any) -> bytes:
        """The body of the answer.

        Raises:
            NoInstance: It does not answer.
            UpstreamLost: The connection broke.
            SwitcherError: What it says went wrong.
        """
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise self._broken(error) from error
        if answer.is_error:
            raise error_from(answer.content)
        return answer.content

    async def lines(self, method: str, path: str, **options: Any) -> AsyncIterator[str]:
        """The body of the answer line by line, as it comes. Raises as `send` does."""
        options.setdefault("timeout", AS_LONG_AS_IT_TAKES)
        try:
            async with self._http.stream(method, path, **options) as answer:
                if answer.is_error:
                    raise error_from(await answer.aread())
                async for line in answer.aiter_lines():
                    yield line
        except httpx.HTTPError as error:
            raise self._broken(error) from error

    async def events(self, method: str, path: str, **options: Any) -> AsyncIterator[Event]:
        """The server-sent events of the answer, as they come. Raises as `send` does."""
        kind, data, last = "", [], ""
        async for line in self.lines(method, path, **options):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "event":
                    kind = value
                case "data":
                    data.append(value)
                case "id":
                    last = value
                case "" if not line:
                    if data:
                        yield Event(kind or "message", "\n".join(data), last)
                    kind, data = "", []

    def _broken(self, error: httpx.HTTPError) -> NoInstance | UpstreamLost:
        if isinstance(error, httpx.ConnectError):
            return NoInstance(f"The instance at {self.address} does not answer")
        return UpstreamLost(f"The connection to {self.address} broke: {error or type(error).__name__}")
