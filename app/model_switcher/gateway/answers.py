"""Answers that the gateway gives itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from model_switcher.domain import wire
from model_switcher.domain.errors import (
    NothingServed,
    Paused,
    SwitcherError,
    UsageError,
    WrongKey,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import StreamReader

T = TypeVar("T")

LONGEST_CONTROL_BODY = 64 * 1024
_RETRY_AFTER = {429: 1, 503: 1, 504: 1}
_RETRY_AFTER_CHOICE = 5


class PlainError(Exception):
    """A request that cannot be answered for a reason of HTTP's own, which has no place in the tree of errors."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class PassedAnswer(web.StreamResponse):
    """An answer whose bytes are written already, header included, as the engine sent them."""

    def __init__(self, status: int, *, keep_alive: bool) -> None:
        super().__init__(status=status)
        self._stays_open = keep_alive

    @property
    def keep_alive(self) -> bool:
        return self._stays_open

    def force_close(self) -> None:
        """Close the connection behind this answer, whatever its header said."""
        self._stays_open = False

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is left to prepare."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


def json_answer(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`value` as JSON."""
    return encoded_answer(wire.encode(value), status=status, headers=headers)


def encoded_answer(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON that is encoded already."""
    response = web.Response(body=body, status=status, headers=headers)
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    return response


def error_answer(error: SwitcherError) -> web.Response:
    """An error in OpenAI's shape, with when to try again."""
    headers = {}
    if error.http_status in _RETRY_AFTER:
        # What waits for a person's choice is not worth asking for every second.
        wait = (
            _RETRY_AFTER_CHOICE
            if isinstance(error, NothingServed | Paused)
            else _RETRY_AFTER[error.http_status]
        )
        headers["Retry-After"] = str(wait)
    if isinstance(error, WrongKey):
        headers["WWW-Authenticate"] = "Bearer"
    return json_answer(wire.error_body(error), status=error.http_status, headers=headers)


def plain_error(status: int, code: str, message: str) -> web.Response:
    """An error of HTTP's own kind, which has no place in the tree of errors."""
    body: dict[str, Any] = {"code": code, "message": message, "type": "invalid_request_error", "hint": ""}
    return json_answer({"error": body}, status=status)


def wrong_method(path: str, method: str, allowed: Iterable[str]) -> web.Response:
    """That a route does not know this method, and those that it knows."""
    answer = plain_error(405, "method-not-allowed", f"{path} does not know {method}")
    answer.headers["Allow"] = ", ".join(allowed)
    return answer


async def read_at_most(content: StreamReader, limit: int) -> bytes:
    """A request's whole body.

    Raises:
        UsageError: It is longer than `limit` bytes.
    """
    body = bytearray()
    while data := await content.readany():
        body += data
        if len(body) > limit:
            raise UsageError(f"The body is longer than {limit} bytes")
    return bytes(body)


async def decoded_body(request: web.BaseRequest, kind: type[T], *, empty: T | None = None) -> T:
    """The request's JSON body.

    Raises:
        UsageError: It is none, or of another form.
    """
    data = await read_at_most(request.content, LONGEST_CONTROL_BODY)
    if not data and empty is not None:
        return empty
    try:
        return wire.decode(data, kind)
    except ValueError as error:
        raise UsageError(f"The body means nothing here: {error}") from error
