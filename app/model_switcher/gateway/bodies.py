"""Request bodies: whole in memory while their request may have to wait or be sent again, or streamed."""

from __future__ import annotations

from aiohttp import HttpVersion11, web

from model_switcher.domain.errors import HoldFull, UsageError
from model_switcher.domain.units import format_size
from model_switcher.gateway.answers import PlainError
from model_switcher.gateway.patience import next_piece


class HeldBytes:
    """The request bodies in memory, all together at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0

    def take(self, size: int, *, among: int = 0) -> None:
        """Count `size` bytes more, of a body of which `among` bytes are counted already.

        Raises:
            PlainError: They are too many by themselves.
            HoldFull: They do not fit beside the others.
        """
        if among + size > self.limit:
            raise PlainError(413, "content-too-large", f"The body is larger than {format_size(self.limit)}")
        if self.size + size > self.limit:
            raise HoldFull(
                f"The requests that wait would take more than {format_size(self.limit)}",
                hint="Try again later, or raise [server] hold-bytes.",
            )
        self.size += size


class Body:
    """A request's body: whole in memory, so that it can be sent again, or streamed (`data` is None)."""

    __slots__ = ("_held", "_taken", "data")

    def __init__(self, held: HeldBytes) -> None:
        self._held = held
        self._taken = 0
        self.data: bytes | None = b""

    async def read(self, request: web.BaseRequest) -> None:
        """Take the whole body in.

        Raises:
            HoldFull: There is no room for it.
            PlainError: It is larger than all that may be held, or does not come in time.
            UsageError: It is damaged.
        """
        try:
            if request.content_length is not None:
                self._take(request.content_length)
            parts = []
            while part := await next_piece(request.content):
                if request.content_length is None:
                    self._take(len(part))
                parts.append(part)
            self.data = parts[0] if len(parts) == 1 else b"".join(parts)
        except web.RequestPayloadError as error:
            raise UsageError(f"The body of the request is damaged: {error}") from error

    def release(self) -> None:
        """Let the bytes go: they will not be sent again."""
        self._held.size -= self._taken
        self._taken = 0
        if self.data is not None:
            self.data = b""

    def _take(self, size: int) -> None:
        self._held.take(size, among=self._taken)
        self._taken += size


def body_is_held(request: web.BaseRequest) -> bool:
    """Whether the body is one that a model is asked with: read whole, so that it can wait and be sent again."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return (
        not kind
        or kind.endswith(("/json", "+json"))
        or kind in {"application/x-www-form-urlencoded", "multipart/form-data"}
    )


async def permit_body(request: web.BaseRequest) -> None:
    """Tell a client that waits for it (`Expect: 100-continue`) to send its body."""
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer proper has not begun
