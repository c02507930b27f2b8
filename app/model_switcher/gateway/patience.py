"""How long the gateway waits for slow clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp.http import StreamWriter

from model_switcher.gateway.answers import PlainError

if TYPE_CHECKING:
    from aiohttp import StreamReader, web

# For the header of a request: since the connection was made, or since the answer before it.
HEADER_SECONDS = 75.0
# For the next piece of a body.
BODY_SECONDS = 60.0
# For a client to take the next piece of an answer. An engine that waits with it cannot be unloaded.
READER_SECONDS = 600.0


async def next_piece(content: StreamReader) -> bytes:
    """The next piece of a request's body; empty at its end.

    Raises:
        PlainError: It did not come in time.
    """
    if content.is_eof():  # all that there is lies in memory
        return await content.readany()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await content.readany()
    except TimeoutError:
        raise PlainError(408, "request-timeout", "The body of the request did not come in time") from None


async def send(request: web.BaseRequest, data: bytes) -> None:
    """Send a piece of the answer, and wait until the client has taken enough of what was sent.

    Raises:
        ConnectionError: It did not take any in time; the connection is cut.
    """
    assert isinstance(request.writer, StreamWriter)
    await request.writer.write(data, drain=False)
    if request.protocol.writing_paused:
        try:
            async with asyncio.timeout(READER_SECONDS):
                await request.writer.drain()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionAbortedError("the client does not read its answer") from None
